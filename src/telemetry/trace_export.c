// SPDX-License-Identifier: Apache-2.0
#include "telemetry/trace_export.h"

#include "base/clock.h"
#include "base/obj.h"
#include "base/random.h"
#include "http/backoff.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define REPORT_MAX ((size_t)2 << 20) /* bytes of one report without its tail */
#define TAIL_MAX 64                  /* bytes of any format's tail */
#define ANSWER_MAX ((size_t)64 << 10)
#define SEND_MEMORY ((size_t)8 << 20)
#define RETRY_BASE_MS 2000
#define RETRY_CAP_MS 60000
#define OWN_HEADERS 3

/* Being filled, or waiting to be sent. */
struct report {
    struct list node;
    struct buf text;
    size_t n;         /* spans */
    int64_t since_ms; /* on clock_mono_ms */
};

struct trace_exporter {
    unsigned magic;
#define TRACE_EXPORTER_MAGIC 0x2e84d1c9U
    struct trace_exporter_options options;
    struct arena *arena;
    struct str resource;

    pthread_mutex_t lock; /* of the next three; `queued` may be read without */
    struct list reports;  /* oldest first; only the last one is still being filled */
    bool wake_posted;
    atomic_size_t queued; /* spans in all reports */
    struct loop_job wake;
    _Atomic uint64_t exported;
    _Atomic uint64_t dropped;

    /* The loop's. */
    struct loop_timer timer;
    int64_t retry_ms; /* nothing is sent before */
    int failures;     /* in a row */
    bool sending;
    size_t sent;               /* spans on their way */
    struct ctx ctx;            /* of the report on its way, with its arena */
    trace_flushed_fn *flushed; /* set: flushing */
    void *flushed_priv;
    bool flush_over;
    struct loop_timer flush_timer;
};

static void plan(struct trace_exporter *e);

/* ---- filling; any thread, with the lock ---- */

static struct report *new_report(struct trace_exporter *e) {
    struct report *r = calloc(1, sizeof *r);
    AN(r);
    buf_init(&r->text, REPORT_MAX + TAIL_MAX);
    r->since_ms = clock_mono_ms();
    list_append(&e->reports, &r->node);
    e->options.format->head(&r->text, e->resource);
    return r;
}

static void free_report(struct report *r) {
    list_remove(&r->node);
    buf_free(&r->text);
    free(r);
}

static struct report *first_report(struct trace_exporter *e) {
    return list_empty(&e->reports) ? NULL : CONTAINER_OF(e->reports.next, struct report, node);
}

/* The one to write into; NULL if there is none that takes more. */
static struct report *open_report(struct trace_exporter *e) {
    if (list_empty(&e->reports))
        return NULL;
    struct report *r = CONTAINER_OF(e->reports.prev, struct report, node);
    return r->n < (size_t)e->options.settings->max_batch ? r : NULL;
}

/* False, with the report as it was, if the span does not fit. */
static bool put(struct trace_exporter *e, struct report *r, const struct trace_record *record) {
    size_t before = r->text.n;
    if (r->n > 0)
        buf_putc(&r->text, ',');
    e->options.format->span(&r->text, e->resource, record);
    if (!r->text.failed && r->text.n <= REPORT_MAX) {
        r->n++;
        return true;
    }
    r->text.n = before;
    r->text.failed = false;
    return false;
}

/* The report that took the span, or NULL. */
static struct report *put_somewhere(struct trace_exporter *e, const struct trace_record *record) {
    struct report *r = open_report(e);
    if (r != NULL && put(e, r, record))
        return r;
    r = new_report(e);
    if (put(e, r, record))
        return r;
    free_report(r); /* one span alone is too large */
    return NULL;
}

static bool is_full(const struct trace_exporter *e) {
    return atomic_load_explicit(&e->queued, memory_order_relaxed) >=
           (size_t)e->options.settings->max_queue;
}

static loop_job_fn on_wake;

void trace_exporter_add(struct trace_exporter *exporter, const struct trace_record *record) {
    struct trace_exporter *e = exporter;
    struct report *r = NULL;
    bool post = false;
    OBJ_CHECK(e, TRACE_EXPORTER_MAGIC);
    if (is_full(e)) {
        atomic_fetch_add_explicit(&e->dropped, 1, memory_order_relaxed);
        return;
    }
    AZ(pthread_mutex_lock(&e->lock));
    if (!is_full(e))
        r = put_somewhere(e, record);
    if (r != NULL) {
        atomic_fetch_add_explicit(&e->queued, 1, memory_order_relaxed);
        /* The loop has to know of a report's first span, and of its last. */
        post = !e->wake_posted && (r->n == 1 || r->n == (size_t)e->options.settings->max_batch);
        e->wake_posted = e->wake_posted || post;
    }
    AZ(pthread_mutex_unlock(&e->lock));
    if (r == NULL)
        atomic_fetch_add_explicit(&e->dropped, 1, memory_order_relaxed);
    if (post)
        loop_post(e->options.loop, &e->wake, on_wake);
}

