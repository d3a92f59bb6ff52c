// SPDX-License-Identifier: Apache-2.0
/* Reclaims: nothing runs on in GameLift that AGS does not know of, and nothing ends that it does.
 */
#include "handler_fixture.h"

#define ASK(...)                                                                                   \
    { .op = "CreateGameSession", __VA_ARGS__ }
#define START(...)                                                                                 \
    { .op = "StartGameSessionPlacement", __VA_ARGS__ }
#define LOOKUP(...)                                                                                \
    { .op = AGS_LOOKUP, __VA_ARGS__ }
#define LIST(...)                                                                                  \
    { .op = "DescribeGameSessions", __VA_ARGS__ }
#define LOOK(...)                                                                                  \
    { .op = "DescribeGameSessionPlacement", __VA_ARGS__ }
#define STOP(...)                                                                                  \
    { .op = "StopGameSessionPlacement", __VA_ARGS__ }
#define END(...)                                                                                   \
    { .op = "TerminateGameSession", __VA_ARGS__ }
#define MISSING REFUSED("NotFoundException")
#define WAITING AGS_SESSION("{\"StatusV2\":\"REQUESTED\"}")
#define GAVE_UP AGS_SESSION("{\"StatusV2\":\"FAILED_TO_REQUEST\",\"Server\":null}")

/* What a failed call for session-1 leaves; each kind with its own way to the server. */
static void leave_arn(struct handler_fixture *f) {
    const struct reclaim_request left = {
        .namespace = STR("studio-game"),
        .session_id = STR("session-1"),
        .arn = STR(ARN_OF("session-1")),
    };
    reclaim_later(&f->svc, &left);
}

static void leave_token(struct handler_fixture *f, unsigned turns) {
    const struct reclaim_request left = {
        .namespace = STR("studio-game"),
        .session_id = STR("session-1"),
        .alias = STR("alias-1"),
        .turns = turns,
    };
    reclaim_later(&f->svc, &left);
}

static void leave_placement(struct handler_fixture *f, struct str queue) {
    const struct reclaim_request left = {
        .namespace = STR("studio-game"),
        .session_id = STR("session-1"),
        .placement_id = STR("session-1-r2"),
        .queue = queue,
    };
    reclaim_later(&f->svc, &left);
}

static void assert_reclaimed(struct handler_fixture *f) {
    finish_reclaims(f);
    assert_script_used(f);
    assert_int_equal(f->svc.servers_left, 0);
}

/* ---- a create and what it leaves ---- */

static void cancel_during_create_leaves_no_server(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    EXPECT(f, ASK(SILENT));
    start_create(f, &req);
    pass(f, 1000);
    cancel_call(f, RPC_CANCELLED);
    finish_call(f);
    assert_int_equal(reclaims(f), 1);
    EXPECT(f, LOOKUP(AGS_UNKNOWN),
           LIST(.wants = {"AliasId=alias-1", "StatusFilter=ACTIVATING"},
                LISTED(SESSION("session-1", "ACTIVATING"))),
           END(.wants = {"GameSessionId=" ARN_OF("session-1")}, ENDED));
    assert_reclaimed(f);
    assert_true(f->asked_ms[1] >= 1000 + RECLAIM_DELAY_MS);
}

static void create_cancelled_while_it_waits_leaves_no_server(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    f->svc.wait_active = true;
    EXPECT(f, ASK(CREATED("session-1", "ACTIVATING")));
    start_create(f, &req);
    finish_script(f);
    cancel_call(f, RPC_CANCELLED);
    finish_call(f);
    EXPECT(f, LOOKUP(GAVE_UP), END(.wants = {"GameSessionId=" ARN_OF("session-1")}, ENDED));
    assert_reclaimed(f);
}

