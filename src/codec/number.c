// SPDX-License-Identifier: Apache-2.0
#include "codec/number.h"

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

size_t number_print_double(char out[NUMBER_TEXT], double value) {
    return print_shortest(out, value, 15, 17, same_double);
}

size_t number_print_float(char out[NUMBER_TEXT], float value) {
    return print_shortest(out, (double)value, 6, 9, same_float);
}

bool number_parse_double(struct str text, double *ret) {
    char copy[512];
    char *end;
    if (text.n == 0 || text.n >= sizeof copy)
        return false;
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
