// SPDX-License-Identifier: Apache-2.0
/* Forged tokens: wrong algorithms, signatures and headers. */
#define FORGED_AT_LEAST 350
#include "unit/auth_forged.h"

#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

/* ---- algorithms ---- */

static struct str hmac(struct str secret, const char *digest, struct str text) {
    unsigned char *mac = arena_alloc(arena, EVP_MAX_MD_SIZE);
    unsigned n = 0;
    AN(HMAC(EVP_get_digestbyname(digest), secret.p, (int)secret.n, (const unsigned char *)text.p,
            text.n, mac, &n));
    return str_n((char *)mac, n);
}

static struct str bio_text(BIO *bio) {
    char *p = NULL;
    size_t n = (size_t)BIO_get_mem_data(bio, &p);
    struct str text = arena_str(arena, str_n(p, n));
    BIO_free(bio);
    return text;
}

/* Every spelling of a public key that somebody may have used as an HMAC secret. */
static size_t public_spellings(EVP_PKEY *pair, struct str ret[6]) {
    BIO *pem = BIO_new(BIO_s_mem());
    BIO *der = BIO_new(BIO_s_mem());
    AN(PEM_write_bio_PUBKEY(pem, pair));
    AN(i2d_PUBKEY_bio(der, pair));
    ret[0] = bio_text(pem);
    ret[1] = bio_text(der);
    ret[2] = str_trim(ret[0]);
    ret[3] = key_number(arena, pair, OSSL_PKEY_PARAM_RSA_N);
    ret[4] = base64url(arena, ret[3]);
    ret[5] = STR("");
    return 6;
}

static void public_key_is_no_hmac_secret(void **state) {
    static const char *const names[] = {"HS256", "HS384", "HS512"};
    static const char *const digests[] = {"SHA256", "SHA384", "SHA512"};
    struct str secrets[6];
    (void)state;
    for (size_t k = 0; k < PUBLISHED; k++) {
        size_t n = public_spellings(keys[k].pair, secrets);
        for (size_t s = 0; s < n; s++)
            for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                struct str text =
                    unsigned_token(arena, header_of(arena, names[i], keys[k].kid), plain_claims());
                struct str as_said = hmac(secrets[s], digests[i], text);
                unauthenticated("HMAC", with_signature(arena, text, as_said));
                /* The same MAC under the name that the key is published with. */
                text =
                    unsigned_token(arena, header_of(arena, "RS256", keys[k].kid), plain_claims());
                as_said = hmac(secrets[s], digests[i], text);
                unauthenticated("HMAC as RS256", with_signature(arena, text, as_said));
            }
    }
}

static void other_algorithms_are_refused(void **state) {
    static const char *const names[] = {
        "none",    "None",     "NONE",  "nOnE",   "",       "HS256", "ES256",     "ES384", "ES512",
        "ES256K",  "EdDSA",    "rs256", "Rs256",  "RS256 ", "RS1",   "RS224",     "RSA",   "PS1",
        "A256GCM", "RSA-OAEP", "dir",   "RS2560", "RS25",   "null",  "undefined",
    };
    static const char *const raw[] = {
        "null", "256", "true", "[]", "[\"RS256\"]", "{}", "{\"alg\":\"RS256\"}", "\"RS256\\u0000\"",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct str header = header_of(arena, names[i], "fixed");
        struct str text = unsigned_token(arena, header, plain_claims());
        unauthenticated("signed all the same", signed_of(header, plain_claims()));
        unauthenticated("no signature", joined(arena, text, ".", STR("")));
        unauthenticated("no last part", text);
        unauthenticated("any signature", joined(arena, text, ".", STR("AAAA")));
    }
    for (size_t i = 0; i < ARRAY_LEN(raw); i++)
        unauthenticated("alg of another type",
                        signed_of(arena_printf(arena, "{\"alg\":%s,\"kid\":\"fixed\"}", raw[i]),
                                  plain_claims()));
    unauthenticated("no alg", signed_of(STR("{\"kid\":\"fixed\"}"), plain_claims()));
    unauthenticated(
        "two algs",
        signed_of(STR("{\"alg\":\"none\",\"alg\":\"RS256\",\"kid\":\"fixed\"}"), plain_claims()));
}

