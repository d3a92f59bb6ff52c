#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""On demand: clients that are not ours. grpcurl without a proto file, and gRPC for Node.

    GRPCURL=PATH NODE_CLIENT_MODULES=FOLDER tests/scenario/stock_clients.py [BUILD_FOLDER]

grpcurl is found on PATH, or where GRPCURL says; it comes with
`go install github.com/fullstorydev/grpcurl/cmd/grpcurl@latest`. NODE_CLIENT_MODULES is a folder in
which `npm install @grpc/grpc-js @grpc/proto-loader` was run, tests/scenario/grpc-js if unset.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys

from harness import ROOT, story

SERVICE = "accelbyte.session.sessiondsm.SessionDsm"
CLIENT = ROOT / "tests" / "scenario" / "grpc-js"
MODULES = pathlib.Path(os.environ.get("NODE_CLIENT_MODULES", CLIENT))
GRPCURL = os.environ.get("GRPCURL") or shutil.which("grpcurl")
LARGE = {"home_region": "us-east-1",
         "fleets": [{"id": "fleet-demo", "locations": [{"name": "us-east-1", "capacity": 1000}]}],
         "aliases": [{"id": "alias-demo", "fleet": "fleet-demo"}]}


def grpcurl(*arguments, status=0):
    done = subprocess.run([GRPCURL, "-plaintext", "-max-time", "20", *arguments], timeout=60,
                          capture_output=True, text=True, check=False)
    assert done.returncode == status, (arguments, done.returncode, done.stdout, done.stderr)
    return done.stdout if status == 0 else done.stderr


def grpcurl_needs_no_proto_file(w):
    """grpcurl lists, describes and calls the service with what reflection tells it"""
    target = w.service.target
    listed = grpcurl(target, "list").split()
    assert {SERVICE, "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
            "grpc.reflection.v1alpha.ServerReflection"} == set(listed), listed
    assert set(grpcurl(target, "list", SERVICE).split()) == {
        f"{SERVICE}.{name}" for name in ("CreateGameSession", "CreateGameSessionAsync",
                                         "TerminateGameSession")}
    assert "rpc CreateGameSession (" in grpcurl(target, "describe", SERVICE)
    text = grpcurl(target, "describe", "accelbyte.session.sessiondsm.RequestCreateGameSession")
    assert "repeated string requested_region" in text, text
    request = {"sessionId": "curl-1", "namespace": "studio-game", "deployment": "alias-demo",
               "requestedRegion": ["us-east-1"], "maximumPlayer": 4}
    answer = json.loads(grpcurl("-d", json.dumps(request), target, f"{SERVICE}/CreateGameSession"))
    assert (answer["sessionId"], answer["status"]) == ("curl-1", "READY"), answer
    answer = grpcurl("-d", json.dumps({**request, "maximumPlayer": 0}), target,
                     f"{SERVICE}/CreateGameSession", status=64 + 3)
    assert "Code: InvalidArgument" in answer and "maximum_player" in answer, answer
    assert "SERVING" in grpcurl(target, "grpc.health.v1.Health/Check")


def node_calls_it(w):
    """@grpc/grpc-js creates, is refused, cancels, makes 200 calls at once, and watches the health"""
    done = subprocess.run(
        ["node", CLIENT / "client.mjs", w.service.target, ROOT / "idl"], timeout=120, text=True,
        env={**os.environ, "NODE_CLIENT_MODULES": str(MODULES)}, capture_output=True, check=False)
    assert done.returncode == 0 and done.stdout == "ok\n", done.stdout + done.stderr


if __name__ == "__main__":
    checks = []
    if GRPCURL:
        checks.append(grpcurl_needs_no_proto_file)
    else:
        print("skipped: there is no grpcurl")
    if shutil.which("node") and (MODULES / "node_modules" / "@grpc" / "grpc-js").is_dir():
        checks.append(node_calls_it)
    else:
        print(f"skipped: there is no node, or no @grpc/grpc-js in {MODULES}")
    if not checks:
        sys.exit(77)
    story(checks, world=LARGE)
