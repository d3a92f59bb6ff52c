// SPDX-License-Identifier: Apache-2.0
/*
 * CreateGameSession, the synchronous mode: ask GameLift for a game session in the first requested
 * region, then the next, until one has room; answer with where the players connect.
 *
 * Reads downwards in time. Each step starts one request or ends the call.
 */
#include "base/clock.h"
#include "base/ctx_part.h"
#include "base/ctx_sleep.h"
#include "handlers/end_session.h"
#include "handlers/find_session.h"
#include "handlers/game_properties.h"
#include "handlers/in_flight.h"
#include "handlers/reclaim.h"
#include "handlers/service.h"
#include "handlers/session_token.h"

#define MAX_REGIONS 20     /* of one request; more is refused */
#define MIN_REGION_MS 1000 /* of the call's time for one region, however many there are */
#define LOOK_AGAIN_MS 100  /* first wait for a session that is not ready; doubles */
#define LOOK_AGAIN_CAP_MS 2000
#define LIST_AGAIN_MS 500 /* before a session that must be there is looked for once more */
#define MAX_REASONS 900   /* bytes of all regions' reasons; a status text may have 1,000 */

struct attempt { /* in the call's arena */
    unsigned magic;
#define ATTEMPT_MAGIC 0x5e9a1c44U
    struct dsm_create_game_session_call *call;
    struct aws_client *gamelift;
    struct gl_create_game_session_input in;
    struct str *regions;
    size_t n_regions;
    size_t next;                 /* index of the region that is tried */
    const struct err **refusals; /* what each region tried so far answered */
    int64_t region_until_ms;     /* end of this region's share of the call's time */
    struct ctx_part asking;      /* for a session, or for one with a token */
    struct ctx_part looking;     /* at a session that is not ready */
    unsigned turn;               /* of the session's tokens */
    struct str arn;              /* of the session that is not ready yet */
    int64_t look_again_ms;       /* the last wait for it */
    bool listed_late; /* the session of this turn was not listed, and has been waited for */
    bool left_behind; /* GameLift may have made a session that we do not answer with */
    unsigned unseen;  /* turn whose session may exist although it is not listed; 0 for none */
    struct reclaim_list inherited; /* what earlier calls for the session left behind */
    struct in_flight_create in_flight;
};

/* Steps, in the order of time. */
static struct err *prepare(struct attempt *a);
static void try_region(struct attempt *a);
static void ask_for_session(struct attempt *a);
static gl_create_game_session_fn on_created;
static void look_for_token(struct attempt *a);
static find_session_fn on_found_by_token;
static ctx_sleep_fn on_time_to_look_for_token;
static void judge(struct attempt *a, const struct gl_game_session *session);
static void use_next_token(struct attempt *a);
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
    if (err != NULL) {
        fail(a, err);
        return;
    }
    /* From here on this call looks after the session's servers. */
    in_flight_create_begin(call->svc, &a->in_flight, ctx, str_c(call->req->namespace_),
                           str_c(call->req->session_id));
    a->inherited = reclaim_take_over(call->svc, ctx->arena, str_c(call->req->namespace_),
                                     str_c(call->req->session_id));
    try_region(a);
}

/* The regions, and the GameLift request but for the region. */
static struct err *prepare(struct attempt *a) {
    const struct dsm_request_create_game_session *req = a->call->req;
    struct dsm_service *svc = a->call->svc;
    struct arena *arena = a->call->ctx->arena;
    bool overridden = !str_empty(svc->location_override);
    size_t n = overridden ? 1 : req->n_requested_region;
    if (n == 0 || n > MAX_REGIONS)
        return ERR_INVALID(arena, "requested_region must name 1 to %d regions, but names %zu",
                           MAX_REGIONS, n);
    a->n_regions = n;
    a->regions = arena_array(arena, n, sizeof *a->regions);
    a->refusals = arena_array(arena, n, sizeof *a->refusals);
    for (size_t i = 0; i < n; i++)
        a->regions[i] = overridden ? svc->location_override : str_c(req->requested_region[i]);
    a->in = (struct gl_create_game_session_input){
        .alias_id =
            str_empty(svc->alias_id_override) ? str_c(req->deployment) : svc->alias_id_override,
        .has_maximum_player_session_count = true,
        .game_properties = game_properties(arena, req),
        .game_session_data = game_session_data(req),
    };
    struct err *err = game_check_request(arena, req, &a->in.maximum_player_session_count);
    if (err != NULL)
        return err;
    const char *setting = str_empty(svc->alias_id_override) ? NULL : "AWS_ALIAS_ID_OVERRIDE";
    return game_gamelift_of(svc, arena, a->in.alias_id, setting, &a->gamelift);
}

