// SPDX-License-Identifier: Apache-2.0
/* Trace headers in and out: which are believed, which wins, what is passed on. */
#include "base/buf.h"
#include "base/obj.h"
#include "telemetry/trace_context.h"
#include "unit.h"

#define T "4bf92f3577b34da6a3ce929d0e0e4736"
#define S "00f067aa0ba902b7"
#define T2 "0af7651916cd43dd8448eb211c80319c"
#define S2 "b7ad6b7169203331"
#define ALL (TRACE_TRACECONTEXT | TRACE_BAGGAGE | TRACE_B3 | TRACE_B3MULTI)
#define MAX_LINES 8

static struct arena *arena;

static int set_up(void **state) {
    (void)state;
    arena = arena_new(ARENA_LIMIT_DEFAULT);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    arena_free(arena);
    return 0;
}

/* "key: value" lines as metadata, ended by NULL. */
static struct trace_context read_lines(unsigned propagators, const char *const lines[]) {
    struct rpc_metadata metadata[MAX_LINES];
    struct trace_context c;
    size_t n = 0;
    for (; lines[n] != NULL; n++) {
        struct str line = str_c(lines[n]);
        size_t colon = str_find(line, ':');
        assert_true(n < MAX_LINES);
        /* Copies of the exact size, so that the sanitizer sees a read past the end. */
        struct str value = str_from(line, colon + 2);
        char *exact = arena_alloc(arena, value.n);
        memcpy(exact, value.p, value.n);
        metadata[n] = (struct rpc_metadata){str_sub(line, 0, colon), str_n(exact, value.n)};
    }
    trace_context_read(arena, metadata, n, propagators, &c);
    return c;
}

#define READ(...) read_lines(ALL, (const char *const[]){__VA_ARGS__, NULL})

/* "trace span decision", "-" for what is not there. */
static const char *told(const struct trace_context *c) {
    static const char *const decisions[] = {"undecided", "drop", "sample", "debug"};
    return arena_printf(arena, "%s %s %s%s", c->trace_id[0] != '\0' ? c->trace_id : "-",
                        c->span_id[0] != '\0' ? c->span_id : "-", decisions[c->decision],
                        c->random_id ? " random" : "")
        .p;
}

struct row {
    const char *value;
    const char *want;
};

static void check_rows(const char *key, const struct row *rows, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct trace_context c = READ(arena_printf(arena, "%s: %s", key, rows[i].value).p);
        if (strcmp(told(&c), rows[i].want) != 0)
            fail_msg("%s: %s\n got: %s\nwant: %s", key, rows[i].value, told(&c), rows[i].want);
    }
}

static void traceparent_is_taken_or_left_by_the_letter(void **state) {
    static const struct row rows[] = {
        {"00-" T "-" S "-01", T " " S " sample"},
        {"00-" T "-" S "-00", T " " S " drop"},
        {"00-" T "-" S "-03", T " " S " sample random"},
        {"00-" T "-" S "-02", T " " S " drop random"},
        {"00-" T "-" S "-fd", T " " S " sample"},
        {"cc-" T "-" S "-01", T " " S " sample"},
        {"cc-" T "-" S "-01-what-the-future-brings", T " " S " sample"},
        {"cc-" T "-" S "-01what", "- - undecided"},
        {"cc-" T "-" S "-01.", "- - undecided"},
        {"00-" T "-" S "-01-", "- - undecided"},
        {"00-" T "-" S "-01-x", "- - undecided"},
        {"ff-" T "-" S "-01", "- - undecided"},
        {"FF-" T "-" S "-01", "- - undecided"},
        {"0x-" T "-" S "-01", "- - undecided"},
        {"00-00000000000000000000000000000000-" S "-01", "- - undecided"},
        {"00-" T "-0000000000000000-01", "- - undecided"},
        {"00-4BF92F3577B34DA6A3CE929D0E0E4736-" S "-01", "- - undecided"},
        {"00-" T "-00F067AA0BA902B7-01", "- - undecided"},
        {"00-" T "-" S "-0g", "- - undecided"},
        {"00-" T "-" S "-0A", "- - undecided"},
        {"00-" T "-" S "-1", "- - undecided"},
        {"00-" T "-" S "-", "- - undecided"},
        {"00-" T "-" S, "- - undecided"},
        {"00_" T "-" S "-01", "- - undecided"},
        {"00-" T "_" S "-01", "- - undecided"},
        {"00-" T "-" S "_01", "- - undecided"},
        {" 00-" T "-" S "-01", "- - undecided"},
        {"00-4bf92f3577b34da6a3ce929d0e0e473-" S "-011", "- - undecided"},
        {"", "- - undecided"},
        {"0", "- - undecided"},
    };
    (void)state;
    check_rows("traceparent", rows, ARRAY_LEN(rows));
}

