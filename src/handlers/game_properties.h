// SPDX-License-Identifier: Apache-2.0
/*
 * What the synchronous and the asynchronous request have in common: the properties and data that a
 * game server finds in its game session, and errors in the words of the AGS contract.
 */
#ifndef HANDLERS_GAME_PROPERTIES_H
#define HANDLERS_GAME_PROPERTIES_H

#include "generated/gamelift.h"
#include "generated/session_dsm.h"

/*
 * clientVersion, gameMode, sessionSecret, sessionId, namespace; values may be empty. In the arena;
 * the strings belong to the request.
 */
struct gl_game_property_list game_properties(struct arena *a,
                                             const struct dsm_request_create_game_session *req);

/* session_data, or absent if the request has none: GameLift refuses an empty one. */
struct str game_session_data(const struct dsm_request_create_game_session *req);

/*
 * A broken constraint names a member of the GameLift request; the caller knows only the AGS fields.
 * Returns the same error with the field of RequestCreateGameSession that the member came from;
 * other errors come back as they are.
 */
const struct err *game_error_in_ags_terms(struct arena *a, const struct err *err);

/* maximum_player as GameLift's 32-bit number; out of range is refused, never cut. */
struct err *game_maximum_player(struct arena *a, int64_t maximum_player, int32_t *ret) MUST_CHECK;

#endif
