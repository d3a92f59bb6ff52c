# SPDX-License-Identifier: Apache-2.0
"""Both sides of a comparison: ours (the probe program) and botocore, each with an environment of
its own, each asking a gateway on this machine instead of AWS; and the book that keeps the results.

The gateway sees every request with the URL that it was meant for, so that credentials endpoints on
link-local addresses and AWS's own hosts are compared without a network.
"""
import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.config
import botocore.credentials
import botocore.endpoint
import botocore.exceptions
import botocore.httpsession
import botocore.loaders
import botocore.session

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import BUILD, KEY, SECRET, Upstream, running

TOKEN = "session-token/with+odd=characters=="
ARN = "arn:aws:gamelift:us-east-1::gamesession/fleet-1/story-1"
OPERATIONS = {
    "CreateGameSession": "create_game_session",
    "DescribeGameSessionPlacement": "describe_game_session_placement",
    "DescribeGameSessions": "describe_game_sessions",
    "StartGameSessionPlacement": "start_game_session_placement",
    "StopGameSessionPlacement": "stop_game_session_placement",
    "TerminateGameSession": "terminate_game_session",
}
NO_HOME = "/nonexistent"  # no files of whoever runs this
KEYS = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
# botocore does not read AWS_REGION.
REGION = {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}


# ---- results -------------------------------------------------------------------------------------


class Book:
    """Counts comparisons; prints one line for each group of them."""

    def __init__(self):
        self.passed = self.failed = 0
        self.entries = []
        self.differences = []

    def equal(self, what, ours, sdks):
        """Notes whether both sides say the same."""
        if ours == sdks:
            self.passed += 1
        else:
            self.failed += 1
            self.entries.append(f"{what}\n      ours     {ours}\n      botocore {sdks}")
        return ours == sdks

    def true(self, what, condition, why=""):
        return self.equal(what, (bool(condition), "" if condition else why), (True, ""))

    def compare(self, what, ours, sdks, different=None):
        """The same, unless `different` is (ours, botocore's, the reason why that is so): then both
        must be just that, so that a difference which is gone does not stay in the list."""
        if different is None:
            return self.equal(what, ours, sdks)
        wanted_ours, wanted_sdks, why = different
        as_listed = self.equal(f"{what} (a listed difference: {why})", (ours, sdks),
                               (wanted_ours, wanted_sdks))
        if as_listed:
            self.differences.append((what, ours, sdks, why))
        return as_listed

    @contextlib.contextmanager
    def group(self, title):
        before = (self.passed, self.failed)
        self.entries, self.differences = [], []
        try:
            yield self
        except Exception as error:  # one group must not end the others
            self.failed += 1
            self.entries.append(f"{type(error).__name__}: {error}")
            if os.environ.get("ORACLE_TRACE"):
                raise
        passed, failed = self.passed - before[0], self.failed - before[1]
        print(f"{'FAILED' if failed else 'ok':7} {title}: {passed - len(self.differences)} equal"
              f"{f', {failed} not' if failed else ''}"
              f"{f', {len(self.differences)} differ as listed' if self.differences else ''}")
        self._print_differences()
        for entry in self.entries:
            print(f"    NOT {entry}")
        sys.stdout.flush()


    def _print_differences(self):
        """Each reason once, with the first case that it is for."""
        reasons = {}
        for what, ours, sdks, why in self.differences:
            reasons.setdefault(why, []).append((what, ours, sdks))
        for why, cases in reasons.items():
            (what, ours, sdks), more = cases[0], len(cases) - 1
            print(f"          {why}\n              {what}: ours {ours}, botocore {sdks}"
                  f"{f'; and {more} more' if more else ''}")


# ---- the gateway ---------------------------------------------------------------------------------


class Gateway(Upstream):
    """Keeps every request; answer(request) gives status, body and headers. A status of None: the
    body is all that is sent, bare, and then the connection is closed."""

    def __init__(self, answer):
        self.answer = answer
        super().__init__(self._behave)

    def _behave(self, connection, request):
        request.url, request.at = request.header("X-Oracle-Url"), time.monotonic()
        status, body, *headers = self.answer(request)
        body = body.encode()
        if status is None:
            connection.sendall(body)
            raise OSError("enough")
        head = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers]
        connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)


def gateway(answer):
    return running(Gateway(answer))


def claim(request):
    """The parts of the Authorization header: credential, signed headers, signature."""
    match = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^,]+), SignedHeaders=([^,]+), "
                         r"Signature=([0-9a-f]{64})", request.header("Authorization") or "")
    assert match, f"no signature: {request.header('Authorization')}"
    return match.groups()


