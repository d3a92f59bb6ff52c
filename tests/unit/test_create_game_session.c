// SPDX-License-Identifier: Apache-2.0
/* CreateGameSession: what is asked of GameLift, where, for how long, and what is answered. */
#include "handler_fixture.h"

#define FULL REFUSED("FleetCapacityExceededException")
#define ASK(...)                                                                                   \
    { .op = "CreateGameSession", __VA_ARGS__ }
#define LOOK(...)                                                                                  \
    { .op = "DescribeGameSessions", __VA_ARGS__ }

/* ---- what is sent and answered ---- */

static void create_sends_what_the_go_app_sends_and_the_ids(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    req.session_data = text_of(SESSION_DATA);
    EXPECT(f, ASK(.wants = {"AliasId=alias-1", "IdempotencyToken=session-1", "Location=us-east-1",
                            "MaximumPlayerSessionCount=4", "GameSessionData=" SESSION_DATA,
                            "GameProperties.0.Key=clientVersion", "GameProperties.0.Value=1.2.3",
                            "GameProperties.1.Value=duel", "GameProperties.2.Key=sessionSecret",
                            "!FleetId"},
                  CREATED("session-1", "ACTIVE")));
    created(f, &req);
    EXPECT(f, ASK(.wants = {"GameProperties.2.Value=" JOIN_SECRET, "GameProperties.3.Key=sessionId",
                            "GameProperties.3.Value=session-1", "GameProperties.4.Key=namespace",
                            "GameProperties.4.Value=studio-game", "!GameProperties.5",
                            "!GameSessionData"},
                  CREATED("session-1", "ACTIVE")));
    req.session_data = text_of("");
    created(f, &req);
}

static void create_answers_as_the_go_app_does(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    req.session_data = text_of(SESSION_DATA);
    EXPECT(f, ASK(CREATED("session-1", "ACTIVATING")));
    const struct dsm_response_create_game_session *resp = created(f, &req);
    assert_string_equal(resp->session_id, "session-1");
    assert_string_equal(resp->namespace_, "studio-game");
    assert_string_equal(resp->session_data, SESSION_DATA);
    assert_string_equal(resp->client_version, "1.2.3");
    assert_string_equal(resp->game_mode, "duel");
    assert_string_equal(resp->status, "READY");
    assert_string_equal(resp->source, "Gamelift");
    assert_string_equal(resp->ip, "203.0.113.7");
    assert_int_equal(resp->port, 7777);
    assert_string_equal(resp->deployment, ARN_OF("session-1"));
    assert_string_equal(resp->server_id, ARN_OF("session-1"));
    assert_string_equal(resp->region, "us-west-2");
    assert_string_equal(resp->created_region, "us-west-2");
    assert_int_equal(reclaims(f), 0);
}

static void create_answers_the_dns_name_where_there_is_no_ip(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    EXPECT(f,
           ASK(OK("{\"GameSession\":{\"GameSessionId\":\"" ARN_OF(
               "session-1") "\",\"Status\":\"ACTIVE\",\"DnsName\":\"game.example\",\"Port\":1}}")));
    const struct dsm_response_create_game_session *resp = created(f, &req);
    assert_string_equal(resp->ip, "game.example");
    assert_string_equal(resp->region, "us-east-1"); /* no Location in the answer: the one asked */
}

static void overrides_win_over_the_request(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    f->svc.alias_id_override = STR("alias-mine");
    f->svc.location_override = STR("eu-west-1");
    EXPECT(f, ASK(.wants = {"AliasId=alias-mine", "Location=eu-west-1"}, FULL));
    refused(f, &req, RPC_RESOURCE_EXHAUSTED, "FleetCapacityExceeded");
}

static void override_of_the_location_needs_no_requested_region(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    req.n_requested_region = 0;
    f->svc.location_override = STR("eu-west-1");
    EXPECT(f, ASK(.wants = {"Location=eu-west-1"}, CREATED("session-1", "ACTIVE")));
    created(f, &req);
}

static void request_is_not_changed_by_overrides(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    f->svc.alias_id_override = STR("alias-mine");
    f->svc.location_override = STR("eu-west-1");
    EXPECT(f, ASK(SILENT));
    start_create(f, &req);
    pass(f, 100);
    const struct dsm_request_create_game_session *kept =
        (const struct dsm_request_create_game_session *)f->rpc.req;
    assert_string_equal(kept->deployment, "alias-1");
    assert_int_equal(kept->n_requested_region, 2);
    assert_string_equal(kept->requested_region[0], "us-east-1");
}

