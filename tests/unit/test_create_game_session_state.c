// SPDX-License-Identifier: Apache-2.0
/* CreateGameSession: the session that GameLift has already, the one that is not ready yet, and what
 * is left behind. */
#include "handler_fixture.h"
#include "handlers/in_flight.h"
#include "handlers/session_token.h"

#define FULL REFUSED("FleetCapacityExceededException")
#define TAKEN REFUSED("IdempotentParameterMismatchException")
#define ASK(...)                                                                                   \
    { .op = "CreateGameSession", __VA_ARGS__ }
#define LOOK(...)                                                                                  \
    { .op = "DescribeGameSessions", __VA_ARGS__ }

/* ---- the same session again ---- */

static void repeated_create_returns_the_same_session(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    for (int i = 0; i < 2; i++) {
        EXPECT(f, ASK(.wants = {"IdempotencyToken=session-1"}, CREATED("session-1", "ACTIVE")));
        assert_string_equal(created(f, &req)->server_id, ARN_OF("session-1"));
    }
}

static void create_never_answers_ready_for_a_dead_server(void **state) {
    static const char *const dead[] = {"TERMINATED", "TERMINATING", "ERROR"};
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    for (size_t i = 0; i < sizeof dead / sizeof dead[0]; i++) {
        const char *body = arena_printf(f->arena,
                                        "{\"GameSession\":{\"GameSessionId\":\"%s\",\"Status\":"
                                        "\"%s\",\"IpAddress\":\"203.0.113.7\",\"Port\":7777}}",
                                        ARN_OF("session-1"), dead[i])
                               .p;
        EXPECT(f, ASK(.wants = {"IdempotencyToken=session-1"}, OK(body)),
               ASK(.wants = {"IdempotencyToken=session-1-r2", "Location=us-east-1"}, OK(body)),
               ASK(.wants = {"IdempotencyToken=session-1-r3"}, CREATED("session-1-r3", "ACTIVE")));
        assert_string_equal(created(f, &req)->server_id, ARN_OF("session-1-r3"));
    }
}

static void create_stops_after_the_last_token_of_a_session(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    struct step dead = ASK(
        OK("{\"GameSession\":{\"GameSessionId\":\"" ARN_OF("x") "\",\"Status\":\"TERMINATED\"}}"));
    f->endless = &dead;
    refused(f, &req, RPC_FAILED_PRECONDITION, "used up its 99 servers");
    assert_int_equal(f->n_endless, SESSION_TOKEN_MAX_TURNS);
    assert_int_equal(reclaims(f), 0);
}

static void create_takes_the_session_found_after_a_parameter_mismatch(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    EXPECT(
        f, ASK(BREAKS), ASK(.wants = {"Location=us-west-2"}, TAKEN),
        LOOK(.wants = {"AliasId=alias-1", "StatusFilter=ACTIVATING", "!GameSessionId"},
             LISTED(SESSION("other", "ACTIVATING"))),
        LOOK(.wants = {"AliasId=alias-1", "StatusFilter=ACTIVE"},
             OK("{\"GameSessions\":[" SESSION("xsession-1", "ACTIVE") "],\"NextToken\":\"p2\"}")),
        LOOK(.wants = {"StatusFilter=ACTIVE", "NextToken=p2"},
             LISTED(SESSION("session-1", "ACTIVE"))));
    assert_string_equal(created(f, &req)->server_id, ARN_OF("session-1"));
    assert_int_equal(reclaims(f), 0);
}

static void mismatch_without_a_living_session_takes_the_next_token(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    EXPECT(f, ASK(TAKEN), LOOK(LISTED("")), LOOK(LISTED("")),
           ASK(.wants = {"IdempotencyToken=session-1-r2", "Location=us-east-1"},
               CREATED("session-1-r2", "ACTIVE")));
    assert_string_equal(created(f, &req)->server_id, ARN_OF("session-1-r2"));
}

