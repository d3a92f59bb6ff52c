// SPDX-License-Identifier: Apache-2.0
/*
 * How clients of upstream services tell of each attempt they make, so that tracing can make a span
 * of it. src/telemetry/trace.c is the one behind it. What an attempt is part of says the context's
 * span; without one, or without a tracer, all of this does nothing.
 */
#ifndef HTTP_TRACER_H
#define HTTP_TRACER_H

#include "http/http.h"

/* Texts stay as they are until the attempt has ended: static ones, or in the context's arena. */
struct http_attempt {
    struct str system;    /* "aws-api"; absent: plain HTTP */
    struct str service;   /* "GameLift", "AGS" */
    struct str operation; /* "CreateGameSession" */
    struct str method;    /* "POST" */
    struct str url;
    struct str region; /* absent if there is none */
    int number;        /* 1 is the first */
};

struct http_attempt_end {
    int status;            /* 0: no answer */
    struct str request_id; /* of the upstream; may be absent */
    const struct err *err; /* NULL for a success */
};

#define HTTP_TRACER_HEADERS 8 /* the most that headers() gives */

struct http_tracer;
typedef struct trace_span *http_tracer_begin_fn(struct http_tracer *tracer, struct ctx *ctx,
                                                const struct http_attempt *attempt);
typedef size_t http_tracer_headers_fn(struct http_tracer *tracer, struct ctx *ctx,
                                      const struct trace_span *span,
                                      struct http_header ret[HTTP_TRACER_HEADERS]);
typedef void http_tracer_end_fn(struct http_tracer *tracer, struct trace_span *span,
                                const struct http_attempt_end *end);

/* Work that no caller has asked for starts a trace of its own: the context gets a span, its log the
 * ids. The name is static. */
typedef void http_tracer_begin_work_fn(struct http_tracer *tracer, struct ctx *ctx,
                                       struct str name);
/* Once for each begin_work, before the context's arena goes. err is NULL for a success. */
typedef void http_tracer_end_work_fn(struct http_tracer *tracer, struct ctx *ctx, struct str result,
                                     const struct err *err);

struct http_tracer {
    http_tracer_begin_fn *begin;
    http_tracer_headers_fn *headers;
    http_tracer_end_fn *end;
    http_tracer_begin_work_fn *begin_work;
    http_tracer_end_work_fn *end_work;
};

/* Right before the request is sent. NULL if the attempt is not recorded. */
static inline struct trace_span *http_tracer_begin(struct http_tracer *tracer, struct ctx *ctx,
                                                   const struct http_attempt *attempt) {
    return tracer == NULL || ctx->span == NULL ? NULL : tracer->begin(tracer, ctx, attempt);
}

/*
 * Headers that let the other side go on with the trace, recorded or not; how many. span is what
 * begin gave. Not for AWS: it makes nothing of them.
 */
static inline size_t http_tracer_headers(struct http_tracer *tracer, struct ctx *ctx,
                                         const struct trace_span *span,
                                         struct http_header ret[HTTP_TRACER_HEADERS]) {
    return tracer == NULL || ctx->span == NULL ? 0 : tracer->headers(tracer, ctx, span, ret);
}

/* Once for each begin, while the context's arena lives. */
static inline void http_tracer_end(struct http_tracer *tracer, struct trace_span *span,
                                   const struct http_attempt_end *end) {
    if (span != NULL)
        tracer->end(tracer, span, end);
}

#endif
