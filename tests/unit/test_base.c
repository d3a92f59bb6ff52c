// SPDX-License-Identifier: Apache-2.0
/* Memory, buffers, lists, errors, secrets, time and random values. */
#include "unit/unit.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/list.h"
#include "base/obj.h"
#include "base/random.h"
#include "base/secret.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static struct arena *arena;

static int set_up(void **state) {
    (void)state;
    arena = arena_new(100000);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    arena_free(arena);
    return 0;
}

/* True if fn ends the process by abort. */
static bool aborts(void (*fn)(void)) {
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        close(STDERR_FILENO);
        fn();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

/* ---- arena ---- */

static void allocations_are_zeroed_aligned_and_apart(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 7, 8, 15, 16, 17, 100, 3900, 4096, 5000, 70000, 3, 200000};
    unsigned char *blocks[ARRAY_LEN(sizes) * 20];
    size_t n = 0;
    for (int round = 0; round < 20; round++)
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
            unsigned char *p = arena_alloc(arena, sizes[i]);
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
            for (size_t k = 0; k < sizes[i]; k++)
                if (p[k] != 0)
                    fail_msg("byte %zu of %zu is not zero", k, sizes[i]);
            if (sizes[i] > 0)
                memset(p, (int)(n % 255) + 1, sizes[i]);
            blocks[n++] = p;
        }
    for (size_t b = 0; b < n; b++)
        for (size_t k = 0; k < sizes[b % ARRAY_LEN(sizes)]; k++)
            if (blocks[b][k] != b % 255 + 1)
                fail_msg("allocation %zu was written to by another one", b);
}

static void past_its_limit_an_arena_serves_and_says_so(void **state) {
    (void)state;
    struct arena *a = arena_new(1000);
    assert_false(arena_over(a));
    (void)arena_alloc(a, 1000);
    assert_int_equal(arena_used(a), 1000);
    assert_false(arena_over(a));
    char *p = arena_alloc(a, 1);
    *p = 'x';
    assert_true(arena_over(a));
    (void)arena_alloc(a, 0);
    assert_true(arena_over(a));
    arena_free(a);
}

static void a_small_arena_holds_as_much_as_any(void **state) {
    (void)state;
    struct arena *a = arena_new_with(1 << 20, 1024);
    char *blocks[64];
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        blocks[i] = arena_alloc(a, 100);
        memset(blocks[i], (int)i + 1, 100);
    }
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++)
        for (size_t k = 0; k < 100; k++)
            assert_int_equal(blocks[i][k], i + 1);
    assert_int_equal(arena_used(a), 6400);
    arena_free(a);
}

static char order[16];

static void note(void *arg) {
    size_t n = strlen(order);
    order[n] = *(const char *)arg;
    order[n + 1] = '\0';
}

static void deferred_functions_run_last_first_with_memory_still_there(void **state) {
    (void)state;
    struct arena *a = arena_new(1000);
    order[0] = '\0';
    for (const char *c = "abc"; *c != '\0'; c++) {
        char *mine = arena_alloc(a, 1);
        *mine = *c;
        arena_defer(a, note, mine);
    }
    assert_string_equal(order, "");
    arena_free(a);
    assert_string_equal(order, "cba");
    arena_free(NULL);
}

static void copies_end_in_nul_and_absent_stays_absent(void **state) {
    (void)state;
    char text[] = "abc";
    struct str copy = arena_str(arena, str_n(text, 2));
    text[0] = 'x';
    assert_str(copy, "ab");
    assert_int_equal(copy.p[2], '\0');
    assert_null(arena_str(arena, STR_NULL).p);
    assert_null(arena_cstr(arena, STR_NULL));
    assert_non_null(arena_str(arena, STR("")).p);
    assert_string_equal(arena_cstr(arena, STR("")), "");
}

static void texts_are_printed_and_joined_at_any_length(void **state) {
    (void)state;
    assert_str(arena_printf(arena, "%s-%d-" STR_FMT, "a", 7, STR_ARG(STR_NULL)), "a-7-");
    assert_int_equal(arena_printf(arena, "%5000s", "x").n, 5000);
    struct str joined = ARENA_JOIN(arena, STR("a"), STR_NULL, STR(""), STR("bc"));
    assert_str(joined, "abc");
    assert_int_equal(joined.p[3], '\0');
    assert_str(arena_join(arena, NULL, 0), "");
}

