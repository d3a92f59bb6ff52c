// SPDX-License-Identifier: Apache-2.0
#include "console/advice.h"
#include "console/html.h"
#include "console/recorder.h"

#include "base/clock.h"
#include "base/obj.h"
#include "generated/session_dsm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* ---- a call, as the server tells of it ---- */

struct told {
    struct arena *arena;
    struct rpc_call rpc;
    struct dsm_request_create_game_session req;
};

static void arrives(struct recorder *r, struct told *t, const char *session_id) {
    *t = (struct told){.arena = arena_new(ARENA_LIMIT_DEFAULT)};
    const struct dsm_request_create_game_session empty = DSM_REQUEST_CREATE_GAME_SESSION_INIT;
    t->req = empty;
    t->req.session_id = (char *)(uintptr_t)session_id;
    t->rpc.service = &dsm_session_dsm_service;
    t->rpc.method = &dsm_session_dsm_service.methods[0];
    t->rpc.req = &t->req.base;
    ctx_init(&t->rpc.ctx, t->arena, NULL, CTX_NO_DEADLINE);
    recorder_admit(r, &t->rpc);
}

static void ends(struct recorder *r, struct told *t, const struct err *err, int64_t duration_us) {
    const struct server_outcome outcome = {
        .stage = SERVER_HANDLED,
        .code = err == NULL ? RPC_OK : err->code,
        .err = err,
        .duration_us = duration_us,
    };
    recorder_finished(r, &t->rpc, &outcome);
    arena_free(t->arena);
}

static const struct err full = {
    .code = RPC_RESOURCE_EXHAUSTED,
    .origin = ERR_UPSTREAM,
    .msg = STR_INIT("no free server"),
    .type = STR_INIT("FleetCapacityExceededException"),
};

static void calls_are_remembered_newest_first(void **state) {
    struct recorder *r = recorder_new();
    struct recorded_call *calls = calloc(RECORDER_CALLS, sizeof *calls);
    struct told t;
    (void)state;
    recorder_expect(r, &dsm_session_dsm_service);
    arrives(r, &t, "s-1");
    recorder_attempt(r, &t.rpc.ctx, STR("GameLift"), STR("CreateGameSession"), STR("us-east-1"),
                     900, &full);
    recorder_location(r, &t.rpc.ctx, STR("us-west-2"), &full);
    ends(r, &t, &full, 1000);
    arrives(r, &t, "s-2");
    ends(r, &t, NULL, 2000);

    assert_int_equal(recorder_calls(r, calls, RECORDER_CALLS), 2);
    assert_string_equal(calls[0].session_id, "s-2");
    assert_int_equal(calls[0].n_steps, 0);
    assert_string_equal(calls[0].message, "");
    assert_string_equal(calls[1].session_id, "s-1");
    assert_string_equal(calls[1].method, "CreateGameSession");
    assert_int_equal(calls[1].code, RPC_RESOURCE_EXHAUSTED);
    assert_string_equal(calls[1].message, "no free server");
    assert_int_equal(calls[1].n_steps, 2);
    assert_string_equal(calls[1].steps[1].what, "us-west-2");
    assert_string_equal(calls[1].steps[1].answer, "FleetCapacityExceededException");
    assert_int_equal(calls[1].steps[1].duration_us, 900);

    struct trouble troubles[4];
    assert_int_equal(recorder_troubles(r, troubles, 4), 1);
    assert_string_equal(troubles[0].type, "FleetCapacityExceededException");
    assert_int_equal(troubles[0].count, 1);
    free(calls);
    recorder_free(r);
}

