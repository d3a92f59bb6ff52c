#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The gRPC engine as a stock client sees it: grpcio against tests/scenario/echo_server.c.

Usage: grpc_runtime.py ECHO_SERVER [IDL_FOLDER] [TEST...]
"""
import contextlib
import glob
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

import grpc

from instrumented import WRAPPER, sanitized

HERE = os.path.dirname(os.path.abspath(__file__))
SERVER = sys.argv[1]
IDL = sys.argv[2] if len(sys.argv) > 2 else os.path.join(HERE, "..", "..", "idl")
SERVICE = "/accelbyte.session.sessiondsm.SessionDsm/"
CODE = grpc.StatusCode


def compile_protos():
    out = tempfile.mkdtemp()
    protos = [os.path.join(IDL, n) for n in ("session-dsm.proto", "health.proto")]
    streams = os.path.join(HERE, "..", "streams", "idl")
    subprocess.run(["protoc", f"-I{IDL}", f"-I{streams}", f"--python_out={out}", *protos,
                    os.path.join(streams, "streams.proto")], check=True)
    sys.path.insert(0, out)


compile_protos()
import health_pb2 as health  # noqa: E402
import session_dsm_pb2 as dsm  # noqa: E402
import streams_pb2 as streams  # noqa: E402


class Server:
    """One echo_server, ended with SIGTERM; its exit status is part of every test."""

    def __init__(self, *options):
        self.process = subprocess.Popen([*WRAPPER, SERVER, *options], stdout=subprocess.PIPE)
        line = self.process.stdout.readline()
        assert line, "the server did not start"
        self.target = f"127.0.0.1:{int(line)}"
        self.channel = self.connect()

    def connect(self, number=0, **more):
        options = [("grpc.use_local_subchannel_pool", 1), ("test.number", number), *more.items()]
        return grpc.insecure_channel(self.target, options=options)

    def method(self, name, request=None, answer=None, channel=None):
        return (channel or self.channel).unary_unary(
            name, request_serializer=request, response_deserializer=answer)

    def create(self, deployment, timeout=20, metadata=None, channel=None, wait_for_ready=None,
               **fields):
        return self.create_method(channel)(
            dsm.RequestCreateGameSession(deployment=deployment, **fields), timeout=timeout,
            metadata=metadata, wait_for_ready=wait_for_ready)

    def create_method(self, channel=None):
        return self.method(SERVICE + "CreateGameSession",
                           dsm.RequestCreateGameSession.SerializeToString,
                           dsm.ResponseCreateGameSession.FromString, channel)

    def raw(self, data, method="CreateGameSession", **more):
        return self.method(SERVICE + method)(data, timeout=20, **more)

    def check(self, service=""):
        method = self.method("/grpc.health.v1.Health/Check",
                             health.HealthCheckRequest.SerializeToString,
                             health.HealthCheckResponse.FromString)
        return method(health.HealthCheckRequest(service=service), timeout=20).status

    def watch(self, service="", timeout=60, channel=None):
        method = (channel or self.channel).unary_stream(
            "/grpc.health.v1.Health/Watch",
            request_serializer=health.HealthCheckRequest.SerializeToString,
            response_deserializer=health.HealthCheckResponse.FromString)
        return method(health.HealthCheckRequest(service=service), timeout=timeout)

    def streaming(self, name, request, answer, channel=None):
        """A method of test.streams.Streams, by the kinds of its two sides."""
        kind = {"Collect": "stream_unary", "Count": "unary_stream", "Chat": "stream_stream"}[name]
        return getattr(channel or self.channel, kind)(
            f"/test.streams.Streams/{name}", request_serializer=request.SerializeToString,
            response_deserializer=answer.FromString)

    def count(self, timeout=60, channel=None, **order):
        return self.streaming("Count", streams.Order, streams.Piece, channel)(
            streams.Order(**order), timeout=timeout)

    def collect(self, pieces, timeout=60, channel=None):
        return self.streaming("Collect", streams.Piece, streams.Total, channel).future(
            pieces, timeout=timeout)

    def chat(self, pieces, timeout=60, channel=None):
        return self.streaming("Chat", streams.Piece, streams.Piece, channel)(
            pieces, timeout=timeout)

    def stats(self):
        return json.loads(self.create("stats").session_data)

    def await_stats(self, seconds=20, **wanted):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            stats = self.stats()
            if all(stats[k] == v for k, v in wanted.items()):
                return stats
            time.sleep(0.02)
        raise AssertionError(f"wanted {wanted}, got {stats}")

    def stop(self):
        self.channel.close()
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(60)
        assert status == 0, f"the server ended with {status}"


@contextlib.contextmanager
def server(*options):
    made = Server(*options)
    try:
        yield made
        made.stop()
    finally:
        if made.process.poll() is None:
            made.process.kill()


def fails(call, code, text=None):
    try:
        call()
    except grpc.RpcError as e:
        assert e.code() == code, f"{e.code()} instead of {code}: {e.details()}"
        assert text is None or text in e.details(), f"{text!r} is not in {e.details()!r}"
        return e
    raise AssertionError(f"no error, {code} was due")


# ---- the promises -------------------------------------------------------------------------------


def answers_what_was_asked():
    with server() as s:
        got = s.create("echo", session_id="s-1", namespace="ns", requested_region=["a", "b"],
                       maximum_player=2**40, session_data="grüße 🎮")
        assert (got.session_id, got.namespace, got.region) == ("s-1", "ns", "b")
        assert got.port == 2**40 and got.session_data == "grüße 🎮"
        assert got.ip.startswith("ipv4:127.0.0.1:"), got.ip


def null_slot_is_unimplemented():
    with server() as s:
        fails(lambda: s.raw(b"", "TerminateGameSession"), CODE.UNIMPLEMENTED,
              "TerminateGameSession")
        assert s.stats()["handled"] >= 1


def unknown_methods_are_unimplemented_at_once():
    with server() as s:
        fails(lambda: s.raw(b"", "NoSuchMethod"), CODE.UNIMPLEMENTED, "SessionDsm/NoSuchMethod")
        fails(lambda: s.method("/no.Such/Service")(b"x" * 1000, timeout=20), CODE.UNIMPLEMENTED)
        long = "/a/" + "b" * 3000
        error = fails(lambda: s.method(long)(b"", timeout=20), CODE.UNIMPLEMENTED)
        assert len(error.details()) < 300
        both = s.channel.stream_stream("/no.Such/Service")
        fails(lambda: list(both(iter([b"x"]), timeout=20)), CODE.UNIMPLEMENTED)
        calls = [s.method("/no.Such/Service").future(b"", timeout=20) for _ in range(200)]
        assert all(c.code() == CODE.UNIMPLEMENTED for c in calls)
        assert s.stats()["unknown"] == 204


def malformed_protobuf_is_internal_and_the_next_call_works():
    with server() as s:
        for data in (b"\xff", b"\x0a\x05abc", b"\x0b", b"\x08\x01", b"\x0a\xff\xff\xff\xff\x7f",
                     b"\x80" * 20, b"\x00\x01"):
            fails(lambda data=data: s.raw(data), CODE.INTERNAL)
        for _ in range(200):
            data = bytes(random.getrandbits(8) for _ in range(random.randrange(1, 60)))
            with contextlib.suppress(grpc.RpcError):
                s.raw(data)
        assert s.create("echo", session_id="next").session_id == "next"


def bad_strings_name_their_field():
    with server() as s:
        fails(lambda: s.raw(b"\x0a\x02\xc3\x28"), CODE.INTERNAL, "session_id")
        fails(lambda: s.raw(b"\x2a\x01a\x2a\x01\xff"), CODE.INTERNAL, "requested_region[1]")
        fails(lambda: s.raw(b"\x12\x03a\x00b"), CODE.INVALID_ARGUMENT, "namespace")
        assert s.stats()["undecodable"] == 3


def too_many_elements_are_refused():
    with server() as s:
        assert s.raw(b"\x2a\x00" * 1000)
        fails(lambda: s.raw(b"\x2a\x00" * 1001), CODE.RESOURCE_EXHAUSTED, "requested_region[1000]")


def oversized_message_is_refused():
    with server() as s:
        fails(lambda: s.create("echo", session_data="x" * 300000), CODE.RESOURCE_EXHAUSTED)
        assert s.create("echo", session_data="x" * 250000).session_data == "x" * 250000


def compressed_request_is_refused():
    with server() as s:
        fails(lambda: s.create_method()(dsm.RequestCreateGameSession(session_data="x" * 5000),
                                        timeout=20, compression=grpc.Compression.Gzip),
              CODE.UNIMPLEMENTED)


def response_that_is_not_utf8_is_internal():
    with server() as s:
        fails(lambda: s.create("not-utf8"), CODE.INTERNAL, "session_data")


def errors_carry_code_and_text():
    with server() as s:
        for code in CODE:
            if code != CODE.OK:
                fails(lambda c=code: s.create("fail", maximum_player=c.value[0],
                                              session_data="ü\n%"), code, "ü\n%")
        fails(lambda: s.create("fail", maximum_player=77), CODE.UNKNOWN)
        fails(lambda: s.create("fail", maximum_player=0), CODE.UNKNOWN)
        error = fails(lambda: s.create("fail-long", maximum_player=5), CODE.NOT_FOUND)
        assert error.details() == "ü" * 500
        fails(lambda: s.create("memory"), CODE.RESOURCE_EXHAUSTED, "memory")


def metadata_reaches_the_handler():
    with server() as s:
        got = s.create("metadata", session_data="x-test",
                       metadata=[("x-test", "one"), ("x-test", "2")])
        assert got.session_data == "one"
        got = s.create("metadata", session_data="x-absent")
        assert got.session_data == ""
        got = s.create("metadata", session_data="x-long", metadata=[("x-long", "v" * 20000)])
        assert got.session_data == "v" * 20000


def admit_hook_refuses_before_anything_else():
    with server() as s:
        fails(lambda: s.raw(b"\xff", metadata=[("authorization", "Bearer forged")]),
              CODE.UNAUTHENTICATED, "forged")
        assert s.stats()["refused"] == 1


def deadline_reaches_the_handler():
    with server() as s:
        began = time.monotonic()
        fails(lambda: s.create("hang", timeout=0.2), CODE.DEADLINE_EXCEEDED)
        assert time.monotonic() - began < 5
        s.await_stats(late=1, in_flight=1)


def handlers_own_words_reach_the_caller_before_its_deadline():
    """The library's own text, which hides the reason, is "Deadline Exceeded"."""
    with server() as s:
        for timeout in (0.5, 1, 3):
            began = time.monotonic()
            fails(lambda t=timeout: s.create("hang", timeout=t), CODE.DEADLINE_EXCEEDED,
                  "the deadline has passed")
            took = time.monotonic() - began
            assert timeout - 0.2 < took < timeout, (timeout, took)
            fails(lambda t=timeout: s.create("slow-text", timeout=t), CODE.DEADLINE_EXCEEDED,
                  "GameLift did not answer in time")
        s.await_stats(late=6, in_flight=1)


