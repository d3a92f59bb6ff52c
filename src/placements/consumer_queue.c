// SPDX-License-Identifier: Apache-2.0
/* What the consumer tells the queue: deletions in batches, visibility message by message. */
#include "base/clock.h"
#include "base/random.h"
#include "http/backoff.h"
#include "placements/consumer_internal.h"

#include <stdlib.h>

#define BATCH 10          /* entries that SQS takes */
#define GATHER_MS 20      /* that a deletion waits for others */
#define MAX_TRIES 5       /* of a deletion; then its message comes again, which does no harm */
#define RETRY_BASE_MS 200 /* between them */
#define CALL_MS 10000     /* that one call to the queue may take */

struct deletion {
    struct list node;
    struct call *call; /* that it is part of; NULL: it waits */
    int tries;
    struct str receipt;
    char text[];
};

struct call { /* in its own arena */
    unsigned magic;
#define CALL_MAGIC 0x2f9c0b67U
    struct list node;
    struct consumer *consumer;
    struct arena *arena;
    struct ctx ctx;
    struct deletion *batch[BATCH];
    size_t n;
};

static sqs_delete_message_batch_fn on_deleted;
static sqs_change_message_visibility_fn on_changed;

static struct call *call_new(struct consumer *c) {
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    struct call *call = OBJ_NEW(a, call, CALL_MAGIC);
    call->consumer = c;
    call->arena = a;
    ctx_init(&call->ctx, a, NULL, clock_mono_ms() + CALL_MS);
    list_append(&c->calls, &call->node);
    c->n_calls++;
    return call;
}

static void call_free(struct call *call) {
    list_remove(&call->node);
    call->consumer->n_calls--;
    arena_free(call->arena);
}

/* ---- deletions ---- */

static void deletion_free(struct consumer *c, struct deletion *d) {
    list_remove(&d->node);
    c->n_deletions--;
    free(d);
}

static void on_time_to_delete(struct loop_timer *timer) {
    consumer_flush(CONTAINER_OF(timer, struct consumer, delete_timer));
}

void consumer_delete_later(struct consumer *c, struct str receipt) {
    struct deletion *d = calloc(1, sizeof *d + receipt.n);
    AN(d);
    memcpy(d->text, receipt.p, receipt.n);
    d->receipt = str_n(d->text, receipt.n);
    list_append(&c->deletions, &d->node);
    c->n_deletions++;
    if (c->n_deletions >= BATCH || c->draining)
        consumer_flush(c);
    else if (!c->delete_timer.armed)
        loop_timer_start(c->loop, &c->delete_timer, GATHER_MS, on_time_to_delete);
}

static void send_batch(struct call *call) {
    struct consumer *c = call->consumer;
    struct sqs_delete_message_batch_request_entry entries[BATCH];
    char ids[BATCH][2];
    for (size_t i = 0; i < call->n; i++) {
        ids[i][0] = (char)('0' + i);
        entries[i] = (struct sqs_delete_message_batch_request_entry){
            .id = str_n(ids[i], 1),
            .receipt_handle = call->batch[i]->receipt,
        };
    }
    const struct sqs_delete_message_batch_request in = {
        .queue_url = c->options.queue_url,
        .entries = {.v = entries, .n = call->n},
    };
    sqs_delete_message_batch(c->options.sqs, &call->ctx, &in, on_deleted, call);
}

void consumer_flush(struct consumer *c) {
    struct call *call = NULL;
    loop_timer_stop(&c->delete_timer);
    for (struct list *l = c->deletions.next; l != &c->deletions; l = l->next) {
        struct deletion *d = CONTAINER_OF(l, struct deletion, node);
        if (d->call != NULL)
            continue;
        if (call == NULL)
            call = call_new(c);
        d->call = call;
        d->tries++;
        call->batch[call->n++] = d;
        if (call->n == BATCH) {
            send_batch(call);
            call = NULL;
        }
    }
    if (call != NULL)
        send_batch(call);
}

/* It waits for another try, or its message is left to come again. */
static void deletion_failed(struct consumer *c, struct deletion *d, bool for_good) {
    d->call = NULL;
    c->stats.delete_failures++;
    if (!for_good && d->tries < MAX_TRIES && !c->draining) {
        int64_t ms = RETRY_BASE_MS / 2 +
                     backoff_ms(RETRY_BASE_MS, RETRY_BASE_MS << MAX_TRIES, d->tries, random_unit());
        if (!c->delete_timer.armed)
            loop_timer_start(c->loop, &c->delete_timer, ms, on_time_to_delete);
        return;
    }
    LOG_WARN(NULL, "a placement's message could not be deleted: it will come again");
    deletion_free(c, d);
}

/* The answer names the entries that failed; all others are gone. */
static void judge_batch(struct call *call, const struct sqs_delete_message_batch_result *out) {
    struct consumer *c = call->consumer;
    for (size_t i = 0; i < call->n; i++) {
        const struct sqs_batch_result_error_entry *failed = NULL;
        for (size_t k = 0; k < out->failed.n; k++)
            if (out->failed.v[k].id.n == 1 && out->failed.v[k].id.p[0] == (char)('0' + i))
                failed = &out->failed.v[k];
        if (failed == NULL) {
            c->stats.deleted++;
            deletion_free(c, call->batch[i]);
        } else {
            LOG_DEBUG(NULL, "SQS did not delete a message", LOG_STR("errorType", failed->code));
            deletion_failed(c, call->batch[i], failed->sender_fault);
        }
    }
}

static void on_deleted(void *priv, const struct sqs_delete_message_batch_result *out,
                       const struct err *err) {
    struct call *call = OBJ_CAST(priv, call, CALL_MAGIC);
    struct consumer *c = call->consumer;
    if (err == NULL) {
        judge_batch(call, out);
    } else {
        LOG_WARN(NULL, "messages of placements could not be deleted yet", LOG_ERR(err));
        for (size_t i = 0; i < call->n; i++)
            deletion_failed(c, call->batch[i], false);
    }
    call_free(call);
    consumer_go_on(c);
}

/* ---- visibility ---- */

void consumer_change_visibility(struct consumer *c, struct str receipt, int64_t seconds) {
    struct call *call = call_new(c);
    const struct sqs_change_message_visibility_request in = {
        .queue_url = c->options.queue_url,
        .receipt_handle = receipt,
        .has_visibility_timeout = true,
        .visibility_timeout = (int32_t)seconds,
    };
    sqs_change_message_visibility(c->options.sqs, &call->ctx, &in, on_changed, call);
}

/* A failure changes nothing but the time: the message comes again when its visibility ends. */
static void on_changed(void *priv, const struct err *err) {
    struct call *call = OBJ_CAST(priv, call, CALL_MAGIC);
    struct consumer *c = call->consumer;
    if (err != NULL)
        LOG_DEBUG(NULL, "the visibility of a message could not be changed", LOG_ERR(err));
    call_free(call);
    consumer_go_on(c);
}

void consumer_drop_calls(struct consumer *c) {
    static const struct err stopped = {
        .code = RPC_CANCELLED,
        .origin = ERR_CALLER,
        .msg = STR_INIT("the service stops"),
    };
    c->draining = true;
    while (!list_empty(&c->calls))
        ctx_cancel(&CONTAINER_OF(c->calls.next, struct call, node)->ctx, &stopped);
    while (!list_empty(&c->deletions))
        deletion_free(c, CONTAINER_OF(c->deletions.next, struct deletion, node));
    loop_timer_stop(&c->delete_timer);
}
