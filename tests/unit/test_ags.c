// SPDX-License-Identifier: Apache-2.0
/* AGS operations: what is sent, what the answers mean, what is tried again. */
#include "unit/ags_call.h"

#define CALLS 5

struct call {
    struct ctx ctx;
    int done;
    const struct ags_game_session_response *out;
    const struct err *err;
};

static struct call calls[CALLS];

static void on_session(void *priv, const struct ags_game_session_response *out,
                       const struct err *err) {
    struct call *call = priv;
    call->done++;
    call->out = out;
    call->err = err;
}

/* Asks for a session with the call of that number. */
static struct call *ask_for(int i, const char *namespace, const char *id) {
    struct call *call = &calls[i];
    const struct ags_get_game_session_input in = {
        .namespace = str_c(namespace),
        .session_id = str_c(id),
    };
    *call = (struct call){.done = 0};
    ctx_init(&call->ctx, arena, NULL, CTX_NO_DEADLINE);
    ags_get_game_session(client, &call->ctx, &in, on_session, call);
    assert_int_equal(call->done, 0);
    return call;
}

static struct call *ask(int i) {
    return ask_for(i, "ns", "s1");
}

static void assert_good(const struct call *call) {
    assert_int_equal(call->done, 1);
    if (call->err != NULL)
        fail_msg("%s", call->err->msg.p);
    assert_non_null(call->out);
}

static void assert_bad(const struct call *call, enum rpc_code code) {
    assert_int_equal(call->done, 1);
    assert_null(call->out);
    assert_code(call->err, code);
}

/* With a token at hand. */
static void begin_with_token(void) {
    EXPECT(GRANT("tok-1", 3600));
    ags_client_prepare(client);
    fake_settle(loop);
}

/* ---- what is sent ---- */

static void a_call_brings_its_token_and_asks_for_json(void **state) {
    (void)state;
    EXPECT(GRANT("tok-1", 3600),
           {.request = SESSION_URL,
            .headers = {"Authorization: Bearer tok-1", "Accept: application/json",
                        "User-Agent: test/1", "!Content-Type"},
            .proxy_allowed = true,
            .status = 200,
            .reply = "{\"id\":\"s1\",\"namespace\":\"ns\",\"isActive\":true,\"DSInformation\":{"
                     "\"StatusV2\":\"AVAILABLE\",\"Server\":{\"deployment\":\"arn:1\",\"port\":1,"
                     "\"alternate_ips\":[\"x\"]}},\"members\":[{}]}"});
    struct call *call = ask(0);
    fake_settle(loop);
    assert_good(call);
    assert_str(call->out->ds_information->server->deployment, "arn:1");
    assert_null(fake_http_body(fake).p);
}

static void parameters_are_encoded_into_the_path(void **state) {
    (void)state;
    begin_with_token();
    EXPECT({.request = "GET " BASE "/session/v1/public/namespaces/a%20b%2Fc%3F%23%25/gamesessions/"
                       "%C3%A9-._~AZaz09%2B%26%3D%0A",
            .proxy_allowed = true,
            .status = 200,
            .reply = "{}"});
    struct call *call = ask_for(0, "a b/c?#%", "\xC3\xA9-._~AZaz09+&=\n");
    fake_settle(loop);
    assert_good(call);
}

static void a_parameter_that_would_change_the_path_is_refused(void **state) {
    (void)state;
    char endless[3000];
    memset(endless, '/', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    const char *const bad[] = {"", ".", "..", NULL, endless, "\xFF"};
    begin_with_token();
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct call *call = ask_for(0, "ns", bad[i]);
        fake_settle(loop);
        assert_bad(call, RPC_INVALID_ARGUMENT);
        assert_int_equal(call->err->origin, ERR_LOCAL);
    }
}

static int updates;
static const struct err *update_err;

static void on_updated(void *priv, const struct err *err) {
    (void)priv;
    updates++;
    update_err = err;
}