def calls_that_are_over_in_time_are_not_cancelled():
    with server() as s:
        calls = [s.create_method().future(dsm.RequestCreateGameSession(
            deployment="delay", maximum_player=n), timeout=60) for n in range(100 if WRAPPER else 300)]
        assert all(c.code() == CODE.OK for c in calls)
        assert s.stats()["late"] == 0


def call_without_deadline_gets_the_default():
    with server("-d", "200") as s:
        fails(lambda: s.create("hang", timeout=None), CODE.DEADLINE_EXCEEDED)
        assert s.stats()["late"] == 1


def client_cancel_reaches_the_handler():
    with server() as s:
        call = s.create_method().future(dsm.RequestCreateGameSession(deployment="hang"))
        s.await_stats(in_flight=2)
        call.cancel()
        s.await_stats(cancelled=1, in_flight=1)


def lost_connection_reaches_the_handler():
    with server() as s:
        other = s.connect(1)
        call = s.create_method(other).future(dsm.RequestCreateGameSession(deployment="hang"))
        s.await_stats(in_flight=2)
        other.close()
        s.await_stats(cancelled=1, in_flight=1)
        assert call.code() == CODE.CANCELLED


def call_without_message_is_answered():
    with server() as s:
        empty = s.channel.stream_unary(SERVICE + "CreateGameSession")
        fails(lambda: empty(iter(()), timeout=20), CODE.INTERNAL, "no request message")


