# SPDX-License-Identifier: Apache-2.0
"""Requests: each GameLift operation with the same parameters, from both sides."""
import json
import struct

from oracle import (ARN, KEYS, REGION, SECRET, TOKEN, Book, call_ours, call_sdk, claim, gateway,
                    signature_by_botocore)

TEXTS = ["plain", "ü 世界 🎮", "\u2028\u2029\u0085\ufeff", "\x01\x02\x1f\x7f", '"\\/\b\f\n\r\t',
         "  two  blanks ", "%41+%2B&=?#", "</script>", "\uffff\U0010ffff", "x" * 5000]
FLEET = "fleet-2222bbbb-33cc-44dd-55ee-6666ffff77aa"
FLEET_ARN = f"arn:aws:gamelift:us-west-2:111122223333:fleet/{FLEET}"
QUEUE_ARN = "arn:aws:gamelift:us-west-2:111122223333:gamesessionqueue/queue-1"


def latencies(*numbers):
    return [{"PlayerId": f"p{n}", "RegionIdentifier": "eu-west-1", "LatencyInMilliseconds": v}
            for n, v in enumerate(numbers)]


def start(**more):
    return {"PlacementId": "place-1", "GameSessionQueueName": "queue-1",
            "MaximumPlayerSessionCount": 4, **more}


INPUTS = {
    "CreateGameSession": [
        {"FleetId": FLEET, "MaximumPlayerSessionCount": 4},
        {"FleetId": FLEET_ARN, "MaximumPlayerSessionCount": 0},
        {"AliasId": "alias-1", "MaximumPlayerSessionCount": 2147483647, "Name": "N",
         "IdempotencyToken": "t" * 48, "CreatorId": "c", "Location": "us-west-2-den-1a",
         "GameProperties": [{"Key": "a.b", "Value": ""}, {"Key": "", "Value": "ü🎮"}],
         "GameSessionData": "{\"deep\": [1, {\"a\": \"\\u0000\"}]}", "GameSessionId": "old-name"},
        {"AliasId": "alias-1", "MaximumPlayerSessionCount": 1, "GameProperties": []},
        {"AliasId": "alias-1", "MaximumPlayerSessionCount": 1, "GameSessionData": "a\0b"},
        {"AliasId": "alias-1", "MaximumPlayerSessionCount": 1, "GameSessionData": "x" * 262144},
        {"AliasId": "alias-1", "MaximumPlayerSessionCount": 1, "GameSessionData": "🎮" * 262144},
        *({"AliasId": "alias-1", "MaximumPlayerSessionCount": 1, "GameSessionData": text,
           "Name": text[:1024], "GameProperties": [{"Key": "k", "Value": text[:96]}]}
          for text in TEXTS),
    ],
    "StartGameSessionPlacement": [
        start(),
        start(GameSessionQueueName=QUEUE_ARN, PlayerLatencies=[], DesiredPlayerSessions=[]),
        start(PlayerLatencies=latencies(12.5, 100, 100.0, 0, 0.0, 0.1, 1e-3, 33.3, 2 ** 24, 1e-45)),
        start(PlayerLatencies=latencies(3.4028234663852886e38, 1e21, 123456.789, 1e7, 2.5e-7)),
        start(PlayerLatencies=latencies(float("nan"), float("inf"), float("-inf"))),
        start(DesiredPlayerSessions=[{"PlayerId": "ü🎮", "PlayerData": "d" * 2048}, {}]),
        start(PriorityConfigurationOverride={"LocationOrder": ["us-west-2", "eu-west-1"]}),
        start(PriorityConfigurationOverride={"LocationOrder": ["us-west-2"],
                                             "PlacementFallbackStrategy": "NONE"}),
        *(start(GameSessionName=text[:1024], GameSessionData=text) for text in TEXTS),
    ],
    "TerminateGameSession": [
        {"GameSessionId": ARN, "TerminationMode": "FORCE_TERMINATE"},
        {"GameSessionId": ARN, "TerminationMode": "TRIGGER_ON_PROCESS_TERMINATE"},
    ],
    "DescribeGameSessions": [
        {}, {"GameSessionId": ARN}, {"AliasId": "alias-1", "Limit": 1, "NextToken": "n/+="},
        {"FleetId": FLEET, "StatusFilter": "ACTIVE", "Location": "us-west-2", "Limit": 2147483647},
    ],
    "DescribeGameSessionPlacement": [{"PlacementId": "place-1"}, {"PlacementId": "p" * 48}],
    "StopGameSessionPlacement": [{"PlacementId": "place-1"}],
}

