# SPDX-License-Identifier: Apache-2.0
"""AWS API model (service-2 JSON) -> representation.

Whatever it does not know it refuses, naming file and element: a construct that is skipped in
silence would be a request that is wrong in silence.
"""
import hashlib
import json
import os

import ir
import names

# Protocols that the engines speak, by the model's own names, in order of preference.
PROTOCOLS = ("json",)

SCALARS = {
    "string": ("string", "struct str", "CODEC_STRING", False),
    "character": ("string", "struct str", "CODEC_STRING", False),
    "blob": ("blob", "struct str", "CODEC_BLOB", False),
    "boolean": ("boolean", "bool", "CODEC_BOOLEAN", True),
    "byte": ("integer", "int32_t", "CODEC_INTEGER", True),
    "short": ("integer", "int32_t", "CODEC_INTEGER", True),
    "integer": ("integer", "int32_t", "CODEC_INTEGER", True),
    "long": ("long", "int64_t", "CODEC_LONG", True),
    "float": ("float", "float", "CODEC_FLOAT", True),
    "double": ("double", "double", "CODEC_DOUBLE", True),
    "timestamp": ("timestamp", "int64_t", "CODEC_TIMESTAMP", True),
}
# Range of the C type where the model's is narrower than the engine's.
IMPLIED = {"byte": (-128, 127), "short": (-32768, 32767)}

KNOWN_SHAPE_KEYS = frozenset(
    """type required members member key value enum pattern min max sensitive exception fault error
    union document deprecated box sparse retryable synthetic""".split())
KNOWN_MEMBER_KEYS = frozenset(
    "shape idempotencyToken deprecated box".split())


