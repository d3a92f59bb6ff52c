#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What becomes of a placement gets to AGS: by the events of an SQS queue, or by asking."""
import contextlib
import json
import time
import urllib.request

from harness import PATIENCE, Sim, World, eventually, program, running, story
from instrumented import sanitized

QUEUE = "placement-events"
DEAD = "placement-events-dead"
SANITIZED = sanitized(program("session-dsm"))
LONG_AGO_MS = -60_000  # this far back GameLift's clock makes a placement one that ended long ago

WORLD = {
    "home_region": "us-east-1", "placement_ms": 100,
    "fleets": [{"id": "fleet-demo", "locations": [{"name": "us-east-1", "capacity": 50},
                                                  {"name": "eu-central-1", "capacity": 50}]},
               {"id": "fleet-full", "locations": [{"name": "us-east-1", "capacity": 0}]},
               {"id": "fleet-west", "region": "us-west-2",
                "locations": [{"name": "us-west-2", "capacity": 5}]}],
    "aliases": [{"id": "alias-demo", "fleet": "fleet-demo"},
                {"id": "alias-full", "fleet": "fleet-full"},
                {"id": "alias-west", "fleet": "fleet-west", "region": "us-west-2"}],
    "queues": [{"name": "demo-queue", "destinations": ["alias-demo"], "timeout_ms": 60000},
               {"name": "full-queue", "destinations": ["alias-full"], "timeout_ms": 200},
               {"name": "west-queue", "region": "us-west-2", "destinations": ["alias-west"],
                "timeout_ms": 60000}],
}
WEST = "arn:aws:gamelift:us-west-2:123456789012:gamesessionqueue/west-queue"


def taking(w, **settings):
    """A replica that takes events from the queue, for `with`."""
    return w.another(**{**w.sim.ags_settings(), "AWS_ENDPOINT_URL_SQS": w.sim.url,
                        "PLACEMENT_EVENTS_QUEUE_URL": f"{w.sim.url}/000000000000/{QUEUE}",
                        "PLACEMENT_RETRY_MAX_MS": 1000, **settings})


def order(w, service, session_id, namespace="studio-game", known=True, **fields):
    """An order by AGS, which then waits for the server."""
    if known:
        w.sim.put_ags_session(session_id, namespace, status="REQUESTED")
    answer = service.create_async(session_id=session_id, namespace=namespace, **fields)
    assert answer.success, answer


def placement(w, name):
    return eventually(lambda: next((p for p in w.sim.placements() if p["PlacementId"] == name
                                    and p["Status"] != "PENDING"), None), f"{name} has ended")


def reports(w, session_id, namespace="studio-game"):
    """What AGS was told of a session, oldest first."""
    return [r["body"] for r in
            w.sim.control("GET", f"ags/sessions/{namespace}/{session_id}")["history"]]


def reported(w, session_id, namespace="studio-game", seconds=PATIENCE):
    return eventually(lambda: reports(w, session_id, namespace), f"{session_id} is reported",
                      seconds)


def queue(w, name=QUEUE):
    return w.sim.control("GET", f"sqs/queues/{name}")


def empty(w):
    eventually(lambda: queue(w)["messages"] == 0, "the queue is empty")


def status_of(w, arn):
    return next(s["Status"] for s in w.sim.sessions() if s["GameSessionId"] == arn)


def ended(w, arn):
    eventually(lambda: status_of(w, arn) in ("TERMINATING", "TERMINATED"), f"{arn} is ended")


def metric(service, name, labels=""):
    port = next(line["metrics.port"] for line in service.log() if line["msg"] == "serving")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith(f"{name}{labels} "):
                return float(line.split()[-1])
    return None


def failures_are_reported_and_the_message_is_deleted(w):
    """A placement that fails is reported as FAILED_TO_REQUEST, and its message deleted"""
    with taking(w) as service:
        order(w, service, "fails-1", deployment="full-queue")
        (told,) = reported(w, "fails-1")
        assert told["status"] == "FAILED_TO_REQUEST" and told["serverId"] == "fails-1", told
        assert told["deployment"] == "PlacementTimedOut" and told["description"], told
        assert told["region"] == told["createdRegion"] == "us-east-1", told
        empty(w)
        assert queue(w, DEAD)["messages"] == 0
        seen = '{result="reported_failed"}'
        assert metric(service, "session_dsm_placement_looks_total", seen) == 1


