// SPDX-License-Identifier: Apache-2.0
#include "aws/digest.h"

#include "base/obj.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>

struct digest {
    unsigned magic;
#define DIGEST_MAGIC 0x41d07b6eU
    EVP_MD *sha256;
    EVP_MD_CTX *md;
    EVP_MAC_CTX *mac;
    unsigned char mac_key[DIGEST_SIZE]; /* what mac was last set up with, if mac_key_known */
    bool mac_key_known;
};

/* Only a broken OpenSSL set-up or lack of memory gets here, and nothing works without hashes. */
static void must(bool ok) {
    if (!ok)
        obj_panic(__FILE__, __LINE__, "OpenSSL refuses SHA-256 or HMAC");
}

struct digest *digest_new(void) {
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0),
        OSSL_PARAM_construct_end(),
    };
    struct digest *d = calloc(1, sizeof *d);
    must(d != NULL);
    d->magic = DIGEST_MAGIC;
    d->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    d->md = EVP_MD_CTX_new();
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    must(d->sha256 != NULL && d->md != NULL && hmac != NULL);
    d->mac = EVP_MAC_CTX_new(hmac); /* holds a reference of its own */
    EVP_MAC_free(hmac);
    must(d->mac != NULL && EVP_MAC_CTX_set_params(d->mac, params) == 1);
    return d;
}

void digest_free(struct digest *d) {
    if (d == NULL)
        return;
    OBJ_CHECK(d, DIGEST_MAGIC);
    EVP_MAC_CTX_free(d->mac);
    EVP_MD_CTX_free(d->md);
    EVP_MD_free(d->sha256);
    explicit_bzero(d, sizeof *d);
    free(d);
}

void digest_sha256(struct digest *d, struct str data, unsigned char ret[DIGEST_SIZE]) {
    OBJ_CHECK(d, DIGEST_MAGIC);
    must(EVP_DigestInit_ex2(d->md, d->sha256, NULL) == 1 &&
         EVP_DigestUpdate(d->md, data.p, data.n) == 1 && EVP_DigestFinal_ex(d->md, ret, NULL) == 1);
}

void digest_sha256_hex(struct digest *d, struct str data, char ret[DIGEST_HEX_SIZE]) {
    static const char digits[] = "0123456789abcdef";
    unsigned char raw[DIGEST_SIZE];
    digest_sha256(d, data, raw);
    for (size_t i = 0; i < sizeof raw; i++) {
        ret[2 * i] = digits[raw[i] >> 4];
        ret[2 * i + 1] = digits[raw[i] & 15];
    }
    ret[DIGEST_HEX] = '\0';
}

/* A context that has the key already goes back to the state after its two padded blocks, which is
 * half of what signing a short text costs. A NULL key means just that. */
static bool set_key(struct digest *d, struct str key) {
    if (d->mac_key_known && key.n == DIGEST_SIZE && memcmp(d->mac_key, key.p, DIGEST_SIZE) == 0)
        return EVP_MAC_init(d->mac, NULL, 0, NULL) == 1;
    d->mac_key_known = key.n == DIGEST_SIZE;
    if (d->mac_key_known)
        memcpy(d->mac_key, key.p, DIGEST_SIZE);
    return EVP_MAC_init(d->mac, (const unsigned char *)(key.n == 0 ? "" : key.p), key.n, NULL) == 1;
}

void digest_hmac(struct digest *d, struct str key, struct str data,
                 unsigned char ret[DIGEST_SIZE]) {
    OBJ_CHECK(d, DIGEST_MAGIC);
    size_t n = 0;
    must(set_key(d, key) && EVP_MAC_update(d->mac, (const unsigned char *)data.p, data.n) == 1 &&
         EVP_MAC_final(d->mac, ret, &n, DIGEST_SIZE) == 1);
    ASSERT(n == DIGEST_SIZE);
}
