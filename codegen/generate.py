#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Turn the files of idl/ into the C of generated/, or any contract into C elsewhere.

load -> lower -> render -> format: loaders know their file format, the representation (ir.py) knows
neither format nor C, templates know only the representation. Nothing is written before everything
has been rendered, so bad input leaves the tree as it was.

Each command_NAME.py beside this file is a sub-command: it has HELP, add_options(parser) and
run(args), which gives the exit status; bad input is an ir.IdlError.
"""
import argparse
import glob
import importlib
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import diff  # noqa: E402
import ir  # noqa: E402
import repository  # noqa: E402


def commands():
    """{name: module} of the sub-commands."""
    paths = sorted(glob.glob(os.path.join(glob.escape(HERE), "command_*.py")))
    modules = [os.path.splitext(os.path.basename(path))[0] for path in paths]
    return {name[len("command_"):]: importlib.import_module(name) for name in modules}


def run_repository(args):
    root = os.path.abspath(args.root)
    if args.skeleton:
        return repository.skeleton(root, args.skeleton)
    if args.diff is not None or args.against is not None:
        return run_diff(root, args)
    if args.check:
        return repository.check(root)
    repository.regenerate(root)
    diff.tell_since_commit(root)
    return 0


def run_diff(root, args):
    if args.diff and args.against is not None:
        raise ir.IdlError("--diff", "--against", "compares idl/ with a revision, without files")
    if args.against is None and len(args.diff or ()) not in (0, 2):
        raise ir.IdlError("--diff", args.diff[0], "takes two files, or none")
    if args.diff:
        return diff.show(diff.of_files(*args.diff))
    found = diff.of_revision(root, args.against or "HEAD")
    status = diff.show(found)
    diff.tell_uses(root, found)
    return status


def parser_of_all():
    parser = argparse.ArgumentParser(
        description="Generate C from idl/ into generated/, or with a sub-command from anywhere.",
        epilog="Without options: rewrite generated/. Errors print as `file: element: reason`.")
    parser.set_defaults(run=run_repository)
    parser.add_argument("--root", default=os.path.dirname(HERE),
                        help="the tree that holds idl/ and generated/ (default: this repository)")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true",
                      help="write nothing; exit 1 and show the difference if generated/ has drifted")
    mode.add_argument("--skeleton", metavar="RPC",
                      help="print a handler for this RPC to start from")
    mode.add_argument("--diff", nargs="*", metavar="FILE",
                      help="say in words what changes from an OLD proto file, folder of them or "
                           "model to a NEW one, or without files in idl/ since --against; exit 0: "
                           "compatible, 3: breaks source that was written for the old one, 4: "
                           "breaks the wire")
    parser.add_argument("--against", metavar="REVISION",
                        help="for --diff: of git (default: HEAD)")
    found = commands()
    if found:
        below = parser.add_subparsers(title="sub-commands", metavar="COMMAND")
        for name, module in found.items():
            command = below.add_parser(name, help=module.HELP, description=module.HELP)
            command.set_defaults(run=module.run)
            module.add_options(command)
    return parser


def main():
    args = parser_of_all().parse_args()
    try:
        return args.run(args)
    except ir.IdlError as e:
        print(f"generate.py: {e}", file=sys.stderr)
        return 1
    except OSError as e:
        print(f"generate.py: {e.filename}: {type(e).__name__}: {e.strerror}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
