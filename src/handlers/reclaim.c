// SPDX-License-Identifier: Apache-2.0
#include "handlers/reclaim.h"

#include "base/clock.h"
#include "base/random.h"
#include "generated/ags.h"
#include "handlers/end_session.h"
#include "handlers/find_session.h"
#include "handlers/in_flight.h"
#include "handlers/session_token.h"
#include "http/backoff.h"

#include <stdio.h>

#define RETRY_BASE_MS 1000
#define RETRY_CAP_MS 30000
#define FINISHING_TICK_MS 20
#define LOOK_MS 2000 /* that a look should have; with less time left none is begun */
#define LEFT_BEHIND "a server may be running that AGS does not know of"

struct reclaim {
    unsigned magic;
#define RECLAIM_MAGIC 0x52e81b7dU
    struct dsm_service *svc;
    struct arena *arena; /* holds this struct too */
    struct ctx ctx;
    struct list node;        /* in svc->reclaims */
    struct loop_timer timer; /* until the next look */
    bool waits;              /* for that timer */
    struct reclaim_request of;
    struct str known_to_ags; /* ARN that AGS has for the session; absent if none */
    bool ags_has_another;    /* or a server whose deployment is no ARN */
    unsigned turn;           /* of the tokens looked for */
    int tries;
    int64_t made_ms;
    bool orders_end; /* of the placement, or of this session: */
    struct str arn;  /* that is being ended */
    bool superseded; /* a call looks after the session now; only the end under way goes on */
    struct in_flight_end ending; /* of the placement that is being stopped */
};

/* Steps, in the order of time. */
static loop_timer_fn on_time_to_look;
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

static void give_up(struct reclaim *r, const char *why, const struct err *err) {
    r->svc->servers_left++;
    LOG_ERROR(r->ctx.log, why, LOG_STR("gameSessionID", r->of.arn),
              LOG_STR("placementID", r->of.placement_id), LOG_ERR(err));
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
    };
}

static bool is_of(const struct reclaim *r, struct str namespace, struct str session_id) {
    return str_eq(r->of.session_id, session_id) && str_eq(r->of.namespace, namespace);
}

static void wait(struct reclaim *r, int64_t ms) {
    r->waits = true;
    loop_timer_start(r->svc->loop, &r->timer, ms, on_time_to_look);
}

static int64_t delay_of(const struct dsm_service *svc, const struct reclaim_request *request) {
    return request->after_calls ? RECLAIM_AGS_WAITS_MS : svc->reclaim_delay_ms;
}

/* A reclaim of the same server, or servers, that now looks for these too. */
static bool join_another(struct dsm_service *svc, const struct reclaim_request *request) {
    for (struct list *l = svc->reclaims.next; l != &svc->reclaims; l = l->next) {
        struct reclaim *r = CONTAINER_OF(l, struct reclaim, node);
        if (r->superseded || !is_of(r, request->namespace, request->session_id) ||
            !str_eq(r->of.arn, request->arn) || !str_eq(r->of.alias, request->alias) ||
            !str_eq(r->of.placement_id, request->placement_id))
            continue;
        if (request->turns > r->of.turns)
            r->of.turns = request->turns;
        if (r->of.after_calls && !request->after_calls && r->waits && r->tries == 0) {
            r->of.after_calls = false;
            wait(r, delay_of(svc, request));
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
             r->made_ms + delay_of(svc, request) + RECLAIM_LIMIT_MS);
    list_append(&svc->reclaims, &r->node);
    if (too_many) {
        static const struct err many = {
            .code = RPC_RESOURCE_EXHAUSTED,
            .msg = STR_INIT("too many servers are being looked for"),
        };
        give_up(r, LEFT_BEHIND, &many);
        return;
    }
    LOG_INFO(r->ctx.log, "will look for a server that AGS may not know of",
             LOG_INT("delay_ms", delay_of(svc, request)));
    wait(r, delay_of(svc, request));
}

/* False if the time for the reclaim is up before that. */
static bool look_again(struct reclaim *r, const char *why, const struct err *err) {
    int64_t ms =
        RETRY_BASE_MS / 2 + backoff_ms(RETRY_BASE_MS, RETRY_CAP_MS, ++r->tries, random_unit());
    if (ms + LOOK_MS >= ctx_remaining_ms(&r->ctx))
        return false;
    LOG_INFO(r->ctx.log, why, LOG_INT("wait_ms", ms), LOG_ERR(err));
    wait(r, ms);
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
    reclaim_later(r->svc, &left);
    finish(r);
}

static void try_later(struct reclaim *r, const struct err *err) {
    if (r->superseded)
        leave_one_server(r);
    else if (!look_again(r, "the look for a server failed and will be tried again", err))
        give_up(r, LEFT_BEHIND, err);
}

/* ---- what does AGS know? ---- */

static void on_time_to_look(struct loop_timer *timer) {
    struct reclaim *r = CONTAINER_OF(timer, struct reclaim, timer);
    OBJ_CHECK(r, RECLAIM_MAGIC);
    r->waits = false;
    r->turn = 0;
    const struct ags_get_game_session_input in = {
        .namespace = r->of.namespace,
        .session_id = r->of.session_id,
    };
    ags_get_game_session(r->svc->ags, &r->ctx, &in, on_ags_session, r);
}

/* AGS asks for a server just now, of this replica or another. */
static bool ags_waits(const struct reclaim *r, const struct ags_ds_information_response *ds) {
    if (ds == NULL || (ds->status_v2 != AGS_DS_INFORMATION_RESPONSE_STATUS_V2_REQUESTED &&
                       ds->status_v2 != AGS_DS_INFORMATION_RESPONSE_STATUS_V2_PREPARING))
        return false;
    /* A placement goes on after its call has ended, for as long as AGS waits for it. */
    return !str_empty(r->of.placement_id) || clock_mono_ms() < r->made_ms + RECLAIM_AGS_WAITS_MS;
}

static void remember_server(struct reclaim *r, const struct ags_ds_information_response *ds) {
    struct str deployment = STR_NULL;
    if (ds != NULL && ds->server != NULL)
        deployment = ds->server->deployment;
    r->known_to_ags = is_game_session_arn(deployment) ? deployment : STR_NULL;
    r->ags_has_another = ds != NULL && str_empty(r->known_to_ags) &&
                         ds->status_v2 == AGS_DS_INFORMATION_RESPONSE_STATUS_V2_AVAILABLE;
}

static void on_ags_session(void *priv, const struct ags_game_session_response *session,
                           const struct err *err) {
    static const struct err waits = {.code = RPC_ABORTED, .msg = STR_INIT("AGS waits")};
    struct reclaim *r = OBJ_CAST(priv, reclaim, RECLAIM_MAGIC);
    if (err != NULL && err->code != RPC_NOT_FOUND) {
        try_later(r, err);
        return;
    }
    if (err == NULL && ags_waits(r, session->ds_information)) {
        if (!look_again(r, "AGS waits for a server: what is there is left alone for now", &waits)) {
            LOG_WARN(r->ctx.log, "AGS still waits for a server: what is there is left to it");
            finish(r);
        }
        return;
    }
    remember_server(r, err == NULL ? session->ds_information : NULL);
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
        struct err *err = dsm_gamelift_of(r->svc, r->arena, r->of.queue, &gamelift);
        if (err != NULL)
            try_later(r, err);
        else
            gl_describe_game_session_placement(gamelift, &r->ctx, &in, on_placement, r);
    } else {
        r->turn++;
        find_session(r->svc, &r->ctx, r->of.alias,
                     session_token(r->arena, r->of.session_id, r->turn), on_found, r);
    }
}

