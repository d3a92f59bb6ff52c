// SPDX-License-Identifier: Apache-2.0
/* TerminateGameSession: each promise, on a scripted AGS and GameLift. */
#include "handlers/session_token.h"
#include "terminate_script.h"

static void terminate_ends_the_server_that_ags_knows(void **state) {
    struct handler_fixture *f = *state;
    EXPECT(f, LOOKUP(SERVED),
           END(.wants = {"GameSessionId=" ARN_OF("session-1"),
                         "TerminationMode=TRIGGER_ON_PROCESS_TERMINATE"},
               ENDED));
    assert_success(f, "");
    assert_int_equal(f->n_tokens, 1);
}

static void terminate_forces_where_that_is_set(void **state) {
    struct handler_fixture *f = *state;
    f->svc.termination_mode = GL_TERMINATION_MODE_FORCE_TERMINATE;
    EXPECT(f, LOOKUP(SERVED), END(.wants = {"TerminationMode=FORCE_TERMINATE"}, ENDED));
    assert_success(f, "");
}

static void terminate_goes_to_the_region_of_the_arn(void **state) {
    struct handler_fixture *f = *state;
    EXPECT(f, LOOKUP(AGS_SERVER("AVAILABLE", "arn:aws:gamelift:eu-west-1::gamesession/fleet-2/x")),
           END(.region = "eu-west-1",
               .wants = {"GameSessionId=arn:aws:gamelift:eu-west-1::gamesession/fleet-2/x"},
               ENDED));
    assert_success(f, "");
}

static void terminate_without_server_information_succeeds(void **state) {
    static const char *const sessions[] = {
        "",
        ",\"DSInformation\":null",
        ",\"DSInformation\":{}",
        ",\"DSInformation\":{\"Server\":null,\"StatusV2\":\"FAILED_TO_REQUEST\"}",
        ",\"DSInformation\":{\"Server\":{}}",
        ",\"DSInformation\":{\"Server\":{\"deployment\":null}}",
        ",\"DSInformation\":{\"Server\":{\"deployment\":\"\"}}",
        ",\"DSInformation\":{\"Server\":{\"deployment\":\"PlacementTimedOut\"}}",
        ",\"DSInformation\":{\"Server\":{\"deployment\":\"arn:aws:s3:::bucket\"}}",
    };
    struct handler_fixture *f = *state;
    for (size_t i = 0; i < sizeof sessions / sizeof sessions[0]; i++) {
        const char *session = arena_printf(f->arena, "{\"id\":\"session-1\"%s}", sessions[i]).p;
        EXPECT(f, LOOKUP(OK(session)), LOOK(.wants = {"PlacementId=session-1"}, MISSING));
        assert_success(f, "the session has no server; nothing to end was found in us-east-1");
    }
    EXPECT(f, LOOKUP(AGS_SESSION("null")), LOOK(MISSING));
    assert_success(f, "the session has no server; nothing was left to end");
}

/* Believed, it would say that there is no server, and that one would run on. */
static void answer_that_is_of_no_session_is_not_believed(void **state) {
    static const char *const answers[] = {
        "{}",
        "{\"GameSession\":1}",
        "{\"id\":null}",
        "{\"id\":\"\"}",
        "{\"id\":\"session-2\",\"namespace\":\"studio-game\"}",
        "{\"id\":\"session-1\",\"namespace\":\"other-game\"}",
        "{\"DSInformation\":{\"Server\":{\"deployment\":\"" ARN_OF("session-1") "\"}}}",
    };
    struct handler_fixture *f = *state;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        EXPECT(f, LOOKUP(OK(answers[i])));
        terminate_refused(f, RPC_UNAVAILABLE,
                          "AGS getGameSession: the answer is not of the session");
        assert_int_equal(reclaims(f), 1);
        EXPECT(f, LOOKUP(SERVED), END(ENDED));
        finish_reclaims(f);
        assert_script_used(f);
    }
    EXPECT(f, LOOKUP(OK("{\"id\":\"session-1\",\"namespace\":\"studio-game\"}")), LOOK(MISSING));
    assert_success(f, "the session has no server; nothing to end was found in us-east-1");
}

