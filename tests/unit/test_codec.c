// SPDX-License-Identifier: Apache-2.0
/* The JSON and validation engines, over the generated GameLift shapes. */
#include "unit/unit.h"

#include "codec/json.h"
#include "codec/validate.h"
#include "generated/gamelift.h"
#include "tests/fuzz/all_kinds.h"

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

/* ---- encoding ---- */

static struct str encoded(const struct codec_shape *shape, const void *value) {
    struct buf b;
    buf_init(&b, 1 << 20);
    struct err *err = json_encode(&b, shape, value, arena);
    if (err != NULL)
        fail_msg("%s", err->msg.p);
    struct str text = arena_str(arena, buf_str(&b));
    buf_free(&b);
    return text;
}

static void request_has_the_models_names_and_order(void **state) {
    (void)state;
    const struct gl_game_property properties[] = {
        {.key = STR("clientVersion"), .value = STR("1.2")},
        {.key = STR("gameMode"), .value = STR("")},
    };
    const struct gl_create_game_session_input in = {
        .alias_id = STR("alias-1"),
        .has_maximum_player_session_count = true,
        .maximum_player_session_count = 4,
        .game_properties = {.v = properties, .n = 2},
        .idempotency_token = STR("abc"),
        .location = STR("us-east-1"),
    };
    assert_str(encoded(&gl_create_game_session_input_shape, &in),
               "{\"AliasId\":\"alias-1\",\"MaximumPlayerSessionCount\":4,\"GameProperties\":["
               "{\"Key\":\"clientVersion\",\"Value\":\"1.2\"},{\"Key\":\"gameMode\",\"Value\":\"\"}"
               "],\"IdempotencyToken\":\"abc\",\"Location\":\"us-east-1\"}");
}

static void absent_members_are_left_out_and_empty_ones_kept(void **state) {
    (void)state;
    static const struct gl_game_property none[1];
    const struct gl_create_game_session_input absent = {.alias_id = STR_NULL};
    const struct gl_create_game_session_input empty = {
        .alias_id = STR(""),
        .game_properties = {.v = none, .n = 0},
    };
    assert_str(encoded(&gl_create_game_session_input_shape, &absent), "{}");
    assert_str(encoded(&gl_create_game_session_input_shape, &empty),
               "{\"AliasId\":\"\",\"GameProperties\":[]}");
}

static void zero_is_not_absent(void **state) {
    (void)state;
    const struct gl_create_game_session_input in = {.has_maximum_player_session_count = true};
    assert_str(encoded(&gl_create_game_session_input_shape, &in),
               "{\"MaximumPlayerSessionCount\":0}");
}

static void strings_are_escaped_and_utf8_kept(void **state) {
    (void)state;
    const struct gl_create_game_session_input in = {
        .name = STR("a\"b\\c/d\n\x01 \xC3\xA9\xF0\x9F\x8E\xAE"),
    };
    assert_str(encoded(&gl_create_game_session_input_shape, &in),
               "{\"Name\":\"a\\\"b\\\\c/d\\n\\u0001 \xC3\xA9\xF0\x9F\x8E\xAE\"}");
}

