// SPDX-License-Identifier: Apache-2.0
/* Server and generated client stubs in one process, over loopback. */
#include "unit.h"

#include "base/obj.h"
#include "generated/health_client.h"
#include "generated/session_dsm_client.h"
#include "grpc/health.h"
#include "grpc/server.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define TIMEOUT_MS 20000

struct dsm_service {
    struct dsm_create_game_session_call *waiting;
    struct loop_timer timer;
};

static struct arena *arena;
static struct loop *loop;
static struct server *server;
static struct health_service *health;
static struct rpc_client *client;
static struct dsm_service service;
static pthread_t thread;
static struct loop_job job;
static atomic_int started;
static atomic_int finished;
static atomic_size_t response_bytes;
static _Atomic int64_t handlers_time_ms; /* left when it starts */
static atomic_int undelivered;

/* ---- the server's side ---- */

static void reply(struct dsm_create_game_session_call *call) {
    struct dsm_response_create_game_session resp = DSM_RESPONSE_CREATE_GAME_SESSION_INIT;
    resp.session_id = call->req->session_id;
    resp.session_data =
        protobuf_string(call->ctx->arena, rpc_call_metadata(call->rpc, "authorization"));
    dsm_create_game_session_reply(call, &resp);
    /* Callers further up still use the call's memory when they get control back. */
    memset(arena_alloc(call->ctx->arena, 64), 1, 64);
    assert_true(call->rpc->finished);
}

static void reply_later(struct loop_timer *timer) {
    reply(CONTAINER_OF(timer, struct dsm_service, timer)->waiting);
}

static void on_undelivered(void *priv) {
    assert_true(pthread_equal(pthread_self(), thread));
    assert_string_equal(priv, "s-1");
    undelivered++;
}

static void create(struct dsm_create_game_session_call *call) {
    rpc_call_if_undelivered(call->rpc, on_undelivered, strdup(call->req->session_id));
    if (strcmp(call->req->deployment, "too late") == 0) /* the caller's deadline passes */
        sleep(1);
    if (strcmp(call->req->deployment, "too much") == 0)
        arena_alloc(call->ctx->arena, ARENA_LIMIT_DEFAULT + 1);
    if (strcmp(call->req->deployment, "later") != 0) {
        reply(call);
        return;
    }
    call->svc->waiting = call;
    loop_timer_start(loop, &call->svc->timer, 30, reply_later);
}

static const struct dsm_session_dsm_handlers handlers = {.create_game_session = create};

static void on_started(void *priv, const struct rpc_call *rpc) {
    assert_ptr_equal(priv, &service);
    assert_true(pthread_equal(pthread_self(), thread));
    assert_non_null(rpc->req);
    atomic_store(&handlers_time_ms, ctx_remaining_ms(&rpc->ctx));
    started++;
}

static void on_finished(void *priv, const struct rpc_call *rpc,
                        const struct server_outcome *outcome) {
    assert_ptr_equal(priv, &service);
    assert_non_null(rpc->peer.p);
    atomic_store(&response_bytes, outcome->response_bytes);
    finished++;
}

static void on_drained(void *priv) {
    assert_ptr_equal(priv, server);
    loop_stop(loop);
}

static void drain(struct loop_job *j) {
    (void)j;
    server_drain(server, TIMEOUT_MS, on_drained, server);
}

static void *run_loop(void *arg) {
    (void)arg;
    loop_run(loop);
    return NULL;
}

static const struct server_options options = {
    .address = "127.0.0.1",
    .started = on_started,
    .finished = on_finished,
    .priv = &service,
};

static int set_up(void **state) {
    char target[32];
    (void)state;
    arena = arena_new(ARENA_LIMIT_DEFAULT);
    loop = loop_new();
    server = server_new(loop, &options);
    health = health_new();
    server_add_service(server, &dsm_session_dsm_service, &handlers, &service, 0);
    health_add_to(health, server);
    started = 0;
    finished = 0;
    undelivered = 0;
    struct err *err = server_start(server, arena);
    if (err != NULL)
        return -1;
    snprintf(target, sizeof target, "127.0.0.1:%d", server_port(server));
    client = rpc_client_new(target);
    return pthread_create(&thread, NULL, run_loop, NULL);
}