def in_flight_cap_refuses_at_once_but_not_health():
    with server("-f", "50") as s:
        channel = s.connect(1)
        calls = [s.create_method(channel).future(dsm.RequestCreateGameSession(deployment="hang"))
                 for _ in range(80)]
        end = time.monotonic() + 20
        while sum(c.done() for c in calls) < 30 and time.monotonic() < end:
            time.sleep(0.02)
        refused = [c for c in calls if c.done()]
        assert len(refused) == 30, len(refused)
        assert all(c.code() == CODE.RESOURCE_EXHAUSTED for c in refused)
        assert s.check() == health.HealthCheckResponse.SERVING
        for call in calls:
            call.cancel()
        end = time.monotonic() + 20
        while time.monotonic() < end:
            with contextlib.suppress(grpc.RpcError):
                assert s.stats()["overloaded"] >= 30
                return
        raise AssertionError("the server stayed full")


def health_knows_its_services():
    with server() as s:
        serving = health.HealthCheckResponse.SERVING
        for name in ("", "accelbyte.session.sessiondsm.SessionDsm", "grpc.health.v1.Health"):
            assert s.check(name) == serving
        fails(lambda: s.check("no.Such"), CODE.NOT_FOUND, "unknown service")


def watch_tells_changes():
    with server() as s:
        states = health.HealthCheckResponse
        first, other = s.watch(), s.watch("changing")
        assert next(first).status == states.SERVING
        assert next(other).status == states.SERVICE_UNKNOWN
        for wanted in (states.SERVING, states.NOT_SERVING, states.SERVING):
            s.process.send_signal(signal.SIGUSR1)
            assert next(other).status == wanted
        first.cancel()
        other.cancel()


