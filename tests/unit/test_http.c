// SPDX-License-Identifier: Apache-2.0
/* The real HTTP client against a real server: what goes out, what comes back, connections. */
#include "unit/http_call.h"

#include "http/backoff.h"

/* ---- requests and answers ---- */

static void answer_headers(struct tiny_conn *conn, const struct tiny_request *req, void *priv) {
    (void)req;
    (void)priv;
    tiny_reply(conn, 418, "X-One:  a b \r\nx-two:\r\nX-One: second\r\n", "tea");
}

static void an_answer_has_status_headers_and_body(void **state) {
    (void)state;
    start_both(answer_headers);
    struct call *call = get("/");
    assert_answer(call, 418, "tea");
    assert_str(http_response_header(call->resp, STR("X-ONE")), "a b");
    assert_str(http_response_header(call->resp, STR("X-Two")), "");
    assert_null(http_response_header(call->resp, STR("X-Three")).p);
    assert_int_equal(call->resp->n_headers, 4);
    assert_str(call->resp->headers[0].name, "Content-Length");
    assert_str(call->resp->headers[3].value, "second");
}

static void nothing_is_sent_that_was_not_asked_for(void **state) {
    (void)state;
    static const struct http_header headers[] = {
        {STR_INIT("Host"), STR_INIT("example.test")},
        {STR_INIT("X-Empty"), STR_INIT("")},
        {STR_INIT("X-Blank"), STR_INIT(" ")},
        {STR_INIT("Content-Type"), STR_INIT("application/x-amz-json-1.1")},
    };
    start_both(NULL);
    struct call *call = new_call(CTX_NO_DEADLINE);
    const struct http_request req = {
        .method = STR("POST"),
        .url = str_c(tiny_http_url(server)),
        .headers = headers,
        .n_headers = ARRAY_LEN(headers),
        .body = str_n("a\0b", 3),
    };
    send_request(call, &req);
    wait_answers(1);
    assert_answer(call, 200, "{}");
    struct tiny_request seen = tiny_http_request(server, 1);
    assert_str(seen.head, "POST / HTTP/1.1\r\nHost: example.test\r\nX-Empty:\r\nX-Blank:\r\n"
                          "Content-Type: application/x-amz-json-1.1\r\nContent-Length: 3");
    assert_int_equal(seen.body.n, 3);
    assert_memory_equal(seen.body.p, "a\0b", 3);
}

static void every_method_goes_out_with_and_without_body(void **state) {
    (void)state;
    static const struct {
        const char *method;
        const char *body; /* NULL: none */
        const char *head; /* after the Host header */
    } rows[] = {
        {"GET", NULL, ""},
        {"PUT", NULL, ""},
        {"DELETE", NULL, ""},
        {"POST", "", "\r\nContent-Length: 0"},
        {"PUT", "x", "\r\nContent-Length: 1"},
        {"GET", "x", "\r\nContent-Length: 1"},
    };
    start_both(NULL);
    for (int i = 0; i < (int)ARRAY_LEN(rows); i++) {
        struct call *call = new_call(CTX_NO_DEADLINE);
        const struct http_request req = {
            .method = str_c(rows[i].method),
            .url = arena_printf(call->arena, "%s/a%%2Fb?c=d", tiny_http_url(server)),
            .body = str_c(rows[i].body),
        };
        send_request(call, &req);
        wait_answers(i + 1);
        assert_answer(call, 200, "{}");
        struct str want = arena_printf(call->arena, "%s /a%%2Fb?c=d HTTP/1.1\r\nHost: %s%s",
                                       rows[i].method, tiny_http_url(server) + 7, rows[i].head);
        assert_str(tiny_http_request(server, i + 1).head, want.p);
    }
    /* Nothing of the call before clings to a handle that is used again. */
    assert_int_equal(http_curl_stats(client).connections, 1);
}

