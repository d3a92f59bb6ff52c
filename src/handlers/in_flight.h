// SPDX-License-Identifier: Apache-2.0
/*
 * What this replica does just now, so that calls for the same session see each other: a session
 * that is terminated needs no server any more, and a server that is being ended is none to answer
 * with. Other replicas' calls are not seen; reclaims find what those leave.
 */
#ifndef HANDLERS_IN_FLIGHT_H
#define HANDLERS_IN_FLIGHT_H

#include "handlers/service.h"

/* A call that asks GameLift for a server; lies in the call's arena. */
struct in_flight_create {
    struct list node; /* in a row of svc->creates */
    struct ctx *ctx;
    struct str namespace;
    struct str session_id;
};

/* The strings live as long as the context. Ends with in_flight_create_end, at the latest with the
 * context's arena. */
void in_flight_create_begin(struct dsm_service *svc, struct in_flight_create *create,
                            struct ctx *ctx, struct str namespace, struct str session_id);
void in_flight_create_end(struct in_flight_create *create);

/* Cancels every create of the session; each fails with ABORTED before this returns. */
void in_flight_cancel_creates(struct dsm_service *svc, struct str namespace, struct str session_id);

/* A game session, or placement, whose end is being ordered; lies in a context's arena. */
struct in_flight_end {
    struct list node; /* in a row of svc->ends */
    struct str what;  /* ARN or placement id */
};

/* As with the creates. May begin anew for something else. */
void in_flight_end_begin(struct dsm_service *svc, struct in_flight_end *end, struct arena *a,
                         struct str what);
void in_flight_end_end(struct in_flight_end *end);

bool is_being_ended(const struct dsm_service *svc, struct str arn_or_placement_id);

#endif
