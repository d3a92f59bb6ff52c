#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Only callers with an access token that AGS issued for this app get through."""
import base64
import contextlib
import hashlib
import hmac
import json
import time
import urllib.parse
import urllib.request

import grpc
import metrics
from harness import CODE, Service, Sim, eventually, fails, running, story

EXTEND_GRANT = "urn:ietf:params:oauth:grant-type:extend_client_credentials"
REFLECTION = "/grpc.reflection.{}.ServerReflection/ServerReflectionInfo"


# ---- tokens --------------------------------------------------------------------------------------


def token(sim, kid=None, published=True, **claims):
    """A token of the stand-in with these claims; None leaves one out."""
    wanted = {"namespace": "studio", "extend_namespace": "studio-game", **claims}
    body = {"claims": {k: v for k, v in wanted.items() if v is not None},
            "published_key": published}
    if kid is not None:
        body["kid"] = kid
    return sim.control("POST", "ags/tokens", body)["access_token"]


def granted_token(sim, namespace="studio-game"):
    """As AGS gets the tokens that it sends to Extend apps."""
    body = urllib.parse.urlencode({"grant_type": EXTEND_GRANT, "extendNamespace": namespace})
    basic = base64.b64encode(b"sim-client:sim-secret").decode()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(
            sim.url + "/iam/v3/oauth/token", data=body.encode(),
            headers={"Authorization": "Basic " + basic})) as answer:
        return json.load(answer)["access_token"]


def packed(data):
    if not isinstance(data, bytes):
        data = json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unpacked(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def reheaded(good, **changes):
    """The same token with another header."""
    header, rest = good.split(".", 1)
    return packed({**json.loads(unpacked(header)), **changes}) + "." + rest


# ---- the service ---------------------------------------------------------------------------------


@contextlib.contextmanager
def guarded(wait=True, faults=(), **settings):
    """The stand-in and a service that asks for tokens and refreshes what it knows each second."""
    with running(Sim()) as sim:
        for fault in faults:
            sim.fault(**fault)
        with running(Service(
                sim.url, AB_BASE_URL=sim.url, AB_CLIENT_ID="sim-client",
                AB_CLIENT_SECRET="sim-secret",
                **{"PLUGIN_GRPC_SERVER_AUTH_ENABLED": "true", "REFRESH_INTERVAL": 1,
                   **settings})) as service:
            if wait:
                eventually(lambda: code(service, "not.a.token") != CODE.UNAVAILABLE,
                           "keys and revocations are loaded")
            yield sim, service


def loads(service, **labels):
    return metrics.value(metrics.scrape(service), "session_dsm_auth_trust_loads_total", **labels)


def call(service, text, scheme="Bearer "):
    return service.create(metadata=[("authorization", scheme + text)])


def code(service, text):
    try:
        call(service, text)
        return CODE.OK
    except grpc.RpcError as error:
        return error.code()


def refused(service, text, *words, code=CODE.UNAUTHENTICATED):
    return fails(lambda: call(service, text), code, *words)


# ---- promises ------------------------------------------------------------------------------------


def genuine_tokens_get_through():
    """A token that AGS granted for this app gets through, again and again"""
    with guarded() as (sim, service):
        for text in (granted_token(sim), token(sim), token(sim, sub="player-1")):
            for _ in range(3):
                assert call(service, text).status == "READY"
        assert call(service, granted_token(sim), scheme="bearer ").status == "READY"
        assert sim.control("GET", "ags")["calls"]["VerifyTokenV3"] == 0


def calls_without_a_token_are_refused():
    """Without a token nothing gets through, and the answer says what is missing"""
    with guarded() as (sim, service):
        fails(service.create, CODE.UNAUTHENTICATED, "authorization metadata is missing")
        for value in ("", "Bearer", "Basic c2ltOnNpbQ==", "Bearer null"):
            fails(lambda v=value: service.create(metadata=[("authorization", v)]),
                  CODE.UNAUTHENTICATED)
        assert sim.sessions() == []


def forged_tokens_are_refused():
    """Forged, expired and foreign tokens are refused before anything is done for them"""
    with guarded() as (sim, service):
        good, now = token(sim), int(time.time())
        head, payload, signature = good.split(".")
        jwk = sim_keys(sim)[-1]
        forged = {
            "unpublished key": token(sim, published=False),
            "swapped kid": token(sim, published=False, kid=jwk["kid"]),
            "no kid": token(sim, kid=""),
            "alg none": reheaded(good, alg="none").rsplit(".", 1)[0] + ".",
            "alg NONE": reheaded(good, alg="NONE"),
            "another algorithm": reheaded(good, alg="PS256"),
            "crit": reheaded(good, crit=["exp"]),
            "stripped": f"{head}.{payload}.",
            "cut": good[:-1],
            "padded": good + "==",
            "other claims": ".".join(
                (head, packed({**json.loads(unpacked(payload)), "x": 1}), signature)),
            "expired": token(sim, exp=now - 120),
            "not yet": token(sim, nbf=now + 120),
            "no exp": token(sim, exp=0),
            "long": "x" * 20000,
        }
        for secret in (jwk["n"].encode(), unpacked(jwk["n"]), b""):
            text = packed({"alg": "HS256", "kid": jwk["kid"]}) + "." + payload
            mac = hmac.new(secret, text.encode(), hashlib.sha256).digest()
            forged[f"HMAC {len(forged)}"] = text + "." + packed(mac)
        for what, text in forged.items():
            try:
                refused(service, text)
            except AssertionError as error:
                raise AssertionError(f"{what}: {error}") from None
        assert sim.sessions() == [], "a forged token reached GameLift"
        assert call(service, good).status == "READY"


def sim_keys(sim):
    own = token(sim)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(
            sim.url + "/iam/v3/oauth/jwks",
            headers={"Authorization": "Bearer " + own})) as answer:
        return json.load(answer)["keys"]