static void update(struct str ip) {
    const struct ags_update_gamesession_ds_information_request body = {
        .created_region = STR("us-east-1"),
        .deployment = STR("arn:1"),
        .description = STR(""),
        .ip = ip,
        .has_port = true,
        .port = 7777,
        .region = STR("us-east-1"),
        .server_id = STR("arn:1"),
        .source = STR("Gamelift"),
        .status = AGS_UPDATE_GAMESESSION_DS_INFORMATION_REQUEST_STATUS_AVAILABLE,
    };
    const struct ags_admin_update_ds_information_input in = {
        .body = &body,
        .namespace = STR("ns"),
        .session_id = STR("s1"),
    };
    updates = 0;
    ags_admin_update_ds_information(client, &ctx, &in, on_updated, NULL);
    fake_settle(loop);
}

static void a_body_goes_out_as_json_and_204_is_success(void **state) {
    (void)state;
    begin_with_token();
    EXPECT({.request = "PUT " BASE "/session/v1/admin/namespaces/ns/gamesessions/s1/dsinformation",
            .body = "{\"createdRegion\":\"us-east-1\",\"deployment\":\"arn:1\",\"description\":\"\""
                    ",\"ip\":\"203.0.113.9\",\"port\":7777,\"region\":\"us-east-1\",\"serverId\":"
                    "\"arn:1\",\"source\":\"Gamelift\",\"status\":\"AVAILABLE\"}",
            .headers = {"Content-Type: application/json", "Authorization: Bearer tok-1"},
            .proxy_allowed = true,
            .status = 204});
    update(STR("203.0.113.9"));
    assert_int_equal(updates, 1);
    assert_null(update_err);
    update(STR_NULL);
    assert_int_equal(updates, 1);
    assert_code(update_err, RPC_INVALID_ARGUMENT);
    assert_str(update_err->field, "body.ip");
}

/* ---- the token refused ---- */

static void a_401_leads_to_one_new_token_and_one_more_try(void **state) {
    (void)state;
    begin_with_token();
    EXPECT(SESSION("tok-1", 401, ""), GRANT("tok-2", 3600), SESSION("tok-2", 200, "{}"));
    struct call *call = ask(0);
    fake_settle(loop);
    assert_good(call);
    EXPECT(SESSION("tok-2", 401, ""), GRANT("tok-3", 3600),
           SESSION("tok-3", 401, "{\"errorMessage\":\"audience\"}"));
    call = ask(0);
    fake_settle(loop);
    assert_bad(call, RPC_INTERNAL);
    assert_non_null(strstr(call->err->msg.p, "HTTP status 401, audience"));
}

/* IAM is not asked for as many tokens as there are calls. */
static void an_ags_that_refuses_every_token_is_asked_for_one_a_second(void **state) {
    (void)state;
    begin_with_token();
    EXPECT(SESSION("tok-1", 401, ""), GRANT("tok-2", 3600));
    for (int i = 0; i < CALLS; i++)
        EXPECT(SESSION("tok-2", 401, ""));
    for (int i = 0; i < CALLS; i++) {
        struct call *call = ask(i);
        fake_settle(loop);
        assert_bad(call, RPC_INTERNAL);
    }
    fake_advance(loop, 1000);
    EXPECT(SESSION("tok-2", 401, ""), GRANT("tok-3", 3600), SESSION("tok-3", 200, "{}"));
    struct call *call = ask(0);
    fake_settle(loop);
    assert_good(call);
}

static void many_401s_share_one_new_token(void **state) {
    (void)state;
    begin_with_token();
    for (int i = 0; i < CALLS; i++) {
        EXPECT(SESSION("tok-1", 401, ""));
        ask(i);
    }
    EXPECT(GRANT("tok-2", 3600));
    for (int i = 0; i < CALLS; i++)
        EXPECT(SESSION("tok-2", 200, "{}"));
    fake_settle(loop);
    for (int i = 0; i < CALLS; i++)
        assert_good(&calls[i]);
}