static void parts_of_a_call_may_end_before_it(void **state) {
    struct recorder *r = recorder_new();
    struct recorded_call *calls = calloc(RECORDER_CALLS, sizeof *calls);
    struct told t;
    (void)state;
    recorder_expect(r, &dsm_session_dsm_service);
    arrives(r, &t, "s-1");
    for (int i = 0; i < 2; i++) {
        struct arena *arena = arena_new(ARENA_LIMIT_DEFAULT);
        struct ctx part = t.rpc.ctx;
        struct err err = full;
        part.arena = arena;
        err.type = arena_str(arena, full.type);
        recorder_attempt(r, &part, STR("GameLift"), arena_str(arena, STR("CreateGameSession")),
                         STR("us-east-1"), 900, &err);
        arena_free(arena);
    }
    ends(r, &t, NULL, 2000);
    assert_int_equal(recorder_calls(r, calls, RECORDER_CALLS), 1);
    assert_int_equal(calls[0].n_steps, 2);
    assert_string_equal(calls[0].steps[1].what, "CreateGameSession");
    assert_string_equal(calls[0].steps[1].answer, "FleetCapacityExceededException");
    free(calls);
    recorder_free(r);
}

static void memory_is_bounded(void **state) {
    struct recorder *r = recorder_new();
    struct recorded_call *calls = calloc(RECORDER_CALLS, sizeof *calls);
    struct series *series = calloc(1, sizeof *series);
    struct trouble troubles[RECORDER_TROUBLES + 5];
    char name[300];
    struct told t;
    (void)state;
    recorder_expect(r, &dsm_session_dsm_service);
    for (int i = 0; i < 1000; i++) {
        struct err odd = full;
        /* Texts that are longer than what is kept of them, of characters that must not be cut. */
        for (size_t k = 0; k + 3 < sizeof name; k += 2)
            memcpy(name + k, "\xC3\xA9", 3);
        snprintf(name, 12, "%d", i);
        name[strlen(name)] = 'x';
        odd.type = str_c(name);
        arrives(r, &t, name);
        for (int k = 0; k < 30; k++)
            recorder_attempt(r, &t.rpc.ctx, STR("GameLift"), str_c(name), str_c(name), 5, &odd);
        recorder_location(r, &t.rpc.ctx, str_c(name), &odd);
        ends(r, &t, &odd, INT64_MAX);
    }
    assert_int_equal(recorder_calls(r, calls, RECORDER_CALLS), RECORDER_CALLS);
    assert_int_equal(calls[0].number, 1000);
    assert_int_equal(calls[0].n_steps, 31);
    for (size_t i = 0; i < RECORDER_CALLS; i++)
        assert_true(str_is_utf8(str_c(calls[i].session_id)));
    assert_true(recorder_series(r, RECORDER_SERIES - 1, series));
    assert_false(recorder_series(r, RECORDER_SERIES, series));
    assert_int_equal(recorder_troubles(r, troubles, ARRAY_LEN(troubles)), RECORDER_TROUBLES);
    free(series);
    free(calls);
    recorder_free(r);
}

static void nothing_is_noted_without_a_console(void **state) {
    struct told t;
    (void)state;
    arrives(NULL, &t, "s");
    assert_null(t.rpc.ctx.trail);
    recorder_attempt(NULL, &t.rpc.ctx, STR("a"), STR("b"), STR("c"), 1, NULL);
    recorder_location(NULL, &t.rpc.ctx, STR("a"), NULL);
    ends(NULL, &t, NULL, 1);
}

/* ---- time ---- */

static const struct slice *slice(struct recorder *r, struct series *s, size_t back) {
    assert_true(recorder_series(r, 0, s));
    return &s->slices[RECORDER_SLICES - 1 - back];
}

static void slices_follow_the_time(void **state) {
    struct recorder *r = recorder_new();
    struct series *s = calloc(1, sizeof *s);
    struct told t;
    const int64_t step = RECORDER_SLICE_MS * INT64_C(1000);
    (void)state;
    recorder_expect(r, &dsm_session_dsm_service);
    clock_hold(1000 * step, -1);
    arrives(r, &t, "s");
    ends(r, &t, NULL, 1500);
    assert_int_equal(slice(r, s, 0)->ok, 1);
    clock_hold(1003 * step, -1);
    assert_int_equal(slice(r, s, 0)->ok, 0);
    assert_int_equal(slice(r, s, 3)->ok, 1);
    arrives(r, &t, "s");
    ends(r, &t, &full, 1500);
    assert_int_equal(slice(r, s, 0)->failed, 1);
    assert_int_equal(slice(r, s, 1)->failed + slice(r, s, 1)->ok, 0);
    assert_int_equal(slice(r, s, 3)->ok, 1);
    clock_hold((1003 + RECORDER_SLICES) * step, -1);
    for (size_t i = 0; i < RECORDER_SLICES; i++)
        assert_int_equal(slice(r, s, i)->ok + slice(r, s, i)->failed, 0);
    clock_hold(-1, -1);
    free(s);
    recorder_free(r);
}

