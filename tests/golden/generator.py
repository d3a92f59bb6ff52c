# SPDX-License-Identifier: Apache-2.0
"""What the generator's tests share: a small tree to generate in, and a runner."""
import os
import pathlib
import shutil
import subprocess
import sys
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parents[2]
GENERATE = ROOT / "codegen" / "generate.py"


def make_tree(into, idl):
    """A folder that generate.py takes for a repository, with this idl/ folder."""
    into = pathlib.Path(into)
    shutil.copytree(idl, into / "idl")
    shutil.copy(ROOT / ".clang-format", into)
    return into


def generate(tree, *options, check=False, **more):
    """generate.py on that tree."""
    return subprocess.run([sys.executable, str(GENERATE), "--root", str(tree), *options],
                          capture_output=True, text=True, check=check, timeout=60, **more)


def generated(tree):
    """{name: text} of what lies in generated/."""
    folder = pathlib.Path(tree) / "generated"
    if not folder.is_dir():
        return {}
    return {p.name: p.read_text(encoding="utf-8") for p in sorted(folder.iterdir())}


def compilers():
    return [c for c in ("gcc", "clang-14") if shutil.which(c)]


def run(checks, *arguments, end=None):
    """Runs checks, each named by the first line of its docstring, then end; ends the program."""
    print(sys.modules["__main__"].__doc__.strip().splitlines()[0], flush=True)
    failed = 0
    for check in checks:
        began = time.monotonic()
        promise = check.__doc__.strip().splitlines()[0]
        try:
            check(*arguments)
            print(f"ok      {promise} ({time.monotonic() - began:.1f} s)", flush=True)
        except Exception:
            failed += 1
            print(f"FAILED  {promise} [{check.__name__}]", flush=True)
            traceback.print_exc(file=sys.stdout)
    if end is not None:
        end()
    print(f"{len(checks) - failed} passed, {failed} failed", flush=True)
    sys.exit(1 if failed else 0)


os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
