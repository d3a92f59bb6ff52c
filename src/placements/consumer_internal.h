// SPDX-License-Identifier: Apache-2.0
/* What the consumer's files share: receiving and looking (consumer.c), what goes back to the queue
 * (consumer_queue.c). */
#ifndef PLACEMENTS_CONSUMER_INTERNAL_H
#define PLACEMENTS_CONSUMER_INTERNAL_H

#include "generated/sqs.h"
#include "placements/consumer.h"

struct consumer {
    unsigned magic;
#define CONSUMER_MAGIC 0x6bd41f0eU
    struct consumer_options options;
    struct loop *loop;
    struct arena *arena; /* of the options' strings */

    struct list messages; /* in flight */
    size_t n_messages;

    struct arena *receive_arena; /* of the request under way; NULL: none */
    struct ctx receive_ctx;
    size_t batch;          /* messages to ask for at once */
    int receive_failures;  /* in a row */
    int upstream_failures; /* in a row, over all messages */
    int64_t held_until_ms; /* nothing is received before; on clock_mono_ms */
    struct loop_timer hold_timer;

    struct list deletions; /* dealt with, to be deleted; and those being deleted */
    size_t n_deletions;
    struct loop_timer delete_timer;
    struct list calls; /* to the queue, other than the receive */
    size_t n_calls;

    struct consumer_stats stats;
    bool draining;
    struct loop_timer drain_timer;
    consumer_drained_fn *drained;
    void *drained_priv;
};

/* A message's receipt joins the next batch of deletions; copied. */
void consumer_delete_later(struct consumer *c, struct str receipt);

/* Sends what is left to delete, at once. */
void consumer_flush(struct consumer *c);

/* The message belongs to whoever received it for that many seconds from now; 0 gives it back. */
void consumer_change_visibility(struct consumer *c, struct str receipt, int64_t seconds);

/* A call to the queue, or a message, is over: room for more, or the end of draining. */
void consumer_go_on(struct consumer *c);

/* Cancels every call to the queue and forgets what was to be deleted. */
void consumer_drop_calls(struct consumer *c);

#endif
