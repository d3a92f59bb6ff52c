// SPDX-License-Identifier: Apache-2.0
#include "base/buf.h"

#include "base/obj.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buf_free(struct buf *b) {
    if (!b->borrowed)
        free(b->p);
    buf_init(b, b->max);
}

void buf_wipe(struct buf *b) {
    if (b->p != NULL)
        explicit_bzero(b->p, b->cap);
    buf_free(b);
}

void buf_reset(struct buf *b) {
    b->n = 0;
    b->failed = false;
}

bool buf_grow(struct buf *b, size_t n) {
    if (b->failed)
        return false;
    if (n > b->max || b->n > b->max - n) {
        b->failed = true;
        return false;
    }
    size_t need = b->n + n;
    if (need <= b->cap)
        return true;
    size_t cap = b->cap == 0 ? 256 : b->cap;
    while (cap < need)
        cap *= 2;
    if (cap > b->max)
        cap = b->max;
    char *p = realloc(b->borrowed ? NULL : b->p, cap);
    if (p == NULL)
        obj_panic(__FILE__, __LINE__, "out of memory");
    if (b->borrowed)
        memcpy(p, b->p, b->n);
    b->p = p;
    b->cap = cap;
    b->borrowed = false;
    return true;
}

void buf_putint(struct buf *b, int64_t value) {
    char digits[20];
    size_t at = sizeof digits;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do
        digits[--at] = (char)('0' + left % 10);
    while ((left /= 10) > 0);
    if (value < 0)
        digits[--at] = '-';
    buf_put(b, digits + at, sizeof digits - at);
}

void buf_printf(struct buf *b, const char *fmt, ...) {
    char small[256];
    va_list ap;
    va_list again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    ASSERT(n >= 0);
    if ((size_t)n < sizeof small) {
        buf_put(b, small, (size_t)n);
    } else if (buf_reserve(b, (size_t)n + 1)) {
        ASSERT(vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again) == n);
        b->n += (size_t)n;
    }
    va_end(again);
}

void buf_puthex(struct buf *b, const void *p, size_t n) {
    static const char digits[] = "0123456789abcdef";
    const unsigned char *in = p;
    if (!buf_reserve(b, 2 * n))
        return;
    for (size_t i = 0; i < n; i++) {
        b->p[b->n++] = digits[in[i] >> 4];
        b->p[b->n++] = digits[in[i] & 15];
    }
}

static void put_escaped(struct buf *b, unsigned char c) {
    switch (c) {
    case '"':
        buf_puts(b, "\\\"");
        break;
    case '\\':
        buf_puts(b, "\\\\");
        break;
    case '\n':
        buf_puts(b, "\\n");
        break;
    case '\r':
        buf_puts(b, "\\r");
        break;
    case '\t':
        buf_puts(b, "\\t");
        break;
    default:
        buf_printf(b, "\\u%04x", c);
    }
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Whether one of eight bytes is a control byte, a quote, a backslash or not ASCII: the usual tricks
 * with borrows, in which a false alarm is possible only beside a true one. */
static bool has_special(uint64_t eight) {
    uint64_t quote = eight ^ EACH('"');
    uint64_t backslash = eight ^ EACH('\\');
    uint64_t found = (eight - EACH(0x20)) | (quote - EACH(1)) | (backslash - EACH(1)) |
                     (eight + EACH(1)) /* 0x7F */ | eight;
    return (found & EACH(0x80)) != 0;
}

static bool is_plain(const char *eight) {
    uint64_t bytes;
    memcpy(&bytes, eight, sizeof bytes);
    return !has_special(bytes);
}

/* Bytes from p on that stand in a JSON string as they are. */
static size_t plain_bytes(const char *p, size_t n) {
    size_t i = 0;
    while (n - i >= 8 && is_plain(p + i))
        i += 8;
    /* The last eight once more, rather than up to seven one by one. */
    if (n >= 8 && n - i < 8 && is_plain(p + n - 8))
        return n;
    while (i < n && (unsigned char)p[i] >= 0x20 && (unsigned char)p[i] < 0x7F && p[i] != '"' &&
           p[i] != '\\')
        i++;
    return i;
}

static void put_quoted(struct buf *b, struct str s) {
    if (!buf_reserve(b, s.n + 2))
        return;
    char *at = b->p + b->n;
    *at++ = '"';
    if (s.n > 0)
        memcpy(at, s.p, s.n);
    at[s.n] = '"';
    b->n += s.n + 2;
}

void buf_putjson(struct buf *b, struct str s) {
    size_t plain = plain_bytes(s.p, s.n);
    if (plain == s.n) {
        put_quoted(b, s);
        return;
    }
    buf_putc(b, '"');
    buf_put(b, s.p, plain);
    for (size_t i = plain; i < s.n;) {
        unsigned char c = (unsigned char)s.p[i];
        size_t len = c >= 0x80 ? str_utf8_next(s, i) : 1;
        if (c < 0x80)
            put_escaped(b, c);
        else if (len > 0)
            buf_put(b, s.p + i, len);
        else
            buf_puts(b, "\xEF\xBF\xBD");
        i += len > 0 ? len : 1;
        len = plain_bytes(s.p + i, s.n - i);
        buf_put(b, s.p + i, len);
        i += len;
    }
    buf_putc(b, '"');
}
