// SPDX-License-Identifier: Apache-2.0
/*
 * Every message of the contracts that the service serves, filled field by field from its
 * descriptor: what protoc-c made for it, and what the generator added, agree with each other.
 */
#include "unit.h"

#include "base/buf.h"
#include "base/obj.h"
#include "codec/protobuf.h"
#include "generated/health.h"
#include "generated/reflection.h"
#include "generated/session_dsm.h"

#include <yajl/yajl_parse.h>

#define MAX_DEPTH 3
#define ROUNDS 50
#define TEXTS 3 /* strings and elements of a list */

static struct arena *arena;
static unsigned seed;

static int set_up(void **state) {
    (void)state;
    arena = arena_new((size_t)16 << 20);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    arena_free(arena);
    return 0;
}

/* The same numbers in every run. */
static unsigned next(unsigned below) {
    seed = seed * 1664525U + 1013904223U;
    return (seed >> 8) % below;
}

/* ---- filling ---- */

static void fill(ProtobufCMessage *msg, int depth);

static ProtobufCMessage *new_message(const ProtobufCMessageDescriptor *of, int depth) {
    ProtobufCMessage *msg = arena_alloc(arena, of->sizeof_message);
    protobuf_c_message_init(of, msg);
    fill(msg, depth + 1);
    return msg;
}

static size_t element_size(const ProtobufCFieldDescriptor *f) {
    switch (f->type) {
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return sizeof(int64_t);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    default:
        return sizeof(int32_t);
    }
}

static void put_value(const ProtobufCFieldDescriptor *f, void *slot, int depth) {
    static const char *const texts[] = {"a", "gr\xc3\xbc\xc3\x9f", "\"quoted\\ and \n more"};
    if (f->type == PROTOBUF_C_TYPE_STRING) {
        *(const char **)slot = texts[next(TEXTS)];
    } else if (f->type == PROTOBUF_C_TYPE_BYTES) {
        *(ProtobufCBinaryData *)slot =
            (ProtobufCBinaryData){.len = 3, .data = arena_alloc(arena, 3)};
    } else if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
        *(ProtobufCMessage **)slot = new_message(f->descriptor, depth);
    } else if (f->type == PROTOBUF_C_TYPE_ENUM) {
        const ProtobufCEnumDescriptor *values = f->descriptor;
        *(int *)slot = values->values[next(values->n_values)].value;
    } else {
        memset(slot, 0, element_size(f));
        *(unsigned char *)slot = (unsigned char)next(2);
    }
}

/* One member of a oneof at most, any number of a list, any other field three times out of four. */
static void fill_field(ProtobufCMessage *msg, const ProtobufCFieldDescriptor *f, int depth) {
    char *at = (char *)msg;
    if (f->type == PROTOBUF_C_TYPE_MESSAGE && depth >= MAX_DEPTH)
        return;
    if (f->label == PROTOBUF_C_LABEL_REPEATED) {
        size_t n = next(TEXTS + 1);
        char *list = arena_alloc(arena, n * element_size(f) + 1);
        for (size_t i = 0; i < n; i++)
            put_value(f, list + i * element_size(f), depth);
        *(size_t *)(void *)(at + f->quantifier_offset) = n;
        *(void **)(void *)(at + f->offset) = list;
        return;
    }
    if (next(4) == 0)
        return;
    if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
        uint32_t *which = (uint32_t *)(void *)(at + f->quantifier_offset);
        if (*which != 0)
            return;
        *which = f->id;
    }
    put_value(f, at + f->offset, depth);
}

static void fill(ProtobufCMessage *msg, int depth) {
    for (unsigned i = 0; i < msg->descriptor->n_fields; i++)
        fill_field(msg, &msg->descriptor->fields[i], depth);
}

/* ---- what must hold ---- */

struct wire {
    ProtobufCBuffer base;
    struct buf out;
};

static void append(ProtobufCBuffer *to, size_t n, const uint8_t *data) {
    buf_put(&CONTAINER_OF(to, struct wire, base)->out, data, n);
}

static void assert_is_json(struct str s) {
    yajl_handle parser = yajl_alloc(NULL, NULL, NULL);
    assert_int_equal(yajl_parse(parser, (const unsigned char *)s.p, s.n), yajl_status_ok);
    assert_int_equal(yajl_complete_parse(parser), yajl_status_ok);
    yajl_free(parser);
}

/*
 * packed: of TYPE's own functions (LOWER__...), by pack and by pack_to_buffer, as long as
 * get_packed_size says; unpacked and packed again it is the same; what is logged of it is JSON.
 */
