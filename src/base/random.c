// SPDX-License-Identifier: Apache-2.0
#include "base/random.h"

#include "base/obj.h"

#include <sys/random.h>

void random_bytes(void *p, size_t n) {
    /* Never short up to 256 bytes once the kernel's pool is ready, which it is when programs run.
     */
    ASSERT(n <= 256);
    ASSERT(getrandom(p, n, 0) == (ssize_t)n);
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
