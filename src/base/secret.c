// SPDX-License-Identifier: Apache-2.0
#include "base/secret.h"

#include "base/obj.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

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
