// SPDX-License-Identifier: Apache-2.0
/* Reads downwards in time. Each step starts one request or ends the work. */
#include "handlers/end_all.h"

#include "base/ctx_part.h"
#include "handlers/ags_session.h"
#include "handlers/end_session.h"

struct ending_all { /* in the context's arena */
    unsigned magic;
#define ENDING_ALL_MAGIC 0x7be1406cU
    struct dsm_service *svc;
    struct ctx *ctx;
    struct end_all_request of;
    struct ctx_part lookup;
    struct all_ended all;
    bool has_another; /* AGS has another server than the one to end */
    end_all_fn *fn;
    void *priv;
};

static ags_get_game_session_fn on_session;
static end_session_fn on_server_ended;
static void end_placements_too(struct ending_all *e, const char *finding);
static end_placements_fn on_placements_ended;

static void finish(struct ending_all *e, const struct err *err) {
    e->fn(e->priv, &e->all, err);
}

void end_all(struct dsm_service *svc, struct ctx *ctx, const struct end_all_request *request,
             end_all_fn *fn, void *priv) {
    struct ending_all *e = OBJ_NEW(ctx->arena, ending_all, ENDING_ALL_MAGIC);
    e->svc = svc;
    e->ctx = ctx;
    e->of = *request;
    e->all.arn = request->arn;
    e->fn = fn;
    e->priv = priv;
    const struct ags_get_game_session_input in = {
        .namespace = request->namespace,
        .session_id = request->session_id,
    };
    ags_get_game_session(svc->ags, ctx_part_begin(&e->lookup, ctx), &in, on_session, e);
}

static void read_session(struct ending_all *e, const struct ags_game_session_response *session) {
    struct arena *a = e->ctx->arena;
    struct str arn = ags_session_arn(session);
    e->all.on_its_way = ags_session_waits(session);
    if (session->configuration != NULL)
        e->all.deployment = arena_str(a, session->configuration->deployment);
    e->has_another = !str_empty(arn) && !str_empty(e->of.arn) && !str_eq(arn, e->of.arn);
    if (str_empty(e->of.arn))
        e->all.arn = arena_str(a, arn);
}

static void on_session(void *priv, const struct ags_game_session_response *session,
                       const struct err *err) {
    struct ending_all *e = OBJ_CAST(priv, ending_all, ENDING_ALL_MAGIC);
    bool unknown = err != NULL && err->code == RPC_NOT_FOUND;
    if (err == NULL)
        err = ags_session_check(e->ctx->arena, session, e->of.namespace, e->of.session_id);
    else
        err = err_copy(e->ctx->arena, err);
    if (err == NULL)
        read_session(e, session);
    else if (unknown)
        e->all.on_its_way = true; /* for all that can be known */
    ctx_part_end(&e->lookup);
    if (err != NULL && !unknown)
        finish(e, err);
    else if (!str_empty(e->all.arn))
        end_session(e->svc, e->ctx, e->all.arn, on_server_ended, e);
    else
        end_placements_too(e,
                           unknown ? "AGS does not know the session" : "the session has no server");
}

static void on_server_ended(void *priv, enum end_result result, const struct err *err) {
    struct ending_all *e = OBJ_CAST(priv, ending_all, ENDING_ALL_MAGIC);
    if (result == END_FAILED)
        finish(e, err);
    else if (result == END_DONE || e->has_another)
        finish(e, NULL);
    else /* a later server may have been asked for since, and still be on its way */
        end_placements_too(e, "the server had ended already");
}

static void end_placements_too(struct ending_all *e, const char *finding) {
    e->all.finding = finding;
    end_placements(e->svc, e->ctx, e->of.session_id, e->all.deployment, on_placements_ended, e);
}

static void on_placements_ended(void *priv, const struct placements_ended *ended,
                                const struct err *err) {
    struct ending_all *e = OBJ_CAST(priv, ending_all, ENDING_ALL_MAGIC);
    e->all.placements = *ended;
    finish(e, err);
}
