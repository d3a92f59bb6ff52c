// SPDX-License-Identifier: Apache-2.0
/* The series of names that GameLift gets for one AGS session. */
#include "codec/validate.h"
#include "generated/gamelift.h"
#include "handlers/session_token.h"
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

static void first_token_is_the_session_id(void **state) {
    (void)state;
    assert_str(session_token(arena, STR("session-1"), 1), "session-1");
    assert_str(session_token(arena, STR("session-1"), 0), "session-1");
}

static void later_tokens_name_their_turn(void **state) {
    (void)state;
    assert_str(session_token(arena, STR("session-1"), 2), "session-1-r2");
    assert_str(session_token(arena, STR("session-1"), 99), "session-1-r99");
}

static void token_that_would_be_too_long_holds_a_hash(void **state) {
    const struct str fits = STR("0123456789-0123456789-0123456789-0123456789-0");
    const struct str longer = STR("0123456789-0123456789-0123456789-0123456789-01");
    (void)state;
    assert_str(session_token(arena, fits, 9), "0123456789-0123456789-0123456789-0123456789-0-r9");
    /* sha256sum's first 40 digits */
    assert_str(session_token(arena, longer, 9), "6efcb37d6d0fc435e3fc3712a40d5757381f46a4-r9");
    assert_str(session_token(arena, fits, 10), "468ac68c42e1f1aec08c066ddc2b2e03afc17932-r10");
}

static void every_token_of_a_good_id_is_one_that_gamelift_takes(void **state) {
    char id[SESSION_TOKEN_MAX + 1];
    (void)state;
    memset(id, 'a', sizeof id);
    for (size_t n = 1; n <= SESSION_TOKEN_MAX; n++)
        for (unsigned turn = 1; turn <= SESSION_TOKEN_MAX_TURNS; turn++) {
            const struct gl_describe_game_session_placement_input in = {
                .placement_id = session_token(arena, str_n(id, n), turn),
            };
            assert_null(
                codec_validate(&gl_describe_game_session_placement_input_shape, &in, arena));
        }
}

static void tokens_of_one_session_differ(void **state) {
    const struct str longer = STR("0123456789-0123456789-0123456789-0123456789-0123");
    (void)state;
    for (unsigned a = 1; a <= SESSION_TOKEN_MAX_TURNS; a++)
        for (unsigned b = 1; b < a; b++)
            assert_false(str_eq(session_token(arena, longer, a), session_token(arena, longer, b)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(first_token_is_the_session_id),
        TEST(later_tokens_name_their_turn),
        TEST(token_that_would_be_too_long_holds_a_hash),
        TEST(every_token_of_a_good_id_is_one_that_gamelift_takes),
        TEST(tokens_of_one_session_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
