// SPDX-License-Identifier: Apache-2.0
/* The fixture's HTTP client: requests against the script, and the answers it has for them. */
#include "base/clock.h"
#include "base/obj.h"
#include "handler_fixture.h"

#include <stdlib.h>
#include <yajl/yajl_tree.h>

struct exchange { /* in the arena of the request's context */
    unsigned magic;
#define EXCHANGE_MAGIC 0x2f6bd013U
    struct handler_fixture *f;
    struct ctx *ctx;
    struct ctx_hook hook;
    struct loop_timer timer;
    const struct step *step;
    http_done_fn *done;
    void *priv;
    bool timeout; /* comes before the answer */
};

static void __attribute__((format(printf, 2, 3)))
went_wrong(struct handler_fixture *f, const char *fmt, ...) {
    va_list ap;
    if (f->wrong[0] != '\0')
        return;
    va_start(ap, fmt);
    vsnprintf(f->wrong, sizeof f->wrong, fmt, ap);
    va_end(ap);
}

/* The value at "a.0.b", NULL if there is none. */
static yajl_val value_at(yajl_val tree, struct str path) {
    while (tree != NULL && path.n > 0) {
        struct str part = str_sub(path, 0, str_find(path, '.'));
        int64_t index;
        yajl_val next = NULL;
        if (YAJL_IS_OBJECT(tree)) {
            for (size_t i = 0; i < YAJL_GET_OBJECT(tree)->len; i++)
                if (str_eq(str_c(YAJL_GET_OBJECT(tree)->keys[i]), part))
                    next = YAJL_GET_OBJECT(tree)->values[i];
        } else if (YAJL_IS_ARRAY(tree) && str_to_int64(part, &index) && index >= 0 &&
                   (size_t)index < YAJL_GET_ARRAY(tree)->len) {
            next = YAJL_GET_ARRAY(tree)->values[index];
        }
        tree = next;
        path = str_from(path, part.n + 1);
    }
    return tree;
}

static void check_want(struct handler_fixture *f, const struct step *step, yajl_val tree,
                       const char *want) {
    struct str text = str_c(want);
    if (want[0] == '!') {
        if (value_at(tree, str_from(text, 1)) != NULL)
            went_wrong(f, "%s: %s was sent", step->op, want + 1);
        return;
    }
    size_t equals = str_find(text, '=');
    yajl_val got = value_at(tree, str_sub(text, 0, equals));
    struct str shown = STR("(nothing)");
    if (YAJL_IS_STRING(got))
        shown = str_c(YAJL_GET_STRING(got));
    else if (YAJL_IS_NUMBER(got))
        shown = str_c(YAJL_GET_NUMBER(got));
    if (!str_eq(shown, str_from(text, equals + 1)))
        went_wrong(f, "%s: %s was due, but it is " STR_FMT, step->op, want, STR_ARG(shown));
}

static void check_body(struct handler_fixture *f, const struct step *step,
                       const struct http_request *req) {
    char why[200] = "";
    char *text =
        strndup(req->body.p == NULL ? "null" : req->body.p, req->body.p == NULL ? 4 : req->body.n);
    AN(text);
    yajl_val tree = yajl_tree_parse(text, why, sizeof why);
    if (tree == NULL)
        went_wrong(f, "%s: the body is no JSON: %s", step->op, why);
    for (size_t i = 0; tree != NULL && i < FIXTURE_WANTS && step->wants[i] != NULL; i++)
        check_want(f, step, tree, step->wants[i]);
    yajl_tree_free(tree);
    free(text);
}

static struct str header_of(const struct http_request *req, struct str name) {
    for (size_t i = 0; i < req->n_headers; i++)
        if (str_eq_nocase(req->headers[i].name, name))
            return req->headers[i].value;
    return STR_NULL;
}

/* "us-east-1 CreateGameSession" or "GET /path" */
static struct str name_of(struct arena *a, const struct http_request *req) {
    struct str host = str_from(req->url, strlen("https://"));
    struct str target = header_of(req, STR("x-amz-target"));
    if (target.p == NULL)
        return arena_printf(a, STR_FMT " " STR_FMT, STR_ARG(req->method),
                            STR_ARG(str_from(host, str_find(host, '/'))));
    struct str region = str_from(host, str_find(host, '.') + 1);
    region = str_sub(region, 0, str_find(region, '.'));
    return arena_printf(a, STR_FMT " " STR_FMT, STR_ARG(region),
                        STR_ARG(str_from(target, str_find(target, '.') + 1)));
}

