// SPDX-License-Identifier: Apache-2.0
#include "codec/cbor.h"

#include "base/obj.h"
#include "codec/access.h"
#include "codec/cbor_big.h"
#include "codec/cbor_tags.h"
#include "codec/cbor_token.h"
#include "codec/number.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>

/* An empty map is one byte long and may become a structure of hundreds. */
#define MAX_ELEMENTS_SIZE ((size_t)64 << 20) /* bytes of all lists and maps together */

struct decoder {
    struct cbor_reader reader;
    struct cbor_token token; /* the one that was read last */
    struct arena *arena;
    size_t elements_size;
    unsigned depth;
};

static struct err *read_value(struct decoder *d, const struct codec_shape *shape, char *slot,
                              const struct codec_path *path);

static struct err *fail(struct decoder *d, const struct codec_path *path, const char *why) {
    struct str where = codec_path_str(d->arena, path);
    struct err *err = err_new(d->arena, RPC_INTERNAL, STR_FMT ": %s", STR_ARG(where), why);
    err->field = where;
    return err;
}

static struct err *wrong_type(struct decoder *d, const struct codec_path *path,
                              const char *wanted) {
    static const char *const found[] = {
        [CBOR_UINT] = "an integer",
        [CBOR_NEGINT] = "an integer",
        [CBOR_BYTES] = "a byte string",
        [CBOR_TEXT] = "a string",
        [CBOR_BYTES_OPEN] = "a byte string",
        [CBOR_TEXT_OPEN] = "a string",
        [CBOR_ARRAY] = "an array",
        [CBOR_MAP] = "a map",
        [CBOR_ARRAY_OPEN] = "an array",
        [CBOR_MAP_OPEN] = "a map",
        [CBOR_TAG] = "a tag",
        [CBOR_FLOAT] = "a float",
        [CBOR_BOOL] = "a boolean",
        [CBOR_NULL] = "null",
        [CBOR_BREAK] = "a break",
    };
    struct str why = arena_printf(d->arena, "%s where %s belongs", found[d->token.kind], wanted);
    return fail(d, path, why.p);
}

static struct err *next(struct decoder *d, const struct codec_path *path) {
    if (cbor_next(&d->reader, &d->token))
        return NULL;
    struct str why =
        arena_printf(d->arena, "not CBOR, at byte %zu of %zu", d->reader.at, d->reader.input.n);
    return fail(d, path, why.p);
}

/* ---- items ---- */

/* The elements of an array, the pairs of a map: how many come, or up to a break. */
struct items {
    bool open;
    uint64_t left;
};

static struct items items_of(const struct cbor_token *t) {
    return (struct items){
        .open = t->kind == CBOR_ARRAY_OPEN || t->kind == CBOR_MAP_OPEN,
        .left = t->n,
    };
}

/* The first token of the next item; *ret_more is false after the last one. */
static struct err *next_item(struct decoder *d, struct items *items, const struct codec_path *path,
                             bool *ret_more) {
    *ret_more = false;
    if (!items->open && items->left-- == 0)
        return NULL;
    struct err *err = next(d, path);
    if (err != NULL)
        return err;
    *ret_more = d->token.kind != CBOR_BREAK || !items->open;
    return NULL;
}

static bool is_array(const struct cbor_token *t) {
    return t->kind == CBOR_ARRAY || t->kind == CBOR_ARRAY_OPEN;
}

static bool is_map(const struct cbor_token *t) {
    return t->kind == CBOR_MAP || t->kind == CBOR_MAP_OPEN;
}

/* The string that begins with the present token, a copy; chunks are put together. */
static struct err *read_string(struct decoder *d, enum cbor_token_kind whole,
                               const struct codec_path *path, struct str *ret) {
    enum cbor_token_kind open = whole == CBOR_TEXT ? CBOR_TEXT_OPEN : CBOR_BYTES_OPEN;
    struct err *err = NULL;
    if (d->token.kind == whole) {
        *ret = arena_str(d->arena, d->token.text);
    } else if (d->token.kind == open) {
        struct buf chunks;
        buf_init(&chunks, d->reader.input.n);
        while ((err = next(d, path)) == NULL && d->token.kind == whole)
            buf_putstr(&chunks, d->token.text);
        *ret = arena_str(d->arena, buf_str(&chunks));
        buf_free(&chunks);
        if (err == NULL && d->token.kind != CBOR_BREAK)
            err = wrong_type(d, path, "a chunk of a string");
    } else {
        return wrong_type(d, path, whole == CBOR_TEXT ? "a string" : "a byte string");
    }
    if (err == NULL && whole == CBOR_TEXT && !str_is_utf8(*ret))
        return fail(d, path, "a string that is not UTF-8");
    return err;
}

