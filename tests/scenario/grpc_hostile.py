#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Peers that do harm: what they get, and that others are served meanwhile.

Usage: grpc_hostile.py ECHO_SERVER [IDL_FOLDER] [TEST...]

The peers speak raw HTTP/2, so that they can do what no client library does. How much memory the
server may take is only looked at without a sanitizer.
"""
import os
import pathlib
import resource
import socket
import struct
import subprocess
import sys
import tempfile
import time

import grpc

import grpc_runtime
from grpc_runtime import CODE, SERVER, dsm, fails, health, server
from instrumented import sanitized

METHOD = "/accelbyte.session.sessiondsm.SessionDsm/CreateGameSession"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, CONTINUATION = 0, 1, 3, 4, 6, 9
END_STREAM, END_HEADERS = 1, 4
# What 100,000 calls broken off may take. Without the guards they took some 1,050 MB; with them 20 to
# 100 MB, and once 270 MB on a machine with seven times more to do than it could.
RESETS_MB = 400
SANITIZED = sanitized(SERVER)


# ---- raw HTTP/2 ---------------------------------------------------------------------------------


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + \
        struct.pack(">I", stream) + payload


def text(s):
    s = s.encode()
    assert len(s) < 127
    return bytes([len(s)]) + s


def block(path=METHOD, more=()):
    """A header block, without Huffman coding and without the table."""
    return b"".join(b"\x00" + text(name) + text(value) for name, value in (
        (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost"),
        ("te", "trailers"), ("content-type", "application/grpc"), *more))


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0)


def connect(s, first=PREFACE):
    peer = socket.create_connection(("127.0.0.1", int(s.target.split(":")[1])), timeout=30)
    peer.sendall(first)
    return peer


def message(**fields):
    packed = dsm.RequestCreateGameSession(**fields).SerializeToString()
    return b"\x00" + struct.pack(">I", len(packed)) + packed


def is_cut_off(peer, seconds=30):
    """True once the server has closed the connection."""
    peer.settimeout(seconds)
    try:
        while peer.recv(65536):
            pass
        return True
    except socket.timeout:
        return False
    except OSError:
        return True


def flood(peer, data, times):
    """Sends until all is sent or the connection is gone; bytes sent."""
    sent = 0
    try:
        for _ in range(times):
            peer.sendall(data)
            sent += len(data)
    except OSError:
        pass
    return sent


def resident(s):
    """Bytes."""
    pages = int(pathlib.Path(f"/proc/{s.process.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


class Peak:
    """The most that the server has resident, in MB above the start."""

    def __init__(self, s):
        self.s, self.start = s, resident(s)
        pathlib.Path(f"/proc/{s.process.pid}/clear_refs").write_text("5")

    def mb(self):
        status = pathlib.Path(f"/proc/{self.s.process.pid}/status").read_text()
        peak = next(int(line.split()[1]) for line in status.splitlines()
                    if line.startswith("VmHWM"))
        return peak // 1024 - (self.start >> 20)

    def below(self, limit):
        mb = self.mb()
        print(f"    peak {mb} MB")
        assert SANITIZED or mb < limit, f"{mb} MB"


def still_serves(s):
    assert s.create("echo", session_id="still").session_id == "still"
    assert s.check() == health.HealthCheckResponse.SERVING


def await_some(s, key):
    end = time.monotonic() + 20
    while s.stats()[key] == 0:
        assert time.monotonic() < end, f"{key} stayed at 0"
        time.sleep(0.02)


# ---- connections --------------------------------------------------------------------------------


def running_out_of_descriptors_is_survived():
    low = 80

    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (low, low))

    process = subprocess.Popen([SERVER], stdout=subprocess.PIPE, preexec_fn=limit)
    s = grpc_runtime.Server.__new__(grpc_runtime.Server)
    s.process = process
    s.target = f"127.0.0.1:{int(process.stdout.readline())}"
    s.channel = s.connect()
    try:
        still_serves(s)
        peers = [connect(s) for _ in range(low)]
        await_some(s, "stalls")
        still_serves(s)  # on its connection of before
        for peer in peers:
            peer.close()
        fresh = s.connect(1)
        assert s.create("echo", session_id="fresh", channel=fresh, wait_for_ready=True)
        fresh.close()
        assert s.stats()["stalls"] > 0
        s.stop()
    finally:
        if process.poll() is None:
            process.kill()


def connections_of_one_peer_are_capped():
    with server("-c", "6") as s:
        still_serves(s)
        peers = [connect(s) for _ in range(5)]
        for peer in peers:
            assert not is_cut_off(peer, 0.2)
        for _ in range(20):
            assert is_cut_off(connect(s))
        assert s.stats()["shut_out"] == 20
        for peer in peers:
            peer.close()
        s.await_stats(open=1)
        assert not is_cut_off(connect(s), 0.2)


def closed_connections_leave_no_descriptors_behind():
    with server() as s:
        still_serves(s)
        folder = pathlib.Path(f"/proc/{s.process.pid}/fd")
        before = len(list(folder.iterdir()))
        for _ in range(10):
            peers = [connect(s) for _ in range(30)]
            assert all(peer.recv(9) for peer in peers)
            for peer in peers:
                peer.close()
        s.await_stats(open=1, accepted=301)
        end = time.monotonic() + 20
        while len(list(folder.iterdir())) > before and time.monotonic() < end:
            time.sleep(0.05)
        assert len(list(folder.iterdir())) <= before


def caller_is_told_apart_by_its_address():
    with server() as s:
        for _ in range(20):  # descriptors are used again
            peer = connect(s)
            peer.sendall(frame(HEADERS, END_HEADERS, 1, block()) +
                         frame(DATA, END_STREAM, 1, message(deployment="echo")))
            want = f"ipv4:127.0.0.1:{peer.getsockname()[1]}".encode()
            got = b""
            while want not in got:
                more = peer.recv(65536)
                assert more, got
                got += more
            peer.close()


def who_speaks_http1_is_told():
    with server() as s:
        peer = connect(s, b"GET / HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n")
        answer = b""
        while True:
            more = peer.recv(65536)
            if not more:
                break
            answer += more
        head, body = answer.split(b"\r\n\r\n", 1)
        assert head.startswith(b"HTTP/1.1 505 "), answer
        assert f"Content-Length: {len(body)}".encode() in head and b"gRPC" in body
        assert is_cut_off(connect(s, b"\x16\x03\x01" + bytes(200)))
        assert s.stats()["strangers"] == 2
        still_serves(s)


def who_says_nothing_is_cut_off():
    with server() as s:
        silent, slow = connect(s, b""), connect(s, b"PRI * HTTP")
        began = time.monotonic()
        assert is_cut_off(silent) and is_cut_off(slow)
        assert 8 < time.monotonic() - began < 15
        still_serves(s)


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def half_an_opening_keeps_nobody_busy():
    """Unix sockets stay readable for as long as a part of the opening lies there."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/sock"
        process = subprocess.Popen([SERVER, "-a", f"unix:{path}"], stdout=subprocess.PIPE)
        try:
            assert process.stdout.readline() == b"0\n"
            peers = [socket.socket(socket.AF_UNIX) for _ in range(5)]
            for peer in peers:
                peer.connect(path)
                peer.sendall(PREFACE[:10])
            time.sleep(0.3)
            before = cpu_seconds(process.pid)
            time.sleep(1.5)
            used = cpu_seconds(process.pid) - before
            assert used < 0.3, f"{used} s of CPU time while nothing happened for 1.5 s"
            peers[0].sendall(PREFACE[10:])
            peers[0].settimeout(20)
            assert peers[0].recv(9)[3] == SETTINGS
        finally:
            process.terminate()
            assert process.wait(60) == 0


