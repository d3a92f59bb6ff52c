// SPDX-License-Identifier: Apache-2.0
/* Who is let in, with which words others are not, and what is remembered of a good token. */
#include "unit/unit.h"

#include "auth/bloom.h"
#include "auth/verified.h"
#include "base/clock.h"
#include "unit/auth_tokens.h"

#include <pthread.h>
#include <stdatomic.h>

#define MAX_STALE_MS 3600000

static struct arena *arena;
static struct token_key key;
static struct trust_store *trust;
static struct authorizer *authorizer;
static int64_t mono_us;
static int64_t real_us;

static void clock_set(int64_t mono, int64_t real) {
    mono_us = mono;
    real_us = real;
    clock_hold(mono, real);
}

static void clock_advance(int64_t seconds) {
    clock_set(mono_us + seconds * 1000000, real_us + seconds * 1000000);
}

static int set_up(void **state) {
    (void)state;
    clock_set(1000000, TOKEN_NOW_S * 1000000);
    if (key.pair == NULL)
        key = token_key_new("k1", "RS256", 2048);
    arena = arena_new((size_t)256 << 20);
    trust = trust_store_new(MAX_STALE_MS);
    const struct authorizer_options options = {
        .trust = trust,
        .namespace_name = STR(TOKEN_NAMESPACE),
    };
    authorizer = authorizer_new(&options);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    authorizer_free(authorizer);
    trust_store_free(trust);
    arena_free(arena);
    clock_hold(-1, -1);
    return 0;
}

static void load_trust(void) {
    trust_keys(trust, arena, &key, 1);
    trust_revocations(trust, arena, NULL);
}

static void expect(struct err *err, enum rpc_code code, const char *message) {
    assert_non_null(err);
    assert_int_equal(err->code, code);
    assert_str(err->msg, message);
}

static struct str good(void) {
    return good_token(arena, &key, "RS256");
}

static uint64_t count(enum authorizer_result result) {
    return authorizer_count(authorizer, result);
}

/* ---- before anything is known ---- */

static void nobody_is_let_in_before_keys_and_revocations_are_there(void **state) {
    static const char text[] =
        "tokens cannot be checked yet: no keys and revocations from AGS so far";
    (void)state;
    expect(admit_token(authorizer, arena, good()), RPC_UNAVAILABLE, text);
    trust_keys(trust, arena, &key, 1);
    expect(admit_token(authorizer, arena, good()), RPC_UNAVAILABLE, text);
    trust_revocations(trust, arena, NULL);
    assert_null(admit_token(authorizer, arena, good()));
    assert_int_equal(count(AUTHORIZER_UNAVAILABLE), 2);
    assert_int_equal(count(AUTHORIZER_ADMITTED_VERIFIED), 1);
}

static void revocations_alone_are_not_enough(void **state) {
    (void)state;
    trust_revocations(trust, arena, NULL);
    assert_int_equal(admit_token(authorizer, arena, good())->code, RPC_UNAVAILABLE);
}

static void old_keys_serve_until_they_are_too_old(void **state) {
    struct trust_stats stats;
    (void)state;
    load_trust();
    const struct str token =
        token_of(arena, key.pair, signing_of("RS256"), header_of(arena, "RS256", "k1"),
                 STR("{\"exp\":1900000000" EXTEND "}"));
    clock_advance(MAX_STALE_MS / 1000 - 1);
    assert_null(admit_token(authorizer, arena, token));
    clock_advance(1);
    expect(admit_token(authorizer, arena, token), RPC_UNAVAILABLE,
           "tokens cannot be checked: keys and revocations from AGS are too old");
    trust_store_stats(trust, &stats);
    assert_float_equal(stats.keys_age_s, 3600.0, 0.001);
    /* Both must be fresh. */
    trust_keys(trust, arena, &key, 1);
    assert_int_equal(admit_token(authorizer, arena, token)->code, RPC_UNAVAILABLE);
    trust_revocations(trust, arena, NULL);
    assert_null(admit_token(authorizer, arena, token));
    trust_store_stats(trust, &stats);
    assert_float_equal(stats.revocations_age_s, 0.0, 0.001);
    assert_int_equal(stats.keys, 1);
}

/* ---- the metadata ---- */

