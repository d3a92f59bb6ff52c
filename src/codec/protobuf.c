// SPDX-License-Identifier: Apache-2.0
#include "codec/protobuf.h"

#include "base/obj.h"
#include "codec/protobuf_map.h"

#include <stdlib.h>

#define MAX_TAG_BYTES 5 /* also of a length: what protobuf-c reads */
#define MAX_VARINT_BYTES 10
#define MAX_FIELD_NUMBER ((1U << 29) - 1)

struct reader {
    const unsigned char *p;
    const unsigned char *end;
};

/* What one walk over a message tree counts. */
struct walk {
    struct arena *a;
    size_t fields;
    bool lacks_values; /* an entry of a map came without its value */
};

/* One message on the way down; the chain is the path that an error names. */
struct level {
    struct walk *walk;
    const struct level *up;
    const ProtobufCMessageDescriptor *desc;
    const ProtobufCFieldDescriptor *field; /* the one being read; NULL before the first */
    uint16_t *seen;                        /* how often each field has come, by its place in desc */
    size_t depth;
};

static size_t read_varint(struct reader *r, size_t max, uint64_t *ret) {
    uint64_t value = 0;
    for (size_t i = 0; i < max && r->p + i < r->end; i++) {
        value |= (uint64_t)(r->p[i] & 0x7F) << (7 * i);
        if (r->p[i] < 0x80) {
            r->p += i + 1;
            *ret = value;
            return i + 1;
        }
    }
    return 0;
}

static bool skip(struct reader *r, size_t n) {
    if (n > (size_t)(r->end - r->p))
        return false;
    r->p += n;
    return true;
}

/* ---- errors that name the field ---- */

static void put_path(struct buf *out, const struct level *level) {
    if (level->up != NULL) {
        put_path(out, level->up);
        buf_putc(out, '.');
    }
    if (level->field == NULL)
        return;
    buf_puts(out, level->field->name);
    if (level->field->label == PROTOBUF_C_LABEL_REPEATED)
        buf_printf(out, "[%u]", level->seen[level->field - level->desc->fields] - 1U);
}

static struct err *fault(const struct level *level, enum rpc_code code, const char *why) {
    struct arena *a = level->walk->a;
    struct buf path;
    if (level->field == NULL && level->up == NULL)
        return err_new(a, code, "%s %s", level->desc->short_name, why);
    buf_init(&path, 1024);
    put_path(&path, level->field == NULL ? level->up : level);
    struct err *err = err_new(a, code, STR_FMT " %s", STR_ARG(buf_str(&path)), why);
    err->field = arena_str(a, buf_str(&path));
    buf_free(&path);
    return err;
}

/* ---- the walk ---- */

static struct err *check_level(struct level *level, struct reader r);

static struct err *check_string(const struct level *level, struct str s) {
    if (!str_is_utf8(s))
        return fault(level, RPC_INTERNAL, "is not valid UTF-8");
    if (str_find(s, '\0') < s.n)
        return fault(level, RPC_INVALID_ARGUMENT, "holds a NUL byte");
    return NULL;
}

static struct err *check_nested(const struct level *level, struct reader r) {
    struct level inner = {
        .walk = level->walk,
        .up = level,
        .desc = level->field->descriptor,
        .depth = level->depth + 1,
    };
    if (inner.depth > PROTOBUF_MAX_DEPTH)
        return fault(level, RPC_RESOURCE_EXHAUSTED, "is nested too deeply");
    struct err *err = check_level(&inner, r);
    if (err == NULL && protobuf_is_message_map(level->desc, level->field) && inner.seen[1] == 0)
        level->walk->lacks_values = true;
    return err;
}

static ProtobufCWireType wire_type_of(ProtobufCType type) {
    switch (type) {
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return PROTOBUF_C_WIRE_TYPE_32BIT;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return PROTOBUF_C_WIRE_TYPE_64BIT;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    default:
        return PROTOBUF_C_WIRE_TYPE_VARINT;
    }
}

static struct err *count_field(struct level *level) {
    if (++level->walk->fields > PROTOBUF_MAX_FIELDS)
        return fault(level, RPC_RESOURCE_EXHAUSTED, "is one field too many for a message");
    return NULL;
}

/* One more value of the field. */
static struct err *count_value(struct level *level) {
    uint16_t *seen = &level->seen[level->field - level->desc->fields];
    if (*seen < UINT16_MAX)
        (*seen)++;
    if (level->field->label == PROTOBUF_C_LABEL_REPEATED && *seen > PROTOBUF_MAX_ELEMENTS)
        return fault(level, RPC_RESOURCE_EXHAUSTED, "is one element too many");
    /* protobuf-c would merge them, copying every list inside for each one that comes. */
    if (level->field->type == PROTOBUF_C_TYPE_MESSAGE && *seen > 1 &&
        level->field->label != PROTOBUF_C_LABEL_REPEATED)
        return fault(level, RPC_INTERNAL, "comes more than once");
    return NULL;
}

