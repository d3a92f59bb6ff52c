// SPDX-License-Identifier: Apache-2.0
/* Players' latencies out of whatever AGS passes as session_data. */
#include "base/buf.h"
#include "handlers/latencies.h"
#include "unit.h"

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

static struct latencies read_text(const char *text) {
    return latencies_read(arena, str_c(text));
}

/* "anna/us-west-2=42.5 ben/us-west-2=7": what was read. */
static void assert_read(const struct latencies *l, const char *want) {
    struct str got = STR("");
    for (size_t i = 0; i < l->list.n; i++) {
        const struct gl_player_latency *e = &l->list.v[i];
        assert_true(e->has_latency_in_milliseconds);
        got = arena_printf(arena, STR_FMT "%s" STR_FMT "/" STR_FMT "=%g", STR_ARG(got),
                           i == 0 ? "" : " ", STR_ARG(e->player_id), STR_ARG(e->region_identifier),
                           (double)e->latency_in_milliseconds);
    }
    assert_str(got, want);
}

struct reading {
    const char *text;
    const char *want;
    size_t skipped;
    const char *why; /* part of it; NULL: nothing to warn of */
};

static void assert_readings(const struct reading *cases, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct latencies l = read_text(cases[i].text);
        assert_read(&l, cases[i].want);
        assert_int_equal(l.skipped, cases[i].skipped);
        if (cases[i].why == NULL) {
            assert_null(l.why);
        } else {
            assert_non_null(l.why);
            assert_non_null(strstr(l.why, cases[i].why));
        }
    }
}

#define ASSERT_READINGS(...)                                                                       \
    do {                                                                                           \
        static const struct reading cases[] = {__VA_ARGS__};                                       \
        assert_readings(cases, sizeof cases / sizeof cases[0]);                                    \
    } while (0)

static void object_form_is_read(void **state) {
    (void)state;
    ASSERT_READINGS(
        {"{\"gamelift_latencies\":{\"anna\":{\"us-west-2\":42.5,\"us-east-1\":88}}}",
         "anna/us-west-2=42.5 anna/us-east-1=88", 0, NULL},
        {"{\"gamelift_latencies\":{\"anna\":{\"us-west-2\":0},\"ben\":{\"us-west-2\":7}}}",
         "anna/us-west-2=0 ben/us-west-2=7", 0, NULL},
        {"{\"player_latencies\":{\"anna\":{\"us-west-2\":1e2}}}", "anna/us-west-2=100", 0, NULL},
        {" {\"other\":[1,{\"a\":null}],\"gamelift_latencies\":{\"anna\":{\"r\":1}},\"x\":true} ",
         "anna/r=1", 0, NULL}, );
}

static void array_form_of_the_documentation_is_read(void **state) {
    (void)state;
    ASSERT_READINGS({"{\"player_latencies\":[{\"anna\":{\"r\":1}},{\"ben\":{\"r\":2}}]}",
                     "anna/r=1 ben/r=2", 0, NULL},
                    {"{\"gamelift_latencies\":[{\"anna\":{\"r\":1},\"ben\":{\"r\":2}}]}",
                     "anna/r=1 ben/r=2", 0, NULL},
                    {"{\"player_latencies\":[]}", "", 0, NULL}, );
}

static void session_data_without_latencies_is_no_fault(void **state) {
    (void)state;
    ASSERT_READINGS({"", "", 0, NULL}, {"  \n", "", 0, NULL}, {"{}", "", 0, NULL},
                    {"{\"a\":1}", "", 0, NULL}, {"{\"gamelift_latencies\":null}", "", 0, NULL},
                    {"{\"gamelift_latencies\":{}}", "", 0, NULL},
                    {"{\"gamelift_latencies\":{\"anna\":{}}}", "", 0, NULL},
                    {"{\"deep\":{\"gamelift_latencies\":{\"anna\":{\"r\":1}}}}", "", 0, NULL}, );
}

static void absent_session_data_is_no_fault(void **state) {
    (void)state;
    struct latencies l = latencies_read(arena, STR_NULL);
    assert_int_equal(l.list.n, 0);
    assert_null(l.why);
}

static void one_bad_entry_loses_that_entry_only(void **state) {
    (void)state;
    ASSERT_READINGS(
        {"{\"gamelift_latencies\":{\"a\":{\"x\":-1,\"y\":2}}}", "a/y=2", 1, "negative"},
        {"{\"gamelift_latencies\":{\"a\":{\"x\":-0.0001,\"y\":2}}}", "a/y=2", 1, "negative"},
        {"{\"gamelift_latencies\":{\"a\":{\"x\":600001,\"y\":2}}}", "a/y=2", 1, "too large"},
        {"{\"gamelift_latencies\":{\"a\":{\"x\":1e39,\"y\":2}}}", "a/y=2", 1, "too large"},
        {"{\"gamelift_latencies\":{\"a\":{\"x\":1e999,\"y\":2}}}", "a/y=2", 1, ""},
        {"{\"gamelift_latencies\":{\"a\":{\"x\":\"5\",\"y\":2}}}", "a/y=2", 1, "not a number"},
        {"{\"gamelift_latencies\":{\"a\":{\"x\":null,\"y\":2}}}", "a/y=2", 1, "not a number"},
        {"{\"gamelift_latencies\":{\"a\":{\"x\":true,\"y\":2}}}", "a/y=2", 1, "not a number"},
        {"{\"gamelift_latencies\":{\"a\":{\"x\":{\"z\":1},\"y\":2}}}", "a/y=2", 1, "not a number"},
        {"{\"gamelift_latencies\":{\"a\":{\"x\":[1],\"y\":2}}}", "a/y=2", 1, "not a number"},
        {"{\"gamelift_latencies\":{\"a\":{\"\":1,\"y\":2}}}", "a/y=2", 1, "has no name"},
        {"{\"gamelift_latencies\":{\"\":{\"x\":1},\"b\":{\"y\":2}}}", "b/y=2", 1, "has no name"},
        {"{\"gamelift_latencies\":{\"a\":5,\"b\":{\"y\":2}}}", "b/y=2", 1, "not an object"},
        {"{\"gamelift_latencies\":{\"a\":[{\"x\":1}],\"b\":{\"y\":2}}}", "b/y=2", 1,
         "not an object"},
        {"{\"gamelift_latencies\":{\"a\":{\"x\":5},\"b\":[1,2],\"c\":{\"y\":2}}}", "a/x=5 c/y=2", 1,
         "not an object"},
        {"{\"gamelift_latencies\":[7,\"x\",null,[{\"q\":{\"r\":1}}],{\"b\":{\"y\":2}}]}", "b/y=2",
         4, "element of the array"},
        {"{\"gamelift_latencies\":5,\"player_latencies\":{\"b\":{\"y\":2}}}", "b/y=2", 1,
         "neither an object nor an array"}, );
}

