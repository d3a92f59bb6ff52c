// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"
#include "base/random.h"
#include "http/backoff.h"
#include "placements/consumer_internal.h"
#include "placements/event.h"

#include <stdlib.h>

#define BATCH 10           /* messages that SQS gives at once */
#define WORK_MS 120000     /* that one look may take */
#define RETRY_BASE_MS 2000 /* before a message comes again for the first time */
#define POISON_DELAY_S 1   /* no use in waiting long: it will not get better */
#define HOLD_BASE_MS 500   /* before AWS or AGS is tried again */
#define HOLD_CAP_MS 15000

struct message { /* in its own arena */
    unsigned magic;
#define MESSAGE_MAGIC 0x0c75e9a3U
    struct list node;
    struct consumer *consumer;
    struct arena *arena;
    struct ctx ctx;
    struct str receipt;
    struct str placement_id; /* absent until the event is read */
    int64_t receive_count;
    int64_t sent_ms; /* milliseconds since 1970; 0: unknown */
    int64_t received_us;
    struct loop_timer extend_timer;
};

static sqs_receive_message_fn on_received;
static void begin(struct consumer *c, const struct sqs_message *from);
static placement_look_fn on_looked;
static void end(struct message *m, const struct placement_outcome *outcome);

/* ---- receiving ---- */

static void on_hold_over(struct loop_timer *timer) {
    consumer_go_on(CONTAINER_OF(timer, struct consumer, hold_timer));
}

static void hold(struct consumer *c, int failures) {
    int64_t cap = c->options.retry_max_ms < HOLD_CAP_MS ? c->options.retry_max_ms : HOLD_CAP_MS;
    int64_t ms = HOLD_BASE_MS / 2 + backoff_ms(HOLD_BASE_MS, cap, failures, random_unit());
    c->held_until_ms = clock_mono_ms() + (ms < cap ? ms : cap);
}

static size_t room(const struct consumer *c) {
    size_t max = c->upstream_failures > 0 ? 1 : (size_t)c->options.max_in_flight;
    size_t taken = c->n_messages + c->n_deletions;
    return taken < max ? max - taken : 0;
}

static void receive(struct consumer *c) {
    static const enum sqs_message_system_attribute_name attributes[] = {
        SQS_MESSAGE_SYSTEM_ATTRIBUTE_NAME_APPROXIMATE_RECEIVE_COUNT,
        SQS_MESSAGE_SYSTEM_ATTRIBUTE_NAME_SENT_TIMESTAMP,
    };
    size_t n = room(c) < c->batch ? room(c) : c->batch;
    const struct sqs_receive_message_request in = {
        .queue_url = c->options.queue_url,
        .message_system_attribute_names = {.v = attributes, .n = ARRAY_LEN(attributes)},
        .has_max_number_of_messages = true,
        .max_number_of_messages = (int32_t)n,
        .has_visibility_timeout = true,
        .visibility_timeout = c->options.visibility_s,
        .has_wait_time_seconds = true,
        .wait_time_seconds = CONSUMER_WAIT_S,
    };
    c->receive_arena = arena_new((size_t)16 << 20); /* ten messages, and room to read them */
    ctx_init(&c->receive_ctx, c->receive_arena, NULL, CTX_NO_DEADLINE);
    sqs_receive_message(c->options.sqs, &c->receive_ctx, &in, on_received, c);
}

void consumer_go_on(struct consumer *c) {
    if (c->draining) {
        if (c->n_messages == 0 && c->n_calls == 0 && c->n_deletions == 0 &&
            c->receive_arena == NULL && c->drained != NULL)
            loop_timer_start(c->loop, &c->drain_timer, 0, c->drain_timer.fn);
        return;
    }
    if (c->receive_arena != NULL || room(c) == 0)
        return;
    int64_t wait = c->held_until_ms - clock_mono_ms();
    if (wait > 0)
        loop_timer_start(c->loop, &c->hold_timer, wait, on_hold_over);
    else
        receive(c);
}

static void on_received(void *priv, const struct sqs_receive_message_result *out,
                        const struct err *err) {
    struct consumer *c = OBJ_CAST(priv, consumer, CONSUMER_MAGIC);
    struct arena *a = c->receive_arena;
    if (err != NULL && !c->draining) {
        hold(c, ++c->receive_failures);
        c->batch = 1; /* ten large messages may be more than an answer is taken */
        LOG_WARN(NULL, "no placement events from SQS", LOG_INT("failures", c->receive_failures),
                 LOG_ERR(err));
    }
    if (err == NULL) {
        c->receive_failures = 0;
        c->batch = 2 * c->batch < BATCH ? 2 * c->batch : BATCH;
        c->stats.received += out->messages.n;
        for (size_t i = 0; i < out->messages.n; i++)
            begin(c, &out->messages.v[i]);
    }
    c->receive_arena = NULL;
    arena_free(a);
    consumer_go_on(c);
}

