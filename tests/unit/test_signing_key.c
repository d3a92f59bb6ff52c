// SPDX-License-Identifier: Apache-2.0
/* The table of derived keys: what it keeps, for how long, and for whom. */
#include "aws/signing_key.h"
#include "base/obj.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define AUG_30 1440938160000000 /* 2015-08-30T12:36:00Z */

static struct aws_credentials keys_of(struct arena *a, const char *secret) {
    static const char *const names[] = {"id", "secret", "token"};
    struct aws_credentials c;
    assert_null(aws_credentials_init(&c, a, names, STR("AK"), str_c(secret), STR_NULL,
                                     AWS_CREDENTIALS_NEVER));
    return c;
}

struct keys_fixture {
    struct arena *a;
    struct digest *digest;
    struct signing_keys *keys;
    struct aws_credentials creds;
};

static int keys_setup(void **state) {
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    struct keys_fixture *f = ARENA_NEW(a, struct keys_fixture);
    *f = (struct keys_fixture){
        .a = a,
        .digest = digest_new(),
        .keys = signing_keys_new(),
        .creds = keys_of(a, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
    };
    *state = f;
    return 0;
}

static int keys_teardown(void **state) {
    struct keys_fixture *f = *state;
    signing_keys_free(f->keys);
    aws_credentials_clear(&f->creds);
    digest_free(f->digest);
    arena_free(f->a);
    return 0;
}

static struct sigv4_key key_for(struct keys_fixture *f, int64_t at_us, const char *region,
                                const char *service) {
    struct sigv4_scope scope = {sigv4_time_at(at_us), str_c(region), str_c(service)};
    struct sigv4_key direct;
    struct sigv4_key got = *signing_keys_get(f->keys, f->digest, &scope, &f->creds);
    signing_key_derive(f->digest, &scope, &f->creds.secret_access_key, &direct);
    assert_memory_equal(&got, &direct, sizeof got);
    return got;
}

static void a_key_is_derived_once_a_day_region_and_service(void **state) {
    struct keys_fixture *f = *state;
    /* AWS's published example of a derived key: 2015-08-30, us-east-1, iam. */
    static const unsigned char iam[] =
        "\xc4\xaf\xb1\xcc\x57\x71\xd8\x71\x76\x3a\x39\x3e\x44\xb7\x03"
        "\x57\x1b\x55\xcc\x28\x42\x4d\x1a\x5e\x86\xda\x6e\xd3\xc1\x54"
        "\xa4\xb9";
    struct sigv4_key key = key_for(f, AUG_30, "us-east-1", "iam");
    assert_memory_equal(key.bytes, iam, sizeof key.bytes);
    key_for(f, AUG_30 + 3600000000, "us-east-1", "iam");
    assert_int_equal(signing_keys_derived(f->keys), 1);
    key_for(f, AUG_30, "us-east-2", "iam");
    key_for(f, AUG_30, "us-east-1", "gamelift");
    assert_int_equal(signing_keys_derived(f->keys), 3);
    assert_int_equal(signing_keys_count(f->keys), 3);
    key_for(f, AUG_30, "us-east-1", "iam");
    assert_int_equal(signing_keys_derived(f->keys), 3);
    /* Where the region ends and the service begins counts. */
    key_for(f, AUG_30, "a/b", "c");
    key_for(f, AUG_30, "a", "b/c");
    key_for(f, AUG_30, "ab", "c");
    assert_int_equal(signing_keys_derived(f->keys), 6);
}

static void midnight_utc_makes_new_keys_and_wipes_the_old(void **state) {
    struct keys_fixture *f = *state;
    const int64_t midnight = (int64_t)16678 * 86400 * 1000000; /* 2015-08-31 */
    key_for(f, midnight - 1, "us-east-1", "gamelift");
    key_for(f, midnight - 1, "us-east-2", "gamelift");
    key_for(f, midnight, "us-east-1", "gamelift");
    assert_int_equal(signing_keys_derived(f->keys), 3);
    assert_int_equal(signing_keys_count(f->keys), 1);
}

static void other_credentials_never_get_a_cached_key(void **state) {
    struct keys_fixture *f = *state;
    struct sigv4_key first = key_for(f, AUG_30, "r", "s");
    struct aws_credentials old = f->creds;
    f->creds = keys_of(f->a, "another");
    struct sigv4_key second = key_for(f, AUG_30, "r", "s");
    assert_memory_not_equal(&first, &second, sizeof first);
    assert_int_equal(signing_keys_derived(f->keys), 2);
    aws_credentials_clear(&old);
}

static void the_table_stays_bounded_and_keeps_what_is_used(void **state) {
    struct keys_fixture *f = *state;
    char region[16];
    for (int i = 0; i < 5 * SIGNING_KEYS_MAX; i++) {
        snprintf(region, sizeof region, "region-%d", i);
        key_for(f, AUG_30, "home", "s");
        key_for(f, AUG_30, region, "s");
    }
    assert_int_equal(signing_keys_count(f->keys), SIGNING_KEYS_MAX);
    assert_int_equal(signing_keys_derived(f->keys), 5 * SIGNING_KEYS_MAX + 1);
}

static void an_overlong_scope_is_served_but_not_kept(void **state) {
    struct keys_fixture *f = *state;
    char region[200];
    memset(region, 'r', sizeof region - 1);
    region[sizeof region - 1] = '\0';
    key_for(f, AUG_30, region, "s");
    key_for(f, AUG_30, "r", region);
    key_for(f, AUG_30, region, "s");
    assert_int_equal(signing_keys_count(f->keys), 0);
    region[63] = '\0';
    key_for(f, AUG_30, region, region);
    key_for(f, AUG_30, region, region);
    assert_int_equal(signing_keys_count(f->keys), 1);
    assert_int_equal(signing_keys_derived(f->keys), 4);
}

#define KEYS_TEST(fn) cmocka_unit_test_setup_teardown(fn, keys_setup, keys_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        KEYS_TEST(a_key_is_derived_once_a_day_region_and_service),
        KEYS_TEST(midnight_utc_makes_new_keys_and_wipes_the_old),
        KEYS_TEST(other_credentials_never_get_a_cached_key),
        KEYS_TEST(the_table_stays_bounded_and_keeps_what_is_used),
        KEYS_TEST(an_overlong_scope_is_served_but_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
