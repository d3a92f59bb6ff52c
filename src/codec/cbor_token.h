// SPDX-License-Identifier: Apache-2.0
/* CBOR read one item's head at a time: libcbor's stateless decoder, turned from push to pull. */
#ifndef CODEC_CBOR_TOKEN_H
#define CODEC_CBOR_TOKEN_H

#include "base/str.h"

enum cbor_token_kind {
    CBOR_UINT,       /* n */
    CBOR_NEGINT,     /* -1 - n */
    CBOR_BYTES,      /* text */
    CBOR_TEXT,       /* text, not yet checked to be UTF-8 */
    CBOR_BYTES_OPEN, /* chunks follow, up to a break */
    CBOR_TEXT_OPEN,
    CBOR_ARRAY, /* n elements follow */
    CBOR_MAP,   /* n pairs follow */
    CBOR_ARRAY_OPEN,
    CBOR_MAP_OPEN,
    CBOR_TAG,   /* n, of the item that follows */
    CBOR_FLOAT, /* real, of any width */
    CBOR_BOOL,  /* n is 0 or 1 */
    CBOR_NULL,  /* also undefined */
    CBOR_BREAK,
};

struct cbor_token {
    enum cbor_token_kind kind;
    uint64_t n;
    double real;
    struct str text; /* of the input, not a copy */
};

struct cbor_reader {
    struct str input;
    size_t at; /* bytes read */
};

/* The next token; false if the input ends before it does, or is malformed there. */
bool cbor_next(struct cbor_reader *r, struct cbor_token *ret);

#endif
