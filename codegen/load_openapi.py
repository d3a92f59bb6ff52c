# SPDX-License-Identifier: Apache-2.0
"""OpenAPI 2 (the form in which AGS publishes its REST API) -> representation."""
import hashlib
import os
import re

import given
import ir
import names

SCALARS = {
    ("string", None): ("string", "struct str", "CODEC_STRING", False),
    ("string", "date-time"): ("string", "struct str", "CODEC_STRING", False),
    ("boolean", None): ("boolean", "bool", "CODEC_BOOLEAN", True),
    ("integer", "int32"): ("integer", "int32_t", "CODEC_INTEGER", True),
    ("integer", "int64"): ("long", "int64_t", "CODEC_LONG", True),
    ("integer", "uint64"): ("unsigned_long", "uint64_t", "CODEC_ULONG", True),
    ("integer", "integer"): ("long", "int64_t", "CODEC_LONG", True),
    ("integer", None): ("long", "int64_t", "CODEC_LONG", True),
    ("number", None): ("double", "double", "CODEC_DOUBLE", True),
}
PREFIX = "#/definitions/"
METHODS = ("get", "put", "post", "delete", "patch")
PLACES = {"path": "REST_PATH", "formData": "REST_FORM", "body": "REST_BODY"}
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_PATH = re.compile(r"(/([A-Za-z0-9._~-]+|\{[A-Za-z0-9_]+\}))+/?\Z")
NO_LIMITS = ir.Constraints(min=None, max=None, pattern=None)


