#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""When the contract changes, the generator and the compiler name the handler and the field."""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from generator import GENERATE, ROOT, compilers, run

WARNINGS = "-std=gnu17 -Wall -Wextra -Wconversion -Wmissing-prototypes -Werror".split()


class Copy:
    """A repository with the service's contract and handlers, committed."""

    def __init__(self, folder):
        self.root = pathlib.Path(folder)
        for name in ("src", "idl", "generated"):
            shutil.copytree(ROOT / name, self.root / name)
        shutil.copy(ROOT / ".clang-format", self.root)
        for command in (("init", "-q"), ("add", "-A"),
                        ("-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "first")):
            subprocess.run(["git", *command], cwd=self.root, check=True)

    def edit(self, pattern, replacement):
        file = self.root / "idl" / "session-dsm.proto"
        text, n = re.subn(pattern, replacement, file.read_text(), count=1, flags=re.MULTILINE)
        assert n == 1, pattern
        file.write_text(text)

    def drop_member(self, shape, member):
        file = self.root / "idl" / "gamelift.json"
        model = json.loads(file.read_text())
        del model["shapes"][shape]["members"][member]
        file.write_text(json.dumps(model))

    def regenerate(self):
        """What the generator says."""
        done = subprocess.run([sys.executable, str(GENERATE), "--root", str(self.root)],
                              capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def first_errors(self, only):
        """For each compiler the first error of the handlers, and the lines below it."""
        for compiler in compilers():
            said = ""
            for file in sorted((self.root / "src" / "handlers").glob(only)):
                done = subprocess.run(
                    [compiler, *WARNINGS, "-fsyntax-only", "-fno-diagnostics-color", "-Isrc", "-I.",
                     "-D_GNU_SOURCE", str(file.relative_to(self.root))], cwd=self.root,
                    capture_output=True, text=True, check=False)
                said += done.stderr
            lines = said.splitlines()
            first = next((i for i, line in enumerate(lines) if ": error: " in line), None)
            assert first is not None, f"{compiler} compiled it"
            yield lines[first], "\n".join(lines[first:first + 3])


def changed(pattern, replacement, *told):
    """An edit of the proto, and what is told of it."""
    told_of(lambda copy: copy.edit(pattern, replacement), *told)


def told_of(edit, element, text, file, word, only="*.c"):
    """The edit is told by the generator with the handler's line, and stops the compiler there."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(folder)
        edit(copy)
        said = copy.regenerate()
        assert f"{element}: {text}" in said, said
        block = said.split(f"{element}: {text}", 1)[1].split("\nRe", 1)[0]
        assert re.search(rf"look at {re.escape(file)}:\d+", block), said
        for first, below in copy.first_errors(only):
            assert first.startswith(file + ":"), first
            assert word in below, below
            if only == "*.c":
                assert f"look at {file}:{first.split(':')[1]}\n" in said, (first, said)


def a_renamed_field_is_named():
    """A field that a handler uses is renamed: both name the handler's line and the field"""
    changed(r"string client_version = ", "string build_version = ",
            "RequestCreateGameSession.client_version", "field renamed to build_version",
            "src/handlers/create_game_session.c", "client_version")


def a_removed_field_is_named():
    """A field that a handler uses is removed"""
    changed(r"^.*int64 maximum_player = .*\n", "", "RequestCreateGameSession.maximum_player",
            "field removed", "src/handlers/game_properties.c", "maximum_player")


def a_changed_type_is_named():
    """A field that a handler uses gets another type"""
    changed(r"int64 maximum_player = ", "string maximum_player = ",
            "RequestCreateGameSession.maximum_player", "type changed from int64 to string",
            "src/handlers/game_properties.c", "maximum_player")


def a_removed_rpc_is_named():
    """An RPC that has a handler is removed: both name the handler's file"""
    changed(r"^.*rpc TerminateGameSession\(.*\n(?:.*\}\n)?", "", "SessionDsm.TerminateGameSession",
            "RPC removed", "src/handlers/terminate_game_session.c", "terminate_game_session",
            "terminate_game_session.c")


def a_changed_number_is_told():
    """A field gets another number, which compiles: the generator tells it, with the lines that use it"""
    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(folder)
        copy.edit(r"int64 maximum_player = \d+", "int64 maximum_player = 77")
        said = copy.regenerate()
        assert re.search(r"RequestCreateGameSession\.maximum_player: number changed from \d+ to 77\n"
                         r"    look at src/handlers/game_properties\.c:\d+", said), said


def a_removed_member_of_gamelift_is_named():
    """A member of GameLift's model that a handler uses is removed"""
    told_of(lambda copy: copy.drop_member("GameSession", "Location"), "GameSession.Location",
            "member removed", "src/handlers/create_game_session.c", "location",
            "create_game_session.c")


if __name__ == "__main__":
    run([a_renamed_field_is_named, a_removed_field_is_named, a_changed_type_is_named,
         a_changed_number_is_told, a_removed_rpc_is_named,
         a_removed_member_of_gamelift_is_named])