static void missing_tokens_are_named(void **state) {
    struct rpc_call rpc = {.magic = RPC_CALL_MAGIC, .path = TOKEN_PATH};
    (void)state;
    load_trust();
    ctx_init(&rpc.ctx, arena, NULL, CTX_NO_DEADLINE);
    expect(authorizer_admit(authorizer, &rpc), RPC_UNAUTHENTICATED, "metadata is missing");
    expect(admit_value(authorizer, arena, TOKEN_PATH, STR_NULL), RPC_UNAUTHENTICATED,
           "authorization metadata is missing");
    expect(admit_value(authorizer, arena, TOKEN_PATH, STR("")), RPC_UNAUTHENTICATED,
           "authorization metadata length is 0");
    expect(admit_value(authorizer, arena, TOKEN_PATH, STR("  ")), RPC_UNAUTHENTICATED,
           "authorization metadata length is 0");
    expect(admit_value(authorizer, arena, TOKEN_PATH, STR("Bearer   ")), RPC_UNAUTHENTICATED,
           "the token is not three parts with dots between them");
    assert_int_equal(count(AUTHORIZER_UNAUTHENTICATED), 5);
}

static void the_scheme_is_bearer_in_any_case(void **state) {
    static const char *const schemes[] = {"Bearer ", "bearer ", "BEARER ", "bEaReR  ", ""};
    static const char *const others[] = {"Basic ", "Bearer", "Bearer:", "Bearer\t", "Token "};
    (void)state;
    load_trust();
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        assert_null(admit_value(authorizer, arena, TOKEN_PATH,
                                joined(arena, str_c(schemes[i]), "", good())));
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_int_equal(
            admit_value(authorizer, arena, TOKEN_PATH, joined(arena, str_c(others[i]), "", good()))
                ->code,
            RPC_UNAUTHENTICATED);
}

