#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""All that proto3 has, between grpcio and generated C: tests/everything/proto on everything_server.

Usage: everything.py EVERYTHING_SERVER
"""
import math
import pathlib
import random
import subprocess
import sys
import tempfile
import time

import grpc
from google.protobuf import any_pb2, descriptor_pb2, empty_pb2, timestamp_pb2
from google.protobuf.descriptor import FieldDescriptor as FD

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROTOS = ROOT / "tests" / "everything" / "proto"
SERVER = sys.argv[1]
CODE = grpc.StatusCode
sys.dont_write_bytecode = True
sys.path[:0] = [str(ROOT / "tests" / "scenario"), str(ROOT / "tests" / "golden")]
from generator import run  # noqa: E402
from proto_client import Server, compile_protos, fails  # noqa: E402

FILES = ("everything.proto", "plain.proto", "common/again.proto", "common/place.proto",
         "common/marks.proto")


compile_protos(PROTOS, *FILES)
import everything_pb2 as pb  # noqa: E402
import plain_pb2 as plain  # noqa: E402
from common import place_pb2 as place  # noqa: E402

Thing = pb.Thing
MIRROR = "/test.everything.v1.Mirror/"


class Mirror(Server):
    def echo(self, thing, path=MIRROR + "Echo"):
        return self.method(path, Thing, Thing)(thing, timeout=20)

    def echo_bytes(self, data):
        return self.channel.unary_unary(MIRROR + "Echo")(data, timeout=20)

    def text(self, method, thing):
        return self.method(MIRROR + method, Thing, pb.Text)(thing, timeout=20).text

    def text_of_bytes(self, method, data):
        answer = self.channel.unary_unary(MIRROR + method)(data, timeout=20)
        return pb.Text.FromString(answer).text

    def stats(self):
        return self.method(MIRROR + "Stats", empty_pb2.Empty, pb.Seen)(empty_pb2.Empty(), timeout=20)


# ---- any value of any field ----------------------------------------------------------------------

# No -0.0: protobuf-c takes it for 0 and sends nothing (docs/generator.md).
EDGES = {
    FD.CPPTYPE_INT32: (0, 1, -1, 2**31 - 1, -2**31),
    FD.CPPTYPE_INT64: (0, 1, -1, 2**63 - 1, -2**63),
    FD.CPPTYPE_UINT32: (0, 1, 2**32 - 1),
    FD.CPPTYPE_UINT64: (0, 1, 2**64 - 1),
    FD.CPPTYPE_DOUBLE: (0.0, 1.5, -1e308, math.inf, -math.inf, math.nan),
    FD.CPPTYPE_FLOAT: (0.0, 1.5, -2.0**100, math.inf, -math.inf, math.nan),
    FD.CPPTYPE_BOOL: (False, True),
    FD.CPPTYPE_ENUM: (0, 1, 2, -3, 2**31 - 1, 12345, -2**31),
}


def value_of(field, rng, depth):
    if field.type == FD.TYPE_STRING:
        return rng.choice(("", "a", "grüße 🎮", "x" * 300, '"\\\n'))
    if field.type == FD.TYPE_BYTES:
        return rng.choice((b"", b"\0", bytes(range(256))))
    if field.cpp_type == FD.CPPTYPE_MESSAGE:
        made = field.message_type._concrete_class()
        fill(made, rng, depth + 1)
        return made
    return rng.choice(EDGES[field.cpp_type])


def is_map(field):
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def put(message, field, rng, depth):
    """Some value into one field."""
    if is_map(field):
        key, value = field.message_type.fields
        for _ in range(rng.randrange(1, 4)):
            made, target = value_of(key, rng, depth), getattr(message, field.name)
            if value.cpp_type == FD.CPPTYPE_MESSAGE:
                target[made].CopyFrom(value_of(value, rng, depth))
            else:
                target[made] = value_of(value, rng, depth)
    elif field.label == FD.LABEL_REPEATED:
        for _ in range(rng.randrange(1, 4)):
            made, target = value_of(field, rng, depth), getattr(message, field.name)
            target.add().CopyFrom(made) if field.message_type else target.append(made)
    elif field.cpp_type == FD.CPPTYPE_MESSAGE:
        getattr(message, field.name).CopyFrom(value_of(field, rng, depth))
        getattr(message, field.name).SetInParent()
    else:
        setattr(message, field.name, value_of(field, rng, depth))


def fill(message, rng, depth=0):
    for field in message.DESCRIPTOR.fields:
        deep = field.cpp_type == FD.CPPTYPE_MESSAGE and depth > 2
        if not deep and rng.random() < (0.5 if depth == 0 else 0.3):
            put(message, field, rng, depth)


def canonical(message):
    return message.SerializeToString(deterministic=True)


def same(got, sent):
    if canonical(got) == canonical(sent):
        return
    wrong = [f.name for f in sent.DESCRIPTOR.fields
             if str(getattr(sent, f.name)) != str(getattr(got, f.name))]
    raise AssertionError(f"these came back otherwise: {wrong}")


# ---- the checks ----------------------------------------------------------------------------------


def every_field_alone(s):
    """Each field comes back with each of its values, and nothing else with it"""
    rng = random.Random(1)
    for field in Thing.DESCRIPTOR.fields:
        for _ in range(5):
            thing = Thing()
            put(thing, field, rng, 0)
            same(s.echo(thing), thing)


def any_mixture(s):
    """Messages with any fields, as deep as they like, come back as they were"""
    for seed in range(150):
        thing = Thing()
        fill(thing, random.Random(seed))
        same(s.echo(thing), thing)


def presence_is_kept(s):
    """What is present but zero or empty stays present: optional, oneof, wrapper, message"""
    for thing in (
            Thing(o_int32=0), Thing(o_double=0), Thing(o_bool=False), Thing(o_string=""),
            Thing(o_bytes=b""), Thing(o_kind=0), Thing(o_inner=Thing.Inner()), Thing(card=""),
            Thing(cents=0), Thing(voucher=Thing.Inner()), Thing(kind_of_payment=0),
            Thing(free=empty_pb2.Empty()), Thing(yes=False), Thing(Raw=b""),
            Thing(inner=Thing.Inner()), Thing(w_string={}), Thing(w_bool={}), Thing(at={}),
            Thing(linux=""), Thing(register=0)):
        assert thing.ByteSize() > 0
        same(s.echo(thing), thing)
        assert s.echo(thing).ListFields() == thing.ListFields()
    assert s.echo_bytes(b"") == b""


def wire_forms_are_equal(s):
    """Packed and not packed, entries without key or value, the last of a oneof: as proto3 has it"""
    def tag(number, wire):
        value, out = number << 3 | wire, b""
        while value > 0x7F:
            out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
        return out + bytes([value])

    def piece(number, data):
        return tag(number, 2) + bytes([len(data)]) + data

    # r_int32 (packed) one by one, and unpacked in a pack
    data = tag(24, 0) + b"\x05" + tag(24, 0) + b"\x06" + piece(38, b"\x07\x08")
    assert Thing.FromString(s.echo_bytes(data)) == Thing(r_int32=[5, 6], unpacked=[7, 8])
    # two oneof members: the later counts
    data = piece(51, b"x") + tag(52, 0) + b"\x09"
    assert Thing.FromString(s.echo_bytes(data)) == Thing(cents=9)
    # a map's entries without a key, without a value, with neither; the last of a key counts
    for data in (piece(61, piece(2, b"v")), piece(61, piece(1, b"k")), piece(61, b""),
                 piece(62, b""), piece(62, tag(1, 0) + b"\x05"), piece(63, piece(1, b"k")),
                 piece(61, piece(1, b"k") + piece(2, b"1")) + piece(61, piece(1, b"k") + piece(2, b"2")),
                 piece(61, piece(2, b"v") + piece(1, b"k"))):
        assert Thing.FromString(s.echo_bytes(data)) == Thing.FromString(data), data
    assert "by_number[-7] \n" in s.text_of_bytes("Look", piece(62, tag(1, 0) + b"\xf9" + b"\xff" * 8
                                                              + b"\x01"))
    # a handler sees the last of two entries
    data = b"".join(piece(61, piece(1, b"a") + piece(2, v)) for v in (b"1", b"2"))
    assert "labels[a] 2\n" in s.text_of_bytes("Look", data)
    # unknown fields do no harm
    assert Thing.FromString(s.echo_bytes(tag(400, 0) + b"\x01" + tag(8, 0) + b"\x01")).f_sint32 == -1


def bad_bytes_are_refused(s):
    """UTF-8, NUL, depth and numbers are checked in maps, oneofs, wrappers and packed fields, too"""
    def piece(number, data):
        n = len(data)
        size = bytes([n]) if n < 128 else bytes([n & 0x7F | 0x80, n >> 7])
        head = number << 3 | 2
        key = bytes([head]) if head < 128 else bytes([head & 0x7F | 0x80, head >> 7])
        return key + size + data

    def refused(code, text, data):
        fails(lambda: s.echo_bytes(data), code, text)

    bad, nul = b"\xc3(", b"a\0b"
    refused(CODE.INTERNAL, "labels[0].key", piece(61, piece(1, bad)))
    refused(CODE.INTERNAL, "labels[0].value", piece(61, piece(2, bad)))
    refused(CODE.INVALID_ARGUMENT, "labels[1].value", piece(61, b"") + piece(61, piece(2, nul)))
    refused(CODE.INTERNAL, "card", piece(51, bad))
    refused(CODE.INTERNAL, "o_string", piece(44, bad))
    refused(CODE.INTERNAL, "voucher.text", piece(53, piece(1, bad)))
    refused(CODE.INTERNAL, "w_string.value", piece(91, piece(1, bad)))
    refused(CODE.INTERNAL, "w_strings[0].value", piece(101, piece(1, bad)))
    refused(CODE.INTERNAL, "mask.paths[0]", piece(87, piece(1, bad)))
    refused(CODE.INTERNAL, "any.type_url", piece(86, piece(1, bad)))
    refused(CODE.INTERNAL, "r_int32", piece(24, b"\x80"))
    refused(CODE.INTERNAL, "r_double", piece(21, b"1234567"))
    refused(CODE.RESOURCE_EXHAUSTED, "r_bool", piece(34, b"\1" * 1001))
    refused(CODE.RESOURCE_EXHAUSTED, "labels", piece(61, b"") * 1001)
    deep = b""
    for _ in range(33):
        deep = piece(74, deep)
    refused(CODE.RESOURCE_EXHAUSTED, "nested too deeply", deep)
    values = b""
    for _ in range(12):
        values = piece(6, piece(1, values))
    data = piece(84, values)
    refused(CODE.RESOURCE_EXHAUSTED, "nested too deeply", piece(74, piece(74, piece(74, piece(
        74, piece(74, piece(74, piece(74, piece(74, data)))))))))


def all_kinds_of_method(s):
    """Unary, client, server and both streams; other files' messages; names that two services have"""
    things = []
    for seed in range(50):
        things.append(Thing())
        fill(things[-1], random.Random(seed))
    gather = s.method(MIRROR + "Gather", Thing, pb.Count, "stream_unary")
    assert gather(iter(things), timeout=20).things == 50
    assert gather(iter(()), timeout=20).things == 0
    repeat = s.method(MIRROR + "Repeat", pb.Order, Thing, "unary_stream")
    got = list(repeat(pb.Order(thing=things[3], times=20), timeout=20))
    assert len(got) == 20
    for thing in got:
        same(thing, things[3])
    chat = s.method(MIRROR + "Chat", Thing, Thing, "stream_stream")
    answers = list(chat(iter(things), timeout=20))
    assert len(answers) == 50
    for sent, answer in zip(things, answers):
        same(answer, sent)
    now = s.method(MIRROR + "Ping", empty_pb2.Empty, timestamp_pb2.Timestamp)(
        empty_pb2.Empty(), timeout=20)
    assert (now.seconds, now.nanos) == (1234567890, 5)
    answer = s.method(MIRROR + "Plain", plain.PlainMessage, place.Place)(
        plain.PlainMessage(text="here"), timeout=20)
    assert answer.region == "here"
    same(s.echo(things[1], "/test.everything.v1.Second/Echo"), things[1])
    answer = s.method("/PlainService/Turn", plain.PlainMessage, plain.PlainMessage)(
        plain.PlainMessage(text="abc"), timeout=20)
    assert (answer.text, answer.kind) == ("cba", plain.PLAIN_SOME)
    fails(lambda: s.channel.unary_unary("/test.everything.v1.Idle/Nothing")(b"", timeout=20),
          CODE.UNIMPLEMENTED, "Nothing")


