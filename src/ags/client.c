// SPDX-License-Identifier: Apache-2.0
#include "ags/client.h"

#include "ags/token.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/ctx_sleep.h"
#include "base/random.h"
#include "codec/access.h"
#include "codec/json.h"
#include "codec/redact.h"
#include "codec/texts.h"
#include "codec/validate.h"
#include "http/backoff.h"

#include <openssl/evp.h>
#include <stdlib.h>

#define DEFAULT_ATTEMPTS 3
#define BACKOFF_BASE_MS 100
#define BACKOFF_CAP_MS 2000
#define MAX_URL 4096               /* bytes */
#define MAX_BODY ((size_t)1 << 20) /* bytes of a request */
#define BASIC "Basic "             /* of the Authorization header of token requests */
#define SHOWN_MESSAGE 300          /* bytes of AGS's own text in an error */

struct ags_client {
    unsigned magic;
#define AGS_CLIENT_MAGIC 0x71b4da05U
    struct ags_client_options options;
    struct arena *arena;
    struct secret basic; /* BASIC, and id and secret in base64 */
    struct ags_token *token;
};

struct ags_call {
    unsigned magic;
#define AGS_CALL_MAGIC 0x0e92c35fU
    struct ags_client *client;
    struct ctx *ctx;
    const struct rest_operation *op;
    rest_any_fn *fn;
    void *priv;
    struct str url;
    struct str body; /* absent for none */
    struct str content_type;
    uint64_t generation; /* of the token sent */
    bool renewed;        /* the token was renewed after a 401 */
    int attempt;
    int64_t sent_at_us;
    struct trace_span *span; /* of the attempt; NULL: not recorded */
    struct err *refused;     /* found before anything was sent */
};

static void attempt(struct ags_call *call);

static void finish(struct ags_call *call, const void *out, const struct err *err) {
    if (err != NULL)
        LOG_DEBUG(call->ctx->log, "AGS call failed", LOG_STR("ags.operation", call->op->name),
                  LOG_INT("ags.attempts", call->attempt), LOG_ERR(err));
    else
        LOG_DEBUG(call->ctx->log, "AGS call answered", LOG_STR("ags.operation", call->op->name),
                  LOG_INT("ags.attempts", call->attempt),
                  LOG_INT("durationUs", clock_mono_us() - call->sent_at_us),
                  LOG_STR("ags.response.content",
                          codec_redacted(call->ctx->arena, call->op->output, out)));
    call->op->call(call->fn, call->priv, out, err);
}

/* ---- errors ---- */

/* The members that AGS's services use in error bodies: session and IAM, and OAuth's own. */
struct error_body {
    struct str error_message;
    struct str message;
    struct str error;
    struct str error_description;
};

static const struct codec_member error_members[] = {
    CODEC_TEXT(struct error_body, "errorMessage", error_message),
    CODEC_TEXT(struct error_body, "message", message),
    CODEC_TEXT(struct error_body, "error", error),
    CODEC_TEXT(struct error_body, "error_description", error_description),
};

static const struct codec_shape error_shape =
    CODEC_TEXTS(struct error_body, "Error", error_members);

/* An answer may repeat what was sent to get it. */
static struct str without_authorization(struct ags_call *call, struct str text) {
    const struct secret *basic = &call->client->basic;
    const struct secret encoded = {.hidden = basic->hidden + strlen(BASIC),
                                   .n = basic->n - strlen(BASIC)};
    const struct secret *token = ags_token_peek(call->client->token);
    text = secret_taken_out(call->ctx->arena, text, &encoded);
    return token != NULL ? secret_taken_out(call->ctx->arena, text, token) : text;
}

static struct str error_text(struct ags_call *call, struct str json) {
    struct arena *a = call->ctx->arena;
    struct error_body body = {.message = STR_NULL};
    if (json_decode(json, &error_shape, &body, a) != NULL)
        return STR_NULL;
    const struct str candidates[] = {body.error_message, body.message, body.error_description,
                                     body.error};
    for (size_t i = 0; i < ARRAY_LEN(candidates); i++)
        if (!str_empty(candidates[i]))
            return str_utf8_cut(without_authorization(call, candidates[i]), SHOWN_MESSAGE);
    return STR_NULL;
}

/* Our own id, secret and permissions are nothing that a caller could mend: INTERNAL. */
static enum rpc_code code_of_status(int status) {
    switch (status) {
    case 400:
    case 422:
        return RPC_INVALID_ARGUMENT;
    case 404:
        return RPC_NOT_FOUND;
    case 409:
        return RPC_ABORTED;
    case 429:
        return RPC_RESOURCE_EXHAUSTED;
    case 408:
        return RPC_UNAVAILABLE;
    default:
        return status >= 500 ? RPC_UNAVAILABLE : RPC_INTERNAL;
    }
}

