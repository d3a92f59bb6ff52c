// SPDX-License-Identifier: Apache-2.0
/* Tokens and keys: what is read, what is refused before anybody trusts it. */
#include "unit/unit.h"

#include "auth/base64url.h"
#include "auth/strict_json.h"
#include "unit/auth_tokens.h"

static struct arena *arena;
static struct token_key key; /* made once: that takes a while */

static int set_up(void **state) {
    (void)state;
    if (key.pair == NULL)
        key = token_key_new("k1", NULL, 2048);
    arena = arena_new((size_t)64 << 20);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    arena_free(arena);
    return 0;
}

/* ---- base64url ---- */

static void base64url_has_one_spelling(void **state) {
    static const struct {
        const char *text;
        const char *bytes; /* NULL: refused */
    } cases[] = {
        {"", ""},        {"Zg", "f"},        {"Zm8", "fo"},
        {"Zm9v", "foo"}, {"Zm9vYg", "foob"}, {"-_-_", "\xfb\xff\xbf"},
        {"Zg==", NULL},  {"Zm8=", NULL},     {"Zh", NULL},
        {"Zm9", NULL},   {"Z", NULL},        {"Zm9vY", NULL},
        {"+/+/", NULL},  {"Zm 9v", NULL},    {"Zm9v\n", NULL},
        {"Zm9v.", NULL}, {" Zg", NULL},      {"\xc3\xa9", NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str bytes = STR_NULL;
        bool taken = base64url_decode(arena, str_c(cases[i].text), &bytes);
        assert_int_equal(taken, cases[i].bytes != NULL);
        if (taken)
            assert_str(bytes, cases[i].bytes);
    }
}

static void base64url_takes_back_every_length(void **state) {
    char bytes[256];
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(255 - i);
    for (size_t n = 0; n <= sizeof bytes; n++) {
        struct str back = STR_NULL;
        assert_true(base64url_decode(arena, base64url(arena, str_n(bytes, n)), &back));
        assert_true(str_eq(back, str_n(bytes, n)));
    }
}

/* ---- strict JSON ---- */

static void strict_json_wants_one_object_without_repeated_names(void **state) {
    static const struct {
        const char *text;
        const char *fault;
    } cases[] = {
        {"{}", NULL},
        {"{\"a\":1,\"b\":{\"a\":1},\"c\":[{\"a\":1},{\"a\":1}]}", NULL},
        {" {\"a\":\"\\u00e9\"} ", NULL},
        {"{\"a\":1,\"a\":1}", "has a member twice"},
        {"{\"a\":1,\"\\u0061\":1}", "has a member twice"},
        {"{\"x\":{\"a\":1,\"b\":[],\"a\":2}}", "has a member twice"},
        {"{\"x\":[{\"a\":1,\"a\":2}]}", "has a member twice"},
        {"{\"\":1,\"\":1}", "has a member twice"},
        {"[]", "is no object"},
        {"1", "is no object"},
        {"\"a\"", "is no object"},
        {"null", "is no object"},
        {"true", "is no object"},
        {"", "is not JSON"},
        {"  ", "is not JSON"},
        {"{", "is not JSON"},
        {"{}{}", "is not JSON"},
        {"{} x", "is not JSON"},
        {"{\"a\":1,}", "is not JSON"},
        {"{'a':1}", "is not JSON"},
        {"{/**/}", "is not JSON"},
        {"\xef\xbb\xbf{}", "is not JSON"},
        {"{\"a\":\"\xff\"}", "is not JSON"},
        {"{\"a\":\"\xed\xa0\x80\"}", "is not JSON"},
        {"{\"a\":01}", "is not JSON"},
        {"{\"a\":NaN}", "is not JSON"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *fault = strict_json_check(arena, str_c(cases[i].text));
        if (cases[i].fault == NULL)
            assert_null(fault);
        else if (fault == NULL || strcmp(fault, cases[i].fault) != 0)
            fail_msg("%s: %s instead of %s", cases[i].text, fault, cases[i].fault);
    }
}

static void strict_json_bounds_depth_and_names(void **state) {
    struct buf b;
    (void)state;
    for (int depth = STRICT_JSON_MAX_DEPTH; depth <= STRICT_JSON_MAX_DEPTH + 1; depth++) {
        buf_init(&b, 1000);
        buf_puts(&b, "{\"a\":");
        for (int i = 1; i < depth; i++)
            buf_putc(&b, '[');
        for (int i = 1; i < depth; i++)
            buf_putc(&b, ']');
        buf_putc(&b, '}');
        const char *fault = strict_json_check(arena, buf_str(&b));
        assert_int_equal(fault == NULL, depth == STRICT_JSON_MAX_DEPTH);
        buf_free(&b);
    }
    for (int names = STRICT_JSON_MAX_NAMES; names <= STRICT_JSON_MAX_NAMES + 1; names++) {
        buf_init(&b, 10000);
        for (int i = 0; i < names; i++)
            buf_printf(&b, "%s\"n%d\":0", i == 0 ? "{" : ",", i);
        buf_putc(&b, '}');
        const char *fault = strict_json_check(arena, buf_str(&b));
        assert_int_equal(fault == NULL, names == STRICT_JSON_MAX_NAMES);
        buf_free(&b);
    }
}

static void strict_json_finds_a_name_at_the_top_only(void **state) {
    bool listed = true;
    (void)state;
    assert_null(strict_json_check_for(arena, STR("{\"a\":{\"crit\":1}}"), STR("crit"), &listed));
    assert_false(listed);
    assert_null(strict_json_check_for(arena, STR("{\"cr\\u0069t\":null}"), STR("crit"), &listed));
    assert_true(listed);
}

/* ---- tokens ---- */

static void genuine_tokens_of_every_algorithm_are_read(void **state) {
    static const char *const algs[] = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(algs); i++) {
        struct jwt jwt;
        struct jwt_claims claims;
        enum jwt_alg alg;
        assert_null(jwt_open(arena, good_token(arena, &key, algs[i]), &jwt));
        assert_true(jwt_alg_parse(str_c(algs[i]), &alg));
        assert_int_equal(jwt.alg, alg);
        assert_str(jwt.kid, "k1");
        assert_null(jwt_verify(arena, &jwt, key.pair, JWT_ALL_ALGS));
        assert_null(jwt_verify(arena, &jwt, key.pair, JWT_ALG_BIT(alg)));
        struct err *err = jwt_verify(arena, &jwt, key.pair, JWT_ALL_ALGS & ~JWT_ALG_BIT(alg));
        assert_str(err->msg, "the token's algorithm is not the key's");
        assert_null(jwt_read_claims(arena, &jwt, &claims));
        assert_str(claims.extend_namespace, TOKEN_NAMESPACE);
        assert_str(claims.namespace_name, "studio");
        assert_str(claims.client_id, "caller");
        assert_true(claims.has_nbf && claims.has_iat);
        assert_null(claims.sub.p);
        assert_null(jwt_check_times(arena, &claims, (double)TOKEN_NOW_S));
    }
}

static void other_algorithms_have_no_name_here(void **state) {
    static const char *const algs[] = {"none",   "None",     "",      "HS256", "HS384",
                                       "HS512",  "ES256",    "EdDSA", "rs256", "RS1",
                                       "RS256 ", "RSA-OAEP", "PS",    "RS"};
    enum jwt_alg alg;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(algs); i++)
        assert_false(jwt_alg_parse(str_c(algs[i]), &alg));
}

