// SPDX-License-Identifier: Apache-2.0
#include "telemetry/trace_settings.h"

#include "base/obj.h"
#include "telemetry/trace_context.h"

#include <stdlib.h>

#define MAX_WARNINGS 32
#define NAME_BARE "extend-app-session-dsm"
#define NAME_PREFIX "extend-app-sd-"

enum id {
    DISABLED,
    SERVICE_NAME,
    RESOURCE,
    PROPAGATORS,
    EXPORTER,
    SAMPLER,
    SAMPLER_ARG,
    ZIPKIN_ENDPOINT,
    ZIPKIN_TIMEOUT,
    OTLP_ENDPOINT,
    OTLP_TRACES_ENDPOINT,
    OTLP_PROTOCOL,
    OTLP_HEADERS,
    OTLP_TRACES_HEADERS,
    OTLP_TIMEOUT,
    BATCH_DELAY,
    BATCH_TIMEOUT,
    BATCH_QUEUE,
    BATCH_SIZE,
    VALUE_LIMIT,
    COUNT_LIMIT,
};

struct setting {
    const char *name;
    const char *fallback; /* NULL: none */
    const char *meaning;
    bool secret;
    int min; /* max > 0: a whole number of this range */
    int max;
};

static const struct setting table[] = {
    [DISABLED] = {.name = "OTEL_SDK_DISABLED",
                  .fallback = "false",
                  .meaning = "true: no spans; trace ids are still passed on"},
    [SERVICE_NAME] = {.name = "OTEL_SERVICE_NAME",
                      .meaning = "spans come from " NAME_PREFIX "<this in lower case>; unset: "
                                 "service.name of OTEL_RESOURCE_ATTRIBUTES or " NAME_BARE},
    [RESOURCE] = {.name = "OTEL_RESOURCE_ATTRIBUTES",
                  .fallback = "environment=production,ID=1",
                  .meaning = "key=value,... that every span carries, percent-encoded"},
    [PROPAGATORS] = {.name = "OTEL_PROPAGATORS",
                     .fallback = "b3multi,tracecontext,baggage",
                     .meaning =
                         "trace headers: some of tracecontext, baggage, b3, b3multi; or none"},
    [EXPORTER] = {.name = "OTEL_TRACES_EXPORTER",
                  .meaning = "zipkin, otlp or none; unset: the one whose endpoint is set, "
                             "zipkin first"},
    [SAMPLER] = {.name = "OTEL_TRACES_SAMPLER",
                 .fallback = "parentbased_always_on",
                 .meaning = "always_on, always_off, traceidratio, or parentbased_ before one of "
                            "them"},
    [SAMPLER_ARG] = {.name = "OTEL_TRACES_SAMPLER_ARG",
                     .fallback = "1.0",
                     .meaning = "share of traces recorded by traceidratio, 0 to 1"},
    [ZIPKIN_ENDPOINT] = {.name = "OTEL_EXPORTER_ZIPKIN_ENDPOINT",
                         .meaning = "URL that Zipkin v2 JSON is posted to; if only the exporter is "
                                    "set: http://localhost:9411/api/v2/spans"},
    [ZIPKIN_TIMEOUT] = {.name = "OTEL_EXPORTER_ZIPKIN_TIMEOUT",
                        .fallback = "10000",
                        .min = 1,
                        .max = 600000,
                        .meaning = "milliseconds one report to Zipkin may take"},
    [OTLP_ENDPOINT] = {.name = "OTEL_EXPORTER_OTLP_ENDPOINT",
                       .meaning = "base URL of an OTLP collector, /v1/traces is appended; if only "
                                  "the exporter is set: http://localhost:4318"},
    [OTLP_TRACES_ENDPOINT] = {.name = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                              .meaning = "URL that OTLP JSON is posted to as it is; beats the one "
                                         "above"},
    [OTLP_PROTOCOL] = {.name = "OTEL_EXPORTER_OTLP_PROTOCOL",
                       .fallback = "http/json",
                       .meaning = "http/json is the only one there is"},
    [OTLP_HEADERS] = {.name = "OTEL_EXPORTER_OTLP_HEADERS",
                      .secret = true,
                      .meaning = "key=value,... sent with each OTLP report, percent-encoded"},
    [OTLP_TRACES_HEADERS] = {.name = "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
                             .secret = true,
                             .meaning = "the same; beats the one above"},
    [OTLP_TIMEOUT] = {.name = "OTEL_EXPORTER_OTLP_TIMEOUT",
                      .fallback = "10000",
                      .min = 1,
                      .max = 600000,
                      .meaning = "milliseconds one report by OTLP may take"},
    [BATCH_DELAY] = {.name = "OTEL_BSP_SCHEDULE_DELAY",
                     .fallback = "1000",
                     .min = 1,
                     .max = 600000,
                     .meaning = "milliseconds a span waits for others before it is reported"},
    [BATCH_TIMEOUT] = {.name = "OTEL_BSP_EXPORT_TIMEOUT",
                       .fallback = "30000",
                       .min = 1,
                       .max = 600000,
                       .meaning = "milliseconds any report may take; the shorter limit counts"},
    [BATCH_QUEUE] = {.name = "OTEL_BSP_MAX_QUEUE_SIZE",
                     .fallback = "2048",
                     .min = 1,
                     .max = 65536,
                     .meaning = "spans that may wait; newer ones are dropped and counted"},
    [BATCH_SIZE] = {.name = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
                    .fallback = "512",
                    .min = 1,
                    .max = 65536,
                    .meaning = "spans in one report"},
    [VALUE_LIMIT] = {.name = "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
                     .fallback = "4096",
                     .max = 65536,
                     .meaning = "characters of an attribute's value; more are cut off"},
    [COUNT_LIMIT] = {.name = "OTEL_ATTRIBUTE_COUNT_LIMIT",
                     .fallback = "128",
                     .max = 1024,
                     .meaning = "attributes of a span; more are left out"},
};

