// SPDX-License-Identifier: Apache-2.0
/*
 * Counters, gauges and histograms, and their text for Prometheus.
 * Format: https://prometheus.io/docs/instrumenting/exposition_formats/ (version 0.0.4)
 *
 * Any thread may count at any time: values are atomics, and a series once made stays where it is.
 * Whoever counts often keeps the series' pointer. Text is made only when somebody asks for it.
 */
#ifndef TELEMETRY_METRICS_H
#define TELEMETRY_METRICS_H

#include "base/buf.h"

#define METRICS_MAX_LABELS 4
#define METRICS_MAX_SERIES 500 /* of one family; what comes later is counted under "other" */

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metrics;
struct metric_family;
struct metric;

struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);

/*
 * A new family; name, help and label names are kept as they are and must outlive it. Label names
 * end with NULL and should be sorted. Histograms are of seconds, in the buckets of the Go
 * middleware.
 */
struct metric_family *metrics_family(struct metrics *metrics, enum metric_type type,
                                     const char *name, const char *help,
                                     const char *const label_names[]);

/* The series with these label values (as many as names), made at its first use. Never NULL. */
struct metric *metric_with(struct metric_family *family, const struct str values[]);

/* The only series of a family without labels. */
struct metric *metric_of(struct metric_family *family);

void metric_add(struct metric *m, uint64_t n);        /* counter */
void metric_set(struct metric *m, double value);      /* gauge; also a counter kept elsewhere */
void metric_observe_us(struct metric *m, int64_t us); /* histogram */

/* Called before each text is made, on the thread that asks for it, to set what is not counted. */
typedef void metrics_collect_fn(void *priv);
void metrics_on_collect(struct metrics *metrics, metrics_collect_fn *fn, void *priv);

/* Appends the whole text, families by name. One caller at a time. */
void metrics_write(struct metrics *metrics, struct buf *out);

#endif
