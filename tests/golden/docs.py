#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""docs/differences.md names only tests that exist, and files that docs link to are there."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORD = re.compile(r"`([a-z][a-z0-9_.]*)`")


def names_of_tests():
    names = {p.stem.removeprefix("test_") for p in (ROOT / "tests" / "unit").glob("test_*.c")}
    for path in (ROOT / "tests" / "unit").glob("test_*.c"):
        names |= set(re.findall(r"^static void ([a-z0-9_]+)\(void \*\*state\)", path.read_text(), re.M))
    for path in (ROOT / "tests" / "scenario").glob("*.py"):
        names.add(path.stem)
        for function in re.findall(r"^def ([a-z0-9_]+)\(", path.read_text(), re.M):
            names |= {function, f"{path.stem}.{function}"}
    return names | {"demo"}


def main():
    wrong = []
    known = names_of_tests()
    table = (ROOT / "docs" / "differences.md").read_text().split("one by one")[1]
    rows = [line.split("|") for line in table.splitlines() if re.match(r"\| \d", line)]
    for row in rows:
        wrong += [f"differences.md: no test named {name}" for name in WORD.findall(row[4])
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
