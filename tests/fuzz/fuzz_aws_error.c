// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as the answer of an AWS service that is no success. What must hold: there is always an
 * error; its name looks like one; its message is bounded, is UTF-8 on one line and names no ARN;
 * its code is the table's or the status's; whether to try again is decided one way only.
 *
 * Input: one byte that chooses the status, the error header up to 0x1E (none if empty), the body.
 */
#include "aws/error.h"
#include "base/obj.h"
#include "generated/gamelift.h"

#define SEPARATOR '\x1e'
#define MESSAGE_MAX 700 /* bytes: operation, name, and AWS's own text, which is cut */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_name_char(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

static void check(const struct err *err, int status) {
    ASSERT(err->origin == ERR_UPSTREAM && err->http_status == status);
    ASSERT(err->code != RPC_OK);
    ASSERT(str_starts(err->msg, STR("CreateGameSession: ")));
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
    (void)aws_error_is_clock_skew(err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const int statuses[] = {100, 301, 400, 401, 403, 404, 409, 413, 429, 500, 501, 503, 999};
    if (size == 0)
        return 0;
    struct str rest = str_n((const char *)data + 1, size - 1);
    struct str value = str_sub(rest, 0, str_find(rest, SEPARATOR));
    const struct http_header header = {STR("X-Amzn-ErrorType"), value};
    const struct http_response resp = {
        .status = statuses[data[0] % ARRAY_LEN(statuses)],
        .headers = &header,
        .n_headers = str_empty(value) ? 0 : 1,
        .body = str_from(rest, value.n + 1),
    };
    struct arena *a = arena_new(4096);
    struct err *err =
        aws_error_from_response(a, &gl_create_game_session_operation, AWS_PROTOCOL_JSON, &resp);
    ASSERT(err != NULL);
    check(err, resp.status);
    arena_free(a);
    return 0;
}
