#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""docs/troubleshooting.md says what the console says, and knows every code of the service.

    tests/scenario/troubleshooting_doc.py [BUILD_FOLDER]          checks
    WRITE=1 tests/scenario/troubleshooting_doc.py [BUILD_FOLDER]  writes the table of advice
"""
import json
import os
import re

import operations_source
from harness import ROOT, story

DOC = ROOT / "docs" / "troubleshooting.md"



def advice():
    """The rows of src/console/advice.c that ask something of the reader."""
    source = (ROOT / "src" / "console" / "advice.c").read_text()
    table = re.search(r"advice_rows\[\] = \{\n(.*?)\n\};", source, re.S).group(1)
    table = table.replace("GAMELIFT,", '"GameLift",').replace("AGS,", '"AGS",').replace("SQS,", '"SQS",')
    rows = []
    for row in re.findall(r"\{((?:[^{}\"]|\"(?:[^\"\\]|\\.)*\")*)\}", table):
        parts = re.findall(r'((?:"(?:[^"\\]|\\.)*"\s*)+|NULL|true|false)', row)
        service, operation, name, meaning, action, _ = [
            None if p == "NULL" else "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', p)) for p in parts]
        if action is None:
            continue
        of = f"{service}, `{operation}`" if operation else service or "any"
        rows.append(f"| {of} | {f'`{name}`' if name else 'any other'} | {meaning} | {action} |")
    assert len(rows) > 20
    return ["| Of | Error | Meaning | What to do |", "|---|---|---|---|", *rows]


def written():
    found = re.search(r"<!-- advice -->\n\n?((?:\|.*\n)*)", DOC.read_text())
    return found, found.group(1).splitlines()


def the_table_is_the_consoles():
    """The table of upstream errors is the console's"""
    assert written()[1] == advice(), "run it with WRITE=1"


def every_code_is_there():
    """Each code that the code or the table of AWS's errors can make has a row, and no other has"""
    table = (ROOT / "generated" / "aws_errors.c").read_text()
    codes = operations_source.status_codes() | set(re.findall(r"\bRPC_([A-Z_]+)\b", table))
    rows = set(re.findall(r"^\| `([A-Z_]+)` \|", DOC.read_text(), re.M))
    assert len(codes) > 10 and rows == codes, (rows ^ codes)


def every_error_of_gamelift_has_a_row():
    """Each error that GameLift's model names for an operation that is used has advice of its own"""
    model = json.loads((ROOT / "idl" / "gamelift.json").read_text())
    names = {e["shape"] for o in model["operations"].values() for e in o.get("errors", [])}
    rows = set(re.findall(r"^\| GameLift \| `([A-Za-z]+)` \|", DOC.read_text(), re.M))
    assert len(names) > 8 and names <= rows, names - rows


def write_the_table():
    """(writes the table)"""
    doc = DOC.read_text()
    found, _ = written()
    DOC.write_text(doc[:found.start()] + "<!-- advice -->\n\n" + "\n".join(advice()) + "\n" +
                   ("" if found.group(1) else "\n") + doc[found.end():])


if __name__ == "__main__":
    if os.environ.get("WRITE"):
        story([write_the_table], shared=False)
    else:
        story([the_table_is_the_consoles, every_code_is_there, every_error_of_gamelift_has_a_row],
              shared=False)
