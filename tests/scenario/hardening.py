#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What is to keep an attacker from getting far: how the program is built, and what it needs and shows."""
import contextlib
import os
import pathlib
import subprocess

from harness import KEY, SECRET, WRAPPER, Service, Sim, program, running, story
from instrumented import sanitized


def readelf(*options):
    return subprocess.run(["readelf", "-W", *options, program("session-dsm")], text=True,
                          capture_output=True, check=True).stdout


def the_program_is_built_hardened():
    """Position independent, relocations read-only at once, no executable stack, stack and length checks"""
    assert "DYN (Position-Independent" in readelf("-h")
    dynamic, segments, symbols = readelf("-d"), readelf("-l"), readelf("--dyn-syms")
    assert "BIND_NOW" in dynamic or "NOW" in dynamic, dynamic
    assert "GNU_RELRO" in segments
    stack = next(line for line in segments.splitlines() if "GNU_STACK" in line)
    assert " RW " in stack and "RWE" not in stack, stack
    assert not [line for line in segments.splitlines() if "LOAD" in line and "RWE" in line]
    assert "RPATH" not in dynamic and "RUNPATH" not in dynamic
    if sanitized(program("session-dsm")):
        print("    skipped: stack and length checks, which a sanitizer takes the place of")
        return
    assert "__stack_chk_fail" in symbols
    assert "_chk@" in symbols, "no function of the fortified kind"


def secrets_are_not_shown_and_no_core_is_written():
    """No core file, no debugger, and no secret in the environment that /proc shows"""
    with running(Sim()) as sim, running(Service(sim.url, AWS_SESSION_TOKEN="session-token-value")) as service:
        if WRAPPER:
            print("    skipped: the process is the wrapper's")
            return
        folder = pathlib.Path(f"/proc/{service.process.pid}")
        core = next(line for line in (folder / "limits").read_text().splitlines()
                    if line.startswith("Max core file size"))
        assert core.split()[4:6] == ["0", "0"], core
        # What is not dumpable belongs to root, whoever runs it.
        assert (folder / "environ").stat().st_uid == 0
        try:
            environment = (folder / "environ").read_bytes()
        except PermissionError:
            return
        assert KEY.encode() in environment, "this looks at another process"
        for secret in (SECRET, "client-secret-value", "session-token-value"):
            assert secret.encode() not in environment, "a secret is left in the environment"


@contextlib.contextmanager
def wrapped(wrapper):
    """Services that start meanwhile do so by this command; false if it does not work here."""
    works = os.geteuid() == 0 and subprocess.run(
        [*wrapper, "test", "-x", program("session-dsm")], check=False,
        stderr=subprocess.DEVNULL).returncode == 0
    WRAPPER[:0] = wrapper
    try:
        yield works
    finally:
        del WRAPPER[:len(wrapper)]


def serves_and_says(text, what):
    """It starts and serves; the kernel says `text` of it in /proc/PID/`what`."""
    with running(Sim()) as sim, running(Service(sim.url)) as service:
        assert service.create().status == "READY"
        said = pathlib.Path(f"/proc/{service.process.pid}/{what}").read_text()
        for part in text:
            assert part in said, f"{part!r} is not in {said}"


def it_serves_without_any_right():
    """It starts and serves as nobody, without a capability and without ways to get one"""
    with wrapped(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                  "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]) as works:
        if not works:
            print("    skipped: this needs root, and a build folder that nobody may reach")
            return
        serves_and_says(("\nCapEff:\t0000000000000000\n", "\nCapBnd:\t0000000000000000\n",
                         "\nNoNewPrivs:\t1\n", "\nUid:\t65534\t"), "status")


def it_writes_nowhere():
    """It starts and serves where no file system can be written to"""
    script = """mount --make-rprivate / && mount -o bind,remount,ro / && for at in /tmp /var/tmp /dev/shm /run
        do mount -t tmpfs -o ro none "$at" 2>/dev/null || :; done; ! touch /x 2>/dev/null && exec "$@" """
    folder = pathlib.Path(program("session-dsm")).parents[0]
    if str(folder).startswith("/tmp"):
        script = script.replace("/tmp ", "", 1)
    with wrapped(["unshare", "--mount", "sh", "-c", script, "sh"]) as works:
        if not works:
            print("    skipped: this needs root, and the right to mount")
            return
        serves_and_says((" / / ro,",), "mountinfo")


if __name__ == "__main__":
    story([the_program_is_built_hardened, secrets_are_not_shown_and_no_core_is_written,
           it_serves_without_any_right, it_writes_nowhere], shared=False)
