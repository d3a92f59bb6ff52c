// SPDX-License-Identifier: Apache-2.0
/* Which source is taken, and what a profile means. */
#include "aws/credentials_chain.h"
#include "aws/credentials_profile.h"
#include "base/buf.h"
#include "credentials_fixture.h"

#define STS_URL "POST https://sts.us-east-1.amazonaws.com/"
#define STS_OK                                                                                     \
    "<R><Result><Credentials><AccessKeyId>STS</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"   \
    "<SessionToken>t</SessionToken><Expiration>2026-08-01T13:00:00Z</Expiration></Credentials>"    \
    "</Result></R>"

#define KEYS "aws_access_key_id = P\naws_secret_access_key = s\n"

/* ---- helpers ---- */

/* Only a test that wants it looks for an EC2 instance. */
static int set_up_chain(void **state) {
    (void)set_up(state);
    env.metadata_disabled = STR("true");
    return 0;
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_chain, tear_down)

static void files(const char *text, const char *credentials) {
    const struct shared_config_text first = {str_c(text), "config"};
    const struct shared_config_text second = {str_c(credentials), "credentials"};
    shared_config_free(config);
    config = NULL;
    struct err *err = shared_config_parse(arena, &first, &second, &config);
    if (err != NULL)
        fail_msg("refused: " STR_FMT, STR_ARG(err->msg));
}

static struct str features;

static struct err *make_chain(void) {
    const struct aws_credentials_chain_options options = {
        .loop = loop,
        .http = fake_http_client(http),
        .env = &env,
        .config = config,
        .features = &features,
    };
    aws_credentials_provider_free(provider);
    provider = NULL;
    struct err *err = aws_credentials_chain_new(arena, &options, &provider);
    assert_true((err == NULL) == (provider != NULL));
    return err;
}

static void chain(void) {
    struct err *err = make_chain();
    if (err != NULL)
        fail_msg("refused: " STR_FMT, STR_ARG(err->msg));
}

static void assert_refused(const char *message) {
    struct err *err = make_chain();
    assert_non_null(err);
    assert_str(err->msg, message);
}

/* ---- the order ---- */

static void keys_in_the_environment_come_first_even_before_a_named_profile(void **state) {
    (void)state;
    files("[profile p]\naws_access_key_id = P\naws_secret_access_key = s\n", NULL);
    env.access_key_id = STR("ENV");
    env.secret_access_key = secret_new(STR("s"));
    env.session_token = secret_new(STR("t"));
    env.profile = STR("p");
    env.web_identity_token_file = STR("/nowhere");
    chain();
    assert_peek("ENV");
    assert_str(secret_reveal(&aws_credentials_peek(provider)->session_token), "t");
}

static void half_an_environment_is_an_error_and_no_reason_to_go_on(void **state) {
    (void)state;
    files("[default]\naws_access_key_id = P\naws_secret_access_key = s\n", NULL);
    env.access_key_id = STR("ENV");
    assert_refused("AWS_SECRET_ACCESS_KEY is not set, but AWS_ACCESS_KEY_ID is");
}

static void the_environments_expiry_is_known_and_its_keys_stay_in_use(void **state) {
    (void)state;
    env.access_key_id = STR("ENV");
    env.secret_access_key = secret_new(STR("s"));
    env.credential_expiration = STR("2026-08-01T12:00:01+00:00");
    chain();
    assert_true(aws_credentials_peek(provider)->expiry_ms == (NOW_S + 1) * 1000);
    fake_advance(loop, 3600000);
    assert_peek("ENV");
    env.credential_expiration = STR("tomorrow");
    assert_refused("AWS_CREDENTIAL_EXPIRATION is no ISO 8601 time");
}

static void the_profile_comes_before_web_identity(void **state) {
    (void)state;
    files("[default]\naws_access_key_id = P\naws_secret_access_key = s\n", NULL);
    env.web_identity_token_file = STR("/nowhere");
    env.role_arn = STR(ROLE);
    env.container_relative_uri = STR("/x");
    chain();
    assert_peek("P");
}