def servers_are_reported_where_all_is_to_be(w):
    """With PLACEMENT_REPORT=all a placed server is AVAILABLE with address, region and ARN"""
    with taking(w, PLACEMENT_REPORT="all") as service:
        order(w, service, "placed-1")
        (told,) = reported(w, "placed-1")
        made = placement(w, "placed-1")
        assert told == {
            "status": "AVAILABLE", "ip": made["IpAddress"], "port": made["Port"],
            "deployment": made["GameSessionArn"], "serverId": made["GameSessionArn"],
            "region": made["GameSessionRegion"], "createdRegion": made["GameSessionRegion"],
            "source": "Gamelift", "description": told["description"]}, told
        empty(w)
        assert service.terminate("placed-1").success
        ended(w, made["GameSessionArn"])


def servers_report_themselves_otherwise(w):
    """By default a placed server is left to report itself; the message waits until it has"""
    with taking(w) as service:
        order(w, service, "self-1")
        arn = placement(w, "self-1")["GameSessionArn"]
        eventually(lambda: queue(w)["received"] >= 2, "the placement is looked at again")
        w.sim.put_ags_session("self-1", status="AVAILABLE", deployment=arn)
        empty(w)
        assert reports(w, "self-1") == []
        assert status_of(w, arn) == "ACTIVE"


def unwanted_servers_are_ended(w):
    """The game session of a session that AGS has deleted or given up is ended"""
    w.sim.control("POST", "clock", {"offset_ms": LONG_AGO_MS})
    for name, status in (("gone-1", None), ("gave-up-1", "FAILED_TO_REQUEST"),
                         ("cancelled-1", "DS_CANCELLED"), ("over-1", "ENDED")):
        with taking(w) as service:
            if status is not None:
                w.sim.put_ags_session(name, status=status)
            order(w, service, name, known=False)
            ended(w, placement(w, name)["GameSessionArn"])
            empty(w)
    w.sim.put_ags_session("idle-1", status="REQUESTED", active=False)
    with taking(w, PLACEMENT_REPORT="all") as service:
        order(w, service, "idle-1", known=False)
        ended(w, placement(w, "idle-1")["GameSessionArn"])
        assert reports(w, "idle-1") == []


def word_of_ags_is_waited_for_right_after_the_end(w):
    """Right after a placement's end nothing is ended for what AGS said before"""
    with taking(w, PLACEMENT_REPORT="all") as service:
        w.sim.put_ags_session("early-1", status="FAILED_TO_REQUEST")
        order(w, service, "early-1", known=False)
        arn = placement(w, "early-1")["GameSessionArn"]
        eventually(lambda: queue(w)["received"] >= 2, "the placement is looked at again")
        assert status_of(w, arn) == "ACTIVE" and reports(w, "early-1") == []
        w.sim.put_ags_session("early-1", status="REQUESTED")  # now AGS has our answer
        (told,) = reported(w, "early-1")
        assert (told["status"], told["deployment"]) == ("AVAILABLE", arn), told


def another_server_counts_while_it_lives(w):
    """A server is ended if AGS has another that lives, and reported if that one is dead"""
    w.sim.control("POST", "clock", {"offset_ms": LONG_AGO_MS})
    with taking(w, PLACEMENT_REPORT="all") as service:
        other = service.create(session_id="other-1").deployment
        w.sim.put_ags_session("second-1", status="AVAILABLE", deployment=other)
        order(w, service, "second-1", known=False)
        arn = placement(w, "second-1")["GameSessionArn"]
        ended(w, arn)
        assert reports(w, "second-1") == [] and status_of(w, other) != "TERMINATED"
        w.sim.put_ags_session("third-1", status="AVAILABLE", deployment=arn)
        order(w, service, "third-1", known=False)
        (told,) = reported(w, "third-1")
        assert told["deployment"] == placement(w, "third-1")["GameSessionArn"], told