static void create_that_found_dead_servers_looks_under_each_token(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    req.n_requested_region = 1;
    EXPECT(f, ASK(CREATED("session-1", "TERMINATED")), ASK(BREAKS));
    refused(f, &req, RPC_UNAVAILABLE, "the connection broke");
    EXPECT(f, LOOKUP(AGS_UNKNOWN), LIST(LISTED("")), LIST(LISTED("")),
           LIST(LISTED(SESSION("session-1-r2", "ACTIVATING"))),
           END(.wants = {"GameSessionId=" ARN_OF("session-1-r2")}, ENDED));
    assert_reclaimed(f);
}

static void async_call_that_failed_leaves_no_placement(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    req.deployment = text_of("arn:aws:gamelift:eu-west-1:123456789012:gamesessionqueue/q");
    EXPECT(f, START(.region = "eu-west-1", SILENT));
    start_async(f, &req);
    pass(f, 1000);
    cancel_call(f, RPC_CANCELLED);
    finish_call(f);
    EXPECT(f, LOOKUP(AGS_UNKNOWN),
           LOOK(.region = "eu-west-1", .wants = {"PlacementId=session-1"}, PLACEMENT("PENDING")),
           STOP(.region = "eu-west-1", .wants = {"PlacementId=session-1"}, PLACEMENT("CANCELLED")));
    assert_reclaimed(f);
}

static void server_whose_address_did_not_reach_ags_is_ended(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    EXPECT(f, ASK(CREATED("session-1", "ACTIVE")));
    created(f, &req);
    assert_int_equal(reclaims(f), 0);
    lose_answer(f);
    EXPECT(f, LOOKUP(GAVE_UP), END(.wants = {"GameSessionId=" ARN_OF("session-1")}, ENDED));
    assert_reclaimed(f);
}

static void server_whose_lost_answer_was_asked_for_again_lives_on(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    EXPECT(f, ASK(CREATED("session-1", "ACTIVE")));
    created(f, &req);
    lose_answer(f);
    EXPECT(f, ASK(CREATED("session-1", "ACTIVE")));
    created(f, &req);
    assert_int_equal(reclaims(f), 0);
    pass(f, INT64_C(2) * RECLAIM_DELAY_MS);
}

static void placement_whose_start_did_not_reach_ags_is_stopped(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    EXPECT(f, START(PLACEMENT("PENDING")));
    created_async(f, &req);
    lose_answer(f);
    EXPECT(f, LOOKUP(GAVE_UP), LOOK(.wants = {"PlacementId=session-1"}, PLACEMENT("PENDING")),
           STOP(.wants = {"PlacementId=session-1"}, PLACEMENT("CANCELLED")));
    assert_reclaimed(f);
}

/* ---- a session that is asked for again ---- */

static void session_that_is_answered_after_all_is_not_reclaimed(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    leave_token(f, 1);
    leave_arn(f);
    EXPECT(f, ASK(CREATED("session-1", "ACTIVE")));
    created(f, &req);
    assert_int_equal(reclaims(f), 0);
    pass(f, INT64_C(2) * RECLAIM_DELAY_MS);
}

static void reclaim_waits_for_a_call_that_asks_for_its_session(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    struct step look = LIST(LISTED(SESSION("session-1", "ACTIVATING")));
    leave_token(f, 1);
    pass(f, RECLAIM_DELAY_MS - 1000);
    f->svc.wait_active = true;
    f->endless = &look;
    EXPECT(f, ASK(CREATED("session-1", "ACTIVATING")));
    start_create(f, &req);
    pass(f, 5000); /* the reclaim would long have come */
    assert_int_equal(f->finished, 0);
    f->endless = NULL;
    EXPECT(f, LIST(LISTED(SESSION("session-1", "ACTIVE"))));
    finish_call(f);
    assert_int_equal(f->code, RPC_OK);
    pass(f, INT64_C(2) * RECLAIM_DELAY_MS);
    assert_int_equal(reclaims(f), 0);
}

