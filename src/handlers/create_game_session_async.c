// SPDX-License-Identifier: Apache-2.0
/*
 * CreateGameSessionAsync, the asynchronous mode: start a placement on a GameLift queue and answer
 * at once. AGS hears of the server later, from the game server or from the queue's events.
 *
 * A placement id can be used once only, so a repeated request first meets its own earlier
 * placement: one that is under way, or has a live server, is what was asked for; after one that has
 * failed, or whose server is gone, the next id of the session's series is used.
 *
 * Reads downwards in time. Each step starts one request or ends the call.
 */
#include "base/ctx_part.h"
#include "handlers/end_session.h"
#include "handlers/game_properties.h"
#include "handlers/in_flight.h"
#include "handlers/latencies.h"
#include "handlers/reclaim.h"
#include "handlers/service.h"
#include "handlers/session_token.h"

#define MAX_LOCATIONS 10 /* of a PriorityConfigurationOverride */

struct order { /* in the call's arena */
    unsigned magic;
#define ORDER_MAGIC 0x71c9e25aU
    struct dsm_create_game_session_async_call *call;
    struct aws_client *gamelift;
    struct gl_start_game_session_placement_input in;
    struct gl_priority_configuration_override priority;
    unsigned turn;                 /* of the session's placement ids */
    struct ctx_part asking;        /* about this turn's id: answers hold all of session_data */
    const struct err *refusal;     /* what GameLift said to it; in that part's memory */
    bool may_be_placed;            /* there may be a placement of this turn's id all the same */
    struct reclaim_list inherited; /* what earlier calls for the session left behind */
    struct in_flight_create in_flight;
};

/* Steps, in the order of time. */
static struct err *prepare(struct order *o);
static void start_placement(struct order *o);
static gl_start_game_session_placement_fn on_started;
static gl_describe_game_session_placement_fn on_looked;
static void judge(struct order *o, const struct gl_game_session_placement *placement);
static gl_describe_game_sessions_fn on_server;
static void fail_unseen(struct order *o, const struct err *err);
static void use_next_id(struct order *o);
static void reply_success(struct order *o, const char *how);
static void reply_refused(struct order *o, const struct err *err);
static void fail(struct order *o, const struct err *err);

void dsm_handle_create_game_session_async(struct dsm_create_game_session_async_call *call) {
    struct ctx *ctx = call->ctx;
    struct order *o = OBJ_NEW(ctx->arena, order, ORDER_MAGIC);
    o->call = call;
    o->turn = 1;
    ctx->log = LOG_WITH(ctx->arena, ctx->log, LOG_CSTR("sessionID", call->req->session_id),
                        LOG_CSTR("namespace", call->req->namespace_));
    struct err *err = prepare(o);
    if (err != NULL) {
        dsm_create_game_session_async_fail(call, err);
        return;
    }
    /* From here on this call looks after the session's servers. */
    in_flight_create_begin(call->svc, &o->in_flight, ctx, str_c(call->req->namespace_),
                           str_c(call->req->session_id));
    o->inherited = reclaim_take_over(call->svc, ctx->arena, str_c(call->req->namespace_),
                                     str_c(call->req->session_id));
    start_placement(o);
}

static struct gl_player_latency_list read_latencies(struct order *o) {
    struct ctx *ctx = o->call->ctx;
    struct latencies l = latencies_read(ctx->arena, str_c(o->call->req->session_data));
    if (l.why != NULL)
        LOG_WARN(ctx->log, "player latencies were left out", LOG_CSTR("reason", l.why),
                 LOG_INT("leftOut", l.skipped), LOG_INT("used", l.list.n));
    return l.list;
}