static void a_late_401_uses_the_token_that_is_there_by_now(void **state) {
    (void)state;
    struct fake_exchange late = SESSION("tok-1", 401, "");
    late.delay_ms = 1000;
    begin_with_token();
    EXPECT(late, SESSION("tok-1", 401, ""), GRANT("tok-2", 3600), SESSION("tok-2", 200, "{}"),
           SESSION("tok-2", 200, "{}"));
    ask(0);
    ask(1);
    fake_settle(loop);
    assert_good(&calls[1]);
    assert_int_equal(calls[0].done, 0);
    fake_advance(loop, 1000);
    assert_good(&calls[0]);
}

/* ---- errors ---- */

static void each_status_has_its_code(void **state) {
    (void)state;
    static const struct {
        int status;
        enum rpc_code code;
        bool retryable;
    } rows[] = {
        {400, RPC_INVALID_ARGUMENT, false},  {422, RPC_INVALID_ARGUMENT, false},
        {403, RPC_INTERNAL, false},          {404, RPC_NOT_FOUND, false},
        {409, RPC_ABORTED, false},           {302, RPC_INTERNAL, false},
        {405, RPC_INTERNAL, false},          {408, RPC_UNAVAILABLE, true},
        {429, RPC_RESOURCE_EXHAUSTED, true}, {500, RPC_UNAVAILABLE, true},
        {503, RPC_UNAVAILABLE, true},
    };
    begin_with_token();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (int attempt = 0; attempt < (rows[i].retryable ? 3 : 1); attempt++)
            EXPECT(SESSION("tok-1", rows[i].status, ""));
        struct call *call = ask(0);
        fake_settle(loop);
        fake_advance(loop, 100);
        fake_advance(loop, 200);
        if (call->err == NULL || call->err->retryable != rows[i].retryable)
            fail_msg("status %d", rows[i].status);
        assert_bad(call, rows[i].code);
        assert_int_equal(call->err->http_status, rows[i].status);
        assert_int_equal(call->err->origin, ERR_UPSTREAM);
    }
}

static void ags_own_words_are_in_the_message(void **state) {
    (void)state;
    static const struct {
        const char *body;
        const char *want;
    } rows[] = {
        {"{\"errorCode\":20013,\"errorMessage\":\"insufficient permissions\",\"message\":\"m\"}",
         "AGS getGameSession: HTTP status 404, insufficient permissions"},
        {"{\"message\":\"m\",\"name\":\"n\"}", "AGS getGameSession: HTTP status 404, m"},
        {"{\"error\":\"e\",\"error_description\":\"d\"}", "AGS getGameSession: HTTP status 404, d"},
        {"{\"error\":\"e\"}", "AGS getGameSession: HTTP status 404, e"},
        {"{\"errorMessage\":\"\",\"message\":\"m\"}", "AGS getGameSession: HTTP status 404, m"},
        {"<html>404</html>", "AGS getGameSession: HTTP status 404"},
        {"", "AGS getGameSession: HTTP status 404"},
    };
    begin_with_token();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        EXPECT(SESSION("tok-1", 404, rows[i].body));
        struct call *call = ask(0);
        fake_settle(loop);
        assert_bad(call, RPC_NOT_FOUND);
        assert_str(call->err->msg, rows[i].want);
    }
}

static void an_answer_that_is_no_json_is_an_error(void **state) {
    (void)state;
    begin_with_token();
    EXPECT(SESSION("tok-1", 200, "<html>"), SESSION("tok-1", 200, "{\"id\":1}"));
    for (int i = 0; i < 2; i++) {
        struct call *call = ask(0);
        fake_settle(loop);
        assert_bad(call, RPC_INTERNAL);
        assert_int_equal(call->err->origin, ERR_TRANSPORT);
    }
}

/* ---- trying again ---- */

static void what_may_pass_is_tried_again(void **state) {
    (void)state;
    begin_with_token();
    EXPECT(SESSION("tok-1", 503, ""),
           {.request = SESSION_URL, .proxy_allowed = true, .reply = "the connection broke"},
           SESSION("tok-1", 200, "{}"));
    struct call *call = ask(0);
    fake_settle(loop);
    fake_advance(loop, 100);
    fake_advance(loop, 200);
    assert_good(call);
}