static void call_that_fails_hands_reclaims_back(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    leave_token(f, 3);
    leave_arn(f);
    EXPECT(f, ASK(REFUSED("FleetCapacityExceededException")), ASK(BREAKS));
    refused(f, &req, RPC_RESOURCE_EXHAUSTED, "");
    assert_int_equal(reclaims(f), 2); /* its own is the same as the first */
    pass(f, 20);
    EXPECT(f, ASK(REFUSED("AccessDeniedException")));
    refused(f, &req, RPC_PERMISSION_DENIED, "");
    assert_int_equal(reclaims(f), 2);
    EXPECT(f, START(REFUSED("AccessDeniedException")));
    pass(f, 20);
    assert_false(created_async(f, &req)->success);
    assert_int_equal(reclaims(f), 2);
}

static void reclaim_in_the_middle_of_its_work_is_taken_over(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    const struct step steps[] = {LOOKUP(AGS_UNKNOWN), LIST(LISTED("")),
                                 LIST(LISTED(SESSION("session-1", "ACTIVE")))};
    for (size_t silent = 0; silent < 3; silent++) {
        for (size_t i = 0; i < silent; i++)
            expect(f, &steps[i], 1);
        struct step last = steps[silent];
        last.status = STEP_SILENT;
        expect(f, &last, 1);
        leave_token(f, 1);
        finish_script(f);
        EXPECT(f, ASK(CREATED("session-1", "ACTIVE")));
        created(f, &req);
        assert_int_equal(reclaims(f), 0);
        pass(f, 20000);
    }
}

static void server_that_is_being_ended_is_not_answered(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    leave_arn(f);
    EXPECT(f, LOOKUP(AGS_UNKNOWN), END(.after_ms = 2000, ENDED));
    finish_script(f);
    EXPECT(f, ASK(.wants = {"IdempotencyToken=session-1"}, CREATED("session-1", "ACTIVE")),
           ASK(.wants = {"IdempotencyToken=session-1-r2"}, CREATED("session-1-r2", "ACTIVE")));
    assert_string_equal(created(f, &req)->server_id, ARN_OF("session-1-r2"));
    assert_int_equal(reclaims(f), 1);
    finish_reclaims(f);
    pass(f, INT64_C(2) * RECLAIM_DELAY_MS); /* its end was ordered: nothing is left */

    leave_arn(f);
    EXPECT(f, LOOKUP(AGS_UNKNOWN), END(.after_ms = 2000, FAULTY));
    finish_script(f);
    EXPECT(f, ASK(CREATED("session-1", "ACTIVE")), ASK(CREATED("session-1-r2", "ACTIVE")));
    created(f, &req);
    EXPECT(f, LOOKUP(AGS_SERVER("AVAILABLE", ARN_OF("session-1-r2"))),
           END(.wants = {"GameSessionId=" ARN_OF("session-1")}, ENDED));
    assert_reclaimed(f);
}

static void placement_that_is_being_stopped_is_not_answered(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    const struct reclaim_request left = {
        .namespace = STR("studio-game"),
        .session_id = STR("session-1"),
        .placement_id = STR("session-1"),
    };
    req.deployment = text_of("demo-queue");
    for (int works = 0; works < 2; works++) {
        struct step stop = STOP(.after_ms = 2000, PLACEMENT("CANCELLED"));
        if (!works)
            stop.status = 500;
        reclaim_later(&f->svc, &left);
        EXPECT(f, LOOKUP(AGS_UNKNOWN), LOOK(PLACEMENT("PENDING")));
        expect(f, &stop, 1);
        finish_script(f);
        EXPECT(f, START(REFUSED("InvalidRequestException")), LOOK(PLACEMENT("PENDING")),
               START(.wants = {"PlacementId=session-1-r2"}, PLACEMENT("PENDING")));
        assert_true(created_async(f, &req)->success);
        if (!works)
            EXPECT(f, LOOKUP(AGS_SESSION("{\"StatusV2\":\"FAILED_TO_REQUEST\"}")),
                   LOOK(.wants = {"PlacementId=session-1"}, PLACEMENT("PENDING")),
                   STOP(PLACEMENT("CANCELLED")));
        assert_reclaimed(f);
        pass(f, INT64_C(2) * RECLAIM_DELAY_MS);
    }
}

