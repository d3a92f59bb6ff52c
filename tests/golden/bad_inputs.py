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
import load_openapi  # noqa: E402
import render  # noqa: E402
from generate import main as generator_main  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
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

def places(node, at=()):
    """Every place in a tree of JSON, as a path of keys."""
    yield at
    entries = (node.items() if isinstance(node, dict)
               else enumerate(node) if isinstance(node, list) else ())
    for key, below in entries:
        yield from places(below, (*at, key))


def replaced(node, at, value):
    """The tree with that value in that place, which may be new in its object."""
    if not at:
        return value
    made = copy.copy(node)
    made[at[0]] = replaced(node[at[0]] if at[1:] else None, at[1:], value)
    return made


THING = {"$ref": "#/definitions/m.Thing"}
API = {
    "swagger": "2.0", "info": {"title": "Things"},
    "paths": {"/things/{id}": {"put": {
        "operationId": "putThing",
        "parameters": [{"in": "path", "name": "id", "required": True, "type": "string"},
                       {"in": "body", "name": "body", "schema": THING}],
        "responses": {"200": {"schema": THING}, "404": {}}}}},
    "definitions": {"m.Thing": {
        "type": "object", "required": ["count"],
        "properties": {"kind": {"type": "string", "enum": ["big", "small"]},
                       "parts": {"type": "array", "items": THING},
                       "count": {"type": "integer", "format": "int32"}}}}}
PUT = ("paths", "/things/{id}", "put")
MEMBERS = ("definitions", "m.Thing", "properties")


def api(*at_and_value):
    """The good API, but for the member at that path."""
    *at, value = at_and_value
    return json.dumps(replaced(API, tuple(at), value))


# Options of generate.py grpc, the files beside it, and the error line.
COMMAND = [
    (["--proto", "gone.proto"], {}, "gone.proto: file: there is no such file"),
    (["--proto", "a.proto", "--proto-path", "gone"], {"a.proto": PROTO + ORDER},
     "gone: --proto-path: there is no such folder"),
    (["--proto", "a.proto", "--proto-path", "below"],
     {"a.proto": PROTO + ORDER, "below/b.proto": PROTO},
     "a.proto: --proto-path: is in none of below"),
    (["--proto", "a.proto", "--prefix", "My-Prefix"], {"a.proto": PROTO + ORDER},
     "--prefix: My-Prefix: is no prefix: lower-case letters, digits and _ only"),
    (["--proto", "a.proto", "--sensitive", "Order.card"], {"a.proto": PROTO + ORDER},
     "a.proto: Order.card: is marked sensitive but there is no such field"),
    (["--proto", "a.proto"], {"a.proto": PROTO + 'import "gone.proto";\n' + ORDER},
     'a.proto: 3:1: Import "gone.proto" was not found or had errors. (name the folder that it is '
     "relative to with --proto-path)"),
    (["--proto", "a.proto"], {"a.proto": 'syntax = "proto3";\nimport "b.proto";\n',
                              "b.proto": 'syntax = "proto3";\nimport "a.proto";\n'},
     "a.proto: 2:1: File recursively imports itself: a.proto -> b.proto -> a.proto"),
    (["--proto", "a.proto"], {"a.proto": PROTO + ORDER.encode("utf-16").decode("latin-1")},
     "a.proto: 3:1: "),
    (["--proto", "a.proto"], {"a.proto": b"syntax = \"proto3\";\n// caf\xe9\n"},
     "a.proto: 2:1: is not UTF-8"),
    (["--proto", "a.proto"], {"a.proto": PROTO + "//" + "x" * (5 << 20)},
     "a.proto: file: holds 5242"),
    (["--proto", "a.proto"], {"a.proto": PROTO + "message M { map<float, string> a = 1; }"},
     "a.proto: 3:13: Key in map fields cannot be float/double, bytes or message types."),
    (["--proto", "a.proto"], {"a.proto": PROTO + "enum E { ONE = 1; }"},
     "a.proto: 3:16: The first enum value must be zero in proto3."),
    (["--proto", "a.proto"], {"a.proto": PROTO + "message M { reserved 1; string a = 1; }"},
     'a.proto: protoc: Field "a" uses reserved number 1.'),
    (["--proto", "a.proto"], {"a.proto": PROTO + "message M { repeated group G = 1 {} }"},
     "a.proto: 3:"),
    (["--proto", "a.proto"], {"a.proto": 'edition = "2023";\nmessage M {}\n'}, "a.proto: "),
    (["--proto", "a.proto", "b.proto"], {"a.proto": PROTO + ORDER, "b.proto": PROTO + ORDER},
     "b.proto: "),
    (["--proto", "a.proto", "--out", "file"], {"a.proto": PROTO + ORDER, "file": ""}, "file: "),
]