static void a_transport_fault_names_the_operation(void **state) {
    (void)state;
    begin_with_token();
    for (int i = 0; i < 3; i++)
        EXPECT({.request = SESSION_URL, .proxy_allowed = true, .reply = "the connection broke"});
    struct call *call = ask(0);
    fake_settle(loop);
    fake_advance(loop, 100);
    fake_advance(loop, 200);
    assert_bad(call, RPC_UNAVAILABLE);
    assert_str(call->err->msg, "AGS getGameSession: the connection broke");
    assert_int_equal(call->err->origin, ERR_TRANSPORT);
}

static void the_servers_wish_is_kept_unless_the_deadline_is_nearer(void **state) {
    (void)state;
    struct fake_exchange busy = SESSION("tok-1", 429, "");
    busy.reply_header = "Retry-After: 3";
    begin_with_token();
    EXPECT(busy, SESSION("tok-1", 200, "{}"));
    struct call *call = ask(0);
    fake_settle(loop);
    fake_advance(loop, 2999);
    assert_int_equal(fake_http_left(fake), 1);
    fake_advance(loop, 1);
    assert_good(call);

    EXPECT(busy);
    const struct ags_get_game_session_input in = {.namespace = STR("ns"), .session_id = STR("s1")};
    *call = (struct call){.done = 0};
    ctx_init(&call->ctx, arena, NULL, clock_mono_ms() + 2000);
    ags_get_game_session(client, &call->ctx, &in, on_session, call);
    fake_settle(loop);
    assert_bad(call, RPC_RESOURCE_EXHAUSTED);
}

static void cancelling_ends_a_call_wherever_it_is(void **state) {
    (void)state;
    static const struct err gone = {
        .code = RPC_CANCELLED, .origin = ERR_CALLER, .msg = STR_INIT("gone")};
    struct fake_exchange slow = GRANT("tok-1", 3600);
    struct fake_exchange busy = SESSION("tok-1", 503, "");
    slow.delay_ms = 1000;
    busy.reply_header = "Retry-After: 3";
    EXPECT(slow, {.request = SESSION_URL, .proxy_allowed = true, .delay_ms = FAKE_NEVER}, busy);
    ask(0);
    fake_settle(loop);
    ctx_cancel(&calls[0].ctx, &gone); /* while it waits for a token */
    assert_bad(&calls[0], RPC_CANCELLED);
    fake_advance(loop, 1000);
    ask(1);
    fake_settle(loop);
    ctx_cancel(&calls[1].ctx, &gone); /* while the request runs */
    assert_bad(&calls[1], RPC_CANCELLED);
    ask(2);
    fake_settle(loop);
    ctx_cancel(&calls[2].ctx, &gone); /* while it waits to try again */
    assert_bad(&calls[2], RPC_CANCELLED);
    fake_advance(loop, 5000);
    for (int i = 0; i < 3; i++)
        assert_int_equal(calls[i].done, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_call_brings_its_token_and_asks_for_json),
        TEST(parameters_are_encoded_into_the_path),
        TEST(a_parameter_that_would_change_the_path_is_refused),
        TEST(a_body_goes_out_as_json_and_204_is_success),
        TEST(a_401_leads_to_one_new_token_and_one_more_try),
        TEST(an_ags_that_refuses_every_token_is_asked_for_one_a_second),
        TEST(many_401s_share_one_new_token),
        TEST(a_late_401_uses_the_token_that_is_there_by_now),
        TEST(each_status_has_its_code),
        TEST(ags_own_words_are_in_the_message),
        TEST(an_answer_that_is_no_json_is_an_error),
        TEST(what_may_pass_is_tried_again),
        TEST(a_transport_fault_names_the_operation),
        TEST(the_servers_wish_is_kept_unless_the_deadline_is_nearer),
        TEST(cancelling_ends_a_call_wherever_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