static void tokens_have_a_greatest_length(void **state) {
    struct str header = base64url(arena, header_of(arena, "RS256", "k1"));
    char *text = arena_alloc(arena, JWT_MAX_BYTES + 1);
    (void)state;
    for (size_t n = JWT_MAX_BYTES; n <= JWT_MAX_BYTES + 1; n++) {
        struct jwt jwt;
        memset(text, 'A', n);
        memcpy(text, header.p, header.n);
        text[header.n] = '.';
        /* A signature of 1 mod 4 digits cannot be: the payload then takes one more. */
        size_t payload = (n - header.n - 4) % 4 == 1 ? 3 : 2;
        text[header.n + 1 + payload] = '.';
        struct err *err = jwt_open(arena, str_n(text, n), &jwt);
        if (n <= JWT_MAX_BYTES)
            assert_null(err);
        else
            assert_str(err->msg, "the token is too long");
    }
}

static struct err *read(const char *payload, struct jwt_claims *ret) {
    const struct jwt jwt = {.payload = str_c(payload)};
    return jwt_read_claims(arena, &jwt, ret);
}

static void claims_are_read_in_either_case_of_permissions(void **state) {
    struct jwt_claims claims;
    (void)state;
    assert_null(read("{\"exp\":1.5e9,\"permissions\":[{\"Resource\":\"A:B\",\"Action\":2},"
                     "{\"resource\":\"C\",\"action\":15},{}]}",
                     &claims));
    assert_int_equal(claims.n_permissions, 3);
    assert_str(claims.permissions[0].resource, "A:B");
    assert_int_equal(claims.permissions[0].action, 2);
    assert_str(claims.permissions[1].resource, "C");
    assert_int_equal(claims.permissions[1].action, 15);
    assert_int_equal(claims.permissions[2].action, 0);
    assert_float_equal(claims.exp, 1.5e9, 0.0);
    assert_false(claims.has_iat);
}

