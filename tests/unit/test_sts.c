// SPDX-License-Identifier: Apache-2.0
/* Roles: AssumeRole and AssumeRoleWithWebIdentity, as requests, answers and errors. */
#include "aws/credentials_container.h"
#include "aws/credentials_role.h"
#include "aws/sts_xml.h"
#include "credentials_fixture.h"

#define LATER "2026-08-01T18:00:00Z"
#define LATER_MS ((NOW_S + INT64_C(6) * 3600) * 1000)
#define STS_URL "POST https://sts.eu-west-1.amazonaws.com/"
#define STS_OK(action)                                                                             \
    "<" action "Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><" action "Result>"   \
    "<AssumedRoleUser><Arn>a</Arn></AssumedRoleUser><Credentials>"                                 \
    "<AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>hush</SecretAccessKey>"                       \
    "<SessionToken>token</SessionToken><Expiration>" LATER "</Expiration>"                         \
    "</Credentials></" action "Result><ResponseMetadata><RequestId>id</RequestId>"                 \
    "</ResponseMetadata></" action "Response>"
#define STS_ERROR(code)                                                                            \
    "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender"       \
    "</Type><Code>" code "</Code><Message>about " ROLE "</Message></Error>"                        \
    "<RequestId>id-1</RequestId></ErrorResponse>"

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

static struct aws_credentials_source *web_identity(struct str file) {
    struct aws_credentials_source *source = NULL;
    env.web_identity_token_file = file;
    env.role_arn = STR(ROLE);
    struct err *err = aws_source_web_identity_env(&plan, &source);
    if (err != NULL)
        fail_msg("refused: " STR_FMT, STR_ARG(err->msg));
    assert_non_null(source);
    assert_false(source->stale_ok);
    return source;
}

static void web_identity_sends_the_files_token_unsigned_and_encoded(void **state) {
    struct str path = temp_file("a.b+c/d=~ \n");
    (void)state;
    EXPECT({.request = STS_URL,
            .body = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam"
                    "%3A%3A123456789012%3Arole%2Fgame&RoleSessionName=session-dsm-1785585600"
                    "&WebIdentityToken=a.b%2Bc%2Fd%3D~%20%0A",
            .headers = {"Content-Type: application/x-www-form-urlencoded; charset=utf-8",
                        "User-Agent: test/1", "!Authorization", "!X-Amz-Date"},
            .proxy_allowed = true,
            .status = 200,
            .reply = STS_OK("AssumeRoleWithWebIdentity")},
           {.request = STS_URL,
            .body = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam"
                    "%3A%3A123456789012%3Arole%2Fgame&RoleSessionName=pod"
                    "&WebIdentityToken=next",
            .proxy_allowed = true,
            .status = 200,
            .reply = STS_OK("AssumeRoleWithWebIdentity")});
    fetch(web_identity(path));
    assert_got("ASIA");
    overwrite(path, "next");
    env.role_session_name = STR("pod");
    fetch(web_identity(path));
    assert_got("ASIA");
    unlink(path.p);
}

static void web_identity_settings_and_files_are_checked(void **state) {
    struct aws_credentials_source *source = NULL;
    (void)state;
    assert_null(aws_source_web_identity_env(&plan, &source));
    assert_null(source);
    env.web_identity_token_file = STR("/nowhere");
    assert_str(aws_source_web_identity_env(&plan, &source)->msg,
               "AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not");
    env.role_arn = STR("game");
    assert_str(aws_source_web_identity_env(&plan, &source)->msg,
               "web identity of AWS_ROLE_ARN: the role is no ARN of 20 to 2048 characters");
    env.role_arn = STR(ROLE);
    env.role_session_name = STR("a b");
    assert_str(aws_source_web_identity_env(&plan, &source)->msg,
               "web identity of AWS_ROLE_ARN: the role's session name must be 2 to 64 letters, "
               "digits or _+=,.@-");
    env.role_session_name = STR_NULL;
    fetch(web_identity(STR("/nowhere")));
    assert_failed("web identity of AWS_ROLE_ARN: the web identity token: cannot read /nowhere: No "
                  "such file or directory");
    struct str path = temp_file("abc");
    fetch(web_identity(path));
    assert_failed("web identity of AWS_ROLE_ARN: the web identity token's file is empty");
    unlink(path.p);
}