static void two_traceparents_are_none(void **state) {
    struct trace_context c = READ("traceparent: 00-" T "-" S "-01",
                                  "traceparent: 00-" T2 "-" S2 "-01", "tracestate: a=1");
    (void)state;
    assert_string_equal(told(&c), "- - undecided");
    assert_null(c.tracestate.p);
}

static void single_b3_is_taken_or_left_by_the_letter(void **state) {
    static const struct row rows[] = {
        {T "-" S, T " " S " undecided"},
        {T "-" S "-1", T " " S " sample"},
        {T "-" S "-0", T " " S " drop"},
        {T "-" S "-d", T " " S " debug"},
        {T "-" S "-1-" S2, T " " S " sample"},
        {"a3ce929d0e0e4736-" S "-1", "0000000000000000a3ce929d0e0e4736 " S " sample"},
        {"4BF92F3577B34DA6A3CE929D0E0E4736-00F067AA0BA902B7-1", T " " S " sample"},
        {"0", "- - drop"},
        {"1", "- - sample"},
        {"d", "- - debug"},
        {"2", "- - undecided"},
        {"D", "- - undecided"},
        {"", "- - undecided"},
        {"-", "- - undecided"},
        {T, "- - undecided"},
        {T "-", "- - undecided"},
        {"-" S, "- - undecided"},
        {T "-" S "-", "- - undecided"},
        {T "-" S "-2", "- - undecided"},
        {T "-" S "-true", "- - undecided"},
        {T "-" S "-1-", "- - undecided"},
        {T "-" S "-1-b7ad6b716920333", "- - undecided"},
        {T "-" S "-1-" S2 "-", "- - undecided"},
        {T "-" S "-1-" S2 "-x", "- - undecided"},
        {T "0-" S "-1", "- - undecided"},
        {"a3ce929d0e0e473-" S "-1", "- - undecided"},
        {"0000000000000000-" S "-1", "- - undecided"},
        {"00000000000000000000000000000000-" S "-1", "- - undecided"},
        {T "-0000000000000000-1", "- - undecided"},
        {T "-" S2 "0-1", "- - undecided"},
        {"zbf92f3577b34da6a3ce929d0e0e4736-" S "-1", "- - undecided"},
    };
    (void)state;
    check_rows("b3", rows, ARRAY_LEN(rows));
}