static void a_large_body_does_not_wait_for_a_100(void **state) {
    (void)state;
    start_both(NULL);
    struct call *call = new_call(CTX_NO_DEADLINE);
    char *body = arena_alloc(call->arena, 2000001);
    memset(body, 'b', 2000000);
    const struct http_request req = {
        .method = STR("POST"),
        .url = str_c(tiny_http_url(server)),
        .body = str_n(body, 2000000),
    };
    send_request(call, &req);
    wait_answers(1);
    assert_answer(call, 200, "{}");
    struct tiny_request seen = tiny_http_request(server, 1);
    assert_null(tiny_request_header(&seen, "expect").p);
    assert_int_equal(seen.body.n, 2000000);
    assert_memory_equal(seen.body.p, body, 2000000);
}

static void answer_in_every_framing(struct tiny_conn *conn, const struct tiny_request *req,
                                    void *priv) {
    (void)priv;
    if (str_starts(req->head, STR("GET /chunked"))) {
        tiny_send(conn, STR("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nab"));
        tiny_send(conn, STR("cd\r\n1\r\ne\r\n0\r\nX-Trailer: t\r\n\r\n"));
    } else if (str_starts(req->head, STR("GET /to-the-end"))) {
        tiny_send(conn, STR("HTTP/1.0 200 OK\r\n\r\nabc"));
        tiny_send(conn, STR("de"));
        tiny_close(conn);
    } else if (str_starts(req->head, STR("GET /no-content"))) {
        tiny_send(conn, STR("HTTP/1.1 204 No Content\r\n\r\n"));
    } else {
        tiny_send(conn, STR("HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\n"
                            "HTTP/1.1 103 Early Hints\r\nX-Early: 2\r\n\r\n"
                            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Late: 3\r\n\r\nabcde"));
    }
}

static void every_framing_is_understood(void **state) {
    (void)state;
    start_both(answer_in_every_framing);
    assert_answer(get("/chunked"), 200, "abcde");
    assert_answer(get("/to-the-end"), 200, "abcde");
    struct call *call = get("/no-content");
    assert_answer(call, 204, "");
    assert_non_null(call->resp->body.p);
}

static void headers_before_the_final_answer_do_not_count(void **state) {
    (void)state;
    start_both(answer_in_every_framing);
    struct call *call = get("/hints");
    assert_answer(call, 200, "abcde");
    assert_null(http_response_header(call->resp, STR("X-Early")).p);
    assert_str(http_response_header(call->resp, STR("X-Late")), "3");
}

static void answer_redirect(struct tiny_conn *conn, const struct tiny_request *req, void *priv) {
    (void)priv;
    tiny_reply(conn, req->number % 2 == 1 ? 302 : 307, "Location: /elsewhere\r\n", "");
}

static void redirects_are_not_followed(void **state) {
    (void)state;
    start_both(answer_redirect);
    assert_answer(get("/"), 302, "");
    assert_answer(get("/"), 307, "");
    assert_int_equal(tiny_http_requests(server), 2);
}

/* ---- what is refused before it is sent ---- */

static void a_line_break_or_nul_in_a_header_is_refused(void **state) {
    (void)state;
    static const struct http_header rows[] = {
        {STR_INIT("X-A"), STR_INIT("a\r\nX-Evil: 1")},
        {STR_INIT("X-A"), STR_INIT("a\nb")},
        {STR_INIT("X-A"), STR_INIT("secret\r")},
        {STR_INIT("X-A\r\nX-B"), STR_INIT("b")},
        {STR_INIT("X-A\n"), STR_INIT("")},
        {STR_INIT("X-A"), STR_INIT("secret\0b")},
    };
    start_both(NULL);
    for (int i = 0; i < (int)ARRAY_LEN(rows); i++) {
        struct call *call = new_call(CTX_NO_DEADLINE);
        const struct http_request req = {
            .method = STR("GET"),
            .url = str_c(tiny_http_url(server)),
            .headers = &rows[i],
            .n_headers = 1,
        };
        send_request(call, &req);
        wait_answers(i + 1);
        assert_error(call, RPC_INTERNAL, ERR_LOCAL, false);
        assert_null(strstr(call->err->msg.p, "secret"));
        assert_null(strchr(call->err->msg.p, '\n'));
    }
    assert_int_equal(tiny_http_connections(server), 0);
}

static void a_url_that_is_none_fails_and_no_other_scheme_is_spoken(void **state) {
    (void)state;
    static const char *const urls[] = {"",
                                       "not a url",
                                       "ftp://127.0.0.1/",
                                       "file:///etc/passwd",
                                       "http://",
                                       "gopher://127.0.0.1:1/x"};
    start_client(NULL);
    for (int i = 0; i < (int)ARRAY_LEN(urls); i++) {
        struct call *call = new_call(CTX_NO_DEADLINE);
        const struct http_request req = {.method = STR("GET"), .url = str_c(urls[i])};
        send_request(call, &req);
        wait_answers(i + 1);
        assert_non_null(call->err);
        assert_false(call->early);
        assert_int_equal(call->done, 1);
    }
    assert_int_equal(http_curl_stats(client).connections, 0);
}

/* ---- connections ---- */

static void calls_in_a_row_share_one_connection(void **state) {
    (void)state;
    start_both(NULL);
    for (int i = 0; i < 50; i++)
        assert_answer(get("/"), 200, "{}");
    struct http_curl_stats stats = http_curl_stats(client);
    assert_int_equal(tiny_http_connections(server), 1);
    assert_int_equal(stats.connections, 1);
    assert_int_equal(stats.open, 1);
    assert_int_equal(stats.transfers, 50);
    assert_int_equal(stats.running, 0);
}

static void answer_and_hang_up(struct tiny_conn *conn, const struct tiny_request *req, void *priv) {
    (void)req;
    (void)priv;
    tiny_reply(conn, 200, "", "{}");
    tiny_close(conn);
}

static void a_pooled_connection_that_the_server_closed_is_replaced(void **state) {
    (void)state;
    start_both(answer_and_hang_up);
    for (int i = 1; i <= 5; i++) {
        assert_answer(get("/"), 200, "{}");
        assert_true(tiny_http_wait_ended(server, i, PATIENCE_MS));
        if (i % 2 == 0)
            let_pass(20); /* the loop may or may not hear of it */
    }
    assert_int_equal(tiny_http_connections(server), 5);
    assert_int_equal(tiny_http_requests(server), 5);
    let_pass(20);
    assert_true(http_curl_stats(client).open <= 1);
}

static void answer_close_header(struct tiny_conn *conn, const struct tiny_request *req,
                                void *priv) {
    (void)req;
    (void)priv;
    tiny_reply(conn, 200, "Connection: close\r\n", "{}");
    tiny_wait_for_end(conn);
}

static void connection_close_is_obeyed(void **state) {
    (void)state;
    start_both(answer_close_header);
    assert_answer(get("/"), 200, "{}");
    assert_true(tiny_http_wait_ended(server, 1, PATIENCE_MS));
    assert_answer(get("/"), 200, "{}");
    assert_int_equal(tiny_http_connections(server), 2);
    assert_int_equal(http_curl_stats(client).open, 0);
}

#define CROWD 1000

static void answer_when_all_are_there(struct tiny_conn *conn, const struct tiny_request *req,
                                      void *priv) {
    (void)priv;
    if (req->turn == 1)
        tiny_wait_for_requests(conn, CROWD);
    tiny_reply(conn, 200, "", "together");
}

static void a_thousand_transfers_run_at_once_and_their_connections_stay(void **state) {
    (void)state;
    start_both(answer_when_all_are_there);
    for (int i = 0; i < CROWD; i++)
        start_get("/");
    assert_int_equal(http_curl_stats(client).running, CROWD);
    wait_answers(CROWD);
    for (int i = 0; i < CROWD; i++)
        assert_answer(calls[i], 200, "together");
    assert_int_equal(tiny_http_connections(server), CROWD);
    assert_int_equal(http_curl_stats(client).running, 0);
    for (int i = 0; i < 200; i++)
        start_get("/");
    wait_answers(CROWD + 200);
    assert_int_equal(tiny_http_connections(server), CROWD);
    assert_int_equal(http_curl_stats(client).connections, CROWD);
}

static void what_a_burst_has_opened_is_closed_once_it_has_been_idle(void **state) {
    (void)state;
    const struct http_curl_options options = {.timeout_ms = 20000, .keep_unused_ms = 200};
    start_server(answer_when_all_are_there);
    start_client(&options);
    for (int i = 0; i < CROWD; i++)
        start_get("/");
    wait_answers(CROWD);
    assert_int_equal(http_curl_stats(client).open, CROWD);
    for (int waits = 0; waits < 100 && http_curl_stats(client).open >= CROWD / 10; waits++)
        let_pass(100);
    assert_in_range(http_curl_stats(client).open, 1, CROWD / 10 - 1);
    assert_true(tiny_http_wait_ended(server, CROWD - CROWD / 10, 10000));
    /* Those in use by few stay, and many may come again. */
    for (int i = 0; i < 200; i++)
        start_get("/again");
    wait_answers(CROWD + 200);
    for (int i = 0; i < 200; i++)
        assert_answer(calls[CROWD + i], 200, "together");
}

/* A name may have come to mean another address, which only a new connection finds. */
static void a_connection_is_used_for_a_while_and_not_for_ever(void **state) {
    (void)state;
    const struct http_curl_options options = {.timeout_ms = 20000, .max_age_s = 1};
    start_server(NULL);
    start_client(&options);
    assert_answer(get("/"), 200, "{}");
    assert_answer(get("/"), 200, "{}");
    assert_int_equal(tiny_http_connections(server), 1);
    let_pass(2500); /* libcurl counts whole seconds */
    assert_answer(get("/"), 200, "{}");
    assert_int_equal(tiny_http_connections(server), 2);
    assert_int_equal(http_curl_stats(client).open, 1);
}

static void more_transfers_than_connections_wait_their_turn(void **state) {
    (void)state;
    static const struct {
        int connections;
        int transfers;
    } rows[] = {{3, 40}, {100, 400}};
    for (size_t row = 0; row < ARRAY_LEN(rows); row++) {
        const struct http_curl_options options = {.max_connections = rows[row].connections};
        int before = n_calls;
        tiny_http_free(server);
        http_curl_free(client);
        start_server(NULL);
        start_client(&options);
        for (int i = 0; i < rows[row].transfers; i++)
            start_get("/");
        wait_answers(n_calls);
        for (int i = before; i < n_calls; i++)
            assert_answer(calls[i], 200, "{}");
        assert_in_range(tiny_http_connections(server), 1, rows[row].connections);
    }
}

/* ---- callbacks that start more ---- */

static void start_one_more(struct call *call) {
    (void)call;
    if (n_calls < 10)
        start_get("/")->then = start_one_more;
}

static void a_callback_may_start_the_next_transfer(void **state) {
    (void)state;
    start_both(NULL);
    start_get("/")->then = start_one_more;
    wait_answers(10);
    for (int i = 0; i < 10; i++)
        assert_answer(calls[i], 200, "{}");
    assert_int_equal(tiny_http_connections(server), 1);
}

static void free_own_arena(struct call *call) {
    arena_free(call->arena);
    call->arena = NULL;
}

static void a_callback_may_free_its_own_arena(void **state) {
    (void)state;
    start_both(NULL);
    for (int i = 0; i < 5; i++)
        start_get("/")->then = free_own_arena;
    wait_answers(5);
    assert_int_equal(http_curl_stats(client).running, 0);
}

/* ---- proxies ---- */

static void answer_as_proxy(struct tiny_conn *conn, const struct tiny_request *req, void *priv) {
    (void)priv;
    tiny_reply(conn, 200, "", str_starts(req->head, STR("GET http://")) ? "by proxy" : "directly");
}

static void no_proxy_goes_past_the_environments_proxy(void **state) {
    (void)state;
    start_server(answer_as_proxy);
    setenv("http_proxy", tiny_http_url(server), 1);
    unsetenv("no_proxy");
    unsetenv("NO_PROXY");
    start_client(NULL);
    struct call *call = get("/");
    struct call *direct = new_call(CTX_NO_DEADLINE);
    const struct http_request req = {
        .method = STR("GET"),
        .url = str_c(tiny_http_url(server)),
        .no_proxy = true,
    };
    send_request(direct, &req);
    wait_answers(2);
    unsetenv("http_proxy");
    assert_answer(call, 200, "by proxy");
    assert_answer(direct, 200, "directly");
}

/* ---- back-off ---- */

static void backoff_doubles_up_to_its_cap(void **state) {
    (void)state;
    static const int64_t want[] = {50, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 20000, 20000};
    for (int i = 0; i < (int)ARRAY_LEN(want); i++) {
        assert_int_equal(backoff_ms(50, 20000, i + 1, 1.0), want[i]);
        assert_int_equal(backoff_ms(50, 20000, i + 1, 0.5), want[i] / 2);
        assert_int_equal(backoff_ms(50, 20000, i + 1, 0.0), 0);
    }
    assert_int_equal(backoff_ms(50, 20000, INT32_MAX, 1.0), 20000);
}

static void a_servers_wish_is_read_in_both_units(void **state) {
    (void)state;
    static const struct {
        const char *name;
        const char *value;
        int64_t want;
    } rows[] = {
        {"Retry-After", "2", 2000},
        {"Retry-After", "0", 0},
        {"Retry-After", "99999999999", 3600000},
        {"Retry-After", "9223372036854775807", 3600000},
        {"Retry-After", "-1", -1},
        {"Retry-After", "soon", -1},
        {"Retry-After", "", -1},
        {"Retry-After", "1.5", -1},
        {"Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT", -1},
        {"X-Amz-Retry-After", "1500", 1500},
        {"x-amz-retry-after", "99999999", 3600000},
        {"x-amz-retry-after", "-100", -1},
        {"x-other", "1", -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct http_header header = {str_c(rows[i].name), str_c(rows[i].value)};
        const struct http_response resp = {.status = 503, .headers = &header, .n_headers = 1};
        if (backoff_wished_ms(&resp) != rows[i].want)
            fail_msg("%s: %s gives %lld", rows[i].name, rows[i].value,
                     (long long)backoff_wished_ms(&resp));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_answer_has_status_headers_and_body),
        TEST(nothing_is_sent_that_was_not_asked_for),
        TEST(every_method_goes_out_with_and_without_body),
        TEST(a_large_body_does_not_wait_for_a_100),
        TEST(every_framing_is_understood),
        TEST(headers_before_the_final_answer_do_not_count),
        TEST(redirects_are_not_followed),
        TEST(a_line_break_or_nul_in_a_header_is_refused),
        TEST(a_url_that_is_none_fails_and_no_other_scheme_is_spoken),
        TEST(calls_in_a_row_share_one_connection),
        TEST(a_pooled_connection_that_the_server_closed_is_replaced),
        TEST(connection_close_is_obeyed),
        TEST(a_thousand_transfers_run_at_once_and_their_connections_stay),
        TEST(what_a_burst_has_opened_is_closed_once_it_has_been_idle),
        TEST(a_connection_is_used_for_a_while_and_not_for_ever),
        TEST(more_transfers_than_connections_wait_their_turn),
        TEST(a_callback_may_start_the_next_transfer),
        TEST(a_callback_may_free_its_own_arena),
        TEST(no_proxy_goes_past_the_environments_proxy),
        TEST(backoff_doubles_up_to_its_cap),
        TEST(a_servers_wish_is_read_in_both_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
