// SPDX-License-Identifier: Apache-2.0
/* The process_* families that Prometheus clients have in common, read from /proc at each scrape. */
#ifndef TELEMETRY_PROCESS_METRICS_H
#define TELEMETRY_PROCESS_METRICS_H

#include "telemetry/metrics.h"

/* The families live and end with `metrics`. */
void process_metrics_add(struct metrics *metrics);

#endif
