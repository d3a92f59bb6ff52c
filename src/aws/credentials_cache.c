// SPDX-License-Identifier: Apache-2.0
#include "aws/credentials_cache.h"

#include "base/clock.h"
#include "base/obj.h"
#include "base/random.h"

#include <stdlib.h>

#define FETCH_MEMORY ((size_t)2 << 20) /* bytes of a fetch's arena */
#define FETCH_LIMIT_MS INT64_C(180000) /* a fetch's own deadline; its steps have shorter ones */
#define TIMER_MAX_MS INT64_C(600000)   /* look at the wall clock again: it may have been set */

struct cache {
    struct aws_credentials_provider base;
    struct loop *loop;
    struct arena *plan;
    struct aws_credentials_source *source;
    struct aws_credentials creds; /* identity 0: none yet */
    int64_t good_until_ms;        /* Unix; past the expiry where stale ones are kept */
    int64_t renew_at_ms;          /* Unix */
    int64_t fetched_ms;           /* on clock_mono_ms */
    struct loop_timer timer;      /* for the next renewal; armed only with credentials in hand */
    struct arena *fetch;          /* NULL: none under way */
    struct list waiters;
    struct arena *last_arena; /* of last_err */
    const struct err *last_err;
    int n_failed; /* in a row */
    int64_t failed_at_ms;
    int64_t pause_ms;
    struct aws_cache_stats stats;
};

struct waiter {
    unsigned magic;
#define WAITER_MAGIC 0x5d0a7c93U
    struct list node; /* in cache->waiters, while a fetch is under way */
    struct ctx *ctx;
    struct ctx_hook hook;
    struct loop_timer timer; /* for an error known from the start */
    const struct err *err;
    aws_credentials_fn *fn;
    void *priv;
};

static int64_t now_ms(void) {
    return clock_real_us() / 1000;
}

static bool usable(const struct cache *c) {
    return c->creds.identity != 0 && now_ms() < c->good_until_ms;
}

/* ---- when ---- */

static void start_fetch(struct cache *c);

/* Milliseconds of pause that are left, if no pause may be longer than limit. */
static int64_t pause_left_ms(const struct cache *c, int64_t limit) {
    int64_t pause = c->pause_ms < limit ? c->pause_ms : limit;
    int64_t left = c->n_failed == 0 ? 0 : c->failed_at_ms + pause - clock_mono_ms();
    return left > 0 ? left : 0;
}

static void on_timer(struct loop_timer *timer);

/* Sets the timer for the next renewal, or starts it if it is due. */
static void renew_in_time(struct cache *c) {
    if (c->fetch != NULL || c->creds.identity == 0 || c->renew_at_ms == AWS_CREDENTIALS_NEVER)
        return;
    int64_t ms = c->renew_at_ms - now_ms();
    int64_t pause = pause_left_ms(c, AWS_CACHE_MAX_PAUSE_MS);
    if (ms < pause)
        ms = pause;
    if (ms <= 0)
        start_fetch(c);
    else
        loop_timer_start(c->loop, &c->timer, ms < TIMER_MAX_MS ? ms : TIMER_MAX_MS, on_timer);
}

static void on_timer(struct loop_timer *timer) {
    struct cache *c = CONTAINER_OF(timer, struct cache, timer);
    OBJ_CHECK(&c->base, AWS_CREDENTIALS_PROVIDER_MAGIC);
    renew_in_time(c);
}

static int64_t stale_ms(void) {
    return AWS_CACHE_STALE_MS + (int64_t)(random_unit() * (double)AWS_CACHE_STALE_MS);
}

static void plan_renewal(struct cache *c) {
    int64_t now = now_ms();
    c->good_until_ms = c->renew_at_ms = c->creds.expiry_ms;
    if (c->creds.expiry_ms == AWS_CREDENTIALS_NEVER)
        return;
    if (c->source->stale_ok && c->good_until_ms <= now)
        c->good_until_ms = now + stale_ms();
    int64_t window = (c->good_until_ms - now) / 2;
    if (window > AWS_CACHE_WINDOW_MS)
        window = AWS_CACHE_WINDOW_MS;
    /* Earlier at random, so that many servers started together do not ask together for ever. */
    c->renew_at_ms = c->good_until_ms - (int64_t)((double)window * (1.0 - 0.2 * random_unit()));
}