/* GameLift takes a location order or latencies, not both, and ten locations. */
static void set_location_order(struct order *o, const struct str *wanted, size_t n_wanted) {
    struct str *order = arena_array(o->call->ctx->arena, MAX_LOCATIONS, sizeof *order);
    size_t n = 0;
    for (size_t i = 0; i < n_wanted && n < MAX_LOCATIONS; i++) {
        bool known = false;
        for (size_t k = 0; k < n; k++)
            known = known || str_eq(order[k], wanted[i]);
        if (!known)
            order[n++] = wanted[i];
    }
    o->priority.location_order = (struct gl_location_order_override_list){.v = order, .n = n};
    o->in.priority_configuration_override = &o->priority;
}

/* Where players are best served: in the regions that AGS names, or as their latencies tell. */
static void set_preference(struct order *o) {
    const struct dsm_request_create_game_session *req = o->call->req;
    struct dsm_service *svc = o->call->svc;
    struct str *wanted = arena_array(o->call->ctx->arena, req->n_requested_region, sizeof *wanted);
    for (size_t i = 0; i < req->n_requested_region; i++)
        wanted[i] = str_c(req->requested_region[i]);
    if (svc->queue_use_requested_regions && !str_empty(svc->location_override))
        set_location_order(o, &svc->location_override, 1);
    else if (svc->queue_use_requested_regions && req->n_requested_region > 0)
        set_location_order(o, wanted, req->n_requested_region);
    else
        o->in.player_latencies = read_latencies(o);
}

static struct err *prepare(struct order *o) {
    const struct dsm_request_create_game_session *req = o->call->req;
    struct dsm_service *svc = o->call->svc;
    struct arena *arena = o->call->ctx->arena;
    o->in = (struct gl_start_game_session_placement_input){
        .game_session_queue_name =
            str_empty(svc->queue_arn_override) ? str_c(req->deployment) : svc->queue_arn_override,
        .has_maximum_player_session_count = true,
        .game_properties = game_properties(arena, req),
        .game_session_data = game_session_data(req),
    };
    struct err *err = game_check_request(arena, req, &o->in.maximum_player_session_count);
    if (err != NULL)
        return err;
    set_preference(o);
    const char *setting = str_empty(svc->queue_arn_override) ? NULL : "AWS_QUEUE_ARN_OVERRIDE";
    return game_gamelift_of(svc, arena, o->in.game_session_queue_name, setting, &o->gamelift);
}

static void start_placement(struct order *o) {
    dsm_note_queue_home(o->call->svc, o->gamelift);
    o->in.placement_id =
        session_token(o->call->ctx->arena, str_c(o->call->req->session_id), o->turn);
    gl_start_game_session_placement(o->gamelift, ctx_part_begin(&o->asking, o->call->ctx), &o->in,
                                    on_started, o);
}

/* An answer that says nothing of what GameLift has done. */
static const struct err *bad_answer(struct order *o, const char *operation) {
    struct err *err = err_new(o->call->ctx->arena, RPC_UNAVAILABLE,
                              "%s: the answer has no GameSessionPlacement", operation);
    err->origin = ERR_TRANSPORT;
    err->may_have_acted = true;
    return err;
}

/* GameLift does not even look at what we ask: our permissions, credentials or clock are wrong. */
static bool is_final(const struct err *err) {
    return err->origin == ERR_UPSTREAM &&
           (err->code == RPC_PERMISSION_DENIED || err->code == RPC_INTERNAL);
}

static void on_started(void *priv, const struct gl_start_game_session_placement_output *out,
                       const struct err *err) {
    struct order *o = OBJ_CAST(priv, order, ORDER_MAGIC);
    struct arena *arena = o->call->ctx->arena;
    if (err == NULL && out->game_session_placement != NULL) {
        judge(o, out->game_session_placement);
        return;
    }
    if (err == NULL)
        err = bad_answer(o, "StartGameSessionPlacement");
    o->refusal = err;
    o->may_be_placed = err->may_have_acted;
    if (err->origin == ERR_LOCAL || err->origin == ERR_CALLER) {
        fail(o, game_error_in_ags_terms(arena, err, o->call->svc));
        return;
    }
    if (is_final(err)) {
        reply_refused(o, err);
        return;
    }
    /* The id may have been taken, by an earlier request or by a try whose answer was lost. */
    const struct gl_describe_game_session_placement_input in = {
        .placement_id = o->in.placement_id,
    };
    gl_describe_game_session_placement(o->gamelift, &o->asking.child.ctx, &in, on_looked, o);
}

