#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What happens to the process itself: limits, signals, a log that nobody takes."""
import contextlib
import json
import os
import pathlib
import random
import re
import resource
import signal
import socket
import subprocess
import tempfile
import time

from harness import (CODE, KEY, SECRET, Sim, Stubs, eventually, fails, plain_environment, program,
                     running, story)

ROUNDS = int(os.environ.get("ROUNDS", "5"))  # times that it is killed under load


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Bare:
    """session-dsm with a standard output of the test's choice, and limits."""

    def __init__(self, url, stdout, limits=(), within=(), **settings):
        self.port = free_port()
        environment = plain_environment(
            GRPC_PORT=self.port, METRICS_PORT=0, AWS_REGION="us-east-1", AWS_ACCESS_KEY_ID=KEY,
            AWS_SECRET_ACCESS_KEY=SECRET, AWS_ENDPOINT_URL_GAMELIFT=url,
            AB_BASE_URL="http://127.0.0.1:9", AB_CLIENT_ID="client",
            AB_CLIENT_SECRET="client-secret-value", AB_NAMESPACE="studio-game",
            PLUGIN_GRPC_SERVER_AUTH_ENABLED="false", SHUTDOWN_DELAY=0,
            RECLAIM_DELAY_MS=600_000, **{"LOG_LEVEL": "debug", "SHUTDOWN_GRACE": 2, **settings})

        def limit():
            for what, value in limits:
                resource.setrlimit(what, (value, value))
        self.process = subprocess.Popen([*within, program("session-dsm")], env=environment, stdout=stdout,
                                        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        preexec_fn=limit)
        self.stubs = Stubs(f"127.0.0.1:{self.port}")
        eventually(self.is_serving, "it serves")

    def is_serving(self):
        assert self.process.poll() is None, f"it ended with {self.process.returncode}"
        with contextlib.suppress(Exception):
            return self.stubs.health() == 1
        return False

    def stop(self):
        self.stubs.close()
        if self.process.poll() is None:
            self.process.terminate()
        assert self.process.wait(20) == 0, self.process.returncode

    def kill(self):
        self.process.kill()
        self.process.wait()


def serves(bare, name):
    for n in range(5):
        assert bare.stubs.create(session_id=f"{name}-{n}").status == "READY"


def log_that_is_closed_holds_nothing_up():
    """A reader of the log that has gone: calls are answered"""
    with running(Sim()) as sim:
        reader, writer = os.pipe()
        bare = Bare(sim.url, writer)
        os.close(writer)
        os.close(reader)
        with running(bare):
            serves(bare, "closed")


def log_that_is_stalled_holds_nothing_up():
    """A reader of the log that reads no more: calls are answered, lines are lost"""
    with running(Sim()) as sim:
        reader, writer = os.pipe()
        try:
            bare = Bare(sim.url, writer)
            os.close(writer)
            with running(bare):
                for _ in range(300):  # some 300 kB of lines at debug; a pipe takes 64
                    bare.stubs.create(session_id="stalled", timeout=5)
        finally:
            os.close(reader)


def full_disk_holds_nothing_up():
    """A log on a disk that is full: calls are answered"""
    with running(Sim()) as sim, open("/dev/full", "w", encoding="utf-8") as full:
        with running(Bare(sim.url, full)) as bare:
            serves(bare, "full")


def disk_that_fills_up_holds_nothing_up():
    """A disk that fills up while it serves: calls are answered; with room again, the log goes on"""
    with running(Sim()) as sim, tempfile.TemporaryDirectory(prefix="dsm-disk-") as folder:
        within = ["unshare", "--mount", "sh", "-c",
                  'mount -t tmpfs -o size=64k none "$0" && exec "$@" >>"$0/log"', folder]
        if subprocess.run([*within, "true"], check=False, capture_output=True).returncode != 0:
            print("skipped: only root can mount a disk of its own, and not in a chroot")
            return
        with running(Bare(sim.url, subprocess.DEVNULL, within=within)) as bare:
            log = pathlib.Path(f"/proc/{bare.process.pid}/root{folder}/log")
            for n in range(50):  # a call makes some kilobytes of lines at debug
                bare.stubs.create(session_id=f"fills-{n}", timeout=5)
            assert log.stat().st_size == 64 << 10, log.stat()
            serves(bare, "full")
            os.truncate(log, 0)
            serves(bare, "room")
            eventually(lambda: "room-4" in log.read_text(), "the log goes on")
            for line in log.read_text().splitlines()[1:]:  # the first may be the end of one
                json.loads(line)


