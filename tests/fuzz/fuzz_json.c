// SPDX-License-Identifier: Apache-2.0
/*
 * Any text as JSON of any GameLift request or answer. What must hold: no overrun; a refusal is an
 * error with a text; what is taken can be validated and printed; and unless it holds an enum value
 * that the model does not know, it can be encoded, and decoding that gives the same again.
 *
 * Input: one byte that chooses the shape, then the text.
 */
#include "base/obj.h"
#include "codec/json.h"
#include "codec/redact.h"
#include "codec/validate.h"
#include "generated/gamelift.h"
#include "tests/fuzz/all_kinds.h"

#define ALL_KINDS 128 /* first byte from which the shape is all_kinds.h's */
#define OUTPUT_MAX ((size_t)64 << 20)

/* Of the arena: strings, lists that grow by doubling, and one struct for each element. */
#define MEMORY_BASE 65536
#define MEMORY_PER_BYTE 400

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct aws_operation *const operations[] = {
    &gl_create_game_session_operation,         &gl_describe_game_session_placement_operation,
    &gl_describe_game_sessions_operation,      &gl_start_game_session_placement_operation,
    &gl_stop_game_session_placement_operation, &gl_terminate_game_session_operation,
};

static void check_error(const struct err *err, enum rpc_code code) {
    ASSERT(err->code == code);
    ASSERT(!str_empty(err->msg) && str_is_utf8(err->msg));
}

static void check_printing(const struct codec_shape *shape, const void *value) {
    struct buf out;
    buf_init(&out, OUTPUT_MAX);
    codec_redact(&out, shape, value);
    ASSERT(!out.failed && out.n >= 2);
    ASSERT(str_is_utf8(buf_str(&out)));
    ASSERT(str_find(buf_str(&out), '\n') == out.n);
    buf_free(&out);
}

/* Decoding what was encoded, and encoding that, must give the same text. */
static void check_again(struct arena *a, const struct codec_shape *shape, struct str text) {
    struct buf again;
    void *value = arena_alloc(a, shape->size);
    buf_init(&again, OUTPUT_MAX);
    ASSERT(json_decode(text, shape, value, a) == NULL);
    ASSERT(json_encode(&again, shape, value, a) == NULL);
    ASSERT(str_eq(buf_str(&again), text));
    buf_free(&again);
}

static void check_value(struct arena *a, const struct codec_shape *shape, const void *value) {
    struct buf out;
    buf_init(&out, OUTPUT_MAX);
    struct err *invalid = codec_validate(shape, value, a);
    if (invalid != NULL)
        check_error(invalid, RPC_INVALID_ARGUMENT);
    check_printing(shape, value);
    struct err *err = json_encode(&out, shape, value, a);
    if (err == NULL) {
        ASSERT(str_is_utf8(buf_str(&out)));
        check_again(a, shape, buf_str(&out));
    } else {
        /* Only an unknown enum value can stop it, and that breaks a constraint too. */
        check_error(err, RPC_INVALID_ARGUMENT);
        ASSERT(invalid != NULL && !str_empty(err->field));
    }
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    const struct aws_operation *op = operations[data[0] / 2 % ARRAY_LEN(operations)];
    const struct codec_shape *shape = data[0] >= ALL_KINDS ? &all_kinds_shape
                                      : data[0] % 2 == 0   ? op->input
                                                           : op->output;
    struct arena *a = arena_new(4096);
    void *value = arena_alloc(a, shape->size);
    struct err *err = json_decode(str_n((const char *)data + 1, size - 1), shape, value, a);
    ASSERT(arena_used(a) < MEMORY_BASE + MEMORY_PER_BYTE * size);
    if (err != NULL)
        check_error(err, RPC_INTERNAL);
    else
        check_value(a, shape, value);
    arena_free(a);
    return 0;
}