def streams_wait_for_their_reader(s):
    """A sender is held up by a reader that does not read, and stops when the reader leaves"""
    before = s.stats()
    repeat = s.method(MIRROR + "Repeat", pb.Order, Thing, "unary_stream")
    call = repeat(pb.Order(thing=Thing(f_bytes=bytes(20000)), times=4_000_000_000), timeout=60)
    next(call)
    last, end = -1, time.monotonic() + 20
    while (now := s.stats().repeated) != last and time.monotonic() < end:
        last = now
        time.sleep(0.3)
    assert now == last, "it goes on sending"
    assert now - before.repeated < 2000, now
    call.cancel()
    while s.stats().cancelled == before.cancelled:
        assert time.monotonic() < end, "the handler was not told"
        time.sleep(0.02)


def handlers_see_what_was_sent(s):
    """Presence, oneofs and maps as the generated header gives them to a handler"""
    seen = s.text("Look", Thing())
    assert seen == "o_inner absent\nno payment\nlabels[a] absent\nby_number[-7] absent\n", seen
    seen = s.text("Look", Thing(
        o_int32=0, o_string="", o_kind=Thing.KIND_SLOW, o_inner=Thing.Inner(), card="4711",
        labels={"a": "x", "b": "y"}, by_number={1: Thing.Inner(), -7: Thing.Inner(text="seven")}))
    assert seen == ("o_int32 0\no_string ''\no_kind slow\no_inner there\ncard 4711\nlabels[a] x\n"
                    "by_number[-7] seven\n"), seen
    assert "cents -5\n" in s.text("Look", Thing(cents=-5))
    built = s.method(MIRROR + "Build", empty_pb2.Empty, Thing)(empty_pb2.Empty(), timeout=20)
    assert built == Thing(o_int32=0, o_string="", o_bytes=b"", o_kind=Thing.KIND_NEGATIVE, card="",
                          labels={"key": "value"}, restrict="keyword", base=17, n_inners=18), built


