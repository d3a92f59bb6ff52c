// SPDX-License-Identifier: Apache-2.0
/*
 * How the service is at this moment, as the console shows it: sampled on the event loop, where
 * these things live, and copied from there by the thread that makes the page.
 */
#ifndef CONSOLE_STATE_H
#define CONSOLE_STATE_H

#include "handlers/reclaim.h"
#include "telemetry/service_metrics.h"

#define STATE_INTERVAL_MS 500
#define STATE_RECLAIMS 20 /* shown; all are counted */
#define STATE_PLACEMENTS 40

struct state {
    int64_t at_mono_ms; /* of the sample; 0 before the first */
    bool serving;       /* false once the service drains */
    size_t in_flight;
    size_t upstream_in_flight;
    size_t upstream_open;
    uint64_t log_dropped;
    uint64_t servers_left;
    bool credentials;              /* there are some */
    int64_t credentials_expiry_ms; /* Unix milliseconds, or AWS_CREDENTIALS_NEVER */
    double token_age_s;            /* NaN: there is none */
    bool authorized;               /* callers need a token */
    double keys_age_s;             /* NaN: never loaded */
    double revocations_age_s;
    uint64_t refused; /* callers' tokens */
    bool tls;
    int64_t tls_expires_s; /* since 1970 */
    size_t n_reclaims;
    struct reclaim_view reclaims[STATE_RECLAIMS];
    struct placements_stats placement_stats;
    size_t n_placements;
    struct placement_view placements[STATE_PLACEMENTS];
};

struct state_sampler;

/* Samples from now on. What the options name outlives it; `stopping` is read each time. */
struct state_sampler *state_sampler_new(const struct service_metrics_options *of,
                                        const bool *stopping);
/* On the loop. NULL is fine. */
void state_sampler_free(struct state_sampler *s);

/* The newest sample. Any thread. */
void state_copy(struct state_sampler *s, struct state *ret);

#endif
