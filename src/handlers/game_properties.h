// SPDX-License-Identifier: Apache-2.0
/*
 * What the synchronous and the asynchronous request have in common: the properties and data that a
 * game server finds in its game session, and errors in the words of the AGS contract.
 */
#ifndef HANDLERS_GAME_PROPERTIES_H
#define HANDLERS_GAME_PROPERTIES_H

#include "handlers/service.h"

/*
 * clientVersion, gameMode, sessionSecret, sessionId, namespace; values may be empty. In the arena;
 * the strings belong to the request.
 */
struct gl_game_property_list game_properties(struct arena *a,
                                             const struct dsm_request_create_game_session *req);

/* session_data, or absent if the request has none: GameLift refuses an empty one. */
struct str game_session_data(const struct dsm_request_create_game_session *req);

/*
 * A broken constraint names a member of the GameLift request; the caller knows only the AGS fields,
 * and whoever runs the service its settings. Returns the same error with the field of
 * RequestCreateGameSession that the member came from, or the setting that took its place; other
 * errors come back as they are.
 */
const struct err *game_error_in_ags_terms(struct arena *a, const struct err *err,
                                          const struct dsm_service *svc);

/*
 * What GameLift's own rules do not say: there is a session_id and a namespace, and maximum_player
 * is 1 to 2^31 - 1. Out of range is refused, never cut.
 */
struct err *game_check_request(struct arena *a, const struct dsm_request_create_game_session *req,
                               int32_t *ret_maximum_player) MUST_CHECK;

/* dsm_gamelift_of with errors that name the deployment, or the setting that took its place (NULL:
 * none did). */
struct err *game_gamelift_of(struct dsm_service *svc, struct arena *a, struct str resource,
                             const char *setting, struct aws_client **ret) MUST_CHECK;

#endif
