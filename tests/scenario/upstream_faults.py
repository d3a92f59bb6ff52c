#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Whatever GameLift or the network does, the caller gets the right status and the next call works."""
import time

from harness import (CODE, SECRET, SHORT, Service, Upstream, fails, gamelift_says, running, send_answer,
                     story)

SESSION = {"GameSessionId": "arn:aws:gamelift:us-east-1::gamesession/fleet-demo/s",
           "Status": "ACTIVE", "IpAddress": "203.0.113.9", "Port": 1234, "Location": "us-east-1"}


def works(w):
    w.sim.no_faults()
    got = w.service.create(session_id=f"ok-{time.monotonic_ns()}")
    assert got.status == "READY", got


def upstream_that(behave):
    """GameLift, and how a service is started that asks it, both for `with`."""
    upstream = Upstream(lambda connection, _: behave(connection))
    return running(upstream), lambda: running(Service(upstream.url, AWS_MAX_ATTEMPTS=1))


def answered_with(status, body, *headers):
    """A service whose GameLift always answers this, for `with`."""
    return upstream_that(lambda connection: send_answer(connection, status, body, *headers))


def answered(value):
    """A service whose GameLift always answers that value, for `with`."""
    return upstream_that(lambda connection: gamelift_says(connection, value))


def junk_json_is_internal(w):
    """An answer that is no JSON, or JSON of another shape, is INTERNAL and says whose it was"""
    for body in ('{"GameSession":', "<html>hello</html>", "[1, 2", '{"GameSession":{"Port":"x"}}',
                 '{"GameSession":[]}', '{"GameSession":{"Port":99999999999}}', "\x01\x02",
                 '{"a":' * 5000):
        w.sim.fault(kind="wrong_json", body=body, count=1)
        fails(w.service.create, CODE.INTERNAL, "CreateGameSession", "could not be understood")
    works(w)


def answer_without_a_session_is_an_error(w):
    """An answer of status 200 that lacks the session or its id is UNAVAILABLE and says so"""
    for value, word in ((None, "no game session"), ({}, "no game session"),
                        ({"GameSession": None}, "no game session"),
                        ({"GameSession": {}}, "GameSessionId"),
                        ({"GameSession": {"Status": "ACTIVE", "Port": 1}}, "GameSessionId")):
        upstream, service = answered_with(200, b"") if value is None else answered(value)
        with upstream, service() as other:
            fails(other.create, CODE.UNAVAILABLE, word)
    works(w)


def answer_without_an_address_is_not_given_away(w):
    """A session without address or port is looked at again, and never answered as READY"""
    for missing in ({"IpAddress": None}, {"Port": None}, {"Status": "ACTIVATING", "Port": None}):
        upstream, service = answered({"GameSession": {**SESSION, **missing},
                                      "GameSessions": [{**SESSION, **missing}]})
        with upstream as gamelift, service() as other:
            fails(lambda: other.create(timeout=SHORT), CODE.DEADLINE_EXCEEDED)
            assert len(gamelift.requests) > 1, missing


def unknown_members_are_skipped(w):
    """Members and values that this version does not know are skipped"""
    body = {"GameSession": {**SESSION, "Novelty": {"deep": [1, {"er": None}]}, "StatusReason": "NOVEL"},
            "More": [[]]}
    upstream, service = answered(body)
    with upstream, service() as other:
        got = other.create()
        assert (got.ip, got.port) == ("203.0.113.9", 1234), got


def broken_connections_are_retried(w):
    """A connection that breaks is tried again, and the call succeeds"""
    for kind in ("reset", "close", "half_body"):
        w.sim.forget_requests()
        w.sim.fault(kind=kind, count=2)
        got = w.service.create(session_id=f"torn-{kind.replace('_', '-')}")
        assert got.status == "READY", got
        assert w.sim.attempts()[-1] > 1, kind


def lasting_breaks_are_unavailable(w):
    """A connection that always breaks is UNAVAILABLE after three attempts"""
    for kind in ("reset", "close", "half_body"):
        w.sim.no_faults()
        w.sim.forget_requests()
        w.sim.fault(kind=kind)
        fails(w.service.create, CODE.UNAVAILABLE, "CreateGameSession", "connection broke")
        assert w.sim.attempts() == [1, 2, 3], kind
    works(w)


