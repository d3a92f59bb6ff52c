// SPDX-License-Identifier: Apache-2.0
/* Spans on their way to a collector that answers, refuses, hangs or is not there. */
#include "base/clock.h"
#include "base/obj.h"
#include "fake_http.h"
#include "telemetry/trace_export.h"
#include "unit.h"

#include <pthread.h>

#define URL "POST http://collector/spans"

static struct arena *arena;
static struct loop *loop;
static struct fake_http *fake;
static struct trace_settings settings;
static struct trace_exporter *exporter;
static int flushed;

/* "<service name, name>" with a name that shows what was sent and in which order. */
static void put_resource(struct buf *out, const struct trace_resource *resource) {
    buf_putstr(out, resource->service_name);
}
static void put_head(struct buf *out, struct str resource) {
    buf_putc(out, '<');
    buf_putstr(out, resource);
    buf_putc(out, ' ');
}
static void put_span(struct buf *out, struct str resource, const struct trace_record *record) {
    (void)resource;
    buf_putstr(out, record->name);
}
static void put_tail(struct buf *out) {
    buf_putc(out, '>');
}
static const struct trace_format format = {put_resource, put_head, put_span, put_tail};

static int set_up(void **state) {
    (void)state;
    log_start(LOG_LEVEL_OFF, 1);
    clock_hold(1000000, 1700000000000000);
    arena = arena_new(ARENA_LIMIT_DEFAULT);
    loop = loop_new();
    fake = fake_http_new(loop);
    flushed = 0;
    settings = (struct trace_settings){
        .exporter = TRACE_EXPORT_ZIPKIN,
        .endpoint = STR("http://collector/spans"),
        .service_name = STR("svc"),
        .delay_ms = 1000,
        .timeout_ms = 10000,
        .max_queue = 8,
        .max_batch = 3,
    };
    const struct trace_exporter_options options = {
        .loop = loop,
        .http = fake_http_client(fake),
        .format = &format,
        .settings = &settings,
        .user_agent = STR("session-dsm/1"),
    };
    exporter = trace_exporter_new(&options);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    trace_exporter_free(exporter);
    fake_http_free(fake);
    loop_free(loop);
    secret_free(&settings.headers);
    arena_free(arena);
    clock_hold(-1, -1);
    log_stop(0);
    return 0;
}

static void add(const char *names) {
    for (; *names != '\0'; names++) {
        const struct trace_record record = {.name = str_n(names, 1)};
        trace_exporter_add(exporter, &record);
    }
    fake_settle(loop);
}

static void expect(const char *body, int status, int64_t delay_ms) {
    const struct fake_exchange e = {
        .request = URL,
        .body = body,
        .headers = {"Content-Type: application/json", "User-Agent: session-dsm/1", "b3: 0"},
        .proxy_allowed = true,
        .status = status,
        .delay_ms = delay_ms,
    };
    fake_http_expect(fake, &e, 1);
}

static void assert_stats(uint64_t exported, uint64_t dropped, size_t queued) {
    struct trace_stats s = trace_exporter_stats(exporter);
    assert_int_equal(s.exported, exported);
    assert_int_equal(s.dropped, dropped);
    assert_int_equal(s.queued, queued);
}

static void on_flushed(void *priv) {
    assert_ptr_equal(priv, &flushed);
    flushed++;
}

/* ---- batches ---- */

static void spans_wait_for_others_only_so_long(void **state) {
    (void)state;
    add("a");
    fake_advance(loop, 600);
    add("b");
    fake_advance(loop, 399);
    assert_stats(0, 0, 2);
    expect("<svc a,b>", 202, 0);
    fake_advance(loop, 1);
    assert_int_equal(fake_http_left(fake), 0);
    assert_stats(2, 0, 0);
}

static void a_full_batch_does_not_wait(void **state) {
    (void)state;
    expect("<svc a,b,c>", 200, 0);
    add("abcd");
    assert_int_equal(fake_http_left(fake), 0);
    assert_stats(3, 0, 1);
    expect("<svc d>", 204, 0);
    fake_advance(loop, 1000);
    assert_stats(4, 0, 0);
}

static void one_report_is_on_its_way_at_a_time(void **state) {
    (void)state;
    expect("<svc a,b,c>", 202, 5000);
    add("abc");
    add("def");
    add("g");
    fake_advance(loop, 4999);
    assert_int_equal(fake_http_running(fake), 1);
    assert_stats(0, 0, 4);
    expect("<svc d,e,f>", 202, 0);
    expect("<svc g>", 202, 0); /* it has waited long enough */
    fake_advance(loop, 1);
    assert_stats(7, 0, 0);
}

