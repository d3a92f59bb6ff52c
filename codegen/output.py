# SPDX-License-Identifier: Apache-2.0
"""Generated files as {name: text}: formatted, compared with a folder, and written into it."""
import difflib
import os
import shutil
import subprocess
import sys
import tempfile

import ir

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def formatted(files, style=ROOT):
    """clang-format over everything, in one run, in the style of that folder's .clang-format."""
    tool = _clang_format()
    with tempfile.TemporaryDirectory() as tmp:
        shutil.copy(os.path.join(style, ".clang-format"), tmp)
        for name, text in files.items():
            with open(os.path.join(tmp, name), "w", encoding="utf-8") as f:
                f.write(text)
        paths = sorted(os.path.join(tmp, n) for n in files)
        if paths:
            subprocess.run([tool, "-i", "--style=file", *paths], check=True)
        return {name: _read(os.path.join(tmp, name)) for name in files}


def _clang_format():
    """Version 14 by name: another one may break lines elsewhere, and that would look like drift."""
    for name in ("clang-format-14", "clang-format"):
        path = shutil.which(name)
        if path:
            return path
    sys.exit("generate.py: clang-format-14 is missing (Debian: apt install clang-format-14)")


def _read(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


def read_dir(out):
    """What lies in the folder; nothing if there is none."""
    if not os.path.isdir(out):
        return {}
    return {name: _read(os.path.join(out, name)) for name in sorted(os.listdir(out))
            if os.path.isfile(os.path.join(out, name))}


def write(out, files, label):
    """Writes what changed and says so. Unchanged files keep their time, others are let alone."""
    try:
        _write(out, files, label)
    except OSError as e:
        raise ir.IdlError(out, "folder", f"cannot be written: {e.strerror}") from e


def _write(out, files, label):
    os.makedirs(out, exist_ok=True)
    for name, text in sorted(files.items()):
        path = os.path.join(out, name)
        if os.path.isfile(path):
            with open(path, "rb") as f:
                if f.read() == text.encode("utf-8"):
                    continue
        tmp = os.path.join(out, f".{name}.tmp")
        with open(tmp, "w", encoding="utf-8") as f:
            f.write(text)
        os.replace(tmp, path)
        print(f"wrote {label}/{name}")


def remove_others(out, files, label):
    """For a folder that holds generated files alone: what is no longer made goes away."""
    for name in sorted(set(read_dir(out)) - set(files)):
        os.remove(os.path.join(out, name))
        print(f"removed {label}/{name}")


def check(out, files, partly=False):
    """0 if the folder holds what the IDL and the templates make, else 1 with the difference.

    partly: it may hold other files, too.
    """
    label = out if partly else "generated"
    old = read_dir(out)
    if partly:
        old = {name: text for name, text in old.items() if name in files}
    drift = 0
    for name in sorted(set(old) | set(files)):
        if old.get(name) == files.get(name):
            continue
        drift += 1
        diff = list(difflib.unified_diff(
            old.get(name, "").splitlines(), files.get(name, "").splitlines(),
            f"{label}/{name} (as it is)", f"{label}/{name} (from the IDL)", lineterm="", n=2))
        print("\n".join(diff[:60]))
    if drift:
        print(f"{label}/ has drifted in {drift} file(s): " + (
            "generate it again" if partly else
            "run `cmake --build build --target regenerate` and commit the result"))
    return 1 if drift else 0
