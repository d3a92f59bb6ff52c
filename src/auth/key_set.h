// SPDX-License-Identifier: Apache-2.0
/*
 * AGS's public keys (a JSON Web Key Set, RFC 7517), ready to verify with. Made once, never changed,
 * shared between threads by counted references.
 */
#ifndef AUTH_KEY_SET_H
#define AUTH_KEY_SET_H

#include "auth/jwt.h"
#include "generated/ags.h"

#define KEY_SET_MAX 64 /* keys; more are left out */
#define KEY_SET_MIN_BITS 2048
#define KEY_SET_MAX_BITS 8192

struct key_set;

struct key_set_key {
    struct str kid;
    EVP_PKEY *key;
    unsigned
        algs; /* JWT_ALG_BITs it may be used with: what its `alg` says, all if it says nothing */
};

/*
 * Takes what is fit for verifying: RSA of KEY_SET_MIN_BITS to KEY_SET_MAX_BITS, with a kid, `use`
 * absent or "sig", `alg` absent or known. Others are left out; of two with one kid the first
 * counts. INTERNAL, in the arena, if nothing is left. The caller owns a reference.
 */
struct err *key_set_new(const struct ags_jwk_set *jwks, struct arena *a,
                        struct key_set **ret) MUST_CHECK;

struct key_set *key_set_ref(struct key_set *set);
void key_set_unref(struct key_set *set); /* NULL is fine */

/* NULL if there is none of that id. Valid as long as the reference. */
const struct key_set_key *key_set_find(const struct key_set *set, struct str kid);

size_t key_set_size(const struct key_set *set);

#endif