static void server_that_the_answer_does_not_name_is_still_looked_for(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    leave_arn(f);
    leave_token(f, 1);
    req.deployment = text_of("alias-2"); /* the template has changed since */
    EXPECT(f, ASK(CREATED("session-1-in-fleet-2", "ACTIVE")));
    created(f, &req);
    assert_int_equal(reclaims(f), 2);
    pass(f, 20);
    req.deployment = text_of("demo-queue");
    EXPECT(f, START(PLACEMENT("PENDING")));
    created_async(f, &req);
    assert_int_equal(reclaims(f), 2);
}

static void session_that_was_not_listed_is_looked_for_after_the_answer(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    EXPECT(f, ASK(BREAKS), ASK(REFUSED("IdempotentParameterMismatchException")), LIST(LISTED("")),
           LIST(LISTED("")), LIST(LISTED("")), LIST(LISTED("")),
           ASK(.wants = {"IdempotencyToken=session-1-r2"}, CREATED("session-1-r2", "ACTIVE")));
    created(f, &req);
    EXPECT(f, LOOKUP(AGS_SERVER("AVAILABLE", ARN_OF("session-1-r2"))),
           LIST(LISTED(SESSION("session-1", "ACTIVATING"))),
           END(.wants = {"GameSessionId=" ARN_OF("session-1")}, ENDED));
    assert_reclaimed(f);
}

static void sessions_of_other_names_are_left_alone(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    const struct reclaim_request other = {
        .namespace = STR("other-game"),
        .session_id = STR("session-1"),
        .arn = STR(ARN_OF("session-1")),
    };
    reclaim_later(&f->svc, &other);
    EXPECT(f, ASK(CREATED("session-1", "ACTIVE")));
    created(f, &req);
    assert_int_equal(reclaims(f), 1);
}

/* ---- what AGS knows ---- */

static void reclaim_spares_a_server_that_ags_knows(void **state) {
    struct handler_fixture *f = *state;
    leave_arn(f);
    EXPECT(f, LOOKUP(AGS_SERVER("AVAILABLE", ARN_OF("session-1"))));
    assert_reclaimed(f);
    leave_token(f, 1);
    EXPECT(f, LOOKUP(AGS_SERVER("AVAILABLE", ARN_OF("session-1"))),
           LIST(LISTED(SESSION("session-1", "ACTIVATING"))));
    assert_reclaimed(f);
    leave_placement(f, STR_NULL);
    EXPECT(f, LOOKUP(AGS_SERVER("AVAILABLE", ARN_OF("session-1"))), LOOK(PLACED("session-1")));
    assert_reclaimed(f);
}

static void reclaim_ends_the_one_that_ags_does_not_know(void **state) {
    struct handler_fixture *f = *state;
    leave_token(f, 2);
    EXPECT(f, LOOKUP(AGS_SERVER("AVAILABLE", ARN_OF("session-1"))),
           LIST(LISTED(SESSION("session-1", "ACTIVATING"))),
           LIST(LISTED(SESSION("session-1-r2", "ACTIVATING"))),
           END(.wants = {"GameSessionId=" ARN_OF("session-1-r2")}, ENDED));
    assert_reclaimed(f);
    leave_placement(f, STR_NULL);
    EXPECT(f, LOOKUP(AGS_SERVER("AVAILABLE", ARN_OF("session-1"))), LOOK(PLACED("session-1-r2")),
           END(.wants = {"GameSessionId=" ARN_OF("session-1-r2")}, ENDED));
    assert_reclaimed(f);
}

static void reclaim_leaves_a_placement_that_ags_waits_for(void **state) {
    struct handler_fixture *f = *state;
    struct step waiting = LOOKUP(WAITING);
    leave_placement(f, STR_NULL);
    EXPECT(f, LOOKUP(WAITING), LOOKUP(AGS_SESSION("{\"StatusV2\":\"PREPARING\"}")),
           LOOKUP(AGS_SERVER("AVAILABLE", ARN_OF("session-1-r2"))), LOOK(PLACED("session-1-r2")));
    assert_reclaimed(f);
    leave_placement(f, STR_NULL); /* another replica had the repeated call */
    f->endless = &waiting;
    finish_reclaims(f);
    assert_true(f->n_endless > 5);
    assert_int_equal(f->svc.servers_left, 0);
}

