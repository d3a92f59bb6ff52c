# SPDX-License-Identifier: Apache-2.0
"""One file's descriptor -> messages, enums and services of the representation."""
from google.protobuf import descriptor_pb2

import ir
import names
import pbc

_FIELD = descriptor_pb2.FieldDescriptorProto
_TYPES = {
    getattr(_FIELD, f"TYPE_{name.upper()}"): name
    for name in ("double", "float", "int64", "uint64", "int32", "fixed64", "fixed32", "bool",
                 "string", "message", "bytes", "uint32", "enum", "sfixed32", "sfixed64", "sint32",
                 "sint64")
}
_C_TYPES = {
    "double": "double", "float": "float", "bool": "protobuf_c_boolean", "string": "char *",
    "bytes": "ProtobufCBinaryData", "int64": "int64_t", "sint64": "int64_t", "sfixed64": "int64_t",
    "uint64": "uint64_t", "fixed64": "uint64_t", "int32": "int32_t", "sint32": "int32_t",
    "sfixed32": "int32_t", "uint32": "uint32_t", "fixed32": "uint32_t",
}

# Numbers of fields of FileDescriptorProto and below, as paths in SourceCodeInfo spell them.
_FILE_MESSAGE, _FILE_ENUM, _FILE_SERVICE = 4, 5, 6
_MESSAGE_FIELD, _MESSAGE_NESTED, _MESSAGE_ENUM, _MESSAGE_ONEOF, _SERVICE_METHOD = 2, 3, 4, 8, 2


def _join(scope, name):
    return f"{scope}.{name}" if scope else name


def symbols(file):
    """The full names of all that a file defines. Enum values are neighbours of their enum."""
    found = []

    def enum(d, scope):
        found.extend([_join(scope, d.name), *(_join(scope, value.name) for value in d.value)])

    def message(d, scope):
        name = _join(scope, d.name)
        found.append(name)
        found.extend(f"{name}.{field.name}"
                     for field in (*d.field, *pbc.real_oneofs(d), *d.extension))
        for nested in d.nested_type:
            message(nested, name)
        for nested in d.enum_type:
            enum(nested, name)

    for d in file.message_type:
        message(d, file.package)
    for d in file.enum_type:
        enum(d, file.package)
    found.extend(_join(file.package, d.name) for d in file.extension)
    for d in file.service:
        name = _join(file.package, d.name)
        found.extend([name, *(f"{name}.{method.name}" for method in d.method)])
    return tuple(sorted(found))


def type_names(file):
    """The full names of a file's messages and enums."""
    def below(d, scope):
        name = _join(scope, d.name)
        yield name
        for nested in d.nested_type:
            yield from below(nested, name)
        for nested in d.enum_type:
            yield _join(name, nested.name)

    for d in file.message_type:
        yield from below(d, file.package)
    for d in file.enum_type:
        yield _join(file.package, d.name)


def _reserved(d, end_included):
    """Reserved names and numbers, as the IDL writes them."""
    ranges = []
    for r in d.reserved_range:
        last = r.end if end_included else r.end - 1
        ranges.append(str(r.start) if last == r.start else f"{r.start} to {last}")
    return (*d.reserved_name, *ranges)


