# SPDX-License-Identifier: Apache-2.0
"""A change of a contract, in words, with what it breaks."""
from dataclasses import dataclass
from typing import Tuple

WIRE = "breaks the wire"      # peers with the old contract and the new one do not understand each other
SOURCE = "breaks the source"  # they do; code written for the old contract needs a look
FINE = "compatible"
LEVELS = (WIRE, SOURCE, FINE)


@dataclass(frozen=True)
class Change:
    level: str
    file: str
    element: str                  # "RequestCreateGameSession.port"
    text: str                     # "field removed"
    members: Tuple[str, ...] = ()  # struct members whose uses need a look
    words: Tuple[str, ...] = ()    # identifiers whose uses need a look
    prefix: str = ""              # of the C names around them


class Changes:
    """What is found in one pair of files."""

    def __init__(self, file, prefix):
        self.file = file
        self.prefix = prefix
        self.found = []

    def add(self, level, element, text, members=(), words=()):
        self.found.append(Change(level, self.file, element, text, tuple(members), tuple(words),
                                 self.prefix))

    def wire(self, *args, **more):
        self.add(WIRE, *args, **more)

    def source(self, *args, **more):
        self.add(SOURCE, *args, **more)

    def fine(self, *args, **more):
        self.add(FINE, *args, **more)


def pairs(old, new, key=lambda item: item.name):
    """(removed, added, [(old, new)]) of two lists, by their names; in the order of the lists."""
    olds, news = {key(item): item for item in old}, {key(item): item for item in new}
    return ([item for name, item in olds.items() if name not in news],
            [item for name, item in news.items() if name not in olds],
            [(item, news[name]) for name, item in olds.items() if name in news])
