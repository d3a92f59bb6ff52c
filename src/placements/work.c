// SPDX-License-Identifier: Apache-2.0
#include "placements/work.h"

#include "base/ctx_sleep.h"
#include "base/obj.h"
#include "handlers/ags_session.h"
#include "handlers/end_session.h"
#include "handlers/session_token.h"
#include "placements/report.h"

struct look { /* in the context's arena */
    unsigned magic;
#define LOOK_MAGIC 0x19d7e35cU
    struct dsm_service *svc;
    const struct placement_policy *policy;
    struct ctx *ctx;
    struct aws_client *gamelift; /* of the queue's region */
    struct str region;
    struct str placement_id;
    const struct gl_game_session_placement *placement;
    struct str session_id;
    struct str namespace;
    unsigned turn; /* of the session's placement ids */
    struct placement_facts facts;
    struct str other;                /* ARN that AGS has instead of ours */
    bool ended;                      /* its server, by this look */
    enum placement_result when_done; /* what the end of the game session is told as */
    placement_look_fn *fn;
    void *priv;
    const struct err *refused; /* before anything was asked; or AGS's last word */
};

/* Steps, in the order of time. */
static gl_describe_game_session_placement_fn on_described;
static void ask_ags(struct look *l);
static ags_get_game_session_fn on_session;
static gl_describe_game_sessions_fn on_other;
static void find_server(struct look *l, struct str arn, gl_describe_game_sessions_fn *fn);
static gl_describe_game_sessions_fn on_ours;
static void decide(struct look *l);
static void find_newer(struct look *l);
static gl_describe_game_session_placement_fn on_newer;
static void act(struct look *l, enum placement_action action);
static ags_admin_update_ds_information_fn on_reported;
static void end(struct look *l, enum placement_result when_done);
static end_session_fn on_ended;

const char *placement_result_name(enum placement_result result) {
#define NAME(name, text) text,
    static const char *const names[] = {PLACEMENT_RESULTS(NAME)};
#undef NAME
    return names[result];
}

bool placement_is_dealt_with(enum placement_result result) {
    return result == PLACEMENT_REPORTED_AVAILABLE || result == PLACEMENT_REPORTED_FAILED ||
           result == PLACEMENT_REFUSED || result == PLACEMENT_ENDED ||
           result == PLACEMENT_NOTHING || result == PLACEMENT_FOREIGN;
}

/* ---- the ends ---- */

static void finish(struct look *l, enum placement_result result, const struct err *err,
                   bool upstream_down) {
    const struct placement_outcome outcome = {
        .result = result,
        .err = err,
        .upstream_down = upstream_down,
        .session_id = l->session_id,
        .namespace = l->namespace,
    };
    l->fn(l->priv, &outcome);
}

bool placement_is_upstream_down(const struct err *err, bool own_region) {
    if (err->http_status == 0 && !own_region)
        return false;
    return err->origin == ERR_TRANSPORT || err->http_status >= 500 || err->http_status == 429 ||
           err->code == RPC_UNAVAILABLE || err->code == RPC_DEADLINE_EXCEEDED;
}

/* AGS has no region of its own; all else is asked where the placement is, or the other server. */
static bool is_own_region(const struct look *l, enum placement_step step) {
    return step == PLACEMENT_ASK_AGS || step == PLACEMENT_REPORT || l->gamelift == l->svc->gamelift;
}

static void fail(struct look *l, enum placement_step step, const struct err *err) {
    bool stops = l->ctx->reason != NULL;
    LOG_AT(stops ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN, l->ctx->log,
           "a placement could not be dealt with yet", LOG_CSTR("step", placement_step_name(step)),
           LOG_ERR(err));
    finish(l, stops ? PLACEMENT_ABANDONED : PLACEMENT_TROUBLE, err,
           !stops && placement_is_upstream_down(err, is_own_region(l, step)));
}

/* ---- the placement ---- */

static void on_refused(void *priv, const struct err *err) {
    struct look *l = OBJ_CAST(priv, look, LOOK_MAGIC);
    (void)err;
    fail(l, PLACEMENT_DESCRIBE, l->refused);
}

