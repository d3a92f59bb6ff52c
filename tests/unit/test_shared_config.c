// SPDX-License-Identifier: Apache-2.0
/* The shared config and credentials files, and what region and endpoints they give. */
#include "aws/region.h"
#include "aws/shared_config.h"
#include "base/obj.h"
#include "unit.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct arena *arena;
static struct shared_config *config;

static int set_up(void **state) {
    (void)state;
    arena = arena_new(ARENA_LIMIT_DEFAULT);
    config = NULL;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    shared_config_free(config);
    arena_free(arena);
    return 0;
}

static struct err *try_parse(struct str text, struct str credentials) {
    const struct shared_config_text first = {text, "config"};
    const struct shared_config_text second = {credentials, "credentials"};
    return shared_config_parse(arena, &first, &second, &config);
}

static void parse(const char *text, const char *credentials) {
    struct err *err = try_parse(str_c(text), str_c(credentials));
    if (err != NULL)
        fail_msg("refused: " STR_FMT, STR_ARG(err->msg));
}

static void assert_refused(const char *text, const char *message) {
    struct err *err = try_parse(str_c(text), STR_NULL);
    assert_non_null(err);
    assert_null(config);
    assert_str(err->msg, message);
}

static struct str get(const char *profile, const char *key) {
    return shared_config_lookup(config, str_c(profile), key);
}

/* ---- the format ---- */

static void profiles_are_named_as_each_file_has_it(void **state) {
    (void)state;
    parse("[default]\nregion = a\n"
          "[profile game]\nregion = b\n"
          "[profile \"two words\"]\nregion = c\n"
          "[ profile\tx ] # comment\nregion = d\n"
          "[bare]\nregion = no\n"
          "[profile a b]\nregion = no\n"
          "[sso-session s]\nregion = no\n"
          "[profile 'q]']\nregion = e\n",
          "[plain]\nregion = f\n[profile odd]\nregion = g\n[\"quoted\"]\nregion = h\n");
    assert_str(get("default", "region"), "a");
    assert_str(get("game", "region"), "b");
    assert_str(get("two words", "region"), "c");
    assert_str(get("x", "region"), "d");
    assert_str(get("q]", "region"), "e");
    assert_str(get("plain", "region"), "f");
    assert_str(get("profile odd", "region"), "g");
    assert_str(get("quoted", "region"), "h");
    assert_false(shared_config_has_profile(config, STR("bare")));
    assert_false(shared_config_has_profile(config, STR("a")));
    assert_false(shared_config_has_profile(config, STR("s")));
    assert_true(shared_config_has_profile(config, STR("game")));
    assert_null(get("game", "absent").p);
    assert_null(get("absent", "region").p);
}

static void an_empty_section_is_a_profile(void **state) {
    (void)state;
    parse("[profile empty]\n", NULL);
    assert_true(shared_config_has_profile(config, STR("empty")));
    assert_false(shared_config_has_profile(NULL, STR("empty")));
    assert_null(shared_config_lookup(NULL, STR("empty"), "region").p);
}

static void comments_blanks_line_ends_and_delimiters_are_tolerated(void **state) {
    (void)state;
    parse("\xEF\xBB\xBF# first\r\n"
          "[default]\r\n"
          "; comment\r\n"
          "\r\n"
          "REGION=eu-west-1\r\n"
          "output :\tjson   \r\n"
          "role_arn = arn:aws:iam::1:role/a # why\r\n"
          "external_id = a#b;c\r\n"
          "source_profile = x ; why\r\n"
          "credential_process = run \"a #b\" ;c\r\n"
          "empty =   # nothing\r\n"
          "last = no line end",
          NULL);
    assert_str(get("default", "region"), "eu-west-1");
    assert_str(get("default", "output"), "json");
    assert_str(get("default", "role_arn"), "arn:aws:iam::1:role/a");
    assert_str(get("default", "external_id"), "a#b;c");
    assert_str(get("default", "source_profile"), "x");
    assert_str(get("default", "credential_process"), "run \"a #b\" ;c");
    assert_null(get("default", "empty").p);
    assert_str(get("default", "last"), "no line end");
}

