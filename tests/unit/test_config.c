// SPDX-License-Identifier: Apache-2.0
/* Settings from the environment: defaults, ranges, what is said about a wrong one, and secrets. */
#include "unit/unit.h"

#include "base/obj.h"
#include "config.h"

#include <stdlib.h>

static struct arena *arena;
static struct config config;

static const char *const required[][2] = {
    {"AB_BASE_URL", "https://studio-game.example.test"},
    {"AB_CLIENT_ID", "client-1"},
    {"AB_CLIENT_SECRET", "hush-ab"},
    {"AB_NAMESPACE", "studio-game"},
};

static void good_environment(void) {
    assert_int_equal(clearenv(), 0);
    for (size_t i = 0; i < ARRAY_LEN(required); i++)
        setenv(required[i][0], required[i][1], 1);
    setenv("AWS_REGION", "us-east-1", 1);
}

static int set_up(void **state) {
    (void)state;
    arena = arena_new(ARENA_LIMIT_DEFAULT);
    memset(&config, 0, sizeof config);
    good_environment();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    config_clear(&config);
    arena_free(arena);
    return 0;
}

static void load(void) {
    config_clear(&config);
    struct err *err = config_load(arena, &config);
    if (err != NULL)
        fail_msg("%s", err->msg.p);
}

/* Loads with one more variable, which must be refused; gives the message. */
static const char *refused(const char *name, const char *value) {
    good_environment();
    if (value == NULL)
        unsetenv(name);
    else
        setenv(name, value, 1);
    config_clear(&config);
    struct err *err = config_load(arena, &config);
    if (err == NULL)
        fail_msg("%s=%s was taken", name, value);
    assert_int_equal(err->code, RPC_INVALID_ARGUMENT);
    assert_str(err->field, name);
    assert_non_null(strstr(err->msg.p, name));
    assert_null(strchr(err->msg.p, '\n'));
    return err->msg.p;
}

/* What config_print or config_help writes. */
static const char *printed(bool help) {
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    assert_non_null(out);
    if (help)
        config_help(out);
    else
        config_print(out, &config);
    fclose(out);
    struct str copy = arena_str(arena, str_n(text, n));
    free(text);
    return copy.p;
}

/* ---- values ---- */

static void what_is_unset_or_empty_has_its_default(void **state) {
    (void)state;
    for (int empty = 0; empty < 2; empty++) {
        if (empty) {
            good_environment();
            setenv("GRPC_PORT", "", 1);
            setenv("LOG_LEVEL", "", 1);
            setenv("AWS_USE_FIPS_ENDPOINT", "", 1);
            setenv("AWS_ALIAS_ID_OVERRIDE", "", 1);
        }
        load();
        assert_int_equal(config.grpc_port, 6565);
        assert_int_equal(config.metrics_port, 8080);
        assert_int_equal(config.log_level, LOG_LEVEL_INFO);
        assert_int_equal(config.shutdown_grace_s, 20);
        assert_int_equal(config.request_timeout_ms, 30000);
        assert_int_equal(config.aws_max_attempts, 3);
        assert_false(config.gamelift_wait_active);
        assert_null(config.aws_alias_id_override.p);
        assert_null(config.aws_ca_bundle.p);
        assert_str(config.gamelift_termination_mode, "TRIGGER_ON_PROCESS_TERMINATE");
    }
}

static void values_are_taken_as_they_are(void **state) {
    (void)state;
    setenv("GRPC_PORT", "0", 1);
    setenv("METRICS_PORT", "65535", 1);
    setenv("LOG_LEVEL", "Warning", 1);
    setenv("GAMELIFT_WAIT_ACTIVE", "TRUE", 1);
    setenv("GAMELIFT_TERMINATION_MODE", "FORCE_TERMINATE", 1);
    setenv("AWS_ALIAS_ID_OVERRIDE", "alias-\xC3\xA9", 1);
    setenv("AWS_MAX_ATTEMPTS", "10", 1);
    setenv("AB_BASE_URL", "http://127.0.0.1:8000/base//", 1);
    load();
    assert_int_equal(config.grpc_port, 0);
    assert_int_equal(config.metrics_port, 65535);
    assert_int_equal(config.log_level, LOG_LEVEL_WARN);
    assert_true(config.gamelift_wait_active);
    assert_str(config.gamelift_termination_mode, "FORCE_TERMINATE");
    assert_str(config.aws_alias_id_override, "alias-\xC3\xA9");
    assert_int_equal(config.aws_max_attempts, 10);
    assert_str(config.ab_base_url, "http://127.0.0.1:8000/base");
    assert_str(config.ab_client_id, "client-1");
    assert_str(config.ab_namespace, "studio-game");
}

static void texts_outlive_the_environment(void **state) {
    (void)state;
    load();
    clearenv();
    setenv("AB_NAMESPACE", "another", 1);
    assert_str(config.ab_namespace, "studio-game");
}

/* ---- what is wrong ---- */

static void a_required_one_that_is_missing_is_named_with_a_remedy(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(required); i++) {
        assert_non_null(strstr(refused(required[i][0], NULL), "is not set: "));
        assert_non_null(strstr(refused(required[i][0], ""), "set it to "));
    }
}

