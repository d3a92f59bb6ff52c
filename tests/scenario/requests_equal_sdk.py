#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The service's GameLift requests equal those of an AWS SDK, and its signatures are right.

Both send to the same recording server. The oracle is botocore: its own request for the same
parameters, and its own signer on the very bytes that the service sent.
"""
import contextlib
import json
import re

import botocore.auth
import botocore.awsrequest
import botocore.config
import botocore.credentials
import botocore.session
from harness import KEY, SECRET, Service, Upstream, running, send_answer, story

TOKEN = "session-token/with+odd=characters=="
ANSWER = json.dumps({"GameSession": {"GameSessionId": "arn:aws:gamelift:us-east-1::gamesession/f/s",
                                     "Status": "ACTIVE", "IpAddress": "203.0.113.9",
                                     "Port": 1234}}).encode()


@contextlib.contextmanager
def recorder():
    with running(Upstream(lambda connection, _: send_answer(connection, 200, ANSWER))) as upstream:
        yield upstream


def sent_by_the_service(upstream, path="", fields=None, **settings):
    with running(Service(upstream.url + path, **settings)) as service:
        service.create(**(fields or {}))
    return upstream.requests.pop()


def sent_by_the_sdk(upstream, parameters, path="", region="us-east-1", token=None):
    config = botocore.config.Config(retries={"max_attempts": 0}, proxies={})
    client = botocore.session.Session(profile=None).create_client(
        "gamelift", region_name=region, endpoint_url=upstream.url + path, aws_access_key_id=KEY,
        aws_secret_access_key=SECRET, aws_session_token=token, config=config)
    client.create_game_session(**parameters)
    return upstream.requests.pop()


def claim(request):
    """The parts of the Authorization header."""
    match = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^,]+), SignedHeaders=([^,]+), "
                         r"Signature=([0-9a-f]{64})", request.header("Authorization"))
    assert match, request.header("Authorization")
    return match.groups()


def signature_by_botocore(request, url, token=None):
    """The signature that botocore's signer gives to this request, recomputed from the start."""
    credential, signed, _ = claim(request)
    _, _, region, service, _ = credential.split("/")
    again = botocore.awsrequest.AWSRequest(request.method, url + request.path, data=request.body)
    for name in signed.split(";"):
        again.headers[name] = request.header(name)
    again.context["timestamp"] = request.header("X-Amz-Date")
    signer = botocore.auth.SigV4Auth(botocore.credentials.Credentials(KEY, SECRET, token), service,
                                     region)
    return signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again)


def same_request(ours, sdks):
    assert (ours.method, ours.path) == (sdks.method, sdks.path), (ours.path, sdks.path)
    for name in ("X-Amz-Target", "Content-Type", "Host", "X-Amz-Security-Token"):
        assert ours.header(name) == sdks.header(name), name
    assert json.loads(ours.body) == json.loads(sdks.body), (ours.body, sdks.body)
    assert claim(ours)[1] == claim(sdks)[1], "signed headers differ"
    # Key, region, service; the day may turn between the two.
    assert claim(ours)[0].split("/")[2:] == claim(sdks)[0].split("/")[2:]
    assert int(ours.header("Content-Length")) == len(ours.body)
    for unwanted in ("Expect", "Transfer-Encoding", "Cookie", "Accept"):
        assert ours.header(unwanted) is None, unwanted
    for wanted in ("User-Agent", "amz-sdk-invocation-id", "amz-sdk-request"):
        assert ours.header(wanted), wanted


FIELDS = {"session_id": "story-1", "session_data": 'a "quoted" / text \\ ü 🎮 \u2028 \t',
          "requested_region": ["eu-central-1"], "maximum_player": 16, "client_version": "1.2.3",
          "game_mode": "duel", "secret": "s3cret"}
PARAMETERS = {
    "AliasId": "alias-demo", "IdempotencyToken": "story-1", "MaximumPlayerSessionCount": 16,
    "Location": "eu-central-1", "GameSessionData": FIELDS["session_data"],
    "GameProperties": [{"Key": "clientVersion", "Value": "1.2.3"},
                       {"Key": "gameMode", "Value": "duel"},
                       {"Key": "sessionSecret", "Value": "s3cret"},
                       {"Key": "sessionId", "Value": "story-1"},
                       {"Key": "namespace", "Value": "studio-game"}],
}


