// SPDX-License-Identifier: Apache-2.0
#include "codec/redact.h"

#include "codec/access.h"
#include "codec/number.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#define SHOWN_STRING 256 /* bytes of a string */
#define SHOWN_ELEMENTS 8 /* of a list or map */
#define SHOWN_DEPTH 16

/* Where the value stands: how deep, and at which length of the text no more is begun. */
struct place {
    unsigned depth;
    size_t end;
};

static void put_value(struct buf *out, const struct codec_shape *shape, const void *value,
                      struct place at);

static void put_text(struct buf *out, struct str s) {
    if (s.n <= SHOWN_STRING) {
        buf_putjson(out, s);
        return;
    }
    char cut[SHOWN_STRING + 32];
    int n = snprintf(cut, sizeof cut, "%.*s... (%zu bytes)", SHOWN_STRING, s.p, s.n);
    buf_putjson(out, str_n(cut, (size_t)n));
}

static void put_real(struct buf *out, double value) {
    char text[NUMBER_TEXT];
    if (!isfinite(value))
        buf_puts(out, "null");
    else
        buf_put(out, text, number_print_double(text, value));
}

static void put_scalar(struct buf *out, const struct codec_shape *shape, const void *value) {
    union {
        bool b;
        int32_t i;
        int64_t l;
        uint64_t u;
        float f;
        double d;
    } v;
    int number;
    switch (shape->kind) {
    case CODEC_STRING:
    case CODEC_DOCUMENT:
    case CODEC_BIG_INTEGER:
    case CODEC_BIG_DECIMAL:
        put_text(out, codec_str_get(value));
        return;
    case CODEC_BLOB:
        buf_printf(out, "\"(%zu bytes)\"", codec_str_get(value).n);
        return;
    case CODEC_BOOLEAN:
        memcpy(&v.b, value, sizeof v.b);
        buf_puts(out, v.b ? "true" : "false");
        return;
    case CODEC_INTEGER:
        memcpy(&v.i, value, sizeof v.i);
        buf_printf(out, "%" PRId32, v.i);
        return;
    case CODEC_LONG:
    case CODEC_TIMESTAMP:
        memcpy(&v.l, value, sizeof v.l);
        buf_printf(out, "%" PRId64, v.l);
        return;
    case CODEC_ULONG:
        memcpy(&v.u, value, sizeof v.u);
        buf_printf(out, "%" PRIu64, v.u);
        return;
    case CODEC_FLOAT:
        memcpy(&v.f, value, sizeof v.f);
        put_real(out, (double)v.f);
        return;
    case CODEC_DOUBLE:
        memcpy(&v.d, value, sizeof v.d);
        put_real(out, v.d);
        return;
    case CODEC_ENUM:
        number = codec_enum_get(value);
        put_text(out, number >= 1 && (size_t)number <= shape->n_names ? shape->names[number - 1]
                                                                      : STR("(unknown)"));
        return;
    default:
        buf_puts(out, "null");
    }
}

static void put_struct(struct buf *out, const struct codec_shape *shape, const void *base,
                       struct place at) {
    buf_putc(out, '{');
    size_t start = out->n;
    if (shape->log_fields != NULL)
        shape->log_fields(out, shape->name, base);
    bool first = out->n == start;
    for (size_t i = 0; i < shape->n_members; i++) {
        const struct codec_member *m = &shape->members[i];
        const void *value = codec_member_get(m, base);
        if (value == NULL)
            continue;
        if (!first)
            buf_putc(out, ',');
        first = false;
        if (out->n >= at.end) {
            buf_puts(out, "\"...\":\"...\"");
            break;
        }
        buf_putjson(out, m->name);
        buf_putc(out, ':');
        if (m->sensitive)
            buf_puts(out, "\"***\"");
        else
            put_value(out, m->shape, value, at);
    }
    buf_putc(out, '}');
}

static void put_collection(struct buf *out, const struct codec_shape *shape, const void *slot,
                           struct place at) {
    struct codec_list list = codec_list_get(slot);
    bool map = shape->kind == CODEC_MAP;
    size_t i = 0;
    buf_putc(out, map ? '{' : '[');
    for (; i < list.n && i < SHOWN_ELEMENTS && out->n < at.end; i++) {
        const void *element = codec_element_get(shape, list, i);
        if (i > 0)
            buf_putc(out, ',');
        if (map) {
            put_text(out, codec_str_get(codec_entry(shape, list, i)));
            buf_putc(out, ':');
        }
        if (element == NULL)
            buf_puts(out, "null");
        else
            put_value(out, shape->element, element, at);
    }
    if (list.n > i)
        buf_printf(out, map ? "%s\"...\":\"%zu in all\"" : "%s\"... %zu in all\"", i > 0 ? "," : "",
                   list.n);
    buf_putc(out, map ? '}' : ']');
}

static void put_value(struct buf *out, const struct codec_shape *shape, const void *value,
                      struct place at) {
    if (shape->sensitive) {
        buf_puts(out, "\"***\"");
        return;
    }
    if (at.depth == SHOWN_DEPTH) {
        buf_puts(out, "\"...\"");
        return;
    }
    at.depth++;
    if (shape->kind == CODEC_STRUCT || shape->kind == CODEC_UNION)
        put_struct(out, shape, value, at);
    else if (shape->kind == CODEC_LIST || shape->kind == CODEC_MAP)
        put_collection(out, shape, value, at);
    else
        put_scalar(out, shape, value);
}

void codec_redact(struct buf *out, const struct codec_shape *shape, const void *value) {
    put_value(out, shape, value, (struct place){.end = out->n + CODEC_REDACTED_BYTES});
}

struct str codec_redacted(struct arena *a, const struct codec_shape *shape, const void *value) {
    struct buf b;
    if (shape == NULL)
        return STR_NULL;
    buf_init(&b, CODEC_REDACTED_MAX);
    codec_redact(&b, shape, value);
    struct str text = arena_str(a, buf_str(&b));
    buf_free(&b);
    return text;
}
