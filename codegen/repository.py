# SPDX-License-Identifier: Apache-2.0
"""A tree with idl/ and generated/: what idl/targets.json names becomes what generated/ holds."""
import json
import os
import sys

import ir
import load_aws
import load_errors
import load_openapi
import load_proto
import output
import render

_LOADERS = {"grpc": load_proto.load, "aws": load_aws.load, "errors": load_errors.load,
            "rest": load_openapi.load, "shapes": load_aws.load_shapes}


def targets(root):
    """The entries of idl/targets.json."""
    path = os.path.join(root, "idl", "targets.json")
    try:
        with open(path, encoding="utf-8") as f:
            return json.load(f)["targets"]
    except (OSError, ValueError, KeyError) as e:
        raise ir.IdlError("idl/targets.json", "targets", str(e))


def load(root, target):
    """One target's representation."""
    kind = target.get("kind")
    if kind not in _LOADERS:
        raise ir.IdlError("idl/targets.json", str(target.get("idl")), f"unknown kind {kind!r}")
    return _LOADERS[kind](root, target)


def render_all(root):
    """Every generated file, as {path below generated/: text}."""
    files = {}
    for target in targets(root):
        for name, text in render.files(root, load(root, target)).items():
            if name in files:
                raise ir.IdlError(target["idl"], name, "two targets make this file")
            files[name] = text
    return output.formatted(files, root)


def regenerate(root):
    files = render_all(root)
    out = os.path.join(root, "generated")
    output.remove_others(out, files, "generated")
    output.write(out, files, "generated")
    return 0


def check(root):
    return output.check(os.path.join(root, "generated"), render_all(root))


def skeleton(root, rpc):
    """A handler to start from, on stdout; never written into src/handlers/."""
    for target in targets(root):
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
