// SPDX-License-Identifier: Apache-2.0
#include "handlers/end_placements.h"

#include "base/ctx_sleep.h"
#include "handlers/end_session.h"
#include "handlers/session_token.h"

#define MAX_RACES 5 /* times that a placement may change between a look and the stop */

struct walk { /* in the context's arena */
    unsigned magic;
#define WALK_MAGIC 0x6e85f31bU
    struct dsm_service *svc;
    struct ctx *ctx;
    struct aws_client *gamelift;
    struct str session_id;
    struct str placement_id; /* of this turn */
    unsigned turn;
    unsigned races;
    size_t ended;
    end_placements_fn *fn;
    void *priv;
    const struct err *refused;
};

static void next_turn(struct walk *w);
static void look(struct walk *w);
static gl_describe_game_session_placement_fn on_looked;
static void end_placement(struct walk *w, const struct gl_game_session_placement *placement);
static gl_stop_game_session_placement_fn on_stopped;
static end_session_fn on_session_ended;

static void on_refused(void *priv, const struct err *err) {
    struct walk *w = OBJ_CAST(priv, walk, WALK_MAGIC);
    (void)err;
    w->fn(w->priv, 0, w->refused);
}

void end_placements(struct dsm_service *svc, struct ctx *ctx, struct str session_id,
                    end_placements_fn *fn, void *priv) {
    struct walk *w = OBJ_NEW(ctx->arena, walk, WALK_MAGIC);
    w->svc = svc;
    w->ctx = ctx;
    w->session_id = session_id;
    w->fn = fn;
    w->priv = priv;
    w->refused = dsm_gamelift_of(svc, ctx->arena, svc->queue_arn_override, &w->gamelift);
    if (w->refused != NULL)
        ctx_sleep(svc->loop, ctx, 0, on_refused, w);
    else
        next_turn(w);
}

static void next_turn(struct walk *w) {
    if (w->turn == SESSION_TOKEN_MAX_TURNS) {
        w->fn(w->priv, w->ended, NULL);
        return;
    }
    w->turn++;
    w->races = 0;
    w->placement_id = session_token(w->ctx->arena, w->session_id, w->turn);
    look(w);
}

static void look(struct walk *w) {
    const struct gl_describe_game_session_placement_input in = {.placement_id = w->placement_id};
    gl_describe_game_session_placement(w->gamelift, w->ctx, &in, on_looked, w);
}

/* Nothing may run on because an answer was not understood. */
static const struct err *bad_answer(struct walk *w, const char *what) {
    return err_new(w->ctx->arena, RPC_UNAVAILABLE,
                   "DescribeGameSessionPlacement: the answer has no %s", what);
}

static void on_looked(void *priv, const struct gl_describe_game_session_placement_output *out,
                      const struct err *err) {
    struct walk *w = OBJ_CAST(priv, walk, WALK_MAGIC);
    const struct gl_game_session_placement *placement =
        err == NULL ? out->game_session_placement : NULL;
    /* NotFound ends the series; so does an id that GameLift could never have taken. */
    if (err != NULL && (str_eq(err->type, STR("NotFoundException")) ||
                        (err->origin == ERR_LOCAL && err->code == RPC_INVALID_ARGUMENT)))
        w->fn(w->priv, w->ended, NULL);
    else if (err != NULL)
        w->fn(w->priv, w->ended, err);
    else if (placement == NULL)
        w->fn(w->priv, w->ended, bad_answer(w, "GameSessionPlacement"));
    else
        end_placement(w, placement);
}

static void end_placement(struct walk *w, const struct gl_game_session_placement *placement) {
    const struct gl_stop_game_session_placement_input in = {.placement_id = w->placement_id};
    switch (placement->status) {
    case GL_GAME_SESSION_PLACEMENT_STATE_PENDING:
        gl_stop_game_session_placement(w->gamelift, w->ctx, &in, on_stopped, w);
        return;
    case GL_GAME_SESSION_PLACEMENT_STATE_FULFILLED:
        if (is_game_session_arn(placement->game_session_arn))
            end_session(w->svc, w->ctx, placement->game_session_arn, on_session_ended, w);
        else
            w->fn(w->priv, w->ended, bad_answer(w, "GameSessionArn"));
        return;
    case GL_GAME_SESSION_PLACEMENT_STATE_CANCELLED:
    case GL_GAME_SESSION_PLACEMENT_STATE_TIMED_OUT:
    case GL_GAME_SESSION_PLACEMENT_STATE_FAILED:
        next_turn(w);
        return;
    default:
        w->fn(w->priv, w->ended, bad_answer(w, "Status that is known here"));
    }
}

static void on_stopped(void *priv, const struct gl_stop_game_session_placement_output *out,
                       const struct err *err) {
    struct walk *w = OBJ_CAST(priv, walk, WALK_MAGIC);
    (void)out;
    if (err == NULL) {
        LOG_INFO(w->ctx->log, "placement stopped", LOG_STR("placementID", w->placement_id));
        w->ended++;
        next_turn(w);
    } else if (str_eq(err->type, STR("InvalidRequestException")) && ++w->races < MAX_RACES) {
        look(w); /* it was placed, or ended, in between */
    } else if (str_eq(err->type, STR("NotFoundException"))) {
        next_turn(w);
    } else {
        w->fn(w->priv, w->ended, err);
    }
}

static void on_session_ended(void *priv, enum end_result result, const struct err *err) {
    struct walk *w = OBJ_CAST(priv, walk, WALK_MAGIC);
    if (result == END_FAILED) {
        w->fn(w->priv, w->ended, err);
        return;
    }
    if (result == END_DONE)
        w->ended++;
    next_turn(w);
}
