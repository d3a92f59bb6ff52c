// SPDX-License-Identifier: Apache-2.0
/*
 * Where forged tokens are tried: each is refused with the right code, none is admitted, and none
 * spoils the cache for the genuine ones.
 *
 * Three keys are published: "fixed" for RS256 only, "pss" for PS256 only, "open" without an
 * algorithm. "stranger" is not published. For one file of tests, which says FORGED_AT_LEAST how
 * many variants it makes, so that none gets lost unnoticed.
 */
#ifndef UNIT_AUTH_FORGED_H
#define UNIT_AUTH_FORGED_H

#include "unit/unit.h"

#include "auth/bloom.h"
#include "base/clock.h"
#include "unit/auth_tokens.h"

#include <openssl/err.h>

static const char *const algs[] = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"};

enum { FIXED, PSS, OPEN, PUBLISHED, STRANGER = PUBLISHED, KEYS };
static struct token_key keys[KEYS];

static struct arena *arena; /* of one test */
static struct trust_store *trust;
static struct authorizer *authorizer;
static struct str revoked_token;
static unsigned forged; /* variants tried, over all tests */
static uint64_t asked;  /* how often an unknown key was reported */

static inline void on_unknown_key(void *priv, struct str kid) {
    (void)priv;
    assert_in_range(kid.n, 1, JWT_MAX_KID);
    asked++;
}

static inline int make_keys(void **state) {
    (void)state;
    keys[FIXED] = token_key_new("fixed", "RS256", 2048);
    keys[PSS] = token_key_new("pss", "PS256", 2048);
    keys[OPEN] = token_key_new("open", NULL, 2048);
    keys[STRANGER] = token_key_new("stranger", NULL, 2048);
    return 0;
}

static inline int free_keys(void **state) {
    (void)state;
    for (size_t i = 0; i < KEYS; i++)
        EVP_PKEY_free(keys[i].pair);
    print_message("%u forged tokens\n", forged);
    return forged >= FORGED_AT_LEAST ? 0 : -1;
}

static inline void publish_revocations(void) {
    static const struct ags_user_revocation_list_record users[] = {
        {.id = STR_INIT("gone"), .revoked_at = STR_INIT("2027-01-15T07:59:50.5Z")},
    };
    uint64_t words[512] = {0};
    uint64_t index[7];
    bloom_indexes(revoked_token, 64 * ARRAY_LEN(words), 7, index);
    for (size_t i = 0; i < ARRAY_LEN(index); i++)
        words[index[i] / 64] |= UINT64_C(1) << (index[i] % 64);
    const struct ags_filter_json filter = {
        .bits = {.v = words, .n = ARRAY_LEN(words)},
        .has_k = true,
        .k = 7,
    };
    const struct ags_revocation_list list = {
        .revoked_tokens = &filter,
        .revoked_users = {.v = users, .n = ARRAY_LEN(users)},
    };
    trust_revocations(trust, arena, &list);
}

static inline int set_up(void **state) {
    (void)state;
    clock_hold(1000000, TOKEN_NOW_S * 1000000);
    arena = arena_new((size_t)1 << 30);
    trust = trust_store_new(3600000);
    trust_keys(trust, arena, keys, PUBLISHED);
    revoked_token =
        token_of(arena, keys[FIXED].pair, signing_of("RS256"), header_of(arena, "RS256", "fixed"),
                 claims_of(arena, EXTEND ",\"nonce\":\"revoked\""));
    publish_revocations();
    const struct authorizer_options options = {
        .trust = trust,
        .namespace_name = STR(TOKEN_NAMESPACE),
        .unknown_key = on_unknown_key,
    };
    authorizer = authorizer_new(&options);
    return 0;
}

static inline void genuine_is_admitted(void) {
    assert_null(admit_token(authorizer, arena, good_token(arena, &keys[FIXED], "RS256")));
    assert_null(admit_token(authorizer, arena, good_token(arena, &keys[PSS], "PS256")));
    for (size_t i = 0; i < ARRAY_LEN(algs); i++)
        assert_null(admit_token(authorizer, arena, good_token(arena, &keys[OPEN], algs[i])));
}

/* Whatever a test did, genuine tokens are still admitted. */
static inline int tear_down(void **state) {
    (void)state;
    genuine_is_admitted();
    authorizer_free(authorizer);
    trust_store_free(trust);
    arena_free(arena);
    clock_hold(-1, -1);
    return 0;
}

/* The token is refused with that code, twice: what was refused is not remembered as good. */
static inline void refused(enum rpc_code code, const char *what, struct str token) {
    forged++;
    for (int i = 0; i < 2; i++) {
        struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
        struct err *err = admit_token(authorizer, a, token);
        if (err == NULL || err->code != code)
            fail_msg("%s: %s", what, err == NULL ? "ADMITTED" : err->msg.p);
        assert_false(arena_over(a));
        arena_free(a);
        /* The next TLS connection of this thread would take it for its own. */
        assert_int_equal(ERR_peek_error(), 0);
    }
}

static inline void unauthenticated(const char *what, struct str token) {
    refused(RPC_UNAUTHENTICATED, what, token);
}

/* Properly signed by "fixed", so that only the text itself can be at fault. */
static inline struct str signed_of(struct str header, struct str claims) {
    return token_of(arena, keys[FIXED].pair, signing_of("RS256"), header, claims);
}

static inline struct str fixed_header(void) {
    return header_of(arena, "RS256", "fixed");
}

static inline struct str plain_claims(void) {
    return claims_of(arena, EXTEND);
}

#endif
