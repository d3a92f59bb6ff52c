#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Replicas that take orders and placement events are killed at every step, and at random under load.

    tests/scenario/kill.py [BUILD_FOLDER] [--quick] [--kills N] [--seed N]

scripts/kill-test builds and starts it.
"""
import argparse
import collections
import concurrent.futures
import contextlib
import time

import harness
from harness import Sim, eventually, running
from kill_world import (DEAD, DELETED, FAILS, GAVE_UP, KINDS, LIMIT_SECONDS, PLACED, QUEUE, WORLD,
                        Replica, Theatre)

STEP_SECONDS = 30  # from the kill to the report, on a machine that has other things to do
LOAD = 30          # messages in the queue, above which nothing is ordered; orders under way: half of it
ORDERS = 6         # between two kills
STAGES = 6         # stand-ins on which steps are gone through at the same time: they mostly wait

# ORDER is CreateGameSessionAsync; the others are the steps of src/placements/decide.h. Each with the
# call that it makes, and a kind of placement for which it is made. `skip` passes the same call of an
# earlier step.
STEPS = (
    ("ORDER", "gamelift", "StartGameSessionPlacement", PLACED, 0),
    ("ORDER", "gamelift", "StartGameSessionPlacement", FAILS, 0),
    ("ORDER", "gamelift", "StartGameSessionPlacement", GAVE_UP, 0),
    ("RECEIVE", "sqs", "ReceiveMessage", PLACED, 0),
    ("DESCRIBE", "gamelift", "DescribeGameSessionPlacement", PLACED, 0),
    ("ASK_AGS", "ags", "getGameSession", PLACED, 0),
    ("FIND_SERVER", "gamelift", "DescribeGameSessions", PLACED, 0),
    ("FIND_NEWER", "gamelift", "DescribeGameSessionPlacement", FAILS, 1),
    ("REPORT", "ags", "adminUpdateDSInformation", PLACED, 0),
    ("REPORT", "ags", "adminUpdateDSInformation", FAILS, 0),
    ("END", "gamelift", "TerminateGameSession", GAVE_UP, 0),
    ("END", "gamelift", "TerminateGameSession", DELETED, 0),
    ("DELETE", "sqs", "DeleteMessageBatch", FAILS, 0),
    ("DELETE", "sqs", "DeleteMessageBatch", GAVE_UP, 0),
    ("RELEASE", "sqs", "ChangeMessageVisibility", FAILS, 0),
)


def arguments():
    parser = argparse.ArgumentParser(usage=argparse.SUPPRESS, add_help=False)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--kills", type=int)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args(harness.NAMED)
    if options.kills is None:
        options.kills = 30 if options.quick else 2000
    return options


# ---- at every step -------------------------------------------------------------------------------


def hangs(t, operation):
    """Somebody has come to that call, and hangs in it."""
    return not [r for r in t.sim.control("GET", "faults")
                if r["operation"] == operation and r["kind"] == "black_hole"]


def order_is_cut_off(t, first, operation, name, what):
    """The order's replica hangs in its call to GameLift, and is killed there."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(t.order, name, first)
        eventually(lambda: hangs(t, operation), f"{what}: the step is reached", STEP_SECONDS)
        t.kill(first)
        assert not answer.result(), "an order was answered that hung"


def event_is_cut_off(t, first, step, operation, name, what):
    """The replica that has taken the order hangs in a call about its event, and is killed there."""
    assert t.order(name, first)
    eventually(lambda: hangs(t, operation), f"{what}: the step is reached", STEP_SECONDS)
    if step == "RECEIVE":
        time.sleep(0.1)  # until the event is there to be taken
    t.kill(first)


def kill_at(t, step, service, operation, kind, skip, when):
    what = f"{step} ({kind}, killed {when} {operation}, report {t.report})"
    name = t.begin(kind)
    if step == "RELEASE":  # the report fails, so that the message is given back
        t.sim.fault(service="ags", operation="adminUpdateDSInformation", kind="http", status=500,
                    count=4)
    fault = {"service": service, "operation": operation, "kind": "black_hole", "when": when,
             "skip": skip, "count": 1}
    try:
        if step == "RECEIVE":
            t.sim.fault(**fault)
        first = Replica(t.sim, t.report)
        try:
            first.serve()
            if step != "RECEIVE":
                t.sim.fault(**fault)
            if step == "ORDER":
                order_is_cut_off(t, first, operation, name, what)
            else:
                event_is_cut_off(t, first, step, operation, name, what)
        finally:
            first.kill()
            t.sim.no_faults()
        second = Replica(t.sim, t.report)
        try:
            if step == "ORDER" and t.asks_again(name):
                assert t.order(name, second.serve()), "the second order was not answered"
            t.drained(f"{what}: dealt with", STEP_SECONDS)
        finally:
            second.end()
        t.check_all([name], what)
    except AssertionError as error:
        t.check(what, str(error))
        t.sim.control("DELETE", f"sqs/queues/{QUEUE}/messages")