static void session_that_ags_does_not_know_is_no_error(void **state) {
    struct handler_fixture *f = *state;
    EXPECT(f, LOOKUP(AGS_UNKNOWN), LOOK(MISSING));
    assert_success(f, "AGS does not know the session; nothing to end was found in us-east-1");
    EXPECT(f, LOOKUP(AGS_UNKNOWN), LOOK(PLACEMENT("PENDING")), STOP(PLACEMENT("CANCELLED")),
           LOOK(.wants = {"PlacementId=session-1-r2"}, MISSING));
    assert_success(f, "AGS does not know the session; its placement was ended");
}

static void terminate_twice_succeeds(void **state) {
    struct handler_fixture *f = *state;
    EXPECT(f, LOOKUP(SERVED), END(MISSING), LOOK(MISSING));
    assert_success(f, "the server had ended already; nothing was left to end");
    static const char *const over[] = {"TERMINATED", "TERMINATING", "ERROR"};
    for (size_t i = 0; i < sizeof over / sizeof over[0]; i++) {
        const char *body =
            arena_printf(f->arena, "{\"GameSessions\":[{\"Status\":\"%s\"}]}", over[i]).p;
        EXPECT(f, LOOKUP(SERVED), END(REFUSED("InvalidGameSessionStatusException")),
               LOOK_AT_SERVER(.wants = {"GameSessionId=" ARN_OF("session-1")}, OK(body)),
               LOOK(MISSING));
        assert_success(f, "the server had ended already; nothing was left to end");
    }
    EXPECT(f, LOOKUP(SERVED), END(REFUSED("InvalidGameSessionStatusException")),
           LOOK_AT_SERVER(MISSING), LOOK(MISSING));
    assert_success(f, "the server had ended already; nothing was left to end");
    EXPECT(f, LOOKUP(SERVED), END(REFUSED("InvalidGameSessionStatusException")),
           LOOK_AT_SERVER(LISTED("")), LOOK(MISSING));
    assert_success(f, "the server had ended already; nothing was left to end");
}

static void terminate_not_ready_is_tried_again(void **state) {
    struct handler_fixture *f = *state;
    EXPECT(f, LOOKUP(SERVED), END(REFUSED("NotReadyException")), END(REFUSED("NotReadyException")),
           END(ENDED));
    assert_success(f, "");
    assert_true(f->asked_ms[2] - f->asked_ms[1] >= 250);
}

static void session_that_still_comes_up_is_ended_when_it_can_be(void **state) {
    struct handler_fixture *f = *state;
    EXPECT(f, LOOKUP(SERVED), END(REFUSED("InvalidGameSessionStatusException")),
           LOOK_AT_SERVER(LISTED(SESSION("session-1", "ACTIVATING"))), END(ENDED));
    assert_success(f, "");
}

static void session_that_never_gets_ready_is_an_error_in_time(void **state) {
    struct handler_fixture *f = *state;
    struct step not_ready = END(REFUSED("NotReadyException"));
    f->deadline_ms = 5000;
    f->endless = &not_ready;
    EXPECT(f, LOOKUP(SERVED));
    terminate_refused(f, RPC_UNAVAILABLE, "TerminateGameSession: NotReadyException");
    assert_in_range(f->took_ms, 4900, 5100);
    assert_in_range(f->n_endless, 2, 12);
    assert_int_equal(reclaims(f), 1);
}

static void terminate_stops_pending_placement(void **state) {
    struct handler_fixture *f = *state;
    EXPECT(f, LOOKUP(NO_SERVER), LOOK(.wants = {"PlacementId=session-1"}, PLACEMENT("PENDING")),
           STOP(.wants = {"PlacementId=session-1"}, PLACEMENT("CANCELLED")),
           LOOK(.wants = {"PlacementId=session-1-r2"}, MISSING));
    assert_success(f, "the session has no server; its placement was ended");
}