static void separate_b3_headers_belong_together(void **state) {
    static const struct {
        const char *lines[5];
        const char *want;
    } rows[] = {
        {{"x-b3-traceid: " T, "x-b3-spanid: " S, "x-b3-sampled: 1"}, T " " S " sample"},
        {{"x-b3-traceid: " T, "x-b3-spanid: " S, "x-b3-sampled: 0"}, T " " S " drop"},
        {{"x-b3-traceid: " T, "x-b3-spanid: " S, "x-b3-sampled: true"}, T " " S " sample"},
        {{"x-b3-traceid: " T, "x-b3-spanid: " S, "x-b3-sampled: False"}, T " " S " drop"},
        {{"x-b3-traceid: " T, "x-b3-spanid: " S, "x-b3-sampled: yes"}, T " " S " undecided"},
        {{"x-b3-traceid: " T, "x-b3-spanid: " S}, T " " S " undecided"},
        {{"x-b3-traceid: " T, "x-b3-spanid: " S, "x-b3-flags: 1"}, T " " S " debug"},
        {{"x-b3-traceid: " T, "x-b3-spanid: " S, "x-b3-flags: 1", "x-b3-sampled: 0"},
         T " " S " debug"},
        {{"x-b3-traceid: " T, "x-b3-spanid: " S, "x-b3-flags: 0", "x-b3-sampled: 1"},
         T " " S " sample"},
        {{"x-b3-traceid: a3ce929d0e0e4736", "x-b3-spanid: " S, "x-b3-sampled: 1"},
         "0000000000000000a3ce929d0e0e4736 " S " sample"},
        {{"x-b3-traceid: " T, "x-b3-spanid: " S, "x-b3-parentspanid: " S2, "x-b3-sampled: 1"},
         T " " S " sample"},
        {{"x-b3-traceid: " T, "x-b3-sampled: 1"}, "- - sample"},
        {{"x-b3-spanid: " S, "x-b3-sampled: 0"}, "- - drop"},
        {{"x-b3-traceid: " T, "x-b3-spanid: nonsense"}, "- - undecided"},
        {{"x-b3-traceid: " T, "x-b3-spanid: 0000000000000000"}, "- - undecided"},
        {{"x-b3-sampled: 0"}, "- - drop"},
        {{"x-b3-flags: 1"}, "- - debug"},
        {{"x-b3-traceid: " T, "x-b3-traceid: " T2, "x-b3-spanid: " S}, T " " S " undecided"},
        {{"x-b3-traceid: " T, "x-b3-spanid: " S, "x-b3-sampled: 1", "x-b3-sampled: 0"},
         T " " S " sample"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct trace_context c = read_lines(ALL, rows[i].lines);
        if (strcmp(told(&c), rows[i].want) != 0)
            fail_msg("row %zu\n got: %s\nwant: %s", i, told(&c), rows[i].want);
    }
}

static void traceparent_beats_single_b3_beats_separate_headers(void **state) {
    const char *const all[] = {"x-b3-traceid: " T2,
                               "x-b3-spanid: " S2,
                               "x-b3-sampled: 0",
                               "b3: 80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-d",
                               "traceparent: 00-" T "-" S "-01",
                               NULL};
    (void)state;
    struct trace_context c = read_lines(ALL, all);
    assert_string_equal(told(&c), T " " S " sample");
    c = read_lines(TRACE_B3MULTI, all);
    assert_string_equal(told(&c), "80f198ee56343ba864fe8b2a57d3eff7 e457b5a2e4d86bd1 debug");
    c = read_lines(TRACE_TRACECONTEXT, all);
    assert_string_equal(told(&c), T " " S " sample");
    c = read_lines(TRACE_BAGGAGE, all);
    assert_string_equal(told(&c), "- - undecided");
    c = READ("x-b3-traceid: " T2, "x-b3-spanid: " S2, "b3: broken", "traceparent: broken");
    assert_string_equal(told(&c), T2 " " S2 " undecided");
    c = READ("x-b3-traceid: " T2, "x-b3-spanid: " S2, "b3: 0", "traceparent: broken");
    assert_string_equal(told(&c), "- - drop");
}

/* ---- tracestate and baggage ---- */

#define PARENT "traceparent: 00-" T "-" S "-01"

static void tracestate_is_passed_on_as_it_came_or_not_at_all(void **state) {
    static const struct {
        const char *lines[4];
        const char *want; /* NULL: absent */
    } rows[] = {
        {{"tracestate: rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"},
         "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"},
        {{"tracestate: fw529a3039@dt=FfAAAA,a_b-c*d/e=1"}, "fw529a3039@dt=FfAAAA,a_b-c*d/e=1"},
        {{"tracestate: a=1", "tracestate: b=2,c=3"}, "a=1,b=2,c=3"},
        {{"tracestate: a=1 ,\t b=2"}, "a=1,b=2"},
        {{"tracestate: a=1,,b=2,"}, "a=1,b=2"},
        {{"tracestate: "}, NULL},
        {{"tracestate: ,"}, NULL},
        {{"tracestate: a"}, NULL},
        {{"tracestate: =1"}, NULL},
        {{"tracestate: a="}, NULL},
        {{"tracestate: a=1,b"}, NULL},
        {{"tracestate: A=1"}, NULL},
        {{"tracestate: a b=1"}, NULL},
        {{"tracestate: a=1=2"}, NULL},
        {{"tracestate: a=1\x01"}, NULL},
        {{"tracestate: a=\r\nx: y"}, NULL},
        {{"tracestate: a=\xc3\xa9"}, NULL},
        {{"tracestate: a=1", "tracestate: b"}, NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *lines[5] = {PARENT};
        memcpy(lines + 1, rows[i].lines, sizeof rows[i].lines);
        struct trace_context c = read_lines(ALL, lines);
        assert_string_equal(told(&c), T " " S " sample");
        if (rows[i].want == NULL)
            assert_null(c.tracestate.p);
        else
            assert_str(c.tracestate, rows[i].want);
    }
}

static void tracestate_without_a_valid_traceparent_is_ignored(void **state) {
    (void)state;
    assert_null(READ("tracestate: a=1").tracestate.p);
    assert_null(READ("tracestate: a=1", "traceparent: broken").tracestate.p);
    assert_null(READ("tracestate: a=1", "b3: " T "-" S "-1").tracestate.p);
}

/* n members k000=x..., each `size` bytes. */
static struct str members(size_t n, size_t size) {
    struct buf b;
    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < n; i++) {
        buf_printf(&b, "%sk%03zu=", i > 0 ? "," : "", i);
        for (size_t k = 5; k < size; k++)
            buf_putc(&b, 'x');
    }
    struct str made = arena_str(arena, buf_str(&b));
    buf_free(&b);
    return made;
}

static struct str state_of(struct str value) {
    return READ(PARENT, arena_printf(arena, "tracestate: " STR_FMT, STR_ARG(value)).p).tracestate;
}

static void tracestate_keeps_to_its_limits_member_by_member(void **state) {
    struct str fits = members(32, 15);           /* 32 * 15 + 31 = 511 bytes */
    struct str many = members(33, 10);           /* one member too many */
    struct str long_ones = members(3, 129 + 60); /* 3 * 189 + 2 = 569 */
    (void)state;
    assert_int_equal(fits.n, 511);
    assert_str(state_of(fits), fits.p);
    assert_null(state_of(many).p);
    /* Long members go first, the last of them before the others. */
    assert_str(state_of(long_ones), arena_cstr(arena, str_sub(long_ones, 0, 2 * 189 + 1)));
    struct str mixed = arena_printf(arena, "big=%0*d,%s", 150, 7, members(30, 14).p);
    assert_str(state_of(mixed), members(30, 14).p);
    /* Then those at the end. */
    struct str medium = members(6, 100); /* 605 */
    assert_str(state_of(medium), members(5, 100).p);
}

static struct str baggage_of(struct str value) {
    return READ(arena_printf(arena, "baggage: " STR_FMT, STR_ARG(value)).p).baggage;
}

static void baggage_is_passed_on_within_its_limits(void **state) {
    (void)state;
    assert_str(baggage_of(STR("userId=alice,isProduction=false;prop")),
               "userId=alice,isProduction=false;prop");
    assert_str(READ("baggage: a=1", "baggage: b=2").baggage, "a=1,b=2");
    assert_str(baggage_of(STR("a=1, b = 2 ,c=%20")), "a=1,b = 2,c=%20");
    assert_str(baggage_of(STR("a=1,nonsense,b=2")), "a=1,b=2");
    assert_str(baggage_of(STR("a=1,b=\"2\",c=\x7f,d=\r\n")), "a=1,d=");
    assert_null(baggage_of(STR("")).p);
    assert_null(baggage_of(STR("nonsense")).p);
    assert_str(baggage_of(members(64, 10)), members(64, 10).p);
    assert_str(baggage_of(members(65, 10)), members(64, 10).p);
    assert_str(baggage_of(members(64, 127)), members(64, 127).p); /* 64 * 127 + 63 = 8191 */
    assert_str(baggage_of(members(64, 128)), members(63, 128).p);
    assert_null(baggage_of(members(1, 8193)).p);
    assert_null(read_lines(TRACE_B3, (const char *const[]){"baggage: a=1", NULL}).baggage.p);
}

/* ---- out ---- */

static const char *written(const struct trace_context *c, unsigned propagators) {
    struct http_header headers[TRACE_CONTEXT_HEADERS];
    size_t n = trace_context_write(c, propagators, arena, headers);
    struct buf b;
    buf_init(&b, 1 << 16);
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, STR_FMT ": " STR_FMT "\n", STR_ARG(headers[i].name),
                   STR_ARG(headers[i].value));
    const char *text = arena_cstr(arena, buf_str(&b));
    buf_free(&b);
    return text;
}

