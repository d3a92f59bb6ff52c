// SPDX-License-Identifier: Apache-2.0
/*
 * The state of the service itself, sampled on the event loop once a second: how late the loop runs,
 * calls in flight, connections, the age of credentials and token, servers looked for. The values at
 * the moment of a sample; what needs counting is counted where it happens.
 */
#ifndef TELEMETRY_SERVICE_METRICS_H
#define TELEMETRY_SERVICE_METRICS_H

#include "ags/client.h"
#include "auth/authorizer.h"
#include "auth/refresh.h"
#include "aws/credentials.h"
#include "grpc/server.h"
#include "handlers/service.h"
#include "http/curl.h"
#include "placements/placements.h"
#include "telemetry/metrics.h"
#include "telemetry/trace.h"

struct service_metrics_options { /* all outlive the sampler */
    struct metrics *metrics;
    struct loop *loop;
    struct http_client *http;
    struct server *server;
    struct aws_credentials_provider *credentials;
    struct dsm_service *service;
    struct tracer *tracer;
    struct trust_store *trust; /* NULL, like the next: callers are not authorized */
    struct authorizer *authorizer;
    struct auth_refresh *refresh;
    struct roles *roles;                  /* NULL: no permission is asked for */
    struct placements *const *placements; /* NULL in there until they are started */
};

struct service_metrics;

/* Starts sampling. */
struct service_metrics *service_metrics_new(const struct service_metrics_options *options);
/* The event loop has run within the last three seconds. Any thread. */
bool service_metrics_alive(const struct service_metrics *m);
/* Ends it. NULL is fine. */
void service_metrics_free(struct service_metrics *m);

#endif
