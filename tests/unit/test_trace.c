// SPDX-License-Identifier: Apache-2.0
/* The span of a call: who is recorded, what it says, which ids are passed on. */
#include "trace_fixture.h"

/* The headers that a request to AGS gets. */
static const char *outgoing(void) {
    struct http_header headers[HTTP_TRACER_HEADERS];
    size_t n = http_tracer_headers(tracer_http(tracer), &rpc.ctx, NULL, headers);
    const char *text = "";
    for (size_t i = 0; i < n; i++)
        text = arena_printf(arena, "%s" STR_FMT ": " STR_FMT "\n", text, STR_ARG(headers[i].name),
                            STR_ARG(headers[i].value))
                   .p;
    return text;
}

/* ---- a call's span ---- */

static void a_call_without_a_trace_starts_one(void **state) {
    (void)state;
    ADMIT(NULL);
    const char *trace_id = text_of(trace_id_of(&rpc.ctx));
    const char *span_id = text_of(span_id_of(&rpc.ctx));
    assert_int_equal(strlen(trace_id), 32);
    assert_int_equal(strlen(span_id), 16);
    assert_int_equal(strspn(trace_id, "0123456789abcdef"), 32);
    assert_string_equal(outgoing(),
                        arena_printf(arena,
                                     "x-b3-traceid: %s\nx-b3-spanid: %s\nx-b3-sampled: 1\n"
                                     "traceparent: 00-%s-%s-01\n",
                                     trace_id, span_id, trace_id, span_id)
                            .p);
    finish_with(NULL);
    const char *text = report();
    assert_has(text, arena_printf(arena, "\"traceId\":\"%s\",\"id\":\"%s\",\"kind\":\"SERVER\"",
                                  trace_id, span_id)
                         .p);
    assert_lacks(text, "parentId");
    assert_has(text, "\"name\":\"accelbyte.session.sessiondsm.SessionDsm/CreateGameSession\"");
    assert_has(text, "\"timestamp\":1699999999997500,\"duration\":2500");
    assert_has(text, "\"rpc.system\":\"grpc\"");
    assert_has(text, "\"rpc.service\":\"accelbyte.session.sessiondsm.SessionDsm\"");
    assert_has(text, "\"rpc.method\":\"CreateGameSession\"");
    assert_has(text, "\"rpc.grpc.status_code\":\"0\"");
    assert_lacks(text, "error");
}

static void a_call_joins_its_callers_trace(void **state) {
    (void)state;
    ADMIT("traceparent: 00-" T "-" S "-01", "tracestate: a=1", "baggage: b=2");
    assert_str(trace_id_of(&rpc.ctx), T);
    const char *span_id = text_of(span_id_of(&rpc.ctx));
    assert_string_not_equal(span_id, S);
    assert_string_equal(outgoing(),
                        arena_printf(arena,
                                     "x-b3-traceid: " T "\nx-b3-spanid: %s\nx-b3-sampled: 1\n"
                                     "traceparent: 00-" T "-%s-01\ntracestate: a=1\nbaggage: b=2\n",
                                     span_id, span_id)
                            .p);
    finish_with(NULL);
    assert_has(
        report(),
        arena_printf(arena, "\"traceId\":\"" T "\",\"id\":\"%s\",\"parentId\":\"" S "\"", span_id)
            .p);
}

static void no_two_calls_share_an_id(void **state) {
    char seen[200][33];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(seen); i++) {
        ADMIT(NULL);
        memcpy(seen[i], trace_id_of(&rpc.ctx).p, sizeof seen[i]);
        assert_memory_not_equal(seen[i] + 16, span_id_of(&rpc.ctx).p, 16);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(seen[i], seen[k]);
    }
}

static void debug_is_passed_on_and_reported(void **state) {
    (void)state;
    ADMIT("b3: " T "-" S "-d");
    assert_has(outgoing(), "x-b3-flags: 1\n");
    assert_lacks(outgoing(), "x-b3-sampled");
    finish_with(NULL);
    assert_has(report(), "\"debug\":true");
}

/* ---- sampling ---- */

