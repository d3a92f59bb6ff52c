// SPDX-License-Identifier: Apache-2.0
/*
 * What happens to calls, as AccelByte's Go templates count it (go-grpc-middleware's names, labels
 * and series that exist from the start), so that their dashboards work; and what they leave out.
 */
#ifndef TELEMETRY_CALL_METRICS_H
#define TELEMETRY_CALL_METRICS_H

#include "grpc/server.h"
#include "telemetry/metrics.h"

struct call_metrics;

/* Makes the series of every method of the server's services: call it after they were added. */
struct call_metrics *call_metrics_new(struct metrics *metrics, const struct server *server);
void call_metrics_free(struct call_metrics *m);

/* To be called from the server's hook of the same name; any thread. */
void call_metrics_finished(struct call_metrics *m, const struct rpc_call *rpc,
                           const struct server_outcome *outcome);

#endif
