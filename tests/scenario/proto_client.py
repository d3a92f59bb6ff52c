# SPDX-License-Identifier: Apache-2.0
"""A stock client for servers made with serve_main(): Google's own classes, grpcio's channel."""
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

import grpc

from instrumented import WRAPPER

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "codegen"))
import protoc  # noqa: E402


def compile_protos(folder, *files):
    """Makes MODULE_pb2 of proto files importable; Google's own files come from python3-protobuf."""
    out = tempfile.mkdtemp()
    known = os.path.join(out, "known")
    with open(known, "wb") as f:
        f.write(protoc.well_known().SerializeToString())
    subprocess.run(["protoc", f"--descriptor_set_in={known}", f"-I{folder}", f"--python_out={out}",
                    *files], check=True, cwd=folder)
    sys.path.insert(0, out)


class Server:
    """A program that prints "NAME listens on port N"; its exit status is part of the test."""

    def __init__(self, program):
        self.process = subprocess.Popen([*WRAPPER, program], stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, "GRPC_PORT": "0"})
        line = self.process.stdout.readline()
        found = re.match(r"\S+ listens on port (\d+)$", line)
        assert found, f"the server did not start: {line!r}"
        self.channel = grpc.insecure_channel(f"127.0.0.1:{found[1]}")

    def method(self, path, request, answer, kind="unary_unary"):
        return getattr(self.channel, kind)(
            path, request_serializer=request.SerializeToString,
            response_deserializer=answer.FromString)

    def stop(self):
        self.channel.close()
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(60)
        assert status == 0, f"the server ended with {status}"


def fails(call, code, text):
    """The call fails with this code and a text that holds this one."""
    try:
        call()
    except grpc.RpcError as e:
        assert e.code() == code and text in e.details(), (text, e.code(), e.details())
        return
    raise AssertionError(f"no error, {code} was due for {text}")