/* The item that begins with the present token is of no interest. */
static struct err *skip(struct decoder *d, const struct codec_path *path) {
    struct str ignored;
    bool more;
    struct err *err = NULL;
    bool map = is_map(&d->token);
    if (d->depth == CODEC_MAX_DEPTH)
        return fail(d, path, "nested too deeply");
    if (d->token.kind == CBOR_BREAK)
        return wrong_type(d, path, "a value");
    if (d->token.kind == CBOR_TEXT_OPEN || d->token.kind == CBOR_BYTES_OPEN)
        return read_string(d, d->token.kind == CBOR_TEXT_OPEN ? CBOR_TEXT : CBOR_BYTES, path,
                           &ignored);
    d->depth++;
    if (d->token.kind == CBOR_TAG) {
        err = next(d, path);
        if (err == NULL)
            err = skip(d, path);
    } else if (map || is_array(&d->token)) {
        struct items items = items_of(&d->token);
        while ((err = next_item(d, &items, path, &more)) == NULL && more) {
            err = skip(d, path);
            if (err == NULL && map)
                err = next(d, path);
            if (err == NULL && map)
                err = skip(d, path);
            if (err != NULL)
                break;
        }
    }
    d->depth--;
    return err;
}

/* ---- numbers ---- */

static struct err *read_int64(struct decoder *d, const struct codec_path *path, int64_t *ret) {
    const struct cbor_token *t = &d->token;
    if (t->kind != CBOR_UINT && t->kind != CBOR_NEGINT)
        return wrong_type(d, path, "an integer");
    if (t->n > INT64_MAX)
        return fail(d, path, "not a 64-bit integer");
    *ret = t->kind == CBOR_UINT ? (int64_t)t->n : -1 - (int64_t)t->n;
    return NULL;
}

/* A float of any width, or an integer. */
static struct err *read_real(struct decoder *d, const struct codec_path *path, double *ret) {
    const struct cbor_token *t = &d->token;
    if (t->kind == CBOR_FLOAT)
        *ret = t->real;
    else if (t->kind == CBOR_UINT)
        *ret = (double)t->n;
    else if (t->kind == CBOR_NEGINT)
        *ret = -1.0 - (double)t->n;
    else
        return wrong_type(d, path, "a number");
    return NULL;
}

static struct err *read_integer(struct decoder *d, const struct codec_shape *shape, char *slot,
                                const struct codec_path *path) {
    int64_t value = 0;
    if (shape->kind == CODEC_ULONG) {
        if (d->token.kind != CBOR_UINT)
            return wrong_type(d, path, "an unsigned integer");
        memcpy(slot, &d->token.n, sizeof d->token.n);
        return NULL;
    }
    struct err *err = read_int64(d, path, &value);
    if (err != NULL)
        return err;
    if (shape->kind == CODEC_LONG) {
        memcpy(slot, &value, sizeof value);
        return NULL;
    }
    if (value < INT32_MIN || value > INT32_MAX)
        return fail(d, path, "not a 32-bit integer");
    int32_t narrow = (int32_t)value;
    memcpy(slot, &narrow, sizeof narrow);
    return NULL;
}

static struct err *read_float(struct decoder *d, const struct codec_shape *shape, char *slot,
                              const struct codec_path *path) {
    double value = 0.0;
    struct err *err = read_real(d, path, &value);
    if (err != NULL)
        return err;
    if (shape->kind == CODEC_DOUBLE) {
        memcpy(slot, &value, sizeof value);
        return NULL;
    }
    if (isfinite(value) && fabs(value) > (double)FLT_MAX)
        return fail(d, path, "number out of range");
    float narrow = (float)value;
    memcpy(slot, &narrow, sizeof narrow);
    return NULL;
}

