// SPDX-License-Identifier: Apache-2.0
/*
 * The Bloom filter in which AGS publishes revoked tokens. It errs on the safe side only: what was
 * revoked is always found, a token that was not is found with a likelihood of about 1e-5.
 *
 * m = 64 * number of words bits, bit i being bit i % 64 (least significant first) of word i / 64.
 * MurmurHash3 x64 128 with seed 0 gives h1 and h2; index i of k is (h1 + i * h2, without the sign
 * bit) mod m, all in wrapping 64-bit arithmetic.
 */
#ifndef AUTH_BLOOM_H
#define AUTH_BLOOM_H

#include "base/str.h"

#define BLOOM_MAX_K 64

struct bloom {
    const uint64_t *words; /* not owned */
    size_t n;              /* 0: nothing is in it */
    unsigned k;            /* 1 to BLOOM_MAX_K, unless n is 0 */
};

/* The k indexes of an item in a filter of m bits, 0 < m. */
void bloom_indexes(struct str item, uint64_t m, unsigned k, uint64_t *ret);

bool bloom_has(const struct bloom *bloom, struct str item);

#endif
