// SPDX-License-Identifier: Apache-2.0
#include "grpc/rpc.h"

#include "base/obj.h"

static void end(struct rpc_call *rpc, const struct err *err, const ProtobufCMessage *resp) {
    OBJ_CHECK(rpc, RPC_CALL_MAGIC);
    ASSERT(!rpc->finished);
    rpc->finished = true;
    rpc->finish(rpc, err, resp);
}

const char *rpc_kind_name(enum rpc_kind kind) {
    static const char *const names[] = {
        [RPC_UNARY] = "unary",
        [RPC_CLIENT_STREAM] = "client_stream",
        [RPC_SERVER_STREAM] = "server_stream",
        [RPC_BIDI_STREAM] = "bidi_stream",
    };
    return names[kind];
}

void rpc_call_reply(struct rpc_call *rpc, const ProtobufCMessage *resp) {
    static const struct err over = {
        .code = RPC_RESOURCE_EXHAUSTED,
        .msg = STR_INIT("the call needs too much memory"),
    };
    ASSERT(!rpc_sends(rpc->method));
    /* A response that was not made with its _INIT macro has no descriptor. */
    ASSERT(resp->descriptor == rpc->method->output);
    if (arena_over(rpc->ctx.arena))
        end(rpc, &over, NULL);
    else
        end(rpc, NULL, resp);
}

void rpc_call_finish(struct rpc_call *rpc) {
    ASSERT(rpc_sends(rpc->method));
    end(rpc, NULL, NULL);
}

void rpc_call_fail(struct rpc_call *rpc, const struct err *err) {
    AN(err);
    end(rpc, err, NULL);
}

void rpc_call_if_undelivered(struct rpc_call *rpc, rpc_undelivered_fn *fn, void *priv) {
    OBJ_CHECK(rpc, RPC_CALL_MAGIC);
    ASSERT(!rpc->finished && rpc->undelivered == NULL);
    rpc->undelivered = fn;
    rpc->undelivered_priv = priv;
}

/* ---- streams ---- */

void rpc_call_read(struct rpc_call *rpc, rpc_message_fn *fn) {
    OBJ_CHECK(rpc, RPC_CALL_MAGIC);
    ASSERT(rpc_reads(rpc->method) && !rpc->finished);
    rpc->ops->read(rpc, fn);
}

void rpc_call_send(struct rpc_call *rpc, const ProtobufCMessage *msg, rpc_sent_fn *fn) {
    OBJ_CHECK(rpc, RPC_CALL_MAGIC);
    ASSERT(rpc_sends(rpc->method) && !rpc->finished);
    ASSERT(msg->descriptor == rpc->method->output);
    rpc->ops->send(rpc, msg, fn);
    arena_free(rpc->scratch);
    rpc->scratch = NULL;
}

static void free_scratch(void *arg) {
    struct rpc_call *rpc = OBJ_CAST(arg, rpc_call, RPC_CALL_MAGIC);
    arena_free(rpc->scratch);
    rpc->scratch = NULL;
}

struct arena *rpc_call_scratch(struct rpc_call *rpc) {
    OBJ_CHECK(rpc, RPC_CALL_MAGIC);
    if (!rpc->scratch_used)
        arena_defer(rpc->ctx.arena, free_scratch, rpc);
    rpc->scratch_used = true;
    if (rpc->scratch == NULL)
        rpc->scratch = arena_new(ARENA_LIMIT_DEFAULT);
    return rpc->scratch;
}

void rpc_call_unimplemented(struct rpc_call *rpc) {
    rpc_call_fail(rpc, err_new(rpc->ctx.arena, RPC_UNIMPLEMENTED, "%s is not implemented here",
                               rpc->method->path + 1));
}

struct str rpc_call_metadata(const struct rpc_call *rpc, const char *key) {
    for (size_t i = 0; i < rpc->n_metadata; i++)
        if (str_eq(rpc->metadata[i].key, str_c(key)))
            return rpc->metadata[i].value;
    return STR_NULL;
}
