#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What happens to the process itself: limits, signals, a log that nobody takes."""
import contextlib
import os
import resource
import signal
import socket
import subprocess
import time

from harness import (CODE, KEY, SECRET, Sim, Stubs, eventually, fails, plain_environment, program,
                     running, story)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Bare:
    """session-dsm with a standard output of the test's choice, and limits."""

    def __init__(self, url, stdout, limits=(), **settings):
        self.port = free_port()
        environment = plain_environment(
            GRPC_PORT=self.port, METRICS_PORT=0, AWS_REGION="us-east-1", AWS_ACCESS_KEY_ID=KEY,
            AWS_SECRET_ACCESS_KEY=SECRET, AWS_ENDPOINT_URL_GAMELIFT=url,
            AB_BASE_URL="http://127.0.0.1:9", AB_CLIENT_ID="client",
            AB_CLIENT_SECRET="client-secret-value", AB_NAMESPACE="studio-game",
            PLUGIN_GRPC_SERVER_AUTH_ENABLED="false", SHUTDOWN_DELAY=0, SHUTDOWN_GRACE=2,
            RECLAIM_DELAY_MS=600_000, **{"LOG_LEVEL": "debug", **settings})

        def limit():
            for what, value in limits:
                resource.setrlimit(what, (value, value))
        self.process = subprocess.Popen([program("session-dsm")], env=environment, stdout=stdout,
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


if __name__ == "__main__":
    story([
        log_that_is_closed_holds_nothing_up, log_that_is_stalled_holds_nothing_up,
        full_disk_holds_nothing_up, descriptors_that_are_used_up_come_back,
        killed_in_a_call_it_answers_the_next_time, sigterm_while_it_starts_ends_it,
    ], shared=False)