static void reclaim_stops_a_placement_that_ags_has_given_up(void **state) {
    struct handler_fixture *f = *state;
    leave_placement(f, STR_NULL);
    EXPECT(f, LOOKUP(WAITING), LOOKUP(GAVE_UP), LOOK(PLACEMENT("PENDING")),
           STOP(.wants = {"PlacementId=session-1-r2"}, PLACEMENT("CANCELLED")));
    assert_reclaimed(f);
}

static void reclaim_of_a_session_does_not_wait_for_ags_for_ever(void **state) {
    struct handler_fixture *f = *state;
    struct step waiting = LOOKUP(WAITING);
    leave_arn(f);
    f->endless = &waiting;
    pass(f, RECLAIM_AGS_WAITS_MS - FIXTURE_STEP_MS);
    assert_true(f->n_endless > 2);
    f->endless = NULL;
    EXPECT(f, LOOKUP(WAITING), END(ENDED));
    assert_reclaimed(f);
}

static void server_that_ags_knows_by_another_name_is_spared(void **state) {
    static const char *const names[] = {"my-own-name", ""};
    struct handler_fixture *f = *state;
    for (size_t i = 0; i < 2; i++) {
        const char *body =
            arena_printf(
                f->arena,
                "{\"id\":\"session-1\",\"DSInformation\":{\"StatusV2\":\"AVAILABLE\",\"Server\":"
                "{\"deployment\":\"%s\"}}}",
                names[i])
                .p;
        leave_placement(f, STR_NULL);
        EXPECT(f, LOOKUP(OK(body)), LOOK(PLACED("session-1-r2")));
        assert_reclaimed(f);
    }
    /* A failure that was reported under some name is no server. */
    leave_placement(f, STR_NULL);
    EXPECT(f, LOOKUP(AGS_SERVER("FAILED_TO_REQUEST", "PlacementTimedOut")),
           LOOK(PLACED("session-1-r2")),
           END(.wants = {"GameSessionId=" ARN_OF("session-1-r2")}, ENDED));
    assert_reclaimed(f);
}

/* ---- what GameLift has ---- */

static void reclaim_ends_where_there_is_nothing(void **state) {
    struct handler_fixture *f = *state;
    leave_token(f, 2);
    EXPECT(f, LOOKUP(AGS_UNKNOWN), LIST(LISTED("")), LIST(LISTED("")), LIST(LISTED("")),
           LIST(LISTED("")));
    assert_reclaimed(f);
    leave_token(f, 1);
    EXPECT(f, LOOKUP(AGS_UNKNOWN), LIST(MISSING)); /* no such alias */
    assert_reclaimed(f);
    leave_placement(f, STR_NULL);
    EXPECT(f, LOOKUP(AGS_UNKNOWN), LOOK(MISSING));
    assert_reclaimed(f);
    leave_placement(f, STR_NULL);
    EXPECT(f, LOOKUP(AGS_UNKNOWN), LOOK(PLACEMENT("TIMED_OUT")));
    assert_reclaimed(f);
    leave_arn(f);
    EXPECT(f, LOOKUP(AGS_UNKNOWN), END(MISSING));
    assert_reclaimed(f);
}

static void answer_without_a_list_is_not_taken_for_an_empty_one(void **state) {
    struct handler_fixture *f = *state;
    leave_token(f, 1);
    EXPECT(f, LOOKUP(AGS_UNKNOWN), LIST(OK("{\"GameSession\":1}")), LOOKUP(AGS_UNKNOWN),
           LIST(LISTED("")), LIST(LISTED(SESSION("session-1", "ACTIVE"))), END(ENDED));
    assert_reclaimed(f);
    leave_arn(f);
    EXPECT(f, LOOKUP(AGS_UNKNOWN), END(REFUSED("InvalidGameSessionStatusException")),
           LIST(OK("{}")), END(ENDED));
    assert_reclaimed(f);
}