static void a_profile_without_credentials_is_passed_over(void **state) {
    struct str path = temp_file("abcd");
    (void)state;
    files("[default]\nregion = us-east-1\n", NULL);
    env.web_identity_token_file = path;
    env.role_arn = STR(ROLE);
    env.container_relative_uri = STR("/x");
    EXPECT({.request = STS_URL, .proxy_allowed = true, .status = 200, .reply = STS_OK});
    chain();
    assert_null(aws_credentials_peek(provider));
    get();
    assert_int_equal(calls, 0);
    fake_settle(loop);
    assert_str(got_id, "STS");
    assert_peek("STS");
    unlink(path.p);
}

static void the_container_comes_before_the_instance(void **state) {
    (void)state;
    env.metadata_disabled = STR_NULL;
    env.container_full_uri = STR("http://localhost/c");
    EXPECT({.request = "GET http://localhost/c",
            .status = 200,
            .reply = "{\"AccessKeyId\":\"ECS\",\"SecretAccessKey\":\"s\",\"Token\":\"t\","
                     "\"Expiration\":\"2026-08-01T18:00:00Z\"}"});
    chain();
    get();
    fake_settle(loop);
    assert_peek("ECS");
}

static void a_broken_source_is_named_and_not_passed_over(void **state) {
    (void)state;
    env.profile = STR("gone");
    assert_refused("AWS_PROFILE names the profile \"gone\", which is neither in the AWS config "
                   "file nor in the credentials file");
    env.profile = STR_NULL;
    env.default_profile = STR("gone");
    assert_refused("AWS_DEFAULT_PROFILE names the profile \"gone\", which is neither in the AWS "
                   "config file nor in the credentials file");
    env.default_profile = STR_NULL;
    env.container_relative_uri = STR("/ok");
    env.web_identity_token_file = STR("/token");
    assert_refused("AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not");
    env.web_identity_token_file = STR_NULL;
    env.container_relative_uri = STR("no slash");
    assert_refused("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI must start with a slash");
}

/* Messages go into logs and answers, which are UTF-8 on one line. */
static void names_are_shown_as_text(void **state) {
    (void)state;
    env.profile = STR("g\xC3\xB6ne\xFD\x86\n\x7F\xC3");
    assert_refused(
        "AWS_PROFILE names the profile \"g\xC3\xB6ne?????\", which is neither in the AWS "
        "config file nor in the credentials file");
}

static void when_nothing_is_found_one_sentence_says_what_was_looked_at(void **state) {
    (void)state;
    assert_refused("no AWS credentials found: AWS_ACCESS_KEY_ID is not set, there is no profile "
                   "\"default\", AWS_WEB_IDENTITY_TOKEN_FILE is not set, neither "
                   "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor AWS_CONTAINER_CREDENTIALS_FULL_URI "
                   "is set, and AWS_EC2_METADATA_DISABLED is true");
    files("[profile p]\nregion = x\n", NULL);
    env.profile = STR("p");
    env.metadata_disabled = STR("false");
    EXPECT({.request = "PUT http://169.254.169.254/latest/api/token", .status = 0},
           {.request = "GET http://169.254.169.254/latest/meta-data/iam/security-credentials/",
            .status = 0});
    chain();
    get();
    fake_settle(loop);
    assert_int_equal(errors, 1);
    assert_str(got_err->msg,
               "no AWS credentials found: AWS_ACCESS_KEY_ID is not set, the profile \"p\" has "
               "none, AWS_WEB_IDENTITY_TOKEN_FILE is not set, neither "
               "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor AWS_CONTAINER_CREDENTIALS_FULL_URI is "
               "set, and EC2 instance metadata: no answer in time");
    assert_int_equal(got_err->origin, ERR_LOCAL); /* the caller's request was not sent */
}

/* ---- profiles ---- */

