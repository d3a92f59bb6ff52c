// SPDX-License-Identifier: Apache-2.0
/* Whole exchanges with the stand-in, without a socket: routing, faults, control, the journal. */
#include "aws/signing_key.h"
#include "base/clock.h"
#include "base/obj.h"
#include "sim/control.h"
#include "sim/gamelift_service.h"
#include "sim/json.h"
#include "unit.h"

#include <stdlib.h>

#define KEY "AKIDEXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define CREATE "{\"AliasId\":\"alias-demo\",\"MaximumPlayerSessionCount\":2}"
#define CREATE_IN(location)                                                                        \
    "{\"AliasId\":\"alias-demo\",\"MaximumPlayerSessionCount\":2,\"Location\":\"" location "\"}"

static struct arena *arena;
static struct sim *sim;
static struct gamelift *gl;

static int set_up(void **state) {
    (void)state;
    struct gamelift_world *world = NULL;
    arena = arena_new((size_t)64 << 20);
    sim = calloc(1, sizeof *sim);
    gl = calloc(1, sizeof *gl);
    assert_non_null(sim);
    assert_non_null(gl);
    sim_init(sim);
    assert_true(auth_add_key(&sim->auth, STR(KEY), STR(SECRET), STR_NULL, 0));
    assert_null(gamelift_world_read(str_c(gamelift_world_example), arena, &world));
    gamelift_init(gl, sim, world);
    const struct sim_service services[] = {gamelift_control(gl), control_service(),
                                           gamelift_service(gl)};
    for (size_t i = 0; i < ARRAY_LEN(services); i++)
        sim_add(sim, &services[i]);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    gamelift_free(gl);
    sim_free(sim);
    free(gl);
    free(sim);
    arena_free(arena);
    return 0;
}

static struct sim_exchange *exchange(const char *method, const char *path,
                                     const struct http_header *headers, size_t n, struct str body) {
    struct sim_exchange *ex = OBJ_NEW(arena, sim_exchange, SIM_EXCHANGE_MAGIC);
    ex->sim = sim;
    ex->arena = arena;
    ex->req = (struct sim_request){.method = str_c(method),
                                   .path = str_c(path),
                                   .headers = headers,
                                   .n_headers = n,
                                   .body = body};
    sim_serve(ex);
    return ex;
}

static struct sim_exchange *control(const char *method, const char *path, const char *body) {
    struct sim_exchange *ex = exchange(method, path, NULL, 0, body == NULL ? STR("") : str_c(body));
    assert_int_equal(ex->wait_ms, 0);
    return ex;
}

static void must_control(const char *method, const char *path, const char *body) {
    struct sim_exchange *ex = control(method, path, body);
    if (ex->reply.status != 200)
        fail_msg("%s %s: " STR_FMT, method, path, STR_ARG(ex->reply.body));
}

/* Signs as an SDK does. */
static struct sim_exchange *call(const char *operation, struct str body) {
    struct digest *digest = digest_new();
    struct sigv4_scope scope = {.time = sigv4_time_at(clock_real_us()),
                                .region = STR("us-east-1"),
                                .service = STR("gamelift")};
    struct http_header *h = arena_array(arena, 5, sizeof *h);
    h[0] = (struct http_header){STR("Host"), STR("127.0.0.1:1234")};
    h[1] = (struct http_header){STR("Content-Type"), STR("application/x-amz-json-1.1")};
    h[2] = (struct http_header){STR("X-Amz-Date"), arena_str(arena, str_c(scope.time.stamp))};
    h[3] = (struct http_header){STR("X-Amz-Target"), arena_printf(arena, "GameLift.%s", operation)};
    char payload[DIGEST_HEX_SIZE];
    digest_sha256_hex(digest, body, payload);
    struct sigv4_request req = {.method = STR("POST"),
                                .path = STR("/"),
                                .headers = h,
                                .n_headers = 4,
                                .payload_hash = str_c(payload)};
    struct buf parts[4];
    struct sigv4_key key;
    struct secret secret = secret_new(STR(SECRET));
    for (size_t i = 0; i < 4; i++)
        buf_init(&parts[i], SIGV4_CANONICAL_MAX);
    sigv4_canonical_request(&parts[0], &req);
    sigv4_string_to_sign(&parts[1], digest, &scope, &parts[0]);
    signing_key_derive(digest, &scope, &secret, &key);
    sigv4_sign(&parts[2], digest, &key, &parts[1]);
    sigv4_authorization(&parts[3], STR(KEY), &scope, &parts[0], &parts[2]);
    h[4] = (struct http_header){STR("Authorization"), arena_str(arena, buf_str(&parts[3]))};
    for (size_t i = 0; i < 4; i++)
        buf_free(&parts[i]);
    secret_free(&secret);
    digest_free(digest);
    return exchange("POST", "/", h, 5, body);
}

