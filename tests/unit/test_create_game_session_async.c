// SPDX-License-Identifier: Apache-2.0
/* CreateGameSessionAsync: each promise of the asynchronous mode, on a scripted GameLift. */
#include "handler_fixture.h"
#include "handlers/session_token.h"

#define START(...)                                                                                 \
    { .op = "StartGameSessionPlacement", __VA_ARGS__ }
#define LOOK(...)                                                                                  \
    { .op = "DescribeGameSessionPlacement", __VA_ARGS__ }
#define LOOK_AT_SERVER(...)                                                                        \
    { .op = "DescribeGameSessions", __VA_ARGS__ }
#define USED REFUSED("InvalidRequestException")
#define MISSING REFUSED("NotFoundException")

static struct dsm_request_create_game_session queue_request(void) {
    struct dsm_request_create_game_session req = good_request();
    req.deployment = text_of("queue-1");
    return req;
}

/* GameLift started nothing, and the answer says so. */
static void assert_not_started(struct handler_fixture *f,
                               const struct dsm_request_create_game_session *req,
                               const char *words) {
    const struct dsm_response_create_game_session_async *resp = created_async(f, req);
    assert_false(resp->success);
    assert_contains(str_c(resp->message),
                    "failed to start a game session placement for session session-1: ");
    assert_contains(str_c(resp->message), words);
    pass(f, 20);
}

static void assert_started(struct handler_fixture *f,
                           const struct dsm_request_create_game_session *req) {
    const struct dsm_response_create_game_session_async *resp = created_async(f, req);
    assert_true(resp->success);
    assert_string_equal(resp->message, "");
    assert_int_equal(reclaims(f), 0);
    pass(f, 20);
}

static void async_refused(struct handler_fixture *f,
                          const struct dsm_request_create_game_session *req, enum rpc_code code,
                          const char *words) {
    start_async(f, req);
    finish_call(f);
    assert_failed(f, code, words);
    pass(f, 20);
}

/* ---- what is sent ---- */

static void async_sends_all_that_the_synchronous_call_sends(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = queue_request();
    req.session_data = text_of(SESSION_DATA);
    EXPECT(
        f,
        START(.wants = {"GameSessionQueueName=queue-1", "PlacementId=session-1",
                        "MaximumPlayerSessionCount=4", "GameSessionData=" SESSION_DATA,
                        "GameProperties.0.Value=1.2.3", "GameProperties.1.Value=duel",
                        "GameProperties.2.Value=" JOIN_SECRET, "GameProperties.3.Value=session-1",
                        "GameProperties.4.Value=studio-game", "!PriorityConfigurationOverride"},
              PLACEMENT("PENDING")));
    assert_started(f, &req);
    EXPECT(f, START(.wants = {"!GameSessionData", "!PlayerLatencies"}, PLACEMENT("PENDING")));
    req.session_data = text_of("");
    assert_started(f, &req);
}

static void ags_session_id_is_found_in_each_placement(void **state) {
    static char long_id[] = "0123456789-0123456789-0123456789-0123456789-0123";
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = queue_request();
    req.session_id = long_id; /* 48: the next placement's id cannot hold it */
    EXPECT(f,
           START(.wants = {"PlacementId=0123456789-0123456789-0123456789-0123456789-0123"}, USED),
           LOOK(PLACEMENT("FAILED")),
           START(.wants = {"PlacementId=7296124324f590cdac4d300654df2f5950322515-r2",
                           "GameProperties.3.Key=sessionId",
                           "GameProperties.3.Value="
                           "0123456789-0123456789-0123456789-0123456789-0123"},
                 PLACEMENT("PENDING")));
    assert_started(f, &req);
}

static void async_goes_to_the_queue_of_the_override(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = queue_request();
    f->svc.queue_arn_override = STR("arn:aws:gamelift:eu-west-1:123456789012:gamesessionqueue/q");
    EXPECT(f, START(.region = "eu-west-1",
                    .wants = {"GameSessionQueueName="
                              "arn:aws:gamelift:eu-west-1:123456789012:gamesessionqueue/q"},
                    PLACEMENT("PENDING")));
    assert_started(f, &req);
}

