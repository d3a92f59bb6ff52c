// SPDX-License-Identifier: Apache-2.0
/* Views of bytes: parts, comparison, numbers, UTF-8. */
#include "unit/unit.h"

#include "base/obj.h"

static void parts_of_strings_are_clamped(void **state) {
    (void)state;
    struct str s = STR("hello");
    assert_str(str_sub(s, 1, 3), "el");
    assert_str(str_sub(s, 3, 100), "lo");
    assert_str(str_sub(s, 9, 100), "");
    assert_str(str_sub(s, 4, 2), "");
    assert_str(str_from(s, 5), "");
    assert_str(str_from(s, 50), "");
    assert_null(str_sub(STR_NULL, 1, 2).p);
    assert_null(str_from(STR_NULL, 1).p);
    assert_int_equal(str_find(s, 'l'), 2);
    assert_int_equal(str_find(s, 'x'), 5);
    assert_int_equal(str_find(STR_NULL, 'x'), 0);
    assert_str(str_trim(STR(" \r\n\ta b\t ")), "a b");
    assert_str(str_trim(STR(" \t ")), "");
    assert_null(str_trim(STR_NULL).p);
    assert_null(str_c(NULL).p);
}

static void strings_compare_by_bytes(void **state) {
    (void)state;
    assert_true(str_eq(STR_NULL, STR("")));
    assert_false(str_eq(STR("a"), STR("b")));
    assert_false(str_eq(STR("a"), STR("ab")));
    assert_true(str_eq_nocase(STR("X-Amz-Date"), STR("x-aMZ-dATE")));
    assert_false(str_eq_nocase(STR("[a"), STR("{A")));
    assert_false(str_eq_nocase(STR("\xC3\x84"), STR("\xC3\xA4")));
    assert_true(str_cmp(STR("a"), STR("b")) < 0);
    assert_true(str_cmp(STR("ab"), STR("a")) > 0);
    assert_true(str_cmp(STR("\x80"), STR("a")) > 0);
    assert_int_equal(str_cmp(STR_NULL, STR("")), 0);
    assert_true(str_cmp(STR_NULL, STR("a")) < 0);
    assert_true(str_starts(STR("abc"), STR("ab")) && str_starts(STR("abc"), STR("")));
    assert_false(str_starts(STR("ab"), STR("abc")));
    assert_true(str_ends(STR("abc"), STR("bc")) && str_ends(STR("abc"), STR_NULL));
    assert_false(str_ends(STR("bc"), STR("abc")));
}

static void whole_decimal_integers_are_read(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool good;
        int64_t value;
    } rows[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"007", true, 7},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"99999999999999999999999", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"--1", false, 0},
        {"1.0", false, 0},
        {"0x1", false, 0},
        {"1e3", false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t value = 77;
        bool good = str_to_int64(str_c(rows[i].text), &value);
        if (good != rows[i].good || value != (rows[i].good ? rows[i].value : 77))
            fail_msg("\"%s\" gives %d, %lld", rows[i].text, good, (long long)value);
    }
    int64_t untouched = 5;
    assert_false(str_to_int64(STR_NULL, &untouched));
    assert_false(str_to_int64(str_n("1\0", 2), &untouched));
    assert_int_equal(untouched, 5);
}

static void utf8_is_judged_as_the_standard_has_it(void **state) {
    (void)state;
    static const struct str good[] = {
        STR_INIT(""),
        STR_INIT("a\0b"),
        STR_INIT("\x7F"),
        STR_INIT("\xC2\x80"),
        STR_INIT("\xDF\xBF"),
        STR_INIT("\xE0\xA0\x80"),
        STR_INIT("\xED\x9F\xBF"),
        STR_INIT("\xEE\x80\x80"),
        STR_INIT("\xEF\xBF\xBF"),
        STR_INIT("\xF0\x90\x80\x80"),
        STR_INIT("\xF4\x8F\xBF\xBF"),
    };
    static const struct str bad[] = {
        STR_INIT("\x80"),
        STR_INIT("\xC0\x80"),
        STR_INIT("\xC1\xBF"),
        STR_INIT("\xC2"),
        STR_INIT("\xC2\x7F"),
        STR_INIT("\xE0\x9F\xBF"),
        STR_INIT("\xED\xA0\x80"),
        STR_INIT("\xED\xBF\xBF"),
        STR_INIT("\xE2\x82"),
        STR_INIT("\xE2\x28\xA1"),
        STR_INIT("\xF0\x8F\xBF\xBF"),
        STR_INIT("\xF4\x90\x80\x80"),
        STR_INIT("\xF5\x80\x80\x80"),
        STR_INIT("\xFE"),
        STR_INIT("\xF0\x90\x80"),
        STR_INIT("ok\xFF"),
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (!str_is_utf8(good[i]))
            fail_msg("good %zu was refused", i);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (str_is_utf8(bad[i]))
            fail_msg("bad %zu was taken", i);
    assert_true(str_is_utf8(STR_NULL));
}

static void utf8_is_cut_between_characters(void **state) {
    (void)state;
    struct str s = STR("a\xC3\xA9\xF0\x9F\x98\x80z");
    static const size_t want[] = {0, 1, 1, 3, 3, 3, 3, 7, 8, 8};
    for (size_t n = 0; n < ARRAY_LEN(want); n++)
        assert_int_equal(str_utf8_cut(s, n).n, want[n]);
    assert_int_equal(str_utf8_len(s), 4);
    assert_int_equal(str_utf8_len(STR_NULL), 0);
    assert_null(str_utf8_cut(STR_NULL, 3).p);
    assert_int_equal(str_utf8_next(s, 3), 4);
    assert_int_equal(str_utf8_next(s, 4), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_of_strings_are_clamped),
        cmocka_unit_test(strings_compare_by_bytes),
        cmocka_unit_test(whole_decimal_integers_are_read),
        cmocka_unit_test(utf8_is_judged_as_the_standard_has_it),
        cmocka_unit_test(utf8_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
