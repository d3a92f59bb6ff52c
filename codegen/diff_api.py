# SPDX-License-Identifier: Apache-2.0
"""What differs between two versions of an API model, be it AWS's or a REST API's."""
from changes import FINE, SOURCE, WIRE, pairs

_SERVICE = (("query_compatible", "whether errors have the names of the Query protocol"),
            ("target_prefix", "the target prefix"), ("signing_name", "the signing name"),
            ("endpoint_prefix", "the endpoint prefix"), ("api_version", "the API version"))
_OPERATION = (("method", "the HTTP method"), ("path", "the path"),
              ("host_prefix", "the host prefix"),
              ("basic_auth", "whether the client's id and secret authorize it"),
              ("unsigned", "whether it goes unsigned"))


def compare(old, new, changes):
    """Adds what differs between two ir.ApiService or ir.RestService to the changes."""
    _attributes(changes, "service", old, new, _SERVICE)
    _protocols(changes, old, new)
    removed, added, both = pairs(old.operations, new.operations)
    for operation in removed:
        changes.wire(operation.name, "operation removed", words=(operation.c_name,))
    for operation in added:
        changes.fine(operation.name, "operation added")
    for before, after in both:
        _operation(changes, before, after)
    sent, received = _reach(new, "input"), _reach(new, "output")
    removed, added, both = pairs(old.shapes, new.shapes)
    for shape in removed:
        if shape.kind in ("structure", "union", "enum"):
            changes.source(shape.name, f"{shape.kind} removed", words=(shape.c_name,))
    for shape in added:
        if shape.kind in ("structure", "union", "enum"):
            changes.fine(shape.name, f"{shape.kind} added")
    for before, after in both:
        _shape(changes, before, after, before.name in sent, before.name in received)


def _attributes(changes, element, old, new, attributes):
    for name, said in attributes:
        before, after = getattr(old, name, None), getattr(new, name, None)
        if before != after:
            changes.wire(element, f"{said} changed from {_said(before)} to {_said(after)}")


def _protocols(changes, old, new):
    for name, said in (("json_content_type", "JSON"), ("cbor", "CBOR")):
        before, after = getattr(old, name, None), getattr(new, name, None)
        if before == after:
            continue
        if not before:
            changes.fine("service", f"{said} is spoken, too")
        elif not after:
            changes.wire("service", f"{said} is no longer spoken")
        else:
            changes.wire("service", f"the content type changed from {before} to {after}")


def _said(value):
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value in (None, "") else value


def _reach(api, side):
    """The names of the shapes that requests (input) or answers (output) have."""
    shapes = {shape.name: shape for shape in api.shapes}
    waiting = [getattr(operation, side) for operation in api.operations]
    found = set()
    while waiting:
        shape = waiting.pop()
        if shape is None or shape.name in found:
            continue
        found.add(shape.name)
        refs = [member.shape for member in shape.members]
        refs += [shape.element] if shape.element is not None else []
        waiting += [shapes[ref.name] for ref in refs if ref.name in shapes]
    return found


def _operation(changes, old, new):
    _attributes(changes, old.name, old, new, _OPERATION)
    for side in ("input", "output"):
        before, after = getattr(old, side), getattr(new, side)
        if (before is None) != (after is None):
            changes.source(old.name, f"has {'no' if after is None else 'an'} {side} now",
                           words=(old.c_name,))
    if hasattr(old, "params"):
        places = {param.member.name: param.place for param in new.params}
        for param in old.params:
            if places.get(param.member.name, param.place) != param.place:
                changes.wire(f"{old.name}.{param.member.name}", "is sent in another place of the "
                             f"request: {param.place} became {places[param.member.name]}")
    else:
        for name in sorted(set(new.errors) - set(old.errors)):
            changes.fine(old.name, f"may fail with {name} now")
        for name in sorted(set(old.errors) - set(new.errors)):
            changes.fine(old.name, f"no longer fails with {name}")


