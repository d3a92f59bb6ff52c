// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as OpenTelemetry's settings. What must hold: no overrun; whatever they are, what is in
 * force is within its bounds, warnings are one line each, and no header is printed.
 *
 * Input: lines; the first byte of each chooses a variable, the rest is its value.
 */
#include "environment.h"
#include "telemetry/trace_context.h"
#include "tests/unit/trace_variables.h"

#include <stdlib.h>

#define MAX_LINES 12
#define SECRET "hush-hush-hush"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_line(struct str s) {
    return str_is_utf8(s) && str_find(s, '\n') == s.n;
}

static void check(const struct trace_settings *s) {
    ASSERT(s->ratio >= 0.0 && s->ratio <= 1.0);
    ASSERT(s->exporter == TRACE_EXPORT_NONE || str_starts(s->endpoint, STR("http")));
    ASSERT(is_line(s->endpoint) && !str_empty(s->service_name) && is_line(s->service_name));
    ASSERT(s->n_resource <= TRACE_MAX_PAIRS);
    for (size_t i = 0; i < s->n_resource; i++) {
        ASSERT(s->resource[i].key.n > 0 && str_is_utf8(s->resource[i].value));
        for (size_t k = 0; k < i; k++)
            ASSERT(!str_eq(s->resource[i].key, s->resource[k].key));
    }
    ASSERT(s->delay_ms > 0 && s->timeout_ms > 0 && s->timeout_ms <= 600000);
    ASSERT(s->max_batch > 0 && s->max_batch <= s->max_queue && s->max_queue <= 65536);
    ASSERT(s->value_limit >= 0 && s->count_limit >= 0 && s->count_limit <= 1024);
    for (size_t i = 0; i < s->warnings.n; i++)
        ASSERT(is_line(s->warnings.v[i]) && str_starts(s->warnings.v[i], STR("OTEL_")));
}

/* As the exporter uses it, which knows of no more than that it is well-formed. */
static void check_headers(struct arena *a, const struct trace_settings *s) {
    struct trace_pair pairs[TRACE_MAX_PAIRS];
    size_t n = 0;
    if (!secret_present(&s->headers))
        return;
    ASSERT(trace_pairs_read(a, secret_reveal(&s->headers), pairs, &n));
    ASSERT(trace_pairs_are_headers(pairs, n));
}

static void check_printing(const struct trace_settings *s) {
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    ASSERT(out != NULL);
    trace_settings_print(out, s);
    fclose(out);
    ASSERT(strstr(text, SECRET) == NULL);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct trace_settings settings;
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    struct str rest = str_n((const char *)data, size);
    bool guessed = memmem(data, size, SECRET, strlen(SECRET)) != NULL;
    environment_clear();
    for (int i = 0; i < MAX_LINES && rest.n > 0; i++) {
        struct str line = str_sub(rest, 0, str_find(rest, '\n'));
        rest = str_from(rest, line.n + 1);
        if (line.n > 0 && memchr(line.p, '\0', line.n) == NULL)
            environment_put(a,
                            trace_variables[(unsigned char)line.p[0] % ARRAY_LEN(trace_variables)],
                            str_from(line, 1));
    }
    environment_put(a, "OTEL_EXPORTER_OTLP_HEADERS", STR("authorization=" SECRET));
    trace_settings_load(a, &settings);
    check(&settings);
    check_headers(a, &settings);
    if (!guessed)
        check_printing(&settings);
    trace_settings_clear(&settings);
    environment_clear();
    arena_free(a);
    return 0;
}
