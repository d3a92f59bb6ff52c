// SPDX-License-Identifier: Apache-2.0
#include "auth/jwt.h"

#include "auth/base64url.h"
#include "auth/strict_json.h"
#include "base/obj.h"
#include "codec/json.h"
#include "codec/texts.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

struct algorithm {
    struct str name;
    const EVP_MD *(*digest)(void);
    int padding;
};

static const struct algorithm algorithms[JWT_ALGS] = {
    [JWT_RS256] = {STR_INIT("RS256"), EVP_sha256, RSA_PKCS1_PADDING},
    [JWT_RS384] = {STR_INIT("RS384"), EVP_sha384, RSA_PKCS1_PADDING},
    [JWT_RS512] = {STR_INIT("RS512"), EVP_sha512, RSA_PKCS1_PADDING},
    [JWT_PS256] = {STR_INIT("PS256"), EVP_sha256, RSA_PKCS1_PSS_PADDING},
    [JWT_PS384] = {STR_INIT("PS384"), EVP_sha384, RSA_PKCS1_PSS_PADDING},
    [JWT_PS512] = {STR_INIT("PS512"), EVP_sha512, RSA_PKCS1_PSS_PADDING},
};

bool jwt_alg_parse(struct str name, enum jwt_alg *ret) {
    for (int i = 0; i < JWT_ALGS; i++)
        if (str_eq(algorithms[i].name, name)) {
            *ret = (enum jwt_alg)i;
            return true;
        }
    return false;
}

static struct err *refused(struct arena *a, const char *why) {
    return err_new(a, RPC_UNAUTHENTICATED, "%s", why);
}

/* ---- the header ---- */

struct header {
    struct str alg;
    struct str kid;
};

static const struct codec_member header_members[] = {
    CODEC_TEXT(struct header, "alg", alg),
    CODEC_TEXT(struct header, "kid", kid),
};

static const struct codec_shape header_shape = CODEC_TEXTS(struct header, "Header", header_members);

static struct err *read_header(struct arena *a, struct str json, struct jwt *jwt) {
    struct header header = {.alg = STR_NULL};
    bool critical;
    const char *fault = strict_json_check_for(a, json, STR("crit"), &critical);
    if (fault != NULL || json_decode(json, &header_shape, &header, a) != NULL)
        return refused(a, "the token's header is malformed");
    if (critical)
        return refused(a, "the token's header demands an extension (crit)");
    if (!jwt_alg_parse(header.alg, &jwt->alg))
        return refused(a, "the token's algorithm is not accepted");
    if (str_empty(header.kid))
        return refused(a, "'kid' header not found");
    if (header.kid.n > JWT_MAX_KID)
        return refused(a, "the token's key id is too long");
    jwt->kid = header.kid;
    return NULL;
}

struct err *jwt_open(struct arena *a, struct str text, struct jwt *ret) {
    struct jwt jwt = {.kid = STR_NULL};
    struct str header;
    if (text.n > JWT_MAX_BYTES)
        return refused(a, "the token is too long");
    size_t first = str_find(text, '.');
    struct str rest = str_from(text, first + 1);
    size_t second = str_find(rest, '.');
    if (first == text.n || second == rest.n)
        return refused(a, "the token is not three parts with dots between them");
    jwt.signed_part = str_sub(text, 0, first + 1 + second);
    if (first > JWT_MAX_HEADER / 3 * 4)
        return refused(a, "the token's header is too long");
    if (!base64url_decode(a, str_sub(text, 0, first), &header) ||
        !base64url_decode(a, str_sub(rest, 0, second), &jwt.payload) ||
        !base64url_decode(a, str_from(rest, second + 1), &jwt.signature))
        return refused(a, "the token is not base64url");
    struct err *err = read_header(a, header, &jwt);
    if (err == NULL)
        *ret = jwt;
    return err;
}

/* ---- the signature ---- */

static bool signature_fits(const struct jwt *jwt, EVP_PKEY *key) {
    const struct algorithm *alg = &algorithms[jwt->alg];
    EVP_PKEY_CTX *params = NULL; /* part of ctx */
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    AN(ctx);
    /* What fails here must not be found in the thread's error queue by the next TLS connection. */
    ERR_set_mark();
    bool fits = EVP_DigestVerifyInit(ctx, &params, alg->digest(), NULL, key) == 1 &&
                EVP_PKEY_CTX_set_rsa_padding(params, alg->padding) == 1;
    /* RFC 7518 section 3.5: the salt is as long as the digest, MGF1 uses the same digest. */
    if (fits && alg->padding == RSA_PKCS1_PSS_PADDING)
        fits = EVP_PKEY_CTX_set_rsa_mgf1_md(params, alg->digest()) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(params, RSA_PSS_SALTLEN_DIGEST) == 1;
    fits = fits &&
           EVP_DigestVerify(ctx, (const unsigned char *)jwt->signature.p, jwt->signature.n,
                            (const unsigned char *)jwt->signed_part.p, jwt->signed_part.n) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_pop_to_mark();
    return fits;
}

struct err *jwt_verify(struct arena *a, const struct jwt *jwt, EVP_PKEY *key, unsigned algs) {
    if ((algs & JWT_ALG_BIT(jwt->alg)) == 0)
        return refused(a, "the token's algorithm is not the key's");
    if (!signature_fits(jwt, key))
        return refused(a, "the token's signature is wrong");
    return NULL;
}