void placement_look(struct dsm_service *svc, const struct placement_policy *policy, struct ctx *ctx,
                    struct str region, struct str placement_id, placement_look_fn *fn, void *priv) {
    struct look *l = OBJ_NEW(ctx->arena, look, LOOK_MAGIC);
    l->svc = svc;
    l->policy = policy;
    l->ctx = ctx;
    l->region = arena_str(ctx->arena, region);
    l->placement_id = arena_str(ctx->arena, placement_id);
    l->facts.report_all = policy->report_all;
    l->fn = fn;
    l->priv = priv;
    ctx->log = LOG_WITH(ctx->arena, ctx->log, LOG_STR("placementID", l->placement_id));
    l->refused = aws_client_in_region_leaving(svc->gamelift, ctx->arena, region,
                                              PLACEMENT_LEAVE_REGIONS, &l->gamelift);
    if (l->refused != NULL) {
        ctx_sleep(svc->loop, ctx, 0, on_refused, l);
        return;
    }
    const struct gl_describe_game_session_placement_input in = {.placement_id = l->placement_id};
    gl_describe_game_session_placement(l->gamelift, ctx, &in, on_described, l);
}

static struct str property(const struct gl_game_session_placement *p, struct str key) {
    for (size_t i = 0; i < p->game_properties.n; i++)
        if (str_eq(p->game_properties.v[i].key, key))
            return p->game_properties.v[i].value;
    return STR_NULL;
}

static bool is_our_namespace(const struct placement_policy *policy, struct str namespace) {
    for (size_t i = 0; i < policy->namespaces.n; i++)
        if (str_eq(policy->namespaces.v[i], namespace))
            return true;
    return policy->namespaces.n == 0;
}

/*
 * Ours is what the asynchronous mode has started: it carries its session and namespace as game
 * properties, and its id is one of the series that this session gives.
 */
static bool identify(struct look *l) {
    struct str session_id = property(l->placement, STR("sessionId"));
    struct str namespace = property(l->placement, STR("namespace"));
    if (str_empty(session_id) || str_empty(namespace))
        return false;
    for (l->turn = 1; l->turn <= SESSION_TOKEN_MAX_TURNS; l->turn++)
        if (str_eq(session_token(l->ctx->arena, session_id, l->turn), l->placement_id))
            break;
    if (l->turn > SESSION_TOKEN_MAX_TURNS || !is_our_namespace(l->policy, namespace))
        return false;
    l->session_id = session_id;
    l->namespace = namespace;
    l->ctx->log = LOG_WITH(l->ctx->arena, l->ctx->log, LOG_STR("sessionID", session_id),
                           LOG_STR("namespace", namespace), LOG_INT("turn", l->turn));
    return true;
}

/* NULL, or what an answer lacks that there is no going on without. */
static const char *missing(const struct gl_game_session_placement *p) {
    if (p == NULL)
        return "GameSessionPlacement";
    if (p->status == GL_GAME_SESSION_PLACEMENT_STATE_FULFILLED &&
        !is_game_session_arn(p->game_session_arn))
        return "GameSessionArn";
    return NULL;
}

static void on_described(void *priv, const struct gl_describe_game_session_placement_output *out,
                         const struct err *err) {
    struct look *l = OBJ_CAST(priv, look, LOOK_MAGIC);
    if (err == NULL && missing(out->game_session_placement) != NULL)
        err = err_new(l->ctx->arena, RPC_UNAVAILABLE,
                      "DescribeGameSessionPlacement: the answer has no %s",
                      missing(out->game_session_placement));
    if (err != NULL) {
        fail(l, PLACEMENT_DESCRIBE, err);
        return;
    }
    l->placement = out->game_session_placement;
    l->facts.state = l->placement->status;
    if (!identify(l)) {
        LOG_INFO(l->ctx->log, "the placement is none of this service: left alone");
        finish(l, PLACEMENT_FOREIGN, NULL, false);
    } else if (!placement_has_ended(l->facts.state)) {
        finish(l, PLACEMENT_EARLY, NULL, false);
    } else {
        ask_ags(l);
    }
}

/* ---- the session ---- */

/* How long ago the end was, by GameLift's clock, is read before AGS is asked: its answer is no
 * older than that. */
static void ask_ags(struct look *l) {
    int64_t calm_ms = l->policy->calm_ms > 0 ? l->policy->calm_ms : PLACEMENT_CALM_MS;
    int64_t age_ms = l->placement->has_end_time
                         ? aws_client_now_us(l->gamelift) / 1000 - l->placement->end_time
                         : PLACEMENT_WATCH_MS;
    const struct ags_get_game_session_input in = {
        .namespace = l->namespace,
        .session_id = l->session_id,
    };
    l->facts.calm = age_ms >= calm_ms;
    l->facts.watched = age_ms >= PLACEMENT_WATCH_MS;
    ags_get_game_session(l->svc->ags, l->ctx, &in, on_session, l);
}

