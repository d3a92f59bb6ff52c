// SPDX-License-Identifier: Apache-2.0
/* Placements: a queue looks for a server on the caller's behalf until there is one or time is up.
 */
#include "base/clock.h"
#include "base/obj.h"
#include "sim/gamelift.h"

#include <search.h>

static int by_id(const void *a, const void *b) {
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

struct gamelift_placement *gamelift_placement_by_id(struct gamelift *gl, struct str id) {
    void *found = tfind(&id, &gl->placements_by_id, by_id);
    return found == NULL ? NULL : *(struct gamelift_placement **)found;
}

static bool is_pending(const struct gamelift_placement *p) {
    return p->view.status == GL_GAME_SESSION_PLACEMENT_STATE_PENDING;
}

static void placement_free(struct gamelift_placement *p) {
    tdelete(p, &p->gl->placements_by_id, by_id);
    list_remove(&p->node);
    list_remove(&p->wait_node);
    due_clear(&p->due);
    p->gl->n_placements--;
    arena_free(p->arena);
}

void gamelift_placements_clear(struct gamelift *gl) {
    while (!list_empty(&gl->placements))
        placement_free(CONTAINER_OF(gl->placements.next, struct gamelift_placement, node));
    due_clear(&gl->retry);
}

static bool make_room(struct gamelift *gl) {
    for (struct list *l = gl->placements.next; l != &gl->placements; l = l->next) {
        struct gamelift_placement *p = CONTAINER_OF(l, struct gamelift_placement, node);
        if (!is_pending(p)) {
            placement_free(p);
            return true;
        }
    }
    return false;
}

void gamelift_placement_set(struct gamelift_placement *p,
                            enum gl_game_session_placement_state state) {
    p->view.status = state;
    if (is_pending(p))
        return;
    list_remove(&p->wait_node);
    due_clear(&p->due);
    p->view.has_end_time = true;
    p->view.end_time = sim_now_ms(p->gl->sim);
    if (p->gl->on_placement_end != NULL)
        p->gl->on_placement_end(p->gl->on_placement_end_priv, &p->view, p->queue);
}

static void add_players(struct gamelift_placement *p, struct gamelift_session *s) {
    const struct gl_desired_player_session_list *wanted = &p->in.desired_player_sessions;
    if (wanted->v == NULL)
        return;
    struct gl_placed_player_session *placed = arena_array(p->arena, wanted->n, sizeof *placed);
    for (size_t i = 0; i < wanted->n; i++) {
        placed[i].player_id = wanted->v[i].player_id;
        placed[i].player_session_id =
            arena_printf(p->arena, "psess-" STR_FMT, STR_ARG(sim_uuid(p->arena)));
    }
    p->view.placed_player_sessions =
        (struct gl_placed_player_session_list){.v = placed, .n = wanted->n};
    s->view.current_player_session_count = (int32_t)wanted->n;
}

static void fulfil(struct gamelift_placement *p, struct gamelift_session *s) {
    gamelift_session_set(s, GL_GAME_SESSION_STATUS_ACTIVE, GL_GAME_SESSION_STATUS_REASON_UNSET);
    /* Copies: the session may be forgotten before the placement is. */
    p->view.game_session_id = arena_str(p->arena, s->view.game_session_id);
    p->view.game_session_arn = p->view.game_session_id;
    p->view.game_session_region = s->location->name;
    p->view.ip_address = arena_str(p->arena, s->view.ip_address);
    p->view.dns_name = arena_str(p->arena, s->view.dns_name);
    p->view.has_port = true;
    p->view.port = s->view.port;
    add_players(p, s);
    gamelift_placement_set(p, GL_GAME_SESSION_PLACEMENT_STATE_FULFILLED);
}

static bool place_at(struct gamelift_placement *p, struct gamelift_fleet *fleet,
                     struct gamelift_location *location) {
    if (location == NULL || location->in_use >= location->capacity ||
        !str_eq(fleet->status, STR("ACTIVE")))
        return false;
    const struct gl_create_game_session_input in = {
        .has_maximum_player_session_count = true,
        .maximum_player_session_count = p->in.maximum_player_session_count,
        .name = p->in.game_session_name,
        .game_properties = p->in.game_properties,
        .game_session_data = p->in.game_session_data,
    };
    struct gamelift_session *s = gamelift_session_add(p->gl, fleet, location, STR_NULL, &in);
    if (s != NULL)
        fulfil(p, s);
    return s != NULL;
}

static bool place_in(struct gamelift_placement *p, struct str location) {
    for (size_t i = 0; i < p->queue->n_fleets; i++) {
        struct gamelift_fleet *fleet = p->queue->fleets[i];
        if (place_at(p, fleet, gamelift_fleet_location(fleet, location)))
            return true;
    }
    return false;
}

/* Mean over the players who report this location; negative if nobody does. */
static double mean_latency(const struct gl_player_latency_list *latencies, struct str location) {
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < latencies->n; i++) {
        if (!latencies->v[i].has_latency_in_milliseconds ||
            !str_eq(latencies->v[i].region_identifier, location))
            continue;
        sum += (double)latencies->v[i].latency_in_milliseconds;
        n++;
    }
    return n == 0 ? -1 : sum / (double)n;
}