_Static_assert(ARRAY_LEN(table) == TRACE_N_SETTINGS, "text[] has a place for each variable");

struct load {
    struct arena *arena;
    struct trace_settings *to;
    struct str *warnings;
};

/* ---- one variable ---- */

static void warn(struct load *l, enum id id, const char *why) {
    struct str_list *list = &l->to->warnings;
    if (list->n < MAX_WARNINGS)
        l->warnings[list->n++] = arena_printf(l->arena, "%s %s", table[id].name, why);
}

static void use_fallback(struct load *l, enum id id) {
    l->to->text[id] = str_c(table[id].fallback);
}

/* The wrong value does not hold, its default does. */
static void refuse(struct load *l, enum id id, const char *why) {
    const char *fallback = table[id].fallback;
    use_fallback(l, id);
    warn(l, id,
         arena_printf(l->arena, "%s; %s%s", why, fallback == NULL ? "it does not count" : "using ",
                      fallback == NULL ? "" : fallback)
             .p);
}

static bool is_plain(struct str s) {
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7F)
            return false;
    return str_is_utf8(s);
}

static void fetch(struct load *l, enum id id) {
    struct str value = str_trim(str_c(getenv(table[id].name)));
    if (str_empty(value))
        use_fallback(l, id);
    else if (!is_plain(value))
        refuse(l, id, "holds a control character or is not UTF-8");
    else
        l->to->text[id] = arena_str(l->arena, value);
}

static bool is_set(const struct load *l, enum id id) {
    return !str_empty(l->to->text[id]);
}

static int number(struct load *l, enum id id) {
    const struct setting *s = &table[id];
    int64_t value;
    if (!str_to_int64(l->to->text[id], &value) || value < s->min || value > s->max) {
        refuse(l, id, arena_printf(l->arena, "is no whole number from %d to %d", s->min, s->max).p);
        AN(str_to_int64(str_c(s->fallback), &value));
    }
    return (int)value;
}

