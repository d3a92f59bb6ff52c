// SPDX-License-Identifier: Apache-2.0
/*
 * What server.c (set-up, threads, drain) and server_call.c (the life of one call) share.
 *
 * Nothing may be started on a call once the completion queue is shut down: the library aborts. So
 * every call object, armed or live, is counted, and the queue goes only when none is left.
 */
#ifndef GRPC_SERVER_INTERNAL_H
#define GRPC_SERVER_INTERNAL_H

#include "grpc/server.h"

#include <grpc/grpc.h>
#include <pthread.h>
#include <stdatomic.h>

/* What a completion queue event points to. */
struct server_tag;
typedef void server_tag_fn(struct server_tag *tag, bool ok);

struct server_tag {
    server_tag_fn *fn;
};

/* A service, and what its methods are called with. */
struct server_service {
    const struct rpc_service *service;
    const void *handlers;
    void *svc;
    bool always;
};

/* A method as the library knows it. */
struct server_method {
    const struct server_service *service;
    const struct rpc_method *method;
    void *registration;
};

#define SERVER_MAX_THREADS 2

struct server {
    unsigned magic;
#define SERVER_MAGIC 0x1fe08c6bU
    struct server_options options; /* defaults filled in */
    struct loop *loop;
    int port;

    struct server_service *services;
    size_t n_services;
    struct server_method *methods; /* of all services; made by server_start */
    size_t n_methods;

    grpc_server *core; /* NULL while not started and once drained */
    grpc_completion_queue *cq;
    pthread_t threads[SERVER_MAX_THREADS];
    int n_threads;
    bool started;

    atomic_size_t calls; /* call objects: armed ones and live ones */
    atomic_size_t in_flight;

    struct server_tag shutdown_tag;
    atomic_bool shut_down; /* the library has let go of every call it knows of */

    struct loop_timer drain_timer;
    int64_t cancel_at_ms;
    bool draining;
    bool cancelled;
    server_drained_fn *drained;
    void *drained_priv;
};

/*
 * Makes room for one call of a method, or with NULL for one of a method that is not served.
 * Anything but GRPC_CALL_OK is a bug of ours and leaves nothing behind.
 */
grpc_call_error server_call_arm(struct server *server, const struct server_method *method);

#endif
