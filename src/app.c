// SPDX-License-Identifier: Apache-2.0
#include "app.h"

#include "app_authorization.h"
#include "app_aws.h"
#include "app_console.h"
#include "aws/client.h"
#include "base/clock.h"
#include "base/obj.h"
#include "grpc/health.h"
#include "grpc/reflection.h"
#include "grpc/runtime.h"
#include "grpc/server.h"
#include "handlers/reclaim.h"
#include "handlers/service.h"
#include "http/curl.h"
#include "placements/placements.h"
#include "telemetry/access_log.h"
#include "telemetry/call_metrics.h"
#include "telemetry/metrics_server.h"
#include "telemetry/placement_metrics.h"
#include "telemetry/process_metrics.h"
#include "telemetry/service_metrics.h"
#include "telemetry/trace.h"
#include "telemetry/upstream_metrics.h"
#include "version.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

/* Session data has up to 262,144 characters of up to four bytes; the rest is small. */
#define MAX_MESSAGE_BYTES (((size_t)1 << 20) + 65536)
/* Above what the library buffers: a message that is too large is refused by itself, and only what
 * goes beyond that costs its sender the connection. */
#define MAX_STRAY_BYTES ((size_t)128 << 20)
#define FLUSH_MS 2000   /* for spans at the end */
#define RECLAIM_MS 5000 /* for servers left behind, where the calls have used up the grace time */

struct app {
    struct arena *arena;
    struct config config;
    struct trace_settings trace_settings;
    struct tracer *tracer;
    struct loop *loop;
    struct http_client *http;
    struct dsm_service service;
    struct app_authorization auth;
    struct app_aws aws;
    struct placements *placements;
    struct placement_metrics *placement_metrics;
    struct metrics *metrics;
    struct call_metrics *call_metrics;
    struct upstream_metrics *upstream_metrics;
    struct service_metrics *service_metrics;
    struct metrics_server *metrics_server;
    struct recorder *recorder; /* NULL, like the next: no console */
    struct console *console;
    struct server *server;
    struct health_service *health;
    struct reflection_service *reflection;
    uv_signal_t sigterm;
    uv_signal_t sigint;
    struct loop_timer drain_timer;
    bool stopping;
    atomic_bool draining;  /* the same, for other threads */
    int64_t drained_by_ms; /* end of the grace time */
    int still_draining;
};

/* ---- life ---- */

static void on_flushed(void *priv) {
    struct app *app = priv;
    LOG_INFO(NULL, "stopped");
    loop_stop(app->loop);
}

/* Of the calls and what they left behind, and of the placements: spans go out once both are over.
 */
static void on_part_drained(void *priv) {
    struct app *app = priv;
    if (--app->still_draining > 0)
        return;
    tracer_flush(app->tracer, FLUSH_MS, on_flushed, app);
}

/* No call is left; servers that some of them left behind may be. */
static void on_drained(void *priv) {
    struct app *app = priv;
    int64_t grace = (int64_t)app->config.shutdown_grace_s * 1000;
    int64_t least = grace < RECLAIM_MS ? grace : RECLAIM_MS;
    int64_t left = app->drained_by_ms - clock_mono_ms();
    reclaim_finish_all(&app->service, left > least ? left : least, on_part_drained, app);
}

static void on_delay(struct loop_timer *timer) {
    struct app *app = CONTAINER_OF(timer, struct app, drain_timer);
    int64_t grace = (int64_t)app->config.shutdown_grace_s * 1000;
    app->drained_by_ms = clock_mono_ms() + grace;
    server_drain(app->server, grace, on_drained, app);
}