static void create_goes_to_the_region_of_an_alias_arn(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    req.deployment = text_of("arn:aws:gamelift:eu-west-2::alias/alias-1");
    EXPECT(f, ASK(.region = "eu-west-2",
                  .wants = {"AliasId=arn:aws:gamelift:eu-west-2::alias/alias-1"},
                  CREATED("session-1", "ACTIVE")));
    created(f, &req);
}

/* ---- what is refused before anything is sent ---- */

static void create_without_regions_is_refused(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    req.n_requested_region = 0;
    refused(f, &req, RPC_INVALID_ARGUMENT, "requested_region must name 1 to 20 regions");
}

static void maximum_player_is_refused_not_cut(void **state) {
    static const int64_t bad[] = {((int64_t)1 << 32) + 2, INT32_MAX + (int64_t)1, 0, -1, INT64_MIN};
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        req.maximum_player = bad[i];
        refused(f, &req, RPC_INVALID_ARGUMENT, "maximum_player must be 1 to 2147483647");
        pass(f, 20);
    }
    req.maximum_player = INT32_MAX;
    EXPECT(f,
           ASK(.wants = {"MaximumPlayerSessionCount=2147483647"}, CREATED("session-1", "ACTIVE")));
    created(f, &req);
}

static void create_names_the_ags_field_that_is_wrong(void **state) {
    static char long_id[] = "0123456789-0123456789-0123456789-0123456789-01234";
    static char long_text[98];
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req;
    memset(long_text, 'x', sizeof long_text - 1);
    const struct {
        size_t field;
        char *value;
        const char *words;
    } cases[] = {
        {offsetof(struct dsm_request_create_game_session, session_id), text_of(""),
         "session_id is empty"},
        {offsetof(struct dsm_request_create_game_session, session_id), text_of("has_underscore"),
         "session_id does not match the pattern"},
        {offsetof(struct dsm_request_create_game_session, session_id), long_id,
         "session_id has 49 characters, but at most 48 are allowed (GameLift's IdempotencyToken)"},
        {offsetof(struct dsm_request_create_game_session, namespace_), text_of(""),
         "namespace is empty"},
        {offsetof(struct dsm_request_create_game_session, namespace_), long_text,
         "namespace has 97 characters, but at most 96"},
        {offsetof(struct dsm_request_create_game_session, deployment), text_of(""),
         "deployment has 0 characters"},
        {offsetof(struct dsm_request_create_game_session, deployment), text_of("fleet-1"),
         "deployment does not match the pattern"},
        {offsetof(struct dsm_request_create_game_session, deployment),
         text_of("arn:aws:s3:::bucket"), "deployment: the ARN is none of a GameLift resource"},
        {offsetof(struct dsm_request_create_game_session, deployment),
         text_of("arn:aws:gamelift:no region::alias/alias-1"), "deployment: "},
        {offsetof(struct dsm_request_create_game_session, client_version), long_text,
         "client_version has 97 characters, but at most 96 are allowed"},
        {offsetof(struct dsm_request_create_game_session, game_mode), long_text,
         "game_mode has 97 characters"},
        {offsetof(struct dsm_request_create_game_session, secret), long_text,
         "secret has 97 characters"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        req = good_request();
        memcpy((char *)&req + cases[i].field, &cases[i].value, sizeof cases[i].value);
        refused(f, &req, RPC_INVALID_ARGUMENT, cases[i].words);
        pass(f, 20);
    }
    assert_int_equal(reclaims(f), 0);
}

static void create_names_the_setting_that_is_wrong(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    f->svc.alias_id_override = STR("fleet-1");
    refused(f, &req, RPC_INVALID_ARGUMENT, "AWS_ALIAS_ID_OVERRIDE does not match the pattern");
    pass(f, 20);
    f->svc.alias_id_override = STR("arn:aws:s3:::bucket");
    refused(f, &req, RPC_INVALID_ARGUMENT, "AWS_ALIAS_ID_OVERRIDE: the ARN is none");
    pass(f, 20);
    f->svc.alias_id_override = STR_NULL;
    f->svc.location_override = STR("not a region");
    refused(f, &req, RPC_INVALID_ARGUMENT, "AWS_LOCATION_OVERRIDE does not match");
}

static void session_data_too_long_is_refused(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    char *data = arena_alloc(f->arena, 262146);
    memset(data, 'd', 262145);
    req.session_data = data;
    refused(f, &req, RPC_INVALID_ARGUMENT,
            "session_data has 262145 characters, but at most 262144 are allowed");
}

/* ---- regions ---- */

static void create_falls_back_to_the_next_region(void **state) {
    static const char *const refusals[] = {
        "FleetCapacityExceededException",
        "InvalidFleetStatusException",
        "NotFoundException",
        "UnsupportedRegionException",
        "InternalServiceException",
        "LimitExceededException",
        "ThrottlingException",
        "ConflictException",
        "InvalidRequestException",
    };
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const char *body =
            arena_printf(f->arena, "{\"__type\":\"%s\",\"message\":\"m\"}", refusals[i]).p;
        EXPECT(f, ASK(.wants = {"Location=us-east-1"}, .status = 400, .body = body),
               ASK(.wants = {"Location=us-west-2", "IdempotencyToken=session-1"},
                   CREATED("session-1", "ACTIVE")));
        created(f, &req);
    }
}

