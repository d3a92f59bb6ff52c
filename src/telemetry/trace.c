// SPDX-License-Identifier: Apache-2.0
#include "telemetry/trace.h"

#include "base/clock.h"
#include "base/obj.h"
#include "base/random.h"
#include "telemetry/otlp.h"
#include "telemetry/trace_context.h"
#include "telemetry/zipkin.h"

#include <stdlib.h>

#define MAX_ATTRIBUTES 16
#define PEER_SIZE 64    /* bytes */
#define STATUS_SIZE 200 /* bytes; an error's name is the upstream's to choose */

_Static_assert(HTTP_TRACER_HEADERS >= TRACE_CONTEXT_HEADERS, "whatever there is to write fits");

struct tracer {
    unsigned magic;
#define TRACER_MAGIC 0x59c3e07aU
    struct tracer_options options;
    struct http_tracer http;
    struct trace_exporter *exporter; /* NULL: nothing is recorded */
    uint64_t ratio_bound;            /* of half the trace id's last 8 bytes */
    struct loop_timer flush_timer;
    trace_flushed_fn *flushed;
    void *flushed_priv;
};

/* In the arena of the context it belongs to. */
struct trace_span {
    unsigned magic;
#define TRACE_SPAN_MAGIC 0x16fb82d5U
    struct trace_context context; /* as the next one in the chain sees it */
    char parent_id[SPAN_ID_DIGITS + 1];
    bool recorded;
    bool local; /* known to our log only: nobody is told */
};

struct attempt_span {
    struct trace_span span;
    struct tracer *tracer;
    struct http_attempt attempt;
    struct str name;
    int64_t start_us;
    int64_t start_mono_us;
};

/* ---- ids ---- */

