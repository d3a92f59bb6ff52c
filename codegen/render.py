# SPDX-License-Identifier: Apache-2.0
"""Representation -> text, by the templates. Which template makes which file is told here, once."""
import os

import jinja2

import ir
import load_proto

HERE = os.path.dirname(os.path.abspath(__file__))

# One entry per output file: suffix of its name -> template.
GRPC = {
    "{stem}.h": "grpc_service.h.j2",
    "{stem}.c": "grpc_service.c.j2",
    "{stem}_client.h": "grpc_client.h.j2",
    "{stem}_client.c": "grpc_client.c.j2",
    "{stem}_descriptor.h": "grpc_descriptor.h.j2",
    "{stem}_descriptor.c": "grpc_descriptor.c.j2",
}
DESCRIPTOR = {name: template for name, template in GRPC.items() if "_descriptor" in name}
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
    if isinstance(loaded, ir.ProtoFile) and loaded.descriptor_only:
        return _render(DESCRIPTOR, stem=loaded.stem, proto=loaded)
    if isinstance(loaded, ir.ProtoFile):
        made = _render(GRPC, stem=loaded.stem, proto=loaded)
        made.update(load_proto.protoc_c(root, loaded))
        return made
    if isinstance(loaded, ir.ApiService):
        return _render(AWS, stem=loaded.stem, api=loaded)
    if isinstance(loaded, ir.ShapeSet):
        return _render(SHAPES, stem=loaded.stem, api=loaded)
    if isinstance(loaded, ir.RestService):
        return _render(REST, stem=loaded.stem, api=loaded)
    return _render(ERRORS, stem=loaded.stem, table=loaded)


def skeleton(root, proto, service, method):
    del root
    return _environment().get_template("skeleton.c.j2").render(
        template="skeleton.c.j2", proto=proto, service=service, method=method)
