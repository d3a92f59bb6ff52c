#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Bad AWS models, options of generate.py aws, and input of the trimmers: one line, nothing written."""
import copy
import json
import pathlib
import subprocess
import sys
import tempfile

from bad_inputs import all_refused, bad_options, one_target, places, replaced
from generator import ROOT, run

sys.path.insert(0, str(ROOT / "codegen"))
import ir  # noqa: E402
import trim_aws  # noqa: E402
import trim_openapi  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
ZOO = json.loads((HERE / "aws" / "idl" / "zoo.json").read_text(encoding="utf-8"))
DELETED = object()


def changed(*paths_and_values):
    """The good model, but for the member at that path ("shapes.Animal.type"), or several."""
    model = copy.deepcopy(ZOO)
    for path, value in zip(paths_and_values[::2], paths_and_values[1::2]):
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
    (changed("shapes.NoteMap.value", {"shape": "Txt"}),
     "NoteMap.value: refers to shape Txt, which is not defined; did you mean Text?"),
    (json.dumps(ZOO).replace('"Text": {', '"Total": {"type": "long"}, "Text": {', 1),
     "JSON: 'Total' stands twice in an object"),
    ("[" * 100000, "JSON: "),
    (changed("metadata.jsonVersion", "2.0"), "metadata.jsonVersion: is '2.0'; known here: 1.0, 1.1"),
    (changed("metadata.targetPrefix", "Zoo\r\nX-Evil: 1"),
     "metadata.targetPrefix: holds what no header or host may"),
    (changed("metadata.endpointPrefix", "zo\u00f6"),
     "metadata.endpointPrefix: holds what no header or host may"),
    (changed("metadata.apiVersion", None), "metadata.apiVersion: is missing"),
    (changed("operations.AddAnimal", []), "AddAnimal: is no object"),
    (changed("operations.Add-Animal", {}), "Add-Animal: is no name of an operation"),
    (changed("operations.addAnimal", {}),
     "addAnimal: becomes zoo_add_animal, as AddAnimal does; rename one of them"),
    (changed("operations.AddAnimal.eventStream", {}),
     "AddAnimal: trait 'eventStream' is not supported; one that changes nothing here belongs into "
     "codegen/aws_traits.py"),
    (changed("operations.AddAnimal.output", {"shape": "AnimalList"}),
     "AddAnimal.output: AnimalList is a list, not a structure"),
    (changed("operations.AddAnimal.errors", {}), "AddAnimal.errors: is no list"),
    (changed("operations.AddAnimal.errors", [None]), "AddAnimal.errors[0]: nothing is no exception"),
    (changed("operations.AddAnimal.endpoint", {"hostPrefix": 5}),
     "AddAnimal.endpoint.hostPrefix: is no string"),
    (changed("operations.AddAnimal.endpoint", {"hostPrefix": "a b."}),
     "AddAnimal.endpoint.hostPrefix: 'a b.' is no beginning of a host name"),
    (changed("operations.AddAnimal.endpoint", {"hostPrefix": "{Legs}."}),
     "AddAnimal.endpoint.hostPrefix: Legs is no string in the input"),
    (changed("operations.AddAnimal.endpoint", {"hostPrefix": "{Gone}."}),
     "AddAnimal.endpoint.hostPrefix: Gone is no string in the input"),
    (changed("operations.AddAnimal.requestcompression", {"encodings": ["br"]}),
     "AddAnimal.requestcompression: knows no encoding but gzip here"),
    (changed("operations.AddAnimal.authtype", "v2"), "AddAnimal.authtype: 'v2' is not supported"),
    (changed("shapes.CageFullException.error", {"code": 400}),
     "CageFullException.error.code: is no string"),
    (changed("shapes.Instant.timestampFormat", "sundial"),
     "Instant: timestampFormat 'sundial' is not supported; known here: unixTimestamp, "),
    (changed("shapes.Text.timestampFormat", "iso8601"),
     "Text: has a timestampFormat but is a string"),
    (changed("shapes.AddAnimalInput.members.Legs.timestampFormat", "iso8601"),
     "AddAnimalInput.Legs: has a timestampFormat but is a integer"),
    (changed("shapes.AddAnimalInput.members.Legs.idempotencyToken", True),
     "AddAnimalInput.Legs: is an idempotency token but a integer"),
    (changed("shapes.AddAnimalInput.members.Name.locationName", ""),
     "AddAnimalInput.Name: locationName is no name"),
    (changed("shapes.AddAnimalInput.members.Name.locationName", "Legs"),
     "AddAnimalInput.Legs: is 'Legs' on the wire, as AddAnimalInput.Name is"),
    (changed("shapes.AddAnimalInput.required", "Name"),
     "AddAnimalInput: required is no list of member names"),
    (changed("shapes.AddAnimalInput.required", ["Nam"]),
     "AddAnimalInput.Nam: is required but not a member; did you mean Name?"),
    (changed("shapes.Animal.required", ["Self"], "shapes.Animal.members.Self", {"shape": "Animal"}),
     "Animal: must hold itself (Animal -> Animal), so that no value can exist"),
    (changed("shapes.animal", {"type": "structure", "members": {}},
             "shapes.Animal.members.Other", {"shape": "animal"}),
     "animal: becomes zoo_animal, as Animal does; rename one of them"),
    (changed("shapes.NoteMapEntry", {"type": "structure", "members": {}},
             "shapes.Animal.members.Other", {"shape": "NoteMapEntry"}, "shapes.Animal.members.Notes",
             {"shape": "NoteMap"}), "NoteMapEntry: becomes zoo_note_map_entry, as NoteMap does"),
    (changed("shapes.Bytes.max", 2 ** 63), "Bytes: max is 9223372036854775808, not a whole number"),
]

