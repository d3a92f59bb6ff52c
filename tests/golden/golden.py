#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Small IDL in, known C out.

    tests/golden/golden.py             compare
    tests/golden/golden.py --update    rewrite the known C; look at the difference before committing

Each case is a folder with idl/ and expected/. What protoc-c makes is not compared: it is protoc-c's.
"""
import difflib
import pathlib
import subprocess
import sys
import tempfile

from generator import ROOT, compilers, generate, generated, make_tree, run

HERE = pathlib.Path(__file__).resolve().parent
CASES = ("proto", "aws")
WARNINGS = """-std=gnu17 -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
    -Wvla -Werror -fsyntax-only""".split()


def make(case, folder):
    """(tree, files to compare) of one case."""
    tree = make_tree(pathlib.Path(folder) / case, HERE / case / "idl")
    generate(tree, check=True)
    return tree, {n: t for n, t in generated(tree).items() if ".pb-c." not in n}


def output_is_the_known_one():
    """Messages, stubs, shapes, operations and errors come out as the known C"""
    problems = []
    with tempfile.TemporaryDirectory() as tmp:
        for case in CASES:
            made = make(case, tmp)[1]
            known = {p.name: p.read_text(encoding="utf-8")
                     for p in (HERE / case / "expected").iterdir()}
            for name in sorted(set(made) | set(known)):
                problems += difflib.unified_diff(
                    known.get(name, "").splitlines(), made.get(name, "").splitlines(),
                    f"{case}/expected/{name}", f"{case}: {name} as generated now", lineterm="")
    assert not problems, "\n".join([*problems[:200], "if this is wanted: golden.py --update"])


def output_compiles():
    """The C of every case compiles without a warning, with each compiler that is here"""
    with tempfile.TemporaryDirectory() as tmp:
        for case in CASES:
            tree = make(case, tmp)[0]
            for compiler in compilers():
                subprocess.run([compiler, *WARNINGS, f"-I{tree}", f"-I{ROOT / 'src'}",
                                *map(str, sorted((tree / "generated").glob("*.c")))], check=True)


def update():
    with tempfile.TemporaryDirectory() as tmp:
        for case in CASES:
            folder = HERE / case / "expected"
            folder.mkdir(exist_ok=True)
            made = make(case, tmp)[1]
            for path in folder.iterdir():
                if path.name not in made:
                    path.unlink()
            for name, text in made.items():
                (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] == ["--update"]:
        update()
    else:
        run([output_is_the_known_one, output_compiles])
