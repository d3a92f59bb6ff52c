#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Bad IDL stops the generator with one line, `file: element: reason`, and nothing is written."""
import contextlib
import copy
import io
import json
import pathlib
import sys
import tempfile

from generator import ROOT, generate, generated, make_tree, run

sys.path.insert(0, str(ROOT / "codegen"))
import ir  # noqa: E402
import load_aws  # noqa: E402
import load_errors  # noqa: E402
import render  # noqa: E402
from generate import main as generator_main  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
ZOO = json.loads((HERE / "aws" / "idl" / "zoo.json").read_text(encoding="utf-8"))
DELETED = object()


def changed(path, value):
    """The good model, but for the member at that path ("shapes.Animal.type")."""
    model = copy.deepcopy(ZOO)
    *parents, last = path.split(".")
    node = model
    for name in parents:
        node = node[name]
    if value is DELETED:
        del node[last]
    else:
        node[last] = value
    return json.dumps(model)


# Text of idl/zoo.json -> the error line.
AWS = [
    ("{", "JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
    ("", "JSON: Expecting value: line 1 column 1 (char 0)"),
    (json.dumps(ZOO)[:-40], "JSON: "),
    ("[]", "model: has no object named 'shapes'"),
    (changed("metadata", DELETED), "model: has no object named 'metadata'"),
    (changed("operations", []), "model: has no object named 'operations'"),
    (changed("metadata.protocols", ["query", "ec2"]),
     "metadata.protocols: offers query, ec2; known here: json, smithy-rpc-v2-cbor"),
    (changed("metadata.protocols", "json"), "metadata.protocols: is no list"),
    (changed("metadata.jsonVersion", DELETED), "metadata.jsonVersion: is missing"),
    (changed("metadata.targetPrefix", ""), "metadata.targetPrefix: is missing"),
    (changed("metadata.serviceId", 7), "metadata.serviceId: is missing"),
    (changed("operations.AddAnimal.input", {"shape": "Nothing"}),
     "AddAnimal.input: refers to shape Nothing, which is not defined"),
    (changed("operations.AddAnimal.input", "AddAnimalInput"),
     "AddAnimal.input: is no reference to a shape"),
    (changed("operations.AddAnimal.input", {"shape": "Text"}),
     "AddAnimal.input: Text is a string, not a structure"),
    (changed("operations.AddAnimal.input", []), "AddAnimal.input: is no reference to a shape"),
    (changed("operations.AddAnimal.errors", [{"shape": "Animal"}]),
     "AddAnimal.errors[0]: Animal is no exception"),
    (changed("operations.AddAnimal.errors", [{"shape": "Gone"}]),
     "AddAnimal.errors[0]: refers to shape Gone, which is not defined"),
    (changed("shapes.Text", DELETED),
     "NoteMap.value: refers to shape Text, which is not defined"),
    (changed("shapes.AnimalName", DELETED),
     "AddAnimalInput.Name: refers to shape AnimalName, which is not defined"),
    (changed("shapes.AnimalName", "string"), "AnimalName: is no object"),
    (changed("shapes.AnimalName.type", "rope"), "AnimalName: type 'rope' is not supported"),
    (changed("shapes.AnimalName.type", DELETED), "AnimalName: type is None, not a string"),
    (changed("shapes.AnimalName.max", "48"), "AnimalName: max is '48', not a whole number"),
    (changed("shapes.AnimalName.min", 1.5), "AnimalName: min is 1.5, not a whole number"),
    (changed("shapes.AnimalName.min", True), "AnimalName: min is True, not a whole number"),
    (changed("shapes.AnimalName.min", 49), "AnimalName: min 49 is above max 48"),
    (changed("shapes.AnimalName.pattern", 5), "AnimalName: pattern is no string"),
    (changed("shapes.AnimalName.eventstream", True),
     "AnimalName: trait 'eventstream' is not supported"),
    (changed("shapes.AddAnimalInput.required", ["Name", "Nickname"]),
     "AddAnimalInput.Nickname: is required but not a member"),
    (changed("shapes.AddAnimalInput.members", DELETED),
     "AddAnimalInput: has no object named 'members'"),
    (changed("shapes.AddAnimalInput.members.Name", {}),
     "AddAnimalInput.Name: refers to a shape by something that is no name"),
    (changed("shapes.AddAnimalInput.members.Name", {"shape": "AnimalName", "location": "header"}),
     "AddAnimalInput.Name: trait 'location' is not supported"),
    (changed("shapes.AddAnimalInput.members.name", {"shape": "Text"}),
     "AddAnimalInput.name: becomes name, as AddAnimalInput.Name does; rename one of them"),
    (changed("shapes.AddAnimalInput.members.HasLegs", {"shape": "Text"}),
     "AddAnimalInput.HasLegs: becomes has_legs, as AddAnimalInput.Legs does; rename one of them"),
    (changed("shapes.AddAnimalInput.members.??", {"shape": "Text"}),
     "names: '??' holds no letter or digit to name something by"),
    (changed("shapes.AnimalKind.enum", ["MAMMAL", "Mammal"]),
     "AnimalKind.Mammal: becomes ZOO_ANIMAL_KIND_MAMMAL, as AnimalKind.MAMMAL does; "
     "rename one of them"),
    (changed("shapes.AnimalKind.enum", "MAMMAL"), "AnimalKind: enum is no list of strings"),
    (changed("shapes.AnimalList.member", DELETED),
     "AnimalList.member: is no reference to a shape"),
    (changed("shapes.NoteMap.key", {"shape": "LegCount"}),
     "NoteMap.key: is a integer; only strings can be keys"),
    (changed("shapes.NoteMap.value", {"shape": "Gone"}),
     "NoteMap.value: refers to shape Gone, which is not defined"),
]

PROTO = 'syntax = "proto3";\npackage test.bad;\n'
ORDER = "message Order { string id = 1; }\n"

# Text of idl/bad.proto -> the error line.
PROTOS = [
    ("message {", "1:9: Expected message name."),
    (PROTO + "message Order { string id = 1 }", '3:31: Expected ";".'),
    (PROTO + "message Order { string id = 1; string no = 1; }",
     '3:44: Field number 1 has already been used in "test.bad.Order" by field "id".'),
    (PROTO + "message Order { string id = 1; string id = 2; }",
     '3:39: "id" is already defined in "test.bad.Order".'),
    (PROTO + "message Order { Strange id = 1; }", '3:17: "Strange" is not defined.'),
    (PROTO + "service S { rpc Go(Order) returns (Order); }", '3:20: "Order" is not defined.'),
    ('syntax = "proto2";\npackage test.bad;\nmessage Order { optional string id = 1; }',
     "syntax: only proto3 is supported"),
    ("message Order { optional string id = 1; }", "syntax: only proto3 is supported"),
    (PROTO + ORDER + "service S { rpc Go(stream Order) returns (Order); "
     "rpc GoRead(Order) returns (Order); }",
     "S.GoRead: becomes bad_s_go_read, as S.Go does; rename one of them"),
    (PROTO + "message Order { string a = 1; string A = 2; }",
     '3:38: The JSON camel-case name of field "A" conflicts with field "a". This is not allowed in '
     "proto3."),
    (PROTO + ORDER + "message order { string id = 1; }",
     "order: becomes bad_order, as Order does; rename one of them"),
    (PROTO + ORDER + "service S { rpc Go(Order) returns (Order); rpc go(Order) returns (Order); }",
     "S.go: becomes go, as S.Go does; rename one of them"),
    (PROTO + 'import "other.proto";\n' + ORDER,
     '3:1: Import "other.proto" was not found or had errors. (a file that is imported needs its own '
     "entry in idl/targets.json)"),
]

# Text of idl/errors.json -> the error line.
ERRORS = [
    ('{"errors": {"TEAPOT": {"none": ["X"]}}}', "TEAPOT: is no gRPC status code"),
    ('{"errors": {"ABORTED": {"often": ["X"]}}}', "ABORTED.often: is no kind of retry"),
    ('{"errors": {"ABORTED": {"none": ["X", "X"]}}}', "X: is listed twice"),
    ('{"errors": {"ABORTED": {"none": ["X"]}, "UNKNOWN": {"none": ["X"]}}}',
     "X: is listed twice"),
    ("{}", "errors: 'errors'"),
    ("{", "errors: Expecting property name"),
]

# Text of idl/targets.json -> the whole error line after the program's name.
TARGETS = [
    ("{}", "idl/targets.json: targets: 'targets'"),
    ("{", "idl/targets.json: targets: Expecting property name"),
    ('{"targets": [{"kind": "soap", "idl": "idl/x"}]}', "idl/targets.json: idl/x: unknown kind 'soap'"),
    ('{"targets": [{"kind": "grpc", "idl": "idl/x.proto", "prefix": "x"}]}',
     "idl/targets.json: idl/x.proto: stem is missing"),
    ('{"targets": [{"kind": "grpc", "idl": "idl/x.proto", "prefix": "x", "stem": "x"}]}',
     "idl/x.proto: file: there is no such file"),
    ('{"targets": [{"kind": "aws", "idl": "idl/x.json", "prefix": "x", "stem": "x"}]}',
     "idl/x.json: file: No such file or directory"),
    ('{"targets": [{"kind": "grpc", "idl": "idl/good.proto", "prefix": "x", "stem": "x", '
     '"sensitive": ["Order.card"]}]}',
     "idl/targets.json: Order.card: is marked sensitive but idl/good.proto has no such field"),
]


def generate_here(tree, *options):
    """generate.py in this process: (status, what it printed to stdout and stderr)."""
    out, err, argv = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["generate.py", "--root", str(tree), *options]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = generator_main()
    finally:
        sys.argv = argv
    return status, out.getvalue(), err.getvalue()


def refused(case):
    """None if the generator refuses the files with the line, else what was wrong."""
    files, line = case
    with tempfile.TemporaryDirectory() as tmp:
        idl = pathlib.Path(tmp, "given")
        idl.mkdir()
        for name, text in files.items():
            (idl / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        tree = make_tree(pathlib.Path(tmp, "tree"), idl)
        (tree / "generated").mkdir()
        (tree / "generated" / "before.c").write_text("before")
        for options in ((), ("--check",)):
            status, printed, complaint = generate_here(tree, *options)
            lines = complaint.splitlines()
            if (status != 1 or printed or len(lines) != 1
                    or not lines[0].startswith(f"generate.py: {line}")):
                return f"wanted {line!r}\n   got {status} {printed}{complaint}"
        if generated(tree) != {"before.c": "before"}:
            return f"{line!r}: but something was written: {sorted(generated(tree))}"
    return None


def all_refused(cases):
    wrong = [w for w in map(refused, cases) if w is not None]
    assert not wrong, "\n" + "\n".join(wrong)
    assert cases
    # The program itself does as its main function does.
    files, line = cases[0]
    with tempfile.TemporaryDirectory() as tmp:
        idl = pathlib.Path(tmp, "given")
        idl.mkdir()
        for name, text in files.items():
            (idl / name).write_text(text, encoding="utf-8")
        done = generate(make_tree(pathlib.Path(tmp, "tree"), idl))
    assert (done.returncode, done.stdout) == (1, ""), done
    assert done.stderr.startswith(f"generate.py: {line}"), done


def one_target(kind, name, **more):
    return json.dumps({"targets": [{"kind": kind, "idl": f"idl/{name}", "prefix": "bad" if
                                    kind == "grpc" else "zoo", "stem": "bad", **more}]})


def bad_models_are_refused():
    """AWS models: shapes, members, constraints, enums, names and protocols that are wrong"""
    all_refused([({"targets.json": one_target("aws", "zoo.json"), "zoo.json": text},
                  f"idl/zoo.json: {line}") for text, line in AWS])


def bad_protos_are_refused():
    """Proto files: syntax errors, clashes, and what the C could not serve"""
    other = 'syntax = "proto3";\npackage test.other;\n'
    all_refused([({"targets.json": one_target("grpc", "bad.proto"), "bad.proto": text,
                   "other.proto": other}, f"idl/bad.proto: {line}") for text, line in PROTOS])


def bad_error_tables_are_refused():
    """Error tables: unknown codes and kinds, names listed twice"""
    all_refused([({"targets.json": one_target("errors", "errors.json"), "errors.json": text},
                  f"idl/errors.json: {line}") for text, line in ERRORS])


def bad_targets_are_refused():
    """targets.json: unknown kinds, missing members and files"""
    all_refused([({"targets.json": text, "good.proto": PROTO + ORDER}, line)
                 for text, line in TARGETS])


def places(node, at=()):
    """Every place in a tree of JSON, as a path of keys."""
    yield at
    entries = (node.items() if isinstance(node, dict)
               else enumerate(node) if isinstance(node, list) else ())
    for key, below in entries:
        yield from places(below, (*at, key))


def replaced(node, at, value):
    if not at:
        return value
    made = copy.copy(node)
    made[at[0]] = replaced(node[at[0]], at[1:], value)
    return made


def any_wrong_type_is_an_error_line():
    """Any value of any type in any place is either understood or refused in one line"""
    wrong = {}
    for kind, loader, name in (("aws", load_aws, "zoo.json"), ("errors", load_errors, "errors.json")):
        good = json.loads((HERE / "aws" / "idl" / name).read_text(encoding="utf-8"))
        with tempfile.TemporaryDirectory() as tmp:
            file = pathlib.Path(tmp, "any.json")
            for at in places(good):
                for value in (None, True, 5, -1.5, "", "x", "a\nb */", [], ["x"], {}, {"x": "y"}):
                    file.write_text(json.dumps(replaced(good, at, value)), encoding="utf-8")
                    try:
                        render.files(tmp, loader.load(tmp, {
                            "kind": kind, "idl": "any.json", "prefix": "zoo", "stem": "zoo"}))
                    except ir.IdlError as error:
                        if "\n" in str(error):
                            wrong.setdefault("a line break in the error line", (name, at, value))
                    except Exception as error:
                        wrong.setdefault(f"{type(error).__name__}: {error}", (name, at, value))
    assert not wrong, "\n" + "\n".join(f"{how}  at  {where}" for how, where in wrong.items())


if __name__ == "__main__":
    run([bad_models_are_refused, bad_protos_are_refused, bad_error_tables_are_refused,
         bad_targets_are_refused, any_wrong_type_is_an_error_line])