# Options of generate.py aws, the files beside it, and the error line.
GOOD = ("--prefix", "zoo", "--model", "m/zoo.json")
FILES = {"m/zoo.json": json.dumps(ZOO), "file": ""}
OPTIONS = [
    (("--prefix", "zoo", "--model", "gone.json"), "gone.json: file: No such file or directory"),
    (("--prefix", "zoo", "--model", "m"), "m: file: Is a directory"),
    (("--prefix", "zoo", "--model", "file"), "file: JSON: Expecting value: line 1 column 1 (char 0)"),
    (("--prefix", "Zoo", "--model", "m/zoo.json"),
     "--prefix: Zoo: is no prefix: lower-case letters, digits and _ only"),
    (("--prefix", "", "--model", "m/zoo.json"), "--prefix: "),
    ((*GOOD, "--stem", "a/b"), "--stem: a/b: is no beginning of a file's name"),
    ((*GOOD, "--operations", "AddAnimals"),
     "m/zoo.json: operations: has no AddAnimals; did you mean AddAnimal?"),
    ((*GOOD, "--operations", "AddAnimal,,ListAnimals"),
     "--operations: AddAnimal,,ListAnimals: has an empty name in it"),
    ((*GOOD, "--sensitive", "Animal.name"),
     "m/zoo.json: Animal.name: is marked sensitive, by idl/targets.json or --sensitive, but there is "
     "no such member"),
    ((*GOOD, "--operations", "FeedAnimals", "--sensitive", "Animal.Name"),
     "m/zoo.json: Animal.Name: is marked sensitive"),
    ((*GOOD, "--out", "file"), "file: folder: cannot be written: File exists"),
    ((*GOOD, "--out", "file/below"), "file/below: folder: cannot be written: Not a directory"),
    ((*GOOD, "--out", ""), "--out: folder: has an empty name"),
]
ONE_PROTOCOL = [
    ("json", ["smithy-rpc-v2-cbor"], "offers smithy-rpc-v2-cbor; wanted: json"),
    ("cbor", ["json"], "offers json; wanted: cbor"),
]

