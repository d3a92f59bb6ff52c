// SPDX-License-Identifier: Apache-2.0
/* TerminateGameSession when an upstream fails: what is answered, and what is done after the call.
 */
#include "terminate_script.h"

/* ---- no path leaves a server behind silently ---- */

static void termination_that_failed_is_tried_again_after_the_call(void **state) {
    struct handler_fixture *f = *state;
    EXPECT(f, LOOKUP(SERVED), END(FAULTY));
    terminate_refused(f, RPC_UNAVAILABLE, "InternalServiceException");
    EXPECT(f, LOOKUP(FAULTY), LOOKUP(SERVED), END(BREAKS),
           /* AGS has forgotten the session; its server is still known here */
           LOOKUP(AGS_UNKNOWN), END(.wants = {"GameSessionId=" ARN_OF("session-1")}, ENDED));
    finish_reclaims(f);
    assert_script_used(f);
    assert_int_equal(f->svc.servers_left, 0);
    assert_true(logged(f, "session terminated, later than it was asked for"));
}

static void placement_that_could_not_be_stopped_is_stopped_after_the_call(void **state) {
    struct handler_fixture *f = *state;
    EXPECT(f, LOOKUP(NO_SERVER), LOOK(PLACEMENT("PENDING")), STOP(FAULTY));
    terminate_refused(f, RPC_UNAVAILABLE, "StopGameSessionPlacement");
    EXPECT(f, LOOKUP(AGS_UNKNOWN), LOOK(PLACED("session-1")),
           END(.wants = {"GameSessionId=" ARN_OF("session-1")}, ENDED),
           LOOK(.wants = {"PlacementId=session-1-r2"}, MISSING));
    finish_reclaims(f);
    assert_script_used(f);
    assert_int_equal(f->svc.servers_left, 0);
}

static void later_try_spares_a_server_that_came_after_the_termination(void **state) {
    struct handler_fixture *f = *state;
    EXPECT(f, LOOKUP(SERVED), END(FAULTY));
    terminate_refused(f, RPC_UNAVAILABLE, "InternalServiceException");
    EXPECT(f, LOOKUP(AGS_SERVER("AVAILABLE", ARN_OF("session-1-r2"))),
           END(.wants = {"GameSessionId=" ARN_OF("session-1")}, MISSING));
    finish_reclaims(f);
    assert_script_used(f);
}

static void session_that_is_asked_for_again_keeps_its_server(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    EXPECT(f, LOOKUP(FAULTY));
    terminate_refused(f, RPC_UNAVAILABLE, "500");
    EXPECT(f, {.op = "StartGameSessionPlacement", PLACEMENT("PENDING")});
    assert_true(created_async(f, &req)->success);
    assert_int_equal(reclaims(f), 0);
    EXPECT(f, LOOKUP(SERVED), END(FAULTY));
    terminate_refused(f, RPC_UNAVAILABLE, "InternalServiceException");
    EXPECT(f, {.op = "CreateGameSession", CREATED("session-1", "ACTIVE")});
    created(f, &req);
    assert_int_equal(reclaims(f), 0);
    EXPECT(f, LOOKUP(SERVED), END(FAULTY));
    terminate_refused(f, RPC_UNAVAILABLE, "InternalServiceException");
    EXPECT(f, {.op = "CreateGameSession", REFUSED("UnauthorizedException")});
    refused(f, &req, RPC_PERMISSION_DENIED, "UnauthorizedException");
    assert_int_equal(reclaims(f), 1); /* what fails wants no server */
}

/* Placements with as much data as GameLift holds for each: six times what one call may use. */
static void long_series_with_much_data_is_no_call_too_large(void **state) {
    enum { SERIES = 25, DATA = 256 * 1024 };
    struct handler_fixture *f = *state;
    char *data = arena_alloc(f->arena, DATA + 1);
    memset(data, 'x', DATA);
    const char *placed = arena_printf(f->arena,
                                      "{\"GameSessionPlacement\":{\"Status\":\"CANCELLED\","
                                      "\"GameSessionData\":\"%s\"}}",
                                      data)
                             .p;
    EXPECT(f, LOOKUP(NO_SERVER));
    for (int i = 0; i < SERIES; i++)
        EXPECT(f, LOOK(OK(placed)));
    EXPECT(f, LOOK(PLACEMENT("PENDING")), STOP(PLACEMENT("CANCELLED")), LOOK(MISSING));
    assert_success(f, "the session has no server; its placement was ended");
}

static void what_could_not_be_ended_is_an_error_a_line_and_a_count(void **state) {
    struct handler_fixture *f = *state;
    struct step faulty = LOOKUP(FAULTY);
    EXPECT(f, LOOKUP(SERVED), END(REFUSED("AccessDeniedException")));
    terminate_refused(f, RPC_PERMISSION_DENIED, "TerminateGameSession: AccessDeniedException");
    assert_true(logged(f, "a server may still be running, and will be ended later"));
    assert_int_equal(f->svc.servers_left, 0);
    f->endless = &faulty;
    finish_reclaims(f);
    assert_int_equal(f->svc.servers_left, 1);
    assert_true(logged(f, "a server may be running that could not be ended"));
}