static struct err *read_timestamp(struct decoder *d, char *slot, const struct codec_path *path) {
    double seconds = 0.0;
    struct err *err = NULL;
    if (d->token.kind == CBOR_TAG && d->token.n == CBOR_TAG_EPOCH)
        err = next(d, path);
    if (err == NULL)
        err = read_real(d, path, &seconds);
    if (err != NULL)
        return err;
    if (!(fabs(seconds) <= 1e12))
        return fail(d, path, "not a time in epoch seconds");
    int64_t ms = (int64_t)llround(seconds * 1000.0);
    memcpy(slot, &ms, sizeof ms);
    return NULL;
}

/* ---- numbers of any size ---- */

static struct err *read_big_integer(struct decoder *d, const struct codec_path *path,
                                    struct str *ret) {
    const struct cbor_token *t = &d->token;
    bool negative =
        t->kind == CBOR_NEGINT || (t->kind == CBOR_TAG && t->n == CBOR_TAG_NEGATIVE_BIG);
    char bytes[8] = "";
    struct str magnitude = str_n(bytes, sizeof bytes);
    if (t->kind == CBOR_TAG && (t->n == CBOR_TAG_BIG || t->n == CBOR_TAG_NEGATIVE_BIG)) {
        struct err *err = next(d, path);
        if (err == NULL)
            err = read_string(d, CBOR_BYTES, path, &magnitude);
        if (err != NULL)
            return err;
    } else if (t->kind == CBOR_UINT || t->kind == CBOR_NEGINT) {
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (char)(t->n >> (56 - 8 * i));
    } else {
        return wrong_type(d, path, "an integer");
    }
    if (!cbor_big_text(d->arena, magnitude, negative, ret))
        return fail(d, path, "number out of range");
    return NULL;
}

static struct err *read_big_decimal(struct decoder *d, const struct codec_path *path,
                                    struct str *ret) {
    int64_t exponent = 0;
    struct str mantissa;
    char text[NUMBER_TEXT];
    if (d->token.kind == CBOR_FLOAT && isfinite(d->token.real)) {
        *ret = arena_str(d->arena, str_n(text, number_print_double(text, d->token.real)));
        return NULL;
    }
    if (d->token.kind != CBOR_TAG || d->token.n != CBOR_TAG_DECIMAL)
        return read_big_integer(d, path, ret);
    struct err *err = next(d, path);
    if (err == NULL && (d->token.kind != CBOR_ARRAY || d->token.n != 2))
        err = wrong_type(d, path, "an exponent and a mantissa");
    if (err == NULL)
        err = next(d, path);
    if (err == NULL)
        err = read_int64(d, path, &exponent);
    if (err == NULL)
        err = next(d, path);
    if (err == NULL)
        err = read_big_integer(d, path, &mantissa);
    if (err == NULL)
        *ret = cbor_big_join(d->arena, mantissa, exponent);
    return err;
}

/* ---- structures, lists, maps ---- */

static const struct codec_member *find_member(const struct codec_shape *shape, struct str name) {
    for (size_t i = 0; i < shape->n_members; i++)
        if (str_eq(shape->members[i].name, name))
            return &shape->members[i];
    return NULL;
}

/* Mostly a view of the input, for a look at the name. */
static struct err *read_key(struct decoder *d, const struct codec_path *path, struct str *ret) {
    if (d->token.kind != CBOR_TEXT)
        return read_string(d, CBOR_TEXT, path, ret);
    *ret = d->token.text;
    return NULL;
}

