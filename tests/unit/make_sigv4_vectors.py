#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/unit/sigv4-vectors/ with botocore's signer, which shares no code with ours.

    python3 tests/unit/make_sigv4_vectors.py tests/unit/sigv4-vectors

Needs botocore (Debian: python3-botocore); the vectors are committed, so neither the build nor the
tests need it. The layout is that of AWS's own suite, one directory a case:

    context.json                  keys, region, service, time, and how to sign
    request.txt                   what the application wants to send
    header-canonical-request.txt  stage 1
    header-string-to-sign.txt     stage 2
    header-signature.txt          stage 3
    header-signed-request.txt     what goes out

One key of context.json is ours: "verbatim_path" true means S3's rule, the path is signed as sent.
"""

import json
import pathlib
import sys

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

KEY = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
JSON_1_1 = "application/x-amz-json-1.1"
TERMINATE = (
    '{"GameSessionId":"arn:aws:gamelift:us-east-1::gamesession/fleet-1/x",'
    '"TerminationMode":"FORCE_TERMINATE"}'
)
CREATE = (
    '{"MaximumPlayerSessionCount":4,"FleetId":"fleet-1","IdempotencyToken":"b7f0-1",'
    '"Location":"eu-central-1","Name":"Fußball ⚽","GameProperties":[{"Key":"map","Value":"höhle"}]}'
)


def json_call(target, body, host="gamelift.us-east-1.amazonaws.com", **more):
    headers = [("Content-Type", JSON_1_1), ("X-Amz-Target", target), ("Host", host)]
    return {"headers": headers, "body": body, "host": host, **more}


CASES = {
    "gamelift-terminate": json_call("GameLift.TerminateGameSession", TERMINATE),
    "gamelift-terminate-session-token": json_call(
        "GameLift.TerminateGameSession", TERMINATE, token="TOKEN"
    ),
    "gamelift-create-utf8-body": json_call(
        "GameLift.CreateGameSession",
        CREATE,
        host="gamelift.eu-central-1.amazonaws.com",
        region="eu-central-1",
        time="2026-02-28T23:59:59Z",
    ),
    "gamelift-china": json_call(
        "GameLift.StartGameSessionPlacement",
        "{}",
        host="gamelift.cn-north-1.amazonaws.com.cn",
        region="cn-north-1",
        time="2026-03-01T00:00:00Z",
    ),
    # An endpoint override with a base path whose escape is encoded a second time.
    "gamelift-base-path": json_call(
        "GameLift.TerminateGameSession", TERMINATE, host="localhost:4566", path="/a%20b/gamelift/"
    ),
    "gamelift-base-path-dots": json_call(
        "GameLift.TerminateGameSession", TERMINATE, host="localhost:4566", path="//a/./b/../c=d//"
    ),
    # HMAC hashes a key longer than its block of 64 bytes first.
    "long-secret": json_call(
        "GameLift.TerminateGameSession", TERMINATE, secret="0123456789abcdef" * 6
    ),
    "sqs-receive": {
        "service": "sqs",
        "host": "sqs.us-west-2.amazonaws.com",
        "region": "us-west-2",
        "headers": [
            ("Host", "sqs.us-west-2.amazonaws.com"),
            ("Content-Type", "application/x-amz-json-1.0"),
            ("X-Amz-Target", "AmazonSQS.ReceiveMessage"),
            ("x-amzn-query-mode", "true"),
        ],
        "body": '{"QueueUrl":"https://sqs.us-west-2.amazonaws.com/123456789012/q"}',
    },
    "sts-query": {
        "service": "sts",
        "host": "sts.us-east-1.amazonaws.com",
        "headers": [
            ("Host", "sts.us-east-1.amazonaws.com"),
            ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
        ],
        "body": "Action=GetCallerIdentity&Version=2011-06-15",
    },
    # "-" sorts before ":", so a sort of whole lines gets this pair wrong.
    "header-name-is-prefix": {
        "headers": [
            ("x-amz-foo-bar", "2"),
            ("Host", "example.amazonaws.com"),
            ("x-amz-foo", "1"),
            ("X-Amz-Foo-Bar-Baz", "3"),
            ("x-amz-fo", "0"),
        ],
    },
    "header-blanks-and-repeats": {
        "headers": [
            ("Host", "example.amazonaws.com"),
            ("X-Many", "  b\t \tb  "),
            ("X-Empty", ""),
            ("x-many", "a"),
            ("X-MANY", '" quoted   text "'),
        ],
    },
    "header-never-signed": {
        "headers": [
            ("User-Agent", "session-dsm/1"),
            ("Expect", "100-continue"),
            ("Host", "example.amazonaws.com"),
            ("X-Amzn-Trace-Id", "Root=1-2-3"),
            ("Accept", "application/json"),
        ],
    },
    "query-order": {
        "method": "GET",
        "query": "b=2&a=2&a=1&a=%C3%BC&B=1&a%2Bb=%20&c&a-b=x&a=10",
        "headers": [("Host", "example.amazonaws.com")],
    },
    # A payload hash that the caller sends is signed with the other headers.
    "content-sha256": json_call(
        "GameLift.TerminateGameSession", TERMINATE, sign_body=True, token="TOKEN"
    ),
    "s3-verbatim-path": {
        "method": "GET",
        "service": "s3",
        "path": "/bucket/a%20b//./c",
        "s3": True,
        "sign_body": True,
        "headers": [("Host", "example.amazonaws.com")],
    },
}


def context(case):
    credentials = {
        "access_key_id": KEY,
        "secret_access_key": case.get("secret", SECRET),
    }
    if "token" in case:
        credentials["token"] = case["token"]
    out = {
        "credentials": credentials,
        "normalize": not case.get("s3", False),
        "region": case.get("region", "us-east-1"),
        "service": case.get("service", "gamelift"),
        "sign_body": case.get("sign_body", False),
        "timestamp": case.get("time", "2015-08-30T12:36:00Z"),
    }
    if case.get("s3"):
        out["verbatim_path"] = True
    return out


def sign(case, ctx):
    keys = Credentials(KEY, ctx["credentials"]["secret_access_key"], case.get("token"))
    auth = S3SigV4Auth if case.get("s3") else SigV4Auth
    signer = auth(keys, ctx["service"], ctx["region"])
    path = case.get("path", "/")
    url = "https://" + case.get("host", "example.amazonaws.com") + path
    if "query" in case:
        url += "?" + case["query"]
    body = case.get("body", "").encode()
    request = AWSRequest(method=case.get("method", "POST"), url=url, data=body)
    request.headers = HTTPHeaders()
    added = []
    stamp = ctx["timestamp"].replace("-", "").replace(":", "")
    if "token" in case:
        added.append(("X-Amz-Security-Token", case["token"]))
    added.append(("X-Amz-Date", stamp))
    if ctx["sign_body"]:
        added.append(("x-amz-content-sha256", signer.payload(request)))
    for name, value in case["headers"] + added:
        request.headers.add_header(name, value)
    request.context["timestamp"] = stamp
    canonical = signer.canonical_request(request)
    to_sign = signer.string_to_sign(request, canonical)
    signature = signer.signature(to_sign, request)
    signer._inject_signature_to_request(request, signature)
    added.append(("Authorization", request.headers["Authorization"]))
    return canonical, to_sign, signature, added


def message(case, headers):
    target = case.get("path", "/") + ("?" + case["query"] if "query" in case else "")
    lines = [f"{case.get('method', 'POST')} {target} HTTP/1.1"]
    lines += [f"{name}:{value}" for name, value in headers]
    return "\n".join(lines) + "\n\n" + case.get("body", "")


def main(root):
    for name, case in CASES.items():
        ctx = context(case)
        canonical, to_sign, signature, added = sign(case, ctx)
        files = {
            "context.json": json.dumps(ctx, indent=4, sort_keys=True) + "\n",
            "request.txt": message(case, case["headers"]),
            "header-canonical-request.txt": canonical,
            "header-string-to-sign.txt": to_sign,
            "header-signature.txt": signature,
            "header-signed-request.txt": message(case, case["headers"] + added),
        }
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            (folder / file).write_bytes(text.encode())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))
