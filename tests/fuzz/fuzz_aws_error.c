// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as the answer of an AWS service that is no success. What must hold: there is always an
 * error; its name looks like one; its message is bounded, is UTF-8 on one line and names no ARN;
 * its code is the table's or the status's; whether to try again is decided one way only; what the
 * model knows of it is of one shape; a secret that it repeats can be taken out.
 *
 * Input: one byte that chooses the status, the protocol and the service; the error header up to
 * 0x1E (none if empty), the body.
 */
#include "aws/error.h"
#include "base/obj.h"
#include "codec/redact.h"
#include "generated/gamelift.h"
#include "generated/sqs.h"

#define SEPARATOR '\x1e'
#define SECRET "hush-hush-hush"
#define MESSAGE_MAX 700 /* bytes: operation, name, and AWS's own text, which is cut */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_name_char(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

static void check(const struct err *err, const struct aws_operation *op, int status) {
    ASSERT(err->origin == ERR_UPSTREAM && err->http_status == status);
    ASSERT(err->code != RPC_OK);
    ASSERT(str_starts(err->msg, op->name));
    ASSERT(err->msg.n < MESSAGE_MAX && str_is_utf8(err->msg));
    for (size_t i = 0; i < err->msg.n; i++) {
        unsigned char c = (unsigned char)err->msg.p[i];
        ASSERT(c >= 0x20 && c != 0x7F);
        ASSERT(!str_starts(str_from(err->msg, i), STR("arn:aws")));
    }
    for (size_t i = 0; i < err->type.n; i++)
        ASSERT(is_name_char(err->type.p[i]));
    const struct aws_error_row *row = aws_error_find(err->type);
    ASSERT(row == NULL || err->code == row->code);
    ASSERT(err->retryable == (aws_error_retry_kind(err) != AWS_RETRY_NONE));
    ASSERT(!aws_error_is_clock_skew(err) || !aws_error_is_expired(err));
}

/* The members that the model describes, as a handler takes them and a log shows them. */
static void check_value(const struct err *err, const struct aws_service *service) {
    size_t shapes = 0;
    for (size_t i = 0; i < service->n_errors; i++) {
        const struct codec_shape *shape = service->errors[i].shape;
        const void *value = aws_error_value(err, shape);
        struct buf out;
        if (value == NULL)
            continue;
        shapes++;
        buf_init(&out, SIZE_MAX);
        codec_redact(&out, shape, value);
        ASSERT(!out.failed && str_is_utf8(buf_str(&out)));
        buf_free(&out);
    }
    ASSERT(shapes == (err->value != NULL));
}

static bool holds(struct str text) {
    return text.n > 0 && memmem(text.p, text.n, SECRET, strlen(SECRET)) != NULL;
}

static void check_hiding(struct arena *a, struct err *err) {
    static char text[] = SECRET;
    static const struct secret secret = {.hidden = text, .n = sizeof text - 1};
    aws_error_hide(a, err, &secret);
    ASSERT(!holds(err->msg) && !holds(err->detail));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const int statuses[] = {100, 301, 400, 401, 403, 404, 409, 413, 429, 500, 501, 503, 999};
    if (size == 0)
        return 0;
    struct str rest = str_n((const char *)data + 1, size - 1);
    struct str value = str_sub(rest, 0, str_find(rest, SEPARATOR));
    bool cbor = data[0] / ARRAY_LEN(statuses) % 2 != 0;
    bool sqs = data[0] / ARRAY_LEN(statuses) / 2 % 2 != 0;
    const struct http_header headers[] = {
        {sqs ? STR("x-amzn-query-error") : STR("X-Amzn-ErrorType"), value},
        {STR("smithy-protocol"), STR("rpc-v2-cbor")},
    };
    const struct http_response resp = {
        .status = statuses[data[0] % ARRAY_LEN(statuses)],
        .headers = str_empty(value) ? headers + 1 : headers,
        .n_headers = str_empty(value) ? 1 : 2,
        .body = str_from(rest, value.n + 1),
    };
    const struct aws_operation *op =
        sqs ? &sqs_receive_message_operation : &gl_create_game_session_operation;
    struct arena *a = arena_new(4096);
    struct err *err =
        aws_error_from_response(a, op, cbor ? AWS_PROTOCOL_CBOR : AWS_PROTOCOL_JSON, &resp);
    ASSERT(err != NULL);
    check(err, op, resp.status);
    check_value(err, op->service);
    check_hiding(a, err);
    arena_free(a);
    return 0;
}
