// SPDX-License-Identifier: Apache-2.0
#include "codec/validate.h"

#include "codec/access.h"
#include "codec/number.h"
#include "codec/pattern.h"

#include <inttypes.h>
#include <math.h>

struct validator {
    struct arena *arena;
    unsigned depth;
};

static struct err *check_value(struct validator *v, const struct codec_shape *shape,
                               const void *value, const struct codec_path *path);

static struct err *broken(struct validator *v, const struct codec_path *path, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static struct err *broken(struct validator *v, const struct codec_path *path, const char *fmt,
                          ...) {
    va_list ap;
    va_start(ap, fmt);
    struct str rule = arena_vprintf(v->arena, fmt, ap);
    va_end(ap);
    struct str where = codec_path_str(v->arena, path);
    struct err *err = ERR_INVALID(v->arena, STR_FMT " " STR_FMT, STR_ARG(where), STR_ARG(rule));
    err->field = where;
    err->detail = rule;
    return err;
}

/* `count` things of the given name against the shape's min and max. */
static struct err *check_length(struct validator *v, const struct codec_shape *shape, size_t count,
                                const char *things, const struct codec_path *path) {
    if (shape->has_max && count > (uint64_t)shape->max)
        return broken(v, path, "has %zu %s, but at most %" PRId64 " are allowed", count, things,
                      shape->max);
    if (shape->has_min && shape->min > 0 && count < (uint64_t)shape->min)
        return broken(v, path, "has %zu %s, but at least %" PRId64 " are needed", count, things,
                      shape->min);
    return NULL;
}

/* Whether the number of bytes leaves open how the number of characters stands to the limits: a
 * character is one to four of them. */
static bool must_count(const struct codec_shape *shape, size_t bytes) {
    return (shape->has_max && bytes > (uint64_t)shape->max) ||
           (shape->has_min && shape->min > 0 && bytes / 4 < (uint64_t)shape->min);
}

static struct err *check_string(struct validator *v, const struct codec_shape *shape,
                                struct str text, const struct codec_path *path) {
    if (!str_is_utf8(text))
        return broken(v, path, "is not valid UTF-8");
    if (must_count(shape, text.n)) {
        struct err *err = check_length(v, shape, str_utf8_len(text), "characters", path);
        if (err != NULL)
            return err;
    }
    if (shape->pattern != NULL && !codec_pattern_matches(shape->pattern, text))
        return broken(v, path, "does not match the pattern %s", shape->pattern->text);
    return NULL;
}

static struct err *check_range(struct validator *v, const struct codec_shape *shape, int64_t value,
                               const struct codec_path *path) {
    if (shape->has_min && value < shape->min)
        return broken(v, path, "must be at least %" PRId64, shape->min);
    if (shape->has_max && value > shape->max)
        return broken(v, path, "must be at most %" PRId64, shape->max);
    return NULL;
}

static struct err *check_real(struct validator *v, const struct codec_shape *shape, double value,
                              const struct codec_path *path) {
    if (shape->has_min && !isgreaterequal(value, shape->real_min))
        return broken(v, path, "must be at least %g", shape->real_min);
    if (shape->has_max && !islessequal(value, shape->real_max))
        return broken(v, path, "must be at most %g", shape->real_max);
    return NULL;
}

static struct err *check_members(struct validator *v, const struct codec_shape *shape,
                                 const void *base, const struct codec_path *up) {
    size_t set = 0;
    for (size_t i = 0; i < shape->n_members; i++) {
        const struct codec_member *m = &shape->members[i];
        struct codec_path path = {.up = up, .name = m->name};
        const void *value = codec_member_get(m, base);
        if (value == NULL) {
            if (m->required)
                return broken(v, &path, "is required");
            continue;
        }
        set++;
        struct err *err = check_value(v, m->shape, value, &path);
        if (err != NULL)
            return err;
    }
    if (shape->kind == CODEC_UNION && set != 1)
        return broken(v, up, "must have exactly one member, but has %zu", set);
    return NULL;
}

static struct err *check_elements(struct validator *v, const struct codec_shape *shape,
                                  const void *slot, const struct codec_path *up) {
    struct codec_list list = codec_list_get(slot);
    struct err *err = check_length(v, shape, list.n, "elements", up);
    for (size_t i = 0; err == NULL && i < list.n; i++) {
        const void *element = codec_element_get(shape, list, i);
        struct codec_path path = {.up = up, .index = i};
        if (shape->kind == CODEC_MAP)
            path.name = codec_str_get(codec_entry(shape, list, i));
        if (element != NULL)
            err = check_value(v, shape->element, element, &path);
    }
    return err;
}

static struct err *check_text(struct validator *v, const struct codec_shape *shape, struct str text,
                              const struct codec_path *path) {
    if (shape->kind == CODEC_STRING)
        return check_string(v, shape, text, path);
    if (shape->kind == CODEC_BLOB)
        return check_length(v, shape, text.n, "bytes", path);
    if (shape->kind == CODEC_DOCUMENT)
        return NULL; /* the encoder reads it anyway */
    return number_is_decimal(text, shape->kind == CODEC_BIG_INTEGER)
               ? NULL
               : broken(v, path, "is no decimal number");
}

static struct err *check_scalar(struct validator *v, const struct codec_shape *shape,
                                const void *value, const struct codec_path *path) {
    int32_t i;
    int64_t l;
    float f;
    double d;
    switch (shape->kind) {
    case CODEC_STRING:
    case CODEC_BLOB:
    case CODEC_DOCUMENT:
    case CODEC_BIG_INTEGER:
    case CODEC_BIG_DECIMAL:
        return check_text(v, shape, codec_str_get(value), path);
    case CODEC_INTEGER:
        memcpy(&i, value, sizeof i);
        return check_range(v, shape, i, path);
    case CODEC_LONG:
        memcpy(&l, value, sizeof l);
        return check_range(v, shape, l, path);
    case CODEC_FLOAT:
        memcpy(&f, value, sizeof f);
        return check_real(v, shape, (double)f, path);
    case CODEC_DOUBLE:
        memcpy(&d, value, sizeof d);
        return check_real(v, shape, d, path);
    case CODEC_ENUM:
        if (codec_enum_get(value) < 1 || (size_t)codec_enum_get(value) > shape->n_names)
            return broken(v, path, "is no value of %s", shape->name);
        return NULL;
    default:
        return NULL;
    }
}

static struct err *check_value(struct validator *v, const struct codec_shape *shape,
                               const void *value, const struct codec_path *path) {
    struct err *err;
    if (v->depth == CODEC_MAX_DEPTH)
        return broken(v, path, "is nested more than %d deep", CODEC_MAX_DEPTH);
    v->depth++;
    switch (shape->kind) {
    case CODEC_STRUCT:
    case CODEC_UNION:
        err = check_members(v, shape, value, path);
        break;
    case CODEC_LIST:
    case CODEC_MAP:
        err = check_elements(v, shape, value, path);
        break;
    default:
        err = check_scalar(v, shape, value, path);
    }
    v->depth--;
    return err;
}

struct err *codec_validate(const struct codec_shape *shape, const void *value, struct arena *a) {
    struct validator v = {.arena = a};
    return check_value(&v, shape, value, NULL);
}
