#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every command of a ```sh block in the documents is run, on a copy, or named here with the reason why
it is not. A new command that is neither fails."""
import contextlib
import pathlib
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scenario"))
from harness import ROOT, plain_environment, story  # noqa: E402

DOCS = ["README.md", "CONTRIBUTING.md", *sorted(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]

# Beginnings of commands that are not run, and who runs them instead, or why nobody can.
NOT_RUN = {
    "./scripts/test": "this is part of it",
    "ctest --test-dir build -L unit": "this is part of it",
    "ctest --test-dir build -R scenario.console": "this is part of it",
    "./scripts/bench": "takes minutes, and is run on demand",
    "/usr/bin/python3 tests/bench/tls.py": "takes a minute; on demand",
    "/usr/bin/python3 tests/bench/side_by_side.py": "takes minutes; on demand",
    "cmake --preset release -DBUILD_BENCH=ON": "builds everything once more, for the next",
    "/usr/bin/python3 tests/bench/by_library.py": "needs perf, and takes a minute; on demand",
    "/usr/bin/python3 tests/bench/in_flight.py": "takes a minute under valgrind; on demand",
    "./scripts/kill-test --quick": "half a minute of killing; on demand",
    "tests/model/check": "needs spin, and a minute; on demand",
    "./scripts/lint": "takes minutes; scripts/test --full runs it",
    "./scripts/console-test": "needs a browser; on demand",
    "tests/scenario/prometheus_dashboard.py": "needs a Prometheus; on demand",
    "tests/scenario/stock_clients.py": "needs clients that Debian does not have; on demand",
    "CALLS=10000 tests/scenario/hanging_upstream.py": "takes minutes; a smaller one is in the tests",
    "sudo ./scripts/image-test": "needs root, and minutes; on demand",
    "$EDITOR ": "a person's own",
    "codegen/generate.py --skeleton NewRpc": "golden.new_rpc uses it",
    "docker ": "needs a container engine; scripts/image-test builds and starts the image without one",
    "scripts/extend-deploy": "deploy.extend_deploy runs it against a fake extend-helper-cli",
    "kubectl ": "needs a cluster; deploy.manifests checks the manifests",
    "terraform ": "needs an AWS account; deploy.placement_queue checks the files",
    "cp .env.template .env": "deploy.extend_deploy fills in the template",
}

# Commands whose whole block is not run.
BLOCK_NOT_RUN = {
    "aws sqs create-queue": "needs an AWS account; deploy.placement_queue checks what it says",
}


def is_open(text):
    """The command goes on in the next line."""
    here = re.search(r"<<'(\w+)'", text.split("\n")[0])
    if here:
        return not text.endswith(f"\n{here[1]}")
    return text.count("'") % 2 == 1 or text.endswith("\\")


def blocks():
    """(document, commands) of each block; a command that goes on over lines is one."""
    for name in DOCS:
        for text in re.findall(r"^```sh\n(.*?)^```", (ROOT / name).read_text(), re.M | re.S):
            commands, open_text = [], ""
            for line in text.splitlines():
                open_text += ("\n" if open_text else "") + line
                if is_open(open_text):
                    continue
                commands.append(open_text)
                open_text = ""
            assert not open_text, (name, open_text)
            yield name, [c for c in commands if c.strip() and not c.lstrip().startswith("#")]


def reason(command):
    return next((why for start, why in NOT_RUN.items() if command.startswith(start)), None)


def free_ports(n):
    """None of those that the kernel gives away, of which another test's client may have got one by the
    time that the block, after a build, comes to use it."""
    low = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = []
    for port in random.sample(range(10000, low), 1000):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            ports.append(port)
        if len(ports) == n:
            return ports
    raise AssertionError(f"fewer than {n} ports are free below {low}")


def copy_tree(into):
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others",
                             "--exclude-standard"], capture_output=True, check=False)
    if listed.returncode != 0:  # no checkout, as in the image's build: all but what was built
        def built(folder, names):
            return [n for n in names if n == "__pycache__" or (n == "build" and pathlib.Path(folder) == ROOT)]
        shutil.copytree(ROOT, into, dirs_exist_ok=True, ignore=built)
        return
    for name in filter(None, listed.stdout.decode().split("\0")):
        target = into / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).exists():
            shutil.copy2(ROOT / name, target)


def every_exception_is_needed():
    """Each reason not to run something still fits a command"""
    commands = [c for _, block in blocks() for c in block]
    for start in NOT_RUN:
        assert any(c.startswith(start) for c in commands), f"no document says {start!r} any more"
    for part in BLOCK_NOT_RUN:
        assert any(part in c for c in commands), f"no document says {part!r} any more"


def run(copy, commands):
    """Runs a block. The documents' ports may be taken on this machine: free ones stand in for them."""
    sim, grpc, metrics = free_ports(3)
    text = "set -eo pipefail; set -m\n" + "\n".join(commands).replace("8090", str(sim)).replace(
        "build/session-dsm-client", f"build/session-dsm-client --target localhost:{grpc}")
    settings = copy / "deploy" / "sim" / "demo.env"
    original = (ROOT / "deploy" / "sim" / "demo.env").read_text()
    settings.write_text(original.replace("8090", str(sim)) +
                        f"GRPC_PORT={grpc}\nMETRICS_PORT={metrics}\n")
    return subprocess.run(["bash", "-c", text], cwd=copy, env=plain_environment(GRPC_PORT=grpc),
                          capture_output=True, text=True, timeout=900, check=False), text


def commands_run():
    """What is not excepted runs, block by block, and succeeds"""
    ran = []
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder, "copy")
        copy.mkdir()
        copy_tree(copy)
        for name, block in blocks():
            todo = [c for c in block if reason(c) is None]
            if not todo or any(part in c for c in block for part in BLOCK_NOT_RUN):
                continue
            done, text = run(copy, todo)
            assert done.returncode == 0, (name, text, done.stdout[-2000:], done.stderr[-2000:])
            ran += todo
    assert len(ran) >= 8, ran


if __name__ == "__main__":
    story([every_exception_is_needed, commands_run], shared=False)