static void session_just_made_is_looked_for_twice(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    EXPECT(f, ASK(BREAKS), ASK(TAKEN), LOOK(LISTED("")), LOOK(LISTED("")), LOOK(LISTED("")),
           LOOK(LISTED(SESSION("session-1", "ACTIVE"))));
    assert_string_equal(created(f, &req)->server_id, ARN_OF("session-1"));
    assert_true(f->asked_ms[4] >= f->asked_ms[3] + 500);
}

static void mismatch_that_cannot_be_looked_into_is_an_error(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    EXPECT(f, ASK(TAKEN), LOOK(REFUSED("AccessDeniedException")));
    refused(f, &req, RPC_PERMISSION_DENIED, "DescribeGameSessions: AccessDeniedException");
}

static void fleet_with_too_many_sessions_is_no_reason_for_a_second_server(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    struct step page =
        LOOK(OK("{\"GameSessions\":[" SESSION("other", "ACTIVE") "],\"NextToken\":\"more\"}"));
    req.n_requested_region = 1;
    EXPECT(f, ASK(TAKEN));
    f->endless = &page;
    refused(f, &req, RPC_RESOURCE_EXHAUSTED, "too many game sessions");
    assert_in_range(f->n_endless, 100, 400);
}

/* ---- a session that is not ready ---- */

static void create_waits_for_address_and_state(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    EXPECT(f,
           ASK(OK("{\"GameSession\":{\"GameSessionId\":\"" ARN_OF(
               "session-1") "\",\"Status\":\"ACTIVATING\"}}")),
           LOOK(.wants = {"GameSessionId=" ARN_OF("session-1"), "!AliasId", "!StatusFilter"},
                LISTED("{\"GameSessionId\":\"" ARN_OF(
                    "session-1") "\",\"Status\":\"ACTIVATING\",\"IpAddress\":\"203.0.113.7\"}")),
           LOOK(LISTED("")), LOOK(BREAKS), LOOK(REFUSED("NotFoundException")),
           LOOK(REFUSED("ThrottlingException")),
           LOOK(LISTED("{\"GameSessionId\":\"" ARN_OF(
               "session-1") "\",\"IpAddress\":\"203.0.113.7\",\"Port\":7777}")),
           LOOK(LISTED("{\"GameSessionId\":\"" ARN_OF(
               "session-1") "\",\"Status\":\"NEW_STATUS\","
                            "\"IpAddress\":\"203.0.113.7\",\"Port\":7777}")),
           LOOK(LISTED(SESSION("session-1", "ACTIVATING"))));
    created(f, &req);
    assert_true(f->asked_ms[2] - f->asked_ms[1] >= 200); /* waits grow */
}

static void every_member_of_the_answer_may_be_absent(void **state) {
    static const char *const answers[] = {
        "{}",
        "",
        "{\"GameSession\":null}",
        "{\"GameSession\":{}}",
        "{\"GameSession\":{\"IpAddress\":\"203.0.113.7\",\"Port\":7777,\"Status\":\"ACTIVE\"}}",
        "{\"GameSession\":{\"GameSessionId\":\"\",\"Status\":\"ACTIVE\"}}",
    };
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    req.n_requested_region = 1;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        EXPECT(f, ASK(OK(answers[i])));
        refused(f, &req, RPC_UNAVAILABLE, "CreateGameSession: the answer ");
        pass(f, 20);
    }
    assert_int_equal(reclaims(f), 1); /* one for all, as they are of one session */
}

static void create_waits_for_active_where_that_is_set(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    f->svc.wait_active = true;
    EXPECT(f, ASK(CREATED("session-1", "ACTIVATING")),
           LOOK(LISTED(SESSION("session-1", "ACTIVATING"))),
           LOOK(LISTED(SESSION("session-1", "ACTIVE"))));
    created(f, &req);
}

