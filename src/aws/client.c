// SPDX-License-Identifier: Apache-2.0
#include "aws/client.h"

#include "aws/retry.h"
#include "aws/signing_key.h"
#include "aws/sigv4.h"
#include "aws/skew.h"
#include "base/clock.h"
#include "base/ctx_sleep.h"
#include "base/random.h"
#include "codec/redact.h"
#include "http/backoff.h"

#include <stdlib.h>

#define DEFAULT_ATTEMPTS 3
#define ATTEMPT_BYTES 64
#define USUAL_BYTES 1024 /* of a text that is made for one attempt, on the stack */

struct aws_client {
    unsigned magic;
#define AWS_CLIENT_MAGIC 0x4af29c61U
    struct aws_client_options options;
    struct arena *arena; /* endpoint and user agent */
    struct endpoint endpoint;
    struct aws_client *regions[AWS_CLIENT_MAX_REGIONS]; /* of the client that was made first */
    size_t n_regions;
    struct digest *digest;
    struct signing_keys *keys;
    struct aws_retry_quota quota;
    int64_t skew_us; /* server time minus ours, once a refusal has shown that ours is wrong */
};

struct aws_call {
    unsigned magic;
#define AWS_CALL_MAGIC 0x27b08de5U
    struct aws_client *client;
    struct ctx *ctx;
    const struct aws_operation *op;
    aws_any_fn *fn;
    void *priv;
    enum aws_protocol protocol;
    struct aws_request request;
    char invocation_id[RANDOM_UUID_SIZE]; /* the same for every attempt */
    int attempt;
    uint64_t identity;    /* of the credentials that signed it; 0: unsigned */
    bool renewed;         /* the credentials were, because they had expired */
    bool may_have_acted;  /* an attempt so far */
    int retry_cost;       /* of the last retry */
    int64_t sent_skew_us; /* what the attempt was signed with */
    int64_t sent_at_us;
    struct trace_span *span; /* of the attempt; NULL: not recorded */
    struct err *refused;     /* found before anything was sent */
};

static void attempt(struct aws_call *call);

static void finish(struct aws_call *call, const void *out, const struct err *err) {
    if (err != NULL && call->may_have_acted && !err->may_have_acted) {
        /* The last attempt was refused, but an earlier one was not. */
        struct err *last = err_copy(call->ctx->arena, err);
        last->may_have_acted = true;
        err = last;
    }
    if (err != NULL)
        LOG_DEBUG(call->ctx->log, "AWS call failed", LOG_STR("aws.operation", call->op->name),
                  LOG_STR("aws.region", call->client->endpoint.region),
                  LOG_INT("aws.attempts", call->attempt), LOG_ERR(err));
    call->op->call(call->fn, call->priv, out, err);
}

/* ---- signing ---- */

int64_t aws_client_now_us(const struct aws_client *client) {
    OBJ_CHECK(client, AWS_CLIENT_MAGIC);
    return clock_real_us() + client->skew_us;
}

/* Appends the Authorization value for these headers. */
static void sign(struct aws_call *call, const struct sigv4_scope *scope,
                 const struct aws_credentials *creds, const struct http_header *headers, size_t n,
                 struct buf *ret) {
    struct aws_client *client = call->client;
    char hash[DIGEST_HEX_SIZE];
    struct buf canonical;
    struct buf text;
    struct buf signature;
    char memory[2][USUAL_BYTES];
    char hex[DIGEST_HEX];
    buf_init_in(&canonical, memory[0], USUAL_BYTES, SIGV4_CANONICAL_MAX);
    buf_init_in(&text, memory[1], USUAL_BYTES, SIGV4_CANONICAL_MAX);
    buf_init_in(&signature, hex, sizeof hex, sizeof hex);
    digest_sha256_hex(client->digest, call->request.body, hash);
    const struct sigv4_request req = {
        .method = STR("POST"),
        .path = call->request.path,
        .headers = headers,
        .n_headers = n,
        .payload_hash = str_n(hash, DIGEST_HEX),
    };
    sigv4_canonical_request(&canonical, &req);
    sigv4_string_to_sign(&text, client->digest, scope, &canonical);
    sigv4_sign(&signature, client->digest,
               signing_keys_get(client->keys, client->digest, scope, creds), &text);
    sigv4_authorization(ret, creds->access_key_id, scope, &canonical, &signature);
    AZ(ret->failed); /* nothing a caller sends reaches these stages */
    buf_free(&canonical);
    buf_free(&text);
    buf_free(&signature);
}

/* ---- after an attempt ---- */

