#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every wrong or missing setting stops the start with one line that names it and says what to do."""
import re
import subprocess

import grpc
from harness import CODE, KEY, SECRET, Service, Sim, eventually, fails, plain_environment, program, \
    running, story

GOOD = {
    "GRPC_PORT": "0", "METRICS_PORT": "0", "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET, "AB_BASE_URL": "http://127.0.0.1:9", "AB_CLIENT_ID": "client",
    "AB_CLIENT_SECRET": "hush-ab-secret", "AB_NAMESPACE": "studio-game",
    "PLUGIN_GRPC_SERVER_AUTH_ENABLED": "false",
}
# What the Go app is configured with, and what this service adds.
KNOWN = """GRPC_PORT METRICS_PORT AWS_REGION AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
    AWS_ENDPOINT_URL_GAMELIFT AWS_ENDPOINT_URL AB_BASE_URL AB_CLIENT_ID AB_CLIENT_SECRET AB_NAMESPACE
    LOG_LEVEL AWS_ALIAS_ID_OVERRIDE AWS_LOCATION_OVERRIDE AWS_QUEUE_ARN_OVERRIDE""".split()

WRONG = [
    ("GRPC_PORT", "eighty"), ("GRPC_PORT", "-1"), ("GRPC_PORT", "65536"), ("GRPC_PORT", "65 "),
    ("GRPC_PORT", "0x50"), ("GRPC_PORT", "99999999999999999999"), ("METRICS_PORT", "http"),
    ("LOG_LEVEL", "loud"), ("SHUTDOWN_GRACE", "soon"), ("SHUTDOWN_GRACE", "-1"),
    ("REQUEST_TIMEOUT_MS", "0"), ("AWS_MAX_ATTEMPTS", "0"), ("AWS_MAX_ATTEMPTS", "many"),
    ("AWS_USE_FIPS_ENDPOINT", "yes"), ("AWS_USE_DUALSTACK_ENDPOINT", "1"),
    ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "maybe"),
    ("AWS_REGION", "us east"), ("AWS_REGION", "us-east-1\n"), ("AWS_REGION", "evil.example/x"),
    ("AWS_ENDPOINT_URL_GAMELIFT", "gamelift.example"), ("AWS_ENDPOINT_URL", "ftp://example"),
    ("AWS_ENDPOINT_URL", "http://"), ("AWS_ENDPOINT_URL", "http://user:pw@example"),
    ("AB_BASE_URL", "demo.accelbyte.io"), ("AB_BASE_URL", "file:///etc/passwd"),
    ("AB_BASE_URL", "https://"), ("AB_NAMESPACE", "a\tb"), ("AB_CLIENT_SECRET", "a\nb"),
]
SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AB_CLIENT_SECRET")


def start(*options, **settings):
    """Runs the service until it ends by itself."""
    environment = plain_environment(**{**GOOD, **settings})
    return subprocess.run([program("session-dsm"), *options], env=environment, capture_output=True,
                          text=True, timeout=30, check=False, stdin=subprocess.DEVNULL)


def refuses(name, done):
    """It ended with an error of one line that names the setting and shows no secret."""
    assert done.returncode == 1, (name, done)
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("session-dsm: "), (name, done.stderr)
    assert name in lines[0], (name, lines)
    assert len(lines[0]) < 300, lines
    for secret in (SECRET, "hush"):
        assert secret not in done.stdout + done.stderr, (name, done)
    return lines[0]


def missing_settings_are_named():
    """A required setting that is missing, or empty, is named"""
    for name in ("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AB_BASE_URL",
                 "AB_CLIENT_ID", "AB_CLIENT_SECRET", "AB_NAMESPACE"):
        for value in (None, ""):
            line = refuses(name, start(**{name: value}))
            assert f"{name} is not set" in line, line


def wrong_settings_are_named():
    """A wrong setting is named together with what it should be"""
    for name, value in WRONG:
        refuses(name, start(**{name: value}))


def wrong_secrets_are_not_shown():
    """A secret that is wrong is named, but not shown"""
    for name in SECRETS:
        refuses(name, start(**{name: "hush\x01hush"}))


