// SPDX-License-Identifier: Apache-2.0
/* The real HTTP client when things go wrong: broken answers, time, cancellation. */
#include "unit/http_call.h"

#include "base/buf.h"

#include <arpa/inet.h>
#include <unistd.h>

/* ---- answers beyond a limit ---- */

static void answer_by_path(struct tiny_conn *conn, const struct tiny_request *req, void *priv) {
    char body[1001] = "";
    struct buf b;
    (void)priv;
    buf_init(&b, (size_t)1 << 20);
    memset(body, 'x', sizeof body - 1);
    if (str_starts(req->head, STR("GET /1000 "))) {
        tiny_reply(conn, 200, "", body);
    } else if (str_starts(req->head, STR("GET /1001-chunked "))) {
        tiny_send(conn, STR("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n"));
        tiny_send(conn, str_c(body));
        tiny_send(conn, STR("\r\n1\r\ny\r\n0\r\n\r\n"));
    } else {
        int lines = str_starts(req->head, STR("GET /many-headers ")) ? 65 : 40;
        for (int i = 0; i < lines; i++)
            buf_printf(&b, "X-%d: %s\r\n", i, lines == 40 ? body : "v");
        buf_putc(&b, (char)0);
        tiny_reply(conn, 200, b.p, "");
    }
    buf_free(&b);
}

static void a_body_beyond_the_cap_is_an_error_and_at_the_cap_is_none(void **state) {
    (void)state;
    const struct http_curl_options options = {.max_response = 1000};
    start_server(answer_by_path);
    start_client(&options);
    assert_int_equal(get("/1000")->resp->body.n, 1000);
    assert_error(get("/1001-chunked"), RPC_INTERNAL, ERR_TRANSPORT, false);
    assert_non_null(strstr(calls[1]->err->msg.p, "larger than 1000 bytes"));
}

static void a_request_may_set_a_cap_of_its_own(void **state) {
    (void)state;
    start_both(answer_by_path);
    struct call *call = new_call(CTX_NO_DEADLINE);
    const struct http_request req = {
        .method = STR("GET"),
        .url = arena_printf(call->arena, "%s/1000", tiny_http_url(server)),
        .max_response = 999,
    };
    send_request(call, &req);
    wait_answers(1);
    assert_error(call, RPC_INTERNAL, ERR_TRANSPORT, false);
}

static void too_many_or_too_long_headers_are_an_error(void **state) {
    (void)state;
    start_both(answer_by_path);
    assert_error(get("/many-headers"), RPC_INTERNAL, ERR_TRANSPORT, false);
    assert_error(get("/long-headers"), RPC_INTERNAL, ERR_TRANSPORT, false);
    assert_non_null(strstr(calls[1]->err->msg.p, "headers"));
    assert_true(arena_used(calls[1]->arena) < 100000);
}

/* ---- no host ---- */

/* A label of more than 63 characters is no name: no resolver has to be asked, or to answer. */
static void a_name_that_does_not_resolve_is_a_transport_fault(void **state) {
    (void)state;
    start_client(NULL);
    struct call *call = new_call(CTX_NO_DEADLINE);
    const struct http_request req = {
        .method = STR("GET"),
        .url = STR("http://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                   ".invalid/"),
    };
    send_request(call, &req);
    wait_answers(1);
    assert_error(call, RPC_UNAVAILABLE, ERR_TRANSPORT, true);
    assert_non_null(strstr(call->err->msg.p, "could not be resolved"));
    assert_false(call->err->may_have_acted);
}

/* ---- broken answers ---- */

static void answer_broken(struct tiny_conn *conn, const struct tiny_request *req, void *priv) {
    (void)priv;
    if (str_starts(req->head, STR("GET /half-body ")))
        tiny_send(conn, STR("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"));
    else if (str_starts(req->head, STR("GET /half-chunk ")))
        tiny_send(conn, STR("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc"));
    else if (str_starts(req->head, STR("GET /no-last-chunk ")))
        tiny_send(conn, STR("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"));
    else if (str_starts(req->head, STR("GET /half-header ")))
        tiny_send(conn, STR("HTTP/1.1 200 OK\r\nContent-Le"));
    else if (str_starts(req->head, STR("GET /noise ")))
        tiny_send(conn, STR("\x16\x03\x01\x02 no HTTP at all\n\n\n"));
    else if (str_starts(req->head, STR("GET /only-hints ")))
        tiny_send(conn, STR("HTTP/1.1 103 Early Hints\r\n\r\n"));
    if (str_starts(req->head, STR("GET /reset ")))
        tiny_reset(conn);
    tiny_close(conn);
}

static void a_broken_answer_is_a_transport_fault_that_may_pass(void **state) {
    (void)state;
    static const char *const paths[] = {"/half-body",   "/half-chunk", "/no-last-chunk",
                                        "/half-header", "/noise",      "/only-hints",
                                        "/reset",       "/nothing"};
    start_both(answer_broken);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct call *call = get(paths[i]);
        if (call->err == NULL)
            fail_msg("%s was taken for an answer", paths[i]);
        assert_error(call, RPC_UNAVAILABLE, ERR_TRANSPORT, true);
        assert_true(call->err->may_have_acted);
    }
    let_pass(10);
    assert_int_equal(http_curl_stats(client).open, 0);
}