static void a_key_serves_its_own_algorithm_only(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(algs); i++) {
        if (strcmp(algs[i], "RS256") != 0)
            unauthenticated(algs[i], good_token(arena, &keys[FIXED], algs[i]));
        if (strcmp(algs[i], "PS256") != 0)
            unauthenticated(algs[i], good_token(arena, &keys[PSS], algs[i]));
        for (size_t j = 0; j < ARRAY_LEN(algs); j++)
            if (i != j)
                unauthenticated("said one, signed with the other",
                                token_of(arena, keys[OPEN].pair, signing_of(algs[j]),
                                         header_of(arena, algs[i], "open"), plain_claims()));
    }
}

static void weak_paddings_are_refused(void **state) {
    static const int salts[] = {0, 1, 20, 31, 33, 48, 64, RSA_PSS_SALTLEN_MAX};
    struct str header = header_of(arena, "PS256", "open");
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(salts); i++) {
        const struct signing how = {.digest = "SHA256", .pss = true, .salt = salts[i]};
        unauthenticated("salt", token_of(arena, keys[OPEN].pair, how, header, plain_claims()));
    }
    const struct signing sha1 = {.digest = "SHA1"};
    const struct signing mgf1 = {
        .digest = "SHA256",
        .pss = true,
        .salt = RSA_PSS_SALTLEN_DIGEST,
        .mgf1_digest = "SHA1",
    };
    unauthenticated(
        "SHA-1 in PKCS #1",
        token_of(arena, keys[OPEN].pair, sha1, header_of(arena, "RS256", "open"), plain_claims()));
    unauthenticated("SHA-1 in MGF1",
                    token_of(arena, keys[OPEN].pair, mgf1, header, plain_claims()));
}

/* ---- signatures ---- */

static void signatures_of_others_are_refused(void **state) {
    (void)state;
    for (size_t signer = 0; signer < KEYS; signer++)
        for (size_t named = 0; named < KEYS; named++)
            for (size_t i = 0; i < ARRAY_LEN(algs); i++)
                if (signer != named)
                    unauthenticated("key of another",
                                    token_of(arena, keys[signer].pair, signing_of(algs[i]),
                                             header_of(arena, algs[i], keys[named].kid),
                                             plain_claims()));
    for (size_t i = 0; i < ARRAY_LEN(algs); i++)
        unauthenticated("unpublished key", good_token(arena, &keys[STRANGER], algs[i]));
}

static void odd_signatures_are_refused(void **state) {
    struct str text = unsigned_token(arena, fixed_header(), plain_claims());
    struct str good = sign_bytes(arena, keys[FIXED].pair, signing_of("RS256"), text);
    struct str n = key_number(arena, keys[FIXED].pair, OSSL_PKEY_PARAM_RSA_N);
    char *bytes = arena_alloc(arena, 600);
    (void)state;
    unauthenticated("empty", with_signature(arena, text, STR("")));
    for (size_t length = 1; length <= 512; length += length < 250 ? 25 : 3)
        unauthenticated("zeros", with_signature(arena, text, str_n(bytes, length)));
    for (size_t length = 1; length < good.n; length += 5)
        unauthenticated("cut", with_signature(arena, text, str_sub(good, 0, length)));
    bytes[255] = 1;
    unauthenticated("one", with_signature(arena, text, str_n(bytes, 256)));
    unauthenticated("the modulus", with_signature(arena, text, n));
    unauthenticated("zero in front",
                    with_signature(arena, text, joined(arena, str_n(bytes, 1), "", good)));
    unauthenticated("zero behind",
                    with_signature(arena, text, joined(arena, good, "", str_n(bytes, 1))));
    /* The same number modulo n, written longer. */
    BIGNUM *sum = BN_bin2bn((const unsigned char *)good.p, (int)good.n, NULL);
    BIGNUM *modulus = BN_bin2bn((const unsigned char *)n.p, (int)n.n, NULL);
    AN(BN_add(sum, sum, modulus));
    struct str longer = str_n(bytes, (size_t)BN_bn2bin(sum, (unsigned char *)bytes));
    unauthenticated("plus the modulus", with_signature(arena, text, longer));
    BN_free(sum);
    BN_free(modulus);
    unauthenticated(
        "of other claims",
        with_signature(arena,
                       unsigned_token(arena, fixed_header(), claims_of(arena, EXTEND ",\"a\":1")),
                       good));
    unauthenticated("of the digest alone",
                    with_signature(arena, text, hmac(STR(""), "SHA256", text)));
}

/* ---- headers ---- */

