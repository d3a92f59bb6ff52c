// SPDX-License-Identifier: Apache-2.0
#include "auth/base64url.h"

/* The value of a digit, or -1. Timing tells nothing: tokens' parts are no secrets of ours. */
static int digit(char c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '-')
        return 62;
    return c == '_' ? 63 : -1;
}

bool base64url_decode(struct arena *a, struct str text, struct str *ret) {
    uint32_t bits = 0;
    unsigned n_bits = 0;
    size_t n = 0;
    if (text.n % 4 == 1)
        return false;
    char *bytes = arena_alloc(a, text.n / 4 * 3 + 3);
    for (size_t i = 0; i < text.n; i++) {
        int value = digit(text.p[i]);
        if (value < 0)
            return false;
        bits = (bits << 6 | (uint32_t)value) & 0xffffU;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            bytes[n++] = (char)(bits >> n_bits & 0xffU);
        }
    }
    if ((bits & ((1U << n_bits) - 1)) != 0)
        return false;
    *ret = str_n(bytes, n);
    return true;
}