/* ---- waiters ---- */

static void leave(struct waiter *w) {
    list_remove(&w->node);
    ctx_hook_remove(&w->hook);
    loop_timer_stop(&w->timer);
}

static void on_arena_free(void *arg) {
    leave(OBJ_CAST(arg, waiter, WAITER_MAGIC));
}

static void on_cancelled(struct ctx_hook *hook, const struct err *reason) {
    struct waiter *w = CONTAINER_OF(hook, struct waiter, hook);
    OBJ_CHECK(w, WAITER_MAGIC);
    leave(w);
    w->fn(w->priv, NULL, reason);
}

static void on_refused(struct loop_timer *timer) {
    struct waiter *w = CONTAINER_OF(timer, struct waiter, timer);
    OBJ_CHECK(w, WAITER_MAGIC);
    leave(w);
    w->fn(w->priv, NULL, w->err);
}

/* A waiter's own request was not sent, whatever happened to the one for credentials. */
static const struct err *for_waiter(const struct cache *c, const struct waiter *w) {
    struct err *err = err_copy(w->ctx->arena, c->last_err);
    err->origin = ERR_LOCAL;
    return err;
}

/* Those who come while it runs are not served by it: they belong to the next fetch. */
static void serve_waiters(struct cache *c, bool good) {
    struct list now;
    list_init(&now);
    while (!list_empty(&c->waiters)) {
        struct list *node = c->waiters.next;
        list_remove(node);
        list_append(&now, node);
    }
    while (!list_empty(&now)) {
        struct waiter *w = CONTAINER_OF(now.next, struct waiter, node);
        OBJ_CHECK(w, WAITER_MAGIC);
        leave(w);
        if (good)
            w->fn(w->priv, &c->creds, NULL);
        else
            w->fn(w->priv, NULL, for_waiter(c, w));
    }
}

/* ---- a fetch ---- */

static void succeeded(struct cache *c, struct aws_credentials *creds) {
    aws_credentials_clear(&c->creds);
    c->creds = *creds;
    c->fetched_ms = clock_mono_ms();
    c->n_failed = 0;
    plan_renewal(c);
    LOG_DEBUG(NULL, "AWS credentials fetched",
              LOG_INT("aws.expiresInSeconds", c->creds.expiry_ms == AWS_CREDENTIALS_NEVER
                                                  ? -1
                                                  : (c->creds.expiry_ms - now_ms()) / 1000));
}

static void failed(struct cache *c, const struct err *err) {
    c->stats.failures++;
    arena_free(c->last_arena);
    c->last_arena = arena_new(ARENA_LIMIT_DEFAULT);
    c->last_err = err_copy(c->last_arena, err);
    /* Half of each pause is fixed, so that chance cannot make it nothing. */
    int64_t ms = AWS_CACHE_PAUSE_MS << (c->n_failed < 6 ? c->n_failed : 6);
    if (ms > AWS_CACHE_MAX_PAUSE_MS)
        ms = AWS_CACHE_MAX_PAUSE_MS;
    c->pause_ms = (int64_t)((double)ms * (0.5 + 0.5 * random_unit()));
    c->failed_at_ms = clock_mono_ms();
    c->n_failed++;
    if (c->source->stale_ok && c->creds.identity != 0) {
        int64_t until = now_ms() + stale_ms();
        if (until > c->good_until_ms)
            c->good_until_ms = until;
    }
    LOG_DEBUG(NULL, "AWS credentials could not be fetched", LOG_INT("aws.attempts", c->n_failed),
              LOG_INT("aws.waitMs", c->pause_ms), LOG_ERR(c->last_err));
}

static void on_fetched(void *priv, struct aws_credentials *creds, const struct err *err) {
    struct cache *c = priv;
    OBJ_CHECK(&c->base, AWS_CREDENTIALS_PROVIDER_MAGIC);
    struct arena *done = c->fetch;
    c->fetch = NULL;
    if (err == NULL && creds->expiry_ms <= now_ms() && !c->source->stale_ok) {
        aws_credentials_clear(creds);
        err = err_new(done, RPC_INTERNAL,
                      "the AWS credentials had expired when they came; is this clock right?");
    }
    if (err == NULL)
        succeeded(c, creds);
    else
        failed(c, err);
    bool good = err == NULL || usable(c);
    /* Before the callbacks: one of them may ask again. */
    if (good)
        renew_in_time(c);
    serve_waiters(c, good);
    arena_free(done);
}