def signature_by_botocore(request, secret=SECRET):
    """The signature that botocore's signer gives to what was sent, recomputed from the start."""
    credential, signed, _ = claim(request)
    key, _, region, service, _ = credential.split("/")
    again = botocore.awsrequest.AWSRequest(request.method, request.url, data=request.body)
    for name in signed.split(";"):
        again.headers[name] = request.header(name)
    again.context["timestamp"] = request.header("X-Amz-Date")
    signer = botocore.auth.SigV4Auth(botocore.credentials.Credentials(key, secret), service, region)
    return signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again)


# ---- ours ----------------------------------------------------------------------------------------


def probe(arguments, text="", environment=None, at=None):
    """What oracle_probe prints, line by line."""
    settings = {"PATH": os.environ["PATH"], "HOME": NO_HOME, **(environment or {})}
    if at is not None:
        settings["ORACLE_GATEWAY"] = at.url
    done = subprocess.run([str(BUILD / "tests" / "scenario" / "oracle_probe"), *arguments], input=text, text=True,
                          capture_output=True, timeout=90, env=settings)
    assert done.returncode in (0, 1) and not done.stderr, (done.returncode, done.stderr[-2000:])
    return [json.loads(line) for line in done.stdout.splitlines()]


def call_ours(operation, parameters, environment, at=None):
    """{"output": ...} or {"error": ...}"""
    (answer,) = probe(["call", operation], json.dumps(as_wire(parameters)), environment, at)
    return answer


def as_wire(value):
    """awsJson has names for the numbers that JSON has not."""
    if isinstance(value, dict):
        return {k: as_wire(v) for k, v in value.items()}
    if isinstance(value, list):
        return [as_wire(v) for v in value]
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    return value


# ---- botocore ------------------------------------------------------------------------------------

_loader = botocore.loaders.create_loader()
_gateway = None
_send = botocore.httpsession.URLLib3Session.send


def _send_at_gateway(session, request):
    if _gateway is not None:
        url = urllib.parse.urlsplit(request.url)
        request.headers["X-Oracle-Url"] = request.url
        request.headers["Host"] = url.netloc
        request.url = _gateway.url + request.url.split(url.netloc, 1)[1]
    return _send(session, request)


botocore.httpsession.URLLib3Session.send = _send_at_gateway


class Pauses:
    """Stands in for the time module where botocore waits between attempts: no wait, but noted."""

    def __init__(self):
        self.seconds = []

    def sleep(self, seconds):
        self.seconds.append(seconds)

    def __getattr__(self, name):
        return getattr(time, name)


@contextlib.contextmanager
def sdk_world(environment, at=None):
    """os.environ as given, requests at the gateway, no real waits: for botocore in this process."""
    global _gateway
    saved, pauses = dict(os.environ), Pauses()
    times = botocore.endpoint.time
    os.environ.clear()
    os.environ.update({"PATH": saved["PATH"], "HOME": NO_HOME, **environment})
    _gateway, botocore.endpoint.time = at, pauses
    try:
        yield pauses
    finally:
        _gateway, botocore.endpoint.time = None, times
        os.environ.clear()
        os.environ.update(saved)


def sdk_client(service="gamelift", **more):
    session = botocore.session.Session()
    session.register_component("data_loader", _loader)
    # Its own waits between tries of a container's endpoint are a default argument.
    return session.create_client(service, config=botocore.config.Config(
        connect_timeout=5, read_timeout=5, proxies={}), **more)


def call_sdk(operation, parameters, environment, at=None):
    """{"output": ...}, {"error": ...} for an answer of AWS, {"exception": ...} for anything else"""
    with sdk_world(environment, at) as pauses:
        try:
            answer = getattr(sdk_client(), OPERATIONS[operation])(**parameters)
        except botocore.exceptions.ClientError as error:
            return {"error": error.response, "pauses": pauses.seconds}
        except Exception as error:  # stock SDKs raise much, TypeError included
            return {"exception": type(error).__name__, "text": str(error),
                    "pauses": pauses.seconds}
        answer.pop("ResponseMetadata")
        return {"output": answer, "pauses": pauses.seconds}


# ---- files ---------------------------------------------------------------------------------------


@contextlib.contextmanager
def folder(files):
    """A folder with these files, a HOME for both sides; gives its path."""
    with tempfile.TemporaryDirectory() as path:
        for name, text in files.items():
            place = pathlib.Path(path, name)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(text.replace("{dir}", path).encode())
        yield path
