// SPDX-License-Identifier: Apache-2.0
/* AGS's rules for permissions, as a table. */
#include "unit/unit.h"

#include "auth/permission.h"
#include "base/obj.h"

#define REQUIRED "NAMESPACE:studio-game:SESSION:GAME"

static void resources_match_as_in_ags(void **state) {
    static const struct {
        const char *held;
        const char *required;
        bool covers;
    } cases[] = {
        {REQUIRED, REQUIRED, true},
        {"NAMESPACE:*:SESSION:GAME", REQUIRED, true},
        {"NAMESPACE:studio-game:*:GAME", REQUIRED, true},
        {"NAMESPACE:studio-game:SESSION:*", REQUIRED, true},
        {"NAMESPACE:studio-game:SESSION:MATCH", REQUIRED, false},
        {"NAMESPACE:studio-other:SESSION:GAME", REQUIRED, false},
        {"namespace:studio-game:SESSION:GAME", REQUIRED, false},
        {"ADMIN:NAMESPACE:studio-game:SESSION:GAME", REQUIRED, false},
        /* a studio's wildcard */
        {"NAMESPACE:studio-:SESSION:GAME", REQUIRED, true},
        {"NAMESPACE:studio-:SESSION:GAME", "NAMESPACE:studio:SESSION:GAME", true},
        {"NAMESPACE:studio-:SESSION:GAME", "NAMESPACE:studio-game-eu:SESSION:GAME", false},
        {"NAMESPACE:studio-:SESSION:GAME", "NAMESPACE:studios-game:SESSION:GAME", false},
        {"NAMESPACE:other-:SESSION:GAME", REQUIRED, false},
        {"NAMESPACE:-:SESSION:GAME", REQUIRED, false},
        {"NAMESPACE:studio-game-:SESSION:GAME", REQUIRED, true},
        {"NAMESPACE:studio-game:SESSION-:GAME", "NAMESPACE:studio-game:SESSION-A:GAME", false},
        {"studio-", "studio-game", false},
        /* shorter ones */
        {"*", REQUIRED, true},
        {"NAMESPACE:*", REQUIRED, false},
        {"NAMESPACE:studio-game:*", REQUIRED, true},
        {"NAMESPACE:*:*", REQUIRED, true},
        {"NAMESPACE:studio-game", REQUIRED, false},
        {"NAMESPACE:studio-game:SESSION", REQUIRED, false},
        {"NAMESPACE:*:USER:*", "NAMESPACE:studio-game:USER:u1:PROFILE", false},
        {"NAMESPACE:*:USER:*:*", "NAMESPACE:studio-game:USER:u1:PROFILE", true},
        {"", REQUIRED, false},
        /* longer ones */
        {REQUIRED ":*", REQUIRED, true},
        {REQUIRED ":*:*", REQUIRED, true},
        {REQUIRED ":X", REQUIRED, false},
        {REQUIRED ":*:X", REQUIRED, false},
        {REQUIRED ":", REQUIRED, false},
        {"*:*:*:*:*", REQUIRED, true},
        {"", "", true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (permission_covers(str_c(cases[i].held), str_c(cases[i].required), STR_NULL) !=
            cases[i].covers)
            fail_msg("%s for %s", cases[i].held, cases[i].required);
}

static void a_studio_that_ags_names_counts(void **state) {
    static const struct {
        const char *held;
        const char *studio;
        bool names_one;
        bool covers;
    } cases[] = {
        {"NAMESPACE:big-:SESSION:GAME", "big", true, true},
        {"NAMESPACE:big-:SESSION:*", "big", true, true},
        {"NAMESPACE:big-:SESSION:GAME", "bigger", true, false},
        {"NAMESPACE:big-:SESSION:GAME", "", true, false},
        {"NAMESPACE:big-:SESSION:MATCH", "big", true, false},
        {"NAMESPACE:big:SESSION:GAME", "big", false, false},
        {"NAMESPACE:-:SESSION:GAME", "", false, false},
        {"NAMESPACE:*:SESSION:big-", "big", false, false},
        {"big-", "big", false, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str held = str_c(cases[i].held);
        if (permission_names_studio(held) != cases[i].names_one)
            fail_msg("%s names a studio, or not", cases[i].held);
        if (permission_covers(held, STR(REQUIRED), str_c(cases[i].studio)) != cases[i].covers)
            fail_msg("%s with studio %s", cases[i].held, cases[i].studio);
        assert_false(permission_covers(held, STR(REQUIRED), STR_NULL));
    }
}

static void placeholders_are_filled_in(void **state) {
    static const struct {
        const char *text;
        const char *filled;
    } cases[] = {
        {"NAMESPACE:{namespace}:USER:{userId}", "NAMESPACE:ns:USER:u1"},
        {"{namespace}{namespace}", "nsns"},
        {"{userid}{", "{userid}{"},
        {"plain", "plain"},
        {"", ""},
    };
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_str(permission_fill_in(a, str_c(cases[i].text), STR("ns"), STR("u1")),
                   cases[i].filled);
    assert_str(permission_fill_in(a, STR("{namespace}:{userId}"), STR("ns"), STR_NULL),
               "ns:{userId}");
    arena_free(a);
}

static void an_action_in_common_is_enough(void **state) {
    static const struct jwt_permission held[] = {
        {.resource = STR_INIT("NAMESPACE:other:SESSION:GAME"), .action = 15},
        {.resource = STR_INIT(REQUIRED), .action = 6},
    };
    const struct jwt_claims claims = {
        .namespace_name = STR("studio"),
        .permissions = held,
        .n_permissions = ARRAY_LEN(held),
    };
    (void)state;
    assert_true(permission_held(&claims, STR(REQUIRED), 2));
    assert_true(permission_held(&claims, STR(REQUIRED), 4));
    assert_true(permission_held(&claims, STR(REQUIRED), 3));
    assert_false(permission_held(&claims, STR(REQUIRED), 1));
    assert_false(permission_held(&claims, STR(REQUIRED), 8));
    assert_false(permission_held(&claims, STR(REQUIRED), 0));
}

static void a_token_without_namespace_holds_nothing(void **state) {
    static const struct jwt_permission all = {.resource = STR_INIT("*"), .action = 15};
    const struct jwt_claims absent = {.permissions = &all, .n_permissions = 1};
    const struct jwt_claims empty = {
        .namespace_name = STR(""),
        .permissions = &all,
        .n_permissions = 1,
    };
    (void)state;
    assert_false(permission_held(&absent, STR(REQUIRED), 2));
    assert_false(permission_held(&empty, STR(REQUIRED), 2));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resources_match_as_in_ags),
        cmocka_unit_test(a_studio_that_ags_names_counts),
        cmocka_unit_test(placeholders_are_filled_in),
        cmocka_unit_test(an_action_in_common_is_enough),
        cmocka_unit_test(a_token_without_namespace_holds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