static void start_fetch(struct cache *c) {
    struct arena *a = arena_new(FETCH_MEMORY);
    struct ctx *ctx = ARENA_NEW(a, struct ctx);
    loop_timer_stop(&c->timer);
    ctx_init(ctx, a, NULL, clock_mono_ms() + FETCH_LIMIT_MS);
    c->fetch = a;
    c->stats.fetches++;
    c->source->fetch(c->source, ctx, on_fetched, c);
}

/* ---- the provider ---- */

static struct cache *cache_of(struct aws_credentials_provider *provider) {
    return CONTAINER_OF(provider, struct cache, base);
}

static const struct aws_credentials *cache_peek(struct aws_credentials_provider *provider) {
    struct cache *c = cache_of(provider);
    if (c->source->fixed != NULL)
        return c->source->fixed;
    if (!usable(c))
        return NULL;
    /* The timer does this too, but it sleeps while the machine is suspended. */
    if (c->fetch == NULL && now_ms() >= c->renew_at_ms)
        renew_in_time(c);
    return &c->creds;
}

static void cache_get(struct aws_credentials_provider *provider, struct ctx *ctx,
                      aws_credentials_fn *fn, void *priv) {
    struct cache *c = cache_of(provider);
    struct waiter *w = OBJ_NEW(ctx->arena, waiter, WAITER_MAGIC);
    w->ctx = ctx;
    w->fn = fn;
    w->priv = priv;
    list_init(&w->node);
    arena_defer(ctx->arena, on_arena_free, w);
    ctx_hook_add(ctx, &w->hook, on_cancelled);
    if (c->fetch == NULL && pause_left_ms(c, AWS_CACHE_MAX_REFUSE_MS) > 0) {
        w->err = for_waiter(c, w);
        loop_timer_start(c->loop, &w->timer, 0, on_refused);
        return;
    }
    list_append(&c->waiters, &w->node);
    if (c->fetch == NULL)
        start_fetch(c);
}

static bool cache_expired(struct aws_credentials_provider *provider, uint64_t identity) {
    struct cache *c = cache_of(provider);
    if (c->source->fixed != NULL)
        return false;
    if (identity != c->creds.identity)
        return true; /* others have come meanwhile */
    if (clock_mono_ms() - c->fetched_ms < AWS_CACHE_YOUNG_MS)
        return false;
    c->good_until_ms = 0;
    return true;
}

static void cache_free(struct aws_credentials_provider *provider) {
    struct cache *c = cache_of(provider);
    loop_timer_stop(&c->timer);
    while (!list_empty(&c->waiters))
        leave(CONTAINER_OF(c->waiters.next, struct waiter, node));
    arena_free(c->fetch);
    arena_free(c->last_arena);
    aws_credentials_clear(&c->creds);
    arena_free(c->plan);
    c->base.magic = 0;
    free(c);
}

struct aws_credentials_provider *aws_credentials_cache_new(struct loop *loop, struct arena *plan,
                                                           struct aws_credentials_source *source) {
    OBJ_CHECK(source, AWS_CREDENTIALS_SOURCE_MAGIC);
    struct cache *c = calloc(1, sizeof *c);
    AN(c);
    c->base = (struct aws_credentials_provider){
        .magic = AWS_CREDENTIALS_PROVIDER_MAGIC,
        .peek = cache_peek,
        .get = cache_get,
        .expired = cache_expired,
        .free = cache_free,
    };
    c->loop = loop;
    c->plan = plan;
    c->source = source;
    list_init(&c->waiters);
    return &c->base;
}

struct aws_cache_stats aws_credentials_cache_stats(struct aws_credentials_provider *provider) {
    OBJ_CHECK(provider, AWS_CREDENTIALS_PROVIDER_MAGIC);
    ASSERT(provider->free == cache_free);
    return cache_of(provider)->stats;
}
