#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""With GAMELIFT_PROTOCOL=cbor everything goes over the wire as Smithy RPC v2 CBOR, and its faults are told."""
import socket

import cbor2
from harness import CODE, Service, Upstream, eventually, fails, running, story
from placements import WORLD, order, placement, polling, reported

PATH = "/service/GameLift/operation/"
ARN = "arn:aws:gamelift:us-east-1::gamesession/fleet-demo/s"
SESSION = {"GameSessionId": ARN, "Status": "ACTIVE", "IpAddress": "203.0.113.9", "Port": 1234,
           "Location": "us-east-1"}
GOOD = cbor2.dumps({"GameSession": SESSION})
SAYS_CBOR = "smithy-protocol: rpc-v2-cbor"


def answer(connection, body, *headers, status=200, content_type="application/cbor", length=None):
    head = [f"HTTP/1.1 {status} X", f"Content-Type: {content_type}",
            f"Content-Length: {len(body) if length is None else length}", *headers]
    connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)


class GameLift:
    """One that answers as it is told, and a service that speaks CBOR with it."""

    def __init__(self, **settings):
        self.behaves = []  # the last one stays
        self.upstream = Upstream(self.behave)
        self.service = Service(self.upstream.url, GAMELIFT_PROTOCOL="cbor",
                               **{"AWS_MAX_ATTEMPTS": 1, **settings})
        self.requests = self.upstream.requests

    def behave(self, connection, _):
        (self.behaves.pop(0) if len(self.behaves) > 1 else self.behaves[0])(connection)

    def says(self, *arguments, **more):
        self.behaves = [lambda connection: answer(connection, *arguments, **more)]

    def create(self):
        return self.service.create(session_id=f"s-{len(self.requests)}")

    def stop(self):
        self.service.stop()
        self.upstream.stop()

    def kill(self):
        self.service.kill()
        self.upstream.kill()


def requests_are_cbor(_):
    """A request has the protocol's path and headers, no target, and its body is CBOR"""
    with running(GameLift()) as gamelift:
        gamelift.says(GOOD, SAYS_CBOR)
        gamelift.create()
        (request,) = gamelift.requests
    assert (request.method, request.path) == ("POST", PATH + "CreateGameSession"), request.path
    assert request.header("smithy-protocol") == "rpc-v2-cbor"
    assert request.header("Content-Type") == request.header("Accept") == "application/cbor"
    assert request.header("X-Amz-Target") is None
    sent = cbor2.loads(request.body)
    assert sent["IdempotencyToken"] == "s-0" and sent["MaximumPlayerSessionCount"] == 4, sent


def a_server_is_made_and_ended(w):
    """A server is created and ended over CBOR"""
    w.sim.forget_requests()
    with w.another(GAMELIFT_PROTOCOL="cbor", **w.sim.ags_settings()) as service:
        made = service.create(session_id="whole")
        w.sim.put_ags_session("whole", status="AVAILABLE", deployment=made.deployment)
        assert service.terminate("whole").success
    status = {s["GameSessionId"]: s["Status"] for s in w.sim.sessions()}[made.server_id]
    assert status in ("TERMINATING", "TERMINATED"), status
    assert {"CreateGameSession", "TerminateGameSession"} <= set(w.sim.operations())


def a_placement_is_made_followed_and_stopped(w):
    """A placement is started, looked at until its end, reported, and another one stopped, over CBOR"""
    with polling(w, PLACEMENT_REPORT="all", GAMELIFT_PROTOCOL="cbor") as service:
        order(w, service, "placed")
        told = reported(w, "placed")[0]
        assert told["serverId"] == placement(w, "placed")["GameSessionArn"], told
        w.sim.put_ags_session("waiting", status="REQUESTED")
        assert service.create_async(session_id="waiting", deployment="slow-queue").success
        assert service.terminate("waiting").success
        eventually(lambda: placement(w, "waiting")["Status"] == "CANCELLED", "it is cancelled")


def errors_of_gamelift_are_understood(w):
    """GameLift's refusals, by their names in CBOR: a full region, a throttle, what does not exist"""
    with w.another(GAMELIFT_PROTOCOL="cbor") as service:
        fails(lambda: service.create(deployment="alias-full"), CODE.RESOURCE_EXHAUSTED,
              "FleetCapacityExceededException")
        fails(lambda: service.create(deployment="alias-none"), CODE.NOT_FOUND, "NotFoundException")
        w.sim.fault(kind="throttle", count=1)
        assert service.create(session_id="after-a-throttle").status == "READY"


def error_names_come_from_the_body(_):
    """The error's name is the body's __type, absolute or not; other places do not count"""
    with running(GameLift()) as gamelift:
        for name in ("com.amazonaws.gamelift#NotFoundException", "NotFoundException",
                     "aws#NotFoundException:http://x"):
            gamelift.says(cbor2.dumps({"__type": name, "Message": "no such alias"}), SAYS_CBOR,
                          "X-Amzn-ErrorType: ConflictException", status=400)
            fails(gamelift.create, CODE.NOT_FOUND, "NotFoundException", "no such alias")


