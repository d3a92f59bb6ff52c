// SPDX-License-Identifier: Apache-2.0
#include "base/buf.h"

#include "base/obj.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buf_free(struct buf *b) {
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

/* Room for n more bytes, or the sticky failure. */
static bool reserve(struct buf *b, size_t n) {
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
    char *p = realloc(b->p, cap);
    if (p == NULL)
        obj_panic(__FILE__, __LINE__, "out of memory");
    b->p = p;
    b->cap = cap;
    return true;
}

void buf_put(struct buf *b, const void *p, size_t n) {
    if (n == 0 || !reserve(b, n))
        return;
    memcpy(b->p + b->n, p, n);
    b->n += n;
}

void buf_putc(struct buf *b, char c) {
    buf_put(b, &c, 1);
}

void buf_puts(struct buf *b, const char *c) {
    buf_put(b, c, strlen(c));
}

void buf_putstr(struct buf *b, struct str s) {
    buf_put(b, s.p, s.n);
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
    } else if (reserve(b, (size_t)n + 1)) {
        ASSERT(vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again) == n);
        b->n += (size_t)n;
    }
    va_end(again);
}

void buf_puthex(struct buf *b, const void *p, size_t n) {
    static const char digits[] = "0123456789abcdef";
    const unsigned char *in = p;
    if (!reserve(b, 2 * n))
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

void buf_putjson(struct buf *b, struct str s) {
    size_t start = 0;
    size_t i = 0;
    buf_putc(b, '"');
    while (i < s.n) {
        unsigned char c = (unsigned char)s.p[i];
        size_t len = 1;
        if (c >= 0x20 && c < 0x7F && c != '"' && c != '\\') {
            i++;
            continue;
        }
        if (c >= 0x80) {
            len = str_utf8_next(s, i);
            if (len > 0) {
                i += len;
                continue;
            }
            len = 1;
        }
        buf_put(b, s.p + start, i - start);
        if (c >= 0x80)
            buf_puts(b, "\xEF\xBF\xBD");
        else
            put_escaped(b, c);
        i += len;
        start = i;
    }
    if (start < s.n)
        buf_put(b, s.p + start, s.n - start);
    buf_putc(b, '"');
}
