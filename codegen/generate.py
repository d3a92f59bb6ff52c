#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Turn the files of idl/ into the C of generated/.

load -> lower -> render -> format: loaders know their file format, the representation (ir.py) knows
neither format nor C, templates know only the representation. Nothing is written before everything
has been rendered, so bad input leaves the tree as it was.
"""
import argparse
import difflib
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import ir  # noqa: E402
import load_aws  # noqa: E402
import load_errors  # noqa: E402
import load_openapi  # noqa: E402
import load_proto  # noqa: E402
import render  # noqa: E402


def load_targets(root):
    path = os.path.join(root, "idl", "targets.json")
    try:
        with open(path, encoding="utf-8") as f:
            return json.load(f)["targets"]
    except (OSError, ValueError, KeyError) as e:
        raise ir.IdlError("idl/targets.json", "targets", str(e))


def load(root, target):
    """One target's representation."""
    kinds = {"grpc": load_proto.load, "aws": load_aws.load, "errors": load_errors.load,
             "rest": load_openapi.load}
    kind = target.get("kind")
    if kind not in kinds:
        raise ir.IdlError("idl/targets.json", str(target.get("idl")), f"unknown kind {kind!r}")
    return kinds[kind](root, target)


def render_all(root):
    """Every generated file, as {path below generated/: text}."""
    files = {}
    for target in load_targets(root):
        for name, text in render.files(root, load(root, target)).items():
            if name in files:
                raise ir.IdlError(target["idl"], name, "two targets make this file")
            files[name] = text
    return format_all(root, files)


def format_all(root, files):
    """clang-format over everything, in one run."""
    tool = find_clang_format()
    with tempfile.TemporaryDirectory() as tmp:
        shutil.copy(os.path.join(root, ".clang-format"), tmp)
        for name, text in files.items():
            with open(os.path.join(tmp, name), "w", encoding="utf-8") as f:
                f.write(text)
        paths = sorted(os.path.join(tmp, n) for n in files)
        subprocess.run([tool, "-i", "--style=file", *paths], check=True)
        formatted = {}
        for name in files:
            with open(os.path.join(tmp, name), encoding="utf-8") as f:
                formatted[name] = f.read()
        return formatted


def find_clang_format():
    """Version 14 by name: another one may break lines elsewhere, and that would look like drift."""
    for name in ("clang-format-14", "clang-format"):
        path = shutil.which(name)
        if path:
            return path
    sys.exit("generate.py: clang-format-14 is missing (Debian: apt install clang-format-14)")


def read_dir(out):
    if not os.path.isdir(out):
        return {}
    files = {}
    for name in sorted(os.listdir(out)):
        with open(os.path.join(out, name), encoding="utf-8") as f:
            files[name] = f.read()
    return files


def write(out, files):
    """Writes what changed, removes what is no longer made. Unchanged files keep their time."""
    os.makedirs(out, exist_ok=True)
    old = read_dir(out)
    for name in sorted(set(old) - set(files)):
        os.remove(os.path.join(out, name))
        print(f"removed generated/{name}")
    for name, text in sorted(files.items()):
        if old.get(name) == text:
            continue
        tmp = os.path.join(out, f".{name}.tmp")
        with open(tmp, "w", encoding="utf-8") as f:
            f.write(text)
        os.replace(tmp, os.path.join(out, name))
        print(f"wrote generated/{name}")


def check(out, files):
    """0 if generated/ is what the IDL and the templates make, else 1 with the difference."""
    old = read_dir(out)
    drift = 0
    for name in sorted(set(old) | set(files)):
        if old.get(name) == files.get(name):
            continue
        drift += 1
        diff = list(difflib.unified_diff(
            old.get(name, "").splitlines(), files.get(name, "").splitlines(),
            f"generated/{name} (committed)", f"generated/{name} (from idl/)", lineterm="", n=2))
        print("\n".join(diff[:60]))
    if drift:
        print(f"generated/ has drifted in {drift} file(s): "
              "run `cmake --build build --target regenerate` and commit the result")
    return 1 if drift else 0


def skeleton(root, rpc):
    """A handler to start from, on stdout; never written into src/handlers/."""
    for target in load_targets(root):
        if target.get("kind") != "grpc":
            continue
        proto = load(root, target)
        for service in proto.services:
            for method in service.methods:
                if method.name == rpc:
                    print(render.skeleton(root, proto, service, method), end="")
                    return 0
    print(f"generate.py: no RPC named {rpc} in idl/", file=sys.stderr)
    return 1


def main():
    parser = argparse.ArgumentParser(
        description="Generate C from idl/ into generated/.",
        epilog="Without options: rewrite generated/. Errors print as `file: element: reason`.")
    parser.add_argument("--root", default=os.path.dirname(HERE),
                        help="the tree that holds idl/ and generated/ (default: this repository)")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true",
                      help="write nothing; exit 1 and show the difference if generated/ has drifted")
    mode.add_argument("--skeleton", metavar="RPC",
                      help="print a handler for this RPC to start from")
    args = parser.parse_args()
    root = os.path.abspath(args.root)
    try:
        if args.skeleton:
            return skeleton(root, args.skeleton)
        files = render_all(root)
    except ir.IdlError as e:
        print(f"generate.py: {e}", file=sys.stderr)
        return 1
    out = os.path.join(root, "generated")
    if args.check:
        return check(out, files)
    write(out, files)
    return 0


if __name__ == "__main__":
    sys.exit(main())
