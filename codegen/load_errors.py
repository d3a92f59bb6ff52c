# SPDX-License-Identifier: Apache-2.0
"""idl/aws-errors.json -> representation: which gRPC code answers which AWS error name."""
import hashlib
import json
import os
from dataclasses import dataclass
from typing import Tuple

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
    try:
        with open(os.path.join(root, source), "rb") as f:
            data = f.read()
        rows = json.loads(data)["errors"]
    except OSError as e:
        raise ir.IdlError(source, "file", e.strerror)
    except (ValueError, KeyError, TypeError, RecursionError) as e:
        raise ir.IdlError(source, "errors", str(e))
    if not isinstance(rows, dict):
        raise ir.IdlError(source, "errors", "is no object")
    errors = {}
    for code, retries in rows.items():
        if not isinstance(retries, dict):
            raise ir.IdlError(source, code, "is no object")
        if code not in CODES:
            raise ir.IdlError(source, code, "is no gRPC status code")
        for retry, listed in retries.items():
            if retry not in RETRIES:
                raise ir.IdlError(source, f"{code}.{retry}", "is no kind of retry")
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
