// SPDX-License-Identifier: Apache-2.0
#include "codec/json.h"

#include "base/obj.h"
#include "codec/access.h"
#include "codec/number.h"
#include "codec/time.h"

#include <float.h>
#include <math.h>
#include <openssl/evp.h>
#include <yajl/yajl_parse.h>

/* "{}," is three bytes long and may become a structure of hundreds. */
#define MAX_ELEMENTS_SIZE ((size_t)64 << 20) /* bytes of all lists and maps together */

/* yajl calls back for each token; open structures, lists and maps are frames on a stack. */
struct frame {
    const struct codec_shape *shape;
    char *base;                        /* structure: its memory; list, map: the { v, n } to fill */
    const struct codec_member *member; /* structure: whose value comes next */
    struct str key;                    /* map: whose value comes next */
    char *v;                           /* list, map: elements so far */
    size_t n;
    size_t cap;
    struct codec_path path;
};

struct decoder {
    struct arena *arena;
    const struct codec_shape *root;
    void *ret;
    struct err *err;
    size_t depth;      /* frames in use */
    unsigned skipping; /* nesting of an unknown member's value */
    bool skip_next;    /* the next value belongs to an unknown member */
    yajl_handle parser;
    struct str text;
    bool in_document; /* what is skipped is a document */
    size_t elements_size;
    size_t before; /* where the token before a document has ended, in bytes */
    struct frame frames[CODEC_MAX_DEPTH];
};

static struct frame *top(struct decoder *d) {
    return &d->frames[d->depth - 1];
}

/* Path of the value that comes next; the last piece lies in `last`. */
static const struct codec_path *here(struct decoder *d, struct codec_path *last) {
    if (d->depth == 0)
        return NULL;
    struct frame *f = top(d);
    *last = (struct codec_path){.up = d->depth > 1 ? &f->path : NULL};
    if (f->shape->kind == CODEC_LIST)
        last->index = f->n;
    else
        last->name = f->shape->kind == CODEC_MAP ? f->key : f->member->name;
    return last;
}

static int fail(struct decoder *d, const char *why) {
    struct codec_path last;
    struct str where = codec_path_str(d->arena, here(d, &last));
    d->err = err_new(d->arena, RPC_INTERNAL, STR_FMT ": %s", STR_ARG(where), why);
    d->err->field = where;
    return 0;
}

static int wrong_type(struct decoder *d, const struct codec_shape *shape, const char *found) {
    static const char *const wanted[] = {
        [CODEC_STRUCT] = "an object",     [CODEC_UNION] = "an object",
        [CODEC_LIST] = "an array",        [CODEC_MAP] = "an object",
        [CODEC_STRING] = "a string",      [CODEC_BLOB] = "a string",
        [CODEC_BOOLEAN] = "a boolean",    [CODEC_INTEGER] = "a number",
        [CODEC_LONG] = "a number",        [CODEC_ULONG] = "a number",
        [CODEC_FLOAT] = "a number",       [CODEC_DOUBLE] = "a number",
        [CODEC_TIMESTAMP] = "a time",     [CODEC_ENUM] = "a string",
        [CODEC_DOCUMENT] = "a value",     [CODEC_BIG_INTEGER] = "a number",
        [CODEC_BIG_DECIMAL] = "a number",
    };
    struct str why = arena_printf(d->arena, "%s where %s belongs", found, wanted[shape->kind]);
    return fail(d, why.p);
}

static const struct codec_shape *expected(struct decoder *d);
static char *claim(struct decoder *d);

/* A token has ended after which a document may come. */
static void mark(struct decoder *d) {
    d->before = yajl_get_bytes_consumed(d->parser);
}

/* The document that ends with the present token, as the text has it. */
static int store_document(struct decoder *d) {
    struct str raw = str_sub(d->text, d->before, yajl_get_bytes_consumed(d->parser));
    while (raw.n > 0 && memchr(" \t\r\n\v\f:,", raw.p[0], 8) != NULL)
        raw = str_from(raw, 1);
    /* yajl takes these two for blanks, which they are not to whoever gets the document. */
    if (str_find(raw, '\v') < raw.n || str_find(raw, '\f') < raw.n)
        return fail(d, "a document that is not JSON");
    if (!str_is_utf8(raw))
        return fail(d, "a document that is not UTF-8");
    raw = arena_str(d->arena, raw);
    memcpy(claim(d), &raw, sizeof raw);
    mark(d);
    return 1;
}

/* True if the value that arrives now is to be ignored. */
static bool skip_scalar(struct decoder *d) {
    if (d->skipping > 0)
        return true;
    bool skip = d->skip_next;
    d->skip_next = false;
    return skip;
}

