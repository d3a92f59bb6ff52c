// SPDX-License-Identifier: Apache-2.0
/* What a report looks like, byte for byte, in both formats. */
#include "base/obj.h"
#include "telemetry/otlp.h"
#include "telemetry/zipkin.h"
#include "unit.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"

static const struct trace_pair environment[] = {
    {STR_INIT("environment"), STR_INIT("production")},
    {STR_INIT("team \"a\""), STR_INIT("équipe\\")},
};

static const struct trace_resource resource = {
    .service_name = STR_INIT("extend-app-session-dsm"),
    .version = STR_INIT("1.2.3"),
    .attributes = environment,
    .n_attributes = ARRAY_LEN(environment),
};

static const struct trace_attribute server_attributes[] = {
    {.key = "rpc.system", .text = STR_INIT("grpc")},
    {.key = "rpc.grpc.status_code", .number = 14},
    {.key = "ags.session_id", .text = STR_INIT("a\"b\n\x01")},
};

static const struct trace_attribute client_attributes[] = {
    {.key = "http.status_code", .number = 200},
    {.key = "attempt", .number = 2},
};

static const struct trace_record server_span = {
    .kind = TRACE_SERVER,
    .trace_id = TRACE,
    .span_id = "00f067aa0ba902b7",
    .parent_id = "b7ad6b7169203331",
    .remote_parent = true,
    .debug = true,
    .tracestate = STR_INIT("a=1"),
    .name = STR_INIT("accelbyte.session.sessiondsm.SessionDsm/CreateGameSession"),
    .start_us = 1700000000123456,
    .duration_us = 2500,
    .attributes = server_attributes,
    .n_attributes = ARRAY_LEN(server_attributes),
    .left_out = 3,
    .failed = true,
    .status = STR_INIT("Unavailable"),
};

static const struct trace_record client_span = {
    .kind = TRACE_CLIENT,
    .trace_id = TRACE,
    .span_id = "53ce929d0e0e4736",
    .parent_id = "00f067aa0ba902b7",
    .name = STR_INIT("GameLift.CreateGameSession"),
    .start_us = 1700000000124000,
    .duration_us = 0,
    .peer_service = STR_INIT("gamelift"),
    .attributes = client_attributes,
    .n_attributes = ARRAY_LEN(client_attributes),
};

static const struct trace_record bare_span = {
    .kind = TRACE_SERVER,
    .trace_id = TRACE,
    .span_id = "00f067aa0ba902b7",
    .parent_id = "",
    .name = STR_INIT("a/b"),
    .start_us = 1,
    .duration_us = 1,
};

static void check(const struct trace_format *format, const struct trace_resource *of,
                  const struct trace_record *const spans[], size_t n, const char *want) {
    struct buf shared;
    struct buf out;
    buf_init(&shared, 1 << 16);
    buf_init(&out, 1 << 16);
    format->resource(&shared, of);
    format->head(&out, buf_str(&shared));
    for (size_t i = 0; i < n; i++) {
        buf_puts(&out, i > 0 ? "," : "");
        format->span(&out, buf_str(&shared), spans[i]);
    }
    format->tail(&out);
    assert_false(out.failed);
    assert_str(buf_str(&out), want);
    buf_free(&shared);
    buf_free(&out);
}

static const struct trace_record *const both[] = {&server_span, &client_span};
static const struct trace_record *const bare[] = {&bare_span};
static const struct trace_resource plain = {.service_name = STR_INIT("s")};

static void a_zipkin_report_is_a_list_of_v2_spans(void **state) {
    (void)state;
    check(&zipkin_format, &resource, both, 2,
          "[{\"traceId\":\"" TRACE "\",\"id\":\"00f067aa0ba902b7\","
          "\"parentId\":\"b7ad6b7169203331\",\"kind\":\"SERVER\","
          "\"name\":\"accelbyte.session.sessiondsm.SessionDsm/CreateGameSession\","
          "\"timestamp\":1700000000123456,\"duration\":2500,\"debug\":true,"
          "\"localEndpoint\":{\"serviceName\":\"extend-app-session-dsm\"},"
          "\"tags\":{\"service.name\":\"extend-app-session-dsm\",\"service.version\":\"1.2.3\","
          "\"environment\":\"production\",\"team \\\"a\\\"\":\"équipe\\\\\","
          "\"rpc.system\":\"grpc\",\"rpc.grpc.status_code\":\"14\","
          "\"ags.session_id\":\"a\\\"b\\n\\u0001\",\"otel.dropped_attributes_count\":\"3\","
          "\"otel.status_code\":\"ERROR\",\"error\":\"Unavailable\"}},"
          "{\"traceId\":\"" TRACE "\",\"id\":\"53ce929d0e0e4736\","
          "\"parentId\":\"00f067aa0ba902b7\",\"kind\":\"CLIENT\","
          "\"name\":\"GameLift.CreateGameSession\",\"timestamp\":1700000000124000,\"duration\":1,"
          "\"remoteEndpoint\":{\"serviceName\":\"gamelift\"},"
          "\"localEndpoint\":{\"serviceName\":\"extend-app-session-dsm\"},"
          "\"tags\":{\"service.name\":\"extend-app-session-dsm\",\"service.version\":\"1.2.3\","
          "\"environment\":\"production\",\"team \\\"a\\\"\":\"équipe\\\\\","
          "\"http.status_code\":\"200\",\"attempt\":\"2\"}}]");
    check(&zipkin_format, &plain, bare, 1,
          "[{\"traceId\":\"" TRACE "\",\"id\":\"00f067aa0ba902b7\",\"kind\":\"SERVER\","
          "\"name\":\"a/b\",\"timestamp\":1,\"duration\":1,"
          "\"localEndpoint\":{\"serviceName\":\"s\"},\"tags\":{\"service.name\":\"s\"}}]");
}

