# SPDX-License-Identifier: Apache-2.0
"""What a request should look like, by a case's "serialized", against the driver's lines."""
import base64
import gzip
import json
import urllib.parse

import cbor2


def _differs(got, wanted):
    """True unless both are the same in type and value; NaN is NaN. Whole floats of JSON are ints."""
    if isinstance(wanted, dict):
        return (not isinstance(got, dict) or set(got) != set(wanted)
                or any(_differs(got[k], wanted[k]) for k in wanted))
    if isinstance(wanted, list):
        return (not isinstance(got, list) or len(got) != len(wanted)
                or any(map(_differs, got, wanted)))
    if isinstance(wanted, bool) != isinstance(got, bool):
        return True
    if wanted != wanted:  # pylint: disable=comparison-with-itself
        return got == got  # pylint: disable=comparison-with-itself
    return got != wanted


def _cbor(body):
    """The value, with floats and tags told apart from what they would be equal to in Python."""
    return _walk(body, 0)[0]


def _walk(data, at):
    """(value, next offset)"""
    kind, low = data[at] >> 5, data[at] & 31
    if kind in (4, 5, 6):
        argument, at = _argument(data, at)
        if kind == 6:
            value, at = _walk(data, at)
            if isinstance(value, dict) and "float" in value:
                value = float(value["float"])  # a time may be either kind of number
            return {"tag": argument, "value": value}, at
        items = []
        while (data[at] != 0xFF) if argument is None else \
                (len(items) < argument * (2 if kind == 5 else 1)):
            value, at = _walk(data, at)
            items.append(value)
        at += argument is None
        return (items if kind == 4 else dict(zip(items[::2], items[1::2]))), at
    end = _end(data, at, kind, low)
    value = cbor2.loads(data[at:end])
    if isinstance(value, float):
        value = {"float": repr(value)}
    return value, end


def _argument(data, at):
    low = data[at] & 31
    if low == 31:
        return None, at + 1
    if low < 24:
        return low, at + 1
    size = 1 << (low - 24)
    return int.from_bytes(data[at + 1:at + 1 + size], "big"), at + 1 + size


def _end(data, at, kind, low):
    """Where a scalar ends."""
    argument, after = _argument(data, at)
    if kind not in (2, 3):
        return after
    if low != 31:
        return after + argument
    while data[after] != 0xFF:
        after = _end(data, after, data[after] >> 5, data[after] & 31)
    return after + 1


def _body(request, wanted, cbor):
    body = request.get("body")
    if request["headers"].get("content-encoding") == "gzip" and body is not None:
        body = gzip.decompress(body)
    if wanted == "" or (cbor and base64.b64decode(wanted) == b""):
        return "a body was sent" if body else None
    if body is None:
        return "no body was sent"
    try:
        got = _cbor(body) if cbor else json.loads(body)
        should = _cbor(base64.b64decode(wanted)) if cbor else json.loads(wanted)
    except ValueError:
        return None if body == wanted.encode() else f"body is {body!r}, wanted {wanted!r}"
    return f"body is {got!r}, wanted {should!r}" if _differs(got, should) else None


def problems(request, wanted, cbor):
    """Yields what is wrong with the request: {"url", "path", "headers" (lower case), "body"}."""
    headers = dict(request["headers"])
    if request.get("body") is not None:
        headers["content-length"] = str(len(request["body"]))  # the HTTP client's part
    if wanted.get("method", "POST") != "POST":
        yield f"method is POST, wanted {wanted['method']}"
    if "uri" in wanted and request["path"] != wanted["uri"]:
        yield f"uri is {request['path']}, wanted {wanted['uri']}"
    if "host" in wanted:
        place = urllib.parse.urlsplit(request["url"])
        host, slash, path = wanted["host"].partition("/")
        if place.netloc != host or headers.get("host") != host or \
                not place.path.startswith(slash + path):
            yield f"host is {request['url']}, wanted {wanted['host']}"
    for name, value in wanted.get("headers", {}).items():
        got = headers.get(name.lower())
        if got != value:
            yield f"header {name} is {got!r}, wanted {value!r}"
    for name in wanted.get("forbidHeaders", []):
        if name.lower() in headers:
            yield f"header {name} was sent"
    for name in wanted.get("requireHeaders", []):
        if name.lower() not in headers:
            yield f"header {name} was not sent"
    if "body" in wanted:
        wrong = _body(request, wanted["body"], cbor)
        if wrong:
            yield wrong