static void terminate_walks_through_all_placements_of_the_session(void **state) {
    struct handler_fixture *f = *state;
    EXPECT(f, LOOKUP(NO_SERVER), LOOK(PLACEMENT("FAILED")),
           LOOK(.wants = {"PlacementId=session-1-r2"}, PLACEMENT("TIMED_OUT")),
           LOOK(.wants = {"PlacementId=session-1-r3"}, PLACEMENT("CANCELLED")),
           LOOK(.wants = {"PlacementId=session-1-r4"}, PLACED("session-1-r4")),
           END(.wants = {"GameSessionId=" ARN_OF("session-1-r4")}, ENDED),
           LOOK(.wants = {"PlacementId=session-1-r5"}, PLACEMENT("PENDING")),
           STOP(.wants = {"PlacementId=session-1-r5"}, PLACEMENT("CANCELLED")),
           LOOK(.wants = {"PlacementId=session-1-r6"}, MISSING));
    assert_success(f, "the session has no server; its placement was ended");
}

static void last_placement_of_a_series_is_ended_too(void **state) {
    struct handler_fixture *f = *state;
    struct step failed = LOOK(PLACEMENT("FAILED"));
    EXPECT(f, LOOKUP(NO_SERVER));
    for (int i = 1; i < 50; i++)
        expect(f, &failed, 1);
    f->endless = &failed;
    start_good_terminate(f);
    finish_call(f);
    assert_int_equal(f->code, RPC_OK);
    assert_int_equal(49 + f->n_endless, SESSION_TOKEN_MAX_TURNS);
}

static void server_that_ended_does_not_hide_a_later_placement(void **state) {
    struct handler_fixture *f = *state;
    EXPECT(f, LOOKUP(SERVED), END(MISSING), LOOK(PLACED("session-1")),
           END(.wants = {"GameSessionId=" ARN_OF("session-1")}, MISSING),
           LOOK(.wants = {"PlacementId=session-1-r2"}, PLACEMENT("PENDING")),
           STOP(PLACEMENT("CANCELLED")), LOOK(MISSING));
    assert_success(f, "the server had ended already; its placement was ended");
}

static void terminate_placed_meanwhile_ends_session(void **state) {
    struct handler_fixture *f = *state;
    EXPECT(f, LOOKUP(NO_SERVER), LOOK(PLACEMENT("PENDING")),
           STOP(REFUSED("InvalidRequestException")), LOOK(PLACED("session-1")),
           END(.wants = {"GameSessionId=" ARN_OF("session-1")}, ENDED), LOOK(MISSING));
    assert_success(f, "the session has no server; its placement was ended");
}

/* ---- placements of other regions ---- */

#define EUROPE "arn:aws:gamelift:eu-west-1:123456789012:gamesessionqueue/q"

static void placement_is_stopped_in_the_region_of_the_sessions_queue(void **state) {
    struct handler_fixture *f = *state;
    EXPECT(f, LOOKUP(AGS_SESSION_OF(EUROPE, "{\"StatusV2\":\"REQUESTED\"}")),
           LOOK(.region = "eu-west-1", PLACEMENT("PENDING")),
           STOP(.region = "eu-west-1", .wants = {"PlacementId=session-1"}, PLACEMENT("CANCELLED")),
           LOOK(.region = "eu-west-1", .wants = {"PlacementId=session-1-r2"}, MISSING),
           LOOK(.wants = {"PlacementId=session-1"}, MISSING));
    assert_success(f, "the session has no server; its placement was ended");
}

static void placement_is_stopped_in_the_region_of_the_override(void **state) {
    struct handler_fixture *f = *state;
    f->svc.queue_arn_override = STR(EUROPE);
    EXPECT(f, LOOKUP(AGS_UNKNOWN), LOOK(.region = "eu-west-1", PLACEMENT("PENDING")),
           STOP(.region = "eu-west-1", PLACEMENT("CANCELLED")),
           LOOK(.region = "eu-west-1", MISSING), LOOK(MISSING));
    assert_success(f, "AGS does not know the session; its placement was ended");
}

static void placement_is_looked_for_wherever_this_replica_starts_them(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    req.deployment = text_of(EUROPE);
    EXPECT(f, {.op = "StartGameSessionPlacement", .region = "eu-west-1", PLACEMENT("PENDING")});
    assert_true(created_async(f, &req)->success);
    pass(f, 20);
    EXPECT(f, LOOKUP(AGS_UNKNOWN), LOOK(MISSING), LOOK(.region = "eu-west-1", PLACEMENT("PENDING")),
           STOP(.region = "eu-west-1", PLACEMENT("CANCELLED")),
           LOOK(.region = "eu-west-1", MISSING));
    assert_success(f, "AGS does not know the session; its placement was ended");
    assert_int_equal(f->svc.unsure_terminations, 0);
}