static void sts_errors_are_decoded_and_their_text_kept_from_the_caller(void **state) {
    struct str path = temp_file("abcd");
    (void)state;
    EXPECT({.request = STS_URL,
            .proxy_allowed = true,
            .status = 400,
            .reply = STS_ERROR("ExpiredTokenException")},
           {.request = STS_URL, .proxy_allowed = true, .status = 403, .reply = "forbidden"},
           {.request = STS_URL, .proxy_allowed = true, .status = 200, .reply = "<a/>"},
           {.request = STS_URL, .proxy_allowed = true, .status = 200, .reply = "{}"},
           {.request = STS_URL, .proxy_allowed = true, .status = 302});
    fetch(web_identity(path));
    assert_failed("web identity of AWS_ROLE_ARN: STS AssumeRoleWithWebIdentity: "
                  "ExpiredTokenException");
    assert_str(got_err->type, "ExpiredTokenException");
    assert_str(got_err->detail, "about " ROLE);
    assert_str(got_err->request_id, "id-1");
    fetch(web_identity(path));
    assert_failed("web identity of AWS_ROLE_ARN: STS AssumeRoleWithWebIdentity: HTTP status 403");
    assert_int_equal(got_err->code, RPC_PERMISSION_DENIED);
    fetch(web_identity(path));
    assert_failed("web identity of AWS_ROLE_ARN: STS AssumeRoleWithWebIdentity: the answer has no "
                  "credentials");
    fetch(web_identity(path));
    assert_failed("web identity of AWS_ROLE_ARN: STS AssumeRoleWithWebIdentity: the answer is no "
                  "XML");
    fetch(web_identity(path));
    assert_failed("web identity of AWS_ROLE_ARN: STS AssumeRoleWithWebIdentity: HTTP status 302");
    unlink(path.p);
}

static void sts_is_asked_again_after_what_passes(void **state) {
    struct str path = temp_file("abcd");
    (void)state;
    EXPECT({.request = STS_URL,
            .proxy_allowed = true,
            .status = 400,
            .reply = STS_ERROR("IDPCommunicationError")},
           {.request = STS_URL, .proxy_allowed = true, .status = 503},
           {.request = STS_URL,
            .proxy_allowed = true,
            .status = 200,
            .reply = STS_OK("AssumeRoleWithWebIdentity")},
           {.request = STS_URL, .proxy_allowed = true, .status = 0},
           {.request = STS_URL,
            .proxy_allowed = true,
            .status = 400,
            .reply = STS_ERROR("Throttling")},
           {.request = STS_URL,
            .proxy_allowed = true,
            .status = 400,
            .reply = STS_ERROR("IDPCommunicationError")});
    fetch(web_identity(path));
    fake_advance(loop, 20000);
    fake_advance(loop, 20000);
    assert_got("ASIA");
    fetch(web_identity(path));
    fake_advance(loop, 20000);
    fake_advance(loop, 20000);
    assert_failed("web identity of AWS_ROLE_ARN: STS AssumeRoleWithWebIdentity: "
                  "IDPCommunicationError");
    unlink(path.p);
}

