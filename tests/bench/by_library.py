#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Where the CPU time of one CreateGameSession goes, by library and in the kernel, beside the floor.

    tests/bench/by_library.py [BUILD_FOLDER] [--calls N] [--rounds N] ...   as side_by_side.py

Needs perf (Debian: linux-perf) and the right to use it, and a build folder with BUILD_BENCH=ON that
links the gRPC library dynamically: in build/static it is a part of the program. Times are measured
without perf, as side_by_side.py does; perf gives the shares of them. Each cell is the middle of its
rounds, so that the rows of a column need not add up to the last.
"""
import collections
import contextlib
import fnmatch
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile

import side_by_side
from side_by_side import Bench, harness, world

# Rows of the table, and the objects that perf names; the first pattern that fits counts.
ROWS = [
    ("the kernel", ["[[]kernel*", "[[]k]*"]),
    ("gRPC, with abseil", ["libgrpc*", "libgpr*", "libabsl_*", "libupb*", "libaddress_sorting*",
                           "libre2*", "libcares*", "libstdc++*", "floor_grpc"]),
    ("libcurl", ["libcurl*", "libnghttp2*", "floor_curl"]),
    ("libc: memory, strings, locks", ["libc.so*", "libm.so*", "ld-linux*"]),
    ("reading clocks", ["[[]vdso]"]),
    ("libcrypto", ["libcrypto*", "libssl*"]),
    ("yajl", ["libyajl*"]),
    ("our own code, what is generated included", ["session-dsm"]),
    ("other libraries", ["*"]),
]


def perf(file, *target):
    return ["perf", "record", "-q", "-e", "cpu-clock", "-F", "20000", "-o", str(file), *map(str, target)]


def shares(file):
    """The part of each row in the samples of a file."""
    text = subprocess.run(["perf", "report", "-i", str(file), "--no-children", "--sort", "dso",
                           "-F", "sample,dso", "-t", ";"],
                          check=True, capture_output=True, text=True).stdout
    seen = collections.Counter()
    for samples, name in re.findall(r"^\s*(\d+)\s*;(\S+)", text, re.M):
        row = next(row for row, patterns in ROWS
                   if any(fnmatch.fnmatch(name, pattern) for pattern in patterns))
        seen[row] += int(samples)
    assert seen.total() > 500, f"{seen.total()} samples are not enough: {text}"
    return {row: n / seen.total() for row, n in seen.items()}


@contextlib.contextmanager
def recorded(pid, file):
    """What a process does meanwhile."""
    watcher = subprocess.Popen(perf(file, "-p", pid))
    try:
        yield
    finally:
        watcher.send_signal(signal.SIGINT)
        watcher.wait()


def by_row(file, cpu_us):
    return {row: share * cpu_us for row, share in shares(file).items()}


def served(bench, server):
    """Microseconds a call of each row."""
    cpu_us, _ = side_by_side.timed(bench, server)
    file = bench.folder / "served.perf"
    with recorded(server.pid, file):
        bench.load(server, 2 * bench.options.calls)  # perf is not there at once
    return by_row(file, cpu_us)


def posted(bench):
    cpu_us, _ = bench.post(bench.options.calls)
    file = bench.folder / "posted.perf"
    bench.post(bench.options.calls, perf(file))
    return by_row(file, cpu_us)


def middle(rounds):
    """Of each row by itself, and of their sums."""
    rows = {row: statistics.median(r.get(row, 0) for r in rounds) for row, _ in ROWS}
    return {**rows, "**all**": statistics.median(sum(r.values()) for r in rounds)}


def print_table(columns):
    print(f"| CPU us of a call | {' | '.join(columns)} | ours over the floor |")
    print("|---" * (len(columns) + 2) + "|")
    columns = [middle(rounds) for rounds in columns.values()]
    for row in columns[0]:
        cells = [c[row] for c in columns]
        print(f"| {row} | {' | '.join(f'{c:.1f}' for c in cells)} | {cells[-1] - sum(cells[:-1]):.1f} |")
    floor, ours = sum(c["**all**"] for c in columns[:-1]), columns[-1]["**all**"]
    print(f"\nfloor {floor:.1f} us, ratio {ours / floor:.2f}")


def main():
    if shutil.which("perf") is None:
        sys.exit("perf is missing: apt-get install linux-perf")
    options = side_by_side.arguments()
    harness.BUILD = pathlib.Path(options.build).resolve()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options, pathlib.Path(folder))
        columns = {"gRPC echo": [], "libcurl POST": [], "CreateGameSession": []}
        with bench.stack, bench.service() as service, bench.echo() as echo:
            for server in (service, echo):
                bench.load(server, 2000)
            for _ in range(options.rounds):
                columns["gRPC echo"].append(served(bench, echo))
                columns["libcurl POST"].append(posted(bench))
                columns["CreateGameSession"].append(served(bench, service))
        print_table(columns)


if __name__ == "__main__":
    main()