static void roles_are_read_in_their_order(void **state) {
    struct jwt_claims claims;
    char id[20];
    struct buf b;
    (void)state;
    buf_init(&b, 10000);
    buf_puts(&b, "{\"exp\":1.5e9,\"roles\":[\"r0\"");
    for (int i = 1; i < 30; i++)
        buf_printf(&b, ",\"r%d\"", i);
    buf_puts(&b, "],\"namespace_roles\":[{\"roleId\":\"n0\",\"namespace\":\"s0\"}");
    for (int i = 1; i < 30; i++)
        buf_printf(&b, ",{\"roleId\":\"n%d\",\"namespace\":\"s%d\"}", i, i);
    buf_puts(&b, "]}");
    buf_putc(&b, '\0');
    assert_null(read(buf_str(&b).p, &claims));
    buf_free(&b);
    assert_int_equal(claims.n_roles, 30);
    assert_int_equal(claims.n_namespace_roles, 30);
    for (int i = 0; i < 30; i++) {
        snprintf(id, sizeof id, "r%d", i);
        assert_str(claims.roles[i], id);
        snprintf(id, sizeof id, "n%d", i);
        assert_str(claims.namespace_roles[i].id, id);
        snprintf(id, sizeof id, "s%d", i);
        assert_str(claims.namespace_roles[i].namespace_name, id);
    }
}

static void claims_of_wrong_types_are_refused(void **state) {
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"exp\":null}",
        "{\"exp\":\"1800000000\"}",
        "{\"exp\":\"Infinity\"}",
        "{\"exp\":\"NaN\"}",
        "{\"exp\":1e13}",
        "{\"exp\":-1e13}",
        "{\"exp\":1e999}",
        "{\"exp\":[1]}",
        "{\"exp\":true}",
        "{\"EXP\":1}",
        "{\"exp\":1,\"exp\":1}",
        "{\"exp\":1,\"nbf\":\"Infinity\"}",
        "{\"exp\":1,\"nbf\":{}}",
        "{\"exp\":1,\"iat\":\"-Infinity\"}",
        "{\"exp\":1,\"sub\":1}",
        "{\"exp\":1,\"extend_namespace\":[\"a\"]}",
        "{\"exp\":1,\"permissions\":{}}",
        "{\"exp\":1,\"permissions\":[1]}",
        "{\"exp\":1,\"permissions\":[{\"Action\":\"2\"}]}",
        "{\"exp\":1,\"permissions\":[{\"Action\":2.5}]}",
    };
    struct jwt_claims claims;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err *err = read(bad[i], &claims);
        if (err == NULL)
            fail_msg("taken: %s", bad[i]);
        assert_int_equal(err->code, RPC_UNAUTHENTICATED);
    }
}