static void assert_answer(const struct sim_exchange *ex, int status, const char *words) {
    assert_int_equal(ex->reply.status, status);
    if (strstr(arena_cstr(arena, ex->reply.body), words) == NULL)
        fail_msg("got: " STR_FMT ", want: %s", STR_ARG(ex->reply.body), words);
}

static void errors_come_in_the_form_of_the_protocol(void **state) {
    (void)state;
    struct sim_exchange *ex = call("CreateGameSession", STR(CREATE_IN("us-west-2")));
    assert_str(ex->reply.body, "{\"__type\":\"FleetCapacityExceededException\",\"Message\":\"Fleet "
                               "fleet-demo has no free server in location us-west-2.\"}");
    assert_int_equal(ex->reply.status, 400);
    assert_str(ex->reply.content_type, "application/x-amz-json-1.1");
    assert_str(ex->reply.headers[0].name, "x-amzn-RequestId");
    assert_int_equal(ex->reply.headers[0].value.n, 36);
    assert_str(ex->verdict, "signature ok");
    assert_answer(call("CreateGameSession", STR("{\"AliasId\":")), 400, "SerializationException");
    assert_answer(call("CreateGameSession", STR("{\"AliasId\":7}")), 400, "SerializationException");
    assert_answer(call("CreateGameSession", STR("{}")), 400, "MaximumPlayerSessionCount");
    assert_answer(call("CreateFleet", STR("{}")), 400, "UnknownOperationException");
    assert_answer(exchange("GET", "/", NULL, 0, STR("")), 400, "UnknownOperationException");
    assert_answer(exchange("GET", "/no/such/path", NULL, 0, STR("")), 404, "no such path");
}

static void a_rule_hits_its_operation_and_location_as_often_as_told(void **state) {
    (void)state;
    must_control("POST", "/_sim/faults",
                 "{\"kind\":\"throttle\",\"operation\":\"CreateGameSession\","
                 "\"location\":\"eu-central-1\",\"skip\":1,\"count\":2}");
    assert_answer(call("CreateGameSession", STR(CREATE)), 200, "GameSession");
    assert_answer(call("CreateGameSession", STR(CREATE_IN("eu-central-1"))), 200, "GameSession");
    for (int i = 0; i < 2; i++)
        assert_answer(call("CreateGameSession", STR(CREATE_IN("eu-central-1"))), 400,
                      "ThrottlingException");
    assert_answer(call("CreateGameSession", STR(CREATE_IN("eu-central-1"))), 200, "GameSession");
    assert_str(control("GET", "/_sim/faults", NULL)->reply.body, "[]");
}

static void a_fault_afterwards_spoils_the_answer_of_what_was_done(void **state) {
    (void)state;
    must_control("POST", "/_sim/faults",
                 "[{\"kind\":\"reset\",\"when\":\"after\",\"count\":1},"
                 "{\"kind\":\"reset\",\"count\":1}]");
    assert_int_equal(call("CreateGameSession", STR(CREATE))->reply.delivery, SIM_RESET);
    assert_int_equal(gl->n_sessions, 1);
    assert_int_equal(call("CreateGameSession", STR(CREATE))->reply.delivery, SIM_RESET);
    assert_int_equal(gl->n_sessions, 1);
}