static void quantiles_are_near(void **state) {
    (void)state;
    static const int64_t rows[] = {100, 300, 700, 1000, 5000, 25000, 130000, 900000, 12000000};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct recorder *r = recorder_new();
        struct series *s = calloc(1, sizeof *s);
        uint32_t histogram[RECORDER_HISTOGRAM] = {0};
        struct told t;
        recorder_expect(r, &dsm_session_dsm_service);
        clock_hold(INT64_C(50000000000), -1);
        for (int k = 0; k < 20; k++) {
            arrives(r, &t, "s");
            ends(r, &t, NULL, rows[i]);
        }
        assert_true(recorder_series(r, 0, s));
        for (size_t k = 0; k < RECORDER_HISTOGRAM; k++)
            histogram[k] = s->slices[RECORDER_SLICES - 1].histogram[k];
        double ms = recorder_quantile(histogram, 0.95);
        double real = (double)rows[i] / 1000;
        assert_true(ms >= real * 0.6 - 0.3 && ms <= real * 1.5 + 0.3);
        clock_hold(-1, -1);
        free(s);
        recorder_free(r);
    }
    const uint32_t none[RECORDER_HISTOGRAM] = {0};
    assert_true(recorder_quantile(none, 0.5) == 0.0);
}

/* ---- HTML ---- */

static void assert_html(struct str text, const char *expected) {
    struct buf b;
    buf_init(&b, 1000);
    html_text(&b, text);
    buf_putc(&b, '\0');
    assert_false(b.failed);
    assert_string_equal(b.p, expected);
    buf_free(&b);
}

static void text_is_escaped(void **state) {
    (void)state;
    assert_html(STR("<script>\"a\" & 'b'</script>"),
                "&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;&lt;/script&gt;");
    assert_html(STR("caf\xC3\xA9"), "caf\xC3\xA9");
    assert_html(STR("a\xC3(\x01\x7F"), "a\xEF\xBF\xBD(\xEF\xBF\xBD\xEF\xBF\xBD");
    assert_html(STR(""), "");
}

static bool fill_x(void *priv, struct str name, struct buf *out) {
    (void)priv;
    buf_putc(out, '<');
    buf_putstr(out, name);
    buf_putc(out, '>');
    return true;
}

static void templates_are_filled(void **state) {
    struct buf b;
    (void)state;
    buf_init(&b, 1000);
    html_template(&b, STR("a{{one}}{{two}} {b} }}c"), fill_x, NULL);
    assert_true(str_eq(buf_str(&b), STR("a<one><two> {b} }}c")));
    buf_free(&b);
}

static void advice_fits(void **state) {
    (void)state;
    const struct advice *a =
        advice_for(STR("GameLift"), STR("CreateGameSession"), STR("NotFoundException"));
    assert_non_null(a->action);
    a = advice_for(STR("GameLift"), STR("TerminateGameSession"), STR("NotFoundException"));
    assert_null(a->action);
    a = advice_for(STR("AGS"), STR("getGameSession"), STR("Unavailable"));
    assert_non_null(strstr(a->meaning, "no answer"));
    a = advice_for(STR("SQS"), STR("x"), STR("NobodyKnows"));
    assert_ptr_equal(a, &advice_rows[advice_n_rows - 1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_remembered_newest_first),
        cmocka_unit_test(parts_of_a_call_may_end_before_it),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(nothing_is_noted_without_a_console),
        cmocka_unit_test(slices_follow_the_time),
        cmocka_unit_test(quantiles_are_near),
        cmocka_unit_test(text_is_escaped),
        cmocka_unit_test(templates_are_filled),
        cmocka_unit_test(advice_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