static void async_prefers_the_requested_regions_where_that_is_set(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = queue_request();
    char *regions[14] = {text_of("us-west-2"), text_of("us-west-2"), text_of("us-east-1")};
    for (size_t i = 3; i < 14; i++)
        regions[i] = text_of(arena_printf(f->arena, "place-%zu", i).p);
    req.requested_region = regions;
    req.n_requested_region = 14;
    req.session_data = text_of("{\"gamelift_latencies\":{\"p\":{\"us-east-1\":1}}}");
    f->svc.queue_use_requested_regions = true;
    EXPECT(f,
           START(.wants = {"PriorityConfigurationOverride.LocationOrder.0=us-west-2",
                           "PriorityConfigurationOverride.LocationOrder.1=us-east-1",
                           "PriorityConfigurationOverride.LocationOrder.9=place-10",
                           "!PriorityConfigurationOverride.LocationOrder.10", "!PlayerLatencies"},
                 PLACEMENT("PENDING")));
    assert_started(f, &req);
    req.n_requested_region = 0;
    EXPECT(f, START(.wants = {"!PriorityConfigurationOverride", "PlayerLatencies.0.PlayerId=p"},
                    PLACEMENT("PENDING")));
    assert_started(f, &req);
    f->svc.location_override = STR("eu-west-1");
    EXPECT(f, START(.wants = {"PriorityConfigurationOverride.LocationOrder.0=eu-west-1",
                              "!PriorityConfigurationOverride.LocationOrder.1"},
                    PLACEMENT("PENDING")));
    assert_started(f, &req);
}

static void async_sends_latencies_of_both_documented_forms(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = queue_request();
    EXPECT(f, START(.wants = {"PlayerLatencies.0.PlayerId=anna",
                              "PlayerLatencies.0.RegionIdentifier=us-west-2",
                              "PlayerLatencies.0.LatencyInMilliseconds=42.5", "!PlayerLatencies.1"},
                    PLACEMENT("PENDING")));
    req.session_data = text_of("{\"gamelift_latencies\":{\"anna\":{\"us-west-2\":42.5}}}");
    assert_started(f, &req);
    EXPECT(f, START(.wants = {"PlayerLatencies.0.PlayerId=anna", "PlayerLatencies.1.PlayerId=ben"},
                    PLACEMENT("PENDING")));
    req.session_data = text_of(
        "{\"player_latencies\":[{\"anna\":{\"us-west-2\":42.5}},{\"ben\":{\"us-west-2\":7}}]}");
    assert_started(f, &req);
    assert_false(logged(f, "player latencies were left out"));
}

static void one_bad_latency_loses_that_one_with_a_warning(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = queue_request();
    EXPECT(f, START(.wants = {"PlayerLatencies.0.PlayerId=ben", "!PlayerLatencies.1"},
                    PLACEMENT("PENDING")));
    req.session_data =
        text_of("{\"gamelift_latencies\":{\"anna\":{\"us-west-2\":-1},\"ben\":{\"us-west-2\":7}}}");
    assert_started(f, &req);
    assert_true(logged(f, "player latencies were left out"));
}

/* ---- what is refused before anything is sent ---- */

