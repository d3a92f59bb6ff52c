// SPDX-License-Identifier: Apache-2.0
/*
 * Servers that nobody knows of. When a create fails or is cancelled after GameLift may have acted
 * on it, a server could run, and cost, that AGS never hears of. A reclaim waits a while, asks AGS
 * whether the session has that server after all (AGS may have asked again, of any replica), and if
 * not ends it. It works on its own, outside the call that left it behind.
 */
#ifndef HANDLERS_RECLAIM_H
#define HANDLERS_RECLAIM_H

#include "handlers/service.h"

#define RECLAIM_DELAY_MS 10000  /* default before AGS is asked */
#define RECLAIM_LIMIT_MS 300000 /* after which it is given up, with an error in the log */
#define RECLAIM_MAX 10000       /* at once; beyond it one is given up at once */

struct reclaim_request { /* copied */
    struct str namespace;
    struct str session_id;
    struct str arn;          /* of the game session, if it is known; else: */
    struct str alias;        /* in whose fleet a session with one of the tokens may be, or absent */
    struct str placement_id; /* of a placement that may have been started, or absent */
    unsigned turns;          /* how many of the session's tokens were used; at least 1 */
};

void reclaim_later(struct dsm_service *svc, const struct reclaim_request *request);

/* The session has been answered with a server after all: what was to be looked for is no longer. */
void reclaim_forget(struct dsm_service *svc, struct str namespace, struct str session_id);

/* Ends every reclaim; each one left is an error in the log. */
void reclaim_give_up_all(struct dsm_service *svc);

#endif
