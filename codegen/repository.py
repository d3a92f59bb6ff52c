# SPDX-License-Identifier: Apache-2.0
"""A tree with idl/ and generated/: what idl/targets.json names becomes what generated/ holds."""
import os
import re

import given
import ir
import load_aws
import load_errors
import load_openapi
import load_proto
import output
import render

# Proto files are loaded together: they import each other, and one run of protoc serves them all.
_LOADERS = {"aws": load_aws.load, "errors": load_errors.load, "rest": load_openapi.load,
            "shapes": load_aws.load_shapes}
_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")


def targets(root):
    """The entries of idl/targets.json."""
    table = given.parsed(os.path.join(root, "idl", "targets.json"), "idl/targets.json")[1]
    found = table.get("targets") if isinstance(table, dict) else None
    if not isinstance(found, list) or not all(isinstance(t, dict) for t in found):
        raise ir.IdlError("idl/targets.json", "targets", "is no list of objects")
    for target in found:
        _check_target(target)
    return found


def _check_target(target):
    def fail(reason):
        raise ir.IdlError("idl/targets.json", str(target.get("idl")), reason)

    kind = target.get("kind")
    if kind not in ("grpc", *_LOADERS):
        fail(f"unknown kind {kind!r}; known here: {', '.join(('grpc', *_LOADERS))}")
    for key in ("idl", "prefix", "stem"):
        if not isinstance(target.get(key), str) or not target[key]:
            fail(f"{key} is missing")
    for key in ("prefix", "stem"):
        if not _NAME.match(target[key]):
            fail(f"{key} {target[key]!r} begins no C name: lower-case letters, digits and _ only")
    if kind == "shapes" and "roots" not in target:
        fail("roots is missing: the shapes that are wanted")
    for key in ("sensitive", "basic_auth", "operations", "roots"):
        names = target.get(key, [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            fail(f"{key} is no list of names")


def load_protos(root):
    """The proto files of idl/, with those of Google's that they import."""
    return load_proto.load_targets(root, [t for t in targets(root) if t.get("kind") == "grpc"])


def load(root, target):
    """The representation of a target that is no proto file."""
    return _LOADERS[target["kind"]](root, target)


def render_all(root):
    """Every generated file, as {path below generated/: text}."""
    files = {}

    def add(source, made):
        for name, text in made.items():
            if name in files:
                raise ir.IdlError(source, name, "two targets make this file")
            files[name] = text

    protos = load_protos(root)
    for proto in protos.files:
        add(proto.source, render.files(root, proto))
    add("idl/targets.json", protos.protoc_c())
    for target in targets(root):
        if target["kind"] != "grpc":
            add(target["idl"], render.files(root, load(root, target)))
    return output.formatted(files, root)


def regenerate(root):
    files = render_all(root)
    out = os.path.join(root, "generated")
    output.remove_others(out, files, "generated")
    output.write(out, files, "generated")


def check(root):
    return output.check(os.path.join(root, "generated"), render_all(root))


def skeleton(root, rpc):
    return render.print_skeleton(load_protos(root).files, rpc, "idl/")
