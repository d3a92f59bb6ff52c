// SPDX-License-Identifier: Apache-2.0
/*
 * What server.c (set-up, threads, drain), server_call.c (the life of one call), server_reply.c (its
 * answer on the way) and server_stream.c (its messages, if it streams) share.
 *
 * Nothing may be started on a call once the completion queue is shut down: the library aborts. So
 * every call object, armed or live, is counted, and the queue goes only when none is left.
 */
#ifndef GRPC_SERVER_INTERNAL_H
#define GRPC_SERVER_INTERNAL_H

#include "grpc/accept.h"
#include "grpc/clock_watch.h"
#include "grpc/memory.h"
#include "grpc/server.h"
#include "grpc/starvation.h"

#include <grpc/grpc.h>
#include <pthread.h>
#include <stdatomic.h>

/* What a completion queue event points to. */
struct server_tag;
typedef void server_tag_fn(struct server_tag *tag, bool ok);

struct server_tag {
    server_tag_fn *fn;
};

/*
 * Whoever gives a tag to the library and the queue thread that gets it back are ordered by the
 * library's own locks. ThreadSanitizer does not see those, as the library is not built with it, and
 * is told.
 */
#ifdef __SANITIZE_THREAD__
void __tsan_release(void *p);
void __tsan_acquire(void *p);
#define SERVER_TAG_GIVEN(tag) __tsan_release(tag)
#define SERVER_TAG_BACK(tag) __tsan_acquire(tag)
#else
#define SERVER_TAG_GIVEN(tag) ((void)(tag))
#define SERVER_TAG_BACK(tag) ((void)(tag))
#endif

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

struct server_call;

/* Calls whose answers the queue thread is to send. */
struct server_replies {
    pthread_mutex_t lock; /* guards the two below */
    struct server_call *first;
    struct server_call **last;
    struct server_tag tag;
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
    struct tls *tls;
    struct connections *connections;
    struct server_connections last_connections; /* once drained, so that counters never go back */
    struct acceptor *acceptor;
    struct memory_watch memory;
    struct clock_watch clock;
    struct server_thread {
        struct server *server;
        pthread_t id;
        struct starvation starvation;
    } threads[SERVER_MAX_THREADS];
    int n_threads;
    bool started;

    atomic_size_t calls; /* call objects: armed ones and live ones */
    atomic_size_t in_flight;

    struct server_replies replies;

    struct server_tag shutdown_tag;
    atomic_bool shut_down; /* the library has let go of every call it knows of */

    struct list streams; /* calls that stream and are being handled; the loop's */

    struct loop_timer drain_timer;
    int64_t end_streams_at_ms;
    int64_t cancel_at_ms;
    bool draining;
    bool cancelled;
    server_drained_fn *drained;
    void *drained_priv;
};

struct server_stream;

struct server_call {
    unsigned magic;
#define SERVER_CALL_MAGIC 0x6d2b47f9U
    struct rpc_call rpc;
    struct server *server;
    const struct server_method *method; /* NULL: of a method that is not served */
    struct server_stream *stream;       /* NULL unless it streams and has been handed over */
    struct connection_key connection;
    atomic_int refs;

    /* Written by the library until `arrived` comes back. */
    grpc_call *core;
    gpr_timespec deadline;
    grpc_metadata_array metadata;
    grpc_byte_buffer *payload;
    grpc_call_details details; /* instead of deadline and payload, if method is NULL */

    int cancelled;      /* written by the library until `closed` comes back */
    atomic_bool broken; /* it did, and the caller was gone */
    struct server_tag arrived;
    struct server_tag closed;
    struct server_tag sent;

    struct loop_job start_job;
    struct loop_job cancel_job;
    struct loop_job release_job;
    struct loop_timer deadline_timer;

    struct server_call *next_reply; /* these three are server_reply's */
    enum rpc_code code;
    grpc_slice text;

    int64_t arrived_us;
    size_t request_bytes;
    size_t response_bytes;
    grpc_byte_buffer *reply;
    bool headers_sent;
    bool counted;   /* in server->in_flight */
    bool cut_short; /* it came without its request */
    bool refused;   /* on the queue thread, it never got to the loop */
    bool handled;
    bool failed; /* no answer goes to the caller, but an error */
};

/*
 * Makes room for one call of a method, or with NULL for one of a method that is not served.
 * Anything but GRPC_CALL_OK is a bug of ours and leaves nothing behind.
 */
grpc_call_error server_call_arm(struct server *server, const struct server_method *method);

/* A call is held by every tag and job under way. */
void server_call_ref(struct server_call *call);
void server_call_unref(struct server_call *call);

/*
 * The job runs on the loop; those of one call in the order of posting. What is always served,
 * health above all, does not wait behind a burst of calls that have work to do.
 */
void server_post(struct server_call *call, struct loop_job *job, loop_job_fn *fn);

/* So many bytes have come for this call. */
void server_call_explain(const struct server_call *call, size_t bytes);

/*
 * The last batch. With `close` it also asks for the end of the call, one event less than asking
 * apart; without, that has been asked for already. Takes the text over. Skips over a failure: the
 * call is then cancelled and the caller sees that.
 */
void server_call_send_final(struct server_call *call, enum rpc_code code, grpc_slice text,
                            bool close);

/* The same with what server_call_send_final does left to the queue thread; on the loop. */
void server_reply(struct server_call *call, enum rpc_code code, grpc_slice text);

void server_replies_init(struct server_replies *replies);
void server_replies_destroy(struct server_replies *replies);

/* ---- streams, on the loop ---- */

extern const struct rpc_stream_ops server_stream_ops;

/* On a queue thread, before the call is handed over. */
void server_stream_new(struct server_call *call);

/* The handler starts; the server can end it from now on. */
void server_stream_start(struct server_call *call);

/* The handler has ended the call: drops what it waits for, sends the status after what was sent. */
void server_stream_end(struct server_call *call, enum rpc_code code, const struct err *err);

/* The call's arena is about to go. */
void server_stream_release(struct server_call *call);

/* With the last reference. NULL is fine. */
void server_stream_free(struct server_stream *stream);

/* Messages that came and went. */
void server_stream_count(const struct server_stream *stream, size_t *ret_received,
                         size_t *ret_sent);

/*
 * Cancels the streams of services that are always served: they would hold up a drain for ever.
 * Those that are just sending are left for the next time, unless forced.
 */
void server_stream_drain(struct server *server, bool force);

#endif
