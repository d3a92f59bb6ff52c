// SPDX-License-Identifier: Apache-2.0
/* Spans of the attempts at AWS and AGS, and which of the two is told of the trace. */
#include "ags/client.h"
#include "aws/client.h"
#include "generated/ags.h"
#include "generated/gamelift.h"
#include "trace_fixture.h"
#include "unit/fixed_credentials.h"

/* ---- attempts at AWS ---- */

struct answer {
    bool came;
    bool failed;
};

static void on_created(void *priv, const struct gl_create_game_session_output *out,
                       const struct err *err) {
    struct answer *a = priv;
    (void)out;
    a->came = true;
    a->failed = err != NULL;
}

static struct aws_client *gamelift(struct aws_credentials_provider **ret_credentials) {
    struct aws_client *client;
    AZ(fixed_credentials_new(arena, STR("AKIDEXAMPLE"), STR("secret-key-value"), STR(""),
                             ret_credentials));
    const struct aws_client_options options = {
        .loop = loop,
        .http = fake_http_client(fake),
        .credentials = *ret_credentials,
        .endpoint = {.service = STR("gamelift"),
                     .region = STR("us-east-1"),
                     .service_url = STR("http://gamelift.test")},
        .user_agent = STR("session-dsm"),
        .tracer = tracer_http(tracer),
    };
    AZ(aws_client_new(&options, arena, &client));
    return client;
}

#define TO_GAMELIFT                                                                                \
    .request = "POST http://gamelift.test/", .proxy_allowed = true,                                \
    .headers = {"!traceparent", "!b3", "!x-b3-traceid", "!baggage", "!tracestate"}

static void create(const struct fake_exchange *script, size_t n, struct answer *answer) {
    const struct gl_create_game_session_input in = {
        .alias_id = STR("alias-1"),
        .has_maximum_player_session_count = true,
        .maximum_player_session_count = 2,
        .game_session_data = STR(SESSION_DATA),
    };
    struct aws_credentials_provider *credentials;
    struct aws_client *client = gamelift(&credentials);
    fake_http_expect(fake, script, n);
    gl_create_game_session(client, &rpc.ctx, &in, on_created, answer);
    fake_settle(loop);
    for (int i = 0; i < 60 && !answer->came; i++)
        fake_advance(loop, 1000);
    assert_true(answer->came);
    aws_client_free(client);
    aws_credentials_provider_free(credentials);
}

static void each_attempt_at_aws_is_a_child_and_aws_is_not_told(void **state) {
    const struct fake_exchange script[] = {
        {TO_GAMELIFT, .status = 503, .delay_ms = 7},
        {TO_GAMELIFT, .status = 0},
        {TO_GAMELIFT, .status = 200, .reply = "{}", .reply_header = "x-amzn-RequestId: req-3"},
    };
    struct answer answer = {.came = false};
    (void)state;
    ADMIT("traceparent: 00-" T "-" S "-01", "tracestate: a=1", "baggage: b=2");
    create(script, ARRAY_LEN(script), &answer);
    assert_false(answer.failed);
    finish_with(NULL);
    const char *text = report();
    assert_int_equal(count(text, "\"traceId\":\"" T "\""), 4);
    assert_int_equal(count(text, "\"kind\":\"CLIENT\""), 3);
    assert_int_equal(count(text, "\"name\":\"GameLift.CreateGameSession\""), 3);
    assert_int_equal(
        count(text, arena_printf(arena, "\"parentId\":\"%s\"", text_of(span_id_of(&rpc.ctx))).p),
        3);
    assert_int_equal(count(text, "\"remoteEndpoint\":{\"serviceName\":\"gamelift\"}"), 3);
    assert_int_equal(count(text, "\"rpc.system\":\"aws-api\",\"rpc.service\":\"GameLift\","
                                 "\"rpc.method\":\"CreateGameSession\""),
                     3);
    assert_has(text, "\"http.status_code\":\"503\",\"cloud.region\":\"us-east-1\","
                     "\"attempt\":\"1\",\"otel.status_code\":\"ERROR\",\"error\":\"Unavailable\"");
    assert_has(text, "\"rpc.method\":\"CreateGameSession\",\"cloud.region\":\"us-east-1\","
                     "\"attempt\":\"2\",\"otel.status_code\":\"ERROR\",\"error\":\"Unavailable\"");
    assert_has(text, "\"http.status_code\":\"200\",\"aws.request_id\":\"req-3\","
                     "\"cloud.region\":\"us-east-1\",\"attempt\":\"3\"}");
    assert_lacks(text, SESSION_DATA);
    assert_lacks(text, "secret-key-value");
}

static void a_refusal_of_aws_is_named_but_not_quoted(void **state) {
    const struct fake_exchange script[] = {
        {TO_GAMELIFT, .status = 400,
         .reply = "{\"__type\":\"FleetCapacityExceededException\","
                  "\"message\":\"you sent " SESSION_DATA "\"}"},
    };
    struct answer answer = {.came = false};
    (void)state;
    ADMIT(NULL);
    create(script, ARRAY_LEN(script), &answer);
    assert_true(answer.failed);
    const char *text = report();
    assert_has(text, "\"error\":\"FleetCapacityExceededException\"");
    assert_lacks(text, SESSION_DATA);
}

