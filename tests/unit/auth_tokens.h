// SPDX-License-Identifier: Apache-2.0
/* Keys and tokens, good and bad, made when a test runs. */
#ifndef UNIT_AUTH_TOKENS_H
#define UNIT_AUTH_TOKENS_H

#include "auth/authorizer.h"
#include "base/buf.h"
#include "base/obj.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#define TOKEN_NOW_S INT64_C(1800000000) /* what the held clock says */

struct token_key {
    EVP_PKEY *pair;
    const char *kid;
    const char *alg; /* published with the key; NULL: not said */
};

static inline struct token_key token_key_new(const char *kid, const char *alg, unsigned bits) {
    struct token_key key = {.pair = EVP_RSA_gen(bits), .kid = kid, .alg = alg};
    AN(key.pair);
    return key;
}

static inline struct str base64url(struct arena *a, struct str bytes) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char *text = arena_alloc(a, bytes.n / 3 * 4 + 5);
    size_t n = 0;
    uint32_t bits = 0;
    unsigned n_bits = 0;
    for (size_t i = 0; i < bytes.n; i++) {
        bits = (bits << 8 | (unsigned char)bytes.p[i]) & 0xffffU;
        n_bits += 8;
        while (n_bits >= 6) {
            n_bits -= 6;
            text[n++] = digits[bits >> n_bits & 63U];
        }
    }
    if (n_bits > 0)
        text[n++] = digits[bits << (6 - n_bits) & 63U];
    return str_n(text, n);
}

/* A public number, big-endian. */
static inline struct str key_number(struct arena *a, EVP_PKEY *pair, const char *name) {
    BIGNUM *number = NULL;
    AN(EVP_PKEY_get_bn_param(pair, name, &number));
    char *bytes = arena_alloc(a, (size_t)BN_num_bytes(number) + 1);
    size_t n = (size_t)BN_bn2bin(number, (unsigned char *)bytes);
    BN_free(number);
    return str_n(bytes, n);
}

static inline struct ags_jwk_key token_jwk(struct arena *a, const struct token_key *key) {
    return (struct ags_jwk_key){
        .kty = STR("RSA"),
        .use = STR("sig"),
        .kid = str_c(key->kid),
        .alg = str_c(key->alg),
        .n = base64url(a, key_number(a, key->pair, OSSL_PKEY_PARAM_RSA_N)),
        .e = base64url(a, key_number(a, key->pair, OSSL_PKEY_PARAM_RSA_E)),
    };
}

/* How a signature is made; the names of jwt.h's and others that must not pass. */
struct signing {
    const char *digest; /* "SHA256" */
    bool pss;
    int salt;                /* RSA_PSS_SALTLEN_DIGEST or bytes */
    const char *mgf1_digest; /* NULL: the same */
};

static inline struct signing signing_of(const char *alg) {
    static const char *const digests[] = {"SHA256", "SHA384", "SHA512"};
    size_t i = alg[2] == '2' ? 0 : alg[2] == '3' ? 1 : 2;
    return (struct signing){
        .digest = digests[i],
        .pss = alg[0] == 'P',
        .salt = RSA_PSS_SALTLEN_DIGEST,
    };
}

static inline struct str sign_bytes(struct arena *a, EVP_PKEY *pair, struct signing how,
                                    struct str text) {
    EVP_PKEY_CTX *params = NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const EVP_MD *digest = EVP_get_digestbyname(how.digest);
    const EVP_MD *mgf1 = how.mgf1_digest != NULL ? EVP_get_digestbyname(how.mgf1_digest) : digest;
    size_t n = (size_t)EVP_PKEY_get_size(pair);
    unsigned char *signature = arena_alloc(a, n);
    AN(EVP_DigestSignInit(ctx, &params, digest, NULL, pair) == 1);
    if (how.pss) {
        AN(EVP_PKEY_CTX_set_rsa_padding(params, RSA_PKCS1_PSS_PADDING) == 1);
        AN(EVP_PKEY_CTX_set_rsa_mgf1_md(params, mgf1) == 1);
        AN(EVP_PKEY_CTX_set_rsa_pss_saltlen(params, how.salt) == 1);
    }
    AN(EVP_DigestSign(ctx, signature, &n, (const unsigned char *)text.p, text.n) == 1);
    EVP_MD_CTX_free(ctx);
    return str_n((char *)signature, n);
}

