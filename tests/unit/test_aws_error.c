// SPDX-License-Identifier: Apache-2.0
/* Which error an AWS answer holds, what it means, whether to try again; and ARNs. */
#include "unit/unit.h"

#include "aws/arn.h"
#include "aws/error.h"
#include "aws/retry.h"
#include "generated/gamelift.h"

static struct arena *arena;

static int set_up(void **state) {
    (void)state;
    arena = arena_new(ARENA_LIMIT_DEFAULT);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    arena_free(arena);
    return 0;
}

/* The error of a response; header "Name: value" or NULL. */
static struct err *error_of(int status, const char *header, const char *body) {
    struct http_header h = {.name = STR_NULL};
    if (header != NULL) {
        size_t colon = str_find(str_c(header), ':');
        h = (struct http_header){str_sub(str_c(header), 0, colon),
                                 str_trim(str_from(str_c(header), colon + 1))};
    }
    const struct http_response resp = {
        .status = status,
        .headers = &h,
        .n_headers = header != NULL ? 1 : 0,
        .body = str_c(body),
    };
    struct err *err =
        aws_error_from_response(arena, &gl_create_game_session_operation, AWS_PROTOCOL_JSON, &resp);
    assert_int_equal(err->origin, ERR_UPSTREAM);
    assert_int_equal(err->http_status, status);
    return err;
}

/* ---- which error ---- */

/* A service in query mode names its errors as its Query protocol did, in a header that wins. */
static void the_query_error_wins_in_query_mode_alone(void **state) {
    (void)state;
    static const struct aws_service old_service = {.query_compatible = true};
    struct aws_operation op = gl_create_game_session_operation;
    const struct http_header h = {
        STR("x-amzn-query-error"),
        STR("AWS.SimpleQueueService.NonExistentQueue;Sender"),
    };
    const struct http_response resp = {
        .status = 400,
        .headers = &h,
        .n_headers = 1,
        .body = STR("{\"__type\":\"com.amazonaws.sqs#QueueDoesNotExist\"}"),
    };
    struct err *err = aws_error_from_response(arena, &op, AWS_PROTOCOL_JSON, &resp);
    assert_true(str_eq(err->type, STR("QueueDoesNotExist")));
    op.service = &old_service;
    err = aws_error_from_response(arena, &op, AWS_PROTOCOL_JSON, &resp);
    assert_true(str_eq(err->type, STR("AWS.SimpleQueueService.NonExistentQueue")));
    assert_int_equal(err->code, RPC_NOT_FOUND);
}

