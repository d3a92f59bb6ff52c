// SPDX-License-Identifier: Apache-2.0
/* What the log has of requests to AWS and their answers, and what it never has. */
#include "unit/aws_call.h"
#include "unit/log_capture.h"

#define SECRET_TEXT "Unmistakable1234"

static void on_created(void *priv, const struct gl_create_game_session_output *out,
                       const struct err *err) {
    (void)priv;
    done++;
    output = (const void *)out;
    error = err;
}

/* Creates a session whose sensitive members all hold the secret text. */
static void create(void) {
    const struct gl_game_property properties[] = {{.key = STR("mode"), .value = STR(SECRET_TEXT)}};
    const struct gl_create_game_session_input in = {
        .alias_id = STR("alias-1"),
        .has_maximum_player_session_count = true,
        .maximum_player_session_count = 4,
        .game_properties = {.v = properties, .n = 1},
        .game_session_data = STR(SECRET_TEXT),
        .location = STR("us-west-2"),
    };
    done = 0;
    gl_create_game_session(client, &ctx, &in, on_created, &ctx);
    fake_settle(loop);
    assert_int_equal(done, 1);
}

static void at_debug_a_request_and_its_answer_are_logged(void **state) {
    (void)state;
    make_client("token-" SECRET_TEXT, (struct endpoint_settings){.region = STR("us-east-1")});
    EXPECT(ANSWER_WITH(200, "x-amzn-RequestId: r-1",
                       "{\"GameSession\":{\"GameSessionId\":\"arn:1\",\"IpAddress\":\"" SECRET_TEXT
                       "\",\"DnsName\":\"" SECRET_TEXT
                       ".example\",\"Port\":7777,\"GameSessionData\":\"" SECRET_TEXT
                       "\",\"GameProperties\":[{\"Key\":\"k\",\"Value\":\"" SECRET_TEXT "\"}]}}"));
    log_capture_begin(LOG_LEVEL_DEBUG);
    create();
    const char *log = log_capture_end();
    assert_null(error);
    const char *request = log_capture_line(log, "\"msg\":\"AWS call starts\"");
    assert_in_line(request, "\"aws.operation\":\"CreateGameSession\",\"aws.region\":\"us-east-1\"");
    assert_in_line(request, "\\\"AliasId\\\":\\\"alias-1\\\"");
    assert_in_line(request, "\\\"MaximumPlayerSessionCount\\\":4");
    assert_in_line(request, "\\\"Key\\\":\\\"mode\\\",\\\"Value\\\":\\\"***\\\"");
    assert_in_line(request, "\\\"GameSessionData\\\":\\\"***\\\"");
    const char *answer = log_capture_line(log, "\"msg\":\"AWS call answered\"");
    assert_in_line(answer, "\"aws.operation\":\"CreateGameSession\",\"aws.region\":\"us-east-1\"");
    assert_in_line(answer, "\"requestID\":\"r-1\"");
    assert_in_line(answer, "\\\"GameSessionId\\\":\\\"arn:1\\\"");
    assert_in_line(
        answer,
        "\\\"IpAddress\\\":\\\"***\\\",\\\"DnsName\\\":\\\"***\\\",\\\"Port\\\":\\\"***\\\"");
    assert_null(strstr(log, SECRET_TEXT));
    assert_null(strstr(log, SECRET_KEY));
}

static void a_refused_call_is_logged_with_its_region(void **state) {
    (void)state;
    usual_client();
    EXPECT(ANSWER(400, "{\"__type\":\"ConflictException\",\"Message\":\"busy\"}"));
    log_capture_begin(LOG_LEVEL_DEBUG);
    create();
    const char *log = log_capture_end();
    assert_in_line(log_capture_line(log, "\"msg\":\"AWS call failed\""),
                   "\"aws.operation\":\"CreateGameSession\",\"aws.region\":\"us-east-1\"");
    assert_null(strstr(log, "AWS call answered"));
}

static void what_breaks_a_constraint_is_not_logged_as_a_request(void **state) {
    (void)state;
    usual_client();
    const struct gl_terminate_game_session_input in = {.game_session_id = STR("a b")};
    log_capture_begin(LOG_LEVEL_DEBUG);
    gl_terminate_game_session(client, &ctx, &in, on_terminated, &ctx);
    fake_settle(loop);
    assert_null(strstr(log_capture_end(), "AWS call starts"));
}

/* ---- what it costs ---- */

static int printed; /* structs */

static void count(struct buf *out, const char *type, const void *value) {
    (void)out;
    (void)type;
    (void)value;
    printed++;
}

/* TerminateGameSession, with the printing of input and output counted. */
static void terminate_counted(enum log_level level) {
    struct codec_shape in_shape = gl_terminate_game_session_input_shape;
    struct codec_shape out_shape = gl_terminate_game_session_output_shape;
    struct aws_operation op = gl_terminate_game_session_operation;
    const struct gl_terminate_game_session_input in = {
        .game_session_id = STR("arn:aws:gamelift:us-east-1::gamesession/fleet-1/x"),
        .termination_mode = GL_TERMINATION_MODE_FORCE_TERMINATE,
    };
    in_shape.log_fields = count;
    out_shape.log_fields = count;
    op.input = &in_shape;
    op.output = &out_shape;
    EXPECT(GOOD);
    done = 0;
    printed = 0;
    log_capture_begin(level);
    aws_start(client, &ctx, &op, &in, (aws_any_fn *)on_terminated, &ctx);
    fake_settle(loop);
    log_capture_end();
    assert_good();
}

static void nothing_is_printed_unless_the_log_is_at_debug(void **state) {
    (void)state;
    usual_client();
    terminate_counted(LOG_LEVEL_INFO);
    assert_int_equal(printed, 0);
    terminate_counted(LOG_LEVEL_DEBUG);
    assert_int_equal(printed, 2);
}

static void a_huge_answer_makes_a_short_line(void **state) {
    (void)state;
    static char text[200000] = "{\"GameSession\":{\"Name\":\"";
    usual_client();
    size_t n = strlen(text);
    memset(text + n, '\\', 100000); /* each pair is one backslash, which the log escapes twice */
    strcpy(text + n + 100000, "\",\"FleetArn\":\"last\"}}");
    EXPECT(ANSWER(200, text));
    log_capture_begin(LOG_LEVEL_DEBUG);
    terminate();
    const char *log = log_capture_end();
    assert_good();
    const char *answer = log_capture_line(log, "\"msg\":\"AWS call answered\"");
    assert_in_line(answer, "(50000 bytes)");
    assert_in_line(answer, "last");
    assert_true(strlen(answer) < 4096);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(at_debug_a_request_and_its_answer_are_logged),
        TEST(a_refused_call_is_logged_with_its_region),
        TEST(what_breaks_a_constraint_is_not_logged_as_a_request),
        TEST(nothing_is_printed_unless_the_log_is_at_debug),
        TEST(a_huge_answer_makes_a_short_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
