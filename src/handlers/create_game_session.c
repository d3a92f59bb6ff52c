// SPDX-License-Identifier: Apache-2.0
/*
 * CreateGameSession, the synchronous mode: ask GameLift for a game session in the first requested
 * region, then the next, until one has room; answer with where the players connect.
 *
 * Reads downwards in time. Each step starts one request or ends the call.
 */
#include "base/clock.h"
#include "base/ctx_sleep.h"
#include "handlers/find_session.h"
#include "handlers/game_properties.h"
#include "handlers/reclaim.h"
#include "handlers/service.h"
#include "handlers/session_token.h"

#define MAX_REGIONS 20     /* of one request; more is refused */
#define MIN_REGION_MS 1000 /* of the call's time for one region, however many there are */
#define LOOK_AGAIN_MS 100  /* first wait for a session that is not ready; doubles */
#define LOOK_AGAIN_CAP_MS 2000

struct attempt { /* in the call's arena */
    unsigned magic;
#define ATTEMPT_MAGIC 0x5e9a1c44U
    struct dsm_create_game_session_call *call;
    struct aws_client *gamelift;
    struct gl_create_game_session_input in;
    struct str regions[MAX_REGIONS];
    size_t n_regions;
    size_t next;                             /* index of the region that is tried */
    const struct err *refusals[MAX_REGIONS]; /* what each region tried so far answered */
    struct ctx_child region;                 /* the share of the call's time for this region */
    unsigned turn;                           /* of the session's tokens */
    struct str arn;                          /* of the session that is not ready yet */
    int64_t look_again_ms;
    bool left_behind; /* GameLift may have made a session that we do not answer with */
};

/* Steps, in the order of time. */
static struct err *prepare(struct attempt *a);
static void try_region(struct attempt *a);
static void ask_for_session(struct attempt *a);
static gl_create_game_session_fn on_created;
static find_session_fn on_found_by_token;
static void judge(struct attempt *a, const struct gl_game_session *session);
static void look_again_later(struct attempt *a);
static ctx_sleep_fn on_time_to_look;
static gl_describe_game_sessions_fn on_looked;
static void reply_ready(struct attempt *a, const struct gl_game_session *session);
static void on_refusal(struct attempt *a, const struct err *err);
static void fail(struct attempt *a, const struct err *err);

void dsm_handle_create_game_session(struct dsm_create_game_session_call *call) {
    struct ctx *ctx = call->ctx;
    struct attempt *a = OBJ_NEW(ctx->arena, attempt, ATTEMPT_MAGIC);
    a->call = call;
    a->turn = 1;
    ctx->log = LOG_WITH(ctx->arena, ctx->log, LOG_CSTR("sessionID", call->req->session_id),
                        LOG_CSTR("namespace", call->req->namespace_));
    struct err *err = prepare(a);
    if (err != NULL)
        fail(a, err);
    else
        try_region(a);
}

/* The regions, and the GameLift request but for the region. */
static struct err *prepare(struct attempt *a) {
    const struct dsm_request_create_game_session *req = a->call->req;
    struct dsm_service *svc = a->call->svc;
    struct arena *arena = a->call->ctx->arena;
    if (!str_empty(svc->location_override)) {
        a->regions[a->n_regions++] = svc->location_override;
    } else if (req->n_requested_region == 0 || req->n_requested_region > MAX_REGIONS) {
        return ERR_INVALID(arena, "requested_region must name 1 to %d regions, but names %zu",
                           MAX_REGIONS, req->n_requested_region);
    } else {
        for (size_t i = 0; i < req->n_requested_region; i++)
            a->regions[a->n_regions++] = str_c(req->requested_region[i]);
    }
    a->in = (struct gl_create_game_session_input){
        .alias_id =
            str_empty(svc->alias_id_override) ? str_c(req->deployment) : svc->alias_id_override,
        .has_maximum_player_session_count = true,
        .game_properties = game_properties(arena, req),
        .game_session_data = game_session_data(req),
    };
    struct err *err =
        game_maximum_player(arena, req->maximum_player, &a->in.maximum_player_session_count);
    if (err == NULL)
        err = dsm_gamelift_of(svc, arena, a->in.alias_id, &a->gamelift);
    return err;
}

/* A region that does not answer must leave time for those behind it. */
static void try_region(struct attempt *a) {
    struct ctx *ctx = a->call->ctx;
    int64_t share = ctx_remaining_ms(ctx) / (int64_t)(a->n_regions - a->next);
    a->in.location = a->regions[a->next];
    ctx_child_begin(&a->region, ctx,
                    clock_mono_ms() + (share > MIN_REGION_MS ? share : MIN_REGION_MS));
    ask_for_session(a);
}

/* GameLift answers a token that it has seen with the session that it made for it then. */
static void ask_for_session(struct attempt *a) {
    a->in.idempotency_token =
        session_token(a->call->ctx->arena, str_c(a->call->req->session_id), a->turn);
    gl_create_game_session(a->gamelift, &a->region.ctx, &a->in, on_created, a);
}

