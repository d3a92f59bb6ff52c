// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a message of a peer. What must hold: no overrun; what passes the check is unpacked
 * by protobuf-c, holds only sound strings, can be sent on and is then taken again, the same; a copy
 * packs to the same bytes; printing it neither fails nor leaves UTF-8; memory stays in proportion.
 *
 * Input: one byte that chooses the message type, then the message.
 */
#include "../unit/node_message.h"
#include "codec/protobuf.h"
#include "everything.h"
#include "generated/session_dsm.h"

/* Of the arena: bookkeeping of fields, copies of what they hold, a path. */
#define MEMORY_BASE 65536
#define MEMORY_PER_BYTE 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(struct arena *a, const ProtobufCMessage *msg) {
    struct err *err = protobuf_check_message(a, msg);
    ASSERT(err == NULL);
    size_t n = protobuf_c_message_get_packed_size(msg);
    uint8_t *packed = arena_alloc(a, n);
    ASSERT(protobuf_c_message_pack(msg, packed) == n);
    const ProtobufCMessage *again = NULL;
    err = protobuf_unpack(a, msg->descriptor, str_n((const char *)packed, n), &again);
    ASSERT(err == NULL && again != NULL);
    ASSERT(protobuf_c_message_get_packed_size(again) == n);
    uint8_t *repacked = arena_alloc(a, n);
    protobuf_c_message_pack(again, repacked);
    ASSERT(memcmp(repacked, packed, n) == 0);
    const ProtobufCMessage *copy = protobuf_copy(a, msg);
    ASSERT(protobuf_c_message_get_packed_size(copy) == n);
    protobuf_c_message_pack(copy, repacked);
    ASSERT(memcmp(repacked, packed, n) == 0);
}

static const struct protobuf_sensitive sensitive_of_node[] = {
    {.message = &node_descriptor, .field = "blob"},
    {0},
};
static const struct protobuf_redaction node_redaction = {.sensitive = sensitive_of_node};

static const struct type {
    const ProtobufCMessageDescriptor *desc;
    const struct protobuf_redaction *redaction;
} types[] = {
    {&node_descriptor, &node_redaction},
    {&accelbyte__session__sessiondsm__request_create_game_session__descriptor, &dsm_redaction},
    /* Has every construct of proto3. */
    {&test__everything__v1__thing__descriptor, &everything_redaction},
};

static void check_printing(const struct protobuf_redaction *redaction,
                           const ProtobufCMessage *msg) {
    struct buf out;
    buf_init(&out, (size_t)64 << 20);
    protobuf_redact(&out, redaction, msg);
    ASSERT(!out.failed);
    ASSERT(str_is_utf8(buf_str(&out)));
    ASSERT(str_find(buf_str(&out), '\0') == out.n);
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const ProtobufCMessage *msg = NULL;
    if (size == 0)
        return 0;
    const struct type *type = &types[data[0] % ARRAY_LEN(types)];
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    struct err *err = protobuf_unpack(a, type->desc, str_n((const char *)data + 1, size - 1), &msg);
    ASSERT(arena_used(a) < MEMORY_BASE + MEMORY_PER_BYTE * size);
    if (err == NULL) {
        check_printing(type->redaction, msg);
        check_again(a, msg);
    } else {
        ASSERT(msg == NULL && !str_empty(err->msg) && str_is_utf8(err->msg));
        ASSERT(err->code == RPC_INTERNAL || err->code == RPC_INVALID_ARGUMENT ||
               err->code == RPC_RESOURCE_EXHAUSTED);
        /* "cannot be unpacked" would be something that the check does not know of. */
        ASSERT(!str_ends(err->msg, STR("cannot be unpacked")));
    }
    arena_free(a);
    return 0;
}
