// SPDX-License-Identifier: Apache-2.0
#include "handlers/reclaim.h"

#include "base/clock.h"
#include "base/ctx_sleep.h"
#include "base/random.h"
#include "generated/ags.h"
#include "handlers/end_session.h"
#include "handlers/find_session.h"
#include "handlers/session_token.h"
#include "http/backoff.h"

#define RETRY_BASE_MS 1000
#define RETRY_CAP_MS 30000

struct reclaim {
    unsigned magic;
#define RECLAIM_MAGIC 0x52e81b7dU
    struct dsm_service *svc;
    struct arena *arena; /* holds this struct too */
    struct ctx ctx;
    struct list node; /* in svc->reclaims */
    struct reclaim_request of;
    struct str known_to_ags; /* ARN that AGS has for the session; absent if none */
    unsigned turn;           /* of the tokens looked for */
    int failures;
};

/* Steps, in the order of time. */
static ctx_sleep_fn on_time_to_look;
static ags_get_game_session_fn on_ags_session;
static void look_for_server(struct reclaim *r);
static gl_describe_game_session_placement_fn on_placement;
static gl_stop_game_session_placement_fn on_placement_stopped;
static find_session_fn on_found;
static void end_unless_known(struct reclaim *r, struct str arn);
static end_session_fn on_ended;

/* The last thing done with a reclaim: its memory goes with it. */
static void finish(struct reclaim *r) {
    list_remove(&r->node);
    arena_free(r->arena);
}

void reclaim_later(struct dsm_service *svc, const struct reclaim_request *request) {
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    struct reclaim *r = OBJ_NEW(a, reclaim, RECLAIM_MAGIC);
    r->svc = svc;
    r->arena = a;
    r->of = (struct reclaim_request){
        .namespace = arena_str(a, request->namespace),
        .session_id = arena_str(a, request->session_id),
        .arn = arena_str(a, request->arn),
        .alias = arena_str(a, request->alias),
        .placement_id = arena_str(a, request->placement_id),
        .turns = request->turns > 0 ? request->turns : 1,
    };
    ctx_init(&r->ctx, a,
             LOG_WITH(a, NULL, LOG_STR("sessionID", r->of.session_id),
                      LOG_STR("namespace", r->of.namespace)),
             clock_mono_ms() + svc->reclaim_delay_ms + RECLAIM_LIMIT_MS);
    if (list_count(&svc->reclaims) >= RECLAIM_MAX) {
        list_init(&r->node);
        LOG_ERROR(r->ctx.log, "a server may be running that AGS does not know of",
                  LOG_STR("gameSessionID", r->of.arn));
        finish(r);
        return;
    }
    list_append(&svc->reclaims, &r->node);
    LOG_INFO(r->ctx.log, "will look for a server that AGS may not know of",
             LOG_INT("delay_ms", svc->reclaim_delay_ms));
    ctx_sleep(svc->loop, &r->ctx, svc->reclaim_delay_ms, on_time_to_look, r);
}

static void try_later(struct reclaim *r, const struct err *err) {
    int64_t ms =
        RETRY_BASE_MS / 2 + backoff_ms(RETRY_BASE_MS, RETRY_CAP_MS, ++r->failures, random_unit());
    if (ms >= ctx_remaining_ms(&r->ctx)) {
        LOG_ERROR(r->ctx.log, "a server may be running that AGS does not know of",
                  LOG_STR("gameSessionID", r->of.arn), LOG_ERR(err));
        finish(r);
        return;
    }
    LOG_WARN(r->ctx.log, "the look for a server failed and will be tried again",
             LOG_INT("wait_ms", ms), LOG_ERR(err));
    ctx_sleep(r->svc->loop, &r->ctx, ms, on_time_to_look, r);
}

/* ---- what does AGS know? ---- */

static void on_time_to_look(void *priv, const struct err *err) {
    struct reclaim *r = OBJ_CAST(priv, reclaim, RECLAIM_MAGIC);
    if (err != NULL) {
        try_later(r, err);
        return;
    }
    r->turn = 0;
    const struct ags_get_game_session_input in = {
        .namespace = r->of.namespace,
        .session_id = r->of.session_id,
    };
    ags_get_game_session(r->svc->ags, &r->ctx, &in, on_ags_session, r);
}

