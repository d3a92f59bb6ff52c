// SPDX-License-Identifier: Apache-2.0
/*
 * Without a queue for events: the replica that has started a placement asks GameLift about it until
 * it has ended, and then does what the consumer would (work.h). For development and small studios;
 * docs/placements.md says what it cannot promise.
 *
 * The loop's thread only.
 */
#ifndef PLACEMENTS_POLL_H
#define PLACEMENTS_POLL_H

#include "http/tracer.h"
#include "placements/board.h"

#define POLL_MAX 2000           /* placements watched at once; the rest is not, with an error */
#define POLL_GAP_MS 200         /* between two looks at any placements: GameLift limits requests */
#define POLL_FIRST_MS 1000      /* after the start of a placement */
#define POLL_CAP_MS 15000       /* between two looks at the same placement */
#define POLL_GIVE_UP_MS 3600000 /* after which a placement is not looked at any more */

/* A placement is over for the poller. */
typedef void poller_observe_fn(void *priv, enum placement_result result, int64_t age_ms);

struct poller_options {
    struct dsm_service *svc;        /* outlives the poller */
    struct placement_policy policy; /* copied; its strings outlive the poller */
    struct http_tracer *tracer;     /* may be NULL */
    struct placement_board *board;  /* told of each look; outlives the poller */
    poller_observe_fn *observe;     /* may be NULL */
    void *observe_priv;
};

struct poller;

struct poller *poller_new(const struct poller_options *options);

/* Watches a placement that has just been started in that region; one that is watched already goes
 * on as it is. The strings are copied. */
void poller_watch(struct poller *poller, struct str region, struct str placement_id);

size_t poller_watched(const struct poller *poller);

/* Each placement that is still watched is a warning in the log. NULL is fine. */
void poller_free(struct poller *poller);

#endif