static void on_created(void *priv, const struct gl_create_game_session_output *out,
                       const struct err *err) {
    struct attempt *a = OBJ_CAST(priv, attempt, ATTEMPT_MAGIC);
    if (err != NULL && str_eq(err->type, STR("IdempotentParameterMismatchException"))) {
        /* A session was made for this token with other parameters: in another region, by a try
         * whose answer was lost, or for an earlier request. It is this session's server. */
        find_session(a->call->svc, &a->region.ctx, a->in.alias_id, a->in.idempotency_token,
                     on_found_by_token, a);
    } else if (err != NULL) {
        on_refusal(a, err);
    } else if (out->game_session == NULL) {
        a->left_behind = true;
        on_refusal(a, err_new(a->call->ctx->arena, RPC_UNAVAILABLE,
                              "CreateGameSession: the answer holds no game session"));
    } else {
        judge(a, out->game_session);
    }
}

static void on_found_by_token(void *priv, const struct gl_game_session *session,
                              const struct err *err) {
    struct attempt *a = OBJ_CAST(priv, attempt, ATTEMPT_MAGIC);
    if (session != NULL)
        judge(a, session);
    else
        on_refusal(a, err != NULL ? err
                                  : err_new(a->call->ctx->arena, RPC_ALREADY_EXISTS,
                                            "CreateGameSession: GameLift has a session for this "
                                            "session_id with other parameters, but does not list "
                                            "it"));
}

static bool is_complete(const struct gl_game_session *s) {
    return !str_empty(s->game_session_id) && s->has_port &&
           (!str_empty(s->ip_address) || !str_empty(s->dns_name));
}

/* Every member of GameLift's answer is optional in its model, so none is trusted to be there. */
static void judge(struct attempt *a, const struct gl_game_session *session) {
    bool wait_active = a->call->svc->wait_active;
    if (!str_empty(session->game_session_id))
        a->arn = session->game_session_id;
    switch (session->status) {
    case GL_GAME_SESSION_STATUS_TERMINATED:
    case GL_GAME_SESSION_STATUS_TERMINATING:
    case GL_GAME_SESSION_STATUS_ERROR:
        /* The server of an earlier request: players must not be sent to it. */
        a->arn = STR_NULL;
        if (a->turn == SESSION_TOKEN_MAX_TURNS) {
            on_refusal(a,
                       err_new(a->call->ctx->arena, RPC_FAILED_PRECONDITION,
                               "the session has used up its %d servers", SESSION_TOKEN_MAX_TURNS));
            return;
        }
        a->turn++;
        ask_for_session(a);
        return;
    case GL_GAME_SESSION_STATUS_ACTIVE:
        if (is_complete(session))
            break;
        look_again_later(a);
        return;
    case GL_GAME_SESSION_STATUS_ACTIVATING:
        if (is_complete(session) && !wait_active)
            break;
        look_again_later(a);
        return;
    default:
        look_again_later(a);
        return;
    }
    reply_ready(a, session);
}

/* ---- a session that is not ready yet ---- */

static void look_again_later(struct attempt *a) {
    if (str_empty(a->arn)) {
        a->left_behind = true;
        on_refusal(a, err_new(a->call->ctx->arena, RPC_UNAVAILABLE,
                              "CreateGameSession: the answer has no GameSessionId"));
        return;
    }
    a->look_again_ms = a->look_again_ms == 0 ? LOOK_AGAIN_MS : 2 * a->look_again_ms;
    if (a->look_again_ms > LOOK_AGAIN_CAP_MS)
        a->look_again_ms = LOOK_AGAIN_CAP_MS;
    /* The session exists here: from now on the whole of the call's time is its own. */
    ctx_sleep(a->call->svc->loop, a->call->ctx, a->look_again_ms, on_time_to_look, a);
}

static void on_time_to_look(void *priv, const struct err *err) {
    struct attempt *a = OBJ_CAST(priv, attempt, ATTEMPT_MAGIC);
    if (err != NULL) {
        struct err *late = err_copy(a->call->ctx->arena, err);
        if (err->code == RPC_DEADLINE_EXCEEDED)
            late->msg = STR("the game session was created, but was not ready in time");
        fail(a, late);
        return;
    }
    const struct gl_describe_game_sessions_input in = {.game_session_id = a->arn};
    gl_describe_game_sessions(a->gamelift, a->call->ctx, &in, on_looked, a);
}

static void on_looked(void *priv, const struct gl_describe_game_sessions_output *out,
                      const struct err *err) {
    struct attempt *a = OBJ_CAST(priv, attempt, ATTEMPT_MAGIC);
    if (err != NULL && (err->origin == ERR_CALLER || !err->retryable))
        fail(a, err);
    else if (err != NULL || out->game_sessions.n == 0)
        look_again_later(a);
    else
        judge(a, &out->game_sessions.v[0]);
}

/* ---- the ends ---- */

