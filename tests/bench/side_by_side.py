#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""CPU time of one CreateGameSession beside the floor: a bare gRPC echo of the same messages plus a
bare HTTP POST of the same bytes, measured in turns on this machine.

    tests/bench/side_by_side.py [BUILD_FOLDER] [--calls N] [--rounds N] [--connections N]
                                [--streams N] [--instructions]

--instructions counts instructions (callgrind) instead of time: steady on a machine that others use
too, but blind to what the kernel does. Profiles are left in BUILD_FOLDER/bench.
"""
import argparse
import contextlib
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

import world
from world import harness


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", nargs="?", default="build")
    parser.add_argument("--calls", type=int, default=20000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--streams", type=int, default=16)
    parser.add_argument("--instructions", action="store_true")
    return parser.parse_args()


class Bench:
    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.stack = contextlib.ExitStack()
        self.fixed = self.stack.enter_context(harness.running(world.Fixed(folder)))
        self.headers, self.body, self.reply = world.upstream_request(folder, self.fixed)
        self.request = world.request_file(folder)

    def load(self, server, calls):
        return world.load(server, self.request, calls, self.options.connections,
                          self.options.streams)

    def post(self, calls, wrapper=()):
        in_flight = self.options.connections * self.options.streams
        done = subprocess.run(
            [*wrapper, world.bench_program("floor_curl"), self.fixed.url + "/", str(self.headers),
             str(self.body), str(in_flight), str(calls)],
            check=True, capture_output=True, text=True)
        return [float(x) for x in re.search(r"(\S+) us of CPU each, (\S+) calls/s",
                                            done.stdout).groups()]

    def service(self, wrapper=()):
        return harness.running(world.Service(self.fixed, wrapper))

    def echo(self, wrapper=()):
        return harness.running(world.GrpcFloor(self.folder, self.fixed, self.reply,
                                                wrapper))


# ---- time ----------------------------------------------------------------------------------------


def timed(bench, server):
    """CPU us for each call, calls per second."""
    before = world.cpu_us(server.pid)
    rate = bench.load(server, bench.options.calls)
    return (world.cpu_us(server.pid) - before) / bench.options.calls, rate


def measure_time(bench):
    rows = {"gRPC echo": [], "libcurl POST": [], "session-dsm": []}
    with bench.service() as service, bench.echo() as echo:
        idle = world.status(service.pid)
        for server in (service, echo):
            bench.load(server, 2000)
        good = service.answered_ok()
        threads = world.cpu_us_by_thread(service.pid)
        aside = [world.times_put_aside(s.pid) for s in (service, echo)]
        for _ in range(bench.options.rounds):
            rows["gRPC echo"].append(timed(bench, echo))
            rows["libcurl POST"].append(bench.post(bench.options.calls))
            rows["session-dsm"].append(timed(bench, service))
        calls = bench.options.rounds * bench.options.calls
        assert service.answered_ok() - good == calls, "not every call was answered OK"
        threads = {name: (used - threads.get(name, 0)) / calls
                   for name, used in world.cpu_us_by_thread(service.pid).items()}
        aside = [(world.times_put_aside(s.pid) - before) / calls
                 for s, before in zip((service, echo), aside)]
        after = world.status(service.pid)
    middle = {}
    for name, seen in rows.items():
        middle[name] = statistics.median(cpu for cpu, _ in seen)
        print(f"{name:14} {middle[name]:7.1f} us CPU a call (least {min(c for c, _ in seen):.1f}), "
              f"{statistics.median(rate for _, rate in seen):8.0f} calls/s")
    floor = middle["gRPC echo"] + middle["libcurl POST"]
    print(f"floor {floor:.1f} us, ratio {middle['session-dsm'] / floor:.2f}")
    print("by thread: " + ", ".join(f"{name} {used:.1f}" for name, used in
                                    sorted(threads.items(), key=lambda t: -t[1]) if used >= 0.1))
    print("put aside for another thread, times a call: session-dsm {:.3f}, echo {:.3f}".format(*aside))
    print(f"resident kB before load {idle}, after {after}")


# ---- instructions --------------------------------------------------------------------------------


def callgrind(out):
    return ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}",
            "--instr-atstart=no"]


def total(out):
    """Instructions of a profile; of the last part, if it has several."""
    return int(re.findall(r"^(?:totals|summary): (\d+)", out.read_text(), re.M)[-1])


def control(option, what, server):
    subprocess.run(["callgrind_control", option, what, str(server.pid)], check=True,
                   capture_output=True)


def counted(bench, name, start, calls):
    out = bench.folder / f"{name}.callgrind"
    with start(callgrind(out)) as server:
        bench.load(server, calls // 4)
        control("-i", "on", server)
        bench.load(server, calls)
        control("-i", "off", server)
        control("-d", "dumped", server)
    return total(pathlib.Path(f"{out}.1")) / calls


def measure_instructions(bench):
    calls = min(bench.options.calls, 4000)
    keep = harness.BUILD / "bench"
    echo = counted(bench, "echo", bench.echo, calls)
    ours = counted(bench, "session-dsm", bench.service, calls)
    runs = []
    for n in (calls, 2 * calls):
        out = bench.folder / f"post-{n}.callgrind"
        bench.post(n, callgrind(out)[:-1])
        runs.append(total(out))
    post = (runs[1] - runs[0]) / (1.1 * calls)  # floor_curl warms up with a tenth
    keep.mkdir(exist_ok=True)
    for file in bench.folder.glob("*.callgrind*"):
        shutil.copy(file, keep)
    print(f"gRPC echo      {echo:9.0f} instructions a call")
    print(f"libcurl POST   {post:9.0f} instructions a call")
    print(f"session-dsm    {ours:9.0f} instructions a call, "
          f"ratio {ours / (echo + post):.2f}; profiles in {keep}")


def main():
    options = arguments()
    harness.BUILD = pathlib.Path(options.build).resolve()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options, pathlib.Path(folder))
        with bench.stack:
            if options.instructions:
                measure_instructions(bench)
            else:
                measure_time(bench)


if __name__ == "__main__":
    main()