static bool skip_open(struct decoder *d) {
    if (d->skipping == 0 && !d->skip_next)
        return false;
    d->skip_next = false;
    d->skipping++;
    return true;
}

/* A document is skipped like an unknown value, but its end is not the end of the matter. */
static void open_document(struct decoder *d) {
    d->in_document = true;
    d->skipping = 1;
}

/* Room for one more element of the list or map on top, and where it lies. Once there are too many,
 * the next structure or list ends the reading; until then elements lie nowhere. */
static char *grow(struct decoder *d, struct frame *f) {
    size_t stride = f->shape->stride;
    AN(stride); /* of a shape that was written by hand, it is easily forgotten */
    if (d->err != NULL)
        return arena_alloc(d->arena, stride);
    if (f->n == f->cap) {
        f->cap = f->cap == 0 ? 8 : 2 * f->cap;
        d->elements_size += f->cap * stride;
        if (d->elements_size > MAX_ELEMENTS_SIZE) {
            (void)fail(d, "too many elements");
            return arena_alloc(d->arena, stride);
        }
        char *v = arena_array(d->arena, f->cap, stride);
        if (f->n > 0)
            memcpy(v, f->v, f->n * stride);
        f->v = v;
    }
    return f->v + f->n * stride;
}

/* Shape of the value that arrives now. */
static const struct codec_shape *expected(struct decoder *d) {
    if (d->depth == 0)
        return d->root;
    struct frame *f = top(d);
    return f->shape->kind == CODEC_STRUCT || f->shape->kind == CODEC_UNION ? f->member->shape
                                                                           : f->shape->element;
}

/* A new element of the list or map on top, zeroed, which is null where null may be. */
static char *add(struct decoder *d, struct frame *f) {
    char *slot = grow(d, f);
    f->n++;
    if (f->shape->kind == CODEC_MAP)
        memcpy(slot, &f->key, sizeof f->key);
    return slot + f->shape->value_offset;
}

/* Where the value that arrives now is stored; claims the element in a list or map. */
static char *claim(struct decoder *d) {
    if (d->depth == 0)
        return d->ret;
    struct frame *f = top(d);
    if (f->shape->kind == CODEC_STRUCT || f->shape->kind == CODEC_UNION) {
        f->n++; /* for unions, which may have one */
        if (f->member->has) {
            bool has = true;
            memcpy(f->base + f->member->has_offset, &has, sizeof has);
        }
        return f->base + f->member->offset;
    }
    char *slot = add(d, f);
    if (!f->shape->pointers)
        return slot;
    void *made = arena_alloc(d->arena, f->shape->element->size);
    memcpy(slot, &made, sizeof made);
    return made;
}

static int push(struct decoder *d, const struct codec_shape *shape) {
    struct codec_path path;
    if (d->depth == CODEC_MAX_DEPTH)
        return fail(d, "nested too deeply");
    bool in_struct =
        d->depth > 0 && (top(d)->shape->kind == CODEC_STRUCT || top(d)->shape->kind == CODEC_UNION);
    bool is_root = d->depth == 0;
    if (!is_root)
        (void)here(d, &path);
    char *slot = claim(d);
    if (in_struct && (shape->kind == CODEC_STRUCT || shape->kind == CODEC_UNION)) {
        void *made = arena_alloc(d->arena, shape->size);
        memcpy(slot, &made, sizeof made);
        slot = made;
    }
    struct frame *f = &d->frames[d->depth++];
    *f = (struct frame){.shape = shape, .base = slot};
    if (!is_root)
        f->path = path;
    return 1;
}

/* ---- tokens ---- */

static int on_null(void *ctx) {
    struct decoder *d = ctx;
    if (skip_scalar(d) || d->depth == 0)
        return d->depth == 0 ? wrong_type(d, d->root, "null") : 1;
    struct frame *f = top(d);
    if ((f->shape->kind == CODEC_LIST || f->shape->kind == CODEC_MAP) && f->shape->sparse)
        (void)add(d, f);
    mark(d);
    return 1; /* absent in a structure, dropped from a dense collection */
}

static int on_boolean(void *ctx, int value) {
    struct decoder *d = ctx;
    if (skip_scalar(d))
        return 1;
    const struct codec_shape *shape = expected(d);
    if (shape->kind == CODEC_DOCUMENT)
        return store_document(d);
    if (shape->kind != CODEC_BOOLEAN)
        return wrong_type(d, shape, "a boolean");
    bool b = value != 0;
    memcpy(claim(d), &b, sizeof b);
    return 1;
}

