// SPDX-License-Identifier: Apache-2.0
/* Endpoint rules: partitions, FIPS and dual-stack, overrides, and what is refused. */
#include "aws/endpoint.h"
#include "base/obj.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

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

static struct endpoint_settings in_region(const char *region) {
    return (struct endpoint_settings){
        .service = STR("gamelift"),
        .region = str_c(region),
        .region_name = "AWS_REGION",
    };
}

static void assert_str(struct str got, const char *want) {
    if (!str_eq(got, str_c(want)))
        fail_msg("expected \"%s\", got \"" STR_FMT "\"", want, STR_ARG(got));
}

static struct endpoint resolved(const struct endpoint_settings *in) {
    struct endpoint e = {.url = STR_NULL};
    struct err *err = endpoint_resolve(arena, in, &e);
    if (err != NULL)
        fail_msg("refused: " STR_FMT, STR_ARG(err->msg));
    return e;
}

/* The message; also that it is one line, names the setting, and leaves the output alone. */
static const char *refusal(const struct endpoint_settings *in, const char *setting) {
    struct endpoint e = {.url = STR("untouched")};
    struct err *err = endpoint_resolve(arena, in, &e);
    if (err == NULL)
        fail_msg("accepted as " STR_FMT, STR_ARG(e.url));
    assert_int_equal(err->code, RPC_INVALID_ARGUMENT);
    assert_true(str_starts(err->msg, str_c(setting)));
    assert_str(err->field, setting);
    assert_int_equal(str_find(err->msg, '\n'), err->msg.n);
    assert_str(e.url, "untouched");
    return arena_cstr(arena, err->msg);
}

