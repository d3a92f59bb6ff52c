// SPDX-License-Identifier: Apache-2.0
#include "handlers/find_session.h"

#include "base/ctx_part.h"
#include "base/ctx_sleep.h"

/* In this order a session that becomes active in between is not missed. */
static const struct str living[] = {STR_INIT("ACTIVATING"), STR_INIT("ACTIVE")};

struct search { /* in the context's arena */
    unsigned magic;
#define SEARCH_MAGIC 0x1d7c94efU
    struct dsm_service *svc;
    struct ctx *ctx;
    struct aws_client *gamelift;
    struct gl_describe_game_sessions_input in;
    struct str ending;    /* "/<token>" */
    size_t status;        /* index into living */
    struct ctx_part page; /* that is asked for */
    unsigned pages;
    find_session_fn *fn;
    void *priv;
    const struct err *refused;
};

static void ask_for_page(struct search *s);
static gl_describe_game_sessions_fn on_page;

static void on_refused(void *priv, const struct err *err) {
    struct search *s = OBJ_CAST(priv, search, SEARCH_MAGIC);
    (void)err;
    s->fn(s->priv, NULL, s->refused);
}

void find_session(struct dsm_service *svc, struct ctx *ctx, struct str alias, struct str token,
                  find_session_fn *fn, void *priv) {
    struct search *s = OBJ_NEW(ctx->arena, search, SEARCH_MAGIC);
    s->svc = svc;
    s->ctx = ctx;
    s->ending = arena_printf(ctx->arena, "/" STR_FMT, STR_ARG(token));
    s->in.alias_id = alias;
    s->in.has_limit = true;
    s->in.limit = FIND_SESSION_PAGE;
    s->fn = fn;
    s->priv = priv;
    s->refused = ctx_check(ctx);
    if (s->refused == NULL)
        s->refused = dsm_gamelift_of(svc, ctx->arena, alias, &s->gamelift);
    if (s->refused != NULL)
        ctx_sleep(svc->loop, ctx, 0, on_refused, s);
    else
        ask_for_page(s);
}

static void ask_for_page(struct search *s) {
    s->in.status_filter = living[s->status];
    gl_describe_game_sessions(s->gamelift, ctx_part_begin(&s->page, s->ctx), &s->in, on_page, s);
}

/* What a caller needs of a session, out of the page's memory. */
static struct gl_game_session *keep(struct arena *a, const struct gl_game_session *s) {
    struct gl_game_session *kept = ARENA_NEW(a, struct gl_game_session);
    kept->game_session_id = arena_str(a, s->game_session_id);
    kept->status = s->status;
    kept->location = arena_str(a, s->location);
    kept->ip_address = arena_str(a, s->ip_address);
    kept->dns_name = arena_str(a, s->dns_name);
    kept->has_port = s->has_port;
    kept->port = s->port;
    return kept;
}

/* True if there is another page to ask for. */
static bool turn_page(struct search *s, const struct gl_describe_game_sessions_output *out) {
    s->in.next_token = arena_str(s->ctx->arena, out->next_token);
    if (!str_empty(s->in.next_token))
        return true;
    s->in.next_token = STR_NULL;
    return ++s->status < ARRAY_LEN(living);
}

static void on_page(void *priv, const struct gl_describe_game_sessions_output *out,
                    const struct err *err) {
    struct search *s = OBJ_CAST(priv, search, SEARCH_MAGIC);
    struct arena *a = s->ctx->arena;
    const struct gl_game_session *found = NULL;
    bool more = false;
    if (err != NULL) {
        err = err_copy(a, err);
    } else if (out->game_sessions.v == NULL) {
        /* Taken for an empty list it would say that nothing runs. */
        err = err_new(a, RPC_UNAVAILABLE, "DescribeGameSessions: the answer has no GameSessions");
    } else {
        for (size_t i = 0; found == NULL && i < out->game_sessions.n; i++)
            if (str_ends(out->game_sessions.v[i].game_session_id, s->ending))
                found = keep(a, &out->game_sessions.v[i]);
        more = found == NULL && turn_page(s, out);
        if (more && ++s->pages == FIND_SESSION_MAX_PAGES)
            err = err_new(a, RPC_RESOURCE_EXHAUSTED,
                          "DescribeGameSessions: the fleet has too many game sessions to find one");
    }
    ctx_part_end(&s->page);
    if (more && err == NULL)
        ask_for_page(s);
    else
        s->fn(s->priv, found, err);
}