static int store_double(struct decoder *d, const struct codec_shape *shape, double value) {
    if (shape->kind == CODEC_FLOAT) {
        if (isfinite(value) && fabs(value) > (double)FLT_MAX)
            return fail(d, "number out of range");
        float f = (float)value;
        memcpy(claim(d), &f, sizeof f);
    } else {
        memcpy(claim(d), &value, sizeof value);
    }
    return 1;
}

static int store_big(struct decoder *d, const struct codec_shape *shape, struct str text) {
    if (!number_is_decimal(text, shape->kind == CODEC_BIG_INTEGER))
        return fail(d, "not a number of its kind");
    text = arena_str(d->arena, text);
    memcpy(claim(d), &text, sizeof text);
    return 1;
}

static int on_number(void *ctx, const char *p, size_t n) {
    struct decoder *d = ctx;
    struct str text = str_n(p, n);
    int64_t whole;
    uint64_t natural;
    double real;
    if (skip_scalar(d))
        return 1;
    const struct codec_shape *shape = expected(d);
    switch (shape->kind) {
    case CODEC_INTEGER:
        if (!number_parse_int64(text, &whole) || whole < INT32_MIN || whole > INT32_MAX)
            return fail(d, "not a 32-bit integer");
        int32_t narrow = (int32_t)whole;
        memcpy(claim(d), &narrow, sizeof narrow);
        return 1;
    case CODEC_LONG:
        if (!number_parse_int64(text, &whole))
            return fail(d, "not a 64-bit integer");
        memcpy(claim(d), &whole, sizeof whole);
        return 1;
    case CODEC_ULONG:
        if (!number_parse_uint64(text, &natural))
            return fail(d, "not an unsigned 64-bit integer");
        memcpy(claim(d), &natural, sizeof natural);
        return 1;
    case CODEC_TIMESTAMP:
        if (!number_parse_double(text, &real) || fabs(real) > 1e12)
            return fail(d, "not a time in epoch seconds");
        whole = (int64_t)llround(real * 1000.0);
        memcpy(claim(d), &whole, sizeof whole);
        return 1;
    case CODEC_FLOAT:
    case CODEC_DOUBLE:
        if (!number_parse_double(text, &real))
            return fail(d, "number out of range");
        return store_double(d, shape, real);
    case CODEC_BIG_INTEGER:
    case CODEC_BIG_DECIMAL:
        return store_big(d, shape, text);
    case CODEC_DOCUMENT:
        return store_document(d);
    default:
        return wrong_type(d, shape, "a number");
    }
}

static int store_blob(struct decoder *d, struct str text) {
    unsigned char *out = arena_alloc(d->arena, text.n / 4 * 3 + 3);
    int n = text.n % 4 != 0 ? -1 : EVP_DecodeBlock(out, (const unsigned char *)text.p, (int)text.n);
    if (n < 0)
        return fail(d, "not base64");
    for (size_t i = text.n; i > 0 && i > text.n - 2 && text.p[i - 1] == '='; i--)
        n--;
    struct str blob = str_n((char *)out, (size_t)n);
    memcpy(claim(d), &blob, sizeof blob);
    return 1;
}

static int store_enum(struct decoder *d, const struct codec_shape *shape, struct str text) {
    int value = CODEC_ENUM_UNKNOWN(shape);
    for (size_t i = 0; i < shape->n_names; i++)
        if (str_eq(shape->names[i], text))
            value = (int)i + 1;
    memcpy(claim(d), &value, sizeof value);
    return 1;
}

/* Either format, whichever the model names: no text is a time in both. */
static int store_time_text(struct decoder *d, struct str text) {
    int64_t ms;
    if (!codec_time_parse(text, &ms))
        return fail(d, "not a time");
    memcpy(claim(d), &ms, sizeof ms);
    return 1;
}

static int on_string(void *ctx, const unsigned char *p, size_t n) {
    struct decoder *d = ctx;
    struct str text = str_n((const char *)p, n);
    if (skip_scalar(d))
        return 1;
    const struct codec_shape *shape = expected(d);
    /* yajl takes overlong forms, and makes surrogates of escapes like "\udc00". */
    if (!str_is_utf8(text))
        return fail(d, "a string that is not UTF-8");
    switch (shape->kind) {
    case CODEC_STRING:
        text = arena_str(d->arena, n == 0 ? STR("") : text);
        memcpy(claim(d), &text, sizeof text);
        return 1;
    case CODEC_BLOB:
        return store_blob(d, text);
    case CODEC_ENUM:
        return store_enum(d, shape, text);
    case CODEC_FLOAT:
    case CODEC_DOUBLE:
        if (str_eq(text, STR("NaN")))
            return store_double(d, shape, (double)NAN);
        if (str_eq(text, STR("Infinity")))
            return store_double(d, shape, (double)INFINITY);
        if (str_eq(text, STR("-Infinity")))
            return store_double(d, shape, (double)-INFINITY);
        return wrong_type(d, shape, "a string");
    case CODEC_TIMESTAMP:
        return store_time_text(d, text);
    case CODEC_BIG_INTEGER:
    case CODEC_BIG_DECIMAL:
        return store_big(d, shape, text);
    case CODEC_DOCUMENT:
        return store_document(d);
    default:
        return wrong_type(d, shape, "a string");
    }
}

