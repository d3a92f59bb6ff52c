// SPDX-License-Identifier: Apache-2.0
#include "telemetry/otlp.h"

#define SCOPE "session-dsm"

/* Values of SpanKind, StatusCode and SpanFlags in trace.proto. */
#define KIND_SERVER 2
#define KIND_CLIENT 3
#define KIND_CONSUMER 5
#define STATUS_ERROR "2"
#define FLAG_SAMPLED 0x001
#define FLAG_REMOTE_KNOWN 0x100
#define FLAG_REMOTE 0x200

static void put_text(struct buf *out, struct str key, struct str value) {
    buf_puts(out, "{\"key\":");
    buf_putjson(out, key);
    buf_puts(out, ",\"value\":{\"stringValue\":");
    buf_putjson(out, value);
    buf_puts(out, "}}");
}

/* 64-bit numbers are strings in protobuf's JSON. */
static void put_number(struct buf *out, const char *key, int64_t number) {
    buf_puts(out, "{\"key\":\"");
    buf_puts(out, key);
    buf_puts(out, "\",\"value\":{\"intValue\":\"");
    trace_put_int(out, number);
    buf_puts(out, "\"}}");
}

/* The start of a report. */
static void put_resource(struct buf *out, const struct trace_resource *resource) {
    buf_puts(out, "{\"resource\":{\"attributes\":[");
    put_text(out, STR("service.name"), resource->service_name);
    if (!str_empty(resource->version)) {
        buf_putc(out, ',');
        put_text(out, STR("service.version"), resource->version);
    }
    for (size_t i = 0; i < resource->n_attributes; i++) {
        buf_putc(out, ',');
        put_text(out, resource->attributes[i].key, resource->attributes[i].value);
    }
    buf_puts(out, "]},\"scopeSpans\":[{\"scope\":{\"name\":\"" SCOPE "\"");
    if (!str_empty(resource->version)) {
        buf_puts(out, ",\"version\":");
        buf_putjson(out, resource->version);
    }
    buf_puts(out, "},\"spans\":[");
}

static void put_head(struct buf *out, struct str resource) {
    buf_puts(out, "{\"resourceSpans\":[");
    buf_putstr(out, resource);
}

static void put_attributes(struct buf *out, const struct trace_record *r) {
    const char *comma = "";
    buf_puts(out, ",\"attributes\":[");
    for (size_t i = 0; i < r->n_attributes; i++) {
        const struct trace_attribute *a = &r->attributes[i];
        buf_puts(out, comma);
        comma = ",";
        if (a->text.p != NULL)
            put_text(out, str_c(a->key), a->text);
        else
            put_number(out, a->key, a->number);
    }
    if (!str_empty(r->peer_service)) {
        buf_puts(out, comma);
        put_text(out, STR("peer.service"), r->peer_service);
    }
    buf_putc(out, ']');
    if (r->left_out > 0) {
        buf_puts(out, ",\"droppedAttributesCount\":");
        trace_put_int(out, r->left_out);
    }
}

static void put_span(struct buf *out, struct str resource, const struct trace_record *r) {
    (void)resource;
    buf_puts(out, "{\"traceId\":\"");
    buf_puts(out, r->trace_id);
    buf_puts(out, "\",\"spanId\":\"");
    buf_puts(out, r->span_id);
    if (r->parent_id[0] != '\0') {
        buf_puts(out, "\",\"parentSpanId\":\"");
        buf_puts(out, r->parent_id);
    }
    buf_putc(out, '"');
    if (!str_empty(r->tracestate)) {
        buf_puts(out, ",\"traceState\":");
        buf_putjson(out, r->tracestate);
    }
    buf_puts(out, ",\"flags\":");
    trace_put_int(out, FLAG_SAMPLED | FLAG_REMOTE_KNOWN | (r->remote_parent ? FLAG_REMOTE : 0));
    buf_puts(out, ",\"name\":");
    buf_putjson(out, r->name);
    buf_puts(out, ",\"kind\":");
    static const int kinds[] = {[TRACE_SERVER] = KIND_SERVER,
                                [TRACE_CLIENT] = KIND_CLIENT,
                                [TRACE_CONSUMER] = KIND_CONSUMER};
    trace_put_int(out, kinds[r->kind]);
    buf_puts(out, ",\"startTimeUnixNano\":\"");
    trace_put_int(out, r->start_us);
    buf_puts(out, "000\",\"endTimeUnixNano\":\"");
    trace_put_int(out, r->start_us + r->duration_us);
    buf_puts(out, "000\"");
    put_attributes(out, r);
    if (r->failed) {
        buf_puts(out, ",\"status\":{\"code\":" STATUS_ERROR ",\"message\":");
        buf_putjson(out, r->status);
        buf_putc(out, '}');
    }
    buf_putc(out, '}');
}

static void put_tail(struct buf *out) {
    buf_puts(out, "]}]}]}");
}

const struct trace_format otlp_format = {
    .resource = put_resource,
    .head = put_head,
    .span = put_span,
    .tail = put_tail,
};
