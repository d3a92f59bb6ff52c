// SPDX-License-Identifier: Apache-2.0
/*
 * Tokens that passed every check, so that the next call with the same one costs no RSA. Kept as a
 * hash of the whole token: no token lies in memory. The hash is SipHash-2-4 of 128 bits, whose key
 * the process draws for itself: without that key nobody can look for a token that stands for
 * another one, and each guess has to be sent to this process and meets an entry once in 2^128
 * times. https://www.aumasson.jp/siphash/siphash.pdf
 *
 * Only what was verified gets in, together with the generation of keys and revocations that it was
 * verified against; another generation, or the end of the token's life, makes an entry void. Memory
 * is constant: a new entry takes the place of a void one, else of the one unused for longest.
 */
#ifndef AUTH_VERIFIED_H
#define AUTH_VERIFIED_H

#include "base/str.h"

#define VERIFIED_KEY_BYTES 16

struct verified_key {
    unsigned char bytes[VERIFIED_KEY_BYTES];
};

struct verified;

/* About 40 KiB, 1024 tokens. */
struct verified *verified_new(void);
void verified_free(struct verified *cache); /* NULL is fine */

/* Any thread, like the next two. */
struct verified_key verified_key_of(struct verified *cache, struct str token);

bool verified_has(struct verified *cache, const struct verified_key *key, uint64_t generation,
                  double now_s);

/* until_s: seconds since 1970 from which the token counts as expired. */
void verified_add(struct verified *cache, const struct verified_key *key, uint64_t generation,
                  double until_s);

#endif
