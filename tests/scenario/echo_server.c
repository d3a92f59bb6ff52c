// SPDX-License-Identifier: Apache-2.0
/*
 * A server for tests of the gRPC engine: what CreateGameSession does is chosen by the request's
 * `deployment`. CreateGameSessionAsync answers at once, TerminateGameSession is left out. The
 * service of tests/streams and reflection are served too. SIGUSR1 changes the health of "changing".
 *
 *   echo       answers with the request's fields; ip is the caller's address
 *   delay      the same after maximum_player milliseconds
 *   hang       waits until the call is cancelled
 *   fail       ends with code maximum_player and session_data as its text
 *   fail-long  ends with a text of 20 kB
 *   not-utf8   answers with a string that is no UTF-8
 *   memory     takes more memory than a call may, then answers
 *   slow-text  once cancelled, answers with a text of its own, as a careful handler does
 *   metadata   answers with the metadata entry named by session_data
 *   stats      answers with counters in session_data
 */
#include "base/obj.h"
#include "generated/session_dsm.h"
#include "grpc/health.h"
#include "grpc/reflection.h"
#include "grpc/server.h"
#include "stream_handlers.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CALL_MEMORY ((size_t)1 << 20)

struct dsm_service {
    struct loop *loop;
    struct server *server;
    struct health_service *health;
    struct reflection_service *reflection;
    struct streams_service streams;
    int64_t grace_ms;
    uv_signal_t terminate;
    uv_signal_t change;
    bool changing;
    size_t cancelled;
    size_t late;
    size_t started;
    atomic_size_t finished[SERVER_HANDLED + 1];
};

/* A call that waits for its timer or its caller's leaving. */
struct wait {
    unsigned magic;
#define WAIT_MAGIC 0x5a11b1c7U
    struct dsm_create_game_session_call *call;
    struct ctx_hook hook;
    struct loop_timer timer;
};

static void echo(struct dsm_create_game_session_call *call) {
    struct dsm_response_create_game_session resp = DSM_RESPONSE_CREATE_GAME_SESSION_INIT;
    resp.session_id = call->req->session_id;
    resp.namespace_ = call->req->namespace_;
    resp.session_data = call->req->session_data;
    resp.client_version = call->req->client_version;
    resp.game_mode = call->req->game_mode;
    resp.port = call->req->maximum_player;
    resp.ip = protobuf_string(call->ctx->arena, call->rpc->peer);
    resp.status = protobuf_string(call->ctx->arena, STR("READY"));
    if (call->req->n_requested_region > 0)
        resp.region = call->req->requested_region[call->req->n_requested_region - 1];
    dsm_create_game_session_reply(call, &resp);
}

static void on_timer(struct loop_timer *timer) {
    struct wait *wait = CONTAINER_OF(timer, struct wait, timer);
    OBJ_CHECK(wait, WAIT_MAGIC);
    ctx_hook_remove(&wait->hook);
    echo(wait->call);
}

static void on_cancel(struct ctx_hook *hook, const struct err *reason) {
    struct wait *wait = CONTAINER_OF(hook, struct wait, hook);
    OBJ_CHECK(wait, WAIT_MAGIC);
    loop_timer_stop(&wait->timer);
    if (reason->code == RPC_DEADLINE_EXCEEDED)
        wait->call->svc->late++;
    else
        wait->call->svc->cancelled++;
    if (strcmp(wait->call->req->deployment, "slow-text") == 0)
        reason = err_new(wait->call->ctx->arena, reason->code, "GameLift did not answer in time");
    dsm_create_game_session_fail(wait->call, reason);
}

static void wait_for(struct dsm_create_game_session_call *call, bool timer) {
    struct wait *wait = OBJ_NEW(call->ctx->arena, wait, WAIT_MAGIC);
    wait->call = call;
    ctx_hook_add(call->ctx, &wait->hook, on_cancel);
    if (timer)
        loop_timer_start(call->svc->loop, &wait->timer, call->req->maximum_player, on_timer);
}

static void fail(struct dsm_create_game_session_call *call, struct str text) {
    struct err *err =
        err_new(call->ctx->arena, (enum rpc_code)call->req->maximum_player, STR_FMT, STR_ARG(text));
    dsm_create_game_session_fail(call, err);
}

