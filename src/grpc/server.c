// SPDX-License-Identifier: Apache-2.0
#include "grpc/server.h"

#include "base/clock.h"
#include "base/obj.h"
#include "grpc/listen.h"
#include "grpc/runtime.h"
#include "grpc/server_internal.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>

#define ARMED_UNKNOWN 8     /* slots for methods that are not served */
#define DRAIN_TICK_MS 5     /* how often a drain looks whether it is done */
#define END_STREAMS_MS 1000 /* how long a drain lets what tells about the server tell its last */
#define GOODBYE_MS 3000     /* for peers to answer that there will be no more */
#define FAREWELL_MS 500     /* from cancelling calls to shutting connections down */
#define MAX_MESSAGE_LIMIT (INT32_MAX / 2)

static void fill_in_defaults(struct server_options *o) {
#define DEFAULT(member, value) o->member = o->member == 0 ? (value) : o->member
    o->address = o->address == NULL ? "0.0.0.0" : o->address;
    DEFAULT(max_message_bytes, (size_t)256 << 10);
    DEFAULT(max_in_flight, 20000);
    DEFAULT(call_memory, ARENA_LIMIT_DEFAULT);
    DEFAULT(max_streams, 1000);
    DEFAULT(max_metadata_bytes, 32 << 10);
    DEFAULT(buffer_bytes, (size_t)64 << 20);
    DEFAULT(queue_threads, 1);
    DEFAULT(armed, 8);
    DEFAULT(default_deadline_ms, 60000);
    DEFAULT(keepalive_ms, 60000);
    DEFAULT(max_connection_idle_ms, 15 * 60000);
    DEFAULT(max_connection_age_ms, 30 * 60000);
    DEFAULT(max_connection_age_end_ms, 5 * 60000);
    DEFAULT(max_connections, 10000);
    DEFAULT(max_connections_per_peer, 1000);
    DEFAULT(max_broken_off, 1000);
    DEFAULT(max_stray_bytes, (size_t)32 << 20);
    DEFAULT(trim_above_bytes, (size_t)64 << 20);
#undef DEFAULT
}

static struct err *check_options(const struct server_options *o, struct arena *a) {
    const struct {
        const char *name;
        int64_t value;
        int64_t min;
        int64_t max;
    } ranges[] = {
        {"port", o->port, 0, 65535},
        {"max_message_bytes", (int64_t)o->max_message_bytes, 1, MAX_MESSAGE_LIMIT},
        {"max_streams", o->max_streams, 1, INT32_MAX},
        {"max_metadata_bytes", o->max_metadata_bytes, 1024, 1 << 20},
        {"buffer_bytes", (int64_t)o->buffer_bytes, 1 << 20, INT64_MAX},
        {"queue_threads", o->queue_threads, 1, SERVER_MAX_THREADS},
        {"armed", o->armed, 1, 1024},
        {"default_deadline_ms", o->default_deadline_ms, 1, INT32_MAX},
        {"keepalive_ms", o->keepalive_ms, 1000, INT32_MAX},
        {"max_connection_idle_ms", o->max_connection_idle_ms, 1000, INT32_MAX},
        {"max_connection_age_ms", o->max_connection_age_ms, 1000, INT32_MAX},
        {"max_connection_age_end_ms", o->max_connection_age_end_ms, 1, INT32_MAX},
        {"max_connections", o->max_connections, 1, 1000000},
        {"max_connections_per_peer", o->max_connections_per_peer, 1, 1000000},
        {"max_broken_off", o->max_broken_off, 1, INT32_MAX},
        {"max_stray_bytes", (int64_t)o->max_stray_bytes, 64 << 10, INT64_MAX},
        {"trim_above_bytes", (int64_t)o->trim_above_bytes, 1 << 20, INT64_MAX},
    };
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
        if (ranges[i].value < ranges[i].min || ranges[i].value > ranges[i].max)
            return ERR_INVALID(a, "%s is %lld, must be between %lld and %lld", ranges[i].name,
                               (long long)ranges[i].value, (long long)ranges[i].min,
                               (long long)ranges[i].max);
    return NULL;
}

struct server *server_new(struct loop *loop, const struct server_options *options) {
    struct server *server = calloc(1, sizeof *server);
    AN(server);
    server->magic = SERVER_MAGIC;
    server->loop = loop;
    server->options = *options;
    fill_in_defaults(&server->options);
    list_init(&server->streams);
    server_replies_init(&server->replies);
    runtime_acquire();
    return server;
}

void server_add_service(struct server *server, const struct rpc_service *service,
                        const void *handlers, void *svc, unsigned flags) {
    OBJ_CHECK(server, SERVER_MAGIC);
    ASSERT(!server->started); /* the library would take it and crash when it shuts down */
    AN(handlers);
    server->services =
        realloc(server->services, (server->n_services + 1) * sizeof *server->services);
    AN(server->services);
    server->services[server->n_services++] = (struct server_service){
        .service = service,
        .handlers = handlers,
        .svc = svc,
        .always = (flags & SERVER_ALWAYS) != 0,
    };
}

