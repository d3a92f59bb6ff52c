// SPDX-License-Identifier: Apache-2.0
/* What is taken for an event of a placement, and what is not. */
#include "placements/event.h"
#include "unit.h"

static struct arena *arena;

static int set_up(void **state) {
    (void)state;
    arena = arena_new(ARENA_LIMIT_DEFAULT);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    arena_free(arena);
    return 0;
}

#define HEAD "\"version\":\"0\",\"detail-type\":\"GameLift Queue Placement Event\","
#define SOURCE "\"source\":\"aws.gamelift\",\"region\":\"eu-west-1\","
#define DETAIL "\"detail\":{\"type\":\"PlacementFailed\",\"placementId\":\"abc-r2\"}"
#define EVENT "{" HEAD SOURCE DETAIL "}"
#define QUOTED                                                                                     \
    "{\\\"detail-type\\\":\\\"GameLift Queue Placement Event\\\",\\\"source\\\":"                  \
    "\\\"aws.gamelift\\\",\\\"region\\\":\\\"eu-west-1\\\",\\\"detail\\\":{\\\"type\\\":"          \
    "\\\"PlacementFulfilled\\\",\\\"placementId\\\":\\\"abc\\\",\\\"port\\\":\\\"1777\\\"}}"
#define NOTE(type) "{\"Type\":\"" type "\",\"TopicArn\":\"arn:t\",\"Message\":\"" QUOTED "\"}"

static struct err *parse(const char *text, struct str_list topics, struct placement_event *ret) {
    return placement_event_parse(str_c(text), topics, arena, ret);
}

static void events_are_read_as_they_are_and_in_sns_wrapping(void **state) {
    (void)state;
    struct placement_event event;
    const struct str_list any = {.n = 0};
    assert_null(parse(EVENT, any, &event));
    assert_true(str_eq(event.placement_id, STR("abc-r2")));
    assert_true(str_eq(event.region, STR("eu-west-1")));
    assert_int_equal(event.type, QUEUE_EVENT_TYPE_PLACEMENT_FAILED);
    assert_null(parse(NOTE("Notification"), any, &event));
    assert_true(str_eq(event.placement_id, STR("abc")));
    assert_int_equal(event.type, QUEUE_EVENT_TYPE_PLACEMENT_FULFILLED);
}

static void topics_are_checked_where_they_are_listed(void **state) {
    (void)state;
    struct placement_event event;
    const struct str mine = STR("arn:t");
    const struct str other = STR("arn:tt");
    assert_null(parse(NOTE("Notification"), (struct str_list){.v = &mine, .n = 1}, &event));
    struct err *err = parse(NOTE("Notification"), (struct str_list){.v = &other, .n = 1}, &event);
    assert_non_null(err);
    /* An event that comes without wrapping has no topic. */
    assert_null(parse(EVENT, (struct str_list){.v = &other, .n = 1}, &event));
}

static void anything_else_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "{}",
        "[]",
        "7",
        "no JSON",
        "{\"detail\":7}",
        NOTE("SubscriptionConfirmation"),
        "{\"Type\":\"Notification\",\"TopicArn\":\"t\",\"Message\":\"{}\"}",
        "{\"Type\":\"Notification\",\"TopicArn\":\"t\",\"Message\":\"\"}",
        "{\"Type\":\"Notification\",\"Message\":\"{}\"}",
        /* a notification within one */
        "{\"Type\":\"Notification\",\"TopicArn\":\"t\",\"Message\":\"{\\\"Type\\\":"
        "\\\"Notification\\\",\\\"TopicArn\\\":\\\"t\\\",\\\"Message\\\":\\\"{}\\\"}\"}",
        "{" HEAD "\"source\":\"aws.ec2\",\"region\":\"eu-west-1\"," DETAIL "}",
        "{\"detail-type\":\"Other\"," SOURCE DETAIL "}",
        "{" HEAD SOURCE "\"detail\":{\"type\":\"PlacementFailed\"}}",
        "{" HEAD SOURCE "\"detail\":{\"placementId\":\"abc\"}}",
        "{" HEAD SOURCE "\"detail\":{\"type\":\"PlacementNew\",\"placementId\":\"abc\"}}",
        "{" HEAD SOURCE "\"detail\":{\"type\":\"PlacementFailed\",\"placementId\":\"a b\"}}",
        "{" HEAD SOURCE "\"detail\":{\"type\":\"PlacementFailed\",\"placementId\":\"\"}}",
        "{" HEAD "\"source\":\"aws.gamelift\",\"region\":\"evil.example/\"," DETAIL "}",
        "{" HEAD "\"source\":\"aws.gamelift\"," DETAIL "}",
    };
    struct placement_event event;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (parse(texts[i], (struct str_list){.n = 0}, &event) == NULL)
            fail_msg("taken for an event: %s", texts[i]);
}

