// SPDX-License-Identifier: Apache-2.0
/*
 * Who signs: AWS credentials and the seam behind which they come from somewhere. Fixed keys are
 * here; credentials_chain.h has the provider that looks in files, containers and instances as well.
 *
 * Use from the event loop's thread only.
 */
#ifndef AWS_CREDENTIALS_H
#define AWS_CREDENTIALS_H

#include "base/ctx.h"
#include "base/secret.h"

#define AWS_CREDENTIALS_NEVER INT64_MAX

#define AWS_ACCESS_KEY_ID_MAX ((size_t)128)     /* bytes, as IAM has it */
#define AWS_SECRET_ACCESS_KEY_MAX ((size_t)256) /* bytes; AWS makes 40 */
#define AWS_SESSION_TOKEN_MAX ((size_t)16384)   /* bytes; it must fit a header */

struct aws_credentials {
    struct str access_key_id; /* no secret, but of no use in a log either */
    struct secret secret_access_key;
    struct secret session_token; /* absent for long-term keys */
    int64_t expiry_ms;           /* Unix milliseconds, or AWS_CREDENTIALS_NEVER */
    uint64_t identity;           /* unique in this process; other keys, other number; never 0 */
};

/*
 * Copies. Empty texts count as absent. The id and the secret are required and, like the token, must
 * be visible ASCII: a line end from a mounted file would otherwise surface as a refused signature.
 * `names` says what the id, the secret and the token are called in messages, in that order.
 */
struct err *aws_credentials_init(struct aws_credentials *c, struct arena *a,
                                 const char *const names[3], struct str id, struct str secret,
                                 struct str token, int64_t expiry_ms) MUST_CHECK;

/* Wipes and frees; the struct is then zeroed. Zeroed is fine. */
void aws_credentials_clear(struct aws_credentials *c);

/*
 * One of creds and err is set. creds lives until control returns to the loop: sign at once. err
 * lives in the context's arena.
 */
typedef void aws_credentials_fn(void *priv, const struct aws_credentials *creds,
                                const struct err *err);

struct aws_credentials_provider;
typedef const struct aws_credentials *aws_credentials_peek_fn(
    struct aws_credentials_provider *provider);
typedef void aws_credentials_get_fn(struct aws_credentials_provider *provider, struct ctx *ctx,
                                    aws_credentials_fn *fn, void *priv);
typedef bool aws_credentials_expired_fn(struct aws_credentials_provider *provider,
                                        uint64_t identity);
typedef void aws_credentials_free_fn(struct aws_credentials_provider *provider);

/* Embedded in each kind of provider. */
struct aws_credentials_provider {
    unsigned magic;
#define AWS_CREDENTIALS_PROVIDER_MAGIC 0x6c1f93d2U
    aws_credentials_peek_fn *peek;
    aws_credentials_get_fn *get;         /* NULL: peek always has some */
    aws_credentials_expired_fn *expired; /* NULL: there are never others */
    aws_credentials_free_fn *free;
};

/*
 * The credentials at hand and good to sign with, or NULL if they must be fetched first. Valid until
 * control returns to the loop. The usual path: no callback, no wait.
 */
const struct aws_credentials *aws_credentials_peek(struct aws_credentials_provider *provider);

/*
 * Fetches them; for the moment after aws_credentials_peek gave NULL, and only then, so that a
 * provider need never pretend to wait. fn runs exactly once, from the loop, never before this
 * returns; also when the context is cancelled. The context must be alive.
 */
void aws_credentials_get(struct aws_credentials_provider *provider, struct ctx *ctx,
                         aws_credentials_fn *fn, void *priv);

/*
 * AWS has said that the credentials of that identity have expired. True if it is of use to ask
 * again: peek then has others, or none.
 */
bool aws_credentials_expired(struct aws_credentials_provider *provider, uint64_t identity);

/* Wipes what it holds. No fetch may be pending. NULL is fine. */
void aws_credentials_provider_free(struct aws_credentials_provider *provider);

#endif
