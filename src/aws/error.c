// SPDX-License-Identifier: Apache-2.0
#include "aws/error.h"

#include "base/buf.h"
#include "codec/cbor.h"
#include "codec/json.h"
#include "codec/texts.h"

#include <stdlib.h>

#define SHOWN_MESSAGE 512 /* bytes of AWS's text that reach the caller */

static int compare_row(const void *key, const void *row) {
    return str_cmp(*(const struct str *)key, ((const struct aws_error_row *)row)->name);
}

const struct aws_error_row *aws_error_find(struct str name) {
    return bsearch(&name, aws_error_rows, aws_error_n_rows, sizeof aws_error_rows[0], compare_row);
}

/* ---- which error it is ---- */

/* The members that AWS's JSON protocols use for errors; the rest of the body is skipped. */
struct error_body {
    struct str type;
    struct str code;
    struct str message;
    struct str capital_message;
};

static const struct codec_member error_members[] = {
    CODEC_TEXT(struct error_body, "__type", type),
    CODEC_TEXT(struct error_body, "code", code),
    CODEC_TEXT(struct error_body, "message", message),
    CODEC_TEXT(struct error_body, "Message", capital_message),
};

static const struct codec_shape error_shape =
    CODEC_TEXTS(struct error_body, "Error", error_members);

/* "aws.protocoltests#FooError:http://..." -> "FooError" */
static struct str bare_name(struct str name) {
    name = str_sub(name, 0, str_find(name, ':'));
    name = str_sub(name, 0, str_find(name, ','));
    name = str_sub(name, 0, str_find(name, ';'));
    size_t hash = str_find(name, '#');
    return str_trim(hash < name.n ? str_from(name, hash + 1) : name);
}

/* A name goes into logs and messages, so it must look like one. */
static bool is_name(struct str name) {
    if (name.n == 0 || name.n > 100)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
              c == '.' || c == '_' || c == '-'))
            return false;
    }
    return true;
}

static struct str first_name(const struct str *candidates, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct str name = bare_name(candidates[i]);
        if (is_name(name))
            return name;
    }
    return STR_NULL;
}

/* ---- what it means ---- */

static enum rpc_code code_of_status(int status) {
    switch (status) {
    case 400:
        return RPC_INVALID_ARGUMENT;
    case 401:
    case 403:
        return RPC_PERMISSION_DENIED;
    case 404:
        return RPC_NOT_FOUND;
    case 409:
        return RPC_ABORTED;
    case 429:
        return RPC_RESOURCE_EXHAUSTED;
    default:
        return status >= 500 ? RPC_UNAVAILABLE : RPC_INTERNAL;
    }
}

static bool ends_arn(char c) {
    return c == ' ' || c == '"' || c == '\'' || c == ',' || c == ')' || c == '\n';
}

/* AWS's text for a caller: bounded, and without ARNs, which name accounts and resources. */
static struct str for_caller(struct arena *a, struct str text) {
    struct buf b;
    size_t i = 0;
    buf_init(&b, SHOWN_MESSAGE + 16);
    while (i < text.n && b.n < SHOWN_MESSAGE + 4) {
        /* The names of all partitions begin alike; "learn:" is no ARN. */
        if (str_starts(str_from(text, i), STR("arn:aws"))) {
            buf_puts(&b, "(arn)");
            while (i < text.n && !ends_arn(text.p[i]))
                i++;
        } else {
            unsigned char c = (unsigned char)text.p[i++];
            buf_putc(&b, c < 0x20 || c == 0x7F ? ' ' : (char)c);
        }
    }
    struct str made = arena_str(a, str_utf8_cut(buf_str(&b), SHOWN_MESSAGE));
    buf_free(&b);
    return made;
}

/*
 * AWS explains a wrong signature by repeating the request as it saw it, token and all. What comes
 * before that is the reason.
 */
static struct str without_echo(struct str text) {
    static const char *const marks[] = {"The Canonical String", "The String-to-Sign",
                                        "x-amz-security-token"};
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        const char *at = text.n == 0 ? NULL : memmem(text.p, text.n, marks[i], strlen(marks[i]));
        if (at != NULL)
            text = str_sub(text, 0, (size_t)(at - text.p));
    }
    return str_trim(text);
}

/* The body as a value of the shape; zeroes where it is none. */
static bool read_body(const struct http_response *resp, enum aws_protocol protocol,
                      const struct codec_shape *shape, void *ret, struct arena *a) {
    struct err *err;
    if (protocol == AWS_PROTOCOL_JSON)
        err = json_decode(resp->body, shape, ret, a);
    else if (aws_response_is_cbor(resp))
        err = cbor_decode(resp->body, shape, ret, a);
    else
        return false;
    if (err != NULL)
        memset(ret, 0, shape->size);
    return err == NULL;
}

