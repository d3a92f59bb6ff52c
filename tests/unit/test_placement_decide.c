// SPDX-License-Identifier: Apache-2.0
/* The whole table of decisions, and how AGS's answers are read. */
#include "placements/decide.h"
#include "placements/placements.h"
#include "placements/work.h"
#include "unit.h"

#define ARN "arn:aws:gamelift:us-east-1::gamesession/fleet-1/us-west-2/a"
#define OTHER "arn:aws:gamelift:us-east-1::gamesession/fleet-1/b"

#define PENDING GL_GAME_SESSION_PLACEMENT_STATE_PENDING
#define FULFILLED GL_GAME_SESSION_PLACEMENT_STATE_FULFILLED
#define CANCELLED GL_GAME_SESSION_PLACEMENT_STATE_CANCELLED
#define TIMED_OUT GL_GAME_SESSION_PLACEMENT_STATE_TIMED_OUT
#define FAILED GL_GAME_SESSION_PLACEMENT_STATE_FAILED

static const enum gl_game_session_placement_state without_server[] = {CANCELLED, TIMED_OUT, FAILED};

static enum placement_action decide(enum gl_game_session_placement_state state,
                                    enum placement_ags_view ags, unsigned flags) {
    const struct placement_facts facts = {
        .state = state,
        .ags = ags,
        .newer = (flags & 1) != 0,
        .calm = (flags & 2) != 0,
        .watched = (flags & 4) != 0,
        .report_all = (flags & 8) != 0,
    };
    return placement_decide(&facts);
}
#define NEWER 1U
#define CALM 2U
#define WATCHED 4U
#define ALL 8U

static void nothing_is_done_before_the_end(void **state) {
    (void)state;
    for (unsigned view = 0; view < PLACEMENT_N_AGS_VIEWS; view++)
        for (unsigned flags = 0; flags < 16; flags++) {
            assert_int_equal(decide(PENDING, view, flags), PLACEMENT_LOOK_AGAIN);
            assert_int_equal(decide(GL_GAME_SESSION_PLACEMENT_STATE_UNSET, view, flags),
                             PLACEMENT_LOOK_AGAIN);
            assert_int_equal(decide(GL_GAME_SESSION_PLACEMENT_STATE_UNKNOWN, view, flags),
                             PLACEMENT_LOOK_AGAIN);
        }
}

