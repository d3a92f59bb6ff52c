# SPDX-License-Identifier: Apache-2.0
"""The shapes of an AWS API model -> representation: kinds, members, constraints, enums."""
import aws_traits
import given
import ir
import names
import prose

NO_LIMITS = ir.Constraints(min=None, max=None, pattern=None)
# Kinds of which an element of a list can be null only if it lies behind a pointer.
_WITHOUT_NULL = frozenset(
    "boolean integer long float double timestamp structure union".split())
_MAX_DEPTH = 64  # CODEC_MAX_DEPTH


class Shapes:
    """The shapes that operations have asked for so far, by name, in the order of the asking."""

    def __init__(self, source, raw, prefix, sensitive=()):
        self.source = source
        self.raw = raw
        self.prefix = prefix
        self.sensitive = frozenset(sensitive)  # "Shape.Member", beyond what the model marks
        self.unmatched = set(sensitive)
        self.tags = names.Scope(self.fail)
        self.identifiers = names.Scope(self.fail)  # functions, tables, constants
        self.lowered = {}

    def fail(self, element, reason):
        raise ir.IdlError(self.source, element, reason)

    def known(self, node, keys, element):
        unknown = sorted(set(node) - keys)
        if unknown:
            self.fail(element, f"trait {unknown[0]!r} is not supported; one that changes nothing here "
                      "belongs into codegen/aws_traits.py")

    def object(self, node, key, element):
        value = node.get(key) if isinstance(node, dict) else None
        if not isinstance(value, dict):
            self.fail(element, f"has no object named {key!r}")
        return value

    # ---- references ----

    def raw_shape(self, name, user):
        if not isinstance(name, str):
            self.fail(user, "refers to a shape by something that is no name")
        if name not in self.raw:
            self.fail(user, f"refers to shape {name}, which is not defined" + given.like(name, self.raw))
        if not isinstance(self.raw[name], dict):
            self.fail(name, "is no object")
        return self.raw[name]

    def _kind(self, name, raw):
        """(kind, C type, codec kind, has_x) of a shape."""
        type_ = raw.get("type")
        if not isinstance(type_, str):
            self.fail(name, f"type is {type_!r}, not a string")
        base = names.prefixed(self.prefix, name)
        if type_ == "structure" and raw.get("document"):
            return "document", "struct str", "CODEC_DOCUMENT", False
        if type_ == "structure" and raw.get("union"):
            return "union", f"struct {base}", "CODEC_UNION", False
        if type_ == "structure":
            return "structure", f"struct {base}", "CODEC_STRUCT", False
        if type_ in ("list", "map"):
            return type_, f"struct {base}", f"CODEC_{type_.upper()}", False
        if type_ == "string" and "enum" in raw:
            return "enum", f"enum {base}", "CODEC_ENUM", False
        if type_ not in aws_traits.SCALARS:
            self.fail(name, f"type {type_!r} is not supported")
        return aws_traits.SCALARS[type_]

    def reference(self, node, user):
        if not isinstance(node, dict):
            self.fail(user, "is no reference to a shape")
        self.known(node, aws_traits.MEMBER_KEYS, user)
        name = node.get("shape")
        raw = self.raw_shape(name, user)
        kind, c_type, _, _ = self._kind(name, raw)
        c_name = names.prefixed(self.prefix, name)
        written = node.get("timestampFormat")
        if written is not None and written != raw.get("timestampFormat"):
            c_name = self._time_written_otherwise(name, kind, written, user)
        return ir.ShapeRef(name=name, kind=kind, c_type=c_type, c_desc=f"{c_name}_shape")

    def _time_written_otherwise(self, name, kind, written, user):
        """A member's own format makes a shape of its own; the C name of that."""
        if kind != "timestamp":
            self.fail(user, f"has a timestampFormat but is a {kind}")
        key = f"{name} as {written}"
        c_name = names.prefixed(self.prefix, f"{name}_{self._time_format(written, user)[11:]}")
        if key not in self.lowered:
            self.lowered[key] = self._make(key, c_name, {**self.raw[name],
                                                         "timestampFormat": written})
        return c_name

    def _time_format(self, written, element):
        if not isinstance(written, str) or written not in aws_traits.TIME_FORMATS:
            self.fail(element, f"timestampFormat {written!r} is not supported; known here: "
                      + ", ".join(aws_traits.TIME_FORMATS))
        return aws_traits.TIME_FORMATS[written]

    # ---- constraints ----

    def _number(self, raw, key, name):
        """A limit: a whole number, but for floating-point shapes, which may have any."""
        value = raw.get(key)
        if value is None:
            return None
        real = raw.get("type") in ("float", "double")
        if (isinstance(value, bool) or not isinstance(value, (int, float)) or value != value
                or abs(value) >= 2 ** 63 or (not real and value != int(value))):
            self.fail(name, f"{key} is {value!r}, not a {'number' if real else 'whole number'}")
        return value if real else int(value)

    def _constraints(self, name, raw):
        low, high = self._number(raw, "min", name), self._number(raw, "max", name)
        if raw.get("type") in aws_traits.IMPLIED:
            least, most = aws_traits.IMPLIED[raw["type"]]
            low = least if low is None else max(least, low)
            high = most if high is None else min(most, high)
        if low is not None and high is not None and low > high:
            self.fail(name, f"min {low} is above max {high}")
        pattern = raw.get("pattern")
        if pattern is not None and not isinstance(pattern, str):
            self.fail(name, "pattern is no string")
        return ir.Constraints(min=low, max=high, pattern=pattern)

    # ---- structures, unions, enums ----

    def _required(self, name, raw, members):
        required = raw.get("required", [])
        if not isinstance(required, list) or not all(isinstance(r, str) for r in required):
            self.fail(name, "required is no list of member names")
        for wanted in required:
            if wanted not in members:
                self.fail(f"{name}.{wanted}", "is required but not a member"
                          + given.like(wanted, members))
        return required

    def _members(self, name, raw):
        c_names, wire_names = names.Scope(self.fail), {}
        members = self.object(raw, "members", name)
        required = self._required(name, raw, members)
        made = []
        for member, node in members.items():
            element = f"{name}.{member}"
            ref = self.reference(node, element)
            has = self._kind(ref.name, self.raw[ref.name])[3]
            c_name = c_names.claim(names.identifier(member), element)
            if has:
                c_names.claim(f"has_{c_name}", element)
            made.append(self._member(element, member, c_name, ref, has, node, member in required))
            wire = made[-1].name
            if wire in wire_names:
                self.fail(element, f"is {wire!r} on the wire, as {wire_names[wire]} is")
            wire_names[wire] = element
        return tuple(made)

    def _member(self, element, member, c_name, ref, has, node, required):
        wire = node.get("locationName", member)
        if not isinstance(wire, str) or not wire:
            self.fail(element, "locationName is no name")
        token = bool(node.get("idempotencyToken"))
        if token and ref.kind != "string":
            self.fail(element, f"is an idempotency token but a {ref.kind}")
        self.unmatched.discard(element)
        sensitive = bool(self._is_sensitive(ref.name, self.raw[ref.name]) or node.get("sensitive")
                         or element in self.sensitive)
        return ir.Member(
            name=wire, c_name=c_name, shape=ref, required=required, sensitive=sensitive, has=has,
            note=self._note(ref, required, sensitive, token), idempotency_token=token,
            doc=prose.lines(node.get("documentation")))

    def _is_sensitive(self, name, raw):
        """Keys are part of what a map shows."""
        if raw.get("type") == "map":
            key = self.reference(raw.get("key"), f"{name}.key").name
            return bool(raw.get("sensitive") or self.raw[key].get("sensitive"))
        return bool(raw.get("sensitive"))

    def _note(self, ref, required, sensitive, token):
        """What a reader of the struct should know of a member, as a comment."""
        limits = self._constraints(ref.name, self.raw[ref.name])
        unit = {"string": " characters", "blob": " bytes", "list": " elements",
                "map": " entries"}.get(ref.kind, "")
        low = "" if limits.min is None else str(limits.min)
        high = "" if limits.max is None else str(limits.max)
        parts = ["required"] if required else []
        if low or high:
            parts.append(f"{low}..{high}{unit}")
        if ref.kind == "timestamp":
            parts.append("milliseconds since 1970-01-01 UTC")
        if ref.kind == "document":
            parts.append("JSON text")
        if ref.kind in ("big_integer", "big_decimal"):
            parts.append("a number in decimal")
        if token:
            parts.append("absent: a new UUID is sent")
        if sensitive:
            parts.append("sensitive")
        return f" /* {', '.join(parts)} */" if parts else ""

    def _enum(self, name, raw):
        """Values, and C names for absent and unknown that no value of the model has."""
        values = raw["enum"]
        if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
            self.fail(name, "enum is no list of strings")
        made, unset, unknown = self.identifiers.claim_enum(name, (self.prefix, name), values)
        return tuple(map(ir.EnumValue, values, made)), unset, unknown

    # ---- lowering ----

    def lower(self, name, user):
        """Lowers a shape and all it reaches; recursion ends at shapes under way."""
        todo = [(name, user)]
        while todo:
            name, user = todo.pop()
            if name in self.lowered:
                continue
            raw = self.raw_shape(name, user)
            self.known(raw, aws_traits.SHAPE_KEYS, name)
            shape = self._make(name, names.prefixed(self.prefix, name), raw)
            self.lowered[name] = shape
            inner = [(m.shape.name, f"{name}.{m.name}") for m in shape.members]
            if shape.element is not None:
                inner.append((shape.element.name,
                              f"{name}.{'value' if shape.kind == 'map' else 'member'}"))
            todo += reversed(inner)

    def _make(self, name, c_name, raw):
        kind, c_type, codec_kind, _ = self._kind(name, raw)
        members, element, values, unset, unknown = (), None, (), "", ""
        if kind in ("structure", "union", "list", "map", "enum"):
            self.tags.claim(c_name, name)
        if kind in ("structure", "union"):
            members = self._members(name, raw)
        elif kind == "list":
            element = self.reference(raw.get("member"), f"{name}.member")
        elif kind == "map":
            self.tags.claim(f"{c_name}_entry", name)
            key = self.reference(raw.get("key"), f"{name}.key")
            if key.kind not in ("string", "enum"):
                self.fail(f"{name}.key", f"is a {key.kind}; only strings can be keys")
            element = self.reference(raw.get("value"), f"{name}.value")
        elif kind == "enum":
            values, unset, unknown = self._enum(name, raw)
        written = raw.get("timestampFormat")
        if written is not None and kind != "timestamp":
            self.fail(name, f"has a timestampFormat but is a {kind}")
        sparse = bool(raw.get("sparse"))
        return ir.Shape(
            name=name, kind=kind, c_name=c_name, c_type=c_type, codec_kind=codec_kind,
            c_desc=self.identifiers.claim(f"{c_name}_shape", name),
            constraints=self._constraints(name, raw),
            sensitive=self._is_sensitive(name, raw), sparse=sparse,
            pointers=sparse and element is not None and element.kind in _WITHOUT_NULL,
            time_format="" if written is None else self._time_format(written, name),
            members=members, element=element, values=values, unset=unset, unknown=unknown,
            has_token=any(m.idempotency_token for m in members),
            is_error=bool(raw.get("exception")), doc=prose.lines(raw.get("documentation")))

    def check_marks(self):
        """A mark that hits nothing would let a log show what it was meant for."""
        for element in sorted(self.unmatched):
            self.fail(element, "is marked sensitive, by idl/targets.json or --sensitive, but "
                      "there is no such member")

    def check_cycles(self):
        """A structure that must hold another of its own kind has no value at all."""
        done = set()
        for name, shape in self.lowered.items():
            if shape.kind == "structure":
                self._follow(name, (), done)

    def _follow(self, name, path, done):
        if name in path:
            cycle = [*path[path.index(name):], name]
            self.fail(name, f"must hold itself ({' -> '.join(cycle)}), so that no value can exist")
        if name in done:
            return
        if len(path) == _MAX_DEPTH:
            self.fail(path[0], f"must hold structures more than {_MAX_DEPTH} deep, down to {name}: "
                      "no engine follows that")
        for member in self.lowered[name].members:
            if member.required and member.shape.kind == "structure":
                self._follow(member.shape.name, (*path, name), done)
        done.add(name)
