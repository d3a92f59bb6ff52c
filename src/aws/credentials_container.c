// SPDX-License-Identifier: Apache-2.0
#include "aws/credentials_container.h"

#include "aws/credentials_document.h"
#include "aws/credentials_file.h"
#include "base/obj.h"

#include <arpa/inet.h>

#define ECS_BASE "http://169.254.170.2"
#define TIMEOUT_MS 2000
#define ATTEMPTS 3
#define PAUSE_MS 1000
#define MAX_TOKEN ((size_t)16384)  /* bytes; it must fit a header */
#define MAX_ANSWER ((size_t)65536) /* bytes */

static const struct str what = STR_INIT("container credentials");

struct container_source {
    struct aws_credentials_source base;
    struct loop *loop;
    struct http_client *http;
    struct str url;
    bool local;
    struct secret token;
    struct str token_file; /* wins over token */
};

struct container_fetch {
    struct aws_fetch base;
    struct container_source *source;
    int attempt;
};

/* ---- which URIs may be asked ---- */

static bool is_digits(struct str s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n > 0;
}

static bool copy_text(struct str s, char *out, size_t size) {
    if (s.n >= size)
        return false;
    memcpy(out, s.p, s.n);
    out[s.n] = '\0';
    return true;
}

static bool is_allowed_ipv6(struct str host) {
    static const char *const allowed[] = {"::1", "fd00:ec2::23"};
    struct in6_addr address, one;
    char text[INET6_ADDRSTRLEN];
    if (!copy_text(host, text, sizeof text) || inet_pton(AF_INET6, text, &address) != 1)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
        if (inet_pton(AF_INET6, allowed[i], &one) == 1 && memcmp(&address, &one, sizeof one) == 0)
            return true;
    return false;
}

/* The whole host is compared: "169.254.170.2.example.com" must not pass for its beginning. */
static bool is_allowed_host(struct str host) {
    struct in_addr address;
    char text[INET_ADDRSTRLEN];
    if (str_eq_nocase(host, STR("localhost")) || str_eq(host, STR("169.254.170.2")) ||
        str_eq(host, STR("169.254.170.23")))
        return true;
    return copy_text(host, text, sizeof text) && inet_pton(AF_INET, text, &address) == 1 &&
           ntohl(address.s_addr) >> 24 == 127;
}

static bool is_allowed_authority(struct str authority) {
    bool bracketed = authority.n > 0 && authority.p[0] == '[';
    size_t end = str_find(authority, bracketed ? ']' : ':');
    struct str host = str_sub(authority, bracketed ? 1 : 0, end);
    struct str rest = str_from(authority, bracketed ? end + 1 : end);
    if (bracketed && end == authority.n)
        return false;
    if (rest.n > 0 && (rest.p[0] != ':' || rest.n > 6 || !is_digits(str_from(rest, 1))))
        return false;
    return bracketed ? is_allowed_ipv6(host) : is_allowed_host(host);
}

const char *aws_container_uri_fault(struct str uri, bool *ret_local) {
    *ret_local = false;
    for (size_t i = 0; i < uri.n; i++)
        if (uri.p[i] <= ' ' || uri.p[i] > '~' || uri.p[i] == '\\')
            return "holds a blank or another character that a URL must encode";
    struct str scheme = str_sub(uri, 0, str_find(uri, ':'));
    struct str rest = str_from(uri, scheme.n);
    bool https = str_eq_nocase(scheme, STR("https"));
    if ((!https && !str_eq_nocase(scheme, STR("http"))) || !str_starts(rest, STR("://")))
        return "must start with http:// or https://";
    rest = str_from(rest, 3);
    size_t end = 0;
    while (end < rest.n && strchr("/?#", rest.p[end]) == NULL)
        end++;
    struct str authority = str_sub(rest, 0, end);
    if (str_empty(authority) || str_find(authority, '@') < authority.n)
        return "must have a host and no user name";
    if (https)
        return NULL;
    if (!is_allowed_authority(authority))
        return "must be https, or http to the loopback, 169.254.170.2, 169.254.170.23 or "
               "[fd00:ec2::23]";
    *ret_local = true;
    return NULL;
}

/* ---- a fetch ---- */

static void try_once(struct container_fetch *f);

static void try_again(struct aws_fetch *base) {
    try_once(CONTAINER_OF(base, struct container_fetch, base));
}

/* Any failure is tried again, also a refusal: agents answer 4xx while they start. */
static void fail_or_retry(struct container_fetch *f, const struct err *err) {
    if (f->attempt < ATTEMPTS)
        aws_fetch_after(&f->base, PAUSE_MS, try_again);
    else
        aws_fetch_fail(&f->base, err);
}