static void odd_headers_are_refused(void **state) {
    static const char *const headers[] = {
        "",
        "{}",
        "[]",
        "null",
        "\"RS256\"",
        "{\"alg\":\"RS256\"}",
        "{\"alg\":\"RS256\",\"kid\":null}",
        "{\"alg\":\"RS256\",\"kid\":\"\"}",
        "{\"alg\":\"RS256\",\"kid\":1}",
        "{\"alg\":\"RS256\",\"kid\":[\"fixed\"]}",
        "{\"alg\":\"RS256\",\"kid\":{\"fixed\":1}}",
        "{\"alg\":\"RS256\",\"KID\":\"fixed\"}",
        "{\"alg\":\"RS256\",\"kid\":\"Fixed\"}",
        "{\"alg\":\"RS256\",\"kid\":\"fixed \"}",
        "{\"alg\":\"RS256\",\"kid\":\"fixed\\u0000\"}",
        "{\"alg\":\"RS256\",\"kid\":\"fixe\"}",
        "{\"alg\":\"RS256\",\"kid\":\"../../dev/null\"}",
        "{\"alg\":\"RS256\",\"kid\":\"' OR 1=1\"}",
        "{\"alg\":\"RS256\",\"kid\":\"stranger\",\"kid\":\"fixed\"}",
        "{\"alg\":\"RS256\",\"kid\":\"fixed\",\"\\u006bid\":\"fixed\"}",
        "{\"alg\":\"RS256\",\"kid\":\"fixed\",\"crit\":[\"exp\"]}",
        "{\"alg\":\"RS256\",\"kid\":\"fixed\",\"crit\":[\"b64\"],\"b64\":false}",
        "{\"alg\":\"RS256\",\"kid\":\"fixed\",\"crit\":[]}",
        "{\"alg\":\"RS256\",\"kid\":\"fixed\",\"crit\":null}",
        "{\"alg\":\"RS256\",\"kid\":\"fixed\",\"crit\":\"exp\"}",
        "{\"alg\":\"RS256\",\"kid\":\"fixed\"",
        "{\"alg\":\"RS256\",\"kid\":\"fixed\"}}",
        "{\"alg\":\"RS256\",\"kid\":\"fixed\"}{}",
        "{\"alg\":\"RS256\",\"kid\":\"fixed\",}",
        "{'alg':'RS256','kid':'fixed'}",
        "{\"alg\":\"RS256\" \"kid\":\"fixed\"}",
        "\xef\xbb\xbf{\"alg\":\"RS256\",\"kid\":\"fixed\"}",
        "{\"alg\":\"RS256\",\"kid\":\"fixed\",\"x\":\"\xff\"}",
        "{\"alg\":\"RS256\",\"kid\":\"fixed\",\"x\":\"\xc0\xaf\"}",
        "{\"alg\":\"RS256\",\"kid\":\"fixed\",/**/\"x\":1}",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(headers); i++)
        unauthenticated(headers[i], signed_of(str_c(headers[i]), plain_claims()));
    for (size_t length = JWT_MAX_KID + 1; length < 4000; length += 700) {
        char *kid = arena_alloc(arena, length + 1);
        memset(kid, 'k', length);
        unauthenticated("long kid", signed_of(header_of(arena, "RS256", kid), plain_claims()));
    }
}

/* A token that brings its own key, or says where it lies, signed by that key. */
static void keys_that_come_with_the_token_count_for_nothing(void **state) {
    static const char *const kids[] = {"fixed", "open", "stranger"};
    const struct ags_jwk_key own = token_jwk(arena, &keys[STRANGER]);
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(kids); i++) {
        struct str parts[] = {
            arena_printf(arena, "\"jwk\":{\"kty\":\"RSA\",\"n\":\"" STR_FMT "\",\"e\":\"AQAB\"}",
                         STR_ARG(own.n)),
            STR("\"jku\":\"https://evil.example.com/jwks\""),
            STR("\"x5u\":\"https://evil.example.com/cert\""),
            STR("\"x5c\":[\"MIIB\"]"),
        };
        for (size_t j = 0; j < ARRAY_LEN(parts); j++)
            unauthenticated(
                "own key",
                token_of(arena, keys[STRANGER].pair, signing_of("RS256"),
                         arena_printf(arena, "{\"alg\":\"RS256\",\"kid\":\"%s\"," STR_FMT "}",
                                      kids[i], STR_ARG(parts[j])),
                         plain_claims()));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(public_key_is_no_hmac_secret),
        TEST(other_algorithms_are_refused),
        TEST(a_key_serves_its_own_algorithm_only),
        TEST(weak_paddings_are_refused),
        TEST(signatures_of_others_are_refused),
        TEST(odd_signatures_are_refused),
        TEST(odd_headers_are_refused),
        TEST(keys_that_come_with_the_token_count_for_nothing),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
