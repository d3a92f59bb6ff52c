// SPDX-License-Identifier: Apache-2.0
#include "sim/ags_bloom.h"

#include "base/obj.h"
#include "sim/json.h"
#include "sim/murmur3.h"

#include <inttypes.h>

#define BITS (64 * AGS_BLOOM_WORDS)

void ags_bloom_indexes(struct str item, uint64_t m, uint64_t *ret, size_t k) {
    ASSERT(m > 0);
    struct murmur3 hash = murmur3_x64_128(item);
    uint64_t sum = hash.h1;
    for (size_t i = 0; i < k; i++) {
        /* AGS counts in a signed type and masks its sign away. */
        ret[i] = (sum & INT64_MAX) % m;
        sum += hash.h2;
    }
}

void ags_bloom_add(struct ags_bloom *bloom, struct str item) {
    uint64_t index[AGS_BLOOM_K];
    ags_bloom_indexes(item, BITS, index, AGS_BLOOM_K);
    for (size_t i = 0; i < AGS_BLOOM_K; i++)
        bloom->words[index[i] / 64] |= UINT64_C(1) << (index[i] % 64);
    bloom->items++;
}

bool ags_bloom_has(const struct ags_bloom *bloom, struct str item) {
    uint64_t index[AGS_BLOOM_K];
    ags_bloom_indexes(item, BITS, index, AGS_BLOOM_K);
    for (size_t i = 0; i < AGS_BLOOM_K; i++)
        if ((bloom->words[index[i] / 64] >> (index[i] % 64) & 1) == 0)
            return false;
    return true;
}

void ags_bloom_json(const struct ags_bloom *bloom, struct buf *out) {
    size_t n = bloom->items == 0 ? 0 : AGS_BLOOM_WORDS;
    buf_puts(out, "{\"bits\":[");
    for (size_t i = 0; i < n; i++) {
        sim_json_key(out, NULL);
        buf_printf(out, "%" PRIu64, bloom->words[i]);
    }
    buf_putc(out, ']');
    sim_json_int(out, "k", AGS_BLOOM_K);
    sim_json_int(out, "m", (int64_t)(64 * n));
    buf_putc(out, '}');
}
