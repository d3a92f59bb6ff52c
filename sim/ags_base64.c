// SPDX-License-Identifier: Apache-2.0
#include "sim/ags_base64.h"

static const char *const alphabets[] = {
    [AGS_BASE64_PADDED] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    [AGS_BASE64_URL] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

void ags_base64_url(struct buf *out, const void *p, size_t n) {
    const unsigned char *bytes = p;
    for (size_t i = 0; i < n; i += 3) {
        size_t group = n - i < 3 ? n - i : 3;
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (k < group ? bytes[i + k] : 0u);
        for (size_t k = 0; k <= group; k++)
            buf_putc(out, alphabets[AGS_BASE64_URL][bits >> (18 - 6 * k) & 63]);
    }
}

static struct str without_padding(struct str text) {
    for (int i = 0; i < 2 && text.n > 0 && text.p[text.n - 1] == '='; i++)
        text.n--;
    return text;
}

bool ags_base64_decode(struct str text, enum ags_base64_kind kind, struct arena *a,
                       struct str *ret) {
    if (kind == AGS_BASE64_PADDED && text.n % 4 != 0)
        return false;
    if (kind == AGS_BASE64_PADDED)
        text = without_padding(text);
    if (text.n % 4 == 1)
        return false;
    char *out = arena_alloc(a, text.n / 4 * 3 + 3);
    size_t n = 0;
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < text.n; i++) {
        size_t digit = str_find(str_c(alphabets[kind]), text.p[i]);
        if (digit == 64)
            return false;
        bits = (bits << 6 | (uint32_t)digit) & 0xffff;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[n++] = (char)(bits >> held & 0xff);
        }
    }
    if ((bits & ((1u << held) - 1)) != 0)
        return false;
    *ret = str_n(out, n);
    return true;
}