#define USUAL (TRACE_B3MULTI | TRACE_TRACECONTEXT | TRACE_BAGGAGE)

static void what_is_passed_on_says_the_same_in_every_form(void **state) {
    struct trace_context c = {.trace_id = T, .span_id = S, .decision = TRACE_SAMPLE};
    (void)state;
    assert_string_equal(written(&c, USUAL), "x-b3-traceid: " T "\nx-b3-spanid: " S
                                            "\nx-b3-sampled: 1\ntraceparent: 00-" T "-" S "-01\n");
    assert_string_equal(written(&c, TRACE_B3), "b3: " T "-" S "-1\n");
    assert_string_equal(written(&c, 0), "");
    c.decision = TRACE_DROP;
    c.random_id = true;
    assert_string_equal(written(&c, USUAL), "x-b3-traceid: " T "\nx-b3-spanid: " S
                                            "\nx-b3-sampled: 0\ntraceparent: 00-" T "-" S "-02\n");
    assert_string_equal(written(&c, TRACE_B3), "b3: " T "-" S "-0\n");
    c.decision = TRACE_DEBUG;
    assert_string_equal(written(&c, USUAL), "x-b3-traceid: " T "\nx-b3-spanid: " S
                                            "\nx-b3-flags: 1\ntraceparent: 00-" T "-" S "-03\n");
    c.decision = TRACE_UNDECIDED;
    c.random_id = false;
    assert_string_equal(written(&c, USUAL), "x-b3-traceid: " T "\nx-b3-spanid: " S
                                            "\ntraceparent: 00-" T "-" S "-00\n");
    assert_string_equal(written(&c, TRACE_B3), "b3: " T "-" S "\n");
    c.tracestate = STR("a=1");
    c.baggage = STR("b=2");
    assert_string_equal(written(&c, TRACE_TRACECONTEXT | TRACE_BAGGAGE),
                        "traceparent: 00-" T "-" S "-00\ntracestate: a=1\nbaggage: b=2\n");
    assert_string_equal(written(&c, TRACE_B3 | TRACE_BAGGAGE), "b3: " T "-" S "\nbaggage: b=2\n");
}

static void baggage_needs_no_trace(void **state) {
    struct trace_context c = {.baggage = STR("b=2")};
    (void)state;
    assert_string_equal(written(&c, ALL), "baggage: b=2\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(traceparent_is_taken_or_left_by_the_letter),
        TEST(two_traceparents_are_none),
        TEST(single_b3_is_taken_or_left_by_the_letter),
        TEST(separate_b3_headers_belong_together),
        TEST(traceparent_beats_single_b3_beats_separate_headers),
        TEST(tracestate_is_passed_on_as_it_came_or_not_at_all),
        TEST(tracestate_without_a_valid_traceparent_is_ignored),
        TEST(tracestate_keeps_to_its_limits_member_by_member),
        TEST(baggage_is_passed_on_within_its_limits),
        TEST(baggage_needs_no_trace),
        TEST(what_is_passed_on_says_the_same_in_every_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
