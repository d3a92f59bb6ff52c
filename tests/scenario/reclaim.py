#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Nothing runs on in GameLift that AGS does not know of, and nothing ends that AGS knows of."""
import time

from harness import CODE, SHORT, eventually, fails, story

DELAY = 0.3  # seconds before a reclaim looks
WORLD = {
    "home_region": "us-east-1", "placement_ms": 100, "activation_ms": 0,
    "fleets": [{"id": "fleet-demo", "locations": [{"name": "us-east-1", "capacity": 100}]}],
    "aliases": [{"id": "alias-demo", "fleet": "fleet-demo"}],
    "queues": [{"name": "demo-queue", "destinations": ["alias-demo"], "timeout_ms": 60000}],
}


def living(w):
    return [s["GameSessionId"] for s in w.sim.sessions() if s["Status"] in ("ACTIVATING", "ACTIVE")]


def all_ended(w):
    eventually(lambda: w.sim.sessions() and not living(w), "every server has ended")


def stays(w, session_id):
    time.sleep(4 * DELAY)
    assert [a for a in living(w) if a.endswith("/" + session_id)], living(w)


def made_but_not_told(w, operation="CreateGameSession"):
    """GameLift does what it is asked, and never says so."""
    w.sim.fault(operation=operation, kind="black_hole", when="after")


def caller_that_goes_away_leaves_no_server(w):
    """A caller that goes away after GameLift has made a server leaves none behind"""
    made_but_not_told(w)
    call = w.service.create_soon(session_id="left-1")
    eventually(lambda: living(w), "the server is made")
    call.cancel()
    w.sim.no_faults()
    all_ended(w)


def deadline_leaves_no_server(w):
    """Nor does a caller whose deadline passes"""
    made_but_not_told(w)
    fails(lambda: w.service.create(session_id="left-2", timeout=SHORT), CODE.DEADLINE_EXCEEDED)
    w.sim.no_faults()
    all_ended(w)


def lost_answers_leave_no_server(w):
    """Nor does an error after the answer was lost on each attempt"""
    w.sim.fault(operation="CreateGameSession", kind="reset", when="after")
    fails(lambda: w.service.create(session_id="left-3"), CODE.UNAVAILABLE)
    w.sim.no_faults()
    all_ended(w)


def lost_answers_before_a_refusal_leave_no_server(w):
    """Nor does a refusal that comes after the answer was lost"""
    w.sim.fault(operation="CreateGameSession", kind="reset", when="after", count=2)
    w.sim.fault(operation="CreateGameSession", kind="throttle")
    fails(lambda: w.service.create(session_id="left-6"), CODE.RESOURCE_EXHAUSTED)
    w.sim.no_faults()
    all_ended(w)


def lost_placement_is_stopped_or_ended(w):
    """Nor does an order whose answer was lost, be it pending or placed by then"""
    for name, capacity in (("left-4", 100), ("left-5", 0)):
        w.sim.control("POST", "fleets/fleet-demo", {"location": "us-east-1", "capacity": capacity})
        made_but_not_told(w, "StartGameSessionPlacement")
        fails(lambda: w.service.create_async(session_id=name, timeout=SHORT),
              CODE.DEADLINE_EXCEEDED)
        w.sim.no_faults()
        eventually(lambda: not living(w) and all(p["Status"] in ("CANCELLED", "FULFILLED")
                                                 for p in w.sim.placements()), f"{name} is ended")
    assert [p["Status"] for p in w.sim.placements()] == ["FULFILLED", "CANCELLED"]


def server_that_ags_knows_stays(w):
    """A server that AGS got from a repeated request stays, whoever answered that"""
    with w.another(**w.sim.ags_settings()) as replica:
        made_but_not_told(w)
        # AGS knows the server before the reclaim looks for it, which it does soon after the deadline.
        lost = w.service.create_soon(session_id="kept-1", timeout=SHORT)
        eventually(lambda: living(w), "the server is made")
        w.sim.no_faults()
        answer = replica.create(session_id="kept-1")
        w.sim.put_ags_session("kept-1", status="AVAILABLE", deployment=answer.deployment)
        assert lost.code() == CODE.DEADLINE_EXCEEDED, lost.code()
    stays(w, "kept-1")