/* A region that does not answer must leave time for those behind it. */
static void begin_share(struct attempt *a) {
    struct ctx *ctx = a->call->ctx;
    int64_t share = ctx_remaining_ms(ctx) / (int64_t)(a->n_regions - a->next);
    a->region_until_ms = clock_mono_ms() + (share > MIN_REGION_MS ? share : MIN_REGION_MS);
}

static void try_region(struct attempt *a) {
    a->in.location = a->regions[a->next];
    begin_share(a);
    ask_for_session(a);
}

/* GameLift answers a token that it has seen with the session that it made for it then. Each request
 * has memory of its own: it and its answer hold all of session_data. */
static void ask_for_session(struct attempt *a) {
    struct ctx *ctx = ctx_part_begin(&a->asking, a->call->ctx);
    if (a->region_until_ms < ctx->deadline_ms)
        ctx->deadline_ms = a->region_until_ms;
    a->in.idempotency_token =
        session_token(a->call->ctx->arena, str_c(a->call->req->session_id), a->turn);
    gl_create_game_session(a->gamelift, ctx, &a->in, on_created, a);
}

/* An answer that says nothing of what GameLift has done. */
static const struct err *bad_answer(struct attempt *a, const char *what) {
    struct err *err =
        err_new(a->call->ctx->arena, RPC_UNAVAILABLE, "CreateGameSession: the answer %s", what);
    err->origin = ERR_TRANSPORT;
    err->may_have_acted = true;
    return err;
}

static void on_created(void *priv, const struct gl_create_game_session_output *out,
                       const struct err *err) {
    struct attempt *a = OBJ_CAST(priv, attempt, ATTEMPT_MAGIC);
    if (err != NULL && str_eq(err->type, STR("IdempotentParameterMismatchException")))
        look_for_token(a);
    else if (err != NULL)
        on_refusal(a, err);
    else if (out->game_session == NULL)
        on_refusal(a, bad_answer(a, "holds no game session"));
    else
        judge(a, out->game_session);
}

/* ---- a token that was used with other parameters ---- */

/*
 * A session was made for this token in another region, by a try whose answer was lost, or for an
 * earlier request. If it lives, it is this session's server.
 */
static void look_for_token(struct attempt *a) {
    find_session(a->call->svc, &a->asking.child.ctx, a->in.alias_id, a->in.idempotency_token,
                 on_found_by_token, a);
}

static void on_found_by_token(void *priv, const struct gl_game_session *session,
                              const struct err *err) {
    struct attempt *a = OBJ_CAST(priv, attempt, ATTEMPT_MAGIC);
    if (err != NULL) {
        a->left_behind = true; /* a session was made, and may live */
        on_refusal(a, err);
    } else if (session != NULL) {
        judge(a, session);
    } else if ((a->left_behind || a->inherited.n > 0) && !a->listed_late) {
        /* It may have been made so lately that it is not listed yet. */
        a->listed_late = true;
        ctx_sleep(a->call->svc->loop, &a->asking.child.ctx, LIST_AGAIN_MS,
                  on_time_to_look_for_token, a);
    } else {
        if (a->listed_late)
            a->unseen = a->turn;
        use_next_token(a);
    }
}

static void on_time_to_look_for_token(void *priv, const struct err *err) {
    struct attempt *a = OBJ_CAST(priv, attempt, ATTEMPT_MAGIC);
    if (err != NULL)
        on_refusal(a, err);
    else
        look_for_token(a);
}

/* ---- a session ---- */

static bool is_complete(const struct gl_game_session *s) {
    return !str_empty(s->game_session_id) && s->has_port && s->port > 0 &&
           (!str_empty(s->ip_address) || !str_empty(s->dns_name));
}