/* The service's own name of the error. */
static struct str shape_name(const struct http_response *resp, enum aws_protocol protocol,
                             const struct error_body *body) {
    const struct str candidates[] = {
        protocol == AWS_PROTOCOL_JSON ? http_response_header(resp, STR("x-amzn-errortype"))
                                      : STR_NULL,
        body->type,
        protocol == AWS_PROTOCOL_JSON ? body->code : STR_NULL,
    };
    return first_name(candidates, ARRAY_LEN(candidates));
}

/* "AWS.SimpleQueueService.NonExistentQueue;Sender": what Query called it, if the service says so.
 */
static struct str query_name(const struct http_response *resp, const struct aws_operation *op) {
    if (!op->service->query_compatible)
        return STR_NULL;
    struct str code = http_response_header(resp, STR("x-amzn-query-error"));
    code = str_sub(code, 0, str_find(code, ';'));
    return is_name(code) ? code : STR_NULL;
}

/* The members of an error that the model describes. */
static void put_value(struct err *err, struct str name, const struct aws_operation *op,
                      enum aws_protocol protocol, const struct http_response *resp,
                      struct arena *a) {
    const struct aws_service *service = op->service;
    for (size_t i = 0; i < service->n_errors; i++) {
        const struct aws_error_shape *known = &service->errors[i];
        if (!str_eq(known->name, name) && !str_eq(known->code, name))
            continue;
        void *value = arena_alloc(a, known->shape->size);
        (void)read_body(resp, protocol, known->shape, value, a);
        err->value = value;
        err->value_shape = known->shape;
        return;
    }
}

const void *aws_error_value(const struct err *err, const struct codec_shape *shape) {
    return err->value_shape == shape ? err->value : NULL;
}

struct err *aws_error_from_response(struct arena *a, const struct aws_operation *op,
                                    enum aws_protocol protocol, const struct http_response *resp) {
    struct error_body body = {.type = STR_NULL};
    /* What cannot be read says nothing; the status then decides. */
    (void)read_body(resp, protocol, &error_shape, &body, a);
    struct str own_name = shape_name(resp, protocol, &body);
    struct str name = query_name(resp, op);
    if (name.p == NULL)
        name = own_name;
    struct str text = without_echo(body.message.p != NULL ? body.message : body.capital_message);
    const struct aws_error_row *row = aws_error_find(name);
    struct str shown = for_caller(a, text);
    struct err *err =
        err_new(a, row != NULL ? row->code : code_of_status(resp->status),
                STR_FMT ": " STR_FMT "%s" STR_FMT, STR_ARG(op->name),
                STR_ARG(name.p != NULL ? name : arena_printf(a, "HTTP status %d", resp->status)),
                str_empty(shown) ? "" : ": ", STR_ARG(shown));
    err->origin = ERR_UPSTREAM;
    err->type = name;
    err->detail = text;
    err->http_status = resp->status;
    err->request_id = http_response_header(resp, STR("x-amzn-requestid"));
    if (err->request_id.p == NULL)
        err->request_id = http_response_header(resp, STR("x-amzn-request-id"));
    enum aws_retry_kind kind = aws_error_retry_kind(err);
    err->retryable = kind != AWS_RETRY_NONE;
    /* A client's fault and throttling are found before anything is done. */
    err->may_have_acted = resp->status >= 500 && kind != AWS_RETRY_THROTTLE;
    put_value(err, own_name, op, protocol, resp, a);
    return err;
}

void aws_error_hide(struct arena *a, struct err *err, const struct secret *secret) {
    err->msg = secret_taken_out(a, err->msg, secret);
    err->detail = secret_taken_out(a, err->detail, secret);
}

enum aws_retry_kind aws_error_retry_kind(const struct err *err) {
    if (err->origin == ERR_TRANSPORT)
        return err->retryable ? AWS_RETRY_TRANSIENT : AWS_RETRY_NONE;
    if (err->origin != ERR_UPSTREAM)
        return AWS_RETRY_NONE;
    const struct aws_error_row *row = aws_error_find(err->type);
    if (row != NULL && row->retry != AWS_RETRY_NONE)
        return row->retry;
    if (err->http_status == 429)
        return AWS_RETRY_THROTTLE;
    if (err->http_status == 500 || err->http_status == 502 || err->http_status == 503 ||
        err->http_status == 504)
        return AWS_RETRY_TRANSIENT;
    return AWS_RETRY_NONE;
}

bool aws_error_is_expired(const struct err *err) {
    return str_eq(err->type, STR("ExpiredTokenException")) ||
           str_eq(err->type, STR("ExpiredToken"));
}

bool aws_error_is_clock_skew(const struct err *err) {
    static const struct str names[] = {
        STR_INIT("AccessDeniedException"),     STR_INIT("AuthFailure"),
        STR_INIT("InvalidSignatureException"), STR_INIT("RequestExpired"),
        STR_INIT("RequestInTheFuture"),        STR_INIT("RequestTimeTooSkewed"),
        STR_INIT("SignatureDoesNotMatch"),
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq(names[i], err->type))
            return true;
    return false;
}