/* ---- a message ---- */

static int64_t attribute(const struct sqs_message *from, struct str name) {
    int64_t value = 0;
    for (size_t i = 0; i < from->attributes.n; i++)
        if (str_eq(from->attributes.v[i].key, name))
            (void)str_to_int64(from->attributes.v[i].value, &value);
    return value > 0 ? value : 0;
}

static void extend_later(struct message *m);

static void on_time_to_extend(struct loop_timer *timer) {
    struct message *m = CONTAINER_OF(timer, struct message, extend_timer);
    OBJ_CHECK(m, MESSAGE_MAGIC);
    consumer_change_visibility(m->consumer, m->receipt, m->consumer->options.visibility_s);
    extend_later(m);
}

static void extend_later(struct message *m) {
    loop_timer_start(m->consumer->loop, &m->extend_timer,
                     (int64_t)m->consumer->options.visibility_s * 500, on_time_to_extend);
}

static struct message *message_new(struct consumer *c, const struct sqs_message *from) {
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    struct message *m = OBJ_NEW(a, message, MESSAGE_MAGIC);
    m->consumer = c;
    m->arena = a;
    m->receipt = arena_str(a, from->receipt_handle);
    m->receive_count = attribute(from, STR("ApproximateReceiveCount"));
    m->sent_ms = attribute(from, STR("SentTimestamp"));
    m->received_us = clock_mono_us();
    ctx_init(&m->ctx, a,
             LOG_WITH(a, NULL, LOG_STR("messageID", from->message_id),
                      LOG_INT("receiveCount", m->receive_count)),
             clock_mono_ms() + WORK_MS);
    list_append(&c->messages, &m->node);
    c->n_messages++;
    return m;
}

static void begin(struct consumer *c, const struct sqs_message *from) {
    struct placement_event event;
    struct message *m = message_new(c, from);
    struct err *err = placement_event_parse(from->body, c->options.topic_arns, m->arena, &event);
    if (err != NULL) {
        /* Once for each message: it comes again until the redrive policy takes it. */
        LOG_AT(m->receive_count <= 1 ? LOG_LEVEL_ERROR : LOG_LEVEL_DEBUG, m->ctx.log,
               "a message of the queue is no placement event: left to its dead-letter queue",
               LOG_ERR(err));
        c->stats.poison += m->receive_count <= 1 ? 1 : 0;
        const struct placement_outcome poison = {.result = PLACEMENT_POISON, .err = err};
        end(m, &poison);
        return;
    }
    if (c->options.tracer != NULL)
        c->options.tracer->begin_work(c->options.tracer, &m->ctx, STR("placement event"));
    if (c->draining) {
        const struct placement_outcome late = {.result = PLACEMENT_ABANDONED};
        end(m, &late);
        return;
    }
    extend_later(m);
    m->placement_id = event.placement_id;
    board_look_begins(c->options.board, m->placement_id);
    placement_look(c->options.svc, &c->options.policy, &m->ctx, event.region, event.placement_id,
                   on_looked, m);
}

static void on_looked(void *priv, const struct placement_outcome *outcome) {
    end(OBJ_CAST(priv, message, MESSAGE_MAGIC), outcome);
}

/* Seconds until the message should come again; later each time, and not all at the same time. */
static int64_t come_again_s(const struct message *m, enum placement_result result) {
    const struct consumer_options *o = &m->consumer->options;
    if (result == PLACEMENT_ABANDONED || m->consumer->draining)
        return 0;
    if (result == PLACEMENT_POISON)
        return POISON_DELAY_S;
    int64_t base = RETRY_BASE_MS < o->retry_max_ms ? RETRY_BASE_MS : o->retry_max_ms;
    int tries = m->receive_count < 30 ? (int)m->receive_count : 30;
    /* Between half of the wait and all of it. */
    int64_t ms = backoff_ms(base, o->retry_max_ms, tries, 0.5 + random_unit() / 2);
    return (ms + 999) / 1000;
}

static void observe(const struct message *m, enum placement_result result) {
    const struct consumer_options *o = &m->consumer->options;
    const struct consumer_observation seen = {
        .result = result,
        .age_ms = m->sent_ms > 0 ? clock_real_us() / 1000 - m->sent_ms : -1,
        .work_us = clock_mono_us() - m->received_us,
        .receive_count = m->receive_count,
    };
    if (o->observe != NULL)
        o->observe(o->observe_priv, &seen);
}

