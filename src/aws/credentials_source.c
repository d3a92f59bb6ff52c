// SPDX-License-Identifier: Apache-2.0
#include "aws/credentials_source.h"

#include "aws/credentials_document.h"
#include "base/obj.h"

void aws_plan_uses(struct aws_plan *plan, const char *letters) {
    size_t n = strlen(plan->features);
    for (; *letters != '\0'; letters++)
        if (strchr(plan->features, *letters) == NULL && n < AWS_FEATURES_MAX - 1)
            plan->features[n++] = *letters;
}

/* ---- at hand ---- */

struct fixed_source {
    struct aws_credentials_source base;
    struct aws_credentials creds;
};

static void clear_fixed(void *arg) {
    struct fixed_source *f = arg;
    aws_credentials_clear(&f->creds);
}

struct aws_credentials_source *aws_source_fixed(struct arena *a, struct aws_credentials *creds) {
    struct fixed_source *f = ARENA_NEW(a, struct fixed_source);
    f->creds = *creds;
    *creds = (struct aws_credentials){.identity = 0};
    f->base = (struct aws_credentials_source){
        .magic = AWS_CREDENTIALS_SOURCE_MAGIC,
        .fixed = &f->creds,
    };
    arena_defer(a, clear_fixed, f);
    return &f->base;
}

struct err *aws_source_environment(struct aws_plan *plan, struct aws_credentials_source **ret) {
    static const char *const names[] = {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
    };
    const struct aws_environment *env = plan->env;
    struct aws_credentials creds;
    int64_t expiry_ms = AWS_CREDENTIALS_NEVER;
    *ret = NULL;
    if (str_empty(env->access_key_id) && !secret_present(&env->secret_access_key))
        return NULL;
    if (!str_empty(env->credential_expiration) &&
        !aws_expiry_parse(env->credential_expiration, &expiry_ms))
        return ERR_INVALID(plan->errors, "AWS_CREDENTIAL_EXPIRATION is no ISO 8601 time");
    struct err *err = aws_credentials_init(&creds, plan->errors, names, env->access_key_id,
                                           secret_reveal(&env->secret_access_key),
                                           secret_reveal(&env->session_token), expiry_ms);
    if (err != NULL)
        return err;
    aws_plan_uses(plan, "g");
    *ret = aws_source_fixed(plan->arena, &creds);
    return NULL;
}

/* ---- one fetch ---- */

static void on_arena_free(void *arg) {
    loop_timer_stop(&OBJ_CAST(arg, aws_fetch, AWS_FETCH_MAGIC)->timer);
}

void aws_fetch_init(struct aws_fetch *fetch, struct loop *loop, struct ctx *ctx,
                    aws_source_done_fn *done, void *priv) {
    *fetch = (struct aws_fetch){
        .magic = AWS_FETCH_MAGIC,
        .loop = loop,
        .ctx = ctx,
        .done = done,
        .priv = priv,
    };
    arena_defer(ctx->arena, on_arena_free, fetch);
}

static void on_timer(struct loop_timer *timer) {
    struct aws_fetch *fetch = CONTAINER_OF(timer, struct aws_fetch, timer);
    OBJ_CHECK(fetch, AWS_FETCH_MAGIC);
    fetch->step(fetch);
}

void aws_fetch_after(struct aws_fetch *fetch, int64_t ms, aws_fetch_step_fn *step) {
    OBJ_CHECK(fetch, AWS_FETCH_MAGIC);
    fetch->step = step;
    loop_timer_start(fetch->loop, &fetch->timer, ms, on_timer);
}

void aws_fetch_succeed(struct aws_fetch *fetch, struct aws_credentials *creds) {
    OBJ_CHECK(fetch, AWS_FETCH_MAGIC);
    loop_timer_stop(&fetch->timer);
    fetch->done(fetch->priv, creds, NULL);
}

void aws_fetch_fail(struct aws_fetch *fetch, const struct err *err) {
    OBJ_CHECK(fetch, AWS_FETCH_MAGIC);
    loop_timer_stop(&fetch->timer);
    fetch->done(fetch->priv, NULL, err);
}

static void fail_now(struct aws_fetch *fetch) {
    aws_fetch_fail(fetch, fetch->err);
}

void aws_fetch_fail_later(struct aws_fetch *fetch, const struct err *err) {
    fetch->err = err;
    aws_fetch_after(fetch, 0, fail_now);
}

/* ---- errors ---- */

struct err *aws_source_err(struct arena *a, struct str what, const struct err *err) {
    struct err *named = err_copy(a, err);
    named->msg = arena_printf(a, STR_FMT ": " STR_FMT, STR_ARG(what), STR_ARG(err->msg));
    return named;
}

struct err *aws_source_status_err(struct arena *a, struct str what,
                                  const struct http_response *resp) {
    struct str code, message;
    aws_document_fault(a, resp->body, &code, &message);
    bool theirs = resp->status >= 500 || resp->status == 429;
    struct err *err =
        err_new(a, theirs ? RPC_UNAVAILABLE : RPC_INTERNAL, STR_FMT ": HTTP status %d%s" STR_FMT,
                STR_ARG(what), resp->status, code.p == NULL ? "" : ", ", STR_ARG(code));
    err->origin = ERR_UPSTREAM;
    err->http_status = resp->status;
    err->type = code;
    err->detail = message;
    err->retryable = theirs;
    return err;
}

void aws_wipe(struct str s) {
    if (s.n > 0)
        explicit_bzero((char *)(uintptr_t)s.p, s.n);
}
