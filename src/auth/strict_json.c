// SPDX-License-Identifier: Apache-2.0
#include "auth/strict_json.h"

#include "base/obj.h"

#include <yajl/yajl_parse.h>

struct checker {
    struct arena *arena;
    const char *fault;
    struct str wanted;
    bool listed;
    size_t depth;
    size_t first_name[STRICT_JSON_MAX_DEPTH]; /* where the names of the open object begin */
    size_t n_names;
    struct str *names; /* of the open objects, outermost first */
};

static int fail(struct checker *c, const char *fault) {
    c->fault = fault;
    return 0;
}

/* yajl calls one of these for each value; outside of an object there is none to be had. */
static int on_value(struct checker *c) {
    return c->depth == 0 ? fail(c, "is no object") : 1;
}

static int on_null(void *ctx) {
    return on_value(ctx);
}

static int on_boolean(void *ctx, int value) {
    (void)value;
    return on_value(ctx);
}

static int on_text(void *ctx, const char *p, size_t n) {
    (void)p;
    (void)n;
    return on_value(ctx);
}

static int on_string(void *ctx, const unsigned char *p, size_t n) {
    (void)p;
    (void)n;
    return on_value(ctx);
}

static int on_open(struct checker *c) {
    if (c->depth == STRICT_JSON_MAX_DEPTH)
        return fail(c, "is nested too deeply");
    c->first_name[c->depth++] = c->n_names;
    return 1;
}

static int on_start_map(void *ctx) {
    return on_open(ctx);
}

static int on_start_array(void *ctx) {
    return on_value(ctx) != 0 ? on_open(ctx) : 0;
}

static int on_end(void *ctx) {
    struct checker *c = ctx;
    c->n_names = c->first_name[--c->depth];
    return 1;
}

static int on_map_key(void *ctx, const unsigned char *p, size_t n) {
    struct checker *c = ctx;
    struct str name = str_n((const char *)p, n);
    if (c->n_names == STRICT_JSON_MAX_NAMES)
        return fail(c, "has too many members");
    for (size_t i = c->first_name[c->depth - 1]; i < c->n_names; i++)
        if (str_eq(c->names[i], name))
            return fail(c, "has a member twice");
    c->names[c->n_names++] = arena_str(c->arena, n == 0 ? STR("") : name);
    if (c->depth == 1 && c->wanted.p != NULL && str_eq(name, c->wanted))
        c->listed = true;
    return 1;
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_text,
    .yajl_string = on_string,
    .yajl_start_map = on_start_map,
    .yajl_map_key = on_map_key,
    .yajl_end_map = on_end,
    .yajl_start_array = on_start_array,
    .yajl_end_array = on_end,
};

const char *strict_json_check_for(struct arena *a, struct str text, struct str name,
                                  bool *ret_listed) {
    struct checker c = {.arena = a, .wanted = name};
    c.names = arena_array(a, STRICT_JSON_MAX_NAMES, sizeof *c.names);
    /* yajl's own check takes surrogates in UTF-8. */
    if (!str_is_utf8(text))
        return "is not JSON";
    yajl_handle parser = yajl_alloc(&callbacks, NULL, &c);
    AN(parser);
    yajl_status status = yajl_parse(parser, (const unsigned char *)text.p, text.n);
    if (status == yajl_status_ok)
        status = yajl_complete_parse(parser);
    yajl_free(parser);
    if (status != yajl_status_ok)
        return c.fault != NULL ? c.fault : "is not JSON";
    *ret_listed = c.listed;
    return NULL;
}

const char *strict_json_check(struct arena *a, struct str text) {
    bool listed;
    return strict_json_check_for(a, text, STR_NULL, &listed);
}
