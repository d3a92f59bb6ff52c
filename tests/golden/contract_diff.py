#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""generate.py --diff says in words what a new contract changes, and what that breaks."""
import copy
import json
import pathlib
import subprocess
import sys
import tempfile

from bad_inputs import API, PUT, api
from generator import GENERATE, ROOT, make_tree, run

sys.path.insert(0, str(ROOT / "codegen"))
import diff  # noqa: E402
import ir  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
WIRE, SOURCE, FINE = "breaks the wire", "breaks the source", "compatible"
HEAD = 'syntax = "proto3";\npackage t;\n'


def message(fields, more=""):
    return f"{HEAD}message M {{ {fields} }}\n{more}"


def service(methods):
    return f"{HEAD}message M {{}}\nmessage N {{ string a = 1; }}\nservice S {{ {methods} }}"


def enum(values):
    return f"{HEAD}enum E {{ E_NONE = 0; {values} }}"


# Old, new, and each change as (level, element, text).
PROTOS = [
    (message("string a = 1;"), message("string a = 1;"), []),
    (message("string a = 1;"), "// A comment.\n" + message("string a = 1; // Another.\n"), []),
    # fields
    (message(""), message("string a = 1;"), [(FINE, "M.a", "field added (string, number 1)")]),
    (message("string a = 1;"), message(""),
     [(SOURCE, "M.a", "field removed (number 1, which should be reserved)")]),
    (message("string a = 1;"), message("reserved 1;"), [(SOURCE, "M.a", "field removed (number 1)")]),
    (message("reserved 4 to 6;"), message("string a = 5;"),
     [(WIRE, "M.a", "field added with number 5, which was reserved: old peers may send something "
       "else there")]),
    (message("string a = 1;"), message("string b = 1;"), [(SOURCE, "M.a", "field renamed to b")]),
    (message("string a = 1;"), message("string a = 2;"),
     [(WIRE, "M.a", "number changed from 1 to 2")]),
    (message("string a = 1;"), message("int32 b = 1;"),
     [(WIRE, "M.a", "number 1 was a (string), is b (int32)")]),
    (message("string a = 1; string b = 2;"), message("string b = 1;"),
     [(SOURCE, "M.a", "field removed (number 1 is b now)"),
      (WIRE, "M.b", "number changed from 2 to 1")]),
    # types
    (message("int32 a = 1;"), message("int64 a = 1;"),
     [(SOURCE, "M.a", "type changed from int32 to int64")]),
    (message("bool a = 1;"), message("uint32 a = 1;"),
     [(SOURCE, "M.a", "type changed from bool to uint32")]),
    (message("int32 a = 1;"), message("sint32 a = 1;"),
     [(WIRE, "M.a", "type changed from int32 to sint32")]),
    (message("string a = 1;"), message("int64 a = 1;"),
     [(WIRE, "M.a", "type changed from string to int64")]),
    (message("string a = 1;"), message("bytes a = 1;"),
     [(SOURCE, "M.a", "type changed from string to bytes")]),
    (message("N a = 1;", "message N { string x = 1; } message O { string y = 1; }"),
     message("O a = 1;", "message N { string x = 1; } message O { string y = 1; }"),
     [(SOURCE, "M.a", "type changed from t.N to t.O")]),
    (message("N a = 1;", "message N { string x = 1; } message O { int32 y = 1; }"),
     message("O a = 1;", "message N { string x = 1; } message O { int32 y = 1; }"),
     [(WIRE, "M.a", "type changed from t.N to t.O")]),
    (message("string a = 1;"), message("repeated string a = 1;"),
     [(SOURCE, "M.a", "is repeated now")]),
    (message("int32 a = 1;"), message("repeated int32 a = 1;"), [(WIRE, "M.a", "is repeated now")]),
    (message("repeated string a = 1;"), message("string a = 1;"),
     [(WIRE, "M.a", "is no longer repeated: all but the last element are lost")]),
    (message("map<string, string> a = 1;"), message("map<string, int32> a = 1;"),
     [(WIRE, "M.a", "type changed from map<string, string> to map<string, int32>")]),
    (message("map<string, string> a = 1;"), message("map<string, string> a = 1;"), []),
    (message("string a = 1;"), message("optional string a = 1;"),
     [(SOURCE, "M.a", "is optional now: absent is not the same as empty")]),
    (message("optional string a = 1;"), message("string a = 1;"),
     [(SOURCE, "M.a", "is no longer optional: absent is empty")]),
    (message("string a = 1;"), message("oneof o { string a = 1; }"),
     [(SOURCE, "M.a", "moved into oneof o")]),
    (message("string a = 1; oneof o { string b = 2; }"), message("oneof o { string a = 1; string b = 2; }"),
     [(WIRE, "M.a", "moved into oneof o")]),
    (message("oneof o { string a = 1; }"), message("string a = 1;"),
     [(SOURCE, "M.a", "moved out of oneof o")]),
    (message("string a = 1;"), message("string a = 1 [deprecated = true];"),
     [(FINE, "M.a", "is deprecated now")]),
    # messages and enums
    (message("", "message N {}"), message(""), [(SOURCE, "N", "message removed")]),
    (message(""), message("message In { string a = 1; }"), [(FINE, "M.In", "message added")]),
    (message("message In { string a = 1; }"), message("message In { string b = 1; }"),
     [(SOURCE, "M.In.a", "field renamed to b")]),
    (enum(""), enum("E_ONE = 1;"), [(FINE, "E.E_ONE", "value added (1)")]),
    (enum("E_ONE = 1;"), enum(""),
     [(SOURCE, "E.E_ONE", "value removed: old peers may still send 1")]),
    (enum("E_ONE = 1;"), enum("E_UNO = 1;"), [(SOURCE, "E.E_ONE", "value renamed to E_UNO")]),
    (enum("E_ONE = 1;"), enum("E_ONE = 2;"), [(WIRE, "E.E_ONE", "number changed from 1 to 2")]),
    (enum(""), HEAD, [(SOURCE, "E", "enum removed")]),
    (HEAD, enum(""), [(FINE, "E", "enum added")]),
    # services
    (service("rpc A(M) returns (M);"), service(""),
     [(WIRE, "S.A", "RPC removed: it answers UNIMPLEMENTED")]),
    (service(""), service("rpc A(stream M) returns (M);"),
     [(FINE, "S.A", "RPC added (client streaming): it answers UNIMPLEMENTED until it has a handler, "
       "t_handle_a")]),
    (service("rpc A(M) returns (M);"), service("rpc A(M) returns (stream M);"),
     [(WIRE, "S.A", "was unary, is server streaming")]),
    (service("rpc A(M) returns (M);"), service("rpc A(M) returns (N);"),
     [(WIRE, "S.A", "response changed from M to N")]),
    (service("rpc A(M) returns (M);"), service("rpc A(N) returns (M);"),
     [(WIRE, "S.A", "request changed from M to N")]),
    (service(""), HEAD + "message M {} message N { string a = 1; }",
     [(WIRE, "S", "service removed: its methods answer UNIMPLEMENTED")]),
    (message("string a = 1;"), message("string a = 1;").replace("package t", "package u"),
     [(WIRE, "package", "changed from t to u: the paths of all methods change")]),
]

