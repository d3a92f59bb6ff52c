// SPDX-License-Identifier: Apache-2.0
#include "handlers/end_placements.h"

#include "base/ctx_part.h"
#include "base/ctx_sleep.h"
#include "handlers/end_session.h"
#include "handlers/in_flight.h"
#include "handlers/session_token.h"

#define MAX_RACES 5 /* times that a placement may change between a look and the stop */
#define MAX_HOMES (AWS_CLIENT_MAX_REGIONS + 2)

struct walk { /* in the context's arena */
    unsigned magic;
#define WALK_MAGIC 0x6e85f31bU
    struct dsm_service *svc;
    struct ctx *ctx;
    struct aws_client **homes; /* GameLift of each region to look in */
    size_t n_homes;
    size_t home; /* index of the region that is looked in */
    struct str session_id;
    struct str placement_id; /* of this turn */
    unsigned turn;
    unsigned races;
    struct placements_ended ended;
    end_placements_fn *fn;
    void *priv;
    const struct err *failed; /* the first region that could not be looked through, and why */
    struct in_flight_end in_flight;
    struct ctx_part request; /* the answers of a whole series would be too much for one call */
};

static ctx_sleep_fn on_start;
static void next_region(struct walk *w);
static void next_turn(struct walk *w);
static void look(struct walk *w);
static gl_describe_game_session_placement_fn on_looked;
static void end_placement(struct walk *w, enum gl_game_session_placement_state status,
                          struct str arn);
static gl_stop_game_session_placement_fn on_stopped;
static end_session_fn on_session_ended;
static void end_of_series(struct walk *w);
static void fail_here(struct walk *w, const struct err *err);

/* ---- where ---- */

static void add_home(struct walk *w, struct aws_client *gamelift) {
    struct arena *a = w->ctx->arena;
    struct str region = aws_client_region(gamelift);
    for (size_t i = 0; i < w->n_homes; i++)
        if (w->homes[i] == gamelift)
            return;
    w->homes[w->n_homes++] = gamelift;
    w->ended.regions =
        w->n_homes == 1 ? region : ARENA_JOIN(a, w->ended.regions, STR(", "), region);
}

/* The queue's region comes first. A deployment that no placement can have been started on says
 * nothing of regions. */
static struct err *find_homes(struct walk *w, struct str deployment) {
    struct dsm_service *svc = w->svc;
    bool overridden = !str_empty(svc->queue_arn_override);
    struct aws_client *gamelift;
    struct err *err = dsm_gamelift_of(svc, w->ctx->arena,
                                      overridden ? svc->queue_arn_override : deployment, &gamelift);
    w->homes = arena_array(w->ctx->arena, MAX_HOMES, sizeof(struct aws_client *));
    if (err == NULL)
        add_home(w, gamelift);
    else if (overridden || err->code != RPC_INVALID_ARGUMENT)
        return err;
    add_home(w, svc->gamelift);
    for (size_t i = 0; i < svc->n_queue_homes; i++)
        add_home(w, svc->queue_homes[i]);
    return NULL;
}

void end_placements(struct dsm_service *svc, struct ctx *ctx, struct str session_id,
                    struct str deployment, end_placements_fn *fn, void *priv) {
    struct walk *w = OBJ_NEW(ctx->arena, walk, WALK_MAGIC);
    w->svc = svc;
    w->ctx = ctx;
    w->session_id = session_id;
    w->fn = fn;
    w->priv = priv;
    w->failed = find_homes(w, deployment);
    if (w->failed != NULL)
        w->n_homes = 0;
    ctx_sleep(svc->loop, ctx, 0, on_start, w);
}

static void on_start(void *priv, const struct err *err) {
    struct walk *w = OBJ_CAST(priv, walk, WALK_MAGIC);
    if (w->failed == NULL)
        w->failed = err;
    if (w->failed != NULL)
        w->fn(w->priv, &w->ended, w->failed);
    else
        next_turn(w);
}

static void next_region(struct walk *w) {
    w->turn = 0;
    if (++w->home < w->n_homes)
        next_turn(w);
    else
        w->fn(w->priv, &w->ended, w->failed);
}

/* ---- the series of ids in one region ---- */

static void next_turn(struct walk *w) {
    if (w->turn == SESSION_TOKEN_MAX_TURNS) {
        end_of_series(w);
        return;
    }
    w->turn++;
    w->races = 0;
    w->placement_id = session_token(w->ctx->arena, w->session_id, w->turn);
    in_flight_end_begin(w->svc, &w->in_flight, w->ctx->arena, w->placement_id);
    look(w);
}