static void reclaim_is_tried_again(void **state) {
    struct handler_fixture *f = *state;
    leave_token(f, 1);
    EXPECT(f, LOOKUP(FAULTY), LOOKUP(BREAKS), LOOKUP(AGS_UNKNOWN), LIST(FAULTY),
           LOOKUP(AGS_UNKNOWN), LIST(LISTED(SESSION("session-1", "ACTIVATING"))), END(FAULTY),
           LOOKUP(AGS_UNKNOWN), LIST(LISTED(SESSION("session-1", "ACTIVATING"))), END(ENDED));
    assert_reclaimed(f);
}

static void reclaim_of_a_placement_is_tried_again(void **state) {
    struct handler_fixture *f = *state;
    leave_placement(f, STR_NULL);
    EXPECT(f, LOOKUP(AGS_UNKNOWN), LOOK(FAULTY), LOOKUP(AGS_UNKNOWN), LOOK(OK("{}")),
           LOOKUP(AGS_UNKNOWN), LOOK(PLACEMENT("FULFILLED")), LOOKUP(AGS_UNKNOWN),
           LOOK(PLACEMENT("PAUSED")), LOOKUP(AGS_UNKNOWN), LOOK(PLACEMENT("PENDING")),
           STOP(REFUSED("InvalidRequestException")), LOOKUP(AGS_UNKNOWN),
           LOOK(PLACED("session-1-r2")),
           END(.wants = {"GameSessionId=" ARN_OF("session-1-r2")}, ENDED));
    assert_reclaimed(f);
}

static void reclaim_that_never_succeeds_is_an_error_and_a_count(void **state) {
    struct handler_fixture *f = *state;
    struct step faulty = LOOKUP(FAULTY);
    leave_arn(f);
    f->endless = &faulty;
    finish_reclaims(f);
    assert_int_equal(f->svc.servers_left, 1);
    assert_true(logged(f, "a server may be running that AGS does not know of"));
}

static void count_done(void *priv) {
    ++*(int *)priv;
}

static void service_that_stops_looks_at_once(void **state) {
    struct handler_fixture *f = *state;
    int done = 0;
    leave_arn(f);
    leave_placement(f, STR_NULL);
    EXPECT(f, LOOKUP(AGS_UNKNOWN), LOOKUP(FAULTY), END(ENDED), LOOKUP(AGS_UNKNOWN),
           LOOK(PLACEMENT("PENDING")), STOP(PLACEMENT("CANCELLED")));
    reclaim_finish_all(&f->svc, 5000, count_done, &done);
    assert_int_equal(done, 0);
    assert_reclaimed(f);
    pass(f, 40);
    assert_int_equal(done, 1);
    reclaim_finish_all(&f->svc, 5000, count_done, &done);
    pass(f, 0);
    assert_int_equal(done, 2); /* with nothing to do it is done at once */
}

static void service_that_stops_does_not_wait_for_ever(void **state) {
    struct handler_fixture *f = *state;
    int done = 0;
    leave_arn(f);
    leave_placement(f, STR_NULL);
    EXPECT(f, LOOKUP(SILENT), LOOKUP(AGS_SERVER("REQUESTED", "")));
    reclaim_finish_all(&f->svc, 1500, count_done, &done);
    pass(f, 1480);
    assert_int_equal(done, 0);
    pass(f, 60);
    assert_int_equal(done, 1);
    assert_int_equal(reclaims(f), 0);
    assert_int_equal(f->svc.servers_left, 1);
    assert_true(logged(f, "AGS still waits for a server"));
}

static void reclaims_left_at_the_end_are_errors_and_counted(void **state) {
    struct handler_fixture *f = *state;
    leave_arn(f);
    leave_token(f, 1);
    leave_placement(f, STR_NULL);
    reclaim_give_up_all(&f->svc);
    assert_int_equal(reclaims(f), 0);
    assert_int_equal(f->svc.servers_left, 3);
    assert_true(logged(f, "the service stopped before it was known"));
}

