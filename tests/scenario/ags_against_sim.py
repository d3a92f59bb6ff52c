#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Drives the other half of gamelift-sim: AGS with plain HTTP requests, its tokens checked by
somebody else's cryptography, and the AWS endpoints that give out credentials with botocore's own
providers, each ending in a CreateGameSession that must be accepted.

    ags_against_sim.py [PATH/TO/gamelift-sim] [--model idl/gamelift.json]

Exit status 0 if everything passed.
"""
import argparse
import base64
import calendar
import concurrent.futures
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException

import botocore.config
import botocore.exceptions
import botocore.session

import sdk_against_sim
from instrumented import WRAPPER

NAMESPACE = "studio-game"
ID, SECRET = "story-client", "story:secret/+"
EXTEND = "urn:ietf:params:oauth:grant-type:extend_client_credentials"
ROLE = "arn:aws:iam::123456789012:role/game-server"
WEB_TOKEN, CONTAINER_TOKEN = "eyJ.story.web-identity", "story-container-token"

# Filled in by main; the tests are plain functions that use them.
SIM = None


def http(method, path, body=None, **headers):
    """Status, headers and body of one exchange; an error status is an answer, too."""
    request = urllib.request.Request(
        SIM.url + path, data=body, method=method,
        headers={k.replace("_", "-"): v for k, v in headers.items()})
    try:
        answer = urllib.request.urlopen(request, timeout=60)
    except urllib.error.HTTPError as e:
        answer = e
    with answer:
        return answer.status, answer.headers, answer.read()


def http_json(method, path, body=None, **headers):
    status, fields, data = http(method, path, body, **headers)
    assert fields["Content-Type"] == "application/json", fields.items()
    return status, json.loads(data)


def basic(name=ID, secret=SECRET):
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()


def ask_token(authorization=None, **fields):
    body = urllib.parse.urlencode(fields or {"grant_type": "client_credentials"}).encode()
    return http_json("POST", "/iam/v3/oauth/token", body, Authorization=authorization or basic())


def token(**fields):
    status, answer = ask_token(**fields)
    assert status == 200, answer
    return answer["access_token"]


def bearer(text=None):
    return "Bearer " + (text or token())


def session(name="s1", ns=NAMESPACE, authorization=None):
    return http_json("GET", f"/session/v1/public/namespaces/{ns}/gamesessions/{name}",
                     Authorization=authorization or bearer())


def report(body, name="s1", authorization=None):
    status, _, data = http(
        "PUT", f"/session/v1/admin/namespaces/{NAMESPACE}/gamesessions/{name}/dsinformation",
        json.dumps(body).encode(), Authorization=authorization or bearer(),
        Content_Type="application/json")
    return status, json.loads(data) if data else None


def unpad(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def claims(text):
    return json.loads(unpad(text.split(".")[1]))


# ---- tokens ----

def keys():
    status, answer = http_json("GET", "/iam/v3/oauth/jwks", Authorization=bearer())
    assert status == 200 and list(answer) == ["keys"], answer
    return {k["kid"]: k for k in answer["keys"]}


def signature_is_good(text, jwk):
    """By somebody else's RSA: python3-cryptography, else the openssl command."""
    n, e = (int.from_bytes(unpad(jwk[k]), "big") for k in "ne")
    signed, signature = text.rsplit(".", 1)
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding, rsa
    except ImportError:
        return openssl_verifies(n, e, signed.encode(), unpad(signature))
    try:
        rsa.RSAPublicNumbers(e, n).public_key().verify(
            unpad(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return True
    except InvalidSignature:
        return False


def der(tag, body):
    length = bytes([len(body)]) if len(body) < 128 else b"\x82" + len(body).to_bytes(2, "big")
    return bytes([tag]) + length + body


def openssl_verifies(n, e, signed, signature):
    def integer(v):
        return der(2, v.to_bytes(v.bit_length() // 8 + 1, "big"))
    algorithm = bytes.fromhex("300d06092a864886f70d0101010500")
    key = der(0x30, algorithm + der(3, b"\0" + der(0x30, integer(n) + integer(e))))
    with tempfile.TemporaryDirectory() as scratch:
        for name, data in (("key", key), ("signed", signed), ("signature", signature)):
            pathlib.Path(scratch, name).write_bytes(data)
        return subprocess.run(
            ["openssl", "dgst", "-sha256", "-verify", "key", "-keyform", "DER", "-signature",
             "signature", "signed"], cwd=scratch, capture_output=True).returncode == 0


def a_token_is_a_real_jwt_with_the_claims_of_ags():
    status, answer = ask_token()
    assert status == 200 and answer["token_type"] == "Bearer" and answer["expires_in"] == 3600
    assert answer["namespace"] == NAMESPACE and "refresh_token" not in answer, answer
    assert {"action": 2, "resource": "NAMESPACE:{namespace}:SESSION:GAME"} in answer["permissions"]
    text = answer["access_token"]
    header = json.loads(unpad(text.split(".")[0]))
    assert header["alg"] == "RS256" and set(header) == {"alg", "kid", "typ"}, header
    jwk = keys()[header["kid"]]
    assert set(jwk) == {"kty", "kid", "n", "e", "alg", "use"} and jwk["kty"] == "RSA", jwk
    assert "=" not in jwk["n"] + jwk["e"] and jwk["use"] == "sig" and jwk["alg"] == "RS256", jwk
    assert signature_is_good(text, jwk)
    flipped = text[:30] + ("A" if text[30] != "A" else "B") + text[31:]
    assert not signature_is_good(flipped, jwk)
    c = claims(text)
    assert c["client_id"] == ID and c["namespace"] == NAMESPACE and c["aud"] == [], c
    assert c["exp"] - c["iat"] == 3600 and abs(c["iat"] - time.time()) < 5 and c["nbf"] <= c["iat"]
    assert set(c["permissions"][0]) == {"Resource", "Action"} and c["roles"] == [], c
    assert "social" in c["scope"].split() and "sub" not in c and c["jti"] and c["iss"], c
    assert openssl_verifies(*(int.from_bytes(unpad(jwk[k]), "big") for k in "ne"),
                            text.rsplit(".", 1)[0].encode(), unpad(text.rsplit(".", 1)[1]))


def the_extend_grant_gives_a_token_for_one_namespace():
    status, answer = ask_token(grant_type=EXTEND, extendNamespace="studio-other")
    assert status == 200 and answer["scope"] == "extend" and "permissions" not in answer, answer
    c = claims(answer["access_token"])
    assert c["extend_namespace"] == "studio-other" and c["scope"] == "extend", c
    assert c["roles"] == [] and c["permissions"] == [], c
    assert signature_is_good(answer["access_token"], next(iter(keys().values())))
    status, answer = ask_token(grant_type=EXTEND)
    assert (status, answer["error"]) == (400, "invalid_request"), answer


def wrong_clients_and_grants_are_refused():
    for wrong in (basic(secret="other"), basic(name="other"), "Basic !!!", "Bearer x", "Basic "):
        status, answer = ask_token(authorization=wrong)
        assert (status, answer["error"]) == (401, "invalid_client"), (wrong, answer)
        assert set(answer) == {"error", "error_description"}, answer
    status, answer = ask_token(grant_type="password")
    assert (status, answer["error"]) == (400, "unsupported_grant_type"), answer
    status, answer = http_json("POST", "/iam/v3/oauth/token", b"{}", Authorization=basic(),
                               Content_Type="application/json")
    assert (status, answer["error"]) == (400, "invalid_request"), answer


def a_short_token_ends_in_time():
    SIM.control("POST", "ags", {"expires_in": 2})
    SIM.control("PUT", f"ags/sessions/{NAMESPACE}/s1", {})
    text = token()
    assert claims(text)["exp"] - claims(text)["iat"] == 2
    assert session(authorization=bearer(text))[0] == 200
    time.sleep(2.1)
    status, answer = session(authorization=bearer(text))
    assert status == 401 and answer["errorCode"] == 20001, answer
    assert set(answer) == {"attributes", "errorCode", "errorMessage", "message", "name"}, answer
    assert session()[0] == 200


def tokens_expire_and_are_revoked_on_command():
    SIM.control("PUT", f"ags/sessions/{NAMESPACE}/s1", {})
    old = bearer()
    SIM.control("POST", "ags/tokens/expire")
    assert session(authorization=old)[0] == 401
    new = bearer()
    assert session(authorization=new)[0] == 200
    SIM.control("POST", "ags/tokens/revoke", {})
    assert session(authorization=new)[0] == 401
    counted = SIM.control("GET", "ags")["calls"]
    assert counted["TokenGrantV3"] == 2 and counted["getGameSession"] == 3, counted


def murmur3(data):
    """MurmurHash3 x64 128 once more, in another language."""
    mask, c1, c2 = (1 << 64) - 1, 0x87C37B91114253D5, 0x4CF5AD432745937F

    def rotate(x, r):
        return (x << r | x >> (64 - r)) & mask

    def final(h):
        h = (h ^ h >> 33) * 0xFF51AFD7ED558CCD & mask
        h = (h ^ h >> 33) * 0xC4CEB9FE1A85EC53 & mask
        return h ^ h >> 33
    h1 = h2 = 0
    whole = len(data) // 16 * 16
    for at in range(0, whole, 16):
        k1, k2 = (int.from_bytes(data[at + i:at + i + 8], "little") for i in (0, 8))
        h1 ^= rotate(k1 * c1 & mask, 31) * c2 & mask
        h1 = ((rotate(h1, 27) + h2) * 5 + 0x52DCE729) & mask
        h2 ^= rotate(k2 * c2 & mask, 33) * c1 & mask
        h2 = ((rotate(h2, 31) + h1) * 5 + 0x38495AB5) & mask
    tail = data[whole:]
    h2 ^= rotate(int.from_bytes(tail[8:], "little") * c2 & mask, 33) * c1 & mask
    h1 ^= rotate(int.from_bytes(tail[:8], "little") * c1 & mask, 31) * c2 & mask
    h1, h2 = h1 ^ len(data), h2 ^ len(data)
    h1 = (h1 + h2) & mask
    h2 = (h2 + h1) & mask
    h1, h2 = final(h1), final(h2)
    h1 = (h1 + h2) & mask
    return h1, (h2 + h1) & mask


def is_revoked(filter_, text):
    words = filter_["bits"]
    h1, h2 = murmur3(text.encode())
    for i in range(filter_["k"]):
        at = ((h1 + i * h2) & (1 << 64) - 1 & (1 << 63) - 1) % (64 * len(words))
        if not words[at // 64] >> at % 64 & 1:
            return False
    return True


def revocations():
    status, answer = http_json("GET", "/iam/v3/oauth/revocationlist", Authorization=basic())
    assert status == 200, answer
    return answer


def the_revocation_list_is_a_bloom_filter_of_compact_tokens():
    assert murmur3(b"this_is_a_test_string") == (0xBD8514B9757B49E6, 0x76CA4FDE2065E035)
    assert revocations() == {"revoked_tokens": {"bits": [], "k": 7, "m": 0}, "revoked_users": []}
    mine = [token() for _ in range(20)]
    for text in mine[:10] + ["this_is_a_test_string"]:
        SIM.control("POST", "ags/tokens/revoke", {"token": text})
    SIM.control("POST", "ags/tokens/revoke", {"user": "u" * 32})
    answer = revocations()
    filter_ = answer["revoked_tokens"]
    assert filter_["m"] == 64 * len(filter_["bits"]) == 9600 and filter_["k"] == 7, filter_
    assert all(is_revoked(filter_, text) for text in mine[:10] + ["this_is_a_test_string"])
    assert not any(is_revoked(filter_, text) for text in mine[10:])
    (user,) = answer["revoked_users"]
    then = calendar.timegm(time.strptime(user["revoked_at"][:19], "%Y-%m-%dT%H:%M:%S"))
    assert user["id"] == "u" * 32 and abs(then - time.time()) < 5, user
    status, answer = http_json("GET", "/iam/v3/oauth/revocationlist", Authorization=bearer())
    assert status == 401 and answer["errorCode"] == 20001, answer


def any_token_can_be_made_for_those_who_validate():
    def made(**body):
        return SIM.control("POST", "ags/tokens", body)["access_token"]
    text = made(claims={"namespace": "n", "sub": "u", "permissions": [{"Resource": "R",
                                                                      "Action": 1.5}]})
    c = claims(text)
    assert c["sub"] == "u" and c["permissions"] == [{"Resource": "R", "Action": 1.5}], c
    assert c["exp"] - c["iat"] == 3600 and c["jti"], c
    known = keys()
    assert signature_is_good(text, next(iter(known.values())))
    stranger = made(claims={}, published_key=False)
    assert json.loads(unpad(stranger.split(".")[0]))["kid"] not in known
    forged = made(claims={}, published_key=False, kid=next(iter(known)))
    assert not signature_is_good(forged, next(iter(known.values())))
    assert "kid" not in json.loads(unpad(made(claims={}, kid="").split(".")[0]))
    SIM.control("POST", "ags/keys", {})
    assert len(keys()) == len(known) + 1
    assert all(kid in keys() for kid in known)
    SIM.control("POST", "ags/keys", {"forget": True})
    assert len(keys()) == 1 and not any(kid in keys() for kid in known)


def verify_knows_good_tokens():
    def verify(text):
        return http_json("POST", "/iam/v3/oauth/verify",
                         urllib.parse.urlencode({"token": text}).encode(), Authorization=basic())
    text = token()
    status, answer = verify(text)
    assert status == 200 and answer["access_token"] == text, answer
    assert 3590 < answer["expires_in"] <= 3600 and answer["namespace"] == NAMESPACE, answer
    SIM.control("POST", "ags/tokens/revoke", {"token": text})
    assert verify(text)[0] == 400 and verify("nonsense")[0] == 400


# ---- game sessions ----

def a_session_answers_in_the_spelling_of_ags():
    arn = "arn:aws:gamelift:us-east-1::gamesession/fleet-demo/x"
    SIM.control("PUT", f"ags/sessions/{NAMESPACE}/s1",
                {"deployment": arn, "ip": "192.0.2.4", "port": 7777, "region": "us-west-2",
                 "source": "Gamelift", "async": True, "timeout_s": 120, "client_version": "1.2",
                 "match_pool": "duel"})
    status, answer = session()
    assert status == 200 and answer["id"] == "s1" and answer["namespace"] == NAMESPACE, answer
    ds = answer["DSInformation"]
    assert ds["Server"]["deployment"] == arn and ds["Server"]["port"] == 7777, ds
    assert ds["Server"]["session_id"] == "s1" and ds["Server"]["source"] == "Gamelift", ds
    assert ds["Status"] == ds["StatusV2"] == "AVAILABLE" and ds["CreatedAt"].endswith("Z"), ds
    assert answer["configuration"]["asyncProcessDSRequest"] == {"async": True, "timeout": 120}
    assert answer["isActive"] is True and answer["members"] == [] and answer["matchPool"] == "duel"
    status, answer = session("none")
    assert status == 404 and isinstance(answer["errorCode"], int) and answer["name"], answer
    for wrong in ("Bearer x", "Bearer a.b.c", basic()):
        assert session(authorization=wrong)[0] == 401, wrong
    status, answer = session(ns="studio-other")
    assert status == 403 and answer["errorCode"] == 20013 and answer["requiredPermission"] == {
        "action": 2, "resource": "NAMESPACE:{namespace}:SESSION:GAME"}, answer
    SIM.control("POST", "ags", {"may_read": False})
    assert session()[0] == 403


def a_session_may_lack_everything_about_its_server():
    for body, there in (({}, {}), ({"server": "null"}, {"Server": None}),
                        ({"deployment": None}, None), ({"ds_information": "null"}, None),
                        ({"ds_information": "absent"}, None)):
        SIM.control("PUT", f"ags/sessions/{NAMESPACE}/s1", body)
        status, answer = session()
        assert status == 200, answer
        ds = answer.get("DSInformation")
        if there is not None:
            assert {k: v for k, v in ds.items() if k == "Server"} == there, ds
        elif "deployment" in body:
            assert ds["Server"]["deployment"] is None, ds
        else:
            assert ds is None and ("DSInformation" in answer) == (body["ds_information"] == "null")


def reports_are_checked_and_stored():
    SIM.control("PUT", f"ags/sessions/{NAMESPACE}/s1", {"async": True})
    assert session()[1]["DSInformation"]["StatusV2"] == "REQUESTED"
    full = {"status": "AVAILABLE", "ip": "192.0.2.7", "port": 4321, "deployment": "arn:y",
            "serverId": "arn:y", "region": "us-east-1", "createdRegion": "us-east-1",
            "source": "Gamelift", "description": ""}
    assert report(full) == (204, None)
    server = session()[1]["DSInformation"]["Server"]
    assert server["ip"] == "192.0.2.7" and server["deployment"] == "arn:y", server
    for wrong in ({}, {"status": "READY"}, {**full, "port": "4321"}, {**full, "port": 2 ** 31},
                  {**full, "ip": 7}, [], {**full, "port": None}):
        status, answer = report(wrong)
        assert status == 400 and answer["errorCode"] == 20002, (wrong, answer)
    failure = {"status": "FAILED_TO_REQUEST", "description": "no free server", "ip": None}
    assert report(failure)[0] == 204
    assert report(full, name="none")[0] == 404
    assert report(full, authorization="Bearer x")[0] == 401
    seen = SIM.control("GET", f"ags/sessions/{NAMESPACE}/s1")
    assert [r["body"] for r in seen["history"]] == [full, failure] and seen["reports"] == 2, seen
    assert [s["id"] for s in SIM.control("GET", "ags/sessions")] == ["s1"]
    SIM.control("DELETE", f"ags/sessions/{NAMESPACE}/s1")
    assert session()[0] == 404


def every_operation_can_be_made_to_fail():
    SIM.control("PUT", f"ags/sessions/{NAMESPACE}/s1", {})
    good = bearer()
    calls = {
        "TokenGrantV3": lambda: http(
            "POST", "/iam/v3/oauth/token", b"grant_type=client_credentials",
            Authorization=basic()),
        "GetJWKSV3": lambda: http("GET", "/iam/v3/oauth/jwks", Authorization=good),
        "GetRevocationListV3": lambda: http("GET", "/iam/v3/oauth/revocationlist",
                                            Authorization=basic()),
        "getGameSession": lambda: http(
            "GET", f"/session/v1/public/namespaces/{NAMESPACE}/gamesessions/s1",
            Authorization=good),
        "adminUpdateDSInformation": lambda: http(
            "PUT", f"/session/v1/admin/namespaces/{NAMESPACE}/gamesessions/s1/dsinformation",
            b'{"status": "ENDED"}', Authorization=good),
    }
    for operation, call in calls.items():
        for rule, status in (({"kind": "error", "type": "x", "status": 503}, 503),
                             ({"kind": "throttle"}, 429),
                             ({"kind": "http", "status": 401, "body": "no JSON"}, 401),
                             ({"kind": "slow", "delay_ms": 150}, None)):
            SIM.control("POST", "faults", {**rule, "operation": operation, "count": 1})
            start = time.monotonic()
            got = call()[0]
            assert got == status or status is None and got < 300, (operation, rule, got)
            assert status is not None or time.monotonic() - start >= 0.14, (operation, rule)
            assert call()[0] < 300, (operation, rule)
        for kind in ("reset", "close", "half_header", "half_body"):
            SIM.control("POST", "faults", {"kind": kind, "operation": operation, "count": 1})
            try:
                got = call()
            except (OSError, HTTPException):
                pass
            else:
                # Python takes half a header for a whole one, without a body.
                assert kind == "half_header" and got[0] == 200 and got[2] == b"", (operation, got)
            assert call()[0] < 300, (operation, kind)


def many_ask_at_once():
    SIM.control("PUT", f"ags/sessions/{NAMESPACE}/s1", {"deployment": "arn:z"})
    good = bearer()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        seen = list(pool.map(lambda _: session(authorization=good)[0], range(200)))
    assert seen == [200] * 200


# ---- AWS credentials with botocore's own providers ----

@contextlib.contextmanager
def environment(**variables):
    before = dict(os.environ)
    os.environ.update({k: v for k, v in variables.items() if v is not None})
    for name in [k for k, v in variables.items() if v is None]:
        os.environ.pop(name, None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def aws_session():
    made = botocore.session.Session()
    if sdk_against_sim.MODEL is not None:
        made.get_component("data_loader").search_paths.insert(0, sdk_against_sim.MODEL)
    return made


def create_with_default_chain(made):
    client = made.create_client("gamelift", region_name="us-east-1", endpoint_url=SIM.url,
                                config=botocore.config.Config(retries={"total_max_attempts": 1}))
    answer = client.create_game_session(AliasId="alias-demo", MaximumPlayerSessionCount=2)
    assert answer["GameSession"]["GameSessionId"], answer
    return client


def last_gamelift_call():
    return [r for r in SIM.control("GET", "requests") if r["service"] == "gamelift"][-1]


def credentials_are_accepted_until_they_end(method):
    """CreateGameSession with whatever the environment leads botocore to."""
    made = aws_session()
    credentials = made.get_credentials()
    assert credentials.method == method, credentials.method
    frozen = credentials.get_frozen_credentials()
    assert frozen.access_key.startswith("ASIA") and frozen.token, frozen.access_key
    client = create_with_default_chain(made)
    seen = last_gamelift_call()
    assert seen["verdict"] == "signature ok", seen
    headers = {k.lower(): v for k, v in seen["headers"]}
    assert f"Credential={frozen.access_key}/" in headers["authorization"], headers
    assert headers["x-amz-security-token"] == "***", headers
    SIM.control("POST", "credentials/expire")
    sdk_against_sim.refused("ExpiredTokenException", client.create_game_session,
                            AliasId="alias-demo", MaximumPlayerSessionCount=2)
    SIM.control("DELETE", "credentials")
    sdk_against_sim.refused("UnrecognizedClientException", client.create_game_session,
                            AliasId="alias-demo", MaximumPlayerSessionCount=2)


def eks_pod_identity_gives_credentials():
    # Older releases know the token as a variable only.
    with environment(AWS_CONTAINER_CREDENTIALS_FULL_URI=SIM.url + "/v1/credentials",
                     AWS_CONTAINER_AUTHORIZATION_TOKEN=CONTAINER_TOKEN):
        credentials_are_accepted_until_they_end("container-role")


def an_ecs_task_gets_credentials():
    with environment(AWS_CONTAINER_CREDENTIALS_FULL_URI=SIM.url + "/v2/credentials/8f2c-41",
                     AWS_CONTAINER_AUTHORIZATION_TOKEN=None):
        credentials_are_accepted_until_they_end("container-role")
    (seen,) = [r for r in SIM.control("GET", "requests") if r["service"] == "metadata"]
    assert seen["operation"] == "ContainerCredentials" and seen["status"] == 200, seen


def an_instance_gets_credentials():
    with environment(AWS_EC2_METADATA_SERVICE_ENDPOINT=SIM.url + "/",
                     AWS_EC2_METADATA_DISABLED=None, AWS_EC2_METADATA_V1_DISABLED="true"):
        credentials_are_accepted_until_they_end("iam-role")
    seen = [r["operation"] for r in SIM.control("GET", "requests") if r["service"] == "metadata"]
    assert seen == ["ImdsToken", "ImdsRole", "ImdsCredentials"], seen


def a_web_identity_gives_credentials():
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(WEB_TOKEN)
        file.flush()
        with environment(AWS_WEB_IDENTITY_TOKEN_FILE=file.name, AWS_ROLE_ARN=ROLE,
                         AWS_ROLE_SESSION_NAME="story"), sts_at_the_sim():
            credentials_are_accepted_until_they_end("assume-role-with-web-identity")
    (seen,) = [r for r in SIM.control("GET", "requests") if r["service"] == "sts"]
    assert "&WebIdentityToken=***" in seen["body"] and WEB_TOKEN not in json.dumps(seen), seen


@contextlib.contextmanager
def sts_at_the_sim():
    """Releases before AWS_ENDPOINT_URL make their STS client without asking for an endpoint."""
    create = botocore.session.Session.create_client

    def create_client(self, service, *args, **kwargs):
        if service == "sts":
            kwargs["endpoint_url"] = SIM.url
            kwargs.setdefault("region_name", "us-east-1")
        return create(self, service, *args, **kwargs)
    botocore.session.Session.create_client = create_client
    try:
        with environment(AWS_DEFAULT_REGION="us-east-1"):
            yield
    finally:
        botocore.session.Session.create_client = create


def a_profile_assumes_a_role():
    config = (f"[profile story]\nrole_arn = {ROLE}\nsource_profile = keys\nexternal_id = x7\n"
              "role_session_name = story\nduration_seconds = 1800\n")
    keys_file = (f"[keys]\naws_access_key_id = {sdk_against_sim.KEY}\n"
                 f"aws_secret_access_key = {sdk_against_sim.SECRET}\n")
    SIM.control("POST", "credentials", {"external_id": "x7", "role_arn": ROLE})
    with tempfile.TemporaryDirectory() as scratch:
        pathlib.Path(scratch, "config").write_text(config)
        pathlib.Path(scratch, "credentials").write_text(keys_file)
        with environment(AWS_CONFIG_FILE=scratch + "/config", AWS_PROFILE="story",
                         AWS_SHARED_CREDENTIALS_FILE=scratch + "/credentials"), sts_at_the_sim():
            start = time.time()
            credentials_are_accepted_until_they_end("assume-role")
    (seen,) = [r for r in SIM.control("GET", "requests") if r["service"] == "sts"]
    assert seen["operation"] == "AssumeRole" and seen["verdict"] == "signature ok", seen
    end = seen["answer"].split("<Expiration>")[1].split("<")[0]
    assert 1795 < calendar.timegm(time.strptime(end, "%Y-%m-%dT%H:%M:%SZ")) - start < 1805, end


def sts_client(key=sdk_against_sim.KEY, secret=sdk_against_sim.SECRET):
    return aws_session().create_client(
        "sts", region_name="us-east-1", endpoint_url=SIM.url, aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=botocore.config.Config(retries={"total_max_attempts": 1}))


def sts_answers_and_refuses_as_a_stock_client_expects():
    client = sts_client()
    answer = client.assume_role(RoleArn=ROLE, RoleSessionName="a.b@c")
    assert answer["AssumedRoleUser"]["Arn"] == (
        "arn:aws:sts::123456789012:assumed-role/game-server/a.b@c"), answer
    assert answer["Credentials"]["Expiration"].timestamp() - time.time() > 3590, answer
    assert answer["ResponseMetadata"]["RequestId"], answer
    refused = sdk_against_sim.refused
    refused("SignatureDoesNotMatch", sts_client(secret="x").assume_role, RoleArn=ROLE,
            RoleSessionName="ab")
    refused("InvalidClientTokenId", sts_client(key="AKIDOTHER").assume_role, RoleArn=ROLE,
            RoleSessionName="ab")
    refused("ValidationError", client.assume_role, RoleArn="a" * 20, RoleSessionName="ab")
    refused("ValidationError", client.assume_role, RoleArn=ROLE, RoleSessionName="a b")
    refused("ValidationError", client.assume_role, RoleArn=ROLE, RoleSessionName="ab",
            DurationSeconds=50000)
    refused("InvalidIdentityToken", client.assume_role_with_web_identity, RoleArn=ROLE,
            RoleSessionName="ab", WebIdentityToken="other")
    SIM.control("POST", "credentials", {"role_arn": ROLE + "2"})
    refused("AccessDenied", client.assume_role, RoleArn=ROLE, RoleSessionName="ab")
    SIM.control("POST", "credentials", {"role_arn": ""})
    SIM.control("POST", "faults", [
        {"kind": "error", "type": "IDPCommunicationError", "service": "sts",
         "operation": "AssumeRoleWithWebIdentity", "count": 1},
        {"kind": "throttle", "service": "sts", "operation": "AssumeRole", "count": 1}])
    refused("IDPCommunicationError", client.assume_role_with_web_identity, RoleArn=ROLE,
            RoleSessionName="ab", WebIdentityToken=WEB_TOKEN)
    refused("Throttling", client.assume_role, RoleArn=ROLE, RoleSessionName="ab")
    assert client.assume_role(RoleArn=ROLE, RoleSessionName="ab")


def short_credentials_end_by_themselves():
    SIM.control("POST", "credentials", {"lifetime_s": 2})
    given = sts_client().assume_role(RoleArn=ROLE, RoleSessionName="ab")["Credentials"]

    def create():
        made = aws_session()
        made.set_credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
        create_with_default_chain(made)
    create()
    time.sleep(2.1)
    sdk_against_sim.refused("ExpiredTokenException", create)


def broken_credential_endpoints_give_nobody_a_key():
    """What botocore makes of faults in each step; each rule must have struck."""
    for operation in ("ImdsToken", "ImdsRole", "ImdsCredentials"):
        SIM.control("DELETE", "faults")
        SIM.control("POST", "faults", {"kind": "error", "type": "Nope", "status": 400,
                                       "operation": operation})
        with environment(AWS_EC2_METADATA_SERVICE_ENDPOINT=SIM.url + "/",
                         AWS_EC2_METADATA_DISABLED=None):
            assert aws_session().get_credentials() is None, operation
        (rule,) = SIM.control("GET", "faults")
        assert rule["hits"] >= 1, operation
    SIM.control("DELETE", "faults")
    with environment(AWS_CONTAINER_CREDENTIALS_FULL_URI=SIM.url + "/v1/credentials",
                     AWS_CONTAINER_AUTHORIZATION_TOKEN="wrong"):
        try:
            aws_session().get_credentials()
            raise AssertionError("the wrong token was taken")
        except botocore.exceptions.CredentialRetrievalError:
            pass


def instance_metadata_keeps_its_rules():
    header = {"X_aws_ec2_metadata_token_ttl_seconds": "30"}
    status, fields, text = http("PUT", "/latest/api/token", b"", **header)
    assert status == 200 and fields["x-aws-ec2-metadata-token-ttl-seconds"] == "30"
    given = {"X_aws_ec2_metadata_token": text.decode()}
    assert http("GET", "/latest/meta-data/placement/region", **given)[2] == b"us-east-1"
    SIM.control("DELETE", "credentials/imds-tokens")
    assert http("GET", "/latest/meta-data/placement/region", **given)[0] == 401
    assert http("PUT", "/latest/api/token", b"")[0] == 400
    assert http("PUT", "/latest/api/token", b"", X_Forwarded_For="192.0.2.1", **header)[0] == 403
    assert http("GET", "/latest/meta-data/iam/security-credentials/")[0] == 401
    SIM.control("POST", "credentials", {"imds_v1": True})
    assert http("GET", "/latest/meta-data/iam/security-credentials/")[2] == b"sim-instance-role"
    SIM.control("POST", "credentials", {"instance_role": ""})
    assert http("GET", "/latest/meta-data/iam/security-credentials/")[0] == 404


# ---- what people see ----

def neither_journal_nor_output_shows_a_secret():
    SIM.control("PUT", f"ags/sessions/{NAMESPACE}/s1", {})
    text = token()
    session(authorization=bearer(text))
    extend = token(grant_type=EXTEND, extendNamespace=NAMESPACE)
    given = sts_client().assume_role(RoleArn=ROLE, RoleSessionName="ab")["Credentials"]
    sts_client().assume_role_with_web_identity(RoleArn=ROLE, RoleSessionName="ab",
                                               WebIdentityToken=WEB_TOKEN)
    container = json.loads(http("GET", "/v1/credentials", Authorization=CONTAINER_TOKEN)[2])
    imds = http("PUT", "/latest/api/token", b"",
                X_aws_ec2_metadata_token_ttl_seconds="30")[2].decode()
    http("GET", "/latest/meta-data/iam/security-credentials/sim-instance-role",
         X_aws_ec2_metadata_token=imds)
    journal = json.dumps(SIM.control("GET", "requests"))
    SIM.output.flush()
    output = pathlib.Path(SIM.output.name).read_text()
    for secret in (text, extend, SECRET, basic()[6:], given["SecretAccessKey"],
                   given["SessionToken"], WEB_TOKEN, CONTAINER_TOKEN, container["Token"],
                   container["SecretAccessKey"], imds):
        for place, seen in (("journal", journal), ("output", output)):
            assert secret not in seen, (place, secret)
            assert urllib.parse.quote(secret, safe="") not in seen, (place, secret)
    for words in ("  ags  TokenGrantV3\n  > POST /iam/v3/oauth/token\n  > Authorization: Basic ***",
                  "  ags  getGameSession  in studio-game\n", '"access_token": "***"',
                  "  sts  AssumeRole\n", "  metadata  ImdsToken\n",
                  "  metadata  ContainerCredentials\n"):
        assert words in output, words


def a_reset_leaves_nothing_behind():
    SIM.control("PUT", f"ags/sessions/{NAMESPACE}/s1", {})
    SIM.control("POST", "ags", {"expires_in": 5, "may_read": False})
    SIM.control("POST", "ags/tokens/revoke", {"token": "x"})
    SIM.control("POST", "credentials", {"lifetime_s": 5, "instance_role": "other"})
    SIM.control("POST", "reset")
    seen = SIM.control("GET", "ags")
    assert seen["expires_in"] == 3600 and not any(seen["calls"].values()), seen
    assert SIM.control("GET", "ags/sessions") == []
    assert revocations()["revoked_tokens"]["bits"] == []
    assert SIM.control("GET", "credentials")["lifetime_s"] == 0


TESTS = [
    a_token_is_a_real_jwt_with_the_claims_of_ags, the_extend_grant_gives_a_token_for_one_namespace,
    wrong_clients_and_grants_are_refused, a_short_token_ends_in_time,
    tokens_expire_and_are_revoked_on_command,
    the_revocation_list_is_a_bloom_filter_of_compact_tokens,
    any_token_can_be_made_for_those_who_validate, verify_knows_good_tokens,
    a_session_answers_in_the_spelling_of_ags, a_session_may_lack_everything_about_its_server,
    reports_are_checked_and_stored, every_operation_can_be_made_to_fail, many_ask_at_once,
    eks_pod_identity_gives_credentials, an_ecs_task_gets_credentials, an_instance_gets_credentials,
    a_web_identity_gives_credentials, a_profile_assumes_a_role,
    sts_answers_and_refuses_as_a_stock_client_expects, short_credentials_end_by_themselves,
    broken_credential_endpoints_give_nobody_a_key, instance_metadata_keeps_its_rules,
    neither_journal_nor_output_shows_a_secret, a_reset_leaves_nothing_behind,
]


class Sim:
    """The stand-in as a process whose output can be read while it runs."""

    def __init__(self, command):
        self.output = tempfile.NamedTemporaryFile("w+")
        self.process = subprocess.Popen(command, stdout=self.output)
        end = time.monotonic() + 60
        while not (line := pathlib.Path(self.output.name).read_text().partition("\n"))[1]:
            assert self.process.poll() is None and time.monotonic() < end, "it does not start"
            time.sleep(0.02)
        self.url = line[0].removeprefix("listening on ")

    def control(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + "/_sim/" + path, data=data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as e:
            raise AssertionError(f"{method} {path}: {e.code} {e.read()}") from e

    def stop(self):
        self.process.terminate()
        status = self.process.wait(timeout=60)
        assert status == 0, f"exit status {status}"


def run():
    failed = 0
    for test in TESTS:
        SIM.control("POST", "reset")
        SIM.control("DELETE", "requests")
        try:
            test()
            print(f"ok      {test.__name__}", flush=True)
        except Exception:
            failed += 1
            print(f"FAILED  {test.__name__}", flush=True)
            traceback.print_exc()
    print(f"{len(TESTS) - failed} passed, {failed} failed")
    return failed


def main():
    global SIM
    root = pathlib.Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", nargs="?", default=str(root / "build" / "sim" / "gamelift-sim"))
    parser.add_argument("--model", default=str(root / "idl" / "gamelift.json"))
    given = parser.parse_args()
    # What this machine has set must choose neither keys nor profiles nor proxies.
    for name in [n for n in os.environ if n.startswith(("AWS_", "AB_")) or "proxy" in n.lower()]:
        del os.environ[name]
    with tempfile.TemporaryDirectory() as scratch:
        nowhere = {"AWS_CONFIG_FILE": scratch + "/none", "AWS_EC2_METADATA_DISABLED": "true",
                   "AWS_SHARED_CREDENTIALS_FILE": scratch + "/none", "HOME": scratch}
        os.environ.update(nowhere)
        sdk_against_sim.MODEL = sdk_against_sim.model_directory(given.model, scratch)
        SIM = Sim([*WRAPPER, given.binary, "--verbose",
                   "--ab-client-id", ID, "--ab-client-secret", SECRET, "--ab-namespace", NAMESPACE,
                   "--web-identity", WEB_TOKEN, "--container-token", CONTAINER_TOKEN])
        try:
            failed = run()
        finally:
            SIM.stop()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
