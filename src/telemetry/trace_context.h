// SPDX-License-Identifier: Apache-2.0
/*
 * Which trace a call belongs to: read from the metadata of an incoming call, written into the
 * headers of an outgoing request.
 *
 * W3C Trace Context: https://www.w3.org/TR/trace-context/
 * W3C Baggage:       https://www.w3.org/TR/baggage/
 * B3:                https://github.com/openzipkin/b3-propagation
 *
 * A valid traceparent beats the single b3 header, which beats the x-b3-* headers. What is malformed
 * counts as absent. Everything read is safe in an HTTP header: no other bytes get through.
 */
#ifndef TELEMETRY_TRACE_CONTEXT_H
#define TELEMETRY_TRACE_CONTEXT_H

#include "grpc/rpc.h"
#include "http/http.h"

/* Which headers are read and written; a set of bits. Both B3 ones read either form. */
enum trace_propagator {
    TRACE_TRACECONTEXT = 1,
    TRACE_BAGGAGE = 2,
    TRACE_B3 = 4,      /* writes the single header */
    TRACE_B3MULTI = 8, /* writes x-b3-* */
};

/* What those before us decided about recording the trace. */
enum trace_decision {
    TRACE_UNDECIDED,
    TRACE_DROP,
    TRACE_SAMPLE,
    TRACE_DEBUG, /* B3: record it whatever the sampler thinks */
};

#define TRACE_ID_DIGITS 32
#define SPAN_ID_DIGITS 16

struct trace_context {
    char trace_id[TRACE_ID_DIGITS + 1]; /* lower-case hexadecimal, never all zero; "" for none */
    char span_id[SPAN_ID_DIGITS + 1];   /* likewise; both or neither */
    enum trace_decision decision;       /* may be known without ids */
    bool random_id;                     /* the trace id's last 7 bytes are known to be random */
    struct str tracestate;              /* absent, or valid and at most 512 bytes */
    struct str baggage;                 /* absent, or at most 64 members and 8192 bytes */
};

/*
 * Reads what the caller sent. The texts are views of the metadata or lie in the arena, which is
 * used only for what has to be put together. Never fails: what cannot be used is left out.
 */
void trace_context_read(struct arena *a, const struct rpc_metadata *metadata, size_t n,
                        unsigned propagators, struct trace_context *ret);

/* The most that trace_context_write gives. */
#define TRACE_CONTEXT_HEADERS 7

/* Headers for the next one in the chain, how many of them; values lie in the arena or the context.
 */
size_t trace_context_write(const struct trace_context *context, unsigned propagators,
                           struct arena *a, struct http_header ret[TRACE_CONTEXT_HEADERS]);

#endif