/* While upstreams fail whoever asks, one message at a time finds out whether they are back. */
static void learn(struct consumer *c, const struct placement_outcome *outcome) {
    bool spoke = placement_is_dealt_with(outcome->result) || outcome->result == PLACEMENT_EARLY;
    if (outcome->upstream_down && clock_mono_ms() >= c->held_until_ms) {
        hold(c, ++c->upstream_failures);
        if (c->upstream_failures == 1)
            LOG_WARN(NULL, "placement events wait in their queue until AWS and AGS answer again",
                     LOG_ERR(outcome->err));
    } else if (spoke && c->upstream_failures > 0) {
        LOG_INFO(NULL, "placement events are taken again");
        c->upstream_failures = 0;
        c->held_until_ms = 0;
    }
}

/* The last thing done with a message. */
static void end(struct message *m, const struct placement_outcome *outcome) {
    struct consumer *c = m->consumer;
    loop_timer_stop(&m->extend_timer);
    if (!str_empty(m->placement_id))
        board_look_ends(c->options.board, m->placement_id, outcome);
    observe(m, outcome->result);
    learn(c, outcome);
    if (c->options.tracer != NULL)
        c->options.tracer->end_work(c->options.tracer, &m->ctx,
                                    str_c(placement_result_name(outcome->result)), outcome->err);
    if (placement_is_dealt_with(outcome->result)) {
        consumer_delete_later(c, m->receipt);
    } else {
        c->stats.released++;
        consumer_change_visibility(c, m->receipt, come_again_s(m, outcome->result));
    }
    list_remove(&m->node);
    c->n_messages--;
    arena_free(m->arena);
    consumer_go_on(c);
}

/* ---- life ---- */

static struct str_list copy_list(struct arena *a, struct str_list from) {
    struct str *v = arena_array(a, from.n, sizeof *v);
    for (size_t i = 0; i < from.n; i++)
        v[i] = arena_str(a, from.v[i]);
    return (struct str_list){.v = v, .n = from.n};
}

struct consumer *consumer_new(const struct consumer_options *options) {
    struct consumer *c = calloc(1, sizeof *c);
    AN(c);
    c->magic = CONSUMER_MAGIC;
    c->options = *options;
    c->loop = options->svc->loop;
    c->arena = arena_new(ARENA_LIMIT_DEFAULT);
    c->options.queue_url = arena_str(c->arena, options->queue_url);
    c->options.policy.namespaces = copy_list(c->arena, options->policy.namespaces);
    c->options.topic_arns = copy_list(c->arena, options->topic_arns);
    c->batch = BATCH;
    list_init(&c->messages);
    list_init(&c->deletions);
    list_init(&c->calls);
    consumer_go_on(c);
    return c;
}

static const struct err stops = {
    .code = RPC_CANCELLED,
    .origin = ERR_CALLER,
    .msg = STR_INIT("the service stops"),
};

static void cancel_messages(struct consumer *c) {
    struct list messages;
    list_move(&c->messages, &messages);
    while (!list_empty(&messages)) {
        struct message *m = CONTAINER_OF(messages.next, struct message, node);
        list_remove(&m->node);
        list_append(&c->messages, &m->node);
        ctx_cancel(&m->ctx, &stops);
    }
}

static void on_drained(struct loop_timer *timer) {
    struct consumer *c = CONTAINER_OF(timer, struct consumer, drain_timer);
    OBJ_CHECK(c, CONSUMER_MAGIC);
    consumer_drained_fn *fn = c->drained;
    c->drained = NULL;
    if (fn != NULL)
        fn(c->drained_priv);
}

void consumer_drain(struct consumer *c, consumer_drained_fn *fn, void *priv) {
    OBJ_CHECK(c, CONSUMER_MAGIC);
    c->draining = true;
    c->drained = fn;
    c->drained_priv = priv;
    loop_timer_stop(&c->hold_timer);
    loop_timer_start(c->loop, &c->drain_timer, CONSUMER_DRAIN_MS, on_drained);
    if (c->receive_arena != NULL)
        ctx_cancel(&c->receive_ctx, &stops);
    cancel_messages(c);
    consumer_flush(c);
    consumer_go_on(c);
}

void consumer_free(struct consumer *c) {
    if (c == NULL)
        return;
    OBJ_CHECK(c, CONSUMER_MAGIC);
    c->draining = true;
    c->drained = NULL;
    loop_timer_stop(&c->hold_timer);
    loop_timer_stop(&c->drain_timer);
    if (c->receive_arena != NULL)
        ctx_cancel(&c->receive_ctx, &stops);
    cancel_messages(c);
    consumer_drop_calls(c);
    arena_free(c->arena);
    c->magic = 0;
    free(c);
}

struct consumer_stats consumer_stats(const struct consumer *c) {
    struct consumer_stats stats = c->stats;
    stats.in_flight = c->n_messages + c->n_deletions;
    stats.held_back = c->upstream_failures > 0;
    return stats;
}
