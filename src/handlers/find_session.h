// SPDX-License-Identifier: Apache-2.0
/* Finds the game session that GameLift made for a token, when its ARN was never heard of. */
#ifndef HANDLERS_FIND_SESSION_H
#define HANDLERS_FIND_SESSION_H

#include "handlers/service.h"

/* session is NULL if the fleet has none with that token; err is set if that could not be found out.
 */
typedef void find_session_fn(void *priv, const struct gl_game_session *session,
                             const struct err *err);

#define FIND_SESSION_MAX_PAGES 50 /* of 100 sessions */

/*
 * Looks through the fleet behind an alias (id or ARN) for the session whose ARN ends in the token.
 * fn runs exactly once, from the loop, never before this returns; the session lies in the context's
 * arena.
 */
void find_session(struct dsm_service *svc, struct ctx *ctx, struct str alias, struct str token,
                  find_session_fn *fn, void *priv);

#endif