class _Loader:
    def __init__(self, source, model, prefix):
        self.source = source
        self.prefix = prefix
        self.raw = self._object(model, "shapes", "model")
        self.metadata = self._object(model, "metadata", "model")
        self.operations = self._object(model, "operations", "model")
        self.tags = names.Scope(self._fail)
        self.constants = names.Scope(self._fail)
        self.functions = names.Scope(self._fail)
        self.globals = names.Scope(self._fail)
        self.shapes = {}

    def _fail(self, element, reason):
        raise ir.IdlError(self.source, element, reason)

    def _object(self, node, key, element):
        value = node.get(key) if isinstance(node, dict) else None
        if not isinstance(value, dict):
            self._fail(element, f"has no object named {key!r}")
        return value

    # ---- shapes ----

    def _raw_shape(self, name, user):
        if not isinstance(name, str):
            self._fail(user, "refers to a shape by something that is no name")
        if name not in self.raw:
            self._fail(user, f"refers to shape {name}, which is not defined")
        if not isinstance(self.raw[name], dict):
            self._fail(name, "is no object")
        return self.raw[name]

    def _kind(self, name, raw):
        """(kind, C type, codec kind, has_x) of a shape."""
        type_ = raw.get("type")
        if not isinstance(type_, str):
            self._fail(name, f"type is {type_!r}, not a string")
        base = f"{names.prefixed(self.prefix, name)}"
        if type_ == "structure":
            if raw.get("document"):
                return "document", "struct str", "CODEC_DOCUMENT", False
            kind = "union" if raw.get("union") else "structure"
            return kind, f"struct {base}", f"CODEC_{'UNION' if raw.get('union') else 'STRUCT'}", False
        if type_ in ("list", "map"):
            return type_, f"struct {base}", f"CODEC_{type_.upper()}", False
        if type_ == "string" and "enum" in raw:
            return "enum", f"enum {base}", "CODEC_ENUM", False
        if type_ not in SCALARS:
            self._fail(name, f"type {type_!r} is not supported")
        return SCALARS[type_]

    def reference(self, node, user):
        if not isinstance(node, dict):
            self._fail(user, "is no reference to a shape")
        unknown = set(node) - KNOWN_MEMBER_KEYS
        if unknown:
            self._fail(user, f"trait {sorted(unknown)[0]!r} is not supported")
        name = node.get("shape")
        kind, c_type, _, _ = self._kind(name, self._raw_shape(name, user))
        return ir.ShapeRef(name=name, kind=kind, c_type=c_type,
                           c_desc=f"{names.prefixed(self.prefix, name)}_shape")

    def _number(self, raw, key, name):
        value = raw.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
            self._fail(name, f"{key} is {value!r}, not a whole number")
        return int(value)

    def _constraints(self, name, raw):
        low, high = self._number(raw, "min", name), self._number(raw, "max", name)
        if raw.get("type") in IMPLIED:
            least, most = IMPLIED[raw["type"]]
            low, high = max(least, low or least), min(most, most if high is None else high)
        if low is not None and high is not None and low > high:
            self._fail(name, f"min {low} is above max {high}")
        pattern = raw.get("pattern")
        if pattern is not None and not isinstance(pattern, str):
            self._fail(name, "pattern is no string")
        return ir.Constraints(min=low, max=high, pattern=pattern)

    def _members(self, name, raw):
        scope = names.Scope(self._fail)
        members = self._object(raw, "members", name)
        required = raw.get("required", [])
        if not isinstance(required, list) or not all(isinstance(r, str) for r in required):
            self._fail(name, "required is no list of member names")
        for wanted in required:
            if wanted not in members:
                self._fail(f"{name}.{wanted}", "is required but not a member")
        made = []
        for member, node in members.items():
            element = f"{name}.{member}"
            ref = self.reference(node, element)
            target = self.raw[ref.name]
            has = self._kind(ref.name, target)[3]
            c_name = scope.claim(names.identifier(member), element)
            if has:
                scope.claim(f"has_{c_name}", element)
            sensitive = bool(target.get("sensitive"))
            made.append(ir.Member(
                name=member, c_name=c_name, shape=ref, required=member in required,
                sensitive=sensitive, has=has,
                note=self._note(ref, member in required, sensitive),
                idempotency_token=bool(node.get("idempotencyToken"))))
        return tuple(made)

    def _note(self, ref, required, sensitive):
        """What a reader of the struct should know of a member, as a comment."""
        limits = self._constraints(ref.name, self.raw[ref.name])
        unit = {"string": " characters", "blob": " bytes", "list": " elements",
                "map": " entries"}.get(ref.kind, "")
        if ref.kind == "timestamp":
            unit = " milliseconds since 1970-01-01 UTC"
        low = "" if limits.min is None else str(limits.min)
        high = "" if limits.max is None else str(limits.max)
        parts = ["required"] if required else []
        if low or high:
            parts.append(f"{low}..{high}{unit}")
        elif ref.kind == "timestamp":
            parts.append(unit.strip())
        if sensitive:
            parts.append("sensitive")
        return f" /* {', '.join(parts)} */" if parts else ""

    def _enum(self, name, raw):
        """Values, and C names for absent and unknown that no value of the model has."""
        if raw.get("type") != "string" or "enum" not in raw:
            return (), "", ""
        values = raw["enum"]
        if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
            self._fail(name, "enum is no list of strings")
        made, unset, unknown = self.constants.claim_enum(name, (self.prefix, name), values)
        return tuple(map(ir.EnumValue, values, made)), unset, unknown

    def shape(self, name, user):
        """Lowers a shape and all it reaches; recursion ends at shapes under way."""
        if name in self.shapes:
            return
        raw = self._raw_shape(name, user)
        unknown = set(raw) - KNOWN_SHAPE_KEYS
        if unknown:
            self._fail(name, f"trait {sorted(unknown)[0]!r} is not supported")
        self.shapes[name] = None  # under way
        kind, c_type, codec_kind, _ = self._kind(name, raw)
        c_name = names.prefixed(self.prefix, name)
        if kind in ("structure", "union", "list", "map", "enum"):
            self.tags.claim(c_name, name)
        members, element = (), None
        if kind in ("structure", "union"):
            members = self._members(name, raw)
        elif kind == "list":
            element = self.reference(raw.get("member"), f"{name}.member")
        elif kind == "map":
            key = self.reference(raw.get("key"), f"{name}.key")
            if key.kind not in ("string", "enum"):
                self._fail(f"{name}.key", f"is a {key.kind}; only strings can be keys")
            element = self.reference(raw.get("value"), f"{name}.value")
        values, unset, unknown = self._enum(name, raw)
        self.shapes[name] = ir.Shape(
            name=name, kind=kind, c_name=c_name, c_type=c_type, codec_kind=codec_kind,
            c_desc=self.globals.claim(f"{c_name}_shape", name),
            constraints=self._constraints(name, raw), sensitive=bool(raw.get("sensitive")),
            sparse=bool(raw.get("sparse")), members=members, element=element,
            values=values, unset=unset, unknown=unknown,
            is_error=bool(raw.get("exception")))
        for member in members:
            self.shape(member.shape.name, f"{name}.{member.name}")
        if element is not None:
            self.shape(element.name, f"{name}.member")

    # ---- operations ----

    def _structure(self, node, element):
        if node is None:
            return None
        ref = self.reference(node, element)
        if ref.kind != "structure":
            self._fail(element, f"{ref.name} is a {ref.kind}, not a structure")
        self.shape(ref.name, element)
        return ref.name

    def _no_output(self, name):
        """An operation that answers nothing answers an empty structure: one kind of callback."""
        made = f"{name}Output"
        if made in self.raw:
            self._fail(name, f"has no output, but the model has a shape {made}")
        self.raw[made] = {"type": "structure", "members": {}}
        return {"shape": made}

    def operation(self, name, raw):
        if not isinstance(raw, dict):
            self._fail(name, "is no object")
        inp = self._structure(raw.get("input"), f"{name}.input")
        if inp is None:
            self._fail(name, "has no input, which is not supported")
        out = raw.get("output")
        out = self._structure(self._no_output(name) if out is None else out, f"{name}.output")
        errors = []
        listed = raw.get("errors", [])
        if not isinstance(listed, list):
            self._fail(f"{name}.errors", "is no list")
        for i, node in enumerate(listed):
            ref = self.reference(node, f"{name}.errors[{i}]")
            if not self.raw[ref.name].get("exception"):
                self._fail(f"{name}.errors[{i}]", f"{ref.name} is no exception")
            errors.append(ref.name)
        return ir.Operation(
            name=name, c_name=self.functions.claim(names.prefixed(self.prefix, name), name),
            target=f"{self._text('targetPrefix')}.{name}",
            input=self.shapes[inp], output=self.shapes[out], errors=tuple(errors),
            http_path=self._nested(name, raw, "http", "requestUri", "/"),
            host_prefix=self._nested(name, raw, "endpoint", "hostPrefix", ""))

    def _nested(self, name, raw, outer, inner, default):
        """A text two levels down, both of which may be missing."""
        value = raw.get(outer, {})
        value = value.get(inner, default) if isinstance(value, dict) else None
        if not isinstance(value, str):
            self._fail(f"{name}.{outer}.{inner}", "is no string")
        return value

    def protocol(self):
        offered = self.metadata.get("protocols") or [self.metadata.get("protocol")]
        if not isinstance(offered, list):
            self._fail("metadata.protocols", "is no list")
        for name in PROTOCOLS:
            if name in offered:
                return f"{name}-{self._text('jsonVersion')}"
        self._fail("metadata.protocols",
                   f"offers {', '.join(map(str, offered))}; known here: {', '.join(PROTOCOLS)}")

    def _text(self, key):
        value = self.metadata.get(key)
        if not isinstance(value, str) or not value:
            self._fail(f"metadata.{key}", "is missing")
        return value


