// SPDX-License-Identifier: Apache-2.0
#include "telemetry/metrics.h"

#include "base/obj.h"
#include "codec/number.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define MAX_COLLECTORS 16
#define OTHER "other"
#define LABELS_MAX_BYTES 4096
#define LABELS_USUAL_BYTES 512 /* on the stack */

/* Upper bounds in microseconds, and as Go prints them. */
static const struct {
    int64_t us;
    const char *le;
} buckets[] = {
    {5000, "0.005"},  {10000, "0.01"},  {25000, "0.025"}, {50000, "0.05"},
    {100000, "0.1"},  {250000, "0.25"}, {500000, "0.5"},  {1000000, "1"},
    {2500000, "2.5"}, {5000000, "5"},   {10000000, "10"},
};
#define N_BUCKETS ARRAY_LEN(buckets)

struct histogram {
    _Atomic uint64_t in_bucket[N_BUCKETS]; /* not cumulative; what is above all is in count only */
    _Atomic uint64_t count;
    _Atomic uint64_t sum_us;
};

struct metric {
    struct metric *next;
    char *labels; /* `a="x",b="y"`, ready to print; "" for none */
    _Atomic uint64_t counted;
    _Atomic double set;
    struct histogram *histogram; /* NULL for other types */
};

struct metric_family {
    struct metric_family *next;
    struct metrics *metrics;
    enum metric_type type;
    const char *name;
    const char *help;
    const char *const *label_names;
    size_t n_labels;
    struct metric *series;
    size_t n_series;
};

struct metrics {
    unsigned magic;
#define METRICS_MAGIC 0x2f6de8b4U
    pthread_mutex_t lock; /* guards the lists, not the values */
    struct metric_family *families;
    struct {
        metrics_collect_fn *fn;
        void *priv;
    } collectors[MAX_COLLECTORS];
    size_t n_collectors;
};

struct metrics *metrics_new(void) {
    struct metrics *metrics = calloc(1, sizeof *metrics);
    AN(metrics);
    metrics->magic = METRICS_MAGIC;
    AZ(pthread_mutex_init(&metrics->lock, NULL));
    return metrics;
}

void metrics_free(struct metrics *metrics) {
    if (metrics == NULL)
        return;
    OBJ_CHECK(metrics, METRICS_MAGIC);
    while (metrics->families != NULL) {
        struct metric_family *f = metrics->families;
        metrics->families = f->next;
        while (f->series != NULL) {
            struct metric *m = f->series;
            f->series = m->next;
            free(m->labels);
            free(m->histogram);
            free(m);
        }
        free(f);
    }
    pthread_mutex_destroy(&metrics->lock);
    metrics->magic = 0;
    free(metrics);
}

struct metric_family *metrics_family(struct metrics *metrics, enum metric_type type,
                                     const char *name, const char *help,
                                     const char *const label_names[]) {
    OBJ_CHECK(metrics, METRICS_MAGIC);
    struct metric_family *f = calloc(1, sizeof *f);
    AN(f);
    f->metrics = metrics;
    f->type = type;
    f->name = name;
    f->help = help;
    f->label_names = label_names;
    while (label_names != NULL && label_names[f->n_labels] != NULL)
        f->n_labels++;
    ASSERT(f->n_labels <= METRICS_MAX_LABELS);
    pthread_mutex_lock(&metrics->lock);
    struct metric_family **at = &metrics->families;
    while (*at != NULL && strcmp((*at)->name, name) < 0)
        at = &(*at)->next;
    f->next = *at;
    *at = f;
    pthread_mutex_unlock(&metrics->lock);
    return f;
}

/* ---- series ---- */

static void put_label_value(struct buf *b, struct str value) {
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];
        if (c == '\\' || c == '"')
            buf_putc(b, '\\');
        if (c == '\n')
            buf_puts(b, "\\n");
        else
            buf_putc(b, c);
    }
}

static void put_labels(struct buf *b, const struct metric_family *f, const struct str values[]) {
    for (size_t i = 0; i < f->n_labels; i++) {
        /* A label holds any UTF-8, and nothing else. */
        bool good = values != NULL && values[i].n <= 200 && str_is_utf8(values[i]);
        buf_puts(b, i == 0 ? "" : ",");
        buf_puts(b, f->label_names[i]);
        buf_puts(b, "=\"");
        put_label_value(b, good ? values[i] : STR(OTHER));
        buf_putc(b, '"');
    }
}

static struct metric *find_series(struct metric_family *f, struct str labels) {
    struct metric *m = f->series;
    while (m != NULL && !str_eq(str_c(m->labels), labels))
        m = m->next;
    return m;
}

/* In the order of the labels' text, so that the output is stable. */
static struct metric *add_series(struct metric_family *f, struct str labels) {
    struct metric *m = calloc(1, sizeof *m);
    AN(m);
    m->labels = strndup(labels.p, labels.n);
    AN(m->labels);
    if (f->type == METRIC_HISTOGRAM) {
        m->histogram = calloc(1, sizeof *m->histogram);
        AN(m->histogram);
    }
    struct metric **at = &f->series;
    while (*at != NULL && strcmp((*at)->labels, m->labels) < 0)
        at = &(*at)->next;
    m->next = *at;
    *at = m;
    f->n_series++;
    return m;
}

