#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Ending servers: whatever state they, GameLift and AGS are in."""
import concurrent.futures
import time

from harness import CODE, SHORT, eventually, fails, story
from metrics import fetch

WORLD = {
    "home_region": "us-east-1", "placement_ms": 100, "activation_ms": 0,
    "fleets": [
        {"id": "fleet-demo", "locations": [{"name": "us-east-1", "capacity": 10},
                                           {"name": "us-west-2", "capacity": 0}]},
        {"id": "fleet-europe", "region": "eu-west-1",
         "locations": [{"name": "eu-west-1", "capacity": 10}]}],
    "aliases": [{"id": "alias-demo", "fleet": "fleet-demo"},
                {"id": "alias-europe", "region": "eu-west-1", "fleet": "fleet-europe"}],
    "queues": [{"name": "demo-queue", "destinations": ["alias-demo"], "timeout_ms": 60000},
               {"name": "europe-queue", "region": "eu-west-1", "destinations": ["alias-europe"],
                "timeout_ms": 60000}],
}


def fill_up(w):
    """No room: placements stay pending."""
    w.sim.control("POST", "fleets/fleet-demo", {"location": "us-east-1", "capacity": 0})


EUROPE = "arn:aws:gamelift:eu-west-1:123456789012:gamesessionqueue/europe-queue"


def make_room(w):
    w.sim.control("POST", "fleets/fleet-demo", {"location": "us-east-1", "capacity": 10})


def placement(w, name):
    return next(p for p in w.sim.placements() if p["PlacementId"] == name)


def living(w):
    return [s for s in w.sim.sessions() if s["Status"] in ("ACTIVATING", "ACTIVE")]


def served(w, session_id, **fields):
    """A session with a server that AGS has stored."""
    answer = w.service.create(session_id=session_id, **fields)
    w.sim.put_ags_session(session_id, status="AVAILABLE", deployment=answer.deployment)
    return answer


def pending_placement_is_stopped(w):
    """A placement that is pending is stopped, and no server appears later"""
    fill_up(w)
    assert w.service.create_async(session_id="waiting").success
    w.sim.put_ags_session("waiting", status="REQUESTED", **{"async": True})
    answer = w.service.terminate("waiting")
    assert answer.success and "its placement was ended" in answer.reason, answer
    assert placement(w, "waiting")["Status"] == "CANCELLED"
    make_room(w)
    time.sleep(0.3)
    assert living(w) == []


def placement_of_another_region_is_stopped_there(w):
    """A placement on a queue of another AWS region is stopped there, also by another replica"""
    w.sim.control("POST", "fleets/fleet-europe", {"location": "eu-west-1", "capacity": 0})
    for name, knows in (("abroad-1", True), ("abroad-2", False)):
        assert w.service.create_async(session_id=name, deployment=EUROPE).success
        if knows:
            w.sim.put_ags_session(name, status="REQUESTED", template_deployment=EUROPE)
            with w.another(**w.sim.ags_settings()) as other:
                answer = other.terminate(name)
        else:  # what AGS has forgotten, the replica that started it still finds
            answer = w.service.terminate(name)
        assert answer.success and "its placement was ended" in answer.reason, answer
        assert placement(w, name)["Status"] == "CANCELLED"


def place_that_is_not_known_is_told(w):
    """What may run where nobody can know of is a line in the log and a count"""
    w.sim.control("POST", "fleets/fleet-europe", {"location": "eu-west-1", "capacity": 0})
    assert w.service.create_async(session_id="astray", deployment=EUROPE).success
    with w.another(**w.sim.ags_settings()) as other:
        answer = other.terminate("astray")
        assert answer.reason.endswith("nothing to end was found in us-east-1"), answer
        eventually(lambda: "a region that is not known" in other.output(), "the log tells")
        eventually(lambda: "session_dsm_unsure_terminations_total 1" in fetch(other),
                   "it is counted")
        with w.another(AWS_QUEUE_ARN_OVERRIDE=EUROPE, **w.sim.ags_settings()) as third:
            assert "was ended" in third.terminate("astray").reason
    assert placement(w, "astray")["Status"] == "CANCELLED"