static void reply_ready(struct attempt *a, const struct gl_game_session *session) {
    const struct dsm_request_create_game_session *req = a->call->req;
    struct arena *arena = a->call->ctx->arena;
    struct str region = str_empty(session->location) ? a->regions[a->next] : session->location;
    char *arn = protobuf_string(arena, session->game_session_id);
    char *where = protobuf_string(arena, region);
    struct dsm_response_create_game_session resp = DSM_RESPONSE_CREATE_GAME_SESSION_INIT;
    resp.session_id = req->session_id;
    resp.namespace_ = req->namespace_;
    resp.session_data = req->session_data;
    resp.client_version = req->client_version;
    resp.game_mode = req->game_mode;
    resp.status = protobuf_string(arena, STR("READY"));
    resp.source = protobuf_string(arena, STR("Gamelift"));
    resp.ip = protobuf_string(arena, str_empty(session->ip_address) ? session->dns_name
                                                                    : session->ip_address);
    resp.port = session->port;
    /* AGS gives the deployment back at termination: the only place that keeps the ARN. */
    resp.deployment = arn;
    resp.server_id = arn;
    resp.region = where;
    resp.created_region = where;
    LOG_INFO(a->call->ctx->log, "game session created", LOG_STR("region", region),
             LOG_INT("regionsTried", a->next + 1), LOG_INT("turn", a->turn),
             LOG_STR("gameSessionID", session->game_session_id));
    reclaim_forget(a->call->svc, str_c(req->namespace_), str_c(req->session_id));
    ctx_child_end(&a->region);
    dsm_create_game_session_reply(a->call, &resp);
}

/*
 * Capacity, fleet status, location, service and timeout errors differ from region to region. Our
 * credentials, permissions and clock, a request that breaks the model's rules, and a caller that is
 * gone do not.
 */
static bool another_region_may_help(const struct err *err) {
    switch (err->origin) {
    case ERR_CALLER:
        return false;
    case ERR_LOCAL:
        return err->code != RPC_INVALID_ARGUMENT || str_eq(err->field, STR("Location"));
    case ERR_TRANSPORT:
        return true;
    case ERR_UPSTREAM:
        return err->code != RPC_PERMISSION_DENIED && err->code != RPC_INTERNAL;
    }
    return false;
}

/* GameLift may have done what was asked although we have no answer that says so. */
static bool outcome_unknown(const struct err *err) {
    return err->origin == ERR_CALLER || err->origin == ERR_TRANSPORT || err->http_status >= 500;
}

/* The code that tells the caller most: what may pass by itself before what will not. */
static const struct err *most_useful(const struct err *const *errs, size_t n) {
    static const enum rpc_code order[] = {
        RPC_RESOURCE_EXHAUSTED,  RPC_UNAVAILABLE,      RPC_ABORTED,
        RPC_FAILED_PRECONDITION, RPC_INVALID_ARGUMENT, RPC_NOT_FOUND,
    };
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        for (size_t k = n; k > 0; k--)
            if (errs[k - 1]->code == order[i])
                return errs[k - 1];
    return errs[n - 1];
}

static const struct err *all_reasons(struct attempt *a) {
    struct arena *arena = a->call->ctx->arena;
    struct buf text;
    buf_init(&text, 1000);
    buf_puts(&text, "no requested region could start a game session");
    for (size_t i = 0; i < a->next; i++) {
        const struct err *refusal = game_error_in_ags_terms(arena, a->refusals[i]);
        buf_printf(&text, "; " STR_FMT ": " STR_FMT, STR_ARG(str_utf8_cut(a->regions[i], 64)),
                   STR_ARG(str_utf8_cut(refusal->msg, 200)));
    }
    struct err *err = err_copy(arena, most_useful(a->refusals, a->next));
    err->msg = arena_str(arena, buf_str(&text));
    err->field = STR_NULL;
    buf_free(&text);
    return err;
}

static void on_refusal(struct attempt *a, const struct err *err) {
    struct ctx *ctx = a->call->ctx;
    if (outcome_unknown(err))
        a->left_behind = true;
    if (err->origin == ERR_CALLER && ctx->reason == NULL && ctx_remaining_ms(ctx) > 0) {
        /* Not the caller's time is over, only this region's share of it. */
        struct err *slow = err_new(ctx->arena, RPC_UNAVAILABLE, "GameLift did not answer in time");
        slow->origin = ERR_TRANSPORT;
        err = slow;
    }
    ctx_child_end(&a->region);
    LOG_WARN(ctx->log, "region refused", LOG_STR("region", a->regions[a->next]), LOG_ERR(err));
    a->refusals[a->next++] = err;
    if (!another_region_may_help(err))
        fail(a, game_error_in_ags_terms(ctx->arena, err));
    else if (a->next < a->n_regions)
        try_region(a);
    else
        fail(a, a->next == 1 ? game_error_in_ags_terms(ctx->arena, err) : all_reasons(a));
}

static void fail(struct attempt *a, const struct err *err) {
    ctx_child_end(&a->region);
    if (a->left_behind || !str_empty(a->arn)) {
        const struct reclaim_request left = {
            .namespace = str_c(a->call->req->namespace_),
            .session_id = str_c(a->call->req->session_id),
            .arn = a->arn,
            .alias = a->in.alias_id,
            .turns = a->turn,
        };
        reclaim_later(a->call->svc, &left);
    }
    dsm_create_game_session_fail(a->call, err);
}
