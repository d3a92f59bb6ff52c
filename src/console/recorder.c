// SPDX-License-Identifier: Apache-2.0
#include "console/recorder.h"

#include "base/clock.h"
#include "base/obj.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_METHODS 64
#define US_PER_SLICE (RECORDER_SLICE_MS * INT64_C(1000))

/* What a call did so far; in its arena. */
struct call_trail {
    struct arena *arena; /* the call's; what is done for it has arenas that end before */
    struct step *first;
    struct step **last;
    unsigned n;
    int64_t pending_us; /* of attempts since the last location */
};

struct step {
    struct step *next;
    struct str what;
    struct str answer;
    bool location;
    bool ok;
    uint32_t duration_us;
};

/* Where a method's request keeps what is shown of it. */
struct method_fields {
    const struct rpc_method *method;
    struct kept_series *series;
    size_t session_id; /* offsets; 0: it has none */
    size_t namespace;
    size_t region; /* of the response */
};

struct kept_series {
    struct series s; /* slices as a ring: slice number modulo RECORDER_SLICES */
    int64_t slice;   /* number of the newest */
    size_t name_n;   /* lengths of the texts in s */
    size_t region_n;
};

struct recorder {
    unsigned magic;
#define RECORDER_MAGIC 0x2f0c81a9U
    /* Each held for the copying of one entry. */
    pthread_mutex_t calls_lock;
    pthread_mutex_t series_lock;
    pthread_mutex_t troubles_lock;

    uint64_t n_calls; /* so far */
    struct recorded_call calls[RECORDER_CALLS];

    struct kept_series *series[RECORDER_SERIES]; /* made at their first use */
    size_t n_series;
    struct method_fields methods[MAX_METHODS];
    size_t n_methods;

    struct trouble troubles[RECORDER_TROUBLES];
    size_t n_troubles;
};

struct recorder *recorder_new(void) {
    struct recorder *r = calloc(1, sizeof *r);
    AN(r);
    r->magic = RECORDER_MAGIC;
    AZ(pthread_mutex_init(&r->calls_lock, NULL));
    AZ(pthread_mutex_init(&r->series_lock, NULL));
    AZ(pthread_mutex_init(&r->troubles_lock, NULL));
    return r;
}

void recorder_free(struct recorder *r) {
    if (r == NULL)
        return;
    OBJ_CHECK(r, RECORDER_MAGIC);
    for (size_t i = 0; i < r->n_series; i++)
        free(r->series[i]);
    pthread_mutex_destroy(&r->calls_lock);
    pthread_mutex_destroy(&r->series_lock);
    pthread_mutex_destroy(&r->troubles_lock);
    r->magic = 0;
    free(r);
}

static struct str name_of(const struct err *err) {
    return str_empty(err->type) ? str_c(rpc_code_name(err->code)) : err->type;
}

/* ---- slices of time ---- */

/* Two buckets for each doubling, from half a millisecond on. */
static unsigned bucket_of(int64_t us) {
    uint64_t v = us < 0 ? 0 : (uint64_t)us >> 8; /* a quarter of a millisecond */
    if (v == 0)
        return 0;
    unsigned top = 63U - (unsigned)__builtin_clzll(v);
    unsigned half = top == 0 ? 0 : (unsigned)(v >> (top - 1)) & 1U;
    unsigned bucket = 1 + 2 * top + half;
    return bucket < RECORDER_HISTOGRAM ? bucket : RECORDER_HISTOGRAM - 1;
}

/* Upper end of a bucket in microseconds. */
static double bucket_end_us(unsigned bucket) {
    if (bucket == 0)
        return 256.0;
    double from = (double)(UINT64_C(256) << ((bucket - 1) / 2));
    return from * ((bucket - 1) % 2 == 0 ? 1.5 : 2.0);
}

double recorder_quantile(const uint32_t histogram[RECORDER_HISTOGRAM], double share) {
    uint64_t all = 0;
    uint64_t below = 0;
    for (unsigned i = 0; i < RECORDER_HISTOGRAM; i++)
        all += histogram[i];
    if (all == 0)
        return 0.0;
    for (unsigned i = 0; i < RECORDER_HISTOGRAM; i++) {
        uint64_t n = histogram[i];
        if ((double)(below + n) >= share * (double)all) {
            double from = i == 0 ? 0.0 : bucket_end_us(i - 1);
            double part = n == 0 ? 0.0 : (share * (double)all - (double)below) / (double)n;
            return (from + (bucket_end_us(i) - from) * part) / 1000.0;
        }
        below += n;
    }
    return bucket_end_us(RECORDER_HISTOGRAM - 1) / 1000.0;
}

