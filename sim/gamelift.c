// SPDX-License-Identifier: Apache-2.0
/* What the operations share, and the two on single game sessions. */
#include "sim/gamelift.h"

#include "base/obj.h"
#include "codec/json.h"

void gamelift_init(struct gamelift *gl, struct sim *sim, struct gamelift_world *world) {
    *gl = (struct gamelift){.magic = GAMELIFT_MAGIC, .sim = sim, .world = world};
    gl->digest = digest_new();
    list_init(&gl->sessions);
    list_init(&gl->placements);
    list_init(&gl->waiting);
}

void gamelift_free(struct gamelift *gl) {
    OBJ_CHECK(gl, GAMELIFT_MAGIC);
    gamelift_clear(gl);
    digest_free(gl->digest);
    gl->magic = 0;
}

struct err *gamelift_refuse(struct arena *a, const char *type, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    struct err *err = err_new(a, RPC_UNKNOWN, "%s", type);
    err->msg = arena_vprintf(a, fmt, ap);
    va_end(ap);
    err->type = str_c(type);
    err->http_status = 400;
    return err;
}

void gamelift_copy(const struct codec_shape *shape, const void *from, struct arena *a, void *ret) {
    struct arena *scratch = arena_new(ARENA_LIMIT_DEFAULT);
    struct buf json;
    buf_init(&json, 8 * SIM_MAX_BODY);
    /* It was decoded from a request, so that it can be encoded and decoded once more. */
    AZ(json_encode(&json, shape, from, scratch));
    AZ(json_decode(buf_str(&json), shape, ret, a));
    buf_free(&json);
    arena_free(scratch);
}

/* The part of an ARN after "<kind>/"; a plain id as it is; absent if the ARN is not of that region.
 */
static struct str id_of(struct str id_or_arn, struct str region, const char *kind) {
    if (!str_starts(id_or_arn, STR("arn:")))
        return id_or_arn;
    struct str rest = id_or_arn;
    for (int i = 0; i < 3; i++)
        rest = str_from(rest, str_find(rest, ':') + 1);
    if (!str_eq(str_sub(rest, 0, str_find(rest, ':')), region))
        return STR_NULL;
    struct str tail = str_from(rest, str_find(rest, '/') + 1);
    struct str before = str_sub(rest, 0, str_find(rest, '/'));
    return str_ends(before, str_c(kind)) ? tail : STR_NULL;
}

static struct err *resolve_alias(struct gamelift *gl, struct str region, struct str alias_id,
                                 struct arena *a, struct gamelift_fleet **ret) {
    const struct gamelift_alias *alias =
        gamelift_world_alias(gl->world, id_of(alias_id, region, ":alias"));
    if (alias == NULL || !str_eq(alias->region, region))
        return gamelift_refuse(a, "NotFoundException", "Alias " STR_FMT " was not found.",
                               STR_ARG(alias_id));
    if (alias->terminal.p != NULL)
        return gamelift_refuse(a, "TerminalRoutingStrategyException", STR_FMT,
                               STR_ARG(alias->terminal));
    *ret = alias->fleet;
    return NULL;
}

struct err *gamelift_resolve_fleet(struct gamelift *gl, struct str region, struct str fleet_id,
                                   struct str alias_id, struct arena *a,
                                   struct gamelift_fleet **ret) {
    if ((fleet_id.p == NULL) == (alias_id.p == NULL))
        return gamelift_refuse(a, "InvalidRequestException",
                               "Exactly one of FleetId and AliasId must be given.");
    if (alias_id.p != NULL)
        return resolve_alias(gl, region, alias_id, a, ret);
    struct gamelift_fleet *fleet =
        gamelift_world_fleet(gl->world, id_of(fleet_id, region, ":fleet"));
    if (fleet == NULL || !str_eq(fleet->region, region))
        return gamelift_refuse(a, "NotFoundException", "Fleet " STR_FMT " was not found.",
                               STR_ARG(fleet_id));
    *ret = fleet;
    return NULL;
}

static void digest_input(struct gamelift *gl, const struct gl_create_game_session_input *in,
                         struct arena *a, unsigned char ret[DIGEST_SIZE]) {
    struct buf json;
    buf_init(&json, 8 * SIM_MAX_BODY);
    /* The encoder writes in the model's order, so that equal inputs give equal texts. */
    AZ(json_encode(&json, &gl_create_game_session_input_shape, in, a));
    digest_sha256(gl->digest, buf_str(&json), ret);
    buf_free(&json);
}

static struct err *find_location(struct gamelift *gl, const struct gamelift_fleet *fleet,
                                 struct str name, struct arena *a, struct gamelift_location **ret) {
    if (name.p == NULL && fleet->anywhere)
        return gamelift_refuse(a, "InvalidRequestException",
                               "Location is required for an Anywhere fleet.");
    struct str wanted = name.p == NULL ? fleet->region : name;
    *ret = gamelift_fleet_location(fleet, wanted);
    if (*ret != NULL)
        return NULL;
    if (!gamelift_world_has_location(gl->world, wanted))
        return gamelift_refuse(a, "UnsupportedRegionException",
                               "Location " STR_FMT " is not supported.", STR_ARG(wanted));
    return gamelift_refuse(a, "InvalidRequestException",
                           "Location " STR_FMT " is not a location of fleet " STR_FMT ".",
                           STR_ARG(wanted), STR_ARG(fleet->id));
}

