// SPDX-License-Identifier: Apache-2.0
/* What people see of placements: bounded, and what is pending first. */
#include "placements/board.h"
#include "unit.h"

static struct placement_board board;
static struct placement_view views[BOARD_SIZE];

static int set_up(void **state) {
    (void)state;
    board = (struct placement_board){.n = 0};
    return 0;
}

static void ends(const char *id, enum placement_result result, const struct err *err) {
    const struct placement_outcome outcome = {
        .result = result, .err = err, .session_id = STR("session"), .namespace = STR("game")};
    board_look_ends(&board, str_c(id), &outcome);
}

static void a_placement_is_pending_until_it_is_dealt_with(void **state) {
    (void)state;
    static const struct err down = {.type = STR_INIT("HTTP 503"), .msg = STR_INIT("down")};
    board_started(&board, STR("game"), STR("p-1"));
    assert_int_equal(board_views(&board, views, BOARD_SIZE), 1);
    assert_true(views[0].started_here && views[0].looks == 0);
    assert_false(placement_view_is_over(&views[0]));
    board_look_begins(&board, STR("p-1"));
    ends("p-1", PLACEMENT_TROUBLE, &down);
    assert_int_equal(board_views(&board, views, BOARD_SIZE), 1);
    assert_false(placement_view_is_over(&views[0]));
    assert_string_equal(views[0].why, "HTTP 503");
    assert_string_equal(views[0].session_id, "session");
    board_look_begins(&board, STR("p-1"));
    ends("p-1", PLACEMENT_REPORTED_FAILED, NULL);
    assert_int_equal(board_views(&board, views, BOARD_SIZE), 1);
    assert_true(placement_view_is_over(&views[0]));
    assert_int_equal(views[0].looks, 2);
    assert_string_equal(views[0].why, "");
}

static void what_is_dealt_with_goes_first(void **state) {
    (void)state;
    char id[16];
    for (int i = 0; i < BOARD_SIZE; i++) {
        (void)snprintf(id, sizeof id, "p-%d", i);
        board_started(&board, STR("game"), str_c(id));
    }
    ends("p-7", PLACEMENT_NOTHING, NULL);
    board_started(&board, STR("game"), STR("one-more"));
    assert_int_equal(board_views(&board, views, BOARD_SIZE), BOARD_SIZE);
    for (int i = 0; i < BOARD_SIZE; i++)
        assert_string_not_equal(views[i].placement_id, "p-7");
    ends("p-8", PLACEMENT_ENDED, NULL);
    assert_int_equal(board_views(&board, views, 3), 3);
    for (int i = 0; i < 3; i++)
        assert_false(placement_view_is_over(&views[i]));
    assert_int_equal(board_views(&board, views, BOARD_SIZE), BOARD_SIZE);
    assert_string_equal(views[BOARD_SIZE - 1].placement_id, "p-8");
}

static void long_texts_are_cut_off(void **state) {
    (void)state;
    static char text[200];
    memset(text, 'a', sizeof text - 1);
    const struct err err = {.msg = str_c(text)};
    const struct placement_outcome outcome = {.result = PLACEMENT_TROUBLE,
                                              .err = &err,
                                              .session_id = str_c(text),
                                              .namespace = str_c(text)};
    board_look_ends(&board, STR("p"), &outcome);
    assert_int_equal(board_views(&board, views, BOARD_SIZE), 1);
    assert_int_equal(strlen(views[0].session_id), sizeof views[0].session_id - 1);
    assert_int_equal(strlen(views[0].why), sizeof views[0].why - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_placement_is_pending_until_it_is_dealt_with, set_up),
        cmocka_unit_test_setup(what_is_dealt_with_goes_first, set_up),
        cmocka_unit_test_setup(long_texts_are_cut_off, set_up),
    };
    return cmocka_run_group_tests_name("placement board", tests, NULL, NULL);
}
