#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Reflection as a generic client uses it: no proto file of ours, only what the server says.

Usage: reflection.py ECHO_SERVER

grpcio speaks, messages are built from what reflection answers. If grpcurl is on the PATH, it is
tried too.
"""
import contextlib
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

from instrumented import WRAPPER

HERE = pathlib.Path(__file__).resolve().parent
SERVER = sys.argv[1]
DSM = "accelbyte.session.sessiondsm.SessionDsm"
CODE = grpc.StatusCode
VERSIONS = ("v1", "v1alpha")


def file_set(path):
    """The descriptors that protoc makes of a proto file."""
    with tempfile.TemporaryDirectory() as tmp:
        out = pathlib.Path(tmp, "set")
        subprocess.run(["protoc", f"-I{path.parent}", f"--descriptor_set_out={out}", path.name],
                       check=True)
        return descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())


def message_class(pool, name):
    return message_factory.MessageFactory(pool).GetPrototype(pool.FindMessageTypeByName(name))


def protocol(version):
    """(request class, response class) of the reflection protocol itself."""
    name = "reflection.proto" if version == "v1" else "reflection_v1alpha.proto"
    pool = descriptor_pool.DescriptorPool()
    for file in file_set(HERE.parent.parent / "idl" / name).file:
        pool.Add(file)
    return tuple(message_class(pool, f"grpc.reflection.{version}.ServerReflection{kind}")
                 for kind in ("Request", "Response"))


PROTOCOL = {version: protocol(version) for version in VERSIONS}


class Server:
    def __init__(self, *options):
        self.process = subprocess.Popen([*WRAPPER, SERVER, *options], stdout=subprocess.PIPE)
        self.target = f"127.0.0.1:{int(self.process.stdout.readline())}"
        self.channel = grpc.insecure_channel(self.target)

    def stop(self):
        self.channel.close()
        self.process.terminate()
        assert self.process.wait(60) == 0


@contextlib.contextmanager
def server(*options):
    made = Server(*options)
    try:
        yield made
        made.stop()
    finally:
        if made.process.poll() is None:
            made.process.kill()


def talk(s, version, requests, timeout=20):
    request, response = PROTOCOL[version]
    method = s.channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=request.SerializeToString, response_deserializer=response.FromString)
    return method((request(**r) if isinstance(r, dict) else r for r in requests), timeout=timeout)


def ask(s, version="v1", **fields):
    answers = list(talk(s, version, [fields]))
    assert len(answers) == 1, answers
    return answers[0]


def files_of(answer):
    data = answer.file_descriptor_response.file_descriptor_proto
    assert data, answer
    return [descriptor_pb2.FileDescriptorProto.FromString(d) for d in data]


# ---- the promises -------------------------------------------------------------------------------


def lists_every_service_sorted():
    with server() as s:
        for version in VERSIONS:
            answer = ask(s, version, host="h", list_services="*")
            assert [x.name for x in answer.list_services_response.service] == [
                DSM, "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
                "grpc.reflection.v1alpha.ServerReflection", "test.streams.Streams"]
            assert answer.valid_host == "h"
            assert answer.original_request.list_services == "*"
            assert ask(s, version, list_services="").list_services_response.service


def finds_the_file_of_every_symbol():
    symbols = [DSM, f"{DSM}.CreateGameSession", "grpc.health.v1.HealthCheckResponse",
               "grpc.health.v1.HealthCheckResponse.ServingStatus",
               "grpc.health.v1.HealthCheckResponse.SERVING",
               "grpc.health.v1.HealthCheckResponse.status",
               "grpc.reflection.v1.ServerReflectionRequest.message_request",
               "grpc.reflection.v1alpha.ServerReflection"]
    with server() as s:
        for version in VERSIONS:
            for symbol in symbols:
                file, = files_of(ask(s, version, file_containing_symbol=symbol))
                assert symbol.startswith(file.package + "."), (symbol, file.name)
        file, = files_of(ask(s, file_by_filename="grpc/health/v1/health.proto"))
        assert file.package == "grpc.health.v1"


def files_are_what_protoc_makes():
    idl = HERE.parent.parent / "idl"
    with server() as s:
        for source, name in (("session-dsm.proto", "session-dsm.proto"),
                             ("health.proto", "grpc/health/v1/health.proto"),
                             ("reflection.proto", "grpc/reflection/v1/reflection.proto")):
            made = file_set(idl / source).file[0]
            made.name = name
            served, = files_of(ask(s, file_by_filename=name))
            assert served == made
            assert not served.HasField("source_code_info")


def what_is_unknown_is_an_answer_and_the_stream_goes_on():
    questions = [{"file_containing_symbol": "no.Such"}, {"file_by_filename": "no/such.proto"},
                 {"file_containing_symbol": ""}, {"file_by_filename": "x" * 5000},
                 {"all_extension_numbers_of_type": "grpc.health.v1.HealthCheckRequest"},
                 {"file_containing_extension": {"containing_type": "a.B", "extension_number": 1}},
                 {"list_services": "*"}]
    with server() as s:
        for version in VERSIONS:
            answers = list(talk(s, version, questions))
            assert len(answers) == len(questions)
            for question, answer in zip(questions[:-1], answers):
                assert answer.error_response.error_code == CODE.NOT_FOUND.value[0], question
                assert len(answer.error_response.error_message) < 300
            assert answers[-1].list_services_response.service


def a_request_that_asks_nothing_ends_the_stream():
    with server() as s:
        for version in VERSIONS:
            try:
                list(talk(s, version, [{"list_services": ""}, {"host": "x"}, {"list_services": ""}]))
                raise AssertionError("no error")
            except grpc.RpcError as e:
                assert e.code() == CODE.INVALID_ARGUMENT, e


def generic_client_calls_without_a_proto_file():
    with server() as s:
        pool = descriptor_pool.DescriptorPool()
        for file in files_of(ask(s, file_containing_symbol=DSM)):
            pool.Add(file)
        method = pool.FindServiceByName(DSM).FindMethodByName("CreateGameSession")
        request = json_format.ParseDict(
            {"session_id": "s-1", "namespace": "ns", "deployment": "echo", "maximum_player": 7},
            message_class(pool, method.input_type.full_name)())
        answer = s.channel.unary_unary(
            f"/{DSM}/{method.name}", request_serializer=type(request).SerializeToString,
            response_deserializer=message_class(pool, method.output_type.full_name).FromString)(
                request, timeout=20)
        assert answer.session_id == "s-1" and answer.port == 7


def requests_on_a_stream_are_limited():
    with server() as s:
        answers = 0

        def paced():
            """Not all at once, which a server that a tool slows down takes for a flood."""
            for n in range(1001):
                while n > answers + 50:
                    time.sleep(0.001)
                yield {"list_services": ""}

        try:
            for _ in talk(s, "v1", paced(), timeout=60):
                answers += 1
            raise AssertionError("no error")
        except grpc.RpcError as e:
            assert e.code() == CODE.RESOURCE_EXHAUSTED, e
        assert answers == 1000


def streams_are_limited_and_others_go_on():
    request, response = PROTOCOL["v1"]
    with server() as s:
        method = s.channel.stream_stream(
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString)
        gate = []

        def silent():
            yield request(list_services="")
            while not gate:
                time.sleep(0.02)

        calls = [method(silent(), timeout=60) for _ in range(64)]
        for call in calls:
            assert next(call).list_services_response.service
        try:
            list(talk(s, "v1alpha", [{"list_services": ""}]))
            raise AssertionError("no error")
        except grpc.RpcError as e:
            assert e.code() == CODE.RESOURCE_EXHAUSTED, e
        assert s.channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=20) == b"\x08\x01"
        gate.append(True)
        for call in calls:
            assert not list(call)
        assert ask(s, "v1alpha", list_services="").list_services_response.service


def open_stream_does_not_hold_up_the_shutdown():
    s = Server("-g", "20000")
    request, response = PROTOCOL["v1"]
    method = s.channel.stream_stream(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        request_serializer=request.SerializeToString, response_deserializer=response.FromString)

    def silent():
        yield request(list_services="")
        while s.process.poll() is None:
            time.sleep(0.02)

    call = method(silent())
    assert next(call).list_services_response.service
    began = time.monotonic()
    s.process.terminate()
    try:
        list(call)
        raise AssertionError("no error")
    except grpc.RpcError as e:
        assert e.code() == CODE.UNAVAILABLE and "shutting down" in e.details(), e
    assert s.process.wait(60) == 0
    assert time.monotonic() - began < 10
    s.channel.close()


def grpcurl_lists_describes_and_calls():
    tool = shutil.which("grpcurl")
    if tool is None:
        print("    (grpcurl is not installed; skipped)")
        return
    with server() as s:
        def grpcurl(*arguments):
            return subprocess.run([tool, "-plaintext", *arguments], check=True, timeout=60,
                                  capture_output=True, text=True).stdout

        assert DSM in grpcurl(s.target, "list").splitlines()
        assert f"{DSM}.CreateGameSession" in grpcurl(s.target, "list", DSM)
        text = grpcurl(s.target, "describe")
        assert "rpc ServerReflectionInfo ( stream .grpc.reflection.v1" in text, text
        text = grpcurl(s.target, "describe", "accelbyte.session.sessiondsm.RequestCreateGameSession")
        assert "repeated string requested_region" in text, text
        answer = json.loads(grpcurl("-d", '{"session_id": "s-2", "deployment": "echo"}', s.target,
                                    f"{DSM}/CreateGameSession"))
        assert answer["sessionId"] == "s-2"
        text = grpcurl("-d", '{"number": 1} {"number": 2}', s.target, "test.streams.Streams/Collect")
        assert json.loads(text) == {"pieces": "2", "sum": "3"}


TESTS = [
    lists_every_service_sorted,
    finds_the_file_of_every_symbol,
    files_are_what_protoc_makes,
    what_is_unknown_is_an_answer_and_the_stream_goes_on,
    a_request_that_asks_nothing_ends_the_stream,
    generic_client_calls_without_a_proto_file,
    requests_on_a_stream_are_limited,
    streams_are_limited_and_others_go_on,
    open_stream_does_not_hold_up_the_shutdown,
    grpcurl_lists_describes_and_calls,
]


def main():
    wanted = sys.argv[2:]
    failed = 0
    for test in TESTS:
        if wanted and test.__name__ not in wanted:
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
    sys.exit(main())