def duplicates_and_disorder_do_no_harm(w):
    """Events that come several times and in any order are reported once each, and rightly"""
    w.sim.control("POST", "sqs", {"copies": 4, "scatter_ms": 600})
    with taking(w, PLACEMENT_REPORT="all") as one, taking(w, PLACEMENT_REPORT="all"):
        for i in range(12):
            order(w, one, f"dup-{i}", deployment="demo-queue" if i % 2 else "full-queue")
        for i in range(12):
            told = reported(w, f"dup-{i}")
            made = placement(w, f"dup-{i}")
            wanted = made.get("GameSessionArn") or "PlacementTimedOut"
            assert {t["deployment"] for t in told} == {wanted}, told
        w.sim.control("POST", "sqs", {"copies": 1})


def stale_placements_say_nothing(w):
    """The late event of a placement that has a successor overwrites nothing"""
    w.sim.control("POST", "sqs", {"form": "nothing"})
    w.sim.put_ags_session("stale-1", status="REQUESTED")
    with taking(w, PLACEMENT_REPORT="all") as service:
        order(w, service, "stale-1", deployment="full-queue")
        placement(w, "stale-1")
        order(w, service, "stale-1")  # AGS asks again: the second placement of the series
        arn = placement(w, "stale-1-r2")["GameSessionArn"]
        send_event(w, "stale-1", "PlacementTimedOut")
        empty(w)
        assert reports(w, "stale-1") == []
        send_event(w, "stale-1-r2", "PlacementFulfilled")
        (told,) = reported(w, "stale-1")
        assert told["deployment"] == arn, told


def event(placement_id, kind="PlacementFailed", region="us-east-1", **changes):
    return {"version": "0", "id": "1", "detail-type": "GameLift Queue Placement Event",
            "source": "aws.gamelift", "account": "123456789012", "time": "2026-01-01T00:00:00Z",
            "region": region, "resources": [],
            "detail": {"type": kind, "placementId": placement_id}, **changes}


def send(w, body, **more):
    text = body if isinstance(body, str) else json.dumps(body)
    w.sim.control("POST", f"sqs/queues/{QUEUE}/messages", {"body": text, **more})


def send_event(w, placement_id, kind):
    send(w, event(placement_id, kind))


def forms_of_sns_are_taken(w):
    """Events from an SNS topic are taken, wrapped and raw; unlisted topics can be kept out"""
    for form in ("sns", "sns_raw"):
        w.sim.control("POST", "sqs", {"form": form})
        with taking(w) as service:
            order(w, service, f"form-{form.replace('_', '-')}", deployment="full-queue")
            reported(w, f"form-{form.replace('_', '-')}")
    w.sim.control("POST", "sqs", {"form": "sns"})
    w.sim.control("PUT", f"sqs/queues/{QUEUE}", {"max_receive_count": 2})
    with taking(w, PLACEMENT_TOPIC_ARNS="arn:aws:sns:us-east-1:1:mine") as service:
        order(w, service, "form-other", deployment="full-queue")
        eventually(lambda: queue(w, DEAD)["messages"] == 1, "the message is a dead letter")
        assert reports(w, "form-other") == []


def poison_ends_as_a_dead_letter(w):
    """What is no event of a placement is counted, logged once, and ends as a dead letter"""
    w.sim.control("PUT", f"sqs/queues/{QUEUE}", {"max_receive_count": 3})
    bodies = ["", "no JSON", "[]", "{}", '{"Type":"Notification"}', "{" * 5000,
              json.dumps(event("x", source="aws.ec2")), json.dumps(event("bad id!")),
              json.dumps(event("x", "PlacementWhatever")), json.dumps(event("x", region="../..")),
              json.dumps({"Type": "SubscriptionConfirmation", "TopicArn": "t", "Message": "m"})]
    with taking(w) as service:
        for body in bodies:
            send(w, body)
        eventually(lambda: queue(w, DEAD)["messages"] == len(bodies), "all are dead letters")
        assert queue(w)["deleted"] == 0
        poison = metric(service, "session_dsm_placement_looks_total", '{result="poison"}')
        assert poison == 3 * len(bodies), poison
        told = [line for line in service.log() if "is no placement event" in line["msg"]
                and line["level"] == "ERROR"]
        assert len(told) == len(bodies), told