def file_that_may_grow_no_more_holds_nothing_up():
    """A log at the process's limit for the size of a file: calls are answered"""
    with running(Sim()) as sim, tempfile.TemporaryFile() as log:
        limits = [(resource.RLIMIT_FSIZE, 32 << 10)]
        with running(Bare(sim.url, log, limits)) as bare:
            for n in range(20):
                bare.stubs.create(session_id=f"grows-{n}", timeout=5)
            assert os.fstat(log.fileno()).st_size == 32 << 10
            serves(bare, "limit")


def descriptors_that_are_used_up_come_back():
    """With no descriptor left new peers wait or are refused; when some go, others are served"""
    with running(Sim()) as sim:
        limits = [(resource.RLIMIT_NOFILE, 64)]
        with running(Bare(sim.url, subprocess.DEVNULL, limits)) as bare:
            peers = []
            for _ in range(100):
                with contextlib.suppress(OSError):
                    peers.append(socket.create_connection(("127.0.0.1", bare.port), 1))
            time.sleep(0.5)
            assert bare.process.poll() is None, "it ended"
            for peer in peers:
                peer.close()
            other = Stubs(f"127.0.0.1:{bare.port}")
            eventually(lambda: quietly(other), "others are served", 15)
            other.close()


def quietly(stubs):
    with contextlib.suppress(Exception):
        return stubs.create(session_id="after-the-crowd", timeout=3).status == "READY"
    return False


def killed_in_a_call_it_answers_the_next_time():
    """SIGKILL while a create is under way: whoever asks again gets the one session"""
    with running(Sim()) as sim:
        bare = Bare(sim.url, subprocess.DEVNULL)
        sim.fault(kind="black_hole", when="after", count=1)
        call = bare.stubs.create_soon(session_id="cut-off")
        eventually(sim.sessions, "GameLift has made it")
        bare.kill()
        assert call.code() == CODE.UNAVAILABLE
        bare.stubs.close()
        sim.no_faults()
        with running(Bare(sim.url, subprocess.DEVNULL)) as again:
            answer = again.stubs.create(session_id="cut-off")
            assert [s["GameSessionId"] for s in sim.sessions()] == [answer.deployment]


