// SPDX-License-Identifier: Apache-2.0
#include "ags/token.h"

#include "base/clock.h"
#include "base/random.h"
#include "generated/ags.h"
#include "http/backoff.h"

#include <math.h>
#include <stdlib.h>

#define RENEW_AT 0.8     /* of a token's life */
#define RENEW_JITTER 0.1 /* of it, earlier, so that replicas do not renew together */
#define BACKOFF_BASE_MS 200
#define BACKOFF_CAP_MS 5000
#define DROP_GAP_MS 1000      /* between two tokens that are dropped because AGS refused them */
#define REFUSED_PAUSE_MS 5000 /* before a refused id and secret are tried again */
#define MIN_LIFE_S 10 /* a token that AGS gives a shorter life is treated as living this long */
#define FETCH_TIMEOUT_MS 10000

struct waiter {
    unsigned magic;
#define WAITER_MAGIC 0x63f0b2a8U
    struct list node;
    struct ags_token *token;
    struct ctx *ctx;
    struct ctx_hook hook;
    struct loop_timer deadline;
    ags_token_fn *fn;
    void *priv;
};

struct ags_token {
    unsigned magic;
#define AGS_TOKEN_MAGIC 0x3cd8e617U
    struct ags_client *client;
    struct loop *loop;
    struct secret secret;
    uint64_t generation;
    int64_t granted_ms; /* on clock_mono_ms */
    int64_t expiry_ms;
    bool taken;         /* AGS has taken it, at least once */
    int64_t dropped_ms; /* when a refused one was dropped last */
    struct list waiters;
    struct loop_timer next; /* the next fetch: a renewal, or a try after a failure */
    int failures;           /* in a row */
    struct arena *fetch;    /* memory of the fetch under way; NULL if there is none */
    struct ctx fetch_ctx;
    struct arena *last; /* holds why the last fetch failed; NULL if it did not */
    const struct err *last_err;
};

static void start_fetch(struct ags_token *t);

/* ---- waiters ---- */

static void leave(struct waiter *w) {
    list_remove(&w->node);
    ctx_hook_remove(&w->hook);
    loop_timer_stop(&w->deadline);
}

static void on_waiter_cancelled(struct ctx_hook *hook, const struct err *reason) {
    struct waiter *w = CONTAINER_OF(hook, struct waiter, hook);
    OBJ_CHECK(w, WAITER_MAGIC);
    leave(w);
    w->fn(w->priv, reason);
}

static void on_waiter_arena(void *arg) {
    leave(OBJ_CAST(arg, waiter, WAITER_MAGIC));
}

/* The error for a waiter: why there is no token. */
static struct err *no_token(struct ags_token *t, struct arena *a) {
    if (t->last_err == NULL)
        return err_new(a, RPC_DEADLINE_EXCEEDED, "AGS gave no access token in time");
    struct err *err = err_copy(a, t->last_err);
    /* What AGS says of our grant is no answer to the caller's question: a 404 here must not be
     * taken for a session that is gone, nor a 400 for a wrong request. */
    if (!err->retryable)
        err->code = RPC_INTERNAL;
    err->msg = arena_printf(a, "no AGS access token: " STR_FMT, STR_ARG(t->last_err->msg));
    return err;
}

static void on_waiter_deadline(struct loop_timer *timer) {
    struct waiter *w = CONTAINER_OF(timer, struct waiter, deadline);
    OBJ_CHECK(w, WAITER_MAGIC);
    leave(w);
    w->fn(w->priv, no_token(w->token, w->ctx->arena));
}

static void answer_waiters(struct ags_token *t, bool failed) {
    /* Who asks again in its callback waits for the next fetch. */
    struct list waiting;
    list_move(&t->waiters, &waiting);
    while (!list_empty(&waiting)) {
        struct waiter *w = CONTAINER_OF(waiting.next, struct waiter, node);
        struct err *err = failed ? no_token(t, w->ctx->arena) : NULL;
        leave(w);
        w->fn(w->priv, err);
    }
}

void ags_token_get(struct ags_token *t, struct ctx *ctx, ags_token_fn *fn, void *priv) {
    OBJ_CHECK(t, AGS_TOKEN_MAGIC);
    struct waiter *w = OBJ_NEW(ctx->arena, waiter, WAITER_MAGIC);
    w->token = t;
    w->ctx = ctx;
    w->fn = fn;
    w->priv = priv;
    list_init(&w->node);
    list_init(&w->hook.node);
    arena_defer(ctx->arena, on_waiter_arena, w);
    ctx_hook_add(ctx, &w->hook, on_waiter_cancelled);
    list_append(&t->waiters, &w->node);
    int64_t left = ctx_remaining_ms(ctx);
    if (left != CTX_NO_DEADLINE)
        loop_timer_start(t->loop, &w->deadline, left, on_waiter_deadline);
    if (t->fetch == NULL && !t->next.armed)
        start_fetch(t);
}

/* ---- fetching ---- */

static void on_next(struct loop_timer *timer) {
    start_fetch(CONTAINER_OF(timer, struct ags_token, next));
}

static void accept_token(struct ags_token *t,
                         const struct ags_token_with_device_cookie_response_v3 *out) {
    int64_t life_s = out->has_expires_in ? out->expires_in : 0;
    if (life_s < MIN_LIFE_S)
        life_s = MIN_LIFE_S;
    secret_free(&t->secret);
    t->secret = secret_new(out->access_token);
    t->generation++;
    t->taken = false;
    t->failures = 0;
    t->granted_ms = clock_mono_ms();
    t->expiry_ms = t->granted_ms + life_s * 1000;
    arena_free(t->last);
    t->last = NULL;
    t->last_err = NULL;
    double part = RENEW_AT - RENEW_JITTER * random_unit();
    loop_timer_start(t->loop, &t->next, (int64_t)((double)life_s * 1000.0 * part), on_next);
}

