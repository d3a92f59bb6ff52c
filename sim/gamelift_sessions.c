// SPDX-License-Identifier: Apache-2.0
/* Game sessions: where they are kept, how they come up and end. */
#include "base/clock.h"
#include "base/obj.h"
#include "sim/gamelift.h"

#include <search.h>

#define FIRST_PORT 1024
#define LAST_PORT 60000

static int by_key(const void *a, const void *b) {
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

struct gamelift_session *gamelift_session_by_key(struct gamelift *gl, struct str key) {
    void *found = tfind(&key, &gl->sessions_by_key, by_key);
    return found == NULL ? NULL : *(struct gamelift_session **)found;
}

struct gamelift_session *gamelift_session_by_arn(struct gamelift *gl, struct str region,
                                                 struct str arn) {
    /* arn:aws:gamelift:us-east-1::gamesession/fleet-x/[us-west-2/]id */
    struct str path = str_from(arn, str_find(arn, '/') + 1);
    struct str fleet = str_sub(path, 0, str_find(path, '/'));
    size_t last = arn.n;
    while (last > 0 && arn.p[last - 1] != '/')
        last--;
    struct arena *scratch = arena_new(ARENA_LIMIT_DEFAULT);
    struct gamelift_session *s =
        gamelift_session_by_key(gl, arena_printf(scratch, STR_FMT "/" STR_FMT, STR_ARG(fleet),
                                                 STR_ARG(str_from(arn, last))));
    arena_free(scratch);
    bool same =
        s != NULL && str_eq(s->view.game_session_id, arn) && str_eq(s->fleet->region, region);
    return same ? s : NULL;
}

static void session_free(struct gamelift_session *s) {
    tdelete(s, &s->gl->sessions_by_key, by_key);
    list_remove(&s->node);
    due_clear(&s->due);
    s->gl->n_sessions--;
    arena_free(s->arena);
}

void gamelift_clear(struct gamelift *gl) {
    gamelift_placements_clear(gl);
    while (!list_empty(&gl->sessions))
        session_free(CONTAINER_OF(gl->sessions.next, struct gamelift_session, node));
    gl->last_seq = 0;
    gamelift_world_reset(gl->world);
}

static bool is_over(const struct gamelift_session *s) {
    return s->view.status == GL_GAME_SESSION_STATUS_TERMINATED ||
           s->view.status == GL_GAME_SESSION_STATUS_ERROR;
}

/* Forgets the oldest session that is over; false if there is none. */
static bool make_room(struct gamelift *gl) {
    for (struct list *l = gl->sessions.next; l != &gl->sessions; l = l->next) {
        struct gamelift_session *s = CONTAINER_OF(l, struct gamelift_session, node);
        if (is_over(s)) {
            session_free(s);
            return true;
        }
    }
    return false;
}

static void on_active(struct due *due) {
    gamelift_session_set(CONTAINER_OF(due, struct gamelift_session, due),
                         GL_GAME_SESSION_STATUS_ACTIVE, GL_GAME_SESSION_STATUS_REASON_UNSET);
}

static void on_terminated(struct due *due) {
    struct gamelift_session *s = CONTAINER_OF(due, struct gamelift_session, due);
    gamelift_session_set(s, GL_GAME_SESSION_STATUS_TERMINATED, s->view.status_reason);
}

static void release_slot(struct gamelift_session *s) {
    if (!s->holds_slot)
        return;
    s->holds_slot = false;
    s->location->in_use--;
    gamelift_placements_retry(s->gl);
}

static void take_slot(struct gamelift_session *s) {
    if (!s->holds_slot)
        s->location->in_use++;
    s->holds_slot = true;
}

void gamelift_session_set(struct gamelift_session *s, enum gl_game_session_status status,
                          enum gl_game_session_status_reason reason) {
    const struct gamelift_world *world = s->gl->world;
    int64_t now = clock_mono_ms();
    due_clear(&s->due);
    s->view.status = status;
    s->view.status_reason = reason;
    s->view.has_termination_time = is_over(s);
    s->view.termination_time = is_over(s) ? sim_now_ms(s->gl->sim) : 0;
    if (status == GL_GAME_SESSION_STATUS_ACTIVATING)
        due_set(&s->gl->sim->due, &s->due, now + world->activation_ms, on_active);
    if (status == GL_GAME_SESSION_STATUS_TERMINATING)
        due_set(&s->gl->sim->due, &s->due, now + world->termination_ms, on_terminated);
    if (is_over(s))
        release_slot(s);
    else
        take_slot(s);
}

/* Documentation addresses (RFC 5737): they lead nowhere, wherever this is run. */
static void give_address(struct gamelift_session *s) {
    static const char *const nets[] = {"203.0.113", "198.51.100", "192.0.2"};
    size_t at = (size_t)(s->location - s->fleet->locations);
    unsigned host = (unsigned)(s->seq % 254) + 1;
    struct str name = arena_printf(s->arena, "%s.%u", nets[at % ARRAY_LEN(nets)], host);
    char *dashed = arena_alloc(s->arena, name.n + 1);
    for (size_t i = 0; i < name.n; i++)
        dashed[i] = name.p[i] == '.' ? '-' : name.p[i];
    s->view.ip_address = name;
    s->view.dns_name = arena_printf(s->arena, "ec2-%s." STR_FMT ".compute.amazonaws.com", dashed,
                                    STR_ARG(s->location->name));
    s->view.has_port = true;
    s->view.port = FIRST_PORT + (int32_t)(s->seq % (LAST_PORT - FIRST_PORT + 1));
}

static void name_it(struct gamelift_session *s, struct str id) {
    struct str own = id.p != NULL ? id : sim_uuid(s->arena);
    bool remote = !str_eq(s->location->name, s->fleet->region);
    s->key = arena_printf(s->arena, STR_FMT "/" STR_FMT, STR_ARG(s->fleet->id), STR_ARG(own));
    s->view.game_session_id = arena_printf(
        s->arena,
        "arn:" STR_FMT ":gamelift:" STR_FMT "::gamesession/" STR_FMT "/" STR_FMT "%s" STR_FMT,
        STR_ARG(gamelift_partition(s->fleet->region)), STR_ARG(s->fleet->region),
        STR_ARG(s->fleet->id), STR_ARG(remote ? s->location->name : STR("")), remote ? "/" : "",
        STR_ARG(own));
}

static void describe_it(struct gamelift_session *s,
                        const struct gl_create_game_session_input *from) {
    struct gl_create_game_session_input in = {.fleet_id = STR_NULL};
    gamelift_copy(&gl_create_game_session_input_shape, from, s->arena, &in);
    struct gl_game_session *v = &s->view;
    v->fleet_id = s->fleet->id;
    v->fleet_arn = s->fleet->arn;
    v->name = in.name;
    v->creator_id = in.creator_id;
    v->game_properties = in.game_properties;
    v->game_session_data = in.game_session_data;
    v->has_maximum_player_session_count = true;
    v->maximum_player_session_count = in.maximum_player_session_count;
    v->has_current_player_session_count = true;
    v->has_creation_time = true;
    v->creation_time = sim_now_ms(s->gl->sim);
    v->player_session_creation_policy = GL_PLAYER_SESSION_CREATION_POLICY_ACCEPT_ALL;
    v->location = s->location->name;
}

struct gamelift_session *gamelift_session_add(struct gamelift *gl, struct gamelift_fleet *fleet,
                                              struct gamelift_location *location, struct str id,
                                              const struct gl_create_game_session_input *in) {
    if (gl->n_sessions >= (size_t)gl->world->max_sessions && !make_room(gl))
        return NULL;
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    struct gamelift_session *s = ARENA_NEW(a, struct gamelift_session);
    s->gl = gl;
    s->arena = a;
    s->fleet = fleet;
    s->location = location;
    s->seq = ++gl->last_seq;
    name_it(s, id);
    give_address(s);
    describe_it(s, in);
    list_append(&gl->sessions, &s->node);
    gl->n_sessions++;
    AN(tsearch(s, &gl->sessions_by_key, by_key));
    gamelift_session_set(s, GL_GAME_SESSION_STATUS_ACTIVATING, GL_GAME_SESSION_STATUS_REASON_UNSET);
    return s;
}

struct gl_game_session gamelift_session_view(const struct gamelift_session *s) {
    struct gl_game_session view = s->view;
    if (s->gl->world->address_after_activation &&
        view.status == GL_GAME_SESSION_STATUS_ACTIVATING) {
        view.ip_address = STR_NULL;
        view.dns_name = STR_NULL;
        view.has_port = false;
    }
    return view;
}
