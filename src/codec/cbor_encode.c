// SPDX-License-Identifier: Apache-2.0
#include "codec/cbor.h"

#include "base/obj.h"
#include "codec/access.h"
#include "codec/cbor_big.h"
#include "codec/cbor_tags.h"
#include "codec/number.h"

#include <cbor.h>
#include <math.h>

struct encoder {
    struct buf *out;
    struct arena *arena;
    unsigned depth;
};

static struct err *encode_value(struct encoder *e, const struct codec_shape *shape,
                                const void *value, const struct codec_path *path);

static struct err *refuse(struct encoder *e, const struct codec_path *path, const char *why) {
    struct str where = codec_path_str(e->arena, path);
    struct err *err = ERR_INVALID(e->arena, STR_FMT " %s", STR_ARG(where), why);
    err->field = where;
    return err;
}

/* What libcbor makes of one item's head: `made` of the cbor_encode_ functions, into head. */
#define HEAD 9
#define PUT(e, function, ...)                                                                      \
    do {                                                                                           \
        unsigned char head_[HEAD];                                                                 \
        buf_put((e)->out, head_, function(__VA_ARGS__, head_, sizeof head_));                      \
    } while (0)

static void put_int(struct encoder *e, int64_t value) {
    if (value >= 0)
        PUT(e, cbor_encode_uint, (uint64_t)value);
    else
        PUT(e, cbor_encode_negint, (uint64_t)(-1 - value));
}

static void put_null(struct encoder *e) {
    unsigned char head[HEAD];
    buf_put(e->out, head, cbor_encode_null(head, sizeof head));
}

static void put_bytes(struct encoder *e, struct str s) {
    PUT(e, cbor_encode_bytestring_start, s.n);
    buf_putstr(e->out, s);
}

static struct err *put_string(struct encoder *e, struct str s, const struct codec_path *path) {
    if (!str_is_utf8(s))
        return refuse(e, path, "is not valid UTF-8");
    PUT(e, cbor_encode_string_start, s.n);
    buf_putstr(e->out, s);
    return NULL;
}

/* Epoch seconds; whole ones as an integer. */
static void put_timestamp(struct encoder *e, int64_t ms) {
    PUT(e, cbor_encode_tag, CBOR_TAG_EPOCH);
    if (ms % 1000 == 0)
        put_int(e, ms / 1000);
    else
        PUT(e, cbor_encode_double, (double)ms / 1000.0);
}

/* As an integer of CBOR's own if it fits, else as a bignum. */
static struct err *put_big_integer(struct encoder *e, struct str decimal,
                                   const struct codec_path *path) {
    bool negative;
    struct str bytes;
    if (!number_is_decimal(decimal, true) || !cbor_big_bytes(e->arena, decimal, &negative, &bytes))
        return refuse(e, path, "is not what its kind allows");
    if (bytes.n > 8) {
        PUT(e, cbor_encode_tag, negative ? CBOR_TAG_NEGATIVE_BIG : CBOR_TAG_BIG);
        put_bytes(e, bytes);
        return NULL;
    }
    uint64_t n = 0;
    for (size_t i = 0; i < bytes.n; i++)
        n = n << 8 | (unsigned char)bytes.p[i];
    if (negative)
        PUT(e, cbor_encode_negint, n);
    else
        PUT(e, cbor_encode_uint, n);
    return NULL;
}

static struct err *put_big_decimal(struct encoder *e, struct str decimal,
                                   const struct codec_path *path) {
    struct str mantissa;
    int64_t exponent;
    if (!number_is_decimal(decimal, false) ||
        !cbor_big_split(e->arena, decimal, &mantissa, &exponent))
        return refuse(e, path, "is not what its kind allows");
    /* "0.05" has a mantissa of "005", which is no number yet. */
    size_t start = str_starts(mantissa, STR("-")) ? 1 : 0;
    size_t zeros = start;
    while (zeros + 1 < mantissa.n && mantissa.p[zeros] == '0')
        zeros++;
    mantissa = ARENA_JOIN(e->arena, str_sub(mantissa, 0, start), str_from(mantissa, zeros));
    PUT(e, cbor_encode_tag, CBOR_TAG_DECIMAL);
    PUT(e, cbor_encode_array_start, 2);
    put_int(e, exponent);
    return put_big_integer(e, mantissa, path);
}

static struct err *put_text(struct encoder *e, const struct codec_shape *shape, struct str s,
                            const struct codec_path *path) {
    switch (shape->kind) {
    case CODEC_BLOB:
        put_bytes(e, s);
        return NULL;
    case CODEC_BIG_INTEGER:
        return put_big_integer(e, s, path);
    case CODEC_BIG_DECIMAL:
        return put_big_decimal(e, s, path);
    case CODEC_DOCUMENT:
        return refuse(e, path, "is a document, which cannot be sent as CBOR");
    default:
        return put_string(e, s, path);
    }
}