static void create_falls_back_when_a_location_cannot_be_one(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    char *regions[] = {text_of("us_east_1"), text_of(""), text_of("us-west-2")};
    req.requested_region = regions;
    req.n_requested_region = 3;
    EXPECT(f, ASK(.wants = {"Location=us-west-2"}, CREATED("session-1", "ACTIVE")));
    created(f, &req);
}

static void create_stops_at_once_on_what_no_region_can_change(void **state) {
    static const struct {
        const char *name;
        enum rpc_code code;
    } cases[] = {
        {"AccessDeniedException", RPC_PERMISSION_DENIED},
        {"UnauthorizedException", RPC_PERMISSION_DENIED},
        {"UnrecognizedClientException", RPC_INTERNAL},
        {"InvalidSignatureException", RPC_INTERNAL},
        {"ExpiredTokenException", RPC_INTERNAL},
        {"SerializationException", RPC_INTERNAL},
        {"TerminalRoutingStrategyException", RPC_FAILED_PRECONDITION},
    };
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *body =
            arena_printf(f->arena, "{\"__type\":\"%s\",\"message\":\"m\"}", cases[i].name).p;
        EXPECT(f, ASK(.status = 400, .body = body));
        refused(f, &req, cases[i].code, cases[i].name);
        pass(f, 20);
    }
    assert_int_equal(reclaims(f), 0);
}

static void create_stops_at_once_without_credentials(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    fixture_without_credentials(f);
    refused(f, &req, RPC_INTERNAL, "no credentials");
    assert_int_equal(reclaims(f), 0);
}

static void create_error_gives_every_regions_reason_and_the_most_useful_code(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    char *regions[] = {text_of("us-east-1"), text_of("us-west-2"), text_of("bad region")};
    req.requested_region = regions;
    req.n_requested_region = 3;
    EXPECT(f, ASK(FULL), ASK(REFUSED("NotFoundException")));
    refused(f, &req, RPC_RESOURCE_EXHAUSTED, "us-east-1: FleetCapacityExceededException");
    assert_contains(f->message, "; us-west-2: NotFoundException");
    assert_contains(f->message, "; bad region: requested_region does not match the pattern");
}

static void create_error_of_many_regions_stays_short(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    char *regions[21];
    char message[400];
    memset(message, 'm', sizeof message - 1);
    message[sizeof message - 1] = '\0';
    for (size_t i = 0; i < 21; i++)
        regions[i] = text_of(arena_printf(f->arena, "region-%zu", i).p);
    req.requested_region = regions;
    req.n_requested_region = 21;
    refused(f, &req, RPC_INVALID_ARGUMENT, "but names 21");
    pass(f, 20);
    req.n_requested_region = 20;
    const char *body =
        arena_printf(f->arena, "{\"__type\":\"FleetCapacityExceededException\",\"message\":\"%s\"}",
                     message)
            .p;
    for (int i = 0; i < 20; i++)
        EXPECT(f, ASK(.status = 400, .body = body));
    refused(f, &req, RPC_RESOURCE_EXHAUSTED, "; region-19: FleetCapacity");
    assert_true(f->message.n <= 1000);
}

