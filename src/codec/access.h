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

/* True for a kind whose representation is a struct str. */
static inline bool codec_is_str(enum codec_kind kind) {
    return kind == CODEC_STRING || kind == CODEC_BLOB || kind == CODEC_DOCUMENT ||
           kind == CODEC_BIG_INTEGER || kind == CODEC_BIG_DECIMAL;
}

/* Entry i of a map. */
static inline const char *codec_entry(const struct codec_shape *collection, struct codec_list list,
                                      size_t i) {
    return (const char *)list.v + i * collection->stride;
}

/*
 * The value of element i of a list or map: where its shape's representation lies, or NULL if it is
 * null, which only a sparse one may have.
 */
const void *codec_element_get(const struct codec_shape *collection, struct codec_list list,
                              size_t i);

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