static void the_sampler_and_the_caller_decide_together(void **state) {
    /* Columns: no decision, drop, sample, debug. 1: recorded. */
    static const struct {
        enum trace_sampler sampler;
        bool parent_based;
        double ratio;
        const char *want;
    } rows[] = {
        {TRACE_SAMPLER_ON, true, 1.0, "1011"},   {TRACE_SAMPLER_OFF, true, 1.0, "0011"},
        {TRACE_SAMPLER_RATIO, true, 0, "0011"},  {TRACE_SAMPLER_RATIO, true, 1.0, "1011"},
        {TRACE_SAMPLER_ON, false, 1.0, "1111"},  {TRACE_SAMPLER_OFF, false, 1.0, "0000"},
        {TRACE_SAMPLER_RATIO, false, 0, "0001"},
    };
    static const char *const callers[][4] = {
        {"b3: " T "-" S, "b3: " T "-" S "-0", "b3: " T "-" S "-1", "b3: " T "-" S "-d"},
        {"x: y", "b3: 0", "b3: 1", "b3: d"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        settings.sampler = rows[i].sampler;
        settings.parent_based = rows[i].parent_based;
        settings.ratio = rows[i].ratio;
        start();
        for (size_t k = 0; k < 8; k++) {
            bool want = rows[i].want[k % 4] == '1';
            size_t before = tracer_stats(tracer).queued;
            ADMIT(callers[k / 4][k % 4]);
            finish_with(NULL);
            if ((tracer_stats(tracer).queued > before) != want)
                fail_msg("row %zu, \"%s\": recorded is %s", i, callers[k / 4][k % 4],
                         want ? "false" : "true");
            /* AGS is told what we do. */
            assert_has(outgoing(), want ? "-01\n" : "-00\n");
            if (!want)
                assert_has(outgoing(), "x-b3-sampled: 0\n");
        }
    }
}

static void a_ratio_goes_by_the_trace_id_like_gos(void **state) {
    static const struct {
        double ratio;
        const char *low;
        bool want;
    } rows[] = {
        {0.5, "7fffffffffffffff", true},    {0.5, "8000000000000000", false},
        {0.25, "3fffffffffffffff", true},   {0.25, "4000000000000000", false},
        {0.0001, "0000000000000001", true}, {1.0, "ffffffffffffffff", true},
    };
    (void)state;
    settings.sampler = TRACE_SAMPLER_RATIO;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        settings.ratio = rows[i].ratio;
        start();
        ADMIT(arena_printf(arena, "b3: 4bf92f3577b34da6%s-" S, rows[i].low).p);
        finish_with(NULL);
        assert_int_equal(tracer_stats(tracer).queued, rows[i].want ? 1 : 0);
    }
}

static void an_unrecorded_call_still_has_ids_and_passes_them_on(void **state) {
    (void)state;
    ADMIT("traceparent: 00-" T "-" S "-00", "tracestate: a=1");
    const char *span_id = text_of(span_id_of(&rpc.ctx));
    assert_string_equal(outgoing(),
                        arena_printf(arena,
                                     "x-b3-traceid: " T "\nx-b3-spanid: %s\nx-b3-sampled: 0\n"
                                     "traceparent: 00-" T "-%s-00\ntracestate: a=1\n",
                                     span_id, span_id)
                            .p);
    const struct http_attempt attempt = {.service = STR("AGS"), .method = STR("GET")};
    assert_null(http_tracer_begin(tracer_http(tracer), &rpc.ctx, &attempt));
    finish_with(NULL);
    assert_string_equal(report(), "");
}

static void probes_start_no_trace_but_join_one(void **state) {
    static const struct rpc_service health = {.name = "grpc.health.v1.Health"};
    static const struct rpc_method check = {.name = "Check",
                                            .path = "/grpc.health.v1.Health/Check"};
    static const char *const callers[] = {"x: y", "b3: " T "-" S, "b3: " T "-" S "-0",
                                          "b3: " T "-" S "-1"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(callers); i++) {
        ADMIT(callers[i]);
        rpc.service = &health;
        rpc.method = &check;
        tracer_admit(tracer, &rpc);
        finish_with(NULL);
    }
    const char *text = report();
    assert_int_equal(count(text, "\"traceId\""), 1);
    assert_has(text, "\"name\":\"grpc.health.v1.Health/Check\"");
}

static void without_an_exporter_a_trace_passes_through_unchanged(void **state) {
    (void)state;
    settings.exporter = TRACE_EXPORT_NONE;
    start();
    ADMIT("b3: " T "-" S "-1");
    assert_str(trace_id_of(&rpc.ctx), T);
    assert_string_equal(outgoing(), "x-b3-traceid: " T "\nx-b3-spanid: " S
                                    "\nx-b3-sampled: 1\ntraceparent: 00-" T "-" S "-01\n");
    finish_with(NULL);
    ADMIT("b3: " T "-" S);
    assert_string_equal(outgoing(), "x-b3-traceid: " T "\nx-b3-spanid: " S "\ntraceparent: 00-" T
                                    "-" S "-00\n");
    assert_string_equal(report(), "");
}

static void without_an_exporter_a_new_trace_is_for_the_log_only(void **state) {
    (void)state;
    settings.exporter = TRACE_EXPORT_NONE;
    start();
    ADMIT(NULL);
    assert_int_equal(trace_id_of(&rpc.ctx).n, 32);
    assert_int_equal(span_id_of(&rpc.ctx).n, 16);
    assert_string_equal(outgoing(), "");
    ADMIT("baggage: b=2");
    assert_string_equal(outgoing(), "baggage: b=2\n");
    ADMIT("b3: 0");
    assert_has(outgoing(), "x-b3-sampled: 0\n");
}