# Both refuse these before anything is sent.
REFUSED = [
    ("CreateGameSession", {"FleetId": FLEET}),
    ("CreateGameSession", {"FleetId": FLEET, "MaximumPlayerSessionCount": -1}),
    ("CreateGameSession", {"FleetId": "", "MaximumPlayerSessionCount": 1}),
    ("CreateGameSession", {"FleetId": FLEET, "MaximumPlayerSessionCount": 1, "Name": ""}),
    ("CreateGameSession", {"FleetId": FLEET, "MaximumPlayerSessionCount": 1, "Location": ""}),
    ("CreateGameSession", {"FleetId": FLEET, "MaximumPlayerSessionCount": 1,
                           "GameProperties": [{"Key": "k"}]}),
    ("StartGameSessionPlacement", start(PlacementId="")),
    ("StartGameSessionPlacement", start(PriorityConfigurationOverride={})),
    ("StartGameSessionPlacement", start(PriorityConfigurationOverride={"LocationOrder": []})),
    ("StartGameSessionPlacement", {"PlacementId": "p", "GameSessionQueueName": "q"}),
    ("TerminateGameSession", {"GameSessionId": ARN}),
    ("TerminateGameSession", {"TerminationMode": "FORCE_TERMINATE"}),
    ("DescribeGameSessions", {"Limit": 0}),
    ("StopGameSessionPlacement", {}),
]

# botocore checks minimums only and leaves the rest to the service; we check all that the model
# says, so that a caller gets the name of the member and the rule instead of a round trip.
REFUSED_BY_US = [
    ("CreateGameSession", {"FleetId": "no-fleet", "MaximumPlayerSessionCount": 1}),
    ("CreateGameSession", {"FleetId": FLEET, "MaximumPlayerSessionCount": 1,
                           "IdempotencyToken": "t" * 49}),
    ("CreateGameSession", {"FleetId": FLEET, "MaximumPlayerSessionCount": 1,
                           "GameSessionData": "x" * 262145}),
    ("StartGameSessionPlacement", start(PlacementId="a_b")),
    ("StartGameSessionPlacement", start(GameProperties=[{"Key": "k", "Value": "v"}] * 17)),
]


def single(value):
    """Numbers as the model has them: LatencyInMilliseconds is a float of 32 bits."""
    if isinstance(value, dict):
        return {k: struct.unpack("f", struct.pack("f", v))[0] if isinstance(v, (int, float)) and
                k == "LatencyInMilliseconds" else single(v) for k, v in value.items()}
    return [single(v) for v in value] if isinstance(value, list) else value


def compare_requests(book, what, ours, sdks, secret=SECRET):
    """Everything that AWS judges a request by."""
    for part in ("method", "path"):
        book.equal(f"{what}: {part}", getattr(ours, part), getattr(sdks, part))
    for name in ("Host", "X-Amz-Target", "Content-Type", "X-Amz-Security-Token"):
        book.equal(f"{what}: header {name}", ours.header(name), sdks.header(name))
    book.equal(f"{what}: JSON", single(json.loads(ours.body)), single(json.loads(sdks.body)))
    book.equal(f"{what}: signed headers", claim(ours)[1], claim(sdks)[1])
    # Without the day, which may turn in between.
    day = slice(2, None)
    book.equal(f"{what}: scope", claim(ours)[0].split("/")[day], claim(sdks)[0].split("/")[day])
    book.equal(f"{what}: signature by botocore's signer", claim(ours)[2],
               signature_by_botocore(ours, secret))
    book.equal(f"{what}: Content-Length", ours.header("Content-Length"), str(len(ours.body)))
    for name in ("Expect", "Transfer-Encoding", "Cookie"):
        book.equal(f"{what}: header {name}", ours.header(name), sdks.header(name))
    book.equal(f"{what}: amz-sdk-request", ours.header("amz-sdk-request"),
               sdks.header("amz-sdk-request"))
    book.equal(f"{what}: form of amz-sdk-invocation-id", len(ours.header("amz-sdk-invocation-id")),
               len(sdks.header("amz-sdk-invocation-id")))


def compare_calls(book, operation, inputs, environment):
    with gateway(lambda request: (200, "{}")) as at:
        for n, parameters in enumerate(inputs):
            what = f"input {n}"
            answers = (call_ours(operation, parameters, environment, at),
                       call_sdk(operation, parameters, environment, at))
            if len(at.requests) == 2:
                ours, sdks = at.requests
                book.equal(f"{what}: URL", ours.url, sdks.url)
                compare_requests(book, what, ours, sdks)
            else:
                book.true(f"{what}: sent by both", False, f"{len(at.requests)} sent; {answers}")
            at.requests.clear()