/* ---- sending; on the loop ---- */

/* Takes the oldest report out of the queue; NULL if it is empty. */
static struct report *take(struct trace_exporter *e) {
    AZ(pthread_mutex_lock(&e->lock));
    struct report *r = first_report(e);
    if (r != NULL) {
        list_remove(&r->node);
        atomic_fetch_sub_explicit(&e->queued, r->n, memory_order_relaxed);
    }
    AZ(pthread_mutex_unlock(&e->lock));
    return r;
}

static void drop_all(struct trace_exporter *e) {
    struct report *r;
    while ((r = take(e)) != NULL) {
        atomic_fetch_add_explicit(&e->dropped, r->n, memory_order_relaxed);
        free_report(r);
    }
}

static void note_success(struct trace_exporter *e) {
    atomic_fetch_add_explicit(&e->exported, e->sent, memory_order_relaxed);
    if (e->failures > 0)
        LOG_INFO(NULL, "spans are exported again", LOG_INT("failedReports", e->failures));
    e->failures = 0;
}

/* Tells of the first failure only; the metrics tell of the rest. */
static void note_failure(struct trace_exporter *e, const struct http_response *resp,
                         const struct err *err) {
    int64_t wish = resp != NULL ? backoff_wished_ms(resp) : -1;
    atomic_fetch_add_explicit(&e->dropped, e->sent, memory_order_relaxed);
    if (e->failures++ == 0 && err != NULL)
        LOG_WARN(NULL, "spans cannot be exported; they are dropped", LOG_ERR(err));
    else if (e->failures == 1 && resp != NULL)
        LOG_WARN(NULL, "spans cannot be exported; they are dropped",
                 LOG_INT("httpStatus", resp->status));
    int64_t wait =
        RETRY_BASE_MS / 2 + backoff_ms(RETRY_BASE_MS, RETRY_CAP_MS, e->failures, random_unit());
    e->retry_ms = clock_mono_ms() + (wish > wait ? wish : wait);
}

static void on_reported(void *priv, const struct http_response *resp, const struct err *err) {
    struct trace_exporter *e = OBJ_CAST(priv, trace_exporter, TRACE_EXPORTER_MAGIC);
    bool taken = resp != NULL && resp->status / 100 == 2;
    if (taken)
        note_success(e);
    else
        note_failure(e, resp, err);
    e->sending = false;
    arena_free(e->ctx.arena);
    e->ctx.arena = NULL;
    if (!taken && e->flushed != NULL)
        drop_all(e);
    plan(e);
}

/* What the user wants to be sent along; a few names are ours. */
static size_t add_headers(struct trace_exporter *e, struct arena *a, struct http_header *ret) {
    const struct trace_settings *s = e->options.settings;
    struct trace_pair *pairs = arena_array(a, TRACE_MAX_PAIRS, sizeof *pairs);
    size_t n_pairs = 0;
    size_t n = 0;
    if (s->exporter == TRACE_EXPORT_OTLP && secret_present(&s->headers))
        (void)trace_pairs_read(a, secret_reveal(&s->headers), pairs, &n_pairs);
    for (size_t i = 0; i < n_pairs; i++)
        if (!str_eq_nocase(pairs[i].key, STR("content-type")) &&
            !str_eq_nocase(pairs[i].key, STR("content-length")))
            ret[n++] = (struct http_header){pairs[i].key, pairs[i].value};
    return n;
}

static void free_sent(void *arg) {
    free_report(arg);
}

static void send_report(struct trace_exporter *e, struct report *r) {
    const struct trace_settings *s = e->options.settings;
    struct http_header headers[OWN_HEADERS + TRACE_MAX_PAIRS];
    struct arena *a = arena_new(SEND_MEMORY);
    size_t n = 0;
    ctx_init(&e->ctx, a, NULL, clock_mono_ms() + s->timeout_ms);
    e->options.format->tail(&r->text);
    AZ(r->text.failed);
    headers[n++] = (struct http_header){STR("Content-Type"), STR("application/json")};
    headers[n++] = (struct http_header){STR("User-Agent"), e->options.user_agent};
    headers[n++] = (struct http_header){STR("b3"), STR("0")}; /* a report is no work to trace */
    n += add_headers(e, a, headers + n);
    const struct http_request req = {
        .method = STR("POST"),
        .url = s->endpoint,
        .headers = headers,
        .n_headers = n,
        .body = buf_str(&r->text),
        .timeout_ms = s->timeout_ms,
        .max_response = ANSWER_MAX,
    };
    e->sending = true;
    e->sent = r->n;
    arena_defer(a, free_sent, r);
    http_start(e->options.http, &e->ctx, &req, on_reported, e);
}

static void on_flushed(struct loop_timer *timer) {
    struct trace_exporter *e = CONTAINER_OF(timer, struct trace_exporter, flush_timer);
    OBJ_CHECK(e, TRACE_EXPORTER_MAGIC);
    e->flushed(e->flushed_priv);
}

static void on_due(struct loop_timer *timer) {
    plan(CONTAINER_OF(timer, struct trace_exporter, timer));
}

