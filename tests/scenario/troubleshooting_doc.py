#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""docs/troubleshooting.md says what the console says, and knows every code of the service.

    tests/scenario/troubleshooting_doc.py [BUILD_FOLDER]          checks
    WRITE=1 tests/scenario/troubleshooting_doc.py [BUILD_FOLDER]  writes the table of advice
"""
import os
import re

from harness import CODE, ROOT, story

DOC = ROOT / "docs" / "troubleshooting.md"



def advice():
    """The rows of src/console/advice.c that ask something of the reader."""
    source = (ROOT / "src" / "console" / "advice.c").read_text()
    table = re.search(r"advice_rows\[\] = \{\n(.*?)\n\};", source, re.S).group(1)
    table = table.replace("GAMELIFT", '"GameLift"').replace("AGS,", '"AGS",').replace("SQS,", '"SQS",')
    rows = []
    for row in re.findall(r"\{((?:[^{}\"]|\"(?:[^\"\\]|\\.)*\")*)\}", table):
        parts = re.findall(r'((?:"(?:[^"\\]|\\.)*"\s*)+|NULL|true|false)', row)
        service, operation, name, meaning, action, _ = [
            None if p == "NULL" else "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', p)) for p in parts]
        if action is None:
            continue
        assert operation is None, row
        rows.append(f"| {service or 'any'} | {f'`{name}`' if name else 'any other'} | {meaning} | {action} |")
    assert len(rows) > 20
    return ["| Of | Error | Meaning | What to do |", "|---|---|---|---|", *rows]


def written():
    found = re.search(r"<!-- advice -->\n\n?((?:\|.*\n)*)", DOC.read_text())
    return found, found.group(1).splitlines()


def the_table_is_the_consoles():
    """The table of upstream errors is the console's"""
    assert written()[1] == advice(), "run it with WRITE=1"


def every_code_is_there():
    """Each code that the operations page names has a row"""
    operations = (ROOT / "docs" / "operations.md").read_text()
    codes = set(re.findall(r"[A-Z_]{5,}", re.search(r"## Status codes\n(.*?)\n## ", operations,
                                                    re.S).group(1))) & {c.name for c in CODE} | {"CANCELLED"}
    rows = set(re.findall(r"^\| `([A-Z_]+)` \|", DOC.read_text(), re.M))
    assert not codes - rows, codes - rows


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
        story([the_table_is_the_consoles, every_code_is_there], shared=False)