static void an_error_name_without_an_end_is_cut(void **state) {
    const struct err err = {.code = RPC_INTERNAL, .type = arena_printf(arena, "%01500d", 0)};
    const struct http_attempt attempt = {.service = STR("X"), .number = 1};
    const struct http_attempt_end end = {.err = &err};
    (void)state;
    ADMIT(NULL);
    struct http_tracer *http = tracer_http(tracer);
    http_tracer_end(http, http_tracer_begin(http, &rpc.ctx, &attempt), &end);
    assert_has(report(), arena_printf(arena, "\"error\":\"%0200d\"", 0).p);
}

static void a_cancelled_attempt_ends_its_span(void **state) {
    const struct fake_exchange script[] = {{TO_GAMELIFT, .status = 200, .delay_ms = FAKE_NEVER}};
    static const struct err gone = {
        .code = RPC_CANCELLED, .origin = ERR_CALLER, .msg = STR_INIT("gone")};
    const struct gl_create_game_session_input in = {
        .alias_id = STR("alias-1"),
        .has_maximum_player_session_count = true,
        .maximum_player_session_count = 2,
    };
    struct aws_credentials_provider *credentials;
    struct answer answer = {.came = false};
    (void)state;
    ADMIT(NULL);
    struct aws_client *client = gamelift(&credentials);
    fake_http_expect(fake, script, ARRAY_LEN(script));
    gl_create_game_session(client, &rpc.ctx, &in, on_created, &answer);
    fake_advance(loop, 40);
    ctx_cancel(&rpc.ctx, &gone);
    fake_settle(loop);
    assert_true(answer.came);
    const char *text = report();
    assert_has(text, "\"duration\":40000");
    assert_has(text, "\"error\":\"Canceled\"");
    aws_client_free(client);
    aws_credentials_provider_free(credentials);
}

/* ---- attempts at AGS ---- */

static void on_session(void *priv, const struct ags_game_session_response *out,
                       const struct err *err) {
    struct answer *a = priv;
    (void)out;
    a->came = true;
    a->failed = err != NULL;
}

static void each_attempt_at_ags_is_a_child_and_ags_is_told(void **state) {
    const struct fake_exchange script[] = {
        {.request = "POST http://ags.test/iam/v3/oauth/token",
         .headers = {"!traceparent", "!x-b3-traceid"}, /* the token is everybody's */
         .proxy_allowed = true,
         .status = 200,
         .reply = "{\"access_token\":\"t\",\"expires_in\":3600,\"namespace\":\"n\","
                  "\"token_type\":\"Bearer\"}"},
        {.request = "GET http://ags.test/session/v1/public/namespaces/n/gamesessions/s",
         .headers = {"x-b3-traceid: " T, "x-b3-sampled: 1", "tracestate: a=1", "baggage: b=2",
                     "!b3"},
         .proxy_allowed = true,
         .status = 404,
         .reply = "{\"errorMessage\":\"no\"}"},
    };
    const struct ags_client_options options = {
        .loop = loop,
        .http = fake_http_client(fake),
        .base_url = STR("http://ags.test"),
        .client_id = STR("id"),
        .client_secret = STR("secret"),
        .user_agent = STR("session-dsm"),
        .tracer = tracer_http(tracer),
    };
    const struct ags_get_game_session_input in = {.namespace = STR("n"), .session_id = STR("s")};
    struct answer answer = {.came = false};
    (void)state;
    ADMIT("traceparent: 00-" T "-" S "-01", "tracestate: a=1", "baggage: b=2");
    struct ags_client *client = ags_client_new(&options);
    fake_http_expect(fake, script, ARRAY_LEN(script));
    ags_get_game_session(client, &rpc.ctx, &in, on_session, &answer);
    fake_settle(loop);
    assert_true(answer.came && answer.failed);
    const char *told = text_of(fake_http_header(fake, "x-b3-spanid"));
    assert_string_equal(text_of(fake_http_header(fake, "traceparent")),
                        arena_printf(arena, "00-" T "-%s-01", told).p);
    const char *text = report();
    assert_int_equal(count(text, "\"traceId\""), 1);
    /* The one that AGS knows is the attempt's own span. */
    assert_has(text, arena_printf(arena,
                                  "\"id\":\"%s\",\"parentId\":\"%s\",\"kind\":\"CLIENT\","
                                  "\"name\":\"GET getGameSession\"",
                                  told, text_of(span_id_of(&rpc.ctx)))
                         .p);
    assert_has(text, "\"http.method\":\"GET\",\"http.url\":"
                     "\"http://ags.test/session/v1/public/namespaces/n/gamesessions/s\","
                     "\"http.host\":\"ags.test\",\"http.status_code\":\"404\",\"attempt\":\"1\","
                     "\"otel.status_code\":\"ERROR\",\"error\":\"NotFound\"");
    assert_has(text, "\"remoteEndpoint\":{\"serviceName\":\"ags\"}");
    ags_client_free(client);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(each_attempt_at_aws_is_a_child_and_aws_is_not_told),
        TEST(a_refusal_of_aws_is_named_but_not_quoted),
        TEST(an_error_name_without_an_end_is_cut),
        TEST(a_cancelled_attempt_ends_its_span),
        TEST(each_attempt_at_ags_is_a_child_and_ags_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