ZOO = json.loads((HERE / "aws" / "idl" / "zoo.json").read_text(encoding="utf-8"))
GONE = object()


def zoo(*changes):
    """The good model, but for the members at some paths."""
    model = copy.deepcopy(ZOO)
    for path, value in changes:
        *parents, last = path.split(".")
        node = model
        for name in parents:
            node = node[name]
        if value is GONE:
            del node[last]
        else:
            node[last] = value
    return model


MODELS = [
    ([], []),
    ([("shapes.AddAnimalInput.members.Age", {"shape": "LegCount"})],
     [(FINE, "AddAnimalInput.Age", "member added (integer)")]),
    ([("shapes.AddAnimalInput.members.Age", {"shape": "LegCount"}),
      ("shapes.AddAnimalInput.required", ["Name", "Legs", "Age"])],
     [(WIRE, "AddAnimalInput.Age", "required member added (integer): requests without it are refused")]),
    ([("shapes.AddAnimalInput.members.Weight", GONE)],
     [(SOURCE, "AddAnimalInput.Weight", "member removed")]),
    ([("shapes.AddAnimalInput.required", ["Name", "Legs", "Kind"])],
     [(WIRE, "AddAnimalInput.Kind", "is required now: requests without it are refused")]),
    ([("shapes.AddAnimalInput.required", [])],
     [(FINE, "AddAnimalInput.Name", "is no longer required"),
      (FINE, "AddAnimalInput.Legs", "is no longer required")]),
    ([("shapes.AnimalName.max", 40)],
     [(WIRE, "AnimalName", "constraint tightened: max changed from 48 to 40")]),
    ([("shapes.AnimalName.max", 50)],
     [(FINE, "AnimalName", "constraint loosened: max changed from 48 to 50")]),
    ([("shapes.AnimalName.max", GONE)],
     [(FINE, "AnimalName", "constraint loosened: max changed from 48 to none")]),
    ([("shapes.AnimalName.min", 2)],
     [(WIRE, "AnimalName", "constraint tightened: min changed from 1 to 2")]),
    ([("shapes.AnimalName.pattern", "^a$")],
     [(WIRE, "AnimalName", "constraint tightened: pattern changed from ")]),
    ([("shapes.AnimalName.pattern", GONE)],
     [(FINE, "AnimalName", "constraint loosened: no pattern any more")]),
    ([("shapes.AnimalKind.enum", [*ZOO["shapes"]["AnimalKind"]["enum"], "ROBOT"])],
     [(FINE, "AnimalKind.ROBOT", "value added")]),
    ([("shapes.AnimalKind.enum", ZOO["shapes"]["AnimalKind"]["enum"][1:])],
     [(WIRE, f"AnimalKind.{ZOO['shapes']['AnimalKind']['enum'][0]}", "value removed: it is refused now")]),
    ([("shapes.LegCount.type", "string"), ("shapes.LegCount.min", GONE), ("shapes.LegCount.max", GONE)],
     [(WIRE, "AddAnimalInput.Legs", "type changed from integer to string"),
      (WIRE, "LegCount", "was a integer, is a string")]),
    ([("operations.ListAnimals", GONE)],
     [(WIRE, "ListAnimals", "operation removed"), (SOURCE, "ListOutput", "structure removed")]),
    ([("operations.CountAnimals", {"name": "CountAnimals", "input": {"shape": "ListInput"}})],
     [(FINE, "CountAnimals", "operation added")]),
    ([("operations.AddAnimal.errors", [{"shape": "CageFullException"}])],
     [(FINE, "AddAnimal", "no longer fails with NoSuchAnimalException"),
      (SOURCE, "NoSuchAnimalException", "structure removed")]),
    ([("operations.ListAnimals.errors", [{"shape": "CageFullException"}])],
     [(FINE, "ListAnimals", "may fail with CageFullException now")]),
    ([("operations.FeedAnimals.output", {"shape": "ListOutput"})],
     [(SOURCE, "FeedAnimals", "has an output now")]),
    ([("operations.ListAnimals.endpoint", {"hostPrefix": "list."})],
     [(WIRE, "ListAnimals", "the host prefix changed from none to list.")]),
    ([("operations.ListAnimals.authtype", "none")],
     [(WIRE, "ListAnimals", "whether it goes unsigned changed from no to yes")]),
    ([("metadata.apiVersion", "2030-01-01")],
     [(WIRE, "service", "the API version changed from ")]),
    ([("metadata.targetPrefix", "Other")],
     [(WIRE, "service", "the target prefix changed from ")]),
    ([("metadata.signingName", "other")], [(WIRE, "service", "the signing name changed from ")]),
    ([("metadata.endpointPrefix", "other")],
     [(WIRE, "service", "the endpoint prefix changed from ")]),
    ([("metadata.jsonVersion", "1.0")],
     [(WIRE, "service", "the content type changed from application/x-amz-json-1.1 to "
       "application/x-amz-json-1.0")]),
    ([("metadata.protocols", ["json"])], [(WIRE, "service", "CBOR is no longer spoken")]),
    ([("metadata.protocols", ["smithy-rpc-v2-cbor"])],
     [(WIRE, "service", "JSON is no longer spoken")]),
    # shapes
    ([("shapes.Animal.members.Legs", {"shape": "LegCount"})],
     [(FINE, "Animal.Legs", "member added (integer)")]),
    ([("shapes.Animal.members.Home", {"shape": "Home"}),
      ("shapes.Home", {"type": "structure", "members": {}})],
     [(FINE, "Animal.Home", "member added (structure)"), (FINE, "Home", "structure added")]),
    ([("shapes.Animal.required", ["Name"])], [(FINE, "Animal.Name", "is in every answer now")]),
    ([("shapes.Food.union", GONE)],
     [(WIRE, "Food", "was a union, is a structure"),
      (WIRE, "Animal.Food", "type changed from union to structure")]),
    ([("shapes.Food.members.Meat", {"shape": "Secret"})],
     [(FINE, "Food.Meat", "is sensitive now: no log shows it")]),
    ([("shapes.Secret.sensitive", GONE)],
     [(FINE, "AddAnimalInput.DNAString", "is no longer sensitive: logs may show it")]),
    ([("shapes.AddAnimalInput.members.Token", {"shape": "AnimalName"})],
     [(FINE, "AddAnimalInput.Token", "is no longer an idempotency token: left out, it is not sent")]),
    ([("shapes.AddAnimalInput.members.Name", {"shape": "AnimalName", "idempotencyToken": True})],
     [(FINE, "AddAnimalInput.Name", "is an idempotency token now: left out, it is made up")]),
    ([("shapes.AnimalList.member", {"shape": "Text"})],
     [(WIRE, "AnimalList", "its elements were structures, are strings")]),
    ([("shapes.AnimalList.sparse", True)], [(SOURCE, "AnimalList", "may hold null now")]),
    ([("shapes.NoteMap.sparse", GONE)], [(SOURCE, "NoteMap", "holds no null any more")]),
    ([("shapes.NoteMap.max", 4)],
     [(WIRE, "NoteMap", "constraint tightened: max changed from 5 to 4")]),
    ([("shapes.Instant.timestampFormat", "iso8601")],
     [(WIRE, "Instant", "is written in another form: epoch seconds became iso8601")]),
    ([("shapes.Text.max", 9)], [(WIRE, "Text", "constraint tightened: max changed from none to 9")]),
]