def logs_hide_what_is_sensitive(s):
    """Sensitive fields are hidden wherever they are: in oneofs, maps, nested and imported messages"""
    secret = "do-not-log"
    inner = Thing.Inner(text="shown", secret=secret)
    thing = Thing(
        card=secret, labels={"who": secret}, inner=inner, inners=[inner],
        by_number={1: inner}, deep=Thing.Inner.Deep(inners={"k": inner}),
        place=place.Place(region="eu", tokens={secret: secret}),
        places={1: place.Place(tokens={secret: secret})}, next=Thing(card=secret))
    line = s.text("Log", thing)
    assert secret not in line and "shown" in line and "who" in line and "eu" in line, line
    assert line.count("***") >= 9, line
    rng = random.Random(5)
    for _ in range(50):
        thing = Thing()
        fill(thing, rng)
        assert s.text("Log", thing).startswith("{")
    assert s.text("Log", Thing(o_int32=0, yes=False)) == '{"o_int32":0,"yes":false}'


def reflection_has_every_file(s):
    """Reflection gives the files with all that they import, custom options and all"""
    sys.path.insert(0, str(ROOT / "tests" / "scenario"))
    out = tempfile.mkdtemp()
    subprocess.run(["protoc", f"-I{ROOT / 'idl'}", f"--python_out={out}", "reflection.proto"],
                   check=True)
    sys.path.insert(0, out)
    import reflection_pb2 as reflection
    ask = s.method("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
                   reflection.ServerReflectionRequest, reflection.ServerReflectionResponse,
                   "stream_stream")
    answer = next(ask(iter([reflection.ServerReflectionRequest(
        file_containing_symbol="test.everything.v1.Mirror")]), timeout=20))
    files = [descriptor_pb2.FileDescriptorProto.FromString(data)
             for data in answer.file_descriptor_response.file_descriptor_proto]
    names = {f.name for f in files}
    assert names >= {*FILES, "google/protobuf/descriptor.proto", "google/protobuf/any.proto"}, names
    for file in files:
        assert set(file.dependency) <= names, file.name
    assert len(files) == len(names), "a file came twice"


if __name__ == "__main__":
    server = Mirror(SERVER)
    run([every_field_alone, any_mixture, presence_is_kept, wire_forms_are_equal,
         bad_bytes_are_refused, all_kinds_of_method, streams_wait_for_their_reader,
         handlers_see_what_was_sent, logs_hide_what_is_sensitive, reflection_has_every_file],
        server, end=server.stop)
