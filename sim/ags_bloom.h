// SPDX-License-Identifier: Apache-2.0
/*
 * The Bloom filter in which AGS publishes revoked tokens: m = 64 * number of words, bit i is bit
 * i % 64 (least significant first) of word i / 64, k indexes per item made from two halves of one
 * hash. An item that was added is always found; one that was not is found rarely.
 */
#ifndef SIM_AGS_BLOOM_H
#define SIM_AGS_BLOOM_H

#include "base/buf.h"

#define AGS_BLOOM_WORDS ((size_t)150) /* of 64 bits */
#define AGS_BLOOM_K 7                 /* bits set by an item */

struct ags_bloom {
    uint64_t words[AGS_BLOOM_WORDS];
    size_t items; /* added so far */
};

/* The first k indexes of an item in a filter of m bits; m > 0. */
void ags_bloom_indexes(struct str item, uint64_t m, uint64_t *ret, size_t k);

void ags_bloom_add(struct ags_bloom *bloom, struct str item);
bool ags_bloom_has(const struct ags_bloom *bloom, struct str item);

/* {"bits":[...],"k":7,"m":9600}; without an item no bits and m 0, as AGS has it. */
void ags_bloom_json(const struct ags_bloom *bloom, struct buf *out);

#endif
