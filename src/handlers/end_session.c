// SPDX-License-Identifier: Apache-2.0
#include "handlers/end_session.h"

#include "aws/arn.h"
#include "base/ctx_part.h"
#include "base/ctx_sleep.h"
#include "base/random.h"
#include "handlers/in_flight.h"
#include "http/backoff.h"

/* GameLift advises eight to ten tries over minutes while a compute is being validated. */
#define NOT_YET_BASE_MS 500
#define NOT_YET_CAP_MS 8000

struct ending { /* in the context's arena */
    unsigned magic;
#define ENDING_MAGIC 0x43a6c0f2U
    struct dsm_service *svc;
    struct ctx *ctx;
    struct str arn;
    struct aws_client *gamelift;
    int tries;
    end_session_fn *fn;
    void *priv;
    const struct err *refused; /* what GameLift, or we, said last */
    struct in_flight_end in_flight;
    struct ctx_part request; /* answers hold a session's whole data, and there may be many tries */
};

static void order_end(struct ending *e);
static gl_terminate_game_session_fn on_ordered;
static void try_later(struct ending *e);
static ctx_sleep_fn on_time_to_try;
static void ask_why(struct ending *e);
static gl_describe_game_sessions_fn on_described;

bool is_game_session_arn(struct str text) {
    struct arn arn;
    return arn_parse(text, &arn) && str_eq(arn.service, STR("gamelift")) &&
           str_starts(arn.resource, STR("gamesession/"));
}

bool is_session_over(enum gl_game_session_status status) {
    return status == GL_GAME_SESSION_STATUS_TERMINATED ||
           status == GL_GAME_SESSION_STATUS_TERMINATING || status == GL_GAME_SESSION_STATUS_ERROR;
}

/* Ends the memory of the request that was answered; the error goes on living. */
static const struct err *end_request(struct ending *e, const struct err *err) {
    err = err == NULL ? NULL : err_copy(e->ctx->arena, err);
    ctx_part_end(&e->request);
    return err;
}

static void finish(struct ending *e, enum end_result result, const struct err *err) {
    in_flight_end_end(&e->in_flight);
    e->fn(e->priv, result, err);
}

static void on_refused(void *priv, const struct err *err) {
    struct ending *e = OBJ_CAST(priv, ending, ENDING_MAGIC);
    (void)err;
    finish(e, END_FAILED, e->refused);
}

void end_session(struct dsm_service *svc, struct ctx *ctx, struct str arn, end_session_fn *fn,
                 void *priv) {
    struct ending *e = OBJ_NEW(ctx->arena, ending, ENDING_MAGIC);
    e->svc = svc;
    e->ctx = ctx;
    e->arn = arena_str(ctx->arena, arn);
    e->fn = fn;
    e->priv = priv;
    in_flight_end_begin(svc, &e->in_flight, ctx->arena, e->arn);
    e->refused = dsm_gamelift_of(svc, ctx->arena, e->arn, &e->gamelift);
    if (e->refused != NULL)
        ctx_sleep(svc->loop, ctx, 0, on_refused, e);
    else
        order_end(e);
}

static void order_end(struct ending *e) {
    const struct gl_terminate_game_session_input in = {
        .game_session_id = e->arn,
        .termination_mode = e->svc->termination_mode,
    };
    e->tries++;
    gl_terminate_game_session(e->gamelift, ctx_part_begin(&e->request, e->ctx), &in, on_ordered, e);
}

static void on_ordered(void *priv, const struct gl_terminate_game_session_output *out,
                       const struct err *err) {
    struct ending *e = OBJ_CAST(priv, ending, ENDING_MAGIC);
    (void)out;
    err = e->refused = end_request(e, err);
    if (err == NULL) {
        LOG_INFO(e->ctx->log, "game session ended", LOG_STR("gameSessionID", e->arn));
        finish(e, END_DONE, NULL);
    } else if (str_eq(err->type, STR("NotFoundException"))) {
        finish(e, END_GONE_ALREADY, NULL);
    } else if (str_eq(err->type, STR("InvalidGameSessionStatusException"))) {
        ask_why(e);
    } else if (str_eq(err->type, STR("NotReadyException"))) {
        try_later(e);
    } else {
        finish(e, END_FAILED, err);
    }
}

static void try_later(struct ending *e) {
    int64_t ms =
        NOT_YET_BASE_MS / 2 + backoff_ms(NOT_YET_BASE_MS, NOT_YET_CAP_MS, e->tries, random_unit());
    ctx_sleep(e->svc->loop, e->ctx, ms, on_time_to_try, e);
}

static void on_time_to_try(void *priv, const struct err *err) {
    struct ending *e = OBJ_CAST(priv, ending, ENDING_MAGIC);
    if (err == NULL)
        order_end(e);
    else /* the time is up: what GameLift said tells more than that */
        finish(e, END_FAILED, err->code == RPC_DEADLINE_EXCEEDED ? e->refused : err);
}

/* Its state forbids ending the session: because it has ended, or because it still comes up? */
static void ask_why(struct ending *e) {
    const struct gl_describe_game_sessions_input in = {.game_session_id = e->arn};
    gl_describe_game_sessions(e->gamelift, ctx_part_begin(&e->request, e->ctx), &in, on_described,
                              e);
}

static void on_described(void *priv, const struct gl_describe_game_sessions_output *out,
                         const struct err *err) {
    struct ending *e = OBJ_CAST(priv, ending, ENDING_MAGIC);
    bool unknown = err != NULL && str_eq(err->type, STR("NotFoundException"));
    /* In ERROR it cannot be ended either: its process is gone, and players cannot join. */
    bool over = err == NULL && out->game_sessions.v != NULL &&
                (out->game_sessions.n == 0 || is_session_over(out->game_sessions.v[0].status));
    err = end_request(e, err);
    /* An answer without a list says nothing: the order is tried again, as for one that comes up. */
    if (unknown || over)
        finish(e, END_GONE_ALREADY, NULL);
    else if (err == NULL)
        try_later(e);
    else
        finish(e, END_FAILED, err->origin == ERR_CALLER ? err : e->refused);
}
