// SPDX-License-Identifier: Apache-2.0
#include "telemetry/service_metrics.h"

#include "auth/roles.h"
#include "base/clock.h"
#include "base/obj.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#define INTERVAL_MS 1000
#define ALIVE_MS 3000

/* What becomes of connections to the gRPC port. */
enum { ACCEPTED, REFUSED, STRANGER, CUT_OFF, CONNECTION_FATES };

struct service_metrics {
    unsigned magic;
#define SERVICE_METRICS_MAGIC 0x7d15e2f9U
    struct service_metrics_options options;
    struct loop_timer timer;
    int64_t due_us;         /* when the timer should run */
    _Atomic int64_t ran_ms; /* the last time that it did */
    struct metric *lag;
    struct metric *in_flight;
    struct metric *transfers;
    struct metric *connections;
    struct metric *connections_opened;
    struct metric *log_dropped;
    struct metric *credentials_expiry;
    struct metric *token_age;
    struct metric *reclaims;
    struct metric *servers_left;
    struct metric *unsure_terminations;
    struct metric *spans_exported;
    struct metric *spans_dropped;
    struct metric *spans_queued;
    struct metric *grpc_open;
    struct metric *grpc_connections[CONNECTION_FATES];
    struct metric *grpc_stalls;
    struct metric *certificate_expiry;
    struct metric *certificate_reloads[2]; /* failed, loaded */
    struct metric *keys_age;
    struct metric *revocations_age;
    struct metric *keys_loads[2]; /* failed, loaded; as the next */
    struct metric *revocations_loads[2];
    struct metric *unknown_keys;
    struct metric *checks[AUTHORIZER_RESULTS];
    struct metric *roles_known;
    struct metric *roles_loads[2]; /* failed, loaded */
    struct metric_family *locations;
};

static const char *const result_labels[] = {"result", NULL};
static const char *const results[] = {"failed", "loaded"};
static const char *const load_labels[] = {"result", "what", NULL};
static const char *const location_labels[] = {"code", "location", NULL};

static struct metric *single(struct metrics *metrics, enum metric_type type, const char *name,
                             const char *help) {
    return metric_of(metrics_family(metrics, type, name, help, NULL));
}

static double credentials_expiry(struct aws_credentials_provider *provider) {
    const struct aws_credentials *c = aws_credentials_peek(provider);
    if (c == NULL)
        return 0.0;
    if (c->expiry_ms == AWS_CREDENTIALS_NEVER)
        return (double)INFINITY;
    return (double)c->expiry_ms / 1000.0;
}

static void sample_traces(struct service_metrics *m) {
    const struct trace_stats spans = tracer_stats(m->options.tracer);
    metric_set(m->spans_exported, (double)spans.exported);
    metric_set(m->spans_dropped, (double)spans.dropped);
    metric_set(m->spans_queued, (double)spans.queued);
}

static void sample_authorization(struct service_metrics *m) {
    struct trust_stats trust;
    struct auth_refresh_stats loads;
    if (m->options.authorizer == NULL)
        return;
    trust_store_stats(m->options.trust, &trust);
    metric_set(m->keys_age, trust.keys_age_s);
    metric_set(m->revocations_age, trust.revocations_age_s);
    auth_refresh_stats(m->options.refresh, &loads);
    metric_set(m->keys_loads[false], (double)loads.keys_failed);
    metric_set(m->keys_loads[true], (double)loads.keys_loaded);
    metric_set(m->revocations_loads[false], (double)loads.revocations_failed);
    metric_set(m->revocations_loads[true], (double)loads.revocations_loaded);
    metric_set(m->unknown_keys, (double)loads.unknown_key_fetches);
    for (int i = 0; i < AUTHORIZER_RESULTS; i++)
        metric_set(m->checks[i],
                   (double)authorizer_count(m->options.authorizer, (enum authorizer_result)i));
}

static void sample_roles(struct service_metrics *m) {
    struct roles_stats roles;
    if (m->options.roles == NULL)
        return;
    roles_stats(m->options.roles, &roles);
    metric_set(m->roles_known, (double)roles.known);
    metric_set(m->roles_loads[false], (double)roles.failed);
    metric_set(m->roles_loads[true], (double)roles.fetched);
}

static void sample_connections(struct service_metrics *m) {
    struct server_connections connections;
    struct server_tls_stats tls;
    server_connections(m->options.server, &connections);
    server_tls_stats(m->options.server, &tls);
    metric_set(m->grpc_open, (double)connections.open);
    metric_set(m->grpc_connections[ACCEPTED], (double)connections.accepted);
    metric_set(m->grpc_connections[REFUSED], (double)connections.refused);
    metric_set(m->grpc_connections[STRANGER], (double)connections.strangers);
    metric_set(m->grpc_connections[CUT_OFF], (double)connections.cut_off);
    metric_set(m->grpc_stalls, (double)connections.stalls);
    metric_set(m->certificate_expiry, (double)tls.certificate_expires_s);
    metric_set(m->certificate_reloads[false], (double)tls.failed_reloads);
    metric_set(m->certificate_reloads[true], (double)tls.reloads);
}