static void nothing_to_say_sends_nothing(void **state) {
    (void)state;
    fake_advance(loop, 60000);
    assert_stats(0, 0, 0);
}

/* ---- trouble ---- */

static void a_full_queue_drops_the_newest(void **state) {
    (void)state;
    expect("<svc a,b,c>", 202, 5000);
    add("abc");
    add("defghijk");
    assert_stats(0, 0, 8);
    add("lm");
    assert_stats(0, 2, 8);
    expect("<svc d,e,f>", 202, 0);
    expect("<svc g,h,i>", 202, 0);
    expect("<svc j,k>", 202, 0);
    fake_advance(loop, 5000);
    assert_stats(11, 2, 0);
    expect("<svc n>", 202, 0);
    add("n");
    fake_advance(loop, 1000);
    assert_stats(12, 2, 0);
}

static void a_refused_report_is_lost_and_the_next_one_waits(void **state) {
    (void)state;
    expect("<svc a,b,c>", 503, 0);
    add("abc");
    assert_stats(0, 3, 0);
    add("def");
    assert_stats(0, 3, 3);
    fake_advance(loop, 999); /* half of the base at least */
    assert_stats(0, 3, 3);
    expect("<svc d,e,f>", 202, 0);
    fake_advance(loop, 2001); /* and no more than that and the base */
    assert_stats(3, 3, 0);
    /* Back to normal at once. */
    expect("<svc g,h,i>", 202, 0);
    add("ghi");
    assert_stats(6, 3, 0);
}

static void redirects_and_faults_are_failures_too(void **state) {
    static const int statuses[] = {0, 301, 400, 404, 429, 500};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        expect("<svc a,b,c>", statuses[i], 0);
        add("abc");
        assert_stats(0, 3 * (i + 1), 0);
        fake_advance(loop, 70000);
    }
}

static void a_dead_collector_is_asked_less_and_less(void **state) {
    int asked = 0;
    (void)state;
    for (int second = 0; second < 600; second++) {
        if (fake_http_left(fake) == 0 && asked < 40) {
            expect(NULL, 0, 0);
            asked++;
        }
        add("abc");
        fake_advance(loop, 1000);
    }
    asked -= (int)fake_http_left(fake);
    assert_in_range(asked, 10, 35);
    struct trace_stats s = trace_exporter_stats(exporter);
    assert_int_equal(s.exported, 0);
    assert_int_equal(s.dropped + s.queued, 1800);
    assert_in_range(s.queued, 0, 8);
    while (fake_http_left(fake) > 0)
        add("x"), fake_advance(loop, 70000);
}

static void the_collectors_wish_is_heeded(void **state) {
    const struct fake_exchange e = {
        .request = URL,
        .proxy_allowed = true,
        .status = 429,
        .reply_header = "Retry-After: 20",
    };
    (void)state;
    fake_http_expect(fake, &e, 1);
    add("abc");
    add("def");
    fake_advance(loop, 19999);
    assert_stats(0, 3, 3);
    expect("<svc d,e,f>", 202, 0);
    fake_advance(loop, 1);
    assert_stats(3, 3, 0);
}

static void a_span_too_large_for_any_report_is_dropped(void **state) {
    struct str huge = {.n = (size_t)3 << 20};
    struct str big = {.n = (size_t)1 << 20};
    (void)state;
    char *bytes = test_malloc(huge.n);
    memset(bytes, 'x', huge.n);
    huge.p = bytes;
    big.p = bytes;
    const struct trace_record huge_span = {.name = huge};
    const struct trace_record big_span = {.name = big};
    add("a");
    trace_exporter_add(exporter, &huge_span);
    assert_stats(0, 1, 1);
    /* Two large ones do not fit together: the first report goes as it is. */
    expect(NULL, 202, 0);
    expect(NULL, 202, 0);
    trace_exporter_add(exporter, &big_span);
    trace_exporter_add(exporter, &big_span);
    fake_settle(loop);
    fake_advance(loop, 1000);
    assert_int_equal(fake_http_left(fake), 0);
    assert_stats(3, 1, 0);
    test_free(bytes);
}

static void headers_go_along_with_otlp_only(void **state) {
    const struct fake_exchange with = {
        .request = URL,
        .headers = {"api-key: key value", "Content-Type: application/json", "x: 1"},
        .proxy_allowed = true,
        .status = 200,
    };
    const struct fake_exchange without = {
        .request = URL,
        .headers = {"!api-key", "!x"},
        .proxy_allowed = true,
        .status = 202,
    };
    (void)state;
    settings.headers = secret_new(STR("api-key=key%20value,content-type=text/plain,x=1"));
    fake_http_expect(fake, &without, 1);
    add("abc");
    settings.exporter = TRACE_EXPORT_OTLP;
    fake_http_expect(fake, &with, 1);
    add("abc");
    assert_stats(6, 0, 0);
}

