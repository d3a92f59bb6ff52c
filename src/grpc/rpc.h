// SPDX-License-Identifier: Apache-2.0
/*
 * One RPC being served, as generated stubs and the server engine share it. Handlers see only the
 * typed call of the generated header.
 *
 * Life: the server unpacks and checks the request, then starts the generated dispatch function on
 * the event loop. The handler ends the call exactly once with its typed reply, finish or fail, at
 * any later time, from the loop. If the caller goes away first, the call's context is cancelled,
 * pending upstream requests end with an error and the handler still ends the call. The arena, and
 * with it the typed call, lives until the callback that ended the call has returned.
 *
 * A method that streams is dispatched as soon as its caller has called it. Its handler reads and
 * sends messages one at a time in each direction, at its own speed: what it does not read waits
 * with the caller, and the next message may be sent once the connection has taken the last one.
 * When the context is cancelled, a read or a send that is waiting ends with that error.
 */
#ifndef GRPC_RPC_H
#define GRPC_RPC_H

#include "base/ctx.h"

#include <protobuf-c/protobuf-c.h>

struct protobuf_redaction;
struct rpc_call;
typedef void rpc_dispatch_fn(struct rpc_call *rpc);
typedef void rpc_finish_fn(struct rpc_call *rpc, const struct err *err,
                           const ProtobufCMessage *resp);
typedef void rpc_undelivered_fn(void *priv);

/*
 * How a read or a send ended; on the loop, once, never before rpc_call_read or rpc_call_send
 * returns, and not at all once the call has been ended. A message is valid until the next read or
 * the end; NULL without an error: the caller has sent its last one.
 */
typedef void rpc_message_fn(struct rpc_call *rpc, const ProtobufCMessage *msg,
                            const struct err *err);
typedef void rpc_sent_fn(struct rpc_call *rpc, const struct err *err);

/* What streams call: the server's functions, or a test's. */
struct rpc_stream_ops {
    void (*read)(struct rpc_call *rpc, rpc_message_fn *fn);
    void (*send)(struct rpc_call *rpc, const ProtobufCMessage *msg, rpc_sent_fn *fn);
};

enum rpc_kind { RPC_UNARY, RPC_CLIENT_STREAM, RPC_SERVER_STREAM, RPC_BIDI_STREAM };

struct rpc_method {
    const char *name; /* "CreateGameSession" */
    const char *path; /* "/accelbyte.session.sessiondsm.SessionDsm/CreateGameSession" */
    enum rpc_kind kind;
    const ProtobufCMessageDescriptor *input;
    const ProtobufCMessageDescriptor *output;
    rpc_dispatch_fn *dispatch; /* generated: builds the typed call and runs the handler */
};

/* A proto file as reflection gives it to clients. */
struct rpc_file {
    const char *name;    /* by which other files import it */
    const uint8_t *data; /* its FileDescriptorProto, packed */
    size_t n_data;
    const char *const *symbols; /* full names of all that it defines, in byte order */
    size_t n_symbols;
    const struct rpc_file *const *imports; /* ends with NULL; NULL if it imports nothing */
};

struct rpc_service {
    const char *name; /* "accelbyte.session.sessiondsm.SessionDsm" */
    const struct rpc_method *methods;
    size_t n_methods;
    const struct protobuf_redaction *redaction; /* for protobuf_redact */
    const struct rpc_file *file;                /* that defines it */
};

/* One entry of the metadata that came with the call. */
struct rpc_metadata {
    struct str key; /* lower case */
    struct str value;
};

struct rpc_call {
    unsigned magic;
#define RPC_CALL_MAGIC 0x3b90d5e1U
    struct ctx ctx;
    const struct rpc_service *service; /* NULL, like method, if there is no such method */
    const struct rpc_method *method;
    const void *handlers;             /* the generated table of the service */
    void *svc;                        /* what the application gave with it */
    const ProtobufCMessage *req;      /* in the arena; NULL until unpacked, or if requests stream */
    rpc_finish_fn *finish;            /* the server's, or a test's */
    const struct rpc_stream_ops *ops; /* for methods that stream */
    void *call;                       /* the typed call of a method that streams */
    struct arena *scratch;            /* see rpc_call_scratch */
    struct str path;                  /* as called; from the peer */
    struct str peer;                  /* "ipv4:127.0.0.1:4711"; may be absent */
    const struct rpc_metadata *metadata;
    size_t n_metadata;
    rpc_undelivered_fn *undelivered; /* see rpc_call_if_undelivered */
    void *undelivered_priv;
    bool finished;
    bool scratch_used;
};

/* "unary", "client_stream", "server_stream" or "bidi_stream", the spelling of logs and metrics. */
const char *rpc_kind_name(enum rpc_kind kind);

/* Requests come one by one; responses go one by one. */
static inline bool rpc_reads(const struct rpc_method *method) {
    return method->kind == RPC_CLIENT_STREAM || method->kind == RPC_BIDI_STREAM;
}
static inline bool rpc_sends(const struct rpc_method *method) {
    return method->kind == RPC_SERVER_STREAM || method->kind == RPC_BIDI_STREAM;
}

/*
 * End the call; exactly one of them, once. resp and err are used before the return. finish is for
 * methods that send a stream, reply for those that do not.
 */
void rpc_call_reply(struct rpc_call *rpc, const ProtobufCMessage *resp);
void rpc_call_finish(struct rpc_call *rpc);
void rpc_call_fail(struct rpc_call *rpc, const struct err *err);

/*
 * For an answer that must not be lost: if the reply turns out not to reach the caller - it was gone
 * by then, or there was no memory for the message - fn runs on the loop, once, after the reply has
 * returned. What a connection swallowed as it broke is not known and counts as delivered. priv
 * comes from malloc and is freed with the call, on any thread, whether fn ran or not. Before the
 * reply, once.
 */
void rpc_call_if_undelivered(struct rpc_call *rpc, rpc_undelivered_fn *fn, void *priv);

/* For streams: one read and one send at a time. msg is used before the return. */
void rpc_call_read(struct rpc_call *rpc, rpc_message_fn *fn);
void rpc_call_send(struct rpc_call *rpc, const ProtobufCMessage *msg, rpc_sent_fn *fn);

/*
 * Memory to build the next message of a stream in: every send empties it, so that a stream may go
 * on for ever. The call's own arena is for what lives as long as the call.
 */
struct arena *rpc_call_scratch(struct rpc_call *rpc);

/* For a NULL slot of a handler table. */
void rpc_call_unimplemented(struct rpc_call *rpc);

/*
 * The first value of a key (lower case); absent if the caller sent none. Any bytes may be in it:
 * clean it before it goes anywhere, and never log `authorization`. Valid as long as the call.
 */
struct str rpc_call_metadata(const struct rpc_call *rpc, const char *key);

#endif
