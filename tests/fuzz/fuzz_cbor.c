// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as CBOR, read as shapes of GameLift. What must hold: a refusal says why; what is read
 * can be written and read again, and is the same; nothing is read outside the input.
 *
 * Input: one byte that chooses the shape, then the CBOR.
 */
#include "codec/cbor.h"
#include "generated/gamelift.h"
#include "tests/conformance/same.h"
#include "tests/fuzz/all_kinds.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct codec_shape *shapes[] = {
        gl_create_game_session_operation.input,
        gl_describe_game_sessions_operation.output,
        gl_start_game_session_placement_operation.input,
        gl_describe_game_session_placement_operation.output,
        &all_kinds_shape,
    };
    if (size == 0)
        return 0;
    const struct codec_shape *shape = shapes[data[0] % ARRAY_LEN(shapes)];
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    void *value = arena_alloc(a, shape->size);
    void *again = arena_alloc(a, shape->size);
    struct err *err = cbor_decode(str_n((const char *)data + 1, size - 1), shape, value, a);
    struct buf b;
    buf_init(&b, 1 << 24);
    ASSERT(err == NULL || (err->code == RPC_INTERNAL && !str_empty(err->msg)));
    /* An enum's name that the model does not know cannot be written. */
    if (err == NULL && cbor_encode(&b, shape, value, a) == NULL) {
        err = cbor_decode(buf_str(&b), shape, again, a);
        ASSERT(err == NULL);
        ASSERT(same_value(shape, value, again, a) == NULL);
    }
    buf_free(&b);
    arena_free(a);
    return 0;
}