def stage(steps, report, seed):
    """Some of the steps, one after the other, on a stand-in of their own."""
    with running(Sim(world=WORLD)) as sim:
        t = Theatre(sim, report, seed)
        for step, when in steps:
            kill_at(t, *step, when)
        return t


def every_step(options):
    """All steps, each before and after its call has acted. Quick: in one of the modes each."""
    todo = collections.defaultdict(list)  # report mode -> steps
    for n, step in enumerate(STEPS):
        for k, when in enumerate(("before", "after")):
            for m, report in enumerate(("all", "failures")):
                possible = report == "all" or step[0] != "REPORT" or step[3] == FAILS
                if possible and (not options.quick or m == (n + k) % 2 or
                                 (step[0] == "REPORT" and step[3] == PLACED)):
                    todo[report].append((step, when))
    with concurrent.futures.ThreadPoolExecutor(STAGES) as pool:
        half = STAGES // 2
        stages = [pool.submit(stage, steps[i::half], report, options.seed)
                  for report, steps in todo.items() for i in range(half)]
        return [s.result() for s in stages]


# ---- at random -----------------------------------------------------------------------------------


def order_once(t, name, replicas):
    """AGS orders from any replica that serves, and asks again while it wants a server."""
    while True:
        serving = [r for r in list(replicas) if r.stubs is not None]
        if not serving:
            time.sleep(0.02)
        elif t.order(name, t.random.choice(serving)) or not t.asks_again(name):
            return
        time.sleep(0.05)


def at_random(options, report, kills, late=False):
    """Three replicas take orders and events; one after the other is killed, and started again."""
    wanted = KINDS if not late else (PLACED, FAILS)
    with running(Sim(world=WORLD)) as sim, contextlib.ExitStack() as stack:
        t = Theatre(sim, report, options.seed, late)
        # So that orders are under way when their replica is killed.
        sim.fault(service="gamelift", operation="StartGameSessionPlacement", kind="slow",
                  delay_ms=40)
        pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(4))
        replicas = [Replica(sim, report) for _ in range(3)]
        stack.callback(lambda: [r.kill() for r in replicas])
        orders = []
        for r in replicas:
            r.serve()
        while t.kills < kills:
            if t.queue()["messages"] < LOAD and sum(not o.done() for o in orders[-LOAD:]) < LOAD // 2:
                orders += [pool.submit(order_once, t, t.begin(t.random.choice(wanted)), replicas)
                           for _ in range(ORDERS)]
            time.sleep(t.random.uniform(0, 0.2))
            i = t.random.randrange(len(replicas))
            t.kill(replicas[i])
            replicas[i] = Replica(sim, report)
            # The one that was started before takes orders by now.
            for r in replicas:
                if r.stubs is None and r is not replicas[i]:
                    r.serve()
            if t.kills % 5 == 0:
                t.play_servers()
        for r in replicas:
            if r.stubs is None:
                r.serve()
        for order in orders:
            order.result(LIMIT_SECONDS)
        t.drained("the queue is empty", LIMIT_SECONDS)
        t.check_all(t.kinds)
        t.check("no dead letters", None if t.queue(DEAD)["messages"] == 0 else "some")
        queue = t.queue()
        kinds = collections.Counter(t.kinds.values())
        how = f"report {report}{', answers stored late' if late else ''}"
        print(f"at random, {how}: {t.kills} kills; {len(t.kinds)} sessions "
              f"({', '.join(f'{n} {k}' for k, n in kinds.items())}); {t.cut_off} orders cut off; "
              f"{queue['received']} deliveries of {queue['sent']} messages"
              + (f"; {t.too_late} not judged, as AGS stored the answer too late" if late else ""), flush=True)
        return t


def main():
    options = arguments()
    print(f"{harness.sys.modules['__main__'].__doc__.splitlines()[0]} --seed {options.seed}",
          flush=True)
    began = time.monotonic()
    done = every_step(options)
    print(f"{sum(t.kills for t in done)} kills at the steps, {time.monotonic() - began:.0f} s",
          flush=True)
    third = options.kills // 3
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        runs = [pool.submit(at_random, options, "all", third),
                pool.submit(at_random, options, "failures", third),
                pool.submit(at_random, options, "all", options.kills - 2 * third, late=True)]
        done += [r.result() for r in runs]
    waits = sorted(w for t in done for w in t.waits)
    print(f"{sum(t.kills for t in done)} kills in {time.monotonic() - began:.0f} s, "
          f"{sum(len(t.kinds) for t in done)} sessions")
    print(f"from the end of a placement to its report ({len(waits)}): median "
          f"{waits[len(waits) // 2]:.1f} s, 99 % {waits[len(waits) * 99 // 100]:.1f} s, most "
          f"{waits[-1]:.1f} s (limit {LIMIT_SECONDS} s)")
    failed = sum(len(t.problems) for t in done)
    print(f"{sum(t.checks for t in done) - failed} passed, {failed} failed", flush=True)
    harness.sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
