# SPDX-License-Identifier: Apache-2.0
"""AWS API model (service-2 JSON) -> representation.

Whatever it does not know it refuses, naming file and element: a construct that is skipped in
silence would be a request that is wrong in silence.
"""
import hashlib
import os
import re

import aws_traits
import given
import ir
import names
import prose
from aws_shapes import Shapes

_LABEL = re.compile(r"\{([^{}]*)\}")
_HOST = re.compile(r"(?:[A-Za-z0-9.-]|\{\})+\Z")


class _Loader:
    def __init__(self, source, model, target):
        self.prefix = target["prefix"]
        self.only = target.get("protocol")
        raw = model.get("shapes") if isinstance(model, dict) else None
        self.shapes = Shapes(source, raw, self.prefix, target.get("sensitive") or ())
        self._fail = self.shapes.fail
        self.shapes.object(model, "shapes", "model")
        self.metadata = self.shapes.object(model, "metadata", "model")
        self.operations = self.shapes.object(model, "operations", "model")

    # ---- the service ----

    def protocols(self):
        """{"json": content type, "cbor": ""} of those that both sides know."""
        offered = self.metadata.get("protocols")
        if offered is None:
            offered = [self.metadata.get("protocol")]
        if not isinstance(offered, list):
            self._fail("metadata.protocols", "is no list")
        known = [aws_traits.PROTOCOLS[p] for p in aws_traits.PROTOCOLS if p in offered]
        if not known or (self.only is not None and self.only not in known):
            wanted = (self.only,) if known else aws_traits.PROTOCOLS
            self._fail("metadata.protocols", f"offers {', '.join(map(str, offered))}; "
                       f"{'wanted' if known else 'known here'}: {', '.join(wanted)}")
        chosen = known if self.only is None else [self.only]
        return {p: f"application/x-amz-json-{self._json_version()}" if p == "json" else ""
                for p in chosen}

    def _json_version(self):
        """Old models have a number there."""
        value = self.metadata.get("jsonVersion")
        version = str(value) if isinstance(value, float) else value
        if version is None:
            self._fail("metadata.jsonVersion", "is missing")
        if version not in ("1.0", "1.1"):
            self._fail("metadata.jsonVersion", f"is {value!r}; known here: 1.0, 1.1")
        return version

    def text(self, key):
        value = self.metadata.get(key)
        if not isinstance(value, str) or not value:
            self._fail(f"metadata.{key}", "is missing")
        if not value.isprintable() or not value.isascii():
            self._fail(f"metadata.{key}", "holds what no header or host may")
        return value

    # ---- operations ----

    def _structure(self, node, element):
        if node is None:
            return None
        ref = self.shapes.reference(node, element)
        if ref.kind != "structure":
            self._fail(element, f"{ref.name} is a {ref.kind}, not a structure")
        self.shapes.lower(ref.name, element)
        return self.shapes.lowered[ref.name]

    def _errors(self, name, raw):
        errors = []
        listed = raw.get("errors", [])
        if not isinstance(listed, list):
            self._fail(f"{name}.errors", "is no list")
        for i, node in enumerate(listed):
            shape = self._structure(node, f"{name}.errors[{i}]")
            if shape is None or not shape.is_error:
                self._fail(f"{name}.errors[{i}]",
                           f"{'nothing' if shape is None else shape.name} is no exception")
            errors.append(shape.name)
        return tuple(errors)

    def _host_prefix(self, name, raw, inp):
        """("foo.{}.", the members that fill the gaps)."""
        endpoint = raw.get("endpoint", {})
        prefix = endpoint.get("hostPrefix", "") if isinstance(endpoint, dict) else None
        element = f"{name}.endpoint.hostPrefix"
        if not isinstance(prefix, str):
            self._fail(element, "is no string")
        text = _LABEL.sub("{}", prefix)
        if prefix and not _HOST.match(text):
            self._fail(element, f"{prefix!r} is no beginning of a host name")
        labels = []
        for label in _LABEL.findall(prefix):
            found = [i for i, m in enumerate(inp.members if inp is not None else ())
                     if m.name == label and m.shape.kind == "string"]
            if not found:
                self._fail(element, f"{label} is no string in the input")
            labels.append(found[0])
        return text, tuple(labels)

    def _compressed(self, name, raw):
        """True if the body is to be compressed with gzip."""
        trait = raw.get("requestcompression")
        if trait is None:
            return False
        encodings = trait.get("encodings") if isinstance(trait, dict) else None
        if not isinstance(encodings, list) or "gzip" not in encodings:
            self._fail(f"{name}.requestcompression", "knows no encoding but gzip here")
        return True

    def _unsigned(self, name, raw):
        kind = raw.get("authtype", "v4")
        if kind not in ("none", "v4"):
            self._fail(f"{name}.authtype", f"{kind!r} is not supported")
        return kind == "none"

    def operation(self, name, raw):
        if not isinstance(raw, dict):
            self._fail(name, "is no object")
        self.shapes.known(raw, aws_traits.OPERATION_KEYS, name)
        if not (name.isascii() and name.isidentifier()):
            self._fail(name, "is no name of an operation")
        inp = self._structure(raw.get("input"), f"{name}.input")
        out = self._structure(raw.get("output"), f"{name}.output")
        errors = self._errors(name, raw)
        host_prefix, labels = self._host_prefix(name, raw, inp)
        c_name = names.prefixed(self.prefix, name)
        for suffix in ("", "_fn", "_call", "_labels", "_operation"):
            self.shapes.identifiers.claim(c_name + suffix, name)
        return ir.Operation(
            name=name, c_name=c_name, input=inp, output=out, errors=errors,
            host_prefix=host_prefix, host_labels=labels, compressed=self._compressed(name, raw),
            unsigned=self._unsigned(name, raw), doc=prose.lines(raw.get("documentation")))

    def error_shapes(self, operations):
        """Every error of these operations, with the name that Query gave it."""
        made = []
        for name in dict.fromkeys(e for op in operations for e in op.errors):
            alias = self.shapes.raw[name].get("error", {})
            code = alias.get("code", name) if isinstance(alias, dict) else None
            if not isinstance(code, str):
                self._fail(f"{name}.error.code", "is no string")
            made.append(ir.ErrorShape(shape=self.shapes.lowered[name], code=code))
        return tuple(made)