static void failed_activation_leads_to_another_server(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    f->svc.wait_active = true;
    f->deadline_ms = 8000; /* four seconds for a region */
    EXPECT(f, ASK(CREATED("session-1", "ACTIVATING")),
           LOOK(LISTED(SESSION("session-1", "ACTIVATING"))),
           LOOK(.after_ms = 5000, LISTED(SESSION("session-1", "TERMINATED"))),
           ASK(.wants = {"IdempotencyToken=session-1-r2", "Location=us-east-1"},
               CREATED("session-1-r2", "ACTIVATING")),
           LOOK(.wants = {"GameSessionId=" ARN_OF("session-1-r2")},
                LISTED(SESSION("session-1-r2", "ACTIVE"))));
    created(f, &req);
    assert_true(f->asked_ms[4] - f->asked_ms[3] < 200); /* the waits begin anew */
}

static void session_that_is_not_ready_in_time_is_said_to_exist(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    struct step look = LOOK(LISTED(SESSION("session-1", "ACTIVATING")));
    f->svc.wait_active = true;
    f->deadline_ms = 5000;
    EXPECT(f, ASK(CREATED("session-1", "ACTIVATING")));
    f->endless = &look;
    refused(f, &req, RPC_DEADLINE_EXCEEDED, "created, but was not ready in time");
    assert_in_range(f->n_endless, 4, 10);
    assert_int_equal(reclaims(f), 1);
}

static void session_that_may_not_be_looked_at_is_an_error(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    f->svc.wait_active = true;
    EXPECT(f, ASK(CREATED("session-1", "ACTIVATING")), LOOK(REFUSED("AccessDeniedException")));
    refused(f, &req, RPC_PERMISSION_DENIED, "DescribeGameSessions: AccessDeniedException");
    assert_int_equal(reclaims(f), 1); /* it exists and nobody else knows of it */
}

/* ---- what is left behind ---- */

static void lost_answer_of_an_only_region_leaves_a_reclaim(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    req.n_requested_region = 1;
    EXPECT(f, ASK(BREAKS));
    refused(f, &req, RPC_UNAVAILABLE, "CreateGameSession: the connection broke");
    assert_int_equal(reclaims(f), 1);
}

static void refusal_leaves_no_reclaim(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    EXPECT(f, ASK(FULL), ASK(REFUSED("InvalidRequestException")));
    refused(f, &req, RPC_RESOURCE_EXHAUSTED, "no requested region");
    assert_int_equal(reclaims(f), 0);
}

static void throttling_after_a_lost_answer_leaves_a_reclaim(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    req.n_requested_region = 1;
    fixture_attempts(f, 3);
    EXPECT(f, ASK(BREAKS), ASK(REFUSED("ThrottlingException")),
           ASK(REFUSED("ThrottlingException")));
    refused(f, &req, RPC_RESOURCE_EXHAUSTED, "ThrottlingException");
    assert_int_equal(reclaims(f), 1);
}

static void request_that_cannot_have_acted_leaves_no_reclaim(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    req.n_requested_region = 1;
    fixture_attempts(f, 3);
    EXPECT(f, ASK(REFUSED("ThrottlingException")), ASK(CLOSED),
           ASK(REFUSED("LimitExceededException")));
    refused(f, &req, RPC_RESOURCE_EXHAUSTED, "LimitExceededException");
    pass(f, 20);
    EXPECT(f, ASK(CLOSED), ASK(CLOSED), ASK(CLOSED));
    refused(f, &req, RPC_UNAVAILABLE, "the connection was refused");
    pass(f, 20);
    /* A caller that goes away while a throttled request waits for its next try leaves none either.
     */
    EXPECT(f, ASK(.status = 429));
    start_create(f, &req);
    finish_script(f);
    cancel_call(f, RPC_CANCELLED);
    finish_call(f);
    assert_int_equal(reclaims(f), 0);
}

static void session_that_cannot_be_seen_leaves_a_reclaim(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    req.n_requested_region = 1;
    EXPECT(f, ASK(REFUSED("IdempotentParameterMismatchException")),
           LOOK(REFUSED("ThrottlingException")));
    refused(f, &req, RPC_RESOURCE_EXHAUSTED, "DescribeGameSessions: ThrottlingException");
    assert_int_equal(reclaims(f), 1);
}

