// SPDX-License-Identifier: Apache-2.0
/*
 * GameLift's names for an AGS game session: the idempotency token of a game session, the id of a
 * placement. GameLift never takes one of them twice, but AGS asks again for the same session once
 * its server is gone; so there is a series of names, and each replica finds the same ones.
 */
#ifndef HANDLERS_SESSION_TOKEN_H
#define HANDLERS_SESSION_TOKEN_H

#include "base/arena.h"

#define SESSION_TOKEN_MAX 48       /* characters that GameLift takes */
#define SESSION_TOKEN_MAX_TURNS 99 /* servers that one AGS session may use up */

/*
 * Turn 1 is the session id itself, turn n is "<session id>-r<n>". Where that would be longer than
 * GameLift takes, the first part is 40 hex digits of the id's SHA-256; the AGS id is in the game
 * property sessionId in any case.
 */
struct str session_token(struct arena *a, struct str session_id, unsigned turn);

#endif
