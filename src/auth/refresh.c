// SPDX-License-Identifier: Apache-2.0
#include "auth/refresh.h"

#include "base/clock.h"
#include "base/obj.h"
#include "base/random.h"
#include "generated/ags.h"
#include "http/backoff.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define FETCH_TIMEOUT_MS 30000
#define FETCH_MEMORY ((size_t)64 << 20) /* of a fetch; the largest revocation list takes half */
#define BACKOFF_BASE_MS 1000
#define BACKOFF_CAP_MS 60000
#define JITTER 0.1 /* of the interval, earlier, so that replicas do not come together */

/* Key ids that led to a fetch lately; more than REFRESH_SAME_KEY_MS / REFRESH_KEYS_PAUSE_MS of them
 * cannot be. */
#define ASKED_KIDS 8

struct asked_kid {
    char id[JWT_MAX_KID];
    size_t n; /* 0: free */
    int64_t when_ms;
};

struct feed;
typedef void feed_start_fn(struct feed *feed);

/* One of the two things that are fetched. */
struct feed {
    unsigned magic;
#define FEED_MAGIC 0x58c01b6aU
    struct auth_refresh *refresh;
    const char *what;
    feed_start_fn *start;
    struct loop_timer timer; /* the next fetch */
    struct arena *fetch;     /* memory of the one under way; NULL if there is none */
    struct ctx ctx;
    int failures; /* in a row */
    _Atomic uint64_t loaded;
    _Atomic uint64_t failed;
};

struct auth_refresh {
    unsigned magic;
#define AUTH_REFRESH_MAGIC 0x6e0d94b1U
    struct auth_refresh_options options;
    struct feed keys;
    struct feed revocations;
    struct loop_job job; /* fetches the keys because of an unknown id */
    _Atomic uint64_t unknown_key_fetches;

    pthread_mutex_t lock; /* guards the rest; held for a few comparisons */
    bool posted;          /* the job waits to be run */
    int64_t pause_until_ms;
    struct asked_kid asked[ASKED_KIDS];
    size_t next_asked; /* the place to use next */
};

static void fetch(struct feed *feed);

/* ---- one feed ---- */

static void on_timer(struct loop_timer *timer) {
    fetch(CONTAINER_OF(timer, struct feed, timer));
}

/* A fetch has ended; err is NULL if what it brought is in the store. Frees the fetch's memory. */
static void finish(struct feed *feed, const struct err *err) {
    struct loop *loop = feed->refresh->options.loop;
    int64_t interval = feed->refresh->options.interval_ms;
    int64_t ms;
    if (err == NULL) {
        if (feed->failures > 0 || atomic_load(&feed->loaded) == 0)
            LOG_INFO(NULL, "loaded from AGS", LOG_CSTR("what", feed->what));
        atomic_fetch_add(&feed->loaded, 1);
        feed->failures = 0;
        ms = (int64_t)((double)interval * (1 - JITTER * random_unit()));
    } else {
        atomic_fetch_add(&feed->failed, 1);
        feed->failures++;
        ms = backoff_ms(BACKOFF_BASE_MS, BACKOFF_CAP_MS, feed->failures, 0.5 + 0.5 * random_unit());
        if (ms > interval)
            ms = interval;
        LOG_WARN(NULL, "cannot be loaded from AGS", LOG_CSTR("what", feed->what),
                 LOG_INT("failuresInARow", feed->failures), LOG_INT("nextTryMs", ms), LOG_ERR(err));
    }
    struct arena *memory = feed->fetch;
    feed->fetch = NULL;
    loop_timer_start(loop, &feed->timer, ms, on_timer);
    arena_free(memory);
}

static void fetch(struct feed *feed) {
    OBJ_CHECK(feed, FEED_MAGIC);
    if (feed->fetch != NULL)
        return;
    loop_timer_stop(&feed->timer);
    feed->fetch = arena_new(FETCH_MEMORY);
    ctx_init(&feed->ctx, feed->fetch, NULL, clock_mono_ms() + FETCH_TIMEOUT_MS);
    feed->start(feed);
}

/* ---- keys ---- */

static void on_keys(void *priv, const struct ags_jwk_set *out, const struct err *err) {
    struct feed *feed = OBJ_CAST(priv, feed, FEED_MAGIC);
    struct key_set *keys = NULL;
    if (err == NULL)
        err = key_set_new(out, feed->fetch, &keys);
    if (err == NULL)
        trust_store_set_keys(feed->refresh->options.trust, keys);
    finish(feed, err);
}

static void start_keys(struct feed *feed) {
    struct auth_refresh *refresh = feed->refresh;
    const struct ags_get_jwksv3_input in = {0};
    pthread_mutex_lock(&refresh->lock);
    refresh->pause_until_ms = clock_mono_ms() + REFRESH_KEYS_PAUSE_MS;
    pthread_mutex_unlock(&refresh->lock);
    ags_get_jwksv3(refresh->options.ags, &feed->ctx, &in, on_keys, feed);
}