def forged_events_cause_a_look_and_no_more(w):
    """What an event says of a placement, its server or its region is not believed: GameLift is asked"""
    w.sim.control("POST", "sqs", {"form": "nothing"})
    w.sim.control("PUT", f"sqs/queues/{QUEUE}", {"max_receive_count": 3})
    with taking(w, PLACEMENT_REPORT="all") as service:
        other = service.create(session_id="forged-other").deployment
        order(w, service, "forged-1")
        arn = placement(w, "forged-1")["GameSessionArn"]
        evil = {"type": "PlacementFulfilled", "ipAddress": "203.0.113.66", "port": "1",
                "gameSessionArn": other, "gameSessionRegion": "eu-west-1"}
        # Of a placement that runs: the wrong end, and somebody else's server.
        send(w, event("forged-1", "PlacementFailed"))
        send(w, event("forged-1", detail={"placementId": "forged-1", **evil}))
        reported(w, "forged-1")
        empty(w)
        told = {(t["status"], t["deployment"]) for t in reports(w, "forged-1")}
        assert told == {("AVAILABLE", arn)}, told
        # Of one that has failed: that it was fulfilled.
        order(w, service, "forged-2", deployment="full-queue")
        placement(w, "forged-2")
        send(w, event("forged-2", detail={"placementId": "forged-2", **evil}))
        (told,) = reported(w, "forged-2")
        assert told["status"] == "FAILED_TO_REQUEST" and "203.0.113" not in str(told), told
        empty(w)
        # Of none at all, of regions that do not exist, and of queues that are not the event's own.
        bad = [event("forged-none"), *(event("forged-1", region=f"xx-forged-{i}") for i in range(40)),
               event("forged-1", resources=["arn:aws:gamelift:eu-west-1:123456789012:gamesessionqueue/q"]),
               event("forged-1", resources=["arn:aws:gamelift:us-east-1:210987654321:gamesessionqueue/q"])]
        for body in bad:
            send(w, body)
        eventually(lambda: queue(w, DEAD)["messages"] == len(bad), "they are dead letters")
        # A queue in a region that was not used before still has room.
        order(w, service, "forged-west", deployment=WEST)
        placement(w, "forged-west")
        send(w, event("forged-west", "PlacementFulfilled", region="us-west-2"))
        assert reported(w, "forged-west")[0]["region"] == "us-west-2"
        assert status_of(w, other) != "TERMINATED" and status_of(w, arn) == "ACTIVE"


def foreign_placements_are_left_alone(w):
    """Placements of others, and of namespaces that are not ours, are not touched"""
    with taking(w) as service, taking(w, PLACEMENT_NAMESPACES="studio-two,studio-three") as both:
        order(w, service, "far-1", namespace="studio-other", deployment="full-queue")
        placement(w, "far-1")
        empty(w)
        assert reports(w, "far-1", "studio-other") == []
        warned = [x for x in service.log() if "PLACEMENT_NAMESPACES" in x["msg"]]
        assert len(warned) == 1, warned
        del both


def several_namespaces_are_served(_):
    """One service reports the placements of several namespaces, each in its own"""
    with running(Sim("--ab-namespace", "*", world=WORLD)) as sim:
        w = World(sim, None)
        with taking(w, PLACEMENT_NAMESPACES="studio-two, studio-three") as service:
            for namespace in ("studio-two", "studio-three", "studio-game"):
                order(w, service, f"in-{namespace}", namespace, deployment="full-queue")
                reported(w, f"in-{namespace}", namespace)


def events_are_looked_at_in_their_own_region(w):
    """The placement of a queue in another AWS region is asked for there"""
    with taking(w, PLACEMENT_REPORT="all") as service:
        order(w, service, "west-1", deployment=WEST)
        (told,) = reported(w, "west-1")
        assert told["region"] == "us-west-2", told


def any_replica_handles_any_event(w):
    """A replica that has not taken the order reports its end"""
    order(w, w.service, "any-1", deployment="full-queue")
    placement(w, "any-1")
    with taking(w):
        reported(w, "any-1")
        empty(w)


def message_stays_until_ags_has_taken_the_report(w):
    """The message comes again, later each time, until AGS takes the report or refuses for good"""
    for index, fault in enumerate(({"kind": "http", "status": 500}, {"kind": "reset"},
                                   {"kind": "http", "status": 403}, {"kind": "half_body"})):
        w.sim.fault(service="ags", operation="adminUpdateDSInformation", count=8, **fault)
        with taking(w) as service:
            order(w, service, f"stays-{index}", deployment="full-queue")
            eventually(lambda: queue(w)["received"] >= 1, "it was received")
            assert queue(w)["deleted"] == index
            w.sim.no_faults()
            reported(w, f"stays-{index}")
            empty(w)
    w.sim.fault(service="ags", operation="adminUpdateDSInformation", kind="http", status=400,
                body='{"errorCode": 1, "errorMessage": "no"}', count=1)
    with taking(w) as service:
        order(w, service, "final-1", deployment="full-queue")
        refused = '{result="refused"}'
        eventually(lambda: metric(service, "session_dsm_placement_looks_total", refused) == 1,
                   "the refusal is counted")
        empty(w)
        assert reports(w, "final-1") == []