/* What stands behind the refusal of a request. */
static void on_looked(void *priv, const struct gl_describe_game_session_placement_output *out,
                      const struct err *err) {
    struct order *o = OBJ_CAST(priv, order, ORDER_MAGIC);
    if (err == NULL && out->game_session_placement != NULL)
        judge(o, out->game_session_placement);
    else if (err != NULL && str_eq(err->type, STR("NotFoundException")))
        reply_refused(o, o->refusal); /* nothing was placed: the refusal is GameLift's last word */
    else
        fail_unseen(o, err != NULL ? err : bad_answer(o, "DescribeGameSessionPlacement"));
}

/* Something was placed, but whether it is, or will be, a living server cannot be seen. */
static void fail_unseen(struct order *o, const struct err *err) {
    o->may_be_placed = true;
    fail(o, err);
}

static void judge(struct order *o, const struct gl_game_session_placement *placement) {
    if (is_being_ended(o->call->svc, o->in.placement_id) ||
        is_being_ended(o->call->svc, placement->game_session_arn)) {
        use_next_id(o);
        return;
    }
    switch (placement->status) {
    case GL_GAME_SESSION_PLACEMENT_STATE_FAILED:
    case GL_GAME_SESSION_PLACEMENT_STATE_TIMED_OUT:
    case GL_GAME_SESSION_PLACEMENT_STATE_CANCELLED:
        use_next_id(o);
        return;
    case GL_GAME_SESSION_PLACEMENT_STATE_FULFILLED:
        if (is_game_session_arn(placement->game_session_arn)) {
            const struct gl_describe_game_sessions_input in = {
                .game_session_id = placement->game_session_arn,
            };
            struct aws_client *home;
            struct err *err = dsm_gamelift_of(o->call->svc, o->call->ctx->arena,
                                              placement->game_session_arn, &home);
            if (err != NULL)
                fail_unseen(o, err);
            else
                gl_describe_game_sessions(home, &o->asking.child.ctx, &in, on_server, o);
            return;
        }
        reply_success(o, "the placement is fulfilled");
        return;
    default:
        reply_success(o, o->refusal == NULL ? "placement started" : "the placement is under way");
    }
}

/* The server of a fulfilled placement: does it still live? */
static void on_server(void *priv, const struct gl_describe_game_sessions_output *out,
                      const struct err *err) {
    struct order *o = OBJ_CAST(priv, order, ORDER_MAGIC);
    if (err == NULL && out->game_sessions.v == NULL) { /* says nothing, least that it is gone */
        err = err_new(o->call->ctx->arena, RPC_UNAVAILABLE,
                      "DescribeGameSessions: the answer has no GameSessions");
        AN(err);
    }
    bool gone = err != NULL
                    ? str_eq(err->type, STR("NotFoundException"))
                    : out->game_sessions.n == 0 || is_session_over(out->game_sessions.v[0].status);
    if (gone)
        use_next_id(o);
    else if (err == NULL)
        reply_success(o, "the session's server is running");
    else if (!is_final(err))
        fail_unseen(o, err);
    else {
        o->may_be_placed = true;
        reply_refused(o, err);
    }
}

static void use_next_id(struct order *o) {
    if (o->turn == SESSION_TOKEN_MAX_TURNS) {
        reply_refused(o, err_new(o->call->ctx->arena, RPC_FAILED_PRECONDITION,
                                 "the session has used up its %d placements",
                                 SESSION_TOKEN_MAX_TURNS));
        return;
    }
    o->turn++;
    o->refusal = NULL;
    o->may_be_placed = false;
    start_placement(o);
}