static void placed_servers(void **state) {
    (void)state;
    static const struct {
        enum placement_ags_view ags;
        unsigned flags;
        enum placement_action want;
    } rows[] = {
        {PLACEMENT_WAITS, ALL, PLACEMENT_REPORT_AVAILABLE},
        {PLACEMENT_WAITS, ALL | CALM | WATCHED, PLACEMENT_REPORT_AVAILABLE},
        {PLACEMENT_WAITS, 0, PLACEMENT_LOOK_AGAIN},
        {PLACEMENT_WAITS, CALM, PLACEMENT_LOOK_AGAIN},
        {PLACEMENT_WAITS, CALM | WATCHED, PLACEMENT_SETTLED},
        {PLACEMENT_WAITS, ALL | NEWER, PLACEMENT_END_SESSION},
        {PLACEMENT_HAS_OURS, 0, PLACEMENT_SETTLED},
        {PLACEMENT_HAS_OURS, ALL | NEWER | CALM, PLACEMENT_SETTLED},
        {PLACEMENT_GONE, ALL, PLACEMENT_LOOK_AGAIN},
        {PLACEMENT_GONE, CALM, PLACEMENT_END_SESSION},
        {PLACEMENT_GAVE_UP, ALL, PLACEMENT_LOOK_AGAIN},
        {PLACEMENT_GAVE_UP, ALL | CALM, PLACEMENT_END_SESSION},
        {PLACEMENT_HAS_ANOTHER, 0, PLACEMENT_LOOK_AGAIN},
        {PLACEMENT_HAS_ANOTHER, CALM, PLACEMENT_END_SESSION},
        {PLACEMENT_GAVE_UP, NEWER, PLACEMENT_END_SESSION},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (decide(FULFILLED, rows[i].ags, rows[i].flags) != rows[i].want)
            fail_msg("row %zu: %s", i,
                     placement_action_name(decide(FULFILLED, rows[i].ags, rows[i].flags)));
}

static void placements_without_a_server(void **state) {
    (void)state;
    static const struct {
        enum placement_ags_view ags;
        unsigned flags;
        enum placement_action want;
    } rows[] = {
        {PLACEMENT_WAITS, 0, PLACEMENT_REPORT_FAILED},
        {PLACEMENT_WAITS, ALL | CALM | WATCHED, PLACEMENT_REPORT_FAILED},
        {PLACEMENT_WAITS, NEWER, PLACEMENT_SETTLED},
        {PLACEMENT_GONE, 0, PLACEMENT_SETTLED},
        {PLACEMENT_GAVE_UP, 0, PLACEMENT_LOOK_AGAIN},
        {PLACEMENT_GAVE_UP, CALM, PLACEMENT_SETTLED},
        {PLACEMENT_HAS_ANOTHER, 0, PLACEMENT_LOOK_AGAIN},
        {PLACEMENT_HAS_OURS, CALM, PLACEMENT_SETTLED},
    };
    for (size_t s = 0; s < ARRAY_LEN(without_server); s++)
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
            assert_int_equal(decide(without_server[s], rows[i].ags, rows[i].flags), rows[i].want);
}

/* Over every combination of facts: no server is ended that AGS has or waits for. */
static void no_wanted_server_is_ended(void **state) {
    (void)state;
    for (unsigned flags = 0; flags < 16; flags++) {
        assert_int_not_equal(decide(FULFILLED, PLACEMENT_HAS_OURS, flags), PLACEMENT_END_SESSION);
        if ((flags & NEWER) == 0)
            assert_int_not_equal(decide(FULFILLED, PLACEMENT_WAITS, flags), PLACEMENT_END_SESSION);
        for (unsigned view = 0; view < PLACEMENT_N_AGS_VIEWS; view++) {
            assert_int_not_equal(decide(FULFILLED, view, flags), PLACEMENT_REPORT_FAILED);
            assert_int_not_equal(decide(FAILED, view, flags), PLACEMENT_REPORT_AVAILABLE);
            assert_int_not_equal(decide(FAILED, view, flags), PLACEMENT_END_SESSION);
        }
    }
}

static enum placement_ags_view view(enum ags_ds_information_response_status_v2 status,
                                    const char *deployment, struct str *ret_other) {
    const struct ags_game_server server = {.deployment = str_c(deployment)};
    const struct ags_ds_information_response ds = {.server = &server, .status_v2 = status};
    const struct ags_game_session_response session = {
        .ds_information = &ds,
        .has_is_active = true,
        .is_active = true,
    };
    const struct gl_game_session_placement placement = {.game_session_arn = STR(ARN)};
    *ret_other = STR_NULL;
    return placement_view(&session, &placement, ret_other);
}

static void answers_of_ags_are_read(void **state) {
    (void)state;
    static const struct {
        enum ags_ds_information_response_status_v2 status;
        const char *deployment;
        enum placement_ags_view want;
    } rows[] = {
        {AGS_DS_INFORMATION_RESPONSE_STATUS_V2_NEED_TO_REQUEST, NULL, PLACEMENT_WAITS},
        {AGS_DS_INFORMATION_RESPONSE_STATUS_V2_REQUESTED, NULL, PLACEMENT_WAITS},
        {AGS_DS_INFORMATION_RESPONSE_STATUS_V2_PREPARING, NULL, PLACEMENT_WAITS},
        {AGS_DS_INFORMATION_RESPONSE_STATUS_V2_UNKNOWN, NULL, PLACEMENT_WAITS},
        {AGS_DS_INFORMATION_RESPONSE_STATUS_V2_UNKNOWN_, NULL, PLACEMENT_WAITS},
        {AGS_DS_INFORMATION_RESPONSE_STATUS_V2_UNSET, NULL, PLACEMENT_WAITS},
        {AGS_DS_INFORMATION_RESPONSE_STATUS_V2_FAILED_TO_REQUEST, NULL, PLACEMENT_GAVE_UP},
        {AGS_DS_INFORMATION_RESPONSE_STATUS_V2_DS_ERROR, NULL, PLACEMENT_GAVE_UP},
        {AGS_DS_INFORMATION_RESPONSE_STATUS_V2_DS_CANCELLED, NULL, PLACEMENT_GAVE_UP},
        {AGS_DS_INFORMATION_RESPONSE_STATUS_V2_ENDED, ARN, PLACEMENT_GAVE_UP},
        {AGS_DS_INFORMATION_RESPONSE_STATUS_V2_AVAILABLE, ARN, PLACEMENT_HAS_OURS},
        {AGS_DS_INFORMATION_RESPONSE_STATUS_V2_AVAILABLE, "my server", PLACEMENT_HAS_OURS},
        {AGS_DS_INFORMATION_RESPONSE_STATUS_V2_AVAILABLE, NULL, PLACEMENT_HAS_OURS},
        {AGS_DS_INFORMATION_RESPONSE_STATUS_V2_AVAILABLE, OTHER, PLACEMENT_HAS_ANOTHER},
    };
    struct str other;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum placement_ags_view got = view(rows[i].status, rows[i].deployment, &other);
        if (got != rows[i].want)
            fail_msg("row %zu: %s", i, placement_ags_view_name(got));
        assert_true((other.p != NULL) == (got == PLACEMENT_HAS_ANOTHER));
    }
    const struct gl_game_session_placement placement = {.game_session_arn = STR(ARN)};
    const struct ags_game_session_response idle = {.has_is_active = true};
    const struct ags_game_session_response bare = {.id = STR("x")};
    assert_int_equal(placement_view(NULL, &placement, &other), PLACEMENT_GONE);
    assert_int_equal(placement_view(&idle, &placement, &other), PLACEMENT_GONE);
    assert_int_equal(placement_view(&bare, &placement, &other), PLACEMENT_WAITS);
}