def half_a_header_is_no_answer(w):
    """An answer that ends inside its header is a broken connection, not an empty success"""
    w.sim.fault(kind="half_header", count=1)
    assert w.service.create().status == "READY"
    w.sim.fault(kind="half_header")
    fails(lambda: w.service.create(session_id="torn"), CODE.UNAVAILABLE, "connection broke")
    works(w)


def refused_connections_are_unavailable(w):
    """A GameLift that nobody listens for is UNAVAILABLE"""
    gone = Upstream(lambda *_: None)
    gone.stop()
    with running(Service(gone.url)) as other:
        fails(other.create, CODE.UNAVAILABLE, "could not be made")
        fails(other.create, CODE.UNAVAILABLE)


def silence_ends_with_the_deadline(w):
    """A GameLift that never answers costs the caller its deadline and no more"""
    w.sim.fault(kind="black_hole")
    with w.another(REQUEST_TIMEOUT_MS=SHORT * 1000) as other:
        began = time.monotonic()
        fails(lambda: other.create(timeout=None), CODE.DEADLINE_EXCEEDED)
        assert SHORT - 0.1 < time.monotonic() - began < SHORT + 9
    began = time.monotonic()
    fails(lambda: w.service.create(timeout=0.5), CODE.DEADLINE_EXCEEDED)
    assert time.monotonic() - began < 10
    works(w)


def silent_calls_do_not_hold_up_others(w):
    """Two hundred calls that hang do not slow down the next one"""
    w.sim.fault(kind="black_hole", location="eu-central-1")
    hanging = [w.service.create_soon(session_id=f"hang-{n}", requested_region=["eu-central-1"])
               for n in range(200)]
    began = time.monotonic()
    assert w.service.create(requested_region=["us-east-1"]).status == "READY"
    assert w.service.health() == 1
    assert time.monotonic() - began < 5 * SHORT
    for call in hanging:
        call.cancel()


def huge_answer_is_cut_off(w):
    """An answer of 1 GB is refused after its first megabytes, without keeping it"""
    w.service.create()
    before = w.service.resident_bytes()
    for chunked in (False, True):
        w.sim.fault(kind="huge", bytes=1 << 30, chunked=chunked, count=1)
        began = time.monotonic()
        fails(lambda: w.service.create(session_id="huge"), CODE.INTERNAL, "larger than")
        assert time.monotonic() - began < 10 * SHORT
    grown = w.service.resident_bytes() - before
    assert grown < 200 << 20, f"it grew by {grown >> 20} MiB"
    works(w)


def huge_header_is_cut_off(w):
    """Headers without end are refused as well"""
    def endless(connection, _):
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for n in range(100000):
            connection.sendall(b"X-Filler-%d: " % n + b"f" * 1000 + b"\r\n")
    with running(Upstream(endless)) as upstream:
        with running(Service(upstream.url, AWS_MAX_ATTEMPTS=1)) as other:
            fails(other.create, CODE.INTERNAL, "CreateGameSession", "too many or too long headers")
            fails(other.create, CODE.INTERNAL, "CreateGameSession", "too many or too long headers")


def no_http_at_all_is_unavailable(w):
    """Something that speaks another protocol is UNAVAILABLE"""
    with running(Upstream(lambda c, _: c.sendall(b"SSH-2.0-OpenSSH_9.2\r\n" * 10))) as upstream:
        with running(Service(upstream.url, AWS_MAX_ATTEMPTS=1)) as other:
            fails(other.create, CODE.UNAVAILABLE)


def throttling_is_waited_out(w):
    """After a throttle the service waits and asks again"""
    w.sim.fault(kind="throttle", count=1)
    assert w.service.create().status == "READY"
    assert w.sim.attempts() == [1, 2]


def lasting_throttling_is_resource_exhausted(w):
    """GameLift that throttles without end is RESOURCE_EXHAUSTED"""
    w.sim.fault(kind="throttle")
    fails(w.service.create, CODE.RESOURCE_EXHAUSTED, "ThrottlingException")
    assert len(w.sim.requests()) == 3
    works(w)