#define OF(queue) "{" HEAD SOURCE "\"account\":\"1\",\"resources\":[\"" queue "\"]," DETAIL "}"
#define OWN "arn:aws:gamelift:eu-west-1:1:gamesessionqueue/q"

static void an_event_names_its_own_queue(void **state) {
    (void)state;
    struct placement_event event;
    const struct str_list any = {.n = 0};
    static const char *const forged[] = {
        OF("arn:aws:gamelift:us-east-1:1:gamesessionqueue/q"), /* of another region */
        OF("arn:aws:gamelift:eu-west-1:2:gamesessionqueue/q"), /* of another account */
        OF("arn:aws:gamelift:eu-west-1::gamesessionqueue/q"),
        OF("arn:aws:gamelift:eu-west-1:1:fleet/q"), /* no queue */
        OF("arn:aws:sqs:eu-west-1:1:gamesessionqueue/q"),
        OF(OWN "\",\"arn:aws:gamelift:us-east-1:1:gamesessionqueue/q"), /* one of two */
        OF("q"),
        OF(""),
    };
    assert_null(parse(OF(OWN), any, &event));
    assert_true(str_eq(event.region, STR("eu-west-1")));
    assert_null(parse("{" HEAD SOURCE "\"resources\":[]," DETAIL "}", any, &event));
    for (size_t i = 0; i < ARRAY_LEN(forged); i++)
        if (parse(forged[i], any, &event) == NULL)
            fail_msg("taken for an event: %s", forged[i]);
}

static void size_and_depth_are_bounded(void **state) {
    (void)state;
    struct placement_event event;
    char *big = arena_alloc(arena, PLACEMENT_EVENT_MAX + 2);
    memset(big, ' ', PLACEMENT_EVENT_MAX + 1);
    assert_non_null(placement_event_parse(str_n(big, PLACEMENT_EVENT_MAX + 1),
                                          (struct str_list){.n = 0}, arena, &event));
    memset(big, '[', 100000);
    memcpy(big, "{\"x\":", 5);
    assert_non_null(
        placement_event_parse(str_n(big, 100000), (struct str_list){.n = 0}, arena, &event));
}

static void refusals_repeat_nothing_of_the_message(void **state) {
    (void)state;
    struct placement_event event;
    struct err *err = parse("{" HEAD "\"source\":\"s3cret\",\"region\":\"eu-west-1\"," DETAIL "}",
                            (struct str_list){.n = 0}, &event);
    assert_non_null(err);
    assert_null(memmem(err->msg.p, err->msg.n, "s3cret", 6));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(events_are_read_as_they_are_and_in_sns_wrapping, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(topics_are_checked_where_they_are_listed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(anything_else_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_event_names_its_own_queue, set_up, tear_down),
        cmocka_unit_test_setup_teardown(size_and_depth_are_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refusals_repeat_nothing_of_the_message, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("placement event", tests, NULL, NULL);
}
