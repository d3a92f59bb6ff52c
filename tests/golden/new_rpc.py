#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A field and an RPC are added to a copy of the contract: it regenerates, builds and serves.

    tests/golden/new_rpc.py
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from generator import ROOT, generate, generated, run

sys.path.insert(0, str(ROOT / "tests" / "scenario"))
import harness  # noqa: E402
from harness import CODE, SERVICE, fails, running  # noqa: E402

NEW_RPC = """
  // Tells what is known of a game session.
  rpc ReadGameSession(RequestReadGameSession) returns (ResponseReadGameSession);
"""
NEW_MESSAGES = """
// Which game session.
message RequestReadGameSession {
  // Id of the AGS game session.
  string session_id = 1;
  repeated string fields = 2;
}

// What is known of it.
message ResponseReadGameSession {
  string session_id = 1;
  int64 players = 2;
}
"""
NEW_FIELD = "\n  // New in this version.\n  string note = 99;\n"
BUILT = ("session-dsm",)

# The copy, changed step by step by the checks in their order.
COPY = None


def edit(path, pattern, replacement):
    file = COPY / path
    text, n = re.subn(pattern, lambda m: m.expand(replacement), file.read_text(), count=1,
                      flags=re.MULTILINE)
    assert n == 1, f"{path}: {pattern} is not there"
    file.write_text(text)


def build():
    out = COPY / "build"
    if not out.is_dir():
        subprocess.run(["cmake", "-G", "Ninja", "-S", str(COPY), "-B", str(out),
                        "-DCMAKE_BUILD_TYPE=Debug", "-DBUILD_TESTING=OFF"], check=True,
                       stdout=subprocess.DEVNULL)
    done = subprocess.run(["cmake", "--build", str(out), "-j2", "--target", *BUILT],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def serving():
    """The service of the copy, for `with`; its GameLift is nobody."""
    harness.BUILD = COPY / "build"
    harness.MESSAGES = {**harness._messages(COPY / "idl" / "session-dsm.proto"),
                        **harness._messages(COPY / "idl" / "health.proto")}
    return running(harness.Service("http://127.0.0.1:9"))


def read(service):
    return service.stubs.unary(SERVICE + "ReadGameSession", "RequestReadGameSession",
                               "ResponseReadGameSession")(
        harness.MESSAGES["RequestReadGameSession"](session_id="s"), timeout=20)


def new_rpc_is_unimplemented():
    """The new RPC compiles without anybody writing C, and answers UNIMPLEMENTED"""
    edit("idl/session-dsm.proto", r"^service SessionDsm \{\n", r"\g<0>" + NEW_RPC)
    edit("idl/session-dsm.proto", r"^message RequestCreateGameSession \{\n", r"\g<0>" + NEW_FIELD)
    edit("idl/session-dsm.proto", r"^message ResponseCreateGameSession \{\n", r"\g<0>" + NEW_FIELD)
    with (COPY / "idl" / "session-dsm.proto").open("a") as f:
        f.write(NEW_MESSAGES)
    assert generate(COPY, "--check").returncode == 1, "the drift went unnoticed"
    generate(COPY, check=True)
    assert generate(COPY, "--check").returncode == 0
    assert "read_game_session" in generated(COPY)["session_dsm.h"]
    build()
    with serving() as service:
        fails(lambda: read(service), CODE.UNIMPLEMENTED, "ReadGameSession")
        fails(lambda: service.create(note="x", maximum_player=0), CODE.INVALID_ARGUMENT,
              "maximum_player")
        assert service.health() == 1


def new_field_reaches_the_handler():
    """A handler can use the new field of request and answer at once"""
    handler = COPY / "src" / "handlers" / "echo_note.c"
    handler.write_text(
        '#include "handlers/service.h"\n'
        "void dsm_handle_create_game_session(struct dsm_create_game_session_call *call) {\n"
        "    struct dsm_response_create_game_session resp = DSM_RESPONSE_CREATE_GAME_SESSION_INIT;\n"
        "    resp.note = call->req->note;\n"
        "    dsm_create_game_session_reply(call, &resp);\n"
        "}\n")
    edit("CMakeLists.txt", r"src/handlers/create_game_session\.c", "src/handlers/echo_note.c")
    build()
    with serving() as service:
        assert service.create(note="grüße").note == "grüße"


def skeleton_is_a_start():
    """--skeleton prints a handler that compiles, runs and is declared by its generated type"""
    done = generate(COPY, "--skeleton", "ReadGameSession", check=True)
    assert "GENERATED" not in done.stdout, "it is to be edited"
    (COPY / "src" / "handlers" / "read_game_session.c").write_text(done.stdout)
    edit("CMakeLists.txt", r"src/handlers/echo_note\.c", r"\g<0> src/handlers/read_game_session.c")
    edit("src/handlers/service.c", r"^    \.create_game_session =",
         r"    .read_game_session = dsm_handle_read_game_session,\n\g<0>")
    build()
    with serving() as service:
        fails(lambda: read(service), CODE.UNIMPLEMENTED, "not written yet")
    wrong = generate(COPY, "--skeleton", "NoSuchRpc")
    assert wrong.returncode == 1 and "NoSuchRpc" in wrong.stderr, wrong


def changed_contract_stops_the_compiler():
    """A handler whose RPC is gone from the contract no longer compiles"""
    edit("idl/session-dsm.proto", re.escape(NEW_RPC), "")
    generate(COPY, check=True)
    try:
        build()
    except AssertionError as error:
        assert "read_game_session" in str(error), error
        return
    raise AssertionError("it compiled")


def copy_tree(into):
    """What building the service needs, and no build folder."""
    for name in ("CMakeLists.txt", ".clang-format", "src", "idl", "generated", "cli", "sim", "cmake"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, into / name)
        elif source.exists():
            shutil.copy(source, into / name)


if __name__ == "__main__":
    os.environ.pop("TEST_WRAPPER", None)
    with tempfile.TemporaryDirectory() as folder:
        COPY = pathlib.Path(folder)
        copy_tree(COPY)
        run([new_rpc_is_unimplemented, new_field_reaches_the_handler, skeleton_is_a_start,
             changed_contract_stops_the_compiler])