static void a_section_that_is_indented_as_a_whole_is_read(void **state) {
    (void)state;
    parse("[default]\n  region = a\n  output = json\n\n  s3 =\n    style = path\n  last = z\n"
          "[profile b]\n\tregion = c\n",
          NULL);
    assert_str(get("default", "region"), "a");
    assert_str(get("default", "output"), "json");
    assert_str(get("default", "last"), "z");
    assert_null(get("default", "style").p);
    assert_str(get("b", "region"), "c");
}

static void nested_keys_are_not_the_profiles_own(void **state) {
    (void)state;
    parse("[default]\ns3 =\n  region = wrong\n  endpoint_url = wrong\nregion = right\n", NULL);
    assert_str(get("default", "region"), "right");
    assert_null(get("default", "endpoint_url").p);
}

static void a_deeper_line_continues_a_value(void **state) {
    (void)state;
    parse("[default]\nregion = a\n  b\nkey = c\n", NULL);
    assert_str(get("default", "region"), "a\n  b");
    assert_str(get("default", "key"), "c");
}

static void the_last_one_counts_and_sections_merge(void **state) {
    (void)state;
    parse("[default]\nregion = a\nregion = b\n[profile x]\nk = 1\n[default]\noutput = text\n",
          NULL);
    assert_str(get("default", "region"), "b");
    assert_str(get("default", "output"), "text");
}

static void the_credentials_file_wins(void **state) {
    (void)state;
    parse("[profile a]\nregion = from-config\noutput = json\n[default]\nregion = d\n",
          "[a]\nregion = from-credentials\n[b]\nregion = e\n");
    assert_str(get("a", "region"), "from-credentials");
    assert_str(get("a", "output"), "json");
    assert_str(get("default", "region"), "d");
    assert_str(get("b", "region"), "e");
    assert_str(shared_config_lookup_in(config, SHARED_CONFIG_CONFIG, STR("a"), "region"),
               "from-config");
    assert_null(shared_config_lookup_in(config, SHARED_CONFIG_CREDENTIALS, STR("a"), "output").p);
}

static void values_of_many_kilobytes_are_whole(void **state) {
    enum { SIZE = 200000 };
    char *text = arena_alloc(arena, SIZE + 100);
    (void)state;
    strcpy(text, "[default]\naws_session_token = ");
    size_t start = strlen(text);
    memset(text + start, 'x', SIZE);
    strcpy(text + start + SIZE, "\nregion = a\n");
    parse(text, NULL);
    assert_int_equal(get("default", "aws_session_token").n, SIZE);
    assert_str(get("default", "region"), "a");
}

static void what_cannot_be_read_is_refused_with_its_line_and_not_its_content(void **state) {
    (void)state;
    assert_refused("[default]\n\nhush\n",
                   "config, line 3: neither a [section] nor a \"key = value\"");
    assert_refused("[default\nregion = a\n", "config, line 1: a section has no closing bracket");
    assert_refused("hush = 1\n", "config, line 1: a key stands before the first section");
    assert_refused("[a]\n= hush\n", "config, line 2: neither a [section] nor a \"key = value\"");
    assert_refused("[a]\nk =\n  hush\n", "config, line 3: a nested line is no \"key = value\"");
    struct err *err = try_parse(str_n("[a]\0", 4), STR_NULL);
    assert_str(err->msg, "config is no text: it holds a NUL byte");
}

static void too_much_is_refused(void **state) {
    char *text = arena_alloc(arena, SHARED_CONFIG_MAX + 1);
    (void)state;
    memset(text, '\n', SHARED_CONFIG_MAX + 1);
    assert_null(try_parse(str_n(text, SHARED_CONFIG_MAX), STR_NULL));
    shared_config_free(config);
    config = NULL;
    struct err *err = try_parse(str_n(text, SHARED_CONFIG_MAX + 1), STR_NULL);
    assert_str(err->msg, "config is larger than 1048576 bytes");
    memcpy(text, "[a]\n", 4);
    for (size_t i = 4; i + 4 <= SHARED_CONFIG_MAX; i += 4)
        memcpy(text + i, "k=v\n", 4);
    err = try_parse(str_n(text, SHARED_CONFIG_MAX), STR_NULL);
    assert_str(err->msg, "config, line 10001: too many keys");
}

/* ---- services ---- */

static const char services[] = "[default]\nservices = local\n"
                               "[profile lost]\nservices = gone\n"
                               "[services local]\n"
                               "gamelift =\n"
                               "  endpoint_url = http://localhost:4566\n"
                               "sts=\n"
                               "\tother = x\n";