/* Every member of GameLift's answer is optional in its model, so none is trusted to be there. */
static void judge(struct attempt *a, const struct gl_game_session *session) {
    bool wait_active = a->call->svc->wait_active;
    if (!str_empty(session->game_session_id))
        a->arn = arena_str(a->call->ctx->arena, session->game_session_id);
    if (is_session_over(session->status) || is_being_ended(a->call->svc, a->arn))
        use_next_token(a);
    else if (is_complete(session) &&
             (session->status == GL_GAME_SESSION_STATUS_ACTIVE ||
              (session->status == GL_GAME_SESSION_STATUS_ACTIVATING && !wait_active)))
        reply_ready(a, session);
    else
        look_again_later(a);
}

/* The server of an earlier request is gone: players must not be sent to it. */
static void use_next_token(struct attempt *a) {
    a->arn = STR_NULL;
    if (a->turn == SESSION_TOKEN_MAX_TURNS) {
        on_refusal(a, err_new(a->call->ctx->arena, RPC_FAILED_PRECONDITION,
                              "the session has used up its %d servers", SESSION_TOKEN_MAX_TURNS));
        return;
    }
    a->turn++;
    a->listed_late = false;
    if (a->look_again_ms > 0) {
        /* The wait for the one that is gone has used up the region's share. */
        a->look_again_ms = 0;
        begin_share(a);
    }
    ask_for_session(a);
}

/* ---- a session that is not ready yet ---- */

static void look_again_later(struct attempt *a) {
    if (str_empty(a->arn)) {
        on_refusal(a, bad_answer(a, "has no GameSessionId"));
        return;
    }
    a->look_again_ms = a->look_again_ms == 0 ? LOOK_AGAIN_MS : 2 * a->look_again_ms;
    if (a->look_again_ms > LOOK_AGAIN_CAP_MS)
        a->look_again_ms = LOOK_AGAIN_CAP_MS;
    ctx_part_end(&a->asking);
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
    gl_describe_game_sessions(a->gamelift, ctx_part_begin(&a->looking, a->call->ctx), &in,
                              on_looked, a);
}

static void on_looked(void *priv, const struct gl_describe_game_sessions_output *out,
                      const struct err *err) {
    struct attempt *a = OBJ_CAST(priv, attempt, ATTEMPT_MAGIC);
    /* It exists, so NotFound can only mean that it cannot be seen yet. */
    bool passes = err == NULL || err->retryable || str_eq(err->type, STR("NotFoundException"));
    if (!passes || (err != NULL && err->origin == ERR_CALLER))
        fail(a, err);
    else if (err != NULL || out->game_sessions.n == 0)
        look_again_later(a);
    else
        judge(a, &out->game_sessions.v[0]);
}

/* ---- the ends ---- */

static struct reclaim_request server_of(const struct attempt *a, struct str arn, unsigned turns) {
    return (struct reclaim_request){
        .namespace = str_c(a->call->req->namespace_),
        .session_id = str_c(a->call->req->session_id),
        .arn = arn,
        .alias = a->in.alias_id,
        .turns = turns,
    };
}

static void leave_to_reclaim(struct attempt *a, struct str arn, unsigned turns) {
    const struct reclaim_request left = server_of(a, arn, turns);
    reclaim_later(a->call->svc, &left);
}

static void tell_location(struct attempt *a, const struct err *err) {
    struct dsm_service *svc = a->call->svc;
    if (svc->on_location != NULL)
        svc->on_location(svc->on_location_priv, a->call->ctx, a->regions[a->next], err);
}

static bool is_answered_with(const struct attempt *a, const struct reclaim_request *left) {
    return str_empty(left->arn)
               ? str_empty(left->placement_id) && str_eq(left->alias, a->in.alias_id)
               : str_eq(left->arn, a->arn);
}

/* Servers of the session that earlier calls, or this one's own tries, made, and that AGS will not
 * hear of from us. */
