# SPDX-License-Identifier: Apache-2.0
"""Proto files -> representation.

protoc does the parsing; this reads its descriptors. What the templates and the engine behind them
cannot serve is refused here by name, so that nothing is silently left out of the C.
"""
import hashlib
import os
from dataclasses import dataclass
from typing import Tuple

from google.protobuf import descriptor_pb2

import ir
import lower_proto
import names
import pbc
import protoc


@dataclass(frozen=True)
class Source:
    """A proto file that is to become C."""

    name: str            # by which other files import it
    label: str           # what banners and error lines call it
    prefix: str          # of every C name
    c_name: str          # of what there is one of in each file: c_name_file, c_name_redaction
    stem: str            # of every file name
    pbc_base: str        # of protoc-c's file names
    sensitive: Tuple[str, ...] = ()
    descriptor_only: bool = False
    services: bool = True  # False: only the messages


@dataclass(frozen=True)
class Loaded:
    """What came of a set of files."""

    files: Tuple[ir.ProtoFile, ...]
    fed: tuple           # descriptors for protoc-c
    include: str
    read: tuple          # paths of all files that were read
    unmatched: dict      # {label of a source: what it marks sensitive though it has no such field}

    def protoc_c(self):
        """protoc-c's C for the messages, as {file name: text}."""
        if not self.fed:
            return {}
        return pbc.generate(self.fed, self.include, self.files[0].source)


def load(files, names, include, label, source_of):
    """These files, and what they import, as Loaded.

    files: a protoc.Files. names: of files, as they import each other. include: the folder in
    #include lines. label(name): a file as error lines call it. source_of(name, package): the Source
    of a file, also of one that is imported.
    """
    if not names:
        return Loaded((), (), include, (), {})
    made = protoc.descriptors(files, names, label)
    descriptors = {file.name: file for file in made}
    sources = {file.name: source_of(file.name, file.package) for file in made}
    uses = _uses(descriptors)
    wanted = _wanted([sources[name] for name in names], uses)
    for name in descriptors:
        if name in wanted and descriptors[name].syntax != "proto3":
            raise ir.IdlError(label(name), "syntax", "only proto3 is supported")
    lowering = _Set(files, sources, descriptors, uses, wanted, include)
    lowered = lowering.files()
    fed = [pbc.feed(file, f"{sources[file.name].pbc_base}.proto",
                    [f"{sources[n].pbc_base}.proto" for n in sorted(uses[file.name])])
           for file in made if file.name in wanted]
    read = (files.find(file.name) for file in made)
    return Loaded(tuple(lowered), tuple(fed), include,
                  tuple(os.path.abspath(path) for path in read if path is not None),
                  lowering.unmatched)


def _messages(scope):
    """Every message of a file, nested ones too."""
    for d in getattr(scope, "message_type", None) or getattr(scope, "nested_type", ()):
        yield d
        yield from _messages(d)


def _uses(descriptors):
    """{file: the other files whose messages and enums its messages and methods have}."""
    where = {}
    for file in descriptors.values():
        for name in lower_proto.type_names(file):
            where[f".{name}"] = file.name
    uses = {}
    for file in descriptors.values():
        types = [f.type_name for d in _messages(file) for f in d.field if f.type_name]
        for service in file.service:
            for method in service.method:
                types += [method.input_type, method.output_type]
        uses[file.name] = {where[t] for t in types} - {file.name}
    return uses


def _wanted(sources, uses):
    """The files that become C: the sources, and what they use, directly or not."""
    waiting = [source.name for source in sources if not source.descriptor_only]
    wanted = set(waiting)
    while waiting:
        new = uses[waiting.pop()] - wanted
        wanted |= new
        waiting += sorted(new)
    return wanted


