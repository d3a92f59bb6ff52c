#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""docs/differences.md names only tests that are run, and files that docs link to are there.

    docs.py BUILD_FOLDER
"""
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORD = re.compile(r"`([a-z][a-z0-9_.]*)`")


def run_by_ctest(build):
    """The tests that this build runs: unit.NAME, scenario.NAME, ..."""
    listed = subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1"],
                            check=True, capture_output=True, text=True).stdout
    return {test["name"] for test in json.loads(listed)["tests"]}


def names_of_tests(run):
    """What may be cited: the tests that run, and what each consists of.

    The compiler refuses an unused C function; a Python one must be named beside its definition.
    """
    names = {name.partition(".")[2] for name in run}
    for path in (ROOT / "tests" / "unit").glob("test_*.c"):
        if "unit." + path.stem.removeprefix("test_") in run:
            names |= set(re.findall(r"^static void ([a-z0-9_]+)\(void \*\*state\)",
                                    path.read_text(), re.M))
    for path in [*(ROOT / "tests" / "scenario").glob("*.py"), *(ROOT / "tests" / "deploy").glob("*.py")]:
        if f"{path.parent.name}.{path.stem}" not in run:
            continue
        text = path.read_text()
        for function in re.findall(r"^def ([a-z0-9_]+)\(", text, re.M):
            if len(re.findall(rf"\b{function}\b", text)) > 1:
                names |= {function, f"{path.stem}.{function}"}
    return names


def main():
    wrong = []
    known = names_of_tests(run_by_ctest(sys.argv[1]))
    table = (ROOT / "docs" / "differences.md").read_text().split("one by one")[1]
    rows = [line.split("|") for line in table.splitlines() if re.match(r"\| \d", line)]
    for row in rows:
        wrong += [f"differences.md: no test named {name} is run" for name in WORD.findall(row[4])
                  if name not in known and "/" not in name]
    numbers = {int(n) for row in rows for n in re.findall(r"\d+", row[1])}
    wrong += [f"differences.md: defect {n} has no row" for n in range(1, 42) if n not in numbers]
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            if not (page.parent / link).exists():
                wrong.append(f"{page.name}: {link} is not there")
    print("\n".join(wrong))
    print(f"{len(rows) + 1 - len(wrong)} passed, {len(wrong)} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
