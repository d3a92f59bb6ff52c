# SPDX-License-Identifier: Apache-2.0
"""What src/ says of log fields, span attributes, status codes and signals, for operations_doc.py.

Found by the macros and functions that make them; one whose name is no literal is an error, so that
nothing can hide.
"""
import re

from harness import ROOT

SRC = ROOT / "src"
# These hold tables of all codes, or read what others answered.
OF_ALL_CODES = {"base/err.c", "grpc/client.c", "telemetry/access_log.c", "telemetry/trace.c",
                "telemetry/call_metrics.c"}
# Written by log.c itself, and not by put_field.
OF_EACH_LINE = {"time", "level", "msg", "truncated"}


def sources():
    """Path below src/ and text of each source file."""
    for path in sorted(SRC.rglob("*.[ch]")):
        yield str(path.relative_to(SRC)), path.read_text()


def literals(text, call, where):
    """The first argument of each call, which has to be a string literal."""
    for found in re.finditer(rf"\b{call}\(\s*", text):
        literal = re.match(r'"([^"\\]+)"\s*[,)]', text[found.end():])
        assert literal, f"{where}: {text[found.start():found.start() + 60]!r} has no literal name"
        yield literal.group(1)


def log_fields():
    keys = set(OF_EACH_LINE)
    for name, text in sources():
        if name == "base/log.h":
            continue
        keys.update(literals(text, r"LOG_(?:STR|CSTR|INT|RAW)", name))
        if name == "base/log.c":
            keys.update(re.findall(r'put_field\(b, "([^"]+)"', text))
            keys.update(re.findall(r'",\\"(\w+)\\":%', text))
            for key in OF_EACH_LINE:
                assert f'\\"{key}\\":' in text, f"{name} does not write {key!r}"
    return keys


def span_attributes():
    keys = set()
    text = (SRC / "telemetry" / "trace.c").read_text()
    for function in ("add", "add_text"):
        for call in re.findall(rf"\b{function}\((&?a, \S+)", text):
            if (literal := re.match(r'&?a, "([^"]+)",', call)):
                keys.add(literal.group(1))
            else:
                assert call == "a, key,", f"telemetry/trace.c: {call!r} has no literal name"
    return keys


def status_codes():
    """Those that some line makes, by gRPC's names; OK is not of interest."""
    codes = set()
    for name, text in sources():
        if name.endswith(".h") or name in OF_ALL_CODES:
            continue
        for line in text.splitlines():
            if "<=" in line or re.search(r"\bcase RPC_", line):  # compared, not made
                continue
            codes.update(re.findall(r"\bRPC_([A-Z][A-Z_]+)\b", line))
            if "ERR_INVALID(" in line:
                codes.add("INVALID_ARGUMENT")
    known = set(re.findall(r"\bRPC_([A-Z_]+) = \d+", (SRC / "base" / "err.h").read_text()))
    return (codes & known) - {"OK"}


def signals():
    """Those that the program catches or ignores."""
    names = set()
    for name, text in sources():
        if name == "grpc/serve.c":  # the life cycle of smaller servers
            continue
        names.update(re.findall(r"\buv_signal_start\([^;]*?\b(SIG[A-Z0-9]+)\)", text))
        names.update(re.findall(r"\b(?:signal|sigaction)\((SIG[A-Z0-9]+),", text))
    return names
