# SPDX-License-Identifier: Apache-2.0
"""Credentials: the same environment, files and endpoints for both sides; both must sign with the
same key and token, after the same requests to those who hand out credentials."""
import concurrent.futures
import contextlib
import json
import pathlib
import re
import urllib.parse

import botocore.utils
from harness import KEY, SECRET, Sim, running
from oracle import (ARN, REGION, call_ours, call_sdk, claim, folder, gateway,
                    signature_by_botocore)
from sources import CASES

OPERATION = "TerminateGameSession"
PARAMETERS = {"GameSessionId": ARN, "TerminationMode": "FORCE_TERMINATE"}
EXPIRATION = "2099-01-01T00:00:00Z"
NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"

# botocore waits one second between tries of a container's endpoint.
botocore.utils.ContainerMetadataFetcher.__init__.__defaults__ = (None, lambda seconds: None)


# ---- who hands out credentials ----


def document(name, token="Token"):
    return {"AccessKeyId": f"ASIA{name}", "SecretAccessKey": f"secret-of-{name}",
            token: f"token-of-{name}/+=", "Expiration": EXPIRATION}


def sts_answer(form):
    """The role's last name is in the key that it gets."""
    action = form["Action"]
    made = document(form["RoleArn"].rsplit("/", 1)[-1].upper(), "SessionToken")
    members = "".join(f"<{name}>{value}</{name}>" for name, value in made.items())
    return (f'<{action}Response xmlns="{NAMESPACE}"><{action}Result><AssumedRoleUser>'
            f'<Arn>arn:aws:sts::123456789012:assumed-role/r/s</Arn></AssumedRoleUser>'
            f'<Credentials>{members}</Credentials></{action}Result>'
            f'<ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></{action}Response>')


def form_of(request):
    return dict(urllib.parse.parse_qsl(request.body.decode(), keep_blank_values=True,
                                       strict_parsing=True))


def is_gamelift(request):
    return request.header("X-Amz-Target") is not None


def standard_answer(request):
    path = urllib.parse.urlsplit(request.url).path
    if is_gamelift(request):
        return 200, "{}"
    if b"Action=AssumeRole" in request.body:
        return 200, sts_answer(form_of(request)), "Content-Type: text/xml"
    if path == "/latest/api/token":
        return 200, "imds-token", "x-aws-ec2-metadata-token-ttl-seconds: 21600"
    if path == "/latest/meta-data/iam/security-credentials/":
        return 200, "the-role"
    if path.startswith("/latest/meta-data/"):
        return 200, json.dumps({"Code": "Success", **document("INSTANCE")})
    return 200, json.dumps(document("CONTAINER"))


def answer_of(special):
    """special: {(method, path or STS action): an answer, or a list of them, one for each time}"""
    def answer(request):
        path = urllib.parse.urlsplit(request.url).path
        key = request.method, path
        if b"Action=" in request.body:
            key = request.method, form_of(request)["Action"]
        reply = special.get(key)
        if isinstance(reply, list):
            reply = reply.pop(0) if reply else None
        return reply or standard_answer(request)
    return answer


# ---- what they were asked ----

METADATA_HEADERS = ("Authorization", "Accept", "x-aws-ec2-metadata-token",
                    "x-aws-ec2-metadata-token-ttl-seconds")


def described(request, book, what):
    """A request for credentials, by all that matters."""
    if b"Action=" not in request.body:
        headers = {name: request.header(name) for name in METADATA_HEADERS}
        if request.url.startswith(("http://169.254.169.254/", "http://[fd00:ec2::254]/")):
            headers.pop("Accept")  # the metadata service has one form of answer
        return request.method, request.url, {k: v for k, v in headers.items() if v is not None}
    form = form_of(request)
    signed = request.header("Authorization") is not None
    if signed:
        key = claim(request)[0].split("/")[0]
        secret = SECRET if key == KEY else f"secret-of-{key.removeprefix('ASIA')}"
        book.equal(f"{what}: signature of {form['Action']} by botocore's signer",
                   claim(request)[2], signature_by_botocore(request, secret))
    # The default name has a time in it, and each SDK's own word.
    name = form["RoleSessionName"]
    if name.startswith(("botocore-session-", "session-dsm-")):
        form["RoleSessionName"] = "(default)"
    parts = claim(request) if signed else None
    return (request.method, request.url.rstrip("/"), form, request.header("Content-Type"),
            request.header("X-Amz-Security-Token"),
            parts and (parts[0].split("/")[0], parts[0].split("/")[2:], parts[1]))


def outcome(answer, requests, book, what):
    """(who signed, or "nobody"; the requests for credentials)"""
    assert ("output" in answer) == any(map(is_gamelift, requests)), answer
    calls = [request for request in requests if is_gamelift(request)]
    signer = "nobody"
    if calls:
        signer = (claim(calls[-1])[0].split("/")[0], calls[-1].header("X-Amz-Security-Token"))
    return signer, [described(r, book, what) for r in requests if not is_gamelift(r)]


