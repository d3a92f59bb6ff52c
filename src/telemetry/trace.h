// SPDX-License-Identifier: Apache-2.0
/*
 * Traces: a server span for each call, a client span for each attempt at an upstream, the ids on
 * every log line and in every request to AGS.
 *
 * Whether a call is recorded is decided once, when it arrives (OTEL_TRACES_SAMPLER). A call that is
 * not costs its ids; they are passed on all the same. Without an exporter nothing is recorded, and
 * callers' ids are passed on as they came.
 *
 * No span holds an error's text, a payload or an address: texts of others may quote what they were
 * sent. What failed is told by the error's name; the log line with the same trace id has the rest.
 */
#ifndef TELEMETRY_TRACE_H
#define TELEMETRY_TRACE_H

#include "grpc/server.h"
#include "http/tracer.h"
#include "telemetry/trace_export.h"

struct tracer;

struct tracer_options {
    struct loop *loop;                     /* outlives the tracer */
    struct http_client *http;              /* for reports; outlives the tracer */
    const struct trace_settings *settings; /* outlives the tracer */
    struct str version;                    /* of this program; copied */
    struct str user_agent;                 /* of reports; copied */
};

/* Logs the settings' warnings. */
struct tracer *tracer_new(const struct tracer_options *options);

/*
 * A flush is over, or the loop has stopped for good. After the clients that have its http tracer,
 * before the HTTP client. NULL is fine.
 */
void tracer_free(struct tracer *tracer);

/*
 * First thing in the server's admit hook: gives the call its span. Calls of health, reflection and
 * other grpc.* services start no trace; they are recorded only if the caller's trace is.
 */
void tracer_admit(struct tracer *tracer, struct rpc_call *rpc);

/* In the server's finished hook; harmless for a call that was not admitted. */
void tracer_finished(struct tracer *tracer, const struct rpc_call *rpc,
                     const struct server_outcome *outcome);

/* For the upstream clients' options; lives with the tracer. */
struct http_tracer *tracer_http(struct tracer *tracer);

/* The ids of a context's span, 32 and 16 digits; absent if it has none. They live as long as it. */
struct str trace_id_of(const struct ctx *ctx);
struct str span_id_of(const struct ctx *ctx);

/* For LOG_WITH, once the call has its span. */
#define TRACE_LOG_FIELDS(ctx)                                                                      \
    LOG_STR("traceID", trace_id_of(ctx)), LOG_STR("spanID", span_id_of(ctx))

/* trace_exporter_flush, also if there is no exporter. */
void tracer_flush(struct tracer *tracer, int64_t timeout_ms, trace_flushed_fn *fn, void *priv);

/* Any thread. */
struct trace_stats tracer_stats(const struct tracer *tracer);

#endif
