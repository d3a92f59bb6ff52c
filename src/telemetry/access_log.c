// SPDX-License-Identifier: Apache-2.0
#include "telemetry/access_log.h"

#include "base/buf.h"
#include "codec/protobuf.h"
#include "telemetry/trace.h"

struct err *access_log_admit(void *priv, struct rpc_call *rpc) {
    (void)priv;
    rpc->ctx.log =
        LOG_WITH(rpc->ctx.arena, NULL, LOG_CSTR("grpc.service", rpc->service->name),
                 LOG_CSTR("grpc.method", rpc->method->name), TRACE_LOG_FIELDS(&rpc->ctx));
    return NULL;
}

/* go-grpc-middleware's table for servers. */
static enum log_level level_of(enum rpc_code code) {
    switch (code) {
    case RPC_OK:
    case RPC_CANCELLED:
    case RPC_INVALID_ARGUMENT:
    case RPC_NOT_FOUND:
    case RPC_ALREADY_EXISTS:
    case RPC_UNAUTHENTICATED:
        return LOG_LEVEL_INFO;
    case RPC_DEADLINE_EXCEEDED:
    case RPC_PERMISSION_DENIED:
    case RPC_RESOURCE_EXHAUSTED:
    case RPC_FAILED_PRECONDITION:
    case RPC_ABORTED:
    case RPC_OUT_OF_RANGE:
    case RPC_UNAVAILABLE:
        return LOG_LEVEL_WARN;
    default:
        return LOG_LEVEL_ERROR;
    }
}

static struct str redacted(const struct rpc_call *rpc, const ProtobufCMessage *msg) {
    struct buf b;
    if (msg == NULL || !log_enabled(LOG_LEVEL_DEBUG))
        return STR_NULL;
    buf_init(&b, 4096);
    protobuf_redact(&b, rpc->service->redaction, msg);
    struct str text = b.failed ? STR_NULL : arena_str(rpc->ctx.arena, buf_str(&b));
    buf_free(&b);
    return text;
}

void access_log_finished(void *priv, const struct rpc_call *rpc,
                         const struct server_outcome *outcome) {
    enum log_level level = level_of(outcome->code);
    char memory[32];
    struct buf duration;
    (void)priv;
    if (!log_enabled(level))
        return;
    buf_init_in(&duration, memory, sizeof memory, sizeof memory);
    buf_putint(&duration, outcome->duration_us / 1000);
    buf_putc(&duration, '.');
    for (int64_t part = 100; part > 0; part /= 10)
        buf_putc(&duration, (char)('0' + outcome->duration_us / part % 10));
    buf_puts(&duration, "ms");
    const struct log *log = rpc->ctx.log;
    /* A call that was not admitted, or whose method does not exist, has no context of its own. */
    struct str path = log == NULL ? str_sub(rpc->path, 0, 200) : STR_NULL;
    LOG_AT(
        level, log, "finished call", LOG_STR("grpc.path", path), LOG_CSTR("protocol", "grpc"),
        LOG_CSTR("grpc.component", "server"),
        LOG_CSTR("grpc.method_type", rpc->method != NULL ? rpc_kind_name(rpc->method->kind) : NULL),
        LOG_STR("peer.address", rpc->peer), LOG_CSTR("grpc.code", rpc_code_name(outcome->code)),
        LOG_STR("grpc.error", outcome->err != NULL ? outcome->err->msg : STR_NULL),
        LOG_STR("errorDetail", outcome->err != NULL ? outcome->err->detail : STR_NULL),
        LOG_STR("requestID", outcome->err != NULL ? outcome->err->request_id : STR_NULL),
        LOG_STR("grpc.request.content", redacted(rpc, rpc->req)),
        LOG_STR("grpc.response.content", redacted(rpc, outcome->resp)),
        LOG_STR("grpc.duration", buf_str(&duration)));
}