/* ---- what needs more than one look ---- */

static void load_sampler(struct load *l) {
    static const struct {
        struct str name;
        enum trace_sampler sampler;
    } samplers[] = {
        {STR_INIT("always_on"), TRACE_SAMPLER_ON},
        {STR_INIT("always_off"), TRACE_SAMPLER_OFF},
        {STR_INIT("traceidratio"), TRACE_SAMPLER_RATIO},
    };
    const struct str prefix = STR("parentbased_");
    struct trace_settings *to = l->to;
    struct str name = to->text[SAMPLER];
    bool known = false;
    to->parent_based = str_eq_nocase(str_sub(name, 0, prefix.n), prefix);
    if (to->parent_based)
        name = str_from(name, prefix.n);
    for (size_t i = 0; i < ARRAY_LEN(samplers); i++)
        if (str_eq_nocase(samplers[i].name, name)) {
            to->sampler = samplers[i].sampler;
            known = true;
        }
    if (!known) {
        refuse(l, SAMPLER, "names no sampler there is here");
        to->sampler = TRACE_SAMPLER_ON;
        to->parent_based = true;
    }
    char *end;
    const char *text = arena_cstr(l->arena, to->text[SAMPLER_ARG]);
    to->ratio = strtod(text, &end);
    /* strtod knows hexadecimal and "nan" too. */
    if (*end != '\0' || strspn(text, "0123456789.eE+-") != strlen(text) ||
        !(to->ratio >= 0.0 && to->ratio <= 1.0)) {
        refuse(l, SAMPLER_ARG, "is no number from 0 to 1");
        to->ratio = 1.0;
    }
}

static unsigned propagators_in(struct str text, bool *ret_unknown) {
    static const struct {
        struct str name;
        unsigned bit;
    } known[] = {
        {STR_INIT("tracecontext"), TRACE_TRACECONTEXT},
        {STR_INIT("baggage"), TRACE_BAGGAGE},
        {STR_INIT("b3"), TRACE_B3},
        {STR_INIT("b3multi"), TRACE_B3MULTI},
        {STR_INIT("none"), 0},
    };
    unsigned bits = 0;
    while (!str_empty(text)) {
        size_t comma = str_find(text, ',');
        struct str name = str_trim(str_sub(text, 0, comma));
        bool found = str_empty(name);
        text = str_from(text, comma + 1);
        for (size_t i = 0; i < ARRAY_LEN(known); i++)
            if (str_eq_nocase(known[i].name, name)) {
                bits |= known[i].bit;
                found = true;
            }
        if (!found)
            *ret_unknown = true;
    }
    return bits;
}

static void load_propagators(struct load *l) {
    bool unknown = false;
    l->to->propagators = propagators_in(l->to->text[PROPAGATORS], &unknown);
    if (!unknown)
        return;
    refuse(l, PROPAGATORS, "names a propagator that there is not here");
    l->to->propagators = propagators_in(l->to->text[PROPAGATORS], &unknown);
}

static struct str lower_case(struct arena *a, const char *prefix, struct str s) {
    size_t before = strlen(prefix);
    char *out = arena_alloc(a, before + s.n + 1);
    memcpy(out, prefix, before);
    for (size_t i = 0; i < s.n; i++)
        out[before + i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] | 0x20) : s.p[i];
    return str_n(out, before + s.n);
}

