// SPDX-License-Identifier: Apache-2.0
#include "codec/cbor.h"

#include "base/obj.h"
#include "codec/cbor_read.h"
#include "codec/cbor_tags.h"

#include <float.h>
#include <math.h>

/* An empty map is one byte long and may become a structure of hundreds. */
#define MAX_ELEMENTS_SIZE ((size_t)64 << 20) /* bytes of all lists and maps together */

static struct err *read_value(struct cbor_decoder *d, const struct codec_shape *shape, char *slot,
                              const struct codec_path *path);

/* ---- numbers ---- */

static struct err *read_integer(struct cbor_decoder *d, const struct codec_shape *shape, char *slot,
                                const struct codec_path *path) {
    int64_t value = 0;
    if (shape->kind == CODEC_ULONG) {
        if (d->token.kind != CBOR_UINT)
            return cbor_wrong_type(d, path, "an unsigned integer");
        memcpy(slot, &d->token.n, sizeof d->token.n);
        return NULL;
    }
    struct err *err = cbor_read_int64(d, path, &value);
    if (err != NULL)
        return err;
    if (shape->kind == CODEC_LONG) {
        memcpy(slot, &value, sizeof value);
        return NULL;
    }
    if (value < INT32_MIN || value > INT32_MAX)
        return cbor_fail(d, path, "not a 32-bit integer");
    int32_t narrow = (int32_t)value;
    memcpy(slot, &narrow, sizeof narrow);
    return NULL;
}

static struct err *read_float(struct cbor_decoder *d, const struct codec_shape *shape, char *slot,
                              const struct codec_path *path) {
    double value = 0.0;
    struct err *err = cbor_read_real(d, path, &value);
    if (err != NULL)
        return err;
    if (shape->kind == CODEC_DOUBLE) {
        memcpy(slot, &value, sizeof value);
        return NULL;
    }
    if (isfinite(value) && fabs(value) > (double)FLT_MAX)
        return cbor_fail(d, path, "number out of range");
    float narrow = (float)value;
    memcpy(slot, &narrow, sizeof narrow);
    return NULL;
}

static struct err *read_timestamp(struct cbor_decoder *d, char *slot,
                                  const struct codec_path *path) {
    double seconds = 0.0;
    struct err *err = NULL;
    if (d->token.kind == CBOR_TAG && d->token.n == CBOR_TAG_EPOCH)
        err = cbor_read_next(d, path);
    if (err == NULL)
        err = cbor_read_real(d, path, &seconds);
    if (err != NULL)
        return err;
    if (!(fabs(seconds) <= 1e12))
        return cbor_fail(d, path, "not a time in epoch seconds");
    int64_t ms = (int64_t)llround(seconds * 1000.0);
    memcpy(slot, &ms, sizeof ms);
    return NULL;
}

/* ---- structures, lists, maps ---- */

static const struct codec_member *find_member(const struct codec_shape *shape, struct str name) {
    for (size_t i = 0; i < shape->n_members; i++)
        if (str_eq(shape->members[i].name, name))
            return &shape->members[i];
    return NULL;
}

/* Mostly a view of the input, for a look at the name. */
static struct err *read_key(struct cbor_decoder *d, const struct codec_path *path,
                            struct str *ret) {
    if (d->token.kind != CBOR_TEXT)
        return cbor_read_string(d, CBOR_TEXT, path, ret);
    *ret = d->token.text;
    return NULL;
}

static struct err *read_member(struct cbor_decoder *d, const struct codec_member *m, char *base,
                               const struct codec_path *path) {
    char *slot = base + m->offset;
    if (m->shape->kind == CODEC_STRUCT || m->shape->kind == CODEC_UNION) {
        char *made = arena_alloc(d->arena, m->shape->size);
        memcpy(slot, &made, sizeof made);
        slot = made;
    }
    if (m->has) {
        bool has = true;
        memcpy(base + m->has_offset, &has, sizeof has);
    }
    return read_value(d, m->shape, slot, path);
}