static struct err *put_enum(struct encoder *e, const struct codec_shape *shape, const void *value,
                            const struct codec_path *path) {
    int number = codec_enum_get(value);
    if (number >= 1 && (size_t)number <= shape->n_names)
        return put_string(e, shape->names[number - 1], path);
    struct str why = arena_printf(e->arena, "is no value of %s", shape->name);
    return refuse(e, path, why.p);
}

static void put_number(struct encoder *e, const struct codec_shape *shape, const void *value) {
    union {
        bool b;
        int32_t i;
        int64_t l;
        uint64_t u;
        float f;
        double d;
    } v;
    memcpy(&v, value, shape->size);
    switch (shape->kind) {
    case CODEC_BOOLEAN:
        PUT(e, cbor_encode_bool, v.b);
        return;
    case CODEC_INTEGER:
        put_int(e, v.i);
        return;
    case CODEC_LONG:
        put_int(e, v.l);
        return;
    case CODEC_ULONG:
        PUT(e, cbor_encode_uint, v.u);
        return;
    case CODEC_FLOAT:
        PUT(e, cbor_encode_single, isnan(v.f) ? NAN : v.f);
        return;
    case CODEC_DOUBLE:
        PUT(e, cbor_encode_double, isnan(v.d) ? (double)NAN : v.d);
        return;
    case CODEC_TIMESTAMP:
        put_timestamp(e, v.l);
        return;
    default:
        obj_panic(__FILE__, __LINE__, "not a number");
    }
}

static struct err *encode_struct(struct encoder *e, const struct codec_shape *shape,
                                 const void *base, const struct codec_path *up) {
    struct err *err = NULL;
    size_t present = 0;
    for (size_t i = 0; i < shape->n_members; i++)
        present += codec_member_get(&shape->members[i], base) != NULL;
    PUT(e, cbor_encode_map_start, present);
    for (size_t i = 0; err == NULL && i < shape->n_members; i++) {
        const struct codec_member *m = &shape->members[i];
        const void *value = codec_member_get(m, base);
        if (value == NULL)
            continue;
        struct codec_path path = {.up = up, .name = m->name};
        PUT(e, cbor_encode_string_start, m->name.n);
        buf_putstr(e->out, m->name);
        err = encode_value(e, m->shape, value, &path);
    }
    return err;
}

static struct err *encode_collection(struct encoder *e, const struct codec_shape *shape,
                                     const void *slot, const struct codec_path *up) {
    struct codec_list list = codec_list_get(slot);
    struct err *err = NULL;
    if (shape->kind == CODEC_MAP)
        PUT(e, cbor_encode_map_start, list.n);
    else
        PUT(e, cbor_encode_array_start, list.n);
    for (size_t i = 0; err == NULL && i < list.n; i++) {
        struct codec_path path = {.up = up, .index = i};
        if (shape->kind == CODEC_MAP) {
            path.name = codec_str_get(codec_entry(shape, list, i));
            err = put_string(e, path.name, &path);
        }
        const void *element = codec_element_get(shape, list, i);
        if (element == NULL)
            put_null(e);
        else if (err == NULL)
            err = encode_value(e, shape->element, element, &path);
    }
    return err;
}

static struct err *encode_value(struct encoder *e, const struct codec_shape *shape,
                                const void *value, const struct codec_path *path) {
    struct err *err = NULL;
    if (e->depth == CODEC_MAX_DEPTH)
        return refuse(e, path, "is nested too deeply");
    e->depth++;
    if (shape->kind == CODEC_STRUCT || shape->kind == CODEC_UNION)
        err = encode_struct(e, shape, value, path);
    else if (shape->kind == CODEC_LIST || shape->kind == CODEC_MAP)
        err = encode_collection(e, shape, value, path);
    else if (shape->kind == CODEC_ENUM)
        err = put_enum(e, shape, value, path);
    else if (codec_is_str(shape->kind))
        err = put_text(e, shape, codec_str_get(value), path);
    else
        put_number(e, shape, value);
    e->depth--;
    return err;
}

struct err *cbor_encode(struct buf *out, const struct codec_shape *shape, const void *value,
                        struct arena *a) {
    struct encoder e = {.out = out, .arena = a};
    struct err *err = encode_value(&e, shape, value, NULL);
    if (err == NULL && out->failed)
        err = ERR_INVALID(a, "%s is larger than %zu bytes as CBOR", shape->name, out->max);
    return err;
}
