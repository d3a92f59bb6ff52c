// SPDX-License-Identifier: Apache-2.0
#include "telemetry/upstream_metrics.h"

#include "base/obj.h"

#include <stdlib.h>

#define KEPT 32 /* operations in regions whose usual series are kept at hand */

struct usual {
    const void *operation;
    const char *region;
    struct metric *ok;
    struct metric *seconds;
    struct metric *retries;
};

struct upstream_metrics {
    unsigned magic;
#define UPSTREAM_METRICS_MAGIC 0x14c9a7b3U
    struct metric_family *requests;
    struct metric_family *seconds;
    struct metric_family *retries;
    struct usual kept[KEPT];
    size_t n_kept;
};

static const char *const request_labels[] = {"code", "operation", "region", "service", NULL};
static const char *const operation_labels[] = {"operation", "service", NULL};

struct upstream_metrics *upstream_metrics_new(struct metrics *metrics) {
    struct upstream_metrics *m = calloc(1, sizeof *m);
    AN(m);
    m->magic = UPSTREAM_METRICS_MAGIC;
    m->requests = metrics_family(
        metrics, METRIC_COUNTER, "session_dsm_upstream_requests_total",
        "Requests to AWS and AGS, each attempt counted, by the error name or OK.", request_labels);
    m->seconds = metrics_family(metrics, METRIC_HISTOGRAM, "session_dsm_upstream_request_seconds",
                                "How long one attempt took.", operation_labels);
    m->retries =
        metrics_family(metrics, METRIC_COUNTER, "session_dsm_upstream_retries_total",
                       "Attempts that were not the first of their request.", operation_labels);
    return m;
}

void upstream_metrics_free(struct upstream_metrics *m) {
    free(m);
}

static struct metric *requests(struct upstream_metrics *m, struct str service, struct str operation,
                               struct str region, struct str code) {
    const struct str labels[] = {code, operation, region, service};
    return metric_with(m->requests, labels);
}

static struct usual usual_of(struct upstream_metrics *m, const void *key, struct str service,
                             struct str operation, struct str region) {
    for (size_t i = 0; i < m->n_kept; i++)
        if (m->kept[i].operation == key && m->kept[i].region == region.p)
            return m->kept[i];
    const struct str labels[] = {operation, service};
    const struct usual made = {
        .operation = key,
        .region = region.p,
        .ok = requests(m, service, operation, region, STR("OK")),
        .seconds = metric_with(m->seconds, labels),
        .retries = metric_with(m->retries, labels),
    };
    if (m->n_kept < KEPT)
        m->kept[m->n_kept++] = made;
    return made;
}

/* The upstream's own error name, or what became of an attempt that had no answer. */
static struct str code_of(const struct err *err) {
    return str_empty(err->type) ? str_c(rpc_code_name(err->code)) : err->type;
}

static void count(struct upstream_metrics *m, const void *key, struct str service,
                  struct str operation, struct str region, int attempt, int64_t duration_us,
                  const struct err *err) {
    OBJ_CHECK(m, UPSTREAM_METRICS_MAGIC);
    struct usual u = usual_of(m, key, service, operation, region);
    metric_add(err == NULL ? u.ok : requests(m, service, operation, region, code_of(err)), 1);
    metric_observe_us(u.seconds, duration_us);
    if (attempt > 1)
        metric_add(u.retries, 1);
}

void upstream_metrics_aws(void *priv, struct ctx *ctx, const struct aws_operation *op,
                          struct str region, int attempt, int64_t duration_us,
                          const struct err *err) {
    (void)ctx;
    count(priv, op, op->service->name, op->name, region, attempt, duration_us, err);
}

void upstream_metrics_ags(void *priv, struct ctx *ctx, const struct rest_operation *op, int attempt,
                          int64_t duration_us, const struct err *err) {
    (void)ctx;
    count(priv, op, STR("AGS"), op->name, STR(""), attempt, duration_us, err);
}