/* The first signal drains; the second one ends the process at once. */
static void on_signal(uv_signal_t *handle, int number) {
    struct app *app = handle->data;
    if (app->stopping)
        _exit(128 + number);
    app->stopping = true;
    atomic_store(&app->draining, true);
    LOG_INFO(NULL, "stopping", LOG_CSTR("signal", number == SIGTERM ? "SIGTERM" : "SIGINT"),
             LOG_INT("delaySeconds", app->config.shutdown_delay_s),
             LOG_INT("graceSeconds", app->config.shutdown_grace_s),
             LOG_INT("inFlight", server_in_flight(app->server)));
    health_drain(app->health);
    app->still_draining = 2;
    placements_drain(app->placements, on_part_drained, app);
    /* Meanwhile calls still come, from those who have not heard of it. */
    loop_timer_start(app->loop, &app->drain_timer, (int64_t)app->config.shutdown_delay_s * 1000,
                     on_delay);
}

static void watch_signals(struct app *app) {
    AZ(uv_signal_init(loop_uv(app->loop), &app->sigterm));
    AZ(uv_signal_init(loop_uv(app->loop), &app->sigint));
    app->sigterm.data = app;
    app->sigint.data = app;
    AZ(uv_signal_start(&app->sigterm, on_signal, SIGTERM));
    AZ(uv_signal_start(&app->sigint, on_signal, SIGINT));
}

/* ---- wiring ---- */

/* Of the clients: an attempt of a request is over. */
static void on_aws_attempt(void *priv, struct ctx *ctx, const struct aws_operation *op,
                           struct str region, int attempt, int64_t duration_us,
                           const struct err *err) {
    struct app *app = priv;
    upstream_metrics_aws(app->upstream_metrics, ctx, op, region, attempt, duration_us, err);
    recorder_attempt(app->recorder, ctx, op->service->name, op->name, region, duration_us, err);
}

static void on_ags_attempt(void *priv, struct ctx *ctx, const struct rest_operation *op,
                           int attempt, int64_t duration_us, const struct err *err) {
    struct app *app = priv;
    upstream_metrics_ags(app->upstream_metrics, ctx, op, attempt, duration_us, err);
    recorder_attempt(app->recorder, ctx, STR("AGS"), op->name, STR_NULL, duration_us, err);
}

static void open_http(struct app *app) {
    const struct http_curl_options http = {.ca_bundle = app->config.aws_ca_bundle};
    app->http = http_curl_new(app->loop, &http);
    const struct tracer_options tracing = {
        .loop = app->loop,
        .http = app->http,
        .settings = &app->trace_settings,
        .version = STR(VERSION),
        .user_agent = STR("session-dsm/" VERSION),
    };
    app->tracer = tracer_new(&tracing);
}

static struct err *connect_aws(struct app *app) {
    const struct app_aws_options options = {
        .config = &app->config,
        .loop = app->loop,
        .http = app->http,
        .tracer = tracer_http(app->tracer),
        .observe = on_aws_attempt,
        .observe_priv = app,
    };
    struct err *err = app_aws_start(&app->aws, app->arena, &options);
    app->service.gamelift = app->aws.gamelift;
    return err;
}

static void start_placements(struct app *app) {
    struct config *c = &app->config;
    const struct placements_options options = {
        .svc = &app->service,
        .sqs = app->aws.sqs,
        .queue_url = c->placement_events_queue_url,
        .poll = c->placement_poll,
        .report_all = str_eq(c->placement_report, STR("all")),
        .own_namespace = c->ab_namespace,
        .namespaces = c->placement_namespaces,
        .topic_arns = c->placement_topic_arns,
        .max_in_flight = c->placement_max_in_flight,
        .visibility_s = c->placement_visibility_timeout_s,
        .retry_max_ms = c->placement_retry_max_ms,
        .tracer = tracer_http(app->tracer),
        .observe = placement_metrics_observe,
        .observe_priv = app->placement_metrics,
    };
    app->placements = placements_new(&options);
    placement_metrics_watch(app->placement_metrics, app->loop, app->placements);
}