static void on_wake(struct loop_job *job) {
    struct trace_exporter *e = CONTAINER_OF(job, struct trace_exporter, wake);
    OBJ_CHECK(e, TRACE_EXPORTER_MAGIC);
    AZ(pthread_mutex_lock(&e->lock));
    e->wake_posted = false;
    AZ(pthread_mutex_unlock(&e->lock));
    plan(e);
}

/* When the oldest report should go; false if there is none. */
static bool next_due(struct trace_exporter *e, int64_t *ret_ms) {
    const struct trace_settings *s = e->options.settings;
    AZ(pthread_mutex_lock(&e->lock));
    const struct report *r = first_report(e);
    if (r != NULL) {
        bool closed = r->n >= (size_t)s->max_batch || r->node.next != &e->reports;
        *ret_ms = closed ? r->since_ms : r->since_ms + s->delay_ms;
    }
    AZ(pthread_mutex_unlock(&e->lock));
    return r != NULL;
}

/* Decides what happens next: send, wait, or be done with flushing. */
static void plan(struct trace_exporter *e) {
    int64_t now = clock_mono_ms();
    int64_t due;
    OBJ_CHECK(e, TRACE_EXPORTER_MAGIC);
    if (e->sending || e->flush_over)
        return;
    loop_timer_stop(&e->timer);
    if (!next_due(e, &due)) {
        e->flush_over = e->flushed != NULL;
        if (e->flush_over)
            loop_timer_start(e->options.loop, &e->flush_timer, 0, on_flushed);
        return;
    }
    if (due < e->retry_ms)
        due = e->retry_ms;
    if (due > now && e->flushed == NULL) {
        loop_timer_start(e->options.loop, &e->timer, due - now, on_due);
        return;
    }
    struct report *r = take(e);
    AN(r); /* only the loop takes */
    send_report(e, r);
}

static void on_flush_limit(struct loop_timer *timer) {
    static const struct err reason = {
        .code = RPC_DEADLINE_EXCEEDED,
        .origin = ERR_CALLER,
        .msg = STR_INIT("the program ends"),
    };
    struct trace_exporter *e = CONTAINER_OF(timer, struct trace_exporter, flush_timer);
    OBJ_CHECK(e, TRACE_EXPORTER_MAGIC);
    drop_all(e);
    if (e->sending)
        ctx_cancel(&e->ctx, &reason);
    else
        plan(e);
}

void trace_exporter_flush(struct trace_exporter *exporter, int64_t timeout_ms, trace_flushed_fn *fn,
                          void *priv) {
    struct trace_exporter *e = exporter;
    OBJ_CHECK(e, TRACE_EXPORTER_MAGIC);
    AZ(e->flushed);
    e->flushed = fn;
    e->flushed_priv = priv;
    loop_timer_start(e->options.loop, &e->flush_timer, timeout_ms, on_flush_limit);
    plan(e);
}

/* ---- the exporter ---- */

struct trace_exporter *trace_exporter_new(const struct trace_exporter_options *options) {
    const struct trace_settings *s = options->settings;
    struct trace_exporter *e = calloc(1, sizeof *e);
    struct buf text;
    AN(e);
    e->magic = TRACE_EXPORTER_MAGIC;
    e->options = *options;
    e->arena = arena_new(ARENA_LIMIT_DEFAULT);
    e->options.version = arena_str(e->arena, options->version);
    e->options.user_agent = arena_str(e->arena, options->user_agent);
    list_init(&e->reports);
    AZ(pthread_mutex_init(&e->lock, NULL));
    const struct trace_resource resource = {
        .service_name = s->service_name,
        .version = options->version,
        .attributes = s->resource,
        .n_attributes = s->n_resource,
    };
    buf_init(&text, REPORT_MAX / 2); /* the environment is smaller */
    e->options.format->resource(&text, &resource);
    AZ(text.failed);
    e->resource = arena_str(e->arena, buf_str(&text));
    buf_free(&text);
    return e;
}

void trace_exporter_free(struct trace_exporter *exporter) {
    struct trace_exporter *e = exporter;
    if (e == NULL)
        return;
    OBJ_CHECK(e, TRACE_EXPORTER_MAGIC);
    loop_timer_stop(&e->timer);
    loop_timer_stop(&e->flush_timer);
    if (e->sending)
        arena_free(e->ctx.arena); /* ends the request without a callback */
    drop_all(e);
    AZ(pthread_mutex_destroy(&e->lock));
    arena_free(e->arena);
    e->magic = 0;
    free(e);
}

struct trace_stats trace_exporter_stats(struct trace_exporter *exporter) {
    struct trace_exporter *e = exporter;
    OBJ_CHECK(e, TRACE_EXPORTER_MAGIC);
    return (struct trace_stats){
        .exported = atomic_load_explicit(&e->exported, memory_order_relaxed),
        .dropped = atomic_load_explicit(&e->dropped, memory_order_relaxed),
        .queued = atomic_load_explicit(&e->queued, memory_order_relaxed),
    };
}