def drain_ends_watches_after_telling_them():
    s = Server("-g", "30000")
    watches = [s.watch(timeout=None) for _ in range(50)]
    for watch in watches:
        assert next(watch).status == health.HealthCheckResponse.SERVING
    began = time.monotonic()
    s.process.send_signal(signal.SIGTERM)
    for watch in watches:
        assert next(watch).status == health.HealthCheckResponse.NOT_SERVING
        fails(lambda w=watch: next(w), CODE.UNAVAILABLE, "shutting down")
    assert s.process.wait(60) == 0
    assert time.monotonic() - began < 10
    s.channel.close()


def watches_are_limited():
    with server("-s", "2000") as s:
        watches = [s.watch() for _ in range(1001)]
        codes = []
        for watch in watches:
            try:
                codes.append(next(watch).status)
            except grpc.RpcError as e:
                codes.append(e.code())
        assert sorted(map(str, codes)) == sorted(map(str, [1] * 1000 + [CODE.RESOURCE_EXHAUSTED]))
        for watch in watches:
            watch.cancel()


# ---- streams ------------------------------------------------------------------------------------


def pieces(numbers, text=""):
    return (streams.Piece(number=n, text=text) for n in numbers)


def all_four_kinds_of_method_work():
    with server() as s:
        assert [p.number for p in s.count(pieces=1000, text_bytes=10)] == list(range(1000))
        assert s.collect(pieces(range(1000))).result(20) == streams.Total(pieces=1000, sum=499500)
        assert s.collect(iter(())).result(20) == streams.Total()
        assert [p.number for p in s.chat(pieces(range(1000)))] == list(range(1000))
        assert not list(s.chat(iter(())))
        echo = s.method("/test.streams.Streams/Echo", streams.Piece.SerializeToString,
                        streams.Piece.FromString)
        assert echo(streams.Piece(number=3), timeout=20).number == 3
        s.await_stats(streams=0, in_flight=1, broken=0)


def streams_end_with_their_status():
    with server() as s:
        call = s.count(pieces=2, code=10)
        assert [next(call).number, next(call).number] == [0, 1]
        fails(lambda: next(call), CODE.ABORTED, "counted enough")
        call = s.chat(pieces([1, -5]))
        assert next(call).number == 1
        fails(lambda: next(call), CODE.NOT_FOUND, "as you wish")
        s.await_stats(streams=0)


