// SPDX-License-Identifier: Apache-2.0
/* Credentials fetched over HTTP from a container or an instance, and the documents they come in. */
#include "aws/credentials_container.h"
#include "aws/credentials_document.h"
#include "aws/credentials_instance.h"
#include "credentials_fixture.h"

#define LATER "2026-08-01T18:00:00Z"
#define LATER_MS ((NOW_S + INT64_C(6) * 3600) * 1000)
#define DOCUMENT                                                                                   \
    "{\"Code\":\"Success\",\"AccessKeyId\":\"ASIA\",\"SecretAccessKey\":\"hush\","                 \
    "\"Token\":\"token\",\"Expiration\":\"" LATER "\",\"Type\":\"AWS-HMAC\",\"x\":[1,{}]}"
#define ECS "GET http://169.254.170.2/creds"
#define IMDS "http://169.254.169.254"
#define PUT_TOKEN "PUT " IMDS "/latest/api/token"
#define GET_ROLE "GET " IMDS "/latest/meta-data/iam/security-credentials/"

/* The plan that the sources of a test are made from. */
static struct aws_plan plan;

static int set_up_plan(void **state) {
    (void)set_up(state);
    env.region = STR("eu-west-1");
    plan = make_plan();
    return 0;
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_plan, tear_down)

static void assert_got(const char *id) {
    if (got_err != NULL)
        fail_msg("failed: " STR_FMT, STR_ARG(got_err->msg));
    assert_int_equal(calls, 1);
    assert_str(got.access_key_id, id);
    assert_str(secret_reveal(&got.secret_access_key), "hush");
    assert_str(secret_reveal(&got.session_token), "token");
    assert_true(got.expiry_ms == LATER_MS);
}

/* ---- documents ---- */

static void expiry_is_read_in_every_iso_8601_form(void **state) {
    static const struct {
        const char *text;
        int64_t ms; /* -1: refused */
    } table[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-08-01T12:00:00Z", NOW_S * 1000},
        {"2026-08-01T12:00:00", NOW_S * 1000},
        {"2026-08-01 12:00:00z", NOW_S * 1000},
        {"2026-08-01T12:00:00.25Z", NOW_S * 1000 + 250},
        {"2026-08-01T12:00:00.123456789Z", NOW_S * 1000 + 123},
        {"2026-08-01T12:00:00,5Z", NOW_S * 1000 + 500},
        {"2026-08-01T14:00:00+02:00", NOW_S * 1000},
        {"2026-08-01T14:00:00+0200", NOW_S * 1000},
        {"2026-08-01T14:00:00.5+02", NOW_S * 1000 + 500},
        {"2026-08-01T06:30:00-05:30", NOW_S * 1000},
        {"2024-02-29T00:00:00Z", INT64_C(1709164800000)},
        {"9999-12-31T23:59:59Z", INT64_C(253402300799000)},
        {"", -1},
        {"2026-08-01", -1},
        {"2026-08-01T12:00Z", -1},
        {"2026-8-01T12:00:00Z", -1},
        {"2026-13-01T12:00:00Z", -1},
        {"2026-02-30T12:00:00Z", -1},
        {"2026-08-01T24:00:00Z", -1},
        {"2026-08-01T12:00:00.Z", -1},
        {"2026-08-01T12:00:00+2", -1},
        {"2026-08-01T12:00:00+02:0", -1},
        {"2026-08-01T12:00:00Zx", -1},
        {"1785585600", -1},
        {"1969-12-31T23:59:59Z", -1},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        int64_t ms = -1;
        bool ok = aws_expiry_parse(str_c(table[i].text), &ms);
        if (ok != (table[i].ms >= 0) || ms != table[i].ms)
            fail_msg("\"%s\" gives %lld", table[i].text, (long long)ms);
    }
}