struct metric *metric_with(struct metric_family *f, const struct str values[]) {
    char usual[LABELS_USUAL_BYTES];
    struct buf labels;
    buf_init_in(&labels, usual, sizeof usual, LABELS_MAX_BYTES);
    put_labels(&labels, f, values);
    pthread_mutex_lock(&f->metrics->lock);
    struct metric *m = find_series(f, buf_str(&labels));
    if (m == NULL && f->n_series >= METRICS_MAX_SERIES) {
        /* Label values may come from callers; they must not fill the memory. */
        buf_reset(&labels);
        put_labels(&labels, f, NULL);
        m = find_series(f, buf_str(&labels));
    }
    if (m == NULL)
        m = add_series(f, buf_str(&labels));
    pthread_mutex_unlock(&f->metrics->lock);
    buf_free(&labels);
    return m;
}

struct metric *metric_of(struct metric_family *f) {
    AZ(f->n_labels);
    return metric_with(f, NULL);
}

void metric_add(struct metric *m, uint64_t n) {
    atomic_fetch_add_explicit(&m->counted, n, memory_order_relaxed);
}

void metric_set(struct metric *m, double value) {
    atomic_store_explicit(&m->set, value, memory_order_relaxed);
}

void metric_observe_us(struct metric *m, int64_t us) {
    struct histogram *h = m->histogram;
    size_t i = 0;
    AN(h);
    while (i < N_BUCKETS && us > buckets[i].us)
        i++;
    if (i < N_BUCKETS)
        atomic_fetch_add_explicit(&h->in_bucket[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->sum_us, us > 0 ? (uint64_t)us : 0, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->count, 1, memory_order_relaxed);
}

/* ---- text ---- */

static void put_number(struct buf *out, double value) {
    char text[NUMBER_TEXT];
    if (isnan(value))
        buf_puts(out, "NaN");
    else if (isinf(value))
        buf_puts(out, value > 0 ? "+Inf" : "-Inf");
    else
        buf_put(out, text, number_print_double(text, value));
}

static void put_sample(struct buf *out, const struct metric_family *f, const char *suffix,
                       const char *labels, const char *le) {
    buf_puts(out, f->name);
    buf_puts(out, suffix);
    if (labels[0] != '\0' || le != NULL) {
        buf_putc(out, '{');
        buf_puts(out, labels);
        if (le != NULL)
            buf_printf(out, "%sle=\"%s\"", labels[0] != '\0' ? "," : "", le);
        buf_putc(out, '}');
    }
    buf_putc(out, ' ');
}

/* The count is read last of all and buckets are summed, so that +Inf is never below a bucket. */
static void put_histogram(struct buf *out, const struct metric_family *f, const struct metric *m) {
    uint64_t cumulative = 0;
    for (size_t i = 0; i < N_BUCKETS; i++) {
        cumulative += atomic_load_explicit(&m->histogram->in_bucket[i], memory_order_relaxed);
        put_sample(out, f, "_bucket", m->labels, buckets[i].le);
        buf_printf(out, "%" PRIu64 "\n", cumulative);
    }
    uint64_t count = atomic_load_explicit(&m->histogram->count, memory_order_relaxed);
    if (count < cumulative)
        count = cumulative;
    put_sample(out, f, "_bucket", m->labels, "+Inf");
    buf_printf(out, "%" PRIu64 "\n", count);
    put_sample(out, f, "_sum", m->labels, NULL);
    put_number(out,
               (double)atomic_load_explicit(&m->histogram->sum_us, memory_order_relaxed) / 1e6);
    buf_putc(out, '\n');
    put_sample(out, f, "_count", m->labels, NULL);
    buf_printf(out, "%" PRIu64 "\n", count);
}

static void put_family(struct buf *out, const struct metric_family *f) {
    static const char *const types[] = {"counter", "gauge", "histogram"};
    if (f->series == NULL)
        return;
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", f->name, f->help, f->name, types[f->type]);
    for (const struct metric *m = f->series; m != NULL; m = m->next) {
        if (f->type == METRIC_HISTOGRAM) {
            put_histogram(out, f, m);
            continue;
        }
        double set = atomic_load_explicit(&m->set, memory_order_relaxed);
        uint64_t counted = atomic_load_explicit(&m->counted, memory_order_relaxed);
        put_sample(out, f, "", m->labels, NULL);
        if (f->type == METRIC_COUNTER && counted > 0)
            buf_printf(out, "%" PRIu64, counted);
        else
            put_number(out, set);
        buf_putc(out, '\n');
    }
}

void metrics_on_collect(struct metrics *metrics, metrics_collect_fn *fn, void *priv) {
    OBJ_CHECK(metrics, METRICS_MAGIC);
    ASSERT(metrics->n_collectors < MAX_COLLECTORS);
    metrics->collectors[metrics->n_collectors].fn = fn;
    metrics->collectors[metrics->n_collectors].priv = priv;
    metrics->n_collectors++;
}

void metrics_write(struct metrics *metrics, struct buf *out) {
    OBJ_CHECK(metrics, METRICS_MAGIC);
    for (size_t i = 0; i < metrics->n_collectors; i++)
        metrics->collectors[i].fn(metrics->collectors[i].priv);
    pthread_mutex_lock(&metrics->lock);
    for (const struct metric_family *f = metrics->families; f != NULL; f = f->next)
        put_family(out, f);
    pthread_mutex_unlock(&metrics->lock);
}
