#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""No key, token, secret or session data reaches a log or an error, even at LOG_LEVEL=debug."""
import json
import subprocess

import grpc
from harness import (SECRET, WRAPPER, Service, Sim, Upstream, plain_environment, program, running,
                     send_answer, story)

# Each value is unmistakable, so that finding it means that it leaked.
VALUES = {
    "AWS secret key": SECRET,
    "AWS session token": "AwsSessionTokenValue0001",
    "AGS client secret": "AgsClientSecretValue0002",
    "session secret": "SessionSecretValue0003",
    "session data": "SessionDataValue0004",
    "bearer token": "BearerTokenValue0005",
    "other metadata": "OtherMetadataValue0006",
}
SETTINGS = {"AWS_SESSION_TOKEN": VALUES["AWS session token"], "LOG_LEVEL": "debug",
            "AB_CLIENT_SECRET": VALUES["AGS client secret"]}
FIELDS = {"secret": VALUES["session secret"],
          "session_data": json.dumps({"key": VALUES["session data"]})}
METADATA = (("authorization", "Bearer " + VALUES["bearer token"]),
            ("x-something", VALUES["other metadata"]))


def call(service, **fields):
    """One call with all the secrets; the text of its error, or "" if it had none."""
    try:
        service.create(metadata=METADATA, **{**FIELDS, **fields})
        return ""
    except grpc.RpcError as error:
        return error.details()


def nothing_leaked(service, *texts):
    places = {"stdout": service.output(), "stderr": service.errors(), "errors": "\n".join(texts)}
    for place, text in places.items():
        for name, value in VALUES.items():
            assert value not in text, f"{name} is in {place}: ...{around(text, value)}..."
        assert "Signature=" not in text.replace("Signature=***", ""), f"a signature is in {place}"
    assert len(service.log()) > 1, "nothing was logged, so nothing was checked"


def around(text, value):
    at = text.index(value)
    return text[max(0, at - 150):at + len(value) + 20]


def good_calls_tell_nothing():
    """Calls that succeed, after a fallback and after a retry"""
    with running(Sim("--session-token", SETTINGS["AWS_SESSION_TOKEN"])) as sim:
        with running(Service(sim.url, **SETTINGS)) as service:
            assert call(service) == ""
            assert call(service, session_id="two", requested_region=["us-west-2", "us-east-1"]) == ""
            sim.fault(kind="throttle", count=1)
            assert call(service, session_id="three") == ""
            nothing_leaked(service)
            # The log is there for a reason: what is no secret can be found in it.
            assert "alias-demo" in service.output() and "three" in service.output()


def failing_calls_tell_nothing():
    """Calls that fail: broken rules, every fault of the stand-in, wrong keys"""
    with running(Sim()) as sim, running(Service(sim.url, **SETTINGS)) as service:
        texts = [call(service)]  # the stand-in knows no session token
        assert texts[0]
        texts += [call(service, secret=VALUES["session secret"] * 9),
                  call(service, session_data=VALUES["session data"] * 20000),
                  call(service, game_mode="x" * 97), call(service, maximum_player=0)]
        for kind in ("reset", "close", "half_header", "half_body", "wrong_json"):
            sim.fault(kind=kind)
            texts.append(call(service, session_id=kind.replace("_", "-")))
            sim.no_faults()
        nothing_leaked(service, *texts)


def echoes_of_the_other_side_tell_nothing():
    """Answers that repeat what was sent, as AWS's own signature errors do"""
    def echo(connection, request):
        head = "\n".join(f"{k.lower()}:{v}" for k, v in request.headers)
        text = f"The Canonical String should have been '{head}\n' body {request.body.decode()}"
        send_answer(connection, 400, json.dumps(
            {"__type": "InvalidSignatureException", "message": text}).encode())
    with running(Upstream(echo)) as upstream, running(Service(upstream.url, **SETTINGS)) as service:
        nothing_leaked(service, call(service))