def bad_message_on_a_stream_is_internal():
    with server() as s:
        for name in ("Collect", "Chat"):
            raw = s.channel.stream_stream(f"/test.streams.Streams/{name}")
            fails(lambda r=raw: list(r(iter([b"\x08\x01", b"\xff"]), timeout=20)), CODE.INTERNAL)
            fails(lambda r=raw: list(r(iter([b"\x12\x02\xc3\x28"]), timeout=20)), CODE.INTERNAL,
                  "text")
        s.await_stats(streams=0)


def sender_waits_for_its_reader():
    with server() as s:
        call = s.count(pieces=10**6, text_bytes=50000)
        assert next(call).number == 0
        before = -1
        while s.stats()["counted"] != before:  # until the windows are full
            before = s.stats()["counted"]
            assert before < 1000
            time.sleep(0.3)
        call.cancel()
        s.await_stats(broken=1, streams=0, in_flight=1)


def deadline_and_cancel_reach_every_kind_of_stream():
    with server() as s:
        gate = threading.Event()

        def slow():
            yield streams.Piece(number=1)
            gate.wait(60)

        fails(lambda: list(s.count(pieces=2, pause_ms=60000, timeout=0.5)), CODE.DEADLINE_EXCEEDED,
              "the deadline has passed")
        fails(lambda: list(s.chat(slow(), timeout=0.5)), CODE.DEADLINE_EXCEEDED,
              "the deadline has passed")
        fails(lambda: s.collect(slow(), timeout=0.5).result(20), CODE.DEADLINE_EXCEEDED,
              "the deadline has passed")
        s.await_stats(broken=3, streams=0)
        calls = [s.count(pieces=2, pause_ms=60000), s.chat(slow()), s.collect(slow())]
        s.await_stats(streams=3)
        for call in calls:
            call.cancel()
        s.await_stats(broken=6, streams=0, in_flight=1)
        gate.set()


def stream_without_deadline_stays_open():
    with server("-d", "200") as s:
        call = s.count(pieces=3, pause_ms=400, timeout=None)
        assert [p.number for p in call] == [0, 1, 2]


def drain_lets_streams_finish_within_the_grace_time():
    s = Server("-g", "5000")
    call = s.count(pieces=4, pause_ms=200)
    assert next(call).number == 0
    s.process.send_signal(signal.SIGTERM)
    assert [p.number for p in call] == [1, 2, 3]
    assert s.process.wait(60) == 0
    s.channel.close()
    s = Server("-g", "300")
    call = s.count(pieces=2, pause_ms=60000)
    assert next(call).number == 0
    s.process.send_signal(signal.SIGTERM)
    fails(lambda: next(call), CODE.UNAVAILABLE)
    assert s.process.wait(60) == 0
    s.channel.close()


