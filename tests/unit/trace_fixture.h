// SPDX-License-Identifier: Apache-2.0
/*
 * A tracer that reports to a scripted collector, a clock that stands, and one call at a time. To be
 * included once by a test file; what a test may change is in `settings`, followed by start().
 */
#ifndef UNIT_TRACE_FIXTURE_H
#define UNIT_TRACE_FIXTURE_H

#include "base/clock.h"
#include "base/obj.h"
#include "fake_http.h"
#include "generated/session_dsm.h"
#include "telemetry/trace.h"
#include "telemetry/trace_context.h"
#include "unit.h"

#define T "4bf92f3577b34da6a3ce929d0e0e4736"
#define S "00f067aa0ba902b7"
#define REPORT "POST http://collector/spans"
#define NOW_US INT64_C(1700000000000000)
#define SESSION_DATA "opaque-session-data"

static struct arena *arena;
static struct loop *loop;
static struct fake_http *fake;
static struct trace_settings settings;
static struct tracer *tracer;
static struct rpc_call rpc;
static bool flushed;

static void start(void) {
    const struct tracer_options options = {
        .loop = loop,
        .http = fake_http_client(fake),
        .settings = &settings,
        .version = STR("1.2.3"),
        .user_agent = STR("session-dsm/1.2.3"),
    };
    fake_settle(loop); /* the old one's jobs */
    tracer_free(tracer);
    tracer = tracer_new(&options);
}

static int set_up(void **state) {
    (void)state;
    log_start(LOG_LEVEL_OFF, 1);
    clock_hold(1000000, NOW_US);
    arena = arena_new(ARENA_LIMIT_DEFAULT);
    loop = loop_new();
    fake = fake_http_new(loop);
    flushed = false;
    settings = (struct trace_settings){
        .exporter = TRACE_EXPORT_ZIPKIN,
        .endpoint = STR("http://collector/spans"),
        .service_name = STR("svc"),
        .propagators = TRACE_B3MULTI | TRACE_TRACECONTEXT | TRACE_BAGGAGE,
        .sampler = TRACE_SAMPLER_ON,
        .parent_based = true,
        .ratio = 1.0,
        .delay_ms = 600000,
        .timeout_ms = 10000,
        .max_queue = 64,
        .max_batch = 64,
        .value_limit = 4096,
        .count_limit = 128,
    };
    start();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    tracer_free(tracer);
    tracer = NULL;
    fake_http_free(fake);
    loop_free(loop);
    arena_free(arena);
    clock_hold(-1, -1);
    log_stop(0);
    return 0;
}

/* ---- calls ---- */

/* "key: value" lines as metadata, ended by NULL. */
static void admit_lines(const char *const lines[]) {
    struct rpc_metadata *metadata = arena_array(arena, 16, sizeof *metadata);
    size_t n = 0;
    for (; lines[n] != NULL; n++) {
        struct str line = str_c(lines[n]);
        size_t colon = str_find(line, ':');
        metadata[n] = (struct rpc_metadata){str_sub(line, 0, colon), str_from(line, colon + 2)};
    }
    rpc = (struct rpc_call){
        .magic = RPC_CALL_MAGIC,
        .service = &dsm_session_dsm_service,
        .method = &dsm_session_dsm_service.methods[0],
        .metadata = metadata,
        .n_metadata = n,
    };
    ctx_init(&rpc.ctx, arena, NULL, CTX_NO_DEADLINE);
    tracer_admit(tracer, &rpc);
}
#define ADMIT(...) admit_lines((const char *const[]){__VA_ARGS__, NULL})

static void finish_with(const struct err *err) {
    const struct server_outcome outcome = {
        .stage = SERVER_HANDLED,
        .code = err != NULL ? err->code : RPC_OK,
        .err = err,
        .duration_us = 2500,
    };
    tracer_finished(tracer, &rpc, &outcome);
}

/* ---- reports ---- */

static void on_flushed(void *priv) {
    (void)priv;
    flushed = true;
}

/* The report of all that was recorded, or "" if nothing was. */
static const char *report(void) {
    bool any = tracer_stats(tracer).queued > 0;
    const struct fake_exchange e = {.request = REPORT, .proxy_allowed = true, .status = 202};
    if (any)
        fake_http_expect(fake, &e, 1);
    tracer_flush(tracer, 1000, on_flushed, NULL);
    fake_settle(loop);
    assert_true(flushed);
    return any ? arena_cstr(arena, fake_http_body(fake)) : "";
}

#define assert_has(text, part) has((text), (part), true, __LINE__)
#define assert_lacks(text, part) has((text), (part), false, __LINE__)
static void has(const char *text, const char *part, bool want, int line) {
    if ((strstr(text, part) != NULL) != want)
        fail_msg("line %d: \"%s\" is %s in\n%s", line, part, want ? "not" : "", text);
}

static size_t count(const char *text, const char *part) {
    size_t n = 0;
    for (; (text = strstr(text, part)) != NULL; text += strlen(part))
        n++;
    return n;
}

static const char *text_of(struct str s) {
    return s.p == NULL ? "(absent)" : arena_cstr(arena, s);
}

#endif
