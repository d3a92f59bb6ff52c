// SPDX-License-Identifier: Apache-2.0
/*
 * MurmurHash3, the x64 variant with 128 bits, seed 0: what AGS's Bloom filter of revoked tokens is
 * built on. Not cryptographic. The same on every machine: blocks are read little-endian.
 * https://github.com/aappleby/smhasher (Austin Appleby placed the algorithm in the public domain)
 */
#ifndef SIM_MURMUR3_H
#define SIM_MURMUR3_H

#include "base/str.h"

struct murmur3 {
    uint64_t h1;
    uint64_t h2;
};

struct murmur3 murmur3_x64_128(struct str data);

#endif