def create_under_way_is_called_off(w):
    """A session that is terminated while its server is asked for gets none that lives on"""
    w.sim.fault(operation="CreateGameSession", kind="slow", delay_ms=1500, when="after")
    w.sim.put_ags_session("called-off", status="REQUESTED")
    with w.another(RECLAIM_DELAY_MS=200, **w.sim.ags_settings()) as other:
        call = other.create_soon(session_id="called-off")
        eventually(lambda: living(w), "the server is made")
        w.sim.put_ags_session("called-off", active=False, status="DS_CANCELLED")
        assert other.terminate("called-off").success
        assert call.code() == CODE.ABORTED, call.code()
        eventually(lambda: living(w) == [], "the server is ended")


def placement_fulfilled_unheard_of_is_ended(w):
    """A server that was placed, but never reported to AGS, is ended"""
    assert w.service.create_async(session_id="unheard").success
    eventually(lambda: placement(w, "unheard")["Status"] == "FULFILLED", "it is placed")
    w.sim.put_ags_session("unheard", status="REQUESTED")
    assert w.service.terminate("unheard").success
    assert living(w) == []


def placement_fulfilled_meanwhile_is_ended(w):
    """A placement that is fulfilled between the look and the stop is ended all the same"""
    fill_up(w)
    assert w.service.create_async(session_id="racing").success
    time.sleep(0.2)
    w.sim.fault(operation="StopGameSessionPlacement", kind="slow", delay_ms=500, count=1)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        call = pool.submit(w.service.terminate, "racing")
        time.sleep(0.1)
        make_room(w)
        answer = call.result()
    assert answer.success, answer
    assert placement(w, "racing")["Status"] == "FULFILLED"
    assert living(w) == []


def later_placements_are_found_too(w):
    """Every placement of the session is looked at, not only the first"""
    for name, status in (("series", "FAILED"), ("series-r2", "TIMED_OUT")):
        assert w.service.create_async(session_id="series").success
        w.sim.control("POST", f"placements/{name}/status", {"status": status})
    fill_up(w)
    assert w.service.create_async(session_id="series").success
    assert w.service.terminate("series").success
    assert placement(w, "series-r3")["Status"] == "CANCELLED"


def missing_information_is_no_fault(w):
    """A session that AGS does not know, or has no server for, is a success with a reason"""
    for members in ({"ds_information": "absent"}, {"ds_information": "null"}, {"server": "absent"},
                    {"server": "null"}, {"server": "present"}, {"deployment": None},
                    {"deployment": "PlacementFailed"}):
        w.sim.put_ags_session("bare", status="FAILED_TO_REQUEST", **members)
        answer = w.service.terminate("bare")
        assert answer.success and "has no server; nothing to end was found" in answer.reason, answer
    w.sim.put_ags_session("bare", status="FAILED_TO_REQUEST", template_deployment="demo-queue")
    answer = w.service.terminate("bare")
    assert answer.success and "has no server; nothing was left" in answer.reason, answer
    answer = w.service.terminate("never-seen")
    assert answer.success and "AGS does not know the session" in answer.reason, answer
    assert w.service.health() == 1


def ending_twice_is_no_fault(w):
    """A server that has ended, or that GameLift has forgotten, is a success with a reason"""
    served(w, "gone")
    assert w.service.terminate("gone").reason == ""
    assert "ended already" in w.service.terminate("gone").reason
    w.sim.put_ags_session("lost", status="AVAILABLE", deployment=(
        "arn:aws:gamelift:us-east-1::gamesession/fleet-demo/lost"))
    assert "ended already" in w.service.terminate("lost").reason


def server_is_ended_in_its_own_region(w):
    """A server in another AWS region is ended there"""
    answer = served(w, "abroad", requested_region=["eu-west-1"],
                    deployment="arn:aws:gamelift:eu-west-1::alias/alias-europe")
    assert ":eu-west-1::" in answer.deployment
    assert w.service.terminate("abroad").success
    assert living(w) == []


