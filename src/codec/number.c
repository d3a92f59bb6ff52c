// SPDX-License-Identifier: Apache-2.0
#include "codec/number.h"

#include "base/buf.h"

#include <locale.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * Whatever locale some library has set: the "C" one is named where text is read, and what stands
 * for the point in text that printf has written is made one.
 */
static locale_t c_locale(void) {
    static _Atomic locale_t made;
    locale_t locale = atomic_load_explicit(&made, memory_order_acquire);
    if (locale == (locale_t)0) {
        locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
        atomic_store_explicit(&made, locale, memory_order_release);
    }
    return locale;
}

static size_t with_point(char *text, size_t n) {
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if ((c >= '0' && c <= '9') || c == '-' || c == '+' || c == 'e')
            text[at++] = c;
        else if (at == 0 || text[at - 1] != '.')
            text[at++] = '.';
    }
    text[at] = '\0';
    return at;
}

static size_t print_shortest(char out[NUMBER_TEXT], double value, int first, int last,
                             bool (*same)(const char *text, double value)) {
    size_t n = 0;
    for (int digits = first; digits <= last; digits++) {
        n = with_point(out, (size_t)snprintf(out, NUMBER_TEXT, "%.*g", digits, value));
        if (same(out, value))
            break;
    }
    return n;
}

static bool same_double(const char *text, double value) {
    double read = strtod_l(text, NULL, c_locale());
    return !isgreater(read, value) && !isless(read, value);
}

static bool same_float(const char *text, double value) {
    float f = strtof_l(text, NULL, c_locale());
    return !isgreater(f, (float)value) && !isless(f, (float)value);
}

/* Powers of ten that a double holds exactly. */
static const double powers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6, 1e7,
                                1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14};

static void put_fixed(struct buf *out, uint64_t digits, size_t fraction) {
    char text[24];
    size_t at = sizeof text;
    for (size_t i = 0; digits > 0 || i <= fraction; i++, digits /= 10) {
        if (i > 0 && i == fraction)
            text[--at] = '.';
        text[--at] = (char)('0' + digits % 10);
    }
    buf_put(out, text + at, sizeof text - at);
}

/*
 * Most numbers have no more than three decimals, and need no printf. A decimal of at most 15 digits
 * (6 for a float) that reads back as the same value is also what "%g" gives with so many. It is
 * read by the one division that parse_short is about, in the type's own precision. 0 if there is
 * none.
 */
static size_t print_short(char out[NUMBER_TEXT], double value, bool single) {
    double size = fabs(value);
    struct buf text;
    for (size_t fraction = 0; fraction <= 3; fraction++) {
        double scaled = size * powers[fraction];
        if (!isless(scaled, single ? 999999.0 : 999999999999999.0))
            return 0;
        uint64_t digits = (uint64_t)(scaled + 0.5);
        double back = single ? (double)((float)digits / (float)powers[fraction])
                             : (double)digits / powers[fraction];
        if (isless(back, size) || isgreater(back, size))
            continue;
        buf_init_in(&text, out, NUMBER_TEXT, NUMBER_TEXT);
        if (signbit(value))
            buf_putc(&text, '-');
        put_fixed(&text, digits, fraction);
        buf_putc(&text, '\0');
        return text.n - 1;
    }
    return 0;
}

size_t number_print_double(char out[NUMBER_TEXT], double value) {
    size_t n = print_short(out, value, false);
    return n > 0 ? n : print_shortest(out, value, 15, 17, same_double);
}

size_t number_print_float(char out[NUMBER_TEXT], float value) {
    size_t n = print_short(out, (double)value, true);
    return n > 0 ? n : print_shortest(out, (double)value, 6, 9, same_float);
}

/*
 * "-?digits" or "-?digits.digits" of at most 15 digits: both they and the power of ten are exact in
 * a double, so that one division rounds as strtod does (Clinger 1990, "How to read floating point
 * numbers accurately"). False for any other text.
 */
static bool parse_short(struct str text, double *ret) {
    bool negative = text.p[0] == '-';
    size_t start = negative ? 1 : 0;
    size_t point = text.n;
    int64_t digits = 0;
    if (text.n == start || text.n - start > 16)
        return false;
    for (size_t i = start; i < text.n; i++) {
        char c = text.p[i];
        if (c == '.' && point == text.n && i > start)
            point = i;
        else if (c >= '0' && c <= '9')
            digits = digits * 10 + (c - '0');
        else
            return false;
    }
    size_t fraction = point == text.n ? 0 : text.n - point - 1;
    if ((point != text.n && fraction == 0) || digits >= INT64_C(1000000000000000))
        return false;
    double value = (double)digits / powers[fraction];
    *ret = negative ? -value : value;
    return true;
}

bool number_parse_double(struct str text, double *ret) {
    char copy[512];
    char *end;
    if (text.n == 0 || text.n >= sizeof copy)
        return false;
    if (parse_short(text, ret))
        return true;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    double value = strtod_l(copy, &end, c_locale());
    if (*end != '\0' || !isfinite(value))
        return false;
    *ret = value;
    return true;
}

bool number_parse_int64(struct str text, int64_t *ret) {
    double value;
    if (str_to_int64(text, ret))
        return true;
    /* Doubles hold whole numbers exactly up to 2^53; beyond that an exponent form is refused. */
    if (!number_parse_double(text, &value) || fabs(value) > 9007199254740992.0 ||
        isgreater(fabs(value - trunc(value)), 0.0))
        return false;
    /* "99999999999999999999" is a plain integer that does not fit. */
    if (str_find(text, '.') == text.n && str_find(text, 'e') == text.n &&
        str_find(text, 'E') == text.n)
        return false;
    *ret = (int64_t)value;
    return true;
}

bool number_parse_uint64(struct str text, uint64_t *ret) {
    uint64_t value = 0;
    if (text.n == 0)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c < '0' || c > '9' || __builtin_mul_overflow(value, 10U, &value) ||
            __builtin_add_overflow(value, (uint64_t)(c - '0'), &value))
            return false;
    }
    *ret = value;
    return true;
}

static size_t digits(struct str text, size_t at) {
    size_t n = 0;
    while (at + n < text.n && text.p[at + n] >= '0' && text.p[at + n] <= '9')
        n++;
    return n;
}

bool number_is_decimal(struct str text, bool whole) {
    size_t at = text.n > 0 && text.p[0] == '-' ? 1 : 0;
    size_t n = digits(text, at);
    if (n == 0 || (n > 1 && text.p[at] == '0'))
        return false;
    at += n;
    if (whole)
        return at == text.n;
    if (at < text.n && text.p[at] == '.') {
        n = digits(text, at + 1);
        if (n == 0)
            return false;
        at += 1 + n;
    }
    if (at < text.n && (text.p[at] == 'e' || text.p[at] == 'E')) {
        at++;
        if (at < text.n && (text.p[at] == '-' || text.p[at] == '+'))
            at++;
        n = digits(text, at);
        if (n == 0)
            return false;
        at += n;
    }
    return at == text.n;
}
