// SPDX-License-Identifier: Apache-2.0
#include "aws/sts.h"

#include "aws/credentials_document.h"
#include "aws/region.h"
#include "aws/retry.h"
#include "aws/signing_key.h"
#include "aws/sigv4.h"
#include "aws/skew.h"
#include "aws/sts_xml.h"
#include "base/clock.h"
#include "base/obj.h"
#include "base/random.h"
#include "http/backoff.h"

#define ATTEMPTS 3
#define MAX_BODY ((size_t)131072) /* a token triples at worst when it is encoded */
#define TIMEOUT_MS 10000
#define SHOWN_MESSAGE 512
#define CONTENT_TYPE "application/x-www-form-urlencoded; charset=utf-8"

struct sts {
    unsigned magic;
#define STS_MAGIC 0x83e5d70bU
    struct loop *loop;
    struct http_client *http;
    struct endpoint endpoint;
    struct str user_agent;
    struct digest *digest;
    bool without_skew; /* a clock that is off is not corrected */
    int64_t skew_us;   /* server time minus ours, once a refusal has shown that ours is wrong */
};

struct sts_call {
    struct aws_fetch base;
    struct sts *sts;
    struct str action;
    const struct aws_credentials *creds; /* NULL: unsigned */
    struct buf body;
    int attempt;
    int64_t sent_skew_us; /* what the attempt was signed with */
};

/* ---- the form ---- */

