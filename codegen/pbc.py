# SPDX-License-Identifier: Apache-2.0
"""protoc-c: the names it makes, and descriptors in a form that it handles.

protoc-c 1.4 does not know everything that proto3 has. What it gets from us differs from the file:

- `optional`: a number or string with presence becomes the only member of a oneof has_NAME, so
  that the struct has has_NAME_case; a message has presence as it is, as a pointer;
- members that C or a macro of its headers could not name get underscores (`restrict`, `errno`,
  `base`, `n_items` beside a repeated `items`);
- options are left out but for those that shape the wire. So a custom option, or one of
  protobuf-c's own, changes no name, and a deprecated field is no compiler warning;
- services are left out: the stubs are ours.

And in what it gives, a oneof that begins with bytes has no initialiser that compilers like.
"""
import re

from google.protobuf import descriptor_pb2

import names
import protoc

_FIELD = descriptor_pb2.FieldDescriptorProto

# Words that protoc-c does not use as a struct member; it appends an underscore.
_KEYWORDS = frozenset(
    """and and_eq asm auto bitand bitor bool break case catch char class compl const const_cast
    continue default delete do double dynamic_cast else enum explicit extern false float for friend
    goto if inline int long mutable namespace new not not_eq operator or or_eq private protected
    public register reinterpret_cast return short signed sizeof static static_cast struct switch
    template this throw true try typedef typeid typename union unsigned using virtual void volatile
    wchar_t while xor xor_eq""".split()
)
# Words that it does use, though C or a header turns them into something else.
_BROKEN = (names.KEYWORDS | names.MACROS) - _KEYWORDS


def type_name(full_name):
    """accelbyte.session.Foo -> Accelbyte__Session__Foo"""
    pieces = []
    for piece in full_name.split("."):
        pieces.append("".join(word[:1].upper() + word[1:] for word in piece.split("_")))
    return "__".join(pieces)


def prefix(full_name):
    """accelbyte.session.FooBar -> accelbyte__session__foo_bar"""
    return "__".join(_lower(piece) for piece in full_name.split("."))


def case_member(oneof):
    return f"{_lower(oneof)}_case"


def case_constant(message, oneof, field=None):
    """Of the enum that tells which member of a oneof is set; without a field, that none is."""
    start = f"{prefix(message)}__{_lower(oneof)}"
    return f"{start}__not_set".upper() if field is None else f"{start}_{_lower(field)}".upper()


def _lower(name):
    out, was_upper = "", True
    for ch in name:
        out += ("_" if ch.isupper() and not was_upper else "") + ch.lower()
        was_upper = ch.isupper()
    return out


def _member(name):
    return name.lower() + ("_" if name.lower() in _KEYWORDS else "")


def has_case(f):
    """The oneof that stands for the presence of a proto3 `optional` field, or ""."""
    return f"has_{f.name}" if f.proto3_optional and f.type != _FIELD.TYPE_MESSAGE else ""


def real_oneofs(d):
    """The oneofs that the file has; proto3 `optional` makes others, which come last."""
    made = {f.oneof_index for f in d.field if f.proto3_optional}
    return [oneof for i, oneof in enumerate(d.oneof_decl) if i not in made]


def members(d):
    """For each field of a message (name for protoc-c, name of the struct member)."""
    taken = {"base", *(case_member(oneof.name) for oneof in real_oneofs(d)),
             *(case_member(has_case(f)) for f in d.field if has_case(f)),
             *(f"n_{_member(f.name)}" for f in d.field if f.label == _FIELD.LABEL_REPEATED)}
    found = []
    for f in d.field:
        name = f.name
        while _member(name) in taken or _member(name) in _BROKEN:
            name += "_"
        taken.add(_member(name))
        if f.label == _FIELD.LABEL_REPEATED:
            taken.add(f"n_{_member(name)}")
        found.append((name, _member(name)))
    return found


def feed(file, name, dependencies):
    """The file as protoc-c gets it, under this name."""
    fed = descriptor_pb2.FileDescriptorProto()
    fed.CopyFrom(file)
    fed.DiscardUnknownFields()
    fed.name = name
    for field in ("dependency", "public_dependency", "weak_dependency", "service", "extension",
                  "options"):
        fed.ClearField(field)
    fed.dependency.extend(dependencies)
    for d in fed.message_type:
        _feed_message(d)
    for d in fed.enum_type:
        _feed_enum(d)
    for place in fed.source_code_info.location:
        place.leading_comments = _comment(place.leading_comments)
        place.trailing_comments = _comment(place.trailing_comments)
        place.ClearField("leading_detached_comments")
    return fed


def _comment(text):
    return text.replace("*/", "* /").replace("/*", "/ *")


def _feed_message(d):
    named = members(d)
    kept = real_oneofs(d)
    oneofs = [oneof.name for oneof in kept]
    for f, (name, _) in zip(d.field, named):
        presence = has_case(f)
        if f.proto3_optional:
            f.ClearField("oneof_index")
            f.ClearField("proto3_optional")
        if presence:
            f.oneof_index = len(oneofs)
            oneofs.append(presence)
        f.name = name
        f.ClearField("json_name")
        packed = f.options.packed if f.options.HasField("packed") else None
        f.ClearField("options")
        if packed is not None:
            f.options.packed = packed
    d.ClearField("oneof_decl")
    for oneof in oneofs:
        d.oneof_decl.add(name=oneof)
    is_map = d.options.map_entry
    for field in ("options", "extension", "reserved_range", "reserved_name"):
        d.ClearField(field)
    if is_map:
        d.options.map_entry = True
    for nested in d.nested_type:
        _feed_message(nested)
    for nested in d.enum_type:
        _feed_enum(nested)


def _feed_enum(d):
    alias = d.options.allow_alias
    for field in ("options", "reserved_range", "reserved_name"):
        d.ClearField(field)
    if alias:
        d.options.allow_alias = True
    for value in d.value:
        value.ClearField("options")


def generate(fed, include, label):
    """protoc-c's C, as {file name: text}, with includes as the rest of us spells them."""
    made = {}
    for name, text in protoc.protoc_c(fed, label).items():
        text = re.sub(r'^#include "([^"]+\.pb-c\.h)"', rf'#include "{include}\1"', text,
                      flags=re.MULTILINE)
        text = text.replace("__NOT_SET, {0}", "__NOT_SET, {}")
        made[name] = "// SPDX-License-Identifier: Apache-2.0\n" + text
    return made
