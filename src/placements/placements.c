// SPDX-License-Identifier: Apache-2.0
#include "placements/placements.h"

#include "base/clock.h"

#include <stdlib.h>

struct placements {
    unsigned magic;
#define PLACEMENTS_MAGIC 0x40e6a5c1U
    struct arena *arena;
    struct dsm_service *svc;
    struct str_list namespaces; /* none: all */
    consumer_observe_fn *observe;
    void *observe_priv;
    struct consumer *consumer; /* NULL: no queue */
    struct poller *poller;     /* NULL: nobody is asked */
    bool report_all;
    struct placement_board board;
    struct loop_timer drain_timer;
    consumer_drained_fn *drained;
    void *drained_priv;
};

struct str placements_queue_region(struct str url) {
    size_t scheme = str_starts(url, STR("https://")) ? 8 : 0;
    struct str host = str_from(url, scheme);
    host = str_sub(host, 0, str_find(host, '/'));
    if (scheme == 0 || !str_starts(host, STR("sqs")))
        return STR_NULL;
    size_t dot = str_find(host, '.'); /* "sqs", "sqs-fips" */
    struct str region = str_from(host, dot + 1);
    size_t end = str_find(region, '.');
    return end == region.n ? STR_NULL : str_sub(region, 0, end);
}

/* The parts of a comma-separated list, without blanks around them; empty ones do not count. */
static struct str_list split(struct arena *a, struct str text, struct str first) {
    struct str *v = arena_array(a, text.n / 2 + 2, sizeof *v);
    size_t n = 0;
    if (!str_empty(first))
        v[n++] = arena_str(a, first);
    while (!str_empty(text)) {
        size_t comma = str_find(text, ',');
        struct str part = str_trim(str_sub(text, 0, comma));
        if (!str_empty(part))
            v[n++] = arena_str(a, part);
        text = str_from(text, comma + 1);
    }
    return (struct str_list){.v = v, .n = n};
}

static bool is_ours(const struct placements *p, struct str namespace) {
    for (size_t i = 0; i < p->namespaces.n; i++)
        if (str_eq(p->namespaces.v[i], namespace))
            return true;
    return p->namespaces.n == 0;
}

/* Hook of the handler: a placement is under way, or was found to be. */
static void on_placement(void *priv, struct ctx *ctx, struct str namespace, struct str region,
                         struct str placement_id) {
    struct placements *p = OBJ_CAST(priv, placements, PLACEMENTS_MAGIC);
    board_started(&p->board, namespace, placement_id);
    if (p->consumer == NULL && p->poller == NULL)
        return;
    if (!is_ours(p, namespace))
        LOG_WARN(ctx->log, "nobody will tell AGS what becomes of the placement: its namespace is "
                           "not in PLACEMENT_NAMESPACES");
    else if (p->poller != NULL)
        poller_watch(p->poller, region, placement_id);
}

static void on_polled(void *priv, enum placement_result result, int64_t age_ms) {
    const struct placements *p = OBJ_CAST(priv, placements, PLACEMENTS_MAGIC);
    const struct consumer_observation seen = {.result = result, .age_ms = age_ms};
    if (p->observe != NULL)
        p->observe(p->observe_priv, &seen);
}

static void start_consumer(struct placements *p, const struct placements_options *o,
                           const struct placement_policy *policy) {
    const struct consumer_options options = {
        .svc = o->svc,
        .sqs = o->sqs,
        .queue_url = o->queue_url,
        .policy = *policy,
        .topic_arns = split(p->arena, o->topic_arns, STR_NULL),
        .max_in_flight = o->max_in_flight,
        .visibility_s = o->visibility_s,
        .retry_max_ms = o->retry_max_ms,
        .tracer = o->tracer,
        .board = &p->board,
        .observe = o->observe,
        .observe_priv = o->observe_priv,
    };
    p->consumer = consumer_new(&options);
    LOG_INFO(NULL, "placement events are taken from SQS",
             LOG_STR("aws.region", aws_client_region(o->sqs)),
             LOG_CSTR("report", o->report_all ? "all" : "failures"));
}

struct placements *placements_new(const struct placements_options *o) {
    struct placements *p = calloc(1, sizeof *p);
    AN(p);
    p->magic = PLACEMENTS_MAGIC;
    p->arena = arena_new(ARENA_LIMIT_DEFAULT);
    p->svc = o->svc;
    p->report_all = o->report_all;
    p->observe = o->observe;
    p->observe_priv = o->observe_priv;
    if (!str_eq(str_trim(o->namespaces), STR("*")))
        p->namespaces = split(p->arena, o->namespaces, o->own_namespace);
    const struct placement_policy policy = {
        .report_all = o->report_all,
        .namespaces = p->namespaces,
    };
    if (o->sqs != NULL) {
        start_consumer(p, o, &policy);
    } else if (o->poll) {
        const struct poller_options options = {
            .svc = o->svc,
            .policy = policy,
            .tracer = o->tracer,
            .board = &p->board,
            .observe = on_polled,
            .observe_priv = p,
        };
        p->poller = poller_new(&options);
        LOG_INFO(NULL, "placements are asked for until they have ended",
                 LOG_CSTR("report", o->report_all ? "all" : "failures"));
    }
    o->svc->on_placement = on_placement;
    o->svc->on_placement_priv = p;
    return p;
}

static void on_nothing_to_drain(struct loop_timer *timer) {
    struct placements *p = CONTAINER_OF(timer, struct placements, drain_timer);
    OBJ_CHECK(p, PLACEMENTS_MAGIC);
    p->drained(p->drained_priv);
}

void placements_drain(struct placements *p, consumer_drained_fn *fn, void *priv) {
    OBJ_CHECK(p, PLACEMENTS_MAGIC);
    if (p->consumer != NULL) {
        consumer_drain(p->consumer, fn, priv);
        return;
    }
    p->drained = fn;
    p->drained_priv = priv;
    loop_timer_start(p->svc->loop, &p->drain_timer, 0, on_nothing_to_drain);
}

void placements_free(struct placements *p) {
    if (p == NULL)
        return;
    OBJ_CHECK(p, PLACEMENTS_MAGIC);
    loop_timer_stop(&p->drain_timer);
    p->svc->on_placement = NULL;
    consumer_free(p->consumer);
    poller_free(p->poller);
    arena_free(p->arena);
    p->magic = 0;
    free(p);
}

struct placements_stats placements_stats(const struct placements *p) {
    OBJ_CHECK(p, PLACEMENTS_MAGIC);
    struct placements_stats stats = {
        .by_queue = p->consumer != NULL,
        .by_polling = p->poller != NULL,
        .report_all = p->report_all,
    };
    if (p->consumer != NULL)
        stats.queue = consumer_stats(p->consumer);
    if (p->poller != NULL)
        stats.watched = poller_watched(p->poller);
    return stats;
}

size_t placements_views(const struct placements *p, struct placement_view *ret, size_t n) {
    OBJ_CHECK(p, PLACEMENTS_MAGIC);
    return board_views(&p->board, ret, n);
}