def load_shapes(root, target):
    """A file of shapes without operations; target["roots"] names those that are to be had."""
    source = target["idl"]
    data, model = given.parsed(os.path.join(root, source), source)
    loader = _Loader(source, model, target)
    try:
        for name in target["roots"]:
            loader.shapes.lower(name, "roots")
    except ValueError as e:  # a name without a letter
        raise ir.IdlError(source, "names", str(e))
    loader.shapes.check_cycles()
    loader.shapes.check_marks()
    return ir.ShapeSet(
        source=source, sha256=hashlib.sha256(data).hexdigest(), name=loader.text("serviceId"),
        prefix=target["prefix"], stem=target["stem"],
        shapes=tuple(loader.shapes.lowered.values()))


def load(root, target):
    """The model of target["idl"] below root; "operations" and "protocol" of the target narrow it."""
    source = target["idl"]
    data, model = given.parsed(os.path.join(root, source), source)
    return lower(source, data, model, target)


def lower(source, data, model, target):
    """A model that has been read already; `data` is what the banner's hash is of."""
    loader = _Loader(source, model, target)
    protocols = loader.protocols()
    wanted = target.get("operations")
    for name in wanted or ():
        if name not in loader.operations:
            raise ir.IdlError(source, "operations", f"has no {name}"
                              + given.like(name, loader.operations))
    try:
        operations = tuple(loader.operation(n, op) for n, op in loader.operations.items()
                           if wanted is None or n in wanted)
    except ValueError as e:  # a name without a letter
        raise ir.IdlError(source, "names", str(e))
    loader.shapes.check_cycles()
    loader.shapes.check_marks()
    metadata = loader.metadata
    return ir.ApiService(
        source=source, sha256=hashlib.sha256(data).hexdigest(),
        name=loader.text("serviceId"), prefix=loader.prefix, stem=target["stem"],
        json_content_type=protocols.get("json", ""), cbor="cbor" in protocols,
        query_compatible="awsQueryCompatible" in metadata,
        target_prefix=loader.text("targetPrefix"),
        signing_name=loader.text("signingName" if "signingName" in metadata
                                 else "endpointPrefix"),
        endpoint_prefix=loader.text("endpointPrefix"), api_version=loader.text("apiVersion"),
        shapes=tuple(loader.shapes.lowered.values()), operations=operations,
        errors=loader.error_shapes(operations), folder=target.get("folder", "generated/"))