/* Slices between the newest and now are empty ones. The lock is held. */
static void advance(struct kept_series *k, int64_t slice) {
    if (slice - k->slice >= RECORDER_SLICES)
        memset(k->s.slices, 0, sizeof k->s.slices);
    else
        while (k->slice < slice)
            k->s.slices[(size_t)(++k->slice) % RECORDER_SLICES] = (struct slice){.ok = 0};
    if (slice > k->slice)
        k->slice = slice;
}

/* The lock is held. */
static void count(struct kept_series *k, bool ok, int64_t duration_us) {
    if (k == NULL)
        return;
    int64_t slice = clock_mono_us() / US_PER_SLICE;
    if (slice > k->slice)
        advance(k, slice);
    struct slice *s = &k->s.slices[(size_t)k->slice % RECORDER_SLICES];
    if (ok)
        s->ok++;
    else
        s->failed++;
    uint16_t *bucket = &s->histogram[bucket_of(duration_us)];
    if (*bucket < UINT16_MAX)
        ++*bucket;
}

static bool is_series(const struct kept_series *k, enum series_kind kind, struct str name,
                      struct str region) {
    return k->s.kind == kind && k->name_n == name.n && k->region_n == region.n &&
           (name.n == 0 || memcmp(k->s.name, name.p, name.n) == 0) &&
           (region.n == 0 || memcmp(k->s.region, region.p, region.n) == 0);
}

/* The series of that name, made if need be; NULL if there are too many. The lock is held. */
static struct kept_series *series_of(struct recorder *r, enum series_kind kind, struct str name,
                                     struct str region) {
    struct kept_series *k;
    name = str_utf8_cut(name, sizeof k->s.name - 1);
    region = str_utf8_cut(region, sizeof k->s.region - 1);
    for (size_t i = 0; i < r->n_series; i++)
        if (is_series(r->series[i], kind, name, region))
            return r->series[i];
    if (r->n_series == RECORDER_SERIES)
        return NULL;
    k = calloc(1, sizeof *k);
    AN(k);
    k->s.kind = kind;
    STR_UTF8_COPY(k->s.name, name);
    STR_UTF8_COPY(k->s.region, region);
    k->name_n = name.n;
    k->region_n = region.n;
    r->series[r->n_series++] = k;
    return k;
}

static void count_in(struct recorder *r, enum series_kind kind, struct str name, struct str region,
                     bool ok, int64_t duration_us) {
    AZ(pthread_mutex_lock(&r->series_lock));
    count(series_of(r, kind, name, region), ok, duration_us);
    AZ(pthread_mutex_unlock(&r->series_lock));
}

bool recorder_series(struct recorder *r, size_t i, struct series *ret) {
    OBJ_CHECK(r, RECORDER_MAGIC);
    int64_t now = clock_mono_us() / US_PER_SLICE;
    AZ(pthread_mutex_lock(&r->series_lock));
    bool there = i < r->n_series;
    if (there) {
        const struct kept_series *k = r->series[i];
        *ret = k->s;
        for (int64_t n = 0; n < RECORDER_SLICES; n++) {
            int64_t slice = now - RECORDER_SLICES + 1 + n;
            bool known = slice <= k->slice && slice > k->slice - RECORDER_SLICES && slice >= 0;
            ret->slices[n] =
                known ? k->s.slices[(size_t)slice % RECORDER_SLICES] : (struct slice){.ok = 0};
        }
    }
    AZ(pthread_mutex_unlock(&r->series_lock));
    return there;
}

/* ---- what is done for a call ---- */

/* Health checks and reflection come all the time and say nothing of the service's work. */
static bool is_shown(const struct rpc_service *service) {
    return service != NULL && strncmp(service->name, "grpc.", 5) != 0;
}

void recorder_admit(struct recorder *r, struct rpc_call *rpc) {
    if (r == NULL || !is_shown(rpc->service))
        return;
    struct call_trail *trail = arena_alloc(rpc->ctx.arena, sizeof *trail);
    trail->arena = rpc->ctx.arena;
    trail->last = &trail->first;
    rpc->ctx.trail = trail;
}

