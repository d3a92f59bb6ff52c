# SPDX-License-Identifier: Apache-2.0
"""Regular expressions of a model that say no more than which characters a text consists of."""
import re

_TOKEN = r"(?:[^\]\[\\^&]|\\[-:./_\\])"  # what Java, Python and PCRE read alike inside of [...]
_ONLY = re.compile(rf"\^\[({_TOKEN}+)\]\+\$", re.ASCII)
_RANGE = re.compile(rf"({_TOKEN})(?:-({_TOKEN}))?")


def alphabet(pattern):
    """The ASCII characters of "^[...]+$"; None for a pattern of another kind."""
    match = _ONLY.fullmatch(pattern)
    if match is None or not pattern.isascii() or not pattern.isprintable():
        return None
    found = set()
    for low, high in _RANGE.findall(match[1]):
        first, last = low[-1], (high or low)[-1]
        if first > last:
            return None
        found.update(chr(c) for c in range(ord(first), ord(last) + 1))
    return found