# Text of idl/api.json -> the error line.
REST = [
    ("{", "JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
    (json.dumps(API)[:-9], "JSON: "),
    ("[" * 100000, "JSON: maximum recursion depth exceeded"),
    ("[]", "file: has no object named 'definitions'"),
    (api("paths", []), "file: has no object named 'paths'"),
    (api("paths", {"/x": 5}), "/x: is no object"),
    (api("paths", {"/x": {"brew": {}}}), "/x: method 'brew' is not supported"),
    (api("paths", {"x */": {"get": {"operationId": "a"}}}), "a: its path is 'x */', which is none"),
    (api(*PUT, "operationId", 5), "put /things/{id}: its operationId is 5, which names nothing"),
    (api(*PUT, "operationId", "a b"),
     "put /things/{id}: its operationId is 'a b', which names nothing"),
    (api(*PUT, "parameters", {}), "putThing: parameters is no list"),
    (api(*PUT, "parameters", []), "putThing.id: is in the path but no parameter"),
    (api(*PUT, "parameters", 0, "id"), "putThing.parameters[0]: is no object"),
    (api(*PUT, "parameters", 0, "name", 7), "putThing.parameters[0]: name is 7, not a string"),
    (api(*PUT, "parameters", 0, "in", "header"),
     "putThing.id: a parameter in 'header' is not supported"),
    (api(*PUT, "responses", {}), "putThing: must have exactly one response of status 2xx"),
    (api(*PUT, "responses", "200", "schema", {}),
     "putThing.responses: reference None is not to a definition of this file"),
    (api("definitions", {}), "putThingInput.body: refers to m.Thing, which is not defined"),
    (api("definitions", "m.Thing", "required", "count"), "m.Thing: required is no list of strings"),
    (api(*MEMBERS, "kind", "enum", [1]), "m.Thing.kind: enum is no list of strings"),
    (api(*MEMBERS, "kind", "enum", ["a", "A"]), "ThingKind.A: becomes "),
    (api(*MEMBERS, "count", "format", "int7"),
     "m.Thing.count: type 'integer' format 'int7' is not supported"),
    (api(*MEMBERS, "parts", "items", None), "m.Thing.parts.items: is no object"),
    (api(*MEMBERS, {"a": {"type": "boolean"}, "A": {"type": "boolean"}}), "m.Thing.A: becomes a, "),
    (api(*MEMBERS, {"??": {"type": "boolean"}}), "names: '??' holds no letter or digit"),
]

# Text of idl/errors.json -> the error line.
ERRORS = [
    ('{"errors": {"TEAPOT": {"none": ["X"]}}}', "TEAPOT: is no gRPC status code"),
    ('{"errors": {"ABORTED": {"often": ["X"]}}}', "ABORTED.often: is no kind of retry"),
    ('{"errors": {"ABORTED": {"none": ["X", "X"]}}}', "X: is listed twice"),
    ('{"errors": {"ABORTED": {"none": ["X"]}, "UNKNOWN": {"none": ["X"]}}}',
     "X: is listed twice"),
    ('{"errors": {"ABORTD": {"none": ["X"]}}}',
     "ABORTD: is no gRPC status code; did you mean ABORTED?"),
    ("{}", "file: has no object named 'errors'"),
    ("{", "JSON: Expecting property name"),
]

# Text of idl/targets.json -> the whole error line after the program's name.
TARGETS = [
    ("{}", "idl/targets.json: targets: is no list of objects"),
    ("{", "idl/targets.json: JSON: Expecting property name"),
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
    ('{"targets": [{"kind": "aws", "idl": "idl/x.json", "prefix": "My-X", "stem": "x"}]}',
     "idl/targets.json: idl/x.json: prefix 'My-X' begins no C name"),
    ('{"targets": [{"kind": "aws", "idl": "idl/x.json", "prefix": "x", "stem": "../x"}]}',
     "idl/targets.json: idl/x.json: stem '../x' begins no C name"),
    ('{"targets": [{"kind": "shapes", "idl": "idl/x.json", "prefix": "x", "stem": "x"}]}',
     "idl/targets.json: idl/x.json: roots is missing: the shapes that are wanted"),
    ('{"targets": [{"kind": "aws", "idl": "idl/x.json", "prefix": "x", "stem": "x", '
     '"sensitive": "A.B"}]}', "idl/targets.json: idl/x.json: sensitive is no list of names"),
    ('{"targets": [{"kind": "grpc", "idl": "idl/x.proto", "prefix": "x", "stem": "x"}], '
     '"targets": []}', "idl/targets.json: JSON: 'targets' stands twice in an object"),
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


def bad_protos_are_refused():
    """Proto files: syntax errors, clashes, and what the C could not serve"""
    other = 'syntax = "proto3";\npackage test.other;\n'
    all_refused([({"targets.json": one_target("grpc", "bad.proto"), "bad.proto": text,
                   "other.proto": other}, f"idl/bad.proto: {line}") for text, line in PROTOS])


def bad_rest_apis_are_refused():
    """REST APIs: operations, parameters, definitions and references that are wrong"""
    all_refused([({"targets.json": one_target("rest", "api.json"), "api.json": text},
                  f"idl/api.json: {line}") for text, line in REST])


def bad_options(command, cases):
    """generate.py COMMAND refuses each (options, files, line), and writes nothing."""
    wrong = []
    for options, files, line in cases:
        with tempfile.TemporaryDirectory() as tmp, contextlib.chdir(tmp):
            for name, text in files.items():
                pathlib.Path(name).parent.mkdir(exist_ok=True)
                pathlib.Path(name).write_bytes(text if isinstance(text, bytes) else text.encode())
            status, printed, complaint = generate_here(".", command, "--out", "out", *options)
            if (status != 1 or printed or len(complaint.splitlines()) != 1
                    or not complaint.startswith(f"generate.py: {line}")):
                wrong.append(f"wanted {line!r}\n   got {status} {printed}{complaint}")
            if pathlib.Path("out").exists():
                wrong.append(f"{line!r}: but something was written")
    assert not wrong, "\n" + "\n".join(wrong)


def bad_commands_are_refused():
    """generate.py grpc: files, folders, options and whole contracts that are wrong"""
    bad_options("grpc", COMMAND)


def marks_that_hit_nothing_are_refused():
    """A property that is marked sensitive and is not there would be logged after all"""
    target = one_target("rest", "api.json", sensitive=["m.Thing.kinds"])
    all_refused([({"targets.json": target, "api.json": json.dumps(API)},
                  "idl/api.json: m.Thing.kinds: is marked sensitive by idl/targets.json but there is "
                  "no such property")])


def bad_error_tables_are_refused():
    """Error tables: unknown codes and kinds, names listed twice"""
    all_refused([({"targets.json": one_target("errors", "errors.json"), "errors.json": text},
                  f"idl/errors.json: {line}") for text, line in ERRORS])


def bad_targets_are_refused():
    """targets.json: unknown kinds, missing members and files"""
    all_refused([({"targets.json": text, "good.proto": PROTO + ORDER}, line)
                 for text, line in TARGETS])


def any_wrong_type_is_an_error_line():
    """Any value of any type in any place is either understood or refused in one line"""
    wrong = {}
    models = [(kind, loader, name, json.loads((HERE / "aws" / "idl" / name).read_text("utf-8")))
              for kind, loader, name in (("aws", load_aws, "zoo.json"),
                                         ("errors", load_errors, "errors.json"))]
    for kind, loader, name, good in (*models, ("rest", load_openapi, "api.json", API)):
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
    run([bad_protos_are_refused, bad_rest_apis_are_refused,
         bad_error_tables_are_refused, bad_targets_are_refused, marks_that_hit_nothing_are_refused,
         bad_commands_are_refused,
         any_wrong_type_is_an_error_line])