static struct aws_credentials_source *keys(const char *token) {
    static const char *const names[] = {"a", "b", "c"};
    struct aws_credentials c;
    assert_null(aws_credentials_init(&c, arena, names, STR("AKIDEXAMPLE"),
                                     STR("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), str_c(token),
                                     AWS_CREDENTIALS_NEVER));
    return aws_source_fixed(arena, &c);
}

/* The signatures are botocore's. */
static void assume_role_is_signed_with_the_sources_keys(void **state) {
    const struct sts_role role = {
        .arn = STR(ROLE),
        .session_name = STR("me@home"),
        .external_id = STR("x/y=z %"),
        .duration_s = 900,
    };
    struct aws_credentials_source *source;
    (void)state;
#define BODY                                                                                       \
    "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fgame" \
    "&RoleSessionName=me%40home&DurationSeconds=900&ExternalId=x%2Fy%3Dz%20%25"
#define SCOPE "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260801/eu-west-1/sts/aws4_request, "
    EXPECT(
        {.request = STS_URL,
         .body = BODY,
         .headers = {"X-Amz-Date: 20260801T120000Z", "!X-Amz-Security-Token",
                     "Authorization: " SCOPE "SignedHeaders=content-type;host;x-amz-date, "
                     "Signature=d3d76ae0e1ee0acbdb04fc5017718cd738df16e5f789a41bc9dda6fcd94ab2ef"},
         .proxy_allowed = true,
         .status = 200,
         .reply = STS_OK("AssumeRole")},
        {.request = STS_URL,
         .body = BODY,
         .headers = {"X-Amz-Security-Token: TOKEN",
                     "Authorization: " SCOPE
                     "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, "
                     "Signature=46458621438bfed1ce30891379ba0efb7b9823b5d4ea3c5cee62d62854e5da64"},
         .proxy_allowed = true,
         .status = 403,
         .reply = STS_ERROR("AccessDenied")});
    assert_null(aws_source_role(&plan, STR("role"), &role, keys(NULL), &source));
    fetch(source);
    assert_got("ASIA");
    assert_null(aws_source_role(&plan, STR("role"), &role, keys("TOKEN"), &source));
    fetch(source);
    assert_failed("role: STS AssumeRole: AccessDenied");
    assert_int_equal(got_err->code, RPC_PERMISSION_DENIED);
}

static void roles_can_be_chained_over_fetched_credentials(void **state) {
    const struct sts_role role = {.arn = STR(ROLE), .session_name = STR("me")};
    struct aws_credentials_source *container, *one, *two;
    (void)state;
    env.container_relative_uri = STR("/c");
    EXPECT({.request = "GET http://169.254.170.2/c",
            .status = 200,
            .reply = "{\"AccessKeyId\":\"ECS\",\"SecretAccessKey\":\"s\",\"Token\":\"from ecs\","
                     "\"Expiration\":\"" LATER "\"}"},
           {.request = "GET http://169.254.170.2/c",
            .status = 200,
            .reply = "{\"AccessKeyId\":\"ECS\",\"SecretAccessKey\":\"s\",\"Token\":\"ecs\","
                     "\"Expiration\":\"" LATER "\"}"},
           {.request = STS_URL,
            .headers = {"X-Amz-Security-Token: ecs"},
            .proxy_allowed = true,
            .status = 200,
            .reply = STS_OK("AssumeRole")},
           {.request = STS_URL,
            .headers = {"X-Amz-Security-Token: token"},
            .proxy_allowed = true,
            .status = 200,
            .reply = STS_OK("AssumeRole")},
           {.request = "GET http://169.254.170.2/c", .status = 500},
           {.request = "GET http://169.254.170.2/c", .status = 500},
           {.request = "GET http://169.254.170.2/c", .status = 500});
    assert_null(aws_source_container(&plan, &container));
    assert_null(aws_source_role(&plan, STR("one"), &role, container, &one));
    assert_null(aws_source_role(&plan, STR("two"), &role, one, &two));
    fetch(two); /* a token with a blank is none: the container is asked again */
    fake_advance(loop, 1000);
    assert_got("ASIA");
    fetch(two);
    fake_advance(loop, 1000);
    fake_advance(loop, 1000);
    assert_failed("two: one: container credentials: HTTP status 500");
}

static void sts_follows_region_and_endpoint_settings(void **state) {
    static const struct {
        const char *region, *all, *sts, *url;
    } table[] = {
        {"eu-west-1", "", "", "POST https://sts.eu-west-1.amazonaws.com/"},
        {"cn-north-1", "", "", "POST https://sts.cn-north-1.amazonaws.com.cn/"},
        {"", "", "", "POST https://sts.us-east-1.amazonaws.com/"},
        {"eu-west-1", "http://localhost:1", "", "POST http://localhost:1/"},
        {"eu-west-1", "http://localhost:1", "http://localhost:2/x", "POST http://localhost:2/x/"},
    };
    struct str path = temp_file("abcd");
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct fake_exchange e = {.request = table[i].url,
                                  .proxy_allowed = true,
                                  .status = 200,
                                  .reply = STS_OK("AssumeRoleWithWebIdentity")};
        env.region = str_c(table[i].region);
        env.endpoint_url = str_c(table[i].all);
        env.endpoint_url_sts = str_c(table[i].sts);
        plan.sts = NULL;
        fake_http_expect(http, &e, 1);
        fetch(web_identity(path));
        assert_got("ASIA");
    }
    unlink(path.p);
    struct aws_credentials_source *source;
    env.endpoint_url_sts = STR("localhost");
    plan.sts = NULL;
    assert_true(str_starts(aws_source_web_identity_env(&plan, &source)->msg,
                           STR("web identity of AWS_ROLE_ARN: STS: AWS_ENDPOINT_URL_STS must")));
}

