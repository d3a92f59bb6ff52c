#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Replicas that take placement events are killed at every step, and at random under load.

    tests/scenario/kill.py [BUILD_FOLDER] [--kills N] [--seed N]

scripts/kill-test builds and starts it.
"""
import argparse
import collections
import contextlib
import random
import time

import harness
from harness import Process, Service, Sim, eventually, plain_environment, program, running

QUEUE = "placement-events"
DEAD = "placement-events-dead"
VISIBILITY_S = 2
STEP_SECONDS = 20    # from the kill to the report
LIMIT_SECONDS = 60   # from the placement's end to the report, while replicas are killed
LOAD = 30            # messages in the queue, above which nothing is ordered
ORDERS = 6           # between two kills
LONG_AGO_MS = -60_000  # the stand-in's clock: placements ended long ago, so AGS's word is newer

WORLD = {
    "home_region": "us-east-1", "placement_ms": 20, "activation_ms": 0, "termination_ms": 0,
    "fleets": [{"id": "fleet-demo", "locations": [{"name": "us-east-1", "capacity": 20000}]},
               {"id": "fleet-full", "locations": [{"name": "us-east-1", "capacity": 0}]}],
    "aliases": [{"id": "alias-demo", "fleet": "fleet-demo"},
                {"id": "alias-full", "fleet": "fleet-full"}],
    "queues": [{"name": "demo-queue", "destinations": ["alias-demo"], "timeout_ms": 60000},
               {"name": "full-queue", "destinations": ["alias-full"], "timeout_ms": 20}],
}

# The kinds of placement, by how AGS stands to them and what they come to.
PLACED, FAILS, GAVE_UP, DELETED = KINDS = ("placed", "fails", "gave-up", "deleted")

# Each step of src/placements/decide.h: the call that it makes, and for which kind it is made. `skip`
# passes the same call of an earlier step.
STEPS = (
    ("RECEIVE", "sqs", "ReceiveMessage", PLACED, 0),
    ("DESCRIBE", "gamelift", "DescribeGameSessionPlacement", PLACED, 0),
    ("ASK_AGS", "ags", "getGameSession", PLACED, 0),
    ("FIND_SERVER", "gamelift", "DescribeGameSessions", PLACED, 0),
    ("FIND_NEWER", "gamelift", "DescribeGameSessionPlacement", FAILS, 1),
    ("REPORT", "ags", "adminUpdateDSInformation", PLACED, 0),
    ("REPORT", "ags", "adminUpdateDSInformation", FAILS, 0),
    ("END", "gamelift", "TerminateGameSession", GAVE_UP, 0),
    ("END", "gamelift", "TerminateGameSession", DELETED, 0),
    ("DELETE", "sqs", "DeleteMessageBatch", PLACED, 0),
    ("DELETE", "sqs", "DeleteMessageBatch", GAVE_UP, 0),
    ("RELEASE", "sqs", "ChangeMessageVisibility", PLACED, 0),
)


def arguments():
    parser = argparse.ArgumentParser(usage=argparse.SUPPRESS, add_help=False)
    parser.add_argument("--kills", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    return parser.parse_args(harness.NAMED)


class Replica(Process):
    """A service that only takes events; it is killed, and so never stopped."""

    def __init__(self, sim):
        settings = {
            "GRPC_PORT": 0, "METRICS_PORT": 0, "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": harness.KEY, "AWS_SECRET_ACCESS_KEY": harness.SECRET,
            "AWS_ENDPOINT_URL_GAMELIFT": sim.url, "AWS_ENDPOINT_URL_SQS": sim.url,
            "AB_NAMESPACE": "studio-game", "PLUGIN_GRPC_SERVER_AUTH_ENABLED": "false",
            "LOG_LEVEL": "info", "SHUTDOWN_DELAY": 0, "PLACEMENT_REPORT": "all",
            "PLACEMENT_EVENTS_QUEUE_URL": f"{sim.url}/000000000000/{QUEUE}",
            "PLACEMENT_VISIBILITY_TIMEOUT": VISIBILITY_S, "PLACEMENT_RETRY_MAX_MS": 1000,
            **sim.ags_settings()}
        super().__init__("session-dsm", [program("session-dsm")], plain_environment(**settings))

    def end(self):
        """SIGKILL; what it complained of until then."""
        assert self.process.poll() is None, f"it ended by itself: {self.errors()[-2000:]}"
        self.process.kill()
        self.process.wait()
        errors = self.errors()
        self.kill()
        assert errors == "", errors[-2000:]


class Test:
    def __init__(self, sim, orders, options):
        self.sim, self.orders = sim, orders
        self.random = random.Random(options.seed)
        self.kinds = {}  # session id -> kind
        self.kills = 0
        self.passed = self.failed = 0
        self.waits = []  # seconds from a placement's end to its report

    def check(self, what, problem):
        """problem: None, or why it failed."""
        if problem is None:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED  {what}: {problem}", flush=True)

    def kill(self, replica):
        replica.end()
        self.kills += 1

    def order(self, kind):
        name = f"{kind}-{len(self.kinds)}"
        self.kinds[name] = kind
        if kind in (PLACED, FAILS):
            self.sim.put_ags_session(name, status="REQUESTED")
        elif kind == GAVE_UP:
            self.sim.put_ags_session(name, status="FAILED_TO_REQUEST")
        answer = self.orders.create_async(session_id=name, deployment="full-queue" if kind == FAILS
                                          else "demo-queue")
        assert answer.success, answer
        return name

    def queue(self, name=QUEUE):
        return self.sim.control("GET", f"sqs/queues/{name}")

    # ---- what must have come of a placement ----

    def problem_of(self, name, state):
        """None, or what is wrong with a placement whose message is gone."""
        kind, placement = self.kinds[name], state["placements"][name]
        history = []
        if kind != DELETED:
            history = self.sim.control("GET", f"ags/sessions/studio-game/{name}")["history"]
        told = [r["body"] for r in history]
        arn = placement.get("GameSessionArn")
        runs = arn is not None and state["sessions"][arn] not in ("TERMINATING", "TERMINATED")
        if kind in (GAVE_UP, DELETED):
            if told:
                return f"reported although AGS has given it up: {told}"
            return "its server still runs" if runs else None
        if not told:
            return "AGS was never told"
        for body in told:
            wanted = ({"status": "AVAILABLE", "deployment": arn, "serverId": arn,
                       "ip": placement.get("IpAddress"), "port": placement.get("Port")}
                      if kind == PLACED else
                      {"status": "FAILED_TO_REQUEST", "serverId": name,
                       "deployment": "PlacementTimedOut"})
            if not wanted.items() <= body.items():
                return f"a wrong report: {body}"
        wait = history[0]["time_ms"] / 1000 - placement["EndTime"]  # the stand-in has one clock
        self.waits.append(wait)
        if wait > LIMIT_SECONDS:
            return f"reported after {wait:.1f} s"
        return None if kind == FAILS or runs else "the server that AGS was told of does not run"

    def check_all(self, names):
        raw = self.sim.control("GET", "state")
        state = {"placements": {p["PlacementId"]: p for p in raw["placements"]},
                 "sessions": {s["GameSessionId"]: s["Status"] for s in raw["sessions"]}}
        for name in names:
            self.check(name, self.problem_of(name, state))

    # ---- at every step ----

    def kill_at(self, step, service, operation, kind, skip, when):
        """A replica hangs in that call, before or after it has acted, and is killed there."""
        what = f"{step} ({kind}, killed {when} {operation})"
        first = Replica(self.sim)
        try:
            if step == "RELEASE":  # the report fails, so that the message is given back
                self.sim.fault(service="ags", operation="adminUpdateDSInformation", kind="http",
                               status=500, count=4)
            if step != "RECEIVE":
                first.wait_for_line('"msg":"serving"')
            self.sim.fault(service=service, operation=operation, kind="black_hole", when=when,
                           skip=skip, count=1)
            name = self.order(kind)
            eventually(lambda: not self.waiting(operation), f"{what}: the step is reached",
                       STEP_SECONDS)
            self.kill(first)
        finally:
            first.kill()
            self.sim.no_faults()
        second = Replica(self.sim)
        try:
            eventually(lambda: self.queue()["messages"] == 0, f"{what}: dealt with", STEP_SECONDS)
        finally:
            second.end()
        self.check_all([name])

    def waiting(self, operation):
        """The rule is still there: nobody has come to that call."""
        return [r for r in self.sim.control("GET", "faults")
                if r["operation"] == operation and r["kind"] == "black_hole"]

    def every_step(self):
        for step in STEPS:
            for when in ("before", "after"):
                try:
                    self.kill_at(*step, when)
                except AssertionError as error:
                    self.check(f"{step[0]} {when}", str(error))
                    self.sim.no_faults()
                    self.sim.control("DELETE", f"sqs/queues/{QUEUE}/messages")

    # ---- at random ----

    def at_random(self, kills):
        before, names = self.kills, []
        with contextlib.ExitStack() as stack:
            replicas = [Replica(self.sim) for _ in range(3)]
            stack.callback(lambda: [r.kill() for r in replicas])
            while self.kills - before < kills:
                for _ in range(ORDERS if self.queue()["messages"] < LOAD else 0):
                    names.append(self.order(self.random.choice(KINDS)))
                time.sleep(self.random.uniform(0, 0.25))
                i = self.random.randrange(len(replicas))
                self.kill(replicas[i])
                replicas[i] = Replica(self.sim)
            eventually(lambda: self.queue()["messages"] == 0, "the queue is empty", LIMIT_SECONDS)
        self.check_all(names)
        return names


def main():
    options = arguments()
    print(f"{harness.sys.modules['__main__'].__doc__.splitlines()[0]} --seed {options.seed}",
          flush=True)
    began = time.monotonic()
    with running(Sim(world=WORLD)) as sim:
        settings = {**sim.ags_settings(), "LOG_LEVEL": "info"}
        with running(Service(sim.url, **settings)) as orders:
            sim.control("POST", "clock", {"offset_ms": LONG_AGO_MS})
            # A message that is killed often is no poison: the queue's limit is out of the way.
            sim.control("PUT", f"sqs/queues/{QUEUE}", {"max_receive_count": 1000})
            test = Test(sim, orders, options)
            test.every_step()
            print(f"{test.kills} kills at the steps, {time.monotonic() - began:.0f} s", flush=True)
            test.at_random(options.kills)
            queue = test.queue()
            test.check("no dead letters", None if test.queue(DEAD)["messages"] == 0 else "some")
            kinds = collections.Counter(test.kinds.values())
            waits = sorted(test.waits)
            print(f"{test.kills} kills in {time.monotonic() - began:.0f} s; "
                  f"{len(test.kinds)} placements ({', '.join(f'{n} {k}' for k, n in kinds.items())});"
                  f" {queue['received']} deliveries of {queue['sent']} messages")
            print(f"from the end of a placement to its report: median "
                  f"{waits[len(waits) // 2]:.1f} s, 99 % {waits[len(waits) * 99 // 100]:.1f} s, "
                  f"most {waits[-1]:.1f} s (limit {LIMIT_SECONDS} s)")
    print(f"{test.passed} passed, {test.failed} failed", flush=True)
    harness.sys.exit(1 if test.failed else 0)


if __name__ == "__main__":
    main()
