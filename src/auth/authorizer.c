// SPDX-License-Identifier: Apache-2.0
#include "auth/authorizer.h"

#include "auth/permission.h"
#include "auth/roles.h"
#include "auth/verified.h"
#include "base/clock.h"
#include "base/obj.h"

#include <stdatomic.h>
#include <stdlib.h>

struct authorizer {
    unsigned magic;
#define AUTHORIZER_MAGIC 0x4a87d20eU
    struct authorizer_options options;
    struct arena *arena; /* holds the options' strings */
    struct verified *verified;
    _Atomic uint64_t counts[AUTHORIZER_RESULTS];
};

struct authorizer *authorizer_new(const struct authorizer_options *options) {
    struct authorizer *authorizer = calloc(1, sizeof *authorizer);
    AN(authorizer);
    authorizer->magic = AUTHORIZER_MAGIC;
    authorizer->options = *options;
    authorizer->arena = arena_new(ARENA_LIMIT_DEFAULT);
    authorizer->options.namespace_name = arena_str(authorizer->arena, options->namespace_name);
    authorizer->options.resource =
        arena_str(authorizer->arena, permission_fill_in(authorizer->arena, options->resource,
                                                        options->namespace_name, STR_NULL));
    authorizer->verified = verified_new();
    return authorizer;
}

void authorizer_free(struct authorizer *authorizer) {
    if (authorizer == NULL)
        return;
    OBJ_CHECK(authorizer, AUTHORIZER_MAGIC);
    verified_free(authorizer->verified);
    arena_free(authorizer->arena);
    authorizer->magic = 0;
    free(authorizer);
}

bool authorizer_exempts(struct str path) {
    return str_starts(path, STR("/grpc.health.v1.Health/")) ||
           str_starts(path, STR("/grpc.reflection.v1.")) ||
           str_starts(path, STR("/grpc.reflection.v1alpha."));
}

/* ---- the token ---- */

static struct err *find_token(const struct rpc_call *rpc, struct str *ret) {
    static const char scheme[] = "bearer ";
    struct arena *a = rpc->ctx.arena;
    if (rpc->n_metadata == 0)
        return err_new(a, RPC_UNAUTHENTICATED, "metadata is missing");
    struct str value = rpc_call_metadata(rpc, "authorization");
    if (value.p == NULL)
        return err_new(a, RPC_UNAUTHENTICATED, "authorization metadata is missing");
    value = str_trim(value);
    /* A bare token passes as well, as it does with AccelByte's templates. */
    if (str_eq_nocase(str_sub(value, 0, sizeof scheme - 1), str_c(scheme)))
        value = str_trim(str_from(value, sizeof scheme - 1));
    if (str_empty(value))
        return err_new(a, RPC_UNAUTHENTICATED, "authorization metadata length is 0");
    *ret = value;
    return NULL;
}

/* *until_s becomes earlier if the answer counts for less long. */
static struct err *check_permission(const struct authorizer *authorizer, struct arena *a,
                                    const struct jwt_claims *claims, double now_s,
                                    double *until_s) {
    const struct authorizer_options *o = &authorizer->options;
    if (o->resource.p == NULL || permission_held(claims, o->resource, o->action))
        return NULL;
    switch (o->roles == NULL
                ? ROLES_NOT_HELD
                : roles_permit(o->roles, a, claims, o->resource, o->namespace_name, o->action)) {
    case ROLES_HELD:
        if (now_s + AUTHORIZER_ROLE_S < *until_s)
            *until_s = now_s + AUTHORIZER_ROLE_S;
        return NULL;
    case ROLES_UNKNOWN:
        return err_new(a, RPC_UNAVAILABLE,
                       "the roles of the token are being looked up in AGS; try again");
    case ROLES_NOT_HELD:
    default:
        return err_new(a, RPC_PERMISSION_DENIED, "insufficient permissions");
    }
}

static struct err *check_rights(const struct authorizer *authorizer, struct arena *a,
                                const struct jwt_claims *claims, double now_s, double *until_s) {
    const struct authorizer_options *o = &authorizer->options;
    bool lax = o->any_without_extend_namespace && str_empty(claims->extend_namespace);
    if (!lax &&
        (str_empty(o->namespace_name) || !str_eq(claims->extend_namespace, o->namespace_name)))
        return err_new(a, RPC_PERMISSION_DENIED,
                       "extend namespace of the token is not the namespace of this service");
    return check_permission(authorizer, a, claims, now_s, until_s);
}

