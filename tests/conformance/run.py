#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""AWS's protocol tests against code that is generated from the models in them.

A file is a list of suites, each with a model ("metadata", "shapes") and cases, as in botocore's
tests/unit/protocols. What is sent: "params" and what "serialized" says of the request. What is
received: "response", and its "result" or its "error", "errorCode", "errorMessage".
"""
import argparse
import base64
import concurrent.futures
import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "codegen"))

import ir  # noqa: E402
import judge  # noqa: E402
import load_aws  # noqa: E402
import render  # noqa: E402
import values  # noqa: E402

LIBRARIES = ("aws", "http", "codec", "base")
PACKAGES = "libcurl openssl libcrypto expat yajl libcbor libpcre2-8 libprotobuf-c libuv zlib".split()
FLAGS = """-std=gnu17 -O0 -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes
    -Wmissing-prototypes -Wvla -Werror -D_GNU_SOURCE""".split()
# What the models of the suites leave out because nothing on the wire depends on it.
METADATA = {"serviceId": "Conformance", "endpointPrefix": "conformance", "apiVersion": "2020-01-01",
            "targetPrefix": "Conformance", "jsonVersion": "1.0"}
SECONDS = 20  # for one case


class Unfit(Exception):
    """The suite or case cannot be run; the text says why."""


# ---- generating --------------------------------------------------------------------------------


def operation_name(case):
    return case["given"].get("name", "OperationName")


def groups(suite):
    """The cases of a suite by what their operation looks like, each a model of its own."""
    found = {}
    for case in suite["cases"]:
        found.setdefault(json.dumps(case["given"], sort_keys=True), []).append(case)
    return list(found.values())


def generate(suite, cases, label, folder):
    """(representation, model) of an operation and its suite's shapes; the C is in the folder."""
    operation = dict(cases[0]["given"])
    operation.setdefault("name", operation_name(cases[0]))
    model = {"metadata": {**METADATA, **suite["metadata"]}, "shapes": suite.get("shapes", {}),
             "operations": {operation["name"]: operation}}
    # Shapes of errors that the operation does not name may come all the same.
    listed = {e.get("shape") for e in operation.get("errors", [])}
    operation["errors"] = operation.get("errors", []) + [
        {"shape": name} for name, shape in model["shapes"].items()
        if shape.get("exception") and name not in listed]
    api = load_aws.lower(label, json.dumps(model).encode(), model,
                         {"prefix": "t", "stem": "suite", "folder": ""})
    for name, text in render.files("", api).items():
        (folder / name).write_text(text, encoding="utf-8")
    return api, model


def request_of(case, api, made):
    operation = api.operations[0]
    text = "NULL"
    if operation.input is not None:
        text = made.whole(operation.input, case["params"])
    return [f".in = {text}"]


def response_of(case, api, made, cbor):
    response = case["response"]
    body = response.get("body", "")
    body = base64.b64decode(body) if cbor else body.encode("utf-8")
    headers = response.get("headers", {})
    lines = [f".response.status = {int(response.get('status_code', 200))}",
             f".response.body = {values.data(body)}"]
    if headers:
        rows = ", ".join(f"{{{values.string(k)}, {values.string(str(v))}}}"
                         for k, v in headers.items())
        lines += [f".response.headers = (const struct http_header[]){{{rows}}}",
                  f".response.n_headers = {len(headers)}"]
    if "error" in case:
        shape = next((e.shape for e in api.errors
                      if case.get("errorCode") in (e.shape.name, e.code)), None)
        value = case["error"]
        if shape is None and value:
            raise Unfit(f"the model has no error {case.get('errorCode')}")
        lines.append(".is_error = true")
    else:
        shape, value = api.operations[0].output, case.get("result", {})
        if shape is None and value:
            raise Unfit("a result is wanted of an operation without output")
    if shape is not None:
        lines += [f".shape = &{shape.c_desc}", f".expected = {made.whole(shape, value)}"]
    return lines


def is_cbor(suite):
    offered = suite["metadata"].get("protocols") or [suite["metadata"].get("protocol")]
    return "smithy-rpc-v2-cbor" in offered and suite["metadata"].get("protocol") != "json"


def table(suite, cases, api, model):
    """The C of the cases, and why those cannot be run that are not in it."""
    made, cbor, rows, unfit = values.Values(api, model), is_cbor(suite), [], {}
    for case in cases:
        try:
            if "response" in case:
                lines = response_of(case, api, made, cbor)
            else:
                endpoint = json.dumps(suite.get("clientEndpoint", "https://example.com"))
                lines = [f".endpoint = {endpoint}", *request_of(case, api, made)]
        except (values.Misfit, Unfit, KeyError, TypeError, ValueError) as e:
            unfit[id(case)] = f"the case cannot be understood: {e!r}"
            lines = []
        wanted = "AWS_PROTOCOL_CBOR" if cbor else "AWS_PROTOCOL_JSON"
        head = [f".op = &{api.operations[0].c_name}_operation", f".wanted = {wanted}"]
        rows.append("    {" + ", ".join(head + lines) + "},")
    return "\n".join(
        ['#include "suite.h"', '#include "tests/conformance/driver.h"', "#include <math.h>",
         "const struct conformance_case conformance_cases[] = {", *rows, "};",
         "const size_t n_conformance_cases = ARRAY_LEN(conformance_cases);", ""]), unfit