# The same, from a changed model to the good one.
BACKWARDS = [
    ([("metadata.protocols", ["json"])], [(FINE, "service", "CBOR is spoken, too")]),
    ([("metadata.protocols", ["smithy-rpc-v2-cbor"])], [(FINE, "service", "JSON is spoken, too")]),
    ([("shapes.Animal.required", ["Name"])],
     [(WIRE, "Animal.Name", "is no longer required: answers may lack it")]),
    ([("shapes.Animal.members.Legs", {"shape": "LegCount"})],
     [(SOURCE, "Animal.Legs", "member removed")]),
    ([("operations.FeedAnimals.output", {"shape": "ListOutput"})],
     [(SOURCE, "FeedAnimals", "has no output now")]),
    ([("shapes.LegCount.min", 1), ("shapes.LegCount.max", 5)],
     [(FINE, "LegCount", "constraint loosened: min changed from 1 to 0"),
      (FINE, "LegCount", "constraint loosened: max changed from 5 to 1000")]),
    ([("shapes.ListOutput.members.Mood", {"shape": "Mood"}),
      ("shapes.Mood", {"type": "string", "enum": ["GOOD"]})],
     [(SOURCE, "ListOutput.Mood", "member removed"), (SOURCE, "Mood", "enum removed")]),
]

