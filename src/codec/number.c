// SPDX-License-Identifier: Apache-2.0
#include "codec/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The program never calls setlocale, so the "C" locale's point is in force in printf and strtod. */

static size_t print_shortest(char out[NUMBER_TEXT], double value, int first, int last,
                             bool (*same)(const char *text, double value)) {
    int n = 0;
    for (int digits = first; digits <= last; digits++) {
        n = snprintf(out, NUMBER_TEXT, "%.*g", digits, value);
        if (same(out, value))
            break;
    }
    return (size_t)n;
}

static bool same_double(const char *text, double value) {
    return !isgreater(strtod(text, NULL), value) && !isless(strtod(text, NULL), value);
}

static bool same_float(const char *text, double value) {
    float f = strtof(text, NULL);
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
    double value = strtod(copy, &end);
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