def unusable_port_is_said():
    """A port that is taken stops the start with one line"""
    with running(Sim()) as sim:
        port = sim.url.rsplit(":", 1)[1]
        line = refuses(port, start(GRPC_PORT=port))
        assert "Address already in use" in line, line


def version_is_one_line():
    """--version prints one line, and needs no settings"""
    done = subprocess.run([program("session-dsm"), "--version"], env=plain_environment(),
                          capture_output=True, text=True, timeout=30, check=True)
    assert re.fullmatch(r"session-dsm \d+\.\d+\.\d+( \(commit [0-9a-f]{7,40}(-dirty)?\))?\n", done.stdout) and done.stderr == "", done


def help_tells_every_setting():
    """--help tells every setting with its default, and needs no settings"""
    done = subprocess.run([program("session-dsm"), "--help"], env=plain_environment(),
                          capture_output=True, text=True, timeout=30, check=True)
    for name in KNOWN:
        assert re.search(rf"^ +{name} ", done.stdout, re.MULTILINE), name
    for words in ("6565", "8080", "required", "--print-config"):
        assert words in done.stdout, words
    assert max(map(len, done.stdout.splitlines())) < 180


def print_config_shows_what_is_in_force():
    """--print-config shows every setting in force, defaults included, secrets as ***"""
    done = start("--print-config", GRPC_PORT=None, AWS_SESSION_TOKEN="hush-token", LOG_LEVEL="warn")
    assert done.returncode == 0 and done.stderr == "", done
    shown = dict(line.split("=", 1) for line in done.stdout.splitlines())
    assert set(KNOWN) <= set(shown), set(KNOWN) - set(shown)
    assert shown["GRPC_PORT"] == "6565" and shown["LOG_LEVEL"] == "warn", shown
    assert shown["AWS_REGION"] == "us-east-1" and shown["AWS_LOCATION_OVERRIDE"] == "", shown
    for name in SECRETS:
        assert shown[name] == "***", name
    assert SECRET not in done.stdout and "hush" not in done.stdout
    refuses("GRPC_PORT", start("--print-config", GRPC_PORT="x"))


def wrong_usage_is_status_2():
    """Unknown options and arguments are refused with status 2"""
    for option in ("--nonsense", "-x", "argument"):
        done = start(option)
        assert done.returncode == 2 and done.stderr, (option, done)


def specific_endpoint_wins():
    """AWS_ENDPOINT_URL_GAMELIFT wins over AWS_ENDPOINT_URL, which works as well"""
    with running(Sim()) as sim:
        nowhere = "http://127.0.0.1:9"
        with running(Service(sim.url, AWS_ENDPOINT_URL=nowhere)) as service:
            assert service.create().status == "READY"
        with running(Service(None, AWS_ENDPOINT_URL=sim.url)) as service:
            assert service.create(session_id="two").status == "READY"


def settings_of_the_go_app_do_no_harm():
    """Other variables of the environment are left alone"""
    with running(Sim()) as sim:
        with running(Service(sim.url, HOME="/nonexistent", OTEL_SERVICE_NAME="x", TZ="Nowhere/None",
                             LC_ALL="tr_TR.UTF-8", AWS_PROFILE="nobody")) as service:
            assert service.create().status == "READY"


def busy_instance_is_no_missing_setting():
    """Where the instance metadata service is too busy for credentials, the service starts without"""
    with running(Sim()) as sim:
        sim.fault(operation="ImdsCredentials", kind="http", status=503, body="")
        with running(Service(sim.url, AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None,
                             AWS_EC2_METADATA_DISABLED="false",
                             AWS_EC2_METADATA_SERVICE_ENDPOINT=sim.url)) as service:
            fails(service.create, CODE.UNAVAILABLE, "503")
            sim.no_faults()
            eventually(lambda: succeeds(service), "credentials come")


def succeeds(service):
    try:
        return service.create().status == "READY"
    except grpc.RpcError:
        return False


if __name__ == "__main__":
    story([
        missing_settings_are_named, wrong_settings_are_named, wrong_secrets_are_not_shown,
        unusable_port_is_said, version_is_one_line, help_tells_every_setting,
        print_config_shows_what_is_in_force, wrong_usage_is_status_2, specific_endpoint_wins,
        settings_of_the_go_app_do_no_harm, busy_instance_is_no_missing_setting,
    ], shared=False)