/* An attempt is over; resp is NULL if there was no answer. */
static void observe(struct aws_call *call, const struct http_response *resp,
                    const struct err *err) {
    const struct aws_client_options *o = &call->client->options;
    const struct http_attempt_end end = {
        .status = resp != NULL ? resp->status : 0,
        .request_id = resp != NULL && call->span != NULL
                          ? http_response_header(resp, STR("x-amzn-requestid"))
                          : STR_NULL,
        .err = err,
    };
    http_tracer_end(o->tracer, call->span, &end);
    if (o->observe != NULL)
        o->observe(o->observe_priv, call->ctx, call->op, call->client->endpoint.region,
                   call->attempt, clock_mono_us() - call->sent_at_us, err);
}

/* The wait before the next attempt is over, or the caller is gone. */
static void on_wait_over(void *priv, const struct err *err) {
    struct aws_call *call = OBJ_CAST(priv, aws_call, AWS_CALL_MAGIC);
    if (err != NULL)
        finish(call, NULL, err);
    else
        attempt(call);
}

static void on_refused(void *priv, const struct err *err) {
    struct aws_call *call = OBJ_CAST(priv, aws_call, AWS_CALL_MAGIC);
    (void)err;
    finish(call, NULL, call->refused);
}

static void fail_or_retry(struct aws_call *call, const struct http_response *resp,
                          const struct err *err) {
    struct aws_client *client = call->client;
    enum aws_retry_kind kind = aws_error_retry_kind(err);
    if (aws_error_is_expired(err) && call->identity != 0 && !call->renewed &&
        aws_credentials_expired(client->options.credentials, call->identity)) {
        LOG_DEBUG(call->ctx->log, "AWS credentials have expired, and are fetched anew",
                  LOG_STR("aws.operation", call->op->name), LOG_ERR(err));
        call->renewed = true;
        attempt(call);
        return;
    }
    if (resp != NULL && !client->options.without_skew &&
        aws_skew_correct(resp, err, call->sent_skew_us, &client->skew_us))
        kind = AWS_RETRY_TRANSIENT;
    int64_t ms = aws_retry_delay_ms(kind, call->attempt + 1, random_unit(),
                                    resp != NULL ? backoff_wished_ms(resp) : -1);
    /* A wait that outlasts the caller would only turn this error into a less telling one. The quota
     * comes last: what is taken from it is for a retry that is made. */
    if (kind == AWS_RETRY_NONE || call->attempt >= client->options.max_attempts ||
        ms >= ctx_remaining_ms(call->ctx) ||
        !aws_retry_acquire(&client->quota, kind, &call->retry_cost)) {
        finish(call, NULL, err);
        return;
    }
    LOG_DEBUG(call->ctx->log, "AWS call will be tried again",
              LOG_STR("aws.operation", call->op->name), LOG_INT("aws.attempt", call->attempt),
              LOG_INT("aws.waitMs", ms), LOG_ERR(err));
    ctx_sleep(client->options.loop, call->ctx, ms, on_wait_over, call);
}

static struct err *decode(struct aws_call *call, const struct http_response *resp, void **out) {
    struct arena *a = call->ctx->arena;
    struct err *bad = aws_response_read(call->op, call->protocol, resp, a, out);
    if (bad == NULL)
        return NULL;
    struct err *err = err_new(a, RPC_INTERNAL, STR_FMT ": the answer could not be understood: %s",
                              STR_ARG(call->op->name), bad->msg.p);
    err->origin = ERR_TRANSPORT;
    err->may_have_acted = true;
    err->http_status = resp->status;
    err->request_id = http_response_header(resp, STR("x-amzn-requestid"));
    return err;
}

/* An answer may repeat what was sent to get it. */
static void hide_credentials(struct aws_call *call, struct err *err) {
    const struct aws_credentials *creds = aws_credentials_peek(call->client->options.credentials);
    if (creds == NULL)
        return;
    aws_error_hide(call->ctx->arena, err, &creds->session_token);
    aws_error_hide(call->ctx->arena, err, &creds->secret_access_key);
}

static void on_response(void *priv, const struct http_response *resp, const struct err *err) {
    struct aws_call *call = OBJ_CAST(priv, aws_call, AWS_CALL_MAGIC);
    struct arena *a = call->ctx->arena;
    if (resp != NULL && resp->status / 100 == 2) {
        void *out = NULL;
        err = decode(call, resp, &out);
        observe(call, resp, err);
        if (err == NULL) {
            aws_retry_release(&call->client->quota, call->retry_cost);
            LOG_DEBUG(call->ctx->log, "AWS call answered", LOG_STR("aws.operation", call->op->name),
                      LOG_STR("aws.region", call->client->endpoint.region),
                      LOG_STR("requestID", http_response_header(resp, STR("x-amzn-requestid"))),
                      LOG_INT("aws.attempts", call->attempt),
                      LOG_INT("durationUs", clock_mono_us() - call->sent_at_us),
                      LOG_STR("aws.response.content", codec_redacted(a, call->op->output, out)));
            finish(call, out, NULL);
            return;
        }
    } else if (resp != NULL) {
        struct err *refusal = aws_error_from_response(a, call->op, call->protocol, resp);
        hide_credentials(call, refusal);
        err = refusal;
        observe(call, resp, err);
    } else {
        struct err *named = err_copy(a, err);
        named->msg =
            arena_printf(a, STR_FMT ": " STR_FMT, STR_ARG(call->op->name), STR_ARG(err->msg));
        /* How far a request is that its caller gives up is not known. */
        named->may_have_acted = err->may_have_acted || err->origin == ERR_CALLER;
        err = named;
        observe(call, resp, err);
    }
    call->may_have_acted |= err->may_have_acted;
    fail_or_retry(call, resp, err);
}