def other_namespaces_are_denied():
    """A good token of another app is denied; the switch lets in those without extend_namespace"""
    with guarded() as (sim, service):
        for namespace in ("studio-other", "studio", "", None):
            refused(service, token(sim, extend_namespace=namespace), "extend namespace",
                    code=CODE.PERMISSION_DENIED)
        refused(service, granted_token(sim, "studio-other"), code=CODE.PERMISSION_DENIED)
    with guarded(AUTH_REQUIRE_EXTEND_NAMESPACE="false") as (sim, service):
        assert call(service, token(sim, extend_namespace=None)).status == "READY"
        refused(service, token(sim, extend_namespace="studio-other"), code=CODE.PERMISSION_DENIED)


def required_permission_is_checked():
    """Where a permission is required, the token must hold it"""
    held = [{"Resource": "NAMESPACE:studio-:SESSION:*", "Action": 3}]
    with guarded(AUTH_REQUIRED_RESOURCE="NAMESPACE:{namespace}:SESSION:GAME",
                 AUTH_REQUIRED_ACTION=2) as (sim, service):
        assert call(service, token(sim, permissions=held)).status == "READY"
        for permissions in ([], [{"Resource": "NAMESPACE:studio-game:SESSION:GAME", "Action": 4}],
                            [{"Resource": "NAMESPACE:other:SESSION:GAME", "Action": 15}]):
            refused(service, token(sim, permissions=permissions), "insufficient permissions",
                    code=CODE.PERMISSION_DENIED)


def revocations_take_effect():
    """What AGS revokes is refused after the next refresh, though it was good a moment before"""
    with guarded() as (sim, service):
        text, user = token(sim), token(sim, sub="player-1")
        assert code(service, text) == code(service, user) == CODE.OK
        sim.control("POST", "ags/tokens/revoke", {"token": text})
        eventually(lambda: code(service, text) == CODE.UNAUTHENTICATED, "the token is revoked")
        refused(service, text, "token was revoked")
        assert code(service, user) == CODE.OK
        sim.control("POST", "ags/tokens/revoke", {"user": "player-1"})
        eventually(lambda: code(service, user) == CODE.UNAUTHENTICATED, "the user is revoked")
        refused(service, user, "user was revoked")
        assert code(service, token(sim, sub="player-2")) == CODE.OK


def keys_are_rotated():
    """After a rotation new tokens get through, and old ones until their key is gone"""
    with guarded() as (sim, service):
        old = token(sim)
        sim.control("POST", "ags/keys", {})
        new = token(sim)
        eventually(lambda: code(service, new) == CODE.OK, "the new key is known")
        assert code(service, old) == CODE.OK
        sim.control("POST", "ags/keys", {"forget": True})
        eventually(lambda: code(service, old) == CODE.UNAUTHENTICATED, "the old key is forgotten")