# Of bad_inputs.API.
APIS = [
    ((*PUT, "operationId", "writeThing"),
     [(WIRE, "putThing", "operation removed"), (FINE, "writeThing", "operation added"),
      (SOURCE, "putThingInput", "structure removed"), (FINE, "writeThingInput", "structure added")]),
    (("paths", {"/parts/{id}": API["paths"]["/things/{id}"]}),
     [(WIRE, "putThing", "the path changed from /things/{id} to /parts/{id}")]),
    (("paths", "/things/{id}", {"post": API["paths"]["/things/{id}"]["put"]}),
     [(WIRE, "putThing", "the HTTP method changed from PUT to POST")]),
    ((*PUT, "parameters", 1, "in", "formData"),
     [(WIRE, "putThing.body", "is sent in another place of the request: REST_BODY became REST_FORM")]),
    ((*PUT, "parameters", 1, "required", True),
     [(WIRE, "putThingInput.body", "is required now: requests without it are refused")]),
    ((*PUT, "responses", {"204": {}}), [(SOURCE, "putThing", "has no output now")]),
    (("definitions", "m.Thing", "properties", "note", {"type": "string"}),
     [(FINE, "m.Thing.note", "member added (string)")]),
    (("definitions", "m.Thing", "properties", "count", {"type": "boolean"}),
     [(WIRE, "m.Thing.count", "type changed from integer to boolean")]),
    (("definitions", "m.Thing", "properties", "kind", "enum", ["big"]),
     [(WIRE, "ThingKind.small", "value removed: it is refused now")]),
    (("definitions", "m.Thing", "required", []),
     [(WIRE, "m.Thing.count", "is no longer required: answers may lack it")]),
]


def found_as_told(found, wanted, what):
    got = [(c.level, c.element, c.text) for c in found]
    missing = [w for w in wanted if not any(
        g[:2] == w[:2] and g[2].startswith(w[2]) for g in got)]
    if missing or len(got) != len(wanted):
        return f"{what}:\n   wanted {wanted}\n   got    {got}"
    return None