/* ---- an attempt ---- */

/* What AWS's SDKs say of each attempt. */
static void put_attempt(struct buf *ret, const struct aws_call *call) {
    buf_puts(ret, "attempt=");
    buf_putint(ret, call->attempt);
    buf_puts(ret, "; max=");
    buf_putint(ret, call->client->options.max_attempts);
}

/* Signed, but for an operation that needs no credentials: NULL then. */
static void send_signed(struct aws_call *call, const struct aws_credentials *creds) {
    struct aws_client *client = call->client;
    const struct endpoint *endpoint = &client->endpoint;
    const struct sigv4_scope scope = {
        .time = sigv4_time_at(aws_client_now_us(client)),
        .region = endpoint->region,
        .service = call->op->service->signing_name,
    };
    const struct aws_request *request = &call->request;
    struct http_header headers[AWS_PROTOCOL_HEADERS + 6];
    size_t n = request->n_headers;
    char memory[USUAL_BYTES + ATTEMPT_BYTES];
    struct buf authorization;
    struct buf attempt_text;
    buf_init_in(&authorization, memory, USUAL_BYTES, SIGV4_CANONICAL_MAX);
    buf_init_in(&attempt_text, memory + USUAL_BYTES, ATTEMPT_BYTES, ATTEMPT_BYTES);
    memcpy(headers, request->headers, n * sizeof headers[0]);
    headers[n++] = (struct http_header){STR("X-Amz-Date"), str_c(scope.time.stamp)};
    if (creds != NULL) {
        if (secret_present(&creds->session_token))
            headers[n++] = (struct http_header){STR("X-Amz-Security-Token"),
                                                secret_reveal(&creds->session_token)};
        /* Like botocore, sign what decides the meaning and leave the rest unsigned. */
        sign(call, &scope, creds, headers, n, &authorization);
        headers[n++] = (struct http_header){STR("Authorization"), buf_str(&authorization)};
    }
    headers[n++] = (struct http_header){STR("User-Agent"), client->options.user_agent};
    headers[n++] = (struct http_header){STR("amz-sdk-invocation-id"), str_c(call->invocation_id)};
    put_attempt(&attempt_text, call);
    headers[n++] = (struct http_header){STR("amz-sdk-request"), buf_str(&attempt_text)};
    ASSERT(n <= ARRAY_LEN(headers));
    const struct http_request req = {
        .method = STR("POST"),
        .url = request->url,
        .headers = headers,
        .n_headers = n,
        .body = request->body,
        .timeout_ms = client->options.attempt_timeout_ms,
    };
    const struct http_attempt what = {
        .system = STR("aws-api"),
        .service = call->op->service->name,
        .operation = call->op->name,
        .method = STR("POST"),
        .url = request->url,
        .region = endpoint->region,
        .number = call->attempt,
    };
    call->sent_at_us = clock_mono_us();
    call->sent_skew_us = client->skew_us;
    call->identity = creds != NULL ? creds->identity : 0;
    call->span = http_tracer_begin(client->options.tracer, call->ctx, &what);
    http_start(client->options.http, call->ctx, &req, on_response, call);
    buf_free(&authorization);
    buf_free(&attempt_text);
}

static void on_credentials(void *priv, const struct aws_credentials *creds, const struct err *err) {
    struct aws_call *call = OBJ_CAST(priv, aws_call, AWS_CALL_MAGIC);
    if (err != NULL)
        finish(call, NULL, err);
    else
        send_signed(call, creds);
}

static void attempt(struct aws_call *call) {
    struct aws_credentials_provider *provider = call->client->options.credentials;
    const struct aws_credentials *creds =
        call->op->is_unsigned ? NULL : aws_credentials_peek(provider);
    call->attempt++;
    if (creds != NULL || call->op->is_unsigned)
        send_signed(call, creds);
    else
        aws_credentials_get(provider, call->ctx, on_credentials, call);
}

