#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Instructions and bytes of one CreateGameSession and its answer, in JSON and in CBOR.

    protocols.py BUILD_FOLDER    prints the table of docs/benchmarks.md

Counted by callgrind on the engines alone: the difference between two runs of protocols.c, with an
arena for each. Then the whole service, from the caller's request to its answer, in each protocol.
"""
import pathlib
import subprocess
import sys
import tempfile
import types

import side_by_side
import world
from world import harness

COUNT = 1000
CALLS = 1000


def instructions(*arguments):
    """(instructions, bytes) of one."""
    with tempfile.TemporaryDirectory() as tmp:
        out = pathlib.Path(tmp, "out")
        totals = []
        for count in (COUNT, 2 * COUNT):
            done = subprocess.run(
                ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}",
                 world.bench_program("protocols"), *arguments, str(count)],
                check=True, capture_output=True, text=True)
            totals.append(side_by_side.total(out))
        return round((totals[1] - totals[0]) / COUNT, -2), int(done.stdout)


def whole_call(protocol):
    """Instructions of the service for one CreateGameSession."""
    options = types.SimpleNamespace(calls=CALLS, connections=4, streams=16)
    with tempfile.TemporaryDirectory() as folder:
        bench = side_by_side.Bench(options, pathlib.Path(folder))
        with bench.stack:
            return side_by_side.counted(
                bench, protocol, lambda wrapper: harness.running(world.Service(
                    bench.fixed, wrapper, GAMELIFT_PROTOCOL=protocol)), CALLS)


def main():
    harness.BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build/static").resolve()
    seen = {(p, what): instructions(p, what) for what in ("request", "answer")
            for p in ("json", "cbor")}
    print("| | JSON | CBOR |\n|---|---|---|")
    for what, text in (("request", "request to bytes"), ("answer", "answer from bytes")):
        print(f"| {text} | {seen['json', what][0]:,.0f} | {seen['cbor', what][0]:,.0f} |")
    for what in ("request", "answer"):
        print(f"| bytes of the {what}'s body | {seen['json', what][1]} | {seen['cbor', what][1]} |")
    whole = [round(whole_call(protocol), -3) for protocol in ("json", "cbor")]
    print(f"| the whole call | {whole[0]:,.0f} | {whole[1]:,.0f} |")


if __name__ == "__main__":
    main()
