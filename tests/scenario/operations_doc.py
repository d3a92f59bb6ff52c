#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""docs/operations.md lists every setting and every metric of the program, and no other.

    tests/scenario/operations_doc.py [BUILD_FOLDER]          checks
    WRITE=1 tests/scenario/operations_doc.py [BUILD_FOLDER]  puts what the program says into the file
"""
import os
import re
import subprocess

from harness import ROOT, plain_environment, program, story
from metrics import WORLD, fetch

DOC = ROOT / "docs" / "operations.md"


def settings_table():
    """Variable and meaning, from --help."""
    done = subprocess.run([program("session-dsm"), "--help"], env=plain_environment(), text=True,
                          capture_output=True, check=True)
    rows = re.findall(r"^  ([A-Z][A-Z0-9_]+) +(\S.*)$", done.stdout, re.M)
    assert len(rows) > 20, done.stdout
    return ["| Variable | Meaning |", "|---|---|",
            *[f"| `{name}` | {meaning.replace('|', chr(92) + '|')} |" for name, meaning in rows]]


def metrics_table(text):
    """Name, type, labels and help, from a scrape."""
    rows = ["| Metric | Type | Labels | Meaning |", "|---|---|---|---|"]
    blocks = re.split(r"^# HELP ", text, flags=re.M)[1:]
    for block in blocks:
        head, kind, *samples = block.splitlines()
        name, meaning = head.split(" ", 1)
        labels = sorted({label for sample in samples
                         for label in re.findall(r'([a-z_]+)="', sample)} - {"le"})
        rows.append(f"| `{name}` | {kind.split(' ')[3]} | "
                    f"{', '.join(f'`{label}`' for label in labels)} | {meaning} |")
    return rows


def part(doc, name):
    """The lines behind the marker of that name, up to the next blank line that ends its table."""
    found = re.search(rf"<!-- {name} -->\n\n((?:\|.*\n)*)", doc)
    assert found, f"docs/operations.md has no marker <!-- {name} -->"
    return found


def produce_every_metric(w):
    """A call that succeeds and one that is retried make the families that start out empty."""
    w.sim.fault(kind="error", type="InternalServiceException", status=500, count=1)
    w.service.create()


def tables(w):
    produce_every_metric(w)
    return {"settings": settings_table(), "metrics": metrics_table(fetch(w.service))}


def tables_are_what_the_program_says(w):
    """The tables of settings and metrics are what --help and a scrape say"""
    doc = DOC.read_text()
    for name, rows in tables(w).items():
        written = part(doc, name).group(1).splitlines()
        missing = [r for r in rows if r not in written]
        extra = [r for r in written if r not in rows]
        assert written == rows, (f"{name}: run it with WRITE=1\n"
                                 f"missing: {missing}\nno longer there: {extra}")


def write_the_tables(w):
    """(writes the tables)"""
    doc = DOC.read_text()
    for name, rows in tables(w).items():
        found = part(doc, name)
        doc = doc[:found.start(1)] + "\n".join(rows) + "\n" + doc[found.end(1):]
    DOC.write_text(doc)


if __name__ == "__main__":
    if os.environ.get("WRITE"):
        story([write_the_tables], world=WORLD)
    else:
        story([tables_are_what_the_program_says], world=WORLD)