static void termination_that_cannot_know_where_to_look_is_told(void **state) {
    struct handler_fixture *f = *state;
    EXPECT(f, LOOKUP(AGS_UNKNOWN), LOOK(MISSING));
    assert_success(f, "AGS does not know the session; nothing to end was found in us-east-1");
    assert_int_equal(f->svc.unsure_terminations, 1);
    assert_true(logged(f, "a placement may be in a region that is not known"));
    f->svc.queue_arn_override = STR("demo-queue");
    EXPECT(f, LOOKUP(AGS_UNKNOWN), LOOK(MISSING));
    assert_success(f, "AGS does not know the session; nothing was left to end");
    assert_int_equal(f->svc.unsure_terminations, 1);
}

static void region_that_fails_does_not_keep_from_ending_in_the_others(void **state) {
    struct handler_fixture *f = *state;
    EXPECT(f, LOOKUP(AGS_SESSION_OF(EUROPE, "null")), LOOK(.region = "eu-west-1", FAULTY),
           LOOK(PLACEMENT("PENDING")), STOP(PLACEMENT("CANCELLED")), LOOK(MISSING));
    terminate_refused(f, RPC_UNAVAILABLE, "DescribeGameSessionPlacement: InternalService");
    assert_int_equal(reclaims(f), 1);
}

static void deployment_that_is_no_queue_says_nothing_of_regions(void **state) {
    static const char *const sessions[] = {"arn:aws:s3:::bucket", "arn:aws:gamelift:::x",
                                           "alias-1"};
    struct handler_fixture *f = *state;
    for (size_t i = 0; i < sizeof sessions / sizeof sessions[0]; i++) {
        const char *body =
            arena_printf(f->arena,
                         "{\"id\":\"session-1\",\"configuration\":{\"deployment\":\"%s\"}}",
                         sessions[i])
                .p;
        EXPECT(f, LOOKUP(OK(body)), LOOK(MISSING));
        assert_success(f, "the session has no server; nothing was left to end");
    }
}

/* ---- calls for the same session ---- */

static void server_that_another_replica_asks_for_is_found_later(void **state) {
    struct handler_fixture *f = *state;
    EXPECT(f, LOOKUP(NO_SERVER), LOOK(MISSING));
    assert_success(f, "the session has no server; nothing was left to end");
    assert_int_equal(reclaims(f), 1);
    EXPECT(f, LOOKUP(AGS_UNKNOWN), LOOK(PLACED("session-1")),
           END(.wants = {"GameSessionId=" ARN_OF("session-1")}, ENDED));
    finish_reclaims(f);
    assert_true(f->asked_ms[2] >= RECLAIM_AGS_WAITS_MS);

    EXPECT(f, LOOKUP(AGS_SESSION_OF("alias-1", "{\"StatusV2\":\"REQUESTED\"}")), LOOK(MISSING));
    assert_success(f, "the session has no server; nothing was left to end");
    EXPECT(f, LOOKUP(AGS_UNKNOWN),
           LOOK_AT_SERVER(.wants = {"AliasId=alias-1"}, LISTED(SESSION("session-1", "ACTIVE"))),
           END(ENDED), LOOK_AT_SERVER(LISTED("")), LOOK_AT_SERVER(LISTED("")),
           LOOK_AT_SERVER(LISTED("")), LOOK_AT_SERVER(LISTED("")));
    finish_reclaims(f);
}

static void placement_that_cannot_be_stopped_is_an_error(void **state) {
    struct handler_fixture *f = *state;
    EXPECT(f, LOOKUP(NO_SERVER));
    for (int i = 0; i < 5; i++)
        EXPECT(f, LOOK(PLACEMENT("PENDING")), STOP(REFUSED("InvalidRequestException")));
    terminate_refused(f, RPC_INVALID_ARGUMENT, "StopGameSessionPlacement: InvalidRequest");
    assert_int_equal(reclaims(f), 1);
}