static inline struct str joined(struct arena *a, struct str left, const char *with,
                                struct str right) {
    char *text = arena_alloc(a, left.n + strlen(with) + right.n + 1);
    if (left.n > 0)
        memcpy(text, left.p, left.n);
    memcpy(text + left.n, with, strlen(with));
    if (right.n > 0)
        memcpy(text + left.n + strlen(with), right.p, right.n);
    return str_n(text, left.n + strlen(with) + right.n);
}

/* "header.payload" of any two texts. */
static inline struct str unsigned_token(struct arena *a, struct str header, struct str payload) {
    return joined(a, base64url(a, header), ".", base64url(a, payload));
}

static inline struct str with_signature(struct arena *a, struct str unsigned_part,
                                        struct str signature) {
    return joined(a, unsigned_part, ".", base64url(a, signature));
}

static inline struct str token_of(struct arena *a, EVP_PKEY *pair, struct signing how,
                                  struct str header, struct str payload) {
    struct str text = unsigned_token(a, header, payload);
    return with_signature(a, text, sign_bytes(a, pair, how, text));
}

static inline struct str header_of(struct arena *a, const char *alg, const char *kid) {
    return arena_printf(a, "{\"alg\":\"%s\",\"kid\":\"%s\",\"typ\":\"JWT\"}", alg, kid);
}

#define TOKEN_NAMESPACE "studio-game"

/* Claims as AGS makes them; `more` is appended, such as ",\"sub\":\"u1\"". */
static inline struct str claims_of(struct arena *a, const char *more) {
    return arena_printf(
        a,
        "{\"aud\":[],\"client_id\":\"caller\",\"exp\":%lld,\"iat\":%lld,\"nbf\":%lld,"
        "\"iss\":\"https://ags.example.com\",\"jti\":\"j1\",\"namespace\":\"studio\","
        "\"namespace_roles\":[],\"permissions\":[],\"roles\":[],\"scope\":\"extend\"%s}",
        (long long)TOKEN_NOW_S + 3600, (long long)TOKEN_NOW_S - 10, (long long)TOKEN_NOW_S - 10,
        more);
}

#define EXTEND ",\"extend_namespace\":\"" TOKEN_NAMESPACE "\""

static inline struct str good_token(struct arena *a, const struct token_key *key, const char *alg) {
    return token_of(a, key->pair, signing_of(alg), header_of(a, alg, key->kid),
                    claims_of(a, EXTEND));
}

/* ---- the trust that tokens meet ---- */

static inline void trust_keys(struct trust_store *store, struct arena *a,
                              const struct token_key *keys, size_t n) {
    struct ags_jwk_key *jwks = arena_array(a, n, sizeof *jwks);
    struct key_set *set = NULL;
    for (size_t i = 0; i < n; i++)
        jwks[i] = token_jwk(a, &keys[i]);
    const struct ags_jwk_set all = {.keys = {.v = jwks, .n = n}};
    AZ(key_set_new(&all, a, &set));
    trust_store_set_keys(store, set);
}

static inline void trust_revocations(struct trust_store *store, struct arena *a,
                                     const struct ags_revocation_list *list) {
    static const struct ags_filter_json empty;
    const struct ags_revocation_list none = {.revoked_tokens = &empty};
    struct revocations *revocations = NULL;
    AZ(revocations_new(list != NULL ? list : &none, a, &revocations));
    trust_store_set_revocations(store, revocations);
}

/* ---- calls ---- */

#define TOKEN_PATH STR("/accelbyte.session.sessiondsm.SessionDsm/CreateGameSession")

static inline struct err *admit_value(struct authorizer *authorizer, struct arena *a,
                                      struct str path, struct str value) {
    const struct rpc_metadata metadata[] = {
        {.key = STR("user-agent"), .value = STR("test")},
        {.key = STR("authorization"), .value = value},
    };
    struct rpc_call rpc = {
        .magic = RPC_CALL_MAGIC,
        .path = path,
        .metadata = metadata,
        .n_metadata = value.p == NULL ? 1 : 2,
    };
    ctx_init(&rpc.ctx, a, NULL, CTX_NO_DEADLINE);
    return authorizer_admit(authorizer, &rpc);
}

static inline struct err *admit_token(struct authorizer *authorizer, struct arena *a,
                                      struct str token) {
    return admit_value(authorizer, a, TOKEN_PATH, joined(a, STR("Bearer "), "", token));
}

#endif
