// SPDX-License-Identifier: Apache-2.0
#include "grpc/rpc.h"

#include "base/obj.h"

static void end(struct rpc_call *rpc, const struct err *err, const ProtobufCMessage *resp) {
    OBJ_CHECK(rpc, RPC_CALL_MAGIC);
    ASSERT(!rpc->finished);
    rpc->finished = true;
    rpc->finish(rpc, err, resp);
}

void rpc_call_reply(struct rpc_call *rpc, const ProtobufCMessage *resp) {
    static const struct err over = {
        .code = RPC_RESOURCE_EXHAUSTED,
        .msg = STR_INIT("the call needs too much memory"),
    };
    /* A response that was not made with its _INIT macro has no descriptor. */
    ASSERT(resp->descriptor == rpc->method->output);
    if (arena_over(rpc->ctx.arena))
        end(rpc, &over, NULL);
    else
        end(rpc, NULL, resp);
}

void rpc_call_fail(struct rpc_call *rpc, const struct err *err) {
    AN(err);
    end(rpc, err, NULL);
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