static void answer_once_then_hang_up(struct tiny_conn *conn, const struct tiny_request *req,
                                     void *priv) {
    (void)priv;
    if (req->turn == 1)
        tiny_reply(conn, 200, "", "{}");
    else
        tiny_reset(conn);
}

/* The server may have closed it before the request came: libcurl sends again on a fresh one. */
static void a_pooled_connection_that_breaks_unanswered_is_tried_afresh(void **state) {
    (void)state;
    start_both(answer_once_then_hang_up);
    assert_answer(get("/"), 200, "{}");
    assert_answer(get("/"), 200, "{}");
    assert_int_equal(tiny_http_requests(server), 3);
    assert_int_equal(tiny_http_connections(server), 2);
}

static void a_refused_connection_is_reported_after_the_start_returned(void **state) {
    (void)state;
    start_both(NULL);
    struct call *call = new_call(CTX_NO_DEADLINE);
    const struct http_request req = {
        .method = STR("GET"),
        .url = arena_printf(call->arena, "http://127.0.0.1:%d/", tiny_http_port(server)),
    };
    tiny_http_free(server);
    server = NULL;
    send_request(call, &req);
    wait_answers(1);
    assert_error(call, RPC_UNAVAILABLE, ERR_TRANSPORT, true);
    assert_false(call->err->may_have_acted);
    assert_int_equal(http_curl_stats(client).open, 0);
}

/* ---- time ---- */

static void answer_never(struct tiny_conn *conn, const struct tiny_request *req, void *priv) {
    (void)req;
    (void)priv;
    tiny_wait_for_end(conn);
}

static struct call *get_with(int64_t timeout_ms, int64_t deadline_in_ms) {
    struct call *call =
        new_call(deadline_in_ms > 0 ? clock_mono_ms() + deadline_in_ms : CTX_NO_DEADLINE);
    const struct http_request req = {
        .method = STR("GET"),
        .url = str_c(tiny_http_url(server)),
        .timeout_ms = timeout_ms,
    };
    send_request(call, &req);
    return call;
}

static void a_silent_server_ends_at_the_timeout(void **state) {
    (void)state;
    start_both(answer_never);
    int64_t began = clock_mono_ms();
    struct call *call = get_with(100, 0);
    wait_answers(1);
    assert_error(call, RPC_UNAVAILABLE, ERR_TRANSPORT, true);
    assert_in_range(clock_mono_ms() - began, 99, 5000);
    assert_true(tiny_http_wait_ended(server, 1, PATIENCE_MS));
}

static void the_callers_deadline_comes_before_the_timeout(void **state) {
    (void)state;
    start_both(answer_never);
    int64_t began = clock_mono_ms();
    struct call *call = get_with(15000, 100);
    wait_answers(1);
    assert_error(call, RPC_DEADLINE_EXCEEDED, ERR_CALLER, false);
    assert_in_range(clock_mono_ms() - began, 99, 5000);
}

static void answer_slowly(struct tiny_conn *conn, const struct tiny_request *req, void *priv) {
    (void)req;
    (void)priv;
    tiny_send(conn, STR("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"));
    for (int i = 0; i < 50; i++) {
        tiny_send(conn, STR("drop"));
        usleep(20000);
    }
    tiny_close(conn);
}

static void an_answer_that_drips_does_not_outlast_the_timeout(void **state) {
    (void)state;
    start_both(answer_slowly);
    int64_t began = clock_mono_ms();
    struct call *call = get_with(100, 0);
    wait_answers(1);
    assert_error(call, RPC_UNAVAILABLE, ERR_TRANSPORT, true);
    assert_true(clock_mono_ms() - began < 900);
}

/* A listener whose queue is full: the only host that takes no connection which loopback has. */
struct deaf {
    int listener;
    int queued[4];
    char url[64];
};

