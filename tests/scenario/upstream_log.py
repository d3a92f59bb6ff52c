#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""At LOG_LEVEL=debug each request to AWS and AGS, and its answer, is a line that tells no secret."""
import json

from harness import SECRET, World, story
from placements import QUEUE, WORLD, empty, order, placement, reported

VALUES = {
    "AWS secret key": SECRET,
    "session secret": "SessionSecretValue02", "session data": "SessionDataValue03",
}
FIELDS = {"secret": VALUES["session secret"],
          "session_data": json.dumps({"key": VALUES["session data"]})}


def contents(service, upstream, operation, kind):
    """What the lines of an operation hold, as objects."""
    field = f"{upstream}.{kind}.content"
    lines = [line for line in service.log()
             if line.get(f"{upstream}.operation") == operation and field in line]
    assert lines, f"no line with the {kind} of {operation}"
    assert all(len(line[field]) < 8192 for line in lines)
    return lines, [json.loads(line[field]) for line in lines]


def a_placement_is_followed_through_the_log(w, protocol):
    settings = {**w.sim.ags_settings(), "AWS_ENDPOINT_URL_SQS": w.sim.url,
                "PLACEMENT_EVENTS_QUEUE_URL": f"{w.sim.url}/000000000000/{QUEUE}",
                "PLACEMENT_REPORT": "all", "GAMELIFT_PROTOCOL": protocol, "LOG_LEVEL": "debug"}
    name = f"followed-{protocol}"
    with w.another(**settings) as service:
        order(w, service, name, **FIELDS)
        (told,) = reported(w, name)
        empty(w)
        assert service.terminate(name).success
        service.stop()
        made = placement(w, name)

        lines, (asked, *_) = contents(service, "aws", "StartGameSessionPlacement", "request")
        assert asked["PlacementId"] == name and asked["GameSessionData"] == "***", asked
        assert all(p["Value"] == "***" for p in asked["GameProperties"]), asked
        assert lines[0]["aws.region"] == "us-east-1" and lines[0]["sessionID"] == name, lines[0]
        lines, (answered, *_) = contents(service, "aws", "StartGameSessionPlacement", "response")
        assert answered["GameSessionPlacement"]["PlacementId"] == name, answered
        assert lines[0]["aws.region"] == "us-east-1", lines[0]

        _, received = contents(service, "aws", "ReceiveMessage", "response")
        bodies = [m["Body"] for answer in received for m in answer.get("Messages", ())]
        assert bodies and set(bodies) == {"***"}, received
        _, (granted, *_) = contents(service, "ags", "TokenGrantV3", "response")
        assert granted["access_token"] == "***", granted
        _, (update, *_) = contents(service, "ags", "adminUpdateDSInformation", "request")
        assert update["body"]["ip"] == "***" and update["body"]["port"] == "***", update
        assert update["body"]["serverId"] == made["GameSessionArn"] == told["serverId"], update
        _, (ended, *_) = contents(service, "aws", "TerminateGameSession", "request")
        assert ended["GameSessionId"] == made["GameSessionArn"], ended

        for what, value in {**VALUES, "address": made["IpAddress"],
                            "AGS client secret": settings["AB_CLIENT_SECRET"]}.items():
            for text in (service.output(), service.errors()):
                assert value not in text, f"{what} is in the log: ...{text[text.index(value) - 200:]}"
        assert "Bearer " not in service.output()


def a_placement_in_json(w):
    """Each operation of a placement is in the log, in awsJson"""
    a_placement_is_followed_through_the_log(w, "json")


def a_placement_in_cbor(w):
    """Each operation of a placement is in the log, in CBOR"""
    a_placement_is_followed_through_the_log(w, "cbor")


def a_created_session_is_followed(w):
    """The answer with the server's address is logged without it"""
    with w.another(LOG_LEVEL="debug") as service:
        answer = service.create(session_id="created-1", **FIELDS)
        service.stop()
        _, (made, *_) = contents(service, "aws", "CreateGameSession", "response")
        assert made["GameSession"]["IpAddress"] == made["GameSession"]["Port"] == "***", made
        assert made["GameSession"]["GameSessionId"] == answer.server_id, made
        assert made["GameSession"].get("DnsName", "***") == "***", made
        for value in (*VALUES.values(), answer.ip):
            assert value not in service.output(), value


def nothing_of_it_above_debug(w):
    """At info no line has a request or an answer"""
    with w.another(LOG_LEVEL="info") as service:
        service.create(session_id="created-2")
        service.stop()
        assert not [key for line in service.log() for key in line if key.endswith(".content")]


if __name__ == "__main__":
    story([a_placement_in_json, a_placement_in_cbor, a_created_session_is_followed,
           nothing_of_it_above_debug], world=WORLD)