static struct err *error_of(struct ags_call *call, const struct http_response *resp) {
    struct arena *a = call->ctx->arena;
    struct str why = error_text(call, resp->body);
    const char *hint = "";
    if (resp->status == 401)
        hint = " (are AB_CLIENT_ID and AB_CLIENT_SECRET right?)";
    else if (resp->status == 403)
        hint = " (the IAM client lacks a permission)";
    struct err *err = err_new(
        a, code_of_status(resp->status), "AGS " STR_FMT ": HTTP status %d%s" STR_FMT "%s",
        STR_ARG(call->op->name), resp->status, str_empty(why) ? "" : ", ", STR_ARG(why), hint);
    err->origin = ERR_UPSTREAM;
    err->http_status = resp->status;
    err->retryable = resp->status == 408 || resp->status == 429 || resp->status >= 500;
    return err;
}

/* ---- the request ---- */

static void put_encoded(struct buf *b, struct str s) {
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
            c == '-' || c == '.' || c == '_' || c == '~')
            buf_putc(b, (char)c);
        else
            buf_printf(b, "%%%02X", c);
    }
}

/* Text of a path or form parameter: a string or an enum. */
static struct str param_text(const struct codec_member *m, const void *in) {
    const void *value = codec_member_get(m, in);
    if (value == NULL)
        return STR_NULL;
    return m->shape->kind == CODEC_ENUM ? m->shape->names[codec_enum_get(value) - 1]
                                        : codec_str_get(value);
}

static const struct codec_member *member_named(const struct rest_operation *op, struct str name) {
    for (size_t i = 0; i < op->n_params; i++) {
        const struct codec_member *m = &op->input->members[op->params[i].member];
        if (op->params[i].place == REST_PATH && str_eq(m->name, name))
            return m;
    }
    obj_panic(__FILE__, __LINE__, "a path without its parameter");
}

static struct err *make_url(struct ags_call *call, const void *in) {
    struct arena *a = call->ctx->arena;
    struct str path = call->op->path;
    struct buf b;
    struct err *err = NULL;
    buf_init(&b, MAX_URL);
    buf_putstr(&b, call->client->options.base_url);
    while (!str_empty(path)) {
        size_t open = str_find(path, '{');
        buf_putstr(&b, str_sub(path, 0, open));
        if (open == path.n)
            break;
        size_t close = str_find(path, '}');
        const struct codec_member *m = member_named(call->op, str_sub(path, open + 1, close));
        struct str value = param_text(m, in);
        /* "." and ".." would climb in the path, an empty one would leave it. */
        if (err == NULL &&
            (str_empty(value) || str_eq(value, STR(".")) || str_eq(value, STR(".."))))
            err = ERR_INVALID(a, STR_FMT " is empty or no name", STR_ARG(m->name));
        put_encoded(&b, value);
        path = str_from(path, close + 1);
    }
    if (err == NULL && b.failed)
        err = ERR_INVALID(a, "the parameters of " STR_FMT " are too long", STR_ARG(call->op->name));
    call->url = arena_str(a, buf_str(&b));
    buf_free(&b);
    return err;
}

static struct err *make_body(struct ags_call *call, const void *in) {
    struct arena *a = call->ctx->arena;
    struct buf b;
    struct err *err = NULL;
    bool form = false;
    bool json = false;
    buf_init(&b, MAX_BODY);
    for (size_t i = 0; err == NULL && i < call->op->n_params; i++) {
        const struct codec_member *m = &call->op->input->members[call->op->params[i].member];
        const void *value = codec_member_get(m, in);
        if (call->op->params[i].place == REST_FORM && value != NULL) {
            buf_puts(&b, form ? "&" : "");
            put_encoded(&b, m->name);
            buf_putc(&b, '=');
            put_encoded(&b, param_text(m, in));
            form = true;
        } else if (call->op->params[i].place == REST_BODY && value != NULL) {
            json = true;
            err = json_encode(&b, m->shape, value, a);
        }
    }
    if (form || json) {
        call->body = arena_str(a, buf_str(&b));
        call->content_type =
            json ? STR("application/json") : STR("application/x-www-form-urlencoded");
    }
    buf_free(&b);
    return err;
}

/* ---- after an attempt ---- */

/* The wait before the next attempt is over, or the caller is gone. */
static void on_wait_over(void *priv, const struct err *err) {
    struct ags_call *call = OBJ_CAST(priv, ags_call, AGS_CALL_MAGIC);
    if (err != NULL)
        finish(call, NULL, err);
    else
        attempt(call);
}

