#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Cut OpenAPI 2 files down to some operations and the properties that are used, and print them.

Keeps facts only (names, types, required marks, enums) and merges the files into one. A definition
named by --keep holds the listed properties only; what is not reached any more is left out.
"""
import argparse
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import given  # noqa: E402
import ir  # noqa: E402

PARAMETER_KEYS = ("in", "name", "required", "type", "format", "enum", "schema")
PROPERTY_KEYS = ("type", "format", "enum", "items", "$ref", "additionalProperties")
PREFIX = "#/definitions/"


class Spec:
    """One file: checked access to what is in it, and what of it is wanted."""

    def __init__(self, file, raw):
        self.file = file
        self.raw = raw

    def fail(self, element, reason):
        raise ir.IdlError(self.file, element, reason)

    def object(self, node, key, element):
        value = node.get(key) if isinstance(node, dict) else None
        if not isinstance(value, dict):
            self.fail(element, f"has no object named {key!r}")
        return value

    def list(self, node, key, element):
        value = node.get(key, [])
        if not isinstance(value, list):
            self.fail(element, f"{key} is no list")
        return value

    def text(self, node, key, element):
        value = node.get(key) if isinstance(node, dict) else None
        if not isinstance(value, str):
            self.fail(element, f"has no text named {key!r}")
        return value

    def picked(self, node, keys, element):
        if not isinstance(node, dict):
            self.fail(element, "is no object")
        return {k: node[k] for k in keys if k in node}

    def references(self, node):
        if isinstance(node, dict):
            for key, value in node.items():
                if key != "$ref":
                    yield from self.references(value)
                elif isinstance(value, str) and value.startswith(PREFIX):
                    yield value[len(PREFIX):]
                else:
                    self.fail("$ref", f"{value!r} is not to a definition of this file")
        elif isinstance(node, list):
            for value in node:
                yield from self.references(value)

    def operations(self):
        """(path, method, operation) of all."""
        for path, methods in self.object(self.raw, "paths", "file").items():
            for method in methods if isinstance(methods, dict) else ():
                if isinstance(methods[method], dict):
                    yield path, method, methods[method]

    def definition(self, name, keep):
        raw = self.object(self.raw, "definitions", "file").get(name)
        if not isinstance(raw, dict):
            self.fail(name, "is referred to but not defined")
        properties = raw.get("properties", {})
        if not isinstance(properties, dict):
            self.fail(name, "properties is no object")
        for wanted in keep or ():
            if wanted not in properties:
                self.fail(name, f"has no property {wanted}" + given.like(wanted, properties))
        if keep is not None:
            properties = {p: properties[p] for p in properties if p in keep}
        trimmed = {"type": "object",
                   "properties": {p: self.picked(properties[p], PROPERTY_KEYS, f"{name}.{p}")
                                  for p in properties}}
        required = [p for p in self.list(raw, "required", name) if p in list(properties)]
        if required:
            trimmed["required"] = required
        return trimmed

    def operation(self, op, parameters):
        name = op["operationId"]
        kept = [self.picked(p, PARAMETER_KEYS, f"{name}.parameters")
                for p in self.list(op, "parameters", name)]
        success = {s: self.picked(r, ("schema",), f"{name}.responses")
                   for s, r in self.object(op, "responses", name).items() if s.startswith("2")}
        trimmed = {"operationId": name, "consumes": op.get("consumes", []),
                   "parameters": [p for p in kept if self.text(p, "in", f"{name}.parameters") in
                                  ("path", "body") or p.get("name") in parameters],
                   "responses": success}
        if "security" in op:
            trimmed["security"] = op["security"]
        return trimmed


def trim(specs, wanted, keep):
    """specs: Spec of each file; wanted: {operation: form parameters}; keep: {definition: properties}"""
    paths, sources, definitions = {}, {}, {}
    found, kept, known = set(), set(), []
    for spec in specs:
        info = spec.object(spec.raw, "info", "file")
        sources[spec.text(info, "title", "info")] = spec.text(info, "version", "info")
        todo = []
        for path, method, op in spec.operations():
            known.append(op.get("operationId"))
            if isinstance(known[-1], str) and known[-1] in wanted and known[-1] not in found:
                found.add(known[-1])
                made = spec.operation(op, wanted[known[-1]])
                paths.setdefault(path, {})[method] = made
                todo.extend(spec.references(made))
        while todo:
            name = todo.pop()
            if name not in definitions:
                kept.add(name)
                definitions[name] = spec.definition(name, keep.get(name))
                todo.extend(spec.references(definitions[name]))
    files = ", ".join(spec.file for spec in specs)
    for name in wanted:
        if name not in found:
            raise ir.IdlError(files, "paths", f"has no operation {name}" + given.like(name, known))
    for name in keep:
        if name not in kept:
            raise ir.IdlError(files, "--keep", f"no operation that is kept reaches {name}"
                              + given.like(name, kept))
    return {"swagger": "2.0", "info": {"title": "AccelByte Gaming Services", "x-from": sources},
            "paths": paths, "definitions": {n: definitions[n] for n in sorted(definitions)}}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--operation", action="append", required=True, metavar="ID[:PARAM,...]",
                        help="operation to keep, with the form parameters that are used")
    parser.add_argument("--keep", action="append", default=[], metavar="DEFINITION:PROPERTY,...")
    args = parser.parse_args()
    wanted = {o.partition(":")[0]: o.partition(":")[2].split(",") for o in args.operation}
    keep = {k.partition(":")[0]: k.partition(":")[2].split(",") for k in args.keep}
    try:
        made = trim([Spec(f, given.parsed(f, f)[1]) for f in args.files], wanted, keep)
    except ir.IdlError as e:
        print(f"trim_openapi.py: {e}", file=sys.stderr)
        return 1
    json.dump(made, sys.stdout, indent=1)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
