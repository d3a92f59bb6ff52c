// SPDX-License-Identifier: Apache-2.0
/* Numbers are read and printed as the C library does it, whichever way they take. */
#include "unit/unit.h"

#include "base/obj.h"
#include "codec/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Zero is not minus zero here. */
static bool are_same(double a, double b) {
    uint64_t x;
    uint64_t y;
    memcpy(&x, &a, sizeof x);
    memcpy(&y, &b, sizeof y);
    return x == y;
}

static void same_bits(double got, double want, const char *text) {
    if (!are_same(got, want))
        fail_msg("%s is read as %.17g, not as %.17g", text, got, want);
}

static void reads_as_strtod(const char *text) {
    double got = 0.5;
    if (!number_parse_double(str_c(text), &got))
        fail_msg("%s is refused", text);
    same_bits(got, strtod(text, NULL), text);
}

static void numbers_are_read_to_the_last_bit(void **state) {
    static const char *const texts[] = {
        "0",
        "-0",
        "0.0",
        "-0.0",
        "1",
        "-1",
        "42.5",
        "0.1",
        "0.3",
        "1767225600.123",
        "999999999999999",
        "1000000000000000",
        "9007199254740993",
        "123456789012.345",
        "0.00000000000001",
        "0.000000000000001",
        "99999999.9999999",
        "3.14159265358979",
        "1e0",
        "1.5E-3",
        "-2.5e+10",
        "4.9e-324",
        "1.7976931348623157e308",
    };
    uint64_t seed = 88172645463325252U;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        reads_as_strtod(texts[i]);
    for (int i = 0; i < 2000; i++) {
        char text[64];
        unsigned long long digits =
            next_random(&seed) % 1000000000000000U >> next_random(&seed) % 50;
        unsigned long long whole = digits % (1ULL << next_random(&seed) % 40);
        snprintf(text, sizeof text, "%s%llu.%0*llu", next_random(&seed) % 2 == 0 ? "" : "-", whole,
                 (int)(next_random(&seed) % 16) + 1, digits);
        reads_as_strtod(text);
        reads_as_strtod(strtok(text, "."));
    }
}

static void what_is_no_number_is_refused(void **state) {
    static const char *const texts[] = {"",   "-",   ".",  "-.", "1.2.3",
                                        "1-", "--1", "1x", "1e", "1e999"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        double untouched = 7.0;
        if (number_parse_double(str_c(texts[i]), &untouched))
            fail_msg("\"%s\" is taken", texts[i]);
        same_bits(untouched, 7.0, texts[i]);
    }
}

/* The shortest of "%.Ng" that reads back as the same. */
static void prints_shortest(double value) {
    char got[NUMBER_TEXT];
    char want[64];
    size_t n = number_print_double(got, value);
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(want, sizeof want, "%.*g", digits < 15 ? 15 : digits, value);
        if (are_same(strtod(want, NULL), value))
            break;
    }
    assert_string_equal(got, want);
    assert_int_equal(n, strlen(want));
}

static void prints_float(float value) {
    char got[NUMBER_TEXT];
    char want[64];
    size_t n = number_print_float(got, value);
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(want, sizeof want, "%.*g", digits, (double)value);
        if (are_same((double)strtof(want, NULL), (double)value))
            break;
    }
    assert_string_equal(got, want);
    assert_int_equal(n, strlen(want));
}

static void numbers_are_printed_as_short_as_can_be(void **state) {
    static const double values[] = {
        0.0,
        -0.0,
        1.0,
        -1.0,
        42.0,
        0.5,
        1e6,
        999999.0,
        1e14,
        999999999999999.0,
        1e15,
        1e16,
        -1e15,
        1e100,
        0.1,
        1.0 / 3.0,
        1767225600.123,
        4.9e-324,
        9007199254740993.0,
    };
    uint64_t seed = 2463534242U;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        prints_shortest(values[i]);
    for (int i = 0; i < 4000; i++) {
        static const double parts[] = {1.0, 8.0, 10.0, 100.0, 1000.0, 10000.0, 3.0};
        double whole = (double)(int64_t)(next_random(&seed) >> next_random(&seed) % 64);
        double value = whole / parts[next_random(&seed) % ARRAY_LEN(parts)];
        prints_shortest(value);
        prints_shortest(-value);
        prints_float((float)value);
        prints_float((float)-value);
    }
    for (int i = 0; i < 2000; i++)
        for (int part = 1; part <= 1000; part *= 10)
            prints_float((float)(990 * 1009 + i * 7) / (float)part);
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        if (fabs(values[i]) < 1e30)
            prints_float((float)values[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_read_to_the_last_bit),
        cmocka_unit_test(what_is_no_number_is_refused),
        cmocka_unit_test(numbers_are_printed_as_short_as_can_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