/* Keeps the reason in memory of its own: the fetch's goes with the fetch. */
static void remember_failure(struct ags_token *t, const struct err *err) {
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    t->last_err = err_copy(a, err);
    arena_free(t->last);
    t->last = a;
    t->failures++;
}

static void on_granted(void *priv, const struct ags_token_with_device_cookie_response_v3 *out,
                       const struct err *err) {
    struct ags_token *t = OBJ_CAST(priv, ags_token, AGS_TOKEN_MAGIC);
    struct arena *fetch = t->fetch;
    bool final = false;
    if (err == NULL && str_empty(out->access_token))
        err = err_new(fetch, RPC_INTERNAL, "AGS answered without an access token");
    if (err != NULL && err->origin == ERR_CALLER) {
        /* The fetch's own time is over, nobody's else: the next one may be luckier. */
        struct err *slow = err_new(fetch, RPC_DEADLINE_EXCEEDED, "AGS did not answer in time");
        slow->origin = ERR_TRANSPORT;
        slow->retryable = true;
        err = slow;
    }
    if (err == NULL) {
        accept_token(t, out);
    } else {
        remember_failure(t, err);
        final = !err->retryable;
        LOG_WARN(NULL, "no AGS access token", LOG_INT("failuresInARow", t->failures), LOG_ERR(err));
    }
    t->fetch = NULL;
    arena_free(fetch);
    if (t->failures > 0) {
        /* Without a waiter the next call, or the end of this pause, starts the next fetch. */
        int64_t ms = final ? REFUSED_PAUSE_MS
                           : backoff_ms(BACKOFF_BASE_MS, BACKOFF_CAP_MS, t->failures,
                                        0.5 + 0.5 * random_unit());
        loop_timer_start(t->loop, &t->next, ms, on_next);
    }
    if (err == NULL || final)
        answer_waiters(t, final);
}

static void start_fetch(struct ags_token *t) {
    OBJ_CHECK(t, AGS_TOKEN_MAGIC);
    if (t->fetch != NULL)
        return;
    loop_timer_stop(&t->next);
    t->fetch = arena_new(ARENA_LIMIT_DEFAULT);
    ctx_init(&t->fetch_ctx, t->fetch, NULL, clock_mono_ms() + FETCH_TIMEOUT_MS);
    const struct ags_token_grant_v3_input in = {
        .grant_type = AGS_TOKEN_GRANT_V3_INPUT_GRANT_TYPE_CLIENT_CREDENTIALS,
    };
    ags_token_grant_v3(t->client, &t->fetch_ctx, &in, on_granted, t);
}

/* ---- the token ---- */

const struct secret *ags_token_peek(struct ags_token *t) {
    OBJ_CHECK(t, AGS_TOKEN_MAGIC);
    if (!secret_present(&t->secret) || clock_mono_ms() >= t->expiry_ms)
        return NULL;
    return &t->secret;
}

uint64_t ags_token_generation(const struct ags_token *t) {
    OBJ_CHECK(t, AGS_TOKEN_MAGIC);
    return t->generation;
}

bool ags_token_refused(struct ags_token *t, uint64_t generation) {
    OBJ_CHECK(t, AGS_TOKEN_MAGIC);
    int64_t now = clock_mono_ms();
    if (generation != t->generation || !secret_present(&t->secret))
        return true;
    if (!t->taken && now - t->dropped_ms < DROP_GAP_MS)
        return false;
    t->dropped_ms = now;
    secret_free(&t->secret);
    /* The timer was set for a renewal that is now too late. */
    if (t->fetch == NULL)
        loop_timer_stop(&t->next);
    return true;
}

void ags_token_taken(struct ags_token *t, uint64_t generation) {
    OBJ_CHECK(t, AGS_TOKEN_MAGIC);
    if (generation == t->generation)
        t->taken = true;
}

double ags_token_age_s(const struct ags_token *t) {
    OBJ_CHECK(t, AGS_TOKEN_MAGIC);
    return secret_present(&t->secret) ? (double)(clock_mono_ms() - t->granted_ms) / 1000.0
                                      : (double)NAN;
}

void ags_token_prepare(struct ags_token *t) {
    OBJ_CHECK(t, AGS_TOKEN_MAGIC);
    if (t->fetch == NULL && !t->next.armed && !secret_present(&t->secret))
        start_fetch(t);
}

struct ags_token *ags_token_new(struct ags_client *client, struct loop *loop) {
    struct ags_token *t = calloc(1, sizeof *t);
    AN(t);
    t->magic = AGS_TOKEN_MAGIC;
    t->client = client;
    t->loop = loop;
    t->dropped_ms = clock_mono_ms() - DROP_GAP_MS;
    list_init(&t->waiters);
    return t;
}

void ags_token_free(struct ags_token *t) {
    if (t == NULL)
        return;
    OBJ_CHECK(t, AGS_TOKEN_MAGIC);
    AN(list_empty(&t->waiters));
    loop_timer_stop(&t->next);
    arena_free(t->fetch); /* ends the fetch without a callback */
    arena_free(t->last);
    secret_free(&t->secret);
    t->magic = 0;
    free(t);
}
