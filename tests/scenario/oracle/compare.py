# SPDX-License-Identifier: Apache-2.0
"""Runs the groups of comparisons; see run."""
import sys
import time

import botocore

from oracle import Book  # first: it makes harness importable

import credentials
import endpoints
import errors
import operations
import rpcs
from harness import NAMED

GROUPS = {"operations": operations, "rpcs": rpcs, "credentials": credentials, "errors": errors,
          "endpoints": endpoints}


def main():
    began = time.monotonic()
    for name in NAMED:
        if name not in GROUPS:
            sys.exit(f"there is no group {name}; there are {', '.join(GROUPS)}")
    print(f"session-dsm's AWS side against botocore {botocore.__version__}", flush=True)
    book = Book()
    for name, group in GROUPS.items():
        if not NAMED or name in NAMED:
            group.compare(book)
    print(f"{book.passed} passed, {book.failed} failed ({time.monotonic() - began:.0f} s)")
    return 1 if book.failed else 0


if __name__ == "__main__":
    sys.exit(main())
