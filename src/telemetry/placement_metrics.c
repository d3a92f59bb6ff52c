// SPDX-License-Identifier: Apache-2.0
#include "telemetry/placement_metrics.h"

#include "base/loop.h"
#include "base/obj.h"

#include <stdlib.h>

#define INTERVAL_MS 1000

struct placement_metrics {
    unsigned magic;
#define PLACEMENT_METRICS_MAGIC 0x2d83f6b0U
    struct metric *looks[PLACEMENT_N_RESULTS];
    struct metric *report_seconds;
    struct metric *work_seconds;
    struct metric *received;
    struct metric *deleted;
    struct metric *delete_failures;
    struct metric *released;
    struct metric *in_flight;
    struct metric *watched;
    struct metric *held_back;
    struct loop *loop;
    const struct placements *placements;
    struct loop_timer timer;
};

static const char *const result_labels[] = {"result", NULL};

static struct metric *single(struct metrics *metrics, enum metric_type type, const char *name,
                             const char *help) {
    return metric_of(metrics_family(metrics, type, name, help, NULL));
}

struct placement_metrics *placement_metrics_new(struct metrics *all) {
    struct placement_metrics *m = calloc(1, sizeof *m);
    AN(m);
    m->magic = PLACEMENT_METRICS_MAGIC;
    struct metric_family *looks =
        metrics_family(all, METRIC_COUNTER, "session_dsm_placement_looks_total",
                       "Messages and polls of placements, by what came of them.", result_labels);
    for (int i = 0; i < PLACEMENT_N_RESULTS; i++) {
        const struct str label = str_c(placement_result_name((enum placement_result)i));
        m->looks[i] = metric_with(looks, &label);
    }
    m->report_seconds =
        single(all, METRIC_HISTOGRAM, "session_dsm_placement_report_seconds",
               "From the event's arrival in the queue (or the start of polling) to AGS's answer.");
    m->work_seconds = single(all, METRIC_HISTOGRAM, "session_dsm_placement_work_seconds",
                             "How long one look at a placement took.");
    m->received = single(all, METRIC_COUNTER, "session_dsm_placement_messages_received_total",
                         "Messages taken from the placement events queue.");
    m->deleted = single(all, METRIC_COUNTER, "session_dsm_placement_messages_deleted_total",
                        "Messages deleted from it: their placements are dealt with.");
    m->delete_failures = single(
        all, METRIC_COUNTER, "session_dsm_placement_delete_failures_total",
        "Deletions that SQS did not do; they are tried again, or their messages come again.");
    m->released = single(all, METRIC_COUNTER, "session_dsm_placement_messages_released_total",
                         "Messages given back to the queue, to come again later.");
    m->in_flight = single(all, METRIC_GAUGE, "session_dsm_placement_messages_in_flight",
                          "Messages received and not yet deleted or given back.");
    m->watched = single(all, METRIC_GAUGE, "session_dsm_placements_watched",
                        "Placements that are polled for because there is no queue.");
    m->held_back = single(all, METRIC_GAUGE, "session_dsm_placement_events_held_back",
                          "1 while events wait in their queue because AWS or AGS is down.");
    return m;
}

void placement_metrics_observe(void *priv, const struct consumer_observation *seen) {
    struct placement_metrics *m = OBJ_CAST(priv, placement_metrics, PLACEMENT_METRICS_MAGIC);
    metric_add(m->looks[seen->result], 1);
    if (seen->work_us > 0)
        metric_observe_us(m->work_seconds, seen->work_us);
    if (seen->age_ms >= 0 &&
        (seen->result == PLACEMENT_REPORTED_AVAILABLE || seen->result == PLACEMENT_REPORTED_FAILED))
        metric_observe_us(m->report_seconds, seen->age_ms * 1000);
}

static void sample(struct loop_timer *timer) {
    struct placement_metrics *m = CONTAINER_OF(timer, struct placement_metrics, timer);
    OBJ_CHECK(m, PLACEMENT_METRICS_MAGIC);
    const struct placements_stats stats = placements_stats(m->placements);
    metric_set(m->received, (double)stats.queue.received);
    metric_set(m->deleted, (double)stats.queue.deleted);
    metric_set(m->delete_failures, (double)stats.queue.delete_failures);
    metric_set(m->released, (double)stats.queue.released);
    metric_set(m->in_flight, (double)stats.queue.in_flight);
    metric_set(m->held_back, stats.queue.held_back ? 1.0 : 0.0);
    metric_set(m->watched, (double)stats.watched);
    loop_timer_start(m->loop, &m->timer, INTERVAL_MS, sample);
}

void placement_metrics_watch(struct placement_metrics *m, struct loop *loop,
                             const struct placements *placements) {
    m->loop = loop;
    m->placements = placements;
    sample(&m->timer);
}

void placement_metrics_stop(struct placement_metrics *m) {
    if (m != NULL)
        loop_timer_stop(&m->timer);
}

void placement_metrics_free(struct placement_metrics *m) {
    if (m == NULL)
        return;
    OBJ_CHECK(m, PLACEMENT_METRICS_MAGIC);
    m->magic = 0;
    free(m);
}
