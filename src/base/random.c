// SPDX-License-Identifier: Apache-2.0
#include "base/random.h"

#include "base/obj.h"

#include <string.h>
#include <sys/random.h>

#define STOCK_BYTES 256 /* as much as the kernel gives in one piece, however busy it is */

void random_bytes(void *p, size_t n) {
    /* Asking the kernel for each value costs more than what is done with it. */
    static _Thread_local unsigned char stock[STOCK_BYTES];
    static _Thread_local size_t left;
    ASSERT(n <= STOCK_BYTES);
    if (left < n) {
        ASSERT(getrandom(stock, sizeof stock, 0) == (ssize_t)sizeof stock);
        left = sizeof stock;
    }
    left -= n;
    memcpy(p, stock + left, n);
    /* What has been given out is nobody else's to find. */
    explicit_bzero(stock + left, n);
}

double random_unit(void) {
    uint32_t r;
    random_bytes(&r, sizeof r);
    return (double)r / (double)UINT32_MAX;
}

void random_uuid(char ret[RANDOM_UUID_SIZE]) {
    unsigned char r[16];
    random_bytes(r, sizeof r);
    r[6] = (unsigned char)((r[6] & 0x0F) | 0x40);
    r[8] = (unsigned char)((r[8] & 0x3F) | 0x80);
    static const char digits[] = "0123456789abcdef";
    char *out = ret;
    for (size_t i = 0; i < sizeof r; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = digits[r[i] >> 4];
        *out++ = digits[r[i] & 15];
    }
    *out = '\0';
}
