#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The generator: names, trimming of models, determinism, drift, and what it writes."""
import ast
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path[:0] = [str(ROOT / "codegen"), str(ROOT / "tests" / "golden")]
import names  # noqa: E402
import trim_aws  # noqa: E402
from aws_shapes import Shapes  # noqa: E402
from generator import generate, generated, make_tree, run  # noqa: E402

CASES = ROOT / "tests" / "golden"

SNAKE = {
    "SessionDsm": "session_dsm", "CreateGameSession": "create_game_session",
    "FleetArn": "fleet_arn", "FleetARN": "fleet_arn", "fleetARN": "fleet_arn",
    "fleet_arn": "fleet_arn", "HTTPToken": "http_token", "IpAddress": "ip_address",
    "GameSessionId": "game_session_id", "receiptNumber": "receipt_number",
    "MaximumPlayerSessionCount": "maximum_player_session_count",
    "FORCE_TERMINATE": "force_terminate", "A": "a", "ABC": "abc",
    "with-dash.and/slash": "with_dash_and_slash", "__x__": "x",
}
IDENTIFIERS = {
    "namespace": "namespace", "default": "default_", "Default": "default_", "int": "int_",
    "bool": "bool_", "true": "true_", "NULL": "null", "2ndPlayer": "_2nd_player", "Port": "port",
}


def names_follow_the_rule():
    """A name is the prefix and the source's words; keywords get an underscore"""
    for source, wanted in SNAKE.items():
        assert names.snake(source) == wanted, (source, names.snake(source))
    for source, wanted in IDENTIFIERS.items():
        assert names.identifier(source) == wanted, (source, names.identifier(source))
    assert names.prefixed("gl", "GameSession") == "gl_game_session"
    assert names.prefixed("gl", "default") == "gl_default"
    assert names.constant("gl", "TerminationMode", "FORCE_TERMINATE") == \
        "GL_TERMINATION_MODE_FORCE_TERMINATE"
    for legal in ("x", "_x", "x_1"):
        assert names.is_legal(legal), legal
    for illegal in ("", "1x", "a-b", "int", "é", "a b", "x\n"):
        assert not names.is_legal(illegal), illegal
    for nothing in ("", "??", "-"):
        for make in (names.identifier, lambda s: names.prefixed("gl", s)):
            try:
                raise AssertionError(f"{nothing!r} became {make(nothing)}")
            except ValueError:
                pass


def every_name_of_the_idl_can_be_found():
    """Each field of the contract is found in the generated header by its own name"""
    proto = (ROOT / "idl" / "session-dsm.proto").read_text(encoding="utf-8")
    header = (ROOT / "generated" / "session-dsm.pb-c.h").read_text(encoding="utf-8")
    for line in proto.splitlines():
        words = line.split()
        if line.startswith("  ") and "=" in words and not line.strip().startswith("//"):
            name = words[words.index("=") - 1]
            assert f"{name};" in header or f"{name}_;" in header, name


def a_clash_names_both_sources():
    """Two sources of one name are told by both their names"""
    said = []
    scope = names.Scope(lambda source, reason: said.append((source, reason)))
    scope.claim("fleet_arn", "Fleet.Arn")
    scope.claim("fleet_arn", "Fleet.ARN")
    assert said == [("Fleet.ARN", "becomes fleet_arn, as Fleet.Arn does; rename one of them")], said


def trimming_keeps_facts_only():
    """trim_aws.py keeps what the operations reach, and no prose"""
    model = {
        "metadata": {"serviceId": "X"}, "version": "2.0", "documentation": "prose",
        "operations": {
            "Keep": {"input": {"shape": "In"}, "errors": [{"shape": "Err"}], "documentation": "p"},
            "Drop": {"input": {"shape": "Other"}}},
        "shapes": {
            "In": {"type": "structure", "members": {
                "List": {"shape": "List", "documentation": "p"},
                "shape": {"shape": "Text"}, "documentation": {"shape": "Text"}}},
            "List": {"type": "list", "member": {"shape": "In"}, "max": 3},
            "Text": {"type": "string", "pattern": "^a$", "sensitive": True},
            "Err": {"type": "structure", "members": {}, "exception": True},
            "Other": {"type": "string"}},
    }
    made = trim_aws.trim(model, ["Keep"])
    assert list(made["operations"]) == ["Keep"] and "documentation" not in made["operations"]["Keep"]
    assert list(made["shapes"]) == ["In", "List", "Text", "Err"], made["shapes"]
    assert made["shapes"]["Text"] == {"type": "string", "pattern": "^a$", "sensitive": True}
    assert made["shapes"]["In"]["members"]["List"] == {"shape": "List"}


def what_has_sensitive_keys_is_sensitive():
    """A map whose keys are sensitive is sensitive as a whole, as a mark makes a member"""
    shapes = Shapes("x.json", {
        "In": {"type": "structure", "members": {"Players": {"shape": "Players"},
                                                "Note": {"shape": "Text"}}},
        "Players": {"type": "map", "key": {"shape": "Name"}, "value": {"shape": "Text"}},
        "Name": {"type": "string", "sensitive": True}, "Text": {"type": "string"}},
        "x", ["In.Note"])
    shapes.lower("In", "test")
    shapes.check_marks()
    assert shapes.lowered["Players"].sensitive
    assert [m.sensitive for m in shapes.lowered["In"].members] == [True, True]