/* ---- the ends ---- */

/* Servers of the session that earlier calls left, and that are not what was asked for now. */
static void leave_others_to_reclaim(struct order *o) {
    for (size_t i = 0; i < o->inherited.n; i++)
        if (!str_eq(o->inherited.v[i].placement_id, o->in.placement_id))
            reclaim_hand_back_other(o->call->svc, &o->inherited.v[i]);
}

static struct reclaim_request placement_of(const struct order *o) {
    return (struct reclaim_request){
        .namespace = str_c(o->call->req->namespace_),
        .session_id = str_c(o->call->req->session_id),
        .placement_id = o->in.placement_id,
        .queue = o->in.game_session_queue_name,
    };
}

static void reply_success(struct order *o, const char *how) {
    struct dsm_response_create_game_session_async resp =
        DSM_RESPONSE_CREATE_GAME_SESSION_ASYNC_INIT;
    LOG_INFO(o->call->ctx->log, how, LOG_STR("placementID", o->in.placement_id),
             LOG_INT("turn", o->turn), LOG_INT("playerLatencies", o->in.player_latencies.n));
    resp.success = true;
    in_flight_create_end(&o->in_flight);
    leave_others_to_reclaim(o);
    if (o->call->svc->on_placement != NULL)
        o->call->svc->on_placement(o->call->svc->on_placement_priv, o->call->ctx,
                                   str_c(o->call->req->namespace_), aws_client_region(o->gamelift),
                                   o->in.placement_id);
    const struct reclaim_request answer = placement_of(o);
    reclaim_if_undelivered(o->call->svc, o->call->rpc, &answer);
    dsm_create_game_session_async_reply(o->call, &resp);
}

/* What a studio's engineer can do about the refusals that GameLift gives to a placement. */
static const char *what_to_do(const struct err *err) {
    if (str_eq(err->type, STR("NotFoundException")))
        return " (is the queue's name or ARN in the session template's deployment right, and is it "
               "in this AWS region?)";
    if (str_eq(err->type, STR("UnsupportedRegionException")))
        return " (GameLift does not offer this in the queue's region)";
    if (err->code == RPC_RESOURCE_EXHAUSTED)
        return " (a quota of the account, or too many requests: try again later)";
    if (err->code == RPC_PERMISSION_DENIED)
        return " (does the IAM policy of the service's AWS credentials allow it?)";
    if (err->code == RPC_INTERNAL && err->origin == ERR_UPSTREAM)
        return " (are the service's AWS credentials and clock right?)";
    return "";
}

/* Whoever is told of a failure will not look after a placement that was started all the same. */
static void leave_to_reclaim(struct order *o) {
    const struct reclaim_request left = placement_of(o);
    in_flight_create_end(&o->in_flight);
    reclaim_hand_back(o->call->svc, &o->inherited);
    if (o->may_be_placed)
        reclaim_later(o->call->svc, &left);
}

static void reply_refused(struct order *o, const struct err *err) {
    struct dsm_response_create_game_session_async resp =
        DSM_RESPONSE_CREATE_GAME_SESSION_ASYNC_INIT;
    LOG_ERROR(o->call->ctx->log, "GameLift did not start the placement",
              LOG_STR("placementID", o->in.placement_id), LOG_ERR(err));
    struct str message =
        arena_printf(o->call->ctx->arena,
                     "failed to start a game session placement for session %s: " STR_FMT "%s",
                     o->call->req->session_id, STR_ARG(err->msg), what_to_do(err));
    resp.message = protobuf_string(o->call->ctx->arena, message);
    leave_to_reclaim(o);
    dsm_create_game_session_async_reply(o->call, &resp);
}

static void fail(struct order *o, const struct err *err) {
    leave_to_reclaim(o);
    dsm_create_game_session_async_fail(o->call, err);
}
