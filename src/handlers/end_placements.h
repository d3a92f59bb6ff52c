// SPDX-License-Identifier: Apache-2.0
/* Ends whatever the asynchronous mode has under way for an AGS session: placements and their
 * servers. */
#ifndef HANDLERS_END_PLACEMENTS_H
#define HANDLERS_END_PLACEMENTS_H

#include "handlers/service.h"

/* ended: placements stopped and sessions ended. With err set something may still run. */
typedef void end_placements_fn(void *priv, size_t ended, const struct err *err);

/*
 * Goes through the session's series of placement ids until GameLift knows no more of them: stops
 * what is pending, ends the game session of what was fulfilled, also if that happens in between.
 * fn runs exactly once, from the loop, never before this returns.
 */
void end_placements(struct dsm_service *svc, struct ctx *ctx, struct str session_id,
                    end_placements_fn *fn, void *priv);

#endif
