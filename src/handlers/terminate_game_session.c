// SPDX-License-Identifier: Apache-2.0
/*
 * TerminateGameSession: end the server of an AGS session, however it was created, and whatever of
 * it is still under way. Nothing left to end is a success: AGS may ask twice, or late.
 *
 * Reads downwards in time. Each step starts one request or ends the call.
 */
#include "handlers/end_placements.h"
#include "handlers/end_session.h"
#include "handlers/in_flight.h"
#include "handlers/reclaim.h"
#include "handlers/service.h"

#include "aws/arn.h"
#include "generated/ags.h"

#define LATE_TURNS 3 /* tokens under which a server that was on its way is looked for */

struct termination { /* in the call's arena */
    unsigned magic;
#define TERMINATION_MAGIC 0x2cb7409eU
    struct dsm_terminate_game_session_call *call;
    const char *finding;   /* what was found before the placements were looked at */
    struct str deployment; /* that AGS asks to start servers with; absent if it does not say */
    bool on_its_way;       /* another replica may be asking GameLift for a server just now */
};

static ags_get_game_session_fn on_session;
static end_session_fn on_server_ended;
static void end_placements_too(struct termination *t, const char *finding);
static end_placements_fn on_placements_ended;
static void look_once_more_later(struct termination *t, struct str placement_id);
static void reply_nothing_left(struct termination *t, const struct placements_ended *ended);
static void reply_success(struct termination *t, const char *reason);
static void fail(struct termination *t, const struct err *err);

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
    const struct ags_get_game_session_input in = {
        .namespace = str_c(call->req->namespace_),
        .session_id = str_c(call->req->session_id),
    };
    in_flight_cancel_creates(call->svc, in.namespace, in.session_id);
    ags_get_game_session(call->svc->ags, ctx, &in, on_session, t);
}

/* AGS keeps the ARN that CreateGameSession answered as deployment; all on the way may be absent. */
static struct str server_arn(const struct ags_game_session_response *session) {
    if (session->ds_information == NULL || session->ds_information->server == NULL)
        return STR_NULL;
    struct str deployment = session->ds_information->server->deployment;
    return is_game_session_arn(deployment) ? deployment : STR_NULL;
}

static bool waits_for_server(const struct ags_game_session_response *session) {
    const struct ags_ds_information_response *ds = session->ds_information;
    return ds != NULL && (ds->status_v2 == AGS_DS_INFORMATION_RESPONSE_STATUS_V2_REQUESTED ||
                          ds->status_v2 == AGS_DS_INFORMATION_RESPONSE_STATUS_V2_PREPARING);
}

static void on_session(void *priv, const struct ags_game_session_response *session,
                       const struct err *err) {
    struct termination *t = OBJ_CAST(priv, termination, TERMINATION_MAGIC);
    if (err != NULL && err->code == RPC_NOT_FOUND) {
        t->on_its_way = true; /* for all that can be known */
        end_placements_too(t, "AGS does not know the session");
        return;
    }
    if (err != NULL) {
        fail(t, err);
        return;
    }
    struct str arn = server_arn(session);
    t->on_its_way = waits_for_server(session);
    if (session->configuration != NULL)
        t->deployment = session->configuration->deployment;
    if (arn.p == NULL)
        end_placements_too(t, "the session has no server");
    else
        end_session(t->call->svc, t->call->ctx, arn, on_server_ended, t);
}

static void on_server_ended(void *priv, enum end_result result, const struct err *err) {
    struct termination *t = OBJ_CAST(priv, termination, TERMINATION_MAGIC);
    if (result == END_FAILED)
        fail(t, err);
    else if (result == END_DONE)
        reply_success(t, "");
    else /* a later server may have been asked for since, and still be on its way */
        end_placements_too(t, "the server had ended already");
}

static void end_placements_too(struct termination *t, const char *finding) {
    t->finding = finding;
    end_placements(t->call->svc, t->call->ctx, str_c(t->call->req->session_id), t->deployment,
                   on_placements_ended, t);
}

static void on_placements_ended(void *priv, const struct placements_ended *ended,
                                const struct err *err) {
    struct termination *t = OBJ_CAST(priv, termination, TERMINATION_MAGIC);
    if (err != NULL) {
        fail(t, err);
        return;
    }
    if (ended->n == 0 && t->on_its_way)
        look_once_more_later(t, ended->next_id);
    if (ended->n == 0)
        reply_nothing_left(t, ended);
    else
        reply_success(
            t, arena_printf(t->call->ctx->arena, "%s; its placement was ended", t->finding).p);
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
static void look_once_more_later(struct termination *t, struct str placement_id) {
    struct dsm_service *svc = t->call->svc;
    struct str alias = str_empty(svc->alias_id_override) ? t->deployment : svc->alias_id_override;
    struct str queue = str_empty(svc->queue_arn_override) ? t->deployment : svc->queue_arn_override;
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
        left.placement_id = placement_id;
        left.queue = queue;
        reclaim_later(svc, &left);
    }
}

/* Without the queue it is not known where a placement would be: that is told, not passed over. */
static void reply_nothing_left(struct termination *t, const struct placements_ended *ended) {
    struct dsm_service *svc = t->call->svc;
    struct arena *a = t->call->ctx->arena;
    if (!str_empty(svc->queue_arn_override) || !str_empty(t->deployment)) {
        reply_success(t, arena_printf(a, "%s; nothing was left to end", t->finding).p);
        return;
    }
    svc->unsure_terminations++;
    LOG_WARN(t->call->ctx->log, "a placement may be in a region that is not known",
             LOG_STR("regions", ended->regions));
    reply_success(t, arena_printf(a, "%s; nothing to end was found in " STR_FMT, t->finding,
                                  STR_ARG(ended->regions))
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

/* AGS may not ask again, so what could not be ended must be seen by people. */
static void fail(struct termination *t, const struct err *err) {
    t->call->svc->servers_left++;
    LOG_ERROR(t->call->ctx->log, "a server may still be running", LOG_ERR(err));
    dsm_terminate_game_session_fail(t->call, err);
}