static void sample(struct loop_timer *timer) {
    struct service_metrics *m = CONTAINER_OF(timer, struct service_metrics, timer);
    OBJ_CHECK(m, SERVICE_METRICS_MAGIC);
    const struct service_metrics_options *o = &m->options;
    const struct http_curl_stats http = http_curl_stats(o->http);
    int64_t now = clock_mono_us();
    metric_set(m->lag, now > m->due_us ? (double)(now - m->due_us) / 1e6 : 0.0);
    metric_set(m->in_flight, (double)server_in_flight(o->server));
    metric_set(m->transfers, (double)http.running);
    metric_set(m->connections, (double)http.open);
    metric_set(m->connections_opened, (double)http.connections);
    metric_set(m->log_dropped, (double)log_dropped());
    metric_set(m->credentials_expiry, credentials_expiry(o->credentials));
    metric_set(m->token_age, ags_client_token_age_s(o->service->ags));
    metric_set(m->reclaims, (double)list_count(&o->service->reclaims));
    metric_set(m->servers_left, (double)o->service->servers_left);
    metric_set(m->unsure_terminations, (double)o->service->unsure_terminations);
    sample_traces(m);
    sample_connections(m);
    sample_authorization(m);
    sample_roles(m);
    m->due_us = now + (int64_t)INTERVAL_MS * 1000;
    atomic_store(&m->ran_ms, now / 1000);
    loop_timer_start(o->loop, &m->timer, INTERVAL_MS, sample);
}

/* Hook of the create handler. */
static void on_location(void *priv, struct ctx *ctx, struct str location, const struct err *err) {
    (void)ctx;
    struct service_metrics *m = OBJ_CAST(priv, service_metrics, SERVICE_METRICS_MAGIC);
    struct str code = STR("OK");
    if (err != NULL)
        code = str_empty(err->type) ? str_c(rpc_code_name(err->code)) : err->type;
    const struct str labels[] = {code, location};
    metric_add(metric_with(m->locations, labels), 1);
}

static void add_traces(struct service_metrics *m, struct metrics *all) {
    m->spans_exported = single(all, METRIC_COUNTER, "session_dsm_trace_spans_exported_total",
                               "Spans that a collector has taken.");
    m->spans_dropped = single(all, METRIC_COUNTER, "session_dsm_trace_spans_dropped_total",
                              "Spans lost because the queue was full or the collector failed.");
    m->spans_queued = single(all, METRIC_GAUGE, "session_dsm_trace_spans_queued",
                             "Spans that wait for the next report.");
}

static void add_connections(struct service_metrics *m, struct metrics *all) {
    static const char *const fates[CONNECTION_FATES] = {"accepted", "refused", "stranger",
                                                        "cut_off"};
    m->grpc_open = single(all, METRIC_GAUGE, "session_dsm_grpc_connections",
                          "Open connections to the gRPC port.");
    struct metric_family *connections = metrics_family(
        all, METRIC_COUNTER, "session_dsm_grpc_connections_total",
        "Connections to the gRPC port: accepted, refused beyond a cap, strangers that do not speak "
        "HTTP/2 or TLS, accepted but cut off for a flood.",
        result_labels);
    for (int i = 0; i < CONNECTION_FATES; i++) {
        const struct str label = str_c(fates[i]);
        m->grpc_connections[i] = metric_with(connections, &label);
    }
    m->grpc_stalls = single(all, METRIC_COUNTER, "session_dsm_grpc_accept_stalls_total",
                            "Times that no connection could be taken for want of descriptors or "
                            "memory.");
    m->certificate_expiry =
        single(all, METRIC_GAUGE, "session_dsm_tls_certificate_expiry_timestamp_seconds",
               "When the gRPC server's certificate expires; 0 without TLS.");
    struct metric_family *reloads = metrics_family(
        all, METRIC_COUNTER, "session_dsm_tls_reloads_total",
        "Readings of changed TLS files; after a failed one the old stay in use.", result_labels);
    for (int i = 0; i < 2; i++) {
        const struct str label = str_c(results[i]);
        m->certificate_reloads[i] = metric_with(reloads, &label);
    }
}

