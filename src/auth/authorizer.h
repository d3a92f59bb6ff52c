// SPDX-License-Identifier: Apache-2.0
/*
 * Who may call: the server's admit hook, which checks the caller's AGS access token (metadata
 * `authorization`, "Bearer <token>") without asking anybody and without waiting.
 *
 * UNAUTHENTICATED: there is no token, or it proves nothing: malformed, of an unknown key, wrongly
 * signed, expired, not valid yet, revoked, or of a revoked user. Another token is needed.
 * PERMISSION_DENIED: the token is good, but not for here: its extend_namespace is not ours, or it
 * lacks the required permission. Another token of the same kind will not help.
 * UNAVAILABLE: no keys or no revocation list yet, or only such as are too old: nobody can be
 * checked, so nobody is let in. Or the token's roles matter and are being looked up in AGS. Trying
 * again helps.
 *
 * A token of an unknown key is refused at once, while the keys are fetched again in the background:
 * to make the call wait would mean to keep as many calls as a stranger cares to send, each for as
 * long as AGS takes. AGS publishes a key before it signs with it, so that an honest caller meets
 * this at most for a moment after a rotation.
 */
#ifndef AUTH_AUTHORIZER_H
#define AUTH_AUTHORIZER_H

#include "auth/trust.h"
#include "grpc/rpc.h"

/* Seconds after which a token that its roles have let in is looked at again. */
#define AUTHORIZER_ROLE_S 60

/* A token's key is unknown, kid being its id. Any thread; must not block. */
typedef void authorizer_unknown_key_fn(void *priv, struct str kid);

struct roles; /* auth/roles.h */

struct authorizer_options {
    struct trust_store *trust; /* outlives the authorizer */
    struct str namespace_name; /* AB_NAMESPACE; copied */
    /* Also admit tokens without extend_namespace, whosever they are, as AccelByte's templates do.
     */
    bool any_without_extend_namespace;
    /* The permission a caller needs, "{namespace}" standing for the namespace and "{userId}" for
     * the token's subject; absent: none. */
    struct str resource;
    int64_t action;
    struct roles *roles; /* NULL: only permissions that the token itself holds count */
    authorizer_unknown_key_fn *unknown_key; /* may be NULL */
    void *unknown_key_priv;
};

struct authorizer *authorizer_new(const struct authorizer_options *options);
void authorizer_free(struct authorizer *authorizer); /* NULL is fine */

/* A server_admit_fn; priv is the authorizer. Any thread. NULL: admitted. */
struct err *authorizer_admit(void *priv, struct rpc_call *rpc) MUST_CHECK;

/* Health checks and reflection ask for no token. */
bool authorizer_exempts(struct str path);

/* Checks since the start by result, for metrics; exempt calls are not counted. Any thread. */
enum authorizer_result {
    AUTHORIZER_ADMITTED_CACHED,   /* the token had been verified before */
    AUTHORIZER_ADMITTED_VERIFIED, /* it was verified now */
    AUTHORIZER_UNAUTHENTICATED,
    AUTHORIZER_DENIED,
    AUTHORIZER_UNAVAILABLE,
    AUTHORIZER_RESULTS,
};
const char *authorizer_result_name(enum authorizer_result result); /* "admitted_cached" */
uint64_t authorizer_count(const struct authorizer *authorizer, enum authorizer_result result);

#endif