static struct err *make_request(struct aws_call *call, const void *in) {
    const struct aws_client_options *o = &call->client->options;
    const struct aws_protocol_options options = {
        .protocol = call->protocol,
        .token = o->token != NULL ? o->token : random_uuid,
    };
    struct err *err = ctx_check(call->ctx);
    if (err != NULL)
        return err;
    return aws_request_make(call->op, &options, &call->client->endpoint, in, call->ctx->arena,
                            &call->request);
}

void aws_start(struct aws_client *client, struct ctx *ctx, const struct aws_operation *op,
               const void *in, aws_any_fn *fn, void *priv) {
    OBJ_CHECK(client, AWS_CLIENT_MAGIC);
    struct aws_call *call = OBJ_NEW(ctx->arena, aws_call, AWS_CALL_MAGIC);
    call->client = client;
    call->ctx = ctx;
    call->op = op;
    call->fn = fn;
    call->priv = priv;
    call->protocol = aws_protocol_of(op->service, client->options.protocol);
    call->refused = make_request(call, in);
    if (call->refused != NULL) {
        ctx_sleep(client->options.loop, ctx, 0, on_refused, call);
        return;
    }
    random_uuid(call->invocation_id);
    LOG_DEBUG(ctx->log, "AWS call starts", LOG_STR("aws.operation", op->name),
              LOG_STR("aws.region", client->endpoint.region),
              LOG_STR("aws.request.content", codec_redacted(ctx->arena, op->input, in)));
    attempt(call);
}

/* ---- the client ---- */

struct err *aws_client_new(const struct aws_client_options *options, struct arena *a,
                           struct aws_client **ret) {
    struct arena *arena = arena_new(ARENA_LIMIT_DEFAULT);
    struct endpoint_settings settings = options->endpoint;
    struct endpoint endpoint;
    settings.service = arena_str(arena, settings.service);
    settings.region = arena_str(arena, settings.region);
    settings.service_url = arena_str(arena, settings.service_url);
    settings.url = arena_str(arena, settings.url);
    struct err *err = endpoint_resolve(arena, &settings, &endpoint);
    if (err != NULL) {
        err = err_copy(a, err);
        arena_free(arena);
        return err;
    }
    struct aws_client *client = calloc(1, sizeof *client);
    AN(client);
    client->magic = AWS_CLIENT_MAGIC;
    client->options = *options;
    client->options.endpoint = settings;
    client->options.user_agent = arena_str(arena, options->user_agent);
    client->arena = arena;
    client->endpoint = endpoint;
    if (client->options.max_attempts <= 0)
        client->options.max_attempts = DEFAULT_ATTEMPTS;
    client->digest = digest_new();
    client->keys = signing_keys_new();
    aws_retry_quota_init(&client->quota);
    *ret = client;
    return NULL;
}

static bool is_in_region(const struct aws_client *client, struct str region) {
    return str_eq(region, client->endpoint.region) ||
           str_eq(region, client->options.endpoint.region);
}

struct err *aws_client_in_region(struct aws_client *client, struct arena *a, struct str region,
                                 struct aws_client **ret) {
    return aws_client_in_region_leaving(client, a, region, 0, ret);
}

struct err *aws_client_in_region_leaving(struct aws_client *client, struct arena *a,
                                         struct str region, size_t leave, struct aws_client **ret) {
    OBJ_CHECK(client, AWS_CLIENT_MAGIC);
    if (is_in_region(client, region)) {
        *ret = client;
        return NULL;
    }
    for (size_t i = 0; i < client->n_regions; i++)
        if (is_in_region(client->regions[i], region)) {
            *ret = client->regions[i];
            return NULL;
        }
    if (client->n_regions + leave >= AWS_CLIENT_MAX_REGIONS)
        return err_new(a, RPC_RESOURCE_EXHAUSTED, "more than %zu AWS regions are in use",
                       AWS_CLIENT_MAX_REGIONS - leave);
    struct aws_client_options options = client->options;
    /* "fips-us-east-1" is us-east-1 with FIPS, which then holds elsewhere too. */
    if (!str_eq(options.endpoint.region, client->endpoint.region))
        options.endpoint.use_fips = true;
    options.endpoint.region = region;
    options.endpoint.region_name = NULL;
    struct err *err = aws_client_new(&options, a, &client->regions[client->n_regions]);
    if (err != NULL)
        return err;
    *ret = client->regions[client->n_regions++];
    return NULL;
}

void aws_client_free(struct aws_client *client) {
    if (client == NULL)
        return;
    OBJ_CHECK(client, AWS_CLIENT_MAGIC);
    while (client->n_regions > 0)
        aws_client_free(client->regions[--client->n_regions]);
    signing_keys_free(client->keys);
    digest_free(client->digest);
    arena_free(client->arena);
    client->magic = 0;
    free(client);
}

struct str aws_client_region(const struct aws_client *client) {
    OBJ_CHECK(client, AWS_CLIENT_MAGIC);
    return client->endpoint.region;
}