static void on_session(void *priv, const struct ags_game_session_response *session,
                       const struct err *err) {
    struct look *l = OBJ_CAST(priv, look, LOOK_MAGIC);
    bool gone = err != NULL && err->code == RPC_NOT_FOUND;
    if (err == NULL)
        err = ags_session_check(l->ctx->arena, session, l->namespace, l->session_id);
    if (err != NULL && !gone) {
        fail(l, PLACEMENT_ASK_AGS, err);
        return;
    }
    l->facts.ags = placement_view(gone ? NULL : session, l->placement, &l->other);
    bool has_server = l->facts.state == GL_GAME_SESSION_PLACEMENT_STATE_FULFILLED;
    if (has_server && l->facts.ags == PLACEMENT_HAS_ANOTHER)
        find_server(l, l->other, on_other);
    else if (has_server && l->facts.ags == PLACEMENT_WAITS)
        find_server(l, l->placement->game_session_arn, on_ours);
    else
        decide(l);
}

/* ---- the server ---- */

static void find_server(struct look *l, struct str arn, gl_describe_game_sessions_fn *fn) {
    struct aws_client *home;
    const struct gl_describe_game_sessions_input in = {.game_session_id = arn};
    const struct err *err = dsm_gamelift_of(l->svc, l->ctx->arena, arn, &home);
    if (err != NULL)
        fail(l, PLACEMENT_FIND_SERVER, err);
    else
        gl_describe_game_sessions(home, l->ctx, &in, fn, l);
}

/* False if that could not be found out: the look is over then. */
static bool is_known(struct look *l, const struct gl_describe_game_sessions_output *out,
                     const struct err *err, bool *ret_lives) {
    bool unknown = err != NULL && str_eq(err->type, STR("NotFoundException"));
    if (err == NULL && out->game_sessions.v == NULL) { /* says nothing, least that it is dead */
        err = err_new(l->ctx->arena, RPC_UNAVAILABLE,
                      "DescribeGameSessions: the answer has no GameSessions");
        AN(err);
    }
    if (err != NULL && !unknown) {
        fail(l, PLACEMENT_FIND_SERVER, err);
        return false;
    }
    *ret_lives =
        !unknown && out->game_sessions.n > 0 && !is_session_over(out->game_sessions.v[0].status);
    return true;
}

/* A session that asks anew may still name the server that it had before. */
static void on_other(void *priv, const struct gl_describe_game_sessions_output *out,
                     const struct err *err) {
    struct look *l = OBJ_CAST(priv, look, LOOK_MAGIC);
    bool lives;
    if (!is_known(l, out, err, &lives))
        return;
    if (lives) {
        decide(l);
        return;
    }
    l->facts.ags = PLACEMENT_WAITS;
    find_server(l, l->placement->game_session_arn, on_ours);
}

/* A server that has died is none that AGS could be told of. */
static void on_ours(void *priv, const struct gl_describe_game_sessions_output *out,
                    const struct err *err) {
    struct look *l = OBJ_CAST(priv, look, LOOK_MAGIC);
    bool lives;
    if (!is_known(l, out, err, &lives))
        return;
    if (!lives)
        l->facts.state = GL_GAME_SESSION_PLACEMENT_STATE_FAILED;
    decide(l);
}

/* ---- the decision ---- */

static void decide(struct look *l) {
    enum placement_action action = placement_decide(&l->facts);
    /* Right before AGS is told: its word must not be about an earlier request than its last. */
    if (action == PLACEMENT_REPORT_AVAILABLE || action == PLACEMENT_REPORT_FAILED)
        find_newer(l);
    else
        act(l, action);
}

static void find_newer(struct look *l) {
    if (l->turn == SESSION_TOKEN_MAX_TURNS) {
        act(l, placement_decide(&l->facts));
        return;
    }
    const struct gl_describe_game_session_placement_input in = {
        .placement_id = session_token(l->ctx->arena, l->session_id, l->turn + 1),
    };
    gl_describe_game_session_placement(l->gamelift, l->ctx, &in, on_newer, l);
}

static void on_newer(void *priv, const struct gl_describe_game_session_placement_output *out,
                     const struct err *err) {
    struct look *l = OBJ_CAST(priv, look, LOOK_MAGIC);
    if (err == NULL && out->game_session_placement == NULL) /* no proof that there is one */
        err = err_new(l->ctx->arena, RPC_UNAVAILABLE,
                      "DescribeGameSessionPlacement: the answer has no GameSessionPlacement");
    if (err != NULL && !str_eq(err->type, STR("NotFoundException"))) {
        fail(l, PLACEMENT_FIND_NEWER, err);
        return;
    }
    l->facts.newer = err == NULL;
    act(l, placement_decide(&l->facts));
}

