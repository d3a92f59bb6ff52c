# SPDX-License-Identifier: Apache-2.0
"""What changes a program under test: a wrapper that it runs in, such as valgrind, or a sanitizer that
is built into it. Both take memory, signals and time of their own."""
import os
import pathlib

# TEST_WRAPPER in the environment is put in front of the program under test, such as "valgrind -q".
WRAPPER = os.environ.get("TEST_WRAPPER", "").split()


def sanitized(program):
    """Whether AddressSanitizer or ThreadSanitizer is in it."""
    code = pathlib.Path(program).read_bytes()
    return b"__asan_init" in code or b"__tsan_init" in code


def instrumented(program):
    """Whether figures of its process say little of the program's own."""
    return bool(WRAPPER) or sanitized(program)