def each_wait_is_longer_up_to_a_limit(w):
    """A message that cannot be dealt with comes again after a longer wait each time, up to the limit"""
    w.sim.control("POST", "sqs", {"speed": 30})
    # Of this session alone, so that nothing is held back.
    w.sim.fault(service="ags", operation="adminUpdateDSInformation", kind="http", status=403)
    with taking(w, PLACEMENT_RETRY_MAX_MS=10_000) as service:
        order(w, service, "longer-1", deployment="full-queue")
        eventually(lambda: queue(w)["received"] >= 7, "it came again and again")
        w.sim.no_faults()
        reported(w, "longer-1")
        empty(w)
    waits = [json.loads(r["body"])["VisibilityTimeout"] for r in w.sim.control("GET", "requests")
             if r.get("operation") == "ChangeMessageVisibility"]
    # 2 s, twice as long each time, of which up to half is left to chance.
    for n, wait in enumerate(waits[:6]):
        most = min(2 * 2 ** n, 10)
        assert most / 2 <= wait <= most, waits


def reports_that_lost_their_answer_are_not_repeated(w):
    """A report whose answer was lost is found to have arrived"""
    w.sim.fault(service="ags", operation="adminUpdateDSInformation", kind="reset", when="after",
                count=3)
    with taking(w, PLACEMENT_REPORT="all") as service:
        order(w, service, "lost-1")
        arn = placement(w, "lost-1")["GameSessionArn"]
        empty(w)
        assert {t["deployment"] for t in reports(w, "lost-1")} == {arn}
        assert status_of(w, arn) == "ACTIVE"


def deletions_that_fail_are_tried_again(w):
    """Entries that SQS does not delete do no harm: their messages come again and go"""
    w.sim.control("POST", "sqs", {"failing_deletes": 2, "speed": 30})
    with taking(w, PLACEMENT_VISIBILITY_TIMEOUT=30) as service:
        order(w, service, "again-1", deployment="full-queue")
        reported(w, "again-1")
        empty(w)
        assert len(reports(w, "again-1")) == 1
        eventually(lambda: metric(service, "session_dsm_placement_delete_failures_total") == 2,
                   "the failures are counted")


def visibility_is_extended_at_work(w):
    """A message under work for longer than its visibility goes to nobody else"""
    w.sim.fault(service="ags", operation="adminUpdateDSInformation", kind="slow", delay_ms=3500,
                count=1)
    with taking(w, PLACEMENT_VISIBILITY_TIMEOUT=2) as service, taking(w):
        order(w, service, "slow-1", deployment="full-queue")
        reported(w, "slow-1")
        empty(w)
        assert queue(w)["received"] == 1, queue(w)


def unfinished_messages_are_released_at_once(w):
    """On SIGTERM what is not finished goes back to the queue at once"""
    w.sim.fault(service="ags", operation="getGameSession", kind="black_hole")
    with taking(w, PLACEMENT_VISIBILITY_TIMEOUT=600) as service:
        order(w, service, "release-1", deployment="full-queue")
        placement(w, "release-1")
        eventually(lambda: queue(w)["received"] == 1, "it is at work")
        time.sleep(0.2)
    (left,) = queue(w)["waiting"]
    assert left["visible_in_ms"] <= 0, left
    w.sim.no_faults()
    with taking(w):
        reported(w, "release-1")


def rpcs_are_served_while_events_wait(w):
    """Calls are answered while events hang on an AGS that says nothing"""
    w.sim.fault(service="ags", operation="getGameSession", kind="black_hole")
    with taking(w, PLACEMENT_MAX_IN_FLIGHT=5) as service:
        w.sim.control("POST", "sqs", {"copies": 20})
        order(w, service, "hang-1", deployment="full-queue")
        eventually(lambda: queue(w)["received"] >= 5, "events are at work")
        time.sleep(0.3)
        assert queue(w)["received"] == 5, queue(w)
        began = time.monotonic()
        assert service.create(session_id="while-1").status == "READY"
        assert time.monotonic() - began < 5
        w.sim.no_faults()