class _Loader:
    def __init__(self, target, spec):
        self.source = target["idl"]
        self.prefix = target["prefix"]
        self.sensitive = frozenset(target.get("sensitive", []))
        self.unmatched = set(self.sensitive)
        self.basic = frozenset(target.get("basic_auth", []))
        self.spec = spec
        self.tags = names.Scope(self._fail)
        self.constants = names.Scope(self._fail)
        self.functions = names.Scope(self._fail)
        self.shapes = {}

    def _fail(self, element, reason):
        raise ir.IdlError(self.source, element, reason)

    def _object(self, node, key, element):
        value = node.get(key) if isinstance(node, dict) else None
        if not isinstance(value, dict):
            self._fail(element, f"has no object named {key!r}")
        return value

    def _is_object(self, node, element):
        if not isinstance(node, dict):
            self._fail(element, "is no object")
        return node

    def _strings(self, node, key, element):
        """A list of strings that may be left out."""
        value = node.get(key, [])
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            self._fail(element, f"{key} is no list of strings")
        return value

    def _text(self, node, key, element):
        """A string, or None."""
        value = node.get(key)
        if value is not None and not isinstance(value, str):
            self._fail(element, f"{key} is {value!r}, not a string")
        return value

    def _name(self, definition):
        """"apimodels.GameSessionResponse": the part before the dot names AGS's own module."""
        return names.prefixed(self.prefix, definition.rpartition(".")[2])

    def _add(self, key, kind, c_name, c_type, codec_kind, **more):
        fields = dict(constraints=NO_LIMITS, sensitive=False, sparse=False, members=(),
                      element=None, values=(), unset="", unknown="", is_error=False)
        fields.update(more)
        self.shapes[key] = ir.Shape(name=key, kind=kind, c_name=c_name, c_type=c_type,
                                    codec_kind=codec_kind, c_desc=f"{c_name}_shape", **fields)

    def _ref(self, key):
        shape = self.shapes[key]
        return ir.ShapeRef(name=key, kind=shape.kind, c_type=shape.c_type, c_desc=shape.c_desc)

    def _enum(self, key, values):
        c_name = self.tags.claim(names.prefixed(self.prefix, key.rpartition("/")[2]
                                                if "/" in key else key), key)
        made, unset, unknown = self.constants.claim_enum(key, (c_name,), values)
        self._add(key, "enum", c_name, f"enum {c_name}", "CODEC_ENUM",
                  values=tuple(map(ir.EnumValue, values, made)), unset=unset, unknown=unknown)
        return self._ref(key)

    def type_of(self, node, owner, element):
        """The shape of a property, a parameter or a list's elements."""
        if "$ref" in self._is_object(node, element):
            return self.definition(node["$ref"], element)
        kind, form = self._text(node, "type", element), self._text(node, "format", element)
        c_part = owner.rpartition(".")[2] if "." in owner else owner
        if kind == "array":
            inner = self.type_of(node.get("items", {}), owner + "Item", f"{element}.items")
            if owner + "List" not in self.shapes:
                c_name = self.tags.claim(names.prefixed(self.prefix, c_part + "List"), element)
                self._add(owner + "List", "list", c_name, f"struct {c_name}", "CODEC_LIST",
                          element=inner)
            return self._ref(owner + "List")
        if kind == "string" and "enum" in node:
            if owner not in self.shapes:
                self._enum(owner, self._strings(node, "enum", element))
            return self._ref(owner)
        found = SCALARS.get((kind, form))
        if found is None:
            self._fail(element, f"type {kind!r} format {form!r} is not supported")
        key = f"{found[0].capitalize()}"
        if key not in self.shapes:
            self._add(key, found[0], names.prefixed(self.prefix, key), found[1], found[2])
        return self._ref(key)

    def definition(self, ref, user):
        if not isinstance(ref, str) or not ref.startswith(PREFIX):
            self._fail(user, f"reference {ref!r} is not to a definition of this file")
        key = ref[len(PREFIX):]
        if key in self.shapes:
            return self._ref(key)
        raw = self.spec["definitions"].get(key)
        if not isinstance(raw, dict):
            self._fail(user, f"refers to {key}, which is not defined")
        c_name = self.tags.claim(self._name(key), key)
        self._add(key, "structure", c_name, f"struct {c_name}", "CODEC_STRUCT")
        required = self._strings(raw, "required", key)
        self._members(key, [(n, p, n in required)
                            for n, p in self._object(raw, "properties", key).items()])
        return self._ref(key)

    def _members(self, key, rows):
        """Fills a structure that is already known by name, so that recursion ends."""
        scope = names.Scope(self._fail)
        made = []
        for name, node, required in rows:
            element = f"{key}.{name}"
            owner = key.rpartition(".")[2] + name[:1].upper() + name[1:]
            ref = self.type_of(node, owner, element)
            has = ref.kind in ("boolean", "integer", "long", "unsigned_long", "double")
            c_name = scope.claim(names.identifier(name), element)
            if has:
                scope.claim(f"has_{c_name}", element)
            sensitive = element in self.sensitive
            self.unmatched.discard(element)
            notes = [w for w, on in (("required", required), ("sensitive", sensitive)) if on]
            made.append(ir.Member(
                name=name, c_name=c_name, shape=ref, required=required, sensitive=sensitive,
                has=has, note=f" /* {', '.join(notes)} */" if notes else "",
                idempotency_token=False))
        shape = self.shapes[key]
        self.shapes[key] = ir.Shape(**{**shape.__dict__, "members": tuple(made)})

    def _parameters(self, op, name):
        found = op.get("parameters", [])
        if not isinstance(found, list):
            self._fail(name, "parameters is no list")
        return found

    def operation(self, path, method, op):
        name = self._is_object(op, f"{method} {path}").get("operationId")
        if not isinstance(name, str) or not _WORD.match(name):
            self._fail(f"{method} {path}", f"its operationId is {name!r}, which names nothing")
        if not _PATH.match(path):
            self._fail(name, f"its path is {path!r}, which is none")
        rows, params = [], []
        for i, p in enumerate(self._parameters(op, name)):
            element = f"{name}.parameters[{i}]"
            called, place = (self._text(self._is_object(p, element), key, element)
                             for key in ("name", "in"))
            if called is None:
                self._fail(element, "has no name")
            if place not in PLACES:
                self._fail(f"{name}.{called}", f"a parameter in {place!r} is not supported")
            rows.append((called, p.get("schema", p), p.get("required") is True))
            params.append((called, PLACES[place]))
        for wanted in re.findall(r"{([^}]*)}", path):
            if (wanted, "REST_PATH") not in params:
                self._fail(f"{name}.{wanted}", "is in the path but no parameter")
        key = name + "Input"
        c_name = self.tags.claim(names.prefixed(self.prefix, key), name)
        self._add(key, "structure", c_name, f"struct {c_name}", "CODEC_STRUCT")
        self._members(key, rows)
        success = [r for s, r in self._object(op, "responses", name).items() if s.startswith("2")]
        if len(success) != 1:
            self._fail(name, "must have exactly one response of status 2xx")
        output = None
        if "schema" in self._is_object(success[0], f"{name}.responses"):
            schema = self._is_object(success[0]["schema"], f"{name}.responses")
            output = self.definition(schema.get("$ref"), f"{name}.responses")
        members = {m.name: m for m in self.shapes[key].members}
        return ir.RestOperation(
            name=name, c_name=self.functions.claim(names.prefixed(self.prefix, name), name),
            method=method.upper(), path=path, basic_auth=name in self.basic,
            input=self.shapes[key], output=self.shapes[output.name] if output else None,
            params=tuple(ir.RestParam(place=place, member=members[n]) for n, place in params))

    def operations(self):
        self._object(self.spec, "definitions", "file")
        made = []
        for path, methods in self._object(self.spec, "paths", "file").items():
            for method, op in self._is_object(methods, path).items():
                if method not in METHODS:
                    self._fail(path, f"method {method!r} is not supported")
                made.append(self.operation(path, method, op))
        return made

    def check_marks(self):
        """A mark that hits nothing would let a log show what it was meant for."""
        for element in sorted(self.unmatched):
            self._fail(element, "is marked sensitive by idl/targets.json but there is no such "
                       "property")

    def title(self):
        info = self.spec.get("info", {})
        return self._text(self._is_object(info, "info"), "title", "info") or self.source


def load(root, target):
    source = target["idl"]
    data, spec = given.parsed(os.path.join(root, source), source)
    loader = _Loader(target, spec)
    try:
        operations = loader.operations()
    except ValueError as e:  # a name without a letter
        raise ir.IdlError(source, "names", str(e)) from e
    loader.check_marks()
    return ir.RestService(
        source=source, sha256=hashlib.sha256(data).hexdigest(), prefix=target["prefix"],
        stem=target["stem"], name=loader.title(), shapes=tuple(loader.shapes.values()),
        operations=tuple(operations))
