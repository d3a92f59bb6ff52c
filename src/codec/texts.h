// SPDX-License-Identifier: Apache-2.0
/*
 * Hand-written shapes of bodies that no model describes, such as errors: a struct of texts. Members
 * that are not listed are skipped in decoding, as always.
 */
#ifndef CODEC_TEXTS_H
#define CODEC_TEXTS_H

#include "codec/shape.h"

/* A string without limits. */
extern const struct codec_shape codec_any_text;

/* A member of `struct type` for the wire's name: CODEC_TEXT(struct error_body, "__type", type) */
#define CODEC_TEXT(type, wire, field)                                                              \
    { .name = STR_INIT(wire), .offset = offsetof(type, field), .shape = &codec_any_text }

/* The shape of `struct type` with those members, an array. */
#define CODEC_TEXTS(type, shown, array)                                                            \
    {                                                                                              \
        .kind = CODEC_STRUCT, .name = (shown), .size = sizeof(type), .members = (array),           \
        .n_members = sizeof(array) / sizeof((array)[0])                                            \
    }

#endif