static void a_services_section_gives_endpoints(void **state) {
    struct str url;
    (void)state;
    parse(services, NULL);
    assert_null(
        shared_config_service(config, arena, STR("default"), "gamelift", "endpoint_url", &url));
    assert_str(url, "http://localhost:4566");
    assert_null(shared_config_service(config, arena, STR("default"), "sts", "endpoint_url", &url));
    assert_null(url.p);
    assert_null(shared_config_service(config, arena, STR("no"), "sts", "endpoint_url", &url));
    assert_null(url.p);
}

static void a_missing_services_section_is_an_error(void **state) {
    struct str url;
    (void)state;
    parse(services, NULL);
    struct err *err =
        shared_config_service(config, arena, STR("lost"), "gamelift", "endpoint_url", &url);
    assert_str(err->msg, "the AWS profile \"lost\" names the services section \"gone\", which is "
                         "not in the AWS config file");
}

/* ---- region and endpoints ---- */

static void the_region_comes_from_the_environment_first(void **state) {
    struct aws_environment env = {.region = STR("one"), .default_region = STR("two")};
    (void)state;
    parse("[default]\nregion = three\n[profile p]\nregion = four\n", NULL);
    assert_str(aws_region_find(&env, config), "one");
    env.region = STR("");
    assert_str(aws_region_find(&env, config), "two");
    env.default_region = STR_NULL;
    assert_str(aws_region_find(&env, config), "three");
    env.default_profile = STR("p");
    assert_str(aws_region_find(&env, config), "four");
    env.profile = STR("none");
    assert_null(aws_region_find(&env, config).p);
    assert_null(aws_region_find(&env, NULL).p);
}

static struct endpoint_settings settings_of(const struct aws_environment *env,
                                            const char *service) {
    struct endpoint_settings s;
    struct err *err = aws_endpoint_settings(arena, env, config, str_c(service), STR("r"), &s);
    if (err != NULL)
        fail_msg("refused: " STR_FMT, STR_ARG(err->msg));
    return s;
}

static void the_environments_endpoints_beat_the_files(void **state) {
    struct aws_environment env = {
        .endpoint_url = STR("http://all"),
        .endpoint_url_gamelift = STR("http://gamelift"),
        .endpoint_url_sts = STR("http://sts"),
    };
    (void)state;
    parse("[default]\nservices = local\nendpoint_url = http://profile\n[services local]\n"
          "gamelift =\n  endpoint_url = http://section\n",
          NULL);
    assert_str(settings_of(&env, "gamelift").service_url, "http://gamelift");
    assert_str(settings_of(&env, "sts").service_url, "http://sts");
    env.endpoint_url_gamelift = env.endpoint_url_sts = STR_NULL;
    struct endpoint_settings s = settings_of(&env, "gamelift");
    assert_null(s.service_url.p); /* the general variable beats the section */
    assert_str(s.url, "http://all");
    env.endpoint_url = STR_NULL;
    s = settings_of(&env, "gamelift");
    assert_str(s.service_url, "http://section");
    assert_str(s.url, "http://profile");
    s = settings_of(&env, "sts");
    assert_null(s.service_url.p);
    assert_str(s.url, "http://profile");
    env.ignore_configured_endpoint_urls = STR("TRUE");
    assert_true(settings_of(&env, "sts").ignore_urls);
}

static void switches_come_from_either_and_must_be_true_or_false(void **state) {
    struct aws_environment env = {.use_fips_endpoint = STR("False")};
    struct endpoint_settings s;
    (void)state;
    parse("[default]\nuse_fips_endpoint = true\nuse_dualstack_endpoint = true\n", NULL);
    s = settings_of(&env, "sts");
    assert_false(s.use_fips);
    assert_true(s.use_dualstack);
    env.use_fips_endpoint = STR("yes");
    struct err *err = aws_endpoint_settings(arena, &env, config, STR("sts"), STR("r"), &s);
    assert_str(err->msg, "AWS_USE_FIPS_ENDPOINT must be true or false");
}

/* ---- files ---- */

static char *make_dir(void) {
    static char dir[] = "/tmp/shared-config-XXXXXX";
    strcpy(dir, "/tmp/shared-config-XXXXXX");
    assert_non_null(mkdtemp(dir));
    return dir;
}