static void async_names_the_ags_field_that_is_wrong(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = queue_request();
    req.session_id = text_of("has_underscore");
    async_refused(f, &req, RPC_INVALID_ARGUMENT, "session_id does not match the pattern");
    req = queue_request();
    req.namespace_ = text_of("");
    async_refused(f, &req, RPC_INVALID_ARGUMENT, "namespace is empty");
    req = queue_request();
    req.deployment = text_of("");
    async_refused(f, &req, RPC_INVALID_ARGUMENT, "deployment has 0 characters");
    req.deployment = text_of("arn:aws:sqs:us-east-1:1:q");
    async_refused(f, &req, RPC_INVALID_ARGUMENT, "deployment: the ARN is none of a GameLift");
    req = queue_request();
    req.maximum_player = ((int64_t)1 << 32) + 2;
    async_refused(f, &req, RPC_INVALID_ARGUMENT, "maximum_player must be 1 to 2147483647");
    f->svc.queue_arn_override = STR("no queue!");
    req = queue_request();
    async_refused(f, &req, RPC_INVALID_ARGUMENT, "AWS_QUEUE_ARN_OVERRIDE does not match");
    f->svc.queue_arn_override = STR_NULL;
    f->svc.queue_use_requested_regions = true;
    char *bad[] = {text_of("us_east_1")};
    req.requested_region = bad;
    req.n_requested_region = 1;
    async_refused(f, &req, RPC_INVALID_ARGUMENT, "requested_region does not match the pattern");
    assert_int_equal(reclaims(f), 0);
}

/* ---- the same session again ---- */

static void async_repeat_is_success_without_second_placement(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = queue_request();
    EXPECT(f, START(.wants = {"PlacementId=session-1"}, USED),
           LOOK(.wants = {"PlacementId=session-1"}, PLACEMENT("PENDING")));
    assert_started(f, &req);
    EXPECT(f, START(USED), LOOK(PLACED("session-1")),
           LOOK_AT_SERVER(.wants = {"GameSessionId=" ARN_OF("session-1")},
                          LISTED(SESSION("session-1", "ACTIVE"))));
    assert_started(f, &req);
    /* A status that this model does not have is no reason for a second server. */
    EXPECT(f, START(USED), LOOK(PLACED("session-1")),
           LOOK_AT_SERVER(LISTED(SESSION("session-1", "PAUSED"))));
    assert_started(f, &req);
    EXPECT(f, START(USED), LOOK(PLACEMENT("FULFILLED"))); /* no ARN: nothing to look at */
    assert_started(f, &req);
}

static void async_repeat_that_gamelift_answers_with_the_first_placement(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = queue_request();
    EXPECT(f, START(PLACEMENT("CANCELLED")),
           START(.wants = {"PlacementId=session-1-r2"}, PLACEMENT("PENDING")));
    assert_started(f, &req);
}

static void async_after_failed_placement_uses_derived_id(void **state) {
    static const char *const over[] = {"FAILED", "TIMED_OUT", "CANCELLED"};
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = queue_request();
    for (size_t i = 0; i < sizeof over / sizeof over[0]; i++) {
        const char *body =
            arena_printf(f->arena, "{\"GameSessionPlacement\":{\"Status\":\"%s\"}}", over[i]).p;
        EXPECT(f, START(USED), LOOK(OK(body)), START(.wants = {"PlacementId=session-1-r2"}, USED),
               LOOK(.wants = {"PlacementId=session-1-r2"}, OK(body)),
               START(.wants = {"PlacementId=session-1-r3", "GameSessionQueueName=queue-1"},
                     PLACEMENT("PENDING")));
        assert_started(f, &req);
    }
}

static void async_after_a_dead_server_uses_derived_id(void **state) {
    static const char *const dead[] = {
        "{\"GameSessions\":[" SESSION("session-1", "TERMINATED") "]}",
        "{\"GameSessions\":[" SESSION("session-1", "TERMINATING") "]}",
        "{\"GameSessions\":[" SESSION("session-1", "ERROR") "]}",
        "{\"GameSessions\":[]}",
    };
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = queue_request();
    for (size_t i = 0; i < sizeof dead / sizeof dead[0]; i++) {
        EXPECT(f, START(USED), LOOK(PLACED("session-1")), LOOK_AT_SERVER(OK(dead[i])),
               START(.wants = {"PlacementId=session-1-r2"}, PLACEMENT("PENDING")));
        assert_started(f, &req);
    }
    EXPECT(f, START(USED), LOOK(PLACED("session-1")), LOOK_AT_SERVER(MISSING),
           START(.wants = {"PlacementId=session-1-r2"}, PLACEMENT("PENDING")));
    assert_started(f, &req);
}