static bool is_unreserved(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static void put_param(struct buf *b, const char *name, struct str value) {
    if (str_empty(value))
        return;
    buf_printf(b, "%s%s=", b->n > 0 ? "&" : "", name);
    for (size_t i = 0; i < value.n; i++) {
        if (is_unreserved(value.p[i]))
            buf_putc(b, value.p[i]);
        else
            buf_printf(b, "%%%02X", (unsigned char)value.p[i]);
    }
}

static void put_role(struct sts_call *call, const struct sts_role *role) {
    struct arena *a = call->base.ctx->arena;
    struct str name = role->session_name;
    if (str_empty(name))
        name = arena_printf(a, "session-dsm-%lld", (long long)(clock_real_us() / 1000000));
    put_param(&call->body, "Action", call->action);
    put_param(&call->body, "Version", STR("2011-06-15"));
    put_param(&call->body, "RoleArn", role->arn);
    put_param(&call->body, "RoleSessionName", name);
    if (role->duration_s > 0)
        put_param(&call->body, "DurationSeconds", arena_printf(a, "%d", role->duration_s));
}

/* ---- the signature ---- */

static struct str sign(struct sts_call *call, const struct sigv4_scope *scope,
                       const struct http_header *headers, size_t n) {
    struct sts *sts = call->sts;
    char hash[DIGEST_HEX_SIZE];
    struct sigv4_key key;
    struct buf canonical, text, signature, value;
    buf_init(&canonical, SIGV4_CANONICAL_MAX);
    buf_init(&text, SIGV4_CANONICAL_MAX);
    buf_init(&signature, DIGEST_HEX);
    buf_init(&value, SIGV4_CANONICAL_MAX);
    digest_sha256_hex(sts->digest, buf_str(&call->body), hash);
    const struct sigv4_request req = {
        .method = STR("POST"),
        .path = sts->endpoint.base_path,
        .headers = headers,
        .n_headers = n,
        .payload_hash = str_n(hash, DIGEST_HEX),
    };
    sigv4_canonical_request(&canonical, &req);
    sigv4_string_to_sign(&text, sts->digest, scope, &canonical);
    signing_key_derive(sts->digest, scope, &call->creds->secret_access_key, &key);
    sigv4_sign(&signature, sts->digest, &key, &text);
    explicit_bzero(&key, sizeof key);
    sigv4_authorization(&value, call->creds->access_key_id, scope, &canonical, &signature);
    AZ(value.failed); /* credentials and endpoint were checked when they were made */
    struct str made = arena_str(call->base.ctx->arena, buf_str(&value));
    buf_wipe(&canonical); /* holds the session token */
    buf_free(&text);
    buf_free(&signature);
    buf_free(&value);
    return made;
}

/* ---- an attempt ---- */

static http_done_fn on_answer;

static void ask(struct sts_call *call) {
    struct sts *sts = call->sts;
    struct http_header headers[6];
    size_t n = 0;
    const struct sigv4_scope scope = {
        .time = sigv4_time_at(clock_real_us() + sts->skew_us),
        .region = sts->endpoint.region,
        .service = STR("sts"),
    };
    call->attempt++;
    call->sent_skew_us = sts->skew_us;
    headers[n++] = (struct http_header){STR("Host"), sts->endpoint.host};
    headers[n++] = (struct http_header){STR("Content-Type"), STR(CONTENT_TYPE)};
    if (call->creds != NULL) {
        const struct secret *token = &call->creds->session_token;
        headers[n++] = (struct http_header){STR("X-Amz-Date"), str_c(scope.time.stamp)};
        if (secret_present(token))
            headers[n++] = (struct http_header){STR("X-Amz-Security-Token"), secret_reveal(token)};
        struct str authorization = sign(call, &scope, headers, n);
        headers[n++] = (struct http_header){STR("Authorization"), authorization};
    }
    if (!str_empty(sts->user_agent))
        headers[n++] = (struct http_header){STR("User-Agent"), sts->user_agent};
    ASSERT(n <= ARRAY_LEN(headers));
    const struct http_request req = {
        .method = STR("POST"),
        .url = sts->endpoint.url,
        .headers = headers,
        .n_headers = n,
        .body = buf_str(&call->body),
        .timeout_ms = TIMEOUT_MS,
        .max_response = STS_XML_MAX,
    };
    http_start(sts->http, call->base.ctx, &req, on_answer, call);
}

static void ask_again(struct aws_fetch *base) {
    ask(CONTAINER_OF(base, struct sts_call, base));
}

static void fail_or_retry(struct sts_call *call, const struct http_response *resp,
                          const struct err *err) {
    enum aws_retry_kind kind = aws_error_retry_kind(err);
    if (str_eq(err->type, STR("IDPCommunicationError")))
        kind = AWS_RETRY_TRANSIENT;
    if (resp != NULL && call->creds != NULL && !call->sts->without_skew &&
        aws_skew_correct(resp, err, call->sent_skew_us, &call->sts->skew_us))
        kind = AWS_RETRY_TRANSIENT;
    if (kind == AWS_RETRY_NONE || call->attempt >= ATTEMPTS) {
        aws_fetch_fail(&call->base, err);
        return;
    }
    int64_t wished = resp == NULL ? -1 : backoff_wished_ms(resp);
    aws_fetch_after(&call->base, aws_retry_delay_ms(kind, call->attempt + 1, random_unit(), wished),
                    ask_again);
}

/* A code goes into messages, so it must look like one. */
static bool is_code(struct str code) {
    for (size_t i = 0; i < code.n; i++)
        if (!is_unreserved(code.p[i]))
            return false;
    return code.n > 0 && code.n <= 100;
}

static enum rpc_code code_of(struct str name, int status) {
    const struct aws_error_row *row = aws_error_find(name);
    if (row != NULL)
        return row->code;
    if (status >= 500 || status == 429)
        return RPC_UNAVAILABLE;
    return status == 401 || status == 403 ? RPC_PERMISSION_DENIED : RPC_INTERNAL;
}

static struct err *refusal(struct sts_call *call, const struct http_response *resp) {
    struct arena *a = call->base.ctx->arena;
    struct sts_answer answer = {.error_code = STR_NULL};
    /* What is no XML says nothing; the status then decides. */
    if (sts_xml_parse(a, resp->body, &answer) != NULL || !is_code(answer.error_code))
        answer.error_code = STR_NULL;
    struct str name = answer.error_code;
    struct err *err =
        err_new(a, code_of(name, resp->status), "STS " STR_FMT ": " STR_FMT, STR_ARG(call->action),
                STR_ARG(name.p != NULL ? name : arena_printf(a, "HTTP status %d", resp->status)));
    err->origin = ERR_UPSTREAM;
    err->type = name;
    err->detail = str_utf8_cut(answer.error_message, SHOWN_MESSAGE);
    err->http_status = resp->status;
    err->request_id = http_response_header(resp, STR("x-amzn-requestid"));
    if (err->request_id.p == NULL)
        err->request_id = answer.request_id;
    err->retryable = aws_error_retry_kind(err) != AWS_RETRY_NONE;
    return err;
}

static struct err *read_credentials(struct arena *a, const struct sts_answer *answer,
                                    struct aws_credentials *ret) {
    static const char *const names[] = {"AccessKeyId", "SecretAccessKey", "SessionToken"};
    int64_t expiry_ms;
    if (str_empty(answer->access_key_id) || str_empty(answer->secret_access_key) ||
        str_empty(answer->session_token))
        return err_new(a, RPC_INTERNAL, "the answer has no credentials");
    if (answer->expiration.p == NULL || !aws_expiry_parse(answer->expiration, &expiry_ms))
        return err_new(a, RPC_INTERNAL, "the answer has no Expiration in ISO 8601");
    return aws_credentials_init(ret, a, names, answer->access_key_id, answer->secret_access_key,
                                answer->session_token, expiry_ms);
}

static void on_answer(void *priv, const struct http_response *resp, const struct err *err) {
    struct sts_call *call = priv;
    OBJ_CHECK(&call->base, AWS_FETCH_MAGIC);
    struct arena *a = call->base.ctx->arena;
    struct sts_answer answer = {.error_code = STR_NULL};
    struct aws_credentials creds;
    struct str what = arena_printf(a, "STS " STR_FMT, STR_ARG(call->action));
    if (resp == NULL) {
        fail_or_retry(call, NULL, aws_source_err(a, what, err));
        return;
    }
    if (resp->status / 100 != 2) {
        fail_or_retry(call, resp, refusal(call, resp));
        return;
    }
    err = sts_xml_parse(a, resp->body, &answer);
    if (err == NULL)
        err = read_credentials(a, &answer, &creds);
    aws_wipe(resp->body);
    aws_wipe(answer.secret_access_key);
    aws_wipe(answer.session_token);
    if (err != NULL)
        aws_fetch_fail(&call->base, aws_source_err(a, what, err));
    else
        aws_fetch_succeed(&call->base, &creds);
}

/* ---- the calls ---- */

static void wipe_body(void *arg) {
    struct sts_call *call = arg;
    buf_wipe(&call->body);
}

static struct sts_call *new_call(struct sts *sts, struct ctx *ctx, struct str action,
                                 aws_source_done_fn *done, void *priv) {
    OBJ_CHECK(sts, STS_MAGIC);
    struct sts_call *call = ARENA_NEW(ctx->arena, struct sts_call);
    aws_fetch_init(&call->base, sts->loop, ctx, done, priv);
    call->sts = sts;
    call->action = action;
    buf_init(&call->body, MAX_BODY);
    arena_defer(ctx->arena, wipe_body, call);
    return call;
}

static void start(struct sts_call *call) {
    if (call->body.failed)
        aws_fetch_fail_later(&call->base, err_new(call->base.ctx->arena, RPC_INTERNAL,
                                                  "STS " STR_FMT ": the request is too large",
                                                  STR_ARG(call->action)));
    else
        ask(call);
}

void sts_assume_role(struct sts *sts, struct ctx *ctx, const struct sts_role *role,
                     const struct aws_credentials *creds, aws_source_done_fn *done, void *priv) {
    struct sts_call *call = new_call(sts, ctx, STR("AssumeRole"), done, priv);
    call->creds = creds;
    put_role(call, role);
    put_param(&call->body, "ExternalId", role->external_id);
    start(call);
}

void sts_assume_role_with_web_identity(struct sts *sts, struct ctx *ctx,
                                       const struct sts_role *role, struct str token,
                                       aws_source_done_fn *done, void *priv) {
    struct sts_call *call = new_call(sts, ctx, STR("AssumeRoleWithWebIdentity"), done, priv);
    put_role(call, role);
    put_param(&call->body, "WebIdentityToken", token);
    start(call);
}

/* ---- making one ---- */

static bool is_session_name(struct str s) {
    for (size_t i = 0; i < s.n; i++)
        if ((!is_unreserved(s.p[i]) || s.p[i] == '~') && memchr("+=,@", s.p[i], 4) == NULL)
            return false;
    return s.n >= 2 && s.n <= 64;
}

struct err *sts_role_check(struct arena *a, const struct sts_role *role) {
    if (role->arn.n < 20 || role->arn.n > 2048 || !str_starts(role->arn, STR("arn:")))
        return ERR_INVALID(a, "the role is no ARN of 20 to 2048 characters");
    if (!str_empty(role->session_name) && !is_session_name(role->session_name))
        return ERR_INVALID(a, "the role's session name must be 2 to 64 letters, digits or _+=,.@-");
    if (role->external_id.n > 1224 || role->external_id.n == 1)
        return ERR_INVALID(a, "the role's external id must have 2 to 1224 characters");
    if (role->duration_s != 0 && (role->duration_s < 900 || role->duration_s > 43200))
        return ERR_INVALID(a, "the role's duration must be 900 to 43200 seconds");
    return NULL;
}

static void free_digest(void *arg) {
    struct sts *sts = arg;
    digest_free(sts->digest);
}

struct err *sts_new(struct aws_plan *plan, struct sts **ret) {
    struct endpoint_settings settings;
    struct endpoint endpoint;
    bool without_skew = false;
    struct str region = aws_region_find(plan->env, plan->config);
    /* As the JavaScript SDK does; roles are the same in every region of a partition. */
    if (str_empty(region))
        region = STR("us-east-1");
    struct err *err =
        aws_endpoint_settings(plan->errors, plan->env, plan->config, STR("sts"), region, &settings);
    if (err == NULL)
        err = endpoint_resolve(plan->arena, &settings, &endpoint);
    if (err == NULL)
        err = aws_switch(plan->errors, plan->env, plan->config, "AWS_DISABLE_CLOCK_SKEW_CORRECTION",
                         plan->env->disable_skew_correction, "disable_clock_skew_correction",
                         &without_skew);
    if (err != NULL)
        return aws_source_err(plan->errors, STR("STS"), err);
    struct sts *sts = OBJ_NEW(plan->arena, sts, STS_MAGIC);
    sts->loop = plan->loop;
    sts->http = plan->http;
    sts->endpoint = endpoint;
    sts->user_agent = arena_str(plan->arena, plan->user_agent);
    sts->digest = digest_new();
    sts->without_skew = without_skew;
    arena_defer(plan->arena, free_digest, sts);
    *ret = sts;
    return NULL;
}