static int tear_down(void **state) {
    (void)state;
    loop_post(loop, &job, drain);
    rpc_client_free(client);
    pthread_join(thread, NULL);
    server_free(server);
    health_free(health);
    loop_free(loop);
    arena_free(arena);
    return 0;
}

static struct err *call(const char *deployment, int64_t timeout_ms,
                        const struct dsm_response_create_game_session **ret) {
    struct dsm_request_create_game_session req = DSM_REQUEST_CREATE_GAME_SESSION_INIT;
    req.session_id = protobuf_string(arena, STR("s-1"));
    req.deployment = protobuf_string(arena, str_c(deployment));
    return dsm_session_dsm_create_game_session(client, arena, &req, timeout_ms, ret);
}

/* ---- the promises ---- */

static void client_stub_gets_the_handlers_answer(void **state) {
    const struct dsm_response_create_game_session *resp = NULL;
    (void)state;
    assert_null(call("", TIMEOUT_MS, &resp));
    assert_string_equal(resp->session_id, "s-1");
    assert_string_equal(resp->session_data, "");
    assert_int_equal(started, 1);
    assert_int_equal(finished, 1);
    assert_int_equal(response_bytes, 5);
}

static void handler_may_answer_later(void **state) {
    const struct dsm_response_create_game_session *resp = NULL;
    (void)state;
    assert_null(call("later", CTX_NO_DEADLINE, &resp));
    assert_string_equal(resp->session_id, "s-1");
}

static void client_stub_gets_the_error(void **state) {
    struct dsm_request_terminate_game_session req = DSM_REQUEST_TERMINATE_GAME_SESSION_INIT;
    const struct dsm_response_terminate_game_session *resp = NULL;
    (void)state;
    struct err *err =
        dsm_session_dsm_terminate_game_session(client, arena, &req, TIMEOUT_MS, &resp);
    assert_non_null(err);
    assert_null(resp);
    assert_int_equal(err->code, RPC_UNIMPLEMENTED);
    assert_int_equal(err->origin, ERR_UPSTREAM);
    assert_true(str_ends(err->msg, STR("TerminateGameSession is not implemented here")));
}

static void clients_deadline_ends_its_wait(void **state) {
    const struct dsm_response_create_game_session *resp = NULL;
    (void)state;
    struct err *err = call("later", 1, &resp);
    assert_non_null(err);
    assert_int_equal(err->code, RPC_DEADLINE_EXCEEDED);
    assert_null(call("", TIMEOUT_MS, &resp));
}

static void handlers_deadline_lies_before_the_callers(void **state) {
    static const int64_t timeouts_ms[] = {500, TIMEOUT_MS, INT64_C(40) * 86400 * 1000};
    const struct dsm_response_create_game_session *resp = NULL;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(timeouts_ms); i++) {
        assert_null(call("", timeouts_ms[i], &resp));
        assert_true(handlers_time_ms > 0);
        assert_true(handlers_time_ms < timeouts_ms[i]);
        assert_true(handlers_time_ms < INT32_MAX); /* what the library tells in milliseconds */
    }
}

static struct server_connections seen;
static atomic_bool looked;

static void look(struct loop_job *j) {
    (void)j;
    server_connections(server, &seen);
    looked = true;
}

/* What the loop has to do by now is done. */
static void sync_loop(void) {
    static struct loop_job last;
    looked = false;
    loop_post(loop, &last, look);
    while (!looked)
        usleep(1000);
}

static void only_an_answer_that_got_lost_is_told_of(void **state) {
    const struct dsm_response_create_game_session *resp = NULL;
    (void)state;
    assert_null(call("", TIMEOUT_MS, &resp));
    assert_null(call("later", TIMEOUT_MS, &resp));
    sync_loop();
    assert_int_equal(undelivered, 0);
    struct err *err = call("too late", 100, &resp);
    assert_non_null(err);
    assert_int_equal(err->code, RPC_DEADLINE_EXCEEDED);
    for (int ms = 0; undelivered == 0 && ms < TIMEOUT_MS; ms++)
        usleep(1000);
    assert_int_equal(undelivered, 1);
    err = call("too much", TIMEOUT_MS, &resp);
    assert_non_null(err);
    assert_int_equal(err->code, RPC_RESOURCE_EXHAUSTED);
    sync_loop();
    assert_int_equal(undelivered, 2);
}

