// SPDX-License-Identifier: Apache-2.0
/* What roles permit and whose studio a namespace is of, as tests have put it there. */
#include "sim/ags_call.h"

#define MAX_ANSWERS 64

/* One of them; `id` is empty for the context of a namespace. */
struct ags_stored {
    struct list node;
    struct arena *arena;
    struct str ns;
    struct str id;
    yajl_val json;
};

void ags_stored_clear(struct ags *ags) {
    while (!list_empty(&ags->stored)) {
        struct ags_stored *s = CONTAINER_OF(ags->stored.next, struct ags_stored, node);
        list_remove(&s->node);
        arena_free(s->arena);
    }
}

static struct ags_stored *find(const struct ags *ags, struct str ns, struct str id) {
    for (struct list *l = ags->stored.next; l != &ags->stored; l = l->next) {
        struct ags_stored *s = CONTAINER_OF(l, struct ags_stored, node);
        if (str_eq(s->ns, ns) && str_eq(s->id, id))
            return s;
    }
    return NULL;
}

/* ---- what tests put ---- */

static struct err *read_permission(yajl_val v, struct arena *a, struct str *ret_resource,
                                   int64_t *ret_action) {
    const struct sim_json_field fields[] = {
        {.name = "resource", .kind = SIM_JSON_STR, .ret = ret_resource, .required = true},
        {.name = "action", .kind = SIM_JSON_INT, .ret = ret_action, .max = 15, .required = true},
    };
    return sim_json_read(v, "permission", fields, ARRAY_LEN(fields), a);
}

static struct err *read_context(yajl_val v, struct arena *a, struct str *ret_type,
                                struct str *ret_studio) {
    const struct sim_json_field fields[] = {
        {.name = "type", .kind = SIM_JSON_STR, .ret = ret_type, .required = true},
        {.name = "studio", .kind = SIM_JSON_STR, .ret = ret_studio},
    };
    return sim_json_read(v, "context", fields, ARRAY_LEN(fields), a);
}

static struct err *check(struct str id, yajl_val json, struct arena *a) {
    struct str text;
    struct str more = STR_NULL;
    int64_t action;
    if (str_empty(id))
        return read_context(json, a, &text, &more);
    if (!YAJL_IS_ARRAY(json))
        return ERR_INVALID(a, "a role is a list of permissions");
    struct err *err = NULL;
    for (size_t i = 0; i < json->u.array.len && err == NULL; i++)
        err = read_permission(json->u.array.values[i], a, &text, &action);
    return err;
}

struct err *ags_stored_put(struct ags *ags, struct str ns, struct str id, struct str json,
                           struct arena *a) {
    struct arena *own = arena_new(ARENA_LIMIT_DEFAULT);
    struct ags_stored *s = ARENA_NEW(own, struct ags_stored);
    *s = (struct ags_stored){.arena = own, .ns = arena_str(own, ns), .id = arena_str(own, id)};
    list_init(&s->node);
    struct err *err = sim_json_parse(json, own, &s->json);
    if (err == NULL)
        err = check(id, s->json, own);
    if (err == NULL && list_count(&ags->stored) >= MAX_ANSWERS)
        err = ERR_INVALID(own, "%d are stored already", MAX_ANSWERS);
    if (err != NULL) {
        err = err_copy(a, err);
        arena_free(own);
        return err;
    }
    struct ags_stored *old = find(ags, ns, id);
    if (old != NULL) {
        list_remove(&old->node);
        arena_free(old->arena);
    }
    list_append(&ags->stored, &s->node);
    return NULL;
}

/* ---- what AGS answers ---- */

static const struct ags_stored *find_or_refuse(struct sim_exchange *ex, struct str ns,
                                               struct str id) {
    const struct ags *ags = ags_call_of(ex)->ags;
    if (!ags->may_read_roles) {
        ex->verdict = STR("refused: no permission");
        ags_error(ex, 403, STR("InsufficientPermissions"), STR("insufficient permissions"));
        return NULL;
    }
    const struct ags_stored *s = find(ags, ns, id);
    if (s == NULL)
        ags_error(ex, 404, STR("RoleNotFound"), STR("role not found"));
    return s;
}

static void answer_permissions(struct sim_exchange *ex, const struct ags_stored *s, bool pascal) {
    struct buf body;
    buf_init(&body, AGS_MAX_ANSWER);
    buf_puts(&body, "{\"permissions\":[");
    for (size_t i = 0; i < s->json->u.array.len; i++) {
        struct str resource;
        int64_t action;
        AZ(read_permission(s->json->u.array.values[i], ex->arena, &resource, &action));
        sim_json_key(&body, NULL);
        buf_putc(&body, '{');
        sim_json_int(&body, pascal ? "Action" : "action", action);
        sim_json_str(&body, pascal ? "Resource" : "resource", resource);
        buf_putc(&body, '}');
    }
    buf_puts(&body, "]}");
    ags_reply(ex, 200, &body);
    buf_free(&body);
}

void ags_answer_role_override(struct sim_exchange *ex) {
    const struct ags_call *call = ags_call_of(ex);
    const struct ags_stored *s = find_or_refuse(ex, call->captures[0], call->captures[1]);
    if (s != NULL)
        answer_permissions(ex, s, true);
}

void ags_answer_role(struct sim_exchange *ex) {
    const struct ags_stored *s = find_or_refuse(ex, STR("*"), ags_call_of(ex)->captures[0]);
    if (s != NULL)
        answer_permissions(ex, s, false);
}

void ags_answer_context(struct sim_exchange *ex) {
    struct str ns = ags_call_of(ex)->captures[0];
    const struct ags_stored *s = find_or_refuse(ex, ns, STR(""));
    struct str type;
    struct str studio = STR("");
    struct buf body;
    if (s == NULL)
        return;
    AZ(read_context(s->json, ex->arena, &type, &studio));
    buf_init(&body, AGS_MAX_ANSWER);
    buf_putc(&body, '{');
    sim_json_str(&body, "namespace", ns);
    sim_json_str(&body, "studioNamespace", studio);
    sim_json_str(&body, "type", type);
    buf_putc(&body, '}');
    ags_reply(ex, 200, &body);
    buf_free(&body);
}
