// SPDX-License-Identifier: Apache-2.0
/* What AGS says of a game session's server. Everything in an answer of AGS may be absent or null.
 */
#ifndef HANDLERS_AGS_SESSION_H
#define HANDLERS_AGS_SESSION_H

#include "base/err.h"
#include "generated/ags.h"

/*
 * NULL if the answer is of the session that was asked for. One that is well-formed but of no
 * session, or of another, says nothing: taken at its word it would say that there is no server, and
 * that server would run on. The error is UNAVAILABLE, in the arena.
 */
const struct err *ags_session_check(struct arena *a,
                                    const struct ags_game_session_response *session,
                                    struct str namespace, struct str session_id) MUST_CHECK;

/* The ARN that CreateGameSession answered, which AGS keeps as the server's deployment; else absent.
 * It is part of the answer. */
struct str ags_session_arn(const struct ags_game_session_response *session);

/* AGS has asked for a server and does not know of one yet. */
bool ags_session_waits(const struct ags_game_session_response *session);

#endif
