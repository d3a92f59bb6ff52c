// SPDX-License-Identifier: Apache-2.0
/*
 * GET /metrics, and what else is for people and probes, over HTTP on a thread of its own: it
 * answers however busy the event loop is. libmicrohttpd, one epoll thread, few connections, short
 * timeouts.
 */
#ifndef TELEMETRY_METRICS_SERVER_H
#define TELEMETRY_METRICS_SERVER_H

#include "base/err.h"
#include "telemetry/metrics.h"

struct metrics_server;

/*
 * Makes an HTML page, on the server's thread, one at a time. Its scripts and styles carry the
 * nonce; nothing else of the page may run or load.
 */
typedef void metrics_server_page_fn(void *priv, struct str nonce, struct buf *out);

/* Whether GET /healthz answers 200, or 503. On the server's thread. */
typedef bool metrics_server_health_fn(void *priv);

struct metrics_server_options {
    struct metrics *metrics;
    int port;                     /* 0 takes a free one */
    metrics_server_page_fn *page; /* of GET /; NULL: there is none */
    void *page_priv;
    metrics_server_health_fn *health; /* NULL: there is no /healthz */
    void *health_priv;
};

/* Listens on every address. UNAVAILABLE if the port cannot be bound. */
struct err *metrics_server_start(const struct metrics_server_options *options, struct arena *a,
                                 struct metrics_server **ret) MUST_CHECK;

int metrics_server_port(const struct metrics_server *server);

/* Ends the thread. NULL is fine. */
void metrics_server_stop(struct metrics_server *server);

#endif
