// SPDX-License-Identifier: Apache-2.0
/* One look at one placement, on a scripted GameLift and AGS: what an answer does not say is not
 * taken for said. */
#include "handler_fixture.h"
#include "placements/work.h"

#define LOOK(...)                                                                                  \
    { .op = "DescribeGameSessionPlacement", __VA_ARGS__ }
#define LOOKUP(...)                                                                                \
    { .op = AGS_LOOKUP, __VA_ARGS__ }
#define LIST(...)                                                                                  \
    { .op = "DescribeGameSessions", __VA_ARGS__ }
#define END(...)                                                                                   \
    { .op = "TerminateGameSession", __VA_ARGS__ }
#define REPORT(...)                                                                                \
    {                                                                                              \
        .op = "PUT /session/v1/admin/namespaces/studio-game/gamesessions/session-1/"               \
              "dsinformation",                                                                     \
        __VA_ARGS__                                                                                \
    }
#define MISSING REFUSED("NotFoundException")
#define OURS                                                                                       \
    "\"PlacementId\":\"session-1\",\"GameProperties\":[{\"Key\":\"sessionId\",\"Value\":"          \
    "\"session-1\"},{\"Key\":\"namespace\",\"Value\":\"studio-game\"}]"
/* It ended long ago: nothing that AGS says is older. */
#define FULFILLED                                                                                  \
    OK("{\"GameSessionPlacement\":{" OURS                                                          \
       ",\"Status\":\"FULFILLED\",\"GameSessionArn\":\"" ARN_OF(                                   \
           "session-1") "\",\"IpAddress\":\"203.0.113.7\",\"Port\":7777,\"EndTime\":1}}")
#define WAITS AGS_SESSION("{\"StatusV2\":\"REQUESTED\"}")
#define RUNNING LISTED(SESSION("session-1", "ACTIVE"))

struct seen {
    int times;
    enum placement_result result;
    enum rpc_code code; /* of the error; RPC_OK if there is none */
};

static void on_looked(void *priv, const struct placement_outcome *outcome) {
    struct seen *seen = priv;
    seen->times++;
    seen->result = outcome->result;
    seen->code = outcome->err == NULL ? RPC_OK : outcome->err->code;
}

static struct seen look(struct handler_fixture *f) {
    const struct placement_policy policy = {.report_all = true};
    struct seen seen = {.times = 0};
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    struct ctx ctx;
    ctx_init(&ctx, a, NULL, CTX_NO_DEADLINE);
    placement_look(&f->svc, &policy, &ctx, STR("us-east-1"), STR("session-1"), on_looked, &seen);
    pass(f, 100);
    assert_int_equal(seen.times, 1);
    assert_script_used(f);
    arena_free(a);
    return seen;
}

static void assert_looks_again(struct handler_fixture *f) {
    struct seen seen = look(f);
    assert_string_equal(placement_result_name(seen.result), "failed");
    assert_int_equal(seen.code, RPC_UNAVAILABLE);
}

static void a_server_that_ags_waits_for_is_reported(void **state) {
    struct handler_fixture *f = *state;
    EXPECT(f, LOOK(FULFILLED), LOOKUP(WAITS), LIST(RUNNING),
           LOOK(.wants = {"PlacementId=session-1-r2"}, MISSING), REPORT(OK("{}")));
    assert_string_equal(placement_result_name(look(f).result), "reported_available");
}

/* Taken for an empty list it would say that the server is dead, and AGS would be told so. */
static void an_answer_without_its_list_does_not_say_that_the_server_is_dead(void **state) {
    struct handler_fixture *f = *state;
    EXPECT(f, LOOK(FULFILLED), LOOKUP(WAITS), LIST(OK("{}")));
    assert_looks_again(f);
    EXPECT(f, LOOK(FULFILLED), LOOKUP(AGS_SERVER("AVAILABLE", ARN_OF("other"))), LIST(OK("{}")));
    assert_looks_again(f);
}

/* Taken for a later placement it would end the server that AGS waits for. */
static void an_answer_without_its_placement_is_no_later_placement(void **state) {
    struct handler_fixture *f = *state;
    EXPECT(f, LOOK(FULFILLED), LOOKUP(WAITS), LIST(RUNNING), LOOK(OK("{}")));
    assert_looks_again(f);
}

/* Taken at its word it would have another server, or none, and ours would be ended. */
static void an_answer_of_another_session_says_nothing_of_ours(void **state) {
    struct handler_fixture *f = *state;
    EXPECT(f, LOOK(FULFILLED), LOOKUP(OK("{\"id\":\"session-2\",\"isActive\":false}")));
    assert_looks_again(f);
    EXPECT(f, LOOK(FULFILLED), LOOKUP(OK("{}")));
    assert_looks_again(f);
}

static void a_server_whose_session_ags_has_ended_is_ended(void **state) {
    struct handler_fixture *f = *state;
    EXPECT(f, LOOK(FULFILLED), LOOKUP(OK("{\"id\":\"session-1\",\"isActive\":false}")), END(ENDED),
           LOOKUP(AGS_UNKNOWN));
    assert_string_equal(placement_result_name(look(f).result), "ended");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        HANDLER_TEST(a_server_that_ags_waits_for_is_reported),
        HANDLER_TEST(an_answer_without_its_list_does_not_say_that_the_server_is_dead),
        HANDLER_TEST(an_answer_without_its_placement_is_no_later_placement),
        HANDLER_TEST(an_answer_of_another_session_says_nothing_of_ours),
        HANDLER_TEST(a_server_whose_session_ags_has_ended_is_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