/* Every check of a token not known yet; until_s counts for a good one only. */
static struct err *verify(const struct authorizer *authorizer, struct arena *a, struct str token,
                          const struct trust *trust, double now_s, double *ret_until_s) {
    struct jwt jwt;
    struct jwt_claims claims;
    struct err *err = jwt_open(a, token, &jwt);
    if (err != NULL)
        return err;
    const struct key_set_key *key = key_set_find(trust->keys, jwt.kid);
    if (key == NULL) {
        if (authorizer->options.unknown_key != NULL)
            authorizer->options.unknown_key(authorizer->options.unknown_key_priv, jwt.kid);
        return err_new(a, RPC_UNAUTHENTICATED, "public key not found");
    }
    err = jwt_verify(a, &jwt, key->key, key->algs);
    if (err == NULL)
        err = jwt_read_claims(a, &jwt, &claims);
    if (err == NULL)
        err = jwt_check_times(a, &claims, now_s);
    if (err != NULL)
        return err;
    if (revocations_has_token(trust->revocations, token))
        return err_new(a, RPC_UNAUTHENTICATED, "token was revoked");
    /* Without iat the token may be of any time before the revocation. */
    if (!str_empty(claims.sub) &&
        revocations_has_user(trust->revocations, claims.sub, claims.has_iat ? claims.iat : -1e12))
        return err_new(a, RPC_UNAUTHENTICATED, "user was revoked");
    *ret_until_s = claims.exp + JWT_LEEWAY_S;
    return check_rights(authorizer, a, &claims, now_s, ret_until_s);
}

static struct err *check_unknown(struct authorizer *authorizer, struct arena *a, struct str token,
                                 const struct verified_key *key, double now_s) {
    struct trust trust;
    double until_s = 0;
    switch (trust_acquire(authorizer->options.trust, &trust)) {
    case TRUST_GOOD:
        break;
    case TRUST_ABSENT:
        return err_new(a, RPC_UNAVAILABLE,
                       "tokens cannot be checked yet: no keys and revocations from AGS so far");
    case TRUST_STALE:
    default:
        return err_new(a, RPC_UNAVAILABLE,
                       "tokens cannot be checked: keys and revocations from AGS are too old");
    }
    struct err *err = verify(authorizer, a, token, &trust, now_s, &until_s);
    /* The generation is that of what was looked at: what came in meanwhile makes the entry void. */
    if (err == NULL)
        verified_add(authorizer->verified, key, trust.generation, until_s);
    trust_release(&trust);
    return err;
}

/* ---- the hook ---- */

static enum authorizer_result result_of(const struct err *err) {
    if (err == NULL)
        return AUTHORIZER_ADMITTED_VERIFIED;
    if (err->code == RPC_UNAVAILABLE)
        return AUTHORIZER_UNAVAILABLE;
    return err->code == RPC_PERMISSION_DENIED ? AUTHORIZER_DENIED : AUTHORIZER_UNAUTHENTICATED;
}

static void count(struct authorizer *authorizer, enum authorizer_result result) {
    atomic_fetch_add_explicit(&authorizer->counts[result], 1, memory_order_relaxed);
}

struct err *authorizer_admit(void *priv, struct rpc_call *rpc) {
    struct authorizer *authorizer = OBJ_CAST(priv, authorizer, AUTHORIZER_MAGIC);
    struct str token = STR_NULL;
    if (authorizer_exempts(rpc->path))
        return NULL;
    struct err *err = find_token(rpc, &token);
    if (err == NULL && token.n > JWT_MAX_BYTES)
        err = err_new(rpc->ctx.arena, RPC_UNAUTHENTICATED, "the token is too long");
    if (err != NULL) {
        count(authorizer, AUTHORIZER_UNAUTHENTICATED);
        return err;
    }
    double now_s = (double)clock_real_us() / 1e6;
    struct verified_key key = verified_key_of(authorizer->verified, token);
    if (verified_has(authorizer->verified, &key, trust_generation(authorizer->options.trust),
                     now_s)) {
        count(authorizer, AUTHORIZER_ADMITTED_CACHED);
        return NULL;
    }
    err = check_unknown(authorizer, rpc->ctx.arena, token, &key, now_s);
    count(authorizer, result_of(err));
    return err;
}

const char *authorizer_result_name(enum authorizer_result result) {
    static const char *const names[AUTHORIZER_RESULTS] = {
        [AUTHORIZER_ADMITTED_CACHED] = "admitted_cached",
        [AUTHORIZER_ADMITTED_VERIFIED] = "admitted_verified",
        [AUTHORIZER_UNAUTHENTICATED] = "unauthenticated",
        [AUTHORIZER_DENIED] = "denied",
        [AUTHORIZER_UNAVAILABLE] = "unavailable",
    };
    return names[result];
}

uint64_t authorizer_count(const struct authorizer *authorizer, enum authorizer_result result) {
    OBJ_CHECK(authorizer, AUTHORIZER_MAGIC);
    return atomic_load_explicit(&authorizer->counts[result], memory_order_relaxed);
}