static void the_name_is_found_in_header_type_and_code(void **state) {
    (void)state;
    static const struct {
        const char *header;
        const char *body;
        const char *want; /* NULL: none */
    } rows[] = {
        {NULL, "{\"__type\":\"NotFoundException\"}", "NotFoundException"},
        {NULL, "{\"__type\":\"com.amazon.gamelift#NotFoundException\"}", "NotFoundException"},
        {NULL, "{\"__type\":\"NotFoundException:http://internal/\"}", "NotFoundException"},
        {NULL, "{\"__type\":\"a.b#NotFoundException:http://internal/#x\"}", "NotFoundException"},
        {NULL, "{\"code\":\"NotFoundException\"}", "NotFoundException"},
        {NULL, "{\"code\":\"a.b#NotFoundException:x\"}", "NotFoundException"},
        {NULL, "{\"__type\":null,\"code\":\"NotFoundException\"}", "NotFoundException"},
        {NULL, "{\"__type\":\"\",\"code\":\"NotFoundException\"}", "NotFoundException"},
        {"X-Amzn-Errortype: NotFoundException", "", "NotFoundException"},
        {"x-amzn-errortype: NotFoundException:http://internal/", "", "NotFoundException"},
        {"x-amzn-ErrorType: a.b#NotFoundException:http://internal/", "{}", "NotFoundException"},
        {"x-amzn-errortype: NotFoundException,Sender", "", "NotFoundException"},
        {"x-amzn-errortype: NotFoundException", "<html>", "NotFoundException"},
        {"x-amzn-errortype: NotFoundException", "{\"__type\":\"Other\"}", "NotFoundException"},
        {"x-amzn-errortype:", "{\"__type\":\"NotFoundException\"}", "NotFoundException"},
        {NULL, "{\"__type\":\"NeverHeardOf\"}", "NeverHeardOf"},
        {NULL, "{\"__type\":\"no name at all\"}", NULL},
        {NULL, "{\"__type\":\"\\u0007\"}", NULL},
        {NULL, "{\"__type\":\"ns#\"}", NULL},
        {NULL, "", NULL},
        {NULL, "{}", NULL},
        {NULL, "[]", NULL},
        {NULL, "[{\"__type\":\"NotFoundException\"}]", NULL},
        {NULL, "null", NULL},
        {NULL, "<html>503</html>", NULL},
        {NULL, "{\"__type\":\"NotFound", NULL},
        {NULL, "\xFF\xFE", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err *err = error_of(400, rows[i].header, rows[i].body);
        if (!str_eq(err->type, str_c(rows[i].want)) || (rows[i].want == NULL) != !err->type.p)
            fail_msg("row %zu (%s, %s) gives \"" STR_FMT "\"", i, rows[i].header, rows[i].body,
                     STR_ARG(err->type));
    }
}

static void the_message_names_operation_error_and_text(void **state) {
    (void)state;
    struct err *err = error_of(400, "x-amzn-RequestId: id-1",
                               "{\"__type\":\"NotFoundException\",\"Message\":\"No fleet.\"}");
    assert_str(err->msg, "CreateGameSession: NotFoundException: No fleet.");
    assert_str(err->detail, "No fleet.");
    assert_str(err->request_id, "id-1");
    err = error_of(400, "x-amzn-request-id: id-2",
                   "{\"__type\":\"NotFoundException\",\"message\":\"a\",\"Message\":\"b\"}");
    assert_str(err->msg, "CreateGameSession: NotFoundException: a");
    assert_str(err->request_id, "id-2");
    err = error_of(503, NULL, "<html>");
    assert_str(err->msg, "CreateGameSession: HTTP status 503");
    assert_null(err->request_id.p);
}

/* ---- what it means ---- */

static void each_name_has_its_code_and_others_go_by_status(void **state) {
    (void)state;
    static const struct {
        int status;
        const char *name; /* NULL: none */
        enum rpc_code code;
        enum aws_retry_kind retry;
    } rows[] = {
        {400, "InvalidRequestException", RPC_INVALID_ARGUMENT, AWS_RETRY_NONE},
        {400, "NotFoundException", RPC_NOT_FOUND, AWS_RETRY_NONE},
        {400, "IdempotentParameterMismatchException", RPC_ALREADY_EXISTS, AWS_RETRY_NONE},
        {400, "UnauthorizedException", RPC_PERMISSION_DENIED, AWS_RETRY_NONE},
        {400, "FleetCapacityExceededException", RPC_RESOURCE_EXHAUSTED, AWS_RETRY_NONE},
        {400, "LimitExceededException", RPC_RESOURCE_EXHAUSTED, AWS_RETRY_THROTTLE},
        {400, "ThrottlingException", RPC_RESOURCE_EXHAUSTED, AWS_RETRY_THROTTLE},
        {400, "InvalidFleetStatusException", RPC_FAILED_PRECONDITION, AWS_RETRY_NONE},
        {400, "ConflictException", RPC_ABORTED, AWS_RETRY_NONE},
        {400, "NotReadyException", RPC_UNAVAILABLE, AWS_RETRY_NONE},
        {400, "RequestTimeout", RPC_UNAVAILABLE, AWS_RETRY_TRANSIENT},
        {500, "InternalServiceException", RPC_UNAVAILABLE, AWS_RETRY_TRANSIENT},
        {403, "ExpiredTokenException", RPC_INTERNAL, AWS_RETRY_NONE},
        {400, "UnrecognizedClientException", RPC_INTERNAL, AWS_RETRY_NONE},
        {403, "InvalidSignatureException", RPC_INTERNAL, AWS_RETRY_NONE},
        {400, "SerializationException", RPC_INTERNAL, AWS_RETRY_NONE},
        /* a known name with a status that would be tried again */
        {500, "NotFoundException", RPC_NOT_FOUND, AWS_RETRY_TRANSIENT},
        {429, "ConflictException", RPC_ABORTED, AWS_RETRY_THROTTLE},
        /* nobody knows the name */
        {400, "NeverHeardOf", RPC_INVALID_ARGUMENT, AWS_RETRY_NONE},
        {503, "NeverHeardOf", RPC_UNAVAILABLE, AWS_RETRY_TRANSIENT},
        {301, NULL, RPC_INTERNAL, AWS_RETRY_NONE},
        {400, NULL, RPC_INVALID_ARGUMENT, AWS_RETRY_NONE},
        {401, NULL, RPC_PERMISSION_DENIED, AWS_RETRY_NONE},
        {403, NULL, RPC_PERMISSION_DENIED, AWS_RETRY_NONE},
        {404, NULL, RPC_NOT_FOUND, AWS_RETRY_NONE},
        {409, NULL, RPC_ABORTED, AWS_RETRY_NONE},
        {413, NULL, RPC_INTERNAL, AWS_RETRY_NONE},
        {429, NULL, RPC_RESOURCE_EXHAUSTED, AWS_RETRY_THROTTLE},
        {500, NULL, RPC_UNAVAILABLE, AWS_RETRY_TRANSIENT},
        {501, NULL, RPC_UNAVAILABLE, AWS_RETRY_NONE},
        {502, NULL, RPC_UNAVAILABLE, AWS_RETRY_TRANSIENT},
        {503, NULL, RPC_UNAVAILABLE, AWS_RETRY_TRANSIENT},
        {504, NULL, RPC_UNAVAILABLE, AWS_RETRY_TRANSIENT},
        {505, NULL, RPC_UNAVAILABLE, AWS_RETRY_NONE},
        {509, NULL, RPC_UNAVAILABLE, AWS_RETRY_NONE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str body = rows[i].name == NULL
                              ? STR("")
                              : arena_printf(arena, "{\"__type\":\"%s\"}", rows[i].name);
        struct err *err = error_of(rows[i].status, NULL, body.p);
        if (err->code != rows[i].code || aws_error_retry_kind(err) != rows[i].retry ||
            err->retryable != (rows[i].retry != AWS_RETRY_NONE))
            fail_msg("%d %s: %s, retry %d", rows[i].status, rows[i].name, rpc_code_name(err->code),
                     (int)aws_error_retry_kind(err));
    }
}

static void the_table_is_sorted_and_every_row_is_found(void **state) {
    (void)state;
    assert_true(aws_error_n_rows > 40);
    for (size_t i = 0; i < aws_error_n_rows; i++) {
        assert_ptr_equal(aws_error_find(aws_error_rows[i].name), &aws_error_rows[i]);
        if (i > 0)
            assert_true(str_cmp(aws_error_rows[i - 1].name, aws_error_rows[i].name) < 0);
    }
    assert_null(aws_error_find(STR_NULL));
    assert_null(aws_error_find(STR("notfoundexception")));
}

static void only_faults_of_transport_and_upstream_are_tried_again(void **state) {
    (void)state;
    struct err err = {.origin = ERR_TRANSPORT, .retryable = true};
    assert_int_equal(aws_error_retry_kind(&err), AWS_RETRY_TRANSIENT);
    err.retryable = false;
    assert_int_equal(aws_error_retry_kind(&err), AWS_RETRY_NONE);
    err = (struct err){.origin = ERR_CALLER, .retryable = true, .http_status = 503};
    assert_int_equal(aws_error_retry_kind(&err), AWS_RETRY_NONE);
    err.origin = ERR_LOCAL;
    assert_int_equal(aws_error_retry_kind(&err), AWS_RETRY_NONE);
}

/* ---- what the caller sees ---- */

static void arns_do_not_reach_the_caller(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *shown;
    } rows[] = {
        {"Fleet arn:aws:gamelift:us-east-1:123456789012:fleet/fleet-1 is gone",
         "Fleet (arn) is gone"},
        {"arn:aws-cn:iam::123456789012:user/bob", "(arn)"},
        {"User: arn:aws:iam::1:user/a is not authorized on resource: arn:aws:x:y:1:z",
         "User: (arn) is not authorized on resource: (arn)"},
        {"(arn:aws:a:b:1:c), \\\"arn:aws:a:b:1:d\\\" 'arn:aws:a:b:1:e'\\narn:aws:a:b:1:f",
         "((arn)), \"(arn)\" '(arn)' (arn)"},
        {"tab\\tand\\u0007bell\\u007f", "tab and bell "},
        {"Please learn: ARNs help", "Please learn: ARNs help"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str body =
            arena_printf(arena, "{\"__type\":\"X\",\"message\":\"%s\"}", rows[i].text);
        struct err *err = error_of(400, NULL, body.p);
        assert_str(err->msg, arena_printf(arena, "CreateGameSession: X: %s", rows[i].shown).p);
    }
}

static void a_long_text_is_cut_between_characters(void **state) {
    (void)state;
    char text[3000];
    size_t n = 0;
    for (; n + 2 < sizeof text; n += 2)
        memcpy(text + n, "\xC3\xA9", 2);
    text[n] = '\0';
    struct err *err =
        error_of(400, NULL, arena_printf(arena, "{\"__type\":\"X\",\"message\":\"%s\"}", text).p);
    assert_true(err->msg.n < 600);
    assert_true(str_is_utf8(err->msg));
    assert_int_equal(err->detail.n, n);
}

/* ---- retrying ---- */

static void the_quota_has_prices_and_refunds(void **state) {
    (void)state;
    struct aws_retry_quota q;
    int cost = 0;
    aws_retry_quota_init(&q);
    assert_int_equal(q.tokens, 500);
    assert_true(aws_retry_acquire(&q, AWS_RETRY_TRANSIENT, &cost));
    assert_int_equal(cost, 14);
    assert_int_equal(q.tokens, 486);
    assert_true(aws_retry_acquire(&q, AWS_RETRY_THROTTLE, &cost));
    assert_int_equal(cost, 5);
    assert_int_equal(q.tokens, 481);
    aws_retry_release(&q, cost);
    aws_retry_release(&q, 0);
    assert_int_equal(q.tokens, 487);
    aws_retry_release(&q, 14);
    assert_int_equal(q.tokens, 500);
    int taken = 0;
    while (aws_retry_acquire(&q, AWS_RETRY_TRANSIENT, &cost))
        taken++;
    assert_int_equal(taken, 35);
    assert_true(aws_retry_acquire(&q, AWS_RETRY_THROTTLE, &cost));
    assert_true(aws_retry_acquire(&q, AWS_RETRY_THROTTLE, &cost));
    assert_false(aws_retry_acquire(&q, AWS_RETRY_THROTTLE, &cost));
    assert_int_equal(q.tokens, 0);
}

static void waits_follow_the_sdks_vectors(void **state) {
    (void)state;
    static const int64_t want[] = {50, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 20000, 20000};
    for (int i = 0; i < 11; i++)
        assert_int_equal(aws_retry_delay_ms(AWS_RETRY_TRANSIENT, i + 2, 1.0, -1), want[i]);
    assert_int_equal(aws_retry_delay_ms(AWS_RETRY_THROTTLE, 2, 1.0, -1), 1000);
    assert_int_equal(aws_retry_delay_ms(AWS_RETRY_THROTTLE, 7, 1.0, -1), 20000);
    assert_int_equal(aws_retry_delay_ms(AWS_RETRY_TRANSIENT, 2, 0.0, -1), 0);
    /* The server's wish lengthens the wait, within five seconds. */
    assert_int_equal(aws_retry_delay_ms(AWS_RETRY_TRANSIENT, 2, 1.0, 1500), 1500);
    assert_int_equal(aws_retry_delay_ms(AWS_RETRY_TRANSIENT, 2, 1.0, 0), 50);
    assert_int_equal(aws_retry_delay_ms(AWS_RETRY_TRANSIENT, 2, 1.0, 10000), 5050);
}

/* ---- ARNs ---- */

static void an_arn_has_six_parts(void **state) {
    (void)state;
    struct arn arn;
    assert_true(arn_parse(STR("arn:aws:gamelift:us-east-1::gamesession/fleet-1/eu/x:y"), &arn));
    assert_str(arn.partition, "aws");
    assert_str(arn.service, "gamelift");
    assert_str(arn.region, "us-east-1");
    assert_str(arn.account, "");
    assert_str(arn.resource, "gamesession/fleet-1/eu/x:y");
    assert_true(arn_parse(STR("arn:aws:iam:::r"), &arn));
    assert_str(arn.region, "");
}

static void what_is_no_arn_leaves_the_result_alone(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "arn",
        "arn:",
        "arn:aws",
        "arn:aws:s:r:a",
        "arn:::::",
        "arn::s:r:a:x",
        "arn:aws::r:a:x",
        "arn:aws:s:r:a:",
        "ARN:aws:s:r:a:x",
        " arn:aws:s:r:a:x",
        "alias-1",
    };
    struct arn arn = {.service = STR("untouched")};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (arn_parse(str_c(bad[i]), &arn))
            fail_msg("\"%s\" was taken", bad[i]);
    assert_false(arn_parse(STR_NULL, &arn));
    assert_str(arn.service, "untouched");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_query_error_wins_in_query_mode_alone),
        TEST(the_name_is_found_in_header_type_and_code),
        TEST(the_message_names_operation_error_and_text),
        TEST(each_name_has_its_code_and_others_go_by_status),
        TEST(the_table_is_sorted_and_every_row_is_found),
        TEST(only_faults_of_transport_and_upstream_are_tried_again),
        TEST(arns_do_not_reach_the_caller),
        TEST(a_long_text_is_cut_between_characters),
        TEST(the_quota_has_prices_and_refunds),
        TEST(waits_follow_the_sdks_vectors),
        TEST(an_arn_has_six_parts),
        TEST(what_is_no_arn_leaves_the_result_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
