// SPDX-License-Identifier: Apache-2.0
/* How the engines read and write generated structs through their descriptions. */
#ifndef CODEC_ACCESS_H
#define CODEC_ACCESS_H

#include "base/arena.h"
#include "codec/shape.h"

/* Every generated list and map has this layout; copied in and out, never aliased. */
struct codec_list {
    const void *v;
    size_t n;
};

static inline struct codec_list codec_list_get(const void *slot) {
    struct codec_list list;
    memcpy(&list, slot, sizeof list);
    return list;
}

static inline struct str codec_str_get(const void *slot) {
    struct str s;
    memcpy(&s, slot, sizeof s);
    return s;
}

/* Enums are read as int: gcc and clang give an enum without negative values unsigned int's size. */
static inline int codec_enum_get(const void *slot) {
    int value;
    memcpy(&value, slot, sizeof value);
    return value;
}

/* Bytes from one element to the next in a list, or from one entry to the next in a map. */
static inline size_t codec_stride(const struct codec_shape *collection) {
    return collection->kind == CODEC_MAP ? collection->entry_size : collection->element->size;
}

/*
 * The value of a member: where its shape's representation lies, or NULL if it is absent.
 * Structures and unions are followed through their pointer.
 */
const void *codec_member_get(const struct codec_member *m, const void *base);

/* Where in the model's tree an engine is; frames lie on the C stack, a text is made on error only.
 */
struct codec_path {
    const struct codec_path *up;
    struct str name; /* of a member or map key; absent for a list element */
    size_t index;
};

/* "GameProperties[2].Key"; "the message" for the root. */
struct str codec_path_str(struct arena *a, const struct codec_path *path);

#endif
