#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Bad input gets the right status and a sentence that names the field; the next call works."""
import random

import grpc
from harness import CODE, SERVICE, fails, story

INT32_MAX = 2**31 - 1

# What is wrong with one field -> code and words of the answer. Nothing of it may reach GameLift.
BROKEN_RULES = [
    ({"session_id": ""}, CODE.INVALID_ARGUMENT, ["session_id"]),
    ({"session_id": "x" * 49}, CODE.INVALID_ARGUMENT, ["session_id", "48"]),
    ({"session_id": "with space"}, CODE.INVALID_ARGUMENT, ["session_id", "pattern"]),
    ({"session_id": "schön"}, CODE.INVALID_ARGUMENT, ["session_id", "pattern"]),
    ({"session_id": "line\nbreak"}, CODE.INVALID_ARGUMENT, ["session_id", "pattern"]),
    ({"deployment": ""}, CODE.INVALID_ARGUMENT, ["deployment"]),
    ({"deployment": "no-alias"}, CODE.INVALID_ARGUMENT, ["deployment", "pattern"]),
    ({"deployment": "alias-" + "x" * 507}, CODE.INVALID_ARGUMENT, ["deployment", "512"]),
    ({"maximum_player": 0}, CODE.INVALID_ARGUMENT, ["maximum_player"]),
    ({"maximum_player": -1}, CODE.INVALID_ARGUMENT, ["maximum_player", "-1"]),
    ({"maximum_player": INT32_MAX + 1}, CODE.INVALID_ARGUMENT, ["maximum_player", "2147483648"]),
    ({"maximum_player": 2**32 + 4}, CODE.INVALID_ARGUMENT, ["maximum_player", "4294967300"]),
    ({"maximum_player": -2**63}, CODE.INVALID_ARGUMENT, ["maximum_player"]),
    ({"requested_region": []}, CODE.INVALID_ARGUMENT, ["requested_region"]),
    ({"requested_region": [""]}, CODE.INVALID_ARGUMENT, ["requested_region"]),
    ({"requested_region": ["x" * 65]}, CODE.INVALID_ARGUMENT, ["requested_region", "64"]),
    ({"requested_region": ["us east 1"]}, CODE.INVALID_ARGUMENT, ["requested_region", "pattern"]),
    ({"requested_region": ["us-east-1"] * 21}, CODE.INVALID_ARGUMENT, ["requested_region", "20"]),
    ({"requested_region": ["us-east-1"] * 1001}, CODE.RESOURCE_EXHAUSTED, ["requested_region"]),
    ({"client_version": "x" * 97}, CODE.INVALID_ARGUMENT, ["client_version", "96"]),
    ({"game_mode": "x" * 97}, CODE.INVALID_ARGUMENT, ["game_mode", "96"]),
    ({"secret": "x" * 97}, CODE.INVALID_ARGUMENT, ["secret", "96"]),
    ({"namespace": "x" * 97}, CODE.INVALID_ARGUMENT, ["namespace", "96"]),
]

# Bytes on the wire that are no RequestCreateGameSession.
MALFORMED = {
    "a lone tag": b"\x0a",
    "a string that is cut off": b"\x0a\x05abc",
    "a length beyond the message": b"\x0a\xff\xff\xff\xff\x7f",
    "a number that never ends": b"\x30" + b"\x80" * 20,
    "field number zero": b"\x00\x01",
    "an unknown wire type": b"\x0f\x01",
    "a group that is never closed": b"\x53",
    "a number where a string belongs": b"\x08\x01",
    "a string where a number belongs": b"\x32\x01x",
    "noise": b"\xff" * 100,
}


def works(w):
    """The next call works"""
    got = w.service.create(session_id=f"ok-{random.getrandbits(60):x}")
    assert got.status == "READY", got


def broken_rules_name_their_field(w):
    """Every broken rule is answered with a sentence that names the field, and sends nothing"""
    for fields, code, words in BROKEN_RULES:
        w.sim.forget_requests()
        text = fails(lambda fields=fields: w.service.create(**fields), code, *words)
        assert len(text) < 600, (fields, text)
        assert w.sim.requests() == [], (fields, "reached GameLift")
    works(w)


def sensitive_values_are_not_repeated(w):
    """A refused secret is not part of the sentence that refuses it"""
    text = fails(lambda: w.service.create(secret="hush-" * 20), CODE.INVALID_ARGUMENT, "secret")
    assert "hush" not in text, text


