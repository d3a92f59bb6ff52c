// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as the headers with which a server says when to come again. What must hold: no overrun,
 * and a wish within its bounds.
 *
 * Input: one byte that chooses the header, then its value, up to a line break that begins a second
 * header's.
 */
#include "base/obj.h"
#include "http/backoff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct str names[] = {STR_INIT("Retry-After"), STR_INIT("x-amz-retry-after"),
                                       STR_INIT("RETRY-AFTER"), STR_INIT("Date")};
    if (size == 0)
        return 0;
    struct str rest = str_n((const char *)data + 1, size - 1);
    struct str first = str_sub(rest, 0, str_find(rest, '\n'));
    const struct http_header headers[] = {
        {names[data[0] % 4], first},
        {names[data[0] / 4 % 4], str_from(rest, first.n + 1)},
    };
    const struct http_response resp = {.status = 429, .headers = headers, .n_headers = 2};
    int64_t ms = backoff_wished_ms(&resp);
    ASSERT(ms >= -1 && ms <= 3600000);
    double share = (double)data[0] / 255;
    int64_t waited = backoff_ms(1 + data[0], 20000, data[0], share);
    ASSERT(waited >= 0 && waited <= 20000);
    return 0;
}
