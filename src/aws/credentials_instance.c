// SPDX-License-Identifier: Apache-2.0
#include "aws/credentials_instance.h"

#include "aws/credentials_document.h"
#include "aws/region.h"
#include "base/obj.h"

#define IPV4_BASE "http://169.254.169.254"
#define IPV6_BASE "http://[fd00:ec2::254]"
#define TOKEN_PATH "/latest/api/token"
#define ROLE_PATH "/latest/meta-data/iam/security-credentials/"
#define TOKEN_TTL_S "21600" /* the longest there is */
#define MAX_ANSWER ((size_t)65536)
#define MAX_TOKEN 4096
#define MAX_ROLE 128 /* IAM: 64 */

static const struct str what = STR_INIT("EC2 instance metadata");

struct instance_source {
    struct aws_credentials_source base;
    struct loop *loop;
    struct http_client *http;
    struct str url; /* without a slash at its end */
    int64_t timeout_ms;
    int64_t attempts;
    bool v1_disabled;
};

struct instance_fetch {
    struct aws_fetch base;
    struct instance_source *source;
    struct str token; /* absent: version 1 */
    struct str role;  /* absent until known */
    int64_t attempt;  /* of the request under way */
    bool renewed;     /* the token, after a 401 */
};

static struct instance_fetch *fetch_of(void *priv) {
    struct instance_fetch *f = priv;
    OBJ_CHECK(&f->base, AWS_FETCH_MAGIC);
    return f;
}

static void ask(struct instance_fetch *f, struct str method, struct str path,
                struct http_header header, http_done_fn *done) {
    struct instance_source *s = f->source;
    const struct http_request req = {
        .method = method,
        .url = arena_printf(f->base.ctx->arena, STR_FMT STR_FMT, STR_ARG(s->url), STR_ARG(path)),
        .headers = &header,
        .n_headers = header.value.p == NULL ? 0 : 1,
        .body = str_eq(method, STR("PUT")) ? STR("") : STR_NULL,
        .connect_timeout_ms = s->timeout_ms,
        .timeout_ms = s->timeout_ms,
        .max_response = MAX_ANSWER,
        .no_proxy = true,
    };
    f->attempt++;
    http_start(s->http, f->base.ctx, &req, done, f);
}

static const struct err *error_of(struct instance_fetch *f, const struct http_response *resp,
                                  const struct err *err) {
    struct arena *a = f->base.ctx->arena;
    return resp == NULL ? aws_source_err(a, what, err) : aws_source_status_err(a, what, resp);
}

static void fail(struct instance_fetch *f, const char *why) {
    aws_fetch_fail(&f->base,
                   err_new(f->base.ctx->arena, RPC_INTERNAL, STR_FMT ": %s", STR_ARG(what), why));
}

/* ---- the role and its credentials ---- */

static void ask_for_token(struct instance_fetch *f);
static http_done_fn on_metadata;

static void ask_for_metadata(struct instance_fetch *f) {
    struct str path = arena_printf(f->base.ctx->arena, ROLE_PATH STR_FMT, STR_ARG(f->role));
    ask(f, STR("GET"), path, (struct http_header){STR("x-aws-ec2-metadata-token"), f->token},
        on_metadata);
}

/* Into a URL, so only what IAM allows in the name of a role. */
static bool is_role_name(struct str s) {
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || strchr("_+=,.@-", c) == NULL))
            return false;
    }
    return s.n > 0 && s.n <= MAX_ROLE;
}

static void on_role(struct instance_fetch *f, struct str body) {
    struct str role = str_trim(str_sub(body, 0, str_find(body, '\n')));
    if (!is_role_name(role)) {
        fail(f, "the answer is no role name");
        return;
    }
    f->role = role;
    f->attempt = 0;
    ask_for_metadata(f);
}

static void on_document(struct instance_fetch *f, struct str body) {
    static const struct aws_document_rules rules = {.needs_token = true, .needs_expiry = true};
    struct arena *a = f->base.ctx->arena;
    struct aws_credentials creds;
    struct err *err = aws_document_parse(a, body, &rules, &creds);
    aws_wipe(body);
    if (err != NULL)
        aws_fetch_fail(&f->base, aws_source_err(a, what, err));
    else
        aws_fetch_succeed(&f->base, &creds);
}

static void on_metadata(void *priv, const struct http_response *resp, const struct err *err) {
    struct instance_fetch *f = fetch_of(priv);
    if (resp != NULL && resp->status == 200) {
        if (f->role.p == NULL)
            on_role(f, resp->body);
        else
            on_document(f, resp->body);
    } else if (resp != NULL && resp->status == 401 && f->token.p != NULL && !f->renewed) {
        f->renewed = true;
        f->role = STR_NULL;
        f->attempt = 0;
        ask_for_token(f);
    } else if (resp != NULL && resp->status == 404) {
        fail(f, "no role is attached to the instance");
    } else if (f->attempt < f->source->attempts) {
        ask_for_metadata(f);
    } else {
        aws_fetch_fail(&f->base, error_of(f, resp, err));
    }
}

/* ---- the token ---- */

static bool is_token(struct str s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return false;
    return s.n > 0 && s.n <= MAX_TOKEN;
}

