#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The asynchronous mode from the order of a server to its end, with GameLift's queues and AGS."""
import json

from harness import CODE, eventually, fails, story

WORLD = {
    "home_region": "us-east-1", "placement_ms": 200,
    "fleets": [{"id": "fleet-demo", "locations": [{"name": "us-east-1", "capacity": 10},
                                                  {"name": "us-west-2", "capacity": 10},
                                                  {"name": "eu-central-1", "capacity": 10}]}],
    "aliases": [{"id": "alias-demo", "fleet": "fleet-demo"}],
    "queues": [{"name": "demo-queue", "destinations": ["alias-demo"], "timeout_ms": 60000}],
}


def placement(w, name):
    return next((p for p in w.sim.placements() if p["PlacementId"] == name), None)


def placed(w, name):
    eventually(lambda: placement(w, name)["Status"] == "FULFILLED", f"{name} is placed")
    return placement(w, name)


def status_of(w, arn):
    return next(s["Status"] for s in w.sim.sessions() if s["GameSessionId"] == arn)


def order(w, session_id, service=None, **fields):
    answer = (service or w.service).create_async(session_id=session_id, **fields)
    assert (answer.success, answer.message) == (True, ""), answer


def server_is_ordered_placed_and_ended(w):
    """A server is ordered, placed, reported to AGS, and ended"""
    order(w, "order-1", client_version="1.2.3", game_mode="duel", secret="join",
          session_data="data")
    seen = placed(w, "order-1")
    assert {p["Key"]: p["Value"] for p in seen["GameProperties"]} == {
        "clientVersion": "1.2.3", "gameMode": "duel", "sessionSecret": "join",
        "sessionId": "order-1", "namespace": "studio-game"}
    w.sim.put_ags_session("order-1", status="AVAILABLE", deployment=seen["GameSessionArn"])
    ended = w.service.terminate("order-1")
    assert (ended.success, ended.reason) == (True, ""), ended
    eventually(lambda: status_of(w, seen["GameSessionArn"]) in ("TERMINATING", "TERMINATED"),
               "the session ends")


def repeat_orders_nothing_more(w):
    """A repeated order is a success and starts no second placement"""
    for _ in range(2):
        order(w, "order-2")
    placed(w, "order-2")
    order(w, "order-2")
    assert [p["PlacementId"] for p in w.sim.placements()] == ["order-2"]
    assert len(w.sim.sessions()) == 1


def order_after_a_failed_one_starts_anew(w):
    """After a placement that failed, timed out or was cancelled the next order starts another"""
    for n, status in enumerate(("FAILED", "TIMED_OUT", "CANCELLED"), start=1):
        order(w, "order-3")
        name = "order-3" if n == 1 else f"order-3-r{n}"
        w.sim.control("POST", f"placements/{name}/status", {"status": status})
    order(w, "order-3")
    placed(w, "order-3-r4")


def order_after_a_dead_server_starts_anew(w):
    """After the server of a placement has ended the next order starts another placement"""
    order(w, "order-4")
    arn = placed(w, "order-4")["GameSessionArn"]
    w.sim.control("POST", f"sessions/{arn.rsplit('/', 1)[1]}/status", {"status": "TERMINATED"})
    order(w, "order-4")
    assert placed(w, "order-4-r2")["GameSessionArn"] != arn


def latencies_decide_where(w):
    """The queue places where the players' latencies are best"""
    best = {"anna": {"us-east-1": 90, "us-west-2": 20, "eu-central-1": 200},
            "ben": {"us-east-1": -5, "us-west-2": "fast", "eu-central-1": 210}}
    order(w, "near-1", session_data=json.dumps({"gamelift_latencies": best}))
    assert placed(w, "near-1")["GameSessionRegion"] == "us-west-2"
    order(w, "near-2", session_data=json.dumps(
        {"player_latencies": [{"anna": {"eu-central-1": 1, "us-east-1": 200}}]}))
    assert placed(w, "near-2")["GameSessionRegion"] == "eu-central-1"


def requested_regions_decide_where_that_is_set(w):
    """With GAMELIFT_QUEUE_USE_REQUESTED_REGIONS the queue tries the requested regions in order"""
    with w.another(GAMELIFT_QUEUE_USE_REQUESTED_REGIONS="true", **w.sim.ags_settings()) as other:
        order(w, "wish-1", other, requested_region=["eu-central-1", "us-east-1"])
        assert placed(w, "wish-1")["GameSessionRegion"] == "eu-central-1"


def refusal_is_an_answer_with_advice(w):
    """A refusal by GameLift is success=false with a message that helps; bad input is an error"""
    answer = w.service.create_async(session_id="no-queue", deployment="no-such-queue")
    assert not answer.success
    assert "NotFoundException" in answer.message and "deployment" in answer.message, answer
    fails(lambda: w.service.create_async(session_id="bad_id"), CODE.INVALID_ARGUMENT, "session_id")
    fails(lambda: w.service.create_async(maximum_player=(1 << 32) + 2), CODE.INVALID_ARGUMENT,
          "maximum_player")
    assert w.sim.placements() == []


if __name__ == "__main__":
    story([
        server_is_ordered_placed_and_ended, repeat_orders_nothing_more,
        order_after_a_failed_one_starts_anew, order_after_a_dead_server_starts_anew,
        latencies_decide_where, requested_regions_decide_where_that_is_set,
        refusal_is_an_answer_with_advice,
    ], world=WORLD, ags=True)