static void a_profiles_keys_come_from_one_file(void **state) {
    (void)state;
    files("[default]\naws_access_key_id = C\naws_secret_access_key = s\naws_session_token = old\n",
          "[default]\naws_access_key_id = F\naws_secret_access_key = s\n");
    chain();
    assert_peek("F");
    assert_false(secret_present(&aws_credentials_peek(provider)->session_token));
    files("[default]\naws_access_key_id = C\naws_secret_access_key = s\naws_session_token = t\n",
          "[other]\n");
    chain();
    assert_peek("C");
    files("[default]\naws_secret_access_key = s\n", "[default]\naws_access_key_id = F\n");
    assert_refused("AWS profile \"default\": aws_secret_access_key is not set, but "
                   "aws_access_key_id is");
}

static void a_role_is_assumed_with_its_source_profiles_keys(void **state) {
    (void)state;
    files("[profile game]\nrole_arn = " ROLE "\nsource_profile = base\nrole_session_name = me\n"
          "external_id = ext\nduration_seconds = 1800\n[profile base]\nregion = x\n",
          "[base]\naws_access_key_id = BASE\naws_secret_access_key = s\n");
    env.default_profile = STR("other");
    env.profile = STR("game");
    env.region = STR("us-east-1");
    EXPECT({.request = STS_URL,
            .body = "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A"
                    "123456789012%3Arole%2Fgame&RoleSessionName=me&DurationSeconds=1800"
                    "&ExternalId=ext",
            .proxy_allowed = true,
            .status = 200,
            .reply = STS_OK});
    chain();
    get();
    fake_settle(loop);
    assert_peek("STS");
    assert_true(str_starts(fake_http_header(http, "Authorization"),
                           STR("AWS4-HMAC-SHA256 Credential=BASE/20260801/us-east-1/sts/")));
}

static void a_profile_with_keys_may_be_its_own_source(void **state) {
    (void)state;
    files("[default]\nrole_arn = " ROLE "\nsource_profile = default\n",
          "[default]\naws_access_key_id = BASE\naws_secret_access_key = s\n");
    EXPECT({.request = STS_URL, .proxy_allowed = true, .status = 200, .reply = STS_OK});
    chain();
    get();
    fake_settle(loop);
    assert_peek("STS");
}

static void roles_are_chained_from_the_last_profile_on(void **state) {
    (void)state;
    files("[default]\nrole_arn = " ROLE "-a\nsource_profile = b\nrole_session_name = me\n"
          "[profile b]\nrole_arn = " ROLE "-b\nsource_profile = c\nrole_session_name = me\n"
          "[profile c]\naws_access_key_id = BASE\naws_secret_access_key = s\n",
          NULL);
    EXPECT({.request = STS_URL,
            .body = "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A"
                    "123456789012%3Arole%2Fgame-b&RoleSessionName=me",
            .proxy_allowed = true,
            .status = 200,
            .reply = STS_OK},
           {.request = STS_URL,
            .body = "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A"
                    "123456789012%3Arole%2Fgame-a&RoleSessionName=me",
            .headers = {"X-Amz-Security-Token: t"},
            .proxy_allowed = true,
            .status = 200,
            .reply = STS_OK});
    chain();
    get();
    fake_settle(loop);
    assert_peek("STS");
}

static void a_profile_can_name_the_container_or_the_instance_as_its_source(void **state) {
    (void)state;
    files("[default]\nrole_arn = " ROLE "\ncredential_source = EcsContainer\n", NULL);
    assert_refused("AWS profile \"default\": its credential_source has no credentials here");
    env.container_relative_uri = STR("/c");
    EXPECT({.request = "GET http://169.254.170.2/c",
            .status = 200,
            .reply = "{\"AccessKeyId\":\"ECS\",\"SecretAccessKey\":\"s\",\"Token\":\"t\","
                     "\"Expiration\":\"2026-08-01T18:00:00Z\"}"},
           {.request = STS_URL, .proxy_allowed = true, .status = 200, .reply = STS_OK},
           {.request = "PUT http://169.254.169.254/latest/api/token", .status = 400});
    chain();
    get();
    fake_settle(loop);
    assert_peek("STS");
    files("[default]\nrole_arn = " ROLE "\ncredential_source = Ec2InstanceMetadata\n", NULL);
    env.metadata_disabled = STR_NULL;
    chain();
    get();
    fake_settle(loop);
    assert_str(got_err->msg, "AWS profile \"default\": EC2 instance metadata: HTTP status 400");
}

