// SPDX-License-Identifier: Apache-2.0
#include "sim/ags_jwt.h"

#include "aws/digest.h"
#include "base/obj.h"
#include "sim/ags_base64.h"
#include "sim/json.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdlib.h>

#define NUMBER_BYTES (AGS_KEY_BITS / 8)

/* The public number of that name, big-endian; returns its length. */
static size_t public_number(const struct ags_key *key, const char *name,
                            unsigned char out[NUMBER_BYTES]) {
    BIGNUM *number = NULL;
    ASSERT(EVP_PKEY_get_bn_param(key->pair, name, &number) == 1);
    ASSERT(BN_num_bytes(number) <= NUMBER_BYTES);
    int n = BN_bn2bin(number, out);
    BN_free(number);
    return (size_t)n;
}

static void name_key(struct ags_key *key) {
    unsigned char modulus[NUMBER_BYTES];
    char hex[DIGEST_HEX_SIZE];
    struct digest *digest = digest_new();
    size_t n = public_number(key, OSSL_PKEY_PARAM_RSA_N, modulus);
    digest_sha256_hex(digest, str_n((const char *)modulus, n), hex);
    digest_free(digest);
    memcpy(key->kid, hex, AGS_KID_SIZE - 1);
}

struct ags_key *ags_key_new(void) {
    struct ags_key *key = calloc(1, sizeof *key);
    AN(key);
    key->pair = EVP_RSA_gen(AGS_KEY_BITS);
    AN(key->pair);
    name_key(key);
    return key;
}

void ags_key_free(struct ags_key *key) {
    if (key == NULL)
        return;
    EVP_PKEY_free(key->pair);
    free(key);
}

static void put_number(const struct ags_key *key, const char *param, const char *member,
                       struct buf *out) {
    unsigned char bytes[NUMBER_BYTES];
    size_t n = public_number(key, param, bytes);
    sim_json_key(out, member);
    buf_putc(out, '"');
    ags_base64_url(out, bytes, n);
    buf_putc(out, '"');
}

void ags_key_jwk(const struct ags_key *key, struct buf *out) {
    buf_putc(out, '{');
    sim_json_str(out, "alg", STR("RS256"));
    put_number(key, OSSL_PKEY_PARAM_RSA_E, "e", out);
    sim_json_str(out, "kid", str_c(key->kid));
    sim_json_str(out, "kty", STR("RSA"));
    put_number(key, OSSL_PKEY_PARAM_RSA_N, "n", out);
    sim_json_str(out, "use", STR("sig"));
    buf_putc(out, '}');
}

void ags_jwt_sign(struct buf *out, const struct ags_key *key, struct str kid, struct str claims) {
    struct buf header;
    struct buf token;
    unsigned char signature[NUMBER_BYTES];
    size_t n = sizeof signature;
    buf_init(&header, 4096);
    buf_init(&token, AGS_JWT_MAX);
    buf_putc(&header, '{');
    sim_json_str(&header, "alg", STR("RS256"));
    if (kid.p != NULL)
        sim_json_str(&header, "kid", kid);
    sim_json_str(&header, "typ", STR("JWT"));
    buf_putc(&header, '}');
    ags_base64_url(&token, buf_str(&header).p, header.n);
    buf_putc(&token, '.');
    ags_base64_url(&token, claims.p, claims.n);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    AN(ctx);
    ASSERT(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key->pair) == 1);
    ASSERT(EVP_DigestSign(ctx, signature, &n, (const unsigned char *)buf_str(&token).p, token.n) ==
           1);
    EVP_MD_CTX_free(ctx);
    buf_putc(&token, '.');
    ags_base64_url(&token, signature, n);
    buf_putstr(out, buf_str(&token));
    out->failed = out->failed || token.failed || header.failed;
    buf_free(&header);
    buf_free(&token);
}

bool ags_jwt_split(struct str token, struct arena *a, struct ags_jwt *ret) {
    struct ags_jwt jwt;
    if (token.n > AGS_JWT_MAX)
        return false;
    size_t first = str_find(token, '.');
    struct str rest = str_from(token, first + 1);
    size_t second = str_find(rest, '.');
    if (first == token.n || second == rest.n)
        return false;
    jwt.signed_part = str_sub(token, 0, first + 1 + second);
    if (!ags_base64_decode(str_sub(token, 0, first), AGS_BASE64_URL, a, &jwt.header) ||
        !ags_base64_decode(str_sub(rest, 0, second), AGS_BASE64_URL, a, &jwt.claims) ||
        !ags_base64_decode(str_from(rest, second + 1), AGS_BASE64_URL, a, &jwt.signature))
        return false;
    *ret = jwt;
    return true;
}

bool ags_jwt_verify(const struct ags_jwt *jwt, const struct ags_key *key) {
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    AN(ctx);
    bool good =
        EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key->pair) == 1 &&
        EVP_DigestVerify(ctx, (const unsigned char *)jwt->signature.p, jwt->signature.n,
                         (const unsigned char *)jwt->signed_part.p, jwt->signed_part.n) == 1;
    EVP_MD_CTX_free(ctx);
    return good;
}
