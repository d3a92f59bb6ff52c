// SPDX-License-Identifier: Apache-2.0
/* What tests may see and change of the stand-in GameLift. */
#include "base/obj.h"
#include "codec/json.h"
#include "sim/control.h"
#include "sim/gamelift_service.h"
#include "sim/json.h"

#define MAX_STATE ((size_t)256 << 20) /* bytes of GET /_sim/state */

static struct gamelift *state_of(struct sim_exchange *ex) {
    return OBJ_CAST(ex->service->state, gamelift, GAMELIFT_MAGIC);
}

static void put_fleet(struct buf *out, const struct gamelift_fleet *fleet) {
    sim_json_key(out, NULL);
    buf_putc(out, '{');
    sim_json_str(out, "id", fleet->id);
    sim_json_str(out, "arn", fleet->arn);
    sim_json_str(out, "status", fleet->status);
    sim_json_key(out, "locations");
    buf_putc(out, '[');
    for (size_t i = 0; i < fleet->n_locations; i++) {
        sim_json_key(out, NULL);
        buf_putc(out, '{');
        sim_json_str(out, "name", fleet->locations[i].name);
        sim_json_int(out, "capacity", fleet->locations[i].capacity);
        sim_json_int(out, "in_use", fleet->locations[i].in_use);
        buf_putc(out, '}');
    }
    buf_puts(out, "]}");
}

static struct err *get_state(struct sim_exchange *ex, struct str segment) {
    (void)segment;
    struct gamelift *gl = state_of(ex);
    struct err *err = NULL;
    struct buf out;
    buf_init(&out, MAX_STATE);
    buf_puts(&out, "{\"fleets\":[");
    for (size_t i = 0; i < gl->world->n_fleets; i++)
        put_fleet(&out, &gl->world->fleets[i]);
    buf_puts(&out, "],\"sessions\":[");
    for (struct list *l = gl->sessions.next; err == NULL && l != &gl->sessions; l = l->next) {
        struct gl_game_session view =
            gamelift_session_view(CONTAINER_OF(l, struct gamelift_session, node));
        sim_json_key(&out, NULL);
        err = json_encode(&out, &gl_game_session_shape, &view, ex->arena);
    }
    buf_puts(&out, "],\"placements\":[");
    for (struct list *l = gl->placements.next; err == NULL && l != &gl->placements; l = l->next) {
        sim_json_key(&out, NULL);
        err = json_encode(&out, &gl_game_session_placement_shape,
                          &CONTAINER_OF(l, struct gamelift_placement, node)->view, ex->arena);
    }
    buf_puts(&out, "]}");
    if (err == NULL && !out.failed)
        sim_reply_text(ex, 200, "application/json", buf_str(&out));
    else if (err == NULL)
        err = ERR_INVALID(ex->arena, "the state is too large to show");
    buf_free(&out);
    return err;
}

/* {"status": NAME} as a value of that enum. */
static struct err *read_status(struct sim_exchange *ex, const struct codec_shape *shape, int *ret) {
    yajl_val tree = NULL;
    struct str name = STR_NULL;
    const struct sim_json_field fields[] = {
        {.name = "status", .kind = SIM_JSON_STR, .ret = &name, .required = true},
    };
    struct err *err = sim_json_parse(ex->req.body, ex->arena, &tree);
    if (err == NULL)
        err = sim_json_read(tree, "body", fields, ARRAY_LEN(fields), ex->arena);
    if (err != NULL)
        return err;
    for (size_t i = 0; i < shape->n_names; i++) {
        if (str_eq(shape->names[i], name)) {
            *ret = (int)i + 1;
            return NULL;
        }
    }
    return ERR_INVALID(ex->arena, "status is not a value of %s", shape->name);
}

static struct gamelift_session *find_session(const struct gamelift *gl, struct str id) {
    for (struct list *l = gl->sessions.next; l != &gl->sessions; l = l->next) {
        struct gamelift_session *s = CONTAINER_OF(l, struct gamelift_session, node);
        if (str_eq(str_from(s->key, str_find(s->key, '/') + 1), id))
            return s;
    }
    return NULL;
}

