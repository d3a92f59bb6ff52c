// SPDX-License-Identifier: Apache-2.0
/* OpenTelemetry's variables: defaults, what they choose, and that a wrong one stops nothing. */
#include "telemetry/trace_context.h"
#include "trace_variables.h"
#include "unit.h"

#include <stdlib.h>

static struct arena *arena;
static struct trace_settings s;

static void clean(void) {
    for (size_t i = 0; i < ARRAY_LEN(trace_variables); i++)
        unsetenv(trace_variables[i]);
    trace_settings_clear(&s);
    memset(&s, 0, sizeof s);
}

static int set_up(void **state) {
    (void)state;
    arena = arena_new(ARENA_LIMIT_DEFAULT);
    clean();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    clean();
    arena_free(arena);
    return 0;
}

/* Name and value by turns, NULL at the end. */
static void load(const char *const *pairs) {
    clean();
    for (; *pairs != NULL; pairs += 2)
        setenv(pairs[0], pairs[1], 1);
    trace_settings_load(arena, &s);
}
#define LOAD(...) load((const char *const[]){__VA_ARGS__, NULL})

static void assert_warned(const char *name) {
    assert_int_equal(s.warnings.n, 1);
    if (!str_starts(s.warnings.v[0], str_c(name)))
        fail_msg("warned of: " STR_FMT, STR_ARG(s.warnings.v[0]));
}

static void assert_defaults(void) {
    assert_str(s.service_name, "extend-app-session-dsm");
    assert_int_equal(s.n_resource, 2);
    assert_str(s.resource[0].key, "environment");
    assert_str(s.resource[0].value, "production");
    assert_str(s.resource[1].key, "ID");
    assert_str(s.resource[1].value, "1");
    assert_int_equal(s.propagators, TRACE_B3MULTI | TRACE_TRACECONTEXT | TRACE_BAGGAGE);
    assert_int_equal(s.sampler, TRACE_SAMPLER_ON);
    assert_true(s.parent_based);
    assert_int_equal(s.delay_ms, 1000);
    assert_int_equal(s.timeout_ms, 10000);
    assert_int_equal(s.max_queue, 2048);
    assert_int_equal(s.max_batch, 512);
    assert_int_equal(s.value_limit, 4096);
    assert_int_equal(s.count_limit, 128);
    assert_false(secret_present(&s.headers));
}

static void without_variables_nothing_is_exported(void **state) {
    (void)state;
    LOAD(NULL);
    assert_defaults();
    assert_int_equal(s.exporter, TRACE_EXPORT_NONE);
    assert_null(s.endpoint.p);
    assert_int_equal(s.warnings.n, 0);
}

static void empty_is_unset(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(trace_variables); i++) {
        LOAD(trace_variables[i], "");
        assert_defaults();
        LOAD(trace_variables[i], "  ");
        assert_defaults();
        assert_int_equal(s.exporter, TRACE_EXPORT_NONE);
        assert_int_equal(s.warnings.n, 0);
    }
}

