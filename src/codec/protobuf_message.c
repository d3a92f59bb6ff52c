// SPDX-License-Identifier: Apache-2.0
/* Walks over messages in memory: the check before sending, and printing for the log. */
#include "base/obj.h"
#include "codec/protobuf.h"

#include <math.h>

/* ---- members ---- */

static size_t size_of(ProtobufCType type) {
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_ENUM:
        return 4;
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    default:
        return 8;
    }
}

/* The values of a field: one, the elements of a repeated one, none if its oneof holds another. */
struct values {
    const char *p;
    size_t n;
    size_t size;
};

static struct values values_of(const ProtobufCMessage *msg, const ProtobufCFieldDescriptor *field) {
    const char *member = (const char *)msg + field->offset;
    struct values v = {.p = member, .n = 1, .size = size_of(field->type)};
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        memcpy(&v.n, (const char *)msg + field->quantifier_offset, sizeof v.n);
        memcpy(&v.p, member, sizeof v.p);
    } else if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        uint32_t chosen;
        memcpy(&chosen, (const char *)msg + field->quantifier_offset, sizeof chosen);
        v.n = chosen == field->id;
    }
    return v;
}

static const void *pointer_at(const char *p) {
    const void *value;
    memcpy(&value, p, sizeof value);
    return value;
}

/* ---- before sending ---- */

struct place {
    const struct place *up;
    const ProtobufCFieldDescriptor *field;
    size_t index;
};

static void put_place(struct buf *out, const struct place *place) {
    if (place->up != NULL) {
        put_place(out, place->up);
        buf_putc(out, '.');
    }
    buf_puts(out, place->field->name);
    if (place->field->label == PROTOBUF_C_LABEL_REPEATED)
        buf_printf(out, "[%zu]", place->index);
}

static struct err *not_utf8(struct arena *a, const struct place *place) {
    struct buf path;
    buf_init(&path, 1024);
    put_place(&path, place);
    struct err *err = err_new(a, RPC_INTERNAL, STR_FMT " of the message to be sent is not UTF-8",
                              STR_ARG(buf_str(&path)));
    err->field = arena_str(a, buf_str(&path));
    buf_free(&path);
    return err;
}

static struct err *check_fields(struct arena *a, const ProtobufCMessage *msg,
                                const struct place *up) {
    struct err *err = NULL;
    for (unsigned i = 0; i < msg->descriptor->n_fields && err == NULL; i++) {
        struct place place = {.up = up, .field = &msg->descriptor->fields[i]};
        ProtobufCType type = place.field->type;
        if (type != PROTOBUF_C_TYPE_STRING && type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        struct values v = values_of(msg, place.field);
        for (place.index = 0; place.index < v.n && err == NULL; place.index++) {
            const void *value = pointer_at(v.p + place.index * v.size);
            if (value == NULL)
                continue;
            if (type == PROTOBUF_C_TYPE_MESSAGE)
                err = check_fields(a, value, &place);
            else if (!str_is_utf8(str_c(value)))
                err = not_utf8(a, &place);
        }
    }
    return err;
}

struct err *protobuf_check_message(struct arena *a, const ProtobufCMessage *msg) {
    return check_fields(a, msg, NULL);
}

/* ---- for the log ---- */

static bool is_sensitive(const struct protobuf_redaction *redaction, const ProtobufCMessage *msg,
                         const ProtobufCFieldDescriptor *field) {
    const struct protobuf_sensitive *s = redaction->sensitive;
    for (; s->message != NULL; s++)
        if (s->message == msg->descriptor && strcmp(s->field, field->name) == 0)
            return true;
    return false;
}

static bool is_default(const ProtobufCFieldDescriptor *field, struct values v) {
    static const char zeros[sizeof(uint64_t)];
    if (field->label == PROTOBUF_C_LABEL_REPEATED || v.n == 0)
        return v.n == 0;
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0)
        return false; /* that it is set is news */
    if (field->type == PROTOBUF_C_TYPE_STRING)
        return str_empty(str_c(pointer_at(v.p)));
    if (field->type == PROTOBUF_C_TYPE_BYTES)
        return ((const ProtobufCBinaryData *)(const void *)v.p)->len == 0;
    return memcmp(v.p, zeros, v.size) == 0;
}

