#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a call costs, beside the floor and, if wanted, beside another implementation: everything in
turns, in one run, on this machine. scripts/bench builds and starts it.

Rows are measured round after round, one short measurement of each row in each, and the middle of
the rounds counts: what else the machine does hits all rows alike.
"""
import argparse
import contextlib
import json
import os
import pathlib
import re
import resource
import shlex
import subprocess
import sys
import tempfile
import time

import events
import growth
import measure
import report
import stages
import world
from world import harness

CREATE_KIND, TERMINATE_KIND = "RequestCreateGameSession", "RequestTerminateGameSession"


def arguments():
    parser = argparse.ArgumentParser(usage=argparse.SUPPRESS, add_help=False)
    parser.add_argument("build")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--peer")
    parser.add_argument("--peer-port", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--calls", type=int)
    parser.add_argument("--rate", type=int, default=100)
    parser.add_argument("--markdown", type=pathlib.Path)
    options = parser.parse_args()
    options.rounds = options.rounds or (3 if options.quick else 7)
    options.calls = options.calls or (1000 if options.quick else 4000)
    return options


class Row:
    """A server and what it is asked, with all that is measured of it."""

    def __init__(self, name, server, path, request, upstream_calls=1):
        self.name, self.server, self.path, self.request = name, server, path, request
        self.upstream_calls = upstream_calls  # requests to nginx that one call needs
        self.cpu_us, self.rates, self.latencies = [], [], []
        self.peak_kb = self.threads = 0
        self.start = self.in_flight = None

    def figures(self):
        at = {name: round(measure.percentile(self.latencies, share), 3) if self.latencies else None
              for name, share in (("p50_ms", 0.5), ("p99_ms", 0.99), ("p999_ms", 0.999))}
        made = {"cpu_us": round(measure.middle(self.cpu_us), 2),
                "cpu_us_least": round(min(self.cpu_us), 2),
                "calls_per_s": round(measure.middle(self.rates)), **at,
                "rss_load_kb": self.peak_kb or None, "threads": self.threads or None}
        if self.start is not None:
            made["start_ms"] = round(measure.middle([s.ms for s in self.start]), 1)
            made["rss_idle_kb"] = measure.middle([s.idle["VmRSS"] for s in self.start])
        if self.in_flight is not None:
            made.update(self.in_flight)
        return made


class Bench:
    def __init__(self, options, folder, stack):
        self.options, self.folder, self.stack = options, folder, stack
        self.fixed = self.keep(world.Fixed(str(folder)))
        self.headers, self.body, self.reply = world.upstream_request(folder, self.fixed)
        self.create = world.request_file(folder)
        self.queue = world.request_file(folder, "queue", CREATE_KIND, world.QUEUE_REQUEST)
        self.end = world.request_file(folder, "end", TERMINATE_KIND, {
            "session_id": world.REQUEST["session_id"], "namespace": "studio-game",
            "zone": "us-east-1"})
        self.posts = {"libcurl POST": [], "libcurl POST, TLS": []}
        self.echo = Row("gRPC echo", self.keep(world.GrpcFloor(folder, self.fixed, self.reply)),
                        world.CREATE, self.create, 0)
        self.rows = self._our_rows()
        if options.peer:
            self.rows += self._peer_rows()

    def keep(self, server):
        return self.stack.enter_context(harness.running(server))

    def service(self, **settings):
        return world.Service(self.fixed, **settings)

    def peer(self, **settings):
        return world.Service(self.fixed, command=shlex.split(self.options.peer),
                             port=self.options.peer_port, **settings)

    def _calls_of(self, server, prefix=""):
        return [Row(prefix + "CreateGameSession", server, world.CREATE, self.create),
                Row(prefix + "CreateGameSessionAsync", server, world.CREATE_ASYNC, self.queue),
                Row(prefix + "TerminateGameSession", server, world.TERMINATE, self.end, 2)]

    def _our_rows(self):
        rows = self._calls_of(self.keep(self.service()))
        tls = {"AWS_ENDPOINT_URL_GAMELIFT": self.fixed.tls_url, "AWS_CA_BUNDLE": self.fixed.authority}
        rows.append(Row("CreateGameSession, TLS", self.keep(self.service(**tls)), world.CREATE,
                        self.create))
        if "GAMELIFT_PROTOCOL" in subprocess.run([harness.program("session-dsm"), "--help"],
                                                 capture_output=True, text=True).stdout:
            for name, more in (("CBOR", {}), ("CBOR, TLS", tls)):
                server = self.keep(self.service(GAMELIFT_PROTOCOL="cbor", **more))
                rows.append(Row(f"CreateGameSession, {name}", server, world.CREATE, self.create))
        return rows

    def _peer_rows(self):
        """One process with one port: started a few times first, then the rows share it."""
        with harness.running(self.peer()) as first:
            environment = first.environment
        starts = self.starts(shlex.split(self.options.peer), environment, self.options.peer_port)
        rows = self._calls_of(self.keep(self.peer()), "peer: ")
        rows[0].start = starts
        return rows

    def load(self, server, calls):
        return world.load(server, self.create, calls, 4, 16)

    # ---- one round of each ----

    def post(self, name, calls):
        url = self.fixed.tls_url if name.endswith("TLS") else self.fixed.url
        done = subprocess.run(
            [world.bench_program("floor_curl"), url + "/", str(self.headers), str(self.body), "64",
             str(calls)], check=True, capture_output=True, text=True,
            env={**os.environ, "CA_FILE": self.fixed.authority})
        self.posts[name].append(float(re.search(r"(\S+) us of CPU each", done.stdout).group(1)))

    def loaded(self, row):
        before = self.fixed.requests()
        with measure.Peak(row.server.pid) as peak:
            cpu, rate = measure.closed_loop(row.server, row.request, row.path, self.options.calls,
                                            4, 16)
        seen = self.fixed.requests() - before
        assert seen >= self.options.calls * row.upstream_calls, \
            f"{row.name}: {self.options.calls} calls made {seen} upstream requests: they fail"
        row.cpu_us.append(cpu)
        row.rates.append(rate)
        row.peak_kb, row.threads = max(row.peak_kb, peak.kb), max(row.threads, peak.threads)

    def round(self):
        for name in self.posts:
            self.post(name, self.options.calls)
        for row in [self.echo, *self.rows]:
            self.loaded(row)

    def latencies(self):
        seconds = 3 if self.options.quick else 8
        for row in [self.echo, *self.rows]:
            row.latencies += measure.open_loop(row.server, row.request, row.path,
                                               self.options.rate, seconds, self.folder)

    def starts(self, command, environment, port):
        environment = {**environment, "GRPC_PORT": str(port),
                       "METRICS_PORT": str(world.free_port())}
        return [measure.Start(command, environment, port)
                for _ in range(3 if self.options.quick else 9)]

    def in_flight(self):
        """10,000 calls at once, each answered upstream after a second."""
        with harness.running(measure.Slow(self.folder, 1000, world.ANSWERS["CreateGameSession"])) \
                as slow, harness.running(self.service(AWS_ENDPOINT_URL_GAMELIFT=slow.url)) as server:
            self.rows[0].in_flight = growth.hold(self, server, slow, 10000, 20000)

    # ---- all of it ----

    def ratio(self):
        """Of each round's ratios the middle one."""
        return measure.middle([own / (echo + post) for own, echo, post in zip(
            self.rows[0].cpu_us, self.echo.cpu_us, self.posts["libcurl POST"])])

    def run(self):
        for n in range(self.options.rounds):
            say(f"round {n + 1} of {self.options.rounds}")
            self.round()
        say(f"latencies at {self.options.rate} calls/s")
        for _ in range(1 if self.options.quick else 3):
            self.latencies()
        say("starts")
        self.rows[0].start = self.starts([harness.program("session-dsm")],
                                         self.rows[0].server.environment, world.free_port())
        floor = {name: round(measure.middle(seen), 2) for name, seen in self.posts.items()}
        floor["gRPC echo"] = round(measure.middle(self.echo.cpu_us), 2)
        result = {
            "ratio_to_floor": round(self.ratio(), 3),
            "floor_us": round(floor["gRPC echo"] + floor["libcurl POST"], 2), "floor": floor,
            "rate_of_latencies": self.options.rate, "rounds": self.options.rounds,
            "calls": self.options.calls, "quick": self.options.quick, "machine": machine(),
            "binary_bytes": stripped_size(self.folder)}
        if not self.options.quick:
            say("10,000 calls in flight")
            self.in_flight()
            result["growth"] = growth.run(self, say)
            say("instructions by stage")
            result["stages"] = stages.run(self)
        say("placement events")
        result["events"] = events.measure(*((500, 50) if self.options.quick else (3000, 200)))
        result["rows"] = {row.name: row.figures() for row in [self.echo, *self.rows]}
        return result


def stripped_size(folder):
    subprocess.run(["strip", "-o", str(folder / "stripped"), harness.program("session-dsm")],
                   check=True)
    return (folder / "stripped").stat().st_size


def machine():
    model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return {"cpu": model.group(1) if model else "?", "cpus": os.cpu_count(),
            "kernel": os.uname().release, "date": time.strftime("%Y-%m-%d"),
            "load_average": os.getloadavg()[0]}


def say(what):
    print(f"bench: {what} ...", file=sys.stderr, flush=True)


def main():
    options = arguments()
    harness.BUILD = pathlib.Path(options.build).resolve()
    if options.peer and not options.peer_port:
        sys.exit("bench: --peer needs --peer-port")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        result = Bench(options, pathlib.Path(folder), stack).run()
    print(report.table(result))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    if options.markdown:
        report.write(options.markdown, result)


if __name__ == "__main__":
    main()