static void a_wrong_value_is_warned_about_and_changes_nothing(void **state) {
    static const struct {
        const char *name;
        const char *value;
    } rows[] = {
        {"OTEL_SDK_DISABLED", "1"},
        {"OTEL_SDK_DISABLED", "yes"},
        {"OTEL_RESOURCE_ATTRIBUTES", "nonsense"},
        {"OTEL_RESOURCE_ATTRIBUTES", "a=1,=2"},
        {"OTEL_RESOURCE_ATTRIBUTES", "a=%zz"},
        {"OTEL_RESOURCE_ATTRIBUTES", "a=%4"},
        {"OTEL_RESOURCE_ATTRIBUTES", "a=%ff"},
        {"OTEL_RESOURCE_ATTRIBUTES", "a=%0a"},
        {"OTEL_PROPAGATORS", "jaeger"},
        {"OTEL_PROPAGATORS", "b3,xray"},
        {"OTEL_TRACES_EXPORTER", "console"},
        {"OTEL_TRACES_EXPORTER", "zipkin,otlp"},
        {"OTEL_TRACES_SAMPLER", "jaeger_remote"},
        {"OTEL_TRACES_SAMPLER", "parentbased_"},
        {"OTEL_TRACES_SAMPLER_ARG", "half"},
        {"OTEL_TRACES_SAMPLER_ARG", "1.1"},
        {"OTEL_TRACES_SAMPLER_ARG", "-0.1"},
        {"OTEL_TRACES_SAMPLER_ARG", "nan"},
        {"OTEL_TRACES_SAMPLER_ARG", "0x1"},
        {"OTEL_TRACES_SAMPLER_ARG", "0.5 "
                                    "5"},
        {"OTEL_EXPORTER_ZIPKIN_ENDPOINT", "localhost:9411"},
        {"OTEL_EXPORTER_ZIPKIN_ENDPOINT", "ftp://localhost/"},
        {"OTEL_EXPORTER_ZIPKIN_ENDPOINT", "http://"},
        {"OTEL_EXPORTER_ZIPKIN_ENDPOINT", "http:///api"},
        {"OTEL_EXPORTER_ZIPKIN_ENDPOINT", "http://user:password@host/"},
        {"OTEL_EXPORTER_ZIPKIN_ENDPOINT", "http://host/\nx"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT", "host:4318"},
        {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://a b"},
        {"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"},
        {"OTEL_EXPORTER_OTLP_HEADERS", "nonsense"},
        {"OTEL_EXPORTER_OTLP_HEADERS", "a b=1"},
        {"OTEL_EXPORTER_OTLP_HEADERS", "a=%0d%0ax"},
        {"OTEL_EXPORTER_OTLP_HEADERS", "a=\xc3\xa9"},
        {"OTEL_EXPORTER_OTLP_TRACES_HEADERS", "(=1"},
        {"OTEL_EXPORTER_ZIPKIN_TIMEOUT", "0"},
        {"OTEL_EXPORTER_OTLP_TIMEOUT", "10s"},
        {"OTEL_BSP_SCHEDULE_DELAY", "-1"},
        {"OTEL_BSP_SCHEDULE_DELAY", "1.5"},
        {"OTEL_BSP_EXPORT_TIMEOUT", "600001"},
        {"OTEL_BSP_MAX_QUEUE_SIZE", "65537"},
        {"OTEL_BSP_MAX_QUEUE_SIZE", "99999999999999999999"},
        {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "many"},
        {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "-1"},
        {"OTEL_ATTRIBUTE_COUNT_LIMIT", "1e3"},
        {"OTEL_SERVICE_NAME", "a\x01"},
        {"OTEL_SERVICE_NAME", "\xff"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        LOAD(rows[i].name, rows[i].value);
        assert_warned(rows[i].name);
        /* The value may be a secret put in the wrong place. */
        assert_null(strstr(s.warnings.v[0].p, "password"));
        assert_defaults();
        assert_int_equal(s.exporter, TRACE_EXPORT_NONE);
    }
}

static void an_endpoint_switches_its_exporter_on(void **state) {
    static const struct {
        const char *env[7];
        enum trace_export exporter;
        const char *endpoint;
    } rows[] = {
        {{"OTEL_EXPORTER_ZIPKIN_ENDPOINT", "http://z:9411/api/v2/spans"},
         TRACE_EXPORT_ZIPKIN,
         "http://z:9411/api/v2/spans"},
        {{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318"},
         TRACE_EXPORT_OTLP,
         "http://c:4318/v1/traces"},
        {{"OTEL_EXPORTER_OTLP_ENDPOINT", "https://c/base/"},
         TRACE_EXPORT_OTLP,
         "https://c/base/v1/traces"},
        {{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://c/as/it/is"},
         TRACE_EXPORT_OTLP,
         "https://c/as/it/is"},
        {{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://c/as/it/is", "OTEL_EXPORTER_OTLP_ENDPOINT",
          "http://c:4318"},
         TRACE_EXPORT_OTLP,
         "https://c/as/it/is"},
        {{"OTEL_EXPORTER_ZIPKIN_ENDPOINT", "http://z/", "OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"},
         TRACE_EXPORT_ZIPKIN,
         "http://z/"},
        {{"OTEL_EXPORTER_ZIPKIN_ENDPOINT", "http://z/", "OTEL_EXPORTER_OTLP_ENDPOINT", "http://c",
          "OTEL_TRACES_EXPORTER", "OTLP"},
         TRACE_EXPORT_OTLP,
         "http://c/v1/traces"},
        {{"OTEL_EXPORTER_ZIPKIN_ENDPOINT", "http://z/", "OTEL_TRACES_EXPORTER", "none"},
         TRACE_EXPORT_NONE,
         NULL},
        {{"OTEL_EXPORTER_ZIPKIN_ENDPOINT", "http://z/", "OTEL_SDK_DISABLED", "True"},
         TRACE_EXPORT_NONE,
         NULL},
        {{"OTEL_EXPORTER_ZIPKIN_ENDPOINT", "http://z/", "OTEL_SDK_DISABLED", "false"},
         TRACE_EXPORT_ZIPKIN,
         "http://z/"},
        {{"OTEL_TRACES_EXPORTER", "zipkin"},
         TRACE_EXPORT_ZIPKIN,
         "http://localhost:9411/api/v2/spans"},
        {{"OTEL_TRACES_EXPORTER", "otlp"}, TRACE_EXPORT_OTLP, "http://localhost:4318/v1/traces"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        load(rows[i].env);
        assert_int_equal(s.exporter, rows[i].exporter);
        if (rows[i].endpoint == NULL)
            assert_null(s.endpoint.p);
        else
            assert_str(s.endpoint, rows[i].endpoint);
        assert_int_equal(s.warnings.n, 0);
    }
}

static void the_service_name_follows_the_rule_of_the_templates(void **state) {
    (void)state;
    LOAD("OTEL_SERVICE_NAME", "My-Session_DSM");
    assert_str(s.service_name, "extend-app-sd-my-session_dsm");
    LOAD("OTEL_RESOURCE_ATTRIBUTES", "service.name=as-it-is,team=%C3%A9quipe%20A, a = b ,c=");
    assert_str(s.service_name, "as-it-is");
    assert_int_equal(s.n_resource, 3);
    assert_str(s.resource[0].key, "team");
    assert_str(s.resource[0].value, "équipe A");
    assert_str(s.resource[1].value, "b");
    assert_str(s.resource[2].value, "");
    LOAD("OTEL_RESOURCE_ATTRIBUTES", "service.name=as-it-is,a=1,a=2", "OTEL_SERVICE_NAME", "wins");
    assert_str(s.service_name, "extend-app-sd-wins");
    assert_int_equal(s.n_resource, 1);
    assert_str(s.resource[0].value, "2");
}

static void samplers_go_by_their_names(void **state) {
    static const struct {
        const char *name;
        enum trace_sampler sampler;
        bool parent_based;
    } rows[] = {
        {"always_on", TRACE_SAMPLER_ON, false},
        {"always_off", TRACE_SAMPLER_OFF, false},
        {"traceidratio", TRACE_SAMPLER_RATIO, false},
        {"parentbased_always_on", TRACE_SAMPLER_ON, true},
        {"parentbased_always_off", TRACE_SAMPLER_OFF, true},
        {"parentbased_traceidratio", TRACE_SAMPLER_RATIO, true},
        {"ParentBased_TraceIdRatio", TRACE_SAMPLER_RATIO, true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        LOAD("OTEL_TRACES_SAMPLER", rows[i].name, "OTEL_TRACES_SAMPLER_ARG", "0.25");
        assert_int_equal(s.sampler, rows[i].sampler);
        assert_int_equal(s.parent_based, rows[i].parent_based);
        assert_true(s.ratio > 0.2499 && s.ratio < 0.2501);
        assert_int_equal(s.warnings.n, 0);
    }
}

static void propagators_are_a_list(void **state) {
    (void)state;
    LOAD("OTEL_PROPAGATORS", "B3, tracecontext");
    assert_int_equal(s.propagators, TRACE_B3 | TRACE_TRACECONTEXT);
    LOAD("OTEL_PROPAGATORS", "none");
    assert_int_equal(s.propagators, 0);
    LOAD("OTEL_PROPAGATORS", "baggage,,b3multi,b3");
    assert_int_equal(s.propagators, TRACE_B3 | TRACE_B3MULTI | TRACE_BAGGAGE);
    assert_int_equal(s.warnings.n, 0);
}

static void numbers_are_taken_and_kept_consistent(void **state) {
    (void)state;
    LOAD("OTEL_BSP_SCHEDULE_DELAY", "5000", "OTEL_BSP_MAX_QUEUE_SIZE", "100",
         "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "10", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "0",
         "OTEL_ATTRIBUTE_COUNT_LIMIT", "0", "OTEL_EXPORTER_OTLP_TIMEOUT", "7000",
         "OTEL_EXPORTER_ZIPKIN_TIMEOUT", "6000");
    assert_int_equal(s.delay_ms, 5000);
    assert_int_equal(s.max_queue, 100);
    assert_int_equal(s.max_batch, 10);
    assert_int_equal(s.value_limit, 0);
    assert_int_equal(s.count_limit, 0);
    assert_int_equal(s.timeout_ms, 6000);
    assert_int_equal(s.warnings.n, 0);
    LOAD("OTEL_EXPORTER_OTLP_TIMEOUT", "7000", "OTEL_TRACES_EXPORTER", "otlp");
    assert_int_equal(s.timeout_ms, 7000);
    LOAD("OTEL_EXPORTER_OTLP_TIMEOUT", "7000", "OTEL_TRACES_EXPORTER", "otlp",
         "OTEL_BSP_EXPORT_TIMEOUT", "3000");
    assert_int_equal(s.timeout_ms, 3000);
    LOAD("OTEL_BSP_MAX_QUEUE_SIZE", "100");
    assert_int_equal(s.max_batch, 100);
    assert_warned("OTEL_BSP_MAX_EXPORT_BATCH_SIZE");
}

static void headers_leave_the_environment_and_are_never_shown(void **state) {
    char *text = NULL;
    size_t size = 0;
    (void)state;
    LOAD("OTEL_EXPORTER_OTLP_HEADERS", "api-key=general", "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
         "api-key=key%20value,x=1", "OTEL_EXPORTER_ZIPKIN_ENDPOINT", "http://z/spans?key=value");
    assert_str(secret_reveal(&s.headers), "api-key=key%20value,x=1");
    assert_string_equal(getenv("OTEL_EXPORTER_OTLP_HEADERS"), "");
    assert_string_equal(getenv("OTEL_EXPORTER_OTLP_TRACES_HEADERS"), "");
    assert_int_equal(s.warnings.n, 0);
    FILE *out = open_memstream(&text, &size);
    trace_settings_print(out, &s);
    fclose(out);
    assert_null(strstr(text, "value"));
    assert_null(strstr(text, "general"));
    assert_non_null(strstr(text, "OTEL_EXPORTER_OTLP_TRACES_HEADERS=***\n"));
    assert_non_null(strstr(text, "OTEL_EXPORTER_ZIPKIN_ENDPOINT=http://z/spans?***\n"));
    free(text);
}

static void every_variable_is_explained_and_printed(void **state) {
    char *help = NULL;
    char *print = NULL;
    size_t size = 0;
    (void)state;
    LOAD(NULL);
    FILE *out = open_memstream(&help, &size);
    trace_settings_help(out);
    fclose(out);
    out = open_memstream(&print, &size);
    trace_settings_print(out, &s);
    fclose(out);
    for (size_t i = 0; i < ARRAY_LEN(trace_variables); i++) {
        assert_non_null(strstr(help, arena_printf(arena, "  %s ", trace_variables[i]).p));
        assert_non_null(strstr(print, arena_printf(arena, "%s=", trace_variables[i]).p));
    }
    assert_non_null(strstr(print, "OTEL_BSP_MAX_QUEUE_SIZE=2048\n"));
    assert_non_null(strstr(help, "(1 to 65536; default 2048)\n"));
    free(help);
    free(print);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(without_variables_nothing_is_exported),
        TEST(empty_is_unset),
        TEST(a_wrong_value_is_warned_about_and_changes_nothing),
        TEST(an_endpoint_switches_its_exporter_on),
        TEST(the_service_name_follows_the_rule_of_the_templates),
        TEST(samplers_go_by_their_names),
        TEST(propagators_are_a_list),
        TEST(numbers_are_taken_and_kept_consistent),
        TEST(headers_leave_the_environment_and_are_never_shown),
        TEST(every_variable_is_explained_and_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
