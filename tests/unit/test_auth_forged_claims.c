// SPDX-License-Identifier: Apache-2.0
/* Forged tokens: claims that are properly signed, and still must not pass. */
#define FORGED_AT_LEAST 150
#include "unit/auth_forged.h"

/* ---- claims, properly signed ---- */

static void odd_claims_are_refused(void **state) {
    static const char *const payloads[] = {
        "",
        "{}",
        "[]",
        "null",
        "1",
        "\"exp\"",
        "{\"exp\":}",
        "{\"exp\":1900000000",
        "{\"exp\":1900000000}}",
        "{\"exp\":1900000000} x",
        "[{\"exp\":1900000000}]",
        "{\"exp\":1900000000,\"x\":\"\xff\"}",
        "{\"exp\":1900000000,\"x\":\"\xed\xa0\x80\"}",
        "\xff\xfe{\x00",
        "{\"Exp\":1900000000}",
        "{\"exp\":null}",
        "{\"exp\":\"1900000000\"}",
        "{\"exp\":\"never\"}",
        "{\"exp\":\"Infinity\"}",
        "{\"exp\":\"NaN\"}",
        "{\"exp\":1e400}",
        "{\"exp\":99999999999999999999}",
        "{\"exp\":true}",
        "{\"exp\":[1900000000]}",
        "{\"exp\":{\"$numberLong\":\"1900000000\"}}",
        "{\"exp\":0}",
        "{\"exp\":-1}",
        "{\"exp\":-0}",
        "{\"exp\":1799999940}",
        "{\"exp\":1799999939.5}",
        "{\"exp\":1.7e9}",
        "{\"exp\":1900000}",
    };
    static const char *const more[] = {
        ",\"exp\":9999999999",
        ",\"\\u0065xp\":9999999999",
        ",\"nbf\":0",
        ",\"iat\":1",
        ",\"namespace\":\"studio\"",
        ",\"extend_namespace\":\"studio-game\"",
        ",\"extend\\u005fnamespace\":\"studio-game\"",
        ",\"permissions\":[]",
        ",\"jti\":\"j1\"",
        ",\"client_id\":\"caller\"",
        ",\"sub\":\"a\",\"sub\":\"b\"",
        ",\"x\":1,\"x\":1",
        ",\"x\":{\"y\":1,\"y\":2}",
        ",\"x\":[{\"y\":1,\"y\":2}]",
        ",\"sub\":1",
        ",\"sub\":{}",
        ",\"roles\":[],\"roles\":[\"admin\"]",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(payloads); i++)
        unauthenticated(payloads[i], signed_of(fixed_header(), str_c(payloads[i])));
    for (size_t i = 0; i < ARRAY_LEN(more); i++)
        unauthenticated(more[i],
                        signed_of(fixed_header(),
                                  claims_of(arena, arena_printf(arena, EXTEND "%s", more[i]).p)));
}

static struct str claims_at(double exp, double nbf) {
    return arena_printf(arena,
                        "{\"exp\":%.1f,\"nbf\":%.1f,\"namespace\":\"studio\","
                        "\"extend_namespace\":\"" TOKEN_NAMESPACE "\"}",
                        exp, nbf);
}

static void tokens_out_of_their_time_are_refused(void **state) {
    static const double before[] = {60, 60.5, 61, 120, 3600, 86400, 3e7, 1.7e9};
    double now = (double)TOKEN_NOW_S;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(before); i++) {
        unauthenticated("expired",
                        signed_of(fixed_header(), claims_at(now - before[i], now - 1e6)));
        unauthenticated("not yet",
                        signed_of(fixed_header(), claims_at(now + 9e6, now + before[i] + 0.5)));
        unauthenticated("ends before it begins",
                        signed_of(fixed_header(), claims_at(now - before[i], now + 600)));
    }
}

