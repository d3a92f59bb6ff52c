// SPDX-License-Identifier: Apache-2.0
/* session_data as large as it may be, which every request carries and every answer repeats: what
 * one call asks in a row must not add up to more memory than a call may have. */
#include "handler_fixture.h"

#define CHARACTERS 262144 /* GameLift's limit, of four bytes each */
#define FULL REFUSED("FleetCapacityExceededException")
#define ASK(...)                                                                                   \
    { .op = "CreateGameSession", __VA_ARGS__ }
#define LIST(...)                                                                                  \
    { .op = "DescribeGameSessions", __VA_ARGS__ }
#define START(...)                                                                                 \
    { .op = "StartGameSessionPlacement", __VA_ARGS__ }
#define LOOK(...)                                                                                  \
    { .op = "DescribeGameSessionPlacement", __VA_ARGS__ }

static char *largest_data(struct handler_fixture *f) {
    char *data = arena_alloc(f->arena, (size_t)4 * CHARACTERS + 1);
    for (size_t i = 0; i < CHARACTERS; i++)
        memcpy(data + 4 * i, "\U0001f3ae", 4);
    return data;
}

static const char *session_with(struct handler_fixture *f, const char *around, const char *status,
                                const char *data) {
    struct str session = arena_printf(
        f->arena,
        "{\"GameSessionId\":\"" ARN_OF("session-1") "\",\"Status\":\"%s\",\"IpAddress\":"
                                                    "\"203.0.113.7\",\"Port\":7777,"
                                                    "\"GameSessionData\":\"%s\"}",
        status, data);
    return arena_printf(f->arena, around, session.p).p;
}

static const char *placement_with(struct handler_fixture *f, const char *status, const char *data) {
    return arena_printf(f->arena,
                        "{\"GameSessionPlacement\":{\"Status\":\"%s\",\"GameSessionData\":\"%s\"}}",
                        status, data)
        .p;
}

static void a_create_has_memory_for_every_region(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    char *regions[12];
    for (size_t i = 0; i < ARRAY_LEN(regions); i++)
        regions[i] = text_of(arena_printf(f->arena, "place-%zu", i).p);
    req.requested_region = regions;
    req.n_requested_region = ARRAY_LEN(regions);
    req.session_data = largest_data(f);
    for (size_t i = 1; i < ARRAY_LEN(regions); i++)
        EXPECT(f, ASK(FULL));
    EXPECT(f, ASK(OK(session_with(f, "{\"GameSession\":%s}", "ACTIVE", req.session_data))));
    const struct dsm_response_create_game_session *resp = created(f, &req);
    assert_string_equal(resp->status, "READY");
    assert_string_equal(resp->region, "place-11");
}

static void a_create_has_memory_for_every_token_and_every_look(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    f->svc.wait_active = true;
    req.session_data = largest_data(f);
    const char *over = session_with(f, "{\"GameSession\":%s}", "TERMINATED", req.session_data);
    const char *coming = session_with(f, "{\"GameSession\":%s}", "ACTIVATING", req.session_data);
    const char *seen = session_with(f, "{\"GameSessions\":[%s]}", "ACTIVATING", req.session_data);
    for (int i = 0; i < 8; i++)
        EXPECT(f, ASK(OK(over)));
    EXPECT(f, ASK(OK(coming)));
    for (int i = 0; i < 12; i++)
        EXPECT(f, LIST(OK(seen)));
    EXPECT(f, LIST(OK(session_with(f, "{\"GameSessions\":[%s]}", "ACTIVE", req.session_data))));
    assert_string_equal(created(f, &req)->status, "READY");
}

static void an_async_create_has_memory_for_every_placement_id(void **state) {
    struct handler_fixture *f = *state;
    struct dsm_request_create_game_session req = good_request();
    req.deployment = text_of("queue-1");
    req.session_data = largest_data(f);
    const char *failed = placement_with(f, "FAILED", req.session_data);
    for (int i = 0; i < 8; i++)
        EXPECT(f, START(REFUSED("InvalidRequestException")), LOOK(OK(failed)));
    EXPECT(f, START(OK(placement_with(f, "PENDING", req.session_data))));
    assert_true(created_async(f, &req)->success);
    assert_int_equal(reclaims(f), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        HANDLER_TEST(a_create_has_memory_for_every_region),
        HANDLER_TEST(a_create_has_memory_for_every_token_and_every_look),
        HANDLER_TEST(an_async_create_has_memory_for_every_placement_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