static void a_wrong_value_is_refused_with_what_would_be_right(void **state) {
    (void)state;
    static const struct {
        const char *name;
        const char *value;
        const char *says;
    } rows[] = {
        {"GRPC_PORT", "eighty", "a whole number from 0 to 65535"},
        {"GRPC_PORT", "-1", "a whole number from 0 to 65535"},
        {"GRPC_PORT", "65536", "a whole number from 0 to 65535"},
        {"GRPC_PORT", " 80", "a whole number"},
        {"GRPC_PORT", "80 ", "a whole number"},
        {"GRPC_PORT", "0x50", "a whole number"},
        {"GRPC_PORT", "8e1", "a whole number"},
        {"GRPC_PORT", "99999999999999999999", "a whole number"},
        {"GRPC_PORT", "4294967297", "a whole number"},
        {"REQUEST_TIMEOUT_MS", "0", "from 1 to"},
        {"AWS_MAX_ATTEMPTS", "0", "from 1 to 10"},
        {"AWS_MAX_ATTEMPTS", "11", "from 1 to 10"},
        {"LOG_LEVEL", "loud", "debug, info, warn, error or off"},
        {"GAMELIFT_WAIT_ACTIVE", "yes", "true or false"},
        {"GAMELIFT_WAIT_ACTIVE", "1", "true or false"},
        {"GAMELIFT_TERMINATION_MODE", "force_terminate", "FORCE_TERMINATE"},
        {"AB_NAMESPACE", "a\tb", "a control character"},
        {"AB_NAMESPACE", "a\n", "a control character"},
        {"AB_NAMESPACE", "a\x7F", "a control character"},
        {"AB_NAMESPACE", "a\xFF", "not UTF-8"},
        {"AB_BASE_URL", "demo.example.test", "must begin with https://"},
        {"AB_BASE_URL", "ftp://example.test", "must begin with https://"},
        {"AB_BASE_URL", "HTTPS//example.test", "must begin with https://"},
        {"AB_BASE_URL", "https://", "a plain URL"},
        {"AB_BASE_URL", "http:///", "a plain URL"},
        {"AB_BASE_URL", "https://user:pw@example.test", "a plain URL"},
        {"AB_BASE_URL", "https://example.test/?a=b", "a plain URL"},
        {"AB_BASE_URL", "https://example.test/#a", "a plain URL"},
        {"AB_BASE_URL", "https://exam ple.test", "a plain URL"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *message = refused(rows[i].name, rows[i].value);
        if (strstr(message, rows[i].says) == NULL)
            fail_msg("%s=%s: %s", rows[i].name, rows[i].value, message);
    }
}

/* ---- secrets ---- */

static void a_secret_leaves_the_environment(void **state) {
    (void)state;
    const char *in_environment = getenv("AB_CLIENT_SECRET");
    load();
    assert_str(secret_reveal(&config.ab_client_secret), "hush-ab");
    assert_string_equal(in_environment, "");
    assert_string_equal(getenv("AB_CLIENT_SECRET"), "");
    config_clear(&config);
    assert_false(secret_present(&config.ab_client_secret));
}

static void a_wrong_secret_is_not_repeated(void **state) {
    (void)state;
    const char *message = refused("AB_CLIENT_SECRET", "hush\n");
    assert_null(strstr(message, "hush"));
    assert_non_null(strstr(message, "line end"));
}

static void printing_shows_what_is_in_force_but_no_secret(void **state) {
    (void)state;
    setenv("AWS_SECRET_ACCESS_KEY", "hush-aws", 1);
    setenv("AWS_SESSION_TOKEN", "hush-token", 1);
    setenv("GRPC_PORT", "7000", 1);
    setenv("LOG_LEVEL", "WARNING", 1);
    load();
    const char *text = printed(false);
    assert_null(strstr(text, "hush"));
    assert_non_null(strstr(text, "AB_CLIENT_SECRET=***\n"));
    assert_non_null(strstr(text, "AWS_SECRET_ACCESS_KEY=***\n"));
    assert_non_null(strstr(text, "GRPC_PORT=7000\n"));
    assert_non_null(strstr(text, "LOG_LEVEL=warn\n"));
    assert_non_null(strstr(text, "METRICS_PORT=8080\n"));
    assert_non_null(strstr(text, "AWS_REGION=us-east-1\n"));
    assert_non_null(strstr(text, "AWS_ALIAS_ID_OVERRIDE=\n"));
    assert_non_null(strstr(text, "GAMELIFT_WAIT_ACTIVE=false\n"));
}

static void an_absent_secret_prints_as_nothing(void **state) {
    (void)state;
    load();
    assert_non_null(strstr(printed(false), "AWS_SESSION_TOKEN=\n"));
}

/* ---- the table ---- */

static void help_and_print_name_the_same_variables(void **state) {
    (void)state;
    load();
    struct str help = str_c(printed(true));
    struct str print = str_c(printed(false));
    int n = 0;
    while (print.n > 0) {
        struct str line = str_sub(print, 0, str_find(print, '\n'));
        struct str name = str_sub(line, 0, str_find(line, '='));
        struct str entry = arena_printf(arena, "  " STR_FMT " ", STR_ARG(name));
        if (strstr(help.p, entry.p) == NULL)
            fail_msg(STR_FMT " is not in the help", STR_ARG(name));
        print = str_from(print, line.n + 1);
        n++;
    }
    assert_true(n > 20);
    assert_non_null(strstr(help.p, "GRPC_PORT"));
    assert_non_null(strstr(help.p, "(0 to 65535; default 6565)"));
    assert_non_null(strstr(help.p, "(required)"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_is_unset_or_empty_has_its_default),
        TEST(values_are_taken_as_they_are),
        TEST(texts_outlive_the_environment),
        TEST(a_required_one_that_is_missing_is_named_with_a_remedy),
        TEST(a_wrong_value_is_refused_with_what_would_be_right),
        TEST(a_secret_leaves_the_environment),
        TEST(a_wrong_secret_is_not_repeated),
        TEST(printing_shows_what_is_in_force_but_no_secret),
        TEST(an_absent_secret_prints_as_nothing),
        TEST(help_and_print_name_the_same_variables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
