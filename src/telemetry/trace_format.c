// SPDX-License-Identifier: Apache-2.0
#include "telemetry/trace_format.h"

void trace_put_int(struct buf *out, int64_t value) {
    char digits[20];
    size_t at = sizeof digits;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (value < 0)
        buf_putc(out, '-');
    buf_put(out, digits + at, sizeof digits - at);
}