static void an_otlp_report_is_an_export_request_in_json(void **state) {
    (void)state;
    check(
        &otlp_format, &resource, both, 2,
        "{\"resourceSpans\":[{\"resource\":{\"attributes\":["
        "{\"key\":\"service.name\",\"value\":{\"stringValue\":\"extend-app-session-dsm\"}},"
        "{\"key\":\"service.version\",\"value\":{\"stringValue\":\"1.2.3\"}},"
        "{\"key\":\"environment\",\"value\":{\"stringValue\":\"production\"}},"
        "{\"key\":\"team \\\"a\\\"\",\"value\":{\"stringValue\":\"équipe\\\\\"}}]},"
        "\"scopeSpans\":[{\"scope\":{\"name\":\"session-dsm\",\"version\":\"1.2.3\"},\"spans\":["
        "{\"traceId\":\"" TRACE "\",\"spanId\":\"00f067aa0ba902b7\","
        "\"parentSpanId\":\"b7ad6b7169203331\",\"traceState\":\"a=1\",\"flags\":769,"
        "\"name\":\"accelbyte.session.sessiondsm.SessionDsm/CreateGameSession\",\"kind\":2,"
        "\"startTimeUnixNano\":\"1700000000123456000\",\"endTimeUnixNano\":\"1700000000125956000\","
        "\"attributes\":[{\"key\":\"rpc.system\",\"value\":{\"stringValue\":\"grpc\"}},"
        "{\"key\":\"rpc.grpc.status_code\",\"value\":{\"intValue\":\"14\"}},"
        "{\"key\":\"ags.session_id\",\"value\":{\"stringValue\":\"a\\\"b\\n\\u0001\"}}],"
        "\"droppedAttributesCount\":3,\"status\":{\"code\":2,\"message\":\"Unavailable\"}},"
        "{\"traceId\":\"" TRACE "\",\"spanId\":\"53ce929d0e0e4736\","
        "\"parentSpanId\":\"00f067aa0ba902b7\",\"flags\":257,"
        "\"name\":\"GameLift.CreateGameSession\",\"kind\":3,"
        "\"startTimeUnixNano\":\"1700000000124000000\",\"endTimeUnixNano\":\"1700000000124000000\","
        "\"attributes\":[{\"key\":\"http.status_code\",\"value\":{\"intValue\":\"200\"}},"
        "{\"key\":\"attempt\",\"value\":{\"intValue\":\"2\"}},"
        "{\"key\":\"peer.service\",\"value\":{\"stringValue\":\"gamelift\"}}]}]}]}]}");
    check(&otlp_format, &plain, bare, 1,
          "{\"resourceSpans\":[{\"resource\":{\"attributes\":["
          "{\"key\":\"service.name\",\"value\":{\"stringValue\":\"s\"}}]},"
          "\"scopeSpans\":[{\"scope\":{\"name\":\"session-dsm\"},\"spans\":["
          "{\"traceId\":\"" TRACE "\",\"spanId\":\"00f067aa0ba902b7\",\"flags\":257,"
          "\"name\":\"a/b\",\"kind\":2,\"startTimeUnixNano\":\"1000\",\"endTimeUnixNano\":\"2000\","
          "\"attributes\":[]}]}]}]}");
}

static void numbers_are_written_in_full(void **state) {
    static const struct {
        int64_t number;
        const char *want;
    } rows[] = {
        {0, "0"},
        {7, "7"},
        {-10, "-10"},
        {INT64_MAX, "9223372036854775807"},
        {INT64_MIN, "-9223372036854775808"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b;
        buf_init(&b, 64);
        trace_put_int(&b, rows[i].number);
        assert_str(buf_str(&b), rows[i].want);
        buf_free(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_zipkin_report_is_a_list_of_v2_spans),
        cmocka_unit_test(an_otlp_report_is_an_export_request_in_json),
        cmocka_unit_test(numbers_are_written_in_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