static void numbers_are_as_short_as_they_can_be(void **state) {
    (void)state;
    static const struct {
        float value;
        const char *text;
    } rows[] = {
        {12.5F, "12.5"},           {100.0F, "100"},   {0.1F, "0.1"},    {1.0F / 3.0F, "0.33333334"},
        {16777216.0F, "16777216"}, {-0.25F, "-0.25"}, {1e20F, "1e+20"}, {1e-7F, "1e-07"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct gl_player_latency in = {
            .has_latency_in_milliseconds = true,
            .latency_in_milliseconds = rows[i].value,
        };
        struct str want = arena_printf(arena, "{\"LatencyInMilliseconds\":%s}", rows[i].text);
        assert_str(encoded(&gl_player_latency_shape, &in), want.p);
    }
}

static void not_a_number_travels_as_a_string(void **state) {
    (void)state;
    const struct gl_player_latency in = {
        .has_latency_in_milliseconds = true,
        .latency_in_milliseconds = __builtin_nanf(""),
    };
    assert_str(encoded(&gl_player_latency_shape, &in), "{\"LatencyInMilliseconds\":\"NaN\"}");
}

static void times_are_epoch_seconds_with_a_fraction(void **state) {
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {{1400000000000, "1400000000"}, {1400000000250, "1400000000.250"}, {-250, "-0.250"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct gl_game_session in = {.has_creation_time = true, .creation_time = rows[i].ms};
        struct str want = arena_printf(arena, "{\"CreationTime\":%s}", rows[i].text);
        assert_str(encoded(&gl_game_session_shape, &in), want.p);
    }
}

static void invalid_utf8_is_refused_by_path(void **state) {
    (void)state;
    const struct gl_game_property properties[] = {
        {.key = STR("a"), .value = STR("b")},
        {.key = STR("c"), .value = STR("\xFF")},
    };
    const struct gl_create_game_session_input in = {.game_properties = {.v = properties, .n = 2}};
    struct buf b;
    buf_init(&b, 1000);
    struct err *err = json_encode(&b, &gl_create_game_session_input_shape, &in, arena);
    buf_free(&b);
    assert_non_null(err);
    assert_int_equal(err->code, RPC_INVALID_ARGUMENT);
    assert_str(err->field, "GameProperties[1].Value");
}

static void an_unknown_enum_value_is_not_sent(void **state) {
    (void)state;
    const struct gl_terminate_game_session_input in = {
        .termination_mode = GL_TERMINATION_MODE_UNKNOWN,
    };
    struct buf b;
    buf_init(&b, 1000);
    struct err *err = json_encode(&b, &gl_terminate_game_session_input_shape, &in, arena);
    buf_free(&b);
    assert_non_null(err);
    assert_str(err->field, "TerminationMode");
}

static void a_full_buffer_is_an_error(void **state) {
    (void)state;
    const struct gl_create_game_session_input in = {.name = STR("a long enough name")};
    struct buf b;
    buf_init(&b, 10);
    struct err *err = json_encode(&b, &gl_create_game_session_input_shape, &in, arena);
    buf_free(&b);
    assert_non_null(err);
    assert_int_equal(err->code, RPC_INVALID_ARGUMENT);
}

/* ---- decoding ---- */

static const struct gl_game_session *decoded(const char *text) {
    struct gl_create_game_session_output *out =
        ARENA_NEW(arena, struct gl_create_game_session_output);
    struct err *err = json_decode(str_c(text), &gl_create_game_session_output_shape, out, arena);
    if (err != NULL)
        fail_msg("%s: %s", text, err->msg.p);
    return out->game_session;
}

static void answer_fills_the_struct(void **state) {
    (void)state;
    const struct gl_game_session *s =
        decoded("{\"GameSession\":{\"GameSessionId\":\"arn:1\",\"Port\":7777,\"Status\":\"ACTIVE\","
                "\"CreationTime\":1.4E9,\"GameProperties\":[{\"Key\":\"k\",\"Value\":\"v\"},"
                "{\"Key\":\"\"}],\"IpAddress\":\"203.0.113.9\"}}");
    assert_str(s->game_session_id, "arn:1");
    assert_true(s->has_port);
    assert_int_equal(s->port, 7777);
    assert_int_equal(s->status, GL_GAME_SESSION_STATUS_ACTIVE);
    assert_int_equal(s->creation_time, 1400000000000);
    assert_int_equal(s->game_properties.n, 2);
    assert_str(s->game_properties.v[0].value, "v");
    assert_non_null(s->game_properties.v[1].key.p);
    assert_null(s->game_properties.v[1].value.p);
    assert_str(s->ip_address, "203.0.113.9");
    assert_false(s->has_termination_time);
    assert_null(s->dns_name.p);
}

static void unknown_members_are_skipped_however_nested(void **state) {
    (void)state;
    const struct gl_game_session *s =
        decoded("{\"New\":{\"a\":[1,{\"Port\":2},null,\"x\"],\"b\":true},\"GameSession\":{"
                "\"Newer\":[[[]]],\"Port\":1,\"Newest\":null}}");
    assert_int_equal(s->port, 1);
}

static void null_is_absent_and_empty_is_present(void **state) {
    (void)state;
    const struct gl_game_session *s = decoded(
        "{\"GameSession\":{\"Name\":null,\"Port\":null,\"GameProperties\":[],\"CreatorId\":\"\"}}");
    assert_null(s->name.p);
    assert_false(s->has_port);
    assert_non_null(s->game_properties.v);
    assert_int_equal(s->game_properties.n, 0);
    assert_non_null(s->creator_id.p);
    assert_null(decoded("{\"GameSession\":null}"));
    assert_null(decoded("{}"));
    assert_null(decoded(""));
}

static void nulls_in_a_list_are_dropped(void **state) {
    (void)state;
    const struct gl_game_session *s =
        decoded("{\"GameSession\":{\"GameProperties\":[null,{\"Key\":\"a\"},null]}}");
    assert_int_equal(s->game_properties.n, 1);
}

static void a_new_enum_value_is_unknown_not_an_error(void **state) {
    (void)state;
    assert_int_equal(decoded("{\"GameSession\":{\"Status\":\"HIBERNATING\"}}")->status,
                     GL_GAME_SESSION_STATUS_UNKNOWN);
}

static void long_lists_keep_their_order(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_puts(&b, "{\"GameSession\":{\"GameProperties\":[");
    for (int i = 0; i < 1000; i++)
        buf_printf(&b, "%s{\"Key\":\"%d\"}", i == 0 ? "" : ",", i);
    buf_puts(&b, "]}}");
    buf_putc(&b, '\0');
    const struct gl_game_session *s = decoded(b.p);
    buf_free(&b);
    assert_int_equal(s->game_properties.n, 1000);
    assert_str(s->game_properties.v[999].key, "999");
}

static void bad_answers_are_errors_that_name_the_place(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *message; /* a part of it */
    } rows[] = {
        {"[]", "the message: an array where an object belongs"},
        {"null", "the message: null where an object belongs"},
        {"\"x\"", "the message: a string where an object belongs"},
        {"17", "the message: a number where an object belongs"},
        {"{\"GameSession\":[]}", "GameSession: an array where an object belongs"},
        {"{\"GameSession\":{\"Port\":\"1\"}}", "GameSession.Port: a string where a number belongs"},
        {"{\"GameSession\":{\"Port\":1.5}}", "GameSession.Port: not a 32-bit integer"},
        {"{\"GameSession\":{\"Port\":2147483648}}", "GameSession.Port: not a 32-bit integer"},
        {"{\"GameSession\":{\"Port\":99999999999999999999}}", "GameSession.Port: not a 32-bit"},
        {"{\"GameSession\":{\"Port\":1e999}}", "GameSession.Port: not a 32-bit integer"},
        {"{\"GameSession\":{\"Name\":1}}", "GameSession.Name: a number where a string belongs"},
        {"{\"GameSession\":{\"Name\":{}}}", "GameSession.Name: an object where a string belongs"},
        {"{\"GameSession\":{\"Status\":true}}", "GameSession.Status: a boolean where a string"},
        {"{\"GameSession\":{\"CreationTime\":1e300}}", "GameSession.CreationTime: not a time"},
        {"{\"GameSession\":{\"GameProperties\":[{},3]}}",
         "GameSession.GameProperties[1]: a number where an object belongs"},
        {"{\"GameSession\":{\"GameProperties\":{}}}", "an object where an array belongs"},
        {"{\"GameSession\":{\"Name\":\"\xFF\"}}", "not JSON, at byte"},
        {"{\"GameSession\":{\"Name\":\"a", "not JSON, at byte"},
        {"{\"GameSession\":{}} x", "not JSON, at byte"},
        {"<html>", "not JSON, at byte"},
        {"{\"a\":1,}", "not JSON, at byte"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct gl_create_game_session_output out = {.game_session = NULL};
        struct err *err =
            json_decode(str_c(rows[i].text), &gl_create_game_session_output_shape, &out, arena);
        if (err == NULL)
            fail_msg("%s was taken", rows[i].text);
        assert_int_equal(err->code, RPC_INTERNAL);
        if (strstr(err->msg.p, rows[i].message) == NULL)
            fail_msg("%s: %s", rows[i].text, err->msg.p);
    }
}

/* Three bytes of text for each structure of hundreds. */
static void elements_without_end_are_refused_before_they_fill_the_memory(void **state) {
    (void)state;
    enum { ELEMENTS = 300000 };
    struct gl_describe_game_sessions_output out = {.next_token = STR_NULL};
    struct buf b;
    buf_init(&b, 4 << 20);
    buf_puts(&b, "{\"GameSessions\":[{}");
    for (int i = 1; i < ELEMENTS; i++)
        buf_puts(&b, ",{}");
    buf_puts(&b, "]}");
    struct err *err =
        json_decode(buf_str(&b), &gl_describe_game_sessions_output_shape, &out, arena);
    buf_free(&b);
    assert_non_null(err);
    assert_int_equal(err->code, RPC_INTERNAL);
    assert_non_null(strstr(err->msg.p, "too many elements"));
    assert_true(arena_used(arena) < (size_t)80 << 20);
}

static void nesting_without_end_is_survived(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_puts(&b, "{\"x\":");
    for (int i = 0; i < 100000; i++)
        buf_putc(&b, '[');
    struct gl_create_game_session_output out = {.game_session = NULL};
    struct err *err = json_decode(buf_str(&b), &gl_create_game_session_output_shape, &out, arena);
    buf_free(&b);
    assert_non_null(err);
}

static struct err *document(const char *text, struct all_kinds *ret) {
    *ret = (struct all_kinds){.document = STR_NULL};
    return json_decode(str_c(text), &all_kinds_shape, ret, arena);
}

static void a_document_is_kept_as_it_is_written(void **state) {
    struct all_kinds out;
    (void)state;
    assert_null(document("{\"d\" : {\"a\": [1, null]} , \"i\":1}", &out));
    assert_str(out.document, "{\"a\": [1, null]}");
    assert_null(document("{\"d\"\f\v:\"x\"}", &out));
    assert_str(out.document, "\"x\"");
}

/* Our parser takes a form feed for a blank; whoever the document is sent on to need not. */
static void a_document_with_blanks_that_json_does_not_have_is_refused(void **state) {
    struct all_kinds out;
    (void)state;
    struct err *err = document("{\"d\":[1,\f2]}", &out);
    assert_non_null(err);
    assert_str(err->msg, "d: a document that is not JSON");
    assert_non_null(document("{\"d\":{\"a\":\v2}}", &out));
    assert_null(document("{\"d\":\"\\f\"}", &out));
    assert_str(out.document, "\"\\f\"");
}

/* ---- validation ---- */

static struct gl_create_game_session_input valid(void) {
    return (struct gl_create_game_session_input){
        .alias_id = STR("alias-1"),
        .has_maximum_player_session_count = true,
        .maximum_player_session_count = 1,
        .idempotency_token = STR("token"),
        .location = STR("us-east-1"),
    };
}

static struct err *validated(const struct gl_create_game_session_input *in) {
    return codec_validate(&gl_create_game_session_input_shape, in, arena);
}

static void a_valid_request_passes(void **state) {
    (void)state;
    const struct gl_create_game_session_input in = valid();
    assert_null(validated(&in));
}

static struct str repeated(char c, size_t n) {
    char *p = arena_alloc(arena, n + 1);
    memset(p, c, n);
    return str_n(p, n);
}

static void broken(const struct gl_create_game_session_input *in, const char *message) {
    struct err *err = validated(in);
    if (err == NULL)
        fail_msg("taken, but should be: %s", message);
    assert_int_equal(err->code, RPC_INVALID_ARGUMENT);
    assert_str(err->msg, message);
}

static void every_broken_constraint_names_member_and_rule(void **state) {
    (void)state;
    struct gl_create_game_session_input in;

    in = valid();
    in.has_maximum_player_session_count = false;
    broken(&in, "MaximumPlayerSessionCount is required");
    in = valid();
    in.maximum_player_session_count = -1;
    broken(&in, "MaximumPlayerSessionCount must be at least 0");
    in = valid();
    in.idempotency_token = repeated('a', 49);
    broken(&in, "IdempotencyToken has 49 characters, but at most 48 are allowed");
    in = valid();
    in.idempotency_token = STR("");
    broken(&in, "IdempotencyToken has 0 characters, but at least 1 are needed");
    in = valid();
    in.idempotency_token = STR("a_b");
    broken(&in, "IdempotencyToken does not match the pattern ^[a-zA-Z0-9-]+$");
    in = valid();
    in.idempotency_token = STR("ab\n");
    broken(&in, "IdempotencyToken does not match the pattern ^[a-zA-Z0-9-]+$");
    in = valid();
    in.alias_id = STR("fleet-1");
    broken(&in, "AliasId does not match the pattern ^(alias-\\S+|arn:.*:alias\\/alias-\\S+)$");
    in = valid();
    in.location = STR("us east");
    broken(&in, "Location does not match the pattern ^[A-Za-z0-9\\-]+$");
    in = valid();
    in.game_session_data = repeated('a', 262145);
    broken(&in, "GameSessionData has 262145 characters, but at most 262144 are allowed");
    in = valid();
    in.name = STR("\xC3");
    broken(&in, "Name is not valid UTF-8");
}

static void lists_are_checked_element_by_element(void **state) {
    (void)state;
    struct gl_create_game_session_input in = valid();
    struct gl_game_property p[17];
    for (size_t i = 0; i < ARRAY_LEN(p); i++)
        p[i] = (struct gl_game_property){.key = STR("k"), .value = STR("v")};
    in.game_properties = (struct gl_game_property_list){.v = p, .n = 17};
    broken(&in, "GameProperties has 17 elements, but at most 16 are allowed");
    in.game_properties.n = 16;
    assert_null(validated(&in));
    p[2].value = repeated('v', 97);
    broken(&in, "GameProperties[2].Value has 97 characters, but at most 96 are allowed");
    p[2].value = STR_NULL;
    broken(&in, "GameProperties[2].Value is required");
}

static void lengths_are_in_characters_not_bytes(void **state) {
    (void)state;
    struct gl_create_game_session_input in = valid();
    char text[2 * 96 + 1];
    for (size_t i = 0; i < 96; i++)
        memcpy(text + 2 * i, "\xC3\xA9", 2);
    struct gl_game_property p = {.key = STR("k"), .value = str_n(text, sizeof text - 1)};
    in.game_properties = (struct gl_game_property_list){.v = &p, .n = 1};
    assert_null(validated(&in));
    /* Between as many characters and as many bytes as are allowed, they have to be counted. */
    char longer[2 * 97 + 1];
    memcpy(longer, text, sizeof text - 1);
    memcpy(longer + sizeof text - 1, "\xC3\xA9", 2);
    p.value = str_n(longer, sizeof longer - 1);
    broken(&in, "GameProperties[0].Value has 97 characters, but at most 96 are allowed");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(request_has_the_models_names_and_order),
        TEST(absent_members_are_left_out_and_empty_ones_kept),
        TEST(zero_is_not_absent),
        TEST(strings_are_escaped_and_utf8_kept),
        TEST(numbers_are_as_short_as_they_can_be),
        TEST(not_a_number_travels_as_a_string),
        TEST(times_are_epoch_seconds_with_a_fraction),
        TEST(invalid_utf8_is_refused_by_path),
        TEST(an_unknown_enum_value_is_not_sent),
        TEST(a_full_buffer_is_an_error),
        TEST(answer_fills_the_struct),
        TEST(unknown_members_are_skipped_however_nested),
        TEST(null_is_absent_and_empty_is_present),
        TEST(nulls_in_a_list_are_dropped),
        TEST(a_new_enum_value_is_unknown_not_an_error),
        TEST(long_lists_keep_their_order),
        TEST(bad_answers_are_errors_that_name_the_place),
        TEST(elements_without_end_are_refused_before_they_fill_the_memory),
        TEST(nesting_without_end_is_survived),
        TEST(a_document_is_kept_as_it_is_written),
        TEST(a_document_with_blanks_that_json_does_not_have_is_refused),
        TEST(a_valid_request_passes),
        TEST(every_broken_constraint_names_member_and_rule),
        TEST(lists_are_checked_element_by_element),
        TEST(lengths_are_in_characters_not_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