static const struct err *bad_answer(struct reclaim *r, const char *what) {
    return err_new(r->arena, RPC_UNAVAILABLE, "DescribeGameSessionPlacement: the answer has no %s",
                   what);
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
        err = dsm_gamelift_of(r->svc, r->arena, r->of.queue, &gamelift);
        if (err != NULL)
            try_later(r, err);
        else {
            r->orders_end = true;
            in_flight_end_begin(r->svc, &r->ending, r->arena, r->of.placement_id);
            gl_stop_game_session_placement(gamelift, &r->ctx, &in, on_placement_stopped, r);
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
        end_session(r->svc, &r->ctx, arn, on_ended, r);
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
        if (!r->orders_end || !is_of_one_server)
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

/* ---- the end of the service ---- */

struct finishing { /* in an arena of its own */
    unsigned magic;
#define FINISHING_MAGIC 0x0b6fd3a8U
    struct arena *arena;
    struct dsm_service *svc;
    struct loop_timer timer;
    int64_t until_ms;
    reclaim_done_fn *fn;
    void *priv;
};

static void on_finishing_tick(struct loop_timer *timer) {
    struct finishing *f = CONTAINER_OF(timer, struct finishing, timer);
    OBJ_CHECK(f, FINISHING_MAGIC);
    if (!list_empty(&f->svc->reclaims) && clock_mono_ms() < f->until_ms) {
        loop_timer_start(f->svc->loop, &f->timer, FINISHING_TICK_MS, on_finishing_tick);
        return;
    }
    reclaim_done_fn *fn = f->fn;
    void *priv = f->priv;
    reclaim_give_up_all(f->svc);
    arena_free(f->arena);
    fn(priv);
}

void reclaim_finish_all(struct dsm_service *svc, int64_t limit_ms, reclaim_done_fn *fn,
                        void *priv) {
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    struct finishing *f = OBJ_NEW(a, finishing, FINISHING_MAGIC);
    f->arena = a;
    f->svc = svc;
    f->until_ms = clock_mono_ms() + limit_ms;
    f->fn = fn;
    f->priv = priv;
    for (struct list *l = svc->reclaims.next; l != &svc->reclaims; l = l->next) {
        struct reclaim *r = CONTAINER_OF(l, struct reclaim, node);
        if (f->until_ms < r->ctx.deadline_ms)
            r->ctx.deadline_ms = f->until_ms;
        if (r->waits)
            wait(r, 0);
    }
    loop_timer_start(svc->loop, &f->timer, 0, on_finishing_tick);
}

static void cut(char *to, size_t size, struct str text) {
    snprintf(to, size, STR_FMT, STR_ARG(str_utf8_cut(text, size - 1)));
}

size_t reclaim_views(const struct dsm_service *svc, struct reclaim_view *ret, size_t n) {
    size_t i = 0;
    for (struct list *l = svc->reclaims.next; l != &svc->reclaims; l = l->next, i++) {
        const struct reclaim *r = CONTAINER_OF(l, struct reclaim, node);
        if (i >= n)
            continue;
        cut(ret[i].namespace, sizeof ret[i].namespace, r->of.namespace);
        cut(ret[i].session_id, sizeof ret[i].session_id, r->of.session_id);
        cut(ret[i].looked_for, sizeof ret[i].looked_for,
            str_empty(r->of.placement_id) ? STR("session") : STR("placement"));
        ret[i].age_ms = clock_mono_ms() - r->made_ms;
        ret[i].tries = r->tries;
    }
    return i;
}

void reclaim_give_up_all(struct dsm_service *svc) {
    static const struct err stopped = {
        .code = RPC_CANCELLED,
        .msg = STR_INIT("the service stopped before it was known"),
    };
    while (!list_empty(&svc->reclaims))
        give_up(CONTAINER_OF(svc->reclaims.next, struct reclaim, node), LEFT_BEHIND, &stopped);
}
