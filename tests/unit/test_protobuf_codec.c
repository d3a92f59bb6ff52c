// SPDX-License-Identifier: Apache-2.0
/* What is refused before protobuf-c sees it, by which field; what may be sent; what is logged. */
#include "unit.h"

#include "codec/protobuf.h"
#include "generated/session_dsm.h"
#include "node_message.h"

#include <math.h>
#include <stdlib.h>

static struct arena *arena;
static struct buf wire;
static struct buf text;

static int set_up(void **state) {
    (void)state;
    arena = arena_new(ARENA_LIMIT_DEFAULT);
    buf_init(&wire, (size_t)16 << 20);
    buf_init(&text, (size_t)1 << 20);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    arena_free(arena);
    buf_free(&wire);
    buf_free(&text);
    return 0;
}

static void put_length(struct buf *b, size_t n) {
    for (; n >= 0x80; n >>= 7)
        buf_putc(b, (char)(n | 0x80));
    buf_putc(b, (char)n);
}

static void put_field(struct buf *b, unsigned number, struct str value) {
    put_length(b, number << 3 | 2);
    put_length(b, value.n);
    buf_putstr(b, value);
}

static void assert_refused(const ProtobufCMessageDescriptor *desc, struct str bytes,
                           enum rpc_code code, const char *field, const char *message) {
    const ProtobufCMessage *msg = NULL;
    struct err *err = protobuf_unpack(arena, desc, bytes, &msg);
    if (err == NULL)
        fail_msg("unpacked what was to be refused with \"%s\"", message);
    assert_str(err->msg, message);
    assert_int_equal(err->code, code);
    if (field == NULL)
        assert_null(err->field.p);
    else
        assert_str(err->field, field);
    assert_null(msg);
}

static const struct node *unpacked(struct str bytes) {
    const ProtobufCMessage *msg = NULL;
    struct err *err = protobuf_unpack(arena, &node_descriptor, bytes, &msg);
    if (err != NULL)
        fail_msg("refused: " STR_FMT, STR_ARG(err->msg));
    return (const struct node *)msg;
}

/* ---- unpacking ---- */

#define BYTES(literal)                                                                             \
    { .p = (literal), .n = sizeof(literal) - 1 }

