#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Cut a full AWS API model (service-2 JSON) down to some operations.

Keeps facts only: names, types, constraints, errors, sensitive marks, in the model's own order.
Documentation text, examples and everything the operations do not reach is left out.
"""
import argparse
import json
import sys

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


def trim(model, wanted):
    missing = [name for name in wanted if name not in model["operations"]]
    if missing:
        raise KeyError(f"no operation named {', '.join(missing)}")
    operations = {n: op for n, op in model["operations"].items() if n in wanted}
    reached = set()
    todo = list(references(operations))
    while todo:
        name = todo.pop()
        if name in reached:
            continue
        if name not in model["shapes"]:
            raise KeyError(f"shape {name} is mentioned but not defined")
        reached.add(name)
        todo.extend(references(model["shapes"][name]))
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
        with open(args.model, encoding="utf-8") as f:
            trimmed = trim(json.load(f), args.operations)
    except (OSError, ValueError, KeyError) as e:
        print(f"trim_aws.py: {args.model}: {e}", file=sys.stderr)
        return 1
    json.dump(trimmed, sys.stdout, indent=1, ensure_ascii=True)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
