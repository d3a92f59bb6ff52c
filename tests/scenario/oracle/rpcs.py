# SPDX-License-Identifier: Apache-2.0
"""Requests of the running service: what each RPC sends to GameLift, and botocore for the same
parameters, which are written down here."""
import json

from harness import SERVICE as METHODS
from harness import Service, Upstream, running, send_answer
from operations import compare_requests
from oracle import ARN, KEYS, REGION, TOKEN, call_sdk, gateway

SESSION = {"GameSessionId": ARN, "Status": "ACTIVE", "IpAddress": "203.0.113.9", "Port": 1234}
PENDING = {"GameSessionPlacement": {"PlacementId": "story-1", "Status": "PENDING"}}
GONE = (400, {"__type": "NotFoundException", "Message": "none"})
DATA = '{"gamelift_latencies": {"p1": {"eu-west-1": 12.5, "us-east-1": 100}}, "ü": "🎮\\u2028"}'
COMMON = {"session_id": "story-1", "namespace": "studio-game", "deployment": "alias-demo",
          "requested_region": ["eu-west-1", "us-east-1"], "maximum_player": 2147483647,
          "session_data": DATA, "client_version": "", "game_mode": "dü🎮l", "secret": "s"}
PROPERTIES = [{"Key": "clientVersion", "Value": ""}, {"Key": "gameMode", "Value": "dü🎮l"},
              {"Key": "sessionSecret", "Value": "s"}, {"Key": "sessionId", "Value": "story-1"},
              {"Key": "namespace", "Value": "studio-game"}]
CREATED = {"AliasId": "alias-demo", "IdempotencyToken": "story-1", "Location": "eu-west-1",
           "MaximumPlayerSessionCount": 2147483647, "GameProperties": PROPERTIES,
           "GameSessionData": DATA}
PLACED = {"PlacementId": "story-1", "GameSessionQueueName": "queue-1",
          "MaximumPlayerSessionCount": 2147483647, "GameProperties": PROPERTIES,
          "GameSessionData": DATA}
BY_LATENCY = [{"PlayerId": "p1", "RegionIdentifier": "eu-west-1", "LatencyInMilliseconds": 12.5},
              {"PlayerId": "p1", "RegionIdentifier": "us-east-1", "LatencyInMilliseconds": 100}]

ENDED = {"session_id": "story-1", "namespace": "studio-game"}

# RPC, fields, settings, whether AGS knows the session, then for each request that the service must
# send: operation, parameters, answer.
STORIES = [
    ("CreateGameSession", COMMON, {"GAMELIFT_WAIT_ACTIVE": "true"}, True, [
        ("CreateGameSession", CREATED, {"GameSession": {**SESSION, "Status": "ACTIVATING"}}),
        ("DescribeGameSessions", {"GameSessionId": ARN}, {"GameSessions": [SESSION]})]),
    ("CreateGameSession", {**COMMON, "session_data": "\U0001f3ae" * 60000}, {}, True, [
        ("CreateGameSession", {**CREATED, "GameSessionData": "\U0001f3ae" * 60000},
         {"GameSession": SESSION})]),
    ("CreateGameSessionAsync", {**COMMON, "deployment": "queue-1"}, {}, True, [
        ("StartGameSessionPlacement", {**PLACED, "PlayerLatencies": BY_LATENCY}, PENDING)]),
    ("CreateGameSessionAsync", {**COMMON, "deployment": "queue-1"},
     {"GAMELIFT_QUEUE_USE_REQUESTED_REGIONS": "true"}, True, [
         ("StartGameSessionPlacement",
          {**PLACED, "PriorityConfigurationOverride":
           {"LocationOrder": COMMON["requested_region"]}},
          (400, {"__type": "InvalidRequestException", "Message": "taken"})),
         ("DescribeGameSessionPlacement", {"PlacementId": "story-1"}, PENDING)]),
    ("TerminateGameSession", ENDED, {}, True, [
        ("TerminateGameSession",
         {"GameSessionId": ARN, "TerminationMode": "TRIGGER_ON_PROCESS_TERMINATE"}, {})]),
    ("TerminateGameSession", ENDED,
     {"GAMELIFT_TERMINATION_MODE": "FORCE_TERMINATE"}, True, [
         ("TerminateGameSession",
          {"GameSessionId": ARN, "TerminationMode": "FORCE_TERMINATE"}, {})]),
    ("TerminateGameSession", ENDED, {}, False, [
        ("DescribeGameSessionPlacement", {"PlacementId": "story-1"}, PENDING),
        ("StopGameSessionPlacement", {"PlacementId": "story-1"}, PENDING),
        ("DescribeGameSessionPlacement", {"PlacementId": "story-1-r2"}, GONE)]),
]


def ags(knows_session):
    """An AGS that gives tokens and one session."""
    def behave(connection, request):
        if request.path.startswith("/iam/v3/oauth/token"):
            send_answer(connection, 200, json.dumps(
                {"access_token": "a", "expires_in": 3600, "token_type": "Bearer"}).encode())
        elif knows_session and request.path.endswith("/gamesessions/story-1"):
            send_answer(connection, 200, json.dumps({
                "id": "story-1", "DSInformation": {"StatusV2": "AVAILABLE",
                                                   "Server": {"deployment": ARN}}}).encode())
        else:
            send_answer(connection, 404, b'{"errorCode": 20029, "errorMessage": "none"}')
    return running(Upstream(behave))


def play(rpc, fields, settings, knows_session, expected, environment):
    """The requests that the service sends for an RPC."""
    replies = [answer for _, _, answer in expected]

    def behave(connection, request):
        reply = replies.pop(0) if replies else (500, {})
        status, body = reply if isinstance(reply, tuple) else (200, reply)
        send_answer(connection, status, json.dumps(body).encode())

    with running(Upstream(behave)) as aws, ags(knows_session) as upstream, \
            running(Service(aws.url, AB_BASE_URL=upstream.url, **settings,
                            **environment)) as service:
        request = "Request" + rpc.removesuffix("Async")
        call = service.unary(METHODS + rpc, request, f"Response{rpc}")
        call(service.messages[request](**fields), timeout=20)
    for request in aws.requests:
        request.url = f"http://{request.header('Host')}{request.path}"
    return aws.requests


def compare(book):
    for rpc, fields, settings, knows_session, expected in STORIES:
        chain = " ".join(operation for operation, _, _ in expected)
        with book.group(f"RPC {rpc}{'' if knows_session else ' (unknown to AGS)'} sends {chain}"):
            for token in ({}, {"AWS_SESSION_TOKEN": TOKEN}):
                sent = play(rpc, fields, settings, knows_session, expected, token)
                book.equal("operations", [r.header("X-Amz-Target") for r in sent],
                           [f"GameLift.{operation}" for operation, _, _ in expected])
                for ours, (operation, parameters, _) in zip(sent, expected):
                    with gateway(lambda request: (200, "{}")) as at:
                        environment = {**KEYS, **REGION, **token, "AWS_ENDPOINT_URL_GAMELIFT":
                                       ours.url.removesuffix("/")}
                        call_sdk(operation, parameters, environment, at)
                        compare_requests(book, operation, ours, at.requests[0])
