# SPDX-License-Identifier: Apache-2.0
"""Errors: which error each side sees in an answer, whether it tries again, how often and when."""
import calendar
import concurrent.futures
import json
import time

import botocore.session
from harness import CODE, Service, Upstream, fails, running, send_answer
from oracle import ARN, KEYS, OPERATIONS, REGION, call_ours, call_sdk, gateway

INPUTS = {
    "CreateGameSession": {"AliasId": "alias-1", "MaximumPlayerSessionCount": 1},
    "DescribeGameSessionPlacement": {"PlacementId": "place-1"},
    "DescribeGameSessions": {"AliasId": "alias-1"},
    "StartGameSessionPlacement": {"PlacementId": "place-1", "GameSessionQueueName": "queue-1",
                                  "MaximumPlayerSessionCount": 1},
    "StopGameSessionPlacement": {"PlacementId": "place-1"},
    "TerminateGameSession": {"GameSessionId": ARN, "TerminationMode": "FORCE_TERMINATE"},
}
ONE = "TerminateGameSession"
THROTTLES = ["Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled",
             "RequestThrottledException", "TooManyRequestsException",
             "ProvisionedThroughputExceededException", "TransactionInProgressException",
             "RequestLimitExceeded", "BandwidthLimitExceeded", "LimitExceededException",
             "SlowDown", "PriorRequestNotComplete", "EC2ThrottledException"]
OTHERS = [(400, "RequestTimeout"), (400, "RequestTimeoutException"), (403, "AccessDeniedException"),
          (403, "UnrecognizedClientException"), (403, "InvalidSignatureException"),
          (403, "SignatureDoesNotMatch"), (403, "ExpiredTokenException"), (400, "ExpiredToken"),
          (403, "MissingAuthenticationToken"), (400, "IncompleteSignature"),
          (403, "InvalidClientTokenId"), (400, "RequestExpired"), (400, "SerializationException"),
          (400, "ValidationException"), (400, "UnknownOperationException"), (403, "OptInRequired"),
          (500, "InternalFailure"), (503, "ServiceUnavailable"), (500, "InvalidRequestException"),
          (503, "NotFoundException"), (429, "NotFoundException"), (429, "SomethingNew"),
          (400, "SomethingNew"), (500, "SomethingNew"), (501, "SomethingNew"),
          (400, "InternalServiceException"), (400, "InternalFailure"),
          (400, "ServiceUnavailable"), (400, "IDPCommunicationError")]


def named(name, **more):
    return json.dumps({"__type": name, "Message": "the message", **more})


# label, status, body, headers
ODD = [
    ("empty 400", 400, ""), ("empty 403", 403, ""), ("empty 404", 404, ""), ("empty 408", 408, ""),
    ("empty 413", 413, ""), ("empty 429", 429, ""), ("empty 500", 500, ""), ("empty 501", 501, ""),
    ("empty 502", 502, ""), ("empty 503", 503, ""), ("empty 504", 504, ""), ("empty 505", 505, ""),
    ("empty 509", 509, ""), ("empty object 400", 400, "{}"), ("empty object 503", 503, "{}"),
    ("HTML 503", 503, "<html><body>busy</body></html>"), ("HTML 502", 502, "<!DOCTYPE html><html>"),
    ("HTML 403", 403, "<html>no</html>"), ("text 400", 400, "not JSON"),
    ("half JSON 400", 400, '{"__type": "NotFoundException", "Mess'),
    ("text 500", 500, "not JSON"), ("moved 301", 301, "", "Location: http://127.0.0.1:9/"),
    ("found 302", 302, "", "Location: http://127.0.0.1:9/"), ("not modified 304", 304, ""),
    ("__type with namespace", 400, named("com.amazonaws.gamelift#NotFoundException")),
    ("__type with URL", 400, named("NotFoundException:http://internal.amazon.com/coral/")),
    ("__type with both", 400, named("a.b#NotFoundException:http://internal.amazon.com/x#y/")),
    ("__type null", 400, '{"__type": null, "Message": "m"}'),
    ("__type empty", 400, '{"__type": "", "Message": "m"}'),
    ("__type a number", 400, '{"__type": 7, "Message": "m"}'),
    ("code instead of __type", 400, '{"code": "NotFoundException", "message": "m"}'),
    ("Code instead of __type", 400, '{"Code": "NotFoundException", "message": "m"}'),
    ("header instead of __type", 400, "{}", "x-amzn-ErrorType: NotFoundException"),
    ("header only, empty 400", 400, "", "x-amzn-ErrorType: ThrottlingException"),
    ("header only, empty 500", 500, "", "x-amzn-ErrorType: a.b#NotFoundException:http://c/"),
    ("header and __type", 400, named("NotFoundException"), "x-amzn-ErrorType: ConflictException"),
    ("JSON array", 400, '["NotFoundException"]'), ("JSON text", 400, '"NotFoundException"'),
    ("more members", 400, named("NotFoundException", Extra={"a": [1, {"b": None}]})),
]
SUCCESS = [("200 empty", 200, ""), ("200 with null", 200, '{"GameSession": null}'),
           ("204", 204, ""), ("200 not JSON", 200, "<html>"), ("200 array", 200, "[]"),
           ("200 half JSON", 200, '{"GameSession": {"Na'),
           ("200 wrong type", 200, '{"GameSession": {"Port": "many"}}')]