REST = {
    "swagger": "2.0", "info": {"title": "Things", "version": "1"},
    "paths": {"/t": {"parameters": [], "get": {"operationId": "getThing", "parameters": [
        {"in": "query", "name": "q", "type": "string"}, {"in": "path", "name": "id"}],
        "responses": {"200": {"schema": {"$ref": "#/definitions/Thing"}}, "404": {}}}}},
    "definitions": {"Thing": {"required": ["id"], "properties": {
        "id": {"type": "string"}, "part": {"$ref": "#/definitions/Part"}}},
                    "Part": {"properties": {}}},
}


def rest(*at_and_value):
    *at, value = at_and_value
    return replaced(REST, tuple(at), value)


GET = ("paths", "/t", "get")
# Input of trim_openapi.py, with what is wanted of it -> the error line.
TRIM_REST = [
    ([], {}, "file: has no object named 'info'"),
    (rest("info", "title", 5), {}, "info: has no text named 'title'"),
    (rest("paths", []), {}, "file: has no object named 'paths'"),
    (rest("definitions", None), {}, "file: has no object named 'definitions'"),
    (rest("definitions", {}), {}, "Thing: is referred to but not defined"),
    (rest("definitions", "Thing", "properties", []), {}, "Thing: properties is no object"),
    (rest("definitions", "Thing", "properties", "id", 5), {}, "Thing.id: is no object"),
    (rest("definitions", "Thing", "required", 5), {}, "Thing: required is no list"),
    (rest(*GET, "responses", 5), {}, "getThing: has no object named 'responses'"),
    (rest(*GET, "parameters", {}), {}, "getThing: parameters is no list"),
    (rest(*GET, "parameters", [5]), {}, "getThing.parameters: is no object"),
    (rest(*GET, "parameters", [{}]), {}, "getThing.parameters: has no text named 'in'"),
    (rest(*GET, "responses", "200", "schema", "$ref", "other.json"), {},
     "$ref: 'other.json' is not to a definition of this file"),
    (rest(*GET, "operationId", "getThings"), {},
     "paths: has no operation getThing; did you mean getThings?"),
    (REST, {"Thing": ["idd"]}, "Thing: has no property idd; did you mean id?"),
    (REST, {"Thin": ["id"]}, "--keep: no operation that is kept reaches Thin; did you mean Thing?"),
]

# Input of trim_aws.py, of which AddAnimal is wanted -> the error line.
TRIM_AWS = [
    ("[]", "model: has no object named 'metadata'; wanted is a model of an AWS API"),
    (changed("operations", []), "model: has no object named 'operations'"),
    (changed("shapes", DELETED), "model: has no object named 'shapes'"),
    (changed("operations.AddAnimal", DELETED), "operations: has no AddAnimal"),
    (changed("shapes.Text", DELETED), "refers to shape Text, which is not defined"),
    ("{", "JSON: "),
]


def bad_models_are_refused():
    """AWS models: shapes, members, constraints, enums, names and protocols that are wrong"""
    all_refused([({"targets.json": one_target("aws", "zoo.json"), "zoo.json": text},
                  f"idl/zoo.json: {line}") for text, line in AWS])


def bad_options_are_refused():
    """generate.py aws: models, folders, names and operations that are wrong"""
    bad_options("aws", [(options, FILES, line) for options, line in OPTIONS])
    bad_options("aws", [((*GOOD, "--protocol", protocol),
                         {"m/zoo.json": changed("metadata.protocols", offered)},
                         f"m/zoo.json: metadata.protocols: {line}")
                        for protocol, offered, line in ONE_PROTOCOL])


