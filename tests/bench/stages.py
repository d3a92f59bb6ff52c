# SPDX-License-Identifier: Apache-2.0
"""Instructions of one CreateGameSession by stage, counted by valgrind's callgrind: steady on a busy
machine, but blind to what the kernel does. A part of scripts/bench; by itself, for a build of it:

    tests/bench/stages.py [BUILD_FOLDER]

A stage is a set of functions that the linker sees, so none of them is inlined into another file. Its
cost is what calls into the set from outside of it cost, with all that they call. The stages are
chosen so that none is called by another. What no stage holds is told as the rest: gRPC's HTTP/2,
arenas, hand-over between threads, handlers.
"""
import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

import side_by_side
import world
from side_by_side import callgrind, counted, total
from world import harness

STAGES = {
    "authorize": r"authorizer_admit",
    "decode": r"message_unpack|protobuf_unpack",
    "validate": r"codec_validate",
    "marshal": r"json_encode|cbor_encode",
    "sign": r"sigv4_\w+|digest_\w+|signing_keys_get",
    "transport": r"curl_(easy|multi|slist|url)_\w+",
    "unmarshal": r"json_decode|cbor_decode",
    "reply": r"message_pack\w*|protobuf_pack\w*|grpc_call_start_batch",
    "log": r"log_with|log_write|access_log_admit|writer_main",
    "metrics": r"(call|upstream)_metrics_\w+",
    "trace": r"tracer_\w+|trace_context_\w+",
}
CALLS = 2000


class Profile:
    """A callgrind file: https://valgrind.org/docs/manual/cl-format.html"""

    def __init__(self, text):
        self.names = {"fn": {}, "ob": {}}
        self.calls = []    # caller, callee, inclusive cost
        self.objects = {}  # self cost by library
        caller = ob = callee = ""
        inclusive = False
        for line in text.splitlines():
            if match := re.match(r"(c?)(fn|ob)=(.*)", line):
                name = self._name(match[2], match[3])
                if match[2] == "ob":
                    ob = ob if match[1] else name
                elif match[1]:
                    callee = name
                else:
                    caller = name
            elif line.startswith("calls="):
                inclusive = True
            elif re.match(r"[+\-*\d]", line):
                cost = int((line.split() + ["0"])[1])
                if inclusive:
                    self.calls.append((caller, callee, cost))
                else:
                    self.objects[ob] = self.objects.get(ob, 0) + cost
                inclusive = False

    def _name(self, kind, text):
        number, _, name = text.partition(" ")
        if name:
            self.names[kind][number] = name
        return self.names[kind].get(number, text)

    def stage(self, pattern):
        """What its functions cost, however they call each other; None if none is called."""
        inside = re.compile(rf"({pattern})('\d+|\.\w+(\.\d+)?)*$")
        known = {name: bool(inside.match(name)) for name in
                 {n for caller, callee, _ in self.calls for n in (caller, callee)}}
        if not any(known.values()):
            return None
        return sum(cost for caller, callee, cost in self.calls
                   if known[callee] and not known[caller])


def _post(bench, calls):
    """floor_curl warms up with a tenth of its calls, and its start does not count."""
    seen = []
    for n in (calls, 2 * calls):
        out = bench.folder / f"post-{n}.callgrind"
        subprocess.run([*callgrind(out)[:-1], world.bench_program("floor_curl"),
                        bench.fixed.url + "/", str(bench.headers), str(bench.body), "64", str(n)],
                       check=True, capture_output=True)
        seen.append(total(out))
    return (seen[1] - seen[0]) / (1.1 * calls)


def _library(path):
    name = path.rsplit("/", 1)[-1].split(".so")[0]
    return "libabsl, libgpr, libgrpc" if re.match("libabsl|libgpr|libgrpc", name) else name


def run(bench):
    ours = counted(bench, "session-dsm", lambda w: harness.running(bench.service(wrapper=w)), CALLS)
    echo = counted(bench, "echo", lambda w: harness.running(
        world.GrpcFloor(bench.folder, bench.fixed, bench.reply, w)), CALLS)
    profile = Profile((bench.folder / "session-dsm.callgrind.1").read_text())
    found = {name: profile.stage(pattern) for name, pattern in STAGES.items()}
    missing = [name for name, cost in found.items() if cost is None]
    assert not missing, f"no function of these stages was called: {missing}; see STAGES"
    by_stage = {name: round(cost / CALLS) for name, cost in found.items()}
    by_stage["rest"] = round(ours) - sum(by_stage.values())
    libraries = {}
    for path, cost in profile.objects.items():
        libraries[_library(path)] = libraries.get(_library(path), 0) + cost / CALLS
    return {"total": round(ours), "echo": round(echo), "post": round(_post(bench, CALLS)),
            "stages": by_stage,
            "libraries": {name: round(cost) for name, cost in sorted(
                libraries.items(), key=lambda x: -x[1]) if cost >= ours / 200}}


class Alone(side_by_side.Bench):
    """No more than is needed for run()."""

    def service(self, wrapper=()):
        return world.Service(self.fixed, wrapper)


def main():
    harness.BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build/static").resolve()
    options = argparse.Namespace(connections=8, streams=8)
    with tempfile.TemporaryDirectory() as folder:
        bench = Alone(options, pathlib.Path(folder))
        with bench.stack:
            found = run(bench)
    for name, count in found["stages"].items():
        print(f"{name:12} {count:9,}")
    print(f"{'all':12} {found['total']:9,}\n"
          f"gRPC echo    {found['echo']:9,}\nlibcurl POST {found['post']:9,}")


if __name__ == "__main__":
    main()
