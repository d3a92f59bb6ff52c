// SPDX-License-Identifier: Apache-2.0
#include "codec/json.h"

#include "base/obj.h"
#include "codec/access.h"
#include "codec/number.h"
#include "codec/time.h"

#include <inttypes.h>
#include <math.h>
#include <openssl/evp.h>
#include <yajl/yajl_gen.h>
#include <yajl/yajl_parse.h>

struct encoder {
    yajl_gen gen;
    struct buf *out; /* what gen writes to */
    struct arena *arena;
    unsigned depth;
};

static struct err *encode_value(struct encoder *e, const struct codec_shape *shape,
                                const void *value, const struct codec_path *path);

/* Half of what yajl prints is a single byte. */
static void print(void *ctx, const char *text, size_t n) {
    if (n == 1)
        buf_putc(ctx, *text);
    else
        buf_put(ctx, text, n);
}

/* What yajl refuses about a value that is about to be written. */
static struct err *gen_status(struct encoder *e, yajl_gen_status status,
                              const struct codec_path *path) {
    if (status == yajl_gen_status_ok)
        return NULL;
    struct str where = codec_path_str(e->arena, path);
    const char *why = status == yajl_gen_invalid_string   ? "is not valid UTF-8"
                      : status == yajl_gen_invalid_number ? "is not what its kind allows"
                                                          : "cannot be written";
    struct err *err = ERR_INVALID(e->arena, STR_FMT " %s", STR_ARG(where), why);
    err->field = where;
    return err;
}

/* Checked here, because yajl's own check lets overlong forms and surrogates pass. */
static yajl_gen_status put_key(struct encoder *e, struct str s) {
    if (!str_is_utf8(s))
        return yajl_gen_invalid_string;
    return yajl_gen_string(e->gen, (const unsigned char *)s.p, s.n);
}

/* yajl writes what stands before a value, and a number of no digits; the text then follows from a
 * writer that looks for what to escape at eight bytes at a time, instead of at each. */
static yajl_gen_status put_string(struct encoder *e, struct str s) {
    if (!str_is_utf8(s))
        return yajl_gen_invalid_string;
    yajl_gen_status status = yajl_gen_number(e->gen, "", 0);
    if (status == yajl_gen_status_ok)
        buf_putjson(e->out, s);
    return status;
}

static yajl_gen_status put_double(struct encoder *e, double value, bool single) {
    char text[NUMBER_TEXT];
    if (isnan(value))
        return put_string(e, STR("NaN"));
    if (isinf(value))
        return put_string(e, value > 0 ? STR("Infinity") : STR("-Infinity"));
    size_t n = single ? number_print_float(text, (float)value) : number_print_double(text, value);
    return yajl_gen_number(e->gen, text, n);
}

/* Epoch seconds, the fraction carrying milliseconds. */
static yajl_gen_status put_timestamp(struct encoder *e, int64_t ms) {
    char text[NUMBER_TEXT];
    long long seconds = (long long)(ms / 1000);
    int fraction = (int)(ms % 1000);
    int n = fraction == 0
                ? snprintf(text, sizeof text, "%lld", seconds)
                : snprintf(text, sizeof text, "%s%lld.%03d", ms < 0 && seconds == 0 ? "-" : "",
                           seconds, fraction < 0 ? -fraction : fraction);
    return yajl_gen_number(e->gen, text, (size_t)n);
}

/* As text, where the model says so. */
static yajl_gen_status put_time_text(struct encoder *e, int64_t ms, enum codec_time_format format) {
    char text[CODEC_TIME_TEXT];
    size_t n = codec_time_print(text, ms, format);
    return n == 0 ? yajl_gen_invalid_number
                  : yajl_gen_string(e->gen, (const unsigned char *)text, n);
}

/* JSON that the caller holds as text goes out as it is, once it is known to be JSON. */
static yajl_gen_status put_document(struct encoder *e, struct str text) {
    yajl_handle parser = yajl_alloc(NULL, NULL, NULL);
    AN(parser);
    bool good = str_is_utf8(text) &&
                yajl_parse(parser, (const unsigned char *)text.p, text.n) == yajl_status_ok &&
                yajl_complete_parse(parser) == yajl_status_ok;
    yajl_free(parser);
    return good ? yajl_gen_number(e->gen, text.p, text.n) : yajl_gen_invalid_number;
}

static yajl_gen_status put_big(struct encoder *e, struct str text, bool whole) {
    return number_is_decimal(text, whole) ? yajl_gen_number(e->gen, text.p, text.n)
                                          : yajl_gen_invalid_number;
}

/* yajl's own integers are signed. */
static yajl_gen_status put_unsigned(struct encoder *e, uint64_t value) {
    char text[NUMBER_TEXT];
    int n = snprintf(text, sizeof text, "%" PRIu64, value);
    return yajl_gen_number(e->gen, text, (size_t)n);
}

static yajl_gen_status put_blob(struct encoder *e, struct str s) {
    unsigned char *text = arena_alloc(e->arena, s.n / 3 * 4 + 5);
    int n = EVP_EncodeBlock(text, (const unsigned char *)(s.p == NULL ? "" : s.p), (int)s.n);
    return yajl_gen_string(e->gen, text, (size_t)n);
}