/* Into the location with the lowest mean latency that is not full; false without such a one. */
static bool place_by_latency(struct gamelift_placement *p) {
    struct str best = STR_NULL;
    double best_mean = 0;
    for (size_t i = 0; i < p->queue->n_fleets; i++) {
        const struct gamelift_fleet *fleet = p->queue->fleets[i];
        for (size_t k = 0; k < fleet->n_locations; k++) {
            const struct gamelift_location *l = &fleet->locations[k];
            double mean = mean_latency(&p->in.player_latencies, l->name);
            bool free_server = l->in_use < l->capacity && str_eq(fleet->status, STR("ACTIVE"));
            if (free_server && mean >= 0 && (best.p == NULL || mean < best_mean)) {
                best = l->name;
                best_mean = mean;
            }
        }
    }
    return best.p != NULL && place_in(p, best);
}

static bool place_by_default(struct gamelift_placement *p) {
    for (size_t i = 0; i < p->queue->n_order; i++)
        if (place_in(p, p->queue->order[i]))
            return true;
    for (size_t i = 0; i < p->queue->n_fleets; i++) {
        struct gamelift_fleet *fleet = p->queue->fleets[i];
        for (size_t k = 0; k < fleet->n_locations; k++)
            if (place_at(p, fleet, &fleet->locations[k]))
                return true;
    }
    return false;
}

bool gamelift_placement_try(struct gamelift_placement *p) {
    const struct gl_priority_configuration_override *priority =
        p->in.priority_configuration_override;
    if (priority == NULL)
        return place_by_latency(p) || place_by_default(p);
    for (size_t i = 0; i < priority->location_order.n; i++)
        if (place_in(p, priority->location_order.v[i]))
            return true;
    return priority->placement_fallback_strategy != GL_PLACEMENT_FALLBACK_STRATEGY_NONE &&
           place_by_default(p);
}

static void on_retry(struct due *due) {
    struct gamelift *gl = CONTAINER_OF(due, struct gamelift, retry);
    struct list *next;
    for (struct list *l = gl->waiting.next; l != &gl->waiting; l = next) {
        next = l->next;
        gamelift_placement_try(CONTAINER_OF(l, struct gamelift_placement, wait_node));
    }
}

/* Not at once: whoever ends a session still holds it, and a new one may push it out. */
void gamelift_placements_retry(struct gamelift *gl) {
    if (!list_empty(&gl->waiting))
        due_set(&gl->sim->due, &gl->retry, clock_mono_ms(), on_retry);
}

static void on_timeout(struct due *due) {
    gamelift_placement_set(CONTAINER_OF(due, struct gamelift_placement, due),
                           GL_GAME_SESSION_PLACEMENT_STATE_TIMED_OUT);
}

static void on_due(struct due *due) {
    struct gamelift_placement *p = CONTAINER_OF(due, struct gamelift_placement, due);
    if (gamelift_placement_try(p))
        return;
    list_append(&p->gl->waiting, &p->wait_node);
    due_set(&p->gl->sim->due, &p->due, p->timeout_at_ms, on_timeout);
}

static const struct gamelift_queue *find_queue(const struct gamelift *gl, struct str region,
                                               struct str name_or_arn) {
    for (size_t i = 0; i < gl->world->n_queues; i++) {
        const struct gamelift_queue *q = &gl->world->queues[i];
        if (str_eq(q->region, region) &&
            (str_eq(q->name, name_or_arn) || str_eq(q->arn, name_or_arn)))
            return q;
    }
    return NULL;
}