const struct rpc_service *server_service(const struct server *server, size_t i) {
    OBJ_CHECK(server, SERVER_MAGIC);
    return i < server->n_services ? server->services[i].service : NULL;
}

/* ---- the queue threads ---- */

/* False once the queue is shut down and empty. */
static bool run_one_event(struct server *server) {
    grpc_event event =
        grpc_completion_queue_next(server->cq, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
    if (event.type == GRPC_QUEUE_SHUTDOWN)
        return false;
    if (event.type == GRPC_OP_COMPLETE) {
        struct server_tag *tag = event.tag;
        SERVER_TAG_BACK(tag);
        tag->fn(tag, event.success != 0);
    }
    return true;
}

static void *queue_thread(void *arg) {
    struct server_thread *thread = arg;
    struct server *server = thread->server;
    OBJ_CHECK(server, SERVER_MAGIC);
    prctl(PR_SET_NAME, "grpc-queue");
    while (run_one_event(server))
        atomic_fetch_add(&thread->starvation.events, 1);
    return NULL;
}

static void start_threads(struct server *server) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (; server->n_threads < server->options.queue_threads; server->n_threads++) {
        struct server_thread *thread = &server->threads[server->n_threads];
        thread->server = server;
        AZ(pthread_create(&thread->id, NULL, queue_thread, thread));
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* ---- start ---- */

static struct err *register_methods(struct server *server, struct arena *a) {
    size_t total = 0;
    for (size_t i = 0; i < server->n_services; i++)
        total += server->services[i].service->n_methods;
    server->methods = calloc(total + 1, sizeof *server->methods);
    AN(server->methods);
    for (size_t i = 0; i < server->n_services; i++) {
        const struct server_service *service = &server->services[i];
        for (size_t j = 0; j < service->service->n_methods; j++) {
            const struct rpc_method *method = &service->service->methods[j];
            void *registration = grpc_server_register_method(
                server->core, method->path, NULL,
                rpc_reads(method) ? GRPC_SRM_PAYLOAD_NONE
                                  : GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER,
                0);
            if (registration == NULL)
                return ERR_INVALID(a, "%s is served twice", method->path);
            server->methods[server->n_methods++] = (struct server_method){
                .service = service, .method = method, .registration = registration};
        }
    }
    return NULL;
}

static struct err *arm(struct server *server, const struct server_method *method, int n,
                       struct arena *a) {
    for (int i = 0; i < n; i++) {
        grpc_call_error fault = server_call_arm(server, method);
        if (fault != GRPC_CALL_OK)
            return err_new(a, RPC_INTERNAL, "gRPC cannot wait for calls (error %d)", (int)fault);
    }
    return NULL;
}

static struct err *arm_all(struct server *server, struct arena *a) {
    struct err *err = arm(server, NULL, ARMED_UNKNOWN, a);
    for (size_t i = 0; i < server->n_methods && err == NULL; i++)
        err = arm(server, &server->methods[i], server->options.armed, a);
    return err;
}

static void on_shut_down(struct server_tag *tag, bool ok) {
    struct server *server = CONTAINER_OF(tag, struct server, shutdown_tag);
    (void)ok;
    OBJ_CHECK(server, SERVER_MAGIC);
    atomic_store(&server->shut_down, true);
}

static void close_core(struct server *server) {
    grpc_completion_queue_shutdown(server->cq);
    if (server->n_threads == 0)
        while (run_one_event(server))
            continue;
    for (; server->n_threads > 0; server->n_threads--)
        AZ(pthread_join(server->threads[server->n_threads - 1].id, NULL));
    grpc_completion_queue_destroy(server->cq);
    grpc_server_destroy(server->core);
    memory_watch_stop(&server->memory);
    clock_watch_stop(&server->clock);
    server_connections(server, &server->last_connections);
    server->last_connections.open = 0;
    acceptor_free(server->acceptor);
    connections_free(server->connections);
    tls_free(server->tls);
    server->acceptor = NULL;
    server->connections = NULL;
    server->tls = NULL;
    server->cq = NULL;
    server->core = NULL;
}

/* After a start that failed half-way: what the threads would do, on this one. */
static void abandon_start(struct server *server) {
    grpc_server_shutdown_and_notify(server->core, server->cq, &server->shutdown_tag);
    while (!atomic_load(&server->shut_down) || atomic_load(&server->calls) > 0)
        run_one_event(server);
    close_core(server);
}

static int64_t starved_us(void *priv) {
    struct server *server = OBJ_CAST(priv, server, SERVER_MAGIC);
    int64_t longest = 0;
    for (int i = 0; i < server->n_threads; i++) {
        int64_t us = starvation_look(&server->threads[i].starvation, server->threads[i].id);
        longest = us > longest ? us : longest;
    }
    return longest;
}

static struct err *open_door(struct server *server, struct arena *a) {
    int fd;
    struct err *err = NULL;
    if (server->options.tls.certificate != NULL)
        err = tls_new(server->loop, &server->options.tls, a, &server->tls);
    if (err == NULL)
        err = listen_open(&server->options, a, &fd, &server->port);
    if (err != NULL)
        return err;
    server->connections = connections_new(server->loop, server->core, server->tls, &server->options,
                                          starved_us, server);
    server->acceptor = acceptor_new(server->loop, fd, listen_unix_path(server->options.address),
                                    server->connections);
    memory_watch_start(&server->memory, server->loop, server->options.trim_above_bytes);
    clock_watch_start(&server->clock, server->loop);
    return NULL;
}

struct err *server_start(struct server *server, struct arena *a) {
    OBJ_CHECK(server, SERVER_MAGIC);
    ASSERT(!server->started);
    server->started = true;
    struct err *err = check_options(&server->options, a);
    if (err != NULL)
        return err;
    server->shutdown_tag.fn = on_shut_down;
    server->core = listen_create_server(&server->options);
    server->cq = grpc_completion_queue_create_for_next(NULL);
    grpc_server_register_completion_queue(server->core, server->cq, NULL);
    err = register_methods(server, a);
    if (err == NULL)
        err = open_door(server, a);
    if (err == NULL) {
        grpc_server_start(server->core);
        err = arm_all(server, a);
    }
    if (err != NULL) {
        abandon_start(server);
        return err;
    }
    start_threads(server);
    return NULL;
}

int server_port(const struct server *server) {
    OBJ_CHECK(server, SERVER_MAGIC);
    return server->port;
}

void server_connections(const struct server *server, struct server_connections *ret) {
    OBJ_CHECK(server, SERVER_MAGIC);
    *ret = server->last_connections;
    if (server->connections == NULL)
        return;
    connections_count(server->connections, ret);
    ret->stalls = server->acceptor != NULL ? acceptor_stalls(server->acceptor)
                                           : server->last_connections.stalls;
}

void server_tls_stats(const struct server *server, struct server_tls_stats *ret) {
    OBJ_CHECK(server, SERVER_MAGIC);
    *ret = (struct server_tls_stats){.on = false};
    if (server->tls != NULL)
        tls_stats(server->tls, ret);
}

size_t server_in_flight(const struct server *server) {
    return atomic_load(&server->in_flight);
}

/* ---- the end ---- */

/*
 * A look every few milliseconds instead of a message from the last call: the last call ends on
 * either thread, and a message would have to outlive the server it is about.
 */
static void on_drain_tick(struct loop_timer *timer) {
    struct server *server = CONTAINER_OF(timer, struct server, drain_timer);
    OBJ_CHECK(server, SERVER_MAGIC);
    if (server->core != NULL) {
        server_stream_drain(server, clock_mono_ms() >= server->end_streams_at_ms);
        if (!server->cancelled && clock_mono_ms() >= server->cancel_at_ms) {
            server->cancelled = true;
            grpc_server_cancel_all_calls(server->core);
        }
        /* Without a call, only peers that do not answer the goodbye are waited for. */
        bool idle = atomic_load(&server->calls) == 0 &&
                    clock_mono_ms() >= server->end_streams_at_ms - END_STREAMS_MS + GOODBYE_MS;
        if (idle || clock_mono_ms() >= server->cancel_at_ms + FAREWELL_MS)
            connections_end(server->connections);
        if (!atomic_load(&server->shut_down) || atomic_load(&server->calls) > 0) {
            loop_timer_start(server->loop, timer, DRAIN_TICK_MS, on_drain_tick);
            return;
        }
        close_core(server);
    }
    server->drained(server->drained_priv);
}

void server_drain(struct server *server, int64_t grace_ms, server_drained_fn *fn, void *priv) {
    OBJ_CHECK(server, SERVER_MAGIC);
    ASSERT(!server->draining);
    server->draining = true;
    server->drained = fn;
    server->drained_priv = priv;
    server->cancel_at_ms = clock_mono_ms() + grace_ms;
    server->end_streams_at_ms = clock_mono_ms() + END_STREAMS_MS;
    if (server->core != NULL) {
        if (server->acceptor != NULL)
            server->last_connections.stalls = acceptor_stalls(server->acceptor);
        acceptor_free(server->acceptor);
        server->acceptor = NULL;
        connections_drain(server->connections);
    }
    if (server->core != NULL)
        grpc_server_shutdown_and_notify(server->core, server->cq, &server->shutdown_tag);
    loop_timer_start(server->loop, &server->drain_timer, 0, on_drain_tick);
}

void server_free(struct server *server) {
    if (server == NULL)
        return;
    OBJ_CHECK(server, SERVER_MAGIC);
    ASSERT(server->core == NULL);
    loop_timer_stop(&server->drain_timer);
    runtime_release();
    server_replies_destroy(&server->replies);
    free(server->services);
    free(server->methods);
    server->magic = 0;
    free(server);
}
