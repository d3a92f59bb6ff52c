// SPDX-License-Identifier: Apache-2.0
/*
 * Finished spans on their way to a collector: written at once into the report that is being filled,
 * sent in batches, one report at a time. Whoever finishes a span never waits: a span that finds the
 * queue full is dropped and counted, and so are those of a report that fails; after a failure the
 * next report waits, longer each time.
 */
#ifndef TELEMETRY_TRACE_EXPORT_H
#define TELEMETRY_TRACE_EXPORT_H

#include "base/loop.h"
#include "http/http.h"
#include "telemetry/trace_format.h"
#include "telemetry/trace_settings.h"

struct trace_exporter;

struct trace_exporter_options {
    struct loop *loop;        /* outlives the exporter */
    struct http_client *http; /* outlives the exporter */
    const struct trace_format *format;
    const struct trace_settings *settings; /* endpoint and limits; outlives the exporter */
    struct str version;                    /* of this program; copied */
    struct str user_agent;                 /* copied */
};

struct trace_stats {
    uint64_t exported; /* spans that a collector took */
    uint64_t dropped;  /* spans lost to a full queue or a failed report */
    size_t queued;     /* spans that wait */
};

struct trace_exporter *trace_exporter_new(const struct trace_exporter_options *options);

/* A flush is over, or the loop has stopped for good; what still waits is forgotten. NULL is fine.
 */
void trace_exporter_free(struct trace_exporter *exporter);

/* Any thread. The record is used before the return. */
void trace_exporter_add(struct trace_exporter *exporter, const struct trace_record *record);

typedef void trace_flushed_fn(void *priv);

/*
 * Sends what is queued, without delay, until it is gone, a report fails or timeout_ms is over; the
 * rest is dropped. fn runs once, from the loop, never before this returns. Nothing may be added any
 * more. On the loop's thread; once.
 */
void trace_exporter_flush(struct trace_exporter *exporter, int64_t timeout_ms, trace_flushed_fn *fn,
                          void *priv);

/* Any thread. */
struct trace_stats trace_exporter_stats(struct trace_exporter *exporter);

#endif
