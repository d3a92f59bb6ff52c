// SPDX-License-Identifier: Apache-2.0
#include "sim/murmur3.h"

#define C1 UINT64_C(0x87c37b91114253d5)
#define C2 UINT64_C(0x4cf5ad432745937f)

static uint64_t rotate(uint64_t x, unsigned bits) {
    return (x << bits) | (x >> (64 - bits));
}

/* Up to eight bytes, the first one lowest; none gives 0. */
static uint64_t read_le(const char *p, size_t n) {
    uint64_t v = 0;
    for (size_t i = n; i > 0; i--)
        v = (v << 8) | (unsigned char)p[i - 1];
    return v;
}

static uint64_t mix_k1(uint64_t k) {
    return rotate(k * C1, 31) * C2;
}

static uint64_t mix_k2(uint64_t k) {
    return rotate(k * C2, 33) * C1;
}

static uint64_t avalanche(uint64_t h) {
    h = (h ^ (h >> 33)) * UINT64_C(0xff51afd7ed558ccd);
    h = (h ^ (h >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ (h >> 33);
}

struct murmur3 murmur3_x64_128(struct str data) {
    uint64_t h1 = 0;
    uint64_t h2 = 0;
    size_t at = 0;
    for (; data.n - at >= 16; at += 16) {
        h1 ^= mix_k1(read_le(data.p + at, 8));
        h1 = (rotate(h1, 27) + h2) * 5 + 0x52dce729;
        h2 ^= mix_k2(read_le(data.p + at + 8, 8));
        h2 = (rotate(h2, 31) + h1) * 5 + 0x38495ab5;
    }
    size_t left = data.n - at;
    if (left > 8)
        h2 ^= mix_k2(read_le(data.p + at + 8, left - 8));
    if (left > 0)
        h1 ^= mix_k1(read_le(data.p + at, left > 8 ? 8 : left));
    h1 ^= data.n;
    h2 ^= data.n;
    h1 += h2;
    h2 += h1;
    h1 = avalanche(h1);
    h2 = avalanche(h2);
    h1 += h2;
    h2 += h1;
    return (struct murmur3){.h1 = h1, .h2 = h2};
}