def _read(root, source):
    """(bytes, model)"""
    try:
        with open(os.path.join(root, source), "rb") as f:
            data = f.read()
        model = json.loads(data)
    except OSError as e:
        raise ir.IdlError(source, "file", e.strerror)
    except ValueError as e:
        raise ir.IdlError(source, "JSON", str(e))
    return data, model


def load_shapes(root, target):
    """A file of shapes without operations; target["roots"] names those that are to be had."""
    source = target["idl"]
    data, model = _read(root, source)
    loader = _Loader(source, model, target["prefix"])
    try:
        for name in target["roots"]:
            loader.shape(name, "roots")
    except ValueError as e:  # a name without a letter
        raise ir.IdlError(source, "names", str(e))
    return ir.ShapeSet(
        source=source, sha256=hashlib.sha256(data).hexdigest(), name=loader._text("serviceId"),
        prefix=target["prefix"], stem=target["stem"], shapes=tuple(loader.shapes.values()))


def load(root, target):
    source, prefix = target["idl"], target["prefix"]
    data, model = _read(root, source)
    loader = _Loader(source, model, prefix)
    protocol = loader.protocol()
    try:
        operations = tuple(loader.operation(n, op) for n, op in loader.operations.items())
    except ValueError as e:  # a name without a letter
        raise ir.IdlError(source, "names", str(e))
    metadata = loader.metadata
    return ir.ApiService(
        source=source, sha256=hashlib.sha256(data).hexdigest(),
        name=loader._text("serviceId"), prefix=prefix, stem=target["stem"],
        protocol=protocol, content_type=f"application/x-amz-{protocol}",
        signing_name=loader._text("signingName" if "signingName" in metadata
                                  else "endpointPrefix"),
        query_mode="awsQueryCompatible" in metadata,
        endpoint_prefix=loader._text("endpointPrefix"), api_version=loader._text("apiVersion"),
        shapes=tuple(s for s in loader.shapes.values() if s is not None), operations=operations)
