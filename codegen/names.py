# SPDX-License-Identifier: Apache-2.0
"""The only place where a C identifier is made.

The rule: prefix plus snake_case of the source name; nothing shortened, nothing reordered, an
acronym counts as one word, a C keyword gets a trailing underscore. So a grep from the IDL finds the
C, and the other way round.
"""
import re

KEYWORDS = frozenset(
    """auto break case char const continue default do double else enum extern float for goto if
    inline int long register restrict return short signed sizeof static struct switch typedef union
    unsigned void volatile while _Alignas _Alignof _Atomic _Bool _Complex _Generic _Imaginary
    _Noreturn _Static_assert _Thread_local asm typeof bool true false errno stdin stdout stderr
    NULL EOF assert unix linux""".split()
)

# Words that headers of the C library turn into something else, be it in the middle of a struct.
MACROS = frozenset(
    """d_fileno h_addr h_errno math_errhandling s6_addr sa_handler sa_sigaction sched_priority si_addr
    si_band si_fd si_int si_pid si_ptr si_status si_stime si_uid si_utime si_value st_atime st_ctime
    st_mtime static_assert""".split()
)

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]+(?![a-z])[0-9]*|[A-Z][a-z0-9]*|[a-z][a-z0-9]*|[0-9]+[a-z]*")
_LEGAL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def words(source):
    """The words of a name: "FleetArn" and "fleetARN" and "fleet_arn" all give fleet, arn."""
    return [w.lower() for part in re.split(r"[^A-Za-z0-9]+", source) for w in _WORD.findall(part)]


def snake(source):
    return "_".join(words(source))


def identifier(source):
    """A member, variable or slot name."""
    name = snake(source)
    if not name:
        raise ValueError(f"{source!r} holds no letter or digit to name something by")
    if name[0].isdigit():
        name = "_" + name
    return name + "_" if name in KEYWORDS else name


def prefixed(prefix, source):
    """A type or function name; the prefix keeps it clear of keywords."""
    name = snake(source)
    if not name:
        raise ValueError(f"{source!r} holds no letter or digit to name something by")
    return f"{prefix}_{name}" if prefix else identifier(source)


def constant(*parts):
    """An enum value or macro."""
    return "_".join(snake(p).upper() for p in parts if snake(p))


def is_legal(name):
    return _LEGAL.match(name) is not None and name not in KEYWORDS


class Scope:
    """Identifiers that must differ; a clash names both sources."""

    def __init__(self, error):
        self._taken = {}
        self._error = error  # called with (source, reason); raises

    def claim(self, name, source):
        if not is_legal(name):
            self._error(source, f"{name!r} is no legal C identifier")
        if name in self._taken:
            self._error(source, f"becomes {name}, as {self._taken[name]} does; rename one of them")
        self._taken[name] = source
        return name

    def claim_enum(self, source, parts, values):
        """The constants of an enum: a list for its values, then "absent" and "unknown here".

        "parts" name the enum for constant(). The last two get underscores until no value of the
        enum has their name.
        """
        made = [self.claim(constant(*parts, v), f"{source}.{v}") for v in values]
        extra = []
        for word in ("UNSET", "UNKNOWN"):
            name = constant(*parts, word)
            while name in made:
                name += "_"
            extra.append(self.claim(name, f"{source} ({word.lower()})"))
        return made, extra[0], extra[1]