static void health_and_reflection_ask_for_no_token(void **state) {
    static const char *const exempt[] = {
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/Watch",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    };
    static const char *const others[] = {
        "/accelbyte.session.sessiondsm.SessionDsm/CreateGameSession",
        "/grpc.health.v1.HealthX/Check",
        "/grpc.reflection.v1beta.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v2.ServerReflection/ServerReflectionInfo",
        "grpc.health.v1.Health/Check",
        "//grpc.health.v1.Health/Check",
        "/GRPC.health.v1.Health/Check",
        "/x/grpc.health.v1.Health/",
        "/",
        "",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(exempt); i++)
        assert_null(admit_value(authorizer, arena, str_c(exempt[i]), STR_NULL));
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_non_null(admit_value(authorizer, arena, str_c(others[i]), STR_NULL));
}

/* ---- rights ---- */

static struct str token_with(const char *more) {
    return token_of(arena, key.pair, signing_of("RS256"), header_of(arena, "RS256", "k1"),
                    claims_of(arena, more));
}

static void refusals_say_why(void **state) {
    struct token_key stranger = token_key_new("k2", NULL, 2048);
    (void)state;
    load_trust();
    expect(admit_token(authorizer, arena, token_with("")), RPC_PERMISSION_DENIED,
           "extend namespace of the token is not the namespace of this service");
    expect(admit_token(authorizer, arena, good_token(arena, &stranger, "RS256")),
           RPC_UNAUTHENTICATED, "public key not found");
    stranger.kid = "k1";
    expect(admit_token(authorizer, arena, good_token(arena, &stranger, "RS256")),
           RPC_UNAUTHENTICATED, "the token's signature is wrong");
    expect(admit_token(authorizer, arena, good_token(arena, &key, "RS512")), RPC_UNAUTHENTICATED,
           "the token's algorithm is not the key's");
    struct str token = good();
    clock_advance(3660);
    trust_keys(trust, arena, &key, 1);
    trust_revocations(trust, arena, NULL);
    expect(admit_token(authorizer, arena, token), RPC_UNAUTHENTICATED, "token is expired (exp)");
    assert_int_equal(count(AUTHORIZER_DENIED), 1);
    EVP_PKEY_free(stranger.pair);
}

static void lax_rule_lets_in_tokens_without_extend_namespace(void **state) {
    const struct authorizer_options options = {
        .trust = trust,
        .namespace_name = STR(TOKEN_NAMESPACE),
        .any_without_extend_namespace = true,
    };
    struct authorizer *lax = authorizer_new(&options);
    (void)state;
    load_trust();
    assert_null(admit_token(lax, arena, token_with("")));
    assert_null(admit_token(lax, arena, token_with(",\"extend_namespace\":\"\"")));
    assert_null(admit_token(lax, arena, token_with(EXTEND)));
    assert_int_equal(
        admit_token(lax, arena, token_with(",\"extend_namespace\":\"studio-other\""))->code,
        RPC_PERMISSION_DENIED);
    authorizer_free(lax);
}

static void without_a_namespace_no_token_is_for_us(void **state) {
    const struct authorizer_options options = {.trust = trust};
    struct authorizer *nameless = authorizer_new(&options);
    (void)state;
    load_trust();
    assert_int_equal(admit_token(nameless, arena, token_with(""))->code, RPC_PERMISSION_DENIED);
    assert_int_equal(admit_token(nameless, arena, token_with(",\"extend_namespace\":\"\""))->code,
                     RPC_PERMISSION_DENIED);
    authorizer_free(nameless);
}

#define ALL_SESSIONS "{\"Resource\":\"NAMESPACE:studio-:SESSION:*\",\"Action\":15}"

static void required_permission_must_be_held(void **state) {
    const struct authorizer_options options = {
        .trust = trust,
        .namespace_name = STR(TOKEN_NAMESPACE),
        .resource = STR("NAMESPACE:{namespace}:SESSION:{namespace}"),
        .action = 1,
    };
    struct authorizer *strict = authorizer_new(&options);
    struct str head = STR("{\"exp\":1900000000,\"namespace\":\"studio\"" EXTEND);
    (void)state;
    load_trust();
    struct str held = joined(arena, head, "", STR(",\"permissions\":[" ALL_SESSIONS "]}"));
    struct str lacking = joined(arena, head, "}", STR(""));
    struct str header = header_of(arena, "RS256", "k1");
    assert_null(
        admit_token(strict, arena, token_of(arena, key.pair, signing_of("RS256"), header, held)));
    expect(
        admit_token(strict, arena, token_of(arena, key.pair, signing_of("RS256"), header, lacking)),
        RPC_PERMISSION_DENIED, "insufficient permissions");
    authorizer_free(strict);
}

/* ---- the cache ---- */

static void a_verified_token_is_not_verified_again(void **state) {
    struct str token = good();
    (void)state;
    load_trust();
    for (int i = 0; i < 5; i++)
        assert_null(admit_token(authorizer, arena, token));
    assert_int_equal(count(AUTHORIZER_ADMITTED_VERIFIED), 1);
    assert_int_equal(count(AUTHORIZER_ADMITTED_CACHED), 4);
}

static void a_remembered_token_still_expires(void **state) {
    struct str token = good(); /* for an hour, and a minute of leeway */
    (void)state;
    load_trust();
    assert_null(admit_token(authorizer, arena, token));
    clock_set(mono_us, real_us + INT64_C(3659999000));
    assert_null(admit_token(authorizer, arena, token));
    clock_set(mono_us, real_us + 1000);
    assert_int_equal(admit_token(authorizer, arena, token)->code, RPC_UNAUTHENTICATED);
}

static void a_remembered_token_can_be_revoked(void **state) {
    struct str token = good();
    uint64_t words[64] = {0};
    uint64_t index[7];
    (void)state;
    load_trust();
    assert_null(admit_token(authorizer, arena, token));
    bloom_indexes(token, 64 * ARRAY_LEN(words), 7, index);
    for (size_t i = 0; i < ARRAY_LEN(index); i++)
        words[index[i] / 64] |= UINT64_C(1) << (index[i] % 64);
    const struct ags_filter_json filter = {
        .bits = {.v = words, .n = ARRAY_LEN(words)}, .has_k = true, .k = 7};
    const struct ags_revocation_list list = {.revoked_tokens = &filter};
    trust_revocations(trust, arena, &list);
    expect(admit_token(authorizer, arena, token), RPC_UNAUTHENTICATED, "token was revoked");
}

static void a_remembered_token_ends_with_its_key(void **state) {
    struct token_key next = token_key_new("k2", NULL, 2048);
    struct str token = good();
    (void)state;
    load_trust();
    assert_null(admit_token(authorizer, arena, token));
    trust_keys(trust, arena, &next, 1);
    expect(admit_token(authorizer, arena, token), RPC_UNAUTHENTICATED, "public key not found");
    EVP_PKEY_free(next.pair);
}

static void a_remembered_token_does_not_outlive_its_keys_age(void **state) {
    struct str token =
        token_of(arena, key.pair, signing_of("RS256"), header_of(arena, "RS256", "k1"),
                 STR("{\"exp\":1900000000" EXTEND "}"));
    (void)state;
    load_trust();
    assert_null(admit_token(authorizer, arena, token));
    clock_advance(MAX_STALE_MS / 1000);
    assert_int_equal(admit_token(authorizer, arena, token)->code, RPC_UNAVAILABLE);
}

static void the_cache_is_bounded_and_keeps_what_is_used(void **state) {
    struct verified *cache = verified_new();
    struct verified_key favourite = verified_key_of(cache, STR("favourite"));
    size_t kept = 0;
    (void)state;
    assert_false(verified_has(cache, &favourite, 0, 0));
    verified_add(cache, &favourite, 1, 100);
    for (int i = 0; i < 20000; i++) {
        struct verified_key other = verified_key_of(cache, arena_printf(arena, "%d", i));
        verified_add(cache, &other, 1, 100);
        assert_true(verified_has(cache, &other, 1, 0));
        assert_true(verified_has(cache, &favourite, 1, 99.9));
    }
    for (int i = 0; i < 20000; i++) {
        struct verified_key other = verified_key_of(cache, arena_printf(arena, "%d", i));
        kept += verified_has(cache, &other, 1, 0);
    }
    assert_in_range(kept, 900, 1024);
    assert_false(verified_has(cache, &favourite, 1, 100));
    assert_false(verified_has(cache, &favourite, 2, 0));
    verified_free(cache);
}

static void a_hit_costs_a_fraction_of_a_verification(void **state) {
    enum { ROUNDS = 2000 };
    struct str token = joined(arena, STR("Bearer "), "", good());
    const struct rpc_metadata metadata = {.key = STR("authorization"), .value = token};
    struct rpc_call rpc = {
        .magic = RPC_CALL_MAGIC, .path = TOKEN_PATH, .metadata = &metadata, .n_metadata = 1};
    struct jwt jwt;
    (void)state;
    clock_hold(-1, real_us);
    load_trust();
    ctx_init(&rpc.ctx, arena, NULL, CTX_NO_DEADLINE);
    assert_null(authorizer_admit(authorizer, &rpc));
    int64_t began = clock_mono_us();
    for (int i = 0; i < ROUNDS; i++)
        assert_null(authorizer_admit(authorizer, &rpc));
    int64_t hits = clock_mono_us() - began;
    assert_null(jwt_open(arena, good(), &jwt));
    began = clock_mono_us();
    for (int i = 0; i < ROUNDS; i++)
        assert_null(jwt_verify(arena, &jwt, key.pair, JWT_ALL_ALGS));
    int64_t verifications = clock_mono_us() - began;
    print_message("a hit takes %.2f us, a signature %.2f us, the token has %zu bytes\n",
                  (double)hits / ROUNDS, (double)verifications / ROUNDS, token.n);
    assert_int_equal(count(AUTHORIZER_ADMITTED_CACHED), ROUNDS);
    assert_true(3 * hits < verifications);
}

/* ---- threads ---- */

struct storm {
    atomic_bool over;
    struct str token;
    struct str forged;
    _Atomic uint64_t admitted;
    _Atomic uint64_t wrong;
};

static void *caller(void *arg) {
    struct storm *storm = arg;
    while (!atomic_load(&storm->over)) {
        struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
        struct err *err = admit_token(authorizer, a, storm->token);
        if (err == NULL)
            atomic_fetch_add(&storm->admitted, 1);
        else
            atomic_fetch_add(&storm->wrong, 1);
        if (admit_token(authorizer, a, storm->forged) == NULL)
            atomic_fetch_add(&storm->wrong, 1);
        arena_free(a);
    }
    return NULL;
}

static void keys_change_under_callers(void **state) {
    struct token_key twin = token_key_new("k2", NULL, 2048);
    struct token_key both[] = {key, twin};
    struct storm storm = {.token = good()};
    pthread_t threads[3];
    (void)state;
    twin.kid = "k1";
    storm.forged = good_token(arena, &twin, "RS256");
    load_trust();
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        AZ(pthread_create(&threads[i], NULL, caller, &storm));
    for (int i = 0; i < 300; i++) {
        struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
        struct trust_stats stats;
        trust_keys(trust, a, both, i % 2 == 0 ? 2 : 1);
        trust_revocations(trust, a, NULL);
        trust_store_stats(trust, &stats);
        arena_free(a);
    }
    while (atomic_load(&storm.admitted) < 100)
        continue;
    atomic_store(&storm.over, true);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        AZ(pthread_join(threads[i], NULL));
    assert_int_equal(atomic_load(&storm.wrong), 0);
    EVP_PKEY_free(twin.pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(nobody_is_let_in_before_keys_and_revocations_are_there),
        TEST(revocations_alone_are_not_enough),
        TEST(old_keys_serve_until_they_are_too_old),
        TEST(missing_tokens_are_named),
        TEST(the_scheme_is_bearer_in_any_case),
        TEST(health_and_reflection_ask_for_no_token),
        TEST(refusals_say_why),
        TEST(lax_rule_lets_in_tokens_without_extend_namespace),
        TEST(without_a_namespace_no_token_is_for_us),
        TEST(required_permission_must_be_held),
        TEST(a_verified_token_is_not_verified_again),
        TEST(a_remembered_token_still_expires),
        TEST(a_remembered_token_can_be_revoked),
        TEST(a_remembered_token_ends_with_its_key),
        TEST(a_remembered_token_does_not_outlive_its_keys_age),
        TEST(the_cache_is_bounded_and_keeps_what_is_used),
        TEST(a_hit_costs_a_fraction_of_a_verification),
        TEST(keys_change_under_callers),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    EVP_PKEY_free(key.pair);
    return failed;
}