# Status None: these bytes, then the connection is closed.
TRANSPORT = [("close", None, ""), ("half a header", None, "HTTP/1.1 200 OK\r\nContent-Le"),
             ("half a body", None,
              'HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{"GameSession": {'),
             ("no HTTP", None, "SSH-2.0-OpenSSH_9.2p1\r\n")]

# What differs, and why it is meant to: (name, attempts) of ours and of botocore.
HEADER = ("the name may be in the header, which the protocol's own tests want looked at first; "
          "botocore reads __type only")
BODY = "the protocol's own tests want code read if there is no __type; botocore reads __type only"
NO_NAME = "where there is no name the HTTP status stands in; botocore keeps the empty name"
BREAKS = "botocore fails by an exception of its own on such a body"
STATUS = ("a 429 is throttling whatever its name is, as in the JavaScript SDK; botocore leaves it "
          "to the model if that has the name")
FAULT = "a fault of AWS by name, whatever the status; botocore goes by the status"
GARBLED = ("what cannot be read is no success, as in the JavaScript SDK: nobody knows then what "
           "was made; botocore takes it for an answer without members")
CUT = "an answer that is cut off counts as a lost connection; botocore reads what came"
DIFFERENT = {
    "429 NotFoundException": (("NotFoundException", 3), ("NotFoundException", 1), STATUS),
    **{f"400 {name}": ((name, 3), (name, 1), FAULT)
       for name in ("InternalServiceException", "InternalFailure", "ServiceUnavailable",
                    "IDPCommunicationError")},
    "__type null": (("400", 1), ("", 1), NO_NAME),
    "__type empty": (("400", 1), ("", 1), NO_NAME),
    "__type a number": (("400", 1), ("TypeError", 1), BREAKS),
    "JSON array": (("400", 1), ("AttributeError", 1), BREAKS),
    "JSON text": (("400", 1), ("AttributeError", 1), BREAKS),
    "code instead of __type": (("NotFoundException", 1), ("400", 1), BODY),
    "header instead of __type": (("NotFoundException", 1), ("400", 1), HEADER),
    "header only, empty 400": (("ThrottlingException", 3), ("400", 1), HEADER),
    "header only, empty 500": (("NotFoundException", 3), ("500", 3), HEADER),
    "header and __type": (("ConflictException", 1), ("NotFoundException", 1), HEADER),
    "200 not JSON": (("no answer", 1), ("success", 1), GARBLED),
    "200 array": (("no answer", 1), ("AttributeError", 1), GARBLED),
    "200 half JSON": (("no answer", 1), ("success", 1), GARBLED),
    "200 wrong type": (("no answer", 1), ("success", 1), GARBLED),
    "half a header": (("no answer", 3), ("success", 1), CUT),
    "half a body": (("no answer", 3), ("success", 1), CUT),
}


