# SPDX-License-Identifier: Apache-2.0
"""A proto file -> representation, and protoc-c's C for its messages.

protoc does the parsing; this reads its descriptor set. What the templates and the engine behind
them cannot serve is refused here by name, so that nothing is silently left out of the C.
"""
import hashlib
import os
import subprocess
import tempfile

from google.protobuf import descriptor_pb2

import ir
import names

_FIELD = descriptor_pb2.FieldDescriptorProto
_TYPES = {
    getattr(_FIELD, f"TYPE_{name.upper()}"): name
    for name in ("double", "float", "int64", "uint64", "int32", "fixed64", "fixed32", "bool",
                 "string", "message", "bytes", "uint32", "enum", "sfixed32", "sfixed64", "sint32",
                 "sint64")
}

# Numbers of fields of FileDescriptorProto and below, as paths in SourceCodeInfo spell them.
_FILE_MESSAGE, _FILE_SERVICE = 4, 6
_MESSAGE_FIELD, _MESSAGE_NESTED, _SERVICE_METHOD = 2, 3, 2

# Words that protoc-c does not use as a struct member; it appends an underscore.
_PBC_KEYWORDS = frozenset(
    """and and_eq asm auto bitand bitor bool break case catch char class compl const const_cast
    continue default delete do double dynamic_cast else enum explicit extern false float for friend
    goto if inline int long mutable namespace new not not_eq operator or or_eq private protected
    public register reinterpret_cast return short signed sizeof static static_cast struct switch
    template this throw true try typedef typeid typename union unsigned using virtual void volatile
    wchar_t while xor xor_eq""".split()
)


def load(root, target):
    """One entry of targets.json as an ir.ProtoFile."""
    for key in ("idl", "prefix", "stem"):
        if not isinstance(target.get(key), str) or not target[key]:
            raise ir.IdlError("idl/targets.json", str(target.get("idl")), f"{key} is missing")
    source = target["idl"]
    name = target.get("name", os.path.basename(source))
    if not isinstance(name, str) or not name:
        raise ir.IdlError("idl/targets.json", source, "name is no file name")
    return _Lower(root, source, target, _descriptor(root, source)).file(name)


def protoc_c(root, proto):
    """What protoc-c makes of it, as {file name: text}, with includes as the rest of us spells them."""
    base = os.path.splitext(os.path.basename(proto.source))[0]
    with tempfile.TemporaryDirectory() as out:
        _protoc(root, proto.source, f"--c_out={out}")
        made = {}
        for name in (f"{base}.pb-c.h", f"{base}.pb-c.c"):
            with open(os.path.join(out, name), encoding="utf-8") as f:
                text = f.read().replace(f'#include "{base}.pb-c.h"', f'#include "{proto.pbc_header}"')
                made[name] = "// SPDX-License-Identifier: Apache-2.0\n" + text
    header = made[f"{base}.pb-c.h"]
    for message in proto.messages:
        if f"struct  {message.pbc_type}\n" not in header:
            raise ir.IdlError(proto.source, message.name, f"protoc-c made no {message.pbc_type}")
    return made


# ---- protoc -------------------------------------------------------------------------------------


def _descriptor(root, source):
    if not os.path.isfile(os.path.join(root, source)):
        raise ir.IdlError(source, "file", "there is no such file")
    with tempfile.TemporaryDirectory() as tmp:
        out = os.path.join(tmp, "set")
        _protoc(root, source, f"--descriptor_set_out={out}", "--include_source_info")
        with open(out, "rb") as f:
            made = descriptor_pb2.FileDescriptorSet.FromString(f.read())
    return made.file[0]


def _protoc(root, source, *options):
    """Runs protoc beside the file, so that it names the file as we do and not by a path."""
    folder, name = os.path.split(os.path.join(root, source))
    try:
        done = subprocess.run(["protoc", "-I.", *options, name], cwd=folder, check=False,
                              capture_output=True, text=True, encoding="utf-8", errors="replace")
    except FileNotFoundError as e:
        raise ir.IdlError(source, "protoc", "not found (Debian: apt install protobuf-compiler "
                          "protobuf-c-compiler)") from e
    if done.returncode != 0:
        place, reason = _complaint(name, done.stderr)
        raise ir.IdlError(source, place, reason)