static void add_authorization(struct service_metrics *m, struct metrics *all) {
    m->keys_age = single(all, METRIC_GAUGE, "session_dsm_auth_keys_age_seconds",
                         "Age of AGS's token keys in use; NaN for none.");
    m->revocations_age = single(all, METRIC_GAUGE, "session_dsm_auth_revocation_list_age_seconds",
                                "Age of AGS's revocation list in use; NaN for none.");
    metric_set(m->keys_age, (double)NAN);
    metric_set(m->revocations_age, (double)NAN);
    struct metric_family *loads = metrics_family(
        all, METRIC_COUNTER, "session_dsm_auth_trust_loads_total",
        "Times that AGS was asked for its token keys or its revocation list.", load_labels);
    for (int i = 0; i < 2; i++) {
        const struct str of_keys[] = {str_c(results[i]), STR("keys")};
        const struct str of_revocations[] = {str_c(results[i]), STR("revocations")};
        m->keys_loads[i] = metric_with(loads, of_keys);
        m->revocations_loads[i] = metric_with(loads, of_revocations);
    }
    m->unknown_keys = single(all, METRIC_COUNTER, "session_dsm_auth_unknown_key_loads_total",
                             "Of these, loads of keys because of a key id that was not known.");
    struct metric_family *checks =
        metrics_family(all, METRIC_COUNTER, "session_dsm_auth_checks_total",
                       "Access tokens of callers, by what came of the check.", result_labels);
    for (int i = 0; i < AUTHORIZER_RESULTS; i++) {
        const struct str label = str_c(authorizer_result_name((enum authorizer_result)i));
        m->checks[i] = metric_with(checks, &label);
    }
}

static void add_roles(struct service_metrics *m, struct metrics *all) {
    m->roles_known = single(all, METRIC_GAUGE, "session_dsm_auth_roles",
                            "Roles and namespaces whose permissions or studio are known from AGS.");
    struct metric_family *loads =
        metrics_family(all, METRIC_COUNTER, "session_dsm_auth_role_loads_total",
                       "Times that AGS was asked for one of them.", result_labels);
    for (int i = 0; i < 2; i++) {
        const struct str label = str_c(results[i]);
        m->roles_loads[i] = metric_with(loads, &label);
    }
}

struct service_metrics *service_metrics_new(const struct service_metrics_options *options) {
    struct service_metrics *m = calloc(1, sizeof *m);
    struct metrics *all = options->metrics;
    AN(m);
    m->magic = SERVICE_METRICS_MAGIC;
    m->options = *options;
    m->lag = single(all, METRIC_GAUGE, "session_dsm_event_loop_lag_seconds",
                    "How late the event loop ran its last one-second timer.");
    m->in_flight = single(all, METRIC_GAUGE, "session_dsm_calls_in_flight",
                          "Calls that have arrived and are not over.");
    m->transfers = single(all, METRIC_GAUGE, "session_dsm_upstream_requests_in_flight",
                          "HTTP requests under way to AWS and AGS.");
    m->connections = single(all, METRIC_GAUGE, "session_dsm_upstream_connections",
                            "Open connections to AWS and AGS, idle ones included.");
    m->connections_opened = single(all, METRIC_COUNTER, "session_dsm_upstream_connections_total",
                                   "Connections opened to AWS and AGS.");
    m->log_dropped = single(all, METRIC_COUNTER, "session_dsm_log_lines_dropped_total",
                            "Log lines lost because standard output stalled.");
    m->credentials_expiry =
        single(all, METRIC_GAUGE, "session_dsm_aws_credentials_expiry_timestamp_seconds",
               "When the AWS credentials in use expire; 0 for none, +Inf for never.");
    m->token_age = single(all, METRIC_GAUGE, "session_dsm_ags_token_age_seconds",
                          "Age of the AGS access token in use; NaN for none.");
    m->reclaims =
        single(all, METRIC_GAUGE, "session_dsm_reclaims_pending",
               "Servers that a failed call may have left behind and that are looked for.");
    m->servers_left = single(all, METRIC_COUNTER, "session_dsm_servers_left_running_total",
                             "Servers that may still run although nobody wants them; each is an "
                             "error in the log.");
    m->unsure_terminations =
        single(all, METRIC_COUNTER, "session_dsm_unsure_terminations_total",
               "Terminations that found nothing, of sessions whose queue is not known.");
    m->locations = metrics_family(all, METRIC_COUNTER, "session_dsm_create_locations_total",
                                  "Locations asked for a game session, by the error name or OK.",
                                  location_labels);
    add_traces(m, all);
    add_connections(m, all);
    add_authorization(m, all);
    add_roles(m, all);
    options->service->on_location = on_location;
    options->service->on_location_priv = m;
    m->due_us = clock_mono_us();
    sample(&m->timer);
    return m;
}

bool service_metrics_alive(const struct service_metrics *m) {
    OBJ_CHECK(m, SERVICE_METRICS_MAGIC);
    return clock_mono_us() / 1000 - atomic_load(&m->ran_ms) < ALIVE_MS;
}

void service_metrics_free(struct service_metrics *m) {
    if (m == NULL)
        return;
    OBJ_CHECK(m, SERVICE_METRICS_MAGIC);
    loop_timer_stop(&m->timer);
    m->magic = 0;
    free(m);
}
