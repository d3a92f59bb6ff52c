// SPDX-License-Identifier: Apache-2.0
/*
 * Assertions that stay on in release, and typed casts from void *.
 *
 * They state what cannot happen. Input from a peer, a file or the environment is never asserted:
 * it is checked and answered. Every long-lived struct starts with `unsigned magic`, tested wherever
 * a void * turns back into a type.
 */
#ifndef BASE_OBJ_H
#define BASE_OBJ_H

#include <stddef.h>
#include <stdint.h>

_Noreturn void obj_panic(const char *file, int line, const char *what);

/* ASSERT: the condition holds. AN: is not zero or NULL. AZ: is zero or NULL. */
#define ASSERT(cond)                                                                               \
    do {                                                                                           \
        if (__builtin_expect(!(cond), 0))                                                          \
            obj_panic(__FILE__, __LINE__, #cond);                                                  \
    } while (0)
#define AN(x) ASSERT((x) != 0)
#define AZ(x) ASSERT((x) == 0)

/* OBJ_CHECK: the pointer is set and carries the type's magic. */
#define OBJ_CHECK(ptr, type_magic)                                                                 \
    do {                                                                                           \
        ASSERT((ptr) != NULL);                                                                     \
        ASSERT((ptr)->magic == (type_magic));                                                      \
    } while (0)

/* OBJ_CAST: a void * from a callback, back to `struct type *`, with the magic checked. */
#define OBJ_CAST(ptr, type, type_magic)                                                            \
    ((struct type *)obj_cast((ptr), offsetof(struct type, magic), (type_magic), __FILE__, __LINE__))

void *obj_cast(void *ptr, size_t magic_offset, unsigned magic, const char *file, int line);

/* The struct that holds `member` at `ptr`. */
#define CONTAINER_OF(ptr, type, member)                                                            \
    ((type *)(void *)((char *)(uintptr_t)(ptr)-offsetof(type, member)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