static void report(struct look *l) {
    const struct placement_report what = {
        .namespace = l->namespace,
        .session_id = l->session_id,
        .region = l->region,
        .placement = l->placement,
        .state = l->facts.state,
    };
    placement_report(l->svc->ags, l->ctx, &what, on_reported, l);
}

static void act(struct look *l, enum placement_action action) {
    LOG_DEBUG(l->ctx->log, "a placement was looked at",
              LOG_CSTR("ags.view", placement_ags_view_name(l->facts.ags)),
              LOG_CSTR("action", placement_action_name(action)));
    switch (action) {
    case PLACEMENT_REPORT_AVAILABLE:
    case PLACEMENT_REPORT_FAILED:
        report(l);
        return;
    case PLACEMENT_END_SESSION:
        end(l, PLACEMENT_ENDED);
        return;
    case PLACEMENT_LOOK_AGAIN:
        finish(l, PLACEMENT_EARLY, NULL, false);
        return;
    default:
        finish(l, l->ended ? l->when_done : PLACEMENT_NOTHING,
               l->ended && l->when_done == PLACEMENT_REFUSED ? l->refused : NULL, false);
    }
}

/* ---- what is done ---- */

/* AGS will say no more than this, however often it is asked. */
static bool is_final(const struct err *err) {
    bool refused_here = err->origin == ERR_LOCAL && err->code == RPC_INVALID_ARGUMENT;
    return refused_here || err->http_status == 400 || err->http_status == 404 ||
           err->http_status == 409 || err->http_status == 410 || err->http_status == 422;
}

/*
 * Where a server was placed and has died, AGS may be asking again already, and have been answered
 * while it still ran: there is another look.
 */
static enum placement_result outcome_of_report(const struct look *l) {
    if (l->facts.state == GL_GAME_SESSION_PLACEMENT_STATE_FULFILLED)
        return PLACEMENT_REPORTED_AVAILABLE;
    return l->placement->status == GL_GAME_SESSION_PLACEMENT_STATE_FULFILLED
               ? PLACEMENT_EARLY
               : PLACEMENT_REPORTED_FAILED;
}

static void on_reported(void *priv, const struct err *err) {
    struct look *l = OBJ_CAST(priv, look, LOOK_MAGIC);
    bool has_server = l->facts.state == GL_GAME_SESSION_PLACEMENT_STATE_FULFILLED;
    if (err == NULL) {
        LOG_INFO(l->ctx->log,
                 has_server ? "server reported to AGS" : "failed placement reported to AGS",
                 LOG_STR("gameSessionID", l->placement->game_session_arn));
        finish(l, outcome_of_report(l), NULL, false);
        return;
    }
    if (!is_final(err) || l->ctx->reason != NULL) {
        fail(l, PLACEMENT_REPORT, err);
        return;
    }
    bool gone = err->http_status == 404;
    if (!gone)
        LOG_ERROR(l->ctx->log, "AGS refuses the report of a placement", LOG_ERR(err));
    l->refused = err;
    if (has_server)
        end(l, gone ? PLACEMENT_ENDED : PLACEMENT_REFUSED);
    else
        finish(l, gone ? PLACEMENT_NOTHING : PLACEMENT_REFUSED, gone ? NULL : err, false);
}

static void end(struct look *l, enum placement_result when_done) {
    LOG_INFO(l->ctx->log, "nobody wants the placement's server: it is ended",
             LOG_CSTR("ags.view", placement_ags_view_name(l->facts.ags)),
             LOG_STR("gameSessionID", l->placement->game_session_arn));
    l->when_done = when_done;
    end_session(l->svc, l->ctx, l->placement->game_session_arn, on_ended, l);
}

/*
 * While it was being ended AGS may have asked again, and been answered that the server runs. So AGS
 * is asked once more, about a placement that has no server now.
 */
static void on_ended(void *priv, enum end_result result, const struct err *err) {
    struct look *l = OBJ_CAST(priv, look, LOOK_MAGIC);
    if (result == END_FAILED) {
        fail(l, PLACEMENT_END, err);
        return;
    }
    l->ended = true;
    l->facts.state = GL_GAME_SESSION_PLACEMENT_STATE_FAILED;
    ask_ags(l);
}