static void tokens_of_other_namespaces_are_denied(void **state) {
    static const char *const more[] = {
        "",
        ",\"extend_namespace\":\"\"",
        ",\"extend_namespace\":null",
        ",\"extend_namespace\":\"studio\"",
        ",\"extend_namespace\":\"studio-game2\"",
        ",\"extend_namespace\":\"studio-gam\"",
        ",\"extend_namespace\":\"Studio-Game\"",
        ",\"extend_namespace\":\" studio-game\"",
        ",\"extend_namespace\":\"studio-game \"",
        ",\"extend_namespace\":\"studio-game\\u0000\"",
        ",\"extend_namespace\":\"*\"",
        ",\"extend_namespace\":\"studio-\"",
        ",\"extend_namespace\":\"{namespace}\"",
        ",\"extend_namespace\":\"studio-game,other\"",
        ",\"Extend_namespace\":\"studio-game\"",
        ",\"extendNamespace\":\"studio-game\"",
        ",\"x\":{\"extend_namespace\":\"studio-game\"}",
        ",\"parent_namespace\":\"studio-game\"",
        ",\"union_namespace\":\"studio-game\"",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(more); i++)
        refused(RPC_PERMISSION_DENIED, more[i],
                signed_of(fixed_header(), claims_of(arena, more[i])));
    for (int i = 0; i < 20; i++) {
        struct str other = arena_printf(arena, ",\"extend_namespace\":\"studio-game%d\"", i);
        refused(RPC_PERMISSION_DENIED, "another game",
                signed_of(fixed_header(), claims_of(arena, other.p)));
    }
}

static void revoked_tokens_and_users_are_refused(void **state) {
    static const char *const users[] = {
        /* claims_of says iat = now - 10, the very second of the revocation */
        EXTEND ",\"sub\":\"gone\"",
    };
    static const char *const payloads[] = {
        "{\"exp\":1900000000,\"sub\":\"gone\",\"iat\":0" EXTEND "}",
        "{\"exp\":1900000000,\"sub\":\"gone\",\"iat\":1799999989" EXTEND "}",
        "{\"exp\":1900000000,\"sub\":\"gone\",\"iat\":1799999990.9" EXTEND "}",
        "{\"exp\":1900000000,\"sub\":\"gone\",\"iat\":null" EXTEND "}",
        "{\"exp\":1900000000,\"sub\":\"gone\"" EXTEND "}",
        "{\"exp\":1900000000,\"sub\":\"g\\u006fne\"" EXTEND "}",
        "{\"exp\":1900000000,\"iat\":-5,\"sub\":\"gone\"" EXTEND "}",
    };
    (void)state;
    unauthenticated("revoked token", revoked_token);
    for (size_t i = 0; i < ARRAY_LEN(users); i++)
        unauthenticated("revoked user", signed_of(fixed_header(), claims_of(arena, users[i])));
    for (size_t i = 0; i < ARRAY_LEN(payloads); i++)
        unauthenticated(payloads[i], signed_of(fixed_header(), str_c(payloads[i])));
    assert_null(admit_token(
        authorizer, arena,
        signed_of(fixed_header(),
                  STR("{\"exp\":1900000000,\"sub\":\"gone\",\"iat\":1799999991" EXTEND "}"))));
}

static void huge_and_deep_tokens_are_refused(void **state) {
    struct buf b;
    (void)state;
    for (size_t n = 0; n < 12; n++) {
        size_t depth = 16 + n * n * 50;
        buf_init(&b, 1 << 20);
        buf_puts(&b, "{\"exp\":1900000000,\"extend_namespace\":\"studio-game\",\"x\":");
        for (size_t i = 0; i < depth; i++)
            buf_puts(&b, n % 2 == 0 ? "[" : "{\"x\":");
        buf_puts(&b, n % 2 == 0 ? "" : "1");
        for (size_t i = 0; i < depth; i++)
            buf_puts(&b, n % 2 == 0 ? "]" : "}");
        buf_putc(&b, '}');
        unauthenticated("deep claims", signed_of(fixed_header(), buf_str(&b)));
        unauthenticated("deep header", signed_of(buf_str(&b), plain_claims()));
        buf_free(&b);
    }
    for (size_t n = 12000; n < 40000; n += 4000) {
        char *filling = arena_alloc(arena, n + 1);
        memset(filling, 'x', n);
        struct str more = arena_printf(arena, EXTEND ",\"x\":\"%s\"", filling);
        unauthenticated("huge claims", signed_of(fixed_header(), claims_of(arena, more.p)));
        unauthenticated("huge text", str_n(filling, n));
    }
    for (size_t n = 300; n < 1200; n += 300) {
        buf_init(&b, 1 << 20);
        buf_puts(&b, EXTEND);
        for (size_t i = 0; i < n; i++)
            buf_printf(&b, ",\"n%zu\":0", i);
        buf_putc(&b, '\0');
        unauthenticated("many claims", signed_of(fixed_header(), claims_of(arena, b.p)));
        buf_free(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(odd_claims_are_refused),
        TEST(tokens_out_of_their_time_are_refused),
        TEST(tokens_of_other_namespaces_are_denied),
        TEST(revoked_tokens_and_users_are_refused),
        TEST(huge_and_deep_tokens_are_refused),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