static void a_call_that_was_not_admitted_has_no_span(void **state) {
    (void)state;
    ADMIT(NULL);
    rpc.ctx.span = NULL;
    finish_with(NULL);
    assert_null(trace_id_of(&rpc.ctx).p);
    assert_string_equal(outgoing(), "");
    assert_string_equal(report(), "");
}

/* ---- what a span says ---- */

static void codes_that_are_our_fault_are_errors(void **state) {
    (void)state;
    settings.max_queue = 100;
    for (int code = RPC_OK; code <= RPC_UNAUTHENTICATED; code++) {
        const struct err err = {.code = (enum rpc_code)code, .msg = STR("text")};
        ADMIT(NULL);
        finish_with(code == RPC_OK ? NULL : &err);
    }
    const char *text = report();
    static const char *const faults[] = {"Unknown",  "DeadlineExceeded", "Unimplemented",
                                         "Internal", "Unavailable",      "DataLoss"};
    assert_int_equal(count(text, "\"traceId\""), 17);
    assert_int_equal(count(text, "\"otel.status_code\":\"ERROR\""), ARRAY_LEN(faults));
    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        assert_has(text, arena_printf(arena, "\"error\":\"%s\"", faults[i]).p);
    assert_has(text, "\"rpc.grpc.status_code\":\"16\"");
}

static void a_span_names_the_session_and_nothing_secret(void **state) {
    dsm_request_create_game_session req = DSM_REQUEST_CREATE_GAME_SESSION_INIT;
    const struct err err = {
        .code = RPC_INTERNAL,
        .type = STR("InternalServiceException"),
        .msg = STR("said: " SESSION_DATA),
        .detail = STR("said: " SESSION_DATA),
    };
    char session_id[] = "session-1";
    char namespace[] = "studio-game";
    char data[] = SESSION_DATA;
    (void)state;
    req.session_id = session_id;
    req.namespace_ = namespace;
    req.session_data = data;
    req.secret = data;
    ADMIT("authorization: Bearer token-value");
    rpc.peer = STR("ipv4:203.0.113.9:4711");
    rpc.req = &req.base;
    finish_with(&err);
    const char *text = report();
    assert_has(text, "\"ags.session_id\":\"session-1\"");
    assert_has(text, "\"ags.namespace\":\"studio-game\"");
    assert_has(text, "\"error\":\"InternalServiceException\"");
    assert_lacks(text, SESSION_DATA);
    assert_lacks(text, "203.0.113.9");
    assert_lacks(text, "token-value");
}

static void attributes_keep_to_the_limits(void **state) {
    (void)state;
    settings.value_limit = 4;
    ADMIT(NULL);
    finish_with(NULL);
    settings.count_limit = 2;
    ADMIT(NULL);
    finish_with(NULL);
    const char *text = report();
    assert_has(text, "\"rpc.service\":\"acce\"");
    assert_has(text, "\"rpc.system\":\"grpc\",\"rpc.service\":\"acce\","
                     "\"otel.dropped_attributes_count\":\"2\"");
}

static void values_are_cut_between_characters(void **state) {
    dsm_request_create_game_session req = DSM_REQUEST_CREATE_GAME_SESSION_INIT;
    char session_id[] = "ééééé\xff\xff";
    (void)state;
    settings.value_limit = 6;
    req.session_id = session_id;
    ADMIT(NULL);
    rpc.req = &req.base;
    finish_with(NULL);
    assert_has(report(), "\"ags.session_id\":\"ééééé\xEF\xBF\xBD\"");
}

static void parts_of_a_call_share_its_span(void **state) {
    struct ctx_child child = {.ctx = {.magic = 0}};
    (void)state;
    ADMIT(NULL);
    ctx_child_begin(&child, &rpc.ctx, CTX_NO_DEADLINE);
    assert_ptr_equal(child.ctx.span, rpc.ctx.span);
    ctx_child_end(&child);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_call_without_a_trace_starts_one),
        TEST(a_call_joins_its_callers_trace),
        TEST(no_two_calls_share_an_id),
        TEST(debug_is_passed_on_and_reported),
        TEST(the_sampler_and_the_caller_decide_together),
        TEST(a_ratio_goes_by_the_trace_id_like_gos),
        TEST(an_unrecorded_call_still_has_ids_and_passes_them_on),
        TEST(probes_start_no_trace_but_join_one),
        TEST(without_an_exporter_a_trace_passes_through_unchanged),
        TEST(without_an_exporter_a_new_trace_is_for_the_log_only),
        TEST(a_call_that_was_not_admitted_has_no_span),
        TEST(codes_that_are_our_fault_are_errors),
        TEST(a_span_names_the_session_and_nothing_secret),
        TEST(attributes_keep_to_the_limits),
        TEST(values_are_cut_between_characters),
        TEST(parts_of_a_call_share_its_span),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