static struct err *read_struct(struct cbor_decoder *d, const struct codec_shape *shape, char *base,
                               const struct codec_path *up) {
    struct str name;
    bool more;
    size_t set = 0;
    struct err *err;
    if (!cbor_is_map(&d->token))
        return cbor_wrong_type(d, up, "a map");
    struct cbor_items items = cbor_items_of(&d->token);
    while ((err = cbor_next_item(d, &items, up, &more)) == NULL && more) {
        err = read_key(d, up, &name);
        if (err != NULL)
            return err;
        const struct codec_member *m = find_member(shape, name);
        struct codec_path path = {.up = up, .name = m != NULL ? m->name : STR("(unknown)")};
        err = cbor_read_next(d, &path);
        if (err == NULL && m == NULL)
            err = cbor_skip(d, &path);
        else if (err == NULL && d->token.kind != CBOR_NULL) {
            set++;
            err = read_member(d, m, base, &path);
        }
        if (err != NULL)
            return err;
    }
    if (err == NULL && shape->kind == CODEC_UNION && set > 1)
        return cbor_fail(d, up, "more than one member of a union");
    return err;
}

/* A list or map on its way. */
struct growing {
    char *v;
    size_t n;
    size_t cap;
};

static struct err *grow(struct cbor_decoder *d, struct growing *g, size_t stride,
                        const struct codec_path *path) {
    if (g->n < g->cap)
        return NULL;
    g->cap = g->cap == 0 ? 8 : 2 * g->cap;
    d->elements_size += g->cap * stride;
    if (d->elements_size > MAX_ELEMENTS_SIZE)
        return cbor_fail(d, path, "too many elements");
    char *v = arena_array(d->arena, g->cap, stride);
    if (g->n > 0)
        memcpy(v, g->v, g->n * stride);
    g->v = v;
    return NULL;
}

/* The element that begins with the present token, into its place. */
static struct err *read_element(struct cbor_decoder *d, const struct codec_shape *shape,
                                struct growing *g, struct str key, const struct codec_path *path) {
    bool is_null = d->token.kind == CBOR_NULL;
    if (is_null && !shape->sparse)
        return NULL; /* dropped from a dense collection */
    struct err *err = grow(d, g, shape->stride, path);
    if (err != NULL)
        return err;
    char *slot = g->v + g->n++ * shape->stride;
    if (shape->kind == CODEC_MAP)
        memcpy(slot, &key, sizeof key);
    slot += shape->value_offset;
    if (is_null)
        return NULL;
    if (shape->pointers) {
        char *made = arena_alloc(d->arena, shape->element->size);
        memcpy(slot, &made, sizeof made);
        slot = made;
    }
    return read_value(d, shape->element, slot, path);
}

static struct err *read_collection(struct cbor_decoder *d, const struct codec_shape *shape,
                                   char *slot, const struct codec_path *up) {
    static const char empty[1];
    struct growing g = {.v = NULL};
    bool map = shape->kind == CODEC_MAP;
    bool more;
    struct err *err;
    if (map ? !cbor_is_map(&d->token) : !cbor_is_array(&d->token))
        return cbor_wrong_type(d, up, map ? "a map" : "an array");
    struct cbor_items items = cbor_items_of(&d->token);
    while ((err = cbor_next_item(d, &items, up, &more)) == NULL && more) {
        struct codec_path path = {.up = up, .index = g.n};
        if (map) {
            err = cbor_read_string(d, CBOR_TEXT, up, &path.name);
            if (err == NULL)
                err = cbor_read_next(d, &path);
        }
        if (err == NULL)
            err = read_element(d, shape, &g, path.name, &path);
        if (err != NULL)
            return err;
    }
    struct codec_list list = {.v = g.v == NULL ? empty : g.v, .n = g.n};
    memcpy(slot, &list, sizeof list);
    return err;
}

/* ---- all kinds ---- */

