// SPDX-License-Identifier: Apache-2.0
/*
 * A growing byte buffer with a sticky error: writing past its maximum sets `failed` and later
 * writes do nothing, so that code which builds a text needs one check at the end.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/str.h"

struct buf {
    char *p; /* malloc'ed; owned by the buf */
    size_t n;
    size_t cap;
    size_t max; /* bytes; writing past it fails */
    bool failed;
};

/* Nothing is allocated before the first write. */
static inline void buf_init(struct buf *b, size_t max) {
    *b = (struct buf){.max = max};
}

/* Frees the bytes; the buf is then as after buf_init. */
void buf_free(struct buf *b);

/* The same after overwriting the bytes: for buffers that held a secret. */
void buf_wipe(struct buf *b);

/* Forgets the content and the failure, keeps the memory. */
void buf_reset(struct buf *b);

void buf_put(struct buf *b, const void *p, size_t n);
void buf_putc(struct buf *b, char c);
void buf_puts(struct buf *b, const char *c);
void buf_putstr(struct buf *b, struct str s);
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