/* ---- the end ---- */

static void a_flush_sends_all_and_then_tells(void **state) {
    (void)state;
    expect("<svc a,b,c>", 202, 100);
    add("abcdefg");
    trace_exporter_flush(exporter, 3000, on_flushed, &flushed);
    fake_advance(loop, 99);
    assert_int_equal(flushed, 0);
    expect("<svc d,e,f>", 202, 0);
    expect("<svc g>", 202, 0);
    fake_advance(loop, 1);
    assert_int_equal(flushed, 1);
    assert_stats(7, 0, 0);
    fake_advance(loop, 60000);
    assert_int_equal(flushed, 1);
}

static void a_flush_with_nothing_left_tells_from_the_loop(void **state) {
    (void)state;
    trace_exporter_flush(exporter, 3000, on_flushed, &flushed);
    assert_int_equal(flushed, 0);
    fake_settle(loop);
    assert_int_equal(flushed, 1);
}

static void a_flush_does_not_wait_for_a_backed_off_collector(void **state) {
    (void)state;
    expect("<svc a,b,c>", 503, 0);
    add("abc");
    add("d");
    expect("<svc d>", 202, 0);
    trace_exporter_flush(exporter, 3000, on_flushed, &flushed);
    fake_settle(loop);
    assert_int_equal(flushed, 1);
    assert_stats(1, 3, 0);
}

static void a_flush_ends_at_the_first_failure(void **state) {
    (void)state;
    expect("<svc a,b,c>", 0, 200);
    add("abcdefg");
    trace_exporter_flush(exporter, 3000, on_flushed, &flushed);
    fake_advance(loop, 200);
    assert_int_equal(flushed, 1);
    assert_stats(0, 7, 0);
}

static void a_flush_ends_when_its_time_is_over(void **state) {
    (void)state;
    expect("<svc a,b,c>", 202, FAKE_NEVER);
    add("abcdefg");
    trace_exporter_flush(exporter, 3000, on_flushed, &flushed);
    fake_advance(loop, 2999);
    assert_int_equal(flushed, 0);
    fake_advance(loop, 1);
    assert_int_equal(flushed, 1);
    assert_int_equal(fake_http_running(fake), 0);
    assert_stats(0, 7, 0);
}

static void what_was_not_flushed_is_freed(void **state) {
    (void)state;
    expect("<svc a,b,c>", 202, FAKE_NEVER);
    add("abcdefg");
    /* tear_down frees a report under way, a full one and one being filled. */
}

/* ---- threads ---- */

static void *add_many(void *arg) {
    const struct trace_record record = {.name = STR("t")};
    (void)arg;
    for (int i = 0; i < 1000; i++)
        trace_exporter_add(exporter, &record);
    return NULL;
}

static void any_thread_may_add(void **state) {
    pthread_t threads[2];
    (void)state;
    settings.max_queue = 1500;
    settings.max_batch = 1500;
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        AZ(pthread_create(&threads[i], NULL, add_many, NULL));
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        AZ(pthread_join(threads[i], NULL));
    assert_stats(0, 500, 1500);
    expect(NULL, 202, 0);
    fake_settle(loop);
    assert_stats(1500, 500, 0);
    assert_int_equal(fake_http_body(fake).n, 6 + 1500 + 1499);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(spans_wait_for_others_only_so_long),
        TEST(a_full_batch_does_not_wait),
        TEST(one_report_is_on_its_way_at_a_time),
        TEST(nothing_to_say_sends_nothing),
        TEST(a_full_queue_drops_the_newest),
        TEST(a_refused_report_is_lost_and_the_next_one_waits),
        TEST(redirects_and_faults_are_failures_too),
        TEST(a_dead_collector_is_asked_less_and_less),
        TEST(the_collectors_wish_is_heeded),
        TEST(a_span_too_large_for_any_report_is_dropped),
        TEST(headers_go_along_with_otlp_only),
        TEST(a_flush_sends_all_and_then_tells),
        TEST(a_flush_with_nothing_left_tells_from_the_loop),
        TEST(a_flush_does_not_wait_for_a_backed_off_collector),
        TEST(a_flush_ends_at_the_first_failure),
        TEST(a_flush_ends_when_its_time_is_over),
        TEST(what_was_not_flushed_is_freed),
        TEST(any_thread_may_add),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
