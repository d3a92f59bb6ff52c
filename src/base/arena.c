// SPDX-License-Identifier: Apache-2.0
#include "base/arena.h"

#include "base/obj.h"

#include <stdio.h>
#include <stdlib.h>

#define ALIGN _Alignof(max_align_t)
#define FIRST_BLOCK 2560 /* what a usual call needs */
#define MAX_BLOCK 65536

struct block {
    struct block *next;
    size_t size;
    size_t used;
    _Alignas(max_align_t) char data[];
};

struct deferred {
    struct deferred *next;
    arena_defer_fn *fn;
    void *arg;
};

struct arena {
    unsigned magic;
#define ARENA_MAGIC 0x2a7e11c3U
    size_t limit;
    size_t used;
    size_t next_block;
    struct block *blocks;
    struct deferred *deferred;
};

static struct block *block_new(size_t size, struct block *next) {
    struct block *b = malloc(sizeof *b + size);
    if (b == NULL)
        obj_panic(__FILE__, __LINE__, "out of memory");
    b->next = next;
    b->size = size;
    b->used = 0;
    return b;
}

struct arena *arena_new(size_t limit) {
    return arena_new_with(limit, FIRST_BLOCK);
}

/*
 * The arena itself lives in its first block, so that a small call costs one malloc. The block's
 * size leaves room for malloc's own header within first_block.
 */
struct arena *arena_new_with(size_t limit, size_t first_block) {
    ASSERT(first_block >= 1024);
#ifdef ARENA_MALLOC
    struct arena *a = calloc(1, sizeof *a);
    if (a == NULL)
        obj_panic(__FILE__, __LINE__, "out of memory");
#else
    struct block *b = block_new(first_block - sizeof(struct block) - 16, NULL);
    struct arena *a = (struct arena *)b->data;
    memset(a, 0, sizeof *a);
    b->used = (sizeof *a + ALIGN - 1) & ~(ALIGN - 1);
    a->blocks = b;
#endif
    a->magic = ARENA_MAGIC;
    a->limit = limit;
    a->next_block = FIRST_BLOCK;
    return a;
}

void arena_free(struct arena *a) {
    if (a == NULL)
        return;
    OBJ_CHECK(a, ARENA_MAGIC);
    while (a->deferred != NULL) {
        struct deferred *d = a->deferred;
        a->deferred = d->next;
        d->fn(d->arg);
    }
    a->magic = 0;
    struct block *b = a->blocks;
#ifdef ARENA_MALLOC
    free(a);
#endif
    while (b != NULL) {
        struct block *next = b->next;
        free(b);
        b = next;
    }
}

/* n bytes that hold anything. */
static void *take(struct arena *a, size_t n) {
    OBJ_CHECK(a, ARENA_MAGIC);
    ASSERT(n < SIZE_MAX / 2);
    a->used += n;
#ifdef ARENA_MALLOC
    a->blocks = block_new(n, a->blocks);
    a->blocks->used = n;
    return a->blocks->data;
#else
    size_t size = (n + ALIGN - 1) & ~(ALIGN - 1);
    struct block *b = a->blocks;
    if (size > b->size - b->used) {
        /* A large object gets a block of its own behind the current one, which stays in use. */
        if (size > a->next_block / 2) {
            struct block *own = block_new(size, b->next);
            b->next = own;
            own->used = size;
            return own->data;
        }
        b = block_new(a->next_block - sizeof *b - 16, b);
        a->blocks = b;
        if (a->next_block < MAX_BLOCK)
            a->next_block *= 2;
    }
    void *p = b->data + b->used;
    b->used += size;
    return p;
#endif
}

void *arena_alloc(struct arena *a, size_t n) {
    return memset(take(a, n), 0, n);
}

void *arena_array(struct arena *a, size_t n, size_t size) {
    size_t total;
    ASSERT(!__builtin_mul_overflow(n, size, &total));
    return arena_alloc(a, total);
}

void *arena_obj(struct arena *a, size_t size, size_t magic_offset, unsigned magic) {
    char *p = arena_alloc(a, size);
    memcpy(p + magic_offset, &magic, sizeof magic);
    return p;
}

struct str arena_str(struct arena *a, struct str s) {
    if (s.p == NULL)
        return s;
    char *copy = take(a, s.n + 1);
    memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    return str_n(copy, s.n);
}

const char *arena_cstr(struct arena *a, struct str s) {
    return arena_str(a, s).p;
}

struct str arena_join(struct arena *a, const struct str parts[], size_t n) {
    size_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += parts[i].n;
    char *p = take(a, total + 1);
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        if (parts[i].n > 0)
            memcpy(p + at, parts[i].p, parts[i].n);
        at += parts[i].n;
    }
    p[total] = '\0';
    return str_n(p, total);
}

struct str arena_vprintf(struct arena *a, const char *fmt, va_list ap) {
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    ASSERT(n >= 0);
    char *p = take(a, (size_t)n + 1);
    ASSERT(vsnprintf(p, (size_t)n + 1, fmt, again) == n);
    va_end(again);
    return str_n(p, (size_t)n);
}

struct str arena_printf(struct arena *a, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    struct str s = arena_vprintf(a, fmt, ap);
    va_end(ap);
    return s;
}

void arena_defer(struct arena *a, arena_defer_fn *fn, void *arg) {
    struct deferred *d = ARENA_NEW(a, struct deferred);
    d->fn = fn;
    d->arg = arg;
    d->next = a->deferred;
    a->deferred = d;
}

bool arena_over(const struct arena *a) {
    OBJ_CHECK(a, ARENA_MAGIC);
    return a->used > a->limit;
}

size_t arena_used(const struct arena *a) {
    OBJ_CHECK(a, ARENA_MAGIC);
    return a->used;
}
