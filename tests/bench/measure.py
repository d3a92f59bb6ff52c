# SPDX-License-Identifier: Apache-2.0
"""How one server is measured: its CPU time under load, latencies at a given rate, memory, and the
time from exec to SERVING. The client is h2load."""
import contextlib
import os
import pathlib
import socket
import statistics
import struct
import subprocess
import tempfile
import threading
import time

import world

# gRPC's health check as bytes on the wire, so that no client's own start counts: the HTTP/2
# preface, SETTINGS, HEADERS without any compression, DATA with an empty message (RFC 9113).
SERVING = bytes([0, 0, 0, 0, 2, 8, 1])


def _frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(
        ">I", stream) + payload


def _header(name, value):
    return bytes([0, len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


HEALTH_CHECK = (
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(4, 0, 0, b"") + _frame(1, 4, 1, b"".join((
        _header(":method", "POST"), _header(":scheme", "http"),
        _header(":path", "/grpc.health.v1.Health/Check"), _header(":authority", "localhost"),
        _header("content-type", "application/grpc"), _header("te", "trailers"))))
    + _frame(0, 1, 1, b"\0\0\0\0\0"))


def says_serving(port):
    """One health check on a new connection."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as peer:
        peer.settimeout(1)
        peer.sendall(HEALTH_CHECK)
        seen = b""
        while block := peer.recv(4096):
            seen += block
            if SERVING in seen:
                return True
    return False


class Start:
    """Milliseconds from exec to the first SERVING, and what the idle process holds then."""

    def __init__(self, command, environment, port):
        began = time.monotonic()
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        try:
            while not says_serving(port):
                assert process.poll() is None, f"{command[0]} ended instead of serving"
                assert time.monotonic() < began + 60, f"{command[0]} does not say SERVING"
                time.sleep(0.0005)
            self.ms = (time.monotonic() - began) * 1000
            time.sleep(0.3)
            self.idle = world.status(process.pid)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Peak:
    """The largest resident size in kB while it runs, for `with`."""

    def __init__(self, pid):
        self.pid, self.kb, self.threads = pid, 0, 0
        self.end = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self):
        while not self.end.wait(0.02):
            with contextlib.suppress(OSError):
                now = world.status(self.pid)
                self.kb = max(self.kb, now["VmRSS"])
                self.threads = max(self.threads, now["Threads"])

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        self.thread.join()


def closed_loop(server, request, path, calls, connections, streams):
    """CPU us for each call and calls per second, as fast as it goes."""
    before = world.cpu_us(server.pid)
    rate = world.load(server, request, calls, connections, streams, path)
    return (world.cpu_us(server.pid) - before) / calls, rate


def open_loop(server, request, path, rate, seconds, folder):
    """Milliseconds that each call took, when they come at a rate and wait for nobody. h2load looks
    at its clock every 10 ms: at more than 100 calls/s they come in bunches."""
    log = pathlib.Path(folder, "calls.log")
    world.h2load(server, request, path, "-c", 1, "-m", 500, "--rps", rate, "-n", rate * seconds,
                 f"--log-file={log}")
    taken = [int(line.split("\t")[2]) / 1000 for line in log.read_text().splitlines()]
    log.unlink()
    return taken


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def middle(values):
    return statistics.median(values) if values else None


class Slow:
    """slow_upstream on a free port."""

    def __init__(self, folder, delay_ms, answer, text=None, refusal=None,
                 kind="application/x-amz-json-1.1"):
        command = [world.bench_program("slow_upstream"), str(delay_ms), kind,
                   self._file(folder, "answer", answer)]
        if text is not None:
            command += [text, self._file(folder, "refusal", refusal)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.url = "http://127.0.0.1:" + self.process.stdout.readline().split()[-1]

    @staticmethod
    def _file(folder, name, answer):
        handle, path = tempfile.mkstemp(prefix=name, dir=folder)
        with os.fdopen(handle, "wb") as file:
            file.write(answer if isinstance(answer, bytes) else world.compact(answer).encode())
        return path

    def counts(self):
        """Requests so far, and how many were held at once at most."""
        return [int(n) for n in world.get(self.url + "/").split()]

    def stop(self):
        self.kill()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
