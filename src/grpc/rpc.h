// SPDX-License-Identifier: Apache-2.0
/*
 * One RPC being served, as generated stubs and the server engine share it. Handlers see only the
 * typed call of the generated header.
 *
 * Life: the server unpacks and checks the request, then starts the generated dispatch function on
 * the event loop. The handler ends the call exactly once with its typed reply or fail, at any later
 * time, from the loop. If the caller goes away first, the call's context is cancelled, pending
 * upstream requests end with an error and the handler still ends the call. The arena, and with it
 * the typed call, lives until the callback that ended the call has returned.
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

struct rpc_method {
    const char *name; /* "CreateGameSession" */
    const char *path; /* "/accelbyte.session.sessiondsm.SessionDsm/CreateGameSession" */
    const ProtobufCMessageDescriptor *input;
    const ProtobufCMessageDescriptor *output;
    rpc_dispatch_fn *dispatch; /* generated: builds the typed call and runs the handler */
};

struct rpc_service {
    const char *name; /* "accelbyte.session.sessiondsm.SessionDsm" */
    const struct rpc_method *methods;
    size_t n_methods;
    const struct protobuf_redaction *redaction; /* for protobuf_redact */
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
    const void *handlers;        /* the generated table of the service */
    void *svc;                   /* what the application gave with it */
    const ProtobufCMessage *req; /* in the arena; NULL until it has been unpacked */
    rpc_finish_fn *finish;       /* the server's, or a test's */
    struct str path;             /* as called; from the peer */
    struct str peer;             /* "ipv4:127.0.0.1:4711"; may be absent */
    const struct rpc_metadata *metadata;
    size_t n_metadata;
    bool finished;
};

/* End the call; exactly one of them, once. resp and err are used before the return. */
void rpc_call_reply(struct rpc_call *rpc, const ProtobufCMessage *resp);
void rpc_call_fail(struct rpc_call *rpc, const struct err *err);

/* For a NULL slot of a handler table. */
void rpc_call_unimplemented(struct rpc_call *rpc);

/*
 * The first value of a key (lower case); absent if the caller sent none. Any bytes may be in it:
 * clean it before it goes anywhere, and never log `authorization`. Valid as long as the call.
 */
struct str rpc_call_metadata(const struct rpc_call *rpc, const char *key);

#endif
