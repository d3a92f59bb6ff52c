// SPDX-License-Identifier: Apache-2.0
/*
 * Memory that lives exactly as long as one call: allocate freely, free once.
 *
 * Not thread-safe; an arena belongs to whoever runs the call at the moment. Past its limit an arena
 * still serves, but arena_over() turns true for good, and the layers that start requests or send
 * replies turn that into RESOURCE_EXHAUSTED. Inputs are capped before they reach it, so what lies
 * above the limit is small. Out of memory aborts: nothing useful can follow.
 *
 * Built with -DARENA_MALLOC every allocation is its own malloc, so that the sanitizers see overruns
 * inside the arena too.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/str.h"

#include <stdarg.h>

struct arena;
typedef void arena_defer_fn(void *arg);

#define ARENA_LIMIT_DEFAULT ((size_t)4 << 20) /* bytes */

struct arena *arena_new(size_t limit);
/* With room for so many bytes to begin with, at least 1 kB, where arena_new's room for a usual call
 * would be too much for thousands that wait at once. */
struct arena *arena_new_with(size_t limit, size_t first_block);

/* Runs the deferred functions, last first, then frees everything. NULL is fine. */
void arena_free(struct arena *a);

/* Zeroed, aligned for any type, never NULL. n == 0 gives a pointer that must not be read. */
void *arena_alloc(struct arena *a, size_t n);

/* An array of n elements of the given size, zeroed; an overflow of n * size aborts. */
void *arena_array(struct arena *a, size_t n, size_t size);

#define ARENA_NEW(a, type) ((type *)arena_alloc((a), sizeof(type)))

/* A new zeroed `struct type` whose magic is set. */
#define OBJ_NEW(a, type, type_magic)                                                               \
    ((struct type *)arena_obj((a), sizeof(struct type), offsetof(struct type, magic), (type_magic)))
void *arena_obj(struct arena *a, size_t size, size_t magic_offset, unsigned magic);

/* Copies; the result is NUL-terminated (the NUL is not counted). Absent stays absent. */
struct str arena_str(struct arena *a, struct str s);
const char *arena_cstr(struct arena *a, struct str s);
/* The parts one after the other; absent ones count as empty. Cheaper than printing them. */
struct str arena_join(struct arena *a, const struct str parts[], size_t n);
#define ARENA_JOIN(a, ...)                                                                         \
    arena_join((a), (const struct str[]){__VA_ARGS__},                                             \
               sizeof((const struct str[]){__VA_ARGS__}) / sizeof(struct str))
struct str arena_printf(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
struct str arena_vprintf(struct arena *a, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

/* fn(arg) runs at arena_free. */
void arena_defer(struct arena *a, arena_defer_fn *fn, void *arg);

/* More than the limit was asked for since arena_new. */
bool arena_over(const struct arena *a);

/* Bytes asked for since arena_new. */
size_t arena_used(const struct arena *a);

#endif