def request_is_the_sdks():
    """CreateGameSession: same method, path, target, content type, JSON and signed headers"""
    with recorder() as upstream:
        same_request(sent_by_the_service(upstream, fields=FIELDS),
                     sent_by_the_sdk(upstream, PARAMETERS))


def session_token_is_sent_and_signed():
    """With a session token, the token is sent and signed as the SDK does it"""
    with recorder() as upstream:
        ours = sent_by_the_service(upstream, fields=FIELDS, AWS_SESSION_TOKEN=TOKEN)
        same_request(ours, sent_by_the_sdk(upstream, PARAMETERS, token=TOKEN))
        assert ours.header("X-Amz-Security-Token") == TOKEN
        assert claim(ours)[1] == "content-type;host;x-amz-date;x-amz-security-token;x-amz-target"


def endpoint_with_a_path_keeps_it():
    """An endpoint with a path is asked under that path, as the SDK does"""
    with recorder() as upstream:
        for path in ("/base/", "/base/path/", "/a%20b/"):
            same_request(sent_by_the_service(upstream, path, fields=FIELDS),
                         sent_by_the_sdk(upstream, PARAMETERS, path))
        # Where the path has no slash at its end the SDKs differ; this is the JavaScript one's way.
        assert sent_by_the_service(upstream, "/base", fields=FIELDS).path == "/base/"


def region_is_signed():
    """The configured region is what is signed"""
    with recorder() as upstream:
        ours = sent_by_the_service(upstream, fields=FIELDS, AWS_REGION="ap-northeast-1")
        same_request(ours, sent_by_the_sdk(upstream, PARAMETERS, region="ap-northeast-1"))
        assert claim(ours)[0].endswith("/ap-northeast-1/gamelift/aws4_request")


def signature_is_botocores():
    """botocore's signer gives every request the same signature"""
    texts = ["", "plain", "ü🎮\u2028\u2029", "\x01\x02\x7f", '"\\/', " two  blanks ", "%41+%2B", "a" * 5000]
    with recorder() as upstream:
        for settings in ({}, {"AWS_SESSION_TOKEN": TOKEN}, {"AWS_REGION": "eu-central-1"}):
            with running(Service(upstream.url, **settings)) as service:
                for n, text in enumerate(texts):
                    service.create(session_id=f"s-{n}", session_data=text, game_mode=text[:50])
                    ours = upstream.requests.pop()
                    expected = signature_by_botocore(ours, upstream.url,
                                                     settings.get("AWS_SESSION_TOKEN"))
                    assert claim(ours)[2] == expected, (settings, text)
        for path in ("/base", "/base/path/", "/a%20b"):
            ours = sent_by_the_service(upstream, path)
            assert claim(ours)[2] == signature_by_botocore(ours, upstream.url), path


def wrong_oracle_would_notice():
    """The comparison itself notices an altered body and another key"""
    with recorder() as upstream:
        ours = sent_by_the_service(upstream, fields=FIELDS)
        assert claim(ours)[2] == signature_by_botocore(ours, upstream.url)
        ours.body = ours.body.replace(b"16", b"17")
        assert claim(ours)[2] != signature_by_botocore(ours, upstream.url)


def attempts_are_signed_afresh():
    """Attempts of one call share the invocation id and the body; each has its number"""
    def behave(connection, request):
        send_answer(connection, 503 if "attempt=1" in request.header("amz-sdk-request") else 200, ANSWER)
    with running(Upstream(behave)) as upstream, running(Service(upstream.url)) as service:
        service.create()
        first, second = upstream.requests
        assert first.body == second.body
        assert first.header("amz-sdk-invocation-id") == second.header("amz-sdk-invocation-id")
        assert second.header("amz-sdk-request") == "attempt=2; max=3"
        for request in (first, second):
            assert claim(request)[2] == signature_by_botocore(request, upstream.url)
        service.create(session_id="other")
        assert upstream.requests[-1].header("amz-sdk-invocation-id") != \
            first.header("amz-sdk-invocation-id")


if __name__ == "__main__":
    story([
        request_is_the_sdks, session_token_is_sent_and_signed, endpoint_with_a_path_keeps_it,
        region_is_signed, signature_is_botocores, wrong_oracle_would_notice,
        attempts_are_signed_afresh,
    ], shared=False)
