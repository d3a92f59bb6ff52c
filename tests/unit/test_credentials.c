// SPDX-License-Identifier: Apache-2.0
/* Credentials from the environment, and the seam that other sources will fit behind. */
#include "aws/credentials.h"
#include "base/obj.h"
#include "unit/fixed_credentials.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

static struct arena *arena;

static int setup(void **state) {
    (void)state;
    arena = arena_new(ARENA_LIMIT_DEFAULT);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    arena_free(arena);
    return 0;
}

static struct aws_credentials_provider *provider(const char *id, const char *secret,
                                                 const char *token) {
    struct aws_credentials_provider *p = NULL;
    struct err *err = fixed_credentials_new(arena, str_c(id), str_c(secret), str_c(token), &p);
    if (err != NULL)
        fail_msg("refused: " STR_FMT, STR_ARG(err->msg));
    return p;
}

static void keys_are_at_hand_without_a_callback(void **state) {
    char id[] = "AKIDEXAMPLE";
    struct aws_credentials_provider *p = provider(id, SECRET, "TOKEN");
    (void)state;
    memset(id, 'x', sizeof id - 1); /* the provider has its own copy */
    const struct aws_credentials *c = aws_credentials_peek(p);
    assert_non_null(c);
    assert_true(str_eq(c->access_key_id, STR("AKIDEXAMPLE")));
    assert_true(str_eq(secret_reveal(&c->secret_access_key), STR(SECRET)));
    assert_true(str_eq(secret_reveal(&c->session_token), STR("TOKEN")));
    assert_true(c->expiry_ms == AWS_CREDENTIALS_NEVER);
    assert_ptr_equal(aws_credentials_peek(p), c);
    aws_credentials_provider_free(p);
}

static void an_empty_value_is_unset(void **state) {
    (void)state;
    struct aws_credentials_provider *p = provider("AK", SECRET, "");
    assert_false(secret_present(&aws_credentials_peek(p)->session_token));
    aws_credentials_provider_free(p);
    aws_credentials_provider_free(NULL);
}

static void each_set_of_keys_has_an_identity_of_its_own(void **state) {
    struct aws_credentials_provider *a = provider("AK", SECRET, NULL);
    struct aws_credentials_provider *b = provider("AK", SECRET, NULL);
    (void)state;
    assert_true(aws_credentials_peek(a)->identity != 0);
    assert_true(aws_credentials_peek(a)->identity != aws_credentials_peek(b)->identity);
    aws_credentials_provider_free(a);
    aws_credentials_provider_free(b);
}

