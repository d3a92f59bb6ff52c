// SPDX-License-Identifier: Apache-2.0
/* What the log has of requests to AGS and their answers, and what it never has. */
#include "unit/ags_call.h"
#include "unit/log_capture.h"

static int done;
static const struct err *error;

static void on_session(void *priv, const struct ags_game_session_response *out,
                       const struct err *err) {
    (void)priv;
    (void)out;
    done++;
    error = err;
}

static void on_updated(void *priv, const struct err *err) {
    (void)priv;
    done++;
    error = err;
}

static void ask(void) {
    const struct ags_get_game_session_input in = {.namespace = STR("ns"), .session_id = STR("s1")};
    done = 0;
    ags_get_game_session(client, &ctx, &in, on_session, NULL);
    fake_settle(loop);
    assert_int_equal(done, 1);
}

static void at_debug_requests_and_answers_are_logged_without_token_or_address(void **state) {
    (void)state;
    EXPECT(GRANT("tok-1", 3600),
           SESSION("tok-1", 200,
                   "{\"id\":\"s1\",\"DSInformation\":{\"Server\":{\"ip\":\"203.0.113.9\","
                   "\"port\":7777,\"source\":\"Gamelift\"}}}"));
    log_capture_begin(LOG_LEVEL_DEBUG);
    ask();
    const char *log = log_capture_end();
    assert_null(error);
    const char *request = log_capture_line(log, "\"AGS call starts\",\"ags.operation\":\"getGame");
    assert_in_line(request, "\\\"namespace\\\":\\\"ns\\\",\\\"sessionId\\\":\\\"s1\\\"");
    const char *answer = log_capture_line(log, "\"AGS call answered\",\"ags.operation\":\"getGame");
    assert_in_line(answer, "\\\"ip\\\":\\\"***\\\",\\\"port\\\":\\\"***\\\"");
    assert_in_line(answer, "\\\"source\\\":\\\"Gamelift\\\"");
    const char *grant =
        log_capture_line(log, "\"AGS call answered\",\"ags.operation\":\"TokenGrant");
    assert_in_line(grant, "\\\"access_token\\\":\\\"***\\\"");
    assert_null(strstr(log, "tok-1"));
    assert_null(strstr(log, "203.0.113.9"));
}

static void an_address_that_is_told_to_ags_is_not_logged(void **state) {
    (void)state;
    const struct ags_update_gamesession_ds_information_request body = {
        .created_region = STR("us-east-1"),
        .deployment = STR("alias-1"),
        .description = STR(""),
        .ip = STR("203.0.113.9"),
        .has_port = true,
        .port = 7777,
        .region = STR("us-east-1"),
        .server_id = STR("arn:1"),
        .source = STR("Gamelift"),
        .status = AGS_UPDATE_GAMESESSION_DS_INFORMATION_REQUEST_STATUS_AVAILABLE,
    };
    const struct ags_admin_update_ds_information_input in = {
        .namespace = STR("ns"), .session_id = STR("s1"), .body = &body};
    EXPECT(GRANT("tok-1", 3600),
           {.request = "PUT " BASE "/session/v1/admin/namespaces/ns/gamesessions/s1/dsinformation",
            .proxy_allowed = true,
            .status = 204});
    log_capture_begin(LOG_LEVEL_DEBUG);
    done = 0;
    ags_admin_update_ds_information(client, &ctx, &in, on_updated, NULL);
    fake_settle(loop);
    const char *log = log_capture_end();
    assert_int_equal(done, 1);
    assert_null(error);
    const char *request = log_capture_line(log, "\"AGS call starts\",\"ags.operation\":\"adminUpd");
    assert_in_line(request, "\\\"ip\\\":\\\"***\\\",\\\"port\\\":\\\"***\\\"");
    assert_in_line(request, "\\\"status\\\":\\\"AVAILABLE\\\"");
    assert_null(strstr(log, "203.0.113.9"));
    assert_null(strstr(log, "tok-1"));
}

static void an_answer_that_repeats_the_token_is_logged_without_it(void **state) {
    (void)state;
    EXPECT(GRANT("tok-1-of-usual-length", 3600),
           SESSION("tok-1-of-usual-length", 400,
                   "{\"errorMessage\":\"bad header Bearer tok-1-of-usual-length\"}"));
    log_capture_begin(LOG_LEVEL_DEBUG);
    ask();
    const char *log = log_capture_end();
    assert_code(error, RPC_INVALID_ARGUMENT);
    assert_in_line(log_capture_line(log, "\"AGS call failed\""), "bad header Bearer ***");
    assert_null(strstr(log, "tok-1"));
}

static void an_answer_that_repeats_the_client_secret_is_logged_without_it(void **state) {
    (void)state;
    EXPECT(NO_GRANT(401, "{\"error_description\":\"bad header Basic "
                         "Y2xpZW50OnZlcnkgc2VjcmV0\"}"));
    log_capture_begin(LOG_LEVEL_DEBUG);
    ask();
    const char *log = log_capture_end();
    assert_non_null(error);
    assert_null(strstr(log, "Y2xpZW50OnZlcnkgc2VjcmV0"));
    assert_null(strstr(error->msg.p, "Y2xpZW50OnZlcnkgc2VjcmV0"));
}

static void above_debug_nothing_is_logged(void **state) {
    (void)state;
    EXPECT(GRANT("tok-1", 3600), SESSION("tok-1", 200, "{\"id\":\"s1\"}"));
    log_capture_begin(LOG_LEVEL_INFO);
    ask();
    assert_string_equal(log_capture_end(), "");
    assert_null(error);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(at_debug_requests_and_answers_are_logged_without_token_or_address),
        TEST(an_address_that_is_told_to_ags_is_not_logged),
        TEST(an_answer_that_repeats_the_token_is_logged_without_it),
        TEST(an_answer_that_repeats_the_client_secret_is_logged_without_it),
        TEST(above_debug_nothing_is_logged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