struct thing {
    char before;
    unsigned magic;
};

static void objects_carry_their_magic(void **state) {
    (void)state;
    struct thing *t = OBJ_NEW(arena, thing, 0x12345678U);
    assert_int_equal(t->magic, 0x12345678U);
    assert_int_equal(t->before, 0);
    assert_ptr_equal(OBJ_CAST(t, thing, 0x12345678U), t);
    assert_ptr_equal(CONTAINER_OF(&t->magic, struct thing, magic), t);
}

static void cast_null(void) {
    (void)OBJ_CAST(NULL, thing, 1U);
}

static void cast_wrong(void) {
    struct thing t = {.magic = 2};
    (void)OBJ_CAST(&t, thing, 1U);
}

static void overflow_array(void) {
    (void)arena_array(arena, SIZE_MAX / 2, 4);
}

static void allocate_half_of_everything(void) {
    (void)arena_alloc(arena, SIZE_MAX / 2);
}

static void what_cannot_be_ends_the_process(void **state) {
    (void)state;
    assert_true(aborts(cast_null));
    assert_true(aborts(cast_wrong));
    assert_true(aborts(overflow_array));
    assert_true(aborts(allocate_half_of_everything));
}

/* ---- buf ---- */

static void writing_past_the_maximum_sticks(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    assert_str(buf_str(&b), "");
    buf_puts(&b, "12345");
    buf_puts(&b, "67890");
    assert_false(b.failed);
    buf_put(&b, "", 0);
    assert_false(b.failed);
    buf_putc(&b, 'x');
    assert_true(b.failed);
    assert_str(buf_str(&b), "1234567890");
    buf_reset(&b);
    buf_puts(&b, "123456789012");
    assert_true(b.failed);
    buf_puts(&b, "a"); /* would fit, but an earlier part is missing */
    assert_str(buf_str(&b), "");
    buf_free(&b);
    buf_puts(&b, "again");
    assert_str(buf_str(&b), "again");
    buf_wipe(&b);
    assert_null(b.p);
    assert_int_equal(b.max, 10);
}

static void a_buffer_grows_and_keeps_what_it_holds(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 1000000);
    for (int i = 0; i < 100000; i++)
        buf_printf(&b, "%d,", i % 10);
    buf_printf(&b, "%300s|", "long");
    assert_false(b.failed);
    assert_int_equal(b.n, 200301);
    for (size_t i = 0; i < 200000; i += 2)
        if (b.p[i] != (char)('0' + (i / 2) % 10))
            fail_msg("byte %zu is %c", i, b.p[i]);
    assert_true(str_ends(buf_str(&b), STR(" long|")));
    buf_free(&b);
}

static void printing_too_much_fails_whole(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 400);
    buf_puts(&b, "kept");
    buf_printf(&b, "%500s", "x");
    assert_true(b.failed);
    assert_str(buf_str(&b), "kept");
    buf_free(&b);
    buf_puthex(&b, "\x00\x7f\xff\xA5", 4);
    assert_str(buf_str(&b), "007fffa5");
    buf_free(&b);
}