static void answer_that_says_nothing_of_a_placement_is_an_error(void **state) {
    static const struct {
        const char *body;
        const char *words;
    } cases[] = {
        {"{}", "has no GameSessionPlacement"},
        {"{\"GameSessionPlacement\":{}}", "has no Status"},
        {"{\"GameSessionPlacement\":{\"Status\":\"PAUSED\"}}", "has no Status"},
        {"{\"GameSessionPlacement\":{\"Status\":\"FULFILLED\"}}", "has no GameSessionArn"},
        {"not JSON", "the answer could not be understood"},
    };
    struct handler_fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        EXPECT(f, LOOKUP(NO_SERVER), LOOK(OK(cases[i].body)));
        start_good_terminate(f);
        finish_call(f);
        assert_true(f->code == RPC_UNAVAILABLE || f->code == RPC_INTERNAL);
        assert_contains(f->message, cases[i].words);
        pass(f, 20);
    }
}

static void id_that_gamelift_can_never_have_taken_has_nothing_left(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_terminate_game_session req = DSM_REQUEST_TERMINATE_GAME_SESSION_INIT;
    req.session_id = text_of("has_underscore");
    req.namespace_ = text_of("studio-game");
    EXPECT(f, {.op = "GET /session/v1/public/namespaces/studio-game/gamesessions/has_underscore",
               AGS_UNKNOWN});
    start_terminate(f, &req);
    finish_call(f);
    assert_int_equal(f->code, RPC_OK);
}

static void terminate_needs_both_ids(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_terminate_game_session req = DSM_REQUEST_TERMINATE_GAME_SESSION_INIT;
    req.namespace_ = text_of("studio-game");
    start_terminate(f, &req);
    finish_call(f);
    assert_failed(f, RPC_INVALID_ARGUMENT, "session_id is empty");
    pass(f, 20);
    req.session_id = text_of("session-1");
    req.namespace_ = text_of("");
    start_terminate(f, &req);
    finish_call(f);
    assert_failed(f, RPC_INVALID_ARGUMENT, "namespace is empty");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        HANDLER_TEST(terminate_ends_the_server_that_ags_knows),
        HANDLER_TEST(terminate_forces_where_that_is_set),
        HANDLER_TEST(terminate_goes_to_the_region_of_the_arn),
        HANDLER_TEST(terminate_without_server_information_succeeds),
        HANDLER_TEST(answer_that_is_of_no_session_is_not_believed),
        HANDLER_TEST(session_that_ags_does_not_know_is_no_error),
        HANDLER_TEST(terminate_twice_succeeds),
        HANDLER_TEST(terminate_not_ready_is_tried_again),
        HANDLER_TEST(session_that_still_comes_up_is_ended_when_it_can_be),
        HANDLER_TEST(session_that_never_gets_ready_is_an_error_in_time),
        HANDLER_TEST(terminate_stops_pending_placement),
        HANDLER_TEST(terminate_walks_through_all_placements_of_the_session),
        HANDLER_TEST(last_placement_of_a_series_is_ended_too),
        HANDLER_TEST(server_that_ended_does_not_hide_a_later_placement),
        HANDLER_TEST(terminate_placed_meanwhile_ends_session),
        HANDLER_TEST(placement_is_stopped_in_the_region_of_the_sessions_queue),
        HANDLER_TEST(placement_is_stopped_in_the_region_of_the_override),
        HANDLER_TEST(placement_is_looked_for_wherever_this_replica_starts_them),
        HANDLER_TEST(termination_that_cannot_know_where_to_look_is_told),
        HANDLER_TEST(region_that_fails_does_not_keep_from_ending_in_the_others),
        HANDLER_TEST(deployment_that_is_no_queue_says_nothing_of_regions),
        HANDLER_TEST(server_that_another_replica_asks_for_is_found_later),
        HANDLER_TEST(placement_that_cannot_be_stopped_is_an_error),
        HANDLER_TEST(answer_that_says_nothing_of_a_placement_is_an_error),
        HANDLER_TEST(id_that_gamelift_can_never_have_taken_has_nothing_left),
        HANDLER_TEST(terminate_needs_both_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