def server_that_is_not_ready_is_ended_when_it_is(w):
    """NotReady is tried again within the caller's time"""
    served(w, "validating")
    w.sim.fault(operation="TerminateGameSession", kind="error", type="NotReadyException", count=2)
    assert w.service.terminate("validating").success
    assert living(w) == []
    served(w, "never-ready")
    w.sim.fault(operation="TerminateGameSession", kind="error", type="NotReadyException")
    # A deadline of the client's own would race with the service's answer.
    with w.another(REQUEST_TIMEOUT_MS=2000 * SHORT, **w.sim.ags_settings()) as other:
        fails(lambda: other.terminate("never-ready", timeout=None), CODE.UNAVAILABLE, "NotReady")
        eventually(lambda: "a server may still be running" in other.output(), "the log tells")


def servers_are_forced_where_that_is_set(w):
    """With GAMELIFT_TERMINATION_MODE=FORCE_TERMINATE the server is not asked"""
    served(w, "forced")
    with w.another(GAMELIFT_TERMINATION_MODE="FORCE_TERMINATE", **w.sim.ags_settings()) as other:
        assert other.terminate("forced").success
    assert any("FORCE_TERMINATE" in r["body"] for r in w.sim.control("GET", "requests"))


def expired_token_is_renewed(w):
    """A token that AGS does not take any more is renewed and the lookup made again"""
    served(w, "renewed")
    w.sim.control("POST", "ags/tokens/expire")
    assert w.service.terminate("renewed").success


def many_calls_share_one_token(w):
    """However many calls wait for a token, it is asked for once"""
    for n in range(20):
        served(w, f"crowd-{n}", requested_region=["us-east-1"]) if n < 5 else None
    w.sim.control("POST", "ags/tokens/expire")
    w.sim.forget_requests()
    w.sim.fault(operation="TokenGrantV3", kind="slow", delay_ms=300, count=1)
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda n: w.service.terminate(f"crowd-{n}"), range(20)))
    assert all(a.success for a in answers), answers
    assert w.sim.operations().count("TokenGrantV3") == 1, w.sim.operations()


def ags_that_comes_back_is_used_again(w):
    """While AGS is down calls fail in time; when it is back they succeed"""
    served(w, "outage")
    w.sim.fault(service="ags", kind="reset")
    fails(lambda: w.service.terminate("outage"), CODE.UNAVAILABLE, "AGS")
    w.sim.no_faults()
    assert w.service.terminate("outage").success


def silent_ags_costs_the_callers_time_only(w):
    """An AGS that never answers costs the caller its deadline and no more"""
    served(w, "silent")
    w.sim.fault(operation="getGameSession", kind="black_hole")
    began = time.monotonic()
    fails(lambda: w.service.terminate("silent", timeout=SHORT), CODE.DEADLINE_EXCEEDED)
    assert time.monotonic() - began < 5 * SHORT
    w.sim.no_faults()
    assert w.service.terminate("silent").success


def missing_permission_is_told(w):
    """AGS that forbids the lookup is INTERNAL and says which side lacks what"""
    served(w, "forbidden")
    w.sim.control("POST", "ags", {"may_read": False})
    w.sim.control("POST", "ags/tokens/expire")
    fails(lambda: w.service.terminate("forbidden"), CODE.INTERNAL, "the IAM client lacks")
    w.sim.control("POST", "ags", {"may_read": True})
    w.sim.control("POST", "ags/tokens/expire")
    assert w.service.terminate("forbidden").success


if __name__ == "__main__":
    story([
        pending_placement_is_stopped, placement_of_another_region_is_stopped_there,
        place_that_is_not_known_is_told, create_under_way_is_called_off,
        placement_fulfilled_unheard_of_is_ended,
        placement_fulfilled_meanwhile_is_ended, later_placements_are_found_too,
        missing_information_is_no_fault, ending_twice_is_no_fault,
        server_is_ended_in_its_own_region, server_that_is_not_ready_is_ended_when_it_is,
        servers_are_forced_where_that_is_set, expired_token_is_renewed,
        many_calls_share_one_token, ags_that_comes_back_is_used_again,
        silent_ags_costs_the_callers_time_only, missing_permission_is_told,
    ], world=WORLD, ags=True)
