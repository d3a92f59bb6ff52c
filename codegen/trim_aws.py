#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Cut a full AWS API model (service-2 JSON) down to some operations, and print it.

Keeps facts only: names, types, constraints, errors, sensitive marks, in the model's own order.
Documentation text, examples and everything the operations do not reach is left out.
"""
import argparse
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import given  # noqa: E402
import ir  # noqa: E402

# Keys that are prose, or that matter to other protocols only.
DROPPED = ("documentation", "documentationUrl", "examples", "deprecatedMessage", "deprecatedSince",
           "flattened")


def without_prose(node):
    if isinstance(node, dict):
        return {k: without_prose(v) for k, v in node.items() if k not in DROPPED}
    if isinstance(node, list):
        return [without_prose(v) for v in node]
    return node


def references(node):
    """Names of the shapes that a shape or an operation mentions."""
    if isinstance(node, dict):
        if isinstance(node.get("shape"), str):
            yield node["shape"]
        for key, value in node.items():
            if key != "shape" or not isinstance(value, str):
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def trim(model, wanted, file="model"):
    for key in ("metadata", "operations", "shapes"):
        if not isinstance(model, dict) or not isinstance(model.get(key), dict):
            raise ir.IdlError(file, "model", f"has no object named {key!r}; wanted is a model of an "
                              "AWS API in the form of service-2.json")
    for name in wanted:
        if name not in model["operations"]:
            raise ir.IdlError(file, "operations", f"has no {name}"
                              + given.like(name, model["operations"]))
    operations = {n: op for n, op in model["operations"].items() if n in wanted}
    reached = set()
    todo = [(name, n) for n, op in operations.items() for name in references(op)]
    while todo:
        name, user = todo.pop()
        if name in reached:
            continue
        if name not in model["shapes"]:
            raise ir.IdlError(file, user, f"refers to shape {name}, which is not defined")
        reached.add(name)
        todo.extend((inner, name) for inner in references(model["shapes"][name]))
    return without_prose({
        "version": model.get("version", "2.0"),
        "metadata": model["metadata"],
        "operations": operations,
        "shapes": {n: s for n, s in model["shapes"].items() if n in reached},
    })


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="the full service-2.json")
    parser.add_argument("operations", nargs="+", metavar="operation", help="operations to keep")
    args = parser.parse_args()
    try:
        trimmed = trim(given.parsed(args.model, args.model)[1], args.operations, args.model)
    except ir.IdlError as e:
        print(f"trim_aws.py: {e}", file=sys.stderr)
        return 1
    json.dump(trimmed, sys.stdout, indent=1, ensure_ascii=True)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
