// SPDX-License-Identifier: Apache-2.0
/* The Bloom filter's exact arithmetic, and users whose tokens were revoked. */
#include "unit/unit.h"

#include "auth/bloom.h"
#include "auth/revocations.h"
#include "base/obj.h"
#include "codec/json.h"
#include "codec/redact.h"
#include "codec/validate.h"

#include <inttypes.h>

static struct arena *arena;

static int set_up(void **state) {
    (void)state;
    arena = arena_new((size_t)64 << 20);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    arena_free(arena);
    return 0;
}

#define JWT_IO_SAMPLE                                                                              \
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."                                                        \
    "eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiYWRtaW4iOnRydWV9."                        \
    "TJVA95OrM7E2cBab30RMHrHDcEfxjoYZgeFONFh7HgQ"

static const struct vector {
    struct str item;
    uint64_t indexes[7];
} vectors[] = {
    {STR_INIT("this_is_a_test_string"), {3942, 6555, 9168, 2181, 4794, 7407, 420}},
    {STR_INIT(JWT_IO_SAMPLE), {6984, 6417, 4058, 3491, 2924, 565, 9598}},
    {STR_INIT(""), {0, 0, 0, 0, 0, 0, 0}},
};

static void indexes_are_those_of_ags(void **state) {
    uint64_t got[7];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        bloom_indexes(vectors[i].item, 9600, 7, got);
        assert_memory_equal(got, vectors[i].indexes, sizeof got);
    }
}

/* The same bits whatever the text's address: the hash reads words. */
static void indexes_do_not_depend_on_alignment(void **state) {
    char room[sizeof JWT_IO_SAMPLE + 16];
    uint64_t got[7];
    (void)state;
    for (size_t at = 0; at < 16; at++) {
        memcpy(room + at, JWT_IO_SAMPLE, sizeof JWT_IO_SAMPLE - 1);
        bloom_indexes(str_n(room + at, sizeof JWT_IO_SAMPLE - 1), 9600, 7, got);
        assert_memory_equal(got, vectors[1].indexes, sizeof got);
    }
}

static void what_was_added_is_found_and_little_else(void **state) {
    uint64_t words[150] = {0};
    uint64_t index[7];
    size_t wrong = 0;
    (void)state;
    const struct bloom bloom = {.words = words, .n = ARRAY_LEN(words), .k = 7};
    for (int i = 0; i < 300; i++) {
        bloom_indexes(arena_printf(arena, "revoked-%d", i), 9600, 7, index);
        for (size_t j = 0; j < ARRAY_LEN(index); j++)
            words[index[j] / 64] |= UINT64_C(1) << (index[j] % 64);
    }
    for (int i = 0; i < 300; i++)
        assert_true(bloom_has(&bloom, arena_printf(arena, "revoked-%d", i)));
    for (int i = 0; i < 10000; i++)
        wrong += bloom_has(&bloom, arena_printf(arena, "good-%d", i));
    assert_in_range(wrong, 0, 30); /* about 3e-7 of it is due */
}

static void empty_filter_revokes_nothing(void **state) {
    const struct bloom bloom = {.n = 0};
    (void)state;
    assert_false(bloom_has(&bloom, STR("")));
    assert_false(bloom_has(&bloom, STR("x")));
}

/* ---- the list as AGS sends it ---- */

static void unsigned_words_are_written_whole(void **state) {
    static const uint64_t words[] = {0, 1, INT64_MAX, UINT64_C(9223372036854775808), UINT64_MAX};
    static const char text[] = "{\"bits\":[0,1,9223372036854775807,9223372036854775808,"
                               "18446744073709551615],\"k\":7}";
    const struct ags_filter_json filter = {
        .bits = {.v = words, .n = ARRAY_LEN(words)},
        .has_k = true,
        .k = 7,
    };
    struct ags_filter_json back = {.k = 0};
    struct buf b;
    (void)state;
    buf_init(&b, 1000);
    assert_null(json_encode(&b, &ags_filter_json_shape, &filter, arena));
    assert_str(buf_str(&b), text);
    assert_null(json_decode(buf_str(&b), &ags_filter_json_shape, &back, arena));
    assert_int_equal(back.bits.n, ARRAY_LEN(words));
    assert_memory_equal(back.bits.v, words, sizeof words);
    assert_null(codec_validate(&ags_filter_json_shape, &filter, arena));
    buf_reset(&b);
    codec_redact(&b, &ags_filter_json_shape, &filter);
    assert_str(buf_str(&b), text);
    buf_free(&b);
}