static void on_refused(void *priv, const struct err *err) {
    struct ags_call *call = OBJ_CAST(priv, ags_call, AGS_CALL_MAGIC);
    (void)err;
    finish(call, NULL, call->refused);
}

static void fail_or_retry(struct ags_call *call, const struct http_response *resp,
                          const struct err *err) {
    int64_t ms = backoff_ms(BACKOFF_BASE_MS, BACKOFF_CAP_MS, call->attempt, random_unit());
    int64_t wish = resp != NULL ? backoff_wished_ms(resp) : -1;
    if (wish > ms)
        ms = wish;
    if (!err->retryable || call->attempt >= call->client->options.max_attempts ||
        ms >= ctx_remaining_ms(call->ctx)) {
        finish(call, NULL, err);
        return;
    }
    LOG_DEBUG(call->ctx->log, "AGS call will be tried again",
              LOG_STR("ags.operation", call->op->name), LOG_INT("ags.attempt", call->attempt),
              LOG_INT("ags.waitMs", ms), LOG_ERR(err));
    ctx_sleep(call->client->options.loop, call->ctx, ms, on_wait_over, call);
}

static void on_success(struct ags_call *call, const struct http_response *resp) {
    struct arena *a = call->ctx->arena;
    if (call->op->output == NULL) {
        finish(call, NULL, NULL);
        return;
    }
    void *out = arena_alloc(a, call->op->output->size);
    struct err *bad = json_decode(resp->body, call->op->output, out, a);
    if (bad == NULL) {
        finish(call, out, NULL);
        return;
    }
    struct err *err =
        err_new(a, RPC_INTERNAL, "AGS " STR_FMT ": the answer could not be understood: " STR_FMT,
                STR_ARG(call->op->name), STR_ARG(bad->msg));
    err->origin = ERR_TRANSPORT;
    fail_or_retry(call, resp, err);
}

/* An attempt is over; status is 0 if there was no answer. */
static void observe(struct ags_call *call, int status, const struct err *err) {
    const struct ags_client_options *o = &call->client->options;
    const struct http_attempt_end end = {.status = status, .err = err};
    http_tracer_end(o->tracer, call->span, &end);
    if (o->observe != NULL)
        o->observe(o->observe_priv, call->ctx, call->op, call->attempt,
                   clock_mono_us() - call->sent_at_us, err);
}

static void on_response(void *priv, const struct http_response *resp, const struct err *err) {
    struct ags_call *call = OBJ_CAST(priv, ags_call, AGS_CALL_MAGIC);
    if (resp != NULL && resp->status != 401 && !call->op->basic_auth)
        ags_token_taken(call->client->token, call->generation);
    if (resp == NULL) {
        struct err *named = err_copy(call->ctx->arena, err);
        named->msg = arena_printf(call->ctx->arena, "AGS " STR_FMT ": " STR_FMT,
                                  STR_ARG(call->op->name), STR_ARG(err->msg));
        observe(call, 0, named);
        fail_or_retry(call, NULL, named);
    } else if (resp->status / 100 == 2) {
        observe(call, resp->status, NULL);
        on_success(call, resp);
    } else if (resp->status == 401 && !call->op->basic_auth && !call->renewed &&
               ags_token_refused(call->client->token, call->generation)) {
        call->renewed = true;
        observe(call, resp->status, error_of(call, resp));
        attempt(call);
    } else {
        struct err *refusal = error_of(call, resp);
        observe(call, resp->status, refusal);
        fail_or_retry(call, resp, refusal);
    }
}

/* ---- an attempt ---- */

static void send_authorized(struct ags_call *call, struct str authorization) {
    struct http_client *http = call->client->options.http;
    struct http_tracer *tracer = call->client->options.tracer;
    struct http_header headers[4 + HTTP_TRACER_HEADERS];
    size_t n = 0;
    headers[n++] = (struct http_header){STR("Authorization"), authorization};
    headers[n++] = (struct http_header){STR("Accept"), STR("application/json")};
    headers[n++] = (struct http_header){STR("User-Agent"), call->client->options.user_agent};
    if (call->content_type.p != NULL)
        headers[n++] = (struct http_header){STR("Content-Type"), call->content_type};
    call->attempt++;
    const struct http_attempt what = {
        .service = STR("AGS"),
        .operation = call->op->name,
        .method = call->op->method,
        .url = call->url,
        .number = call->attempt,
    };
    call->span = http_tracer_begin(tracer, call->ctx, &what);
    n += http_tracer_headers(tracer, call->ctx, call->span, headers + n);
    const struct http_request req = {
        .method = call->op->method,
        .url = call->url,
        .headers = headers,
        .n_headers = n,
        .body = call->body,
        .timeout_ms = call->client->options.attempt_timeout_ms,
    };
    call->sent_at_us = clock_mono_us();
    http_start(http, call->ctx, &req, on_response, call);
}