/* The service's name is kept apart; of two with the same key the later one counts. */
static void load_resource(struct load *l) {
    struct trace_settings *to = l->to;
    struct trace_pair *pairs = arena_array(l->arena, TRACE_MAX_PAIRS, sizeof *pairs);
    size_t n = 0;
    size_t kept = 0;
    to->service_name = STR(NAME_BARE);
    if (!trace_pairs_read(l->arena, to->text[RESOURCE], pairs, &n)) {
        refuse(l, RESOURCE, "is no list of key=value");
        AN(trace_pairs_read(l->arena, to->text[RESOURCE], pairs, &n));
    }
    for (size_t i = 0; i < n; i++) {
        bool again = false;
        for (size_t k = i + 1; k < n; k++)
            again = again || str_eq(pairs[i].key, pairs[k].key);
        if (again)
            continue;
        if (!str_eq(pairs[i].key, STR("service.name")))
            pairs[kept++] = pairs[i];
        else if (!str_empty(pairs[i].value))
            to->service_name = pairs[i].value;
    }
    to->resource = pairs;
    to->n_resource = kept;
    if (is_set(l, SERVICE_NAME))
        to->service_name = lower_case(l->arena, NAME_PREFIX, to->text[SERVICE_NAME]);
}

/* Moves the headers out of the environment, into memory that is wiped. */
static void load_headers(struct load *l, enum id id) {
    struct trace_pair pairs[TRACE_MAX_PAIRS];
    struct arena *scratch = arena_new(ARENA_LIMIT_DEFAULT);
    char *value = getenv(table[id].name);
    struct str text = value == NULL ? STR_NULL : str_trim(str_c(value));
    size_t n;
    if (value == NULL || str_empty(text)) {
        arena_free(scratch);
        return;
    }
    if (!trace_pairs_read(scratch, text, pairs, &n) || !trace_pairs_are_headers(pairs, n)) {
        warn(l, id, "is no list of key=value; no header is sent");
    } else {
        secret_free(&l->to->headers);
        l->to->headers = secret_new(text);
        l->to->text[id] = STR("***");
    }
    explicit_bzero(value, strlen(value));
    arena_free(scratch);
}

/* ---- the exporter ---- */

/* Absolute, without a password in it: headers are the place for that. */
static bool is_endpoint(struct str url) {
    size_t scheme = str_starts(url, STR("http://")) ? 7 : str_starts(url, STR("https://")) ? 8 : 0;
    struct str rest = str_from(url, scheme);
    return scheme > 0 && !str_empty(rest) && rest.p[0] != '/' && str_find(url, '@') == url.n &&
           str_find(url, ' ') == url.n && str_find(url, '#') == url.n;
}

static void check_endpoint(struct load *l, enum id id) {
    if (is_set(l, id) && !is_endpoint(l->to->text[id]))
        refuse(l, id, "is no plain http:// or https:// URL");
}

static struct str otlp_endpoint(struct load *l) {
    struct str base = l->to->text[OTLP_ENDPOINT];
    if (is_set(l, OTLP_TRACES_ENDPOINT))
        return l->to->text[OTLP_TRACES_ENDPOINT];
    if (str_empty(base))
        base = STR("http://localhost:4318");
    while (str_ends(base, STR("/")))
        base.n--;
    return arena_printf(l->arena, STR_FMT "/v1/traces", STR_ARG(base));
}

static enum trace_export choose_exporter(struct load *l) {
    struct str name = l->to->text[EXPORTER];
    if (str_eq_nocase(name, STR("none")))
        return TRACE_EXPORT_NONE;
    if (str_eq_nocase(name, STR("zipkin")))
        return TRACE_EXPORT_ZIPKIN;
    if (str_eq_nocase(name, STR("otlp")))
        return TRACE_EXPORT_OTLP;
    if (!str_empty(name))
        refuse(l, EXPORTER, "is none of zipkin, otlp and none");
    if (is_set(l, ZIPKIN_ENDPOINT))
        return TRACE_EXPORT_ZIPKIN;
    return is_set(l, OTLP_ENDPOINT) || is_set(l, OTLP_TRACES_ENDPOINT) ? TRACE_EXPORT_OTLP
                                                                       : TRACE_EXPORT_NONE;
}

