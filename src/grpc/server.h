// SPDX-License-Identifier: Apache-2.0
/*
 * A gRPC server on gRPC's C core. One or two threads of its own wait on the library's completion
 * queue; they unpack requests and hand calls to the event loop, where every handler runs. Answers
 * go straight from the loop to the library.
 *
 * Set up: server_new, server_add_service for each service, server_start. Take down: server_drain,
 * and in or after its callback server_free. All of it on the loop's thread (or before it runs).
 */
#ifndef GRPC_SERVER_H
#define GRPC_SERVER_H

#include "base/loop.h"
#include "grpc/rpc.h"

struct server;

/* How far a call came; metrics tell these apart. */
enum server_stage {
    SERVER_UNKNOWN_METHOD, /* no such method; rpc->method is NULL */
    SERVER_OVERLOADED,     /* too many calls in flight */
    SERVER_NOT_ADMITTED,   /* refused by the admit hook */
    SERVER_UNDECODABLE,    /* the request could not be unpacked */
    SERVER_ABANDONED,      /* no request came, or its caller was gone before the handler started */
    SERVER_HANDLED,        /* the handler ended it */
};

struct server_outcome {
    enum server_stage stage;
    enum rpc_code code;
    const struct err *err;        /* NULL exactly if code is RPC_OK */
    const ProtobufCMessage *resp; /* NULL unless code is RPC_OK, and if responses stream */
    int64_t duration_us;          /* since the call arrived */
    size_t request_bytes;         /* of all messages */
    size_t response_bytes;
    size_t received; /* messages, undecodable ones not counted */
    size_t sent;     /* messages that were to go */
};

/*
 * Hooks for what concerns every call. NULL ones are left out. Arguments are valid during the hook.
 *
 * admit:    runs on a queue thread before the request is unpacked, so rpc->req is NULL; an error
 *           ends the call with it. It may allocate from rpc->ctx.arena and must not block. This is
 *           also the place to give rpc->ctx a log.
 * started:  on the loop's thread, right before the handler.
 * finished: once for every call, also those never started; on the loop's thread after `started`,
 *           else on either.
 */
typedef struct err *server_admit_fn(void *priv, struct rpc_call *rpc);
typedef void server_started_fn(void *priv, const struct rpc_call *rpc);
typedef void server_finished_fn(void *priv, const struct rpc_call *rpc,
                                const struct server_outcome *outcome);

/* PEM files, for a server that ends TLS itself. All NULL: plain text. */
struct server_tls {
    const char *certificate; /* ours, followed by those between it and an authority */
    const char *key;         /* without a password */
    const char *client_ca; /* callers need a certificate of one of these authorities; NULL: none */
};

/* A zero takes the default named here. */
struct server_options {
    const char *address; /* to listen on: "0.0.0.0" (default), an IP address, or "unix:/path" */
    int port;            /* 0 to 65535; 0 takes any free one, see server_port */
    struct server_tls tls;

    size_t max_message_bytes;      /* of a request; 256 KiB. Larger: RESOURCE_EXHAUSTED */
    size_t max_in_flight;          /* calls; 20000. More: RESOURCE_EXHAUSTED at once */
    size_t call_memory;            /* of a call's arena; ARENA_LIMIT_DEFAULT */
    int max_streams;               /* open calls on one connection; 1000 */
    int max_metadata_bytes;        /* 32 KiB */
    size_t buffer_bytes;           /* for what the library buffers of all connections; 64 MiB */
    int queue_threads;             /* 1 or 2; 1 */
    int armed;                     /* objects that wait for calls of one method; 8 */
    int64_t default_deadline_ms;   /* of a unary call whose caller set none; 60 s */
    int keepalive_ms;              /* a silent connection is asked after this; 60 s */
    int max_connection_idle_ms;    /* 15 min */
    int max_connection_age_ms;     /* 30 min; gives balancers a chance */
    int max_connection_age_end_ms; /* what calls may still take then; 5 min */

    int max_connections;          /* 10000; more are closed at once */
    int max_connections_per_peer; /* from one IPv4 address or IPv6 /64; 1000 */
    int max_broken_off;           /* calls cancelled within 3 s of coming, of one connection in
                                     10 s; 1000. More: it is cut off */
    size_t max_stray_bytes;       /* of one connection, that no call accounts for; 32 MiB */
    size_t trim_above_bytes;      /* resident; above it, free memory is given back; 64 MiB */

    server_admit_fn *admit;
    server_started_fn *started;
    server_finished_fn *finished;
    void *priv; /* of the hooks */
};

/* Never fails on its own account; options are checked by server_start. The loop outlives it. */
struct server *server_new(struct loop *loop, const struct server_options *options);

/*
 * With server_add_service: calls of this service are served however many are in flight, and those
 * of them that stream are cancelled as soon as the server drains. For what tells about the server.
 */
#define SERVER_ALWAYS 1U

/*
 * Serves `service` with the generated table `handlers`; `svc` becomes call->svc. All of them stay
 * the caller's and outlive the server. Before server_start only.
 */
void server_add_service(struct server *server, const struct rpc_service *service,
                        const void *handlers, void *svc, unsigned flags);

/* The services added, in order; NULL past the last. */
const struct rpc_service *server_service(const struct server *server, size_t i);

/*
 * Listens and serves; connections are taken once the loop runs. Errors, in the arena:
 * INVALID_ARGUMENT for an option out of range, UNAVAILABLE if the address cannot be bound (the text
 * says why). After an error only server_free.
 */
struct err *server_start(struct server *server, struct arena *a) MUST_CHECK;

/* The port listened on; 0 before server_start and for unix sockets. */
int server_port(const struct server *server);

/* Calls that have arrived and are not over. Any thread. */
size_t server_in_flight(const struct server *server);

/* What became of connections; all but `open` count up from the start. */
struct server_connections {
    size_t open;
    uint64_t accepted;
    uint64_t refused;   /* beyond max_connections or max_connections_per_peer */
    uint64_t strangers; /* did not speak HTTP/2, or said nothing for 10 s */
    uint64_t cut_off;   /* beyond max_broken_off or max_stray_bytes, or starved the others */
    uint64_t stalls;    /* times that nothing could be taken for want of descriptors or memory */
};

/* Zeros before server_start and after the drain. On the loop. */
void server_connections(const struct server *server, struct server_connections *ret);

struct server_tls_stats {
    bool on;
    int64_t certificate_expires_s; /* since 1970 */
    uint64_t reloads;              /* of changed files */
    uint64_t failed_reloads;       /* what was loaded before is still in use */
};

/* Like server_connections. */
void server_tls_stats(const struct server *server, struct server_tls_stats *ret);

typedef void server_drained_fn(void *priv);

/*
 * Stops listening at once, cancels streams of services added with SERVER_ALWAYS, lets calls in
 * flight go on for grace_ms, then cancels them and, half a second later, closes the connections
 * that are left. fn runs on the loop once every call has ended and the threads are gone, never
 * before this returns. A handler that never ends its call holds that up for ever. Callers are told
 * to look elsewhere: set health to NOT_SERVING, and wait for balancers to notice, before this.
 */
void server_drain(struct server *server, int64_t grace_ms, server_drained_fn *fn, void *priv);

/* Not started, or drained. NULL is fine. */
void server_free(struct server *server);

#endif
