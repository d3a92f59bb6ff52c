#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""While every GameLift call hangs, what watches the service is still answered.

    tests/scenario/hanging_upstream.py [BUILD_FOLDER]
    CALLS=10000 tests/scenario/hanging_upstream.py [BUILD_FOLDER]   on demand: as many at once

With CALLS it also tells what a call takes while it waits.
"""
import os
import time

from harness import SHORT, Service, Sim, Stubs, eventually, running, story
from metrics import WORLD, fetch, scrape, value

CALLS = int(os.environ.get("CALLS", 300))
REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
HEALTH = "/grpc.health.v1.Health/Check"
LIST_SERVICES = b"\x3a\x01*"  # list_services: "*"
# Their deadline is the service's own limit, which none of the checks reaches.
LIMIT_MS = 600_000
ATTEMPT_S = 10  # that GameLift may be silent


def in_flight(service):
    return value(scrape(service), "session_dsm_calls_in_flight")


def assert_serving(stubs):
    assert stubs.health() == 1


def services_listed(stubs):
    answers = list(stubs.channel.stream_stream(REFLECTION)(iter([LIST_SERVICES]), timeout=20))
    assert len(answers) == 1 and b"accelbyte.session.sessiondsm.SessionDsm" in answers[0], answers


class Held:
    """A call, and how long it was held."""

    def __init__(self, stubs, number):
        self.began, self.seconds = time.monotonic(), None
        self.call = stubs.create_soon(session_id=f"s-{number}", timeout=None)
        self.call.add_done_callback(self._end)

    def _end(self, _):
        self.seconds = time.monotonic() - self.began


def assert_held(calls):
    """None has ended but by the service's limit for one silent attempt; with so many of them, there
    are no second ones."""
    for held in calls:
        if held.call.done():
            error = held.call.exception()
            assert error is not None and "no answer in time" in error.details(), error
            assert held.seconds is None or held.seconds > ATTEMPT_S - 0.1, held.seconds


def timed(what, ask):
    """Each of five asks is answered within a second or so."""
    slowest = 0.0
    for _ in range(5):
        began = time.monotonic()
        ask()
        slowest = max(slowest, time.monotonic() - began)
    print(f"    {what}: {slowest * 1000:.0f} ms at most")
    assert slowest < SHORT + CALLS / 5000, f"{what} took {slowest:.1f} s"


def health_scrape_and_reflection_are_answered():
    """Health, a scrape and reflection are answered at once while all calls wait for GameLift"""
    with running(Sim(world=WORLD)) as sim, \
            running(Service(sim.url, LOG_LEVEL="info", REQUEST_TIMEOUT_MS=LIMIT_MS,
                            SHUTDOWN_GRACE=1)) as service:
        assert_serving(service)
        before = service.resident_bytes()
        sim.fault(kind="black_hole")
        clients = [Stubs(service.target) for _ in range(max(1, CALLS // 500))]
        calls = [Held(clients[n % len(clients)], n) for n in range(CALLS)]
        eventually(lambda: in_flight(service) == CALLS, f"{CALLS} calls are in flight", 180)
        asker = Stubs(service.target)
        began = time.monotonic()
        asker.unary(HEALTH, "HealthCheckRequest", "HealthCheckResponse")(
            asker.messages["HealthCheckRequest"](), timeout=180)
        took = time.monotonic() - began
        print(f"    behind the burst of new calls health is answered within {took:.1f} s")
        assert took < SHORT + CALLS / 5000, "health waits for the calls that came before"
        timed("health", lambda: assert_serving(asker))
        timed("a scrape", lambda: fetch(service))
        timed("reflection", lambda: services_listed(asker))
        assert_held(calls)
        took = service.resident_bytes() - before
        print(f"    {CALLS} calls wait: {took / CALLS / 1024:.1f} KiB of memory for each")
        for held in calls:
            held.call.cancel()
        eventually(lambda: in_flight(service) == 0, "cancelled calls leave", 180)
        sim.no_faults()
        assert asker.create(session_id="after").status == "READY"
        for stubs in (asker, *clients):
            stubs.close()


if __name__ == "__main__":
    story([health_scrape_and_reflection_are_answered], shared=False)
