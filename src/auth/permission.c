// SPDX-License-Identifier: Apache-2.0
#include "auth/permission.h"

#include "base/buf.h"

static struct str next_part(struct str *rest, bool *ret_last) {
    size_t colon = str_find(*rest, ':');
    struct str part = str_sub(*rest, 0, colon);
    *ret_last = colon == rest->n;
    *rest = str_from(*rest, colon + 1);
    return part;
}

/* "studio-" for "studio" and "studio-game". */
static bool is_studio_of(struct str held, struct str ns) {
    if (!str_ends(held, STR("-")))
        return false;
    if (str_eq(str_sub(held, 0, held.n - 1), ns))
        return true;
    size_t dash = str_find(ns, '-');
    struct str behind = str_from(ns, dash + 1);
    return dash < ns.n && str_find(behind, '-') == behind.n && str_starts(ns, held);
}

static bool part_covers(struct str before, struct str held, struct str required,
                        struct str studio) {
    if (str_eq(held, required) || str_eq(held, STR("*")))
        return true;
    if (!str_eq(before, STR("NAMESPACE")))
        return false;
    return is_studio_of(held, required) || (!str_empty(studio) && held.n == studio.n + 1 &&
                                            str_starts(held, studio) && str_ends(held, STR("-")));
}

static bool only_wildcards(struct str rest) {
    bool last = false;
    while (!last)
        if (!str_eq(next_part(&rest, &last), STR("*")))
            return false;
    return true;
}

bool permission_covers(struct str held, struct str required, struct str studio) {
    struct str before = STR("");
    bool held_last = false;
    bool required_last = false;
    bool first = true;
    for (;; first = false) {
        struct str part = next_part(&held, &held_last);
        if (!part_covers(before, part, next_part(&required, &required_last), studio))
            return false;
        if (held_last && required_last)
            return true;
        if (held_last)
            return str_eq(part, STR("*")) &&
                   (first || (!str_eq(before, STR("NAMESPACE")) && !str_eq(before, STR("USER"))));
        if (required_last)
            return only_wildcards(held);
        before = part;
    }
}

bool permission_names_studio(struct str held) {
    struct str before = STR("");
    bool last = false;
    while (!last) {
        struct str part = next_part(&held, &last);
        if (str_eq(before, STR("NAMESPACE")) && part.n > 1 && str_ends(part, STR("-")))
            return true;
        before = part;
    }
    return false;
}

static void put_filled_in(struct buf *b, struct str *rest, struct str name, struct str value) {
    if (value.p == NULL || !str_starts(*rest, name)) {
        return;
    }
    buf_putstr(b, value);
    *rest = str_from(*rest, name.n);
}

struct str permission_fill_in(struct arena *a, struct str resource, struct str namespace_name,
                              struct str user_id) {
    struct buf b;
    if (str_find(resource, '{') == resource.n)
        return resource;
    buf_init(&b, (resource.n + 1) * (namespace_name.n + user_id.n + 1));
    while (!str_empty(resource)) {
        size_t before = resource.n;
        put_filled_in(&b, &resource, STR("{namespace}"), namespace_name);
        put_filled_in(&b, &resource, STR("{userId}"), user_id);
        if (resource.n == before && before > 0) {
            buf_putc(&b, resource.p[0]);
            resource = str_from(resource, 1);
        }
    }
    struct str filled = arena_str(a, buf_str(&b));
    buf_free(&b);
    return filled;
}

bool permission_held(const struct jwt_claims *claims, struct str resource, int64_t action) {
    if (str_empty(claims->namespace_name))
        return false;
    for (size_t i = 0; i < claims->n_permissions; i++)
        if ((claims->permissions[i].action & action) != 0 &&
            permission_covers(claims->permissions[i].resource, resource, STR_NULL))
            return true;
    return false;
}
