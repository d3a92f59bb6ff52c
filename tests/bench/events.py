#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How many placement events a replica works off in a CPU second, and how soon AGS hears of one.

    tests/bench/events.py [BUILD_FOLDER] [PLACEMENTS]
"""
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scenario"))
import harness  # noqa: E402
from harness import Service, Sim, eventually, running  # noqa: E402

QUEUE = "placement-events"
WORLD = {
    "home_region": "us-east-1", "placement_ms": 0, "activation_ms": 0, "termination_ms": 0,
    "fleets": [{"id": "fleet-demo", "locations": [{"name": "us-east-1", "capacity": 20000}]}],
    "aliases": [{"id": "alias-demo", "fleet": "fleet-demo"}],
    "queues": [{"name": "demo-queue", "destinations": ["alias-demo"], "timeout_ms": 60000}],
}


def cpu_seconds(service):
    fields = pathlib.Path(f"/proc/{service.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def taking(sim):
    return running(Service(sim.url, **sim.ags_settings(), LOG_LEVEL="info", PLACEMENT_REPORT="all",
                           AWS_ENDPOINT_URL_SQS=sim.url,
                           PLACEMENT_EVENTS_QUEUE_URL=f"{sim.url}/000000000000/{QUEUE}"))


def queued(sim):
    return sim.control("GET", f"sqs/queues/{QUEUE}")


def order(sim, service, name):
    sim.put_ags_session(name, status="REQUESTED")
    assert service.create_async(session_id=name).success


def backlog(sim, n):
    """CPU of a replica that finds n events waiting, each of them a server to report."""
    with running(Service(sim.url, **sim.ags_settings(), LOG_LEVEL="info")) as orders:
        for i in range(n):
            order(sim, orders, f"backlog-{i}")
    eventually(lambda: queued(sim)["messages"] == n, "all are in the queue")
    with taking(sim) as service:
        began, start = time.monotonic(), cpu_seconds(service)
        eventually(lambda: queued(sim)["messages"] == 0, "the queue is empty", 300)
        cpu, wall = cpu_seconds(service) - start, time.monotonic() - began
        resident = service.resident_bytes()
    return {"events": n, "wall_s": round(wall, 2), "cpu_us": round(cpu / n * 1e6, 1),
            "per_core_s": round(n / cpu), "resident_kb": resident // 1024}


def delay(sim, n):
    """Time from a placement's end to its report, one after the other."""
    waits = []
    with taking(sim) as service:
        for i in range(n):
            name = f"delay-{i}"
            order(sim, service, name)
            path = f"ags/sessions/studio-game/{name}"
            history = eventually(lambda: sim.control("GET", path)["history"], "it is reported")
            waits.append((name, history[0]["time_ms"]))
    ends = {p["PlacementId"]: p["EndTime"] for p in sim.placements()}
    ms = sorted(at - ends[name] * 1000 for name, at in waits)
    return {"reports": n, "median_ms": round(ms[n // 2]), "p99_ms": round(ms[n * 99 // 100]),
            "most_ms": round(ms[-1])}


def measure(n, n_delays):
    """What bench.py puts into its result. Two stand-ins: the second one has no backlog."""
    with running(Sim(world=WORLD)) as sim:
        found = backlog(sim, n)
    with running(Sim(world=WORLD)) as sim:
        return {**found, **delay(sim, n_delays)}


def in_words(f):
    return (f"{f['events']} placement events worked off in {f['wall_s']} s: {f['cpu_us']:.0f} us of CPU "
            f"each, {f['per_core_s']} per core and second; {f['resident_kb'] / 1024:.1f} MB resident\n"
            f"from the end of a placement to its report, {f['reports']} times: median "
            f"{f['median_ms']} ms, 99 % {f['p99_ms']} ms, most {f['most_ms']} ms")


def main():
    print(in_words(measure(int(harness.NAMED[0]) if harness.NAMED else 3000, 200)))
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs")


if __name__ == "__main__":
    main()
