// SPDX-License-Identifier: Apache-2.0
/* Ends one game session for good, however often it is asked for. */
#ifndef HANDLERS_END_SESSION_H
#define HANDLERS_END_SESSION_H

#include "handlers/service.h"

enum end_result {
    END_FAILED,       /* err says why; the session may still run */
    END_DONE,         /* GameLift has taken the order */
    END_GONE_ALREADY, /* there was nothing left to end */
};

typedef void end_session_fn(void *priv, enum end_result result, const struct err *err);

/* True for the ARN of a game session: what end_session takes. */
bool is_game_session_arn(struct str text);

/* True for a session that has ended, or is about to: a status that is absent or new is not. */
bool is_session_over(enum gl_game_session_status status);

/*
 * Ends the session in the AWS region that its ARN names. A session that cannot be ended yet,
 * because its compute is not ready or the session still comes up, is tried again for as long as the
 * context lives. fn runs exactly once, from the loop, never before this returns.
 */
void end_session(struct dsm_service *svc, struct ctx *ctx, struct str arn, end_session_fn *fn,
                 void *priv);

#endif
