#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""codegen/names.py: how names of an IDL become C identifiers."""
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "codegen"))

import names  # noqa: E402

SNAKE = {
    # the styles of the three kinds of IDL
    "CreateGameSession": "create_game_session",
    "createGameSession": "create_game_session",
    "create_game_session": "create_game_session",
    "create-game-session": "create_game_session",
    "create.game session": "create_game_session",
    "CREATE_GAME_SESSION": "create_game_session",
    # an acronym counts as one word, wherever it stands
    "FleetArn": "fleet_arn",
    "fleetARN": "fleet_arn",
    "ARNOfFleet": "arn_of_fleet",
    "DSInformation": "ds_information",
    "adminUpdateDSInformation": "admin_update_ds_information",
    "IpAddress": "ip_address",
    "IPAddress": "ip_address",
    "DnsName": "dns_name",
    "HTTPSProxyURL": "https_proxy_url",
    "sessionID": "session_id",
    # digits stay with the word before them
    "TokenGrantV3": "token_grant_v3",
    "ipv4": "ipv4",
    "Base64Encode": "base64_encode",
    "EC2Instance": "ec2_instance",
    "us-east-1": "us_east_1",
    "2ndPlace": "2nd_place",
    # what AWS's enums look like
    "TRIGGER_ON_PROCESS_TERMINATE": "trigger_on_process_terminate",
    "urn:ietf:params:oauth:grant-type": "urn_ietf_params_oauth_grant_type",
    "c5.large": "c5_large",
    # nothing to name by
    "": "",
    "---": "",
    "_": "",
}

IDENTIFIER = {
    "namespace": "namespace",
    "Default": "default_",
    "int": "int_",
    "errno": "errno_",
    "NULL": "null",
    "__type": "type",
    "2ndPlace": "_2nd_place",
    "GameSessionId": "game_session_id",
    "bool": "bool_",
    "_Bool": "bool_",
}

PREFIXED = {
    ("gl", "GameSession"): "gl_game_session",
    ("gl", "int"): "gl_int",
    ("dsm", "2nd"): "dsm_2nd",
    ("", "int"): "int_",
}

CONSTANT = {
    ("GL", "TerminationMode", "FORCE_TERMINATE"): "GL_TERMINATION_MODE_FORCE_TERMINATE",
    ("ags", "statusV2", "DS_ERROR"): "AGS_STATUS_V2_DS_ERROR",
    ("", "a-b"): "A_B",
    ("x", "", "y"): "X_Y",
}

LEGAL = ["a", "_a", "a_1", "A9", "gl_int"]
ILLEGAL = ["", "1a", "a-b", "a b", "int", "errno", "a\n", "\u00e9", "a\u0661"]


class Clash(Exception):
    pass


def raise_clash(source, reason):
    raise Clash(f"{source}: {reason}")


def clash_of(*claims):
    """The message of the last claim, which must be refused."""
    scope = names.Scope(raise_clash)
    for name, source in claims[:-1]:
        assert scope.claim(name, source) == name
    try:
        scope.claim(*claims[-1])
    except Clash as clash:
        return str(clash)
    raise AssertionError(f"{claims[-1]} was taken")


def names_follow_the_table():
    for source, want in SNAKE.items():
        assert names.snake(source) == want, (source, names.snake(source), want)
    for source, want in IDENTIFIER.items():
        assert names.identifier(source) == want, (source, names.identifier(source), want)
    for (prefix, source), want in PREFIXED.items():
        assert names.prefixed(prefix, source) == want, (prefix, source, want)
    for parts, want in CONSTANT.items():
        assert names.constant(*parts) == want, (parts, names.constant(*parts), want)


def nothing_to_name_by_is_an_error():
    for function in (names.identifier, lambda s: names.prefixed("gl", s)):
        for source in ("", "--", "\u00e9"):
            try:
                made = function(source)
            except ValueError as error:
                assert repr(source) in str(error), error
            else:
                raise AssertionError(f"{source!r} became {made!r}")


def everything_made_is_a_legal_identifier():
    for source in [*SNAKE, *IDENTIFIER, "while", "A" * 300, "9" * 9, "x\ty", "\u00e9t\u00e9"]:
        if names.snake(source):
            assert names.is_legal(names.identifier(source)), source
            assert names.is_legal(names.prefixed("gl", source)), source
    for name in LEGAL:
        assert names.is_legal(name), name
    for name in ILLEGAL:
        assert not names.is_legal(name), name


def making_a_name_twice_changes_nothing():
    for source in SNAKE:
        once = names.snake(source)
        assert names.snake(once) == once, (source, once, names.snake(once))


def what_an_enum_lacks_is_named_as_no_value_is():
    scope = names.Scope(raise_clash)
    assert scope.claim_enum("State", ("gl", "State"), ["OPEN", "UNKNOWN"]) == (
        ["GL_STATE_OPEN", "GL_STATE_UNKNOWN"], "GL_STATE_UNSET", "GL_STATE_UNKNOWN_")
    try:
        scope.claim_enum("Other", ("gl", "State"), ["SHUT", "OPEN"])
    except Clash as clash:
        assert "Other.OPEN" in str(clash) and "State.OPEN" in str(clash), clash
    else:
        raise AssertionError("two enums share a constant")


def a_clash_names_both_sources():
    message = clash_of(("fleet_arn", "FleetArn"), ("fleet_id", "FleetId"), ("fleet_arn", "fleetARN"))
    assert "fleetARN" in message and "FleetArn" in message and "fleet_arn" in message, message
    assert "no legal C identifier" in clash_of(("int", "int"))
    assert "no legal C identifier" in clash_of(("1a", "1a"))


def main():
    checks = [names_follow_the_table, nothing_to_name_by_is_an_error,
              everything_made_is_a_legal_identifier, making_a_name_twice_changes_nothing,
              what_an_enum_lacks_is_named_as_no_value_is, a_clash_names_both_sources]
    for check in checks:
        check()
        print("ok     ", check.__name__.replace("_", " "))


if __name__ == "__main__":
    main()
