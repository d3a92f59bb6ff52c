// SPDX-License-Identifier: Apache-2.0
#include "sim/json.h"

#include <inttypes.h>

/* yajl frees its tree by recursion, so that a peer could choose the depth of our stack. */
static bool too_deep(struct str text) {
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > SIM_JSON_MAX_DEPTH)
                return true;
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
    }
    return false;
}

static void free_tree(void *tree) {
    yajl_tree_free(tree);
}

struct err *sim_json_parse(struct str text, struct arena *a, yajl_val *ret) {
    if (too_deep(text))
        return ERR_INVALID(a, "JSON is nested more than %d deep", SIM_JSON_MAX_DEPTH);
    char why[200] = "";
    yajl_val tree = yajl_tree_parse(arena_cstr(a, text), why, sizeof why);
    if (tree == NULL)
        return ERR_INVALID(a, "not valid JSON: %.*s", (int)strcspn(why, "\n"), why);
    arena_defer(a, free_tree, tree);
    *ret = tree;
    return NULL;
}

static struct err *read_int(yajl_val v, const char *what, const struct sim_json_field *f,
                            struct arena *a) {
    if (!YAJL_IS_INTEGER(v))
        return ERR_INVALID(a, "%s.%s must be an integer", what, f->name);
    int64_t i = YAJL_GET_INTEGER(v);
    if (i < f->min || i > f->max)
        return ERR_INVALID(a, "%s.%s must be between %" PRId64 " and %" PRId64, what, f->name,
                           f->min, f->max);
    *(int64_t *)f->ret = i;
    return NULL;
}

static struct err *read_field(yajl_val v, const char *what, const struct sim_json_field *f,
                              struct arena *a) {
    switch (f->kind) {
    case SIM_JSON_STR:
        if (!YAJL_IS_STRING(v))
            return ERR_INVALID(a, "%s.%s must be a string", what, f->name);
        *(struct str *)f->ret = str_c(YAJL_GET_STRING(v));
        return NULL;
    case SIM_JSON_INT:
        return read_int(v, what, f, a);
    case SIM_JSON_BOOL:
        if (!YAJL_IS_TRUE(v) && !YAJL_IS_FALSE(v))
            return ERR_INVALID(a, "%s.%s must be true or false", what, f->name);
        *(bool *)f->ret = YAJL_IS_TRUE(v);
        return NULL;
    case SIM_JSON_LIST:
        if (!YAJL_IS_ARRAY(v))
            return ERR_INVALID(a, "%s.%s must be a list", what, f->name);
        *(yajl_val *)f->ret = v;
        return NULL;
    case SIM_JSON_ANY:
        *(yajl_val *)f->ret = v;
        return NULL;
    }
    return NULL;
}

static const struct sim_json_field *find(const char *name, const struct sim_json_field *fields,
                                         size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(fields[i].name, name) == 0)
            return &fields[i];
    return NULL;
}

struct err *sim_json_read(yajl_val object, const char *what, const struct sim_json_field *fields,
                          size_t n, struct arena *a) {
    if (!YAJL_IS_OBJECT(object))
        return ERR_INVALID(a, "%s must be an object", what);
    for (size_t i = 0; i < object->u.object.len; i++) {
        const struct sim_json_field *f = find(object->u.object.keys[i], fields, n);
        if (f == NULL)
            return ERR_INVALID(a, "%s has no member \"%.60s\"", what, object->u.object.keys[i]);
        struct err *err = read_field(object->u.object.values[i], what, f, a);
        if (err != NULL)
            return err;
    }
    for (size_t i = 0; i < n; i++) {
        const char *path[] = {fields[i].name, NULL};
        if (fields[i].required && yajl_tree_get(object, path, yajl_t_any) == NULL)
            return ERR_INVALID(a, "%s.%s is missing", what, fields[i].name);
    }
    return NULL;
}

void sim_json_key(struct buf *b, const char *name) {
    if (b->n > 0 && strchr("{[:", b->p[b->n - 1]) == NULL)
        buf_putc(b, ',');
    if (name == NULL)
        return;
    buf_putjson(b, str_c(name));
    buf_putc(b, ':');
}

void sim_json_str(struct buf *b, const char *name, struct str value) {
    sim_json_key(b, name);
    buf_putjson(b, value.p == NULL ? STR("") : value);
}

void sim_json_int(struct buf *b, const char *name, int64_t value) {
    sim_json_key(b, name);
    buf_printf(b, "%" PRId64, value);
}
