// SPDX-License-Identifier: Apache-2.0
/*
 * What every handler is given (call->svc), and the table of handlers. A handler is declared by its
 * generated type, so a changed contract stops the compiler here and in the handler's file.
 */
#ifndef HANDLERS_SERVICE_H
#define HANDLERS_SERVICE_H

#include "ags/client.h"
#include "aws/client.h"
#include "generated/gamelift.h"
#include "generated/session_dsm.h"

/* Told what each location answered to a create, for metrics; err is NULL for a session. */
typedef void dsm_location_fn(void *priv, struct ctx *ctx, struct str location,
                             const struct err *err);

#define DSM_IN_FLIGHT_ROWS 1024 /* a power of two; ten in each with 10,000 calls in flight */

/* Told of each placement that is under way after CreateGameSessionAsync; region is its queue's. */
typedef void dsm_placement_fn(void *priv, struct ctx *ctx, struct str namespace, struct str region,
                              struct str placement_id);

struct dsm_service {
    struct loop *loop;
    struct aws_client *gamelift; /* of AWS_REGION */
    struct ags_client *ags;
    /* Where set, these take the place of what the request says. */
    struct str alias_id_override;  /* AWS_ALIAS_ID_OVERRIDE, of deployment in CreateGameSession */
    struct str location_override;  /* AWS_LOCATION_OVERRIDE, of requested_region */
    struct str queue_arn_override; /* AWS_QUEUE_ARN_OVERRIDE, of deployment in the async mode */

    bool wait_active;                          /* GAMELIFT_WAIT_ACTIVE */
    bool queue_use_requested_regions;          /* GAMELIFT_QUEUE_USE_REQUESTED_REGIONS */
    enum gl_termination_mode termination_mode; /* GAMELIFT_TERMINATION_MODE */
    int64_t reclaim_delay_ms;                  /* RECLAIM_DELAY_MS */
    int64_t call_limit_ms;                     /* REQUEST_TIMEOUT_MS */

    dsm_location_fn *on_location; /* may be NULL */
    void *on_location_priv;
    dsm_placement_fn *on_placement; /* may be NULL */
    void *on_placement_priv;

    /* Of the regions in which this replica has started placements. */
    struct aws_client *queue_homes[AWS_CLIENT_MAX_REGIONS];
    size_t n_queue_homes;

    uint64_t servers_left; /* that may still run although nobody wants them: given up, and logged */
    uint64_t unsure_terminations; /* answered without knowing where to look for a server */
    struct list reclaims;         /* src/handlers/reclaim.c */
    struct list creates[DSM_IN_FLIGHT_ROWS]; /* src/handlers/in_flight.c, by session */
    struct list ends[DSM_IN_FLIGHT_ROWS];    /* the same, by what is ended */
};

/* Before the first call. */
void dsm_service_init(struct dsm_service *svc);

extern const struct dsm_session_dsm_handlers dsm_handlers;

/*
 * The GameLift client for a resource: an ARN is called in the region it names, anything else in
 * AWS_REGION. Errors: an ARN of another service, or of a region that cannot be one.
 */
struct err *dsm_gamelift_of(struct dsm_service *svc, struct arena *a, struct str arn_or_id,
                            struct aws_client **ret) MUST_CHECK;

/* Remembers that placements are started there. */
void dsm_note_queue_home(struct dsm_service *svc, struct aws_client *gamelift);

#endif
