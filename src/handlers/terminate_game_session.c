// SPDX-License-Identifier: Apache-2.0
/*
 * TerminateGameSession: end the server of an AGS session, however it was created, and whatever of
 * it is still under way. Nothing left to end is a success: AGS may ask twice, or late.
 *
 * Reads downwards in time. Each step starts one request or ends the call.
 */
#include "handlers/end_all.h"
#include "handlers/in_flight.h"
#include "handlers/reclaim.h"
#include "handlers/service.h"

#include "aws/arn.h"

#define LATE_TURNS 3 /* tokens under which a server that was on its way is looked for */

struct termination { /* in the call's arena */
    unsigned magic;
#define TERMINATION_MAGIC 0x2cb7409eU
    struct dsm_terminate_game_session_call *call;
};

static end_all_fn on_ended;
static void look_once_more_later(struct termination *t, const struct all_ended *all);
static void reply_nothing_left(struct termination *t, const struct all_ended *all);
static void reply_success(struct termination *t, const char *reason);
static void fail(struct termination *t, const struct all_ended *all, const struct err *err);

void dsm_handle_terminate_game_session(struct dsm_terminate_game_session_call *call) {
    struct ctx *ctx = call->ctx;
    struct termination *t = OBJ_NEW(ctx->arena, termination, TERMINATION_MAGIC);
    t->call = call;
    ctx->log = LOG_WITH(ctx->arena, ctx->log, LOG_CSTR("sessionID", call->req->session_id),
                        LOG_CSTR("namespace", call->req->namespace_));
    if (call->req->session_id[0] == '\0' || call->req->namespace_[0] == '\0') {
        const char *missing = call->req->session_id[0] == '\0' ? "session_id" : "namespace";
        dsm_terminate_game_session_fail(call, ERR_INVALID(ctx->arena, "%s is empty", missing));
        return;
    }
    const struct end_all_request request = {
        .namespace = str_c(call->req->namespace_),
        .session_id = str_c(call->req->session_id),
    };
    in_flight_cancel_creates(call->svc, request.namespace, request.session_id);
    end_all(call->svc, ctx, &request, on_ended, t);
}

static void on_ended(void *priv, const struct all_ended *all, const struct err *err) {
    struct termination *t = OBJ_CAST(priv, termination, TERMINATION_MAGIC);
    if (err != NULL) {
        fail(t, all, err);
    } else if (all->finding == NULL) {
        reply_success(t, "");
    } else if (all->placements.n > 0) {
        reply_success(
            t, arena_printf(t->call->ctx->arena, "%s; its placement was ended", all->finding).p);
    } else {
        if (all->on_its_way)
            look_once_more_later(t, all);
        reply_nothing_left(t, all);
    }
}

/* ---- nothing was found ---- */

static bool is_alias(struct str deployment) {
    struct arn arn;
    return arn_parse(deployment, &arn) ? str_starts(arn.resource, STR("alias/"))
                                       : str_starts(deployment, STR("alias-"));
}

/*
 * A create of another replica may have been under way, and be answered when AGS has forgotten the
 * session: what it makes is found and ended once all such calls are over.
 */
static void look_once_more_later(struct termination *t, const struct all_ended *all) {
    struct dsm_service *svc = t->call->svc;
    struct str alias = str_empty(svc->alias_id_override) ? all->deployment : svc->alias_id_override;
    struct str queue =
        str_empty(svc->queue_arn_override) ? all->deployment : svc->queue_arn_override;
    struct reclaim_request left = {
        .namespace = str_c(t->call->req->namespace_),
        .session_id = str_c(t->call->req->session_id),
        .after_calls = true,
    };
    if (is_alias(alias)) {
        left.alias = alias;
        left.turns = LATE_TURNS;
        reclaim_later(svc, &left);
    }
    if (!is_alias(queue)) {
        left.alias = STR_NULL;
        left.placement_id = all->placements.next_id;
        left.queue = queue;
        reclaim_later(svc, &left);
    }
}

/* Without the queue it is not known where a placement would be: that is told, not passed over. */
static void reply_nothing_left(struct termination *t, const struct all_ended *all) {
    struct dsm_service *svc = t->call->svc;
    struct arena *a = t->call->ctx->arena;
    if (!str_empty(svc->queue_arn_override) || !str_empty(all->deployment)) {
        reply_success(t, arena_printf(a, "%s; nothing was left to end", all->finding).p);
        return;
    }
    svc->unsure_terminations++;
    LOG_WARN(t->call->ctx->log, "a placement may be in a region that is not known",
             LOG_STR("regions", all->placements.regions));
    reply_success(t, arena_printf(a, "%s; nothing to end was found in " STR_FMT, all->finding,
                                  STR_ARG(all->placements.regions))
                         .p);
}

/* ---- the ends ---- */

static void reply_success(struct termination *t, const char *reason) {
    struct dsm_response_terminate_game_session resp = DSM_RESPONSE_TERMINATE_GAME_SESSION_INIT;
    LOG_INFO(t->call->ctx->log, "session terminated", LOG_CSTR("reason", reason));
    resp.session_id = t->call->req->session_id;
    resp.namespace_ = t->call->req->namespace_;
    resp.success = true;
    resp.reason = protobuf_string(t->call->ctx->arena, str_c(reason));
    dsm_terminate_game_session_reply(t->call, &resp);
}

/* AGS may not ask again: what could not be ended goes on being tried after the call. */
static void fail(struct termination *t, const struct all_ended *all, const struct err *err) {
    const struct reclaim_request left = {
        .namespace = str_c(t->call->req->namespace_),
        .session_id = str_c(t->call->req->session_id),
        .arn = all->arn,
        .terminated = true,
    };
    LOG_ERROR(t->call->ctx->log, "a server may still be running, and will be ended later",
              LOG_STR("gameSessionID", all->arn), LOG_ERR(err));
    reclaim_later(t->call->svc, &left);
    dsm_terminate_game_session_fail(t->call, err);
}