/* The session that the token made before, if its input was this one. */
static struct err *find_repeat(struct gamelift *gl, const struct gamelift_fleet *fleet,
                               struct str token, const unsigned char digest[DIGEST_SIZE],
                               struct arena *a, struct gamelift_session **ret) {
    struct gamelift_session *s = gamelift_session_by_key(
        gl, arena_printf(a, STR_FMT "/" STR_FMT, STR_ARG(fleet->id), STR_ARG(token)));
    if (s != NULL && memcmp(s->input_digest, digest, DIGEST_SIZE) != 0)
        return gamelift_refuse(a, "IdempotentParameterMismatchException",
                               "A game session with this idempotency token exists in fleet " STR_FMT
                               " and was requested with other parameters.",
                               STR_ARG(fleet->id));
    *ret = s;
    return NULL;
}

static struct err *create_new(struct gamelift *gl, struct gamelift_fleet *fleet, struct str token,
                              const struct gl_create_game_session_input *in, struct arena *a,
                              struct gamelift_session **ret) {
    if (!str_eq(fleet->status, STR("ACTIVE")))
        return gamelift_refuse(a, "InvalidFleetStatusException",
                               "Fleet " STR_FMT " is in status " STR_FMT ", not ACTIVE.",
                               STR_ARG(fleet->id), STR_ARG(fleet->status));
    struct gamelift_location *location = NULL;
    struct err *err = find_location(gl, fleet, in->location, a, &location);
    if (err != NULL)
        return err;
    AN(location);
    if (location->in_use >= location->capacity)
        return gamelift_refuse(a, "FleetCapacityExceededException",
                               "Fleet " STR_FMT " has no free server in location " STR_FMT ".",
                               STR_ARG(fleet->id), STR_ARG(location->name));
    *ret = gamelift_session_add(gl, fleet, location, token, in);
    if (*ret == NULL)
        return gamelift_refuse(a, "LimitExceededException",
                               "The stand-in keeps no more game sessions.");
    return NULL;
}

struct err *gamelift_create(struct gamelift *gl, struct str region, const void *input,
                            struct arena *a, void *ret_out) {
    const struct gl_create_game_session_input *in = input;
    struct gamelift_fleet *fleet = NULL;
    struct gamelift_session *session = NULL;
    unsigned char digest[DIGEST_SIZE];
    struct err *err = gamelift_resolve_fleet(gl, region, in->fleet_id, in->alias_id, a, &fleet);
    if (err != NULL)
        return err;
    AN(fleet);
    if (in->idempotency_token.p != NULL && in->game_session_id.p != NULL)
        return gamelift_refuse(a, "InvalidRequestException",
                               "IdempotencyToken and GameSessionId exclude each other.");
    struct str token =
        in->idempotency_token.p != NULL ? in->idempotency_token : in->game_session_id;
    digest_input(gl, in, a, digest);
    if (token.p != NULL)
        err = find_repeat(gl, fleet, token, digest, a, &session);
    if (err == NULL && session == NULL) {
        err = create_new(gl, fleet, token, in, a, &session);
        if (err == NULL) {
            AN(session);
            memcpy(session->input_digest, digest, DIGEST_SIZE);
        }
    }
    if (err != NULL)
        return err;
    struct gl_game_session *view = ARENA_NEW(a, struct gl_game_session);
    *view = gamelift_session_view(session);
    ((struct gl_create_game_session_output *)ret_out)->game_session = view;
    return NULL;
}

/* A session that hangs while it ends may still be forced; nothing else that is over can be ended.
 */
static bool may_end(const struct gamelift_session *s, bool force) {
    return s->view.status == GL_GAME_SESSION_STATUS_ACTIVE ||
           s->view.status == GL_GAME_SESSION_STATUS_ACTIVATING ||
           (force && s->view.status == GL_GAME_SESSION_STATUS_TERMINATING);
}

struct err *gamelift_terminate(struct gamelift *gl, struct str region, const void *input,
                               struct arena *a, void *ret_out) {
    const struct gl_terminate_game_session_input *in = input;
    bool force = in->termination_mode == GL_TERMINATION_MODE_FORCE_TERMINATE;
    struct gamelift_session *s = gamelift_session_by_arn(gl, region, in->game_session_id);
    if (s == NULL)
        return gamelift_refuse(a, "NotFoundException", "Game session " STR_FMT " was not found.",
                               STR_ARG(in->game_session_id));
    if (force && s->fleet->anywhere)
        return gamelift_refuse(a, "InvalidRequestException",
                               "FORCE_TERMINATE needs a managed fleet.");
    if (!may_end(s, force))
        return gamelift_refuse(a, "InvalidGameSessionStatusException",
                               "Game session is in status " STR_FMT ".",
                               STR_ARG(gl_game_session_status_shape.names[s->view.status - 1]));
    if (force)
        gamelift_session_set(s, GL_GAME_SESSION_STATUS_TERMINATED,
                             GL_GAME_SESSION_STATUS_REASON_FORCE_TERMINATED);
    else
        gamelift_session_set(s, GL_GAME_SESSION_STATUS_TERMINATING,
                             GL_GAME_SESSION_STATUS_REASON_TRIGGERED_ON_PROCESS_TERMINATE);
    struct gl_game_session *view = ARENA_NEW(a, struct gl_game_session);
    *view = gamelift_session_view(s);
    ((struct gl_terminate_game_session_output *)ret_out)->game_session = view;
    return NULL;
}