def long_chains_are_refused():
    """A chain of structures that is longer than any engine follows is one line, too"""
    shapes = {f"S{i}": {"type": "structure", "required": ["Next"],
                        "members": {"Next": {"shape": f"S{i + 1}"}}} for i in range(5000)}
    shapes["S5000"] = {"type": "structure", "members": {}}
    model = changed("shapes.Animal.required", ["First"], "shapes.Animal.members.First",
                    {"shape": "S0"})
    model = json.loads(model)
    model["shapes"].update(shapes)
    all_refused([({"targets.json": one_target("aws", "zoo.json"), "zoo.json": json.dumps(model)},
                  "idl/zoo.json: Animal: must hold structures more than 64 deep, down to S63")])


def trimmed(program, *arguments):
    return subprocess.run([sys.executable, str(ROOT / "codegen" / program), *map(str, arguments)],
                          capture_output=True, text=True, check=False)


def bad_models_are_not_trimmed():
    """trim_aws.py: a model or an operation that is none ends in one line, and nothing is printed"""
    with tempfile.TemporaryDirectory() as tmp:
        file = pathlib.Path(tmp, "model.json")
        for text, line in TRIM_AWS:
            file.write_text(text, encoding="utf-8")
            done = trimmed("trim_aws.py", file, "AddAnimal")
            assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done
            assert done.stderr.startswith(f"trim_aws.py: {file}: ") and line in done.stderr, (
                line, done.stderr)
        done = trimmed("trim_aws.py", pathlib.Path(tmp, "gone.json"), "AddAnimal")
        assert done.stderr == f"trim_aws.py: {tmp}/gone.json: file: No such file or directory\n", done


def bad_rest_apis_are_not_trimmed():
    """trim_openapi.py: a file, operation or property that is none ends in one line"""
    for spec, keep, line in TRIM_REST:
        try:
            trim_openapi.trim([trim_openapi.Spec("api.json", spec)], {"getThing": []}, keep)
            raise AssertionError(f"not refused: {line}")
        except ir.IdlError as error:
            assert str(error).startswith(f"api.json: {line}"), (line, str(error))
    with tempfile.TemporaryDirectory() as tmp:
        file = pathlib.Path(tmp, "api.json")
        file.write_text(json.dumps(REST)[:-5], encoding="utf-8")
        done = trimmed("trim_openapi.py", file, "--operation", "getThing")
        assert (done.returncode, done.stdout) == (1, ""), done
        assert done.stderr.startswith(f"trim_openapi.py: {file}: JSON: "), done
        file.write_text(json.dumps(REST), encoding="utf-8")
        done = trimmed("trim_openapi.py", file, "--operation", "getThing:q", "--keep", "Thing:id")
        assert (done.returncode, done.stderr) == (0, ""), done
        made = json.loads(done.stdout)
        assert list(made["definitions"]) == ["Thing"], made
        assert len(made["paths"]["/t"]["get"]["parameters"]) == 2, made


def any_wrong_type_is_trimmed_or_refused():
    """Whatever stands anywhere in their input, the trimmers end without a traceback"""
    wrong = {}
    for good, trim in ((ZOO, lambda m: trim_aws.trim(m, ["AddAnimal"], "x.json")),
                       (REST, lambda m: trim_openapi.trim([trim_openapi.Spec("x.json", m)],
                                                          {"getThing": ["q"]}, {"Thing": ["id"]}))):
        for at in places(good):
            for value in (None, True, 5, "x", [], ["x"], [[]], {}, {"x": "y"}, {"$ref": 5},
                          {"shape": "Gone"}):
                try:
                    json.dumps(trim(replaced(good, at, value)))
                except ir.IdlError:
                    pass
                except Exception as error:
                    wrong.setdefault(f"{type(error).__name__}: {error}", (at, value))
    assert not wrong, "\n" + "\n".join(f"{how}  at  {where}" for how, where in wrong.items())


if __name__ == "__main__":
    run([bad_models_are_refused, bad_options_are_refused, long_chains_are_refused,
         bad_models_are_not_trimmed, bad_rest_apis_are_not_trimmed,
         any_wrong_type_is_trimmed_or_refused])