# ---- floods -------------------------------------------------------------------------------------


def rapid_resets_are_cut_off():
    for path in (METHOD, "/no.Such/Method"):
        with server() as s:
            still_serves(s)
            peer, peak, sent = connect(s), Peak(s), 0
            stream = 1
            headers = block(path)
            try:
                for _ in range(1000):
                    burst = b""
                    for _ in range(100):
                        burst += frame(HEADERS, END_HEADERS, stream, headers)
                        burst += frame(RST_STREAM, 0, stream, struct.pack(">I", 8))
                        stream += 2
                    peer.sendall(burst)
                    sent += 100
            except OSError:
                pass
            assert is_cut_off(peer)
            assert s.stats()["cut_off"] == 1
            print(f"    {sent} of 100000 sent to {path}")
            peak.below(RESETS_MB)
            still_serves(s)


def resets_of_complete_calls_are_cut_off():
    with server() as s:
        peer, peak, stream = connect(s), Peak(s), 1
        try:
            for _ in range(1000):
                burst = b""
                for _ in range(100):
                    burst += frame(HEADERS, END_HEADERS, stream, block())
                    burst += frame(DATA, END_STREAM, stream, message(deployment="hang"))
                    burst += frame(RST_STREAM, 0, stream, struct.pack(">I", 8))
                    stream += 2
                peer.sendall(burst)
        except OSError:
            pass
        assert is_cut_off(peer)
        assert s.stats()["cut_off"] == 1
        peak.below(RESETS_MB)
        s.await_stats(in_flight=1)
        still_serves(s)


def endless_headers_are_cut_off():
    with server() as s:
        still_serves(s)
        peer, peak = connect(s), Peak(s)
        peer.sendall(frame(HEADERS, 0, 1, block()))
        value = b"\x00" + text("x-a") + b"\x7f\x81\x7f" + b"v" * 16383  # 127 + 16256
        data = frame(CONTINUATION, 0, 1, value[:16384])
        # A paced one, as over a network of 400 Mbit/s.
        sent = 0
        try:
            for _ in range(400):
                for _ in range(32):
                    peer.sendall(data)
                    sent += len(data)
                time.sleep(0.01)
        except OSError:
            pass
        assert is_cut_off(peer)
        print(f"    {sent >> 20} MB sent")
        peak.below(150)
        still_serves(s)