/* Somewhat older services know no tokens, and behind one hop too many the answer never comes. */
static void without_token(struct instance_fetch *f, const struct http_response *resp,
                          const struct err *err) {
    f->token = STR_NULL;
    f->attempt = 0;
    if (!f->source->v1_disabled)
        ask_for_metadata(f);
    else if (resp != NULL && resp->status == 200)
        fail(f, "the answer is no token");
    else
        aws_fetch_fail(&f->base, error_of(f, resp, err));
}

static void on_token(void *priv, const struct http_response *resp, const struct err *err) {
    struct instance_fetch *f = fetch_of(priv);
    int status = resp == NULL ? 0 : resp->status;
    struct str token = resp == NULL ? STR_NULL : str_trim(resp->body);
    if (status == 200 && is_token(token)) {
        f->token = token;
        f->attempt = 0;
        ask_for_metadata(f);
    } else if (status == 400) {
        aws_fetch_fail(&f->base, error_of(f, resp, err));
    } else if (status != 200 && status != 403 && status != 404 && status != 405 &&
               f->attempt < f->source->attempts) {
        ask_for_token(f);
    } else {
        without_token(f, resp, err);
    }
}

static void ask_for_token(struct instance_fetch *f) {
    ask(f, STR("PUT"), STR(TOKEN_PATH),
        (struct http_header){STR("x-aws-ec2-metadata-token-ttl-seconds"), STR(TOKEN_TTL_S)},
        on_token);
}

static void fetch(struct aws_credentials_source *base, struct ctx *ctx, aws_source_done_fn *done,
                  void *priv) {
    struct instance_source *s = CONTAINER_OF(base, struct instance_source, base);
    struct instance_fetch *f = ARENA_NEW(ctx->arena, struct instance_fetch);
    aws_fetch_init(&f->base, s->loop, ctx, done, priv);
    f->source = s;
    ask_for_token(f);
}

/* ---- making one ---- */

static struct str setting(const struct aws_plan *plan, struct str value, const char *key) {
    if (!str_empty(value))
        return value;
    return shared_config_lookup(plan->config, aws_profile_name(plan->env), key);
}

static struct err *find_url(const struct aws_plan *plan, struct str *ret) {
    struct str url = setting(plan, plan->env->metadata_endpoint, "ec2_metadata_service_endpoint");
    struct str mode =
        setting(plan, plan->env->metadata_endpoint_mode, "ec2_metadata_service_endpoint_mode");
    if (str_empty(url)) {
        bool ipv6 = str_eq_nocase(mode, STR("IPv6"));
        if (!ipv6 && !str_empty(mode) && !str_eq_nocase(mode, STR("IPv4")))
            return ERR_INVALID(plan->errors,
                               "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE must be IPv4 or IPv6");
        *ret = ipv6 ? STR(IPV6_BASE) : STR(IPV4_BASE);
        return NULL;
    }
    for (size_t i = 0; i < url.n; i++)
        if (url.p[i] <= ' ' || url.p[i] > '~')
            return ERR_INVALID(plan->errors, "AWS_EC2_METADATA_SERVICE_ENDPOINT holds a blank or "
                                             "another character that a URL must encode");
    if (!str_starts(url, STR("http://")) && !str_starts(url, STR("https://")))
        return ERR_INVALID(plan->errors, "AWS_EC2_METADATA_SERVICE_ENDPOINT must start with "
                                         "http:// or https://");
    while (str_ends(url, STR("/")))
        url.n--;
    *ret = arena_str(plan->arena, url);
    return NULL;
}

static struct err *find_number(const struct aws_plan *plan, const char *name, struct str value,
                               const char *key, int64_t max, int64_t *ret) {
    int64_t number = 1;
    value = setting(plan, value, key);
    if (!str_empty(value) && (!str_to_int64(value, &number) || number < 1 || number > max))
        return ERR_INVALID(plan->errors, "%s must be a number from 1 to %d", name, (int)max);
    *ret = number;
    return NULL;
}

struct err *aws_source_instance(struct aws_plan *plan, struct aws_credentials_source **ret) {
    const struct aws_environment *env = plan->env;
    struct err *err;
    int64_t timeout_s = 0;
    struct instance_source made = {
        .base = {.magic = AWS_CREDENTIALS_SOURCE_MAGIC, .fetch = fetch, .stale_ok = true},
        .loop = plan->loop,
        .http = plan->http,
    };
    *ret = NULL;
    if (str_eq_nocase(env->metadata_disabled, STR("true")))
        return NULL;
    if ((err = find_url(plan, &made.url)) != NULL ||
        (err = find_number(plan, "AWS_METADATA_SERVICE_TIMEOUT", env->metadata_timeout,
                           "metadata_service_timeout", 60, &timeout_s)) != NULL ||
        (err = find_number(plan, "AWS_METADATA_SERVICE_NUM_ATTEMPTS", env->metadata_attempts,
                           "metadata_service_num_attempts", 10, &made.attempts)) != NULL ||
        (err = aws_switch(plan->errors, env, plan->config, "AWS_EC2_METADATA_V1_DISABLED",
                          env->metadata_v1_disabled, "ec2_metadata_v1_disabled",
                          &made.v1_disabled)) != NULL)
        return err;
    made.timeout_ms = timeout_s * 1000;
    struct instance_source *s = ARENA_NEW(plan->arena, struct instance_source);
    *s = made;
    aws_plan_uses(plan, "0");
    *ret = &s->base;
    return NULL;
}