def repeated_request_takes_over(w):
    """A repeated request on the same replica takes its server out of the reclaim"""
    made_but_not_told(w)
    fails(lambda: w.service.create(session_id="kept-2", timeout=SHORT), CODE.DEADLINE_EXCEEDED)
    w.sim.no_faults()
    assert w.service.create(session_id="kept-2").status == "READY"
    stays(w, "kept-2")


def placement_that_ags_waits_for_stays(w):
    """A placement that AGS waits for stays; when AGS gives it up it is stopped"""
    w.sim.control("POST", "fleets/fleet-demo", {"location": "us-east-1", "capacity": 0})
    w.sim.put_ags_session("kept-3", status="REQUESTED", **{"async": True})
    made_but_not_told(w, "StartGameSessionPlacement")
    fails(lambda: w.service.create_async(session_id="kept-3", timeout=SHORT),
          CODE.DEADLINE_EXCEEDED)
    w.sim.no_faults()
    time.sleep(4 * DELAY)
    assert [p["Status"] for p in w.sim.placements()] == ["PENDING"]
    w.sim.put_ags_session("kept-3", status="FAILED_TO_REQUEST", **{"async": True})
    eventually(lambda: [p["Status"] for p in w.sim.placements()] == ["CANCELLED"],
               "the placement is stopped")


def reclaim_outlasts_an_outage(w):
    """While AGS or GameLift is down the reclaim is tried again"""
    for operation in ("getGameSession", "DescribeGameSessions", "TerminateGameSession"):
        made_but_not_told(w)
        fails(lambda: w.service.create(session_id=f"outage-{operation}", timeout=SHORT),
              CODE.DEADLINE_EXCEEDED)
        w.sim.no_faults()
        w.sim.fault(operation=operation, kind="http", status=500)
        time.sleep(3 * DELAY)
        assert living(w), operation
        w.sim.no_faults()
        all_ended(w)


def left_by_a_stop(w, name, **settings):
    """What a replica logs as errors that is stopped before its reclaim is due; AGS may fail."""
    with w.another(RECLAIM_DELAY_MS="60000", **settings, **w.sim.ags_settings()) as other:
        made_but_not_told(w)
        fails(lambda: other.create(session_id=name, timeout=SHORT), CODE.DEADLINE_EXCEEDED)
        eventually(lambda: "will look for a server" in other.output(), "a reclaim is set")
        w.sim.control("DELETE", "faults")
        if "outage" in name:
            w.sim.fault(service="ags", kind="reset")
        other.stop()
        return [line["msg"] for line in other.log() if line["level"] == "ERROR"]


def stop_ends_what_calls_left(w):
    """A service that stops looks for what its calls left behind, and ends it, before it exits"""
    assert left_by_a_stop(w, "stopped") == []
    assert living(w) == []


def stop_tells_what_it_leaves(w):
    """What it cannot end in its SHUTDOWN_GRACE is an error in its log"""
    errors = left_by_a_stop(w, "outage-at-the-stop", SHUTDOWN_GRACE=1)
    assert any("AGS does not know of" in line for line in errors), errors
    w.sim.no_faults()
    w.service.create(session_id="outage-at-the-stop")


if __name__ == "__main__":
    story([
        caller_that_goes_away_leaves_no_server, deadline_leaves_no_server,
        lost_answers_leave_no_server, lost_answers_before_a_refusal_leave_no_server,
        lost_placement_is_stopped_or_ended,
        server_that_ags_knows_stays, repeated_request_takes_over,
        placement_that_ags_waits_for_stays, reclaim_outlasts_an_outage, stop_ends_what_calls_left,
        stop_tells_what_it_leaves,
    ], world=WORLD, ags=True, RECLAIM_DELAY_MS=int(DELAY * 1000))
