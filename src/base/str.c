// SPDX-License-Identifier: Apache-2.0
#include "base/str.h"

int str_cmp(struct str a, struct str b) {
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n == 0 ? 0 : memcmp(a.p, b.p, n);
    if (c != 0)
        return c;
    return a.n < b.n ? -1 : a.n > b.n;
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool str_eq_nocase(struct str a, struct str b) {
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    return true;
}

bool str_starts(struct str s, struct str prefix) {
    return s.n >= prefix.n && str_eq(str_sub(s, 0, prefix.n), prefix);
}

bool str_ends(struct str s, struct str suffix) {
    return s.n >= suffix.n && str_eq(str_from(s, s.n - suffix.n), suffix);
}

size_t str_find(struct str s, char c) {
    const char *hit = s.n == 0 ? NULL : memchr(s.p, c, s.n);
    return hit == NULL ? s.n : (size_t)(hit - s.p);
}

struct str str_from(struct str s, size_t from) {
    return str_sub(s, from, s.n);
}

struct str str_sub(struct str s, size_t from, size_t to) {
    if (s.p == NULL)
        return s;
    if (to > s.n)
        to = s.n;
    if (from > to)
        from = to;
    return str_n(s.p + from, to - from);
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s) {
    size_t from = 0;
    size_t to = s.n;
    while (from < to && is_blank(s.p[from]))
        from++;
    while (to > from && is_blank(s.p[to - 1]))
        to--;
    return str_sub(s, from, to);
}

bool str_to_int64(struct str s, int64_t *ret) {
    bool negative = s.n > 0 && s.p[0] == '-';
    int64_t value = 0;
    if (s.n == (negative ? 1U : 0U))
        return false;
    for (size_t i = negative ? 1 : 0; i < s.n; i++) {
        int digit = s.p[i] - '0';
        if (digit < 0 || digit > 9)
            return false;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, negative ? -digit : digit, &value))
            return false;
    }
    *ret = value;
    return true;
}

/* Length of the sequence that starts at p, or 0 if it is not well-formed. */
static size_t utf8_sequence(const unsigned char *p, size_t left) {
    unsigned char low = 0x80;
    unsigned char high = 0xBF;
    size_t len;
    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xC2 && p[0] <= 0xDF)
        len = 2;
    else if (p[0] >= 0xE0 && p[0] <= 0xEF)
        len = 3;
    else if (p[0] >= 0xF0 && p[0] <= 0xF4)
        len = 4;
    else
        return 0;
    if (p[0] == 0xE0)
        low = 0xA0;
    else if (p[0] == 0xED)
        high = 0x9F;
    else if (p[0] == 0xF0)
        low = 0x90;
    else if (p[0] == 0xF4)
        high = 0x8F;
    if (len > left || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if (p[i] < 0x80 || p[i] > 0xBF)
            return 0;
    return len;
}

size_t str_utf8_next(struct str s, size_t at) {
    return utf8_sequence((const unsigned char *)s.p + at, s.n - at);
}

static bool is_ascii(const char *eight) {
    uint64_t bytes;
    memcpy(&bytes, eight, sizeof bytes);
    return (bytes & UINT64_C(0x8080808080808080)) == 0;
}

/* Bytes from p on that are ASCII, eight at a time: most texts are nothing else. */
static size_t ascii_bytes(const char *p, size_t n) {
    size_t i = 0;
    while (n - i >= 8 && is_ascii(p + i))
        i += 8;
    /* The last eight once more, rather than up to seven one by one. */
    if (n >= 8 && n - i < 8 && is_ascii(p + n - 8))
        return n;
    while (i < n && (unsigned char)p[i] < 0x80)
        i++;
    return i;
}

bool str_is_utf8(struct str s) {
    size_t i = 0;
    while (i < s.n) {
        i += ascii_bytes(s.p + i, s.n - i);
        if (i == s.n)
            break;
        size_t len = str_utf8_next(s, i);
        if (len == 0)
            return false;
        i += len;
    }
    return true;
}

struct str str_utf8_cut(struct str s, size_t n) {
    if (s.n <= n)
        return s;
    while (n > 0 && ((unsigned char)s.p[n] & 0xC0) == 0x80)
        n--;
    return str_sub(s, 0, n);
}

void str_utf8_copy(char *to, size_t size, struct str s) {
    struct str cut = str_utf8_cut(s, size - 1);
    if (cut.n > 0)
        memcpy(to, cut.p, cut.n);
    to[cut.n] = '\0';
}

size_t str_utf8_len(struct str s) {
    size_t count = 0;
    for (size_t i = 0; i < s.n; i++)
        if (((unsigned char)s.p[i] & 0xC0) != 0x80)
            count++;
    return count;
}
