// SPDX-License-Identifier: Apache-2.0
#include "codec/cbor_big.h"

#include "base/obj.h"

#include <inttypes.h>
#include <openssl/bn.h>

#define MAX_EXPONENT INT64_C(1000000000)
#define MAX_ZEROS 40 /* written out before an exponent is used */

bool cbor_big_bytes(struct arena *a, struct str decimal, bool *ret_negative, struct str *ret) {
    BIGNUM *n = NULL;
    if (decimal.n > CBOR_BIG_MAX_DIGITS || BN_dec2bn(&n, arena_cstr(a, decimal)) == 0)
        return false;
    /* CBOR's negative numbers count from -1. */
    *ret_negative = BN_is_negative(n);
    if (*ret_negative) {
        BN_set_negative(n, 0);
        AN(BN_sub_word(n, 1));
    }
    unsigned char *bytes = arena_alloc(a, (size_t)BN_num_bytes(n) + 1);
    *ret = str_n((const char *)bytes, (size_t)BN_bn2bin(n, bytes));
    BN_free(n);
    return true;
}

bool cbor_big_text(struct arena *a, struct str bytes, bool negative, struct str *ret) {
    if (bytes.n > CBOR_BIG_MAX_BYTES)
        return false;
    BIGNUM *n = BN_bin2bn((const unsigned char *)bytes.p, (int)bytes.n, NULL);
    AN(n);
    if (negative) {
        AN(BN_add_word(n, 1));
        BN_set_negative(n, 1);
    }
    char *text = BN_bn2dec(n);
    AN(text);
    *ret = arena_str(a, str_c(text));
    OPENSSL_free(text);
    BN_free(n);
    return true;
}

bool cbor_big_split(struct arena *a, struct str decimal, struct str *ret_mantissa,
                    int64_t *ret_exponent) {
    size_t e = str_find(decimal, 'e') < decimal.n ? str_find(decimal, 'e') : str_find(decimal, 'E');
    struct str digits = str_sub(decimal, 0, e);
    struct str written = str_from(decimal, e + 1);
    int64_t exponent = 0;
    if (str_starts(written, STR("+")))
        written = str_from(written, 1);
    if (digits.n > CBOR_BIG_MAX_DIGITS || (written.n > 0 && !str_to_int64(written, &exponent)) ||
        exponent > MAX_EXPONENT || exponent < -MAX_EXPONENT)
        return false;
    size_t point = str_find(digits, '.');
    struct str behind = str_from(digits, point + 1);
    *ret_mantissa = ARENA_JOIN(a, str_sub(digits, 0, point), behind);
    *ret_exponent = exponent - (int64_t)(point < digits.n ? behind.n : 0);
    return true;
}

struct str cbor_big_join(struct arena *a, struct str mantissa, int64_t exponent) {
    bool negative = str_starts(mantissa, STR("-"));
    struct str digits = str_from(mantissa, negative ? 1 : 0);
    struct str sign = negative ? STR("-") : STR("");
    if (exponent == 0)
        return mantissa;
    if (exponent > 0 || exponent < -MAX_ZEROS)
        return arena_printf(a, STR_FMT "e%" PRId64, STR_ARG(mantissa), exponent);
    size_t behind = (size_t)-exponent;
    static const char zeros[MAX_ZEROS + 1] = "0000000000000000000000000000000000000000";
    if (digits.n <= behind)
        digits = ARENA_JOIN(a, str_n(zeros, behind + 1 - digits.n), digits);
    size_t before = digits.n - behind;
    return ARENA_JOIN(a, sign, str_sub(digits, 0, before), STR("."), str_from(digits, before));
}
