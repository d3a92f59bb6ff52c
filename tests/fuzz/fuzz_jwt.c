// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a stranger's token, as its header, as the claims of a verified one, and as other
 * texts that authorization reads. What must hold: no overrun, memory in proportion, one spelling
 * for the same bytes, nothing verified that was not signed, and no claims without a sound exp.
 *
 * Input: one byte that chooses what the rest is.
 */
#include "../unit/auth_tokens.h"
#include "auth/base64url.h"
#include "auth/permission.h"
#include "auth/strict_json.h"

#include <math.h>
#include <openssl/pem.h>

/* Of the arena: names of open objects, decoded parts, members, permissions of the least length. */
#define MEMORY_BASE 65536
#define MEMORY_PER_BYTE 400

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One that has signed nothing; making one takes longer than thousands of inputs. */
static EVP_PKEY *some_key(void) {
    static const char pem[] = "-----BEGIN PUBLIC KEY-----\n"
                              "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAl6qaYlchLFvE2M8JtFSU\n"
                              "7a8DW8gmVSxl5vZZEieiCv8jvZubguUy3DPgik/ywKKaUHI3qMK+nbfF6FBbHTub\n"
                              "nzRNyvRtzIP4uI5CS5ZXJhrhaed72esr/cSCnfC5+d9wgHCdQDZkBSnCzcTEePHP\n"
                              "FU5VR9fUhh4OO/2ONkAxflj+Fsyukg9gHm/o0XkoojPum1hzDM5SNol1ykBJIwnd\n"
                              "bi0Bg0JsXgy+9cXwqZjPYYJDuo16cd4noSOys3Rr7jEJvQ8nZ8vFupp04grL1y8u\n"
                              "msg/Uwry6Omx9kqR6kH2zz6gLxkJLsTmi9RjuWrBMBzysdXQCyMwAhwpt+hG6Cai\n"
                              "MwIDAQAB\n"
                              "-----END PUBLIC KEY-----\n";
    static EVP_PKEY *key;
    if (key == NULL) {
        BIO *bio = BIO_new_mem_buf(pem, -1);
        key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
        BIO_free(bio);
        AN(key);
    }
    return key;
}

static void check_refusal(const struct err *err) {
    ASSERT(err->code == RPC_UNAUTHENTICATED && !str_empty(err->msg) && str_is_utf8(err->msg));
}

static void check_claims(struct arena *a, struct str payload) {
    const struct jwt jwt = {.payload = payload};
    struct jwt_claims claims;
    struct err *err = jwt_read_claims(a, &jwt, &claims);
    if (err != NULL) {
        check_refusal(err);
        return;
    }
    ASSERT(strict_json_check(a, payload) == NULL);
    ASSERT(isfinite(claims.exp) && isfinite(claims.nbf) && isfinite(claims.iat));
    ASSERT(claims.n_permissions <= JWT_MAX_PERMISSIONS);
    (void)permission_held(&claims, STR("NAMESPACE:studio-game:SESSION:GAME"), 2);
    (void)!jwt_check_times(a, &claims, (double)TOKEN_NOW_S);
}

static void check_token(struct arena *a, struct str text) {
    struct jwt jwt;
    struct err *err = jwt_open(a, text, &jwt);
    if (err != NULL) {
        check_refusal(err);
        return;
    }
    ASSERT(text.n <= JWT_MAX_BYTES && jwt.kid.n >= 1 && jwt.kid.n <= JWT_MAX_KID);
    ASSERT(jwt.alg < JWT_ALGS);
    size_t dot = str_find(jwt.signed_part, '.');
    struct str spelled =
        joined(a, str_sub(jwt.signed_part, 0, dot), ".", base64url(a, jwt.payload));
    ASSERT(str_eq(with_signature(a, spelled, jwt.signature), text));
    ASSERT(jwt_verify(a, &jwt, some_key(), JWT_ALL_ALGS) != NULL);
    check_claims(a, jwt.payload);
}

static void check_base64url(struct arena *a, struct str text) {
    struct str bytes;
    if (base64url_decode(a, text, &bytes))
        ASSERT(str_eq(base64url(a, bytes), text));
}

/* Lines: what is held, what is needed, and the studio that is known of. */
static void check_permission(struct arena *a, struct str text) {
    struct str held = str_sub(text, 0, str_find(text, '\n'));
    text = str_from(text, held.n + 1);
    struct str needed = str_sub(text, 0, str_find(text, '\n'));
    struct str studio = str_from(text, needed.n + 1);
    bool covered = permission_covers(held, needed, STR_NULL);
    if (covered)
        ASSERT(permission_covers(held, held, STR_NULL));
    if (permission_covers(held, needed, studio) && !covered)
        ASSERT(permission_names_studio(held) && !str_empty(studio));
    struct str filled = permission_fill_in(a, held, needed, studio);
    ASSERT(str_find(held, '{') < held.n || str_eq(filled, held));
    ASSERT(str_eq(permission_fill_in(a, held, STR_NULL, STR_NULL), held));
}

static void check_texts(struct arena *a, struct str text) {
    int64_t seconds;
    check_permission(a, text);
    if (revocations_parse_time(text, &seconds))
        ASSERT(seconds > INT64_C(-63000000000) && seconds < INT64_C(254000000000));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    struct str text = str_n((const char *)data + 1, size - 1);
    switch (data[0] % 5) {
    case 0:
        check_token(a, text);
        break;
    case 1:
        check_token(a, joined(a, unsigned_token(a, text, STR("{\"exp\":1}")), ".", STR("AA")));
        break;
    case 2:
        check_claims(a, text);
        break;
    case 3:
        check_base64url(a, text);
        break;
    default:
        check_texts(a, text);
    }
    ASSERT(arena_used(a) < MEMORY_BASE + MEMORY_PER_BYTE * size);
    arena_free(a);
    return 0;
}
