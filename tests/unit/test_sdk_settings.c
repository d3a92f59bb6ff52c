// SPDX-License-Identifier: Apache-2.0
/* What the AWS SDKs read of retries, clocks and how a client calls itself. */
#include "aws/sdk_settings.h"
#include "unit.h"

static struct arena *arena;
static struct aws_environment env;
static struct shared_config *files;
static struct aws_sdk_settings got;

static int set_up(void **state) {
    (void)state;
    arena = arena_new(ARENA_LIMIT_DEFAULT);
    env = (struct aws_environment){.home = STR_NULL};
    files = NULL;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    shared_config_free(files);
    arena_free(arena);
    return 0;
}

static void profile(const char *text) {
    const struct shared_config_text config = {.name = "config", .text = str_c(text)};
    shared_config_free(files);
    assert_null(shared_config_parse(arena, &config, NULL, &files));
}

static struct err *read_settings(void) {
    return aws_sdk_settings(arena, &env, files, 3, &got);
}

static void assert_ok(void) {
    struct err *err = read_settings();
    if (err != NULL)
        fail_msg("%s", err->msg.p);
}

static void assert_refused(const char *field, const char *words) {
    struct err *err = read_settings();
    assert_non_null(err);
    assert_int_equal(err->code, RPC_INVALID_ARGUMENT);
    assert_str(err->field, field);
    if (strstr(err->msg.p, words) == NULL)
        fail_msg("%s", err->msg.p);
}

static void standard_is_the_only_retry_mode(void **state) {
    (void)state;
    assert_ok();
    assert_true(str_empty(got.other_mode));
    env.retry_mode = STR("Standard");
    assert_ok();
    assert_true(str_empty(got.other_mode));
    env.retry_mode = STR("adaptive");
    assert_ok();
    assert_str(got.other_mode, "adaptive");
    env.retry_mode = STR("often");
    assert_refused("AWS_RETRY_MODE", "must be standard");
    env.retry_mode = STR_NULL;
    profile("[default]\nretry_mode = legacy\n");
    assert_ok();
    assert_str(got.other_mode, "legacy");
    profile("[default]\nretry_mode = never\n");
    assert_refused("retry_mode", "must be standard");
    env.retry_mode = STR("standard"); /* the environment comes first */
    assert_ok();
    assert_true(str_empty(got.other_mode));
}

static void attempts_are_the_environments_before_the_profiles(void **state) {
    static const char *const bad[] = {"0", "11", "-1", "many", "3x", "99999999999999999999", "1.5"};
    (void)state;
    assert_ok();
    assert_int_equal(got.max_attempts, 3);
    profile("[default]\nmax_attempts = 7\n[profile other]\nmax_attempts=10\n");
    assert_ok();
    assert_int_equal(got.max_attempts, 7);
    env.profile = STR("other");
    assert_ok();
    assert_int_equal(got.max_attempts, 10);
    env.max_attempts = STR("3");
    assert_ok();
    assert_int_equal(got.max_attempts, 3);
    env = (struct aws_environment){.home = STR_NULL};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        profile(arena_printf(arena, "[default]\nmax_attempts = %s\n", bad[i]).p);
        assert_refused("max_attempts", "of the AWS profile must be a number from 1 to 10");
    }
}

static void clock_correction_can_be_switched_off(void **state) {
    (void)state;
    assert_ok();
    assert_false(got.without_skew);
    env.disable_skew_correction = STR("TRUE");
    assert_ok();
    assert_true(got.without_skew);
    env.disable_skew_correction = STR("yes");
    assert_refused("AWS_DISABLE_CLOCK_SKEW_CORRECTION", "must be true or false");
    env.disable_skew_correction = STR_NULL;
    profile("[default]\ndisable_clock_skew_correction = true\n");
    assert_ok();
    assert_true(got.without_skew);
}

static struct str agent_with(struct str execution_env, struct str credentials, bool overridden) {
    const struct aws_user_agent agent = {
        .product = STR("session-dsm/1"),
        .execution_env = execution_env,
        .app_id = got.app_id,
        .credentials = credentials,
        .overridden = overridden,
    };
    return aws_user_agent(arena, &agent);
}

static void assert_ends(struct str agent, const char *words) {
    if (!str_ends(agent, str_c(words)))
        fail_msg("%s does not end in %s", agent.p, words);
}

static void client_calls_itself_as_an_sdk_does(void **state) {
    (void)state;
    assert_ok();
    struct str agent = agent_with(STR_NULL, STR_NULL, false);
    assert_true(str_starts(agent, STR("session-dsm/1 ua/2.1 os/linux#")));
    assert_non_null(strstr(agent.p, " md/arch#"));
    assert_ends(agent, " lang/c api/gamelift m/E cfg/retry-mode#standard");
    env.app_id = STR("my app/1\r\nX: y");
    assert_ok();
    assert_ends(agent_with(STR("AWS_ECS_FARGATE"), STR("z"), true),
                " api/gamelift exec-env/AWS_ECS_FARGATE m/E,N,z cfg/retry-mode#standard "
                "app/my-app-1--X--y");
    assert_ends(agent_with(STR_NULL, STR("oni"), false),
                " m/E,o,n,i cfg/retry-mode#standard app/my-app-1--X--y");
}

static void application_name_is_limited(void **state) {
    (void)state;
    profile("[default]\nsdk_ua_app_id = studio\n");
    assert_ok();
    assert_str(got.app_id, "studio");
    env.app_id = STR("12345678901234567890123456789012345678901234567890");
    assert_ok();
    env.app_id = STR("123456789012345678901234567890123456789012345678901");
    assert_refused("AWS_SDK_UA_APP_ID", "50 characters");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(standard_is_the_only_retry_mode),
        TEST(attempts_are_the_environments_before_the_profiles),
        TEST(clock_correction_can_be_switched_off),
        TEST(client_calls_itself_as_an_sdk_does),
        TEST(application_name_is_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
