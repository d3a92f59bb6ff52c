// SPDX-License-Identifier: Apache-2.0
#include "handlers/find_session.h"

#include "base/ctx_sleep.h"

#define PAGE 100

struct search { /* in the context's arena */
    unsigned magic;
#define SEARCH_MAGIC 0x1d7c94efU
    struct dsm_service *svc;
    struct ctx *ctx;
    struct aws_client *gamelift;
    struct gl_describe_game_sessions_input in;
    struct str ending; /* "/<token>" */
    unsigned pages;
    find_session_fn *fn;
    void *priv;
    const struct err *refused;
};

static gl_describe_game_sessions_fn on_page;

static void ask_for_page(struct search *s) {
    gl_describe_game_sessions(s->gamelift, s->ctx, &s->in, on_page, s);
}

static void on_page(void *priv, const struct gl_describe_game_sessions_output *out,
                    const struct err *err) {
    struct search *s = OBJ_CAST(priv, search, SEARCH_MAGIC);
    if (err != NULL) {
        s->fn(s->priv, NULL, err);
        return;
    }
    for (size_t i = 0; i < out->game_sessions.n; i++)
        if (str_ends(out->game_sessions.v[i].game_session_id, s->ending)) {
            s->fn(s->priv, &out->game_sessions.v[i], NULL);
            return;
        }
    s->in.next_token = out->next_token;
    if (str_empty(s->in.next_token) || ++s->pages == FIND_SESSION_MAX_PAGES)
        s->fn(s->priv, NULL, NULL);
    else
        ask_for_page(s);
}

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
    s->in.limit = PAGE;
    s->fn = fn;
    s->priv = priv;
    s->refused = dsm_gamelift_of(svc, ctx->arena, alias, &s->gamelift);
    if (s->refused != NULL)
        ctx_sleep(svc->loop, ctx, 0, on_refused, s);
    else
        ask_for_page(s);
}