static void malformed_wire_is_internal_and_names_the_place(void **state) {
    static const struct {
        struct str bytes;
        const char *field;
        const char *message;
    } cases[] = {
        {BYTES("\xff"), NULL, "Node is not in protobuf's wire format"},
        {BYTES("\x80\x80\x80\x80\x80\x01"), NULL, "Node is not in protobuf's wire format"},
        {BYTES("\x00\x01"), NULL, "Node is not in protobuf's wire format"},
        {BYTES("\x0f"), NULL, "Node is cut off or not in protobuf's wire format"},
        {BYTES("\x0b"), NULL, "Node is cut off or not in protobuf's wire format"},
        {BYTES("\x0a\x05"
               "abcd"),
         NULL, "Node is cut off or not in protobuf's wire format"},
        {BYTES("\x0a\xff\xff\xff\xff\x0f"), NULL,
         "Node is cut off or not in protobuf's wire format"},
        {BYTES("\x0a\x80\x80\x80\x80\x80\x00"), NULL,
         "Node is cut off or not in protobuf's wire format"},
        {BYTES("\x48\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"), NULL,
         "Node is cut off or not in protobuf's wire format"},
        {BYTES("\x39\x01\x02\x03"), NULL, "Node is cut off or not in protobuf's wire format"},
        {BYTES("\x08\x01"), "name", "name has the wrong wire type"},
        {BYTES("\x3d\x01\x02\x03\x04"), "real", "real has the wrong wire type"},
        {BYTES("\x4a\x01\x01"), "flag", "flag has the wrong wire type"},
        {BYTES("\x12\x01\xff"), "child", "child is not in protobuf's wire format"},
        {BYTES("\x1a\x00\x1a\x02\x08\x01"), "children[1].name",
         "children[1].name has the wrong wire type"},
        {BYTES("\x22\x02\x01\x80"), "numbers[1]", "numbers[1] ends in the middle of an element"},
        {BYTES("\x2a\x09"
               "12345678"
               "9"),
         "wide[1]", "wide[1] ends in the middle of an element"},
        {BYTES("\x12\x00\x12\x00"), "child", "child comes more than once"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_refused(&node_descriptor, cases[i].bytes, RPC_INTERNAL, cases[i].field,
                       cases[i].message);
}

static void invalid_utf8_is_internal_and_names_the_field(void **state) {
    static const char *const bad[] = {"\xff",          "caf\xe9",  "\xc0\x80",
                                      "\xed\xa0\x80",  "\xe2\x82", "\xf4\x90\x80\x80",
                                      "ok\xf0\x9f\x8e"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        buf_reset(&wire);
        put_field(&wire, 1, str_c(bad[i]));
        assert_refused(&node_descriptor, buf_str(&wire), RPC_INTERNAL, "name",
                       "name is not valid UTF-8");
    }
    assert_refused(&accelbyte__session__sessiondsm__request_create_game_session__descriptor,
                   STR("\x2a\x01"
                       "a\x2a\x01\xff"),
                   RPC_INTERNAL, "requested_region[1]", "requested_region[1] is not valid UTF-8");
}

static void nul_byte_is_invalid_and_names_the_field(void **state) {
    (void)state;
    assert_refused(&node_descriptor,
                   STR("\x82\x01\x01"
                       "a\x82\x01\x02\x00z"),
                   RPC_INVALID_ARGUMENT, "words[1]", "words[1] holds a NUL byte");
    assert_non_null(unpacked(STR("\x32\x01\x00"))); /* bytes may hold anything */
}

static void strings_of_any_script_pass(void **state) {
    static const char good[] = "gr\xc3\xbc\xc3\x9f \xe6\xbc\xa2 \xf0\x9f\x8e\xae";
    (void)state;
    put_field(&wire, 1, str_c(good));
    assert_string_equal(unpacked(buf_str(&wire))->name, good);
}

static void every_sort_of_field_is_unpacked(void **state) {
    (void)state;
    const struct node *node = unpacked(STR("\x0a\x01n\x12\x03\x0a\x01"
                                           "c\x1a\x00\x22\x02\x01\x02\x20\x03"
                                           "\x29\x01\x00\x00\x00\x00\x00\x00\x00\x32\x02\x00\xff"
                                           "\x39\x00\x00\x00\x00\x00\x00\xf0\x3f\x40\x01\x48\x01"
                                           "\x55\x07\x00\x00\x00\x82\x01\x01w\x88\x01\x01"
                                           "\x90\x01\x05\xa0\x01\x01\xf8\x07\x63"));
    assert_string_equal(node->name, "n");
    assert_string_equal(node->child->name, "c");
    assert_int_equal(node->n_children, 1);
    assert_int_equal(node->n_numbers, 3);
    assert_int_equal(node->numbers[2], 3);
    assert_int_equal(node->wide[0], 1);
    assert_int_equal(node->blob.len, 2);
    assert_true(node->real == 1.0);
    assert_int_equal(node->colour, 1);
    assert_int_equal(node->narrow, 7);
    assert_string_equal(node->words[0], "w");
    assert_int_equal(node->flags[0], 1);
    assert_int_equal(node->huge, 5);
    assert_int_equal(node->zigzag, -1);
    assert_int_equal(node->base.n_unknown_fields, 1);
}

static void copy_outlives_its_origin(void **state) {
    static const char all[] = "\x0a\x01n\x12\x03\x0a\x01"
                              "c\x20\x03\x32\x02\x00\xff\x82\x01\x01w\xf8\x07\x63";
    (void)state;
    struct arena *origin = arena_new(ARENA_LIMIT_DEFAULT);
    const ProtobufCMessage *msg = NULL;
    assert_null(protobuf_unpack(origin, &node_descriptor, str_n(all, sizeof all - 1), &msg));
    struct node *copy = (struct node *)protobuf_copy(arena, msg);
    arena_free(origin);
    assert_string_equal(copy->name, "n");
    assert_string_equal(copy->child->name, "c");
    assert_int_equal(copy->numbers[0], 3);
    assert_memory_equal(copy->blob.data, "\x00\xff", 2);
    assert_string_equal(copy->words[0], "w");
    assert_int_equal(copy->base.n_unknown_fields, 1);
}

static void empty_message_has_its_defaults(void **state) {
    (void)state;
    assert_string_equal(unpacked(STR_NULL)->name, "");
    assert_null(unpacked(STR(""))->child);
}

/* ---- limits ---- */

static void repeated_field_has_a_limit(void **state) {
    (void)state;
    for (int i = 0; i < PROTOBUF_MAX_ELEMENTS; i++)
        put_field(&wire, 16, STR(""));
    assert_int_equal(unpacked(buf_str(&wire))->n_words, PROTOBUF_MAX_ELEMENTS);
    put_field(&wire, 16, STR(""));
    assert_refused(&node_descriptor, buf_str(&wire), RPC_RESOURCE_EXHAUSTED, "words[1000]",
                   "words[1000] is one element too many");
}

static void packed_elements_count_one_by_one(void **state) {
    char ones[PROTOBUF_MAX_ELEMENTS + 1];
    (void)state;
    memset(ones, 1, sizeof ones);
    put_field(&wire, 4, str_n(ones, sizeof ones - 1));
    assert_int_equal(unpacked(buf_str(&wire))->n_numbers, PROTOBUF_MAX_ELEMENTS);
    buf_reset(&wire);
    put_field(&wire, 4, str_n(ones, sizeof ones));
    assert_refused(&node_descriptor, buf_str(&wire), RPC_RESOURCE_EXHAUSTED, "numbers[1000]",
                   "numbers[1000] is one element too many");
}

static void whole_message_has_a_limit(void **state) {
    (void)state;
    for (int i = 0; i < PROTOBUF_MAX_FIELDS; i++)
        buf_puts(&wire, "\xf8\x07\x01"); /* unknown field 127 */
    assert_int_equal(unpacked(buf_str(&wire))->base.n_unknown_fields, PROTOBUF_MAX_FIELDS);
    buf_puts(&wire, "\xf8\x07\x01");
    assert_refused(&node_descriptor, buf_str(&wire), RPC_RESOURCE_EXHAUSTED, NULL,
                   "Node is one field too many for a message");
    buf_reset(&wire);
    for (int i = 0; i <= PROTOBUF_MAX_FIELDS; i++)
        buf_put(&wire, "\x22\x00", 2); /* packed, with no element at all */
    struct err *err = protobuf_check(arena, &node_descriptor, buf_str(&wire));
    assert_non_null(err);
    assert_int_equal(err->code, RPC_RESOURCE_EXHAUSTED);
}

/* Messages inside messages, `depth` of them in all. */
static void nest(int depth) {
    struct buf outer;
    buf_reset(&wire);
    for (int i = 1; i < depth; i++) {
        buf_init(&outer, wire.max);
        put_field(&outer, 2, buf_str(&wire));
        buf_free(&wire);
        wire = outer;
    }
}

static void nesting_has_a_limit(void **state) {
    (void)state;
    nest(PROTOBUF_MAX_DEPTH);
    assert_non_null(unpacked(buf_str(&wire)));
    nest(PROTOBUF_MAX_DEPTH + 1);
    struct err *err = protobuf_check(arena, &node_descriptor, buf_str(&wire));
    assert_non_null(err);
    assert_int_equal(err->code, RPC_RESOURCE_EXHAUSTED);
    assert_true(str_starts(err->field, STR("child.child.")));
    nest(100000);
    assert_non_null(protobuf_check(arena, &node_descriptor, buf_str(&wire)));
}

static void large_message_within_the_limits_stays_in_proportion(void **state) {
    (void)state;
    for (int i = 0; i < PROTOBUF_MAX_FIELDS; i++)
        buf_puts(&wire, "\xfa\x07\x14"
                        "aaaaaaaaaaaaaaaaaaaa");
    unpacked(buf_str(&wire));
    assert_true(arena_used(arena) < 8 * wire.n);
}

/* ---- sending ---- */

static void string_to_send_must_be_utf8(void **state) {
    char good[] = "ok";
    char bad[] = "caf\xe9";
    char *words[] = {good, NULL, bad};
    struct node inner, outer;
    struct node *children[] = {&inner};
    (void)state;
    node_init(&inner.base);
    node_init(&outer.base);
    outer.children = children;
    outer.n_children = 1;
    assert_null(protobuf_check_message(arena, &outer.base));
    inner.words = words;
    inner.n_words = 3;
    struct err *err = protobuf_check_message(arena, &outer.base);
    assert_non_null(err);
    assert_int_equal(err->code, RPC_INTERNAL);
    assert_str(err->field, "children[0].words[2]");
    assert_null(strstr(err->msg.p, "\xe9"));
}

static void copied_string_is_never_absent(void **state) {
    (void)state;
    assert_string_equal(protobuf_string(arena, STR_NULL), "");
    assert_string_equal(protobuf_string(arena, str_n("abc", 2)), "ab");
}

/* ---- printing ---- */

static void sensitive_fields_print_as_stars(void **state) {
    struct dsm_request_create_game_session req = DSM_REQUEST_CREATE_GAME_SESSION_INIT;
    struct dsm_response_create_game_session resp = DSM_RESPONSE_CREATE_GAME_SESSION_INIT;
    char *regions[] = {(char[]){"eu-west-1"}, (char[]){"us\"east"}};
    (void)state;
    req.session_id = (char[]){"s\n1"};
    req.secret = (char[]){"hidden-1"};
    req.session_data = (char[]){"hidden-2"};
    req.requested_region = regions;
    req.n_requested_region = 2;
    req.maximum_player = -5;
    dsm_request_create_game_session_redact(&text, &req);
    assert_str(buf_str(&text), "{\"session_id\":\"s\\n1\",\"session_data\":\"***\","
                               "\"requested_region\":[\"eu-west-1\",\"us\\\"east\"],"
                               "\"maximum_player\":-5,\"secret\":\"***\"}");
    buf_reset(&text);
    resp.session_data = (char[]){"hidden-3"};
    resp.ip = (char[]){"203.0.113.7"};
    resp.port = 7777;
    dsm_response_create_game_session_redact(&text, &resp);
    assert_str(buf_str(&text), "{\"session_data\":\"***\",\"ip\":\"***\",\"port\":\"***\"}");
}

static void every_sort_of_field_prints(void **state) {
    static const struct protobuf_sensitive none[] = {{0}};
    static const struct protobuf_redaction redaction = {.sensitive = none};
    uint64_t wide[] = {UINT64_MAX};
    protobuf_c_boolean flags[] = {1, 0};
    uint8_t blob[] = {0, 1, 2};
    struct node inner, outer;
    struct node *children[] = {&inner, &inner};
    (void)state;
    node_init(&inner.base);
    node_init(&outer.base);
    inner.colour = 9;
    outer.name = (char[]){"n"};
    outer.child = &inner;
    outer.children = children;
    outer.n_children = 2;
    outer.wide = wide;
    outer.n_wide = 1;
    outer.blob = (ProtobufCBinaryData){.data = blob, .len = sizeof blob};
    outer.real = -INFINITY;
    outer.colour = 1;
    outer.flag = 1;
    outer.narrow = 4000000000U;
    outer.flags = flags;
    outer.n_flags = 2;
    outer.small = 0.5F;
    outer.zigzag = -3;
    protobuf_redact(&text, &redaction, &outer.base);
    assert_str(buf_str(&text),
               "{\"name\":\"n\",\"child\":{\"colour\":9},\"children\":[{\"colour\":9},"
               "{\"colour\":9}],\"wide\":[18446744073709551615],\"blob\":\"3 bytes\","
               "\"real\":\"-Infinity\",\"colour\":\"RED\",\"flag\":true,\"narrow\":4000000000,"
               "\"flags\":[true,false],\"small\":0.5,\"zigzag\":-3}");
}

static void long_values_are_cut_when_printed(void **state) {
    struct dsm_request_create_game_session req = DSM_REQUEST_CREATE_GAME_SESSION_INIT;
    char region[] = "r";
    char *regions[100];
    char name[PROTOBUF_REDACT_STRING * 2];
    (void)state;
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    memcpy(name + PROTOBUF_REDACT_STRING - 1, "\xc3\xbc", 2);
    for (size_t i = 0; i < ARRAY_LEN(regions); i++)
        regions[i] = region;
    req.session_id = name;
    req.requested_region = regions;
    req.n_requested_region = ARRAY_LEN(regions);
    dsm_request_create_game_session_redact(&text, &req);
    struct str got = buf_str(&text);
    assert_true(str_is_utf8(got));
    assert_true(str_ends(got, STR(",\"r\",\"...\"]}")));
    assert_true(got.n < PROTOBUF_REDACT_STRING + 8 * PROTOBUF_REDACT_ELEMENTS);
    assert_non_null(strstr(arena_cstr(arena, got), "x\xc3\xbc...\""));
}

static void full_buffer_only_marks_itself(void **state) {
    struct dsm_request_create_game_session req = DSM_REQUEST_CREATE_GAME_SESSION_INIT;
    (void)state;
    req.session_id = (char[]){"a long session id"};
    for (size_t max = 0; max < 30; max++) {
        struct buf small;
        buf_init(&small, max);
        dsm_request_create_game_session_redact(&small, &req);
        assert_true(small.failed);
        buf_free(&small);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(malformed_wire_is_internal_and_names_the_place),
        TEST(invalid_utf8_is_internal_and_names_the_field),
        TEST(nul_byte_is_invalid_and_names_the_field),
        TEST(strings_of_any_script_pass),
        TEST(every_sort_of_field_is_unpacked),
        TEST(copy_outlives_its_origin),
        TEST(empty_message_has_its_defaults),
        TEST(repeated_field_has_a_limit),
        TEST(packed_elements_count_one_by_one),
        TEST(whole_message_has_a_limit),
        TEST(nesting_has_a_limit),
        TEST(large_message_within_the_limits_stays_in_proportion),
        TEST(string_to_send_must_be_utf8),
        TEST(copied_string_is_never_absent),
        TEST(sensitive_fields_print_as_stars),
        TEST(every_sort_of_field_prints),
        TEST(long_values_are_cut_when_printed),
        TEST(full_buffer_only_marks_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
