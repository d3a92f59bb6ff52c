// SPDX-License-Identifier: Apache-2.0
/* What the tests of the real HTTP client share: a loop, a client, a server, and calls to wait for.
 */
#ifndef UNIT_HTTP_CALL_H
#define UNIT_HTTP_CALL_H

#include "base/clock.h"
#include "base/descriptors.h"
#include "base/obj.h"
#include "http/curl.h"
#include "unit/tiny_http.h"
#include "unit/unit.h"

#include <signal.h>
#include <stdlib.h>

#define PATIENCE_MS 30000
#define CALLS 2000

struct call {
    struct arena *arena;
    struct ctx ctx;
    bool starting; /* http_start has not returned */
    bool early;    /* the callback came before it had */
    int done;      /* callbacks */
    const struct http_response *resp;
    const struct err *err;
    void (*then)(struct call *call); /* in the callback; may be NULL */
};

static struct loop *loop;
static struct http_client *client;
static struct tiny_http *server;
static struct call *calls[CALLS];
static int n_calls;
static int answered; /* callbacks of all calls */
static int awaited;

static inline int set_up(void **state) {
    (void)state;
    descriptors_raise_limit(); /* both ends of a thousand connections are in this process */
    signal(SIGPIPE, SIG_IGN);
    loop = loop_new();
    client = NULL;
    server = NULL;
    n_calls = 0;
    answered = 0;
    return 0;
}

static inline int tear_down(void **state) {
    (void)state;
    for (int i = 0; i < n_calls; i++) {
        arena_free(calls[i]->arena);
        free(calls[i]);
    }
    http_curl_free(client);
    loop_free(loop);
    tiny_http_free(server);
    return 0;
}

static inline void start_server(tiny_answer_fn *answer) {
    const struct tiny_http_options options = {.answer = answer};
    server = tiny_http_new(&options);
}

static inline void start_client(const struct http_curl_options *options) {
    static const struct http_curl_options usual = {.timeout_ms = 20000};
    client = http_curl_new(loop, options == NULL ? &usual : options);
}

static inline void start_both(tiny_answer_fn *answer) {
    start_server(answer);
    start_client(NULL);
}

static inline struct call *new_call(int64_t deadline_ms) {
    struct call *call = calloc(1, sizeof *call);
    AN(call);
    ASSERT(n_calls < CALLS);
    calls[n_calls++] = call;
    call->arena = arena_new(ARENA_LIMIT_DEFAULT);
    ctx_init(&call->ctx, call->arena, NULL, deadline_ms);
    return call;
}

static inline void on_done(void *priv, const struct http_response *resp, const struct err *err) {
    struct call *call = priv;
    call->early = call->early || call->starting;
    call->done++;
    call->resp = resp;
    call->err = err;
    answered++;
    if (call->then != NULL)
        call->then(call);
    if (answered >= awaited)
        loop_stop(loop);
}

static inline void send_request(struct call *call, const struct http_request *req) {
    call->starting = true;
    http_start(client, &call->ctx, req, on_done, call);
    call->starting = false;
}

/* GET of a path on the server. */
static inline struct call *start_get(const char *path) {
    struct call *call = new_call(CTX_NO_DEADLINE);
    const struct http_request req = {
        .method = STR("GET"),
        .url = arena_printf(call->arena, "%s%s", tiny_http_url(server), path),
    };
    send_request(call, &req);
    return call;
}

static inline void on_patience_over(struct loop_timer *timer) {
    loop_stop(timer->loop);
}

/* Runs the loop until so many callbacks came since the test began. */
static inline void wait_answers(int n) {
    struct loop_timer patience = {.armed = false};
    awaited = n;
    if (answered < n) {
        loop_timer_start(loop, &patience, PATIENCE_MS, on_patience_over);
        loop_run(loop);
        loop_timer_stop(&patience);
    }
    if (answered < n)
        fail_msg("%d callbacks came, %d were due", answered, n);
}

/* Runs the loop for a while, for what must not happen. */
static inline void let_pass(int64_t ms) {
    struct loop_timer timer = {.armed = false};
    awaited = INT32_MAX;
    loop_timer_start(loop, &timer, ms, on_patience_over);
    loop_run(loop);
}

static inline void assert_answer(const struct call *call, int status, const char *body) {
    if (call->err != NULL)
        fail_msg("an answer was due, but: " STR_FMT " (" STR_FMT ")", STR_ARG(call->err->msg),
                 STR_ARG(call->err->detail));
    assert_int_equal(call->done, 1);
    assert_false(call->early);
    assert_int_equal(call->resp->status, status);
    assert_str(call->resp->body, body);
}

static inline void assert_error(const struct call *call, enum rpc_code code, enum err_origin origin,
                                bool retryable) {
    if (call->err == NULL)
        fail_msg("an error was due, but the status is %d", call->resp->status);
    assert_int_equal(call->done, 1);
    assert_false(call->early);
    assert_null(call->resp);
    assert_string_equal(rpc_code_name(call->err->code), rpc_code_name(code));
    assert_int_equal(call->err->origin, origin);
    assert_int_equal(call->err->retryable, retryable);
    assert_false(str_empty(call->err->msg));
}

static inline struct call *get(const char *path) {
    struct call *call = start_get(path);
    wait_answers(answered + 1);
    return call;
}

#endif
