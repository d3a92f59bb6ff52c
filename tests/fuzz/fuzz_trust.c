// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as AGS's key set or revocation list, both as JSON, as they come over the wire. What must
 * hold: no overrun, a plain error, and of what is taken only keys that are fit for verifying.
 *
 * Input: one byte that chooses which, then the JSON.
 */
#include "auth/key_set.h"
#include "auth/revocations.h"
#include "base/obj.h"
#include "codec/json.h"

#include <openssl/evp.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_err(const struct err *err) {
    ASSERT(err->code == RPC_INTERNAL && err->msg.n > 0 && str_is_utf8(err->msg));
}

static void check_keys(struct arena *a, struct str text) {
    struct ags_jwk_set jwks = {0};
    struct key_set *set = NULL;
    if (json_decode(text, &ags_jwk_set_shape, &jwks, a) != NULL)
        return;
    struct err *err = key_set_new(&jwks, a, &set);
    if (err != NULL) {
        check_err(err);
        return;
    }
    ASSERT(key_set_size(set) >= 1 && key_set_size(set) <= KEY_SET_MAX);
    ASSERT(key_set_size(set) <= jwks.keys.n);
    size_t found = 0;
    for (size_t i = 0; i < jwks.keys.n; i++) {
        const struct key_set_key *key = key_set_find(set, jwks.keys.v[i].kid);
        if (key == NULL)
            continue;
        found++;
        ASSERT(EVP_PKEY_get_bits(key->key) >= KEY_SET_MIN_BITS);
        ASSERT(EVP_PKEY_get_bits(key->key) <= KEY_SET_MAX_BITS);
        ASSERT(key->algs != 0 && key->kid.n > 0);
    }
    ASSERT(found >= key_set_size(set));
    key_set_unref(set);
}

static void check_revocations(struct arena *a, struct str text) {
    struct ags_revocation_list list = {0};
    struct revocations *revocations = NULL;
    if (json_decode(text, &ags_revocation_list_shape, &list, a) != NULL)
        return;
    struct err *err = revocations_new(&list, a, &revocations);
    if (err != NULL) {
        check_err(err);
        return;
    }
    (void)revocations_has_token(revocations, text);
    ASSERT(!revocations_has_user(revocations, STR("nobody of that name"), 0) ||
           str_find(text, 'n') < text.n);
    for (size_t i = 0; i < list.revoked_users.n; i++)
        if (!str_empty(list.revoked_users.v[i].id))
            ASSERT(revocations_has_user(revocations, list.revoked_users.v[i].id, -1e15));
    revocations_unref(revocations);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    struct str text = str_n((const char *)data + 1, size - 1);
    if (data[0] % 2 == 0)
        check_keys(a, text);
    else
        check_revocations(a, text);
    arena_free(a);
    return 0;
}