def junk_from_the_other_side_tells_nothing():
    """Answers of the wrong shape that hold the session's data"""
    def wrong(connection, _):
        send_answer(connection, 200, json.dumps({"GameSession": {
            "GameSessionData": [VALUES["session data"]],
            "GameProperties": {"sessionSecret": VALUES["session secret"]}}}).encode())
    with running(Upstream(wrong)) as upstream, running(Service(upstream.url, **SETTINGS)) as service:
        nothing_leaked(service, call(service))


def malformed_calls_tell_nothing():
    """Messages that are torn inside a secret"""
    with running(Sim()) as sim, running(Service(sim.url, **SETTINGS)) as service:
        whole = service.stubs.request(**FIELDS).SerializeToString()
        texts = []
        for cut in range(1, 60, 3):
            try:
                service.raw(whole[:-cut])
            except grpc.RpcError as error:
                texts.append(error.details())
        try:
            service.raw(b"\x4a\x17" + VALUES["session secret"].encode() + b"\xff")
        except grpc.RpcError as error:
            texts.append(error.details())
        nothing_leaked(service, *texts)


def demo_client_tells_nothing_of_its_headers():
    """The demo client does not repeat a header or a secret in an error"""
    for arguments in (("-H", "authorization", "create", "{}"),
                      ("-H", f"authorization:Bearer {VALUES['bearer token']}\x01", "create", "{}"),
                      ("-t", "127.0.0.1:9", "-T", "1", "-H",
                       f"authorization: Bearer {VALUES['bearer token']}", "create",
                       json.dumps({"secret": VALUES["session secret"]}))):
        done = subprocess.run([program("session-dsm-client"), *arguments], capture_output=True,
                              env=plain_environment(), text=True, timeout=60, check=False)
        assert done.returncode in (1, 2) and done.stderr, done
        for value in VALUES.values():
            assert value not in done.stdout + done.stderr, done


def secrets_leave_the_environment():
    """/proc shows no secret of the running service"""
    if WRAPPER:
        return  # what is seen there then is the wrapper
    with running(Sim()) as sim, running(Service(sim.url, **SETTINGS)) as service:
        try:
            with open(f"/proc/{service.process.pid}/environ", "rb") as f:
                environment = f.read().decode("utf-8", "replace")
        except PermissionError:
            return  # better still
        assert SECRET not in environment and VALUES["AWS session token"] not in environment
        assert VALUES["AGS client secret"] not in environment


def finished(service, session):
    """Answers do not wait for the log: the last line of a call may come after its answer."""
    service.wait_for_line(f'"msg":"finished call".*"sessionID":"{session}"')


def level_reaches_the_handlers():
    """At debug a call tells more than at info, and tells it with its session"""
    told = {}
    with running(Sim()) as sim:
        for level in ("debug", "info"):
            with running(Service(sim.url, LOG_LEVEL=level)) as service:
                service.create(session_id=f"at-{level}")
                finished(service, f"at-{level}")
                lines = [e for e in service.log() if e.get("sessionID") == f"at-{level}"]
                told[level] = {line["msg"] for line in lines}
    assert "game session created" in told["info"], told
    assert told["debug"] > told["info"], told


def lines_of_calls_do_not_mix():
    """Of calls that run together no line has another's session"""
    with running(Sim()) as sim, running(Service(sim.url, LOG_LEVEL="info")) as service:
        sim.fault(kind="slow", delay_ms=100)
        calls = [service.create_soon(session_id=f"mixed-{n}") for n in range(30)]
        for call_under_way in calls:
            call_under_way.result()
        for n in range(30):
            finished(service, f"mixed-{n}")
        lines = [line for line in service.log() if "gameSessionID" in line]
        assert len(lines) == 30, len(lines)
        for line in lines:
            assert line["gameSessionID"].endswith("/" + line["sessionID"]), line


if __name__ == "__main__":
    story([
        level_reaches_the_handlers, lines_of_calls_do_not_mix,
        good_calls_tell_nothing, failing_calls_tell_nothing, echoes_of_the_other_side_tell_nothing,
        junk_from_the_other_side_tells_nothing, malformed_calls_tell_nothing,
        demo_client_tells_nothing_of_its_headers, secrets_leave_the_environment,
    ], shared=False)
