#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Mixed calls for a long while, with upstream faults that change all the time; then the books.

    tests/scenario/soak.py [BUILD_FOLDER] [--seconds N] [--calls N] [--callers N]

scripts/soak builds and starts it.
"""
import argparse
import collections
import contextlib
import pathlib
import random
import sys
import threading
import time

import grpc
import harness
from harness import Service, Sim, eventually, running
from instrumented import sanitized

WORLD = {
    "home_region": "us-east-1", "placement_ms": 3600000, "activation_ms": 50, "termination_ms": 0,
    "fleets": [{"id": "fleet-demo", "locations": [{"name": "us-east-1", "capacity": 10000},
                                                  {"name": "eu-west-1", "capacity": 10000}]}],
    "aliases": [{"id": "alias-demo", "fleet": "fleet-demo"}],
    "queues": [{"name": "demo-queue", "destinations": ["alias-demo"], "timeout_ms": 3600000}],
}
# A third of the time all is well; each of these strikes every third call for a while.
FAULTS = (
    {"kind": "reset"}, {"kind": "reset", "when": "after"}, {"kind": "close"},
    {"kind": "half_header"}, {"kind": "half_body", "when": "after"},
    {"kind": "slow", "delay_ms": 400}, {"kind": "throttle"}, {"kind": "black_hole"},
    {"kind": "black_hole", "when": "after"}, {"kind": "http", "status": 500, "body": "busy"},
    {"kind": "http", "status": 503, "when": "after", "body": ""}, {"kind": "wrong_json"},
    {"kind": "wrong_json", "when": "after", "body": "{\"GameSession\": 1}"},
)
FAULT_SECONDS = 2
SANITIZED = sanitized(harness.program("session-dsm"))
RECLAIM_DELAY_MS = 300


def arguments():
    parser = argparse.ArgumentParser(usage=argparse.SUPPRESS, add_help=False)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--calls", type=int, default=100000)
    parser.add_argument("--callers", type=int, default=8)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    return parser.parse_args(harness.NAMED)


class Books:
    """What callers were told, which is all that AGS would know."""

    def __init__(self):
        self.lock = threading.Lock()
        self.servers = {}      # session id -> ARN
        self.placements = set()  # session ids
        self.outcomes = collections.Counter()
        self.started = self.answered = 0


class Caller(threading.Thread):
    """One session after the other: asked for, and mostly ended again; as AGS would."""

    def __init__(self, soak, number):
        super().__init__(daemon=True)
        self.soak, self.number = soak, number
        self.random = random.Random(f"{soak.options.seed}-{number}")

    def call(self, method, *args, **fields):
        books = self.soak.books
        with books.lock:
            books.started += 1
        try:
            answer = method(*args, timeout=5, **fields)
            outcome = "OK"
        except grpc.RpcError as error:
            answer, outcome = None, error.code().name
        with books.lock:
            books.answered += 1
            books.outcomes[outcome] += 1
        return answer

    def create(self, name):
        answer = self.call(self.soak.service.create, session_id=name,
                           requested_region=["us-east-1", "eu-west-1"])
        if answer is not None:
            with self.soak.books.lock:
                self.soak.books.servers[name] = answer.deployment
            self.soak.sim.put_ags_session(name, status="AVAILABLE", deployment=answer.deployment)

    def order(self, name):
        answer = self.call(self.soak.service.create_async, session_id=name)
        if answer is not None and answer.success:
            with self.soak.books.lock:
                self.soak.books.placements.add(name)
            self.soak.sim.put_ags_session(name, status="REQUESTED",
                                          template_deployment="demo-queue")

    def end(self, name):
        """Until it is done, as an operator would."""
        while not self.soak.over.is_set():
            answer = self.call(self.soak.service.terminate, name)
            if answer is not None and answer.success:
                with self.soak.books.lock:
                    self.soak.books.servers.pop(name, None)
                    self.soak.books.placements.discard(name)
                self.soak.sim.control("DELETE", f"ags/sessions/studio-game/{name}")
                return
            time.sleep(0.05)

    def run(self):
        try:
            self.play()
        except Exception as error:  # what is wrong with a caller must not pass for a calm end
            self.soak.broken.append(f"caller {self.number}: {error!r}")

    def play(self):
        for i in range(10 ** 9):
            if self.soak.over.is_set() or self.soak.books.started >= self.soak.options.calls:
                return
            name = f"soak-{self.number}-{i}"
            make = self.order if self.random.random() < 0.3 else self.create
            make(name)
            if self.random.random() < 0.2:
                make(name)  # AGS may ask again
            books = self.soak.books
            if (name in books.servers or name in books.placements) and self.random.random() < 0.9:
                self.end(name)


class Soak:
    def __init__(self, options, sim, service):
        self.options, self.sim, self.service = options, sim, service
        self.books, self.over = Books(), threading.Event()
        self.samples = []  # resident bytes, descriptors, threads
        self.failures = []
        self.broken = []  # callers that ended by themselves
        self.checks = 0

    def sample(self):
        proc = pathlib.Path(f"/proc/{self.service.process.pid}")
        self.samples.append((self.service.resident_bytes(), len(list((proc / "fd").iterdir())),
                             len(list((proc / "task").iterdir()))))

    def check(self, what, good, why=""):
        self.checks += 1
        print(f"{'ok      ' if good else 'FAILED  '}{what}{'' if good else f': {why}'}", flush=True)
        if not good:
            self.failures.append(what)

    def stir(self, callers):
        """Changes the weather until time or calls are used up."""
        dice = random.Random(self.options.seed)
        end = time.monotonic() + self.options.seconds
        told = time.monotonic()
        while (time.monotonic() < end and any(c.is_alive() for c in callers)
               and self.service.process.poll() is None):
            self.sim.no_faults()
            if dice.random() > 0.33:
                for fault in dice.sample(FAULTS, 2):
                    for service in ("gamelift", "ags"):
                        self.sim.fault(service=service, skip=2, count=20, **fault)
            time.sleep(min(FAULT_SECONDS, max(0, end - time.monotonic())))
            self.sample()
            if time.monotonic() > told + 15:
                told = time.monotonic()
                print(f"        {self.books.answered} calls answered, "
                      f"{self.samples[-1][0] >> 20} MB", flush=True)
        self.sim.no_faults()

    def run(self):
        callers = [Caller(self, n) for n in range(self.options.callers)]
        for caller in callers:
            caller.start()
        self.stir(callers)
        if self.service.process.poll() is not None:
            self.over.set()
        self.options.calls = 0  # nothing new; what was begun is ended in good weather
        limit = time.monotonic() + 30
        for caller in callers:
            caller.join(max(0.1, limit - time.monotonic()))
        self.over.set()
        ended = self.service.process.poll()
        self.check("the service runs on", ended is None, f"ended with {ended}: "
                   f"{self.service.errors()[-500:]}\n{self.service.output()[-1500:]}")
        if ended is not None:
            return
        self.check("every caller got its answers", not any(c.is_alive() for c in callers))
        self.check("every caller went on to the end", not self.broken, "; ".join(self.broken))
        self.check_calls()
        self.check_books()
        self.check_flat()

    # ---- at the end ----

    def metric(self, name, **labels):
        port = next(line["metrics.port"] for line in self.service.log() if line["msg"] == "serving")
        total = 0
        text = harness.urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
        for line in text.splitlines():
            if line.startswith(name + "{") and all(f'{k}="{v}"' in line for k, v in labels.items()):
                total += float(line.rsplit(" ", 1)[1])
        return int(total)

    def check_calls(self):
        books, service = self.books, "accelbyte.session.sessiondsm.SessionDsm"
        print(f"        {dict(books.outcomes)}", flush=True)
        self.check("every call was answered once", books.started == books.answered,
                   f"{books.started} started, {books.answered} answered")

        def counted():
            return [self.metric(f"grpc_server_{what}_total", grpc_service=service)
                    for what in ("started", "handled")]
        try:
            eventually(lambda: counted() == [books.started] * 2, "the service counts the same")
            self.check("the service counts as many calls as its callers", True)
        except AssertionError:
            self.check("the service counts as many calls as its callers", False,
                       f"{counted()} instead of {books.started}")

    def running_now(self):
        state = self.sim.control("GET", "state")
        return ({s["GameSessionId"] for s in state["sessions"]
                 if s["Status"] in ("ACTIVATING", "ACTIVE")},
                {p["PlacementId"].split("-r")[0] for p in state["placements"]
                 if p["Status"] == "PENDING"})

    def check_books(self):
        """Reclaims may still be at work; a minute is enough for them."""
        known, ordered = set(self.books.servers.values()), self.books.placements
        with contextlib.suppress(AssertionError):
            eventually(lambda: self.running_now() == (known, ordered), "the books agree", 60)
        live, pending = self.running_now()
        self.check(f"each of {len(live)} live game sessions is known to a caller", live <= known,
                   f"unknown: {sorted(live - known)[:5]}")
        for arn in sorted(live - known)[:3]:
            self.tell_story(arn)
        self.check("each game session that a caller knows is live", known <= live,
                   f"gone: {sorted(known - live)[:5]}")
        self.check("no game session was given to two callers",
                   len(known) == len(self.books.servers))
        self.check(f"each of {len(pending)} pending placements is known to a caller, and no other",
                   pending == ordered, f"{sorted(pending ^ ordered)[:5]}")

    def tell_story(self, arn):
        """What the service logged of the session."""
        name = arn.rsplit("/", 1)[1]
        for line in self.service.output().splitlines():
            if f'"{name}"' in line or arn in line:
                print(f"        {line}", flush=True)

    def check_flat(self):
        """What it held at most in the last third, beside the third in the middle."""
        third = len(self.samples) // 3
        if third == 0:
            self.check("it ran long enough to see growth", False, f"{len(self.samples)} samples")
            return
        for i, (what, slack) in enumerate((("memory", 16 << 20), ("descriptors", 40),
                                           ("threads", 4))):
            before = max(s[i] for s in self.samples[third:2 * third])
            after = max(s[i] for s in self.samples[2 * third:])
            if what == "memory" and SANITIZED:  # keeps what was freed for a while
                continue
            self.check(f"{what} stays flat ({before:,} then {after:,})", after <= before + slack)


def main():
    options = arguments()
    print(f"{__doc__.strip().splitlines()[0]} (seed {options.seed})", flush=True)
    with running(Sim(world=WORLD)) as sim, running(Service(
            sim.url, **sim.ags_settings(), RECLAIM_DELAY_MS=RECLAIM_DELAY_MS,
            LOG_LEVEL="info")) as service:
        soak = Soak(options, sim, service)
        soak.run()
    print(f"{soak.checks - len(soak.failures)} passed, {len(soak.failures)} failed", flush=True)
    sys.exit(1 if soak.failures else 0)


if __name__ == "__main__":
    main()