def trimming_the_trimmed_changes_nothing():
    """The committed model is a fixed point of trim_aws.py"""
    text = (ROOT / "idl" / "gamelift.json").read_text(encoding="utf-8")
    model = json.loads(text)
    done = subprocess.run([sys.executable, str(ROOT / "codegen" / "trim_aws.py"),
                           str(ROOT / "idl" / "gamelift.json"), *model["operations"]],
                          capture_output=True, text=True, check=True)
    assert done.stdout == text


def output_is_the_same_everywhere():
    """Locale, folder, hash seed, time zone and repetition change nothing"""
    variants = [
        {}, {"PYTHONHASHSEED": "1"}, {"PYTHONHASHSEED": "4711"}, {"LC_ALL": "C"},
        {"LC_ALL": "tr_TR.UTF-8", "LANG": "de_DE.UTF-8"}, {"TZ": "Asia/Tokyo"},
        {"PYTHONUTF8": "0", "LC_ALL": "POSIX"},
    ]
    for case in ("proto", "aws"):
        results = []
        for n, variant in enumerate(variants):
            with tempfile.TemporaryDirectory() as tmp:
                tree = make_tree(pathlib.Path(tmp, f"tree {n}"), CASES / case / "idl")
                generate(tree, check=True, cwd="/" if n % 2 else tmp, env={**os.environ, **variant})
                results.append(generated(tree))
        assert all(r == results[0] for r in results), case
        assert not any("/tmp" in text for text in results[0].values()), "a path got into the output"


def any_python_from_3_9_makes_the_same():
    """The generator is written in Python 3.9; other versions on this machine find no drift"""
    for file in (ROOT / "codegen").glob("*.py"):
        ast.parse(file.read_text(encoding="utf-8"), str(file), feature_version=(3, 9))
    with tempfile.TemporaryDirectory() as tmp:
        tree = make_tree(pathlib.Path(tmp, "tree"), ROOT / "idl")
        generate(tree, check=True)
        for minor in range(9, 20):
            python = shutil.which(f"python3.{minor}")
            has_all = python and subprocess.run(
                [python, "-c", "import jinja2, google.protobuf"], capture_output=True).returncode == 0
            if has_all:
                done = subprocess.run([python, ROOT / "codegen" / "generate.py", "--root", tree,
                                       "--check"], capture_output=True, text=True, check=False)
                assert (done.returncode, done.stderr) == (0, ""), (python, done)
                print(f"        tried with {python}")


def unchanged_files_are_left_alone():
    """A second run writes nothing, so that nothing is compiled again; a stale file goes away"""
    with tempfile.TemporaryDirectory() as tmp:
        tree = make_tree(pathlib.Path(tmp, "tree"), CASES / "aws" / "idl")
        generate(tree, check=True)
        folder = tree / "generated"
        before = {p.name: p.stat().st_mtime_ns for p in folder.iterdir()}
        (folder / "stale.c").write_text("old")
        time.sleep(0.02)
        done = generate(tree, check=True)
        assert done.stdout == "removed generated/stale.c\n", done.stdout
        assert {p.name: p.stat().st_mtime_ns for p in folder.iterdir()} == before


def drift_is_found_and_shown():
    """--check shows what drifted, writes nothing and ends with 1; without drift it ends with 0"""
    with tempfile.TemporaryDirectory() as tmp:
        tree = make_tree(pathlib.Path(tmp, "tree"), CASES / "aws" / "idl")
        generate(tree, check=True)
        assert generate(tree, "--check").returncode == 0
        file = tree / "generated" / "zoo.h"
        changed = file.read_text().replace("zoo_animal_list", "zoo_beast_list")
        file.write_text(changed)
        done = generate(tree, "--check")
        assert done.returncode == 1 and "-struct zoo_beast_list {" in done.stdout, done.stdout
        assert "drifted in 1 file" in done.stdout and file.read_text() == changed
        file.unlink()
        assert generate(tree, "--check").returncode == 1 and not file.exists()


def help_tells_the_modes():
    """--help tells the modes, and unknown options are refused"""
    done = subprocess.run([sys.executable, str(ROOT / "codegen" / "generate.py"), "--help"],
                          capture_output=True, text=True, check=True)
    for option in ("--check", "--skeleton", "--root"):
        assert option in done.stdout
    with tempfile.TemporaryDirectory() as tmp:
        assert generate(tmp, "--nonsense").returncode == 2


if __name__ == "__main__":
    run([
        names_follow_the_rule, every_name_of_the_idl_can_be_found, a_clash_names_both_sources,
        trimming_keeps_facts_only, what_has_sensitive_keys_is_sensitive,
        trimming_the_trimmed_changes_nothing,
        output_is_the_same_everywhere, any_python_from_3_9_makes_the_same,
        unchanged_files_are_left_alone, drift_is_found_and_shown,
        help_tells_the_modes,
    ])