# ---- compiling and running ---------------------------------------------------------------------


def build(build_dir, folder):
    compiler = shlex.split(os.environ.get("CC", "cc"))
    libs = subprocess.run(["pkg-config", "--libs", *PACKAGES], check=True, capture_output=True,
                          text=True).stdout.split()
    here = ROOT / "tests" / "conformance"
    done = subprocess.run(
        [*compiler, *FLAGS, f"-I{folder}", f"-I{ROOT / 'src'}", f"-I{ROOT}",
         *sorted(map(str, folder.glob("*.c"))), str(here / "driver.c"), str(here / "same.c"),
         *(str(build_dir / f"lib{name}.a") for name in LIBRARIES), *libs, "-lm", "-lpthread",
         "-o", str(folder / "suite")], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        line = next((x for x in done.stderr.splitlines() if "error" in x), done.stderr[-200:])
        raise Unfit(f"the generated C does not compile: {line}")


def parse(text):
    """The driver's lines as a dictionary."""
    said = {"headers": {}}
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "header":
            name, _, value = rest.partition(": ")
            said["headers"][name.lower()] = value
        else:
            said[word] = bytes.fromhex(rest) if word in ("body", "code", "message") else rest
    return said


def wrong_with(suite, case, program, number):
    """None, or what is wrong with the outcome of a case."""
    try:
        done = subprocess.run([program, str(number)], capture_output=True, timeout=SECONDS,
                              check=False)
    except subprocess.TimeoutExpired:
        return f"took more than {SECONDS} seconds"
    if done.returncode != 0:
        return f"ended with {done.returncode}: {done.stderr.decode(errors='replace')[-200:]}"
    said = parse(done.stdout.decode("utf-8", "replace"))
    if "refused" in said:
        return f"refused: {said['refused']}"
    if "differs" in said:
        return f"{said['differs']} is not what was expected"
    if "params" in case and "response" not in case:
        return "; ".join(judge.problems(said, case["serialized"], is_cbor(suite))) or None
    for key, word in (("errorCode", "code"), ("errorMessage", "message")):
        if "error" in case and case.get(key, "") and said[word] != case[key].encode("utf-8"):
            return f"{key} is {said[word].decode('utf-8', 'replace')!r}, wanted {case[key]!r}"
    return None


def run_group(suite, cases, label, build_dir):
    """[(case, None or what is wrong)]"""
    with tempfile.TemporaryDirectory() as tmp:
        folder = pathlib.Path(tmp)
        try:
            api, model = generate(suite, cases, label, folder)
            text, unfit = table(suite, cases, api, model)
            (folder / "cases.c").write_text(text, encoding="utf-8")
            build(build_dir, folder)
        except (ir.IdlError, Unfit) as e:
            return [(case, str(e)) for case in cases]
        return [(case, unfit.get(id(case)) or wrong_with(suite, case, folder / "suite", i))
                for i, case in enumerate(cases)]


def load(path):
    try:
        suites = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        sys.exit(f"{path}: {e}")
    shaped = isinstance(suites, list) and all(
        isinstance(s, dict) and isinstance(s.get("metadata"), dict)
        and isinstance(s.get("cases"), list)
        and all(isinstance(c, dict) and isinstance(c.get("given"), dict)
                and ("params" in c or "response" in c) for c in s["cases"]) for s in suites)
    if not shaped:
        sys.exit(f"{path}: is no list of suites of protocol tests")
    return suites


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", metavar="FILE", nargs="+")
    parser.add_argument("--build", default=str(ROOT / "build"), metavar="DIR",
                        help="where the libraries are built (default: build)")
    args = parser.parse_args()
    work = [(path, suite, cases) for path in args.files for suite in load(path)
            for cases in groups(suite)]
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        done = pool.map(lambda w: run_group(w[1], w[2], os.path.basename(w[0]),
                                            pathlib.Path(args.build)), work)
        for (path, suite, _), outcomes in zip(work, done):
            for case, wrong in outcomes:
                passed += wrong is None
                failed += wrong is not None
                if wrong is not None:
                    name = case.get("id") or case.get("description") or operation_name(case)
                    where = f"{os.path.basename(path)}: {suite.get('description', 'suite')}: {name}"
                    print(f"FAIL {where}: {' '.join(wrong.split())}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
