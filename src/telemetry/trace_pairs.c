// SPDX-License-Identifier: Apache-2.0
#include "telemetry/trace_pairs.h"

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool is_key(struct str s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= 0x20 || s.p[i] > 0x7E || s.p[i] == '"')
            return false;
    return s.n > 0;
}

static bool is_text(struct str s) {
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7F)
            return false;
    return str_is_utf8(s);
}

static bool decode(struct arena *a, struct str s, struct str *ret) {
    char *out = arena_alloc(a, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%') {
            int high = i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
            int low = high < 0 ? -1 : hex_digit(s.p[i + 2]);
            if (low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        out[n++] = c;
    }
    *ret = str_n(out, n);
    return is_text(*ret);
}

bool trace_pairs_read(struct arena *a, struct str text, struct trace_pair ret[TRACE_MAX_PAIRS],
                      size_t *ret_n) {
    size_t n = 0;
    *ret_n = 0;
    while (!str_empty(text)) {
        size_t comma = str_find(text, ',');
        struct str part = str_trim(str_sub(text, 0, comma));
        text = str_from(text, comma + 1);
        if (str_empty(part))
            continue;
        size_t equals = str_find(part, '=');
        if (equals == part.n || n == TRACE_MAX_PAIRS)
            return false;
        ret[n].key = str_trim(str_sub(part, 0, equals));
        if (!is_key(ret[n].key) || !decode(a, str_trim(str_from(part, equals + 1)), &ret[n].value))
            return false;
        n++;
    }
    *ret_n = n;
    return true;
}

static bool is_token(struct str s) {
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) &&
            memchr(others, c, sizeof others - 1) == NULL)
            return false;
    }
    return s.n > 0;
}

bool trace_pairs_are_headers(const struct trace_pair *pairs, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (!is_token(pairs[i].key))
            return false;
        for (size_t k = 0; k < pairs[i].value.n; k++)
            if (pairs[i].value.p[k] < 0x20 || pairs[i].value.p[k] > 0x7E)
                return false;
    }
    return true;
}
