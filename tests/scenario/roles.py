#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Where a permission is required, a caller may hold it by a role; AGS says what is in a role."""
import time

from authorization import call, code, guarded, refused, token
from harness import CODE, eventually, story

ASKED = {"AUTH_REQUIRED_RESOURCE": "NAMESPACE:{namespace}:SESSION:GAME", "AUTH_REQUIRED_ACTION": 2}
GOOD = [{"resource": "NAMESPACE:{namespace}:SESSION:GAME", "action": 2}]


def put_role(sim, namespace, role, permissions):
    sim.control("PUT", f"ags/roles/{namespace}/{role}", permissions)


def asked(sim, operation="AdminGetRoleNamespacePermissionV3"):
    return sim.control("GET", "ags")["calls"][operation]


def settled(service, text):
    """The code once what is behind the token is known."""
    return eventually(lambda: (c := code(service, text)) != CODE.UNAVAILABLE and c, "roles are known")


def in_namespace(role, namespace="studio-game"):
    return {"sub": "user-1", "namespace_roles": [{"roleId": role, "namespace": namespace}]}


def a_role_of_the_namespace_permits():
    """A role that the user has in the namespace permits what the namespace's version of it says"""
    with guarded(**ASKED) as (sim, service):
        put_role(sim, "studio-game", "host", GOOD)
        put_role(sim, "studio-game", "guest", [{**GOOD[0], "action": 4}])
        put_role(sim, "studio-other", "host", GOOD)
        text = token(sim, **in_namespace("host"))
        # Nobody waits for AGS: the first call is told to come again, and by then AGS has answered.
        refused(service, text, "roles of the token are being looked up", code=CODE.UNAVAILABLE)
        assert settled(service, text) == CODE.OK
        assert call(service, text).status == "READY"
        assert asked(sim) == 1
        assert settled(service, token(sim, **in_namespace("guest"))) == CODE.PERMISSION_DENIED
        # {namespace} in a role is the namespace in which it is held.
        assert settled(service, token(sim, **in_namespace("host", "studio-other"))) == \
            CODE.PERMISSION_DENIED
        assert settled(service, token(sim, **in_namespace("no-such-role"))) == CODE.PERMISSION_DENIED
        # Only users have roles in namespaces.
        refused(service, token(sim, **{**in_namespace("host"), "sub": None}), "insufficient",
                code=CODE.PERMISSION_DENIED)
        before = asked(sim)
        for _ in range(5):
            assert code(service, token(sim, **in_namespace("no-such-role"))) == CODE.PERMISSION_DENIED
            assert code(service, token(sim, **in_namespace("host"))) == CODE.OK
        assert asked(sim) == before


def roles_everywhere_and_plain_roles_permit():
    """So do a role held in every namespace, and one that the token names without a namespace"""
    with guarded(**ASKED) as (sim, service):
        put_role(sim, "*", "admin", GOOD)
        put_role(sim, "studio-game", "helper", GOOD)
        assert settled(service, token(sim, **in_namespace("admin", "*"))) == CODE.OK
        assert asked(sim, "AdminGetRoleV3") == 1
        assert settled(service, token(sim, namespace="studio-game", roles=["x", "helper"])) == CODE.OK
        assert settled(service, token(sim, namespace="studio", roles=["helper"])) == \
            CODE.PERMISSION_DENIED


def a_studio_that_names_do_not_tell_is_asked_for():
    """A studio's wildcard holds for a game whose name does not begin with the studio's, if AGS says so"""
    held = [{"Resource": "NAMESPACE:bigstudio-:SESSION:GAME", "Action": 2}]
    for context, want in (({"type": "Game", "studio": "bigstudio"}, CODE.OK),
                          ({"type": "Game", "studio": "other"}, CODE.PERMISSION_DENIED),
                          ({"type": "Publisher", "studio": "bigstudio"}, CODE.PERMISSION_DENIED)):
        with guarded(**ASKED) as (sim, service):
            sim.control("PUT", "ags/contexts/studio-game", context)
            assert settled(service, token(sim, permissions=held)) == want, context
            assert code(service, token(sim, permissions=held)) == want, context
            assert asked(sim, "getNamespaceContext") == 1


def changes_of_a_role_take_effect():
    """A role that changes is asked for again after its time; while AGS fails, the old one counts"""
    with guarded(ROLES_CACHE_EXPIRATION_TIME=1, **ASKED) as (sim, service):
        put_role(sim, "studio-game", "host", [])
        assert settled(service, token(sim, **in_namespace("host"))) == CODE.PERMISSION_DENIED
        put_role(sim, "studio-game", "host", GOOD)
        eventually(lambda: code(service, token(sim, **in_namespace("host"))) == CODE.OK,
                   "the role has changed", 40)
        sim.fault(kind="error", type="Internal", status=500, operation="AdminGetRoleNamespacePermissionV3")
        time.sleep(1.5)
        for _ in range(3):
            assert code(service, token(sim, **in_namespace("host"))) == CODE.OK


def roles_that_cannot_be_read_let_nobody_in():
    """When AGS does not tell us, callers are told to try again, others are served, and AGS is spared"""
    with guarded(**ASKED) as (sim, service):
        sim.control("POST", "ags", {"may_read_roles": False})
        good = token(sim, permissions=[{"Resource": "NAMESPACE:studio-game:SESSION:GAME", "Action": 2}])
        for _ in range(20):
            assert code(service, token(sim, **in_namespace("host"))) == CODE.UNAVAILABLE
            assert call(service, good).status == "READY"
        assert asked(sim) <= 2
        line = eventually(lambda: [e for e in service.log() if e.get("what") == "role"], "it is told")[0]
        assert line["level"] == "WARN" and line["roleID"] == "host" and line["httpStatus"] == 403, line


def nothing_is_asked_without_need():
    """Without a required permission, and for strangers, no role is looked up"""
    with guarded() as (sim, service):
        assert code(service, token(sim, **in_namespace("host"))) == CODE.OK
        assert asked(sim) == 0
    with guarded(**ASKED) as (sim, service):
        for n in range(20):
            assert code(service, token(sim, published=False, **in_namespace(f"r{n}"))) == \
                CODE.UNAUTHENTICATED
        time.sleep(0.2)
        assert asked(sim) == 0


if __name__ == "__main__":
    story([a_role_of_the_namespace_permits, roles_everywhere_and_plain_roles_permit,
           a_studio_that_names_do_not_tell_is_asked_for, changes_of_a_role_take_effect,
           roles_that_cannot_be_read_let_nobody_in, nothing_is_asked_without_need], shared=False)
