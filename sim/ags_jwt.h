// SPDX-License-Identifier: Apache-2.0
/*
 * JSON Web Tokens as AGS issues them: RS256 (RSASSA-PKCS1-v1_5 with SHA-256), signed by a key pair
 * that is made here and published as a JSON Web Key. RFC 7515, 7517, 7519.
 */
#ifndef SIM_AGS_JWT_H
#define SIM_AGS_JWT_H

#include "base/arena.h"
#include "base/buf.h"

#include <openssl/types.h>

#define AGS_JWT_MAX ((size_t)64 << 10) /* bytes of a token */
#define AGS_KEY_BITS 2048
#define AGS_KID_SIZE 41 /* hex digits and a NUL */

struct ags_key {
    EVP_PKEY *pair;
    char kid[AGS_KID_SIZE]; /* made from the public key */
};

/* A new key pair; takes 100 to 1000 milliseconds. Never NULL. */
struct ags_key *ags_key_new(void);
/* NULL is fine. */
void ags_key_free(struct ags_key *key);

/* {"alg":"RS256","e":...,"kid":...,"kty":"RSA","n":...,"use":"sig"} */
void ags_key_jwk(const struct ags_key *key, struct buf *out);

/* Appends the compact token; kid is what its header says, usually key->kid, absent for none. */
void ags_jwt_sign(struct buf *out, const struct ags_key *key, struct str kid, struct str claims);

/* A compact token taken apart; nothing is verified. */
struct ags_jwt {
    struct str header; /* JSON, if the token is good */
    struct str claims; /* the same */
    struct str signature;
    struct str signed_part; /* a view: the first two parts of the token */
};

/* False (ret untouched) unless it is three parts of base64url, at most AGS_JWT_MAX bytes. */
bool ags_jwt_split(struct str token, struct arena *a, struct ags_jwt *ret);

/* The signature is RS256 by this key; what the header says is not looked at. */
bool ags_jwt_verify(const struct ags_jwt *jwt, const struct ags_key *key);

#endif