static void a_slow_call_acts_when_its_time_has_come(void **state) {
    (void)state;
    must_control("POST", "/_sim/faults", "{\"kind\":\"slow\",\"delay_ms\":250,\"count\":1}");
    struct sim_exchange *ex = call("CreateGameSession", STR(CREATE));
    assert_int_equal(ex->wait_ms, 250);
    assert_int_equal(gl->n_sessions, 0);
    /* The rule is gone, and its answer must not mind. */
    must_control("DELETE", "/_sim/faults", NULL);
    sim_continue(ex);
    assert_int_equal(ex->wait_ms, 0);
    assert_answer(ex, 200, "GameSession");
    must_control("POST", "/_sim/faults",
                 "{\"kind\":\"error\",\"type\":\"NotReadyException\",\"delay_ms\":10}");
    ex = call("CreateGameSession", STR(CREATE));
    assert_int_equal(ex->wait_ms, 10);
    sim_continue(ex);
    assert_answer(ex, 400, "NotReadyException");
    assert_int_equal(gl->n_sessions, 1);
}

static void canned_answers_are_sent_as_given(void **state) {
    (void)state;
    must_control("POST", "/_sim/faults",
                 "{\"kind\":\"http\",\"status\":503,\"body\":\"<html>\",\"content_type\":"
                 "\"text/html\",\"header_name\":\"Retry-After\",\"header_value\":\"3\"}");
    struct sim_exchange *ex = call("CreateGameSession", STR(CREATE));
    assert_int_equal(ex->reply.status, 503);
    assert_str(ex->reply.body, "<html>");
    assert_str(ex->reply.content_type, "text/html");
    assert_str(ex->reply.headers[0].name, "Retry-After");
}

static void a_list_with_one_bad_rule_changes_nothing(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "{}",
                                      "7",
                                      "[[]]",
                                      "{\"kind\":\"nonsense\"}",
                                      "{\"kind\":\"slow\"}",
                                      "{\"kind\":\"huge\"}",
                                      "{\"kind\":\"error\"}",
                                      "{\"kind\":\"reset\",\"count\":0}",
                                      "{\"kind\":\"reset\",\"cuont\":1}",
                                      "{\"kind\":\"reset\",\"when\":\"never\"}",
                                      "[{\"kind\":\"reset\"},{\"kind\":\"nonsense\"}]"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_answer(control("POST", "/_sim/faults", bad[i]), 400, "error");
    assert_int_equal(sim->faults.n, 0);
    struct buf deep;
    buf_init(&deep, (size_t)4 << 20);
    while (!deep.failed)
        buf_putc(&deep, '[');
    assert_answer(control("POST", "/_sim/faults", arena_cstr(arena, buf_str(&deep))), 400, "deep");
    buf_free(&deep);
}

static void the_journal_keeps_what_was_said_but_no_signature(void **state) {
    (void)state;
    struct sim_exchange *ex = call("CreateGameSession", STR(CREATE));
    struct str authorization = sim_request_header(&ex->req, STR("authorization"));
    const char *signature = arena_cstr(arena, str_from(authorization, authorization.n - 64));
    struct str seen = control("GET", "/_sim/requests", NULL)->reply.body;
    const char *text = arena_cstr(arena, seen);
    assert_non_null(strstr(text, "\"operation\":\"CreateGameSession\""));
    assert_non_null(strstr(text, "\"verdict\":\"signature ok\""));
    assert_non_null(strstr(text, "/us-east-1/gamelift/aws4_request, SignedHeaders="
                                 "content-type;host;x-amz-date;x-amz-target, Signature=***"));
    assert_null(strstr(text, signature));
    for (int i = 0; i < JOURNAL_MAX + 10; i++)
        call("CreateGameSession", STR("{}"));
    assert_int_equal(sim->journal.n, JOURNAL_MAX);
    assert_int_equal(sim->journal.total, JOURNAL_MAX + 11);
}