static void connect_ags(struct app *app) {
    struct config *c = &app->config;
    const struct ags_client_options options = {
        .loop = app->loop,
        .http = app->http,
        .base_url = c->ab_base_url,
        .client_id = c->ab_client_id,
        .client_secret = secret_reveal(&c->ab_client_secret),
        .user_agent = STR("session-dsm/" VERSION),
        .observe = on_ags_attempt,
        .observe_priv = app,
        .tracer = tracer_http(app->tracer),
    };
    app->service.ags = ags_client_new(&options);
    /* In the background: serving does not wait for AGS. */
    ags_client_prepare(app->service.ags);
}

static void set_up_service(struct app *app) {
    struct config *c = &app->config;
    struct dsm_service *svc = &app->service;
    svc->loop = app->loop;
    svc->alias_id_override = c->aws_alias_id_override;
    svc->location_override = c->aws_location_override;
    svc->queue_arn_override = c->aws_queue_arn_override;
    svc->wait_active = c->gamelift_wait_active;
    svc->queue_use_requested_regions = c->gamelift_queue_use_requested_regions;
    svc->termination_mode = str_eq(c->gamelift_termination_mode, STR("FORCE_TERMINATE"))
                                ? GL_TERMINATION_MODE_FORCE_TERMINATE
                                : GL_TERMINATION_MODE_TRIGGER_ON_PROCESS_TERMINATE;
    svc->reclaim_delay_ms = c->reclaim_delay_ms;
    svc->call_limit_ms = c->request_timeout_ms;
}

/* Hook of the server: a call has arrived. */
static struct err *on_admit(void *priv, struct rpc_call *rpc) {
    struct app *app = priv;
    tracer_admit(app->tracer, rpc);
    recorder_admit(app->recorder, rpc);
    struct err *err = access_log_admit(NULL, rpc);
    if (err == NULL && app->auth.authorizer != NULL)
        err = authorizer_admit(app->auth.authorizer, rpc);
    return err;
}

/* Hook of the server: a call is over. */
static void on_finished(void *priv, const struct rpc_call *rpc,
                        const struct server_outcome *outcome) {
    struct app *app = priv;
    access_log_finished(NULL, rpc, outcome);
    call_metrics_finished(app->call_metrics, rpc, outcome);
    recorder_finished(app->recorder, rpc, outcome);
    tracer_finished(app->tracer, rpc, outcome);
}

static void start_console(struct app *app, const struct service_metrics_options *of) {
    const struct app_console_options options = {
        .arena = app->arena,
        .config = &app->config,
        .trace_settings = &app->trace_settings,
        .recorder = app->recorder,
        .of = of,
        .stopping = &app->stopping,
        .region = aws_client_region(app->service.gamelift),
    };
    app->console = app_console_new(&options);
}

/* Of the metrics server: what health says over gRPC, for probes that cannot speak that, or TLS. */
static bool on_health(void *priv) {
    struct app *app = priv;
    return !atomic_load(&app->draining) && service_metrics_alive(app->service_metrics);
}

static struct err *start_metrics(struct app *app) {
    const struct service_metrics_options options = {
        .metrics = app->metrics,
        .loop = app->loop,
        .http = app->http,
        .server = app->server,
        .credentials = app->aws.credentials,
        .service = &app->service,
        .tracer = app->tracer,
        .trust = app->auth.trust,
        .authorizer = app->auth.authorizer,
        .refresh = app->auth.refresh,
        .roles = app->auth.roles,
        .placements = &app->placements,
    };
    app->call_metrics = call_metrics_new(app->metrics, app->server);
    app->service_metrics = service_metrics_new(&options);
    if (app->recorder != NULL)
        start_console(app, &options);
    const struct metrics_server_options web = {
        .metrics = app->metrics,
        .port = app->config.metrics_port,
        .page = app->console != NULL ? console_page : NULL,
        .page_priv = app->console,
        .health = on_health,
        .health_priv = app,
    };
    return metrics_server_start(&web, app->arena, &app->metrics_server);
}