static void xml_with_entities_or_without_end_is_refused(void **state) {
    struct sts_answer answer;
    (void)state;
    assert_str(sts_xml_parse(arena,
                             STR("<!DOCTYPE a [<!ENTITY x \"hush\">]><a><Credentials><AccessKeyId>"
                                 "&x;</AccessKeyId></Credentials></a>"),
                             &answer)
                   ->msg,
               "the answer has a document type");
    assert_str(sts_xml_parse(arena, STR(""), &answer)->msg, "the answer is no XML");
    assert_str(sts_xml_parse(arena, STR_NULL, &answer)->msg, "the answer is no XML");
    assert_str(sts_xml_parse(arena, STR("<a><b></a>"), &answer)->msg, "the answer is no XML");
    assert_str(sts_xml_parse(arena,
                             STR("<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a/></a></a></a>"
                                 "</a></a></a></a></a></a></a></a></a></a></a></a></a>"),
                             &answer)
                   ->msg,
               "the answer is nested too deeply");
    assert_null(sts_xml_parse(arena,
                              STR("<x:r xmlns:x='u'><x:Credentials><x:AccessKeyId> A&amp;B "
                                  "</x:AccessKeyId></x:Credentials></x:r>"),
                              &answer));
    assert_str(answer.access_key_id, "A&B");
}

static struct aws_credentials_source *role_from_keys(void) {
    const struct sts_role role = {.arn = STR(ROLE)};
    struct aws_credentials_source *source = NULL;
    assert_null(aws_source_role(&plan, STR("role"), &role, keys(NULL), &source));
    return source;
}

static void role_is_assumed_by_the_servers_clock_where_ours_is_off(void **state) {
    (void)state;
    EXPECT({.request = STS_URL,
            .proxy_allowed = true,
            .status = 403,
            .reply_header = "Date: Sun, 30 Aug 2037 13:36:00 GMT",
            .reply = STS_ERROR("SignatureDoesNotMatch")},
           {.request = STS_URL,
            .headers = {"X-Amz-Date: 20370830T1336*"},
            .proxy_allowed = true,
            .status = 200,
            .reply = STS_OK("AssumeRole")});
    fetch(role_from_keys());
    fake_advance(loop, 1000);
    assert_got("ASIA");
}

static void clock_is_left_alone_where_that_is_set(void **state) {
    (void)state;
    env.disable_skew_correction = STR("true");
    EXPECT({.request = STS_URL,
            .proxy_allowed = true,
            .status = 403,
            .reply_header = "Date: Sun, 30 Aug 2037 13:36:00 GMT",
            .reply = STS_ERROR("SignatureDoesNotMatch")});
    fetch(role_from_keys());
    fake_advance(loop, 1000);
    assert_int_equal(calls, 1);
    assert_non_null(got_err);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(web_identity_sends_the_files_token_unsigned_and_encoded),
        TEST(web_identity_settings_and_files_are_checked),
        TEST(sts_errors_are_decoded_and_their_text_kept_from_the_caller),
        TEST(role_is_assumed_by_the_servers_clock_where_ours_is_off),
        TEST(clock_is_left_alone_where_that_is_set),
        TEST(sts_is_asked_again_after_what_passes),
        TEST(assume_role_is_signed_with_the_sources_keys),
        TEST(roles_can_be_chained_over_fetched_credentials),
        TEST(sts_follows_region_and_endpoint_settings),
        TEST(xml_with_entities_or_without_end_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