static void each_way_to_fail_leaves_one_try_for_later(void **state) {
    struct handler_fixture *f = *state;
    EXPECT(f, LOOKUP(SERVED), END(REFUSED("AccessDeniedException")));
    terminate_refused(f, RPC_PERMISSION_DENIED, "TerminateGameSession: AccessDeniedException");
    pass(f, 20);
    EXPECT(f, LOOKUP(SERVED), END(FAULTY));
    terminate_refused(f, RPC_UNAVAILABLE, "InternalServiceException");
    pass(f, 20);
    EXPECT(f, LOOKUP(SERVED), END(REFUSED("InvalidGameSessionStatusException")),
           LOOK_AT_SERVER(REFUSED("AccessDeniedException")));
    terminate_refused(f, RPC_FAILED_PRECONDITION, "InvalidGameSessionStatusException");
    assert_int_equal(reclaims(f), 1);
}

static void missing_credentials_are_no_reason_to_think_that_nothing_runs(void **state) {
    struct handler_fixture *f = *state;
    fixture_without_credentials(f);
    EXPECT(f, LOOKUP(SERVED));
    terminate_refused(f, RPC_INTERNAL, "no credentials");
    pass(f, 20);
    EXPECT(f, LOOKUP(NO_SERVER));
    terminate_refused(f, RPC_INTERNAL, "no credentials");
    assert_int_equal(reclaims(f), 2); /* one of them for a server that is known */
}

static void ags_that_cannot_be_asked_is_an_error(void **state) {
    static const struct {
        int status;
        enum rpc_code code;
        const char *words;
    } cases[] = {
        {500, RPC_UNAVAILABLE, "AGS getGameSession: HTTP status 500"},
        {503, RPC_UNAVAILABLE, "503"},
        {429, RPC_RESOURCE_EXHAUSTED, "429"},
        {403, RPC_INTERNAL, "the IAM client lacks a permission"},
        {STEP_BREAKS, RPC_UNAVAILABLE, "AGS getGameSession: the connection broke"},
        {200, RPC_INTERNAL, "could not be understood"},
    };
    struct handler_fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        EXPECT(f, LOOKUP(.status = cases[i].status, .body = "[1"));
        terminate_refused(f, cases[i].code, cases[i].words);
        pass(f, 20);
    }
}

static void ags_that_does_not_answer_does_not_hold_a_call_for_ever(void **state) {
    struct handler_fixture *f = *state;
    f->deadline_ms = 3000;
    EXPECT(f, LOOKUP(SILENT));
    terminate_refused(f, RPC_DEADLINE_EXCEEDED, "");
    assert_in_range(f->took_ms, 2980, 3100);
}

static void token_that_ags_refuses_is_renewed_once(void **state) {
    struct handler_fixture *f = *state;
    EXPECT(f, LOOKUP(.status = 401, .body = "{}"), LOOKUP(SERVED), END(ENDED));
    assert_success(f, "");
    assert_int_equal(f->n_tokens, 2);
    EXPECT(f, LOOKUP(.status = 401, .body = "{}"), LOOKUP(.status = 401, .body = "{}"));
    terminate_refused(f, RPC_INTERNAL, "are AB_CLIENT_ID and AB_CLIENT_SECRET right?");
}

static void terminate_cancelled_at_any_moment_ends_once(void **state) {
    struct handler_fixture *f = *state;
    const struct step steps[] = {LOOKUP(SERVED), END(REFUSED("InvalidGameSessionStatusException")),
                                 LOOK_AT_SERVER(LISTED("")), LOOK(PLACEMENT("PENDING")),
                                 STOP(PLACEMENT("CANCELLED"))};
    for (size_t silent = 0; silent < 5; silent++) {
        for (size_t i = 0; i < silent; i++)
            expect(f, &steps[i], 1);
        struct step last = steps[silent];
        last.status = STEP_SILENT;
        expect(f, &last, 1);
        start_good_terminate(f);
        finish_script(f);
        cancel_call(f, RPC_CANCELLED);
        finish_call(f);
        assert_failed(f, RPC_CANCELLED, "");
        pass(f, 1000);
        assert_int_equal(f->finished, 1);
    }
}

static void terminate_cancelled_while_it_waits_ends_once(void **state) {
    struct handler_fixture *f = *state;
    EXPECT(f, LOOKUP(SERVED), END(REFUSED("NotReadyException")));
    start_good_terminate(f);
    finish_script(f);
    pass(f, 100);
    cancel_call(f, RPC_CANCELLED);
    finish_call(f);
    assert_failed(f, RPC_CANCELLED, "");
    pass(f, 9000); /* before it is tried again, after the call */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        HANDLER_TEST(termination_that_failed_is_tried_again_after_the_call),
        HANDLER_TEST(placement_that_could_not_be_stopped_is_stopped_after_the_call),
        HANDLER_TEST(later_try_spares_a_server_that_came_after_the_termination),
        HANDLER_TEST(session_that_is_asked_for_again_keeps_its_server),
        HANDLER_TEST(long_series_with_much_data_is_no_call_too_large),
        HANDLER_TEST(what_could_not_be_ended_is_an_error_a_line_and_a_count),
        HANDLER_TEST(each_way_to_fail_leaves_one_try_for_later),
        HANDLER_TEST(missing_credentials_are_no_reason_to_think_that_nothing_runs),
        HANDLER_TEST(ags_that_cannot_be_asked_is_an_error),
        HANDLER_TEST(ags_that_does_not_answer_does_not_hold_a_call_for_ever),
        HANDLER_TEST(token_that_ags_refuses_is_renewed_once),
        HANDLER_TEST(terminate_cancelled_at_any_moment_ends_once),
        HANDLER_TEST(terminate_cancelled_while_it_waits_ends_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