static void a_reset_puts_everything_back(void **state) {
    (void)state;
    call("CreateGameSession", STR(CREATE));
    must_control("POST", "/_sim/faults", "{\"kind\":\"reset\"}");
    must_control("POST", "/_sim/clock", "{\"offset_ms\":3600000}");
    must_control("POST", "/_sim/fleets/fleet-demo", "{\"location\":\"us-west-2\",\"capacity\":3}");
    must_control("POST", "/_sim/fleets/fleet-demo", "{\"status\":\"ERROR\"}");
    must_control("POST", "/_sim/reset", NULL);
    assert_int_equal(gl->n_sessions, 0);
    assert_answer(call("CreateGameSession", STR(CREATE_IN("us-west-2"))), 400, "FleetCapacity");
    assert_answer(call("CreateGameSession", STR(CREATE)), 200, "GameSession");
}

static void control_paths_are_checked(void **state) {
    (void)state;
    assert_answer(control("GET", "/_sim/nothing", NULL), 404, "no such path");
    assert_answer(control("PUT", "/_sim/faults", NULL), 405, "method");
    assert_answer(control("POST", "/_sim/sessions/none/status", "{\"status\":\"ERROR\"}"), 404, "");
    assert_answer(control("POST", "/_sim/sessions//status", "{}"), 404, "no such path");
    assert_answer(control("POST", "/_sim/sessions/a/b/status", "{}"), 404, "no such path");
    assert_answer(control("POST", "/_sim/fleets/none", "{}"), 404, "no such fleet");
    assert_answer(control("POST", "/_sim/fleets/fleet-demo", "{\"capacity\":1}"), 400, "location");
    assert_answer(control("POST", "/_sim/clock", "{}"), 400, "offset_ms is missing");
    assert_answer(control("GET", "/_sim/state", NULL), 200, "\"fleet-demo\"");
}

static void assert_pretty(const char *text, const char *want) {
    struct buf out;
    buf_init(&out, (size_t)1 << 20);
    journal_pretty(str_c(text), "  ", &out);
    assert_str(buf_str(&out), want);
    buf_free(&out);
}

static void bodies_are_shown_so_that_people_can_read_them(void **state) {
    (void)state;
    assert_pretty("", "");
    assert_pretty("{\"a\":1,\"b\":[1,2]}", "{\"a\": 1, \"b\": [1, 2]}");
    assert_pretty("no\x1b[31m json\n", "no.[31m json");
    assert_pretty("{\"a\":\"\\\"}", "{\"a\": \"\\\"}");
    assert_pretty(
        "{\"first\":\"0123456789012345678901234567890123456789\",\"second\":"
        "\"0123456789012345678901234567890123456789\"}",
        "{\n    \"first\": \"0123456789012345678901234567890123456789\",\n    \"second\": "
        "\"0123456789012345678901234567890123456789\"\n  }");
    static const char *const odd[] = {"{", "[", "{\"", "\"", "{{{{}}}", "}}", "{\"a\\", "[]]"};
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        struct buf out;
        buf_init(&out, (size_t)1 << 20);
        journal_pretty(str_c(odd[i]), "  ", &out);
        assert_false(out.failed);
        buf_free(&out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(errors_come_in_the_form_of_the_protocol),
        TEST(a_rule_hits_its_operation_and_location_as_often_as_told),
        TEST(a_fault_afterwards_spoils_the_answer_of_what_was_done),
        TEST(a_slow_call_acts_when_its_time_has_come),
        TEST(canned_answers_are_sent_as_given),
        TEST(a_list_with_one_bad_rule_changes_nothing),
        TEST(the_journal_keeps_what_was_said_but_no_signature),
        TEST(a_reset_puts_everything_back),
        TEST(control_paths_are_checked),
        TEST(bodies_are_shown_so_that_people_can_read_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