static void create_names_no_arn_in_its_error(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    EXPECT(f,
           ASK(.status = 400, .body = "{\"__type\":\"AccessDeniedException\",\"message\":\"User: "
                                      "arn:aws:iam::123456789012:user/x is not authorized\"}"));
    refused(f, &req, RPC_PERMISSION_DENIED, "User: (arn) is not authorized");
}

/* ---- time ---- */

static void create_gives_each_region_its_share_of_the_time(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    f->deadline_ms = 8000;
    EXPECT(f, ASK(.wants = {"Location=us-east-1"}, SILENT),
           ASK(.wants = {"Location=us-west-2"}, CREATED("session-1", "ACTIVE")));
    created(f, &req);
    assert_in_range(f->asked_ms[1], 4000, 4100);
}

static void region_that_answers_early_leaves_its_time_to_the_others(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    f->deadline_ms = 8000;
    EXPECT(f, ASK(FULL), ASK(.after_ms = 7000, CREATED("session-1", "ACTIVE")));
    created(f, &req);
}

static void create_ends_at_its_deadline(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    f->deadline_ms = 3000;
    EXPECT(f, ASK(FULL), ASK(SILENT));
    refused(f, &req, RPC_DEADLINE_EXCEEDED, "us-east-1: FleetCapacityExceededException");
    assert_in_range(f->took_ms, 2980, 3100);
    assert_int_equal(reclaims(f), 1);
}

static void create_that_is_cancelled_asks_no_further_region(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    EXPECT(f, ASK(SILENT));
    start_create(f, &req);
    pass(f, 100);
    cancel_call(f, RPC_CANCELLED);
    finish_call(f);
    assert_failed(f, RPC_CANCELLED, "");
    pass(f, 5000);
    assert_int_equal(f->finished, 1);
}

static void create_cancelled_before_a_refusal_is_told_ends_once(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    char *regions[] = {text_of("not a region"), text_of("us-west-2")};
    req.requested_region = regions;
    start_create(f, &req); /* the refusal of the first region waits for the loop */
    cancel_call(f, RPC_CANCELLED);
    finish_call(f);
    assert_failed(f, RPC_CANCELLED, "");
    assert_int_equal(reclaims(f), 0); /* nothing was sent */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        HANDLER_TEST(create_sends_what_the_go_app_sends_and_the_ids),
        HANDLER_TEST(create_answers_as_the_go_app_does),
        HANDLER_TEST(create_answers_the_dns_name_where_there_is_no_ip),
        HANDLER_TEST(overrides_win_over_the_request),
        HANDLER_TEST(override_of_the_location_needs_no_requested_region),
        HANDLER_TEST(request_is_not_changed_by_overrides),
        HANDLER_TEST(create_goes_to_the_region_of_an_alias_arn),
        HANDLER_TEST(create_without_regions_is_refused),
        HANDLER_TEST(maximum_player_is_refused_not_cut),
        HANDLER_TEST(create_names_the_ags_field_that_is_wrong),
        HANDLER_TEST(create_names_the_setting_that_is_wrong),
        HANDLER_TEST(session_data_too_long_is_refused),
        HANDLER_TEST(create_falls_back_to_the_next_region),
        HANDLER_TEST(create_falls_back_when_a_location_cannot_be_one),
        HANDLER_TEST(create_stops_at_once_on_what_no_region_can_change),
        HANDLER_TEST(create_stops_at_once_without_credentials),
        HANDLER_TEST(create_error_gives_every_regions_reason_and_the_most_useful_code),
        HANDLER_TEST(create_error_of_many_regions_stays_short),
        HANDLER_TEST(create_names_no_arn_in_its_error),
        HANDLER_TEST(create_gives_each_region_its_share_of_the_time),
        HANDLER_TEST(region_that_answers_early_leaves_its_time_to_the_others),
        HANDLER_TEST(create_ends_at_its_deadline),
        HANDLER_TEST(create_that_is_cancelled_asks_no_further_region),
        HANDLER_TEST(create_cancelled_before_a_refusal_is_told_ends_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