static yajl_gen_status put_scalar(struct encoder *e, const struct codec_shape *shape,
                                  const void *value) {
    union {
        bool b;
        int32_t i;
        int64_t l;
        uint64_t u;
        float f;
        double d;
    } v;
    switch (shape->kind) {
    case CODEC_STRING:
        return put_string(e, codec_str_get(value));
    case CODEC_BLOB:
        return put_blob(e, codec_str_get(value));
    case CODEC_BOOLEAN:
        memcpy(&v.b, value, sizeof v.b);
        return yajl_gen_bool(e->gen, v.b);
    case CODEC_INTEGER:
        memcpy(&v.i, value, sizeof v.i);
        return yajl_gen_integer(e->gen, v.i);
    case CODEC_LONG:
        memcpy(&v.l, value, sizeof v.l);
        return yajl_gen_integer(e->gen, v.l);
    case CODEC_ULONG:
        memcpy(&v.u, value, sizeof v.u);
        return put_unsigned(e, v.u);
    case CODEC_FLOAT:
        memcpy(&v.f, value, sizeof v.f);
        return put_double(e, (double)v.f, true);
    case CODEC_DOUBLE:
        memcpy(&v.d, value, sizeof v.d);
        return put_double(e, v.d, false);
    case CODEC_TIMESTAMP:
        memcpy(&v.l, value, sizeof v.l);
        return shape->time_format == CODEC_TIME_EPOCH ? put_timestamp(e, v.l)
                                                      : put_time_text(e, v.l, shape->time_format);
    case CODEC_DOCUMENT:
        return put_document(e, codec_str_get(value));
    case CODEC_BIG_INTEGER:
    case CODEC_BIG_DECIMAL:
        return put_big(e, codec_str_get(value), shape->kind == CODEC_BIG_INTEGER);
    default:
        obj_panic(__FILE__, __LINE__, "not a scalar");
    }
}

static struct err *encode_enum(struct encoder *e, const struct codec_shape *shape,
                               const void *value, const struct codec_path *path) {
    int number = codec_enum_get(value);
    if (number >= 1 && (size_t)number <= shape->n_names)
        return gen_status(e, put_string(e, shape->names[number - 1]), path);
    struct str where = codec_path_str(e->arena, path);
    struct err *err =
        ERR_INVALID(e->arena, STR_FMT " is no value of %s", STR_ARG(where), shape->name);
    err->field = where;
    return err;
}

static struct err *encode_struct(struct encoder *e, const struct codec_shape *shape,
                                 const void *base, const struct codec_path *up) {
    struct err *err = gen_status(e, yajl_gen_map_open(e->gen), up);
    for (size_t i = 0; err == NULL && i < shape->n_members; i++) {
        const struct codec_member *m = &shape->members[i];
        const void *value = codec_member_get(m, base);
        if (value == NULL)
            continue;
        struct codec_path path = {.up = up, .name = m->name};
        err = gen_status(e, put_key(e, m->name), &path);
        if (err == NULL)
            err = encode_value(e, m->shape, value, &path);
    }
    return err != NULL ? err : gen_status(e, yajl_gen_map_close(e->gen), up);
}

/* Null is an element of a sparse list or map only. */
static struct err *encode_element(struct encoder *e, const struct codec_shape *collection,
                                  const void *value, const struct codec_path *path) {
    if (value == NULL)
        return gen_status(e, yajl_gen_null(e->gen), path);
    return encode_value(e, collection->element, value, path);
}

static struct err *encode_list(struct encoder *e, const struct codec_shape *shape, const void *slot,
                               const struct codec_path *up) {
    struct codec_list list = codec_list_get(slot);
    struct err *err = gen_status(e, yajl_gen_array_open(e->gen), up);
    for (size_t i = 0; err == NULL && i < list.n; i++) {
        struct codec_path path = {.up = up, .index = i};
        err = encode_element(e, shape, codec_element_get(shape, list, i), &path);
    }
    return err != NULL ? err : gen_status(e, yajl_gen_array_close(e->gen), up);
}

static struct err *encode_map(struct encoder *e, const struct codec_shape *shape, const void *slot,
                              const struct codec_path *up) {
    struct codec_list map = codec_list_get(slot);
    struct err *err = gen_status(e, yajl_gen_map_open(e->gen), up);
    for (size_t i = 0; err == NULL && i < map.n; i++) {
        struct codec_path path = {.up = up, .name = codec_str_get(codec_entry(shape, map, i))};
        err = gen_status(e, put_key(e, path.name), &path);
        if (err == NULL)
            err = encode_element(e, shape, codec_element_get(shape, map, i), &path);
    }
    return err != NULL ? err : gen_status(e, yajl_gen_map_close(e->gen), up);
}

static struct err *encode_value(struct encoder *e, const struct codec_shape *shape,
                                const void *value, const struct codec_path *path) {
    struct err *err;
    if (e->depth == CODEC_MAX_DEPTH)
        return ERR_INVALID(e->arena, STR_FMT " is nested more than %d deep",
                           STR_ARG(codec_path_str(e->arena, path)), CODEC_MAX_DEPTH);
    e->depth++;
    switch (shape->kind) {
    case CODEC_STRUCT:
    case CODEC_UNION:
        err = encode_struct(e, shape, value, path);
        break;
    case CODEC_LIST:
        err = encode_list(e, shape, value, path);
        break;
    case CODEC_MAP:
        err = encode_map(e, shape, value, path);
        break;
    case CODEC_ENUM:
        err = encode_enum(e, shape, value, path);
        break;
    default:
        err = gen_status(e, put_scalar(e, shape, value), path);
    }
    e->depth--;
    return err;
}

struct err *json_encode(struct buf *out, const struct codec_shape *shape, const void *value,
                        struct arena *a) {
    struct encoder e = {.gen = yajl_gen_alloc(NULL), .out = out, .arena = a};
    AN(e.gen);
    yajl_gen_config(e.gen, yajl_gen_print_callback, print, out);
    struct err *err = encode_value(&e, shape, value, NULL);
    yajl_gen_free(e.gen);
    if (err == NULL && out->failed)
        err = ERR_INVALID(a, "%s is larger than %zu bytes as JSON", shape->name, out->max);
    return err;
}