static struct err *read_text(struct cbor_decoder *d, const struct codec_shape *shape, char *slot,
                             const struct codec_path *path) {
    struct str text = STR_NULL;
    struct err *err;
    switch (shape->kind) {
    case CODEC_BLOB:
        err = cbor_read_string(d, CBOR_BYTES, path, &text);
        break;
    case CODEC_BIG_INTEGER:
        err = cbor_read_big_integer(d, path, &text);
        break;
    case CODEC_BIG_DECIMAL:
        err = cbor_read_big_decimal(d, path, &text);
        break;
    case CODEC_DOCUMENT:
        return cbor_fail(d, path, "a document, which CBOR cannot carry");
    default:
        err = cbor_read_string(d, CBOR_TEXT, path, &text);
    }
    if (err == NULL)
        memcpy(slot, &text, sizeof text);
    return err;
}

static struct err *read_enum(struct cbor_decoder *d, const struct codec_shape *shape, char *slot,
                             const struct codec_path *path) {
    struct str text = STR_NULL;
    int value = CODEC_ENUM_UNKNOWN(shape);
    struct err *err = cbor_read_string(d, CBOR_TEXT, path, &text);
    if (err != NULL)
        return err;
    for (size_t i = 0; i < shape->n_names; i++)
        if (str_eq(shape->names[i], text))
            value = (int)i + 1;
    memcpy(slot, &value, sizeof value);
    return NULL;
}

static struct err *read_boolean(struct cbor_decoder *d, char *slot, const struct codec_path *path) {
    if (d->token.kind != CBOR_BOOL)
        return cbor_wrong_type(d, path, "a boolean");
    bool value = d->token.n != 0;
    memcpy(slot, &value, sizeof value);
    return NULL;
}

static bool wants_tags(enum codec_kind kind) {
    return kind == CODEC_TIMESTAMP || kind == CODEC_BIG_INTEGER || kind == CODEC_BIG_DECIMAL;
}

static struct err *read_kind(struct cbor_decoder *d, const struct codec_shape *shape, char *slot,
                             const struct codec_path *path) {
    switch (shape->kind) {
    case CODEC_STRUCT:
    case CODEC_UNION:
        return read_struct(d, shape, slot, path);
    case CODEC_LIST:
    case CODEC_MAP:
        return read_collection(d, shape, slot, path);
    case CODEC_BOOLEAN:
        return read_boolean(d, slot, path);
    case CODEC_INTEGER:
    case CODEC_LONG:
    case CODEC_ULONG:
        return read_integer(d, shape, slot, path);
    case CODEC_FLOAT:
    case CODEC_DOUBLE:
        return read_float(d, shape, slot, path);
    case CODEC_TIMESTAMP:
        return read_timestamp(d, slot, path);
    case CODEC_ENUM:
        return read_enum(d, shape, slot, path);
    case CODEC_STRING:
    case CODEC_BLOB:
    case CODEC_DOCUMENT:
    case CODEC_BIG_INTEGER:
    case CODEC_BIG_DECIMAL:
        return read_text(d, shape, slot, path);
    }
    obj_panic(__FILE__, __LINE__, "a kind that does not exist");
}

/* The value that begins with the present token, which is not null. */
static struct err *read_value(struct cbor_decoder *d, const struct codec_shape *shape, char *slot,
                              const struct codec_path *path) {
    struct err *err = NULL;
    if (d->depth == CODEC_MAX_DEPTH)
        return cbor_fail(d, path, "nested too deeply");
    /* A tag says more than the model does; what it stands before is what counts. */
    while (err == NULL && d->token.kind == CBOR_TAG && !wants_tags(shape->kind))
        err = cbor_read_next(d, path);
    d->depth++;
    if (err == NULL)
        err = read_kind(d, shape, slot, path);
    d->depth--;
    return err;
}

struct err *cbor_decode(struct str text, const struct codec_shape *shape, void *ret_value,
                        struct arena *a) {
    if (text.n == 0)
        return NULL;
    struct cbor_decoder d = {.reader = {.input = text}, .arena = a};
    struct err *err = cbor_read_next(&d, NULL);
    if (err == NULL)
        err = read_value(&d, shape, ret_value, NULL);
    if (err == NULL && d.reader.at != text.n) {
        struct str why = arena_printf(a, "%zu bytes behind the end", text.n - d.reader.at);
        err = cbor_fail(&d, NULL, why.p);
    }
    return err;
}