static void look(struct walk *w) {
    const struct gl_describe_game_session_placement_input in = {.placement_id = w->placement_id};
    gl_describe_game_session_placement(w->homes[w->home], ctx_part_begin(&w->request, w->ctx), &in,
                                       on_looked, w);
}

/* Nothing may run on because an answer was not understood. */
static const struct err *bad_answer(struct walk *w, const char *what) {
    return err_new(w->ctx->arena, RPC_UNAVAILABLE,
                   "DescribeGameSessionPlacement: the answer has no %s", what);
}

/* Ends the memory of the request that was answered; the error goes on living. */
static const struct err *end_request(struct walk *w, const struct err *err) {
    err = err == NULL ? NULL : err_copy(w->ctx->arena, err);
    ctx_part_end(&w->request);
    return err;
}

static void on_looked(void *priv, const struct gl_describe_game_session_placement_output *out,
                      const struct err *err) {
    struct walk *w = OBJ_CAST(priv, walk, WALK_MAGIC);
    const struct gl_game_session_placement *placement =
        err == NULL ? out->game_session_placement : NULL;
    enum gl_game_session_placement_state status = GL_GAME_SESSION_PLACEMENT_STATE_UNSET;
    struct str arn = STR_NULL;
    if (placement != NULL) {
        status = placement->status;
        arn = arena_str(w->ctx->arena, placement->game_session_arn);
    }
    err = end_request(w, err);
    /* NotFound ends the series; so does an id that GameLift could never have taken. */
    if (err != NULL && (str_eq(err->type, STR("NotFoundException")) ||
                        (err->origin == ERR_LOCAL && err->code == RPC_INVALID_ARGUMENT)))
        end_of_series(w);
    else if (err != NULL)
        fail_here(w, err);
    else if (placement == NULL)
        fail_here(w, bad_answer(w, "GameSessionPlacement"));
    else
        end_placement(w, status, arn);
}

static void end_placement(struct walk *w, enum gl_game_session_placement_state status,
                          struct str arn) {
    const struct gl_stop_game_session_placement_input in = {.placement_id = w->placement_id};
    switch (status) {
    case GL_GAME_SESSION_PLACEMENT_STATE_PENDING:
        gl_stop_game_session_placement(w->homes[w->home], ctx_part_begin(&w->request, w->ctx), &in,
                                       on_stopped, w);
        return;
    case GL_GAME_SESSION_PLACEMENT_STATE_FULFILLED:
        if (is_game_session_arn(arn))
            end_session(w->svc, w->ctx, arn, on_session_ended, w);
        else
            fail_here(w, bad_answer(w, "GameSessionArn"));
        return;
    case GL_GAME_SESSION_PLACEMENT_STATE_CANCELLED:
    case GL_GAME_SESSION_PLACEMENT_STATE_TIMED_OUT:
    case GL_GAME_SESSION_PLACEMENT_STATE_FAILED:
        next_turn(w);
        return;
    default:
        fail_here(w, bad_answer(w, "Status that is known here"));
    }
}

static void on_stopped(void *priv, const struct gl_stop_game_session_placement_output *out,
                       const struct err *err) {
    struct walk *w = OBJ_CAST(priv, walk, WALK_MAGIC);
    (void)out;
    err = end_request(w, err);
    if (err == NULL) {
        LOG_INFO(w->ctx->log, "placement stopped", LOG_STR("placementID", w->placement_id));
        w->ended.n++;
        next_turn(w);
    } else if (str_eq(err->type, STR("InvalidRequestException")) && ++w->races < MAX_RACES) {
        look(w); /* it was placed, or ended, in between */
    } else if (str_eq(err->type, STR("NotFoundException"))) {
        next_turn(w);
    } else {
        fail_here(w, err);
    }
}

static void on_session_ended(void *priv, enum end_result result, const struct err *err) {
    struct walk *w = OBJ_CAST(priv, walk, WALK_MAGIC);
    if (result == END_FAILED) {
        fail_here(w, err);
        return;
    }
    if (result == END_DONE)
        w->ended.n++;
    next_turn(w);
}

/* ---- done in this region ---- */

static void end_of_series(struct walk *w) {
    in_flight_end_end(&w->in_flight);
    if (w->home == 0)
        w->ended.next_id = w->placement_id;
    next_region(w);
}

static void fail_here(struct walk *w, const struct err *err) {
    in_flight_end_end(&w->in_flight);
    if (w->failed == NULL)
        w->failed = err;
    if (err->origin == ERR_CALLER)
        w->fn(w->priv, &w->ended, err);
    else
        next_region(w);
}