static void connections_are_counted(void **state) {
    const struct dsm_response_create_game_session *resp = NULL;
    (void)state;
    assert_null(call("", TIMEOUT_MS, &resp));
    sync_loop();
    assert_int_equal(seen.open, 1);
    assert_int_equal(seen.accepted, 1);
    assert_int_equal(seen.refused + seen.strangers + seen.cut_off + seen.stalls, 0);
}

/* Where a container has one for the way out, its health check must not ask it for 127.0.0.1. */
static void client_asks_no_proxy_of_the_environment(void **state) {
    static const char *const variables[] = {"grpc_proxy", "https_proxy", "http_proxy"};
    struct dsm_request_create_game_session req = DSM_REQUEST_CREATE_GAME_SESSION_INIT;
    const struct dsm_response_create_game_session *resp = NULL;
    char target[32];
    (void)state;
    snprintf(target, sizeof target, "127.0.0.1:%d", server_port(server));
    for (size_t i = 0; i < ARRAY_LEN(variables); i++)
        setenv(variables[i], "http://127.0.0.1:1", 1);
    struct rpc_client *other = rpc_client_new(target);
    for (size_t i = 0; i < ARRAY_LEN(variables); i++)
        unsetenv(variables[i]);
    struct err *err = dsm_session_dsm_create_game_session(other, arena, &req, TIMEOUT_MS, &resp);
    if (err != NULL)
        fail_msg(STR_FMT, STR_ARG(err->msg));
    rpc_client_free(other);
}

static void unreachable_server_is_unavailable(void **state) {
    struct dsm_request_create_game_session req = DSM_REQUEST_CREATE_GAME_SESSION_INIT;
    const struct dsm_response_create_game_session *resp = NULL;
    struct rpc_client *other = rpc_client_new("127.0.0.1:1");
    (void)state;
    struct err *err = dsm_session_dsm_create_game_session(other, arena, &req, TIMEOUT_MS, &resp);
    assert_non_null(err);
    assert_int_equal(err->code, RPC_UNAVAILABLE);
    rpc_client_free(other);
}

static void clients_metadata_goes_with_every_call(void **state) {
    const struct dsm_response_create_game_session *resp = NULL;
    (void)state;
    assert_null(rpc_client_metadata(client, arena, "authorization", STR("Bearer x")));
    for (int i = 0; i < 2; i++) {
        assert_null(call("", TIMEOUT_MS, &resp));
        assert_string_equal(resp->session_data, "Bearer x");
    }
}