static void on_answer(void *priv, const struct http_response *resp, const struct err *err) {
    static const struct aws_document_rules rules = {.needs_token = true, .needs_expiry = true};
    struct container_fetch *f = priv;
    OBJ_CHECK(&f->base, AWS_FETCH_MAGIC);
    struct arena *a = f->base.ctx->arena;
    struct aws_credentials creds;
    if (resp == NULL) {
        fail_or_retry(f, aws_source_err(a, what, err));
        return;
    }
    if (resp->status != 200) {
        fail_or_retry(f, aws_source_status_err(a, what, resp));
        return;
    }
    err = aws_document_parse(a, resp->body, &rules, &creds);
    aws_wipe(resp->body);
    if (err != NULL)
        fail_or_retry(f, aws_source_err(a, what, err));
    else
        aws_fetch_succeed(&f->base, &creds);
}

static struct err *check_token(struct arena *a, const char *name, struct str token) {
    for (size_t i = 0; i < token.n; i++)
        if ((unsigned char)token.p[i] < ' ' || token.p[i] == '\x7F')
            return err_new(a, RPC_INTERNAL,
                           STR_FMT ": the text of %s holds a line end or another control character",
                           STR_ARG(what), name);
    return NULL;
}

static void ask(struct container_fetch *f, struct str token) {
    struct container_source *s = f->source;
    struct http_header headers[2] = {{STR("Accept"), STR("application/json")}};
    size_t n = 1;
    if (!str_empty(token))
        headers[n++] = (struct http_header){STR("Authorization"), token};
    const struct http_request req = {
        .method = STR("GET"),
        .url = s->url,
        .headers = headers,
        .n_headers = n,
        .connect_timeout_ms = TIMEOUT_MS,
        .timeout_ms = TIMEOUT_MS,
        .max_response = MAX_ANSWER,
        .no_proxy = s->local,
    };
    http_start(s->http, f->base.ctx, &req, on_answer, f);
}

static void try_once(struct container_fetch *f) {
    struct container_source *s = f->source;
    struct arena *a = f->base.ctx->arena;
    struct buf file = {.p = NULL};
    struct str token = secret_reveal(&s->token);
    struct err *err = NULL;
    bool from_file = !str_empty(s->token_file);
    f->attempt++;
    if (from_file) {
        err = aws_file_read(a, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", s->token_file, MAX_TOKEN,
                            NULL, &file);
        token = buf_str(&file);
    }
    if (err == NULL)
        err = check_token(a,
                          from_file ? "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
                                    : "AWS_CONTAINER_AUTHORIZATION_TOKEN",
                          token);
    if (err == NULL)
        ask(f, token);
    else
        aws_fetch_fail_later(&f->base, err);
    buf_wipe(&file);
}

static void fetch(struct aws_credentials_source *base, struct ctx *ctx, aws_source_done_fn *done,
                  void *priv) {
    struct container_source *s = CONTAINER_OF(base, struct container_source, base);
    struct container_fetch *f = ARENA_NEW(ctx->arena, struct container_fetch);
    aws_fetch_init(&f->base, s->loop, ctx, done, priv);
    f->source = s;
    try_once(f);
}

/* ---- making one ---- */

static void clear(void *arg) {
    struct container_source *s = arg;
    secret_free(&s->token);
}

struct err *aws_source_container(struct aws_plan *plan, struct aws_credentials_source **ret) {
    const struct aws_environment *env = plan->env;
    const char *name = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    struct str url = env->container_full_uri;
    bool local;
    *ret = NULL;
    if (!str_empty(env->container_relative_uri)) {
        name = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
        /* Else the text could go on with the host's name. */
        if (env->container_relative_uri.p[0] != '/')
            return ERR_INVALID(plan->errors, "%s must start with a slash", name);
        url = arena_printf(plan->arena, ECS_BASE STR_FMT, STR_ARG(env->container_relative_uri));
    }
    if (str_empty(url))
        return NULL;
    const char *fault = aws_container_uri_fault(url, &local);
    if (fault != NULL)
        return ERR_INVALID(plan->errors, "%s %s", name, fault);
    struct container_source *s = ARENA_NEW(plan->arena, struct container_source);
    s->base = (struct aws_credentials_source){
        .magic = AWS_CREDENTIALS_SOURCE_MAGIC,
        .fetch = fetch,
        .stale_ok = true,
    };
    s->loop = plan->loop;
    s->http = plan->http;
    s->url = arena_str(plan->arena, url);
    s->local = local;
    s->token = secret_new(secret_reveal(&env->container_token));
    s->token_file = arena_str(plan->arena, env->container_token_file);
    arena_defer(plan->arena, clear, s);
    aws_plan_uses(plan, "z");
    *ret = &s->base;
    return NULL;
}