/* n bytes as digits; not all zero. */
static void new_id(char *out, size_t n) {
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[TRACE_ID_DIGITS / 2];
    unsigned any = 0;
    do {
        random_bytes(bytes, n);
        for (size_t i = 0; i < n; i++)
            any |= bytes[i];
    } while (any == 0);
    for (size_t i = 0; i < n; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = '\0';
}

/* ---- sampling ---- */

/* The rule of OpenTelemetry's Go SDK, so that services of one trace agree. */
static bool in_ratio(const struct tracer *t, const char *trace_id) {
    return strtoull(trace_id + TRACE_ID_DIGITS / 2, NULL, 16) >> 1 < t->ratio_bound;
}

static bool decide(const struct tracer *t, const struct trace_context *c, bool starts_traces) {
    const struct trace_settings *s = t->options.settings;
    bool wanted = c->decision == TRACE_SAMPLE || c->decision == TRACE_DEBUG;
    if (t->exporter == NULL || (!s->parent_based && s->sampler == TRACE_SAMPLER_OFF))
        return false;
    if (c->decision == TRACE_DEBUG)
        return true;
    if (s->parent_based && c->decision != TRACE_UNDECIDED)
        return wanted;
    if (!starts_traces && !wanted)
        return false;
    return s->sampler == TRACE_SAMPLER_ON ||
           (s->sampler == TRACE_SAMPLER_RATIO && in_ratio(t, c->trace_id));
}

/* ---- a call ---- */

static bool starts_traces(const struct rpc_call *rpc) {
    return !str_starts(str_c(rpc->service->name), STR("grpc."));
}

void tracer_admit(struct tracer *tracer, struct rpc_call *rpc) {
    OBJ_CHECK(tracer, TRACER_MAGIC);
    struct trace_span *span = OBJ_NEW(rpc->ctx.arena, trace_span, TRACE_SPAN_MAGIC);
    struct trace_context *c = &span->context;
    trace_context_read(rpc->ctx.arena, rpc->metadata, rpc->n_metadata,
                       tracer->options.settings->propagators, c);
    bool continues = c->trace_id[0] != '\0';
    rpc->ctx.span = span;
    if (!continues)
        new_id(c->trace_id, TRACE_ID_DIGITS / 2);
    if (continues && tracer->exporter == NULL)
        return; /* we are no link of the chain: those before us are whom the next one should know */
    memcpy(span->parent_id, c->span_id, sizeof span->parent_id);
    new_id(c->span_id, SPAN_ID_DIGITS / 2);
    if (tracer->exporter == NULL) {
        /* An id of ours and no decision would keep AGS from deciding for itself. */
        span->local = c->decision == TRACE_UNDECIDED;
        return;
    }
    span->recorded = decide(tracer, c, starts_traces(rpc));
    if (!span->recorded)
        c->decision = TRACE_DROP;
    else if (c->decision != TRACE_DEBUG)
        c->decision = TRACE_SAMPLE;
}

struct attributes {
    const struct trace_settings *settings;
    struct trace_attribute v[MAX_ATTRIBUTES];
    size_t n;
    int left_out;
};

static struct str cut(struct str s, int characters) {
    size_t at = 0;
    if (s.n <= (size_t)characters)
        return s;
    for (int i = 0; i < characters && at < s.n; i++) {
        size_t len = str_utf8_next(s, at);
        at += len > 0 ? len : 1;
    }
    return str_sub(s, 0, at);
}

static void add(struct attributes *a, const char *key, struct str text, int64_t number) {
    if (a->n == (size_t)a->settings->count_limit || a->n == MAX_ATTRIBUTES) {
        a->left_out++;
        return;
    }
    a->v[a->n++] = (struct trace_attribute){
        .key = key,
        .text = cut(text, a->settings->value_limit),
        .number = number,
    };
}

static void add_text(struct attributes *a, const char *key, struct str text) {
    if (!str_empty(text))
        add(a, key, text, 0);
}

/* A text field of the request, absent if there is none of that name. */
static struct str request_field(const struct rpc_call *rpc, const char *name) {
    const char *text;
    if (rpc->req == NULL)
        return STR_NULL;
    const ProtobufCFieldDescriptor *f =
        protobuf_c_message_descriptor_get_field_by_name(rpc->req->descriptor, name);
    if (f == NULL || f->type != PROTOBUF_C_TYPE_STRING || f->label == PROTOBUF_C_LABEL_REPEATED ||
        (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0)
        return STR_NULL;
    memcpy(&text, (const char *)rpc->req + f->offset, sizeof text);
    return str_c(text);
}

/* Codes by which a server says that it, not the caller, has failed. */
static bool is_server_fault(enum rpc_code code) {
    switch (code) {
    case RPC_UNKNOWN:
    case RPC_DEADLINE_EXCEEDED:
    case RPC_UNIMPLEMENTED:
    case RPC_INTERNAL:
    case RPC_UNAVAILABLE:
    case RPC_DATA_LOSS:
        return true;
    default:
        return false;
    }
}

/* The upstream's own name for the error, or what its code is called. */
static struct str error_name(const struct err *err) {
    return str_empty(err->type) ? str_c(rpc_code_name(err->code))
                                : str_utf8_cut(err->type, STATUS_SIZE);
}

static void record(struct tracer *t, const struct trace_span *span, struct trace_record *r,
                   const struct attributes *a) {
    r->trace_id = span->context.trace_id;
    r->span_id = span->context.span_id;
    r->parent_id = span->parent_id;
    r->debug = span->context.decision == TRACE_DEBUG;
    r->tracestate = span->context.tracestate;
    r->attributes = a->v;
    r->n_attributes = a->n;
    r->left_out = a->left_out;
    trace_exporter_add(t->exporter, r);
}

void tracer_finished(struct tracer *tracer, const struct rpc_call *rpc,
                     const struct server_outcome *outcome) {
    const struct trace_span *span = rpc->ctx.span;
    OBJ_CHECK(tracer, TRACER_MAGIC);
    if (span == NULL || !span->recorded)
        return;
    OBJ_CHECK(span, TRACE_SPAN_MAGIC);
    struct attributes a = {.settings = tracer->options.settings};
    struct trace_record r = {
        .kind = TRACE_SERVER,
        .remote_parent = span->parent_id[0] != '\0',
        .name = str_c(rpc->method->path + 1),
        .start_us = clock_real_us() - outcome->duration_us,
        .duration_us = outcome->duration_us,
        .failed = is_server_fault(outcome->code),
        .status = outcome->err != NULL ? error_name(outcome->err) : STR_NULL,
    };
    add_text(&a, "rpc.system", STR("grpc"));
    add_text(&a, "rpc.service", str_c(rpc->service->name));
    add_text(&a, "rpc.method", str_c(rpc->method->name));
    add(&a, "rpc.grpc.status_code", STR_NULL, outcome->code);
    add_text(&a, "ags.namespace", request_field(rpc, "namespace"));
    add_text(&a, "ags.session_id", request_field(rpc, "session_id"));
    record(tracer, span, &r, &a);
}

/* ---- an attempt at an upstream ---- */

static struct trace_span *begin_attempt(struct http_tracer *http, struct ctx *ctx,
                                        const struct http_attempt *attempt) {
    const struct trace_span *parent = ctx->span;
    OBJ_CHECK(parent, TRACE_SPAN_MAGIC);
    if (!parent->recorded)
        return NULL;
    struct attempt_span *s = ARENA_NEW(ctx->arena, struct attempt_span);
    s->span.magic = TRACE_SPAN_MAGIC;
    s->span.context = parent->context;
    s->span.recorded = true;
    memcpy(s->span.parent_id, parent->context.span_id, sizeof s->span.parent_id);
    new_id(s->span.context.span_id, SPAN_ID_DIGITS / 2);
    s->tracer = CONTAINER_OF(http, struct tracer, http);
    s->attempt = *attempt;
    s->name = str_empty(attempt->system)
                  ? ARENA_JOIN(ctx->arena, attempt->method, STR(" "), attempt->operation)
                  : ARENA_JOIN(ctx->arena, attempt->service, STR("."), attempt->operation);
    s->start_us = clock_real_us();
    s->start_mono_us = clock_mono_us();
    return &s->span;
}

static size_t attempt_headers(struct http_tracer *http, struct ctx *ctx,
                              const struct trace_span *span,
                              struct http_header ret[HTTP_TRACER_HEADERS]) {
    const struct tracer *t = CONTAINER_OF(http, struct tracer, http);
    if (span == NULL)
        span = ctx->span;
    OBJ_CHECK(span, TRACE_SPAN_MAGIC);
    const struct trace_context untraced = {.baggage = span->context.baggage};
    return trace_context_write(span->local ? &untraced : &span->context,
                               t->options.settings->propagators, ctx->arena, ret);
}

/* "https://host:1/path?query" -> "host:1" */
static struct str host_of(struct str url) {
    size_t scheme = str_starts(url, STR("https://")) ? 8 : str_starts(url, STR("http://")) ? 7 : 0;
    struct str rest = str_from(url, scheme);
    return str_sub(rest, 0, str_find(rest, '/'));
}

static void add_attempt(struct attributes *a, const struct http_attempt *what,
                        const struct http_attempt_end *end) {
    if (!str_empty(what->system)) {
        add_text(a, "rpc.system", what->system);
        add_text(a, "rpc.service", what->service);
        add_text(a, "rpc.method", what->operation);
    } else {
        add_text(a, "http.method", what->method);
        add_text(a, "http.url", str_sub(what->url, 0, str_find(what->url, '?')));
        add_text(a, "http.host", host_of(what->url));
    }
    if (end->status != 0)
        add(a, "http.status_code", STR_NULL, end->status);
    add_text(a, "aws.request_id", end->request_id);
    add_text(a, "cloud.region", what->region);
    add(a, "attempt", STR_NULL, what->number);
}

static void end_attempt(struct http_tracer *http, struct trace_span *span,
                        const struct http_attempt_end *end) {
    OBJ_CHECK(span, TRACE_SPAN_MAGIC);
    struct attempt_span *s = CONTAINER_OF(span, struct attempt_span, span);
    const struct http_attempt *what = &s->attempt;
    char peer[PEER_SIZE];
    struct attributes a = {.settings = s->tracer->options.settings};
    (void)http;
    size_t n = what->service.n < sizeof peer ? what->service.n : sizeof peer;
    for (size_t i = 0; i < n; i++) {
        char c = what->service.p[i];
        peer[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    struct trace_record r = {
        .kind = TRACE_CLIENT,
        .name = s->name,
        .start_us = s->start_us,
        .duration_us = clock_mono_us() - s->start_mono_us,
        .peer_service = str_n(peer, n),
        .failed = end->err != NULL,
        .status = end->err != NULL ? error_name(end->err) : STR_NULL,
    };
    add_attempt(&a, what, end);
    record(s->tracer, span, &r, &a);
}

/* ---- work of our own ---- */

struct work_span {
    struct trace_span span;
    struct str name;
    int64_t start_us;
    int64_t start_mono_us;
};

static void begin_work(struct http_tracer *http, struct ctx *ctx, struct str name) {
    const struct tracer *t = CONTAINER_OF(http, struct tracer, http);
    struct work_span *s = ARENA_NEW(ctx->arena, struct work_span);
    s->span.magic = TRACE_SPAN_MAGIC;
    s->name = name;
    s->start_us = clock_real_us();
    s->start_mono_us = clock_mono_us();
    new_id(s->span.context.trace_id, TRACE_ID_DIGITS / 2);
    new_id(s->span.context.span_id, SPAN_ID_DIGITS / 2);
    s->span.local = t->exporter == NULL;
    s->span.recorded = decide(t, &s->span.context, true);
    if (t->exporter != NULL)
        s->span.context.decision = s->span.recorded ? TRACE_SAMPLE : TRACE_DROP;
    ctx->span = &s->span;
    ctx->log = LOG_WITH(ctx->arena, ctx->log, TRACE_LOG_FIELDS(ctx));
}

static void end_work(struct http_tracer *http, struct ctx *ctx, struct str result,
                     const struct err *err) {
    struct tracer *t = CONTAINER_OF(http, struct tracer, http);
    const struct trace_span *span = ctx->span;
    if (span == NULL || !span->recorded)
        return;
    OBJ_CHECK(span, TRACE_SPAN_MAGIC);
    const struct work_span *s = CONTAINER_OF(span, const struct work_span, span);
    struct attributes a = {.settings = t->options.settings};
    struct trace_record r = {
        .kind = TRACE_CONSUMER,
        .name = s->name,
        .start_us = s->start_us,
        .duration_us = clock_mono_us() - s->start_mono_us,
        .failed = err != NULL,
        .status = err != NULL ? error_name(err) : STR_NULL,
    };
    add_text(&a, "result", result);
    record(t, span, &r, &a);
}

struct http_tracer *tracer_http(struct tracer *tracer) {
    OBJ_CHECK(tracer, TRACER_MAGIC);
    return &tracer->http;
}

struct str trace_id_of(const struct ctx *ctx) {
    return ctx->span == NULL ? STR_NULL : str_n(ctx->span->context.trace_id, TRACE_ID_DIGITS);
}

struct str span_id_of(const struct ctx *ctx) {
    return ctx->span == NULL ? STR_NULL : str_n(ctx->span->context.span_id, SPAN_ID_DIGITS);
}

/* ---- the tracer ---- */

static struct trace_exporter *new_exporter(const struct tracer_options *options) {
    const struct trace_settings *s = options->settings;
    const struct trace_exporter_options o = {
        .loop = options->loop,
        .http = options->http,
        .format = s->exporter == TRACE_EXPORT_ZIPKIN ? &zipkin_format : &otlp_format,
        .settings = s,
        .version = options->version,
        .user_agent = options->user_agent,
    };
    return s->exporter == TRACE_EXPORT_NONE ? NULL : trace_exporter_new(&o);
}

struct tracer *tracer_new(const struct tracer_options *options) {
    const struct trace_settings *s = options->settings;
    struct tracer *t = calloc(1, sizeof *t);
    AN(t);
    t->magic = TRACER_MAGIC;
    t->options = *options;
    t->http = (struct http_tracer){
        .begin = begin_attempt,
        .headers = attempt_headers,
        .end = end_attempt,
        .begin_work = begin_work,
        .end_work = end_work,
    };
    t->exporter = new_exporter(options);
    t->ratio_bound = (uint64_t)(s->ratio * 0x1p63);
    for (size_t i = 0; i < s->warnings.n; i++)
        LOG_WARN(NULL, "a setting of tracing is wrong", LOG_STR("reason", s->warnings.v[i]));
    return t;
}

void tracer_free(struct tracer *tracer) {
    if (tracer == NULL)
        return;
    OBJ_CHECK(tracer, TRACER_MAGIC);
    loop_timer_stop(&tracer->flush_timer);
    trace_exporter_free(tracer->exporter);
    tracer->magic = 0;
    free(tracer);
}

static void on_nothing_to_flush(struct loop_timer *timer) {
    struct tracer *t = CONTAINER_OF(timer, struct tracer, flush_timer);
    OBJ_CHECK(t, TRACER_MAGIC);
    t->flushed(t->flushed_priv);
}

void tracer_flush(struct tracer *tracer, int64_t timeout_ms, trace_flushed_fn *fn, void *priv) {
    OBJ_CHECK(tracer, TRACER_MAGIC);
    if (tracer->exporter != NULL) {
        trace_exporter_flush(tracer->exporter, timeout_ms, fn, priv);
        return;
    }
    tracer->flushed = fn;
    tracer->flushed_priv = priv;
    loop_timer_start(tracer->options.loop, &tracer->flush_timer, 0, on_nothing_to_flush);
}

struct trace_stats tracer_stats(const struct tracer *tracer) {
    OBJ_CHECK(tracer, TRACER_MAGIC);
    if (tracer->exporter == NULL)
        return (struct trace_stats){.queued = 0};
    return trace_exporter_stats(tracer->exporter);
}
