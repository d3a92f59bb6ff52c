// SPDX-License-Identifier: Apache-2.0
/* Ends everything that GameLift has, or may come to have, for an AGS session: the server that AGS
 * knows, or else the session's placements and what became of them. */
#ifndef HANDLERS_END_ALL_H
#define HANDLERS_END_ALL_H

#include "handlers/end_placements.h"

struct end_all_request { /* lives as long as the context */
    struct str namespace;
    struct str session_id;
    /* Of a try that failed: the server that AGS knew then. If AGS has another by now, only this one
     * is ended. Absent if there was none. */
    struct str arn;
};

struct all_ended {  /* in the context's arena */
    struct str arn; /* of the server that AGS knows, or that was given; absent if there is none */
    struct str deployment; /* that AGS asks to start servers with; absent if it does not say */
    const char *finding;   /* what was found before the placements were looked at; NULL: the server,
                              and it was ended */
    bool on_its_way;       /* another replica may be asking GameLift for a server just now */
    struct placements_ended placements;
};

/* With err set something may still run. `all` is always there. */
typedef void end_all_fn(void *priv, const struct all_ended *all, const struct err *err);

/* fn runs exactly once, from the loop, never before this returns. */
void end_all(struct dsm_service *svc, struct ctx *ctx, const struct end_all_request *request,
             end_all_fn *fn, void *priv);

#endif
