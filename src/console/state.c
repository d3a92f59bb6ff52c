// SPDX-License-Identifier: Apache-2.0
#include "console/state.h"

#include "base/clock.h"
#include "base/obj.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

struct state_sampler {
    unsigned magic;
#define STATE_SAMPLER_MAGIC 0x64e1b7d3U
    struct service_metrics_options of;
    const bool *stopping;
    struct loop_timer timer;
    pthread_mutex_t lock; /* held for the copying of a sample */
    struct state newest;
};

static void sample_trust(const struct service_metrics_options *of, struct state *s) {
    struct trust_stats trust;
    s->keys_age_s = (double)NAN;
    s->revocations_age_s = (double)NAN;
    s->authorized = of->authorizer != NULL;
    if (of->authorizer == NULL)
        return;
    trust_store_stats(of->trust, &trust);
    s->keys_age_s = trust.keys_age_s;
    s->revocations_age_s = trust.revocations_age_s;
    for (int i = 0; i < AUTHORIZER_RESULTS; i++)
        if (i != AUTHORIZER_ADMITTED_CACHED && i != AUTHORIZER_ADMITTED_VERIFIED)
            s->refused += authorizer_count(of->authorizer, (enum authorizer_result)i);
}

static void sample(struct loop_timer *timer) {
    struct state_sampler *sampler = CONTAINER_OF(timer, struct state_sampler, timer);
    OBJ_CHECK(sampler, STATE_SAMPLER_MAGIC);
    const struct service_metrics_options *of = &sampler->of;
    const struct http_curl_stats http = http_curl_stats(of->http);
    const struct aws_credentials *creds = aws_credentials_peek(of->credentials);
    struct server_tls_stats tls;
    struct state s = {
        .at_mono_ms = clock_mono_ms(),
        .serving = !*sampler->stopping,
        .in_flight = server_in_flight(of->server),
        .upstream_in_flight = http.running,
        .upstream_open = http.open,
        .log_dropped = log_dropped(),
        .servers_left = of->service->servers_left,
        .credentials = creds != NULL,
        .credentials_expiry_ms = creds != NULL ? creds->expiry_ms : 0,
        .token_age_s = ags_client_token_age_s(of->service->ags),
    };
    server_tls_stats(of->server, &tls);
    s.tls = tls.on;
    s.tls_expires_s = tls.certificate_expires_s;
    sample_trust(of, &s);
    s.n_reclaims = reclaim_views(of->service, s.reclaims, STATE_RECLAIMS);
    if (*of->placements != NULL) {
        s.placement_stats = placements_stats(*of->placements);
        s.n_placements = placements_views(*of->placements, s.placements, STATE_PLACEMENTS);
    }
    AZ(pthread_mutex_lock(&sampler->lock));
    sampler->newest = s;
    AZ(pthread_mutex_unlock(&sampler->lock));
    loop_timer_start(of->loop, &sampler->timer, STATE_INTERVAL_MS, sample);
}

struct state_sampler *state_sampler_new(const struct service_metrics_options *of,
                                        const bool *stopping) {
    struct state_sampler *s = calloc(1, sizeof *s);
    AN(s);
    s->magic = STATE_SAMPLER_MAGIC;
    s->of = *of;
    s->stopping = stopping;
    AZ(pthread_mutex_init(&s->lock, NULL));
    sample(&s->timer);
    return s;
}

void state_sampler_free(struct state_sampler *s) {
    if (s == NULL)
        return;
    OBJ_CHECK(s, STATE_SAMPLER_MAGIC);
    loop_timer_stop(&s->timer);
    pthread_mutex_destroy(&s->lock);
    s->magic = 0;
    free(s);
}

void state_copy(struct state_sampler *s, struct state *ret) {
    OBJ_CHECK(s, STATE_SAMPLER_MAGIC);
    AZ(pthread_mutex_lock(&s->lock));
    *ret = s->newest;
    AZ(pthread_mutex_unlock(&s->lock));
}
