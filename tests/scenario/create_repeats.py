#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""CreateGameSession can be repeated: one AGS session never gets two game servers."""
from harness import story


def same_request_gives_the_same_server(w):
    """The same request again is answered with the same server"""
    first = w.service.create(session_data="x", secret="y")
    again = w.service.create(session_data="x", secret="y")
    assert again == first, (again, first)
    assert len(w.sim.sessions()) == 1


def other_session_gets_another_server(w):
    """Another session gets a server of its own"""
    first = w.service.create(session_id="story-1")
    second = w.service.create(session_id="story-2")
    assert first.server_id != second.server_id
    assert (first.ip, first.port) != (second.ip, second.port)
    assert len(w.sim.sessions()) == 2


def repeats_at_the_same_time_meet(w):
    """Thirty requests for one session at once start one server"""
    calls = [w.service.create_soon() for _ in range(30)]
    assert len({c.result().server_id for c in calls}) == 1
    assert len(w.sim.sessions()) == 1


def repeat_after_a_fallback_meets(w):
    """A repeat after a fallback finds the server in the region where it is"""
    regions = ["us-west-2", "us-east-1"]
    first = w.service.create(requested_region=regions)
    again = w.service.create(requested_region=regions)
    assert first.region == "us-east-1" and again == first, (first, again)
    assert len(w.sim.sessions()) == 1


def lost_answer_does_not_cost_a_second_server(w):
    """If GameLift's answer is lost on the way, the retry finds the server that was started"""
    w.sim.fault(kind="reset", when="after", operation="CreateGameSession", count=1)
    got = w.service.create()
    (session,) = w.sim.sessions()
    assert got.server_id == session["GameSessionId"], (got, session)
    first, *more = w.sim.requests()
    assert more and all(r["body"] == first["body"] for r in more), (first, more)


def other_parameters_change_nothing(w):
    """The same session with other parameters gets the server that it has"""
    first = w.service.create(maximum_player=4)
    again = w.service.create(maximum_player=5, requested_region=["eu-central-1"])
    assert again.server_id == first.server_id and again.region == first.region, (first, again)
    assert len(w.sim.sessions()) == 1


def dead_server_is_replaced(w):
    """A session whose server has ended gets a new one, and keeps that from then on"""
    servers = [w.service.create().server_id]
    for state in ("TERMINATED", "TERMINATING", "ERROR"):
        w.sim.control("POST", f"sessions/{servers[-1].rsplit('/', 1)[1]}/status", {"status": state})
        servers.append(w.service.create().server_id)
        assert w.service.create().server_id == servers[-1]
    assert len(set(servers)) == 4, servers


if __name__ == "__main__":
    story([
        same_request_gives_the_same_server, other_session_gets_another_server,
        repeats_at_the_same_time_meet, repeat_after_a_fallback_meets,
        lost_answer_does_not_cost_a_second_server, other_parameters_change_nothing,
        dead_server_is_replaced,
    ])