static void deaf_open(struct deaf *d) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    d->listener = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(d->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(d->listener, 0), 0);
    assert_int_equal(getsockname(d->listener, (struct sockaddr *)&address, &size), 0);
    for (size_t i = 0; i < ARRAY_LEN(d->queued); i++) {
        d->queued[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(d->queued[i], (struct sockaddr *)&address, size);
    }
    snprintf(d->url, sizeof d->url, "http://127.0.0.1:%d/", ntohs(address.sin_port));
}

static void deaf_close(struct deaf *d) {
    for (size_t i = 0; i < ARRAY_LEN(d->queued); i++)
        close(d->queued[i]);
    close(d->listener);
}

static struct call *start_url(const char *url) {
    struct call *call = new_call(CTX_NO_DEADLINE);
    const struct http_request req = {.method = STR("GET"), .url = str_c(url)};
    send_request(call, &req);
    return call;
}

static void a_host_that_takes_no_connection_ends_at_the_connect_timeout(void **state) {
    (void)state;
    const struct http_curl_options options = {.connect_timeout_ms = 150, .timeout_ms = 20000};
    struct deaf deaf;
    deaf_open(&deaf);
    start_client(&options);
    int64_t began = clock_mono_ms();
    struct call *call = start_url(deaf.url);
    wait_answers(1);
    deaf_close(&deaf);
    assert_error(call, RPC_UNAVAILABLE, ERR_TRANSPORT, true);
    assert_false(call->err->may_have_acted);
    assert_in_range(clock_mono_ms() - began, 149, 5000);
    assert_int_equal(http_curl_stats(client).open, 0);
}

static void a_context_that_is_over_sends_nothing(void **state) {
    (void)state;
    start_both(NULL);
    struct call *late = new_call(clock_mono_ms() - 1);
    struct call *gone = new_call(CTX_NO_DEADLINE);
    struct call *fat = new_call(CTX_NO_DEADLINE);
    const struct http_request req = {.method = STR("GET"), .url = str_c(tiny_http_url(server))};
    struct err reason = {.code = RPC_CANCELLED, .origin = ERR_CALLER, .msg = STR("gone")};
    ctx_cancel(&gone->ctx, &reason);
    (void)arena_alloc(fat->arena, ARENA_LIMIT_DEFAULT + 1);
    send_request(late, &req);
    send_request(gone, &req);
    send_request(fat, &req);
    wait_answers(3);
    assert_error(late, RPC_DEADLINE_EXCEEDED, ERR_CALLER, false);
    assert_error(gone, RPC_CANCELLED, ERR_CALLER, false);
    assert_error(fat, RPC_RESOURCE_EXHAUSTED, ERR_LOCAL, false);
    assert_int_equal(tiny_http_connections(server), 0);
}

/* ---- cancellation ---- */

static const struct err left = {
    .code = RPC_CANCELLED,
    .origin = ERR_CALLER,
    .msg = STR_INIT("the caller went away"),
};

static void cancelling_ends_a_transfer_once_and_hangs_up(void **state) {
    (void)state;
    start_both(answer_never);
    struct call *call = start_get("/");
    let_pass(30);
    assert_true(tiny_http_wait_requests(server, 1, PATIENCE_MS));
    ctx_cancel(&call->ctx, &left);
    ctx_cancel(&call->ctx, &left);
    assert_error(call, RPC_CANCELLED, ERR_CALLER, false);
    assert_true(tiny_http_wait_ended(server, 1, PATIENCE_MS));
    let_pass(20);
    assert_int_equal(call->done, 1);
    assert_int_equal(http_curl_stats(client).running, 0);
}

static void cancelling_right_after_the_start_is_fine(void **state) {
    (void)state;
    start_both(NULL);
    for (int i = 0; i < 20; i++) {
        struct call *call = start_get("/");
        ctx_cancel(&call->ctx, &left);
        assert_error(call, RPC_CANCELLED, ERR_CALLER, false);
    }
    assert_answer(get("/"), 200, "{}");
}

/* libcurl closes a socket that never got connected without telling, and its number comes again. */
static void a_connection_given_up_half_made_leaves_nothing_behind(void **state) {
    (void)state;
    struct deaf deaf;
    deaf_open(&deaf);
    start_both(NULL);
    for (int i = 0; i < 10; i++) {
        struct call *call = start_url(deaf.url);
        let_pass(5);
        ctx_cancel(&call->ctx, &left);
        assert_error(call, RPC_CANCELLED, ERR_CALLER, false);
        assert_int_equal(http_curl_stats(client).open, 0);
        int64_t began = clock_mono_ms();
        call = start_get("/");
        wait_answers(answered + 1);
        assert_answer(call, 200, "{}");
        assert_true(clock_mono_ms() - began < 150);
        http_curl_free(client);
        start_client(NULL);
    }
    deaf_close(&deaf);
}