static void async_looks_at_the_server_in_the_region_of_its_arn(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = queue_request();
    EXPECT(f, START(USED),
           LOOK(OK("{\"GameSessionPlacement\":{\"Status\":\"FULFILLED\",\"GameSessionArn\":"
                   "\"arn:aws:gamelift:eu-west-1::gamesession/fleet-2/x\"}}")),
           LOOK_AT_SERVER(.region = "eu-west-1",
                          LISTED(SESSION_AT("arn:aws:gamelift:eu-west-1::gamesession/fleet-2/x",
                                            "ACTIVE"))));
    assert_started(f, &req);
}

static void answer_without_a_list_is_no_proof_that_the_server_is_gone(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = queue_request();
    EXPECT(f, START(USED), LOOK(PLACED("session-1")), {.op = "DescribeGameSessions", OK("{}")});
    start_async(f, &req);
    finish_call(f);
    assert_failed(f, RPC_UNAVAILABLE, "the answer has no GameSessions");
    assert_int_equal(reclaims(f), 1);
}

static void async_stops_after_the_last_id_of_a_session(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = queue_request();
    struct step failed = START(PLACEMENT("FAILED"));
    f->endless = &failed;
    assert_not_started(f, &req, "used up its 99 placements");
    assert_int_equal(f->n_endless, SESSION_TOKEN_MAX_TURNS);
}

/* ---- refusals ---- */

static void async_error_is_success_false_with_advice(void **state) {
    static const struct {
        const char *name;
        const char *words;
        bool looked_into;
    } cases[] = {
        {"NotFoundException", "is the queue's name or ARN in the session template's deployment", 1},
        {"UnsupportedRegionException", "GameLift does not offer this in the queue's region", 1},
        {"InvalidRequestException", "InvalidRequestException: as the script has it", 1},
        {"ThrottlingException", "or too many requests: try again later", 1},
        {"AccessDeniedException", "does the IAM policy of the service's AWS credentials allow", 0},
        {"UnrecognizedClientException", "are the service's AWS credentials and clock right", 0},
    };
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = queue_request();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *body =
            arena_printf(f->arena, "{\"__type\":\"%s\",\"message\":\"as the script has it\"}",
                         cases[i].name)
                .p;
        EXPECT(f, START(.status = 400, .body = body));
        if (cases[i].looked_into)
            EXPECT(f, LOOK(MISSING));
        assert_not_started(f, &req, cases[i].words);
    }
}

static void final_refusal_leaves_no_reclaim(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = queue_request();
    EXPECT(f, START(USED), LOOK(MISSING));
    assert_not_started(f, &req, "InvalidRequestException");
    assert_int_equal(reclaims(f), 0);
}

static void async_answer_names_no_arn(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = queue_request();
    EXPECT(f,
           START(.status = 400, .body = "{\"__type\":\"AccessDeniedException\",\"message\":\"User: "
                                        "arn:aws:iam::123456789012:user/x may not\"}"));
    assert_not_started(f, &req, "User: (arn) may not");
}

static void lost_answer_of_a_placement_that_started_is_success(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = queue_request();
    EXPECT(f, START(BREAKS), LOOK(.wants = {"PlacementId=session-1"}, PLACEMENT("PENDING")));
    assert_started(f, &req);
    EXPECT(f, START(OK("{}")), LOOK(PLACEMENT("PENDING")));
    assert_started(f, &req);
    EXPECT(f, START(OK("{\"GameSessionPlacement\":")), LOOK(PLACEMENT("PENDING")));
    assert_started(f, &req);
}

static void placement_that_may_yet_appear_leaves_a_reclaim(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = queue_request();
    EXPECT(f, START(BREAKS), LOOK(MISSING)); /* GameLift may not have it listed yet */
    assert_not_started(f, &req, "the connection broke");
    assert_int_equal(reclaims(f), 1);
}