static void on_token(void *priv, const struct err *err) {
    struct ags_call *call = OBJ_CAST(priv, ags_call, AGS_CALL_MAGIC);
    if (err != NULL)
        finish(call, NULL, err);
    else
        attempt(call);
}

static void attempt(struct ags_call *call) {
    struct ags_client *client = call->client;
    if (call->op->basic_auth) {
        send_authorized(call, secret_reveal(&client->basic));
        return;
    }
    const struct secret *token = ags_token_peek(client->token);
    if (token == NULL) {
        ags_token_get(client->token, call->ctx, on_token, call);
        return;
    }
    call->generation = ags_token_generation(client->token);
    send_authorized(
        call, arena_printf(call->ctx->arena, "Bearer " STR_FMT, STR_ARG(secret_reveal(token))));
}

void ags_start(struct ags_client *client, struct ctx *ctx, const struct rest_operation *op,
               const void *in, rest_any_fn *fn, void *priv) {
    OBJ_CHECK(client, AGS_CLIENT_MAGIC);
    struct ags_call *call = OBJ_NEW(ctx->arena, ags_call, AGS_CALL_MAGIC);
    call->client = client;
    call->ctx = ctx;
    call->op = op;
    call->fn = fn;
    call->priv = priv;
    call->refused = ctx_check(ctx);
    if (call->refused == NULL)
        call->refused = codec_validate(op->input, in, ctx->arena);
    if (call->refused == NULL)
        call->refused = make_url(call, in);
    if (call->refused == NULL)
        call->refused = make_body(call, in);
    if (call->refused != NULL) {
        ctx_sleep(client->options.loop, ctx, 0, on_refused, call);
        return;
    }
    LOG_DEBUG(ctx->log, "AGS call starts", LOG_STR("ags.operation", op->name),
              LOG_STR("ags.request.content", codec_redacted(ctx->arena, op->input, in)));
    attempt(call);
}

/* ---- the client ---- */

static struct secret basic_authorization(struct str id, struct str secret) {
    struct buf plain;
    struct buf value;
    buf_init(&plain, 4096);
    buf_init(&value, 8192);
    buf_putstr(&plain, id);
    buf_putc(&plain, ':');
    buf_putstr(&plain, secret);
    unsigned char *base64 = malloc(plain.n / 3 * 4 + 5);
    AN(base64);
    int n = EVP_EncodeBlock(base64, (const unsigned char *)plain.p, (int)plain.n);
    buf_puts(&value, BASIC);
    buf_put(&value, base64, (size_t)n);
    struct secret made = secret_new(buf_str(&value));
    explicit_bzero(base64, (size_t)n);
    free(base64);
    buf_wipe(&plain);
    buf_wipe(&value);
    return made;
}

struct ags_client *ags_client_new(const struct ags_client_options *options) {
    struct ags_client *client = calloc(1, sizeof *client);
    AN(client);
    client->magic = AGS_CLIENT_MAGIC;
    client->options = *options;
    client->arena = arena_new(ARENA_LIMIT_DEFAULT);
    client->options.base_url = arena_str(client->arena, options->base_url);
    client->options.client_id = arena_str(client->arena, options->client_id);
    client->options.user_agent = arena_str(client->arena, options->user_agent);
    client->options.client_secret = STR_NULL;
    if (client->options.max_attempts <= 0)
        client->options.max_attempts = DEFAULT_ATTEMPTS;
    client->basic = basic_authorization(options->client_id, options->client_secret);
    client->token = ags_token_new(client, options->loop);
    return client;
}

void ags_client_prepare(struct ags_client *client) {
    OBJ_CHECK(client, AGS_CLIENT_MAGIC);
    ags_token_prepare(client->token);
}

double ags_client_token_age_s(const struct ags_client *client) {
    OBJ_CHECK(client, AGS_CLIENT_MAGIC);
    return ags_token_age_s(client->token);
}

void ags_client_free(struct ags_client *client) {
    if (client == NULL)
        return;
    OBJ_CHECK(client, AGS_CLIENT_MAGIC);
    ags_token_free(client->token);
    secret_free(&client->basic);
    arena_free(client->arena);
    client->magic = 0;
    free(client);
}
