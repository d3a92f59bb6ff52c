// SPDX-License-Identifier: Apache-2.0
/*
 * A growing byte buffer with a sticky error: writing past its maximum sets `failed` and later
 * writes do nothing, so that code which builds a text needs one check at the end.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/str.h"

struct buf {
    char *p; /* malloc'ed and owned by the buf, unless it still lies in borrowed memory */
    size_t n;
    size_t cap;
    size_t max; /* bytes; writing past it fails */
    bool failed;
    bool borrowed;
};

/* Nothing is allocated before the first write. */
static inline void buf_init(struct buf *b, size_t max) {
    *b = (struct buf){.max = max};
}

/* Begins in memory of the caller, which outlives the buf, and allocates once that is full. */
static inline void buf_init_in(struct buf *b, char *memory, size_t bytes, size_t max) {
    *b = (struct buf){.p = memory, .cap = bytes < max ? bytes : max, .max = max, .borrowed = true};
}

/* Frees the bytes; the buf is then as after buf_init. */
void buf_free(struct buf *b);

/* The same after overwriting the bytes: for buffers that held a secret. */
void buf_wipe(struct buf *b);

/* Forgets the content and the failure, keeps the memory. */
void buf_reset(struct buf *b);

/* Room for n more bytes behind the content; false with the sticky failure. */
bool buf_grow(struct buf *b, size_t n);

static inline bool buf_reserve(struct buf *b, size_t n) {
    return (!b->failed && n <= b->cap - b->n) || buf_grow(b, n);
}

static inline void buf_put(struct buf *b, const void *p, size_t n) {
    if (n == 0 || !buf_reserve(b, n))
        return;
    memcpy(b->p + b->n, p, n);
    b->n += n;
}

static inline void buf_putc(struct buf *b, char c) {
    if (buf_reserve(b, 1))
        b->p[b->n++] = c;
}

static inline void buf_puts(struct buf *b, const char *c) {
    buf_put(b, c, strlen(c));
}

static inline void buf_putstr(struct buf *b, struct str s) {
    buf_put(b, s.p, s.n);
}

/* Decimal digits. */
void buf_putint(struct buf *b, int64_t value);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Lower-case hex digits of the bytes. */
void buf_puthex(struct buf *b, const void *p, size_t n);

/* A JSON string in quotes: control bytes escaped, invalid UTF-8 replaced by U+FFFD. */
void buf_putjson(struct buf *b, struct str s);

/* View of the content, valid until the next write. */
static inline struct str buf_str(const struct buf *b) {
    return str_n(b->p == NULL ? "" : b->p, b->n);
}

#endif