def operations(book):
    for operation, inputs in INPUTS.items():
        with book.group(f"{operation}, {len(inputs)} inputs, without and with a session token"):
            compare_calls(book, operation, inputs, {**KEYS, **REGION})
            compare_calls(book, operation, inputs[:3], {
                **KEYS, "AWS_SESSION_TOKEN": TOKEN, "AWS_REGION": "ap-northeast-1",
                "AWS_DEFAULT_REGION": "ap-northeast-1"})


def refusals(book):
    with book.group("input that is refused before anything is sent"):
        for operation, parameters in REFUSED + REFUSED_BY_US:
            with gateway(lambda request: (200, "{}")) as at:
                ours = call_ours(operation, parameters, {**KEYS, **REGION}, at)
                sent_by_us = len(at.requests)
                call_sdk(operation, parameters, {**KEYS, **REGION}, at)
                what = f"{operation} {json.dumps(parameters)[:90]}"
                different = None
                if (operation, parameters) in REFUSED_BY_US:
                    different = (0, 1, "we check all of the model, botocore only minimums")
                book.compare(f"{what}: requests", sent_by_us, len(at.requests) - sent_by_us,
                             different)
                book.equal(f"{what}: our error", (ours["error"]["code"], ours["error"]["origin"]),
                           ("InvalidArgument", "local"))


# ---- answers ----

ANSWERS = [
    '{"GameSession": {"GameSessionId": "%s", "Status": "ACTIVE", "Port": 1234, "Extra": {"a": [1]},'
    ' "IpAddress": "203.0.113.9", "CreationTime": 1.4E9, "TerminationTime": 1400000000.5,'
    ' "GameProperties": [{"Key": "k", "Value": ""}], "Name": null, "GameSessionData":'
    ' "\\u00fc"}}' % ARN,
    '{"GameSession": {"Status": "ACTIVE", "CreationTime": 1400000000, "GameProperties": []}}',
    '{"GameSession": {}}', '{"GameSession": null}', "{}", "",
    '{"GameSession": {"Port": 60000, "MaximumPlayerSessionCount": 2147483647}, "GameSession2": 1}',
]


def readable(value):
    """botocore's output as awsJson: times as milliseconds."""
    if isinstance(value, dict):
        return {k: readable(v) for k, v in value.items()}
    if isinstance(value, list):
        return [readable(v) for v in value]
    return round(value.timestamp() * 1000) if hasattr(value, "timestamp") else value


def times_in_ms(value):
    if isinstance(value, dict):
        return {k: round(v * 1000) if k.endswith("Time") else times_in_ms(v)
                for k, v in value.items()}
    return [times_in_ms(v) for v in value] if isinstance(value, list) else value


def answers(book):
    with book.group("answers as both read them"):
        parameters = {"GameSessionId": ARN, "TerminationMode": "FORCE_TERMINATE"}
        for body in ANSWERS:
            with gateway(lambda request, body=body: (200, body)) as at:
                ours = call_ours("TerminateGameSession", parameters, {**KEYS, **REGION}, at)
                sdks = call_sdk("TerminateGameSession", parameters, {**KEYS, **REGION}, at)
                book.equal(body[:60] or "(empty)", times_in_ms(ours.get("output")),
                           readable(sdks.get("output")))


# ---- the comparison itself ----


def alterations():
    """What must be noticed: each changes one thing of a request."""
    def header(name, value):
        def alter(request):
            request.headers = [(k, value if k.lower() == name else v) for k, v in request.headers]
        return alter

    def body(request):
        request.body = request.body.replace(b"FORCE", b"force")

    def path(request):
        request.path, request.url = "/x", request.url + "x"

    def signed(request):
        value = request.header("Authorization").replace("content-type;", "")
        header("authorization", value)(request)

    return {"body": body, "path": path, "signed headers": signed,
            "target": header("x-amz-target", "GameLift.StopGameSessionPlacement"),
            "content type": header("content-type", "application/json"),
            "time": header("x-amz-date", "20200101T000000Z"),
            "host": header("host", "elsewhere")}


def notices(book):
    parameters = {"GameSessionId": ARN, "TerminationMode": "FORCE_TERMINATE"}
    with book.group("the comparison notices what is altered"), \
            gateway(lambda request: (200, "{}")) as at:
        for what, alter in alterations().items():
            call_ours("TerminateGameSession", parameters, {**KEYS, **REGION}, at)
            call_sdk("TerminateGameSession", parameters, {**KEYS, **REGION}, at)
            ours, sdks = at.requests
            at.requests.clear()
            alter(ours)
            scratch = Book()
            compare_requests(scratch, what, ours, sdks)
            book.true(what, scratch.failed > 0, "it was not noticed")


def compare(book):
    notices(book)
    operations(book)
    refusals(book)
    answers(book)