static struct err *load(const char *json, struct revocations **ret) {
    struct ags_revocation_list list = {.revoked_tokens = NULL};
    struct err *err = json_decode(str_c(json), &ags_revocation_list_shape, &list, arena);
    return err != NULL ? err : revocations_new(&list, arena, ret);
}

static void words_keep_all_64_bits(void **state) {
    struct revocations *r = NULL;
    struct buf b;
    (void)state;
    buf_init(&b, 100000);
    buf_puts(&b, "{\"revoked_tokens\":{\"k\":7,\"m\":1,\"bits\":[");
    for (size_t word = 0; word < 150; word++) {
        uint64_t bits = 0;
        for (size_t i = 0; i < 7; i++)
            if (vectors[1].indexes[i] / 64 == word)
                bits |= UINT64_C(1) << (vectors[1].indexes[i] % 64);
        buf_printf(&b, "%s%" PRIu64, word == 0 ? "" : ",", bits);
    }
    buf_puts(&b, "]},\"revoked_users\":[]}");
    buf_putc(&b, '\0');
    /* Two bits, 62 apart, one above what a double could carry beside the other. */
    assert_non_null(strstr(b.p, "4611686018427387904"));
    assert_null(load(b.p, &r));
    assert_int_equal(revocations_words(r), 150);
    assert_true(revocations_has_token(r, STR(JWT_IO_SAMPLE)));
    assert_false(revocations_has_token(r, STR(JWT_IO_SAMPLE "x")));
    assert_false(revocations_has_token(r, STR("")));
    revocations_unref(r);
    buf_free(&b);
    assert_null(load("{\"revoked_tokens\":{\"k\":1,\"bits\":[18446744073709551615]}}", &r));
    assert_true(revocations_has_token(r, STR("anything")));
    revocations_unref(r);
}

static void lists_that_cannot_be_trusted_are_errors(void **state) {
    static const char *const bad[] = {
        "",
        "{}",
        "[]",
        "{\"revoked_tokens\":null,\"revoked_users\":[]}",
        "{\"revoked_tokens\":{\"bits\":[1]}}",
        "{\"revoked_tokens\":{\"bits\":[1],\"k\":0}}",
        "{\"revoked_tokens\":{\"bits\":[1],\"k\":-1}}",
        "{\"revoked_tokens\":{\"bits\":[1],\"k\":65}}",
        "{\"revoked_tokens\":{\"bits\":[1],\"k\":4294967297}}",
        "{\"revoked_tokens\":{\"bits\":[-1],\"k\":1}}",
        "{\"revoked_tokens\":{\"bits\":[18446744073709551616],\"k\":1}}",
        "{\"revoked_tokens\":{\"bits\":[1.5],\"k\":1}}",
        "{\"revoked_tokens\":{\"bits\":[1e3],\"k\":1}}",
        "{\"revoked_tokens\":{\"bits\":[\"1\"],\"k\":1}}",
    };
    struct revocations *r = NULL;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (load(bad[i], &r) == NULL)
            fail_msg("taken: %s", bad[i]);
}

static void empty_lists_revoke_nobody(void **state) {
    static const char *const empty[] = {
        "{\"revoked_tokens\":{\"bits\":[],\"k\":0,\"m\":0},\"revoked_users\":[]}",
        "{\"revoked_tokens\":{\"bits\":null,\"k\":7,\"m\":0},\"revoked_users\":null}",
        "{\"revoked_tokens\":{}}",
    };
    struct revocations *r = NULL;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
        assert_null(load(empty[i], &r));
        assert_false(revocations_has_token(r, STR("x")));
        assert_false(revocations_has_user(r, STR("u"), 0));
        assert_int_equal(revocations_users(r), 0);
        revocations_unref(r);
    }
}

