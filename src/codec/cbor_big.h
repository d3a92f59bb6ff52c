// SPDX-License-Identifier: Apache-2.0
/* Numbers of any size between decimal text and CBOR's bytes, on OpenSSL's BIGNUM. */
#ifndef CODEC_CBOR_BIG_H
#define CODEC_CBOR_BIG_H

#include "base/arena.h"

/* What either side may have: bytes of a bignum, digits of a text. Converting takes n * n steps. */
#define CBOR_BIG_MAX_BYTES 1024
#define CBOR_BIG_MAX_DIGITS 2400

/*
 * Sign and magnitude of a whole number in decimal ("-12"), big-endian without leading zeros; of a
 * negative one, CBOR's -1 - n. "-0" is 0. False if it has too many digits.
 */
bool cbor_big_bytes(struct arena *a, struct str decimal, bool *ret_negative, struct str *ret);

/* "-12" of a magnitude; `negative` means -1 - n, as CBOR has it. False if there are too many. */
bool cbor_big_text(struct arena *a, struct str bytes, bool negative, struct str *ret);

/* "-12.5e3" -> "-125" and 2. False if the exponent is absurd or there are too many digits. */
bool cbor_big_split(struct arena *a, struct str decimal, struct str *ret_mantissa,
                    int64_t *ret_exponent);

/* "-125" and -1 -> "-12.5"; an exponent that would need many zeros stays one. */
struct str cbor_big_join(struct arena *a, struct str mantissa, int64_t exponent);

#endif
