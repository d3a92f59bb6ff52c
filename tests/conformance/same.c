// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/same.h"

#include <math.h>

struct differing {
    struct arena *arena;
    const char *path; /* of the first difference */
};

static bool same(struct differing *d, const struct codec_shape *shape, const void *a, const void *b,
                 const struct codec_path *path);

static bool same_real(double a, double b) {
    return (isnan(a) && isnan(b)) || (a == b && signbit(a) == signbit(b));
}

/* The next byte of JSON text that is no blank between its tokens; 0 at the end. */
static char next_of(struct str *rest, bool *in_text) {
    while (rest->n > 0) {
        char c = rest->p[0];
        bool escaped = *in_text && c == '\\' && rest->n > 1;
        *rest = str_from(*rest, 1);
        if (!*in_text && (c == ' ' || c == '\t' || c == '\n' || c == '\r'))
            continue;
        if (escaped && (rest->p[0] == '"' || rest->p[0] == '\\')) {
            c = rest->p[0] == '"' ? 1 : 2; /* one unit: neither can stand in JSON by itself */
            *rest = str_from(*rest, 1);
        } else if (c == '"') {
            *in_text = !*in_text;
        }
        return c;
    }
    return 0;
}

/* The same JSON but for blanks. */
static bool same_document(struct str a, struct str b) {
    bool in_a = false;
    bool in_b = false;
    char c;
    do {
        c = next_of(&a, &in_a);
        if (c != next_of(&b, &in_b))
            return false;
    } while (c != 0);
    return true;
}

static char next_digit(struct str *rest) {
    while (rest->n > 0) {
        char c = rest->p[0];
        *rest = str_from(*rest, 1);
        if (c >= '0' && c <= '9')
            return c;
    }
    return 0;
}

/* "-12.5e3" -> "-12.5", and 2: the power of ten that its last digit stands for. */
static int64_t split_decimal(struct str *text) {
    size_t e = str_find(*text, 'e') < text->n ? str_find(*text, 'e') : str_find(*text, 'E');
    struct str written = str_from(*text, e + 1);
    int64_t exponent = 0;
    *text = str_sub(*text, 0, e);
    if (str_starts(written, STR("+")))
        written = str_from(written, 1);
    (void)str_to_int64(written, &exponent);
    return exponent - (int64_t)str_from(*text, str_find(*text, '.') + 1).n;
}

/*
 * The same number with the same decimals, however it is written: "1.2e-3" is "0.0012". There is one
 * zero, not two.
 */
static bool same_decimal(struct str a, struct str b) {
    if (str_eq(a, b))
        return true;
    if (str_empty(a) || str_empty(b))
        return false;
    bool same_sign = (a.p[0] == '-') == (b.p[0] == '-');
    if (split_decimal(&a) != split_decimal(&b))
        return false;
    char c = next_digit(&a);
    char other = next_digit(&b);
    while (c == '0')
        c = next_digit(&a);
    while (other == '0')
        other = next_digit(&b);
    if (!same_sign && c != 0)
        return false;
    for (; c == other && c != 0; c = next_digit(&a))
        other = next_digit(&b);
    return c == other;
}

static bool same_scalar(const struct codec_shape *shape, const void *a, const void *b) {
    if (shape->kind == CODEC_DOCUMENT)
        return same_document(codec_str_get(a), codec_str_get(b));
    if (shape->kind == CODEC_BIG_DECIMAL)
        return same_decimal(codec_str_get(a), codec_str_get(b));
    if (codec_is_str(shape->kind))
        return str_eq(codec_str_get(a), codec_str_get(b));
    if (shape->kind == CODEC_FLOAT)
        return same_real((double)*(const float *)a, (double)*(const float *)b);
    if (shape->kind == CODEC_DOUBLE)
        return same_real(*(const double *)a, *(const double *)b);
    if (shape->kind == CODEC_BOOLEAN)
        return *(const bool *)a == *(const bool *)b;
    if (shape->kind == CODEC_ENUM)
        return codec_enum_get(a) == codec_enum_get(b);
    return memcmp(a, b, shape->size) == 0; /* whole numbers */
}

static bool same_members(struct differing *d, const struct codec_shape *shape, const void *a,
                         const void *b, const struct codec_path *path) {
    for (size_t i = 0; i < shape->n_members; i++) {
        const struct codec_member *m = &shape->members[i];
        const struct codec_path inner = {.up = path, .name = m->name};
        if (!same(d, m->shape, codec_member_get(m, a), codec_member_get(m, b), &inner))
            return false;
    }
    return true;
}

static bool same_list(struct differing *d, const struct codec_shape *shape, struct codec_list a,
                      struct codec_list b, const struct codec_path *path) {
    for (size_t i = 0; i < a.n; i++) {
        const struct codec_path inner = {.up = path, .index = i};
        if (!same(d, shape->element, codec_element_get(shape, a, i), codec_element_get(shape, b, i),
                  &inner))
            return false;
    }
    return true;
}

static bool same_map(struct differing *d, const struct codec_shape *shape, struct codec_list a,
                     struct codec_list b, const struct codec_path *path) {
    for (size_t i = 0; i < a.n; i++) {
        struct str key = codec_str_get(codec_entry(shape, a, i));
        const struct codec_path inner = {.up = path, .name = key};
        size_t j = 0;
        while (j < b.n && !str_eq(codec_str_get(codec_entry(shape, b, j)), key))
            j++;
        if (j == b.n)
            return same(d, shape->element, a.v, NULL, &inner);
        if (!same(d, shape->element, codec_element_get(shape, a, i), codec_element_get(shape, b, j),
                  &inner))
            return false;
    }
    return true;
}

static bool same(struct differing *d, const struct codec_shape *shape, const void *a, const void *b,
                 const struct codec_path *path) {
    bool equal = (a == NULL) == (b == NULL);
    if (equal && a != NULL) {
        if (shape->kind == CODEC_STRUCT || shape->kind == CODEC_UNION)
            return same_members(d, shape, a, b, path);
        if (shape->kind == CODEC_LIST || shape->kind == CODEC_MAP) {
            struct codec_list x = codec_list_get(a);
            struct codec_list y = codec_list_get(b);
            equal = x.n == y.n;
            if (equal)
                return shape->kind == CODEC_LIST ? same_list(d, shape, x, y, path)
                                                 : same_map(d, shape, x, y, path);
        } else {
            equal = same_scalar(shape, a, b);
        }
    }
    if (!equal)
        d->path = arena_cstr(d->arena, codec_path_str(d->arena, path));
    return equal;
}

const char *same_value(const struct codec_shape *shape, const void *a, const void *b,
                       struct arena *arena) {
    struct differing d = {.arena = arena};
    (void)same(&d, shape, a, b, NULL);
    return d.path;
}
