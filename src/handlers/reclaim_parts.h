// SPDX-License-Identifier: Apache-2.0
/* What a reclaim is; for reclaim.c and reclaim_all.c alone. */
#ifndef HANDLERS_RECLAIM_PARTS_H
#define HANDLERS_RECLAIM_PARTS_H

#include "base/ctx_part.h"
#include "handlers/in_flight.h"
#include "handlers/reclaim.h"

struct reclaim {
    unsigned magic;
#define RECLAIM_MAGIC 0x52e81b7dU
    struct dsm_service *svc;
    struct arena *arena; /* holds this struct too */
    struct ctx ctx;
    struct ctx_part look;    /* under way: answers of all looks together would be too much */
    struct list node;        /* in svc->reclaims */
    struct loop_timer timer; /* until the next look */
    bool waits;              /* for that timer */
    struct reclaim_request of;
    struct str known_to_ags; /* ARN that AGS has for the session; absent if none */
    bool ags_has_another;    /* or a server whose deployment is no ARN */
    unsigned turn;           /* of the tokens looked for */
    int tries;
    int64_t made_ms;
    bool orders_end; /* of the placement, or of this session: */
    struct str arn;  /* that is being ended */
    bool superseded; /* a call looks after the session now; only the end under way goes on */
    struct in_flight_end ending; /* of the placement that is being stopped */
};

/* Looks after that time. */
void reclaim_wait(struct reclaim *r, int64_t ms);

/* Ends it with an error in the log and in the count. Its memory goes with it. */
void reclaim_give_up(struct reclaim *r, const struct err *err);

#endif