def half_an_answer_is_an_error(_):
    """A body that ends early, by its length or inside its CBOR, is an error, and is told"""
    with running(GameLift()) as gamelift:
        for end in range(1, len(GOOD), 7):
            gamelift.says(GOOD[:end], SAYS_CBOR)
            fails(gamelift.create, CODE.INTERNAL, "could not be understood", "not CBOR")
        gamelift.behaves = [lambda c: (answer(c, GOOD[:40], SAYS_CBOR, length=len(GOOD)),
                                       c.shutdown(socket.SHUT_RDWR))]
        fails(gamelift.create, CODE.UNAVAILABLE, "CreateGameSession")
        gamelift.says(GOOD, SAYS_CBOR)
        check_address(gamelift.create())


def another_content_is_an_error(_):
    """JSON, HTML or nothing in place of CBOR, whatever the headers say, is an error, and is told"""
    json_body = b'{"GameSession":{"GameSessionId":"SecretText","IpAddress":"203.0.113.9"}}'
    with running(GameLift()) as gamelift:
        for body, headers, content_type in (
                (json_body, (), "application/x-amz-json-1.1"),
                (json_body, (SAYS_CBOR,), "application/cbor"),
                (b"<html>a proxy</html>", (), "text/html"),
                (GOOD, ("smithy-protocol: rest-json",), "application/cbor")):
            gamelift.says(body, *headers, content_type=content_type)
            fails(gamelift.create, CODE.INTERNAL, "could not be understood")
        gamelift.says(b"", SAYS_CBOR)
        fails(gamelift.create, CODE.UNAVAILABLE, "no game session")
        assert "SecretText" not in gamelift.service.output()


def a_gateways_page_is_unavailable(_):
    """A gateway's 502 in HTML, which is no CBOR, is tried again, and UNAVAILABLE if it lasts"""
    with running(GameLift(AWS_MAX_ATTEMPTS=2)) as gamelift:
        gamelift.says(b"<html>502</html>", status=502, content_type="text/html")
        page = gamelift.behaves[0]
        gamelift.behaves = [page, lambda c: answer(c, GOOD, SAYS_CBOR)]
        check_address(gamelift.create())
        assert len(gamelift.requests) == 2 and len({r.body for r in gamelift.requests}) == 1
        gamelift.behaves = [page]
        fails(gamelift.create, CODE.UNAVAILABLE, "502")


def check_address(got):
    assert (got.ip, got.port, got.server_id) == ("203.0.113.9", 1234, ARN), got


def cbor_of_any_form_is_read(_):
    """Open lengths, tags, null, undefined, unknown members, and no protocol header: all is read"""
    open_map = (b"\xbf\x65Novel\xd9\xd9\xf7\x9f\x01\xff\x6bGameSession\xbf"
                b"\x6dGameSessionId\x7f" + bytes([0x78, len(ARN)]) + ARN.encode() + b"\xff"
                b"\x66Status\x66ACTIVE\x69IpAddress\x6b203.0.113.9\x64Port\x19\x04\xd2"
                b"\x64Name\xf7\x67FleetId\xf6\xff\xff")
    with running(GameLift()) as gamelift:
        gamelift.says(open_map)
        check_address(gamelift.create())


def hostile_cbor_is_survived(_):
    """Nesting without end, lengths beyond the body and wrong types do no harm"""
    with running(GameLift()) as gamelift:
        for body in (b"\x81" * 100000, b"\xbf\x6bGameSession" * 5000, b"\x9b" + b"\xff" * 8,
                     b"\xa1\x6bGameSession\x7b\x7f\xff\xff\xff\xff\xff\xff\xff", b"\xff", b"\x1c",
                     b"\xd8\x18" * 5000, cbor2.dumps({"GameSession": {"Port": 2 ** 40}}),
                     cbor2.dumps({"GameSession": {"GameSessionId": b"bytes"}}),
                     cbor2.dumps({"GameSession": [1]})):
            gamelift.says(body, SAYS_CBOR)
            fails(gamelift.create, CODE.INTERNAL, "could not be understood")
            gamelift.says(GOOD, SAYS_CBOR)
            check_address(gamelift.create())


WORLD = {**WORLD, "queues": [*WORLD["queues"], {"name": "slow-queue", "destinations": ["alias-full"],
                                                "timeout_ms": 60000}]}

if __name__ == "__main__":
    story([requests_are_cbor, a_server_is_made_and_ended, a_placement_is_made_followed_and_stopped,
           errors_of_gamelift_are_understood, error_names_come_from_the_body,
           half_an_answer_is_an_error, another_content_is_an_error, a_gateways_page_is_unavailable,
           cbor_of_any_form_is_read, hostile_cbor_is_survived], world=WORLD)