static struct gamelift_placement *placement_add(
    struct gamelift *gl, const struct gamelift_queue *queue,
    const struct gl_start_game_session_placement_input *in) {
    if (gl->n_placements >= (size_t)gl->world->max_sessions && !make_room(gl))
        return NULL;
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    struct gamelift_placement *p = ARENA_NEW(a, struct gamelift_placement);
    int64_t now = clock_mono_ms();
    *p = (struct gamelift_placement){
        .gl = gl, .arena = a, .queue = queue, .timeout_at_ms = now + queue->timeout_ms};
    gamelift_copy(&gl_start_game_session_placement_input_shape, in, a, &p->in);
    p->id = p->in.placement_id;
    p->view = (struct gl_game_session_placement){
        .placement_id = p->id,
        .game_session_queue_name = queue->name,
        .status = GL_GAME_SESSION_PLACEMENT_STATE_PENDING,
        .game_properties = p->in.game_properties,
        .has_maximum_player_session_count = true,
        .maximum_player_session_count = p->in.maximum_player_session_count,
        .game_session_name = p->in.game_session_name,
        .player_latencies = p->in.player_latencies,
        .has_start_time = true,
        .start_time = sim_now_ms(gl->sim),
        .game_session_data = p->in.game_session_data,
        .priority_configuration_override = p->in.priority_configuration_override,
    };
    list_init(&p->wait_node);
    list_append(&gl->placements, &p->node);
    gl->n_placements++;
    AN(tsearch(p, &gl->placements_by_id, by_id));
    due_set(&gl->sim->due, &p->due, now + gl->world->placement_ms, on_due);
    return p;
}

struct err *gamelift_start_placement(struct gamelift *gl, struct str region, const void *input,
                                     struct arena *a, void *ret_out) {
    const struct gl_start_game_session_placement_input *in = input;
    const struct gamelift_queue *queue = find_queue(gl, region, in->game_session_queue_name);
    if (queue == NULL)
        return gamelift_refuse(a, "NotFoundException", "Queue " STR_FMT " was not found.",
                               STR_ARG(in->game_session_queue_name));
    if (in->priority_configuration_override != NULL && in->player_latencies.n > 0)
        return gamelift_refuse(
            a, "InvalidRequestException",
            "PlayerLatencies and PriorityConfigurationOverride exclude each other.");
    /* Ids are unique over all regions and stay taken when the placement is over. */
    if (gamelift_placement_by_id(gl, in->placement_id) != NULL)
        return gamelift_refuse(a, "InvalidRequestException",
                               "PlacementId " STR_FMT " has been used already.",
                               STR_ARG(in->placement_id));
    const struct gamelift_placement *p = placement_add(gl, queue, in);
    if (p == NULL)
        return gamelift_refuse(a, "InternalServiceException",
                               "The stand-in keeps no more placements.");
    ((struct gl_start_game_session_placement_output *)ret_out)->game_session_placement = &p->view;
    return NULL;
}

static struct err *find_placement(struct gamelift *gl, struct str region, struct str id,
                                  struct arena *a, struct gamelift_placement **ret) {
    struct gamelift_placement *p = gamelift_placement_by_id(gl, id);
    if (p == NULL || !str_eq(p->queue->region, region))
        return gamelift_refuse(a, "NotFoundException",
                               "Game session placement " STR_FMT " was not found.", STR_ARG(id));
    *ret = p;
    return NULL;
}

struct err *gamelift_stop_placement(struct gamelift *gl, struct str region, const void *input,
                                    struct arena *a, void *ret_out) {
    const struct gl_stop_game_session_placement_input *in = input;
    struct gamelift_placement *p = NULL;
    struct err *err = find_placement(gl, region, in->placement_id, a, &p);
    if (err != NULL)
        return err;
    AN(p);
    if (!is_pending(p))
        return gamelift_refuse(
            a, "InvalidRequestException",
            "Game session placement is in status " STR_FMT ", not PENDING.",
            STR_ARG(gl_game_session_placement_state_shape.names[p->view.status - 1]));
    gamelift_placement_set(p, GL_GAME_SESSION_PLACEMENT_STATE_CANCELLED);
    ((struct gl_stop_game_session_placement_output *)ret_out)->game_session_placement = &p->view;
    return NULL;
}

struct err *gamelift_describe_placement(struct gamelift *gl, struct str region, const void *input,
                                        struct arena *a, void *ret_out) {
    const struct gl_describe_game_session_placement_input *in = input;
    struct gamelift_placement *p = NULL;
    struct err *err = find_placement(gl, region, in->placement_id, a, &p);
    if (err == NULL)
        ((struct gl_describe_game_session_placement_output *)ret_out)->game_session_placement =
            &p->view;
    return err;
}
