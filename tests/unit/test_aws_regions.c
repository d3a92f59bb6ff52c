// SPDX-License-Identifier: Apache-2.0
/* The AWS client: a clock that is wrong, and the clients of other regions. */
#include "unit/aws_call.h"

/* ---- clock skew ---- */

#define SKEWED "{\"__type\":\"InvalidSignatureException\"}"

static void a_wrong_clock_is_corrected_once_the_server_tells(void **state) {
    (void)state;
    usual_client();
    EXPECT(ANSWER_WITH(403, "Date: Sun, 30 Aug 2015 13:36:00 GMT", SKEWED), GOOD, GOOD);
    terminate();
    fake_advance(loop, 50);
    assert_good();
    assert_true(str_starts(fake_http_header(fake, "x-amz-date"), STR("20150830T133600")));
    terminate();
    assert_good();
    assert_true(str_starts(fake_http_header(fake, "x-amz-date"), STR("20150830T133600")));
}

static void a_signature_refused_with_a_right_clock_is_final(void **state) {
    (void)state;
    static const char *const dates[] = {
        NULL,
        "Date: Sun, 30 Aug 2015 12:36:00 GMT",
        "Date: Sun, 30 Aug 2015 12:39:59 GMT",
        "Date: Sun, 30 Aug 2015 12:32:01 GMT",
        "Date: yesterday",
        "Date: Mon, 01 Jan 1900 00:00:00 GMT", /* no year that could be signed with */
        "Date: Thu, 01 Jan 1970 00:00:00 GMT",
        "Date: Fri, 31 Dec 9999 23:59:59 GMT",
        "Date:",
    };
    usual_client();
    for (size_t i = 0; i < ARRAY_LEN(dates); i++) {
        EXPECT(ANSWER_WITH(403, dates[i], SKEWED));
        terminate();
        assert_bad(RPC_INTERNAL, ERR_UPSTREAM);
    }
    EXPECT(ANSWER_WITH(403, "Date: Sun, 30 Aug 2015 13:36:00 GMT",
                       "{\"__type\":\"InvalidRequestException\"}"));
    terminate();
    assert_bad(RPC_INVALID_ARGUMENT, ERR_UPSTREAM);
}

static void a_clock_corrected_already_is_not_corrected_for_ever(void **state) {
    (void)state;
    usual_client();
    EXPECT(ANSWER_WITH(403, "Date: Sun, 30 Aug 2015 13:36:00 GMT", SKEWED),
           ANSWER_WITH(403, "Date: Sun, 30 Aug 2015 13:36:00 GMT", SKEWED));
    terminate();
    fake_advance(loop, 50);
    assert_bad(RPC_INTERNAL, ERR_UPSTREAM);
}

/* ---- regions ---- */

static struct aws_client *in_region(const char *region) {
    struct aws_client *other = NULL;
    struct err *err = aws_client_in_region(client, arena, str_c(region), &other);
    if (err != NULL)
        fail_msg("%s", err->msg.p);
    return other;
}

static void each_region_has_one_client_of_its_own(void **state) {
    (void)state;
    usual_client();
    assert_ptr_equal(in_region("us-east-1"), client);
    char name[] = "eu-west-1";
    struct aws_client *other = in_region(name);
    name[0] = 'x';
    assert_ptr_not_equal(other, client);
    assert_ptr_equal(in_region("eu-west-1"), other);
    assert_str(aws_client_region(client), "us-east-1");
    assert_str(aws_client_region(other), "eu-west-1");
    EXPECT({.request = "POST https://gamelift.eu-west-1.amazonaws.com/",
            .headers = {"Host: gamelift.eu-west-1.amazonaws.com"},
            .proxy_allowed = true,
            .status = 200});
    terminate_on(other);
    assert_good();
    assert_non_null(
        strstr(fake_http_header(fake, "authorization").p, "/20150830/eu-west-1/gamelift/"));
    assert_string_equal(observations, "T eu-west-1 1 ok;");
}