static struct err *read_member(struct decoder *d, const struct codec_member *m, char *base,
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

static struct err *read_struct(struct decoder *d, const struct codec_shape *shape, char *base,
                               const struct codec_path *up) {
    struct str name;
    bool more;
    size_t set = 0;
    struct err *err;
    if (!is_map(&d->token))
        return wrong_type(d, up, "a map");
    struct items items = items_of(&d->token);
    while ((err = next_item(d, &items, up, &more)) == NULL && more) {
        err = read_key(d, up, &name);
        if (err != NULL)
            return err;
        const struct codec_member *m = find_member(shape, name);
        struct codec_path path = {.up = up, .name = m != NULL ? m->name : STR("(unknown)")};
        err = next(d, &path);
        if (err == NULL && m == NULL)
            err = skip(d, &path);
        else if (err == NULL && d->token.kind != CBOR_NULL) {
            set++;
            err = read_member(d, m, base, &path);
        }
        if (err != NULL)
            return err;
    }
    if (err == NULL && shape->kind == CODEC_UNION && set > 1)
        return fail(d, up, "more than one member of a union");
    return err;
}

/* A list or map on its way. */
struct growing {
    char *v;
    size_t n;
    size_t cap;
};

static struct err *grow(struct decoder *d, struct growing *g, size_t stride,
                        const struct codec_path *path) {
    if (g->n < g->cap)
        return NULL;
    g->cap = g->cap == 0 ? 8 : 2 * g->cap;
    d->elements_size += g->cap * stride;
    if (d->elements_size > MAX_ELEMENTS_SIZE)
        return fail(d, path, "too many elements");
    char *v = arena_array(d->arena, g->cap, stride);
    if (g->n > 0)
        memcpy(v, g->v, g->n * stride);
    g->v = v;
    return NULL;
}

/* The element that begins with the present token, into its place. */
static struct err *read_element(struct decoder *d, const struct codec_shape *shape,
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

static struct err *read_collection(struct decoder *d, const struct codec_shape *shape, char *slot,
                                   const struct codec_path *up) {
    static const char empty[1];
    struct growing g = {.v = NULL};
    bool map = shape->kind == CODEC_MAP;
    bool more;
    struct err *err;
    if (map ? !is_map(&d->token) : !is_array(&d->token))
        return wrong_type(d, up, map ? "a map" : "an array");
    struct items items = items_of(&d->token);
    while ((err = next_item(d, &items, up, &more)) == NULL && more) {
        struct codec_path path = {.up = up, .index = g.n};
        if (map) {
            err = read_string(d, CBOR_TEXT, up, &path.name);
            if (err == NULL)
                err = next(d, &path);
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

static struct err *read_text(struct decoder *d, const struct codec_shape *shape, char *slot,
                             const struct codec_path *path) {
    struct str text = STR_NULL;
    struct err *err;
    switch (shape->kind) {
    case CODEC_BLOB:
        err = read_string(d, CBOR_BYTES, path, &text);
        break;
    case CODEC_BIG_INTEGER:
        err = read_big_integer(d, path, &text);
        break;
    case CODEC_BIG_DECIMAL:
        err = read_big_decimal(d, path, &text);
        break;
    case CODEC_DOCUMENT:
        return fail(d, path, "a document, which CBOR cannot carry");
    default:
        err = read_string(d, CBOR_TEXT, path, &text);
    }
    if (err == NULL)
        memcpy(slot, &text, sizeof text);
    return err;
}

static struct err *read_enum(struct decoder *d, const struct codec_shape *shape, char *slot,
                             const struct codec_path *path) {
    struct str text = STR_NULL;
    int value = CODEC_ENUM_UNKNOWN(shape);
    struct err *err = read_string(d, CBOR_TEXT, path, &text);
    if (err != NULL)
        return err;
    for (size_t i = 0; i < shape->n_names; i++)
        if (str_eq(shape->names[i], text))
            value = (int)i + 1;
    memcpy(slot, &value, sizeof value);
    return NULL;
}

static struct err *read_boolean(struct decoder *d, char *slot, const struct codec_path *path) {
    if (d->token.kind != CBOR_BOOL)
        return wrong_type(d, path, "a boolean");
    bool value = d->token.n != 0;
    memcpy(slot, &value, sizeof value);
    return NULL;
}

static bool wants_tags(enum codec_kind kind) {
    return kind == CODEC_TIMESTAMP || kind == CODEC_BIG_INTEGER || kind == CODEC_BIG_DECIMAL;
}

static struct err *read_kind(struct decoder *d, const struct codec_shape *shape, char *slot,
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
static struct err *read_value(struct decoder *d, const struct codec_shape *shape, char *slot,
                              const struct codec_path *path) {
    struct err *err = NULL;
    if (d->depth == CODEC_MAX_DEPTH)
        return fail(d, path, "nested too deeply");
    /* A tag says more than the model does; what it stands before is what counts. */
    while (err == NULL && d->token.kind == CBOR_TAG && !wants_tags(shape->kind))
        err = next(d, path);
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
    struct decoder d = {.reader = {.input = text}, .arena = a};
    struct err *err = next(&d, NULL);
    if (err == NULL)
        err = read_value(&d, shape, ret_value, NULL);
    if (err == NULL && d.reader.at != text.n) {
        struct str why = arena_printf(a, "%zu bytes behind the end", text.n - d.reader.at);
        err = fail(&d, NULL, why.p);
    }
    return err;
}