static const struct step *step_for(struct handler_fixture *f, struct arena *a,
                                   const struct http_request *req) {
    static const struct step token = {OK("{\"access_token\":\"" FIXTURE_AGS_TOKEN
                                         "\",\"expires_in\":3600,\"token_type\":\"Bearer\"}")};
    static const struct step lost = {BREAKS};
    struct str name = name_of(a, req);
    if (str_eq(name, STR("POST /iam/v3/oauth/token"))) {
        f->n_tokens++;
        return &token;
    }
    bool beyond = f->next == f->n_steps;
    const struct step *step = beyond ? f->endless : &f->script[f->next];
    if (step == NULL) {
        went_wrong(f, "unexpected request " STR_FMT ", body " STR_FMT, STR_ARG(name),
                   STR_ARG(req->body));
        return &lost;
    }
    struct str due = str_c(step->op);
    if (str_find(due, ' ') == due.n)
        due = arena_printf(a, "%s %s", step->region == NULL ? "us-east-1" : step->region, step->op);
    if (!str_eq(name, due))
        went_wrong(f, "request " STR_FMT ", but " STR_FMT " was due", STR_ARG(name), STR_ARG(due));
    check_body(f, step, req);
    if (beyond)
        f->n_endless++;
    else
        f->asked_ms[f->next++] = clock_mono_ms() - f->started_ms;
    return step;
}

static void leave(struct exchange *x) {
    ctx_hook_remove(&x->hook);
    loop_timer_stop(&x->timer);
}

static void on_arena_free(void *arg) {
    leave(OBJ_CAST(arg, exchange, EXCHANGE_MAGIC));
}

static void on_cancel(struct ctx_hook *hook, const struct err *reason) {
    struct exchange *x = CONTAINER_OF(hook, struct exchange, hook);
    leave(x);
    x->done(x->priv, NULL, reason);
}

/* The errors that src/http/curl.c has. */
static struct err *fault_of(struct exchange *x) {
    struct arena *a = x->ctx->arena;
    struct err *err;
    bool closed = x->step->status == STEP_CLOSED;
    if (x->timeout && ctx_remaining_ms(x->ctx) == 0) {
        err = err_new(a, RPC_DEADLINE_EXCEEDED, "no answer before the deadline");
        err->origin = ERR_CALLER;
    } else {
        err = err_new(a, RPC_UNAVAILABLE, "%s",
                      x->timeout ? "no answer in time"
                      : closed   ? "the connection was refused or could not be made"
                                 : "the connection broke before the answer was complete");
        err->origin = ERR_TRANSPORT;
        err->retryable = true;
    }
    err->may_have_acted = !closed;
    return err;
}

static void on_due(struct loop_timer *timer) {
    struct exchange *x = CONTAINER_OF(timer, struct exchange, timer);
    OBJ_CHECK(x, EXCHANGE_MAGIC);
    leave(x);
    if (x->timeout || x->step->status < 0) {
        x->done(x->priv, NULL, fault_of(x));
        return;
    }
    struct http_response *resp = ARENA_NEW(x->ctx->arena, struct http_response);
    resp->status = x->step->status;
    resp->body = arena_str(x->ctx->arena, str_c(x->step->body == NULL ? "" : x->step->body));
    x->done(x->priv, resp, NULL);
}

void fixture_http(struct http_client *http, struct ctx *ctx, const struct http_request *req,
                  http_done_fn *done, void *priv) {
    struct handler_fixture *f = CONTAINER_OF(http, struct handler_fixture, http);
    struct exchange *x = OBJ_NEW(ctx->arena, exchange, EXCHANGE_MAGIC);
    int64_t left = ctx_remaining_ms(ctx);
    int64_t limit = req->timeout_ms > 0 ? req->timeout_ms : 10000;
    x->f = f;
    x->ctx = ctx;
    x->done = done;
    x->priv = priv;
    x->step = step_for(f, ctx->arena, req);
    limit = left < limit ? left : limit;
    x->timeout = x->step->status == STEP_SILENT || x->step->after_ms >= limit;
    ctx_hook_add(ctx, &x->hook, on_cancel);
    arena_defer(ctx->arena, on_arena_free, x);
    loop_timer_start(f->loop, &x->timer, x->timeout ? limit : x->step->after_ms, on_due);
}