static void regions_are_checked_and_counted(void **state) {
    (void)state;
    struct aws_client *other = NULL;
    static const char *const bad[] = {"", "eu west", "evil.example.com/", "-x", "a@b"};
    usual_client();
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err *err = aws_client_in_region(client, arena, str_c(bad[i]), &other);
        assert_non_null(err);
        assert_int_equal(err->code, RPC_INVALID_ARGUMENT);
    }
    for (int i = 0; i < AWS_CLIENT_MAX_REGIONS; i++)
        (void)in_region(arena_printf(arena, "eu-west-%d", i).p);
    struct err *err = aws_client_in_region(client, arena, STR("eu-west-99"), &other);
    assert_non_null(err);
    assert_int_equal(err->code, RPC_RESOURCE_EXHAUSTED);
    assert_null(other);
    (void)in_region("eu-west-7");
}

static void regions_that_others_name_leave_room_for_our_own(void **state) {
    (void)state;
    struct aws_client *other = NULL;
    usual_client();
    for (int i = 0; i < AWS_CLIENT_MAX_REGIONS - 10; i++)
        assert_null(aws_client_in_region_leaving(
            client, arena, str_c(arena_printf(arena, "eu-west-%d", i).p), 10, &other));
    other = NULL;
    struct err *err = aws_client_in_region_leaving(client, arena, STR("eu-west-99"), 10, &other);
    assert_non_null(err);
    assert_int_equal(err->code, RPC_RESOURCE_EXHAUSTED);
    assert_null(other);
    assert_null(aws_client_in_region_leaving(client, arena, STR("eu-west-7"), 10, &other));
    (void)in_region("eu-west-99");
}

static void an_override_holds_in_every_region_and_only_the_signature_differs(void **state) {
    (void)state;
    make_client(NULL, (struct endpoint_settings){.region = STR("us-east-1"),
                                                 .url = STR("http://127.0.0.1:1/base")});
    EXPECT({.request = "POST http://127.0.0.1:1/base/",
            .headers = {"Host: 127.0.0.1:1"},
            .proxy_allowed = true,
            .status = 200});
    terminate_on(in_region("eu-west-1"));
    assert_good();
    assert_non_null(
        strstr(fake_http_header(fake, "authorization").p, "/20150830/eu-west-1/gamelift/"));
}

static void a_fips_region_stays_fips_in_others(void **state) {
    (void)state;
    make_client(NULL, (struct endpoint_settings){.region = STR("fips-us-east-1")});
    assert_str(aws_client_region(client), "us-east-1");
    assert_ptr_equal(in_region("us-east-1"), client);
    EXPECT({.request = "POST https://gamelift-fips.us-west-2.amazonaws.com/",
            .proxy_allowed = true,
            .status = 200});
    terminate_on(in_region("us-west-2"));
    assert_good();
}

static void a_wrong_setting_makes_no_client(void **state) {
    (void)state;
    const struct aws_client_options options = {
        .loop = loop,
        .http = fake_http_client(fake),
        .endpoint = {.service = STR("gamelift"),
                     .region = STR("us east"),
                     .region_name = "AWS_REGION"},
    };
    struct err *err = aws_client_new(&options, arena, &client);
    assert_non_null(err);
    assert_str(err->field, "AWS_REGION");
    assert_null(client);
    aws_client_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_wrong_clock_is_corrected_once_the_server_tells),
        TEST(a_signature_refused_with_a_right_clock_is_final),
        TEST(a_clock_corrected_already_is_not_corrected_for_ever),
        TEST(each_region_has_one_client_of_its_own),
        TEST(regions_are_checked_and_counted),
        TEST(regions_that_others_name_leave_room_for_our_own),
        TEST(an_override_holds_in_every_region_and_only_the_signature_differs),
        TEST(a_fips_region_stays_fips_in_others),
        TEST(a_wrong_setting_makes_no_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