class Lower:
    """Fills messages, enums and services. `shared` is the set of files: its C names and types."""

    def __init__(self, source, file, shared):
        self.source = source
        self.file_of = file
        self.shared = shared
        self.unmatched = set(source.sensitive)  # that are no field of this file
        self.found_sensitive = []
        self.messages, self.enums, self.services = [], [], []
        self.docs = {tuple(place.path): place.leading_comments or place.trailing_comments
                     for place in file.source_code_info.location}

    def fail(self, element, reason):
        raise ir.IdlError(self.source.label, element, reason)

    def doc(self, path):
        text = self.docs.get(tuple(path), "").replace("*/", "* /").replace("/*", "/ *")
        return tuple(line.strip() for line in text.strip().splitlines())

    def claim(self, name, element):
        """A name of the set, which no other element of any file may have."""
        taken = self.shared.taken
        if not names.is_legal(name):
            self.fail(element, f"{name!r} is no legal C identifier")
        if name in taken:
            label, other = taken[name]
            where = f"{other} of {label}" if label != self.source.label else other
            self.fail(element, f"becomes {name}, as {where} does; rename one of them")
        taken[name] = (self.source.label, element)
        return name

    def constant(self, element, *parts):
        """A constant; one whose name is taken gets an underscore."""
        name = names.constant(*parts)
        while name in self.shared.taken:
            name += "_"
        return self.claim(name, element)

    def file(self):
        d = self.file_of
        self.claim(f"{self.source.c_name}_redaction", "the file")
        for i, enum in enumerate(d.enum_type):
            self.enum(enum, "", (_FILE_ENUM, i))
        # Names first, for fields may have the type of a later message.
        for i, message in enumerate(d.message_type):
            self.name_message(message, "", (_FILE_MESSAGE, i))
        for i, message in enumerate(d.message_type):
            self.message(message, "", (_FILE_MESSAGE, i))
        if self.source.services:
            for i, service in enumerate(d.service):
                self.services.append(self.service(service, (_FILE_SERVICE, i)))
        self.check_members()

    def check_members(self):
        """The short names of messages are macros; a member of that name would become another."""
        short = {m.c_name for m in self.messages} | {e.c_name for e in self.enums}
        for message in self.messages:
            for field in message.fields:
                if field.c_name in short:
                    self.fail(f"{message.name}.{field.name}",
                              f"is named as a type is in C, {field.c_name}; choose another prefix "
                              f"than {self.source.prefix}")

    # ---- enums ----

    def enum(self, d, outer, path):
        name = _join(outer, d.name)
        full_name = _join(self.file_of.package, name)
        c_name = self.claim(names.prefixed(self.source.prefix, name), name)
        self.claim(pbc.type_name(full_name), f"{name} (by protoc-c)")
        values = []
        for value in d.value:
            element = f"{name}.{value.name}"
            values.append(ir.ProtoConstant(
                name=value.name, number=value.number,
                c_name=self.constant(element, self.source.prefix, name, value.name),
                pbc_name=f"{pbc.prefix(full_name).upper()}__{value.name}"))
        made = ir.ProtoEnum(name=name, full_name=full_name, c_name=c_name,
                            pbc_tag=f"_{pbc.type_name(full_name)}", values=tuple(values),
                            reserved=_reserved(d, True), doc=self.doc(path))
        self.enums.append(made)
        self.shared.types[f".{full_name}"] = made

    # ---- messages ----

    def name_message(self, d, outer, path):
        """Claims the names of a message and of those inside, and lowers the enums inside."""
        name = _join(outer, d.name)
        full_name = _join(self.file_of.package, name)
        c_name = self.claim(names.prefixed(self.source.prefix, name), name)
        self.claim(pbc.type_name(full_name), f"{name} (by protoc-c)")
        for derived in (names.constant(c_name, "INIT"), f"{c_name}_redact"):
            self.claim(derived, name)
        self.shared.types[f".{full_name}"] = c_name
        for i, nested in enumerate(d.enum_type):
            self.enum(nested, name, (*path, _MESSAGE_ENUM, i))
        for i, nested in enumerate(d.nested_type):
            self.name_message(nested, name, (*path, _MESSAGE_NESTED, i))

    def message(self, d, outer, path):
        name = _join(outer, d.name)
        full_name = _join(self.file_of.package, name)
        c_name = self.shared.types[f".{full_name}"]
        at = len(self.messages)
        # Those inside come first, as protoc-c has them: a map has the fields of its entry.
        for i, nested in enumerate(d.nested_type):
            self.message(nested, name, (*path, _MESSAGE_NESTED, i))
        self.check_oneofs(d, name)
        fields = tuple(
            self.field(f, d, name, member, (*path, _MESSAGE_FIELD, i))
            for i, (f, member) in enumerate(zip(d.field, pbc.members(d))))
        oneofs = tuple(self.oneof(oneof, i, d, name, fields, (*path, _MESSAGE_ONEOF, i))
                       for i, oneof in enumerate(pbc.real_oneofs(d)))
        made = ir.Message(
            name=name, full_name=full_name, c_name=c_name, pbc_type=pbc.type_name(full_name),
            pbc_prefix=pbc.prefix(full_name), fields=fields, oneofs=oneofs,
            map_entry=d.options.map_entry, reserved=_reserved(d, False), doc=self.doc(path))
        self.messages.insert(at, made)
        self.shared.types[f".{full_name}"] = made

    def check_oneofs(self, d, name):
        seen = {}
        for oneof in pbc.real_oneofs(d):
            member = pbc.case_member(oneof.name)
            if member in seen:
                self.fail(f"{name}.{oneof.name}", f"becomes {member}, as {name}.{seen[member]} "
                          "does; rename one of them")
            seen[member] = oneof.name

    def oneof(self, d, index, message, name, fields, path):
        full_name = _join(self.file_of.package, name)
        parts = (self.source.prefix, name, d.name)

        def case(field, pbc_name):
            return ir.ProtoConstant(
                name=field.name, number=field.number, pbc_name=pbc.case_constant(
                    full_name, d.name, pbc_name),
                c_name=self.constant(f"{name}.{d.name}.{field.name}", *parts, field.name))

        members = [field for f, field in zip(message.field, fields)
                   if f.HasField("oneof_index") and not f.proto3_optional
                   and f.oneof_index == index]
        return ir.Oneof(
            name=d.name, c_case=pbc.case_member(d.name),
            cases=tuple(case(field, field.pbc_name) for field in members),
            unset=ir.ProtoConstant(
                name="", number=0, pbc_name=pbc.case_constant(full_name, d.name),
                c_name=self.constant(f"{name}.{d.name}", *parts, "NOT_SET")),
            doc=self.doc(path))

    def field(self, f, message, name, member, path):
        element = f"{name}.{f.name}"
        if f.type not in _TYPES:
            self.fail(element, "groups are not supported")
        kind = _TYPES[f.type]
        known = self.shared.types.get(f.type_name) if f.type_name else None
        key = value = None
        if isinstance(known, ir.Message) and known.map_entry:
            key, value = known.fields
        has_case = pbc.has_case(f)
        in_oneof = f.HasField("oneof_index") and not f.proto3_optional
        oneof = message.oneof_decl[f.oneof_index].name if in_oneof else ""
        full_name = _join(self.file_of.package, name)
        made = ir.Field(
            name=f.name, pbc_name=member[0], c_name=member[1], number=f.number, type=kind,
            type_name=f.type_name[1:], c_type=self.c_type(kind, known),
            repeated=f.label == _FIELD.LABEL_REPEATED, optional=f.proto3_optional,
            c_case=pbc.case_member(has_case) if has_case else "",
            case=pbc.case_constant(full_name, has_case, member[0]) if has_case else "",
            oneof=pbc.case_member(oneof)[:-len("_case")] if oneof else "",
            map_key=key, map_value=value, map_entry=known.c_name if key is not None else "",
            sensitive=self.is_sensitive(element), deprecated=f.options.deprecated,
            doc=self.doc(path))
        c_name = self.shared.types[f".{full_name}"]
        if made.c_case:
            self.claim(f"{c_name}_has_{made.c_name}", element)
            self.claim(f"{c_name}_set_{made.c_name}", element)
        if key is not None:
            self.claim(f"{c_name}_find_{made.c_name}", element)
        if made.sensitive:
            self.found_sensitive.append(ir.Sensitive(pbc.prefix(full_name), member[0]))
        return made

    def is_sensitive(self, element):
        """Named with or without the package."""
        marked = {element, _join(self.file_of.package, element)} & set(self.source.sensitive)
        self.unmatched -= marked
        return bool(marked)

    @staticmethod
    def c_type(kind, known):
        if kind == "message":
            return f"struct {known if isinstance(known, str) else known.c_name} *"
        return f"enum {known.c_name}" if kind == "enum" else _C_TYPES[kind]

    # ---- services ----

    def service(self, d, path):
        c_name = names.prefixed(self.source.prefix, d.name)
        for derived in (f"{c_name}_handlers", f"{c_name}_service", f"{c_name}_methods"):
            self.claim(derived, d.name)
        slots = names.Scope(self.fail)
        methods = tuple(self.method(method, d, c_name, slots, (*path, _SERVICE_METHOD, i))
                        for i, method in enumerate(d.method))
        return ir.RpcService(name=d.name, full_name=_join(self.file_of.package, d.name),
                             c_name=c_name, methods=methods, doc=self.doc(path))

    def method(self, d, service, service_name, slots, path):
        element = f"{service.name}.{d.name}"
        slot = slots.claim(names.identifier(d.name), element)
        reads, writes = d.client_streaming, d.server_streaming
        client = f"{service_name}_{slot}"
        made = names.prefixed(self.source.prefix, d.name)
        handler = f"{self.source.prefix}_handle_{slot}"
        if handler in self.shared.taken:
            # Another service has a method of this name.
            made, handler = client, f"{self.source.prefix}_handle_{names.snake(service.name)}_{slot}"
        for ending in ("call", "fn", "fail", "dispatch",
                       *(("finish", "send", "sent", "sent_fn") if writes else ("reply",)),
                       *(("read", "message", "message_fn") if reads else ())):
            self.claim(f"{made}_{ending}", element)
        self.claim(handler, element)
        for derived in (client, *((f"{client}_read",) if reads or writes else ()),
                        *((f"{client}_send",) if reads else ())):
            if derived not in (f"{made}_send", f"{made}_read"):
                self.claim(derived, element)
        return ir.Method(
            name=d.name, c_name=made, slot=slot, handler=handler,
            path=f"/{_join(self.file_of.package, service.name)}/{d.name}",
            input=self.shared.types[d.input_type], output=self.shared.types[d.output_type],
            client_streaming=reads, server_streaming=writes, doc=self.doc(path))
