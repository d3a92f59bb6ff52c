// SPDX-License-Identifier: Apache-2.0
#include "aws/credentials_chain.h"

#include "aws/credentials_cache.h"
#include "aws/credentials_container.h"
#include "aws/credentials_instance.h"
#include "aws/credentials_profile.h"
#include "aws/credentials_role.h"
#include "base/obj.h"

/* ---- the last source, whose failure means that there is none ---- */

struct last_source {
    struct aws_credentials_source base;
    struct aws_credentials_source *inner;
    struct str looked_at;
};

struct last_fetch {
    struct last_source *source;
    struct arena *arena;
    aws_source_done_fn *done;
    void *priv;
};

static void on_last(void *priv, struct aws_credentials *creds, const struct err *err) {
    struct last_fetch *f = priv;
    if (err != NULL) {
        struct err *all = err_copy(f->arena, err);
        all->msg = arena_printf(f->arena, STR_FMT ", and " STR_FMT, STR_ARG(f->source->looked_at),
                                STR_ARG(err->msg));
        err = all;
    }
    f->done(f->priv, creds, err);
}

static void fetch_last(struct aws_credentials_source *base, struct ctx *ctx,
                       aws_source_done_fn *done, void *priv) {
    struct last_source *s = CONTAINER_OF(base, struct last_source, base);
    struct last_fetch *f = ARENA_NEW(ctx->arena, struct last_fetch);
    *f = (struct last_fetch){.source = s, .arena = ctx->arena, .done = done, .priv = priv};
    s->inner->fetch(s->inner, ctx, on_last, f);
}

static struct str looked_at(struct arena *a, const struct aws_plan *plan) {
    struct str profile = aws_profile_name(plan->env);
    bool exists = shared_config_has_profile(plan->config, profile);
    return arena_printf(a,
                        "no AWS credentials found: AWS_ACCESS_KEY_ID is not set, %s profile "
                        "\"" STR_FMT "\"%s, AWS_WEB_IDENTITY_TOKEN_FILE is not set, neither "
                        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor "
                        "AWS_CONTAINER_CREDENTIALS_FULL_URI is set",
                        exists ? "the" : "there is no", STR_ARG(aws_shown(a, profile)),
                        exists ? " has none" : "");
}

static struct err *last_source(struct aws_plan *plan, struct aws_credentials_source **ret) {
    struct aws_credentials_source *inner;
    struct err *err = aws_source_instance(plan, &inner);
    if (err != NULL)
        return err;
    if (inner == NULL)
        return err_new(plan->errors, RPC_FAILED_PRECONDITION,
                       STR_FMT ", and AWS_EC2_METADATA_DISABLED is true",
                       STR_ARG(looked_at(plan->errors, plan)));
    struct last_source *s = ARENA_NEW(plan->arena, struct last_source);
    s->base = (struct aws_credentials_source){
        .magic = AWS_CREDENTIALS_SOURCE_MAGIC,
        .fetch = fetch_last,
        .stale_ok = inner->stale_ok,
    };
    s->inner = inner;
    s->looked_at = looked_at(plan->arena, plan);
    *ret = &s->base;
    return NULL;
}

/* ---- the order ---- */

static struct err *profile_source(struct aws_plan *plan, struct aws_credentials_source **ret) {
    struct str profile = aws_profile_name(plan->env);
    *ret = NULL;
    if (shared_config_has_profile(plan->config, profile))
        return aws_source_profile(plan, profile, ret);
    if (aws_profile_is_named(plan->env))
        return ERR_INVALID(plan->errors,
                           "%s names the profile \"" STR_FMT "\", which is neither in the AWS "
                           "config file nor in the credentials file",
                           str_empty(plan->env->profile) ? "AWS_DEFAULT_PROFILE" : "AWS_PROFILE",
                           STR_ARG(aws_shown(plan->errors, profile)));
    return NULL;
}

typedef struct err *source_new_fn(struct aws_plan *plan, struct aws_credentials_source **ret);

static source_new_fn *const order[] = {
    aws_source_environment, profile_source, aws_source_web_identity_env,
    aws_source_container,   last_source,
};

struct err *aws_credentials_chain_new(struct arena *a,
                                      const struct aws_credentials_chain_options *options,
                                      struct aws_credentials_provider **ret) {
    struct aws_plan plan = {
        .arena = arena_new(ARENA_LIMIT_DEFAULT),
        .errors = a,
        .loop = options->loop,
        .http = options->http,
        .user_agent = options->user_agent,
        .env = options->env,
        .config = options->config,
    };
    struct aws_credentials_source *source = NULL;
    struct err *err = NULL;
    source_new_fn *taken = NULL;
    for (size_t i = 0; i < ARRAY_LEN(order) && err == NULL && source == NULL; i++) {
        taken = order[i];
        err = taken(&plan, &source);
    }
    if (err != NULL) {
        arena_free(plan.arena);
        return err;
    }
    if (options->unconfigured != NULL)
        *options->unconfigured = taken == last_source;
    if (options->features != NULL)
        *options->features = arena_str(a, str_c(plan.features));
    *ret = aws_credentials_cache_new(options->loop, plan.arena, source);
    return NULL;
}