static void create_of_a_session_that_is_terminated_fails(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    EXPECT(f, ASK(SILENT));
    start_create(f, &req);
    pass(f, 1000);
    in_flight_cancel_creates(&f->svc, STR("other-game"), STR("session-1"));
    assert_int_equal(f->finished, 0);
    in_flight_cancel_creates(&f->svc, STR("studio-game"), STR("session-1"));
    assert_int_equal(f->finished, 1);
    assert_failed(f, RPC_ABORTED, "the session was terminated while its server was asked for");
    assert_int_equal(reclaims(f), 1);
    for (size_t i = 0; i < DSM_IN_FLIGHT_ROWS; i++)
        assert_true(list_empty(&f->svc.creates[i]));
}

static void answer_that_is_no_json_leaves_a_reclaim(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    req.n_requested_region = 1;
    EXPECT(f, ASK(OK("{\"GameSession\":")));
    refused(f, &req, RPC_INTERNAL, "the answer could not be understood");
    assert_int_equal(reclaims(f), 1);
}

static void lost_answer_is_asked_for_again_under_the_same_token(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    fixture_attempts(f, 3);
    EXPECT(f, ASK(.wants = {"IdempotencyToken=session-1", "Location=us-east-1"}, BREAKS),
           ASK(.wants = {"IdempotencyToken=session-1", "Location=us-east-1"}, FAULTY),
           ASK(.wants = {"IdempotencyToken=session-1", "Location=us-east-1"},
               CREATED("session-1", "ACTIVE")));
    created(f, &req);
}

static int told;

static void on_location(void *priv, struct ctx *ctx, struct str location, const struct err *err) {
    (void)ctx;
    (void)priv;
    told = told * 10 + (str_eq(location, STR("us-east-1")) ? 1 : 2) + (err == NULL ? 4 : 0);
}

static void each_location_is_told_for_metrics(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    told = 0;
    f->svc.on_location = on_location;
    EXPECT(f, ASK(FULL), ASK(CREATED("session-1", "ACTIVE")));
    created(f, &req);
    assert_int_equal(told, 16); /* us-east-1 refused, us-west-2 had one */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        HANDLER_TEST(repeated_create_returns_the_same_session),
        HANDLER_TEST(create_never_answers_ready_for_a_dead_server),
        HANDLER_TEST(create_stops_after_the_last_token_of_a_session),
        HANDLER_TEST(create_takes_the_session_found_after_a_parameter_mismatch),
        HANDLER_TEST(mismatch_without_a_living_session_takes_the_next_token),
        HANDLER_TEST(session_just_made_is_looked_for_twice),
        HANDLER_TEST(mismatch_that_cannot_be_looked_into_is_an_error),
        HANDLER_TEST(fleet_with_too_many_sessions_is_no_reason_for_a_second_server),
        HANDLER_TEST(create_waits_for_address_and_state),
        HANDLER_TEST(every_member_of_the_answer_may_be_absent),
        HANDLER_TEST(create_waits_for_active_where_that_is_set),
        HANDLER_TEST(failed_activation_leads_to_another_server),
        HANDLER_TEST(session_that_is_not_ready_in_time_is_said_to_exist),
        HANDLER_TEST(session_that_may_not_be_looked_at_is_an_error),
        HANDLER_TEST(lost_answer_of_an_only_region_leaves_a_reclaim),
        HANDLER_TEST(refusal_leaves_no_reclaim),
        HANDLER_TEST(throttling_after_a_lost_answer_leaves_a_reclaim),
        HANDLER_TEST(request_that_cannot_have_acted_leaves_no_reclaim),
        HANDLER_TEST(session_that_cannot_be_seen_leaves_a_reclaim),
        HANDLER_TEST(create_of_a_session_that_is_terminated_fails),
        HANDLER_TEST(answer_that_is_no_json_leaves_a_reclaim),
        HANDLER_TEST(lost_answer_is_asked_for_again_under_the_same_token),
        HANDLER_TEST(each_location_is_told_for_metrics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