static void the_environment_can_be_a_profiles_source(void **state) {
    struct aws_credentials_source *source;
    (void)state;
    files("[default]\nrole_arn = " ROLE "\ncredential_source = Environment\n", NULL);
    struct aws_plan plan = make_plan();
    env.access_key_id = STR("ENV");
    env.secret_access_key = secret_new(STR("s"));
    assert_null(aws_source_profile(&plan, STR("default"), &source));
    assert_non_null(source->fetch);
}

static void a_profiles_web_identity_beats_its_source_profile(void **state) {
    struct str path = temp_file("tokn");
    (void)state;
    files(arena_printf(arena,
                       "[default]\nrole_arn = " ROLE
                       "\nsource_profile = x\nrole_session_name = me\n"
                       "web_identity_token_file = " STR_FMT "\n",
                       STR_ARG(path))
              .p,
          NULL);
    EXPECT({.request = STS_URL,
            .body = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam"
                    "%3A%3A123456789012%3Arole%2Fgame&RoleSessionName=me&WebIdentityToken=tokn",
            .proxy_allowed = true,
            .status = 200,
            .reply = STS_OK});
    chain();
    get();
    fake_settle(loop);
    assert_peek("STS");
    unlink(path.p);
}

static void profiles_that_make_no_sense_are_refused(void **state) {
    static const struct {
        const char *text;
        const char *message;
    } table[] = {
        {"role_arn = " ROLE "\n",
         "role_arn needs either source_profile or credential_source, and not both"},
        {"role_arn = " ROLE "\nsource_profile = a\ncredential_source = Environment\n",
         "role_arn needs either source_profile or credential_source, and not both"},
        {"role_arn = " ROLE "\nsource_profile = gone\n", "its source_profile does not exist"},
        {"role_arn = " ROLE "\nsource_profile = default\n",
         "its source_profile leads back to itself"},
        {"role_arn = " ROLE "\ncredential_source = Moon\n",
         "credential_source must be Environment, EcsContainer or Ec2InstanceMetadata"},
        {"role_arn = " ROLE "\nsource_profile = keys\nmfa_serial = m\n",
         "mfa_serial: a service has nobody to ask for a code"},
        {"role_arn = " ROLE "\nsource_profile = keys\nduration_seconds = 60\n",
         "duration_seconds must be a number from 900 to 43200"},
        {"role_arn = short\nsource_profile = keys\n",
         "the role is no ARN of 20 to 2048 characters"},
        {"web_identity_token_file = /t\n", "web_identity_token_file needs a role_arn"},
        {"sso_session = s\n", "sso_session is not supported: a service cannot log in in a browser"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        files(arena_printf(arena,
                           "[default]\n%s[profile keys]\naws_access_key_id = K\n"
                           "aws_secret_access_key = s\n",
                           table[i].text)
                  .p,
              NULL);
        assert_refused(arena_printf(arena, "AWS profile \"default\": %s", table[i].message).p);
    }
    files("[default]\ncredential_process = \"run\n", NULL);
    assert_refused("credential_process of AWS profile \"default\": a quote is not closed, or there "
                   "is no command");
    files("[default]\nrole_arn = " ROLE "\nsource_profile = x\n[profile x]\nregion = y\n", NULL);
    assert_refused("AWS profile \"x\": is a source_profile, but has no credentials");
}

static void circles_and_endless_chains_of_profiles_are_refused(void **state) {
    (void)state;
    files("[default]\nrole_arn = " ROLE "\nsource_profile = b\n"
          "[profile b]\nrole_arn = " ROLE "\nsource_profile = c\n"
          "[profile c]\nrole_arn = " ROLE "\nsource_profile = b\n",
          NULL);
    assert_refused("AWS profile \"c\": its source_profile leads back to itself");
    struct buf text;
    buf_init(&text, 100000);
    buf_puts(&text, "[default]\nrole_arn = " ROLE "\nsource_profile = p0\n");
    for (int i = 0; i < 100; i++)
        buf_printf(&text, "[profile p%d]\nrole_arn = " ROLE "\nsource_profile = p%d\n", i, i + 1);
    files(arena_cstr(arena, buf_str(&text)), NULL);
    buf_free(&text);
    assert_refused("AWS profile \"p6\": too many roles are chained by source_profile");
}

/* In the letters that all AWS SDKs use; tests/scenario/oracle compares them with botocore's. */
static void user_agent_tells_where_credentials_come_from(void **state) {
    static const struct {
        const char *profile;
        const char *letters;
    } cases[] = {
        {KEYS, "n"},
        {"credential_process = x\n", "vw"},
        {"role_arn = " ROLE "\nsource_profile = default\n" KEYS, "oni"},
        {"role_arn = " ROLE "\ncredential_source = EcsContainer\n", "pzi"},
        {"role_arn = " ROLE "\nweb_identity_token_file = /nowhere\n", "qk"},
        {"role_arn = " ROLE "\nsource_profile = b\n[profile b]\ncredential_process = x\n", "ovwi"},
        {"region = us-east-1\n", "z"},
    };
    (void)state;
    env.container_relative_uri = STR("/c");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        files(arena_printf(arena, "[default]\n%s", cases[i].profile).p, NULL);
        chain();
        assert_str(features, cases[i].letters);
    }
    files("", NULL);
    env.web_identity_token_file = STR("/nowhere");
    env.role_arn = STR(ROLE);
    chain();
    assert_str(features, "hk");
    env.web_identity_token_file = env.container_relative_uri = env.metadata_disabled = STR_NULL;
    chain();
    assert_str(features, "0");
    env.access_key_id = STR("ENV");
    env.secret_access_key = secret_new(STR("s"));
    chain();
    assert_str(features, "g");
}

