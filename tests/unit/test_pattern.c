// SPDX-License-Identifier: Apache-2.0
/* The models' patterns: sets of characters that the generator knows, and PCRE2 for the others. */
#include "unit/unit.h"

#include "codec/pattern.h"
#include "generated/gamelift.h"

/* The set of characters that the generator has made of it, and the expression itself. */
static void agree(const struct codec_shape *shape, struct codec_pattern *expression,
                  struct str text) {
    bool found = codec_pattern_matches(expression, text);
    if (codec_pattern_matches(shape->pattern, text) != found)
        fail_msg("%s %s \"" STR_FMT "\"", expression->text, found ? "matches" : "refuses",
                 STR_ARG(text));
}

static void a_set_of_characters_is_what_its_pattern_says(void **state) {
    static const struct codec_shape *const shapes[] = {
        &gl_id_string_model_shape,
        &gl_location_string_model_shape,
        &gl_ip_address_shape,
        &gl_game_session_queue_name_shape,
    };
    static struct codec_pattern expressions[ARRAY_LEN(shapes)]; /* what is compiled is kept */
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        struct codec_pattern *e = &expressions[i];
        e->text = shapes[i]->pattern->text;
        assert_true((shapes[i]->pattern->only[0] | shapes[i]->pattern->only[1]) != 0);
        agree(shapes[i], e, STR(""));
        agree(shapes[i], e, STR("\xC3\xA9"));
        agree(shapes[i], e, STR("a\xC3\xA9"));
        for (int c = 0; c < 128; c++) {
            agree(shapes[i], e, str_n((char[]){(char)c}, 1));
            agree(shapes[i], e, str_n((char[]){'a', (char)c}, 2));
            agree(shapes[i], e, str_n((char[]){(char)c, 'a'}, 2));
        }
    }
}

static void only_what_has_matched_is_remembered(void **state) {
    struct codec_pattern *alias = gl_alias_id_or_arn_shape.pattern;
    char longest[300];
    (void)state;
    assert_true((alias->only[0] | alias->only[1]) == 0);
    memset(longest, 'a', sizeof longest);
    memcpy(longest, "alias-", 6);
    for (int again = 0; again < 2; again++) {
        assert_true(codec_pattern_matches(alias, STR("alias-1")));
        assert_false(codec_pattern_matches(alias, STR("alias-")));
        assert_false(codec_pattern_matches(alias, STR("alias-1 ")));
        assert_false(codec_pattern_matches(alias, STR("")));
        assert_true(codec_pattern_matches(alias, str_n(longest, sizeof longest)));
        assert_false(codec_pattern_matches(alias, str_n(longest + 1, sizeof longest - 1)));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_of_characters_is_what_its_pattern_says),
        cmocka_unit_test(only_what_has_matched_is_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