static void documents_are_checked_and_never_quoted(void **state) {
    static const struct {
        const char *json;
        const char *message;
    } table[] = {
        {"", "the answer has no AccessKeyId"},
        {"hush", "not JSON, at byte 1 of 4"},
        {"[\"hush\"]", "the message: an array where an object belongs"},
        {"{\"AccessKeyId\":\"A\"}", "the answer has no SecretAccessKey"},
        {"{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"hush\"}", "the answer has no Token"},
        {"{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"hush\",\"Token\":\"t\"}",
         "the answer has no Expiration"},
        {"{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"hush\",\"Token\":\"t\","
         "\"Expiration\":\"soon\"}",
         "the answer has an Expiration that is no ISO 8601 time"},
        {"{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"hush\\n\",\"Token\":\"t\","
         "\"Expiration\":\"" LATER "\"}",
         "SecretAccessKey holds a blank, a line end or another character no key has"},
        {"{\"AccessKeyId\":\"A\",\"SecretAccessKey\":7}",
         "SecretAccessKey: a number where a string belongs"},
        {"{\"Code\":\"AssumeRoleUnauthorizedAccess\",\"Message\":\"arn:aws:x\"}",
         "the answer is a refusal, AssumeRoleUnauthorizedAccess"},
        {"{\"Code\":\"bad code\"}", "the answer is a refusal, without a valid code"},
    };
    static const struct aws_document_rules rules = {.needs_token = true, .needs_expiry = true};
    struct aws_credentials c;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct err *err =
            aws_document_parse(arena, arena_str(arena, str_c(table[i].json)), &rules, &c);
        assert_non_null(err);
        assert_str(err->msg, table[i].message);
        assert_null(strstr(err->msg.p, "hush"));
    }
}

/* ---- container ---- */

static struct aws_credentials_source *container(void) {
    struct aws_credentials_source *source = NULL;
    struct err *err = aws_source_container(&plan, &source);
    if (err != NULL)
        fail_msg("refused: " STR_FMT, STR_ARG(err->msg));
    assert_non_null(source);
    assert_true(source->stale_ok);
    return source;
}

static void only_the_known_hosts_are_asked_without_tls(void **state) {
    static const struct {
        const char *uri;
        bool ok;
    } table[] = {
        {"http://localhost/x", true},
        {"http://LOCALHOST:8080/x", true},
        {"http://127.0.0.1", true},
        {"http://127.255.1.9:1/x?y", true},
        {"http://169.254.170.2/x", true},
        {"http://169.254.170.23/v1/credentials", true},
        {"http://[::1]:80/x", true},
        {"http://[0:0:0:0:0:0:0:1]/x", true},
        {"http://[fd00:ec2::23]/v1/credentials", true},
        {"https://example.com/x", true},
        {"HTTPS://example.com:444", true},
        {"http://example.com/x", false},
        {"http://169.254.170.2.example.com/x", false},
        {"http://169.254.170.24/", false},
        {"http://169.254.169.254/", false},
        {"http://127.0.0.1.example.com/", false},
        {"http://128.0.0.1/", false},
        {"http://127.1/", false},
        {"http://localhost.example.com/", false},
        {"http://localhost@example.com/", false},
        {"http://localhost:x@example.com/", false},
        {"http://localhost:80:80/", false},
        {"http://localhost:123456/", false},
        {"http://localhost\\@example.com/", false},
        {"http://example.com\\localhost/", false},
        {"http://[::1].example.com/", false},
        {"http://[::2]/", false},
        {"http://[fe80::1]/", false},
        {"http://[::1%25lo]/", false},
        {"http://[::1", false},
        {"http:///x", false},
        {"https://", false},
        {"https://u:p@example.com", false},
        {"http://localhost /x", false},
        {"http:localhost", false},
        {"ftp://localhost/", false},
        {"file:///etc/passwd", false},
        {"localhost/x", false},
        {"", false},
    };
    bool local;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if ((aws_container_uri_fault(str_c(table[i].uri), &local) == NULL) != table[i].ok)
            fail_msg("\"%s\" was %s", table[i].uri, table[i].ok ? "refused" : "allowed");
}

static void the_relative_uri_wins_and_asks_ecs(void **state) {
    (void)state;
    env.container_relative_uri = STR("/creds");
    env.container_full_uri = STR("http://evil.example.com/");
    env.container_token = secret_new(STR("from env"));
    EXPECT({.request = ECS,
            .headers = {"Authorization: from env", "Accept: application/json"},
            .status = 200,
            .reply = DOCUMENT});
    fetch(container());
    assert_got("ASIA");
}