def sigterm_while_it_starts_ends_it():
    """SIGTERM at any moment of the start: the process ends, and soon"""
    with running(Sim()) as sim:
        for ms in (0, 1, 2, 5, 10, 20, 50):
            environment = plain_environment(
                GRPC_PORT=0, METRICS_PORT=0, AWS_REGION="us-east-1", AWS_ACCESS_KEY_ID=KEY,
                AWS_SECRET_ACCESS_KEY=SECRET, AWS_ENDPOINT_URL_GAMELIFT=sim.url,
                AB_BASE_URL="http://127.0.0.1:9", AB_CLIENT_ID="client",
                AB_CLIENT_SECRET="client-secret-value", AB_NAMESPACE="studio-game",
                SHUTDOWN_DELAY=0)
            process = subprocess.Popen([program("session-dsm")], env=environment,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(ms / 1000)
            process.terminate()
            assert process.wait(10) in (0, -signal.SIGTERM), (ms, process.returncode)


def killed_again_and_again_it_leaves_one_server_each():
    """SIGKILL or SIGTERM at any moment under load: asked again, each session has its one server"""
    chance = random.Random(7)
    names = []
    with running(Sim()) as sim:
        sim.fault(kind="slow", delay_ms=5)
        for turn in range(ROUNDS):
            bare = Bare(sim.url, subprocess.DEVNULL, LOG_LEVEL="off", SHUTDOWN_GRACE=0)
            mine = [f"turn{turn}-{n}" for n in range(8)]
            calls = [bare.stubs.create_soon(session_id=name) for name in mine]
            time.sleep(chance.uniform(0, 0.05))
            bare.process.send_signal(chance.choice([signal.SIGKILL, signal.SIGTERM]))
            for call in calls:
                assert call.code() in (CODE.OK, CODE.UNAVAILABLE, CODE.CANCELLED), call.code()
            assert bare.process.wait(20) in (0, -signal.SIGKILL)
            bare.stubs.close()
            names += mine
        with running(Bare(sim.url, subprocess.DEVNULL)) as last:
            told = {last.stubs.create(session_id=name).deployment for name in names}
        assert len(told) == len(names)
        assert sorted(s["GameSessionId"] for s in sim.sessions()) == sorted(told)


def address_space_that_ends_ends_the_process_and_no_more():
    """Under a limit on memory it serves; past it the process ends by SIGABRT, and the next one serves"""
    with running(Sim()) as sim:
        with running(Bare(sim.url, subprocess.DEVNULL)) as bare:
            size = int(re.search(r"VmSize:\s*(\d+)", status_of(bare))[1]) << 10
        if size >> 40:
            print("skipped: a sanitizer has terabytes of its own, and its own way to end")
            return
        limits = [(resource.RLIMIT_AS, size + (64 << 20))]
        with running(Bare(sim.url, subprocess.DEVNULL, limits)) as bare:
            serves(bare, "little")
            resource.prlimit(bare.process.pid, resource.RLIMIT_AS, (1 << 20, 1 << 20))
            sim.fault(kind="black_hole")
            calls = [bare.stubs.create_soon(session_id=f"big-{n}", session_data="x" * 200_000)
                     for n in range(50)]
            assert bare.process.wait(20) == -signal.SIGABRT, bare.process.returncode
            assert {call.code() for call in calls} <= {CODE.UNAVAILABLE, CODE.RESOURCE_EXHAUSTED}
            bare.stubs.close()
            sim.no_faults()
            with running(Bare(sim.url, subprocess.DEVNULL)) as again:
                serves(again, "again")
            bare.stop = lambda: None


def names_follow_the_hosts_file():
    """A name that is put into /etc/hosts while it runs is found; its going harms no connection"""
    with running(Sim()) as sim, tempfile.NamedTemporaryFile("w+", suffix=".hosts") as hosts:
        def write(text):
            hosts.seek(0)
            hosts.truncate()
            hosts.write("127.0.0.1 localhost\n" + text)
            hosts.flush()
        write("")
        port = sim.url.rsplit(":", 1)[1].strip("/")
        within = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"',
                  hosts.name]
        if subprocess.run([*within, "true"], check=False).returncode != 0:
            print("skipped: only root can put another file in the place of /etc/hosts, and not in a "
                  "chroot")
            return
        bare = Bare(f"http://gamelift.test:{port}", subprocess.DEVNULL, within=within)
        with running(bare):
            fails(lambda: bare.stubs.create(session_id="nowhere", timeout=10), CODE.UNAVAILABLE)
            write("127.0.0.1 gamelift.test\n")
            eventually(lambda: quietly(bare.stubs), "the name is found", 90)
            write("")
            serves(bare, "kept")


def status_of(bare):
    with open(f"/proc/{bare.process.pid}/status", encoding="ascii") as status:
        return status.read()


if __name__ == "__main__":
    story([
        log_that_is_closed_holds_nothing_up, log_that_is_stalled_holds_nothing_up,
        full_disk_holds_nothing_up, disk_that_fills_up_holds_nothing_up,
        file_that_may_grow_no_more_holds_nothing_up, descriptors_that_are_used_up_come_back,
        killed_in_a_call_it_answers_the_next_time, sigterm_while_it_starts_ends_it,
        killed_again_and_again_it_leaves_one_server_each,
        address_space_that_ends_ends_the_process_and_no_more, names_follow_the_hosts_file,
    ], shared=False)