static void freeing_the_provider_ends_a_fetch_without_a_word(void **state) {
    (void)state;
    env.container_relative_uri = STR("/c");
    EXPECT({.request = "GET http://169.254.170.2/c", .delay_ms = FAKE_NEVER});
    chain();
    get();
    fake_settle(loop);
    assert_int_equal(fake_http_running(http), 1);
    aws_credentials_provider_free(provider);
    provider = NULL;
    assert_int_equal(fake_http_running(http), 0);
    fake_settle(loop);
    assert_int_equal(calls, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(keys_in_the_environment_come_first_even_before_a_named_profile),
        TEST(half_an_environment_is_an_error_and_no_reason_to_go_on),
        TEST(the_environments_expiry_is_known_and_its_keys_stay_in_use),
        TEST(the_profile_comes_before_web_identity),
        TEST(a_profile_without_credentials_is_passed_over),
        TEST(the_container_comes_before_the_instance),
        TEST(a_broken_source_is_named_and_not_passed_over),
        TEST(names_are_shown_as_text),
        TEST(when_nothing_is_found_one_sentence_says_what_was_looked_at),
        TEST(a_profiles_keys_come_from_one_file),
        TEST(a_role_is_assumed_with_its_source_profiles_keys),
        TEST(a_profile_with_keys_may_be_its_own_source),
        TEST(roles_are_chained_from_the_last_profile_on),
        TEST(a_profile_can_name_the_container_or_the_instance_as_its_source),
        TEST(the_environment_can_be_a_profiles_source),
        TEST(a_profiles_web_identity_beats_its_source_profile),
        TEST(profiles_that_make_no_sense_are_refused),
        TEST(circles_and_endless_chains_of_profiles_are_refused),
        TEST(user_agent_tells_where_credentials_come_from),
        TEST(freeing_the_provider_ends_a_fetch_without_a_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