static void one_reclaim_looks_for_all_that_failed_calls_left(void **state) {
    struct handler_fixture *f = *state;
    leave_token(f, 1);
    leave_token(f, 3);
    leave_token(f, 2);
    assert_int_equal(reclaims(f), 1);
    EXPECT(f, LOOKUP(AGS_UNKNOWN), LIST(LISTED("")), LIST(LISTED("")),
           LIST(LISTED(SESSION("session-1-r2", "ACTIVATING"))), END(ENDED), LIST(LISTED("")),
           LIST(LISTED(SESSION("session-1-r3", "ACTIVE"))),
           END(.wants = {"GameSessionId=" ARN_OF("session-1-r3")}, ENDED));
    assert_reclaimed(f);
}

static void number_of_reclaims_is_limited(void **state) {
    struct handler_fixture *f = *state;
    char id[32];
    for (int i = 0; i <= RECLAIM_MAX; i++) {
        struct reclaim_request left = {.namespace = STR("n"), .arn = STR("a")};
        snprintf(id, sizeof id, "s%d", i);
        left.session_id = str_c(id);
        reclaim_later(&f->svc, &left);
    }
    assert_int_equal(reclaims(f), RECLAIM_MAX);
    assert_int_equal(f->svc.servers_left, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        HANDLER_TEST(cancel_during_create_leaves_no_server),
        HANDLER_TEST(create_cancelled_while_it_waits_leaves_no_server),
        HANDLER_TEST(create_that_found_dead_servers_looks_under_each_token),
        HANDLER_TEST(async_call_that_failed_leaves_no_placement),
        HANDLER_TEST(server_whose_address_did_not_reach_ags_is_ended),
        HANDLER_TEST(server_whose_lost_answer_was_asked_for_again_lives_on),
        HANDLER_TEST(placement_whose_start_did_not_reach_ags_is_stopped),
        HANDLER_TEST(session_that_is_answered_after_all_is_not_reclaimed),
        HANDLER_TEST(reclaim_waits_for_a_call_that_asks_for_its_session),
        HANDLER_TEST(call_that_fails_hands_reclaims_back),
        HANDLER_TEST(reclaim_in_the_middle_of_its_work_is_taken_over),
        HANDLER_TEST(server_that_is_being_ended_is_not_answered),
        HANDLER_TEST(placement_that_is_being_stopped_is_not_answered),
        HANDLER_TEST(server_that_the_answer_does_not_name_is_still_looked_for),
        HANDLER_TEST(session_that_was_not_listed_is_looked_for_after_the_answer),
        HANDLER_TEST(sessions_of_other_names_are_left_alone),
        HANDLER_TEST(reclaim_spares_a_server_that_ags_knows),
        HANDLER_TEST(reclaim_ends_the_one_that_ags_does_not_know),
        HANDLER_TEST(reclaim_leaves_a_placement_that_ags_waits_for),
        HANDLER_TEST(reclaim_stops_a_placement_that_ags_has_given_up),
        HANDLER_TEST(reclaim_of_a_session_does_not_wait_for_ags_for_ever),
        HANDLER_TEST(server_that_ags_knows_by_another_name_is_spared),
        HANDLER_TEST(reclaim_ends_where_there_is_nothing),
        HANDLER_TEST(answer_without_a_list_is_not_taken_for_an_empty_one),
        HANDLER_TEST(reclaim_is_tried_again),
        HANDLER_TEST(reclaim_of_a_placement_is_tried_again),
        HANDLER_TEST(reclaim_that_never_succeeds_is_an_error_and_a_count),
        HANDLER_TEST(service_that_stops_looks_at_once),
        HANDLER_TEST(service_that_stops_does_not_wait_for_ever),
        HANDLER_TEST(reclaims_left_at_the_end_are_errors_and_counted),
        HANDLER_TEST(one_reclaim_looks_for_all_that_failed_calls_left),
        HANDLER_TEST(number_of_reclaims_is_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
