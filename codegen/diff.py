# SPDX-License-Identifier: Apache-2.0
"""generate.py --diff: what a new contract changes, in words, and where our code has to follow."""
import io
import os
import re
import subprocess
import tarfile
import tempfile

import changes
import command_grpc
import diff_api
import diff_proto
import given
import ir
import load_aws
import load_openapi
import protoc
import repository

# Exit status: 1 and 2 are those of any error.
STATUS = {changes.FINE: 0, changes.SOURCE: 3, changes.WIRE: 4}


def of_files(old, new):
    """The changes from one file, or folder of proto files, to another."""
    return _compare(_load(old), _load(new))


def of_revision(root, revision):
    """The changes of idl/ since a revision of git."""
    with tempfile.TemporaryDirectory() as tmp:
        _check_out(root, revision, tmp)
        return _compare(_load_tree(tmp), _load_tree(root))


def tell_since_commit(root, out=print):
    """After a regeneration: what idl/ changes and is not committed yet, and where to look for it."""
    if not _git(root, "ls-tree", "HEAD", "idl/targets.json") or \
            not _git(root, "diff", "--name-only", "HEAD", "--", "idl"):
        return  # nothing that could be compared, or nothing that differs
    try:
        found = of_revision(root, "HEAD")
    except ir.IdlError as e:
        out(f"the contract of the last commit cannot be compared with: {e}")
        return
    places = uses(root, found)
    if places:
        out("the contract has changed since the last commit (generate.py --diff tells all of it):")
        _tell(places, out)


def _git(root, *command):
    """What git says; nothing if there is no git, no repository or no such thing in it."""
    try:
        done = subprocess.run(["git", "-C", root, *command], capture_output=True, check=False)
    except FileNotFoundError:
        return b""
    return done.stdout if done.returncode == 0 else b""


def show(found, out=print):
    """Prints the changes, the worst first in each file; gives the exit status."""
    for file in dict.fromkeys(change.file for change in found):
        out(file)
        ours = [change for change in found if change.file == file]
        for level in changes.LEVELS:
            for change in ours:
                if change.level == level:
                    out(f"  {level + ':':<19} {change.element}: {change.text}")
    count = {level: sum(change.level == level for change in found) for level in changes.LEVELS}
    if found:
        out(", ".join(f"{n} {level}" for level, n in count.items() if n > 0))
    else:
        out("no changes of the contract")
    return max((STATUS[change.level] for change in found), default=0)


# ---- loading ------------------------------------------------------------------------------------


def _load(path):
    """{name: representation} of a file or a folder of proto files."""
    if os.path.isdir(path):
        protos = sorted(os.path.join(folder, name) for folder, _, names in os.walk(path)
                        for name in names if name.endswith(".proto"))
        if not protos:
            raise ir.IdlError(path, "folder", "holds no proto files")
        return _protos(command_grpc.load(protos, [path]))
    if path.endswith(".proto"):
        return {"": next(f for f in command_grpc.load([path]).files if f.source ==
                         os.path.basename(path))}
    if not os.path.isfile(path):
        raise ir.IdlError(path, "file", "there is no such file")
    return {"": _load_model(path)}


def _load_model(path):
    target = {"idl": path, "prefix": "x", "stem": "x"}
    model = given.parsed(path, path)[1]
    if isinstance(model, dict) and "paths" in model:
        return load_openapi.load("", target)
    return load_aws.load("", target)


def _protos(loaded):
    return {f.source: f for f in loaded.files
            if not f.descriptor_only and not protoc.is_well_known(f.source)}


def _load_tree(root):
    """What idl/targets.json names."""
    found = _protos(repository.load_protos(root))
    for target in repository.targets(root):
        if target["kind"] in ("aws", "rest"):
            found[target["idl"]] = repository.load(root, target)
    return found


def _check_out(root, revision, into):
    """idl/ as it was, into a folder."""
    done = subprocess.run(["git", "-C", root, "archive", "--format=tar", revision, "idl"],
                          capture_output=True, check=False)
    if done.returncode != 0:
        reason = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ir.IdlError("idl", revision, reason[-1] if reason else "git archive failed")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        for member in tar.getmembers():
            if member.isfile() and ".." not in member.name.split("/"):
                path = os.path.join(into, member.name)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "wb") as f:
                    f.write(tar.extractfile(member).read())


# ---- comparing ----------------------------------------------------------------------------------


def _compare(old, new):
    found = []
    for name in sorted(set(old) | set(new)):
        before, after = old.get(name), new.get(name)
        either = after if after is not None else before
        one = changes.Changes(either.source, either.prefix)
        if before is None:
            one.fine("file", "added")
        elif after is None:
            one.source("file", "removed")
        elif isinstance(before, ir.ProtoFile) != isinstance(after, ir.ProtoFile):
            raise ir.IdlError(after.source, "file", f"is of another kind than {before.source}")
        elif isinstance(before, ir.ProtoFile):
            diff_proto.compare(before, after, one)
        else:
            diff_api.compare(before, after, one)
        found += one.found
    return found


# ---- where our code uses what changed -----------------------------------------------------------

_FOLDERS = ("src", "cli", "sim", "examples", "tests")


def uses(root, found):
    """{change: ["src/handlers/x.c:12", ...]} for changes that break something."""
    sources = _sources(root)
    made = {}
    for change in found:
        if change.level == changes.FINE or not (change.members or change.words):
            continue
        patterns = [rf"(?:->|\.){re.escape(m)}\b" for m in change.members]
        patterns += [rf"\b{re.escape(w)}\b" for w in change.words]
        pattern = re.compile("|".join(patterns))
        ours = re.compile(rf"\b{re.escape(change.prefix)}_")
        places = [f"{path}:{number}" for path, lines in sources.items()
                  if any(ours.search(line) for line in lines)
                  for number, line in enumerate(lines, 1) if pattern.search(line)]
        if places:
            made[change] = places
    return made


def _sources(root):
    """{path: lines} of C that is written by hand; handlers first."""
    found = {}
    for top in _FOLDERS:
        for folder, below, names in os.walk(os.path.join(root, top)):
            below[:] = sorted(d for d in below if d != "generated")
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    path = os.path.relpath(os.path.join(folder, name), root)
                    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as f:
                        found[path] = f.read().splitlines()
    return dict(sorted(found.items(), key=lambda item: "handlers" not in item[0]))


def tell_uses(root, found, out=print):
    """Prints for each change that breaks something where to look."""
    _tell(uses(root, found), out)


def _tell(places, out):
    for change, where in places.items():
        out(f"{change.element}: {change.text}")
        for place in where[:8]:
            out(f"    look at {place}")
        if len(where) > 8:
            out(f"    and at {len(where) - 8} more places")
