// SPDX-License-Identifier: Apache-2.0
/*
 * The asynchronous mode's second half: what became of each placement gets to AGS, by the events of
 * an SQS queue (consumer.h) or by asking (poll.h). docs/placements.md tells how it is set up.
 */
#ifndef PLACEMENTS_PLACEMENTS_H
#define PLACEMENTS_PLACEMENTS_H

#include "placements/consumer.h"
#include "placements/poll.h"

struct placements_options {
    struct dsm_service *svc; /* outlives it; its placement hook is taken over */
    struct aws_client *sqs;  /* outlives it; NULL: no queue */
    struct str queue_url;
    bool poll; /* counts where there is no queue */
    bool report_all;
    struct str own_namespace;
    struct str namespaces; /* more of them, separated by commas; "*": all */
    struct str topic_arns; /* separated by commas; empty: any */
    int max_in_flight;
    int visibility_s;
    int64_t retry_max_ms;
    struct http_tracer *tracer;
    consumer_observe_fn *observe; /* also for what was found by asking: receive_count is 0 */
    void *observe_priv;
};

struct placements;

/* Strings are copied. With neither queue nor poll nothing is done, and game servers alone report.
 */
struct placements *placements_new(const struct placements_options *options);

/* consumer_drain; fn runs from the loop also where there is nothing to drain. */
void placements_drain(struct placements *placements, consumer_drained_fn *fn, void *priv);

/* The loop has stopped for good. NULL is fine. */
void placements_free(struct placements *placements);

struct placements_stats {
    bool by_queue;
    bool by_polling;
    bool report_all;
    struct consumer_stats queue;
    size_t watched; /* by asking */
};
struct placements_stats placements_stats(const struct placements *placements);

/* board_views of what this replica knows. */
size_t placements_views(const struct placements *placements, struct placement_view *ret, size_t n);

/*
 * The region in a queue's URL, https://sqs.REGION.amazonaws.com/ACCOUNT/NAME; absent where the URL
 * names none, as a stand-in's. A view of the URL.
 */
struct str placements_queue_region(struct str queue_url);

#endif