static void times_have_a_leeway_of_a_minute(void **state) {
    static const struct {
        double exp;
        double nbf;
        const char *refusal;
    } cases[] = {
        {1, 0, NULL},    {0, 0, NULL},
        {-59, 0, NULL},  {-60, 0, "token is expired (exp)"},
        {1e9, 60, NULL}, {1e9, 61, "token not valid yet (nbf)"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct jwt_claims claims = {
            .exp = (double)TOKEN_NOW_S + cases[i].exp,
            .nbf = (double)TOKEN_NOW_S + cases[i].nbf,
            .has_nbf = true,
        };
        struct err *err = jwt_check_times(arena, &claims, (double)TOKEN_NOW_S);
        if (cases[i].refusal == NULL)
            assert_null(err);
        else
            assert_str(err->msg, cases[i].refusal);
    }
}

/* ---- key sets ---- */

static struct err *set_of(struct ags_jwk_key *jwks, size_t n, struct key_set **ret) {
    const struct ags_jwk_set all = {.keys = {.v = jwks, .n = n}};
    return key_set_new(&all, arena, ret);
}

static void keys_unfit_for_verifying_are_left_out(void **state) {
    struct ags_jwk_key good = token_jwk(arena, &key);
    struct token_key small = token_key_new("small", NULL, 1024);
    struct str even_n = key_number(arena, key.pair, OSSL_PKEY_PARAM_RSA_N);
    struct key_set *set = NULL;
    struct ags_jwk_key bad[16];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        bad[i] = good;
    ((char *)(uintptr_t)even_n.p)[even_n.n - 1] &= (char)0xfe;
    bad[0].kty = STR("EC");
    bad[1].kty = STR("oct");
    bad[2].kty = STR("rsa");
    bad[3].use = STR("enc");
    bad[4].alg = STR("HS256");
    bad[5].alg = STR("none");
    bad[6].alg = STR("RSA-OAEP");
    bad[7].kid = STR_NULL;
    bad[8].kid = STR("");
    bad[9].n = STR("");
    bad[10].n = STR("AQAB");
    bad[11] = token_jwk(arena, &small);
    bad[12].n = base64url(arena, even_n);
    bad[13].e = STR("AQ");   /* 1 */
    bad[14].e = STR("AQAA"); /* even */
    bad[15].e = STR("AQAB=");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err *err = set_of(&bad[i], 1, &set);
        if (err == NULL)
            fail_msg("key %zu was taken", i);
        assert_int_equal(err->code, RPC_INTERNAL);
    }
    EVP_PKEY_free(small.pair);
    assert_non_null(set_of(NULL, 0, &set));
    struct ags_jwk_key mixed[] = {bad[0], good, bad[12]};
    assert_null(set_of(mixed, 3, &set));
    assert_int_equal(key_set_size(set), 1);
    assert_int_equal(key_set_find(set, STR("k1"))->algs, JWT_ALL_ALGS);
    assert_null(key_set_find(set, STR("k")));
    assert_null(key_set_find(set, STR("")));
    key_set_unref(set);
}

static void a_key_is_used_with_its_own_algorithm_only(void **state) {
    struct ags_jwk_key jwk = token_jwk(arena, &key);
    struct key_set *set = NULL;
    (void)state;
    jwk.alg = STR("PS384");
    jwk.use = STR_NULL;
    assert_null(set_of(&jwk, 1, &set));
    assert_int_equal(key_set_find(set, STR("k1"))->algs, JWT_ALG_BIT(JWT_PS384));
    key_set_unref(set);
}

static void of_two_keys_with_one_id_the_first_counts(void **state) {
    struct token_key twin = token_key_new("k1", NULL, 2048);
    struct ags_jwk_key both[] = {token_jwk(arena, &key), token_jwk(arena, &twin)};
    struct key_set *set = NULL;
    struct jwt jwt;
    (void)state;
    assert_null(set_of(both, 2, &set));
    assert_int_equal(key_set_size(set), 1);
    const struct key_set_key *found = key_set_find(set, STR("k1"));
    assert_null(jwt_open(arena, good_token(arena, &key, "RS256"), &jwt));
    assert_null(jwt_verify(arena, &jwt, found->key, found->algs));
    assert_null(jwt_open(arena, good_token(arena, &twin, "RS256"), &jwt));
    assert_non_null(jwt_verify(arena, &jwt, found->key, found->algs));
    key_set_unref(set);
    EVP_PKEY_free(twin.pair);
}

static void a_set_holds_a_limited_number_of_keys(void **state) {
    struct ags_jwk_key jwks[KEY_SET_MAX + 5];
    struct key_set *set = NULL;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(jwks); i++) {
        jwks[i] = token_jwk(arena, &key);
        jwks[i].kid = arena_printf(arena, "k%zu", i);
    }
    assert_null(set_of(jwks, ARRAY_LEN(jwks), &set));
    assert_int_equal(key_set_size(set), KEY_SET_MAX);
    key_set_unref(set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(base64url_has_one_spelling),
        TEST(base64url_takes_back_every_length),
        TEST(strict_json_wants_one_object_without_repeated_names),
        TEST(strict_json_bounds_depth_and_names),
        TEST(strict_json_finds_a_name_at_the_top_only),
        TEST(genuine_tokens_of_every_algorithm_are_read),
        TEST(other_algorithms_have_no_name_here),
        TEST(tokens_have_a_greatest_length),
        TEST(claims_are_read_in_either_case_of_permissions),
        TEST(roles_are_read_in_their_order),
        TEST(claims_of_wrong_types_are_refused),
        TEST(times_have_a_leeway_of_a_minute),
        TEST(keys_unfit_for_verifying_are_left_out),
        TEST(a_key_is_used_with_its_own_algorithm_only),
        TEST(of_two_keys_with_one_id_the_first_counts),
        TEST(a_set_holds_a_limited_number_of_keys),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    EVP_PKEY_free(key.pair);
    return failed;
}