def _complaint(name, stderr):
    """protoc's first error as (line:column, text); warnings come before errors and are no news."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    for line in lines:
        rest = line[len(name) + 1:] if line.startswith(name + ":") else ""
        parts = rest.split(":", 2)
        if len(parts) == 3 and parts[0].isdigit() and parts[1].isdigit():
            if not parts[2].strip().startswith("warning:"):
                return f"{parts[0]}:{parts[1]}", parts[2].strip()
        elif rest:
            return "protoc", rest.strip()
    if any("protoc-gen-c" in line and "not found" in line for line in lines):
        return "protoc-c", "not found (Debian: apt install protobuf-c-compiler)"
    return "protoc", lines[-1] if lines else "failed without saying why"


# ---- protoc-c's names ---------------------------------------------------------------------------


def _pbc_type(full_name):
    """accelbyte.session.Foo -> Accelbyte__Session__Foo"""
    pieces = []
    for piece in full_name.split("."):
        pieces.append("".join(word[:1].upper() + word[1:] for word in piece.split("_")))
    return "__".join(pieces)


def _pbc_prefix(full_name):
    """accelbyte.session.FooBar -> accelbyte__session__foo_bar"""
    pieces = []
    for piece in full_name.split("."):
        out, was_upper = "", True
        for ch in piece:
            out += ("_" if ch.isupper() and not was_upper else "") + ch.lower()
            was_upper = ch.isupper()
        pieces.append(out)
    return "__".join(pieces)


def _pbc_member(name):
    return name.lower() + ("_" if name.lower() in _PBC_KEYWORDS else "")


# ---- for reflection -----------------------------------------------------------------------------


def _symbols(file):
    """The full names of all that a file defines. Enum values are neighbours of their enum."""
    found = []

    def enum(d, scope):
        found.extend([f"{scope}.{d.name}", *(f"{scope}.{value.name}" for value in d.value)])

    def message(d, scope):
        name = f"{scope}.{d.name}"
        found.append(name)
        found.extend(f"{name}.{field.name}" for field in (*d.field, *d.oneof_decl))
        for nested in d.nested_type:
            message(nested, name)
        for nested in d.enum_type:
            enum(nested, name)

    for d in file.message_type:
        message(d, file.package)
    for d in file.enum_type:
        enum(d, file.package)
    for d in file.service:
        name = f"{file.package}.{d.name}"
        found.extend([name, *(f"{name}.{method.name}" for method in d.method)])
    return tuple(sorted(found))


def _embedded(file, name, c_name):
    """The file under the name by which others import it, without its comments."""
    bare = descriptor_pb2.FileDescriptorProto()
    bare.CopyFrom(file)
    bare.ClearField("source_code_info")
    bare.name = name
    return ir.Descriptor(name=name, c_name=c_name,
                         data=bare.SerializeToString(deterministic=True), symbols=_symbols(file))


# ---- descriptor -> representation ---------------------------------------------------------------


class _Lower:
    def __init__(self, root, source, target, descriptor):
        with open(os.path.join(root, source), "rb") as f:
            self.sha256 = hashlib.sha256(f.read()).hexdigest()
        self.source = source
        self.prefix = target["prefix"]
        self.stem = target["stem"]
        self.sensitive = list(target.get("sensitive", []))
        self.descriptor_only = target.get("descriptor_only", False) is True
        self.descriptor = descriptor
        self.scope = names.Scope(self.fail)
        self.docs = {tuple(place.path): place.leading_comments or place.trailing_comments
                     for place in descriptor.source_code_info.location}
        self.messages = {}  # ".package.Name" -> ir.Message, in order of the file

    def fail(self, element, reason):
        raise ir.IdlError(self.source, element, reason)

    def doc(self, path):
        text = self.docs.get(tuple(path), "").replace("*/", "* /").replace("/*", "/ *")
        return tuple(line.strip() for line in text.strip().splitlines())

    def file(self, name):
        d = self.descriptor
        if d.syntax != "proto3":
            self.fail("syntax", "only proto3 is supported")
        if not d.package:
            self.fail("package", "is missing; the paths of the methods need one")
        if d.dependency:
            self.fail(d.dependency[0], "imports are not supported")
        if d.extension:
            self.fail(d.extension[0].name, "extensions are not supported")
        self.claim(f"{self.prefix}_service", "targets.json")
        self.claim(f"{self.prefix}_redaction", "targets.json")
        embedded = _embedded(d, name, self.claim(f"{self.prefix}_file", "targets.json"))
        for i, message in enumerate(d.message_type):
            self.message(message, "", (_FILE_MESSAGE, i))
        services = tuple(self.service(s, (_FILE_SERVICE, i)) for i, s in enumerate(d.service))
        if self.sensitive:
            raise ir.IdlError("idl/targets.json", self.sensitive[0],
                              f"is marked sensitive but {self.source} has no such field")
        base = os.path.splitext(os.path.basename(self.source))[0]
        return ir.ProtoFile(
            source=self.source, sha256=self.sha256, package=d.package, prefix=self.prefix,
            stem=self.stem, pbc_header=f"generated/{base}.pb-c.h",
            messages=tuple(self.messages.values()), services=services, descriptor=embedded,
            descriptor_only=self.descriptor_only)

    def claim(self, name, source):
        return self.scope.claim(name, source)

    def message(self, d, outer, path):
        name = f"{outer}.{d.name}" if outer else d.name
        if d.options.map_entry:
            return  # the field that made it is refused with a better word
        if d.extension or d.extension_range:
            self.fail(name, "extensions are not supported")
        c_name = self.claim(names.prefixed(self.prefix, name), name)
        for derived in (names.constant(c_name, "INIT"), f"{c_name}_redact"):
            self.claim(derived, name)
        members = names.Scope(self.fail)
        for oneof in d.oneof_decl:
            members.claim(f"{_pbc_member(oneof.name)}_case", f"{name}.{oneof.name}")
        fields = tuple(self.field(f, d, name, members, (*path, _MESSAGE_FIELD, i))
                       for i, f in enumerate(d.field))
        full_name = f"{self.descriptor.package}.{name}"
        self.messages[f".{full_name}"] = ir.Message(
            name=name, full_name=full_name, c_name=c_name, pbc_type=_pbc_type(full_name),
            pbc_prefix=_pbc_prefix(full_name), fields=fields, doc=self.doc(path))
        for i, nested in enumerate(d.nested_type):
            self.message(nested, name, (*path, _MESSAGE_NESTED, i))

    def field(self, f, message, name, members, path):
        element = f"{name}.{f.name}"
        for nested in message.nested_type:
            if nested.options.map_entry and f.type_name.endswith(f".{name}.{nested.name}"):
                self.fail(element, "map fields are not supported")
        if f.proto3_optional:
            self.fail(element, "protoc-c does not know `optional` in proto3")
        if f.type not in _TYPES:
            self.fail(element, "groups are not supported")
        kind = _TYPES[f.type]
        oneof = message.oneof_decl[f.oneof_index].name if f.HasField("oneof_index") else ""
        sensitive = element in self.sensitive
        if sensitive:
            self.sensitive.remove(element)
        return ir.Field(
            name=f.name, c_name=members.claim(_pbc_member(f.name), element), number=f.number,
            type=kind, type_name=_pbc_type(f.type_name[1:]) if kind in ("message", "enum") else "",
            repeated=f.label == _FIELD.LABEL_REPEATED, oneof=_pbc_member(oneof) if oneof else "",
            sensitive=sensitive, doc=self.doc(path))

    def service(self, d, path):
        c_name = names.prefixed(self.prefix, d.name)
        for derived in (f"{c_name}_handlers", f"{c_name}_service", f"{c_name}_methods"):
            self.claim(derived, d.name)
        slots = names.Scope(self.fail)
        methods = []
        for i, method in enumerate(d.method):
            element = f"{d.name}.{method.name}"
            slot = slots.claim(names.identifier(method.name), element)
            made = names.prefixed(self.prefix, method.name)
            reads, writes = method.client_streaming, method.server_streaming
            for ending in ("call", "fn", "fail", "dispatch",
                           *(("finish", "send", "sent", "sent_fn") if writes else ("reply",)),
                           *(("read", "message", "message_fn") if reads else ())):
                self.claim(f"{made}_{ending}", element)
            self.claim(f"{self.prefix}_handle_{slot}", element)
            client = f"{c_name}_{slot}"
            for derived in (client, *((f"{client}_read",) if reads or writes else ()),
                            *((f"{client}_send",) if reads else ())):
                self.claim(derived, element)
            methods.append(ir.Method(
                name=method.name, c_name=made, slot=slot,
                path=f"/{self.descriptor.package}.{d.name}/{method.name}",
                input=self.message_of(method.input_type, element),
                output=self.message_of(method.output_type, element),
                client_streaming=reads, server_streaming=writes,
                doc=self.doc((*path, _SERVICE_METHOD, i))))
        return ir.RpcService(
            name=d.name, full_name=f"{self.descriptor.package}.{d.name}", c_name=c_name,
            methods=tuple(methods), doc=self.doc(path))

    def message_of(self, full_name, element):
        if full_name not in self.messages:
            self.fail(element, f"{full_name[1:]} is not a message of this file")
        return self.messages[full_name]
