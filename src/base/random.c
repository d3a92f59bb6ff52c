// SPDX-License-Identifier: Apache-2.0
#include "base/random.h"

#include "base/obj.h"

#include <stdio.h>
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
    snprintf(ret, RANDOM_UUID_SIZE,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", r[0], r[1],
             r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12], r[13], r[14],
             r[15]);
}
