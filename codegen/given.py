# SPDX-License-Identifier: Apache-2.0
"""What is given to the generator's programs: JSON files, the names in them, and what they may lack."""
import difflib
import json

import ir


def _without_doubles(pairs):
    """An object in which no name stands twice, as JSON itself would let it."""
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(n for n in names if names.count(n) > 1)!r} stands twice in an object")
    return made


def parsed(path, label):
    """(bytes, JSON) of a file; errors call it by its label."""
    try:
        with open(path, "rb") as f:
            data = f.read()
        return data, json.loads(data, object_pairs_hook=_without_doubles)
    except OSError as e:
        raise ir.IdlError(label, "file", e.strerror) from e
    except (ValueError, RecursionError) as e:
        raise ir.IdlError(label, "JSON", str(e)) from e


def like(name, known):
    """The end of a sentence that says that there is no such name: what may have been meant."""
    found = difflib.get_close_matches(name, [k for k in known if isinstance(k, str)], n=1)
    return f"; did you mean {found[0]}?" if found else ""
