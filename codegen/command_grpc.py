# SPDX-License-Identifier: Apache-2.0
"""generate.py grpc: any proto files into a folder of C, outside this repository's layout."""
import contextlib
import glob
import os
import re

import ir
import load_proto
import names
import output
import protoc
import render

HELP = "C for any proto3 files: messages, handlers' side, client stubs, reflection."

_VERSION = re.compile(r"v[0-9]+((alpha|beta)[0-9]*)?\Z")
_PREFIX = re.compile(r"[a-z][a-z0-9_]*\Z")


def add_options(parser):
    parser.add_argument("--proto", metavar="FILE", nargs="+", required=True,
                        help="proto files; what they import is generated as far as they use it")
    parser.add_argument("--proto-path", metavar="DIR", action="append", default=[],
                        help="folder that imports are relative to, as for protoc; repeatable "
                             "(default: the folders of the files)")
    parser.add_argument("--out", metavar="DIR", required=True,
                        help="folder for the C; its other files are let alone")
    parser.add_argument("--prefix", metavar="[PACKAGE=]P", action="append", default=[],
                        help="prefix of the C names, of all packages or of one; repeatable "
                             "(default: the last word of the package that is no version)")
    parser.add_argument("--sensitive", metavar="MESSAGE.FIELD", action="append", default=[],
                        help="a field that no log may show; repeatable")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true",
                      help="write nothing; exit 1 and show the difference if DIR has drifted")
    mode.add_argument("--list", action="store_true",
                      help="write, and print `read PATH` and `made FILE` for build systems")
    mode.add_argument("--skeleton", metavar="RPC",
                      help="print a handler for this RPC to start from")


def run(args):
    loaded = load(args.proto, args.proto_path, args.prefix, args.sensitive)
    if args.skeleton:
        return render.print_skeleton(loaded.files, args.skeleton, "--proto")
    files = output.formatted(_render(loaded))
    if args.check:
        return output.check(args.out, files, partly=True)
    if args.list:
        with contextlib.redirect_stdout(None):
            output.write(args.out, files, args.out)
        for line in (*(f"read {path}" for path in (*loaded.read, *_own_files())),
                     *(f"made {name}" for name in sorted(files))):
            print(line)
        return 0
    output.write(args.out, files, args.out.rstrip("/"))
    return 0


def _own_files():
    here = os.path.dirname(os.path.abspath(__file__))
    return sorted(glob.glob(os.path.join(glob.escape(here), "**", "*.[pj][y2]"), recursive=True))


def load(paths, folders=(), prefixes=(), sensitive=()):
    """Proto files at paths as a load_proto.Loaded."""
    folders = list(folders) or list(dict.fromkeys(os.path.dirname(p) or "." for p in paths))
    for folder in folders:
        if not os.path.isdir(folder):
            raise ir.IdlError(folder, "--proto-path", "there is no such folder")
    files = protoc.Files({}, folders, "name the folder that it is relative to with --proto-path")
    labels = {_name_below(path, folders): path for path in paths}
    prefix_of = _prefixes(prefixes)

    def source_of(name, package):
        if protoc.is_well_known(name) and name not in labels:
            return load_proto.well_known(name, package)
        stem = names.snake(os.path.splitext(name)[0])
        if not stem:
            raise ir.IdlError(label(name), "file", "its name holds no letter or digit to name "
                              "something by")
        words = [word for word in package.split(".") if word and not _VERSION.match(word)]
        prefix = (prefix_of.get(package) or prefix_of.get(None)
                  or names.snake(words[-1] if words else "") or stem)
        return load_proto.Source(
            name=name, label=name, prefix=prefix, c_name=stem if stem.startswith(prefix) else
            f"{prefix}_{stem}", stem=stem, pbc_base=stem, sensitive=tuple(sensitive),
            services=name in labels)

    def label(name):
        return labels.get(name) or files.label(name)

    loaded = load_proto.load(files, list(labels), "", label, source_of)
    for name in sorted(set.intersection(*map(set, loaded.unmatched.values()), set(sensitive))
                       if sensitive else ()):
        raise ir.IdlError(paths[0], name, "is marked sensitive but there is no such field")
    return loaded


def _name_below(path, folders):
    """A file as others import it: relative to the first folder that holds it."""
    if not os.path.isfile(path):
        raise ir.IdlError(path, "file", "there is no such file")
    for folder in folders:
        name = os.path.relpath(os.path.realpath(path), os.path.realpath(folder))
        if not name.startswith(".."):
            return name
    raise ir.IdlError(path, "--proto-path", f"is in none of {', '.join(folders)}")


def _prefixes(given):
    """{package, or None for all: prefix}"""
    found = {}
    for text in given:
        package, equals, prefix = text.rpartition("=")
        if not _PREFIX.match(prefix):
            raise ir.IdlError("--prefix", text, "is no prefix: lower-case letters, digits and _ only")
        found[package if equals else None] = prefix
    return found


def _render(loaded):
    """Every file, as {name: text}."""
    made = {}
    for proto in loaded.files:
        for name, text in render.files(None, proto).items():
            if name in made:
                raise ir.IdlError(proto.source, name, "another proto file makes this file, too")
            made[name] = text
    made.update(loaded.protoc_c())
    return made
