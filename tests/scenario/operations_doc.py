#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""docs/operations.md lists every setting, metric, span, log field, status code and signal of the
program, and no other.

    tests/scenario/operations_doc.py [BUILD_FOLDER]          checks
    WRITE=1 tests/scenario/operations_doc.py [BUILD_FOLDER]  puts what the program says into the file
"""
import json
import os
import pathlib
import re
import signal
import subprocess

import operations_source
from harness import (ROOT, Service, Sim, eventually, plain_environment, program, running,
                     story)
from instrumented import instrumented
from metrics import WORLD, fetch
from tracing import Collector

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


def compare_tables(real, doc):
    for name, rows in real.items():
        written = part(doc, name).group(1).splitlines()
        missing = [r for r in rows if r not in written]
        extra = [r for r in written if r not in rows]
        assert written == rows, (f"{name}: run it with WRITE=1\n"
                                 f"missing: {missing}\nno longer there: {extra}")


def tables_are_what_the_program_says(w):
    """The tables of settings and metrics are what --help and a scrape say"""
    compare_tables(tables(w), DOC.read_text())


# ---- tables with words of our own: the names in them are compared ---------------------------------


def names(doc, table):
    """The names in the first column of each row of that table, in backticks."""
    rows = part(doc, table).group(1).splitlines()[2:]
    found = [name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])]
    assert len(found) == len(set(found)), f"{table}: a name stands twice in {sorted(found)}"
    return set(found)


def attributes(doc):
    """The attributes of each span: server, GameLift's, AGS's, a placement's."""
    rows = part(doc, "spans").group(1).splitlines()[2:]
    assert len(rows) == 4, rows
    return [set(re.findall(r"`([^`]+)`", row.split("|")[2])) for row in rows]


def differ(what, written, real):
    assert written == real, (f"{what}: docs/operations.md does not have {sorted(real - written)}; "
                             f"the program does not have {sorted(written - real)}")


def compare(doc, source=operations_source):
    """What the page says with what the code says."""
    differ("log fields", names(doc, "log fields"), source.log_fields())
    differ("status codes", names(doc, "status codes"), source.status_codes())
    differ("signals", names(doc, "signals"), source.signals())
    differ("span attributes", set().union(*attributes(doc)), source.span_attributes())


def names_are_those_of_the_code(_):
    """Log fields, status codes, signals and span attributes are those that the code makes"""
    compare(DOC.read_text())


def a_page_that_disagrees_is_noticed(_):
    """A row that is missing, and one too many, is noticed in each table"""
    doc = DOC.read_text()
    for table, name in (("log fields", "`nextTryMs`"), ("status codes", "`ABORTED`"),
                        ("signals", "`SIGPIPE`"), ("spans", "`http.host`")):
        found = part(doc, table)
        for changed in ("", "`no.such.name`"):
            assert name in found.group(1)
            other = doc[:found.start(1)] + found.group(1).replace(name, changed, 1) + \
                doc[found.end(1):]
            try:
                compare(other)
            except AssertionError:
                continue
            raise AssertionError(f"nobody noticed {changed!r} instead of {name} in {table}")
    try:
        compare_tables({"settings": settings_table()}, doc.replace("| `LOG_LEVEL` |", "| `LEVEL` |"))
    except AssertionError:
        return
    raise AssertionError("nobody noticed a setting of another name")


def spans_are_what_a_collector_gets(_):
    """The spans of a create, a retry and a terminate have the attributes of their rows, and all of them"""
    collector = Collector()
    with running(Sim()) as sim, running(Service(sim.url, **sim.ags_settings(),
                                                **collector.settings())) as service:
        sim.fault(kind="throttle", count=1)
        answer = service.create()
        sim.put_ags_session(status="AVAILABLE", deployment=answer.deployment)
        service.terminate()

        def of(span):
            if span["kind"] == "SERVER":
                return 0
            return 1 if span["name"].startswith("GameLift.") else 2

        def all_kinds():
            return {of(span) for span in collector.spans()} == {0, 1, 2}

        eventually(all_kinds, "spans of every kind come")
        seen = [set(), set(), set()]
        of_zipkin = {"service.name", "service.version", "environment", "ID", "otel.status_code",
                     "error"}
        for span in collector.spans():
            seen[of(span)] |= set(span["tags"]) - of_zipkin
        for row, written, real in zip(("server", "GameLift", "AGS"), attributes(DOC.read_text()),
                                      seen):
            differ(f"attributes of the spans: {row}", written, real)
        fields = names(DOC.read_text(), "log fields")
        lines = [json.loads(line) for line in service.output().splitlines()]
        unknown = {key for line in lines for key in line} - fields
        assert not unknown, f"log fields that the page does not have: {unknown}"
    collector.stop()


def signals_are_those_of_the_process(w):
    """The kernel's masks of the process name the same signals"""
    if instrumented(program("session-dsm")):
        print("    skipped: a sanitizer or wrapper has signals of its own")
        return
    status = pathlib.Path(f"/proc/{w.service.process.pid}/status").read_text()
    masks = [int(mask, 16) for mask in re.findall(r"^Sig(?:Ign|Cgt):\t(\w+)$", status, re.M)]
    real = {signal.Signals(n).name for n in range(1, 32) if (masks[0] | masks[1]) >> (n - 1) & 1}
    # libuv waits for a credential_process by it; nobody sends it to us.
    differ("signals", names(DOC.read_text(), "signals"), real - {"SIGCHLD"})


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
        story([tables_are_what_the_program_says, names_are_those_of_the_code,
               a_page_that_disagrees_is_noticed, spans_are_what_a_collector_gets,
               signals_are_those_of_the_process], world=WORLD)
