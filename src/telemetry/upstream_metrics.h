// SPDX-License-Identifier: Apache-2.0
/* Requests to AWS and AGS by operation, outcome and region. The loop's thread only. */
#ifndef TELEMETRY_UPSTREAM_METRICS_H
#define TELEMETRY_UPSTREAM_METRICS_H

#include "ags/client.h"
#include "aws/client.h"
#include "telemetry/metrics.h"

struct upstream_metrics;

struct upstream_metrics *upstream_metrics_new(struct metrics *metrics);
void upstream_metrics_free(struct upstream_metrics *m);

/* For the clients' observe options; priv is the struct upstream_metrics. */
aws_observe_fn upstream_metrics_aws;
ags_observe_fn upstream_metrics_ags;

#endif
