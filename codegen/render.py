# SPDX-License-Identifier: Apache-2.0
"""Representation -> text, by the templates. Which template makes which file is told here, once."""
import os
import sys

import jinja2

import ir
import patterns

HERE = os.path.dirname(os.path.abspath(__file__))

# One entry per output file: suffix of its name -> template.
GRPC = {
    "{stem}.h": "grpc_service.h.j2",
    "{stem}.c": "grpc_service.c.j2",
}
CLIENT = {
    "{stem}_client.h": "grpc_client.h.j2",
    "{stem}_client.c": "grpc_client.c.j2",
}
DESCRIPTOR = {
    "{stem}_descriptor.h": "grpc_descriptor.h.j2",
    "{stem}_descriptor.c": "grpc_descriptor.c.j2",
}
AWS = {
    "{stem}.h": "aws_types.h.j2",
    "{stem}_shapes.c": "shapes.c.j2",
    "{stem}_operations.c": "aws_operations.c.j2",
}
REST = {
    "{stem}.h": "rest_types.h.j2",
    "{stem}_shapes.c": "shapes.c.j2",
    "{stem}_operations.c": "rest_operations.c.j2",
}
SHAPES = {
    "{stem}.h": "shape_set.h.j2",
    "{stem}_shapes.c": "shapes.c.j2",
}
ERRORS = {
    "{stem}.c": "aws_errors.c.j2",
}


def _c_string(text):
    """A C string literal of any text, plain ASCII."""
    out = []
    for byte in text.encode("utf-8"):
        ch = chr(byte)
        if ch in "\\\"":
            out.append("\\" + ch)
        elif 0x20 <= byte < 0x7F:
            out.append(ch)
        else:
            out.append(f"\\{byte:03o}")
    return '"' + "".join(out).replace("??", "?\\?") + '"'


def _c_bytes(data):
    """The inside of a C array of bytes; clang-format breaks the lines."""
    return ", ".join(str(byte) for byte in data)


def _c_alphabet(pattern):
    """The bits of struct codec_pattern's `only`; none for a pattern that asks for more."""
    characters = patterns.alphabet(pattern)
    if characters is None:
        return ""
    bits = sum(1 << ord(c) for c in characters)
    return f"{{UINT64_C(0x{bits % 2**64:x}), UINT64_C(0x{bits >> 64:x})}}"


def _environment():
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(os.path.join(HERE, "templates")),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    env.filters["cstr"] = _c_string
    env.filters["cbytes"] = _c_bytes
    env.filters["calphabet"] = _c_alphabet
    env.filters["cbool"] = lambda value: "true" if value else "false"
    return env


def _render(templates, **values):
    env = _environment()
    stem = values["stem"]
    return {
        name.format(stem=stem): env.get_template(template).render(template=template, **values)
        for name, template in templates.items()
    }


def files(root, loaded):
    """Every file made from one target, as {name: text}, not yet formatted."""
    del root
    if isinstance(loaded, ir.ProtoFile):
        return _render({**DESCRIPTOR, **({} if loaded.descriptor_only else GRPC),
                        **(CLIENT if loaded.services else {})}, stem=loaded.stem, proto=loaded)
    if isinstance(loaded, ir.ApiService):
        return _render(AWS, stem=loaded.stem, api=loaded)
    if isinstance(loaded, ir.ShapeSet):
        return _render(SHAPES, stem=loaded.stem, api=loaded)
    if isinstance(loaded, ir.RestService):
        return _render(REST, stem=loaded.stem, api=loaded)
    return _render(ERRORS, stem=loaded.stem, table=loaded)


def print_skeleton(protos, rpc, where):
    """A handler to start from, on stdout; never written into src/handlers/. 1 if there is no such RPC."""
    for proto in protos:
        for service in proto.services:
            for method in service.methods:
                if method.name == rpc:
                    made = _render({"skeleton": "skeleton.c.j2"}, stem=proto.stem, proto=proto,
                                   service=service, method=method)
                    print(made["skeleton"], end="")
                    return 0
    print(f"generate.py: no RPC named {rpc} in {where}", file=sys.stderr)
    return 1