def cases():
    """operation, label, status, body, headers"""
    model = botocore.session.Session().get_service_model("gamelift")
    for operation in OPERATIONS:
        for shape in model.operation_model(operation).error_shapes:
            status = 500 if shape.name == "InternalServiceException" else 400
            label = f"{operation} {shape.name}"
            yield "modelled errors", operation, label, status, named(shape.name)
    for name in THROTTLES:
        yield "throttling codes", ONE, name, 400, named(name)
    for status, name in OTHERS:
        yield "other codes", ONE, f"{status} {name}", status, named(name)
    for case in ODD:
        yield "odd answers", ONE, *case
    for case in SUCCESS:
        yield "odd successes", ONE, *case
    for case in TRANSPORT:
        yield "broken connections", ONE, *case


def outcome_of_us(answer, requests):
    if "output" in answer:
        name = "success"
    elif answer["error"]["origin"] == "transport":
        name = "no answer"
    else:
        name = answer["error"]["type"] or str(answer["error"]["status"])
    # libcurl itself sends once more what meets a connection that has just been closed.
    return name, len({r.header("amz-sdk-request") for r in requests})


def outcome_of_sdk(answer, requests):
    if "output" in answer:
        name = "success"
    elif "error" in answer:
        name = answer["error"]["Error"]["Code"]
    else:
        lost = ("ConnectionClosedError", "EndpointConnectionError", "ReadTimeoutError",
                "ResponseParserError", "HTTPClientError")
        name = "no answer" if answer["exception"] in lost else answer["exception"]
    return name, len(requests)


def ask(call, operation, reply):
    with gateway(lambda request: reply) as at:
        answer = call(operation, INPUTS[operation], {**KEYS, **REGION}, at)
        return answer, at.requests


def ask_us(case):
    _, operation, _, *reply = case
    return ask(call_ours, operation, reply)


def outcomes(book):
    asked = list(cases())
    # Ours takes its time between attempts; botocore's waits are cut out.
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        ours = list(pool.map(ask_us, asked))
    for group in dict.fromkeys(case[0] for case in asked):
        with book.group(f"{group}: name and attempts"):
            for case, (answer, requests) in zip(asked, ours):
                if case[0] != group:
                    continue
                _, operation, label, *reply = case
                book.compare(label, outcome_of_us(answer, requests),
                             outcome_of_sdk(*ask(call_sdk, operation, reply)),
                             DIFFERENT.get(label))
    for label in set(DIFFERENT) - {case[2] for case in asked}:
        book.true(f"the listed difference {label!r} is a case", False, "it is none")


# ---- texts ----

TEXTS = [("Message", named("NotFoundException")),
         ("message", '{"__type": "NotFoundException", "message": "the message"}'),
         ("both", '{"__type": "NotFoundException", "Message": "big", "message": "the message"}'),
         ("none", '{"__type": "NotFoundException"}'),
         ("not ASCII", named("X").replace("the message", "\u00fc \\u4e16\\ud83c\\udfae")),
         ("no JSON", "not JSON")]


def texts(book):
    with book.group("errors: text and request id"):
        for label, body in TEXTS:
            reply = (400, body, "x-amzn-RequestId: id-1")
            ours, _ = ask(call_ours, ONE, reply)
            sdks, _ = ask(call_sdk, ONE, reply)
            different = None
            if label == "no JSON":
                different = "", body, "text that may be anything goes into no message"
            book.compare(label, ours["error"]["detail"] or "", sdks["error"]["Error"]["Message"],
                         different)
            book.equal(f"{label}: request id", ours["error"]["request_id"],
                       sdks["error"]["ResponseMetadata"]["RequestId"])


# ---- waits ----

AFTER = "Retry-After is heeded, as by the JavaScript SDK; botocore knows x-amz-retry-after only"
SLACK = 0.8  # seconds that a busy machine may add