static void a_relative_uri_cannot_name_a_host(void **state) {
    struct aws_credentials_source *source;
    (void)state;
    env.container_relative_uri = STR(".example.com/creds");
    struct err *err = aws_source_container(&plan, &source);
    assert_str(err->msg, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI must start with a slash");
    env.container_relative_uri = STR_NULL;
    env.container_full_uri = STR("http://example.com/");
    err = aws_source_container(&plan, &source);
    assert_true(str_starts(err->msg, STR("AWS_CONTAINER_CREDENTIALS_FULL_URI must be https, or")));
    env.container_full_uri = STR("");
    assert_null(aws_source_container(&plan, &source));
    assert_null(source);
}

static void the_token_file_wins_and_is_read_again_for_each_fetch(void **state) {
    struct str path = temp_file("Bearer one");
    (void)state;
    env.container_full_uri = STR("http://169.254.170.23/v1/credentials");
    env.container_token = secret_new(STR("not this one"));
    env.container_token_file = path;
    struct aws_credentials_source *source = container();
    EXPECT({.request = "GET http://169.254.170.23/v1/credentials",
            .headers = {"Authorization: Bearer one"},
            .status = 200,
            .reply = DOCUMENT},
           {.request = "GET http://169.254.170.23/v1/credentials",
            .headers = {"Authorization: two"},
            .status = 200,
            .reply = DOCUMENT});
    fetch(source);
    assert_got("ASIA");
    overwrite(path, "two");
    fetch(source);
    assert_got("ASIA");
    unlink(path.p);
    fetch(source);
    assert_true(str_starts(got_err->msg, STR("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: cannot")));
}

static void a_token_with_a_line_end_is_refused(void **state) {
    struct str path = temp_file("hush\n");
    (void)state;
    env.container_full_uri = STR("https://example.com/x");
    env.container_token_file = path;
    fetch(container());
    assert_failed("container credentials: the text of AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE holds "
                  "a line end or another control character");
    overwrite(path, "");
    EXPECT({.request = "GET https://example.com/x",
            .headers = {"!Authorization"},
            .proxy_allowed = true,
            .status = 200,
            .reply = DOCUMENT});
    fetch(container());
    assert_got("ASIA");
    unlink(path.p);
}

static void a_failing_container_is_asked_three_times(void **state) {
    (void)state;
    env.container_relative_uri = STR("/creds");
    EXPECT({.request = ECS, .status = 0, .reply = "no answer in time"},
           {.request = ECS, .status = 500},
           {.request = ECS,
            .status = 404,
            .reply = "{\"code\":\"NoIdInRequest\",\"message\":\"who?\"}"});
    start_fetch(container());
    fake_settle(loop);
    assert_int_equal(fake_http_left(http), 2);
    fake_advance(loop, 999);
    assert_int_equal(fake_http_left(http), 2);
    fake_advance(loop, 1);
    assert_int_equal(fake_http_left(http), 1);
    fake_advance(loop, 1000);
    assert_failed("container credentials: HTTP status 404, NoIdInRequest");
    assert_str(got_err->detail, "who?");
    assert_int_equal(got_err->http_status, 404);
}

static void a_container_that_recovers_is_believed(void **state) {
    (void)state;
    env.container_relative_uri = STR("/creds");
    EXPECT({.request = ECS, .status = 200, .reply = "{\"AccessKeyId\":\"A\"}"},
           {.request = ECS, .status = 200, .reply = DOCUMENT});
    start_fetch(container());
    fake_settle(loop);
    fake_advance(loop, 1000);
    assert_got("ASIA");
}

static void a_fetch_that_is_given_up_leaves_nothing_running(void **state) {
    (void)state;
    env.container_relative_uri = STR("/creds");
    EXPECT({.request = ECS, .delay_ms = FAKE_NEVER}, {.request = ECS, .status = 500});
    start_fetch(container());
    fake_settle(loop);
    assert_int_equal(fake_http_running(http), 1);
    arena_free(call_arena);
    assert_int_equal(fake_http_running(http), 0);
    call_arena = arena_new(ARENA_LIMIT_DEFAULT);
    ctx_init(&ctx, call_arena, NULL, CTX_NO_DEADLINE);
    start_fetch(container()); /* and in the pause between two tries */
    fake_settle(loop);
    arena_free(call_arena);
    call_arena = NULL;
    fake_advance(loop, 5000);
    assert_int_equal(calls, 0);
}

/* ---- instance ---- */

static struct aws_credentials_source *instance(void) {
    struct aws_credentials_source *source = NULL;
    struct err *err = aws_source_instance(&plan, &source);
    if (err != NULL)
        fail_msg("refused: " STR_FMT, STR_ARG(err->msg));
    assert_non_null(source);
    return source;
}

#define TOKEN_OK                                                                                   \
    {                                                                                              \
        .request = PUT_TOKEN, .body = "",                                                          \
        .headers = {"x-aws-ec2-metadata-token-ttl-seconds: 21600"}, .status = 200, .reply = "TTT"  \
    }
#define ROLE_OK                                                                                    \
    {                                                                                              \
        .request = GET_ROLE, .headers = {"x-aws-ec2-metadata-token: TTT"}, .status = 200,          \
        .reply = "my-role\n"                                                                       \
    }

static void instance_credentials_take_a_token_a_role_and_a_document(void **state) {
    (void)state;
    EXPECT(TOKEN_OK, ROLE_OK,
           {.request = GET_ROLE "my-role",
            .headers = {"x-aws-ec2-metadata-token: TTT"},
            .status = 200,
            .reply = DOCUMENT});
    fetch(instance());
    assert_got("ASIA");
    assert_true(instance()->stale_ok);
}

static void without_a_token_the_old_protocol_serves(void **state) {
    static const struct fake_exchange failures[] = {
        {.request = PUT_TOKEN, .status = 403},
        {.request = PUT_TOKEN, .status = 404},
        {.request = PUT_TOKEN, .status = 405},
        {.request = PUT_TOKEN, .status = 500},
        {.request = PUT_TOKEN, .status = 0, .reply = "no answer in time"},
        {.request = PUT_TOKEN, .status = 200, .reply = "bad token"},
        {.request = PUT_TOKEN, .status = 200, .reply = ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
        fake_http_expect(http, &failures[i], 1);
        EXPECT({.request = GET_ROLE,
                .headers = {"!x-aws-ec2-metadata-token"},
                .status = 200,
                .reply = "r"},
               {.request = GET_ROLE "r",
                .headers = {"!x-aws-ec2-metadata-token"},
                .status = 200,
                .reply = DOCUMENT});
        fetch(instance());
        assert_got("ASIA");
    }
}

static void the_old_protocol_can_be_switched_off(void **state) {
    (void)state;
    env.metadata_v1_disabled = STR("true");
    EXPECT({.request = PUT_TOKEN, .status = 403}, {.request = PUT_TOKEN, .status = 200});
    fetch(instance());
    assert_failed("EC2 instance metadata: HTTP status 403");
    fetch(instance());
    assert_failed("EC2 instance metadata: the answer is no token");
}

static void a_400_for_a_token_ends_it(void **state) {
    (void)state;
    EXPECT({.request = PUT_TOKEN, .status = 400});
    fetch(instance());
    assert_failed("EC2 instance metadata: HTTP status 400");
}

static void a_401_is_answered_with_one_new_token(void **state) {
    (void)state;
    EXPECT(TOKEN_OK, {.request = GET_ROLE, .status = 401},
           {.request = PUT_TOKEN, .status = 200, .reply = "NEW"},
           {.request = GET_ROLE,
            .headers = {"x-aws-ec2-metadata-token: NEW"},
            .status = 200,
            .reply = "r"},
           {.request = GET_ROLE "r", .status = 401});
    fetch(instance());
    assert_failed("EC2 instance metadata: HTTP status 401");
}

static void instance_answers_are_checked(void **state) {
    static const struct {
        struct fake_exchange role;
        struct fake_exchange document;
        const char *message;
    } table[] = {
        {{.request = GET_ROLE, .status = 404},
         {.request = NULL},
         "EC2 instance metadata: no role is attached to the instance"},
        {{.request = GET_ROLE, .status = 200, .reply = "../../evil"},
         {.request = NULL},
         "EC2 instance metadata: the answer is no role name"},
        {{.request = GET_ROLE, .status = 200, .reply = ""},
         {.request = NULL},
         "EC2 instance metadata: the answer is no role name"},
        {{.request = GET_ROLE, .status = 503},
         {.request = NULL},
         "EC2 instance metadata: HTTP status 503"},
        {{.request = GET_ROLE, .status = 0},
         {.request = NULL},
         "EC2 instance metadata: no answer in time"},
        {{.request = GET_ROLE, .status = 200, .reply = "a\nb"},
         {.request = GET_ROLE "a",
          .status = 200,
          .reply = "{\"Code\":\"Failed\",\"Message\":\"no\"}"},
         "EC2 instance metadata: the answer is a refusal, Failed"},
        {{.request = GET_ROLE, .status = 200, .reply = "a"},
         {.request = GET_ROLE "a", .status = 200, .reply = "<html>"},
         "EC2 instance metadata: not JSON, at byte 1 of 6"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        EXPECT(TOKEN_OK);
        fake_http_expect(http, &table[i].role, 1);
        if (table[i].document.request != NULL)
            fake_http_expect(http, &table[i].document, 1);
        fetch(instance());
        assert_failed(table[i].message);
    }
}

static void instance_settings_are_followed(void **state) {
    (void)state;
    env.metadata_endpoint = STR("http://127.0.0.1:9000/");
    env.metadata_attempts = STR("2");
    EXPECT({.request = "PUT http://127.0.0.1:9000/latest/api/token", .status = 500},
           {.request = "PUT http://127.0.0.1:9000/latest/api/token", .status = 403},
           {.request = "GET http://127.0.0.1:9000/latest/meta-data/iam/security-credentials/",
            .status = 500},
           {.request = "GET http://127.0.0.1:9000/latest/meta-data/iam/security-credentials/",
            .status = 500});
    fetch(instance());
    assert_failed("EC2 instance metadata: HTTP status 500");
    env.metadata_endpoint = STR_NULL;
    env.metadata_endpoint_mode = STR("ipv6");
    EXPECT({.request = "PUT http://[fd00:ec2::254]/latest/api/token", .status = 400});
    fetch(instance());
    assert_int_equal(calls, 1);
}

static void unusable_instance_settings_are_named(void **state) {
    struct aws_credentials_source *source;
    (void)state;
    env.metadata_endpoint_mode = STR("IPv5");
    assert_str(aws_source_instance(&plan, &source)->msg,
               "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE must be IPv4 or IPv6");
    env = (struct aws_environment){.metadata_endpoint = STR("169.254.169.254")};
    assert_str(aws_source_instance(&plan, &source)->msg,
               "AWS_EC2_METADATA_SERVICE_ENDPOINT must start with http:// or https://");
    env = (struct aws_environment){.metadata_timeout = STR("0")};
    assert_str(aws_source_instance(&plan, &source)->msg,
               "AWS_METADATA_SERVICE_TIMEOUT must be a number from 1 to 60");
    env = (struct aws_environment){.metadata_attempts = STR("many")};
    assert_str(aws_source_instance(&plan, &source)->msg,
               "AWS_METADATA_SERVICE_NUM_ATTEMPTS must be a number from 1 to 10");
    env = (struct aws_environment){.metadata_v1_disabled = STR("yes")};
    assert_str(aws_source_instance(&plan, &source)->msg,
               "AWS_EC2_METADATA_V1_DISABLED must be true or false");
    env = (struct aws_environment){.metadata_disabled = STR("TRUE")};
    assert_null(aws_source_instance(&plan, &source));
    assert_null(source);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(expiry_is_read_in_every_iso_8601_form),
        TEST(documents_are_checked_and_never_quoted),
        TEST(only_the_known_hosts_are_asked_without_tls),
        TEST(the_relative_uri_wins_and_asks_ecs),
        TEST(a_relative_uri_cannot_name_a_host),
        TEST(the_token_file_wins_and_is_read_again_for_each_fetch),
        TEST(a_token_with_a_line_end_is_refused),
        TEST(a_failing_container_is_asked_three_times),
        TEST(a_container_that_recovers_is_believed),
        TEST(a_fetch_that_is_given_up_leaves_nothing_running),
        TEST(instance_credentials_take_a_token_a_role_and_a_document),
        TEST(without_a_token_the_old_protocol_serves),
        TEST(the_old_protocol_can_be_switched_off),
        TEST(a_400_for_a_token_ends_it),
        TEST(a_401_is_answered_with_one_new_token),
        TEST(instance_answers_are_checked),
        TEST(instance_settings_are_followed),
        TEST(unusable_instance_settings_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
