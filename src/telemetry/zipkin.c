// SPDX-License-Identifier: Apache-2.0
#include "telemetry/zipkin.h"

static void put_tag(struct buf *out, struct str key, struct str value) {
    buf_putc(out, ',');
    buf_putjson(out, key);
    buf_putc(out, ':');
    buf_putjson(out, value);
}

/* The end of each span but for its own tags. */
static void put_resource(struct buf *out, const struct trace_resource *resource) {
    buf_puts(out, "\"localEndpoint\":{\"serviceName\":");
    buf_putjson(out, resource->service_name);
    buf_puts(out, "},\"tags\":{\"service.name\":");
    buf_putjson(out, resource->service_name);
    if (!str_empty(resource->version))
        put_tag(out, STR("service.version"), resource->version);
    for (size_t i = 0; i < resource->n_attributes; i++)
        put_tag(out, resource->attributes[i].key, resource->attributes[i].value);
}

static void put_head(struct buf *out, struct str resource) {
    (void)resource;
    buf_putc(out, '[');
}

static void put_tags(struct buf *out, const struct trace_record *r) {
    for (size_t i = 0; i < r->n_attributes; i++) {
        const struct trace_attribute *a = &r->attributes[i];
        buf_puts(out, ",\"");
        buf_puts(out, a->key);
        buf_puts(out, "\":");
        if (a->text.p != NULL) {
            buf_putjson(out, a->text);
        } else {
            buf_putc(out, '"');
            trace_put_int(out, a->number);
            buf_putc(out, '"');
        }
    }
    if (r->left_out > 0) {
        buf_puts(out, ",\"otel.dropped_attributes_count\":\"");
        trace_put_int(out, r->left_out);
        buf_putc(out, '"');
    }
    /* Zipkin takes any "error" for a failure, even "false". */
    if (r->failed) {
        buf_puts(out, ",\"otel.status_code\":\"ERROR\",\"error\":");
        buf_putjson(out, r->status);
    }
}

static void put_span(struct buf *out, struct str resource, const struct trace_record *r) {
    buf_puts(out, "{\"traceId\":\"");
    buf_puts(out, r->trace_id);
    buf_puts(out, "\",\"id\":\"");
    buf_puts(out, r->span_id);
    if (r->parent_id[0] != '\0') {
        buf_puts(out, "\",\"parentId\":\"");
        buf_puts(out, r->parent_id);
    }
    static const char *const kinds[] = {
        [TRACE_SERVER] = "SERVER", [TRACE_CLIENT] = "CLIENT", [TRACE_CONSUMER] = "CONSUMER"};
    buf_puts(out, "\",\"kind\":\"");
    buf_puts(out, kinds[r->kind]);
    buf_putc(out, '"');
    buf_puts(out, ",\"name\":");
    buf_putjson(out, r->name);
    buf_puts(out, ",\"timestamp\":");
    trace_put_int(out, r->start_us);
    buf_puts(out, ",\"duration\":");
    trace_put_int(out, r->duration_us > 0 ? r->duration_us : 1); /* 0 would mean unknown */
    if (r->debug)
        buf_puts(out, ",\"debug\":true");
    if (!str_empty(r->peer_service)) {
        buf_puts(out, ",\"remoteEndpoint\":{\"serviceName\":");
        buf_putjson(out, r->peer_service);
        buf_putc(out, '}');
    }
    buf_putc(out, ',');
    buf_putstr(out, resource);
    put_tags(out, r);
    buf_puts(out, "}}");
}

static void put_tail(struct buf *out) {
    buf_putc(out, ']');
}

const struct trace_format zipkin_format = {
    .resource = put_resource,
    .head = put_head,
    .span = put_span,
    .tail = put_tail,
};
