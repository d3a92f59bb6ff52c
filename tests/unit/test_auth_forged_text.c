// SPDX-License-Identifier: Apache-2.0
/* Forged tokens: genuine ones with something changed, bit by bit. */
#define FORGED_AT_LEAST 9000
#include "unit/auth_forged.h"

/* ---- the text ---- */

static void other_forms_are_refused(void **state) {
    struct str good = good_token(arena, &keys[FIXED], "RS256");
    size_t first = str_find(good, '.');
    struct str header = str_sub(good, 0, first);
    struct str rest = str_from(good, first + 1);
    struct str payload = str_sub(rest, 0, str_find(rest, '.'));
    struct str signature = str_from(rest, payload.n + 1);
    struct str hp = joined(arena, header, ".", payload);
    const struct str forms[] = {
        STR("."),
        STR(".."),
        STR("..."),
        STR("...."),
        STR("null"),
        STR("undefined"),
        STR("{}"),
        STR("\xff\xfe"),
        header,
        hp,
        joined(arena, hp, ".", STR("")),
        joined(arena, hp, "..", signature),
        joined(arena, STR(""), ".", rest),
        joined(arena, header, "..", signature),
        joined(arena, good, ".", STR("")),
        joined(arena, STR(""), ".", good),
        joined(arena, good, ".", signature),
        joined(arena, good, ".x.", STR("y")),
        joined(arena, good, "=", STR("")),
        joined(arena, good, "==", STR("")),
        joined(arena, header, "=.", rest),
        joined(arena, header, "==.", rest),
        joined(arena, good, ",", good),
        joined(arena, good, " ", good),
        joined(arena, good, "&x=", STR("1")),
        joined(arena, STR("\""), "", joined(arena, good, "\"", STR(""))),
        joined(arena, STR("Bearer "), "", good),
        joined(arena, STR("Token "), "", good),
        joined(arena, header, ". ", rest),
        joined(arena, header, ".\n", rest),
        joined(arena, header, "\r\n.", rest),
        joined(arena, header, "%2E", rest),
        arena_printf(arena,
                     "{\"payload\":\"" STR_FMT "\",\"protected\":\"" STR_FMT
                     "\",\"signature\":\"" STR_FMT "\"}",
                     STR_ARG(payload), STR_ARG(header), STR_ARG(signature)),
        joined(arena, joined(arena, payload, ".", header), ".", signature),
        joined(arena, joined(arena, signature, ".", payload), ".", header),
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        unauthenticated("form", forms[i]);
}

/* Each last character of a part that leaves bits unused has other spellings of the same bytes. */
static void second_spellings_are_refused(void **state) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    static const char *const pads[] = {"", "x", "xy"};
    unsigned spelled = 0;
    (void)state;
    for (size_t pad = 0; pad < ARRAY_LEN(pads); pad++) {
        struct str more = arena_printf(arena, EXTEND ",\"p\":\"%s\"", pads[pad]);
        struct str good = signed_of(fixed_header(), claims_of(arena, more.p));
        assert_null(admit_token(authorizer, arena, good));
        for (size_t at = 0; at < good.n; at++) {
            if (at + 1 < good.n && good.p[at + 1] != '.')
                continue;
            for (size_t i = 0; i < 64; i++) {
                char *other = arena_alloc(arena, good.n);
                memcpy(other, good.p, good.n);
                if (other[at] == digits[i])
                    continue;
                other[at] = digits[i];
                unauthenticated("spelling", str_n(other, good.n));
                spelled++;
            }
        }
    }
    assert_in_range(spelled, 500, 1000);
}

static void every_flipped_bit_is_noticed(void **state) {
    struct str good = good_token(arena, &keys[FIXED], "RS256");
    char *other = arena_alloc(arena, good.n);
    (void)state;
    assert_null(admit_token(authorizer, arena, good));
    memcpy(other, good.p, good.n);
    for (size_t at = 0; at < good.n; at++)
        for (unsigned bit = 0; bit < 8; bit++) {
            other[at] = (char)(other[at] ^ (char)(1U << bit));
            unauthenticated("flipped bit", str_n(other, good.n));
            other[at] = (char)(other[at] ^ (char)(1U << bit));
        }
    assert_null(admit_token(authorizer, arena, str_n(other, good.n)));
}

static void every_cut_is_noticed(void **state) {
    struct str good = good_token(arena, &keys[FIXED], "RS256");
    (void)state;
    assert_null(admit_token(authorizer, arena, good));
    for (size_t n = 0; n < good.n; n++) {
        unauthenticated("cut behind", str_sub(good, 0, n));
        unauthenticated("cut in front", str_from(good, good.n - n));
        unauthenticated("one left out",
                        joined(arena, str_sub(good, 0, n), "", str_from(good, n + 1)));
        unauthenticated("one twice", joined(arena, str_sub(good, 0, n + 1), "", str_from(good, n)));
    }
}

static void unknown_keys_are_reported_but_nothing_else(void **state) {
    (void)state;
    asked = 0;
    unauthenticated("unpublished key", good_token(arena, &keys[STRANGER], "RS256"));
    assert_int_equal(asked, 2); /* each refusal is tried twice */
    asked = 0;
    unauthenticated("wrong key", token_of(arena, keys[STRANGER].pair, signing_of("RS256"),
                                          fixed_header(), plain_claims()));
    unauthenticated("no kid", signed_of(STR("{\"alg\":\"RS256\"}"), plain_claims()));
    unauthenticated("unknown kid, bad algorithm",
                    signed_of(header_of(arena, "none", "other"), plain_claims()));
    assert_int_equal(asked, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(other_forms_are_refused),
        TEST(second_spellings_are_refused),
        TEST(every_flipped_bit_is_noticed),
        TEST(every_cut_is_noticed),
        TEST(unknown_keys_are_reported_but_nothing_else),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