static void json_strings_are_always_valid(void **state) {
    (void)state;
    static const struct {
        struct str text;
        const char *want;
    } rows[] = {
        {STR_INIT(""), "\"\""},
        {{.p = NULL, .n = 0}, "\"\""},
        {STR_INIT("plain /text'"), "\"plain /text'\""},
        {STR_INIT("a\"b\\c"), "\"a\\\"b\\\\c\""},
        {STR_INIT("\n\r\t\b\0\x1f\x7f"), "\"\\n\\r\\t\\u0008\\u0000\\u001f\\u007f\""},
        {STR_INIT("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"),
         "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\""},
        {STR_INIT("a\xFF"), "\"a\xEF\xBF\xBD\""},
        {STR_INIT("\xC3"), "\"\xEF\xBF\xBD\""},
        {STR_INIT("\xE2\x82x"), "\"\xEF\xBF\xBD\xEF\xBF\xBDx\""},
        {STR_INIT("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b;
        buf_init(&b, 1000);
        buf_putjson(&b, rows[i].text);
        assert_str(buf_str(&b), rows[i].want);
        assert_true(str_is_utf8(buf_str(&b)));
        buf_free(&b);
    }
}

/* Texts are looked through eight bytes at a time, with a rest; each place is tried. */
static void what_is_special_is_found_at_each_place(void **state) {
    (void)state;
    static const struct {
        struct str special;
        const char *want;
        bool utf8;
    } rows[] = {
        {STR_INIT("\""), "\\\"", true},
        {STR_INIT("\x1f"), "\\u001f", true},
        {STR_INIT("\xC3\xA9"), "\xC3\xA9", true},
        {STR_INIT("\xFF"), "\xEF\xBF\xBD", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t n = 0; n <= 26; n++)
            for (size_t at = 0; at <= n; at++) {
                char text[32];
                char want[64];
                size_t len = rows[i].special.n;
                memset(text, 'a', sizeof text);
                memcpy(text + at, rows[i].special.p, len);
                snprintf(want, sizeof want, "\"%.*s%s%.*s\"", (int)at, "aaaaaaaaaaaaaaaaaaaaaaaaaa",
                         rows[i].want, (int)(n - at), "aaaaaaaaaaaaaaaaaaaaaaaaaa");
                struct buf b;
                buf_init(&b, 1000);
                buf_putjson(&b, str_n(text, n + len));
                assert_str(buf_str(&b), want);
                assert_true(str_is_utf8(str_n(text, n + len)) == rows[i].utf8);
                buf_free(&b);
            }
}

/* ---- list ---- */

static void a_list_keeps_its_order_and_loses_what_is_removed(void **state) {
    (void)state;
    struct list head;
    struct list nodes[3];
    list_init(&head);
    assert_true(list_empty(&head));
    for (size_t i = 0; i < 3; i++)
        list_append(&head, &nodes[i]);
    assert_int_equal(list_count(&head), 3);
    assert_ptr_equal(head.next, &nodes[0]);
    assert_ptr_equal(head.prev, &nodes[2]);
    list_remove(&nodes[1]);
    list_remove(&nodes[1]);
    assert_true(list_empty(&nodes[1]));
    assert_ptr_equal(nodes[0].next, &nodes[2]);
    assert_ptr_equal(nodes[2].prev, &nodes[0]);
    struct list other;
    list_move(&head, &other);
    assert_true(list_empty(&head));
    assert_ptr_equal(other.next, &nodes[0]);
    assert_ptr_equal(other.prev, &nodes[2]);
    list_remove(&nodes[0]);
    list_remove(&nodes[2]);
    assert_true(list_empty(&other));
    list_move(&head, &other);
    assert_true(list_empty(&other));
    assert_int_equal(list_count(&head), 0);
}

/* ---- err, secret, clock, random ---- */

static void an_error_copied_outlives_its_arena(void **state) {
    (void)state;
    struct arena *short_lived = arena_new(1000);
    struct err *e = err_new(short_lived, RPC_NOT_FOUND, "no %s in %d places", "fleet", 3);
    assert_int_equal(e->origin, ERR_LOCAL);
    assert_null(e->detail.p);
    e->origin = ERR_UPSTREAM;
    e->detail = arena_str(short_lived, STR("detail"));
    e->field = arena_str(short_lived, STR("A.B"));
    e->type = arena_str(short_lived, STR("NotFoundException"));
    e->request_id = arena_str(short_lived, STR("id"));
    e->http_status = 400;
    e->retryable = true;
    struct err *copy = err_copy(arena, e);
    arena_free(short_lived);
    assert_int_equal(copy->code, RPC_NOT_FOUND);
    assert_int_equal(copy->origin, ERR_UPSTREAM);
    assert_str(copy->msg, "no fleet in 3 places");
    assert_str(copy->detail, "detail");
    assert_str(copy->field, "A.B");
    assert_str(copy->type, "NotFoundException");
    assert_str(copy->request_id, "id");
    assert_int_equal(copy->http_status, 400);
    assert_true(copy->retryable);
    assert_null(err_copy(arena, ERR_INVALID(arena, "x"))->field.p);
}

static void codes_are_spelt_as_go_spells_them(void **state) {
    (void)state;
    assert_string_equal(rpc_code_name(RPC_OK), "OK");
    assert_string_equal(rpc_code_name(RPC_CANCELLED), "Canceled");
    assert_string_equal(rpc_code_name(RPC_UNAUTHENTICATED), "Unauthenticated");
    assert_string_equal(rpc_code_name((enum rpc_code)17), "Unknown");
    assert_string_equal(rpc_code_name((enum rpc_code) - 1), "Unknown");
    for (int i = 0; i <= 16; i++)
        assert_non_null(rpc_code_name((enum rpc_code)i));
}

static void a_secret_is_a_copy_that_can_be_absent(void **state) {
    (void)state;
    char text[] = "hunter2";
    struct secret s = secret_new(str_c(text));
    memset(text, 'x', 7);
    assert_true(secret_present(&s));
    assert_str(secret_reveal(&s), "hunter2");
    secret_free(&s);
    assert_false(secret_present(&s));
    assert_null(secret_reveal(&s).p);
    secret_free(&s);
    secret_free(NULL);
    s = secret_new(STR(""));
    assert_false(secret_present(&s));
    secret_free(&s);
}

static void time_stands_still_when_held(void **state) {
    (void)state;
    clock_hold(5000123, 7000000);
    assert_int_equal(clock_mono_us(), 5000123);
    assert_int_equal(clock_mono_ms(), 5000);
    assert_int_equal(clock_real_us(), 7000000);
    clock_hold(-1, -1);
    int64_t before = clock_mono_us();
    assert_true(before != 5000123);
    assert_true(clock_mono_us() >= before);
    assert_true(clock_real_us() > INT64_C(1600000000000000));
}

static void random_ids_are_version_4_and_differ(void **state) {
    (void)state;
    char a[RANDOM_UUID_SIZE];
    char b[RANDOM_UUID_SIZE];
    for (int i = 0; i < 1000; i++) {
        random_uuid(a);
        random_uuid(b);
        assert_string_not_equal(a, b);
        assert_int_equal(strlen(a), 36);
        assert_int_equal(strspn(a, "0123456789abcdef-"), 36);
        assert_true(a[8] == '-' && a[13] == '-' && a[18] == '-' && a[23] == '-');
        assert_int_equal(a[14], '4');
        assert_non_null(strchr("89ab", a[19]));
        double unit = random_unit();
        assert_true(unit >= 0.0 && unit <= 1.0);
    }
}

/* ---- secrets in texts ---- */

static void secrets_are_taken_out_of_texts(void **state) {
    (void)state;
    static const struct {
        const char *text, *secret, *want;
    } cases[] = {
        {"no harm", "12345678", "no harm"},
        {"12345678", "12345678", "***"},
        {"a 12345678 b 1234567812345678", "12345678", "a *** b ******"},
        {"cut off in 123456789", "123456789012", "cut off in ***"},
        {"cut off in 1234567", "123456789012", "cut off in 1234567"},
        {"1234567890 is a beginning only", "123456789012", "1234567890 is a beginning only"},
        {"123456781234567", "1234567812345678", "***"},
        {"short 123", "123", "short 123"},
        {"", "12345678", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct secret secret = secret_new(str_c(cases[i].secret));
        struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
        assert_str(secret_taken_out(a, str_c(cases[i].text), &secret), cases[i].want);
        arena_free(a);
        secret_free(&secret);
    }
    const struct secret none = {.hidden = NULL};
    assert_str(secret_taken_out(NULL, STR("any text"), &none), "any text");
    assert_null(secret_taken_out(NULL, STR_NULL, &none).p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_taken_out_of_texts),
        TEST(allocations_are_zeroed_aligned_and_apart),
        TEST(past_its_limit_an_arena_serves_and_says_so),
        TEST(a_small_arena_holds_as_much_as_any),
        TEST(deferred_functions_run_last_first_with_memory_still_there),
        TEST(copies_end_in_nul_and_absent_stays_absent),
        TEST(texts_are_printed_and_joined_at_any_length),
        TEST(objects_carry_their_magic),
        TEST(what_cannot_be_ends_the_process),
        TEST(writing_past_the_maximum_sticks),
        TEST(a_buffer_grows_and_keeps_what_it_holds),
        TEST(printing_too_much_fails_whole),
        TEST(json_strings_are_always_valid),
        TEST(what_is_special_is_found_at_each_place),
        TEST(a_list_keeps_its_order_and_loses_what_is_removed),
        TEST(an_error_copied_outlives_its_arena),
        TEST(codes_are_spelt_as_go_spells_them),
        TEST(a_secret_is_a_copy_that_can_be_absent),
        TEST(time_stands_still_when_held),
        TEST(random_ids_are_version_4_and_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