def proto_changes_are_told():
    """Every kind of change of a proto is told in words, with its level, and nothing else is"""
    wrong = []
    with tempfile.TemporaryDirectory() as tmp:
        old, new = pathlib.Path(tmp, "old.proto"), pathlib.Path(tmp, "new.proto")
        for before, after, wanted in PROTOS:
            old.write_text(before)
            new.write_text(after)
            found = diff.of_files(str(old), str(new))
            if sorted((c.level, c.element, c.text) for c in found) != sorted(wanted):
                wrong.append(f"{before}---\n{after}\n   wanted {wanted}\n   got    "
                             f"{[(c.level, c.element, c.text) for c in found]}")
    assert not wrong, "\n" + "\n".join(wrong)


def model_changes_are_told():
    """Every kind of change of an AWS model is told in words, with its level"""
    wrong = []
    with tempfile.TemporaryDirectory() as tmp:
        old, new = pathlib.Path(tmp, "old.json"), pathlib.Path(tmp, "new.json")
        for good, bad, (changes, wanted) in (*((old, new, row) for row in MODELS),
                                             *((new, old, row) for row in BACKWARDS)):
            good.write_text(json.dumps(ZOO))
            bad.write_text(json.dumps(zoo(*changes)))
            try:
                found = diff.of_files(str(old), str(new))
            except ir.IdlError as error:
                wrong.append(f"{changes}: {error}")
                continue
            wrong.append(found_as_told(found, wanted, changes))
            if not wanted and found:
                wrong.append(f"{changes}: found {found}")
    wrong = [w for w in wrong if w]
    assert not wrong, "\n" + "\n".join(wrong)


def rest_changes_are_told():
    """So are changes of a REST API"""
    wrong = []
    with tempfile.TemporaryDirectory() as tmp:
        old, new = pathlib.Path(tmp, "old.json"), pathlib.Path(tmp, "new.json")
        old.write_text(json.dumps(API))
        assert diff.of_files(str(old), str(old)) == []
        for change, wanted in APIS:
            new.write_text(api(*change))
            wrong.append(found_as_told(diff.of_files(str(old), str(new)), wanted, change))
    wrong = [w for w in wrong if w]
    assert not wrong, "\n" + "\n".join(wrong)


def program(*arguments, cwd=None):
    return subprocess.run([sys.executable, str(GENERATE), *map(str, arguments)], cwd=cwd,
                          capture_output=True, text=True, check=False, timeout=60)


def scripts_can_use_it():
    """The exit status tells the worst change; folders and revisions of git can be compared"""
    with tempfile.TemporaryDirectory() as tmp:
        folder = pathlib.Path(tmp)
        for name, text in (("a", "string a = 1;"), ("b", "string a = 1; string b = 2;"),
                           ("c", "string c = 1;"), ("d", "int32 a = 1;")):
            (folder / name).mkdir()
            (folder / name / "x.proto").write_text(message(text))
        for new, status in (("a", 0), ("b", 0), ("c", 3), ("d", 4)):
            for old_path, new_path in ((folder / "a", folder / new),
                                       (folder / "a" / "x.proto", folder / new / "x.proto")):
                done = program("--diff", old_path, new_path)
                assert (done.returncode, done.stderr) == (status, ""), (new, done)
        assert done.stdout == ("x.proto\n  breaks the wire:    M.a: type changed from string to int32\n"
                               "1 breaks the wire\n"), done.stdout
        for wrong in (("--diff", folder / "a"), ("--diff", folder / "a", folder / "gone"),
                      ("--diff", folder / "a" / "x.proto", ROOT / "idl" / "gamelift.json"),
                      ("--diff", "--against", "HEAD", "--root", tmp)):
            done = program(*wrong)
            assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, (wrong, done)
    with tempfile.TemporaryDirectory() as tmp:
        tree = make_tree(pathlib.Path(tmp, "tree"), HERE / "proto" / "idl")
        for command in (("init", "-q"), ("add", "-A"), ("-c", "user.name=t", "-c", "user.email=t@t",
                                                       "commit", "-qm", "first")):
            subprocess.run(["git", *command], cwd=tree, check=True)
        done = program("--root", tree, "--diff")
        assert (done.returncode, done.stdout) == (0, "no changes of the contract\n"), done
        file = tree / "idl" / "shop.proto"
        file.write_text(file.read_text().replace("bool gift = 5;", "bool present = 5;"))
        done = program("--root", tree, "--diff", "--against", "HEAD")
        assert done.returncode == 3 and "Order.gift: field renamed to present" in done.stdout, done


if __name__ == "__main__":
    run([proto_changes_are_told, model_changes_are_told, rest_changes_are_told, scripts_can_use_it])
