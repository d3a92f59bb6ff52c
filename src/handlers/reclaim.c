// SPDX-License-Identifier: Apache-2.0
#include "handlers/reclaim_parts.h"

#include "base/clock.h"
#include "base/random.h"
#include "generated/ags.h"
#include "handlers/ags_session.h"
#include "handlers/end_all.h"
#include "handlers/end_session.h"
#include "handlers/find_session.h"
#include "handlers/session_token.h"
#include "http/backoff.h"

#define RETRY_BASE_MS 1000
#define RETRY_CAP_MS 30000
#define LOOK_MS 2000 /* that a look should have; with less time left none is begun */

/* Steps, in the order of time. */
static loop_timer_fn on_time_to_look;
static end_all_fn on_all_ended;
static ags_get_game_session_fn on_ags_session;
static void look_for_server(struct reclaim *r);
static gl_describe_game_session_placement_fn on_placement;
static void end_placement(struct reclaim *r, const struct gl_game_session_placement *placement);
static gl_stop_game_session_placement_fn on_placement_stopped;
static find_session_fn on_found;
static void end_unless_known(struct reclaim *r, struct str arn);
static end_session_fn on_ended;
static void end_of_turn(struct reclaim *r);

/* The last thing done with a reclaim: its memory goes with it. */
static void finish(struct reclaim *r) {
    list_remove(&r->node);
    loop_timer_stop(&r->timer);
    arena_free(r->arena);
}

void reclaim_give_up(struct reclaim *r, const struct err *err) {
    r->svc->servers_left++;
    LOG_ERROR(r->ctx.log,
              r->of.terminated ? "a server may be running that could not be ended"
                               : "a server may be running that AGS does not know of",
              LOG_STR("gameSessionID", r->of.arn), LOG_STR("placementID", r->of.placement_id),
              LOG_ERR(err));
    finish(r);
}

static struct reclaim_request copy(struct arena *a, const struct reclaim_request *of) {
    return (struct reclaim_request){
        .namespace = arena_str(a, of->namespace),
        .session_id = arena_str(a, of->session_id),
        .arn = arena_str(a, of->arn),
        .alias = arena_str(a, of->alias),
        .placement_id = arena_str(a, of->placement_id),
        .queue = arena_str(a, of->queue),
        .turns = of->turns > 0 ? of->turns : 1,
        .after_calls = of->after_calls,
        .terminated = of->terminated,
    };
}

static bool is_of(const struct reclaim *r, struct str namespace, struct str session_id) {
    return str_eq(r->of.session_id, session_id) && str_eq(r->of.namespace, namespace);
}

void reclaim_wait(struct reclaim *r, int64_t ms) {
    r->waits = true;
    loop_timer_start(r->svc->loop, &r->timer, ms, on_time_to_look);
}

static int64_t delay_of(const struct dsm_service *svc, const struct reclaim_request *request) {
    return request->after_calls ? reclaim_calls_end_ms(svc) : svc->reclaim_delay_ms;
}

int64_t reclaim_calls_end_ms(const struct dsm_service *svc) {
    return svc->call_limit_ms > RECLAIM_AGS_WAITS_MS ? svc->call_limit_ms : RECLAIM_AGS_WAITS_MS;
}

/* A reclaim of the same server, or servers, that now looks for these too. */
static bool join_another(struct dsm_service *svc, const struct reclaim_request *request) {
    for (struct list *l = svc->reclaims.next; l != &svc->reclaims; l = l->next) {
        struct reclaim *r = CONTAINER_OF(l, struct reclaim, node);
        if (r->superseded || !is_of(r, request->namespace, request->session_id) ||
            !str_eq(r->of.arn, request->arn) || !str_eq(r->of.alias, request->alias) ||
            !str_eq(r->of.placement_id, request->placement_id) ||
            r->of.terminated != request->terminated)
            continue;
        if (request->turns > r->of.turns)
            r->of.turns = request->turns;
        if (r->of.after_calls && !request->after_calls && r->waits && r->tries == 0) {
            r->of.after_calls = false;
            reclaim_wait(r, delay_of(svc, request));
        }
        return true;
    }
    return false;
}

