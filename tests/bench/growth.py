# SPDX-License-Identifier: Apache-2.0
"""How the cost of a call grows: with calls in flight, session_data, player latencies, regions."""
import json

import measure
import world
from world import harness

IN_FLIGHT = ((1, 1, 400), (10, 5, 1500), (100, 50, 3000), (1000, 500, 6000), (10000, 1000, 20000))
SESSION_DATA = (0, 1 << 10, 64 << 10, 256 << 10)
LATENCIES = (0, 1, 10, 50, 100, 200)
REGIONS = (1, 2, 5, 10, 20)
ALL_REGIONS = (
    "us-east-1 us-east-2 us-west-1 us-west-2 ca-central-1 eu-west-1 eu-west-2 eu-west-3 "
    "eu-central-1 eu-north-1 eu-south-1 ap-south-1 ap-southeast-1 ap-southeast-2 ap-southeast-3 "
    "ap-northeast-1 ap-northeast-2 sa-east-1 me-south-1 af-south-1").split()
FULL = {"__type": "FleetCapacityExceededException", "Message": "No room in this location."}
ROUNDS = 3


def hold(bench, server, slow, n, calls):
    """n calls in flight all the time; memory for each beyond what the idle process holds."""
    streams = min(n, 500)
    idle = world.status(server.pid)["VmRSS"]
    with measure.Peak(server.pid) as peak:
        cpu, rate = measure.closed_loop(server, bench.create, world.CREATE, calls, n // streams,
                                        streams)
    requests, held = slow.counts()
    assert requests >= calls, f"{calls} calls made {requests} requests"
    return {"in_flight": n, "in_flight_cpu_us": round(cpu, 1), "in_flight_rss_kb": peak.kb,
            "in_flight_kb_each": round((peak.kb - idle) / n, 1), "in_flight_rate": round(rate),
            "held_upstream": held, "in_flight_threads": peak.threads}


def _with_in_flight(bench):
    rows = []
    for n, delay_ms, calls in IN_FLIGHT:
        slow = bench.keep(measure.Slow(bench.folder, delay_ms, world.ANSWERS["CreateGameSession"]))
        rows.append((n, calls, slow, bench.keep(
            bench.service(AWS_ENDPOINT_URL_GAMELIFT=slow.url))))
    seen = {n: [] for n, *_ in rows}
    for _ in range(ROUNDS):
        for n, calls, slow, server in rows:
            seen[n].append(hold(bench, server, slow, n, calls))
    return [{"x": n, "cpu_us": measure.middle([s["in_flight_cpu_us"] for s in held]),
             "kb_each": held[0]["in_flight_kb_each"]} for n, held in seen.items()]


def _with(bench, server, path, requests, calls):
    """requests: pairs of a number and a file."""
    seen = {x: [] for x, _ in requests}
    for _ in range(ROUNDS):
        for x, request in requests:
            seen[x].append(measure.closed_loop(server, request, path, calls, 2, 8)[0])
    return [{"x": x, "cpu_us": round(measure.middle(cpu), 1)} for x, cpu in seen.items()]


def _request(bench, name, fields):
    return world.request_file(bench.folder, name, "RequestCreateGameSession", fields)


def _latencies(players):
    per_region = {region: 20.5 + i for i, region in enumerate(ALL_REGIONS[:4])}
    return json.dumps({"gamelift_latencies": {f"player-{i:04}": per_region
                                              for i in range(players)}})


def _with_regions(bench):
    last = "af-south-1"
    slow = bench.keep(measure.Slow(bench.folder, 0, world.ANSWERS["CreateGameSession"], last, FULL))
    server = bench.keep(bench.service(AWS_ENDPOINT_URL_GAMELIFT=slow.url))
    requests = [(n, _request(bench, f"regions-{n}", {
        **world.REQUEST, "requested_region": ALL_REGIONS[:n - 1] + [last]})) for n in REGIONS]
    before = slow.counts()[0]
    calls = 500
    found = _with(bench, server, world.CREATE, requests, calls)
    asked = slow.counts()[0] - before
    assert asked >= ROUNDS * calls * sum(REGIONS), f"only {asked} regions were asked"
    return found


def run(bench, say):
    plain = bench.rows[0].server
    say("growth with calls in flight")
    found = {"in_flight": _with_in_flight(bench)}
    say("growth with session_data, latencies, regions")
    found["session_data"] = _with(bench, plain, world.CREATE, [
        (n, _request(bench, f"data-{n}", {**world.REQUEST, "session_data": "x" * n}))
        for n in SESSION_DATA], 500)
    found["latencies"] = _with(bench, plain, world.CREATE_ASYNC, [
        (n, _request(bench, f"latencies-{n}", {**world.QUEUE_REQUEST,
                                               "session_data": _latencies(n)}))
        for n in LATENCIES], 500)
    found["regions"] = _with_regions(bench)
    return found