def _shape(changes, old, new, sent, received):
    if old.kind != new.kind:
        changes.wire(old.name, f"was a {old.kind}, is a {new.kind}", words=(old.c_name,))
        return
    if old.kind in ("structure", "union"):
        _members(changes, old, new, sent, received)
    if old.kind == "enum":
        _values(changes, old, new, sent)
    if old.element is not None and old.element.kind != new.element.kind:
        changes.wire(old.name, f"its elements were {old.element.kind}s, are {new.element.kind}s")
    if old.time_format != new.time_format:
        changes.wire(old.name, "is written in another form: "
                     f"{_form(old)} became {_form(new)}")
    if old.sparse != new.sparse:
        changes.source(old.name, "may hold null now" if new.sparse else "holds no null any more")
    _constraints(changes, old, new, sent)


def _form(timestamp):
    """"CODEC_TIME_HTTP_DATE": "http date"."""
    return timestamp.time_format[len("CODEC_TIME_"):].lower().replace("_", " ") or "epoch seconds"


def _members(changes, old, new, sent, received):
    removed, added, both = pairs(old.members, new.members)
    for member in removed:
        changes.source(f"{old.name}.{member.name}", "member removed", members=(member.c_name,))
    for member in added:
        element = f"{old.name}.{member.name}"
        if member.required and sent:
            changes.wire(element, f"required member added ({member.shape.kind}): requests without it "
                         "are refused", words=(old.c_name,))
        else:
            changes.fine(element, f"member added ({member.shape.kind})")
    for before, after in both:
        element = f"{old.name}.{before.name}"
        if before.shape.kind != after.shape.kind:
            changes.wire(element, f"type changed from {before.shape.kind} to {after.shape.kind}",
                         members=(before.c_name,))
        elif before.shape.c_type != after.shape.c_type:
            changes.source(element, f"shape changed from {before.shape.name} to {after.shape.name}",
                           members=(before.c_name,))
        if after.required and not before.required:
            if sent:
                changes.wire(element, "is required now: requests without it are refused",
                             members=(before.c_name,))
            else:
                changes.fine(element, "is in every answer now")
        if before.sensitive != after.sensitive:
            changes.fine(element, "is sensitive now: no log shows it" if after.sensitive else
                         "is no longer sensitive: logs may show it")
        if before.idempotency_token != after.idempotency_token:
            changes.fine(element, "is an idempotency token now: left out, it is made up"
                         if after.idempotency_token else
                         "is no longer an idempotency token: left out, it is not sent")
        if before.required and not after.required:
            if received:
                changes.wire(element, "is no longer required: answers may lack it",
                             members=(before.c_name,))
            else:
                changes.fine(element, "is no longer required")


def _values(changes, old, new, sent):
    removed, added, _ = pairs(old.values, new.values)
    for value in removed:
        changes.add(WIRE if sent else SOURCE, f"{old.name}.{value.name}",
                    "value removed" + (": it is refused now" if sent else ""),
                    words=(value.c_name,))
    for value in added:
        changes.fine(f"{old.name}.{value.name}", "value added")


def _constraints(changes, old, new, sent):
    def tightened(text):
        changes.add(WIRE if sent else FINE, old.name,
                    f"constraint tightened: {text}")

    was, now = old.constraints, new.constraints
    for name, tighter in (("min", lambda a, b: a is None or (b is not None and b > a)),
                          ("max", lambda a, b: a is None or (b is not None and b < a))):
        before, after = getattr(was, name), getattr(now, name)
        if before == after:
            continue
        text = f"{name} changed from {_said(before)} to {_said(after)}"
        if after is not None and tighter(before, after):
            tightened(text)
        else:
            changes.fine(old.name, f"constraint loosened: {text}")
    if was.pattern != now.pattern:
        if now.pattern is None:
            changes.fine(old.name, "constraint loosened: no pattern any more")
        else:
            tightened(f"pattern changed from {_said(was.pattern)} to {now.pattern}")
