// SPDX-License-Identifier: Apache-2.0
/*
 * Values of a CBOR text, one after the other, with errors that name the place: what decoding needs
 * and shapes have no part in. Each function begins at the present token, d->token, and leaves the
 * last one of its value there. Errors are INTERNAL; an output is of no use then.
 */
#ifndef CODEC_CBOR_READ_H
#define CODEC_CBOR_READ_H

#include "base/buf.h"
#include "base/err.h"
#include "codec/access.h"
#include "codec/cbor_token.h"

struct cbor_decoder {
    struct cbor_reader reader;
    struct cbor_token token; /* the one that was read last */
    struct arena *arena;
    size_t elements_size; /* bytes of all lists and maps so far */
    unsigned depth;
};

/* An error at that place, with that text or of a token that is not what is wanted. */
struct err *cbor_fail(struct cbor_decoder *d, const struct codec_path *path, const char *why);
struct err *cbor_wrong_type(struct cbor_decoder *d, const struct codec_path *path,
                            const char *wanted);

struct err *cbor_read_next(struct cbor_decoder *d, const struct codec_path *path) MUST_CHECK;

/* The elements of an array, the pairs of a map: how many come, or up to a break. */
struct cbor_items {
    bool open;
    uint64_t left;
};

static inline struct cbor_items cbor_items_of(const struct cbor_token *t) {
    return (struct cbor_items){
        .open = t->kind == CBOR_ARRAY_OPEN || t->kind == CBOR_MAP_OPEN,
        .left = t->n,
    };
}

static inline bool cbor_is_array(const struct cbor_token *t) {
    return t->kind == CBOR_ARRAY || t->kind == CBOR_ARRAY_OPEN;
}

static inline bool cbor_is_map(const struct cbor_token *t) {
    return t->kind == CBOR_MAP || t->kind == CBOR_MAP_OPEN;
}

/* The first token of the next item; *ret_more is false after the last one. */
struct err *cbor_next_item(struct cbor_decoder *d, struct cbor_items *items,
                           const struct codec_path *path, bool *ret_more) MUST_CHECK;

/* A string of that kind, CBOR_TEXT or CBOR_BYTES, as a copy; chunks are put together. */
struct err *cbor_read_string(struct cbor_decoder *d, enum cbor_token_kind whole,
                             const struct codec_path *path, struct str *ret) MUST_CHECK;

/* Any value, which is of no interest. */
struct err *cbor_skip(struct cbor_decoder *d, const struct codec_path *path) MUST_CHECK;

struct err *cbor_read_int64(struct cbor_decoder *d, const struct codec_path *path,
                            int64_t *ret) MUST_CHECK;
/* A float of any width, or an integer. */
struct err *cbor_read_real(struct cbor_decoder *d, const struct codec_path *path,
                           double *ret) MUST_CHECK;
/* Numbers of any size, in decimal. */
struct err *cbor_read_big_integer(struct cbor_decoder *d, const struct codec_path *path,
                                  struct str *ret) MUST_CHECK;
struct err *cbor_read_big_decimal(struct cbor_decoder *d, const struct codec_path *path,
                                  struct str *ret) MUST_CHECK;

#endif
