// SPDX-License-Identifier: Apache-2.0
/*
 * JSON Web Tokens in compact form (RFC 7515, 7518, 7519), taken apart and verified, in the order in
 * which trust grows: jwt_open reads the header of a stranger, jwt_verify proves who signed, only
 * then jwt_read_claims reads what is said.
 *
 * Signing is RSA only, PKCS #1 v1.5 or PSS with SHA-2; "none" and HMAC do not exist here, so a
 * public key can never be mistaken for a shared secret. All errors are UNAUTHENTICATED and name no
 * part of the token.
 *
 * Why no JOSE library: of Debian 12's, libjwt 1.10 takes PEM keys only, knows no key sets and
 * checks no claims; cjose and jose verify a signature, but leave the checks of this file (claims,
 * repeated names, strict base64url, the key's own algorithm) to the caller and parse with jansson,
 * a second JSON library. What remains of the work is EVP_PKEY_fromdata and EVP_DigestVerify, which
 * libcrypto, linked anyway and the best kept of all, does.
 */
#ifndef AUTH_JWT_H
#define AUTH_JWT_H

#include "base/err.h"

#include <openssl/types.h>

#define JWT_MAX_BYTES ((size_t)16 << 10) /* of a token; metadata is limited to 32 KiB in all */
#define JWT_MAX_HEADER ((size_t)2 << 10) /* bytes of its header as JSON */
#define JWT_MAX_KID 128                  /* bytes of a key id */
#define JWT_MAX_PERMISSIONS 1000
#define JWT_MAX_ROLES 100 /* and as many in namespaces */

enum jwt_alg { JWT_RS256, JWT_RS384, JWT_RS512, JWT_PS256, JWT_PS384, JWT_PS512, JWT_ALGS };
#define JWT_ALG_BIT(alg) (1U << (alg))
#define JWT_ALL_ALGS (JWT_ALG_BIT(JWT_ALGS) - 1)

/* "RS256", in exactly this spelling; false (ret untouched) for every other name. */
bool jwt_alg_parse(struct str name, enum jwt_alg *ret);

/* A token taken apart; nothing of it is proven. Strings lie in the arena or in the token. */
struct jwt {
    enum jwt_alg alg;
    struct str kid;         /* not empty */
    struct str signed_part; /* header and payload as they came */
    struct str signature;   /* bytes */
    struct str payload;     /* bytes; JSON if its signer says the truth */
};

/*
 * Three canonical base64url parts within the limits, the header a strict JSON object with a known
 * alg, a kid, and no crit: we understand no extension, and RFC 7515 wants such tokens refused.
 * Other members, also those that name or hold keys (jku, jwk, x5u, x5c), count for nothing.
 */
struct err *jwt_open(struct arena *a, struct str text, struct jwt *ret) MUST_CHECK;

/* The signature is by this key, with an algorithm out of the set that the key may be used with
 * (JWT_ALG_BITs). Any thread; the key may be shared. */
struct err *jwt_verify(struct arena *a, const struct jwt *jwt, EVP_PKEY *key,
                       unsigned algs) MUST_CHECK;

struct jwt_permission {
    struct str resource; /* "NAMESPACE:studio-game:SESSION:GAME" */
    int64_t action;      /* CREATE 1, READ 2, UPDATE 4, DELETE 8, or-ed */
};

/* A role that is held in a namespace, or with "*" in all of them. */
struct jwt_namespace_role {
    struct str id;
    struct str namespace_name;
};

/* Absent claims are absent strings, false has_x, or n == 0. */
struct jwt_claims {
    double exp; /* seconds since 1970, always there and finite; likewise the next two */
    double nbf;
    double iat;
    bool has_nbf;
    bool has_iat;
    struct str sub;
    struct str client_id;
    struct str namespace_name;   /* claim `namespace` */
    struct str extend_namespace; /* what AGS grants to those who call Extend apps */
    const struct jwt_permission *permissions;
    size_t n_permissions;
    const struct jwt_namespace_role *namespace_roles;
    size_t n_namespace_roles;
    const struct str *roles; /* ids */
    size_t n_roles;
};

/* Of a verified token only. A strict JSON object with exp; a claim of the wrong type, and more than
 * JWT_MAX_PERMISSIONS or JWT_MAX_ROLES, are errors. */
struct err *jwt_read_claims(struct arena *a, const struct jwt *jwt,
                            struct jwt_claims *ret) MUST_CHECK;

/* Seconds by which our clock and AGS's may differ. */
#define JWT_LEEWAY_S 60

/* exp and nbf against now (seconds since 1970). */
struct err *jwt_check_times(struct arena *a, const struct jwt_claims *claims,
                            double now_s) MUST_CHECK;

#endif
