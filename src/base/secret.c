// SPDX-License-Identifier: Apache-2.0
#include "base/secret.h"

#include "base/buf.h"
#include "base/obj.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define SHORTEST 8 /* bytes of a secret that is looked for in a text */

/* Whole pages, because madvise works on pages and a neighbour must not share them. */
static size_t mapped_size(size_t n) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (n + page - 1) / page * page;
}

struct secret secret_new(struct str s) {
    if (str_empty(s))
        return (struct secret){.hidden = NULL};
    size_t size = mapped_size(s.n);
    char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        obj_panic(__FILE__, __LINE__, "out of memory");
    /* Refused only by kernels that lack it; the secret then merely stays in core dumps. */
    (void)madvise(p, size, MADV_DONTDUMP);
    memcpy(p, s.p, s.n);
    return (struct secret){.hidden = p, .n = s.n};
}

void secret_free(struct secret *s) {
    if (s == NULL || s->hidden == NULL)
        return;
    explicit_bzero(s->hidden, s->n);
    munmap(s->hidden, mapped_size(s->n));
    *s = (struct secret){.hidden = NULL};
}

/* Where the secret, or its beginning at the text's end, begins in the text from there on; text.n if
 * it does not. */
static size_t find(struct str text, size_t from, struct str secret) {
    const char *at = memmem(text.p + from, text.n - from, secret.p, secret.n);
    if (at != NULL)
        return (size_t)(at - text.p);
    size_t longest = secret.n - 1 < text.n - from ? secret.n - 1 : text.n - from;
    for (size_t n = longest; n >= SHORTEST; n--)
        if (memcmp(text.p + text.n - n, secret.p, n) == 0)
            return text.n - n;
    return text.n;
}

struct str secret_taken_out(struct arena *a, struct str text, const struct secret *secret) {
    struct str hidden = secret_reveal(secret);
    if (hidden.n < SHORTEST || text.n < SHORTEST)
        return text;
    size_t at = find(text, 0, hidden);
    if (at == text.n)
        return text;
    struct buf b;
    size_t from = 0;
    buf_init(&b, text.n + 3);
    for (; at < text.n; at = find(text, from, hidden)) {
        buf_putstr(&b, str_sub(text, from, at));
        buf_puts(&b, "***");
        from = at + hidden.n < text.n ? at + hidden.n : text.n;
    }
    buf_putstr(&b, str_from(text, from));
    struct str made = arena_str(a, buf_str(&b));
    buf_free(&b);
    return made;
}
