#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What holds the memory of a call that waits for GameLift: calls held by a slow upstream, the heap
counted by valgrind's massif, by who asked for it.

    tests/bench/in_flight.py [BUILD_FOLDER] [CALLS]
"""
import pathlib
import re
import sys
import tempfile

import measure
import world
from world import harness

STREAMS = 20
HOLDERS = (  # the first that matches the stack, innermost function first
    ("gRPC: the call and its stream", r"grpc_core::Arena::|grpc_call_create"),
    ("gRPC: headers and messages", r"grpc|gpr_"),
    ("arena of the call", r"arena_\w+.*on_arrived"),
    ("arena of the request to GameLift", r"arena_\w+"),
    ("our object for the call", r"server_call_arm.*on_arrived"),
    ("libcurl: easy handle", r"curl_easy_(init|take)"),
    ("libcurl: connection, buffers, the rest", r"libcurl"),
)


def leaves(lines):
    """Bytes and stacks of a massif tree."""
    stack = []
    for line in lines:
        match = re.match(r"( *)n(\d+): (\d+) (.*)", line)
        if match:
            stack = stack[:len(match[1])] + [match[4]]
            if match[2] == "0":
                yield int(match[3]), " ".join(stack)


def fullest(text):
    """The detailed snapshot with the largest heap."""
    snapshots = [part for part in text.split("snapshot=") if "heap_tree=empty" not in part]
    return max(snapshots[1:], key=lambda part: int(re.search(r"mem_heap_B=(\d+)", part)[1]))


def main():
    harness.BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
    calls = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder, "massif")
        massif = ("valgrind", "-q", "--tool=massif", f"--massif-out-file={out}", "--detailed-freq=1",
                  "--max-snapshots=200", "--threshold=0.1", "--depth=14")
        with harness.running(world.Fixed(folder)) as fixed, harness.running(
                measure.Slow(folder, 8000, world.ANSWERS["CreateGameSession"])) as slow, \
                harness.running(world.Service(fixed, massif,
                                              AWS_ENDPOINT_URL_GAMELIFT=slow.url)) as service:
            # Few calls on each: under valgrind a burst takes so long that it looks like a flood.
            world.load(service, world.request_file(folder), calls, calls // STREAMS, STREAMS)
            held = slow.counts()[1]
        assert held == calls, f"only {held} calls were held at once"
        tree = fullest(out.read_text()).splitlines()
    found = {name: 0 for name, _ in HOLDERS} | {"all else, what does not grow included": 0}
    for size, stack in leaves(tree):
        name = next((name for name, pattern in HOLDERS if re.search(pattern, stack)), [*found][-1])
        found[name] += size
    for name, size in found.items():
        print(f"{name:40} {size / calls:8.0f} bytes a call")
    print(f"{'all':40} {sum(found.values()) / calls:8.0f}")


if __name__ == "__main__":
    main()
