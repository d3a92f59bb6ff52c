// SPDX-License-Identifier: Apache-2.0
/*
 * The state of the stand-in GameLift and what changes it: fleets with locations and their capacity,
 * aliases, queues, game sessions, placements. The six operations are here as plain functions on
 * generated shapes; protocol, signature and faults are not known here.
 *
 * Time passes by the sim's due list: a session comes up, a placement is tried or times out when
 * due_run says so. One thread.
 */
#ifndef SIM_GAMELIFT_H
#define SIM_GAMELIFT_H

#include "generated/gamelift.h"
#include "sim/gamelift_world.h"
#include "sim/sim.h"

/* Told of each placement that has ended; the placement is a view. */
typedef void gamelift_placement_fn(void *priv, const struct gl_game_session_placement *placement,
                                   const struct gamelift_queue *queue);

struct gamelift {
    unsigned magic;
#define GAMELIFT_MAGIC 0x6a3e11f7U
    struct sim *sim;
    struct gamelift_world *world; /* not owned */
    struct digest *digest;
    void *sessions_by_key;  /* tsearch tree of struct gamelift_session */
    void *placements_by_id; /* tsearch tree of struct gamelift_placement */
    struct list sessions;   /* in order of creation */
    struct list placements; /* in order of creation */
    struct list waiting;    /* placements that found no free server yet, oldest first */
    size_t n_sessions;
    size_t n_placements;
    uint64_t last_seq;
    gamelift_placement_fn *on_placement_end; /* NULL: nobody is told */
    void *on_placement_end_priv;
    struct due retry; /* armed when a server became free while placements wait */
};

/* One game session, from its creation on; ended ones stay until room is needed. */
struct gamelift_session {
    struct str key; /* "<fleet id>/<session id>", the scope of an idempotency token; stays first */
    struct list node;
    struct due due;
    struct gamelift *gl;
    struct arena *arena;
    struct gamelift_fleet *fleet;
    struct gamelift_location *location;
    struct gl_game_session view; /* as GameLift describes it; strings in the arena */
    unsigned char input_digest[DIGEST_SIZE];
    uint64_t seq;    /* counts up over all sessions */
    bool holds_slot; /* takes one of the location's servers */
};

struct gamelift_placement {
    struct str id; /* stays first */
    struct list node;
    struct list wait_node;
    struct due due;
    struct gamelift *gl;
    struct arena *arena;
    const struct gamelift_queue *queue;
    struct gl_start_game_session_placement_input in; /* a copy in the arena */
    struct gl_game_session_placement view;
    int64_t timeout_at_ms; /* on clock_mono_ms */
};

/* The world must outlive it; sim gives the clock and the due list. */
void gamelift_init(struct gamelift *gl, struct sim *sim, struct gamelift_world *world);

/* Ends with an empty state: no sessions, no placements, all capacity free. */
void gamelift_clear(struct gamelift *gl);
void gamelift_free(struct gamelift *gl);

/*
 * The operations. region is the caller's, from the credential scope: only what is at home there is
 * seen. Errors carry GameLift's name in err->type and its status in err->http_status. The output is
 * a view, valid until the next operation.
 */
struct err *gamelift_create(struct gamelift *gl, struct str region, const void *in, struct arena *a,
                            void *ret_out) MUST_CHECK;
struct err *gamelift_terminate(struct gamelift *gl, struct str region, const void *in,
                               struct arena *a, void *ret_out) MUST_CHECK;
struct err *gamelift_describe_sessions(struct gamelift *gl, struct str region, const void *in,
                                       struct arena *a, void *ret_out) MUST_CHECK;
struct err *gamelift_start_placement(struct gamelift *gl, struct str region, const void *in,
                                     struct arena *a, void *ret_out) MUST_CHECK;
struct err *gamelift_stop_placement(struct gamelift *gl, struct str region, const void *in,
                                    struct arena *a, void *ret_out) MUST_CHECK;
struct err *gamelift_describe_placement(struct gamelift *gl, struct str region, const void *in,
                                        struct arena *a, void *ret_out) MUST_CHECK;

/* --- between the files of the stand-in GameLift --- */

/* An error of GameLift, HTTP status 400. */
struct err *gamelift_refuse(struct arena *a, const char *type, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The fleet that an id or ARN, or an alias id or ARN, means in this region. Exactly one is given.
 */
struct err *gamelift_resolve_fleet(struct gamelift *gl, struct str region, struct str fleet_id,
                                   struct str alias_id, struct arena *a,
                                   struct gamelift_fleet **ret) MUST_CHECK;

/* A new ACTIVATING session that takes a server; id absent makes one up. NULL if there is no room.
 */
struct gamelift_session *gamelift_session_add(struct gamelift *gl, struct gamelift_fleet *fleet,
                                              struct gamelift_location *location, struct str id,
                                              const struct gl_create_game_session_input *in);

/* By ARN, NULL if there is none in this region; by "<fleet id>/<session id>". */
struct gamelift_session *gamelift_session_by_arn(struct gamelift *gl, struct str region,
                                                 struct str arn);
struct gamelift_session *gamelift_session_by_key(struct gamelift *gl, struct str key);

/* The session moves to this status now, with all that follows: server freed, times set. */
void gamelift_session_set(struct gamelift_session *s, enum gl_game_session_status status,
                          enum gl_game_session_status_reason reason);

/* As the API shows it at this moment. */
struct gl_game_session gamelift_session_view(const struct gamelift_session *s);

struct gamelift_placement *gamelift_placement_by_id(struct gamelift *gl, struct str id);
void gamelift_placement_set(struct gamelift_placement *p,
                            enum gl_game_session_placement_state state);

/* Looks for a server once; true if the placement is fulfilled now. */
bool gamelift_placement_try(struct gamelift_placement *p);

/* A server may have become free: waiting placements try again, in the next due_run. */
void gamelift_placements_retry(struct gamelift *gl);
void gamelift_placements_clear(struct gamelift *gl);

/* A deep copy of the struct into the arena, by way of its JSON form. */
void gamelift_copy(const struct codec_shape *shape, const void *from, struct arena *a, void *ret);

#endif