# The letters that tell a source of credentials; others tell of retries, endpoints and the like.
SOURCE_LETTERS = set("eghiknopqvwz0")


def told_by_user_agent(requests):
    """Where the credentials come from, as the User-Agent of a call of GameLift has it."""
    for request in filter(is_gamelift, requests):
        (letters,) = re.findall(r" m/(\S+)", request.header("User-Agent"))
        return "".join(sorted(set(letters.split(",")) & SOURCE_LETTERS))
    return None


def who(name):
    """What a case's name of a signer stands for."""
    if isinstance(name, tuple):
        return name
    if name is None or name == KEY:
        return (KEY, None) if name else "nobody"
    return f"ASIA{name}", f"token-of-{name}/+="


def one_side(call, case, home):
    special = {k: list(v) if isinstance(v, list) else v for k, v in case.get("answers", {}).items()}
    environment = {**REGION, "HOME": home, **case.get("env", {})}
    environment = {k: v.replace("{dir}", home) for k, v in environment.items()}
    with gateway(answer_of(special)) as at:
        return call(OPERATION, PARAMETERS, environment, at), at.requests


def compare_case(book, case, ours, sdks):
    what = case["what"]
    our_signer, our_requests = outcome(*ours, book, what)
    sdk_signer, sdk_requests = outcome(*sdks, book, what)
    different = case.get("different")
    if different is not None:
        different = who(different[0]), who(different[1]), different[2]
    book.compare(f"{what}: who signs", our_signer, sdk_signer, different)
    book.equal(f"{what}: the case is what it says", our_signer, who(case["wanted"]))
    if "asked_differently" in case:
        book.compare(f"{what}: number of requests", len(our_requests), len(sdk_requests),
                     case["asked_differently"])
    elif different is None:
        book.equal(f"{what}: who is asked what", our_requests, sdk_requests)
        book.compare(f"{what}: what the User-Agent says", told_by_user_agent(ours[1]),
                     told_by_user_agent(sdks[1]), case.get("told_differently"))


def chain(book):
    for title, cases in CASES.items():
        with book.group(f"credentials, {title}: {len(cases)} cases"), \
                contextlib.ExitStack() as stack:
            homes = [stack.enter_context(folder(case.get("files", {}))) for case in cases]
            with concurrent.futures.ThreadPoolExecutor(12) as pool:
                ours = list(pool.map(one_side, [call_ours] * len(cases), cases, homes))
            for case, home, our in zip(cases, homes, ours):
                compare_case(book, case, our, one_side(call_sdk, case, home))


# ---- the stand-in ----


def sim_sources(url, home):
    """What it takes to get credentials from gamelift-sim, which checks all that it is sent."""
    role = "arn:aws:iam::123456789012:role/sim"
    profile = f"role_arn = {role}\nsource_profile = base\nrole_session_name = oracle\n"
    pathlib.Path(home, "config").write_text(
        f"[profile role]\n{profile}[profile base]\n"
        f"aws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
    pathlib.Path(home, "web").write_text("sim-web-identity")
    pathlib.Path(home, "pod").write_text("sim-container-token")
    return {
        "AssumeRole": {"AWS_PROFILE": "role", "AWS_CONFIG_FILE": f"{home}/config"},
        "AssumeRoleWithWebIdentity": {"AWS_ROLE_ARN": role, "AWS_WEB_IDENTITY_TOKEN_FILE":
                                      f"{home}/web"},
        "EKS pod identity": {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{url}/v1/credentials",
                             "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": f"{home}/pod"},
        "ECS": {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{url}/v2/credentials/some-id"},
        "IMDSv2": {"AWS_EC2_METADATA_SERVICE_ENDPOINT": url},
    }


def seen_by_sim(sim, call, environment):
    sim.forget_requests()
    answer = call("DescribeGameSessions", {"AliasId": "alias-demo"}, environment)
    seen = [(entry.get("operation"), entry.get("verdict"), entry["status"])
            for entry in sim.control("GET", "requests")]
    return sorted(answer.get("output", answer)), seen


def stand_in(book):
    with book.group("credentials that gamelift-sim hands out and checks"), \
            running(Sim()) as sim, folder({}) as home:
        for name, settings in sim_sources(sim.url, home).items():
            environment = {**REGION, "AWS_ENDPOINT_URL": sim.url, **settings}
            ours = seen_by_sim(sim, call_ours, environment)
            book.equal(name, ours, seen_by_sim(sim, call_sdk, environment))
            book.equal(f"{name}: GameLift takes them", ours[1][-1][1:], ("signature ok", 200))


def compare(book):
    chain(book)
    stand_in(book)