/* ---- revocations ---- */

static void on_revocations(void *priv, const struct ags_revocation_list *out,
                           const struct err *err) {
    struct feed *feed = OBJ_CAST(priv, feed, FEED_MAGIC);
    struct revocations *revocations = NULL;
    if (err == NULL)
        err = revocations_new(out, feed->fetch, &revocations);
    if (err == NULL)
        trust_store_set_revocations(feed->refresh->options.trust, revocations);
    finish(feed, err);
}

static void start_revocations(struct feed *feed) {
    const struct ags_get_revocation_list_v3_input in = {0};
    ags_get_revocation_list_v3(feed->refresh->options.ags, &feed->ctx, &in, on_revocations, feed);
}

/* ---- unknown keys ---- */

static void on_unknown_key(struct loop_job *job) {
    struct auth_refresh *refresh = CONTAINER_OF(job, struct auth_refresh, job);
    OBJ_CHECK(refresh, AUTH_REFRESH_MAGIC);
    pthread_mutex_lock(&refresh->lock);
    refresh->posted = false;
    pthread_mutex_unlock(&refresh->lock);
    if (refresh->keys.fetch != NULL || refresh->keys.failures > 0)
        return;
    atomic_fetch_add(&refresh->unknown_key_fetches, 1);
    fetch(&refresh->keys);
}

/* With the lock held. */
static bool was_asked(const struct auth_refresh *refresh, struct str kid, int64_t now) {
    for (size_t i = 0; i < ASKED_KIDS; i++) {
        const struct asked_kid *asked = &refresh->asked[i];
        if (asked->n > 0 && now - asked->when_ms < REFRESH_SAME_KEY_MS &&
            str_eq(str_n(asked->id, asked->n), kid))
            return true;
    }
    return false;
}

void auth_refresh_unknown_key(void *priv, struct str kid) {
    struct auth_refresh *refresh = OBJ_CAST(priv, auth_refresh, AUTH_REFRESH_MAGIC);
    int64_t now = clock_mono_ms();
    if (str_empty(kid) || kid.n > JWT_MAX_KID)
        return;
    pthread_mutex_lock(&refresh->lock);
    bool wanted =
        !refresh->posted && now >= refresh->pause_until_ms && !was_asked(refresh, kid, now);
    if (wanted) {
        struct asked_kid *asked = &refresh->asked[refresh->next_asked++ % ASKED_KIDS];
        memcpy(asked->id, kid.p, kid.n);
        asked->n = kid.n;
        asked->when_ms = now;
        refresh->posted = true;
        refresh->pause_until_ms = now + REFRESH_KEYS_PAUSE_MS;
    }
    pthread_mutex_unlock(&refresh->lock);
    if (wanted)
        loop_post(refresh->options.loop, &refresh->job, on_unknown_key);
}

/* ---- the refresher ---- */

static void init_feed(struct auth_refresh *refresh, struct feed *feed, const char *what,
                      feed_start_fn *start) {
    feed->magic = FEED_MAGIC;
    feed->refresh = refresh;
    feed->what = what;
    feed->start = start;
}

struct auth_refresh *auth_refresh_new(const struct auth_refresh_options *options) {
    struct auth_refresh *refresh = calloc(1, sizeof *refresh);
    AN(refresh);
    refresh->magic = AUTH_REFRESH_MAGIC;
    refresh->options = *options;
    AZ(pthread_mutex_init(&refresh->lock, NULL));
    init_feed(refresh, &refresh->keys, "public keys", start_keys);
    init_feed(refresh, &refresh->revocations, "revocation list", start_revocations);
    fetch(&refresh->keys);
    fetch(&refresh->revocations);
    return refresh;
}

void auth_refresh_free(struct auth_refresh *refresh) {
    if (refresh == NULL)
        return;
    OBJ_CHECK(refresh, AUTH_REFRESH_MAGIC);
    loop_timer_stop(&refresh->keys.timer);
    loop_timer_stop(&refresh->revocations.timer);
    arena_free(refresh->keys.fetch); /* ends a fetch without a callback, as the next line */
    arena_free(refresh->revocations.fetch);
    pthread_mutex_destroy(&refresh->lock);
    refresh->magic = 0;
    free(refresh);
}

void auth_refresh_stats(const struct auth_refresh *refresh, struct auth_refresh_stats *ret) {
    OBJ_CHECK(refresh, AUTH_REFRESH_MAGIC);
    *ret = (struct auth_refresh_stats){
        .keys_loaded = atomic_load(&refresh->keys.loaded),
        .keys_failed = atomic_load(&refresh->keys.failed),
        .revocations_loaded = atomic_load(&refresh->revocations.loaded),
        .revocations_failed = atomic_load(&refresh->revocations.failed),
        .unknown_key_fetches = atomic_load(&refresh->unknown_key_fetches),
    };
}
