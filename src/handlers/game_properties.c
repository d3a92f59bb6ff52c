// SPDX-License-Identifier: Apache-2.0
#include "handlers/game_properties.h"

#include <inttypes.h>

enum {
    PROPERTY_CLIENT_VERSION,
    PROPERTY_GAME_MODE,
    PROPERTY_SESSION_SECRET,
    PROPERTY_SESSION_ID,
    PROPERTY_NAMESPACE,
    N_PROPERTIES
};

struct gl_game_property_list game_properties(struct arena *a,
                                             const struct dsm_request_create_game_session *req) {
    struct gl_game_property *p = arena_array(a, N_PROPERTIES, sizeof *p);
    p[PROPERTY_CLIENT_VERSION] = (struct gl_game_property){
        .key = STR("clientVersion"),
        .value = str_c(req->client_version),
    };
    p[PROPERTY_GAME_MODE] = (struct gl_game_property){
        .key = STR("gameMode"),
        .value = str_c(req->game_mode),
    };
    p[PROPERTY_SESSION_SECRET] = (struct gl_game_property){
        .key = STR("sessionSecret"),
        .value = str_c(req->secret),
    };
    p[PROPERTY_SESSION_ID] = (struct gl_game_property){
        .key = STR("sessionId"),
        .value = str_c(req->session_id),
    };
    p[PROPERTY_NAMESPACE] = (struct gl_game_property){
        .key = STR("namespace"),
        .value = str_c(req->namespace_),
    };
    return (struct gl_game_property_list){.v = p, .n = N_PROPERTIES};
}

struct str game_session_data(const struct dsm_request_create_game_session *req) {
    return req->session_data[0] == '\0' ? STR_NULL : str_c(req->session_data);
}

const struct err *game_error_in_ags_terms(struct arena *a, const struct err *err) {
    static const struct {
        struct str member;
        struct str field;
    } origins[] = {
        {STR_INIT("AliasId"), STR_INIT("deployment")},
        {STR_INIT("FleetId"), STR_INIT("deployment")},
        {STR_INIT("GameSessionQueueName"), STR_INIT("deployment")},
        {STR_INIT("IdempotencyToken"), STR_INIT("session_id")},
        {STR_INIT("PlacementId"), STR_INIT("session_id")},
        {STR_INIT("MaximumPlayerSessionCount"), STR_INIT("maximum_player")},
        {STR_INIT("Location"), STR_INIT("requested_region")},
        {STR_INIT("PriorityConfigurationOverride"), STR_INIT("requested_region")},
        {STR_INIT("GameSessionData"), STR_INIT("session_data")},
        {STR_INIT("GameProperties[0]"), STR_INIT("client_version")},
        {STR_INIT("GameProperties[1]"), STR_INIT("game_mode")},
        {STR_INIT("GameProperties[2]"), STR_INIT("secret")},
        {STR_INIT("GameProperties[3]"), STR_INIT("session_id")},
        {STR_INIT("GameProperties[4]"), STR_INIT("namespace")},
    };
    if (err->origin != ERR_LOCAL || err->field.p == NULL)
        return err;
    for (size_t i = 0; i < ARRAY_LEN(origins); i++) {
        if (!str_starts(err->field, origins[i].member))
            continue;
        struct err *named = err_copy(a, err);
        named->field = origins[i].field;
        named->msg =
            arena_printf(a, STR_FMT " " STR_FMT " (GameLift's " STR_FMT ")",
                         STR_ARG(origins[i].field), STR_ARG(err->detail), STR_ARG(err->field));
        return named;
    }
    return err;
}

struct err *game_maximum_player(struct arena *a, int64_t maximum_player, int32_t *ret) {
    if (maximum_player < 1 || maximum_player > INT32_MAX) {
        struct err *err = ERR_INVALID(a, "maximum_player must be 1 to %d, but is %" PRId64,
                                      INT32_MAX, maximum_player);
        err->field = STR("maximum_player");
        return err;
    }
    *ret = (int32_t)maximum_player;
    return NULL;
}