def floods_of_empty_frames_are_stopped():
    """Those that need an answer stall, since the answers are not taken; others are cut off."""
    for name, data in (("SETTINGS", frame(SETTINGS, 0, 0)), ("PING", frame(PING, 0, 0, bytes(8))),
                       ("unknown", frame(0xbe, 0, 0, bytes(1000)))):
        with server() as s:
            still_serves(s)
            peer, peak = connect(s), Peak(s)
            peer.settimeout(5)
            sent = flood(peer, data * 1000, 200000)
            print(f"    {name}: {sent >> 10} kB sent")
            assert sent < 1 << 30, name
            peak.below(120)
            still_serves(s)


def peer_that_does_not_read_does_not_hold_up_the_shutdown():
    with server("-g", "500") as s:
        still_serves(s)
        peer = connect(s)
        peer.settimeout(2)
        flood(peer, frame(SETTINGS, 0, 0) * 1000, 2000)
        began = time.monotonic()
        s.channel.close()
        s.process.terminate()
        assert s.process.wait(60) == 0
        took = time.monotonic() - began
        assert took < 10, took
        peer.close()


def huge_message_is_cut_off():
    with server() as s:
        still_serves(s)
        peer, peak = connect(s), Peak(s)
        peer.sendall(frame(HEADERS, END_HEADERS, 1, block()) +
                     frame(DATA, 0, 1, b"\x00" + struct.pack(">I", 1 << 30)))
        peer.settimeout(5)
        flood(peer, frame(DATA, 0, 1, bytes(16384)), 10000)
        peak.below(120)
        still_serves(s)


def gzip_bomb_is_not_inflated():
    with server() as s:
        still_serves(s)
        peak = Peak(s)
        call = s.create_method()
        fails(lambda: call(dsm.RequestCreateGameSession(session_data="x" * (64 << 20)), timeout=60,
                           compression=grpc.Compression.Gzip), CODE.UNIMPLEMENTED)
        peak.below(20)
        still_serves(s)


def honest_traffic_is_not_cut_off():
    """Thousands of calls, large and small, some of them late, on one connection."""
    with server() as s:
        channel = s.connect(1)
        for _ in range(20):
            calls = [s.create_method(channel).future(
                dsm.RequestCreateGameSession(deployment="echo", session_data="x" * n), timeout=60)
                for n in (10, 1000, 200000) for _ in range(50)]
            calls += [s.create_method(channel).future(
                dsm.RequestCreateGameSession(deployment="hang"), timeout=0.2) for _ in range(50)]
            for call in calls[:150]:
                assert call.code() == CODE.OK, call.details()
            for call in calls[150:]:
                assert call.code() == CODE.DEADLINE_EXCEEDED, call.details()
        assert s.stats()["cut_off"] == 0


# ---- memory -------------------------------------------------------------------------------------


def memory_is_given_back_after_a_burst():
    with server() as s:
        still_serves(s)
        calls_each = 250 if SANITIZED else 750
        channels = [s.connect(n) for n in range(4)]
        calls = [s.create_method(channels[n % 4]).future(
            dsm.RequestCreateGameSession(deployment="hang", session_data="x" * 30000))
            for n in range(4 * calls_each)]
        s.await_stats(60, in_flight=4 * calls_each + 1)
        high = resident(s) >> 20
        for call in calls:
            call.cancel()
        s.await_stats(60, in_flight=1)
        end = time.monotonic() + 20
        while resident(s) >> 20 > 64 and time.monotonic() < end:
            time.sleep(0.2)
        low = resident(s) >> 20
        print(f"    {high} MB, then {low} MB")
        assert SANITIZED or (high > 80 and low <= 64), (high, low)
        for channel in channels:
            channel.close()


TESTS = [
    running_out_of_descriptors_is_survived,
    connections_of_one_peer_are_capped,
    closed_connections_leave_no_descriptors_behind,
    caller_is_told_apart_by_its_address,
    who_speaks_http1_is_told,
    who_says_nothing_is_cut_off,
    half_an_opening_keeps_nobody_busy,
    rapid_resets_are_cut_off,
    resets_of_complete_calls_are_cut_off,
    endless_headers_are_cut_off,
    floods_of_empty_frames_are_stopped,
    peer_that_does_not_read_does_not_hold_up_the_shutdown,
    huge_message_is_cut_off,
    gzip_bomb_is_not_inflated,
    honest_traffic_is_not_cut_off,
    memory_is_given_back_after_a_burst,
]

if __name__ == "__main__":
    os.environ.pop("TEST_WRAPPER", None)
    sys.exit(grpc_runtime.main(TESTS))