static void put_string(struct buf *out, struct str s) {
    size_t cut = 0;
    if (s.n <= PROTOBUF_REDACT_STRING) {
        buf_putjson(out, s);
        return;
    }
    while (cut < PROTOBUF_REDACT_STRING) {
        size_t len = str_utf8_next(s, cut);
        cut += len > 0 ? len : 1;
    }
    buf_putjson(out, str_sub(s, 0, cut));
    /* Back before the closing quote. */
    if (!out->failed)
        out->n--;
    buf_puts(out, "...\"");
}

static void put_double(struct buf *out, double value) {
    if (isfinite(value))
        buf_printf(out, "%.17g", value);
    else
        buf_puts(out, isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
}

static void put_enum(struct buf *out, const ProtobufCEnumDescriptor *desc, int value) {
    const ProtobufCEnumValue *known = protobuf_c_enum_descriptor_get_value(desc, value);
    if (known != NULL)
        buf_putjson(out, str_c(known->name));
    else
        buf_printf(out, "%d", value);
}

static void put_number(struct buf *out, const ProtobufCFieldDescriptor *field, const char *p) {
    union {
        int32_t i32;
        uint32_t u32;
        int64_t i64;
        uint64_t u64;
        float f;
        double d;
    } v = {0};
    memcpy(&v, p, size_of(field->type));
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        buf_printf(out, "%d", v.i32);
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        buf_printf(out, "%u", v.u32);
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        buf_printf(out, "%llu", (unsigned long long)v.u64);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        put_double(out, (double)v.f);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        put_double(out, v.d);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        buf_puts(out, v.i32 != 0 ? "true" : "false");
        break;
    case PROTOBUF_C_TYPE_ENUM:
        put_enum(out, field->descriptor, v.i32);
        break;
    default:
        buf_printf(out, "%lld", (long long)v.i64);
    }
}

static void put_message(struct buf *out, const struct protobuf_redaction *redaction,
                        const ProtobufCMessage *msg, size_t depth);

static void put_value(struct buf *out, const struct protobuf_redaction *redaction,
                      const ProtobufCFieldDescriptor *field, const char *p, size_t depth) {
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        put_message(out, redaction, pointer_at(p), depth + 1);
    else if (field->type == PROTOBUF_C_TYPE_STRING)
        put_string(out, str_c(pointer_at(p)));
    else if (field->type == PROTOBUF_C_TYPE_BYTES)
        buf_printf(out, "\"%zu bytes\"", ((const ProtobufCBinaryData *)(const void *)p)->len);
    else
        put_number(out, field, p);
}

static void put_field(struct buf *out, const struct protobuf_redaction *redaction,
                      const ProtobufCFieldDescriptor *field, struct values v, size_t depth) {
    if (field->label != PROTOBUF_C_LABEL_REPEATED) {
        put_value(out, redaction, field, v.p, depth);
        return;
    }
    buf_putc(out, '[');
    for (size_t i = 0; i < v.n && i < PROTOBUF_REDACT_ELEMENTS; i++) {
        buf_puts(out, i > 0 ? "," : "");
        put_value(out, redaction, field, v.p + i * v.size, depth);
    }
    buf_puts(out, v.n > PROTOBUF_REDACT_ELEMENTS ? ",\"...\"]" : "]");
}

static void put_message(struct buf *out, const struct protobuf_redaction *redaction,
                        const ProtobufCMessage *msg, size_t depth) {
    if (msg == NULL || depth > PROTOBUF_MAX_DEPTH) {
        buf_puts(out, msg == NULL ? "null" : "\"...\"");
        return;
    }
    buf_putc(out, '{');
    size_t start = out->n;
    if (redaction->log_fields != NULL)
        redaction->log_fields(out, msg->descriptor->name, msg);
    bool first = out->n == start;
    for (unsigned i = 0; i < msg->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &msg->descriptor->fields[i];
        struct values v = values_of(msg, field);
        if (is_default(field, v))
            continue;
        buf_puts(out, first ? "" : ",");
        first = false;
        buf_putjson(out, str_c(field->name));
        buf_putc(out, ':');
        if (is_sensitive(redaction, msg, field))
            buf_puts(out, "\"***\"");
        else
            put_field(out, redaction, field, v, depth);
    }
    buf_putc(out, '}');
}

void protobuf_redact(struct buf *out, const struct protobuf_redaction *redaction,
                     const ProtobufCMessage *msg) {
    put_message(out, redaction, msg, 1);
}