static void illegal_metadata_is_refused_without_quoting_it(void **state) {
    (void)state;
    static const char *const keys[] = {"Upper", ":path", "", "a b"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        assert_non_null(rpc_client_metadata(client, arena, keys[i], STR("v")));
    struct err *err = rpc_client_metadata(client, arena, "authorization", STR("hidden\n"));
    assert_non_null(err);
    assert_null(strstr(err->msg.p, "hidden"));
}

static void request_that_is_not_utf8_is_not_sent(void **state) {
    struct dsm_request_create_game_session req = DSM_REQUEST_CREATE_GAME_SESSION_INIT;
    const struct dsm_response_create_game_session *resp = NULL;
    (void)state;
    req.session_id = (char[]){"\xff"};
    struct err *err = dsm_session_dsm_create_game_session(client, arena, &req, TIMEOUT_MS, &resp);
    assert_non_null(err);
    assert_str(err->field, "session_id");
    assert_int_equal(finished, 0);
}

static int status_of(const char *name) {
    struct health_health_check_request req = HEALTH_HEALTH_CHECK_REQUEST_INIT;
    const struct health_health_check_response *resp = NULL;
    req.service = protobuf_string(arena, str_c(name));
    struct err *err = health_health_check(client, arena, &req, TIMEOUT_MS, &resp);
    return err == NULL ? (int)resp->status : -(int)err->code;
}

static void set_one_service(struct loop_job *j) {
    (void)j;
    health_set(health, "accelbyte.session.sessiondsm.SessionDsm", false);
    health_set(health, "other", true);
}

static void drain_health(struct loop_job *j) {
    (void)j;
    health_drain(health);
    health_set(health, "", true);
}

static void health_tells_the_state_of_each_service(void **state) {
    (void)state;
    assert_int_equal(status_of(""), 1);
    assert_int_equal(status_of("accelbyte.session.sessiondsm.SessionDsm"), 1);
    assert_int_equal(status_of("other"), -RPC_NOT_FOUND);
    loop_post_first(loop, &job, set_one_service); /* as health itself */
    assert_int_equal(status_of("accelbyte.session.sessiondsm.SessionDsm"), 2);
    assert_int_equal(status_of("other"), 1);
    assert_int_equal(status_of(""), 1);
    loop_post_first(loop, &job, drain_health);
    assert_int_equal(status_of(""), 2);
    assert_int_equal(status_of("other"), 2);
}

/* ---- starting and ending, without the harness ---- */

static void assert_start_fails(const struct server_options *o, int times, enum rpc_code code,
                               const char *text) {
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    struct loop *l = loop_new();
    struct server *s = server_new(l, o);
    for (int i = 0; i < times; i++)
        server_add_service(s, &dsm_session_dsm_service, &handlers, &service, 0);
    struct err *err = server_start(s, a);
    assert_non_null(err);
    assert_int_equal(err->code, code);
    if (strstr(err->msg.p, text) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", text, err->msg.p);
    server_free(s);
    loop_free(l);
    arena_free(a);
}

static void port_in_use_fails_loudly(void **state) {
    struct server_options second = options;
    (void)state;
    second.port = server_port(server);
    assert_start_fails(&second, 1, RPC_UNAVAILABLE, "Address already in use");
    second.address = "::";
    assert_start_fails(&second, 1, RPC_UNAVAILABLE, "cannot listen on [::]:");
}

static void bad_options_are_named(void **state) {
    (void)state;
    assert_start_fails(&(struct server_options){.port = 65536}, 1, RPC_INVALID_ARGUMENT,
                       "port is 65536, must be between 0 and 65535");
    assert_start_fails(&(struct server_options){.queue_threads = 3}, 1, RPC_INVALID_ARGUMENT,
                       "queue_threads");
    assert_start_fails(&(struct server_options){.max_message_bytes = (size_t)1 << 40}, 1,
                       RPC_INVALID_ARGUMENT, "max_message_bytes");
    assert_start_fails(&(struct server_options){.address = "no.such.host.invalid"}, 1,
                       RPC_UNAVAILABLE, "not an IP address");
    assert_start_fails(&(struct server_options){.address = ""}, 1, RPC_INVALID_ARGUMENT, "address");
}

static void service_added_twice_is_an_error(void **state) {
    (void)state;
    assert_start_fails(&options, 2, RPC_INVALID_ARGUMENT, "CreateGameSession is served twice");
}

struct ending {
    struct loop *loop;
    int drained;
};

static void count_drained(void *priv) {
    struct ending *ending = priv;
    ending->drained++;
    loop_stop(ending->loop);
}

static void drain_calls_back_later_started_or_not(void **state) {
    (void)state;
    for (int with_start = 0; with_start < 2; with_start++) {
        struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
        struct loop *l = loop_new();
        struct server *s = server_new(l, &options);
        struct ending ending = {.loop = l};
        server_add_service(s, &dsm_session_dsm_service, &handlers, &service, 0);
        if (with_start)
            assert_null(server_start(s, a));
        server_drain(s, 0, count_drained, &ending);
        assert_int_equal(ending.drained, 0);
        loop_run(l);
        assert_int_equal(ending.drained, 1);
        server_free(s);
        loop_free(l);
        arena_free(a);
    }
    server_free(NULL);
    health_free(NULL);
    rpc_client_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(client_stub_gets_the_handlers_answer),
        TEST(handler_may_answer_later),
        TEST(client_stub_gets_the_error),
        TEST(clients_deadline_ends_its_wait),
        TEST(handlers_deadline_lies_before_the_callers),
        TEST(only_an_answer_that_got_lost_is_told_of),
        TEST(connections_are_counted),
        TEST(client_asks_no_proxy_of_the_environment),
        TEST(unreachable_server_is_unavailable),
        TEST(clients_metadata_goes_with_every_call),
        TEST(illegal_metadata_is_refused_without_quoting_it),
        TEST(request_that_is_not_utf8_is_not_sent),
        TEST(health_tells_the_state_of_each_service),
        TEST(port_in_use_fails_loudly),
        cmocka_unit_test(bad_options_are_named),
        cmocka_unit_test(service_added_twice_is_an_error),
        cmocka_unit_test(drain_calls_back_later_started_or_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