static void first_of_two_equal_entries_counts(void **state) {
    (void)state;
    ASSERT_READINGS(
        {"{\"gamelift_latencies\":{\"a\":{\"x\":1,\"x\":2}}}", "a/x=1", 1, "twice"},
        {"{\"gamelift_latencies\":[{\"a\":{\"x\":1}},{\"a\":{\"x\":2,\"y\":3}}]}", "a/x=1 a/y=3", 1,
         "twice"},
        {"{\"gamelift_latencies\":{\"a\":{\"x\":1}},\"player_latencies\":{\"a\":{\"x\":2}}}",
         "a/x=1", 1, "twice"},
        /* The names together are the same, the names are not. */
        {"{\"gamelift_latencies\":{\"ab\":{\"c\":1},\"a\":{\"bc\":2}}}", "ab/c=1 a/bc=2", 0,
         NULL}, );
}

static void text_that_breaks_off_keeps_what_was_read(void **state) {
    (void)state;
    ASSERT_READINGS(
        {"{\"gamelift_latencies\":{\"a\":{\"x\":1,\"y\"", "a/x=1", 0, "not a JSON object"},
        {"{\"gamelift_latencies\":{\"a\":{\"x\":1,\"y\":NaN}}}", "a/x=1", 0, "not a JSON object"},
        {"{\"gamelift_latencies\":{\"a\":{\"x\":1}}} and more", "a/x=1", 0, "not a JSON object"}, );
}

static void text_that_is_no_json_object_is_told(void **state) {
    (void)state;
    ASSERT_READINGS(
        {"some words", "", 0, "not a JSON object"}, {"[]", "", 0, "not a JSON object"},
        {"7", "", 0, NULL}, {"{", "", 0, "not a JSON object"},
        {"{\"gamelift_latencies\":{\"a\":{\"\xff\":1}}}", "", 0, "not a JSON object"}, );
}

static void deep_nesting_is_given_up(void **state) {
    struct buf b;
    (void)state;
    buf_init(&b, (size_t)1 << 21);
    buf_puts(&b, "{\"gamelift_latencies\":{\"a\":{\"x\":1}},\"deep\":");
    for (int i = 0; i < 500000; i++)
        buf_putc(&b, '[');
    struct latencies l = latencies_read(arena, buf_str(&b));
    assert_read(&l, "a/x=1");
    assert_string_equal(l.why, "session_data is nested too deeply");
    buf_free(&b);
}

static void number_of_entries_is_limited(void **state) {
    struct buf b;
    (void)state;
    buf_init(&b, (size_t)1 << 22);
    buf_puts(&b, "{\"gamelift_latencies\":{");
    for (int i = 0; i < LATENCIES_MAX_ENTRIES + 100; i++)
        buf_printf(&b, "%s\"player-%d\":{\"us-west-2\":%d}", i == 0 ? "" : ",", i, i % 300);
    buf_puts(&b, "}}");
    struct latencies l = latencies_read(arena, buf_str(&b));
    assert_int_equal(l.list.n, LATENCIES_MAX_ENTRIES);
    assert_int_equal(l.skipped, 100);
    assert_string_equal(l.why, "there are too many latencies");
    assert_false(arena_over(arena)); /* the call goes on */
    buf_free(&b);
}

static void names_are_as_long_as_gamelift_takes_them(void **state) {
    char name[1026];
    (void)state;
    memset(name, 'n', sizeof name);
    struct str fits = arena_printf(arena, "{\"gamelift_latencies\":{\"%.1024s\":{\"x\":1}}}", name);
    struct str longer =
        arena_printf(arena, "{\"gamelift_latencies\":{\"%.1025s\":{\"x\":1}}}", name);
    assert_int_equal(latencies_read(arena, fits).list.n, 1);
    assert_int_equal(latencies_read(arena, longer).list.n, 0);
    assert_int_equal(latencies_read(arena, longer).skipped, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(object_form_is_read),
        TEST(array_form_of_the_documentation_is_read),
        TEST(session_data_without_latencies_is_no_fault),
        TEST(absent_session_data_is_no_fault),
        TEST(one_bad_entry_loses_that_entry_only),
        TEST(first_of_two_equal_entries_counts),
        TEST(text_that_breaks_off_keeps_what_was_read),
        TEST(text_that_is_no_json_object_is_told),
        TEST(deep_nesting_is_given_up),
        TEST(number_of_entries_is_limited),
        TEST(names_are_as_long_as_gamelift_takes_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
