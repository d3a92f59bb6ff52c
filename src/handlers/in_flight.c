// SPDX-License-Identifier: Apache-2.0
#include "handlers/in_flight.h"

/* FNV-1a. Who chooses texts that meet in one row only makes the search for them long. */
static size_t row_of(struct str text) {
    uint32_t hash = 2166136261U;
    for (size_t i = 0; i < text.n; i++)
        hash = (hash ^ (unsigned char)text.p[i]) * 16777619U;
    return hash % DSM_IN_FLIGHT_ROWS;
}

static void on_arena_free(void *arg) {
    list_remove(arg);
}

void in_flight_create_begin(struct dsm_service *svc, struct in_flight_create *create,
                            struct ctx *ctx, struct str namespace, struct str session_id) {
    create->ctx = ctx;
    create->namespace = namespace;
    create->session_id = session_id;
    list_append(&svc->creates[row_of(session_id)], &create->node);
    arena_defer(ctx->arena, on_arena_free, &create->node);
}

void in_flight_create_end(struct in_flight_create *create) {
    if (create->node.next != NULL)
        list_remove(&create->node);
}

static struct in_flight_create *find_create(struct dsm_service *svc, struct str namespace,
                                            struct str session_id) {
    struct list *row = &svc->creates[row_of(session_id)];
    for (struct list *l = row->next; l != row; l = l->next) {
        struct in_flight_create *c = CONTAINER_OF(l, struct in_flight_create, node);
        if (str_eq(c->session_id, session_id) && str_eq(c->namespace, namespace))
            return c;
    }
    return NULL;
}

void in_flight_cancel_creates(struct dsm_service *svc, struct str namespace,
                              struct str session_id) {
    static const struct err terminated = {
        .code = RPC_ABORTED,
        .origin = ERR_CALLER,
        .msg = STR_INIT("the session was terminated while its server was asked for"),
    };
    struct in_flight_create *create;
    while ((create = find_create(svc, namespace, session_id)) != NULL) {
        struct ctx *ctx = create->ctx;
        in_flight_create_end(create);
        ctx_cancel(ctx, &terminated);
    }
}

void in_flight_end_begin(struct dsm_service *svc, struct in_flight_end *end, struct arena *a,
                         struct str what) {
    if (end->node.next == NULL)
        arena_defer(a, on_arena_free, &end->node);
    else
        list_remove(&end->node);
    end->what = what;
    list_append(&svc->ends[row_of(what)], &end->node);
}

void in_flight_end_end(struct in_flight_end *end) {
    if (end->node.next != NULL)
        list_remove(&end->node);
}

bool is_being_ended(const struct dsm_service *svc, struct str arn_or_placement_id) {
    const struct list *row = &svc->ends[row_of(arn_or_placement_id)];
    for (const struct list *l = row->next; l != row; l = l->next)
        if (str_eq(CONTAINER_OF(l, struct in_flight_end, node)->what, arn_or_placement_id))
            return true;
    return false;
}