static void fail_long(struct dsm_create_game_session_call *call) {
    size_t n = 20000;
    char *text = arena_alloc(call->ctx->arena, n);
    for (size_t i = 0; i < n; i++)
        text[i] = "\xC3\xBC"[i % 2];
    fail(call, str_n(text, n));
}

static void answer(struct dsm_create_game_session_call *call, struct str text) {
    struct dsm_response_create_game_session resp = DSM_RESPONSE_CREATE_GAME_SESSION_INIT;
    resp.session_data = protobuf_string(call->ctx->arena, text);
    dsm_create_game_session_reply(call, &resp);
}

static void stats(struct dsm_create_game_session_call *call) {
    struct dsm_service *svc = call->svc;
    struct server_connections c;
    server_connections(svc->server, &c);
    answer(call,
           arena_printf(call->ctx->arena,
                        "{\"cancelled\":%zu,\"late\":%zu,\"started\":%zu,\"in_flight\":%zu,"
                        "\"unknown\":%zu,\"overloaded\":%zu,\"refused\":%zu,"
                        "\"undecodable\":%zu,\"abandoned\":%zu,\"handled\":%zu,"
                        "\"counted\":%zu,\"streams\":%zu,\"broken\":%zu,"
                        "\"open\":%zu,\"accepted\":%zu,\"shut_out\":%zu,\"strangers\":%zu,"
                        "\"cut_off\":%zu,\"stalls\":%zu}",
                        svc->cancelled, svc->late, svc->started, server_in_flight(svc->server),
                        svc->finished[SERVER_UNKNOWN_METHOD], svc->finished[SERVER_OVERLOADED],
                        svc->finished[SERVER_NOT_ADMITTED], svc->finished[SERVER_UNDECODABLE],
                        svc->finished[SERVER_ABANDONED], svc->finished[SERVER_HANDLED],
                        svc->streams.counted, svc->streams.open, svc->streams.cancelled, c.open,
                        (size_t)c.accepted, (size_t)c.refused, (size_t)c.strangers,
                        (size_t)c.cut_off, (size_t)c.stalls));
}

static void create(struct dsm_create_game_session_call *call) {
    struct str what = str_c(call->req->deployment);
    if (str_eq(what, STR("delay")))
        wait_for(call, true);
    else if (str_eq(what, STR("hang")) || str_eq(what, STR("slow-text")))
        wait_for(call, false);
    else if (str_eq(what, STR("fail")))
        fail(call, str_c(call->req->session_data));
    else if (str_eq(what, STR("fail-long")))
        fail_long(call);
    else if (str_eq(what, STR("not-utf8")))
        answer(call, STR("caf\xE9"));
    else if (str_eq(what, STR("memory")))
        answer(call, str_n(arena_alloc(call->ctx->arena, CALL_MEMORY), 0));
    else if (str_eq(what, STR("metadata")))
        answer(call, rpc_call_metadata(call->rpc, call->req->session_data));
    else if (str_eq(what, STR("stats")))
        stats(call);
    else
        echo(call);
}

static void create_async(struct dsm_create_game_session_async_call *call) {
    struct dsm_response_create_game_session_async resp =
        DSM_RESPONSE_CREATE_GAME_SESSION_ASYNC_INIT;
    resp.success = true;
    dsm_create_game_session_async_reply(call, &resp);
}

static const struct dsm_session_dsm_handlers handlers = {
    .create_game_session = create,
    .create_game_session_async = create_async,
};

/* ---- hooks ---- */

static struct err *admit(void *priv, struct rpc_call *rpc) {
    (void)priv;
    if (!str_eq(rpc_call_metadata(rpc, "authorization"), STR("Bearer forged")))
        return NULL;
    return err_new(rpc->ctx.arena, RPC_UNAUTHENTICATED, "the token is forged");
}

static void on_started(void *priv, const struct rpc_call *rpc) {
    struct dsm_service *svc = priv;
    (void)rpc;
    svc->started++;
}