static void add_step(struct ctx *ctx, struct str what, bool location, int64_t duration_us,
                     const struct err *err) {
    struct call_trail *trail = ctx->trail;
    if (trail->n++ >= RECORDER_STEPS)
        return;
    struct step *s = arena_alloc(trail->arena, sizeof *s);
    *s = (struct step){
        .what = arena_str(trail->arena, what),
        .answer = err == NULL ? STR("OK") : arena_str(trail->arena, name_of(err)),
        .location = location,
        .ok = err == NULL,
        .duration_us = duration_us > UINT32_MAX ? UINT32_MAX : (uint32_t)duration_us,
    };
    *trail->last = s;
    trail->last = &s->next;
}

static struct trouble *trouble_of(struct recorder *r, struct str service, struct str operation,
                                  struct str region, struct str type) {
    struct trouble *oldest = &r->troubles[0];
    for (size_t i = 0; i < r->n_troubles; i++) {
        struct trouble *t = &r->troubles[i];
        if (str_eq(str_c(t->type), str_utf8_cut(type, sizeof t->type - 1)) &&
            str_eq(str_c(t->operation), operation) && str_eq(str_c(t->region), region) &&
            str_eq(str_c(t->service), service))
            return t;
        if (t->last_ms < oldest->last_ms)
            oldest = t;
    }
    if (r->n_troubles < RECORDER_TROUBLES)
        oldest = &r->troubles[r->n_troubles++];
    *oldest = (struct trouble){.count = 0};
    STR_UTF8_COPY(oldest->service, service);
    STR_UTF8_COPY(oldest->operation, operation);
    STR_UTF8_COPY(oldest->region, region);
    STR_UTF8_COPY(oldest->type, type);
    return oldest;
}

/* AGS has no names for its errors, but statuses. */
static struct str trouble_name(const struct err *err, char status[16]) {
    if (!str_empty(err->type) || err->http_status == 0)
        return name_of(err);
    snprintf(status, 16, "HTTP %d", err->http_status);
    return str_c(status);
}

static void note_trouble(struct recorder *r, struct str service, struct str operation,
                         struct str region, const struct err *err) {
    int64_t now = clock_real_us() / 1000;
    char status[16];
    AZ(pthread_mutex_lock(&r->troubles_lock));
    struct trouble *t = trouble_of(r, service, operation, region, trouble_name(err, status));
    if (t->count++ == 0)
        t->first_ms = now;
    t->last_ms = now;
    t->code = err->code;
    STR_UTF8_COPY(t->message, err->msg);
    AZ(pthread_mutex_unlock(&r->troubles_lock));
}

void recorder_attempt(struct recorder *r, struct ctx *ctx, struct str service, struct str operation,
                      struct str region, int64_t duration_us, const struct err *err) {
    if (r == NULL)
        return;
    OBJ_CHECK(r, RECORDER_MAGIC);
    count_in(r, SERIES_OPERATION, operation, region, err == NULL, duration_us);
    /* A caller that went away is no trouble of the upstream. */
    if (err != NULL && err->origin != ERR_CALLER)
        note_trouble(r, service, operation, region, err);
    if (ctx->trail == NULL)
        return;
    add_step(ctx, operation, false, duration_us, err);
    ctx->trail->pending_us += duration_us;
}

void recorder_location(struct recorder *r, struct ctx *ctx, struct str location,
                       const struct err *err) {
    if (r == NULL)
        return;
    OBJ_CHECK(r, RECORDER_MAGIC);
    int64_t took = ctx->trail != NULL ? ctx->trail->pending_us : 0;
    count_in(r, SERIES_LOCATION, location, STR_NULL, err == NULL, took);
    if (ctx->trail == NULL)
        return;
    add_step(ctx, location, true, took, err);
    ctx->trail->pending_us = 0;
}

/* ---- a call is over ---- */

static size_t string_field(const ProtobufCMessageDescriptor *d, const char *name) {
    const ProtobufCFieldDescriptor *f =
        d == NULL ? NULL : protobuf_c_message_descriptor_get_field_by_name(d, name);
    return f != NULL && f->type == PROTOBUF_C_TYPE_STRING && f->label != PROTOBUF_C_LABEL_REPEATED
               ? f->offset
               : 0;
}

void recorder_expect(struct recorder *r, const struct rpc_service *service) {
    for (size_t i = 0; is_shown(service) && i < service->n_methods; i++) {
        const struct rpc_method *method = &service->methods[i];
        ASSERT(r->n_methods < MAX_METHODS);
        r->methods[r->n_methods++] = (struct method_fields){
            .method = method,
            .series = series_of(r, SERIES_RPC, str_c(method->name), STR_NULL),
            .session_id = string_field(method->input, "session_id"),
            .namespace = string_field(method->input, "namespace"),
            .region = string_field(method->output, "created_region"),
        };
    }
}

