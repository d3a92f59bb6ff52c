# SPDX-License-Identifier: Apache-2.0
"""idl/aws-errors.json -> representation: which gRPC code answers which AWS error name."""
import hashlib
import os
from dataclasses import dataclass
from typing import Tuple

import given
import ir

CODES = frozenset(
    """CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS
    PERMISSION_DENIED RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED
    INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED""".split())
RETRIES = frozenset(["none", "transient", "throttle"])


@dataclass(frozen=True)
class ErrorTable:
    source: str
    sha256: str
    prefix: str
    stem: str
    errors: Tuple[ir.ErrorCode, ...]  # sorted by name, for a binary search


def load(root, target):
    source = target["idl"]
    data, table = given.parsed(os.path.join(root, source), source)
    rows = table.get("errors") if isinstance(table, dict) else None
    if not isinstance(rows, dict):
        raise ir.IdlError(source, "file", "has no object named 'errors'")
    errors = {}
    for code, retries in rows.items():
        if not isinstance(retries, dict):
            raise ir.IdlError(source, code, "is no object")
        if code not in CODES:
            raise ir.IdlError(source, code, "is no gRPC status code" + given.like(code, CODES))
        for retry, listed in retries.items():
            if retry not in RETRIES:
                raise ir.IdlError(source, f"{code}.{retry}", f"is no kind of retry; known here: {', '.join(sorted(RETRIES))}")
            if not isinstance(listed, list):
                raise ir.IdlError(source, f"{code}.{retry}", "is no list of error names")
            for name in listed:
                if not isinstance(name, str) or not name:
                    raise ir.IdlError(source, f"{code}.{retry}", f"{name!r} is no error name")
                if name in errors:
                    raise ir.IdlError(source, name, "is listed twice")
                errors[name] = ir.ErrorCode(name=name, code=code, retry=retry, doc="")
    return ErrorTable(source=source, sha256=hashlib.sha256(data).hexdigest(),
                      prefix=target["prefix"], stem=target["stem"],
                      errors=tuple(errors[n] for n in sorted(errors)))