void reclaim_later(struct dsm_service *svc, const struct reclaim_request *request) {
    bool too_many = list_count(&svc->reclaims) >= RECLAIM_MAX;
    if (join_another(svc, request))
        return;
    if (too_many && request->after_calls)
        return; /* nothing is known to be there */
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    struct reclaim *r = OBJ_NEW(a, reclaim, RECLAIM_MAGIC);
    r->svc = svc;
    r->arena = a;
    r->of = copy(a, request);
    r->made_ms = clock_mono_ms();
    ctx_init(&r->ctx, a,
             LOG_WITH(a, NULL, LOG_STR("sessionID", r->of.session_id),
                      LOG_STR("namespace", r->of.namespace)),
             r->made_ms + delay_of(svc, request) + RECLAIM_LIMIT_MS + reclaim_calls_end_ms(svc) -
                 RECLAIM_AGS_WAITS_MS);
    list_append(&svc->reclaims, &r->node);
    if (too_many) {
        static const struct err many = {
            .code = RPC_RESOURCE_EXHAUSTED,
            .msg = STR_INIT("too many servers are being looked for"),
        };
        reclaim_give_up(r, &many);
        return;
    }
    LOG_INFO(r->ctx.log, "will look for a server that AGS may not know of",
             LOG_INT("delayMs", delay_of(svc, request)));
    reclaim_wait(r, delay_of(svc, request));
}

/* False if the time for the reclaim is up before that. */
static bool look_again(struct reclaim *r, const char *why, const struct err *err) {
    int64_t ms =
        RETRY_BASE_MS / 2 + backoff_ms(RETRY_BASE_MS, RETRY_CAP_MS, ++r->tries, random_unit());
    if (ms + LOOK_MS >= ctx_remaining_ms(&r->ctx))
        return false;
    LOG_INFO(r->ctx.log, why, LOG_INT("waitMs", ms), LOG_ERR(err));
    ctx_part_end(&r->look);
    reclaim_wait(r, ms);
    return true;
}

/* The session has another call, or server, by now: only this one is still to go. */
static void leave_one_server(struct reclaim *r) {
    const struct reclaim_request left = {
        .namespace = r->of.namespace,
        .session_id = r->of.session_id,
        .arn = r->arn,
        .placement_id = str_empty(r->arn) ? r->of.placement_id : STR_NULL,
        .queue = r->of.queue,
    };
    if (!str_empty(left.arn) || !str_empty(left.placement_id))
        reclaim_later(r->svc, &left);
    finish(r);
}

static void try_later(struct reclaim *r, const struct err *err) {
    if (r->superseded)
        leave_one_server(r);
    else if (!look_again(r, "the look for a server failed and will be tried again", err))
        reclaim_give_up(r, err);
}

/* ---- what does AGS know? ---- */

static void on_time_to_look(struct loop_timer *timer) {
    struct reclaim *r = CONTAINER_OF(timer, struct reclaim, timer);
    OBJ_CHECK(r, RECLAIM_MAGIC);
    r->waits = false;
    r->turn = 0;
    ctx_part_begin(&r->look, &r->ctx);
    if (r->of.terminated) {
        const struct end_all_request all = {
            .namespace = r->of.namespace,
            .session_id = r->of.session_id,
            .arn = r->of.arn,
        };
        r->orders_end = true;
        end_all(r->svc, &r->look.child.ctx, &all, on_all_ended, r);
        return;
    }
    const struct ags_get_game_session_input in = {
        .namespace = r->of.namespace,
        .session_id = r->of.session_id,
    };
    ags_get_game_session(r->svc->ags, &r->look.child.ctx, &in, on_ags_session, r);
}

static void on_all_ended(void *priv, const struct all_ended *all, const struct err *err) {
    struct reclaim *r = OBJ_CAST(priv, reclaim, RECLAIM_MAGIC);
    r->orders_end = false;
    if (err == NULL) {
        LOG_INFO(r->ctx.log, "session terminated, later than it was asked for");
        finish(r);
        return;
    }
    if (str_empty(r->of.arn)) /* AGS may forget the session, and this with it */
        r->of.arn = arena_str(r->arena, all->arn);
    r->arn = r->of.arn;
    try_later(r, err);
}

/* AGS asks for a server just now, of this replica or another. */
static bool ags_waits(const struct reclaim *r, const struct ags_game_session_response *session) {
    /* A placement goes on after its call has ended, for as long as AGS waits for it. */
    return ags_session_waits(session) &&
           (!str_empty(r->of.placement_id) ||
            clock_mono_ms() < r->made_ms + reclaim_calls_end_ms(r->svc));
}