static void on_finished(void *priv, const struct rpc_call *rpc,
                        const struct server_outcome *outcome) {
    struct dsm_service *svc = priv;
    ASSERT((rpc->method == NULL) == (outcome->stage == SERVER_UNKNOWN_METHOD));
    ASSERT((outcome->err == NULL) == (outcome->code == RPC_OK));
    ASSERT(outcome->duration_us >= 0);
    atomic_fetch_add(&svc->finished[outcome->stage], 1);
}

/* ---- start and end ---- */

static void on_drained(void *priv) {
    struct dsm_service *svc = priv;
    loop_stop(svc->loop);
}

static void on_closed(uv_handle_t *handle) {
    (void)handle;
}

static void on_change(uv_signal_t *handle, int number) {
    struct dsm_service *svc = handle->data;
    (void)number;
    svc->changing = !svc->changing;
    health_set(svc->health, "changing", svc->changing);
}

static void on_terminate(uv_signal_t *handle, int number) {
    struct dsm_service *svc = handle->data;
    (void)number;
    uv_close((uv_handle_t *)handle, on_closed);
    uv_close((uv_handle_t *)&svc->change, on_closed);
    health_drain(svc->health);
    server_drain(svc->server, svc->grace_ms, on_drained, svc);
}

static int64_t number(const char *text) {
    int64_t value;
    if (str_to_int64(str_c(text), &value))
        return value;
    fprintf(stderr, "echo_server: %s is no number\n", text);
    exit(2);
}

static void read_options(int argc, char **argv, struct server_options *o, int64_t *grace_ms) {
    for (int opt; (opt = getopt(argc, argv, "p:t:f:s:d:g:a:c:k:")) != -1;) {
        if (opt == 'p')
            o->port = (int)number(optarg);
        else if (opt == 't')
            o->queue_threads = (int)number(optarg);
        else if (opt == 'f')
            o->max_in_flight = (size_t)number(optarg);
        else if (opt == 's')
            o->max_streams = (int)number(optarg);
        else if (opt == 'd')
            o->default_deadline_ms = number(optarg);
        else if (opt == 'c')
            o->max_connections_per_peer = (int)number(optarg);
        else if (opt == 'k')
            o->keepalive_ms = (int)number(optarg);
        else if (opt == 'g')
            *grace_ms = number(optarg);
        else if (opt == 'a')
            o->address = optarg;
        else
            exit(2);
    }
}

int main(int argc, char **argv) {
    static struct dsm_service svc;
    struct server_options options = {
        .address = "127.0.0.1",
        .call_memory = CALL_MEMORY,
        .admit = admit,
        .started = on_started,
        .finished = on_finished,
        .priv = &svc,
    };
    svc.grace_ms = 1000;
    read_options(argc, argv, &options, &svc.grace_ms);
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    svc.loop = loop_new();
    svc.server = server_new(svc.loop, &options);
    svc.health = health_new();
    svc.reflection = reflection_new();
    svc.streams.loop = svc.loop;
    server_add_service(svc.server, &dsm_session_dsm_service, &handlers, &svc, 0);
    server_add_service(svc.server, &streams_streams_service, &stream_handlers, &svc.streams, 0);
    reflection_add_to(svc.reflection, svc.server);
    health_add_to(svc.health, svc.server);
    struct err *err = server_start(svc.server, a);
    if (err != NULL) {
        fprintf(stderr, "echo_server: " STR_FMT "\n", STR_ARG(err->msg));
    } else {
        printf("%d\n", server_port(svc.server));
        fflush(stdout);
        svc.terminate.data = &svc;
        uv_signal_init(loop_uv(svc.loop), &svc.terminate);
        uv_signal_start(&svc.terminate, on_terminate, SIGTERM);
        svc.change.data = &svc;
        uv_signal_init(loop_uv(svc.loop), &svc.change);
        uv_signal_start(&svc.change, on_change, SIGUSR1);
        loop_run(svc.loop);
    }
    server_free(svc.server);
    health_free(svc.health);
    reflection_free(svc.reflection);
    loop_free(svc.loop);
    bool failed = err != NULL;
    arena_free(a);
    return failed ? 1 : 0;
}
