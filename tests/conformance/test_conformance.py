#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The protocol tests pass, a wrong expectation does not, and what is no suite is refused plainly.

    tests/conformance/test_conformance.py BUILD_DIR
"""
import copy
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
OURS = HERE / "suites.json"
# AWS's own, where they lie beside the checkout.
THEIRS = HERE.parents[2] / "shared" / "data" / "aws-protocol-tests"
BUILD = sys.argv[1]


def run(*files):
    done = subprocess.run(["/usr/bin/python3", HERE / "run.py", "--build", BUILD, *files],
                          capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines(), done.stderr


def passes(*files):
    status, lines, errors = run(*files)
    assert status == 0 and lines and lines[-1].endswith(" passed, 0 failed"), (lines, errors)
    assert not lines[-1].startswith("0 "), lines
    return lines[-1]


def broken():
    """(words of the failing line, suite) of every kind of expectation, each wrong in one thing."""
    suites = json.loads(OURS.read_text(encoding="utf-8"))

    def change(suite, case, *path_and_value):
        *path, last, value = path_and_value
        made = copy.deepcopy(suites[suite])
        made["cases"] = [made["cases"][case]]
        node = made["cases"][0]
        for name in path:
            node = node[name]
        node[last] = value
        return made

    body = json.loads(suites[0]["cases"][0]["serialized"]["body"])
    for suite in (0, 1):
        yield "uri is", change(suite, 0, "serialized", "uri", "/v2/")
        yield "host is", change(suite, 0, "serialized", "host", "zoo.example")
        yield "header Content-Type is", change(suite, 0, "serialized", "headers", "Content-Type", "x")
        yield "header Host was sent", change(suite, 0, "serialized", "forbidHeaders", ["Host"])
        yield "header X-No was not", change(suite, 0, "serialized", "requireHeaders", ["X-No"])
        yield "method is", change(suite, 0, "serialized", "method", "PUT")
        yield "body is", change(suite, 0, "params", "Legs", 1)
        yield "body is", change(suite, 0, "params", "Token", "not the fixed one")
        yield "body is", change(suite, 0, "params", "Gaps", [1, 0, 2 ** 63 - 1])
        yield "refused", change(suite, 0, "params", "Name", "no host.")
        yield "no member Wings", change(suite, 0, "params", "Wings", 2)
    yield "body is", change(0, 0, "serialized", "body", json.dumps({**body, "Token": None}))
    for suite in (2, 3):
        yield "Legs is not", change(suite, 0, "result", "Legs", 7)
        yield "Kind is not", change(suite, 0, "result", "Kind", "BIRD")
        yield "Inner.Notes is not", change(suite, 0, "result", "Inner", "Notes", {"a": "b"})
        yield "Food.Meat is not", change(suite, 0, "result", "Food", "Meat", "tofu")
        yield "Weight is not", change(suite, 0, "result", "Weight", "Infinity")
        yield "Reason is not", change(suite, 2, "error", "Reason", "FISH")
        yield "errorCode is", change(suite, 4 if suite == 2 else 3, "errorCode", "Wrong")
        yield "errorMessage is", change(suite, 2, "errorMessage", "go away")
    yield "could not be|text is|body|JSON|CBOR", change(2, 0, "response", "body", "{")
    wrong_model = copy.deepcopy(suites[2])
    wrong_model["shapes"]["Zoo"]["members"]["Kind"]["shape"] = "Gone"
    yield "Zoo.Kind: refers to shape Gone, which is not defined", wrong_model


def broken_ones_fail(folder):
    wanted = list(broken())
    merged = {}  # one suite, and so one compilation, for all that have the same model
    for i, (_, suite) in enumerate(wanted):
        suite["cases"] = [{**case, "id": f"#{i}#"} for case in suite["cases"]]
        model = json.dumps({k: v for k, v in suite.items() if k != "cases"})
        merged.setdefault(model, {**suite, "cases": []})["cases"] += suite["cases"]
    path = folder / "broken.json"
    path.write_text(json.dumps(list(merged.values())), encoding="utf-8")
    status, lines, errors = run(path)
    assert status == 1, (lines, errors)
    for i, (words, _) in enumerate(wanted):
        ours = [line for line in lines if f"#{i}#" in line]
        assert ours and all(line.startswith("FAIL broken.json: ") for line in ours), (words, lines)
        assert any(w in ours[0] for w in words.split("|")), (words, ours)
    cases = sum(len(suite["cases"]) for _, suite in wanted)
    assert lines[-1] == f"0 passed, {cases} failed", lines[-1]
    return len(wanted)


def no_suites_are_refused(folder):
    for name, text in (("cut", "[{"), ("object", "{}"), ("nameless", '[{"cases": []}]'),
                       ("half", '[{"metadata": {}, "cases": [{"given": {}}]}]')):
        path = folder / name
        path.write_text(text, encoding="utf-8")
        status, lines, errors = run(path)
        assert status == 1 and not lines and errors.startswith(f"{path}: "), (name, lines, errors)
        assert errors.count("\n") == 1, errors
    other = json.loads(OURS.read_text(encoding="utf-8"))[:1]
    other[0]["metadata"].update(protocol="query", protocols=["query"])
    path = folder / "query.json"
    path.write_text(json.dumps(other), encoding="utf-8")
    status, lines, _ = run(path)
    assert status == 1 and "metadata.protocols: offers query" in lines[0], lines
    assert lines[-1] == "0 passed, 1 failed", lines


def main():
    print(f"ours: {passes(OURS)}")
    with tempfile.TemporaryDirectory() as tmp:
        print(f"{broken_ones_fail(pathlib.Path(tmp))} wrong expectations fail")
        no_suites_are_refused(pathlib.Path(tmp))
    theirs = sorted(THEIRS.glob("*.json"))
    if theirs:
        print(f"AWS's: {passes(*theirs)}")
    else:
        print(f"skipped AWS's own suites: {THEIRS} is not there")


if __name__ == "__main__":
    main()
