// SPDX-License-Identifier: Apache-2.0
/*
 * What the kinds of credentials sources have in common. A source knows how to fetch credentials
 * once; keeping them, renewing them and serving many waiters is credentials_cache.h's part.
 *
 * Sources, and all they refer to, live in the arena of a plan that is made once at the start; there
 * is no free function. A fetch lives in the arena of its context. It ends with its callback, or
 * silently with that arena.
 */
#ifndef AWS_CREDENTIALS_SOURCE_H
#define AWS_CREDENTIALS_SOURCE_H

#include "aws/credentials.h"
#include "aws/shared_config.h"
#include "base/loop.h"
#include "http/http.h"

struct sts;

/*
 * One of creds and err is set. creds belongs to the receiver, who moves the struct out or clears
 * it. err lives in the context's arena. Exactly once, from the loop, never before the fetch
 * function returns; the receiver may free the context's arena.
 */
typedef void aws_source_done_fn(void *priv, struct aws_credentials *creds, const struct err *err);

struct aws_credentials_source;
typedef void aws_source_fetch_fn(struct aws_credentials_source *source, struct ctx *ctx,
                                 aws_source_done_fn *done, void *priv);

/* Embedded in each kind of source. Either fixed or fetch is set. */
struct aws_credentials_source {
    unsigned magic;
#define AWS_CREDENTIALS_SOURCE_MAGIC 0x94d1b3a7U
    const struct aws_credentials *fixed; /* at hand, nothing to fetch */
    aws_source_fetch_fn *fetch;
    bool stale_ok; /* keep signing with expired credentials while no new ones can be had */
};

#define AWS_FEATURES_MAX 16

/* What sources are made from. env, config and errors are needed only while they are made. */
struct aws_plan {
    struct arena *arena;  /* the sources live here */
    struct arena *errors; /* for errors while they are made */
    struct loop *loop;
    struct http_client *http;
    struct str user_agent; /* of requests to STS; may be absent */
    const struct aws_environment *env;
    const struct shared_config *config; /* may be NULL */
    struct sts *sts;                    /* made when a source first needs it */
    char features[AWS_FEATURES_MAX];    /* of the sources that were made, as text */
};

/* Notes, for the User-Agent, what a source makes use of, in AWS's letters; each is noted once. */
void aws_plan_uses(struct aws_plan *plan, const char *letters);

/* Takes over the credentials; they are wiped with the arena. */
struct aws_credentials_source *aws_source_fixed(struct arena *a, struct aws_credentials *creds);

/*
 * The keys of the environment. *ret is NULL if neither the id nor the secret is set; one without
 * the other, or a value that no key has, is an error. Past AWS_CREDENTIAL_EXPIRATION they stay in
 * use: a process cannot get another environment, and AWS's refusal says best what is wrong.
 */
struct err *aws_source_environment(struct aws_plan *plan,
                                   struct aws_credentials_source **ret) MUST_CHECK;

/* ---- one fetch ---- */

struct aws_fetch;
typedef void aws_fetch_step_fn(struct aws_fetch *fetch);

/* The first member of a source's own fetch, which lies in the context's arena. */
struct aws_fetch {
    unsigned magic;
#define AWS_FETCH_MAGIC 0xc2f06e15U
    struct loop *loop;
    struct ctx *ctx;
    aws_source_done_fn *done;
    void *priv;
    struct loop_timer timer;
    aws_fetch_step_fn *step;
    const struct err *err;
};

void aws_fetch_init(struct aws_fetch *fetch, struct loop *loop, struct ctx *ctx,
                    aws_source_done_fn *done, void *priv);

/* step(fetch) runs after ms milliseconds, unless another wait or the end comes first. */
void aws_fetch_after(struct aws_fetch *fetch, int64_t ms, aws_fetch_step_fn *step);

/* The end, from the loop; the fetch is gone after it. The error must be in the context's arena. */
void aws_fetch_succeed(struct aws_fetch *fetch, struct aws_credentials *creds);
void aws_fetch_fail(struct aws_fetch *fetch, const struct err *err);

/* The same in the loop's next turn: for an error found while the fetch is being started. */
void aws_fetch_fail_later(struct aws_fetch *fetch, const struct err *err);

/* ---- errors ---- */

/* A copy whose message says which source it is about: "WHAT: ...". */
struct err *aws_source_err(struct arena *a, struct str what, const struct err *err);

/*
 * The error of an HTTP status that is not 200. The answer's JSON Code goes to err->type and its
 * Message to err->detail, if it has them.
 */
struct err *aws_source_status_err(struct arena *a, struct str what,
                                  const struct http_response *resp);

/* Overwrites a text that held a secret: a response's body, a decoded string. */
void aws_wipe(struct str s);

#endif