#define CHECK(TYPE, LOWER, REDACT, ALIAS)                                                          \
    do {                                                                                           \
        struct wire wire = {.base.append = append};                                                \
        struct buf logged;                                                                         \
        TYPE msg;                                                                                  \
        buf_init(&wire.out, (size_t)1 << 20);                                                      \
        buf_init(&logged, (size_t)1 << 20);                                                        \
        LOWER##__init(&msg);                                                                       \
        assert_ptr_equal(msg.base.descriptor, &LOWER##__descriptor);                               \
        assert_int_equal(LOWER##__get_packed_size(&msg), 0);                                       \
        fill(&msg.base, 0);                                                                        \
        assert_null(protobuf_check_message(arena, &msg.base));                                     \
        size_t n = LOWER##__get_packed_size(&msg);                                                 \
        uint8_t *packed = arena_alloc(arena, n + 1);                                               \
        uint8_t *again = arena_alloc(arena, n + 1);                                                \
        assert_int_equal(LOWER##__pack(&msg, packed), n);                                          \
        assert_int_equal(LOWER##__pack_to_buffer(&msg, &wire.base), n);                            \
        assert_int_equal(wire.out.n, n);                                                           \
        if (n > 0)                                                                                 \
            assert_memory_equal(wire.out.p, packed, n);                                            \
        TYPE *read = LOWER##__unpack(NULL, n, packed);                                             \
        assert_non_null(read);                                                                     \
        assert_int_equal(LOWER##__pack(read, again), n);                                           \
        assert_memory_equal(again, packed, n);                                                     \
        REDACT(&logged, (const struct ALIAS *)read);                                               \
        assert_is_json(buf_str(&logged));                                                          \
        LOWER##__free_unpacked(read, NULL);                                                        \
        LOWER##__free_unpacked(NULL, NULL);                                                        \
        assert_null(LOWER##__unpack(NULL, 1, (const uint8_t *)"\xff"));                            \
        buf_free(&wire.out);                                                                       \
        buf_free(&logged);                                                                         \
    } while (0)

/* Of each message: protoc-c's type and functions, the generator's function and alias. */
static void check_health_health_check_request(void) {
    CHECK(Grpc__Health__V1__HealthCheckRequest, grpc__health__v1__health_check_request,
          health_health_check_request_redact, health_health_check_request);
}

static void check_health_health_check_response(void) {
    CHECK(Grpc__Health__V1__HealthCheckResponse, grpc__health__v1__health_check_response,
          health_health_check_response_redact, health_health_check_response);
}

static void check_reflection_server_reflection_request(void) {
    CHECK(Grpc__Reflection__V1__ServerReflectionRequest,
          grpc__reflection__v1__server_reflection_request,
          reflection_server_reflection_request_redact, reflection_server_reflection_request);
}

static void check_reflection_extension_request(void) {
    CHECK(Grpc__Reflection__V1__ExtensionRequest, grpc__reflection__v1__extension_request,
          reflection_extension_request_redact, reflection_extension_request);
}

static void check_reflection_server_reflection_response(void) {
    CHECK(Grpc__Reflection__V1__ServerReflectionResponse,
          grpc__reflection__v1__server_reflection_response,
          reflection_server_reflection_response_redact, reflection_server_reflection_response);
}

static void check_reflection_file_descriptor_response(void) {
    CHECK(Grpc__Reflection__V1__FileDescriptorResponse,
          grpc__reflection__v1__file_descriptor_response,
          reflection_file_descriptor_response_redact, reflection_file_descriptor_response);
}

static void check_reflection_extension_number_response(void) {
    CHECK(Grpc__Reflection__V1__ExtensionNumberResponse,
          grpc__reflection__v1__extension_number_response,
          reflection_extension_number_response_redact, reflection_extension_number_response);
}

static void check_reflection_list_service_response(void) {
    CHECK(Grpc__Reflection__V1__ListServiceResponse, grpc__reflection__v1__list_service_response,
          reflection_list_service_response_redact, reflection_list_service_response);
}

static void check_reflection_service_response(void) {
    CHECK(Grpc__Reflection__V1__ServiceResponse, grpc__reflection__v1__service_response,
          reflection_service_response_redact, reflection_service_response);
}

static void check_reflection_error_response(void) {
    CHECK(Grpc__Reflection__V1__ErrorResponse, grpc__reflection__v1__error_response,
          reflection_error_response_redact, reflection_error_response);
}

static void check_dsm_request_create_game_session(void) {
    CHECK(Accelbyte__Session__Sessiondsm__RequestCreateGameSession,
          accelbyte__session__sessiondsm__request_create_game_session,
          dsm_request_create_game_session_redact, dsm_request_create_game_session);
}

static void check_dsm_response_create_game_session(void) {
    CHECK(Accelbyte__Session__Sessiondsm__ResponseCreateGameSession,
          accelbyte__session__sessiondsm__response_create_game_session,
          dsm_response_create_game_session_redact, dsm_response_create_game_session);
}

static void check_dsm_request_terminate_game_session(void) {
    CHECK(Accelbyte__Session__Sessiondsm__RequestTerminateGameSession,
          accelbyte__session__sessiondsm__request_terminate_game_session,
          dsm_request_terminate_game_session_redact, dsm_request_terminate_game_session);
}

static void check_dsm_response_terminate_game_session(void) {
    CHECK(Accelbyte__Session__Sessiondsm__ResponseTerminateGameSession,
          accelbyte__session__sessiondsm__response_terminate_game_session,
          dsm_response_terminate_game_session_redact, dsm_response_terminate_game_session);
}

static void check_dsm_response_create_game_session_async(void) {
    CHECK(Accelbyte__Session__Sessiondsm__ResponseCreateGameSessionAsync,
          accelbyte__session__sessiondsm__response_create_game_session_async,
          dsm_response_create_game_session_async_redact, dsm_response_create_game_session_async);
}

static void (*const checks[])(void) = {
    check_health_health_check_request,
    check_health_health_check_response,
    check_reflection_server_reflection_request,
    check_reflection_extension_request,
    check_reflection_server_reflection_response,
    check_reflection_file_descriptor_response,
    check_reflection_extension_number_response,
    check_reflection_list_service_response,
    check_reflection_service_response,
    check_reflection_error_response,
    check_dsm_request_create_game_session,
    check_dsm_response_create_game_session,
    check_dsm_request_terminate_game_session,
    check_dsm_response_terminate_game_session,
    check_dsm_response_create_game_session_async,
};

static void every_message_packs_unpacks_and_is_logged(void **state) {
    (void)state;
    for (seed = 0; seed < ROUNDS; seed++) {
        unsigned round = seed;
        for (size_t i = 0; i < ARRAY_LEN(checks); i++)
            checks[i]();
        seed = round;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST(every_message_packs_unpacks_and_is_logged)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