def limits_are_met_exactly(w):
    """Values exactly at a limit are accepted, counted in characters and not in bytes"""
    w.service.create(session_id="x" * 48, client_version="v" * 96, game_mode="ü" * 96,
                     secret="🎮" * 96, namespace="n" * 96, maximum_player=INT32_MAX,
                     requested_region=["us-east-1"] * 20, session_data="d" * 200000)
    (session,) = w.sim.sessions()
    assert session["MaximumPlayerSessionCount"] == INT32_MAX
    assert session["GameSessionData"] == "d" * 200000
    w.service.create(session_id="y", client_version="", game_mode="", secret="", session_data="")


def any_text_arrives_as_it_was(w):
    """Quotes, control characters and emoji reach GameLift and come back unchanged"""
    text = "".join(map(chr, range(1, 128))) + "äß\u2028\ufeff\uffff🎮\U0010ffff \\u0041 </script>"
    got = w.service.create(session_data=text, game_mode=text[:60])
    assert got.session_data == text and got.game_mode == text[:60]
    (request,) = w.sim.requests()
    assert request["body"]["GameSessionData"] == text


def malformed_messages_are_internal(w):
    """Bytes that are no message are INTERNAL, as gRPC servers answer them"""
    for name, data in MALFORMED.items():
        try:
            w.service.raw(data)
            raise AssertionError(f"{name} was accepted")
        except grpc.RpcError as error:
            assert error.code() == CODE.INTERNAL, (name, error.code(), error.details())
            assert error.details(), name
    works(w)


def random_bytes_do_no_harm(w):
    """2,000 random messages, whole and torn, never hurt the service"""
    dice = random.Random(20)
    good = w.service.stubs.request(session_data="data").SerializeToString()
    calls = []
    for _ in range(2000):
        data = bytearray(good if dice.random() < 0.6 else dice.randbytes(dice.randrange(200)))
        for _ in range(dice.randrange(4)):
            if data:
                data[dice.randrange(len(data))] = dice.randrange(256)
        data = bytes(data[:dice.randrange(len(data) + 1)] if dice.random() < 0.3 else data)
        calls.append(w.service.channel.unary_unary(
            SERVICE + "CreateGameSession").future(data, timeout=60))
    codes = {call.code() for call in calls}
    assert codes <= {CODE.OK, CODE.INTERNAL, CODE.INVALID_ARGUMENT, CODE.RESOURCE_EXHAUSTED,
                     CODE.NOT_FOUND, CODE.ALREADY_EXISTS, CODE.FAILED_PRECONDITION}, codes
    works(w)


def strings_must_be_utf8(w):
    """A string that is not UTF-8 is refused by name, as is one that holds a NUL"""
    for wrong in (b"\xc3\x28", b"\xff", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf", b"\xe2\x82"):
        data = b"\x0a" + bytes([len(wrong)]) + wrong
        fails(lambda data=data: w.service.raw(data), CODE.INTERNAL, "session_id")
    fails(lambda: w.service.raw(b"\x2a\x02ok\x2a\x01\xff"), CODE.INTERNAL, "requested_region[1]")
    fails(lambda: w.service.create(namespace="studio\0game"), CODE.INVALID_ARGUMENT, "namespace")
    works(w)


def oversized_messages_are_refused(w):
    """A message larger than the limit is RESOURCE_EXHAUSTED, even one of 40 MB"""
    for size in (1_200_000, 2 << 20, 40 << 20):
        fails(lambda size=size: w.service.create(session_data="x" * size), CODE.RESOURCE_EXHAUSTED)
    works(w)


def unknown_methods_are_unimplemented(w):
    """What the service does not have is UNIMPLEMENTED"""
    fails(lambda: w.service.raw(b"", method="NoSuchMethod"), CODE.UNIMPLEMENTED)
    fails(lambda: w.service.channel.unary_unary("/no.Such/Service")(b"", timeout=20),
          CODE.UNIMPLEMENTED)
    works(w)


def unknown_fields_are_skipped(w):
    """Fields of a newer contract are skipped"""
    good = w.service.stubs.request().SerializeToString()
    answer = w.service.raw(good + b"\xa2\x06\x05later" + b"\xa8\x06\x01")
    assert b"READY" in answer
    works(w)


if __name__ == "__main__":
    story([
        broken_rules_name_their_field, sensitive_values_are_not_repeated, limits_are_met_exactly,
        any_text_arrives_as_it_was, malformed_messages_are_internal, random_bytes_do_no_harm,
        strings_must_be_utf8, oversized_messages_are_refused, unknown_methods_are_unimplemented,
        unknown_fields_are_skipped,
    ])