def mixed_streams(threads):
    """1,000 streams of all kinds, cancelled at random moments."""
    with server("-t", str(threads)) as s:
        channels = [s.connect(n) for n in range(4)]
        failures = []

        def some(seed):
            dice = random.Random(seed)
            for _ in range(250):
                n = dice.randrange(0, 30)
                timeout = dice.choice([0.001, 0.005, 0.02, 10])
                what = dice.choice(["count", "collect", "chat"])
                if what == "count":
                    call = s.count(timeout, channels[seed], pieces=n, text_bytes=1000,
                                   pause_ms=dice.choice([0, 0, 1]))
                elif what == "collect":
                    call = s.collect(pieces(range(n)), timeout, channels[seed])
                else:
                    call = s.chat(pieces(range(n)), timeout, channels[seed])
                if dice.random() < 0.5:
                    time.sleep(dice.random() * 0.005)
                    call.cancel()
                try:
                    if what == "collect":
                        total = call.result(60)
                        assert total.sum == sum(range(n))
                    else:
                        assert [p.number for p in call] == list(range(n))
                except grpc.FutureCancelledError:
                    pass
                except grpc.RpcError as e:
                    if e.code() not in (CODE.CANCELLED, CODE.DEADLINE_EXCEEDED):
                        failures.append(e)
                except AssertionError as e:
                    failures.append(e)

        workers = [threading.Thread(target=some, args=(n,)) for n in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert not failures, failures[:3]
        print("   ", s.await_stats(in_flight=1, streams=0))


def thousand_mixed_streams_one_queue_thread():
    mixed_streams(1)


def thousand_mixed_streams_two_queue_threads():
    mixed_streams(2)


# ---- the ends of the library --------------------------------------------------------------------


def second_server_on_the_port_says_why():
    with server() as s:
        port = s.target.split(":")[1]
        for address in ("127.0.0.1", "0.0.0.0"):
            second = subprocess.run([SERVER, "-a", address, "-p", port], capture_output=True,
                                    text=True, check=False, timeout=60)
            assert second.returncode == 1
            assert f"cannot listen on {address}:{port}: Address already in use" in second.stderr, \
                second.stderr
    for options, text in ((("-a", "1.2.3.4.5"), "not an IP address"),
                          (("-t", "9"), "queue_threads"), (("-p", "70000"), "port is 70000")):
        bad = subprocess.run([SERVER, *options], capture_output=True, text=True, check=False,
                             timeout=60)
        assert bad.returncode == 1 and text in bad.stderr, bad.stderr


def odd_poll_strategy_is_survived():
    os.environ["GRPC_POLL_STRATEGY"] = "epollex"
    try:
        with server() as s:
            assert s.check() == health.HealthCheckResponse.SERVING
    finally:
        del os.environ["GRPC_POLL_STRATEGY"]


def ipv6_and_unix_sockets_work():
    with tempfile.TemporaryDirectory() as folder:
        path = f"unix:{folder}/sock"
        process = subprocess.Popen([SERVER, "-a", path], stdout=subprocess.PIPE)
        assert process.stdout.readline() == b"0\n"
        with grpc.insecure_channel(path) as channel:
            call = channel.unary_unary(SERVICE + "CreateGameSessionAsync")
            assert call(b"", timeout=20) == b"\x08\x01"
        process.terminate()
        assert process.wait(60) == 0
    if not glob.glob("/proc/net/if_inet6"):
        return
    process = subprocess.Popen([SERVER, "-a", "::1"], stdout=subprocess.PIPE)
    port = int(process.stdout.readline())
    with grpc.insecure_channel(f"[::1]:{port}") as channel:
        call = channel.unary_unary(SERVICE + "CreateGameSessionAsync")
        assert call(b"", timeout=20) == b"\x08\x01"
    process.terminate()
    assert process.wait(60) == 0


def mixed_calls(threads):
    """1,000 calls that end in every way, at random moments, some of them cancelled."""
    with server("-t", str(threads)) as s:
        channels = [s.connect(n) for n in range(4)]
        codes = {}
        lock = threading.Lock()

        def count(call):
            with lock:
                codes[call.code()] = codes.get(call.code(), 0) + 1

        def some(seed):
            dice = random.Random(seed)
            for _ in range(250):
                what = dice.choice(["echo", "delay", "delay", "hang", "fail"])
                request = dsm.RequestCreateGameSession(
                    deployment=what, maximum_player=dice.randrange(1, 20), session_data="x" * 100)
                call = s.create_method(channels[seed]).future(
                    request, timeout=dice.choice([0.001, 0.005, 0.02, 5]))
                if what == "hang" or dice.random() < 0.5:
                    time.sleep(dice.random() * 0.01)
                    call.cancel()
                call.add_done_callback(count)

        workers = [threading.Thread(target=some, args=(n,)) for n in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        stats = s.await_stats(in_flight=1)
        assert stats["started"] == stats["handled"] + 1, stats
        end = time.monotonic() + 20
        while sum(codes.values()) < 1000 and time.monotonic() < end:
            time.sleep(0.02)
        assert sum(codes.values()) == 1000, codes
        print("   ", {c.name: n for c, n in codes.items()}, stats)


def thousand_mixed_cancels_one_queue_thread():
    mixed_calls(1)


def thousand_mixed_cancels_two_queue_threads():
    mixed_calls(2)


def thousands_of_calls_can_wait():
    # A tool that slows the server down tenfold and more does not take in so many before their time is up.
    many = 500 if WRAPPER else 2000 if sanitized(SERVER) else 10000
    with server("-s", "5000") as s:
        channels = [s.connect(n) for n in range(4)]
        calls = [s.create_method(channels[n % 4]).future(
            dsm.RequestCreateGameSession(deployment="hang")) for n in range(many)]
        s.await_stats(60, in_flight=many + 1)
        assert s.check() == health.HealthCheckResponse.SERVING
        for call in calls:
            call.cancel()
        s.await_stats(60, in_flight=1, cancelled=many)


def drain_lets_calls_finish_and_refuses_new_ones():
    s = Server("-g", "5000")
    call = s.create_method().future(
        dsm.RequestCreateGameSession(deployment="delay", maximum_player=700, session_id="slow"))
    s.await_stats(in_flight=2)
    s.process.send_signal(signal.SIGTERM)
    assert call.result(20).session_id == "slow"
    assert s.process.wait(60) == 0
    fails(lambda: s.create("echo", timeout=2), CODE.UNAVAILABLE)


def drain_cancels_what_outlasts_the_grace_time():
    s = Server("-g", "300")
    calls = [s.create_method().future(dsm.RequestCreateGameSession(deployment="hang"))
             for _ in range(50)]
    s.await_stats(in_flight=51)
    began = time.monotonic()
    s.process.send_signal(signal.SIGTERM)
    assert all(c.code() == CODE.UNAVAILABLE for c in calls)
    assert s.process.wait(60) == 0
    assert 0.25 < time.monotonic() - began < 30


TESTS = [
    answers_what_was_asked,
    null_slot_is_unimplemented,
    unknown_methods_are_unimplemented_at_once,
    malformed_protobuf_is_internal_and_the_next_call_works,
    bad_strings_name_their_field,
    too_many_elements_are_refused,
    oversized_message_is_refused,
    compressed_request_is_refused,
    response_that_is_not_utf8_is_internal,
    errors_carry_code_and_text,
    metadata_reaches_the_handler,
    admit_hook_refuses_before_anything_else,
    deadline_reaches_the_handler,
    handlers_own_words_reach_the_caller_before_its_deadline,
    calls_that_are_over_in_time_are_not_cancelled,
    call_without_deadline_gets_the_default,
    client_cancel_reaches_the_handler,
    lost_connection_reaches_the_handler,
    call_without_message_is_answered,
    in_flight_cap_refuses_at_once_but_not_health,
    health_knows_its_services,
    watch_tells_changes,
    drain_ends_watches_after_telling_them,
    watches_are_limited,
    all_four_kinds_of_method_work,
    streams_end_with_their_status,
    bad_message_on_a_stream_is_internal,
    sender_waits_for_its_reader,
    deadline_and_cancel_reach_every_kind_of_stream,
    stream_without_deadline_stays_open,
    drain_lets_streams_finish_within_the_grace_time,
    thousand_mixed_streams_one_queue_thread,
    thousand_mixed_streams_two_queue_threads,
    second_server_on_the_port_says_why,
    odd_poll_strategy_is_survived,
    ipv6_and_unix_sockets_work,
    thousand_mixed_cancels_one_queue_thread,
    thousand_mixed_cancels_two_queue_threads,
    thousands_of_calls_can_wait,
    drain_lets_calls_finish_and_refuses_new_ones,
    drain_cancels_what_outlasts_the_grace_time,
]


# What a server in a wrapper such as valgrind is too slow for: its word comes a tenth of a second before the
# caller's deadline; a thousand streams, or a megabyte, that come faster than it serves them are a flood.
TOO_SLOW = (deadline_reaches_the_handler, handlers_own_words_reach_the_caller_before_its_deadline,
            deadline_and_cancel_reach_every_kind_of_stream, watches_are_limited,
            oversized_message_is_refused)


def main(tests):
    wanted = sys.argv[3:]
    failed = 0
    for test in tests:
        if wanted and test.__name__ not in wanted:
            continue
        if WRAPPER and test in TOO_SLOW:
            print(f"     {test.__name__}: skipped, the wrapper is too slow for it", flush=True)
            continue
        began = time.monotonic()
        try:
            test()
            print(f"ok   {test.__name__} ({time.monotonic() - began:.1f} s)", flush=True)
        except Exception as e:  # each promise is told apart
            failed += 1
            print(f"FAIL {test.__name__}: {type(e).__name__}: {e}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(TESTS))