static void on_ags_session(void *priv, const struct ags_game_session_response *session,
                           const struct err *err) {
    struct reclaim *r = OBJ_CAST(priv, reclaim, RECLAIM_MAGIC);
    if (err != NULL && err->code != RPC_NOT_FOUND) {
        try_later(r, err);
        return;
    }
    r->known_to_ags = STR_NULL;
    if (err == NULL && session->ds_information != NULL && session->ds_information->server != NULL)
        r->known_to_ags = session->ds_information->server->deployment;
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
        struct err *err = dsm_gamelift_of(r->svc, r->arena, r->svc->queue_arn_override, &gamelift);
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

static void on_placement(void *priv, const struct gl_describe_game_session_placement_output *out,
                         const struct err *err) {
    struct reclaim *r = OBJ_CAST(priv, reclaim, RECLAIM_MAGIC);
    const struct gl_game_session_placement *p = err == NULL ? out->game_session_placement : NULL;
    struct aws_client *gamelift;
    if (err != NULL && !str_eq(err->type, STR("NotFoundException"))) {
        try_later(r, err);
    } else if (p != NULL && p->status == GL_GAME_SESSION_PLACEMENT_STATE_PENDING) {
        const struct gl_stop_game_session_placement_input in = {
            .placement_id = r->of.placement_id,
        };
        struct err *bad = dsm_gamelift_of(r->svc, r->arena, r->svc->queue_arn_override, &gamelift);
        if (bad != NULL)
            try_later(r, bad);
        else
            gl_stop_game_session_placement(gamelift, &r->ctx, &in, on_placement_stopped, r);
    } else if (p != NULL && p->status == GL_GAME_SESSION_PLACEMENT_STATE_FULFILLED) {
        end_unless_known(r, p->game_session_arn);
    } else {
        finish(r); /* never started, or ended without a server */
    }
}

static void on_placement_stopped(void *priv,
                                 const struct gl_stop_game_session_placement_output *out,
                                 const struct err *err) {
    struct reclaim *r = OBJ_CAST(priv, reclaim, RECLAIM_MAGIC);
    (void)out;
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
    else if (r->turn < r->of.turns)
        look_for_server(r);
    else
        finish(r); /* GameLift never made one */
}

/* ---- then it goes ---- */

static void end_unless_known(struct reclaim *r, struct str arn) {
    if (str_eq(arn, r->known_to_ags))
        finish(r);
    else
        end_session(r->svc, &r->ctx, arn, on_ended, r);
}

static void on_ended(void *priv, enum end_result result, const struct err *err) {
    struct reclaim *r = OBJ_CAST(priv, reclaim, RECLAIM_MAGIC);
    if (result == END_FAILED) {
        try_later(r, err);
        return;
    }
    /* An earlier turn may have left one as well; each is looked for by its own token. */
    if (str_empty(r->of.arn) && str_empty(r->of.placement_id) && r->turn < r->of.turns)
        look_for_server(r);
    else
        finish(r);
}

/* ---- for the service ---- */

void reclaim_forget(struct dsm_service *svc, struct str namespace, struct str session_id) {
    struct list *next;
    for (struct list *l = svc->reclaims.next; l != &svc->reclaims; l = next) {
        struct reclaim *r = CONTAINER_OF(l, struct reclaim, node);
        next = l->next;
        if (str_eq(r->of.session_id, session_id) && str_eq(r->of.namespace, namespace))
            finish(r);
    }
}

void reclaim_give_up_all(struct dsm_service *svc) {
    while (!list_empty(&svc->reclaims)) {
        struct reclaim *r = CONTAINER_OF(svc->reclaims.next, struct reclaim, node);
        LOG_ERROR(r->ctx.log,
                  "stopped before it was known whether a server runs that AGS does "
                  "not know of",
                  LOG_STR("gameSessionID", r->of.arn), LOG_STR("placementID", r->of.placement_id));
        finish(r);
    }
}
