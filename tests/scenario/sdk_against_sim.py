#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Drives gamelift-sim with botocore as it is: whatever a stock SDK sends must be understood, and
whatever the stand-in answers must be understood by a stock SDK.

    sdk_against_sim.py PATH/TO/gamelift-sim [--model idl/gamelift.json]

A botocore older than TerminateGameSession gets the operations from the model file; its signer,
serializer and parser stay its own. Exit status 0 if everything passed.
"""
import argparse
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.error
import urllib.request

import botocore.config
import botocore.exceptions
import botocore.session

KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
FLEET, ALIAS, QUEUE = "fleet-demo", "alias-demo", "demo-queue"
WORLD = {
    "home_region": "us-east-1",
    "activation_ms": 150,
    "termination_ms": 150,
    "placement_ms": 100,
    "fleets": [
        {"id": FLEET, "locations": [{"name": "us-east-1", "capacity": 40},
                                    {"name": "us-west-2", "capacity": 0},
                                    {"name": "eu-central-1", "capacity": 2}]},
        {"id": "fleet-small", "locations": [{"name": "us-east-1", "capacity": 1}]},
        {"id": "fleet-building", "status": "BUILDING", "locations": [{"name": "us-east-1"}]},
        {"id": "fleet-tokyo", "region": "ap-northeast-1",
         "locations": [{"name": "ap-northeast-1", "capacity": 5}]},
        {"id": "fleet-own", "anywhere": True, "locations": [{"name": "custom-office"}]},
    ],
    "aliases": [{"id": ALIAS, "fleet": FLEET},
                {"id": "alias-closed", "terminal": "This game has ended."}],
    "queues": [{"name": QUEUE, "destinations": [ALIAS], "timeout_ms": 60000},
               {"name": "small-queue", "destinations": ["fleet-small"], "timeout_ms": 400},
               {"name": "patient-queue", "destinations": ["fleet-small"], "timeout_ms": 60000}],
}

# Filled in by main; the tests are plain functions that use them.
SIM = None
MODEL = None


class Sim:
    """The stand-in as a process."""

    def __init__(self, binary, *options):
        # AWS_ variables of whoever runs this must not choose the keys.
        env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        self.process = subprocess.Popen([binary, *options], stdout=subprocess.PIPE, env=env, text=True)
        line = self.process.stdout.readline()
        match = re.fullmatch(r"listening on (http://127\.0\.0\.1:\d+)\n", line)
        assert match, f"first line: {line!r}"
        self.url = match.group(1)

    def control(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + "/_sim/" + path, data=data, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=20)
        assert status == 0, f"exit status {status}"


def client(region="us-east-1", key=KEY, secret=SECRET, token=None, retries=0, timeout=5, url=None):
    session = botocore.session.Session(profile=None)
    if MODEL is not None:
        session.get_component("data_loader").search_paths.insert(0, MODEL)
    config = botocore.config.Config(
        retries={"mode": "standard", "total_max_attempts": retries + 1}, read_timeout=timeout,
        connect_timeout=timeout)
    return session.create_client("gamelift", region_name=region, endpoint_url=url or SIM.url,
                                 aws_access_key_id=key, aws_secret_access_key=secret,
                                 aws_session_token=token, config=config)


def refused(code, call, **arguments):
    """The call fails with this error code; the answer is returned."""
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as e:
        assert e.response["Error"]["Code"] == code, e.response
        assert e.response["Error"]["Message"], e.response
        assert e.response["ResponseMetadata"].get("RequestId"), e.response
        return e.response
    raise AssertionError(f"{code} expected, but it succeeded")


def until(condition, seconds=5):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.03)


def create(**more):
    arguments = {"AliasId": ALIAS, "MaximumPlayerSessionCount": 4, **more}
    return client().create_game_session(**arguments)["GameSession"]


def status_of(arn):
    return client().describe_game_sessions(GameSessionId=arn)["GameSessions"][0]["Status"]


# ---- game sessions ----

def create_returns_what_was_asked_for():
    s = create(Location="eu-central-1", Name="Mein Spiel \u00fc\u4e16\U0001f3ae",
               CreatorId="studio", GameSessionData='{"a": "\\"\\\\/\u2028\t"}',
               GameProperties=[{"Key": "gameMode", "Value": "duel"}, {"Key": "x", "Value": ""}],
               IdempotencyToken="create-1")
    assert s["GameSessionId"] == (
        "arn:aws:gamelift:us-east-1::gamesession/fleet-demo/eu-central-1/create-1"), s
    assert s["FleetId"] == FLEET and s["Location"] == "eu-central-1", s
    assert s["FleetArn"] == "arn:aws:gamelift:us-east-1:123456789012:fleet/fleet-demo", s
    assert s["Name"] == "Mein Spiel \u00fc\u4e16\U0001f3ae", s
    assert s["GameProperties"] == [{"Key": "gameMode", "Value": "duel"}, {"Key": "x", "Value": ""}]
    assert s["MaximumPlayerSessionCount"] == 4 and s["CurrentPlayerSessionCount"] == 0, s
    assert re.fullmatch(r"(203\.0\.113|198\.51\.100|192\.0\.2)\.\d+", s["IpAddress"]), s
    assert 1024 <= s["Port"] <= 60000 and s["DnsName"].startswith("ec2-"), s
    assert s["Status"] == "ACTIVATING" and abs(s["CreationTime"].timestamp() - time.time()) < 5, s
    until(lambda: status_of(s["GameSessionId"]) == "ACTIVE")


def home_region_is_not_in_the_arn_path():
    s = create(IdempotencyToken="home-1")
    assert s["GameSessionId"] == "arn:aws:gamelift:us-east-1::gamesession/fleet-demo/home-1", s
    assert s["Location"] == "us-east-1", s
    other = create()
    assert re.fullmatch(r"arn:aws:gamelift:us-east-1::gamesession/fleet-demo/[0-9a-f-]{36}",
                        other["GameSessionId"]), other


def a_token_gives_the_same_session_with_its_state():
    first = create(IdempotencyToken="again-1", Name="one")
    until(lambda: status_of(first["GameSessionId"]) == "ACTIVE")
    second = create(IdempotencyToken="again-1", Name="one")
    assert second["GameSessionId"] == first["GameSessionId"], second
    assert second["Status"] == "ACTIVE" and second["Port"] == first["Port"], second
    refused("IdempotentParameterMismatchException", create, IdempotencyToken="again-1", Name="two")
    client().terminate_game_session(GameSessionId=first["GameSessionId"],
                                    TerminationMode="FORCE_TERMINATE")
    assert create(IdempotencyToken="again-1", Name="one")["Status"] == "TERMINATED"


def a_refused_create_does_not_use_up_its_token():
    refused("FleetCapacityExceededException", create, IdempotencyToken="full-1", Location="us-west-2")
    assert create(IdempotencyToken="full-1", Location="us-east-1")["GameSessionId"].endswith("full-1")


def capacity_is_kept_and_comes_back():
    one = client().create_game_session(
        FleetId="fleet-small", MaximumPlayerSessionCount=1)["GameSession"]
    arguments = {"FleetId": "arn:aws:gamelift:us-east-1:123456789012:fleet/fleet-small",
                 "MaximumPlayerSessionCount": 1}
    refused("FleetCapacityExceededException", client().create_game_session, **arguments)
    client().terminate_game_session(GameSessionId=one["GameSessionId"],
                                    TerminationMode="FORCE_TERMINATE")
    two = client().create_game_session(**arguments)["GameSession"]
    client().terminate_game_session(GameSessionId=two["GameSessionId"],
                                    TerminationMode="FORCE_TERMINATE")


def fleets_aliases_and_locations_are_checked():
    c = client()
    most = {"MaximumPlayerSessionCount": 1}
    refused("NotFoundException", c.create_game_session, FleetId="fleet-none", **most)
    refused("NotFoundException", c.create_game_session, AliasId="alias-none", **most)
    r = refused("TerminalRoutingStrategyException", c.create_game_session, AliasId="alias-closed", **most)
    assert r["Error"]["Message"] == "This game has ended.", r
    refused("InvalidFleetStatusException", c.create_game_session, FleetId="fleet-building", **most)
    refused("InvalidRequestException", c.create_game_session, **most)
    refused("InvalidRequestException", c.create_game_session, FleetId=FLEET, AliasId=ALIAS, **most)
    refused("UnsupportedRegionException", c.create_game_session, FleetId=FLEET, Location="moon-1", **most)
    refused("InvalidRequestException", c.create_game_session, FleetId="fleet-small",
            Location="eu-central-1", **most)
    refused("InvalidRequestException", c.create_game_session, FleetId="fleet-own", **most)
    assert c.create_game_session(FleetId="fleet-own", Location="custom-office", **most)["GameSession"]


def every_broken_constraint_names_its_member():
    c = client()
    cases = [
        ("Location", {"Location": "l" * 65}),
        ("AliasId", {"AliasId": "nonsense"}),
        ("Name", {"Name": "n" * 1025}),
        ("IdempotencyToken", {"IdempotencyToken": "not allowed!"}),
        ("GameProperties", {"GameProperties": [{"Key": str(i), "Value": ""} for i in range(17)]}),
        ("GameProperties[1].Value", {"GameProperties": [{"Key": "a", "Value": "b"},
                                                        {"Key": "c", "Value": "d" * 97}]}),
        ("GameSessionData", {"GameSessionData": "d" * 262145}),
    ]
    for member, arguments in cases:
        r = refused("InvalidRequestException", c.create_game_session,
                    **{"AliasId": ALIAS, "MaximumPlayerSessionCount": 1, **arguments})
        assert member in r["Error"]["Message"], (member, r["Error"]["Message"])
    assert create(GameSessionData="d" * 262144)["GameSessionData"] == "d" * 262144


def terminate_ends_and_frees():
    s = create()
    c = client()
    r = c.terminate_game_session(GameSessionId=s["GameSessionId"],
                                 TerminationMode="TRIGGER_ON_PROCESS_TERMINATE")["GameSession"]
    assert r["Status"] == "TERMINATING", r
    assert r["StatusReason"] == "TRIGGERED_ON_PROCESS_TERMINATE", r
    until(lambda: status_of(s["GameSessionId"]) == "TERMINATED")
    refused("InvalidGameSessionStatusException", c.terminate_game_session,
            GameSessionId=s["GameSessionId"], TerminationMode="TRIGGER_ON_PROCESS_TERMINATE")
    refused("NotFoundException", c.terminate_game_session, TerminationMode="FORCE_TERMINATE",
            GameSessionId="arn:aws:gamelift:us-east-1::gamesession/fleet-demo/none")
    forced = c.terminate_game_session(GameSessionId=create()["GameSessionId"],
                                      TerminationMode="FORCE_TERMINATE")["GameSession"]
    assert forced["Status"] == "TERMINATED" and forced["StatusReason"] == "FORCE_TERMINATED", forced
    assert forced["TerminationTime"] >= forced["CreationTime"], forced


def describe_filters_and_pages():
    SIM.control("POST", "reset")
    arns = [create()["GameSessionId"] for _ in range(5)]
    away = create(Location="eu-central-1")["GameSessionId"]
    c = client()
    c.terminate_game_session(GameSessionId=arns[0], TerminationMode="FORCE_TERMINATE")
    found, token = [], {}
    while True:
        page = c.describe_game_sessions(FleetId=FLEET, Limit=4, **token)
        assert len(page["GameSessions"]) <= 4, page
        found += [s["GameSessionId"] for s in page["GameSessions"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert found == arns + [away], found
    ended = c.describe_game_sessions(AliasId=ALIAS, StatusFilter="TERMINATED")["GameSessions"]
    assert [s["GameSessionId"] for s in ended] == arns[:1], ended
    there = c.describe_game_sessions(FleetId=FLEET, Location="eu-central-1")["GameSessions"]
    assert [s["GameSessionId"] for s in there] == [away], there
    refused("InvalidRequestException", c.describe_game_sessions)
    refused("InvalidRequestException", c.describe_game_sessions, FleetId=FLEET, StatusFilter="X")
    refused("InvalidRequestException", c.describe_game_sessions, FleetId=FLEET, NextToken="X")
    refused("NotFoundException", c.describe_game_sessions, GameSessionId=arns[1] + "x")


def each_region_knows_its_own_fleets():
    tokyo = client("ap-northeast-1")
    s = tokyo.create_game_session(FleetId="fleet-tokyo", MaximumPlayerSessionCount=1)["GameSession"]
    assert s["GameSessionId"].startswith("arn:aws:gamelift:ap-northeast-1::gamesession/fleet-tokyo/")
    refused("NotFoundException", tokyo.create_game_session, FleetId=FLEET, MaximumPlayerSessionCount=1)
    refused("NotFoundException", client().terminate_game_session, TerminationMode="FORCE_TERMINATE",
            GameSessionId=s["GameSessionId"])
    tokyo.terminate_game_session(GameSessionId=s["GameSessionId"], TerminationMode="FORCE_TERMINATE")


# ---- placements ----

def place(placement, **more):
    arguments = {"PlacementId": placement, "GameSessionQueueName": QUEUE,
                 "MaximumPlayerSessionCount": 3, **more}
    return client().start_game_session_placement(**arguments)["GameSessionPlacement"]


def placement_of(placement):
    return client().describe_game_session_placement(PlacementId=placement)["GameSessionPlacement"]


def settled(placement):
    until(lambda: placement_of(placement)["Status"] != "PENDING")
    return placement_of(placement)


def a_placement_is_fulfilled():
    p = place("place-1", GameProperties=[{"Key": "k", "Value": "v"}], GameSessionName="name",
              GameSessionData="data", DesiredPlayerSessions=[{"PlayerId": "p1"}, {"PlayerId": "p2"}],
              PlayerLatencies=[
                  {"PlayerId": "p1", "RegionIdentifier": "us-east-1", "LatencyInMilliseconds": 90.5},
                  {"PlayerId": "p1", "RegionIdentifier": "eu-central-1", "LatencyInMilliseconds": 20},
                  {"PlayerId": "p1", "RegionIdentifier": "us-west-2", "LatencyInMilliseconds": 1}])
    assert p["Status"] == "PENDING" and "GameSessionArn" not in p and "Port" not in p, p
    p = settled("place-1")
    assert p["Status"] == "FULFILLED", p
    # The nearest location is full, the next nearest is not.
    assert p["GameSessionRegion"] == "eu-central-1", p
    assert p["GameSessionArn"] == p["GameSessionId"], p
    assert [s["PlayerId"] for s in p["PlacedPlayerSessions"]] == ["p1", "p2"], p
    assert all(s["PlayerSessionId"].startswith("psess-") for s in p["PlacedPlayerSessions"]), p
    assert p["EndTime"] >= p["StartTime"] and p["PlayerLatencies"][0]["LatencyInMilliseconds"] == 90.5
    s = client().describe_game_sessions(GameSessionId=p["GameSessionArn"])["GameSessions"][0]
    assert s["Status"] == "ACTIVE" and s["Port"] == p["Port"] and s["Name"] == "name", s
    assert s["GameProperties"] == [{"Key": "k", "Value": "v"}] and s["GameSessionData"] == "data", s


def placement_ids_are_never_reusable():
    place("place-2")
    refused("InvalidRequestException", place, placement="place-2")
    settled("place-2")
    refused("InvalidRequestException", place, placement="place-2")


def the_priority_override_is_honoured():
    first = ["us-west-2", "eu-central-1", "us-east-1"]
    place("order-1", PriorityConfigurationOverride={"LocationOrder": first})
    assert settled("order-1")["GameSessionRegion"] == "eu-central-1"
    place("order-2", PriorityConfigurationOverride={
        "LocationOrder": ["us-west-2"], "PlacementFallbackStrategy": "DEFAULT_AFTER_SINGLE_PASS"})
    assert settled("order-2")["GameSessionRegion"] == "us-east-1"
    place("order-3", PriorityConfigurationOverride={
        "LocationOrder": ["us-west-2"], "PlacementFallbackStrategy": "NONE"})
    time.sleep(0.3)
    assert placement_of("order-3")["Status"] == "PENDING"
    SIM.control("POST", "fleets/" + FLEET, {"location": "us-west-2", "capacity": 1})
    assert settled("order-3")["GameSessionRegion"] == "us-west-2"
    SIM.control("POST", "fleets/" + FLEET, {"location": "us-west-2", "capacity": 0})
    refused("InvalidRequestException", place, placement="order-4",
            PriorityConfigurationOverride={"LocationOrder": first},
            PlayerLatencies=[{"PlayerId": "p", "RegionIdentifier": "x", "LatencyInMilliseconds": 1}])


def stop_cancels_only_what_is_pending():
    place("stop-1", PriorityConfigurationOverride={
        "LocationOrder": ["us-west-2"], "PlacementFallbackStrategy": "NONE"})
    c = client()
    assert c.stop_game_session_placement(PlacementId="stop-1")[
        "GameSessionPlacement"]["Status"] == "CANCELLED"
    refused("InvalidRequestException", c.stop_game_session_placement, PlacementId="stop-1")
    place("stop-2")
    settled("stop-2")
    refused("InvalidRequestException", c.stop_game_session_placement, PlacementId="stop-2")
    refused("NotFoundException", c.stop_game_session_placement, PlacementId="stop-none")
    refused("NotFoundException", c.describe_game_session_placement, PlacementId="stop-none")
    refused("NotFoundException", place, placement="stop-3", GameSessionQueueName="no-queue")


def a_placement_times_out_or_gets_the_server_that_becomes_free():
    held = client().create_game_session(FleetId="fleet-small", MaximumPlayerSessionCount=1)
    arn = held["GameSession"]["GameSessionId"]
    place("late-1", GameSessionQueueName="small-queue")
    assert settled("late-1")["Status"] == "TIMED_OUT"
    place("late-2", GameSessionQueueName=(
        "arn:aws:gamelift:us-east-1:123456789012:gamesessionqueue/patient-queue"))
    time.sleep(0.2)
    client().terminate_game_session(GameSessionId=arn, TerminationMode="FORCE_TERMINATE")
    assert settled("late-2")["Status"] == "FULFILLED"
    place("late-3", GameSessionQueueName="patient-queue")
    SIM.control("POST", "placements/late-3/status", {"status": "FAILED"})
    assert placement_of("late-3")["Status"] == "FAILED"


# ---- who asks ----

def wrong_keys_are_refused():
    most = {"AliasId": ALIAS, "MaximumPlayerSessionCount": 1}
    refused("InvalidSignatureException", client(secret="x" * 40).create_game_session, **most)
    refused("UnrecognizedClientException", client(key="AKIDOTHER").create_game_session, **most)
    refused("UnrecognizedClientException", client(token="UNASKED").create_game_session, **most)
    refused("InvalidSignatureException", client("eu-north-1").create_game_session, **most)


def a_session_token_is_required_where_there_is_one():
    other = Sim(BINARY, "--session-token", "TOKEN", "--access-key", "ASIAX", "--secret-key", "s")
    try:
        keys = {"key": "ASIAX", "secret": "s", "url": other.url}
        call = {"AliasId": ALIAS, "MaximumPlayerSessionCount": 1}
        assert client(token="TOKEN", **keys).create_game_session(**call)["GameSession"]
        refused("UnrecognizedClientException", client(**keys).create_game_session, **call)
        refused("UnrecognizedClientException", client(token="T", **keys).create_game_session, **call)
        seen = json.dumps(other.control("GET", "requests"))
        assert "TOKEN" not in seen and "SignedHeaders=content-type;host;" in seen, seen
    finally:
        other.stop()


def an_altered_body_is_refused():
    c = client()
    def alter(request, **_):
        request.body = request.body.replace(b"4", b"5")
    c.meta.events.register("before-send.gamelift.CreateGameSession", alter)
    refused("InvalidSignatureException", c.create_game_session, AliasId=ALIAS,
            MaximumPlayerSessionCount=4)


def a_clock_that_is_off_is_refused():
    for offset, wording in ((3600_000, "Signature expired"), (-3600_000, "Signature not yet current")):
        SIM.control("POST", "clock", {"offset_ms": offset})
        r = refused("InvalidSignatureException", create)
        assert wording in r["Error"]["Message"], r
    SIM.control("POST", "clock", {"offset_ms": 240_000})
    assert create()
    SIM.control("POST", "clock", {"offset_ms": 0})


def post(body, **headers):
    """A raw request, for what no SDK would send."""
    given = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "GameLift.CreateGameSession"}
    given.update(headers)
    request = urllib.request.Request(SIM.url + "/", data=body, method="POST", headers=given)
    try:
        return urllib.request.urlopen(request, timeout=10).status, None
    except urllib.error.HTTPError as e:
        return e.code, json.load(e)["__type"]


def what_no_sdk_sends_is_refused():
    assert post(b"{}") == (400, "MissingAuthenticationTokenException")
    assert post(b"{}", Authorization="Basic eDp5") == (400, "IncompleteSignatureException")
    assert post(b"{}", Authorization="AWS4-HMAC-SHA256 Credential=x") == (
        400, "IncompleteSignatureException")
    assert post(b"{}", **{"X-Amz-Target": "GameLift.Nonsense"}) == (400, "UnknownOperationException")
    assert post(b"{}", **{"X-Amz-Target": "Other.CreateGameSession"}) == (
        400, "UnknownOperationException")
    assert post(b"{}", **{"Content-Type": "text/plain"}) == (400, "UnknownOperationException")


# ---- faults ----

def fault(**rule):
    SIM.control("DELETE", "faults")
    SIM.control("POST", "faults", rule)


def fails_without_an_answer(call):
    try:
        call()
    except botocore.exceptions.HTTPClientError:
        return
    except botocore.parsers.ResponseParserError:
        return
    raise AssertionError("it succeeded")


def errors_come_when_asked_for():
    fault(kind="throttle", operation="CreateGameSession", count=2)
    refused("ThrottlingException", create)
    refused("ThrottlingException", create)
    assert create()
    fault(kind="error", type="NotReadyException", message="wait", operation="TerminateGameSession",
          count=1)
    arn = create()["GameSessionId"]
    r = refused("NotReadyException", client().terminate_game_session, GameSessionId=arn,
                TerminationMode="FORCE_TERMINATE")
    assert r["Error"]["Message"] == "wait", r
    fault(kind="error", type="InternalServiceException", status=500, location="eu-central-1")
    assert create()
    r = refused("InternalServiceException", create, Location="eu-central-1")
    assert r["ResponseMetadata"]["HTTPStatusCode"] == 500, r
    fault(kind="http", status=503, body="<html>busy</html>", content_type="text/html", count=1)
    refused("503", create_with_html_error)
    SIM.control("DELETE", "faults")


def create_with_html_error():
    try:
        create()
    except botocore.exceptions.ClientError as e:
        e.response["ResponseMetadata"].setdefault("RequestId", "none")
        e.response["Error"]["Message"] = e.response["Error"]["Message"] or "none"
        raise


def connections_break_where_asked_for():
    for kind in ("reset", "close", "half_header", "half_body", "wrong_json"):
        fault(kind=kind, count=1)
        comes_to_nothing(lambda: client().create_game_session(
            AliasId=ALIAS, MaximumPlayerSessionCount=1))
        assert create(), kind
    fault(kind="black_hole", count=1)
    fails_without_an_answer(lambda: client(timeout=0.3).create_game_session(
        AliasId=ALIAS, MaximumPlayerSessionCount=1))
    assert create()


def comes_to_nothing(call):
    """Some releases of botocore take half an answer or broken JSON for one without members."""
    try:
        r = call()
    except (botocore.exceptions.HTTPClientError, botocore.parsers.ResponseParserError):
        return
    assert "GameSession" not in r, r


def raw_answer():
    """All bytes that come back for one signed request, and how the connection ended."""
    request = signed_create_request()
    head = "".join(f"{k}: {v}\r\n" for k, v in request.header_items())
    host, port = SIM.url[len("http://"):].split(":")
    seen = b""
    with socket.create_connection((host, int(port)), timeout=10) as s:
        s.sendall(f"POST / HTTP/1.1\r\nHost: {host}:{port}\r\n{head}Content-Length: "
                  f"{len(request.data)}\r\n\r\n".encode() + request.data)
        try:
            while block := s.recv(65536):
                seen += block
        except ConnectionResetError:
            return seen, "reset"
    return seen, "closed"


def each_break_looks_different_on_the_wire():
    fault(kind="reset", count=1)
    assert raw_answer() == (b"", "reset")
    fault(kind="close", count=1)
    assert raw_answer() == (b"", "closed")
    fault(kind="half_header", count=1)
    seen, end = raw_answer()
    assert seen.startswith(b"HTTP/1.1 200 OK\r\n") and b"\r\n\r\n" not in seen, seen
    fault(kind="half_body", when="after", count=1)
    seen, end = raw_answer()
    head, body = seen.split(b"\r\n\r\n")
    announced = int(re.search(rb"Content-Length: (\d+)", head).group(1))
    assert len(body) == announced // 2 and body.startswith(b'{"GameSession":'), seen


def a_slow_answer_holds_up_nobody_else():
    fault(kind="slow", delay_ms=1500, count=1)
    fails_without_an_answer(lambda: client(timeout=0.2).create_game_session(
        AliasId=ALIAS, MaximumPlayerSessionCount=1))
    start = time.monotonic()
    assert create()
    assert time.monotonic() - start < 1, "the slow call blocked this one"


def a_retry_after_a_lost_answer_meets_the_same_session():
    fault(kind="reset", when="after", operation="CreateGameSession", count=1)
    s = client(retries=2).create_game_session(
        AliasId=ALIAS, MaximumPlayerSessionCount=1, IdempotencyToken="lost-1")["GameSession"]
    assert s["GameSessionId"].endswith("/lost-1"), s
    state = SIM.control("GET", "state")
    assert len([x for x in state["sessions"] if x["GameSessionId"].endswith("/lost-1")]) == 1


def a_huge_answer_needs_no_memory():
    for chunked in (False, True):
        fault(kind="huge", bytes=200 << 20, chunked=chunked, count=1)
        start = resident_bytes()
        request = signed_create_request()
        with urllib.request.urlopen(request, timeout=30) as answer:
            total = 0
            while block := answer.read(1 << 20):
                total += len(block)
        assert total == 200 << 20, total
        assert resident_bytes() - start < 32 << 20, "it kept the body"


def signed_create_request():
    import botocore.auth
    import botocore.awsrequest
    import botocore.credentials
    body = json.dumps({"AliasId": ALIAS, "MaximumPlayerSessionCount": 1}).encode()
    request = botocore.awsrequest.AWSRequest("POST", SIM.url + "/", data=body, headers={
        "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "GameLift.CreateGameSession"})
    botocore.auth.SigV4Auth(botocore.credentials.Credentials(KEY, SECRET), "gamelift",
                            "us-east-1").add_auth(request)
    return urllib.request.Request(SIM.url + "/", data=body, method="POST", headers=dict(request.headers))


def resident_bytes():
    pages = pathlib.Path(f"/proc/{SIM.process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGESIZE")


# ---- steering ----

def bad_rules_are_refused_with_a_reason():
    for rule, words in (({"kind": "explode"}, "fault.kind"), ({"kind": "slow"}, "delay_ms"),
                        ({"kind": "reset", "cuont": 1}, "cuont"), ({}, "fault.kind is missing"),
                        ({"kind": "http", "status": 99}, "fault.status")):
        try:
            SIM.control("POST", "faults", rule)
            raise AssertionError(f"accepted {rule}")
        except urllib.error.HTTPError as e:
            assert e.code == 400 and words in json.load(e)["error"], rule


def the_journal_shows_requests_without_secrets():
    SIM.control("DELETE", "requests")
    create(Name="in the journal")
    # A request that was held back before may come to its end now.
    (seen,) = [r for r in SIM.control("GET", "requests") if "in the journal" in r["body"]]
    assert seen["operation"] == "CreateGameSession" and seen["verdict"] == "signature ok", seen
    assert seen["location"] == "us-east-1" and seen["status"] == 200, seen
    headers = {k.lower(): v for k, v in seen["headers"]}
    assert re.fullmatch(r"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/\d{8}/us-east-1/gamelift/aws4_request,"
                        r" SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=\*\*\*",
                        headers["authorization"]), headers
    assert json.loads(seen["body"])["Name"] == "in the journal", seen


def a_session_can_be_put_into_any_state():
    s = create(IdempotencyToken="state-1")
    for state in ("ERROR", "ACTIVE", "TERMINATING"):
        SIM.control("POST", "sessions/state-1/status", {"status": state})
        # A session that is being ended may have ended by the time it is looked at.
        assert status_of(s["GameSessionId"]) in (state, state.replace("TING", "TED"))
    SIM.control("POST", "sessions/state-1/status", {"status": "ERROR"})
    refused("InvalidGameSessionStatusException", client().terminate_game_session,
            GameSessionId=s["GameSessionId"], TerminationMode="FORCE_TERMINATE")


TESTS = [
    create_returns_what_was_asked_for, home_region_is_not_in_the_arn_path,
    a_token_gives_the_same_session_with_its_state, a_refused_create_does_not_use_up_its_token,
    capacity_is_kept_and_comes_back, fleets_aliases_and_locations_are_checked,
    every_broken_constraint_names_its_member, terminate_ends_and_frees, describe_filters_and_pages,
    each_region_knows_its_own_fleets, a_placement_is_fulfilled, placement_ids_are_never_reusable,
    the_priority_override_is_honoured, stop_cancels_only_what_is_pending,
    a_placement_times_out_or_gets_the_server_that_becomes_free, wrong_keys_are_refused,
    a_session_token_is_required_where_there_is_one, an_altered_body_is_refused,
    a_clock_that_is_off_is_refused, what_no_sdk_sends_is_refused, errors_come_when_asked_for,
    connections_break_where_asked_for, each_break_looks_different_on_the_wire, a_slow_answer_holds_up_nobody_else,
    a_retry_after_a_lost_answer_meets_the_same_session, a_huge_answer_needs_no_memory,
    bad_rules_are_refused_with_a_reason, the_journal_shows_requests_without_secrets,
    a_session_can_be_put_into_any_state,
]


def model_directory(model, into):
    """None if botocore's own model will do; else a data directory with the given one."""
    own = botocore.session.Session().get_component("data_loader").load_service_model(
        "gamelift", "service-2")
    if ("TerminateGameSession" in own["operations"]
            and "PriorityConfigurationOverride" in own["shapes"]):
        return None
    given = json.loads(pathlib.Path(model).read_text())
    given["metadata"]["protocol"] = "json"  # older releases read this member only
    path = pathlib.Path(into, "gamelift", given["metadata"]["apiVersion"])
    path.mkdir(parents=True)
    (path / "service-2.json").write_text(json.dumps(given))
    return into


def run():
    failed = 0
    for test in TESTS:
        SIM.control("POST", "reset")
        try:
            test()
            print(f"ok      {test.__name__}", flush=True)
        except Exception:
            failed += 1
            print(f"FAILED  {test.__name__}", flush=True)
            traceback.print_exc()
    print(f"{len(TESTS) - failed} passed, {failed} failed")
    return failed


def main():
    global BINARY, MODEL, SIM
    root = pathlib.Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", nargs="?", default=str(root / "build" / "sim" / "gamelift-sim"))
    parser.add_argument("--model", default=str(root / "idl" / "gamelift.json"))
    given = parser.parse_args()
    BINARY = given.binary
    for name in [n for n in os.environ if n.startswith("AWS_")]:
        del os.environ[name]
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    with tempfile.TemporaryDirectory() as scratch:
        MODEL = model_directory(given.model, scratch)
        world = pathlib.Path(scratch, "world.json")
        world.write_text(json.dumps(WORLD))
        SIM = Sim(BINARY, "--world", str(world))
        try:
            failed = run()
        finally:
            SIM.stop()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