static void region_of_a_queue_is_in_its_url(void **state) {
    (void)state;
    static const struct {
        const char *url;
        const char *want;
    } rows[] = {
        {"https://sqs.eu-west-1.amazonaws.com/123456789012/events", "eu-west-1"},
        {"https://sqs-fips.us-east-1.amazonaws.com/123456789012/events", "us-east-1"},
        {"https://sqs.cn-north-1.amazonaws.com.cn/1/events", "cn-north-1"},
        {"http://127.0.0.1:8000/1/events", ""},
        {"https://localhost/1/events", ""},
        {"https://sqs/1/events", ""},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (!str_eq(placements_queue_region(str_c(rows[i].url)), str_c(rows[i].want)))
            fail_msg("%s", rows[i].url);
}

static void only_what_concerns_all_placements_holds_them_back(void **state) {
    (void)state;
    static const struct {
        struct err err;
        bool own_region;
        bool want;
    } rows[] = {
        {{.origin = ERR_TRANSPORT, .code = RPC_UNAVAILABLE}, true, true},
        {{.origin = ERR_UPSTREAM, .code = RPC_UNAVAILABLE, .http_status = 503}, true, true},
        {{.origin = ERR_UPSTREAM, .code = RPC_RESOURCE_EXHAUSTED, .http_status = 429}, true, true},
        {{.origin = ERR_UPSTREAM, .code = RPC_NOT_FOUND, .http_status = 400}, true, false},
        {{.origin = ERR_UPSTREAM, .code = RPC_UNAVAILABLE, .http_status = 503}, false, true},
        /* A region that does not answer at all: an event may have made it up. */
        {{.origin = ERR_TRANSPORT, .code = RPC_UNAVAILABLE}, false, false},
        {{.origin = ERR_TRANSPORT, .code = RPC_DEADLINE_EXCEEDED}, false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (placement_is_upstream_down(&rows[i].err, rows[i].own_region) != rows[i].want)
            fail_msg("row %zu", i);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_done_before_the_end),
        cmocka_unit_test(placed_servers),
        cmocka_unit_test(placements_without_a_server),
        cmocka_unit_test(no_wanted_server_is_ended),
        cmocka_unit_test(answers_of_ags_are_read),
        cmocka_unit_test(region_of_a_queue_is_in_its_url),
        cmocka_unit_test(only_what_concerns_all_placements_holds_them_back),
    };
    return cmocka_run_group_tests_name("placement decisions", tests, NULL, NULL);
}