static void a_tls_handshake_given_up_leaves_nothing_behind(void **state) {
    static const struct http_curl_options patient = {
        .timeout_ms = PATIENCE_MS,
        .connect_timeout_ms = PATIENCE_MS,
    };
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    char url[64];
    int mute = socket(AF_INET, SOCK_STREAM, 0); /* is connected to, and never says a word */
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(mute, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(mute, 100), 0);
    assert_int_equal(getsockname(mute, (struct sockaddr *)&address, &size), 0);
    snprintf(url, sizeof url, "https://127.0.0.1:%d/", ntohs(address.sin_port));
    start_server(NULL);
    start_client(&patient); /* or a slow machine gives up by itself */
    for (int i = 0; i < 10; i++) {
        struct call *call = start_url(url);
        let_pass(i == 0 ? 200 : 5);
        ctx_cancel(&call->ctx, &left);
        assert_error(call, RPC_CANCELLED, ERR_CALLER, false);
        call = start_get("/");
        wait_answers(answered + 1);
        assert_answer(call, 200, "{}");
        assert_int_equal(http_curl_stats(client).open, 1);
    }
    close(mute);
}

static void cancel_the_others(struct call *call) {
    for (int i = 0; i < n_calls; i++)
        if (calls[i] != call)
            ctx_cancel(&calls[i]->ctx, &left);
}

static void answer_when_ten_are_there(struct tiny_conn *conn, const struct tiny_request *req,
                                      void *priv) {
    (void)req;
    (void)priv;
    tiny_wait_for_requests(conn, 10);
    tiny_reply(conn, 200, "", "{}");
}

static void a_callback_may_cancel_other_transfers(void **state) {
    (void)state;
    start_both(answer_when_ten_are_there);
    for (int i = 0; i < 10; i++)
        start_get("/")->then = cancel_the_others;
    wait_answers(10);
    int good = 0;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(calls[i]->done, 1);
        good += calls[i]->err == NULL;
    }
    assert_int_equal(good, 1);
    assert_int_equal(http_curl_stats(client).running, 0);
}

static void free_the_others(struct call *call) {
    for (int i = 0; i < n_calls; i++)
        if (calls[i] != call) {
            arena_free(calls[i]->arena);
            calls[i]->arena = NULL;
        }
}

static void freeing_an_arena_ends_its_transfer_without_a_callback(void **state) {
    (void)state;
    start_both(answer_when_ten_are_there);
    for (int i = 0; i < 10; i++)
        start_get("/")->then = free_the_others;
    wait_answers(1);
    let_pass(20);
    assert_int_equal(answered, 1);
    assert_int_equal(http_curl_stats(client).running, 0);
    assert_true(tiny_http_wait_ended(server, 9, PATIENCE_MS));
}

static void freeing_the_client_ends_transfers_without_a_callback(void **state) {
    (void)state;
    start_both(answer_never);
    for (int i = 0; i < 10; i++)
        start_get("/");
    let_pass(20);
    start_get("/");
    http_curl_free(client);
    client = NULL;
    assert_true(tiny_http_wait_ended(server, 10, PATIENCE_MS));
    assert_int_equal(answered, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_body_beyond_the_cap_is_an_error_and_at_the_cap_is_none),
        TEST(a_request_may_set_a_cap_of_its_own),
        TEST(too_many_or_too_long_headers_are_an_error),
        TEST(a_name_that_does_not_resolve_is_a_transport_fault),
        TEST(a_broken_answer_is_a_transport_fault_that_may_pass),
        TEST(a_pooled_connection_that_breaks_unanswered_is_tried_afresh),
        TEST(a_refused_connection_is_reported_after_the_start_returned),
        TEST(a_silent_server_ends_at_the_timeout),
        TEST(the_callers_deadline_comes_before_the_timeout),
        TEST(an_answer_that_drips_does_not_outlast_the_timeout),
        TEST(a_host_that_takes_no_connection_ends_at_the_connect_timeout),
        TEST(a_context_that_is_over_sends_nothing),
        TEST(cancelling_ends_a_transfer_once_and_hangs_up),
        TEST(cancelling_right_after_the_start_is_fine),
        TEST(a_connection_given_up_half_made_leaves_nothing_behind),
        TEST(a_tls_handshake_given_up_leaves_nothing_behind),
        TEST(a_callback_may_cancel_other_transfers),
        TEST(freeing_an_arena_ends_its_transfer_without_a_callback),
        TEST(freeing_the_client_ends_transfers_without_a_callback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