static struct err *post_session_status(struct sim_exchange *ex, struct str id) {
    struct gamelift_session *s = find_session(state_of(ex), id);
    int status = 0;
    if (s == NULL)
        return err_new(ex->arena, RPC_NOT_FOUND, "no such session");
    struct err *err = read_status(ex, &gl_game_session_status_shape, &status);
    if (err != NULL)
        return err;
    gamelift_session_set(s, (enum gl_game_session_status)status,
                         GL_GAME_SESSION_STATUS_REASON_UNSET);
    control_ok(ex);
    return NULL;
}

static struct err *post_placement_status(struct sim_exchange *ex, struct str id) {
    struct gamelift_placement *p = gamelift_placement_by_id(state_of(ex), id);
    int status = 0;
    if (p == NULL)
        return err_new(ex->arena, RPC_NOT_FOUND, "no such placement");
    struct err *err = read_status(ex, &gl_game_session_placement_state_shape, &status);
    if (err != NULL)
        return err;
    if (p->view.status != GL_GAME_SESSION_PLACEMENT_STATE_PENDING)
        return ERR_INVALID(ex->arena, "the placement is over");
    if (status != GL_GAME_SESSION_PLACEMENT_STATE_FULFILLED)
        gamelift_placement_set(p, (enum gl_game_session_placement_state)status);
    else if (!gamelift_placement_try(p))
        return ERR_INVALID(ex->arena, "there is no free server");
    control_ok(ex);
    return NULL;
}

static struct err *post_fleet(struct sim_exchange *ex, struct str id) {
    struct gamelift *gl = state_of(ex);
    struct gamelift_fleet *fleet = gamelift_world_fleet(gl->world, id);
    yajl_val tree = NULL;
    struct str status = STR_NULL;
    struct str location = STR_NULL;
    int64_t capacity = -1;
    const struct sim_json_field fields[] = {
        {.name = "status", .kind = SIM_JSON_STR, .ret = &status},
        {.name = "location", .kind = SIM_JSON_STR, .ret = &location},
        {.name = "capacity", .kind = SIM_JSON_INT, .ret = &capacity, .max = INT32_MAX},
    };
    if (fleet == NULL)
        return err_new(ex->arena, RPC_NOT_FOUND, "no such fleet");
    struct err *err = sim_json_parse(ex->req.body, ex->arena, &tree);
    if (err == NULL)
        err = sim_json_read(tree, "fleet", fields, ARRAY_LEN(fields), ex->arena);
    if (err != NULL)
        return err;
    struct gamelift_location *l = gamelift_fleet_location(fleet, location);
    if ((location.p == NULL) != (capacity < 0) || (location.p != NULL && l == NULL) ||
        status.n > 64)
        return ERR_INVALID(ex->arena, "capacity needs a location of the fleet, and the reverse");
    if (l != NULL)
        l->capacity = capacity;
    /* The world's own strings outlive this exchange, those of the request do not. */
    if (status.p != NULL)
        fleet->status = str_eq(status, STR("ACTIVE")) ? STR("ACTIVE") : STR("ERROR");
    gamelift_placements_retry(gl);
    control_ok(ex);
    return NULL;
}

static const struct control_route routes[] = {
    {.method = "GET", .path = "/_sim/state", .fn = get_state},
    {.method = "POST", .path = "/_sim/sessions/*/status", .fn = post_session_status},
    {.method = "POST", .path = "/_sim/placements/*/status", .fn = post_placement_status},
    {.method = "POST", .path = "/_sim/fleets/*", .fn = post_fleet},
};

static void handle(struct sim_exchange *ex) {
    control_dispatch(ex, routes, ARRAY_LEN(routes));
}

static bool matches(const struct sim_request *req) {
    return str_eq(req->path, STR("/_sim/state")) || str_starts(req->path, STR("/_sim/sessions/")) ||
           str_starts(req->path, STR("/_sim/placements/")) ||
           str_starts(req->path, STR("/_sim/fleets/"));
}

struct sim_service gamelift_control(struct gamelift *gl) {
    return (struct sim_service){
        .name = "gamelift-control", .matches = matches, .handle = handle, .state = gl};
}
