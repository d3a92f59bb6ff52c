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

/* Where a member of the GameLift request comes from, and the setting that may take its place. */
struct origin {
    struct str member;
    struct str field;
    size_t override; /* offset of a struct str in struct dsm_service; 0 for none */
    const char *setting;
};

#define OVERRIDE(member, name) .override = offsetof(struct dsm_service, member), .setting = (name)
#define ORIGIN(wire, ags) .member = STR_INIT(wire), .field = STR_INIT(ags)

static const struct origin origins[] = {
    {ORIGIN("AliasId", "deployment"), OVERRIDE(alias_id_override, "AWS_ALIAS_ID_OVERRIDE")},
    {ORIGIN("GameSessionQueueName", "deployment"),
     OVERRIDE(queue_arn_override, "AWS_QUEUE_ARN_OVERRIDE")},
    {ORIGIN("IdempotencyToken", "session_id")},
    {ORIGIN("PlacementId", "session_id")},
    {ORIGIN("MaximumPlayerSessionCount", "maximum_player")},
    {ORIGIN("Location", "requested_region"), OVERRIDE(location_override, "AWS_LOCATION_OVERRIDE")},
    {ORIGIN("PriorityConfigurationOverride", "requested_region"),
     OVERRIDE(location_override, "AWS_LOCATION_OVERRIDE")},
    {ORIGIN("GameSessionData", "session_data")},
    {ORIGIN("GameProperties[0]", "client_version")},
    {ORIGIN("GameProperties[1]", "game_mode")},
    {ORIGIN("GameProperties[2]", "secret")},
    {ORIGIN("GameProperties[3]", "session_id")},
    {ORIGIN("GameProperties[4]", "namespace")},
};

static struct str name_of(const struct origin *o, const struct dsm_service *svc) {
    struct str value = STR_NULL;
    if (o->override > 0)
        memcpy(&value, (const char *)svc + o->override, sizeof value);
    return str_empty(value) ? o->field : str_c(o->setting);
}

const struct err *game_error_in_ags_terms(struct arena *a, const struct err *err,
                                          const struct dsm_service *svc) {
    if (err->origin != ERR_LOCAL || err->field.p == NULL)
        return err;
    for (size_t i = 0; i < ARRAY_LEN(origins); i++) {
        if (!str_starts(err->field, origins[i].member))
            continue;
        struct err *named = err_copy(a, err);
        named->field = name_of(&origins[i], svc);
        named->msg = arena_printf(a, STR_FMT " " STR_FMT " (GameLift's " STR_FMT ")",
                                  STR_ARG(named->field), STR_ARG(err->detail), STR_ARG(err->field));
        return named;
    }
    return err;
}

static struct err *bad_field(struct err *err, struct str field) {
    err->field = field;
    return err;
}

struct err *game_check_request(struct arena *a, const struct dsm_request_create_game_session *req,
                               int32_t *ret_maximum_player) {
    if (req->session_id[0] == '\0')
        return bad_field(ERR_INVALID(a, "session_id is empty"), STR("session_id"));
    if (req->namespace_[0] == '\0')
        return bad_field(ERR_INVALID(a, "namespace is empty"), STR("namespace"));
    if (req->maximum_player < 1 || req->maximum_player > INT32_MAX)
        return bad_field(ERR_INVALID(a, "maximum_player must be 1 to %d, but is %" PRId64,
                                     INT32_MAX, req->maximum_player),
                         STR("maximum_player"));
    *ret_maximum_player = (int32_t)req->maximum_player;
    return NULL;
}

struct err *game_gamelift_of(struct dsm_service *svc, struct arena *a, struct str resource,
                             const char *setting, struct aws_client **ret) {
    struct err *err = dsm_gamelift_of(svc, a, resource, ret);
    if (err == NULL)
        return NULL;
    err->field = str_c(setting == NULL ? "deployment" : setting);
    err->msg = arena_printf(a, STR_FMT ": " STR_FMT, STR_ARG(err->field), STR_ARG(err->msg));
    return err;
}
