// SPDX-License-Identifier: Apache-2.0
/* Ends whatever the asynchronous mode has under way for an AGS session: placements and their
 * servers. */
#ifndef HANDLERS_END_PLACEMENTS_H
#define HANDLERS_END_PLACEMENTS_H

#include "handlers/service.h"

struct placements_ended {
    size_t n;           /* placements stopped and sessions ended */
    struct str regions; /* that were looked in: "us-east-1, eu-west-1" */
    struct str next_id; /* the first of the session's ids that was not found in the first of them */
};

/* With err set something may still run. ended is always there, and lives in the context's arena. */
typedef void end_placements_fn(void *priv, const struct placements_ended *ended,
                               const struct err *err);

/*
 * Goes through the session's series of placement ids until GameLift knows no more of them: stops
 * what is pending, ends the game session of what was fulfilled, also if that happens in between.
 *
 * Placements are found in the region of their queue only. deployment is the session's, as AGS has
 * it: its region is looked in, or that of the setting in its place, and each region besides in
 * which this replica starts placements. It may be absent, or no queue at all.
 *
 * A region that fails does not keep from looking in the others. fn runs exactly once, from the
 * loop, never before this returns.
 */
void end_placements(struct dsm_service *svc, struct ctx *ctx, struct str session_id,
                    struct str deployment, end_placements_fn *fn, void *priv);

#endif