def unknown_keys_do_not_hammer_ags():
    """A flood of tokens with made-up key ids makes AGS no work"""
    with guarded(REFRESH_INTERVAL=600) as (sim, service):
        good = token(sim)
        for n in range(300):
            refused(service, reheaded(good, kid=f"made-up-{n}"), "public key not found")
        assert sim.control("GET", "ags")["calls"]["GetJWKSV3"] <= 2


def nobody_gets_in_before_the_first_load():
    """While AGS cannot be reached for the first time calls are refused; health is answered"""
    # Without a token of ours nothing is asked for, so that nothing fails.
    for operation, what, results in (("GetJWKSV3", "keys", ("failed", "loaded")),
                                     ("GetRevocationListV3", "revocations", ("failed", "loaded")),
                                     ("TokenGrantV3", "revocations", ("loaded",))):
        fault = {"service": "ags", "operation": operation, "kind": "http", "status": 500}
        with guarded(wait=False, faults=[fault]) as (sim, service):
            text = token(sim)
            for _ in range(3):
                refused(service, text, "cannot be checked", code=CODE.UNAVAILABLE)
                time.sleep(0.3)
            assert service.health() == 1
            assert sim.sessions() == []
            sim.no_faults()
            eventually(lambda: code(service, text) == CODE.OK, "AGS is back")
            for result in results:
                eventually(lambda: loads(service, what=what, result=result) > 0, f"a scrape: {what} {result}")


def old_knowledge_lasts_for_a_while():
    """While AGS is down later on, what is known serves until AUTH_MAX_STALE has passed"""
    with guarded(AUTH_MAX_STALE=4) as (sim, service):
        text = token(sim)
        assert code(service, text) == CODE.OK
        sim.fault(service="ags", kind="http", status=503)
        down = time.monotonic()
        while time.monotonic() < down + 2:
            assert code(service, text) == CODE.OK
            time.sleep(0.1)
        eventually(lambda: code(service, text) == CODE.UNAVAILABLE, "it is too old")
        refused(service, text, "too old", code=CODE.UNAVAILABLE)
        sim.no_faults()
        eventually(lambda: code(service, text) == CODE.OK, "AGS is back")


def health_and_reflection_are_open():
    """Health checks and both reflections ask for no token"""
    with guarded() as (_, service):
        assert service.health() == 1
        for version in ("v1", "v1alpha"):
            method = service.channel.stream_stream(REFLECTION.format(version))
            try:
                list(method(iter([b""]), timeout=5))
            except grpc.RpcError as error:
                assert error.code() not in (CODE.UNAUTHENTICATED, CODE.PERMISSION_DENIED), error


def tokens_stay_out_of_the_log():
    """No token, good or bad, and no part of one is written to the log"""
    with guarded(LOG_LEVEL="debug") as (sim, service):
        good = token(sim)
        bad = token(sim, published=False)
        assert code(service, good) == CODE.OK
        assert code(service, bad) == CODE.UNAUTHENTICATED
        assert code(service, "secret-looking-text") == CODE.UNAUTHENTICATED
        eventually(lambda: service.output().count('"finished call"') >= 3, "calls are logged")
        for part in (*good.split("."), *bad.split(".")[1:], "secret-looking-text"):
            assert part not in service.output(), part


def authorization_can_be_switched_off():
    """With PLUGIN_GRPC_SERVER_AUTH_ENABLED=false nobody is asked for a token"""
    with guarded(PLUGIN_GRPC_SERVER_AUTH_ENABLED="false") as (sim, service):
        assert service.create().status == "READY"
        assert sim.control("GET", "ags")["calls"]["GetJWKSV3"] == 0


if __name__ == "__main__":
    story([
        genuine_tokens_get_through, calls_without_a_token_are_refused, forged_tokens_are_refused,
        other_namespaces_are_denied, required_permission_is_checked, revocations_take_effect,
        keys_are_rotated, unknown_keys_do_not_hammer_ags, nobody_gets_in_before_the_first_load,
        old_knowledge_lasts_for_a_while, health_and_reflection_are_open,
        tokens_stay_out_of_the_log, authorization_can_be_switched_off,
    ], shared=False)
