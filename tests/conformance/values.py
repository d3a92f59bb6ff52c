# SPDX-License-Identifier: Apache-2.0
"""Values of protocol test cases, which are JSON, as C initializers of the generated structs."""
import datetime
import email.utils
import json
import math

_SPECIAL = {"NaN": "NAN", "Infinity": "INFINITY", "-Infinity": "-INFINITY"}


class Misfit(Exception):
    """The value is none of its shape."""


def string(text):
    return data(text.encode("utf-8"))


def data(value):
    """A struct str of bytes."""
    escaped = "".join(f"\\{byte:03o}" for byte in value)
    return f'{{.p = "{escaped}", .n = {len(value)}}}'


def _integer(value):
    if isinstance(value, bool) or not isinstance(value, int):
        raise Misfit(f"{value!r} is no integer")
    return "INT64_MIN" if value == -2 ** 63 else f"INT64_C({value})"


def _real(value):
    if value in _SPECIAL:
        return _SPECIAL[value]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Misfit(f"{value!r} is no number")
    if math.isnan(value):
        return "NAN"
    if math.isinf(value):
        return "INFINITY" if value > 0 else "-INFINITY"
    return repr(float(value))


def _time(value):
    """Milliseconds since 1970; the suites have seconds, or text in one of the formats."""
    if isinstance(value, str):
        try:
            value = datetime.datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp()
        except ValueError:
            value = email.utils.parsedate_to_datetime(value).timestamp()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Misfit(f"{value!r} is no time")
    return f"INT64_C({round(value * 1000)})"


def document(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


class Values:
    """Initializers for the shapes of one model."""

    def __init__(self, api, model):
        self._shapes = {shape.name: shape for shape in api.shapes}
        self._raw = model["shapes"]

    def whole(self, shape, value):
        """An expression for a pointer to a structure."""
        return f"&(const {shape.c_type}){self._in_place(shape, value)}"

    def _in_place(self, shape, value):
        """What initializes a value that lies in a list, a map or a struct."""
        kind = shape.kind
        if kind in ("structure", "union"):
            return self._members(shape, value)
        if kind == "list":
            return self._list(shape, value)
        if kind == "map":
            return self._map(shape, value)
        if kind in ("string", "big_integer", "big_decimal"):
            if kind == "string" and not isinstance(value, str):
                raise Misfit(f"{value!r} is no string of {shape.name}")
            return string(str(value))
        if kind == "blob":
            return string(value)
        if kind == "document":
            return string(document(value))
        if kind == "boolean":
            return {True: "true", False: "false"}[value]
        if kind in ("integer", "long"):
            return _integer(value)
        if kind in ("float", "double"):
            return f"({shape.c_type})({_real(value)})"
        if kind == "timestamp":
            return _time(value)
        if kind == "enum":
            return next((v.c_name for v in shape.values if v.name == value), shape.unknown)
        raise Misfit(f"no way to write a {kind}")

    def _members(self, shape, value):
        if not isinstance(value, dict):
            raise Misfit(f"{value!r} is no {shape.name}")
        # The suites use the model's names, shapes those of the wire.
        members = dict(zip(self._raw[shape.name]["members"], shape.members))
        made = []
        for name, inner in value.items():
            if name not in members:
                raise Misfit(f"{shape.name} has no member {name}")
            if inner is None:
                continue
            member = members[name]
            target = self._shapes[self._name_of(member.shape)]
            text = self._in_place(target, inner)
            if target.kind in ("structure", "union"):
                text = f"&(const {target.c_type}){text}"
            if member.has:
                made.append(f".has_{member.c_name} = true")
            made.append(f".{member.c_name} = {text}")
        return "{" + ", ".join(made) + "}"

    def _name_of(self, ref):
        """A time with a format of its own has a shape of its own, which writes its value alike."""
        return ref.name

    def _element(self, shape, value):
        target = self._shapes[shape.element.name]
        if value is None:
            return "NULL" if shape.pointers else "{0}" if target.kind != "enum" else target.unset
        text = self._in_place(target, value)
        return f"&(const {target.c_type}){{{text}}}" if shape.pointers and text[0] != "{" else \
            f"&(const {target.c_type}){text}" if shape.pointers else text

    def _list(self, shape, value):
        if not isinstance(value, list):
            raise Misfit(f"{value!r} is no list of {shape.name}")
        if not value:
            return '{.v = (const void *)"nothing", .n = 0}'
        element = f"const {shape.element.c_type}" + (" *const" if shape.pointers else "")
        return (f"{{.v = ({element}[]){{{', '.join(self._element(shape, v) for v in value)}}}, "
                f".n = {len(value)}}}")

    def _map(self, shape, value):
        if not isinstance(value, dict):
            raise Misfit(f"{value!r} is no map of {shape.name}")
        if not value:
            return '{.v = (const void *)"nothing", .n = 0}'
        entries = [f"{{.key = {string(k)}, .value = {self._element(shape, v)}}}"
                   for k, v in value.items()]
        return (f"{{.v = (const struct {shape.c_name}_entry[]){{{', '.join(entries)}}}, "
                f".n = {len(value)}}}")
