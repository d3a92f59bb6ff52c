#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""CreateGameSession asks one region after the other until one has room."""
from harness import CODE, fails, story

# Capacity by location: nothing free in us-west-2, plenty in the other two.
WORLD = {
    "home_region": "us-east-1",
    "fleets": [{"id": "fleet-demo", "locations": [{"name": "us-east-1", "capacity": 50},
                                                  {"name": "us-west-2", "capacity": 0},
                                                  {"name": "eu-central-1", "capacity": 50}]},
               {"id": "fleet-other", "locations": [{"name": "us-east-1", "capacity": 50}]}],
    "aliases": [{"id": "alias-demo", "fleet": "fleet-demo"},
                {"id": "alias-other", "fleet": "fleet-other"},
                {"id": "alias-closed", "terminal": "This version of the game has ended."}],
}


def free_region_is_used_at_once(w):
    """A first region with room is the only one asked"""
    got = w.service.create(requested_region=["eu-central-1", "us-east-1"])
    assert (got.region, got.created_region) == ("eu-central-1", "eu-central-1"), got
    assert w.sim.regions_asked() == ["eu-central-1"]


def full_region_is_passed_over(w):
    """A full first region makes the service ask the second, which answers"""
    got = w.service.create(requested_region=["us-west-2", "us-east-1", "eu-central-1"])
    assert (got.region, got.status) == ("us-east-1", "READY"), got
    assert w.sim.regions_asked() == ["us-west-2", "us-east-1"]
    assert [s["Location"] for s in w.sim.sessions()] == ["us-east-1"]


def answer_holds_what_the_contract_asks_for(w):
    """The answer repeats the request and tells address, ARN and region of the server"""
    got = w.service.create(
        session_id="0123456789abcdef0123456789abcdef", session_data='{"map": "arena", "ü": "🎮"}',
        requested_region=["us-west-2", "eu-central-1"], maximum_player=8, client_version="1.2.3",
        game_mode="duel", secret="s3cret")
    (session,) = w.sim.sessions()
    assert got.session_id == "0123456789abcdef0123456789abcdef" and got.namespace == "studio-game"
    assert got.session_data == '{"map": "arena", "ü": "🎮"}', got
    assert (got.client_version, got.game_mode) == ("1.2.3", "duel"), got
    assert (got.status, got.source) == ("READY", "Gamelift"), got
    assert (got.ip, got.port) == (session["IpAddress"], session["Port"]), (got, session)
    assert got.deployment == got.server_id == session["GameSessionId"], (got, session)
    assert got.server_id == ("arn:aws:gamelift:us-east-1::gamesession/fleet-demo/eu-central-1/"
                             "0123456789abcdef0123456789abcdef"), got
    assert got.region == got.created_region == "eu-central-1", got


def game_server_is_told_what_the_session_asked_for(w):
    """GameLift gets players, properties and data of the session; no data means no member"""
    w.service.create(session_data="data of the session", maximum_player=8, client_version="1.2.3",
                     game_mode="duel", secret="s3cret")
    w.service.create(session_id="story-2", session_data="")
    first, second = [r["body"] for r in w.sim.requests()]
    assert first["MaximumPlayerSessionCount"] == 8 and first["AliasId"] == "alias-demo", first
    assert first["IdempotencyToken"] == "story-1", first
    assert first["GameSessionData"] == "data of the session", first
    assert {p["Key"]: p["Value"] for p in first["GameProperties"]} == {
        "clientVersion": "1.2.3", "gameMode": "duel", "sessionSecret": "s3cret",
        "sessionId": "story-1", "namespace": "studio-game"}, first
    assert "GameSessionData" not in second, second


def reasons_of_all_regions_are_told(w):
    """If no region has room, RESOURCE_EXHAUSTED tells what each of them answered"""
    w.sim.control("POST", "fleets/fleet-demo", {"location": "us-east-1", "capacity": 0})
    fails(lambda: w.service.create(requested_region=["us-west-2", "us-east-1"]),
          CODE.RESOURCE_EXHAUSTED, "us-west-2: ", "us-east-1: ", "FleetCapacityExceeded")
    assert w.sim.regions_asked() == ["us-west-2", "us-east-1"]
    assert w.sim.sessions() == []
    w.sim.control("POST", "fleets/fleet-demo", {"location": "us-east-1", "capacity": 1})
    assert w.service.create(requested_region=["us-west-2", "us-east-1"]).region == "us-east-1"


def region_in_trouble_is_passed_over(w):
    """A region that only fails is tried three times, then the next one is asked"""
    w.sim.fault(kind="error", type="InternalServiceException", status=500, location="eu-central-1")
    got = w.service.create(requested_region=["eu-central-1", "us-east-1"])
    assert got.region == "us-east-1", got
    assert w.sim.regions_asked() == ["eu-central-1"] * 3 + ["us-east-1"]


def unknown_region_is_passed_over(w):
    """Regions that GameLift does not know, or that are no names at all, do not stop the others"""
    got = w.service.create(requested_region=["moon-1", "not a region!", "us-east-1"])
    assert got.region == "us-east-1", got
    assert w.sim.regions_asked() == ["moon-1", "us-east-1"]


def what_no_region_can_change_stops_the_search(w):
    """A missing permission ends the call after the first region"""
    w.sim.fault(kind="error", type="UnauthorizedException", message="not allowed to")
    fails(lambda: w.service.create(requested_region=["us-east-1", "eu-central-1"]),
          CODE.PERMISSION_DENIED, "not allowed to")
    assert w.sim.regions_asked() == ["us-east-1"]


def closed_alias_says_why(w):
    """An alias that its owner closed answers with the owner's own words"""
    fails(lambda: w.service.create(deployment="alias-closed"), CODE.FAILED_PRECONDITION,
          "This version of the game has ended.")
    fails(lambda: w.service.create(deployment="alias-unknown"), CODE.NOT_FOUND)


def overrides_beat_the_request(w):
    """AWS_ALIAS_ID_OVERRIDE and AWS_LOCATION_OVERRIDE take the place of what AGS asks for"""
    with w.another(AWS_ALIAS_ID_OVERRIDE="alias-other", AWS_LOCATION_OVERRIDE="us-east-1") as other:
        got = other.create(deployment="alias-nobody", requested_region=["eu-central-1"])
        assert got.region == "us-east-1" and "/fleet-other/" in got.deployment, got
        got = other.create(session_id="story-2", deployment="", requested_region=[])
        assert got.region == "us-east-1", got
    assert w.sim.regions_asked() == ["us-east-1", "us-east-1"]


if __name__ == "__main__":
    story([
        free_region_is_used_at_once, full_region_is_passed_over,
        answer_holds_what_the_contract_asks_for, game_server_is_told_what_the_session_asked_for,
        reasons_of_all_regions_are_told, region_in_trouble_is_passed_over,
        unknown_region_is_passed_over, what_no_region_can_change_stops_the_search,
        closed_alias_says_why, overrides_beat_the_request,
    ], world=WORLD)