static struct str write_file(const char *dir, const char *name, const char *text) {
    struct str path = arena_printf(arena, "%s/%s", dir, name);
    FILE *f = fopen(path.p, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    return path;
}

static void files_are_found_in_the_home_directory(void **state) {
    char *dir = make_dir();
    (void)state;
    struct str aws = arena_printf(arena, "%s/.aws", dir);
    assert_int_equal(mkdir(aws.p, 0700), 0);
    struct str one = write_file(aws.p, "config", "[default]\nregion = a\n");
    struct str two = write_file(aws.p, "credentials", "[default]\naws_access_key_id = AK\n");
    struct str three = write_file(dir, "other", "[default]\nregion = b\n");
    struct aws_environment env = {.home = str_c(dir)};
    assert_null(shared_config_load(arena, &env, &config));
    assert_str(get("default", "region"), "a");
    assert_str(get("default", "aws_access_key_id"), "AK");
    shared_config_free(config);
    env.config_file = STR("~/other");
    assert_null(shared_config_load(arena, &env, &config));
    assert_str(get("default", "region"), "b");
    unlink(one.p);
    unlink(two.p);
    unlink(three.p);
    rmdir(aws.p);
    rmdir(dir);
}

static void files_that_are_not_there_are_empty(void **state) {
    struct aws_environment env = {.home = STR("/nowhere")};
    (void)state;
    assert_null(shared_config_load(arena, &env, &config));
    assert_false(shared_config_has_profile(config, STR("default")));
    shared_config_free(config);
    env = (struct aws_environment){.config_file = STR("/nowhere/c")};
    assert_null(shared_config_load(arena, &env, &config));
    shared_config_free(config);
    env = (struct aws_environment){.home = STR_NULL};
    assert_null(shared_config_load(arena, &env, &config));
}

static void a_file_that_is_none_is_an_error_naming_it(void **state) {
    struct aws_environment env = {.config_file = STR("/tmp")};
    (void)state;
    struct err *err = shared_config_load(arena, &env, &config);
    assert_str(err->msg, "the AWS config file: cannot read /tmp: it is not a regular file");
    env.config_file = STR("/dev/zero");
    err = shared_config_load(arena, &env, &config);
    assert_str(err->msg, "the AWS config file: cannot read /dev/zero: it is not a regular file");
}

static void the_environment_is_read_and_its_secrets_taken_out(void **state) {
    struct aws_environment env;
    (void)state;
    setenv("AWS_ACCESS_KEY_ID", "AK", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "hush", 1);
    setenv("AWS_SESSION_TOKEN", "", 1);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "token", 1);
    setenv("AWS_PROFILE", "p", 1);
    aws_environment_load(arena, &env);
    assert_str(env.access_key_id, "AK");
    assert_str(secret_reveal(&env.secret_access_key), "hush");
    assert_str(secret_reveal(&env.container_token), "token");
    assert_false(secret_present(&env.session_token));
    assert_str(aws_profile_name(&env), "p");
    assert_true(aws_profile_is_named(&env));
    assert_null(getenv("AWS_SECRET_ACCESS_KEY"));
    assert_null(getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN"));
    assert_null(env.region.p);
    aws_environment_clear(&env);
    assert_false(secret_present(&env.secret_access_key));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(profiles_are_named_as_each_file_has_it),
        TEST(an_empty_section_is_a_profile),
        TEST(comments_blanks_line_ends_and_delimiters_are_tolerated),
        TEST(a_section_that_is_indented_as_a_whole_is_read),
        TEST(nested_keys_are_not_the_profiles_own),
        TEST(a_deeper_line_continues_a_value),
        TEST(the_last_one_counts_and_sections_merge),
        TEST(the_credentials_file_wins),
        TEST(values_of_many_kilobytes_are_whole),
        TEST(what_cannot_be_read_is_refused_with_its_line_and_not_its_content),
        TEST(too_much_is_refused),
        TEST(a_services_section_gives_endpoints),
        TEST(a_missing_services_section_is_an_error),
        TEST(the_region_comes_from_the_environment_first),
        TEST(the_environments_endpoints_beat_the_files),
        TEST(switches_come_from_either_and_must_be_true_or_false),
        TEST(files_are_found_in_the_home_directory),
        TEST(files_that_are_not_there_are_empty),
        TEST(a_file_that_is_none_is_an_error_naming_it),
        TEST(the_environment_is_read_and_its_secrets_taken_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
