// SPDX-License-Identifier: Apache-2.0
/*
 * Players' latencies in the free-form session_data, for queues that place by latency.
 *
 * session_data may be any text. If it is a JSON object, its member "gamelift_latencies" or
 * "player_latencies" is read, as an object or as an array of such objects:
 *     {"gamelift_latencies": {"<player id>": {"us-west-2": 42.5, "us-east-1": 88}}}
 *     {"player_latencies": [{"<player id>": {"us-west-2": 42.5}}, ...]}
 */
#ifndef HANDLERS_LATENCIES_H
#define HANDLERS_LATENCIES_H

#include "generated/gamelift.h"

#define LATENCIES_MAX_ENTRIES 4000 /* player and region pairs that are used; more are left out */
#define LATENCIES_MAX_DEPTH 64     /* nesting of session_data that is followed */
#define LATENCIES_MAX_MS 600000.0  /* a larger one is not taken for a latency */

struct latencies {
    struct gl_player_latency_list list; /* .v is NULL if there are none */
    size_t skipped;  /* entries left out: no number, negative, too large, repeated, or too many */
    const char *why; /* why the first one was left out, or the whole text was not read; or NULL */
};

/*
 * Never fails: what cannot be read is left out and counted. Reads the text once; the result lies in
 * the arena. Of a player and region that appear twice the first one counts.
 */
struct latencies latencies_read(struct arena *a, struct str session_data);

#endif
