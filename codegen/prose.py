# SPDX-License-Identifier: Apache-2.0
"""Documentation of an API model as lines of a C comment: HTML's tags taken out, wrapped."""
import html
import re
import textwrap

_WIDTH = 90  # columns; clang-format would break longer ones where it likes
_PARAGRAPH = re.compile(r"</?(?:p|li|ul|ol|dl|dt|dd|note|important|h\d|br)\b[^>]*>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")


def lines(text):
    """A tuple of lines; empty for what is no text."""
    if not isinstance(text, str):
        return ()
    made = []
    for paragraph in _PARAGRAPH.split(text):
        plain = " ".join(html.unescape(_TAG.sub("", paragraph)).split())
        plain = "".join(c if c.isprintable() else " " for c in plain)
        # Nothing may end the comment, or look like the start of one in it.
        plain = plain.replace("*/", "* /").replace("/*", "/ *")
        made += textwrap.wrap(plain, _WIDTH, break_long_words=False, break_on_hyphens=False)
    return tuple(made)