static const char *file_name(struct app *app, struct str path) {
    return str_empty(path) ? NULL : arena_cstr(app->arena, path);
}

static struct err *start_serving(struct app *app) {
    const struct config *c = &app->config;
    const struct server_options options = {
        .port = c->grpc_port,
        .tls = {.certificate = file_name(app, c->grpc_tls_certificate_file),
                .key = file_name(app, c->grpc_tls_key_file),
                .client_ca = file_name(app, c->grpc_tls_client_ca_file)},
        .max_message_bytes = MAX_MESSAGE_BYTES,
        .max_stray_bytes = MAX_STRAY_BYTES,
        .default_deadline_ms = c->request_timeout_ms,
        .admit = on_admit,
        .finished = on_finished,
        .priv = app,
    };
    app->server = server_new(app->loop, &options);
    server_add_service(app->server, &dsm_session_dsm_service, &dsm_handlers, &app->service, 0);
    app->reflection = reflection_new();
    reflection_add_to(app->reflection, app->server);
    app->health = health_new();
    health_add_to(app->health, app->server);
    struct err *err = start_metrics(app);
    return err != NULL ? err : server_start(app->server, app->arena);
}

struct app *app_new(void) {
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    struct app *app = arena_alloc(a, sizeof *app);
    app->arena = a;
    dsm_service_init(&app->service);
    return app;
}

struct err *app_start(struct app *app) {
    struct err *err = config_load(app->arena, &app->config);
    if (err != NULL)
        return err;
    log_start(app->config.log_level, STDOUT_FILENO);
    trace_settings_load(app->arena, &app->trace_settings);
    runtime_acquire();
    app->loop = loop_new();
    app->metrics = metrics_new();
    process_metrics_add(app->metrics);
    app->upstream_metrics = upstream_metrics_new(app->metrics);
    if (app->config.console_enabled)
        app->recorder = recorder_new();
    app->placement_metrics = placement_metrics_new(app->metrics);
    set_up_service(app);
    open_http(app);
    err = connect_aws(app);
    if (err != NULL)
        return err;
    connect_ags(app);
    app_authorization_start(&app->auth, &app->config, app->loop, app->service.ags);
    err = start_serving(app);
    if (err == NULL)
        start_placements(app);
    return err;
}

void app_run(struct app *app) {
    watch_signals(app);
    LOG_INFO(NULL, "serving", LOG_CSTR("version", VERSION),
             LOG_INT("grpc.port", server_port(app->server)),
             LOG_INT("metrics.port", metrics_server_port(app->metrics_server)),
             LOG_STR("aws.region", aws_client_region(app->service.gamelift)));
    loop_run(app->loop);
    uv_close((uv_handle_t *)&app->sigterm, NULL);
    uv_close((uv_handle_t *)&app->sigint, NULL);
}

void app_free(struct app *app) {
    metrics_server_stop(app->metrics_server);
    console_free(app->console);
    service_metrics_free(app->service_metrics);
    server_free(app->server);
    reflection_free(app->reflection);
    health_free(app->health);
    app_authorization_end(&app->auth);
    reclaim_give_up_all(&app->service);
    placement_metrics_stop(app->placement_metrics);
    placements_free(app->placements);
    ags_client_free(app->service.ags);
    app_aws_end_clients(&app->aws);
    tracer_free(app->tracer);
    http_curl_free(app->http);
    app_aws_end_credentials(&app->aws);
    upstream_metrics_free(app->upstream_metrics);
    placement_metrics_free(app->placement_metrics);
    call_metrics_free(app->call_metrics);
    recorder_free(app->recorder);
    metrics_free(app->metrics);
    if (app->loop != NULL) {
        loop_free(app->loop);
        runtime_release();
    }
    config_clear(&app->config);
    trace_settings_clear(&app->trace_settings);
    log_stop(1000);
    arena_free(app->arena);
}