static void remember_server(struct reclaim *r, const struct ags_game_session_response *session) {
    const struct ags_ds_information_response *ds = session == NULL ? NULL : session->ds_information;
    r->known_to_ags = session == NULL ? STR_NULL : ags_session_arn(session);
    r->ags_has_another = ds != NULL && str_empty(r->known_to_ags) &&
                         ds->status_v2 == AGS_DS_INFORMATION_RESPONSE_STATUS_V2_AVAILABLE;
}

static void on_ags_session(void *priv, const struct ags_game_session_response *session,
                           const struct err *err) {
    static const struct err waits = {.code = RPC_ABORTED, .msg = STR_INIT("AGS waits")};
    struct reclaim *r = OBJ_CAST(priv, reclaim, RECLAIM_MAGIC);
    bool unknown = err != NULL && err->code == RPC_NOT_FOUND;
    if (err == NULL)
        err = ags_session_check(r->look.memory, session, r->of.namespace, r->of.session_id);
    if (err != NULL && !unknown) {
        try_later(r, err);
        return;
    }
    if (!unknown && ags_waits(r, session)) {
        if (!look_again(r, "AGS waits for a server: what is there is left alone for now", &waits)) {
            LOG_WARN(r->ctx.log, "AGS still waits for a server: what is there is left to it");
            finish(r);
        }
        return;
    }
    remember_server(r, unknown ? NULL : session);
    look_for_server(r);
}

/* ---- is there a server? ---- */

static void look_for_server(struct reclaim *r) {
    struct aws_client *gamelift;
    if (!str_empty(r->of.arn)) {
        end_unless_known(r, r->of.arn);
    } else if (!str_empty(r->of.placement_id)) {
        const struct gl_describe_game_session_placement_input in = {
            .placement_id = r->of.placement_id,
        };
        struct err *err = dsm_gamelift_of(r->svc, r->look.memory, r->of.queue, &gamelift);
        if (err != NULL)
            try_later(r, err);
        else
            gl_describe_game_session_placement(gamelift, &r->look.child.ctx, &in, on_placement, r);
    } else {
        r->turn++;
        find_session(r->svc, &r->look.child.ctx, r->of.alias,
                     session_token(r->look.memory, r->of.session_id, r->turn), on_found, r);
    }
}

static const struct err *bad_answer(struct reclaim *r, const char *what) {
    return err_new(r->look.memory, RPC_UNAVAILABLE,
                   "DescribeGameSessionPlacement: the answer has no %s", what);
}

static void on_placement(void *priv, const struct gl_describe_game_session_placement_output *out,
                         const struct err *err) {
    struct reclaim *r = OBJ_CAST(priv, reclaim, RECLAIM_MAGIC);
    if (err != NULL && str_eq(err->type, STR("NotFoundException")))
        finish(r); /* never started */
    else if (err != NULL)
        try_later(r, err);
    else if (out->game_session_placement == NULL)
        try_later(r, bad_answer(r, "GameSessionPlacement"));
    else
        end_placement(r, out->game_session_placement);
}

static void end_placement(struct reclaim *r, const struct gl_game_session_placement *placement) {
    const struct gl_stop_game_session_placement_input in = {.placement_id = r->of.placement_id};
    struct aws_client *gamelift;
    struct err *err = NULL;
    switch (placement->status) {
    case GL_GAME_SESSION_PLACEMENT_STATE_PENDING:
        err = dsm_gamelift_of(r->svc, r->look.memory, r->of.queue, &gamelift);
        if (err != NULL)
            try_later(r, err);
        else {
            r->orders_end = true;
            in_flight_end_begin(r->svc, &r->ending, r->arena, r->of.placement_id);
            gl_stop_game_session_placement(gamelift, &r->look.child.ctx, &in, on_placement_stopped,
                                           r);
        }
        return;
    case GL_GAME_SESSION_PLACEMENT_STATE_FULFILLED:
        if (is_game_session_arn(placement->game_session_arn))
            end_unless_known(r, placement->game_session_arn);
        else
            try_later(r, bad_answer(r, "GameSessionArn"));
        return;
    case GL_GAME_SESSION_PLACEMENT_STATE_CANCELLED:
    case GL_GAME_SESSION_PLACEMENT_STATE_TIMED_OUT:
    case GL_GAME_SESSION_PLACEMENT_STATE_FAILED:
        finish(r); /* without a server */
        return;
    default:
        try_later(r, bad_answer(r, "Status that is known here"));
    }
}