static void leave_others_to_reclaim(struct attempt *a) {
    for (size_t i = 0; i < a->inherited.n; i++)
        if (!is_answered_with(a, &a->inherited.v[i]))
            reclaim_hand_back_other(a->call->svc, &a->inherited.v[i]);
    if (a->unseen > 0)
        leave_to_reclaim(a, STR_NULL, a->unseen);
}

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
    tell_location(a, NULL);
    in_flight_create_end(&a->in_flight);
    leave_others_to_reclaim(a);
    const struct reclaim_request answer = server_of(a, session->game_session_id, a->turn);
    reclaim_if_undelivered(a->call->svc, a->call->rpc, &answer);
    dsm_create_game_session_reply(a->call, &resp);
}

/*
 * Capacity, fleet status, location, service and timeout errors differ from region to region. Our
 * credentials, permissions and clock, an alias that leads nowhere by intent, a request that breaks
 * the model's rules, and a caller that is gone do not. NotFound and InvalidRequest may speak of the
 * location as well as of the alias.
 */
static bool another_region_may_help(const struct err *err) {
    switch (err->origin) {
    case ERR_CALLER:
        return false;
    case ERR_LOCAL:
        return str_eq(err->field, STR("Location"));
    case ERR_TRANSPORT:
        return true;
    case ERR_UPSTREAM:
        return err->code != RPC_PERMISSION_DENIED && err->code != RPC_INTERNAL &&
               !str_eq(err->type, STR("TerminalRoutingStrategyException"));
    }
    return false;
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

/* The error for the caller: what `why` is, with each region's reason in its text. */
static const struct err *with_reasons(struct attempt *a, const struct err *why) {
    struct arena *arena = a->call->ctx->arena;
    const struct str operation = STR("CreateGameSession: ");
    struct buf text;
    if (a->next == 1 && why == a->refusals[0])
        return game_error_in_ags_terms(arena, why, a->call->svc);
    buf_init(&text, MAX_REASONS);
    buf_puts(&text, "no requested region could start a game session");
    for (size_t i = 0; i < a->next; i++) {
        struct str reason = game_error_in_ags_terms(arena, a->refusals[i], a->call->svc)->msg;
        if (str_starts(reason, operation))
            reason = str_from(reason, operation.n);
        reason =
            arena_printf(arena, "; " STR_FMT ": " STR_FMT, STR_ARG(a->regions[i]), STR_ARG(reason));
        buf_putstr(&text, str_utf8_cut(reason, (MAX_REASONS - 50) / a->next));
    }
    struct err *err = err_copy(arena, why);
    err->msg = arena_str(arena, buf_str(&text));
    err->field = STR_NULL;
    buf_free(&text);
    return err;
}

static void on_refusal(struct attempt *a, const struct err *err) {
    struct ctx *ctx = a->call->ctx;
    const struct err *over = ctx_check(ctx);
    if (err->may_have_acted)
        a->left_behind = true;
    if (err->origin == ERR_CALLER && over == NULL) {
        /* Not the caller's time is over, only this region's share of it. */
        struct err *slow = err_new(ctx->arena, RPC_UNAVAILABLE, "GameLift did not answer in time");
        slow->origin = ERR_TRANSPORT;
        err = slow;
    }
    err = err_copy(ctx->arena, err);
    ctx_part_end(&a->asking);
    LOG_WARN(ctx->log, "region refused", LOG_STR("region", a->regions[a->next]), LOG_ERR(err));
    tell_location(a, err);
    a->refusals[a->next++] = err;
    if (err->origin == ERR_CALLER)
        fail(a, with_reasons(a, over));
    else if (!another_region_may_help(err))
        fail(a, with_reasons(a, err));
    else if (a->next == a->n_regions)
        fail(a, with_reasons(a, most_useful(a->refusals, a->next)));
    else if (over != NULL)
        fail(a, with_reasons(a, over));
    else
        try_region(a);
}

static void fail(struct attempt *a, const struct err *err) {
    struct dsm_service *svc = a->call->svc;
    in_flight_create_end(&a->in_flight);
    reclaim_hand_back(svc, &a->inherited);
    if (a->left_behind || !str_empty(a->arn))
        leave_to_reclaim(a, a->arn, a->turn);
    dsm_create_game_session_fail(a->call, err);
}