static void half_or_broken_keys_are_refused_naming_the_variable(void **state) {
    char long_text[AWS_SESSION_TOKEN_MAX + 2];
    memset(long_text, 'a', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    const struct {
        const char *id, *secret, *token, *message;
    } table[] = {
        {"AK", "", "", "AWS_SECRET_ACCESS_KEY is not set, but AWS_ACCESS_KEY_ID is"},
        {"AK", NULL, "T", "AWS_SECRET_ACCESS_KEY is not set, but AWS_ACCESS_KEY_ID is"},
        {"", "hush", "", "AWS_ACCESS_KEY_ID is not set, but AWS_SECRET_ACCESS_KEY is"},
        {"A K", "hush", "", "AWS_ACCESS_KEY_ID holds a blank"},
        {"A/K", "hush", "", "AWS_ACCESS_KEY_ID holds a '/'"},
        {"A,K", "hush", "", "AWS_ACCESS_KEY_ID holds a ','"},
        {"AK\r\nX-Evil: 1", "hush", "", "AWS_ACCESS_KEY_ID holds a blank"},
        {"AK", "hush\n", "", "AWS_SECRET_ACCESS_KEY holds a blank"},
        {"AK", "h\xC3\xBCsh", "", "AWS_SECRET_ACCESS_KEY holds a blank"},
        {"AK", "hush", "hush\n", "AWS_SESSION_TOKEN holds a blank"},
        {"AK", "hush", "hush\x7f", "AWS_SESSION_TOKEN holds a blank"},
        {long_text, "hush", "", "AWS_ACCESS_KEY_ID is longer than 128 bytes"},
        {"AK", long_text, "", "AWS_SECRET_ACCESS_KEY is longer than 256 bytes"},
        {"AK", "hush", long_text, "AWS_SESSION_TOKEN is longer than 16384 bytes"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct aws_credentials_provider *p = (void *)&table;
        struct err *err = fixed_credentials_new(arena, str_c(table[i].id), str_c(table[i].secret),
                                                str_c(table[i].token), &p);
        assert_non_null(err);
        assert_ptr_equal(p, &table);
        const char *got = arena_cstr(arena, err->msg);
        if (!str_starts(err->msg, str_c(table[i].message)))
            fail_msg("expected \"%s...\", got \"%s\"", table[i].message, got);
        /* No value in the message. */
        assert_null(strstr(got, "hush"));
        assert_null(strstr(got, "aaaa"));
        assert_int_equal(str_find(err->msg, '\n'), err->msg.n);
    }
}

static void the_longest_values_are_accepted(void **state) {
    char text[AWS_SESSION_TOKEN_MAX + 1];
    memset(text, 'a', sizeof text);
    struct aws_credentials_provider *p = NULL;
    (void)state;
    assert_null(fixed_credentials_new(arena, str_n(text, AWS_ACCESS_KEY_ID_MAX),
                                      str_n(text, AWS_SECRET_ACCESS_KEY_MAX),
                                      str_n(text, AWS_SESSION_TOKEN_MAX), &p));
    assert_int_equal(aws_credentials_peek(p)->session_token.n, AWS_SESSION_TOKEN_MAX);
    aws_credentials_provider_free(p);
}

/* A provider that must fetch first, as profile, container and instance sources will. */
struct slow {
    struct aws_credentials_provider base;
    struct aws_credentials creds;
    aws_credentials_fn *fn;
    void *priv;
};

static const struct aws_credentials *slow_peek(struct aws_credentials_provider *provider) {
    struct slow *s = CONTAINER_OF(provider, struct slow, base);
    return s->creds.identity == 0 ? NULL : &s->creds;
}

static void slow_get(struct aws_credentials_provider *provider, struct ctx *ctx,
                     aws_credentials_fn *fn, void *priv) {
    struct slow *s = CONTAINER_OF(provider, struct slow, base);
    (void)ctx;
    s->fn = fn;
    s->priv = priv;
}

static void slow_free(struct aws_credentials_provider *provider) {
    aws_credentials_clear(&CONTAINER_OF(provider, struct slow, base)->creds);
}

static void count_call(void *priv, const struct aws_credentials *creds, const struct err *err) {
    assert_null(err);
    assert_true(str_eq(creds->access_key_id, STR("LATER")));
    ++*(int *)priv;
}

static void a_provider_that_waits_fits_the_same_seam(void **state) {
    static const char *const names[] = {"AccessKeyId", "SecretAccessKey", "Token"};
    struct slow s = {.base = {.magic = AWS_CREDENTIALS_PROVIDER_MAGIC,
                              .peek = slow_peek,
                              .get = slow_get,
                              .free = slow_free}};
    struct ctx ctx;
    int calls = 0;
    (void)state;
    ctx_init(&ctx, arena, NULL, CTX_NO_DEADLINE);
    assert_null(aws_credentials_peek(&s.base));
    aws_credentials_get(&s.base, &ctx, count_call, &calls);
    assert_int_equal(calls, 0);
    struct err *err = aws_credentials_init(&s.creds, arena, names, STR("X"), STR(""), STR(""), 1);
    assert_true(str_starts(err->msg, STR("SecretAccessKey is not set")));
    assert_null(
        aws_credentials_init(&s.creds, arena, names, STR("LATER"), STR("s"), STR("t"), 1234));
    s.fn(s.priv, &s.creds, NULL);
    assert_int_equal(calls, 1);
    assert_int_equal(aws_credentials_peek(&s.base)->expiry_ms, 1234);
    aws_credentials_provider_free(&s.base);
    assert_null(s.creds.access_key_id.p);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(keys_are_at_hand_without_a_callback),
        TEST(an_empty_value_is_unset),
        TEST(each_set_of_keys_has_an_identity_of_its_own),
        TEST(half_or_broken_keys_are_refused_naming_the_variable),
        TEST(the_longest_values_are_accepted),
        TEST(a_provider_that_waits_fits_the_same_seam),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