static void placement_whose_fate_is_unknown_is_an_error_and_leaves_a_reclaim(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = queue_request();
    EXPECT(f, START(FAULTY), LOOK(FAULTY));
    async_refused(f, &req, RPC_UNAVAILABLE, "DescribeGameSessionPlacement: InternalService");
    EXPECT(f, START(USED), LOOK(OK("{}")));
    async_refused(f, &req, RPC_UNAVAILABLE, "the answer has no GameSessionPlacement");
    assert_int_equal(reclaims(f), 1); /* the same placement */
}

static void server_that_may_not_be_looked_at_is_told(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = queue_request();
    EXPECT(f, START(USED), LOOK(PLACED("session-1")),
           LOOK_AT_SERVER(REFUSED("AccessDeniedException")));
    assert_not_started(f, &req, "DescribeGameSessions: AccessDeniedException");
    EXPECT(f, START(USED), LOOK(PLACED("session-1")), LOOK_AT_SERVER(FAULTY));
    async_refused(f, &req, RPC_UNAVAILABLE, "DescribeGameSessions: InternalService");
}

static void async_cancelled_at_any_moment_ends_once_and_leaves_a_reclaim(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = queue_request();
    const struct step steps[] = {START(USED), LOOK(PLACED("session-1")),
                                 LOOK_AT_SERVER(LISTED(""))};
    for (size_t silent = 0; silent < 3; silent++) {
        for (size_t i = 0; i < silent; i++)
            expect(f, &steps[i], 1);
        struct step last = steps[silent];
        last.status = STEP_SILENT;
        expect(f, &last, 1);
        start_async(f, &req);
        finish_script(f);
        cancel_call(f, RPC_CANCELLED);
        finish_call(f);
        assert_failed(f, RPC_CANCELLED, "");
        assert_int_equal(reclaims(f), 1);
        pass(f, 100);
    }
}

static void async_ends_at_its_deadline(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = queue_request();
    f->deadline_ms = 2000;
    EXPECT(f, START(SILENT));
    async_refused(f, &req, RPC_DEADLINE_EXCEEDED, "no answer before the deadline");
    assert_in_range(f->took_ms, 1980, 2100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        HANDLER_TEST(async_sends_all_that_the_synchronous_call_sends),
        HANDLER_TEST(ags_session_id_is_found_in_each_placement),
        HANDLER_TEST(async_goes_to_the_queue_of_the_override),
        HANDLER_TEST(async_prefers_the_requested_regions_where_that_is_set),
        HANDLER_TEST(async_sends_latencies_of_both_documented_forms),
        HANDLER_TEST(one_bad_latency_loses_that_one_with_a_warning),
        HANDLER_TEST(async_names_the_ags_field_that_is_wrong),
        HANDLER_TEST(async_repeat_is_success_without_second_placement),
        HANDLER_TEST(async_repeat_that_gamelift_answers_with_the_first_placement),
        HANDLER_TEST(async_after_failed_placement_uses_derived_id),
        HANDLER_TEST(async_after_a_dead_server_uses_derived_id),
        HANDLER_TEST(async_looks_at_the_server_in_the_region_of_its_arn),
        HANDLER_TEST(answer_without_a_list_is_no_proof_that_the_server_is_gone),
        HANDLER_TEST(async_stops_after_the_last_id_of_a_session),
        HANDLER_TEST(async_error_is_success_false_with_advice),
        HANDLER_TEST(final_refusal_leaves_no_reclaim),
        HANDLER_TEST(async_answer_names_no_arn),
        HANDLER_TEST(lost_answer_of_a_placement_that_started_is_success),
        HANDLER_TEST(placement_that_may_yet_appear_leaves_a_reclaim),
        HANDLER_TEST(placement_whose_fate_is_unknown_is_an_error_and_leaves_a_reclaim),
        HANDLER_TEST(server_that_may_not_be_looked_at_is_told),
        HANDLER_TEST(async_cancelled_at_any_moment_ends_once_and_leaves_a_reclaim),
        HANDLER_TEST(async_ends_at_its_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
