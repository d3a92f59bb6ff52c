// SPDX-License-Identifier: Apache-2.0
#include "auth/key_set.h"

#include "auth/base64url.h"
#include "base/obj.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdatomic.h>
#include <stdlib.h>

#define MAX_EXPONENT_BYTES 8 /* larger ones only make verifying slow */

struct key_set {
    unsigned magic;
#define KEY_SET_MAGIC 0x5be1a7f3U
    atomic_int refs;
    struct arena *arena; /* holds the ids */
    struct key_set_key keys[KEY_SET_MAX];
    size_t n;
};

/* ---- a key ---- */

/* A base64url number; NULL if it is none. */
static BIGNUM *number_of(struct arena *a, struct str text, size_t max_bytes) {
    struct str bytes;
    if (str_empty(text) || text.n > max_bytes * 2 || !base64url_decode(a, text, &bytes) ||
        bytes.n > max_bytes)
        return NULL;
    return BN_bin2bn((const unsigned char *)bytes.p, (int)bytes.n, NULL);
}

/* An even modulus or exponent, or the exponent 1, would make OpenSSL's or anybody's maths moot. */
static bool is_sound(const BIGNUM *n, const BIGNUM *e) {
    return BN_num_bits(n) >= KEY_SET_MIN_BITS && BN_num_bits(n) <= KEY_SET_MAX_BITS &&
           BN_is_odd(n) && BN_is_odd(e) && !BN_is_one(e);
}

static EVP_PKEY *from_numbers(const BIGNUM *n, const BIGNUM *e) {
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    AN(ctx);
    AN(builder);
    if (OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1)
        params = OSSL_PARAM_BLD_to_param(builder);
    if (params == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static EVP_PKEY *make_key(struct arena *a, const struct ags_jwk_key *jwk) {
    ERR_set_mark(); /* a bad key leaves nothing in the thread's error queue */
    BIGNUM *n = number_of(a, jwk->n, KEY_SET_MAX_BITS / 8 + 1);
    BIGNUM *e = number_of(a, jwk->e, MAX_EXPONENT_BYTES);
    EVP_PKEY *key = n != NULL && e != NULL && is_sound(n, e) ? from_numbers(n, e) : NULL;
    BN_free(n);
    BN_free(e);
    ERR_pop_to_mark();
    return key;
}

/* What the key may be used with; 0 if it is not for us. */
static unsigned algs_of(const struct ags_jwk_key *jwk) {
    enum jwt_alg alg;
    if (!str_eq(jwk->kty, STR("RSA")) || (jwk->use.p != NULL && !str_eq(jwk->use, STR("sig"))))
        return 0;
    if (jwk->alg.p == NULL)
        return JWT_ALL_ALGS;
    return jwt_alg_parse(jwk->alg, &alg) ? JWT_ALG_BIT(alg) : 0;
}

/* ---- the set ---- */

struct err *key_set_new(const struct ags_jwk_set *jwks, struct arena *a, struct key_set **ret) {
    struct key_set *set = calloc(1, sizeof *set);
    AN(set);
    set->magic = KEY_SET_MAGIC;
    set->arena = arena_new(ARENA_LIMIT_DEFAULT);
    atomic_init(&set->refs, 1);
    for (size_t i = 0; i < jwks->keys.n && set->n < KEY_SET_MAX; i++) {
        const struct ags_jwk_key *jwk = &jwks->keys.v[i];
        struct key_set_key made = {.algs = algs_of(jwk)};
        if (made.algs == 0 || str_empty(jwk->kid) || jwk->kid.n > JWT_MAX_KID ||
            key_set_find(set, jwk->kid) != NULL)
            continue;
        made.key = make_key(a, jwk);
        if (made.key == NULL)
            continue;
        made.kid = arena_str(set->arena, jwk->kid);
        set->keys[set->n++] = made;
    }
    if (set->n == 0) {
        key_set_unref(set);
        return err_new(a, RPC_INTERNAL, "AGS publishes no key that can be used (of %zu)",
                       jwks->keys.n);
    }
    *ret = set;
    return NULL;
}

struct key_set *key_set_ref(struct key_set *set) {
    OBJ_CHECK(set, KEY_SET_MAGIC);
    atomic_fetch_add(&set->refs, 1);
    return set;
}

void key_set_unref(struct key_set *set) {
    if (set == NULL)
        return;
    OBJ_CHECK(set, KEY_SET_MAGIC);
    if (atomic_fetch_sub(&set->refs, 1) != 1)
        return;
    for (size_t i = 0; i < set->n; i++)
        EVP_PKEY_free(set->keys[i].key);
    arena_free(set->arena);
    set->magic = 0;
    free(set);
}

const struct key_set_key *key_set_find(const struct key_set *set, struct str kid) {
    OBJ_CHECK(set, KEY_SET_MAGIC);
    for (size_t i = 0; i < set->n; i++)
        if (str_eq(set->keys[i].kid, kid))
            return &set->keys[i];
    return NULL;
}

size_t key_set_size(const struct key_set *set) {
    OBJ_CHECK(set, KEY_SET_MAGIC);
    return set->n;
}
