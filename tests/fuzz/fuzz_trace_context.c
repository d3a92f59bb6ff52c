// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as trace headers. What must hold: no overrun, nothing that could break out of an HTTP
 * header, the limits of what is passed on, and that what we write ourselves is read as what it was.
 * The texts of OpenTelemetry's key=value lists go through their reader too.
 *
 * Input: one byte of propagators, then lines; the first byte of a line chooses the header.
 */
#include "base/obj.h"
#include "telemetry/trace_context.h"
#include "telemetry/trace_pairs.h"

#define MAX_LINES 80

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct str keys[] = {
    STR_INIT("traceparent"),  STR_INIT("tracestate"),   STR_INIT("baggage"),
    STR_INIT("b3"),           STR_INIT("x-b3-traceid"), STR_INIT("x-b3-spanid"),
    STR_INIT("x-b3-sampled"), STR_INIT("x-b3-flags"),   STR_INIT("something-else"),
};

static void check_value(struct str s, size_t max) {
    ASSERT(s.p == NULL ? s.n == 0 : s.n > 0 && s.n <= max);
    for (size_t i = 0; i < s.n; i++)
        ASSERT(s.p[i] >= 0x20 && s.p[i] < 0x7F);
}

static void check_id(const char *id, size_t digits, bool present) {
    ASSERT(strlen(id) == (present ? digits : 0));
    ASSERT(strspn(id, "0123456789abcdef") == strlen(id));
    ASSERT(!present || strspn(id, "0") < digits);
}

static void check(const struct trace_context *c) {
    bool present = c->trace_id[0] != '\0';
    check_id(c->trace_id, TRACE_ID_DIGITS, present);
    check_id(c->span_id, SPAN_ID_DIGITS, present);
    check_value(c->tracestate, 512);
    check_value(c->baggage, 8192);
}

/* What is written in one form comes back the same. */
static void check_return(const struct trace_context *c, unsigned form, struct arena *a) {
    struct http_header headers[TRACE_CONTEXT_HEADERS];
    struct rpc_metadata metadata[TRACE_CONTEXT_HEADERS];
    struct trace_context again;
    size_t n = trace_context_write(c, form | TRACE_BAGGAGE, a, headers);
    for (size_t i = 0; i < n; i++)
        metadata[i] = (struct rpc_metadata){headers[i].name, headers[i].value};
    trace_context_read(a, metadata, n, form | TRACE_BAGGAGE, &again);
    ASSERT(strcmp(c->trace_id, again.trace_id) == 0);
    ASSERT(strcmp(c->span_id, again.span_id) == 0);
    ASSERT(str_eq(c->baggage, again.baggage));
    if (form == TRACE_TRACECONTEXT && c->trace_id[0] != '\0')
        ASSERT(str_eq(c->tracestate, again.tracestate) && c->random_id == again.random_id);
    else if (c->trace_id[0] != '\0')
        ASSERT(c->decision == again.decision);
}

static void check_pairs(struct str text, struct arena *a) {
    struct trace_pair pairs[TRACE_MAX_PAIRS];
    size_t n = 99;
    bool read = trace_pairs_read(a, text, pairs, &n);
    ASSERT(n <= TRACE_MAX_PAIRS && (read || n == 0));
    for (size_t i = 0; i < n; i++)
        ASSERT(pairs[i].key.n > 0 && str_is_utf8(pairs[i].value));
    if (trace_pairs_are_headers(pairs, n))
        for (size_t i = 0; i < n; i++)
            ASSERT(memchr(pairs[i].value.p, '\n', pairs[i].value.n) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct rpc_metadata metadata[MAX_LINES];
    struct trace_context c;
    size_t n = 0;
    if (size == 0)
        return 0;
    struct arena *a = arena_new((size_t)64 << 10);
    struct str rest = str_n((const char *)data + 1, size - 1);
    check_pairs(rest, a);
    while (!str_empty(rest) && n < MAX_LINES) {
        size_t end = str_find(rest, '\n');
        struct str line = str_sub(rest, 0, end);
        rest = str_from(rest, end + 1);
        if (str_empty(line))
            continue;
        metadata[n++] = (struct rpc_metadata){
            .key = keys[(unsigned char)line.p[0] % ARRAY_LEN(keys)],
            .value = arena_str(a, str_from(line, 1)),
        };
    }
    trace_context_read(a, metadata, n, data[0], &c);
    check(&c);
    check_return(&c, TRACE_TRACECONTEXT, a);
    check_return(&c, TRACE_B3, a);
    check_return(&c, TRACE_B3MULTI, a);
    arena_free(a);
    return 0;
}
