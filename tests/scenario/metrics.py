#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What Prometheus reads at METRICS_PORT/metrics is well-formed and true."""
import re
import time
import urllib.request

from harness import CODE, eventually, fails, story

SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')
CREATE = {"grpc_method": "CreateGameSession",
          "grpc_service": "accelbyte.session.sessiondsm.SessionDsm", "grpc_type": "unary"}
CODES = ("OK Canceled Unknown InvalidArgument DeadlineExceeded NotFound AlreadyExists "
         "PermissionDenied ResourceExhausted FailedPrecondition Aborted OutOfRange Unimplemented "
         "Internal Unavailable DataLoss Unauthenticated").split()


def metrics_url(service):
    port = service.wait_for_line(r'"msg":"serving".*"metrics\.port":(\d+)').group(1)
    return f"http://127.0.0.1:{port}/metrics"


def fetch(service):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(metrics_url(service), timeout=5) as answer:
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        return answer.read().decode()


def scrape(service):
    """{(name, labels): value}, after checking every rule of the text format."""
    text = fetch(service)
    assert text.endswith("\n"), "the last line has no end"
    samples, types, family = {}, {}, None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            family = line.split(" ")[2]
            assert family not in types, f"{family} comes in two blocks"
            types[family] = None
        elif line.startswith("# TYPE "):
            assert line.split(" ")[2] == family, line
            types[family] = line.split(" ")[3]
        else:
            name, labels, value = SAMPLE.match(line).groups()
            pairs = LABEL.findall(labels or "")
            assert ",".join(f'{k}="{v}"' for k, v in pairs) == (labels or ""), line
            base = re.sub(r"_(bucket|sum|count)$", "", name) if types[family] == "histogram" else name
            assert base == family, f"{name} stands in the block of {family}"
            key = (name, tuple(sorted(pairs)))
            assert key not in samples, f"{line} comes twice"
            samples[key] = float(value)
    assert list(types) == sorted(types), "families are not sorted"
    return samples


def value(samples, name, **labels):
    return samples[(name, tuple(sorted(labels.items())))]


def text_is_well_formed_with_every_series(w):
    """The text keeps every rule of the format, and every method and code has its series"""
    samples = scrape(w.service)
    for code in CODES:
        value(samples, "grpc_server_handled_total", grpc_code=code, **CREATE)
    for name in ("process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds",
                 "session_dsm_event_loop_lag_seconds", "session_dsm_reclaims_pending"):
        value(samples, name)


def calls_are_counted_by_code(w):
    """A good call, a bad one and one that no region can serve are counted by their codes"""
    before = scrape(w.service)
    w.service.create(requested_region=["us-west-2", "us-east-1"])
    fails(lambda: w.service.create(maximum_player=0), CODE.INVALID_ARGUMENT)
    fails(lambda: w.service.create(session_id="other", requested_region=["us-west-2"]),
          CODE.RESOURCE_EXHAUSTED)
    after = scrape(w.service)

    def grown(name, **labels):
        return value(after, name, **labels) - before.get((name, tuple(sorted(labels.items()))), 0)

    assert grown("grpc_server_handled_total", grpc_code="OK", **CREATE) == 1
    assert grown("grpc_server_handled_total", grpc_code="InvalidArgument", **CREATE) == 1
    assert grown("grpc_server_handled_total", grpc_code="ResourceExhausted", **CREATE) == 1
    assert grown("grpc_server_started_total", **CREATE) == 3
    assert grown("grpc_server_msg_received_total", **CREATE) == 3
    assert grown("grpc_server_handling_seconds_count", **CREATE) == 3
    assert grown("grpc_server_handling_seconds_bucket", le="+Inf", **CREATE) == 3
    upstream = {"operation": "CreateGameSession", "service": "GameLift", "region": "us-east-1"}
    assert grown("session_dsm_upstream_requests_total", code="OK", **upstream) == 1
    assert grown("session_dsm_upstream_requests_total", code="FleetCapacityExceededException",
                 **upstream) == 2
    assert grown("session_dsm_create_locations_total", code="OK", location="us-east-1") == 1
    assert grown("session_dsm_create_locations_total", code="FleetCapacityExceededException",
                 location="us-west-2") == 2


def names_from_callers_cannot_fill_the_memory(w):
    """Locations beyond the limit share one series"""
    for i in range(30):
        fails(lambda: w.service.create(requested_region=[f"loc-{i}-{k}" for k in range(20)]),
              CODE.FAILED_PRECONDITION)
    locations = [labels for name, labels in scrape(w.service)
                 if name == "session_dsm_create_locations_total"]
    assert 400 < len(locations) <= 502, len(locations)
    assert ("location", "other") in [pair for labels in locations for pair in labels]


def scrape_answers_while_every_upstream_call_hangs(w):
    """A scrape is answered at once while calls wait for GameLift, and shows them"""
    w.sim.fault(kind="black_hole")
    waiting = [w.service.create_soon(session_id=f"s-{i}", timeout=3) for i in range(20)]
    eventually(lambda: value(scrape(w.service), "session_dsm_calls_in_flight") == 20,
               "20 calls are in flight")
    began = time.monotonic()
    fetch(w.service)
    assert time.monotonic() - began < 1
    for call in waiting:
        fails(call.result, CODE.DEADLINE_EXCEEDED)


def only_get_is_answered(w):
    """Other methods and paths are refused, and nothing else is served"""
    for method, path, status in (("POST", "/metrics", 405), ("GET", "/debug/pprof/", 404),
                                 ("DELETE", "/", 405)):
        request = urllib.request.Request(metrics_url(w.service).replace("/metrics", path),
                                         method=method, data=b"x" if method == "POST" else None)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            opener.open(request, timeout=5)
            raise AssertionError(f"{method} {path} was answered")
        except urllib.error.HTTPError as error:
            assert error.code == status, (method, path, error.code)


WORLD = {
    "home_region": "us-east-1",
    "fleets": [{"id": "fleet-demo", "locations": [{"name": "us-east-1", "capacity": 50},
                                                  {"name": "us-west-2", "capacity": 0}]}],
    "aliases": [{"id": "alias-demo", "fleet": "fleet-demo"}],
}

if __name__ == "__main__":
    story([
        text_is_well_formed_with_every_series, calls_are_counted_by_code,
        names_from_callers_cannot_fill_the_memory, scrape_answers_while_every_upstream_call_hangs,
        only_get_is_answered,
    ], world=WORLD)
