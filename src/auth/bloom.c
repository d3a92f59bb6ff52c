// SPDX-License-Identifier: Apache-2.0
#include "auth/bloom.h"

#include "base/obj.h"

#include <limits.h>
#include <murmurhash.h>

void bloom_indexes(struct str item, uint64_t m, unsigned k, uint64_t *ret) {
    uint64_t h[2];
    ASSERT(m > 0 && k <= BLOOM_MAX_K && item.n <= INT_MAX);
    lmmh_x64_128(item.p == NULL ? "" : item.p, (unsigned)item.n, 0, h);
    uint64_t sum = h[0];
    for (unsigned i = 0; i < k; i++) {
        /* AGS counts in a signed type and masks its sign away. */
        ret[i] = (sum & INT64_MAX) % m;
        sum += h[1];
    }
}

bool bloom_has(const struct bloom *bloom, struct str item) {
    uint64_t index[BLOOM_MAX_K];
    if (bloom->n == 0)
        return false;
    bloom_indexes(item, 64 * (uint64_t)bloom->n, bloom->k, index);
    for (unsigned i = 0; i < bloom->k; i++)
        if ((bloom->words[index[i] / 64] >> (index[i] % 64) & 1U) == 0)
            return false;
    return true;
}