def server_errors_are_tried_again(w):
    """500, 502, 503 and 504 are tried again; an HTML body does no harm"""
    for status in (500, 502, 503, 504):
        w.sim.forget_requests()
        w.sim.fault(kind="http", status=status, body="<html>busy</html>", content_type="text/html",
                    count=1)
        assert w.service.create(session_id=f"after-{status}").status == "READY"
        assert len(w.sim.requests()) == 2, status


def other_errors_are_not_tried_again(w):
    """What cannot pass by itself is asked for once, each error with its code"""
    for status, name, code in ((400, "InvalidRequestException", CODE.INVALID_ARGUMENT),
                               (404, "NotFoundException", CODE.NOT_FOUND),
                               (409, "ConflictException", CODE.ABORTED),
                               (400, "UnauthorizedException", CODE.PERMISSION_DENIED),
                               (400, "InvalidFleetStatusException", CODE.FAILED_PRECONDITION),
                               (400, "UnsupportedRegionException", CODE.FAILED_PRECONDITION),
                               (400, "FleetCapacityExceededException", CODE.RESOURCE_EXHAUSTED),
                               (400, "SomethingNewException", CODE.INVALID_ARGUMENT),
                               (403, "SomethingNewException", CODE.PERMISSION_DENIED),
                               (501, "SomethingNewException", CODE.UNAVAILABLE)):
        w.sim.forget_requests()
        w.sim.fault(kind="error", status=status, type=name, message="told by a test", count=1)
        fails(w.service.create, code, name, "told by a test")
        assert len(w.sim.requests()) == 1, name
    works(w)


def redirects_are_not_followed(w):
    """A redirect is an error; keys and requests go nowhere else"""
    elsewhere = Upstream(lambda connection, _: send_answer(connection, 200, b"{}"))
    with running(elsewhere):
        upstream, service = answered_with(307, b"", f"Location: {elsewhere.url}/")
        with upstream, service() as other:
            fails(other.create, CODE.INTERNAL, "307")
        assert elsewhere.requests == []


def wrong_keys_are_the_operators_fault(w):
    """Wrong AWS keys are INTERNAL: the caller can do nothing about them"""
    for settings in ({"AWS_SECRET_ACCESS_KEY": "wrong" * 8}, {"AWS_ACCESS_KEY_ID": "AKIDOTHER"},
                     {"AWS_SESSION_TOKEN": "unasked"}):
        with w.another(**settings) as other:
            text = fails(other.create, CODE.INTERNAL)
            for secret in (SECRET, "wrong" * 8, "unasked", "Signature="):
                assert secret not in text, text
    works(w)


def wrong_clock_is_corrected(w):
    """A clock that is an hour off is found out by the first refusal and corrected from then on"""
    for offset in (3600_000, -3600_000):
        w.sim.forget_requests()
        w.sim.control("POST", "clock", {"offset_ms": offset})
        assert w.service.create(session_id=f"skew-{abs(offset)}-{offset < 0}").status == "READY"
        assert [r["status"] for r in w.sim.requests()] == [400, 200]
        w.sim.forget_requests()
        w.service.create(session_id=f"next-{offset < 0}")
        assert [r["status"] for r in w.sim.requests()] == [200]
    w.sim.control("POST", "clock", {"offset_ms": 0})
    works(w)


def many_calls_share_connections(w):
    """A hundred calls one after the other use one connection"""
    connections = set()

    def behave(connection, _):
        connections.add(connection.getpeername())
        gamelift_says(connection, {"GameSession": SESSION})
    with running(Upstream(behave)) as upstream, running(Service(upstream.url)) as other:
        for _ in range(100):
            other.create()
        assert len(connections) == 1, connections


if __name__ == "__main__":
    story([
        junk_json_is_internal, answer_without_a_session_is_an_error,
        answer_without_an_address_is_not_given_away, unknown_members_are_skipped,
        broken_connections_are_retried, lasting_breaks_are_unavailable,
        half_a_header_is_no_answer, refused_connections_are_unavailable, silence_ends_with_the_deadline,
        silent_calls_do_not_hold_up_others, huge_answer_is_cut_off, huge_header_is_cut_off,
        no_http_at_all_is_unavailable, throttling_is_waited_out,
        lasting_throttling_is_resource_exhausted, server_errors_are_tried_again,
        other_errors_are_not_tried_again, redirects_are_not_followed,
        wrong_keys_are_the_operators_fault, wrong_clock_is_corrected,
        many_calls_share_connections,
    ])
