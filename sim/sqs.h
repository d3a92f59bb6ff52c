// SPDX-License-Identifier: Apache-2.0
/*
 * The stand-in for Amazon SQS: standard queues with visibility timeouts, receive counts and a
 * dead-letter queue. It keeps AWS's promises and no more: a message is delivered at least once, in
 * no order that anybody may rely on, and an old receipt handle deletes nothing.
 *
 * What GameLift's placements come to, as EventBridge events or SNS notifications, lands in one of
 * the queues (sqs_events.c). What tests may change is in sqs_control.c.
 *
 * Seconds of the API last 1/speed of real ones, so that a test of ten minutes takes some seconds.
 */
#ifndef SIM_SQS_H
#define SIM_SQS_H

#include "generated/sqs.h"
#include "sim/gamelift.h"

#define SIM_SQS_MAX_QUEUES 8
#define SIM_SQS_MAX_NAME 80
#define SIM_SQS_MAX_MESSAGES 200000 /* of one queue */
#define SIM_SQS_EVENTS_QUEUE "placement-events"
#define SIM_SQS_DEAD_QUEUE "placement-events-dead"

struct sim_message {
    struct list node;
    struct arena *arena;
    struct str id;
    struct str body;
    int64_t visible_at_ms; /* on clock_mono_ms */
    int64_t sent_ms;       /* milliseconds since 1970 */
    int64_t receive_count;
    uint64_t receipt; /* of the last receive; 0: never received */
};

struct sim_queue {
    char name[SIM_SQS_MAX_NAME + 1];
    int64_t visibility_s;
    int64_t max_receive_count;     /* 0: no dead-letter queue */
    struct sim_queue *dead_letter; /* NULL: none */
    struct list messages;          /* oldest first */
    size_t n;
    int64_t sent;
    int64_t received; /* deliveries */
    int64_t deleted;
    int64_t moved; /* to the dead-letter queue */
};

/* How a placement's end comes into the queue: RAW is from SNS without its wrapping. */
enum sim_sqs_form { SIM_SQS_EVENTBRIDGE, SIM_SQS_SNS, SIM_SQS_RAW, SIM_SQS_NOTHING };

struct sim_sqs {
    unsigned magic;
#define SIM_SQS_MAGIC 0x5a95e4b1U
    struct sim *sim;
    struct gamelift *gl;
    struct sim_queue queues[SIM_SQS_MAX_QUEUES];
    size_t n_queues;
    uint64_t last_receipt;
    int64_t speed;           /* API seconds in a real one */
    int64_t failing_deletes; /* entries of batches still to refuse */
    enum sim_sqs_form form;
    int64_t copies;     /* of each event */
    int64_t delay_ms;   /* before an event can be received */
    int64_t scatter_ms; /* up to so much more, by chance: out of order */
};

/* Takes over gl's placement hook. The events queue and its dead-letter queue are there. */
void sim_sqs_init(struct sim_sqs *sqs, struct sim *sim, struct gamelift *gl);
/* As after sim_sqs_init: no messages, settings as at the start. */
void sim_sqs_clear(struct sim_sqs *sqs);
void sim_sqs_free(struct sim_sqs *sqs);
/* Each event comes once, at once, as EventBridge sends it. */
void sim_sqs_deliver_as_usual(struct sim_sqs *sqs);

/* NULL if there is none. */
struct sim_queue *sim_queue_find(struct sim_sqs *sqs, struct str name);
/* New or already there; NULL if the name is bad or there is no room. */
struct sim_queue *sim_queue_make(struct sim_sqs *sqs, struct str name);

/* A new message, visible after that long. False if the queue is full. */
bool sim_queue_send(struct sim_sqs *sqs, struct sim_queue *queue, struct str body,
                    int64_t delay_ms);
void sim_queue_purge(struct sim_queue *queue);

/* A message could be received now. */
bool sim_queue_has_visible(const struct sim_queue *queue);

/* Operations; see sim/aws_service.h. */
struct err *sim_sqs_receive(void *state, struct str region, const void *in, struct arena *a,
                            void *ret_out) MUST_CHECK;
struct err *sim_sqs_delete_batch(void *state, struct str region, const void *in, struct arena *a,
                                 void *ret_out) MUST_CHECK;
struct err *sim_sqs_change_visibility(void *state, struct str region, const void *in,
                                      struct arena *a, void *ret_out) MUST_CHECK;
struct err *sim_sqs_get_attributes(void *state, struct str region, const void *in, struct arena *a,
                                   void *ret_out) MUST_CHECK;

/* The queue that a QueueUrl means, by its last segment; NULL if there is none. */
struct sim_queue *sim_queue_of_url(struct sim_sqs *sqs, struct str url);

/* gamelift_placement_fn: the end of a placement becomes messages. priv is the struct sim_sqs. */
void sim_sqs_on_placement_end(void *priv, const struct gl_game_session_placement *placement,
                              const struct gamelift_queue *queue);

struct sim_service sim_sqs_service(struct sim_sqs *sqs);
struct sim_service sim_sqs_control(struct sim_sqs *sqs);

#endif
