// SPDX-License-Identifier: Apache-2.0
/*
 * Servers that nobody knows of. When a create fails or is cancelled after GameLift may have acted
 * on it, a server could run, and cost, that AGS never hears of. A reclaim waits a while, asks AGS
 * whether the session has that server after all (AGS may have asked again, of any replica), and if
 * not ends it. It works on its own, outside the call that left it behind.
 *
 * While AGS says that it waits for a server, a replica may be about to answer with this one: then
 * the reclaim waits too.
 *
 * A termination that failed is a reclaim as well: all that the session has is to go, also what AGS
 * knows of.
 */
#ifndef HANDLERS_RECLAIM_H
#define HANDLERS_RECLAIM_H

#include "handlers/service.h"

#define RECLAIM_DELAY_MS 10000  /* default before AGS is asked */
#define RECLAIM_LIMIT_MS 300000 /* after which it is given up, with an error in the log */
#define RECLAIM_MAX 10000       /* at once; beyond it one is given up at once */

/* That AGS may wait for a game session at least; reclaim_calls_end_ms tells more. */
#define RECLAIM_AGS_WAITS_MS 60000

struct rpc_call;

struct reclaim_request { /* copied */
    struct str namespace;
    struct str session_id;
    struct str arn;          /* of the game session, if it is known; else: */
    struct str alias;        /* in whose fleet a session with one of the tokens may be, or absent */
    struct str placement_id; /* of a placement that may have been started, or absent */
    struct str queue;        /* of the placement, name or ARN */
    unsigned turns;          /* how many of the session's tokens were used; at least 1 */
    bool after_calls;        /* not before every call that may be under way elsewhere has ended */
    bool terminated;         /* AGS wants it gone: the server of the ARN if one is known, and else
                                whatever the session has; it needs none of the above */
};

/*
 * Right before an answer that names the server: if that does not reach the caller (as far as
 * rpc_call_if_undelivered can tell), it is a reclaim. Copies; once for a call.
 */
void reclaim_if_undelivered(struct dsm_service *svc, struct rpc_call *rpc,
                            const struct reclaim_request *request);

struct reclaim_list {
    const struct reclaim_request *v;
    size_t n;
};

/* One reclaim for what is the same, however often it is asked for. */
void reclaim_later(struct dsm_service *svc, const struct reclaim_request *request);

/*
 * For a call that asks for the session's server again: it looks after what is left from now on,
 * and no reclaim ends a server that it is about to answer with: one whose end has been ordered
 * already goes, and is_being_ended says so. If the call fails, it hands them back. In the arena.
 */
struct reclaim_list reclaim_take_over(struct dsm_service *svc, struct arena *a,
                                      struct str namespace, struct str session_id);
void reclaim_hand_back(struct dsm_service *svc, const struct reclaim_list *list);

/* After an answer, the session wants its server: hands back what is left of one that is not it. */
void reclaim_hand_back_other(struct dsm_service *svc, const struct reclaim_request *other);

/* Milliseconds after which every call that is under way now, of any replica, has ended. */
int64_t reclaim_calls_end_ms(const struct dsm_service *svc);

/*
 * For the end of the service: each reclaim looks now, and tries again for limit_ms. Those that are
 * not done by then are given up, each with an error in the log. fn runs exactly once, from the
 * loop, never before this returns.
 */
typedef void reclaim_done_fn(void *priv);
void reclaim_finish_all(struct dsm_service *svc, int64_t limit_ms, reclaim_done_fn *fn, void *priv);

/* A reclaim under way, for people to see. Texts are cut off if they are too long. */
struct reclaim_view {
    char namespace[40];
    char session_id[40];
    char looked_for[12]; /* "placement" or "session" */
    int64_t age_ms;
    int tries;
};

/* Copies up to n of them, the oldest first; how many there are. */
size_t reclaim_views(const struct dsm_service *svc, struct reclaim_view *ret, size_t n);

/* Ends every reclaim; each one left is an error in the log. */
void reclaim_give_up_all(struct dsm_service *svc);

#endif
