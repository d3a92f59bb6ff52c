// SPDX-License-Identifier: Apache-2.0
#include "sim/form.h"

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool form_unescape(struct str text, bool plus, struct arena *a, struct str *ret) {
    char *out = arena_alloc(a, text.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '%') {
            int high = text.n - i > 2 ? hex_digit(text.p[i + 1]) : -1;
            int low = text.n - i > 2 ? hex_digit(text.p[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        out[n++] = c;
    }
    *ret = str_n(out, n);
    return true;
}

struct err *form_parse(struct str text, struct arena *a, struct form *ret) {
    struct form form = {.v = arena_array(a, FORM_MAX_FIELDS, sizeof *form.v)};
    while (!str_empty(text)) {
        size_t end = str_find(text, '&');
        struct str pair = str_sub(text, 0, end);
        text = str_from(text, end + 1);
        if (str_empty(pair))
            continue;
        if (form.n == FORM_MAX_FIELDS)
            return ERR_INVALID(a, "the form has more than %d fields", FORM_MAX_FIELDS);
        size_t equals = str_find(pair, '=');
        struct form_field *f = &form.v[form.n++];
        if (!form_unescape(str_sub(pair, 0, equals), true, a, &f->name) ||
            !form_unescape(str_from(pair, equals + 1), true, a, &f->value))
            return ERR_INVALID(a, "the form has a malformed percent escape");
    }
    *ret = form;
    return NULL;
}

struct str form_get(const struct form *form, const char *name) {
    for (size_t i = 0; i < form->n; i++)
        if (str_eq(form->v[i].name, str_c(name)))
            return form->v[i].value;
    return STR_NULL;
}
