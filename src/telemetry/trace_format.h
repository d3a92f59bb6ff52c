// SPDX-License-Identifier: Apache-2.0
/*
 * A span that is over, and how a report of spans is written: the seam between recording and the
 * formats. A report is head, spans with commas between them, tail.
 */
#ifndef TELEMETRY_TRACE_FORMAT_H
#define TELEMETRY_TRACE_FORMAT_H

#include "base/buf.h"
#include "telemetry/trace_pairs.h"

enum trace_kind { TRACE_SERVER, TRACE_CLIENT, TRACE_CONSUMER };

struct trace_attribute {
    const char *key; /* plain ASCII */
    struct str text; /* absent: the number counts */
    int64_t number;
};

/* Views; valid while it is written. */
struct trace_record {
    enum trace_kind kind;
    const char *trace_id;  /* 32 digits */
    const char *span_id;   /* 16 digits */
    const char *parent_id; /* 16 digits, or "" for a root */
    bool remote_parent;    /* the parent is somebody else's */
    bool debug;
    struct str tracestate; /* may be absent */
    struct str name;
    int64_t start_us; /* since 1970 */
    int64_t duration_us;
    struct str peer_service; /* of a client span */
    const struct trace_attribute *attributes;
    size_t n_attributes;
    int left_out; /* attributes past the limit */
    bool failed;
    struct str status; /* why it failed, in few words */
};

struct trace_resource {
    struct str service_name;
    struct str version; /* of this program */
    const struct trace_pair *attributes;
    size_t n_attributes;
};

struct trace_format {
    /* What all spans share, written once; the others get it back as it was. */
    void (*resource)(struct buf *out, const struct trace_resource *resource);
    void (*head)(struct buf *out, struct str resource);
    void (*span)(struct buf *out, struct str resource, const struct trace_record *record);
    void (*tail)(struct buf *out);
};

/* In decimal; formats write a dozen for each span, and printing is slow. */
void trace_put_int(struct buf *out, int64_t value);

#endif
