# SPDX-License-Identifier: Apache-2.0
"""What differs between two versions of a proto file. https://protobuf.dev/programming-guides/proto3/#updating"""
from changes import SOURCE, WIRE, pairs

# Types of which a reader of one understands the other, though large values may be cut.
_SAME_ON_THE_WIRE = (
    {"int32", "int64", "uint32", "uint64", "bool", "enum"}, {"sint32", "sint64"},
    {"fixed32", "sfixed32"}, {"fixed64", "sfixed64"}, {"string", "bytes"},
)


def compare(old, new, changes):
    """Adds what differs between two ir.ProtoFile to the changes."""
    if old.package != new.package:
        changes.wire("package", f"changed from {old.package or 'none'} to {new.package or 'none'}: "
                     "the paths of all methods change")
    _Compare(old, new, changes).all()


class _Compare:
    def __init__(self, old, new, changes):
        self.old, self.new, self.changes = old, new, changes

    def all(self):
        self.services()
        removed, added, both = pairs(self.old.messages, self.new.messages)
        for message in removed:
            if not message.map_entry:
                self.changes.source(message.name, "message removed", words=(message.c_name,))
        for message in added:
            if not message.map_entry:
                self.changes.fine(message.name, "message added")
        for before, after in both:
            if not before.map_entry:
                self.message(before, after)
        removed, added, both = pairs(self.old.enums, self.new.enums)
        for enum in removed:
            self.changes.source(enum.name, "enum removed",
                                words=(enum.c_name, *(v.c_name for v in enum.values)))
        for enum in added:
            self.changes.fine(enum.name, "enum added")
        for before, after in both:
            self.enum(before, after)

    def name(self, full_name, file):
        """Without the package, which may have changed as a whole."""
        return full_name[len(file.package) + 1:] if file.package and \
            full_name.startswith(file.package + ".") else full_name

    # ---- services ----

    def services(self):
        removed, added, both = pairs(self.old.services, self.new.services)
        for service in removed:
            self.changes.wire(service.name, "service removed: its methods answer UNIMPLEMENTED",
                              words=(f"{service.c_name}_service", f"{service.c_name}_handlers"))
        for service in added:
            self.changes.fine(service.name, "service added")
        for before, after in both:
            self.service(before, after)

    def service(self, old, new):
        removed, added, both = pairs(old.methods, new.methods)
        for method in removed:
            self.changes.wire(f"{old.name}.{method.name}", "RPC removed: it answers UNIMPLEMENTED",
                              words=(method.handler, f"{method.c_name}_fn", f"{method.c_name}_call"))
        for method in added:
            self.changes.fine(f"{old.name}.{method.name}",
                              f"RPC added ({_said_kind(method)}): it answers UNIMPLEMENTED until it "
                              f"has a handler, {method.handler}")
        for before, after in both:
            element = f"{old.name}.{after.name}"
            words = (before.handler, f"{before.c_name}_call")
            if before.kind != after.kind:
                self.changes.wire(element, f"was {_said_kind(before)}, is {_said_kind(after)}",
                                  words=words)
            for what, was, is_now in (("request", before.input, after.input),
                                      ("response", before.output, after.output)):
                names = self.name(was.full_name, self.old), self.name(is_now.full_name, self.new)
                if names[0] != names[1]:
                    self.changes.add(
                        SOURCE if _alike(was, is_now) else WIRE, element,
                        f"{what} changed from {names[0]} to {names[1]}", words=words)

    # ---- messages ----

    def message(self, old, new):
        moved = set()  # fields of the new message that were dealt with
        for before in old.fields:
            moved |= self.field(old, new, before)
        reserved = _numbers(old.reserved)
        known = {f.name for f in old.fields}
        for after in new.fields:
            element = f"{new.name}.{after.name}"
            if after.name in known or after.name in moved:
                continue
            if any(low <= after.number <= high for low, high in reserved):
                self.changes.wire(element, f"field added with number {after.number}, which was "
                                  "reserved: old peers may send something else there")
            else:
                self.changes.fine(element, f"field added ({after.said_type}, number {after.number})")

    def field(self, message, new, before):
        """One field of the old message; gives the names of fields of the new one that it explains."""
        element = f"{message.name}.{before.name}"
        members = (before.c_name, *((f"{before.c_name}_case",) if before.oneof else ()),
                   *((f"n_{before.c_name}",) if before.repeated else ()))
        same_name = next((f for f in new.fields if f.name == before.name), None)
        same_number = next((f for f in new.fields if f.number == before.number), None)
        if same_name is not None and same_name.number != before.number:
            self.changes.wire(element, f"number changed from {before.number} to {same_name.number}",
                              members=members)
            self.type(element, before, same_name, new, members)
            return {same_name.name}
        if same_name is not None:
            self.type(element, before, same_name, new, members)
            return {same_name.name}
        if same_number is None:
            reserved = any(low <= before.number <= high for low, high in _numbers(new.reserved))
            self.changes.source(element, f"field removed (number {before.number}"
                                + ("" if reserved else ", which should be reserved") + ")",
                                members=members)
            return set()
        if any(f.name == same_number.name for f in message.fields):
            self.changes.source(element, f"field removed (number {before.number} is "
                                f"{same_number.name} now)", members=members)
            return set()
        if self.said(before, self.old) == self.said(same_number, self.new):
            self.changes.source(element, f"field renamed to {same_number.name}", members=members)
        else:
            self.changes.wire(element, f"number {before.number} was {before.name} ({before.said_type}), "
                              f"is {same_number.name} ({same_number.said_type})", members=members)
        return {same_number.name}

    def said(self, field, file):
        return (field.repeated, field.type, self.name(field.type_name, file) if field.type_name and
                field.map_key is None else field.value_type)

    def type(self, element, old, new, message, members):
        """Two fields of one name."""
        def change(level, text):
            self.changes.add(level, element, text, members=members)

        if self.said(old, self.old)[1:] != self.said(new, self.new)[1:]:
            change(SOURCE if self.same_on_the_wire(old, new) else WIRE,
                   f"type changed from {old.said_type} to {new.said_type}")
        elif old.repeated != new.repeated:
            sized = old.type in ("string", "bytes", "message")
            change(SOURCE if new.repeated and sized else WIRE,
                   "is repeated now" if new.repeated else "is no longer repeated: all but the last "
                   "element are lost")
        if old.optional != new.optional:
            change(SOURCE, "is optional now: absent is not the same as "
                   "empty" if new.optional else "is no longer optional: absent is empty")
        if old.oneof != new.oneof:
            others = [f for f in message.fields if f.oneof == new.oneof and f.name != new.name]
            change(WIRE if new.oneof and others else SOURCE,
                   f"moved into oneof {new.oneof}" if new.oneof else f"moved out of oneof {old.oneof}")
        if old.deprecated != new.deprecated:
            self.changes.fine(element, "is deprecated now" if new.deprecated else
                              "is no longer deprecated")

    def same_on_the_wire(self, old, new):
        if old.map_key is not None or new.map_key is not None or old.repeated != new.repeated:
            return False
        if old.type == new.type == "message":
            before = next((m for m in self.old.messages if m.full_name == old.type_name), None)
            after = next((m for m in self.new.messages if m.full_name == new.type_name), None)
            return before is not None and after is not None and _alike(before, after)
        return any({old.type, new.type} <= group for group in _SAME_ON_THE_WIRE)

    # ---- enums ----

    def enum(self, old, new):
        removed, added, both = pairs(old.values, new.values)
        numbers = {value.number: value for value in new.values}
        explained = set()
        for value in removed:
            element, now = f"{old.name}.{value.name}", numbers.get(value.number)
            if now is not None and now in added:
                explained.add(now.name)
                self.changes.source(element, f"value renamed to {now.name}", words=(value.c_name,))
            else:
                self.changes.source(element, f"value removed: old peers may still send "
                                    f"{value.number}", words=(value.c_name,))
        for value in added:
            if value.name not in explained:
                self.changes.fine(f"{new.name}.{value.name}", f"value added ({value.number})")
        for before, after in both:
            if before.number != after.number:
                self.changes.wire(f"{old.name}.{before.name}", f"number changed from "
                                  f"{before.number} to {after.number}", words=(before.c_name,))


def _said_kind(method):
    return {"unary": "unary", "client_stream": "client streaming",
            "server_stream": "server streaming", "bidi_stream": "bidirectional streaming"}[method.kind]


def _alike(a, b):
    """The same fields by number and type, whatever the messages are called."""
    def form(message):
        return {(f.number, f.said_type, f.oneof != "") for f in message.fields}
    return form(a) == form(b)


def _numbers(reserved):
    """The ranges among "name", "7" and "10 to 12"."""
    found = []
    for text in reserved:
        words = text.split()
        if words[0].lstrip("-").isdigit():
            found.append((int(words[0]), int(words[-1])))
    return found
