# SPDX-License-Identifier: Apache-2.0
"""generate.py aws: an AWS API model into a folder of C, outside this repository's layout."""
import dataclasses
import os
import re

import given
import ir
import load_aws
import names
import output
import render

HELP = "C for an AWS API model (service-2.json) of a JSON or CBOR service: shapes and operations."

_PREFIX = re.compile(r"[a-z][a-z0-9_]*\Z")


def add_options(parser):
    parser.add_argument("--model", metavar="FILE", required=True,
                        help="the model, whole or trimmed, as botocore has it")
    parser.add_argument("--operations", metavar="A,B", type=lambda text: text.split(","),
                        help="only these, and the shapes that they use (default: all)")
    parser.add_argument("--out", metavar="DIR", required=True,
                        help="folder for the C; its other files are let alone")
    parser.add_argument("--prefix", metavar="P", required=True, help="prefix of the C names")
    parser.add_argument("--protocol", choices=("json", "cbor"),
                        help="only this one (default: whatever the model offers)")
    parser.add_argument("--sensitive", metavar="SHAPE.MEMBER", action="append", default=[],
                        help="a member that no log may show, beyond those that the model marks; "
                             "repeatable")
    parser.add_argument("--stem", metavar="S",
                        help="beginning of the files' names (default: the model's, without service-2)")


def run(args):
    if not _PREFIX.match(args.prefix):
        raise ir.IdlError("--prefix", args.prefix,
                          "is no prefix: lower-case letters, digits and _ only")
    if args.operations is not None and "" in args.operations:
        raise ir.IdlError("--operations", ",".join(args.operations), "has an empty name in it")
    if not args.out:
        raise ir.IdlError("--out", "folder", "has an empty name")
    files = output.formatted(generate(args.model, args.prefix, args.stem, args.operations,
                                      args.protocol, args.sensitive))
    output.write(args.out, files, args.out.rstrip("/"))
    return 0


def generate(path, prefix, stem=None, operations=None, protocol=None, sensitive=()):
    """The files, as {name: text}, not yet formatted. They do not tell where the model lies."""
    name = os.path.basename(path)
    if stem is None:
        stem = names.snake(os.path.splitext(name)[0].replace("service-2", "")) or prefix
    elif not names.is_legal(stem):
        raise ir.IdlError("--stem", stem,
                          "is no beginning of a file's name: letters, digits and _ only")
    target = {"prefix": prefix, "stem": stem, "operations": operations, "protocol": protocol,
              "sensitive": sensitive, "folder": ""}
    data, model = given.parsed(path, path)
    api = load_aws.lower(path, data, model, target)
    return render.files("", dataclasses.replace(api, source=name))
