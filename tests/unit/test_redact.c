// SPDX-License-Identifier: Apache-2.0
/* What a log shows of generated structs, and how much. */
#include "unit/unit.h"

#include "codec/redact.h"
#include "generated/gamelift.h"

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

static struct gl_create_game_session_input valid(void) {
    return (struct gl_create_game_session_input){
        .alias_id = STR("alias-1"),
        .has_maximum_player_session_count = true,
        .maximum_player_session_count = 1,
    };
}

static struct str repeated(char c, size_t n) {
    char *p = arena_alloc(arena, n + 1);
    memset(p, c, n);
    return str_n(p, n);
}

static void sensitive_members_never_reach_a_log(void **state) {
    (void)state;
    const struct gl_game_property properties[] = {
        {.key = STR("sessionSecret"), .value = STR("hunter2")}};
    struct gl_create_game_session_input in = valid();
    in.game_properties = (struct gl_game_property_list){.v = properties, .n = 1};
    in.game_session_data = STR("private");
    struct buf b;
    buf_init(&b, 10000);
    codec_redact(&b, &gl_create_game_session_input_shape, &in);
    struct str text = arena_str(arena, buf_str(&b));
    buf_free(&b);
    assert_null(strstr(text.p, "hunter2"));
    assert_null(strstr(text.p, "private"));
    assert_non_null(strstr(text.p, "\"AliasId\":\"alias-1\""));
    assert_non_null(strstr(text.p, "\"GameSessionData\":\"***\""));

    const struct gl_game_session session = {
        .ip_address = STR("203.0.113.9"),
        .has_port = true,
        .port = 7777,
        .location = STR("us-east-1"),
    };
    buf_init(&b, 10000);
    codec_redact(&b, &gl_game_session_shape, &session);
    text = arena_str(arena, buf_str(&b));
    buf_free(&b);
    assert_str(text, "{\"IpAddress\":\"***\",\"Port\":\"***\",\"Location\":\"us-east-1\"}");
}

static void long_values_are_cut_in_a_log(void **state) {
    (void)state;
    struct gl_create_game_session_input in = valid();
    in.name = repeated('n', 5000);
    struct buf b;
    buf_init(&b, 10000);
    codec_redact(&b, &gl_create_game_session_input_shape, &in);
    assert_false(b.failed);
    assert_true(b.n < 700);
    buf_free(&b);
}

static void a_log_shows_whole_json_however_much_there_is(void **state) {
    (void)state;
    struct gl_player_latency latencies[8];
    struct gl_start_game_session_placement_input in = {
        .placement_id = STR("placement-1"),
        .player_latencies = {.v = latencies, .n = 100000},
    };
    /* Control characters take the most room. */
    for (size_t i = 0; i < ARRAY_LEN(latencies); i++)
        latencies[i] = (struct gl_player_latency){.region_identifier = repeated('\1', 300)};
    struct str text = codec_redacted(arena, &gl_start_game_session_placement_input_shape, &in);
    assert_true(text.n <= CODEC_REDACTED_MAX);
    assert_non_null(strstr(text.p, "{\"PlacementId\":\"placement-1\",\"PlayerLatencies\":[{\"Reg"));
    assert_non_null(strstr(text.p, "... (300 bytes)\"},\"... 100000 in all\"]"));
    assert_int_equal(text.p[text.n - 1], '}');
    assert_null(codec_redacted(arena, NULL, &in).p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(sensitive_members_never_reach_a_log),
        TEST(long_values_are_cut_in_a_log),
        TEST(a_log_shows_whole_json_however_much_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
