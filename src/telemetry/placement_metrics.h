// SPDX-License-Identifier: Apache-2.0
/* Counts what becomes of placements, and how long AGS waits to hear of it. */
#ifndef TELEMETRY_PLACEMENT_METRICS_H
#define TELEMETRY_PLACEMENT_METRICS_H

#include "placements/placements.h"
#include "telemetry/metrics.h"

struct placement_metrics;

struct placement_metrics *placement_metrics_new(struct metrics *metrics);
/* NULL is fine. */
void placement_metrics_free(struct placement_metrics *m);

/* consumer_observe_fn; priv is the struct placement_metrics. */
void placement_metrics_observe(void *priv, const struct consumer_observation *seen);

/* Samples once a second from now on, until it is stopped, which it is before they go. */
void placement_metrics_watch(struct placement_metrics *m, struct loop *loop,
                             const struct placements *placements);
/* Harmless for one that is not sampling, and for NULL. */
void placement_metrics_stop(struct placement_metrics *m);

#endif
