// SPDX-License-Identifier: Apache-2.0
#include "aws/credentials_role.h"

#include "aws/credentials_file.h"
#include "base/obj.h"

struct role_source {
    struct aws_credentials_source base;
    struct loop *loop;
    struct sts *sts;
    struct str what;
    struct sts_role role;
    struct aws_credentials_source *from; /* AssumeRole */
    struct str token_file;               /* web identity */
};

struct role_fetch {
    struct aws_fetch base;
    struct role_source *source;
    struct aws_credentials from; /* lives until the arena goes, for the signatures */
};

/* ---- both ---- */

static void on_assumed(void *priv, struct aws_credentials *creds, const struct err *err) {
    struct role_fetch *f = priv;
    OBJ_CHECK(&f->base, AWS_FETCH_MAGIC);
    if (err != NULL)
        aws_fetch_fail(&f->base, aws_source_err(f->base.ctx->arena, f->source->what, err));
    else
        aws_fetch_succeed(&f->base, creds);
}

static void clear(void *arg) {
    struct role_fetch *f = arg;
    aws_credentials_clear(&f->from);
}

static struct role_fetch *new_fetch(struct role_source *s, struct ctx *ctx,
                                    aws_source_done_fn *done, void *priv) {
    struct role_fetch *f = ARENA_NEW(ctx->arena, struct role_fetch);
    aws_fetch_init(&f->base, s->loop, ctx, done, priv);
    f->source = s;
    arena_defer(ctx->arena, clear, f);
    return f;
}

static struct err *new_source(struct aws_plan *plan, struct str what, const struct sts_role *role,
                              struct role_source **ret) {
    struct arena *a = plan->arena;
    struct err *err = sts_role_check(plan->errors, role);
    if (err == NULL && plan->sts == NULL)
        err = sts_new(plan, &plan->sts);
    if (err != NULL)
        return aws_source_err(plan->errors, what, err);
    struct role_source *s = ARENA_NEW(a, struct role_source);
    s->base.magic = AWS_CREDENTIALS_SOURCE_MAGIC;
    s->loop = plan->loop;
    s->sts = plan->sts;
    s->what = arena_str(a, what);
    s->role = (struct sts_role){
        .arn = arena_str(a, role->arn),
        .session_name = arena_str(a, role->session_name),
        .external_id = arena_str(a, role->external_id),
        .duration_s = role->duration_s,
    };
    *ret = s;
    return NULL;
}

/* ---- AssumeRole ---- */

static void on_from(void *priv, struct aws_credentials *creds, const struct err *err) {
    struct role_fetch *f = priv;
    OBJ_CHECK(&f->base, AWS_FETCH_MAGIC);
    struct role_source *s = f->source;
    if (err != NULL) {
        aws_fetch_fail(&f->base, aws_source_err(f->base.ctx->arena, s->what, err));
        return;
    }
    f->from = *creds;
    sts_assume_role(s->sts, f->base.ctx, &s->role, &f->from, on_assumed, f);
}

static void fetch_role(struct aws_credentials_source *base, struct ctx *ctx,
                       aws_source_done_fn *done, void *priv) {
    struct role_source *s = CONTAINER_OF(base, struct role_source, base);
    struct role_fetch *f = new_fetch(s, ctx, done, priv);
    if (s->from->fixed != NULL)
        sts_assume_role(s->sts, ctx, &s->role, s->from->fixed, on_assumed, f);
    else
        s->from->fetch(s->from, ctx, on_from, f);
}

struct err *aws_source_role(struct aws_plan *plan, struct str what, const struct sts_role *role,
                            struct aws_credentials_source *from,
                            struct aws_credentials_source **ret) {
    struct role_source *s = NULL;
    struct err *err = new_source(plan, what, role, &s);
    if (err != NULL)
        return err;
    AN(s);
    aws_plan_uses(plan, "i");
    s->base.fetch = fetch_role;
    s->from = from;
    *ret = &s->base;
    return NULL;
}

/* ---- web identity ---- */

static void fetch_web_identity(struct aws_credentials_source *base, struct ctx *ctx,
                               aws_source_done_fn *done, void *priv) {
    struct role_source *s = CONTAINER_OF(base, struct role_source, base);
    struct role_fetch *f = new_fetch(s, ctx, done, priv);
    struct buf token = {.p = NULL};
    struct err *err = aws_file_read(ctx->arena, "the web identity token", s->token_file,
                                    STS_TOKEN_MAX, NULL, &token);
    if (err == NULL && token.n < STS_TOKEN_MIN)
        err = err_new(ctx->arena, RPC_INTERNAL, "the web identity token's file is empty");
    if (err != NULL)
        aws_fetch_fail_later(&f->base, aws_source_err(ctx->arena, s->what, err));
    else
        sts_assume_role_with_web_identity(s->sts, ctx, &s->role, buf_str(&token), on_assumed, f);
    buf_wipe(&token);
}

struct err *aws_source_web_identity(struct aws_plan *plan, struct str what,
                                    const struct sts_role *role, struct str token_file,
                                    struct aws_credentials_source **ret) {
    struct role_source *s = NULL;
    struct err *err = new_source(plan, what, role, &s);
    if (err != NULL)
        return err;
    AN(s);
    aws_plan_uses(plan, "k");
    s->base.fetch = fetch_web_identity;
    s->token_file = arena_str(plan->arena, token_file);
    *ret = &s->base;
    return NULL;
}

struct err *aws_source_web_identity_env(struct aws_plan *plan,
                                        struct aws_credentials_source **ret) {
    const struct aws_environment *env = plan->env;
    const struct sts_role role = {
        .arn = env->role_arn,
        .session_name = env->role_session_name,
    };
    *ret = NULL;
    if (str_empty(env->web_identity_token_file))
        return NULL;
    if (str_empty(env->role_arn))
        return ERR_INVALID(plan->errors,
                           "AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not");
    aws_plan_uses(plan, "h");
    return aws_source_web_identity(plan, STR("web identity of AWS_ROLE_ARN"), &role,
                                   env->web_identity_token_file, ret);
}