static void load_exporter(struct load *l) {
    struct trace_settings *to = l->to;
    check_endpoint(l, ZIPKIN_ENDPOINT);
    check_endpoint(l, OTLP_ENDPOINT);
    check_endpoint(l, OTLP_TRACES_ENDPOINT);
    if (!str_eq_nocase(to->text[OTLP_PROTOCOL], STR("http/json")))
        refuse(l, OTLP_PROTOCOL, "is not http/json");
    to->exporter = choose_exporter(l);
    if (str_eq_nocase(to->text[DISABLED], STR("true")))
        to->exporter = TRACE_EXPORT_NONE;
    else if (!str_eq_nocase(to->text[DISABLED], STR("false")))
        refuse(l, DISABLED, "is neither true nor false");
    if (to->exporter == TRACE_EXPORT_ZIPKIN)
        to->endpoint = is_set(l, ZIPKIN_ENDPOINT) ? to->text[ZIPKIN_ENDPOINT]
                                                  : STR("http://localhost:9411/api/v2/spans");
    else if (to->exporter == TRACE_EXPORT_OTLP)
        to->endpoint = otlp_endpoint(l);
}

static void load_limits(struct load *l) {
    struct trace_settings *to = l->to;
    int zipkin = number(l, ZIPKIN_TIMEOUT);
    int otlp = number(l, OTLP_TIMEOUT);
    int batch = number(l, BATCH_TIMEOUT);
    to->timeout_ms = to->exporter == TRACE_EXPORT_OTLP ? otlp : zipkin;
    if (batch < to->timeout_ms)
        to->timeout_ms = batch;
    to->delay_ms = number(l, BATCH_DELAY);
    to->max_queue = number(l, BATCH_QUEUE);
    to->max_batch = number(l, BATCH_SIZE);
    if (to->max_batch > to->max_queue) {
        to->max_batch = to->max_queue;
        to->text[BATCH_SIZE] = to->text[BATCH_QUEUE];
        warn(l, BATCH_SIZE, "is more than OTEL_BSP_MAX_QUEUE_SIZE; using that");
    }
    to->value_limit = number(l, VALUE_LIMIT);
    to->count_limit = number(l, COUNT_LIMIT);
}

void trace_settings_load(struct arena *a, struct trace_settings *ret) {
    struct load l = {.arena = a, .to = ret};
    *ret = (struct trace_settings){.exporter = TRACE_EXPORT_NONE};
    l.warnings = arena_array(a, MAX_WARNINGS, sizeof *l.warnings);
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (!table[i].secret)
            fetch(&l, (enum id)i);
    load_sampler(&l);
    load_propagators(&l);
    load_resource(&l);
    load_exporter(&l);
    load_limits(&l);
    load_headers(&l, OTLP_HEADERS);
    load_headers(&l, OTLP_TRACES_HEADERS);
    ret->warnings.v = l.warnings;
}

void trace_settings_clear(struct trace_settings *settings) {
    secret_free(&settings->headers);
}

/* ---- showing ---- */

void trace_settings_help(FILE *out) {
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const struct setting *s = &table[i];
        fprintf(out, "  %-36s %s", s->name, s->meaning);
        if (s->max > 0)
            fprintf(out, " (%d to %d; default %s)", s->min, s->max, s->fallback);
        else if (s->fallback != NULL)
            fprintf(out, " (default %s)", s->fallback);
        fputc('\n', out);
    }
}

void trace_settings_print(FILE *out, const struct trace_settings *settings) {
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct str text = settings->text[i];
        bool url = i == ZIPKIN_ENDPOINT || i == OTLP_ENDPOINT || i == OTLP_TRACES_ENDPOINT;
        size_t query = url ? str_find(text, '?') : text.n; /* vendors have keys there */
        fprintf(out, "%s=" STR_FMT "%s\n", table[i].name, STR_ARG(str_sub(text, 0, query)),
                query < text.n ? "?***" : "");
    }
}
