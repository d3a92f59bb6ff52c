// SPDX-License-Identifier: Apache-2.0
/* CreateGameSession: each promise of the synchronous mode, on a scripted GameLift. */
#include "handler_fixture.h"
#include "handlers/session_token.h"

#define FULL REFUSED("FleetCapacityExceededException")
#define TAKEN REFUSED("IdempotentParameterMismatchException")
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

static void on_location(void *priv, struct str location, const struct err *err) {
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
        HANDLER_TEST(answer_that_is_no_json_leaves_a_reclaim),
        HANDLER_TEST(lost_answer_is_asked_for_again_under_the_same_token),
        HANDLER_TEST(each_location_is_told_for_metrics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
