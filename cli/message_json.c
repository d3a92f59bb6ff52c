// SPDX-License-Identifier: Apache-2.0
#include "message_json.h"

#include "base/obj.h"

#include <inttypes.h>
#include <yajl/yajl_tree.h>

/* ---- in ---- */

static struct err *wrong(struct arena *a, const ProtobufCFieldDescriptor *field, const char *why) {
    return ERR_INVALID(a, "%s must be %s", field->name, why);
}

static struct err *set_one(struct arena *a, const ProtobufCFieldDescriptor *field, yajl_val v,
                           void *slot) {
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        if (!YAJL_IS_STRING(v))
            return wrong(a, field, "a string");
        const char *copy = arena_cstr(a, str_c(YAJL_GET_STRING(v)));
        memcpy(slot, &copy, sizeof copy);
        return NULL;
    case PROTOBUF_C_TYPE_BOOL:
        if (!YAJL_IS_TRUE(v) && !YAJL_IS_FALSE(v))
            return wrong(a, field, "true or false");
        protobuf_c_boolean yes = YAJL_IS_TRUE(v);
        memcpy(slot, &yes, sizeof yes);
        return NULL;
    case PROTOBUF_C_TYPE_INT64:
        if (!YAJL_IS_INTEGER(v))
            return wrong(a, field, "a whole number of 64 bits");
        int64_t wide = YAJL_GET_INTEGER(v);
        memcpy(slot, &wide, sizeof wide);
        return NULL;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_ENUM:
        if (!YAJL_IS_INTEGER(v) || YAJL_GET_INTEGER(v) > INT32_MAX ||
            YAJL_GET_INTEGER(v) < INT32_MIN)
            return wrong(a, field, "a whole number of 32 bits");
        int32_t narrow = (int32_t)YAJL_GET_INTEGER(v);
        memcpy(slot, &narrow, sizeof narrow);
        return NULL;
    default:
        return wrong(a, field, "of a type that this client does not know");
    }
}

static size_t size_of(const ProtobufCFieldDescriptor *field) {
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        return sizeof(char *);
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_INT64:
        return sizeof(int64_t);
    default:
        return sizeof(int32_t);
    }
}

static struct err *set_list(struct arena *a, const ProtobufCFieldDescriptor *field, yajl_val v,
                            char *base) {
    if (!YAJL_IS_ARRAY(v))
        return wrong(a, field, "an array");
    size_t n = YAJL_GET_ARRAY(v)->len;
    char *elements = arena_array(a, n, size_of(field));
    for (size_t i = 0; i < n; i++) {
        struct err *err =
            set_one(a, field, YAJL_GET_ARRAY(v)->values[i], elements + i * size_of(field));
        if (err != NULL)
            return err;
    }
    memcpy(base + field->offset, &elements, sizeof elements);
    memcpy(base + field->quantifier_offset, &n, sizeof n);
    return NULL;
}

static struct err *fill(struct arena *a, yajl_val tree, ProtobufCMessage *msg) {
    if (!YAJL_IS_OBJECT(tree))
        return ERR_INVALID(a, "the input must be a JSON object");
    for (size_t i = 0; i < YAJL_GET_OBJECT(tree)->len; i++) {
        const char *name = YAJL_GET_OBJECT(tree)->keys[i];
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field_by_name(msg->descriptor, name);
        if (field == NULL)
            return ERR_INVALID(a, "%s has no field named %s", msg->descriptor->short_name, name);
        yajl_val v = YAJL_GET_OBJECT(tree)->values[i];
        struct err *err = field->label == PROTOBUF_C_LABEL_REPEATED
                              ? set_list(a, field, v, (char *)msg)
                              : set_one(a, field, v, (char *)msg + field->offset);
        if (err != NULL)
            return err;
    }
    return NULL;
}

struct err *message_from_json(struct arena *a, struct str text, ProtobufCMessage *msg) {
    char why[200] = "";
    yajl_val tree = yajl_tree_parse(arena_cstr(a, text), why, sizeof why);
    if (tree == NULL)
        return ERR_INVALID(a, "the input is not JSON: %s", why);
    struct err *err = fill(a, tree, msg);
    yajl_tree_free(tree);
    return err;
}

/* ---- out ---- */

static void put_one(struct buf *out, const ProtobufCFieldDescriptor *field, const void *slot) {
    const char *text;
    protobuf_c_boolean yes;
    int64_t wide;
    int32_t narrow;
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        memcpy(&text, slot, sizeof text);
        buf_putjson(out, str_c(text));
        return;
    case PROTOBUF_C_TYPE_BOOL:
        memcpy(&yes, slot, sizeof yes);
        buf_puts(out, yes ? "true" : "false");
        return;
    case PROTOBUF_C_TYPE_INT64:
        memcpy(&wide, slot, sizeof wide);
        buf_printf(out, "%" PRId64, wide);
        return;
    default:
        memcpy(&narrow, slot, sizeof narrow);
        buf_printf(out, "%" PRId32, narrow);
    }
}

static void put_list(struct buf *out, const ProtobufCFieldDescriptor *field, const char *base) {
    size_t n;
    const char *elements;
    memcpy(&n, base + field->quantifier_offset, sizeof n);
    memcpy(&elements, base + field->offset, sizeof elements);
    buf_putc(out, '[');
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_puts(out, ", ");
        put_one(out, field, elements + i * size_of(field));
    }
    buf_putc(out, ']');
}

void message_to_json(struct buf *out, const ProtobufCMessage *msg) {
    buf_puts(out, "{");
    for (unsigned i = 0; i < msg->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &msg->descriptor->fields[i];
        buf_printf(out, "%s\n  \"%s\": ", i == 0 ? "" : ",", field->name);
        if (field->label == PROTOBUF_C_LABEL_REPEATED)
            put_list(out, field, (const char *)msg);
        else
            put_one(out, field, (const char *)msg + field->offset);
    }
    buf_puts(out, "\n}\n");
}