static void on_placement_stopped(void *priv,
                                 const struct gl_stop_game_session_placement_output *out,
                                 const struct err *err) {
    struct reclaim *r = OBJ_CAST(priv, reclaim, RECLAIM_MAGIC);
    (void)out;
    r->orders_end = false;
    in_flight_end_end(&r->ending);
    if (err != NULL) {
        try_later(r, err); /* it may have been placed in between: look again */
        return;
    }
    LOG_INFO(r->ctx.log, "placement stopped that AGS does not know of",
             LOG_STR("placementID", r->of.placement_id));
    finish(r);
}

static void on_found(void *priv, const struct gl_game_session *session, const struct err *err) {
    struct reclaim *r = OBJ_CAST(priv, reclaim, RECLAIM_MAGIC);
    if (err != NULL && !str_eq(err->type, STR("NotFoundException")))
        try_later(r, err);
    else if (session != NULL)
        end_unless_known(r, session->game_session_id);
    else
        end_of_turn(r); /* GameLift never made one, or it has ended */
}

/* ---- then it goes ---- */

static void end_unless_known(struct reclaim *r, struct str arn) {
    /* Who reports a placement's server to AGS may call it as they like. */
    bool by_another_name = r->ags_has_another && !str_empty(r->of.placement_id);
    if (by_another_name)
        LOG_WARN(r->ctx.log, "AGS has a server whose deployment is no ARN: taken for this one",
                 LOG_STR("gameSessionID", arn));
    if (by_another_name || str_eq(arn, r->known_to_ags))
        end_of_turn(r);
    else {
        r->orders_end = true;
        r->arn = arena_str(r->arena, arn);
        end_session(r->svc, &r->look.child.ctx, arn, on_ended, r);
    }
}

static void on_ended(void *priv, enum end_result result, const struct err *err) {
    struct reclaim *r = OBJ_CAST(priv, reclaim, RECLAIM_MAGIC);
    r->orders_end = false;
    if (result == END_FAILED)
        try_later(r, err);
    else if (r->superseded)
        finish(r);
    else
        end_of_turn(r);
}

/* Other turns may have left one as well; each is looked for by its own token. */
static void end_of_turn(struct reclaim *r) {
    if (str_empty(r->of.arn) && str_empty(r->of.placement_id) && r->turn < r->of.turns)
        look_for_server(r);
    else
        finish(r);
}

/* ---- for the service ---- */

struct reclaim_list reclaim_take_over(struct dsm_service *svc, struct arena *a,
                                      struct str namespace, struct str session_id) {
    struct reclaim_request *v = NULL;
    struct reclaim_list list = {.n = 0};
    size_t cap = 0;
    struct list *next;
    for (struct list *l = svc->reclaims.next; l != &svc->reclaims; l = next) {
        struct reclaim *r = CONTAINER_OF(l, struct reclaim, node);
        next = l->next;
        if (r->superseded || !is_of(r, namespace, session_id))
            continue;
        if (cap == 0)
            v = arena_array(a, cap = list_count(&svc->reclaims), sizeof *v);
        bool is_of_one_server = !str_empty(r->of.arn) || !str_empty(r->of.placement_id);
        if (!r->orders_end || !is_of_one_server || r->of.terminated)
            v[list.n++] = copy(a, &r->of);
        if (r->orders_end)
            r->superseded = true;
        else
            finish(r);
    }
    list.v = v;
    return list;
}

void reclaim_hand_back(struct dsm_service *svc, const struct reclaim_list *list) {
    for (size_t i = 0; i < list->n; i++)
        reclaim_later(svc, &list->v[i]);
}

void reclaim_hand_back_other(struct dsm_service *svc, const struct reclaim_request *other) {
    struct reclaim_request left = *other;
    if (left.terminated && str_empty(left.arn))
        return; /* what the session has is what it was answered */
    left.terminated = false;
    reclaim_later(svc, &left);
}
