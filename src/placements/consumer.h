// SPDX-License-Identifier: Apache-2.0
/*
 * Takes the events of placements from an SQS queue: long polls, looks at each event's placement
 * (work.h), and deletes a message only once its placement is dealt with. Otherwise the message goes
 * back to the queue, to come again later each time, to any replica; the queue's redrive policy
 * moves what comes again too often to its dead-letter queue.
 *
 * Nothing is kept here but the messages in flight, and those are bounded. While AWS or AGS is down
 * nothing more is received than one message at a time, to see whether they are back; the rest waits
 * in the queue, where it costs nothing and no receive is counted against it.
 *
 * The loop's thread only.
 */
#ifndef PLACEMENTS_CONSUMER_H
#define PLACEMENTS_CONSUMER_H

#include "http/tracer.h"
#include "placements/board.h"

#define CONSUMER_WAIT_S 20 /* of a long poll: the most that SQS takes */

/* A message is over for this replica. */
struct consumer_observation {
    enum placement_result result;
    int64_t age_ms;  /* since the event was sent to the queue; -1 if that is unknown */
    int64_t work_us; /* in this replica */
    int64_t receive_count;
};
typedef void consumer_observe_fn(void *priv, const struct consumer_observation *observation);

struct consumer_options {
    struct dsm_service *svc;        /* outlives the consumer */
    struct aws_client *sqs;         /* outlives the consumer; in the queue's region */
    struct str queue_url;           /* copied, as are the lists' strings */
    struct placement_policy policy; /* copied */
    struct str_list topic_arns;     /* see placement_event_parse */
    int max_in_flight;              /* messages at once */
    int visibility_s;              /* that a message belongs to who received it; extended at work */
    int64_t retry_max_ms;          /* the longest that a message waits to come again */
    struct http_tracer *tracer;    /* may be NULL */
    struct placement_board *board; /* told of each look; outlives the consumer */
    consumer_observe_fn *observe;  /* may be NULL */
    void *observe_priv;
};

struct consumer_stats {
    uint64_t received;
    uint64_t deleted;
    uint64_t delete_failures; /* of entries: their messages come again */
    uint64_t released;
    uint64_t poison;  /* messages that are no events, the first time that they come */
    size_t in_flight; /* messages that are looked at, and those that wait for their deletion */
    bool held_back;   /* AWS or AGS is down */
};

struct consumer;

/* Starts receiving. */
struct consumer *consumer_new(const struct consumer_options *options);

/*
 * Receives no more, gives every unfinished message back to the queue at once, deletes what is dealt
 * with; then calls fn, from the loop, at the latest after CONSUMER_DRAIN_MS.
 */
#define CONSUMER_DRAIN_MS 5000
typedef void consumer_drained_fn(void *priv);
void consumer_drain(struct consumer *consumer, consumer_drained_fn *fn, void *priv);

/* The loop has stopped for good. NULL is fine. */
void consumer_free(struct consumer *consumer);

struct consumer_stats consumer_stats(const struct consumer *consumer);

#endif
