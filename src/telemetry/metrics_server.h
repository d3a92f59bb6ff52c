// SPDX-License-Identifier: Apache-2.0
/*
 * GET /metrics over HTTP, on a thread of its own: it answers however busy the event loop is.
 * libmicrohttpd, one epoll thread, few connections, short timeouts.
 */
#ifndef TELEMETRY_METRICS_SERVER_H
#define TELEMETRY_METRICS_SERVER_H

#include "base/err.h"
#include "telemetry/metrics.h"

struct metrics_server;

/* Listens on every address. Port 0 takes a free one. UNAVAILABLE if the port cannot be bound. */
struct err *metrics_server_start(struct metrics *metrics, int port, struct arena *a,
                                 struct metrics_server **ret) MUST_CHECK;

int metrics_server_port(const struct metrics_server *server);

/* Ends the thread. NULL is fine. */
void metrics_server_stop(struct metrics_server *server);

#endif