static struct err *check_packed(struct level *level, struct reader r) {
    ProtobufCWireType wire = wire_type_of(level->field->type);
    uint64_t ignored;
    while (r.p < r.end) {
        struct err *err = count_value(level);
        if (err == NULL)
            err = count_field(level);
        if (err != NULL)
            return err;
        if (wire == PROTOBUF_C_WIRE_TYPE_VARINT
                ? read_varint(&r, MAX_VARINT_BYTES, &ignored) == 0
                : !skip(&r, wire == PROTOBUF_C_WIRE_TYPE_32BIT ? 4 : 8))
            return fault(level, RPC_INTERNAL, "ends in the middle of an element");
    }
    return NULL;
}

/* The value after a known field's tag; `value` is what a length-prefixed one holds. */
static struct err *check_known(struct level *level, unsigned wire, struct reader value) {
    unsigned expected = wire_type_of(level->field->type);
    if (wire == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED && wire != expected &&
        level->field->label == PROTOBUF_C_LABEL_REPEATED)
        return check_packed(level, value);
    struct err *err = count_value(level);
    if (err != NULL)
        return err;
    if (wire != expected)
        return fault(level, RPC_INTERNAL, "has the wrong wire type");
    if (level->field->type == PROTOBUF_C_TYPE_STRING)
        return check_string(level, str_n((const char *)value.p, (size_t)(value.end - value.p)));
    if (level->field->type == PROTOBUF_C_TYPE_MESSAGE)
        return check_nested(level, value);
    return NULL;
}

/* Steps over a value; false if it is cut off or of no known wire type. */
static bool read_value(struct reader *r, unsigned wire, struct reader *value) {
    uint64_t n;
    value->p = r->p;
    value->end = r->p;
    switch (wire) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        return read_varint(r, MAX_VARINT_BYTES, &n) > 0;
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        return skip(r, 8);
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        return skip(r, 4);
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        if (read_varint(r, MAX_TAG_BYTES, &n) == 0 || n > INT32_MAX)
            return false;
        value->p = r->p;
        if (!skip(r, (size_t)n))
            return false;
        value->end = r->p;
        return true;
    default:
        return false;
    }
}

static struct err *check_level(struct level *level, struct reader r) {
    level->seen = arena_array(level->walk->a, level->desc->n_fields, sizeof *level->seen);
    while (r.p < r.end) {
        struct reader value;
        uint64_t tag;
        level->field = NULL;
        if (read_varint(&r, MAX_TAG_BYTES, &tag) == 0 || tag >> 3 == 0 ||
            tag >> 3 > MAX_FIELD_NUMBER)
            return fault(level, RPC_INTERNAL, "is not in protobuf's wire format");
        unsigned wire = (unsigned)(tag & 7);
        if (!read_value(&r, wire, &value))
            return fault(level, RPC_INTERNAL, "is cut off or not in protobuf's wire format");
        level->field = protobuf_c_message_descriptor_get_field(level->desc, (unsigned)(tag >> 3));
        struct err *err = count_field(level);
        if (err == NULL && level->field != NULL)
            err = check_known(level, wire, value);
        if (err != NULL)
            return err;
    }
    return NULL;
}

static struct err *check(struct walk *walk, const ProtobufCMessageDescriptor *desc,
                         struct str bytes) {
    struct level top = {.walk = walk, .desc = desc, .depth = 1};
    const unsigned char *p = (const unsigned char *)bytes.p;
    if (bytes.n == 0)
        return NULL;
    return check_level(&top, (struct reader){.p = p, .end = p + bytes.n});
}

struct err *protobuf_check(struct arena *a, const ProtobufCMessageDescriptor *desc,
                           struct str bytes) {
    return check(&(struct walk){.a = a}, desc, bytes);
}

/* ---- unpacking ---- */

static void *alloc_in_arena(void *arena, size_t n) {
    return arena_alloc(arena, n);
}

static void free_nothing(void *arena, void *p) {
    (void)arena;
    (void)p;
}

struct err *protobuf_unpack(struct arena *a, const ProtobufCMessageDescriptor *desc,
                            struct str bytes, const ProtobufCMessage **ret) {
    ProtobufCAllocator allocator = {
        .alloc = alloc_in_arena, .free = free_nothing, .allocator_data = a};
    struct walk walk = {.a = a};
    struct err *err = check(&walk, desc, bytes);
    if (err != NULL)
        return err;
    const ProtobufCMessage *msg =
        protobuf_c_message_unpack(desc, &allocator, bytes.n, (const uint8_t *)bytes.p);
    if (msg == NULL)
        return err_new(a, RPC_INTERNAL, "%s cannot be unpacked", desc->short_name);
    if (walk.lacks_values)
        protobuf_fill_maps(a, msg);
    *ret = msg;
    return NULL;
}

ProtobufCMessage *protobuf_copy(struct arena *a, const ProtobufCMessage *msg) {
    ProtobufCAllocator allocator = {
        .alloc = alloc_in_arena, .free = free_nothing, .allocator_data = a};
    size_t n = protobuf_c_message_get_packed_size(msg);
    uint8_t *packed = malloc(n + 1);
    AN(packed);
    protobuf_c_message_pack(msg, packed);
    ProtobufCMessage *copy = protobuf_c_message_unpack(msg->descriptor, &allocator, n, packed);
    free(packed);
    AN(copy);
    protobuf_fill_maps(a, copy);
    return copy;
}

char *protobuf_string(struct arena *a, struct str s) {
    char *copy = arena_alloc(a, s.n + 1);
    if (s.n > 0)
        memcpy(copy, s.p, s.n);
    return copy;
}
