// SPDX-License-Identifier: Apache-2.0
#include "telemetry/call_metrics.h"

#include "base/obj.h"

#include <stdlib.h>

#define N_CODES 17
#define MAX_METHODS 64

struct method_series {
    const struct rpc_method *method;
    struct metric *started;
    struct metric *handled[N_CODES];
    struct metric *received;
    struct metric *sent;
    struct metric *seconds;
};

struct call_metrics {
    unsigned magic;
#define CALL_METRICS_MAGIC 0x58a3d0e6U
    struct method_series methods[MAX_METHODS];
    size_t n_methods;
    struct metric *rejected[SERVER_HANDLED + 1]; /* NULL for stages that are no rejection */
};

static const char *const method_labels[] = {"grpc_method", "grpc_service", "grpc_type", NULL};
static const char *const code_labels[] = {"grpc_code", "grpc_method", "grpc_service", "grpc_type",
                                          NULL};
static const char *const reason_labels[] = {"reason", NULL};

static void add_rejections(struct call_metrics *m, struct metrics *metrics) {
    static const struct {
        enum server_stage stage;
        struct str reason;
    } rows[] = {
        {SERVER_UNKNOWN_METHOD, STR_INIT("unknown_method")},
        {SERVER_OVERLOADED, STR_INIT("overloaded")},
        {SERVER_NOT_ADMITTED, STR_INIT("not_admitted")},
        {SERVER_UNDECODABLE, STR_INIT("undecodable")},
        {SERVER_ABANDONED, STR_INIT("abandoned")},
    };
    struct metric_family *f =
        metrics_family(metrics, METRIC_COUNTER, "session_dsm_rejected_calls_total",
                       "Calls that never reached a handler.", reason_labels);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        m->rejected[rows[i].stage] = metric_with(f, &rows[i].reason);
}

struct call_metrics *call_metrics_new(struct metrics *metrics, const struct server *server) {
    struct call_metrics *m = calloc(1, sizeof *m);
    AN(m);
    m->magic = CALL_METRICS_MAGIC;
    struct metric_family *started =
        metrics_family(metrics, METRIC_COUNTER, "grpc_server_started_total",
                       "Total number of RPCs started on the server.", method_labels);
    struct metric_family *handled = metrics_family(
        metrics, METRIC_COUNTER, "grpc_server_handled_total",
        "Total number of RPCs completed on the server, regardless of success or failure.",
        code_labels);
    struct metric_family *received = metrics_family(
        metrics, METRIC_COUNTER, "grpc_server_msg_received_total",
        "Total number of RPC stream messages received on the server.", method_labels);
    struct metric_family *sent =
        metrics_family(metrics, METRIC_COUNTER, "grpc_server_msg_sent_total",
                       "Total number of gRPC stream messages sent by the server.", method_labels);
    struct metric_family *seconds =
        metrics_family(metrics, METRIC_HISTOGRAM, "grpc_server_handling_seconds",
                       "Histogram of response latency (seconds) of gRPC that had been "
                       "application-level handled by the server.",
                       method_labels);
    const struct rpc_service *service;
    for (size_t i = 0; (service = server_service(server, i)) != NULL; i++)
        for (size_t k = 0; k < service->n_methods; k++) {
            ASSERT(m->n_methods < MAX_METHODS);
            struct method_series *s = &m->methods[m->n_methods++];
            s->method = &service->methods[k];
            const struct str labels[] = {str_c(s->method->name), str_c(service->name),
                                         str_c(rpc_kind_name(s->method->kind))};
            s->started = metric_with(started, labels);
            s->received = metric_with(received, labels);
            s->sent = metric_with(sent, labels);
            s->seconds = metric_with(seconds, labels);
            for (int code = 0; code < N_CODES; code++) {
                const struct str with_code[] = {str_c(rpc_code_name((enum rpc_code)code)),
                                                labels[0], labels[1], labels[2]};
                s->handled[code] = metric_with(handled, with_code);
            }
        }
    add_rejections(m, metrics);
    return m;
}

void call_metrics_free(struct call_metrics *m) {
    free(m);
}

static struct method_series *find(struct call_metrics *m, const struct rpc_method *method) {
    for (size_t i = 0; i < m->n_methods; i++)
        if (m->methods[i].method == method)
            return &m->methods[i];
    return NULL;
}

void call_metrics_finished(struct call_metrics *m, const struct rpc_call *rpc,
                           const struct server_outcome *outcome) {
    OBJ_CHECK(m, CALL_METRICS_MAGIC);
    if (m->rejected[outcome->stage] != NULL)
        metric_add(m->rejected[outcome->stage], 1);
    struct method_series *s = find(m, rpc->method);
    /* What Go's interceptors never see is not in their series. */
    if (s == NULL || outcome->stage == SERVER_OVERLOADED || outcome->stage == SERVER_UNDECODABLE)
        return;
    metric_add(s->started, 1);
    /* Go counts one of each for a unary call, whatever came of it. */
    bool unary = s->method->kind == RPC_UNARY;
    metric_add(s->received, unary ? 1 : outcome->received);
    metric_add(s->sent, unary ? 1 : outcome->sent);
    if ((size_t)outcome->code < N_CODES)
        metric_add(s->handled[outcome->code], 1);
    metric_observe_us(s->seconds, outcome->duration_us);
}