def ags_may_be_down_for_ten_minutes(w):
    """AGS down for ten simulated minutes, then back: everything is delivered, in bounded memory"""
    n = 150
    w.sim.control("POST", "sqs", {"speed": 60})
    with taking(w, PLACEMENT_REPORT="all", PLACEMENT_VISIBILITY_TIMEOUT=30) as one, \
            taking(w, PLACEMENT_REPORT="all", PLACEMENT_VISIBILITY_TIMEOUT=30):
        order(w, one, "warm-up")
        reported(w, "warm-up")
        before = one.resident_bytes()
        w.sim.fault(service="ags", kind="reset")
        down = time.monotonic()
        for i in range(n):
            order(w, one, f"down-{i}", deployment="demo-queue" if i < 60 else "full-queue")
        time.sleep(max(0.0, 600 / 60 - (time.monotonic() - down)))
        grown = one.resident_bytes() - before
        held = queue(w)["waiting"]
        assert len(held) == n, len(held)
        assert max(m["receive_count"] for m in held) < 60, "near the dead-letter queue"
        # A sanitizer keeps what was freed for a while.
        assert grown < (256 if SANITIZED else 16) << 20, f"{grown} bytes more"
        w.sim.no_faults()
        for i in range(n):
            assert len(reported(w, f"down-{i}")) >= 1
        empty(w)
        assert queue(w, DEAD)["messages"] == 0


@contextlib.contextmanager
def polling(w, **settings):
    w.sim.control("POST", "sqs", {"form": "nothing"})
    with w.another(**w.sim.ags_settings(), PLACEMENT_POLL="true", **settings) as service:
        yield service


def polling_reports_without_a_queue(w):
    """With PLACEMENT_POLL the replica asks until the end, and reports likewise"""
    with polling(w, PLACEMENT_REPORT="all") as service:
        order(w, service, "poll-1")
        order(w, service, "poll-2", deployment="full-queue")
        assert reported(w, "poll-1")[0]["deployment"] == placement(w, "poll-1")["GameSessionArn"]
        assert reported(w, "poll-2")[0]["status"] == "FAILED_TO_REQUEST"
        eventually(lambda: metric(service, "session_dsm_placements_watched") == 0,
                   "nothing is watched any more")


def polling_goes_on_when_ags_asks_again(w):
    """A restarted replica takes a placement up again when AGS repeats its request"""
    with polling(w, PLACEMENT_REPORT="all") as service:
        w.sim.fault(service="gamelift", operation="DescribeGameSessionPlacement", kind="throttle",
                    count=6)
        order(w, service, "resume-1")
        service.stop()
        told = [x for x in service.log() if "stops before a placement has ended" in x["msg"]]
        assert len(told) == 1, told
    w.sim.no_faults()
    with polling(w, PLACEMENT_REPORT="all") as service:
        order(w, service, "resume-1")
        assert len(reported(w, "resume-1")) == 1


if __name__ == "__main__":
    story([
        failures_are_reported_and_the_message_is_deleted, servers_are_reported_where_all_is_to_be,
        servers_report_themselves_otherwise, unwanted_servers_are_ended,
        word_of_ags_is_waited_for_right_after_the_end, another_server_counts_while_it_lives,
        duplicates_and_disorder_do_no_harm, stale_placements_say_nothing, forms_of_sns_are_taken,
        poison_ends_as_a_dead_letter, forged_events_cause_a_look_and_no_more,
        foreign_placements_are_left_alone,
        several_namespaces_are_served, events_are_looked_at_in_their_own_region, any_replica_handles_any_event,
        message_stays_until_ags_has_taken_the_report,
        each_wait_is_longer_up_to_a_limit,
        reports_that_lost_their_answer_are_not_repeated, deletions_that_fail_are_tried_again,
        visibility_is_extended_at_work, unfinished_messages_are_released_at_once,
        rpcs_are_served_while_events_wait, ags_may_be_down_for_ten_minutes,
        polling_reports_without_a_queue, polling_goes_on_when_ags_asks_again,
    ], world=WORLD, ags=True)