static void users_are_revoked_up_to_a_moment(void **state) {
    struct revocations *r = NULL;
    (void)state;
    assert_null(load("{\"revoked_tokens\":{},\"revoked_users\":["
                     "{\"id\":\"b\",\"revoked_at\":\"2027-01-15T08:00:00.900Z\"},"
                     "{\"id\":\"a\",\"revoked_at\":\"2020-01-01T00:00:00Z\"},"
                     "{\"id\":\"a\",\"revoked_at\":\"2027-01-15T09:00:00+01:00\"},"
                     "{\"id\":\"a\",\"revoked_at\":\"2021-01-01T00:00:00Z\"},"
                     "{\"id\":\"\",\"revoked_at\":\"2027-01-15T08:00:00Z\"},"
                     "{\"id\":\"never\",\"revoked_at\":\"0001-01-01T00:00:00Z\"},"
                     "{\"id\":\"odd\",\"revoked_at\":\"yesterday\"},{\"id\":\"bare\"}]}",
                     &r));
    assert_int_equal(revocations_users(r), 7);
    /* 2027-01-15T08:00:00Z is 1800000000. */
    assert_true(revocations_has_user(r, STR("a"), 1799999999));
    assert_true(revocations_has_user(r, STR("a"), 1800000000));
    assert_true(revocations_has_user(r, STR("a"), 1800000000.7));
    assert_false(revocations_has_user(r, STR("a"), 1800000001));
    assert_true(revocations_has_user(r, STR("b"), 1800000000));
    assert_false(revocations_has_user(r, STR("b"), 1800000001));
    assert_false(revocations_has_user(r, STR("never"), 0));
    assert_true(revocations_has_user(r, STR("odd"), 4e9));
    assert_true(revocations_has_user(r, STR("bare"), 4e9));
    assert_false(revocations_has_user(r, STR("c"), 0));
    assert_false(revocations_has_user(r, STR("A"), 0));
    assert_false(revocations_has_user(r, STR(""), 0));
    revocations_unref(r);
}

static void times_are_read_as_rfc_3339_has_them(void **state) {
    static const struct {
        const char *text;
        bool good;
        int64_t want;
    } cases[] = {
        {"1970-01-01T00:00:00Z", true, 0},
        {"1969-12-31T23:59:59Z", true, -1},
        {"2000-02-29T00:00:00Z", true, 951782400},
        {"2024-03-01T00:00:00Z", true, 1709251200},
        {"2027-01-15T08:00:00Z", true, 1800000000},
        {"2027-01-15t08:00:00.123456789z", true, 1800000000},
        {"2027-01-15T10:30:00+02:30", true, 1800000000},
        {"2027-01-14T23:00:00-09:00", true, 1800000000},
        {"0001-01-01T00:00:00Z", true, -62135596800},
        {"0000-01-01T00:00:00Z", true, -62167219200},
        {"9999-12-31T23:59:59Z", true, 253402300799},
        {"", false, 0},
        {"2027-01-15", false, 0},
        {"2027-01-15T08:00:00", false, 0},
        {"2027-01-15T08:00:00Zx", false, 0},
        {"2027-01-15T08:00:00.Z", false, 0},
        {"2027-13-15T08:00:00Z", false, 0},
        {"2027-00-15T08:00:00Z", false, 0},
        {"2027-01-00T08:00:00Z", false, 0},
        {"2027-01-15T24:00:00Z", false, 0},
        {"2027-01-15T08:60:00Z", false, 0},
        {"2027-01-15T08:00:00+24:00", false, 0},
        {"2027-01-15T08:00:00+1:00", false, 0},
        {"-027-01-15T08:00:00Z", false, 0},
        {"1800000000", false, 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t got = 0;
        bool good = revocations_parse_time(str_c(cases[i].text), &got);
        if (good != cases[i].good || got != cases[i].want)
            fail_msg("%s: %d, %" PRId64, cases[i].text, good, got);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(indexes_are_those_of_ags),
        TEST(indexes_do_not_depend_on_alignment),
        TEST(what_was_added_is_found_and_little_else),
        TEST(empty_filter_revokes_nothing),
        TEST(unsigned_words_are_written_whole),
        TEST(words_keep_all_64_bits),
        TEST(lists_that_cannot_be_trusted_are_errors),
        TEST(empty_lists_revoke_nobody),
        TEST(users_are_revoked_up_to_a_moment),
        TEST(times_are_read_as_rfc_3339_has_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