# label, status, name, header, shortest and longest wait in seconds; for a difference our own ones
WAITS = [
    ("no header", 500, "InternalServiceException", None, (0, 0.05), None),
    ("throttled", 400, "ThrottlingException", None, (0, 1), None),
    ("1500 ms", 503, "X", "x-amz-retry-after: 1500", (1.5, 1.5), None),
    ("0 ms", 503, "X", "x-amz-retry-after: 0", (0, 0.05), None),
    ("negative", 503, "X", "x-amz-retry-after: -100", (0, 0.05), None),
    ("no number", 503, "X", "x-amz-retry-after: soon", (0, 0.05), None),
    ("too long", 503, "X", "x-amz-retry-after: 100000", (5, 5.05), None),
    ("too long, throttled", 400, "SlowDown", "x-amz-retry-after: 100000", (5, 6), None),
    ("seconds", 503, "X", "Retry-After: 1", (0, 0.05), (1, 1)),
]


def once(status, name, header):
    """This error first, then success."""
    replies = [(status, named(name), *([header] if header else []))]
    return lambda request: replies.pop() if replies else (200, "{}")


def wait_of_us(case):
    _, status, name, header, *_ = case
    with gateway(once(status, name, header)) as at:
        call_ours(ONE, INPUTS[ONE], {**KEYS, **REGION}, at)
        first, second = at.requests
        return second.at - first.at


def wait_of_sdk(case):
    _, status, name, header, *_ = case
    with gateway(once(status, name, header)) as at:
        (pause,) = call_sdk(ONE, INPUTS[ONE], {**KEYS, **REGION}, at)["pauses"]
        return pause


def waits(book):
    with book.group("waits before the second attempt"):
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            ours = list(pool.map(wait_of_us, WAITS))
        for case, our_wait in zip(WAITS, ours):
            label, *_, (low, high), own = case
            pause = wait_of_sdk(case)
            book.true(f"{label}: botocore", low <= pause <= high, f"{pause} s")
            low, high = own or (low, high)
            if low - 0.01 <= our_wait <= high + SLACK:
                our_wait = f"{low} to {high} s"
            listed = f"{case[4][0]} to {case[4][1]} s"
            book.compare(f"{label}: ours", our_wait, listed,
                         own and (f"{low} to {high} s", listed, AFTER))


def clocks(book):
    """The stand-in refuses what is not signed at its own time, an hour ahead."""
    def answer(request):
        now = time.time() + 3600
        sent = calendar.timegm(time.strptime(request.header("X-Amz-Date"), "%Y%m%dT%H%M%SZ"))
        date = time.strftime("Date: %a, %d %b %Y %H:%M:%S GMT", time.gmtime(now))
        right = abs(sent - now) < 60
        return (200, "{}", date) if right else (403, named("InvalidSignatureException"), date)

    with book.group("a clock that is an hour late"), gateway(answer) as at:
        ours = call_ours(ONE, INPUTS[ONE], {**KEYS, **REGION}, at)
        sent, at.requests[:] = list(at.requests), []
        sdks = call_sdk(ONE, INPUTS[ONE], {**KEYS, **REGION}, at)
        book.compare("signed with a wrong time", outcome_of_us(ours, sent),
                     outcome_of_sdk(sdks, at.requests), (
                         ("success", 2), ("InvalidSignatureException", 1),
                         "the clock is set right by AWS's Date, as in the JavaScript SDK; botocore "
                         "does not"))


def limits(book):
    """The service reads AWS_MAX_ATTEMPTS; the probe does not."""
    with book.group("AWS_MAX_ATTEMPTS of the service"):
        for limit in ("1", "2", "5"):
            def behave(connection, request):
                send_answer(connection, 503, b"")
            with running(Upstream(behave)) as aws, \
                    running(Service(aws.url, AWS_MAX_ATTEMPTS=limit)) as service:
                fails(service.create, CODE.UNAVAILABLE)
                sent = [r.header("amz-sdk-request") for r in aws.requests]
            with gateway(lambda request: (503, "")) as at:
                call_sdk("CreateGameSession", INPUTS["CreateGameSession"],
                         {**KEYS, **REGION, "AWS_MAX_ATTEMPTS": limit}, at)
                book.equal(f"{limit} attempts", sent,
                           [r.header("amz-sdk-request") for r in at.requests])


def compare(book):
    outcomes(book)
    limits(book)
    texts(book)
    waits(book)
    clocks(book)