class _Set:
    """Files that are lowered together: they see each other's messages and share C's names."""

    def __init__(self, files, by_name, descriptors, uses, wanted, include):
        self.found = files
        self.by_name = by_name
        self.descriptors = descriptors  # {name: FileDescriptorProto}, imported ones first
        self.uses = uses
        self.wanted = wanted
        self.include = include
        self.taken = {}      # C names
        self.types = {}      # ".package.Name" -> ir.Message or ir.ProtoEnum
        self.embedded = {}
        self.lowered = {}
        self.unmatched = {}

    def files(self):
        for name in self.descriptors:
            self.embedded[name] = self._embedded(name)
        # A file of types that two others use comes before both.
        for name in self.descriptors:
            self.lowered[name] = self._file(name)
        return [self.lowered[name] for name in self.descriptors]

    def _embedded(self, name):
        """The file under the name by which others import it, without its comments."""
        source, file = self.by_name[name], self.descriptors[name]
        bare = descriptor_pb2.FileDescriptorProto()
        bare.CopyFrom(file)
        bare.ClearField("source_code_info")
        return ir.Descriptor(
            name=name, c_name=f"{source.c_name}_file", header=f"{self.include}{source.stem}_descriptor.h",
            data=bare.SerializeToString(deterministic=True), symbols=lower_proto.symbols(file),
            imports=tuple(self.embedded[n] for n in file.dependency))

    def _sha256(self, name):
        path = self.found.find(name)
        if path is None or protoc.is_well_known(name):
            return hashlib.sha256(self.embedded[name].data).hexdigest()
        with open(path, "rb") as f:
            return hashlib.sha256(f.read()).hexdigest()

    def _file(self, name):
        source, file = self.by_name[name], self.descriptors[name]
        only = name not in self.wanted
        lower = lower_proto.Lower(source, file, self)
        lower.claim(f"{source.c_name}_file", "the file")
        if not only:
            lower.file()
            self.unmatched[source.label] = lower.unmatched
        used = sorted(self.uses[name]) if not only else []
        sensitive = {s: None for n in used for s in self.lowered[n].sensitive}
        sensitive.update(dict.fromkeys(lower.found_sensitive))
        return ir.ProtoFile(
            source=source.label, sha256=self._sha256(name), package=file.package,
            prefix=source.prefix, c_name=source.c_name, stem=source.stem, include=self.include,
            pbc_header=f"{self.include}{source.pbc_base}.pb-c.h",
            headers=tuple(f"{self.include}{self.by_name[n].stem}.h" for n in used),
            messages=tuple(lower.messages), enums=tuple(lower.enums),
            services=tuple(lower.services), sensitive=tuple(sensitive),
            descriptor=self.embedded[name], descriptor_only=only)


# ---- this repository's targets ------------------------------------------------------------------


def load_targets(root, targets):
    """The grpc entries of idl/targets.json as Loaded."""
    named, sources = {}, {}
    for target in targets:
        source = _source_of_target(target)
        if source.name in named:
            raise ir.IdlError("idl/targets.json", source.label,
                              f"another target is named {source.name}, too")
        named[source.name] = os.path.join(root, source.label)
        sources[source.name] = source

    def label(name):
        return sources[name].label if name in sources else name

    def source_of(name, package):
        return sources[name] if name in sources else well_known(name, package)

    files = protoc.Files(named, [], "a file that is imported needs its own entry in idl/targets.json")
    loaded = load(files, list(sources), "generated/", label, source_of)
    for marked, unmatched in loaded.unmatched.items():
        if unmatched:
            raise ir.IdlError("idl/targets.json", min(unmatched),
                              f"is marked sensitive but {marked} has no such field")
    return loaded


def _source_of_target(target):
    idl = target.get("idl")

    def fail(reason):
        raise ir.IdlError("idl/targets.json", str(idl), reason)

    name = target.get("name", os.path.basename(idl))
    if not isinstance(name, str) or not name or name.startswith("/") or ".." in name.split("/"):
        fail("name is no file name")
    return Source(
        name=name, label=idl, prefix=target["prefix"], c_name=target["prefix"],
        stem=target["stem"], pbc_base=os.path.splitext(os.path.basename(idl))[0],
        sensitive=tuple(target.get("sensitive", [])),
        descriptor_only=target.get("descriptor_only") is True)


def well_known(name, package):
    """One of Google's own files."""
    stem = names.snake(os.path.splitext(name)[0])
    return Source(name=name, label=name, prefix=names.snake(package), c_name=stem, stem=stem,
                  pbc_base=stem, services=False)