static int on_start_map(void *ctx) {
    struct decoder *d = ctx;
    if (d->err != NULL)
        return 0;
    if (skip_open(d))
        return 1;
    const struct codec_shape *shape = expected(d);
    if (shape->kind == CODEC_DOCUMENT) {
        open_document(d);
        return 1;
    }
    if (shape->kind != CODEC_STRUCT && shape->kind != CODEC_UNION && shape->kind != CODEC_MAP)
        return wrong_type(d, shape, "an object");
    return push(d, shape);
}

static int on_map_key(void *ctx, const unsigned char *p, size_t n) {
    struct decoder *d = ctx;
    struct str key = str_n((const char *)p, n);
    if (d->skipping > 0)
        return 1;
    struct frame *f = top(d);
    mark(d);
    if (f->shape->kind == CODEC_MAP) {
        if (!str_is_utf8(key))
            return fail(d, "a key that is not UTF-8");
        f->key = arena_str(d->arena, n == 0 ? STR("") : key);
        return 1;
    }
    for (size_t i = 0; i < f->shape->n_members; i++)
        if (str_eq(f->shape->members[i].name, key)) {
            f->member = &f->shape->members[i];
            return 1;
        }
    d->skip_next = true;
    return 1;
}

/* Writes a finished list or map to its place. An empty one is present: v is not NULL. */
static void finish_collection(struct frame *f) {
    static const char empty[1];
    struct codec_list list = {.v = f->v == NULL ? empty : f->v, .n = f->n};
    memcpy(f->base, &list, sizeof list);
}

static int on_end(void *ctx) {
    struct decoder *d = ctx;
    if (d->skipping > 0) {
        d->skipping--;
        if (d->skipping > 0 || !d->in_document)
            return 1;
        d->in_document = false;
        return store_document(d);
    }
    struct frame *f = top(d);
    if (f->shape->kind == CODEC_LIST || f->shape->kind == CODEC_MAP)
        finish_collection(f);
    if (f->shape->kind == CODEC_UNION && f->n > 1)
        return fail(d, "more than one member of a union");
    d->depth--;
    return 1;
}

static int on_start_array(void *ctx) {
    struct decoder *d = ctx;
    if (d->err != NULL)
        return 0;
    if (skip_open(d))
        return 1;
    const struct codec_shape *shape = expected(d);
    if (shape->kind == CODEC_DOCUMENT) {
        open_document(d);
        return 1;
    }
    if (shape->kind != CODEC_LIST)
        return wrong_type(d, shape, "an array");
    mark(d);
    return push(d, shape);
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_start_map,
    .yajl_map_key = on_map_key,
    .yajl_end_map = on_end,
    .yajl_start_array = on_start_array,
    .yajl_end_array = on_end,
};

static bool only_blanks(struct str text) {
    return str_trim(text).n == 0;
}

struct err *json_decode(struct str text, const struct codec_shape *shape, void *ret_value,
                        struct arena *a) {
    if (only_blanks(text))
        return NULL;
    struct decoder d; /* the frames are set as they are pushed: zeroing them all costs more */
    d.arena = a;
    d.root = shape;
    d.ret = ret_value;
    d.err = NULL;
    d.depth = 0;
    d.elements_size = 0;
    d.skipping = 0;
    d.skip_next = false;
    d.in_document = false;
    d.before = 0;
    d.text = text;
    yajl_handle parser = yajl_alloc(&callbacks, NULL, &d);
    AN(parser);
    d.parser = parser;
    yajl_status status = yajl_parse(parser, (const unsigned char *)text.p, text.n);
    if (status == yajl_status_ok)
        status = yajl_complete_parse(parser);
    if (status != yajl_status_ok && d.err == NULL)
        d.err = err_new(a, RPC_INTERNAL, "not JSON, at byte %zu of %zu",
                        yajl_get_bytes_consumed(parser), text.n);
    yajl_free(parser);
    return d.err;
}
