#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Cut OpenAPI 2 files down to some operations and the properties that are used.

Keeps facts only (names, types, required marks, enums), merges the files into one, and writes it to
standard output. A definition named by --keep holds the listed properties only; what is not reached
any more is left out.
"""
import argparse
import json
import sys

PARAMETER_KEYS = ("in", "name", "required", "type", "format", "enum", "schema")
PROPERTY_KEYS = ("type", "format", "enum", "items", "$ref", "additionalProperties")
PREFIX = "#/definitions/"


def references(node):
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value[len(PREFIX):]
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def picked(node, keys):
    return {k: node[k] for k in keys if k in node}


def trim_definition(definition, keep):
    properties = definition.get("properties", {})
    if keep is not None:
        missing = [p for p in keep if p not in properties]
        if missing:
            raise KeyError(f"no property named {', '.join(missing)}")
        properties = {p: properties[p] for p in properties if p in keep}
    trimmed = {
        "type": "object",
        "properties": {name: picked(p, PROPERTY_KEYS) for name, p in properties.items()},
    }
    required = [name for name in definition.get("required", []) if name in properties]
    if required:
        trimmed["required"] = required
    return trimmed


def trim_operation(op, parameters):
    kept = [picked(p, PARAMETER_KEYS) for p in op.get("parameters", [])
            if p["in"] in ("path", "body") or p["name"] in parameters]
    success = {s: picked(r, ("schema",)) for s, r in op["responses"].items() if s.startswith("2")}
    trimmed = {"operationId": op["operationId"], "consumes": op.get("consumes", []),
               "parameters": kept, "responses": success}
    if "security" in op:
        trimmed["security"] = op["security"]
    return trimmed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--operation", action="append", required=True, metavar="ID[:PARAM,...]",
                        help="operation to keep, with the form parameters that are used")
    parser.add_argument("--keep", action="append", default=[], metavar="DEFINITION:PROPERTY,...")
    args = parser.parse_args()
    wanted = {o.partition(":")[0]: o.partition(":")[2].split(",") for o in args.operation}
    keep = {k.partition(":")[0]: k.partition(":")[2].split(",") for k in args.keep}
    paths, sources, definitions = {}, {}, {}
    try:
        for name in args.files:
            with open(name, encoding="utf-8") as f:
                spec = json.load(f)
            sources[spec["info"]["title"]] = spec["info"]["version"]
            todo = []
            for path, methods in spec["paths"].items():
                for method, op in methods.items():
                    if op.get("operationId") in wanted:
                        made = trim_operation(op, wanted.pop(op["operationId"]))
                        paths.setdefault(path, {})[method] = made
                        todo.extend(references(made))
            while todo:
                definition = todo.pop()
                if definition not in definitions:
                    definitions[definition] = trim_definition(
                        spec["definitions"][definition], keep.get(definition))
                    todo.extend(references(definitions[definition]))
        if wanted:
            raise KeyError(f"no operation named {', '.join(wanted)}")
    except (OSError, ValueError, KeyError) as e:
        print(f"trim_openapi.py: {e}", file=sys.stderr)
        return 1
    json.dump({"swagger": "2.0", "info": {"title": "AccelByte Gaming Services", "x-from": sources},
               "paths": paths, "definitions": {n: definitions[n] for n in sorted(definitions)}},
              sys.stdout, indent=1)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
