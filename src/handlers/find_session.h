// SPDX-License-Identifier: Apache-2.0
/* Finds the game session that GameLift made for a token, when its ARN was never heard of. */
#ifndef HANDLERS_FIND_SESSION_H
#define HANDLERS_FIND_SESSION_H

#include "handlers/service.h"

/*
 * session is NULL if no session with that token is coming up or running; err is set if that could
 * not be found out. Of the session only id, status, location and address are given.
 */
typedef void find_session_fn(void *priv, const struct gl_game_session *session,
                             const struct err *err);

#define FIND_SESSION_PAGE 50       /* sessions of one request */
#define FIND_SESSION_MAX_PAGES 200 /* more running sessions than in these is an error */

/*
 * Looks through the fleet behind an alias (id or ARN) for the session whose ARN ends in the token.
 * GameLift lists sessions for 30 days after their end, far too many to look through, so only those
 * that live are asked for. fn runs exactly once, from the loop, never before this returns; the
 * session lies in the context's arena.
 */
void find_session(struct dsm_service *svc, struct ctx *ctx, struct str alias, struct str token,
                  find_session_fn *fn, void *priv);

#endif