/* The table does not change any more once calls come. */
static const struct method_fields *fields_of(const struct recorder *r,
                                             const struct rpc_method *method) {
    for (size_t i = 0; i < r->n_methods; i++)
        if (r->methods[i].method == method)
            return &r->methods[i];
    return NULL;
}

static struct str text_at(const ProtobufCMessage *msg, size_t offset) {
    const char *text = NULL;
    if (msg != NULL && offset != 0)
        memcpy(&text, (const char *)msg + offset, sizeof text);
    return str_c(text);
}

/* Everything but the texts behind the strings' ends is written: the slot is used again and again.
 */
static void fill(struct recorded_call *c, const struct rpc_call *rpc,
                 const struct method_fields *fields, const struct server_outcome *outcome) {
    const struct call_trail *trail = rpc->ctx.trail;
    c->at_ms = clock_real_us() / 1000;
    c->duration_us =
        outcome->duration_us > UINT32_MAX ? UINT32_MAX : (uint32_t)outcome->duration_us;
    c->code = outcome->code;
    c->stage = outcome->stage;
    STR_UTF8_COPY(c->method, str_c(rpc->method->name));
    STR_UTF8_COPY(c->session_id, fields != NULL ? text_at(rpc->req, fields->session_id) : STR_NULL);
    STR_UTF8_COPY(c->namespace, fields != NULL ? text_at(rpc->req, fields->namespace) : STR_NULL);
    STR_UTF8_COPY(c->region, fields != NULL ? text_at(outcome->resp, fields->region) : STR_NULL);
    STR_UTF8_COPY(c->message, outcome->err != NULL ? outcome->err->msg : STR_NULL);
    c->n_steps = trail != NULL ? trail->n : 0;
    size_t i = 0;
    for (const struct step *s = trail != NULL ? trail->first : NULL; s != NULL; s = s->next, i++) {
        STR_UTF8_COPY(c->steps[i].what, s->what);
        STR_UTF8_COPY(c->steps[i].answer, s->answer);
        c->steps[i].location = s->location;
        c->steps[i].ok = s->ok;
        c->steps[i].duration_us = s->duration_us;
    }
}

void recorder_finished(struct recorder *r, const struct rpc_call *rpc,
                       const struct server_outcome *outcome) {
    if (r == NULL || rpc->method == NULL || !is_shown(rpc->service))
        return;
    OBJ_CHECK(r, RECORDER_MAGIC);
    const struct method_fields *fields = fields_of(r, rpc->method);
    if (fields != NULL) {
        AZ(pthread_mutex_lock(&r->series_lock));
        count(fields->series, outcome->code == RPC_OK, outcome->duration_us);
        AZ(pthread_mutex_unlock(&r->series_lock));
    }
    AZ(pthread_mutex_lock(&r->calls_lock));
    struct recorded_call *c = &r->calls[r->n_calls++ % RECORDER_CALLS];
    c->number = r->n_calls;
    fill(c, rpc, fields, outcome);
    AZ(pthread_mutex_unlock(&r->calls_lock));
}

/* ---- reading ---- */

size_t recorder_calls(struct recorder *r, struct recorded_call *ret, size_t n) {
    OBJ_CHECK(r, RECORDER_MAGIC);
    AZ(pthread_mutex_lock(&r->calls_lock));
    uint64_t newest = r->n_calls;
    AZ(pthread_mutex_unlock(&r->calls_lock));
    size_t copied = 0;
    for (uint64_t number = newest; number > 0 && copied < n; number--) {
        AZ(pthread_mutex_lock(&r->calls_lock));
        ret[copied] = r->calls[(number - 1) % RECORDER_CALLS];
        AZ(pthread_mutex_unlock(&r->calls_lock));
        if (ret[copied].number != number) /* a newer call took its place */
            break;
        copied++;
    }
    return copied;
}

static int by_last(const void *a, const void *b) {
    int64_t x = ((const struct trouble *)a)->last_ms;
    int64_t y = ((const struct trouble *)b)->last_ms;
    return x < y ? 1 : x > y ? -1 : 0;
}

size_t recorder_troubles(struct recorder *r, struct trouble *ret, size_t n) {
    OBJ_CHECK(r, RECORDER_MAGIC);
    AZ(pthread_mutex_lock(&r->troubles_lock));
    size_t copied = r->n_troubles < n ? r->n_troubles : n;
    memcpy(ret, r->troubles, copied * sizeof *ret);
    AZ(pthread_mutex_unlock(&r->troubles_lock));
    qsort(ret, copied, sizeof *ret, by_last);
    return copied;
}