static void every_partition_has_its_hosts(void **state) {
    static const struct {
        const char *region, *dns, *dualstack;
    } table[] = {
        {"us-east-1", "amazonaws.com", "api.aws"},
        {"eu-central-1", "amazonaws.com", "api.aws"},
        {"ap-northeast-3", "amazonaws.com", "api.aws"},
        {"mx-central-1", "amazonaws.com", "api.aws"},
        {"us-gov-west-1", "amazonaws.com", "api.aws"},
        {"cn-north-1", "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
        {"cn-northwest-1", "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
        {"us-iso-east-1", "c2s.ic.gov", "api.aws.ic.gov"},
        {"us-isob-east-1", "sc2s.sgov.gov", "api.aws.scloud"},
        {"us-isof-south-12", "csp.hci.ic.gov", "api.aws.hci.ic.gov"},
        {"eu-isoe-west-1", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"},
        {"eusc-de-east-1", "amazonaws.eu", "api.amazonwebservices.eu"},
        /* Unknown ones are taken for new regions of the standard partition. */
        {"xx-new-7", "amazonaws.com", "api.aws"},
        {"moon", "amazonaws.com", "api.aws"},
        {"cn-north", "amazonaws.com", "api.aws"},
        {"cn-1", "amazonaws.com", "api.aws"},
        {"cn-north-east-1", "amazonaws.com", "api.aws"},
        {"us-isox-east-1", "amazonaws.com", "api.aws"},
        {"1", "amazonaws.com", "api.aws"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        for (int flags = 0; flags < 4; flags++) {
            struct endpoint_settings in = in_region(table[i].region);
            in.use_fips = (flags & 1) != 0;
            in.use_dualstack = (flags & 2) != 0;
            struct endpoint e = resolved(&in);
            struct str host =
                arena_printf(arena, "gamelift%s.%s.%s", in.use_fips ? "-fips" : "", table[i].region,
                             in.use_dualstack ? table[i].dualstack : table[i].dns);
            assert_str(e.host, host.p);
            assert_str(e.url, arena_printf(arena, "https://%s/", host.p).p);
            assert_str(e.base_path, "/");
            assert_str(e.region, table[i].region);
            assert_false(e.overridden);
        }
    }
}

static void fips_pseudo_regions_are_the_region_with_fips(void **state) {
    static const char *const names[] = {"fips-us-west-2", "us-west-2-fips"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct endpoint_settings in = in_region(names[i]);
        struct endpoint e = resolved(&in);
        assert_str(e.url, "https://gamelift-fips.us-west-2.amazonaws.com/");
        assert_str(e.region, "us-west-2");
        in.url = STR("http://localhost:1");
        assert_string_equal(refusal(&in, "AWS_ENDPOINT_URL"),
                            "AWS_ENDPOINT_URL cannot be combined with a FIPS region");
    }
}

static void a_region_must_be_a_host_label(void **state) {
    static const char *const bad[] = {
        "us east 1",
        "us_east_1",
        "-us-east-1",
        "us-east-1-",
        "us-east-1/",
        "us-east-1.evil.example",
        "us-east-1@evil.example",
        "us-east-1\n",
        "fips-",
        "-fips",
        "r\xC3\xBC",
        "a234567890123456789012345678901234567890123456789012345678901234",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct endpoint_settings in = in_region(bad[i]);
        assert_string_equal(refusal(&in, "AWS_REGION"),
                            "AWS_REGION is not a region name such as eu-west-1");
    }
    struct endpoint_settings in = in_region("");
    assert_string_equal(refusal(&in, "AWS_REGION"), "AWS_REGION is not set");
    in.region_name = NULL;
    assert_string_equal(refusal(&in, "the region"), "the region is not set");
    in.region = STR("a23456789012345678901234567890123456789012345678901234567890123");
    resolved(&in);
}

static void an_override_keeps_scheme_port_and_path(void **state) {
    static const struct {
        const char *given, *url, *host, *base_path;
    } table[] = {
        {"http://localhost:4566", "http://localhost:4566/", "localhost:4566", "/"},
        {"http://localhost:4566/", "http://localhost:4566/", "localhost:4566", "/"},
        {"http://game_lift", "http://game_lift/", "game_lift", "/"},
        {"https://x.example/base", "https://x.example/base/", "x.example", "/base/"},
        {"https://x.example/a%20b/c/", "https://x.example/a%20b/c/", "x.example", "/a%20b/c/"},
        {"http://x.example:80", "http://x.example/", "x.example", "/"},
        {"https://x.example:443/", "https://x.example/", "x.example", "/"},
        {"https://x.example:80/", "https://x.example:80/", "x.example:80", "/"},
        {"http://x.example:443/", "http://x.example:443/", "x.example:443", "/"},
        {"http://x.example:08080", "http://x.example:8080/", "x.example:8080", "/"},
        {"http://x.example:00080", "http://x.example/", "x.example", "/"},
        {"HTTP://X.Example:65535/Path", "http://x.example:65535/Path/", "x.example:65535",
         "/Path/"},
        {"http://127.0.0.1:9", "http://127.0.0.1:9/", "127.0.0.1:9", "/"},
        {"http://[::1]:9/p", "http://[::1]:9/p/", "[::1]:9", "/p/"},
        {"https://[FD00:EC2::1]", "https://[fd00:ec2::1]/", "[fd00:ec2::1]", "/"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct endpoint_settings in = in_region("eu-west-1");
        in.service_url = str_c(table[i].given);
        struct endpoint e = resolved(&in);
        assert_str(e.url, table[i].url);
        assert_str(e.host, table[i].host);
        assert_str(e.base_path, table[i].base_path);
        assert_str(e.region, "eu-west-1");
        assert_true(e.overridden);
    }
}

static void the_services_own_override_wins(void **state) {
    struct endpoint_settings in = in_region("eu-west-1");
    (void)state;
    in.url = STR("http://all");
    assert_str(resolved(&in).url, "http://all/");
    in.service_url = STR("http://own");
    assert_str(resolved(&in).url, "http://own/");
    in.url = STR("not looked at");
    assert_str(resolved(&in).url, "http://own/");
    in.ignore_urls = true;
    assert_str(resolved(&in).url, "https://gamelift.eu-west-1.amazonaws.com/");
    in = in_region("eu-west-1");
    in.url = STR("");
    in.service_url = STR("");
    assert_str(resolved(&in).url, "https://gamelift.eu-west-1.amazonaws.com/");
}

static void a_broken_override_is_refused_naming_the_setting(void **state) {
    static const struct {
        const char *url, *why;
    } table[] = {
        {"localhost", "must start with http:// or https://"},
        {"localhost:4566", "must start with http:// or https://"},
        {"//localhost", "must start with http:// or https://"},
        {"http:/localhost", "must start with http:// or https://"},
        {"http:", "must start with http:// or https://"},
        {"ftp://localhost", "must start with http:// or https://"},
        {"unix:///run/x", "must start with http:// or https://"},
        {"file:///etc/passwd", "must start with http:// or https://"},
        {"http://", "has no valid host name"},
        {"http:///path", "has no valid host name"},
        {"http://:80", "has no valid host name"},
        {"http://.x", "has no valid host name"},
        {"http://x-", "has no valid host name"},
        {"http://a,b", "has no valid host name"},
        {"http://a%41", "has no valid host name"},
        {"http://::1", "has no valid host name"},
        {"http://[::1", "has no valid IPv6 address"},
        {"http://[]", "has no valid IPv6 address"},
        {"http://[1.2.3.4]", "has no valid IPv6 address"},
        {"http://[fe80::1%25eth0]", "has no valid IPv6 address"},
        {"http://[::1]x", "has a port"},
        {"http://x:", "has a port"},
        {"http://x:0", "has a port"},
        {"http://x:-1", "has a port"},
        {"http://x:65536", "has a port"},
        {"http://x:100000", "has a port"},
        {"http://x:80a", "has a port"},
        {"http://x:8:8", "has a port"},
        {"http://u:topsecret@x", "must not hold a user name"},
        {"http://u@x", "must not hold a user name"},
        {"http://x/?a=b", "must not have a query"},
        {"http://x?a", "must not have a query"},
        {"http://x#f", "must not have a query"},
        {" http://x", "holds a blank"},
        {"http://x\n", "holds a blank"},
        {"http://x/a b", "holds a blank"},
        {"http://x/\xC3\xBC", "holds a blank"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct endpoint_settings in = in_region("eu-west-1");
        in.url = str_c(table[i].url);
        struct str want = arena_printf(arena, "AWS_ENDPOINT_URL %s", table[i].why);
        const char *got = refusal(&in, "AWS_ENDPOINT_URL");
        if (!str_starts(str_c(got), want) || strstr(got, "topsecret") != NULL)
            fail_msg("%s: %s", table[i].url, got);
        in.service_url = in.url;
        refusal(&in, "AWS_ENDPOINT_URL_GAMELIFT");
    }
}

static void an_override_excludes_fips_and_dualstack(void **state) {
    struct endpoint_settings in = in_region("eu-west-1");
    (void)state;
    in.service_url = STR("https://x.example");
    in.use_fips = true;
    assert_string_equal(refusal(&in, "AWS_ENDPOINT_URL_GAMELIFT"),
                        "AWS_ENDPOINT_URL_GAMELIFT cannot be combined with AWS_USE_FIPS_ENDPOINT");
    in.use_fips = false;
    in.use_dualstack = true;
    assert_string_equal(
        refusal(&in, "AWS_ENDPOINT_URL_GAMELIFT"),
        "AWS_ENDPOINT_URL_GAMELIFT cannot be combined with AWS_USE_DUALSTACK_ENDPOINT");
    in.ignore_urls = true;
    resolved(&in);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_partition_has_its_hosts),
        TEST(fips_pseudo_regions_are_the_region_with_fips),
        TEST(a_region_must_be_a_host_label),
        TEST(an_override_keeps_scheme_port_and_path),
        TEST(the_services_own_override_wins),
        TEST(a_broken_override_is_refused_naming_the_setting),
        TEST(an_override_excludes_fips_and_dualstack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
