// SPDX-License-Identifier: Apache-2.0
#include "auth/roles.h"

#include "auth/permission.h"
#include "base/clock.h"
#include "base/obj.h"
#include "generated/ags.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define FETCH_TIMEOUT_MS 30000
#define FETCH_MEMORY ((size_t)8 << 20)
#define MAX_NAME 128 /* bytes of a namespace or of a role's id */

enum kind {
    ROLE_IN_NAMESPACE, /* as the namespace has it, which may override the role */
    ROLE_EVERYWHERE,
    STUDIO, /* of a namespace */
};

/* What AGS was asked for, and said. */
struct entry {
    unsigned magic;
#define ENTRY_MAGIC 0x3d81f0c6U
    struct roles *roles;
    enum kind kind; /* this and the names do not change while `used` is not 0 */
    char namespace_name[MAX_NAME + 1];
    char id[MAX_NAME + 1];

    /* Guarded by the lock of all. */
    uint64_t used;        /* when it was last looked for, in ticks; 0: free */
    struct arena *memory; /* of the answer; NULL: none yet */
    const struct jwt_permission *permissions;
    size_t n_permissions;
    struct str studio;
    int64_t loaded_ms;
    int64_t next_try_ms;
    bool wanted;
    bool fetching;

    /* The loop's. */
    struct arena *fetch;
    struct ctx ctx;
};

struct roles {
    unsigned magic;
#define ROLES_MAGIC 0x5be27a94U
    struct roles_options options;
    struct loop_job job;
    int fetches; /* the loop's */

    pthread_mutex_t lock; /* held for looking through permissions at most */
    bool posted;
    uint64_t ticks;
    uint64_t fetched;
    uint64_t failed;
    struct entry entries[ROLES_MAX];
};

/* ---- looking, on any thread, with the lock held ---- */

static struct entry *find(struct roles *roles, enum kind kind, struct str ns, struct str id) {
    struct entry *oldest = NULL;
    for (size_t i = 0; i < ROLES_MAX; i++) {
        struct entry *e = &roles->entries[i];
        if (e->used != 0 && e->kind == kind && str_eq(str_c(e->namespace_name), ns) &&
            str_eq(str_c(e->id), id))
            return e;
        if (!e->fetching && (oldest == NULL || e->used < oldest->used))
            oldest = e;
    }
    if (oldest == NULL)
        return NULL;
    arena_free(oldest->memory);
    *oldest = (struct entry){.magic = ENTRY_MAGIC, .roles = roles, .kind = kind};
    snprintf(oldest->namespace_name, sizeof oldest->namespace_name, STR_FMT, STR_ARG(ns));
    snprintf(oldest->id, sizeof oldest->id, STR_FMT, STR_ARG(id));
    return oldest;
}

static loop_job_fn on_wanted;

/* The entry if its answer can be used; a new one is asked for if there is need. */
static const struct entry *look_up(struct roles *roles, enum kind kind, struct str ns,
                                   struct str id) {
    int64_t now = clock_mono_ms();
    if (ns.n > MAX_NAME || id.n > MAX_NAME)
        return NULL;
    struct entry *e = find(roles, kind, ns, id);
    if (e == NULL)
        return NULL;
    e->used = ++roles->ticks;
    int64_t age = now - e->loaded_ms;
    bool fresh = e->memory != NULL && age < roles->options.lifetime_ms;
    if (!fresh && !e->fetching && !e->wanted && now >= e->next_try_ms) {
        e->wanted = true;
        if (!roles->posted)
            loop_post(roles->options.loop, &roles->job, on_wanted);
        roles->posted = true;
    }
    return fresh || (e->memory != NULL && age < roles->options.max_stale_ms) ? e : NULL;
}

/* One held permission against the required one. */
static enum roles_answer covers(struct roles *roles, struct str held, struct str resource,
                                struct str ns) {
    if (permission_covers(held, resource, STR_NULL))
        return ROLES_HELD;
    if (!permission_names_studio(held))
        return ROLES_NOT_HELD;
    const struct entry *studio = look_up(roles, STUDIO, ns, STR(""));
    if (studio == NULL)
        return ROLES_UNKNOWN;
    return permission_covers(held, resource, studio->studio) ? ROLES_HELD : ROLES_NOT_HELD;
}

struct question {
    struct roles *roles;
    struct arena *arena;
    const struct jwt_claims *claims;
    struct str resource;
    struct str namespace_name;
    int64_t action;
    enum roles_answer answer; /* so far */
};

/* Held ones may have "{namespace}" and "{userId}" in them. */
static void look_through(struct question *q, const struct jwt_permission *v, size_t n,
                         struct str role_namespace) {
    for (size_t i = 0; i < n && q->answer != ROLES_HELD; i++) {
        if ((v[i].action & q->action) == 0)
            continue;
        struct str held =
            permission_fill_in(q->arena, v[i].resource, role_namespace, q->claims->sub);
        enum roles_answer answer = covers(q->roles, held, q->resource, q->namespace_name);
        if (answer != ROLES_NOT_HELD)
            q->answer = answer;
    }
}

static void look_through_role(struct question *q, struct str ns, struct str id) {
    bool everywhere = str_eq(ns, STR("*"));
    const struct entry *e = look_up(q->roles, everywhere ? ROLE_EVERYWHERE : ROLE_IN_NAMESPACE,
                                    everywhere ? STR("") : ns, id);
    if (e != NULL)
        look_through(q, e->permissions, e->n_permissions, ns);
    else if (q->answer == ROLES_NOT_HELD)
        q->answer = ROLES_UNKNOWN;
}

enum roles_answer roles_permit(struct roles *roles, struct arena *a,
                               const struct jwt_claims *claims, struct str resource,
                               struct str namespace_name, int64_t action) {
    OBJ_CHECK(roles, ROLES_MAGIC);
    struct question q = {
        .roles = roles,
        .arena = a,
        .claims = claims,
        .resource = permission_fill_in(a, resource, namespace_name, claims->sub),
        .namespace_name = namespace_name,
        .action = action,
        .answer = ROLES_NOT_HELD,
    };
    if (str_empty(claims->namespace_name))
        return ROLES_NOT_HELD;
    pthread_mutex_lock(&roles->lock);
    look_through(&q, claims->permissions, claims->n_permissions, claims->namespace_name);
    /* AGS gives roles in namespaces to users only. */
    for (size_t i = 0; !str_empty(claims->sub) && i < claims->n_namespace_roles; i++)
        if (q.answer != ROLES_HELD)
            look_through_role(&q, claims->namespace_roles[i].namespace_name,
                              claims->namespace_roles[i].id);
    for (size_t i = 0; i < claims->n_roles && q.answer != ROLES_HELD; i++)
        look_through_role(&q, claims->namespace_name, claims->roles[i]);
    pthread_mutex_unlock(&roles->lock);
    return q.answer;
}

/* ---- asking, on the loop ---- */

static void fetch_wanted(struct roles *roles);

static const char *kind_name(enum kind kind) {
    return kind == STUDIO ? "namespace context" : "role";
}

/*
 * A fetch has ended. `memory` holds the answer, or is NULL after a failure. Whoever AGS does not
 * know has nothing, and AGS need not be asked for it every few seconds.
 */
static void finish(struct entry *e, struct arena *memory, const struct jwt_permission *permissions,
                   size_t n, struct str studio, const struct err *err) {
    struct roles *roles = e->roles;
    if (err != NULL && err->http_status == 404)
        memory = arena_new(ARENA_LIMIT_DEFAULT);
    else if (err != NULL)
        LOG_WARN(NULL, "cannot be loaded from AGS", LOG_CSTR("what", kind_name(e->kind)),
                 LOG_CSTR("namespace", e->namespace_name), LOG_CSTR("roleID", e->id),
                 LOG_INT("nextTryMs", ROLES_PAUSE_MS), LOG_ERR(err));
    pthread_mutex_lock(&roles->lock);
    struct arena *old = NULL;
    e->fetching = false;
    e->next_try_ms = memory == NULL ? clock_mono_ms() + ROLES_PAUSE_MS : 0;
    if (memory != NULL) {
        old = e->memory;
        e->memory = memory;
        e->permissions = permissions;
        e->n_permissions = n;
        e->studio = studio;
        e->loaded_ms = clock_mono_ms();
        roles->fetched++;
    } else {
        roles->failed++;
    }
    struct arena *fetch = e->fetch;
    e->fetch = NULL;
    pthread_mutex_unlock(&roles->lock);
    arena_free(old);
    arena_free(fetch);
    roles->fetches--;
    fetch_wanted(roles);
}

/* Room for a role's permissions; false if there is an error instead, and the fetch is finished. */
static bool begin_copy(struct entry *e, const struct err *err, struct arena **ret_a,
                       struct jwt_permission **ret_v) {
    if (err != NULL) {
        finish(e, NULL, NULL, 0, STR_NULL, err);
        return false;
    }
    *ret_a = arena_new(FETCH_MEMORY);
    *ret_v = arena_array(*ret_a, ROLES_MAX_PERMISSIONS, sizeof **ret_v);
    return true;
}

static void on_override(void *priv, const struct ags_role_permission_response_v3 *out,
                        const struct err *err) {
    struct entry *e = OBJ_CAST(priv, entry, ENTRY_MAGIC);
    struct arena *a;
    struct jwt_permission *v;
    size_t n = 0;
    if (!begin_copy(e, err, &a, &v))
        return;
    for (; n < out->permissions.n && n < ROLES_MAX_PERMISSIONS; n++)
        v[n] = (struct jwt_permission){.resource = arena_str(a, out->permissions.v[n].resource),
                                       .action = out->permissions.v[n].action};
    finish(e, a, v, n, STR_NULL, NULL);
}

static void on_role(void *priv, const struct ags_role_response_v3 *out, const struct err *err) {
    struct entry *e = OBJ_CAST(priv, entry, ENTRY_MAGIC);
    struct arena *a;
    struct jwt_permission *v;
    size_t n = 0;
    if (!begin_copy(e, err, &a, &v))
        return;
    for (; n < out->permissions.n && n < ROLES_MAX_PERMISSIONS; n++)
        v[n] = (struct jwt_permission){.resource = arena_str(a, out->permissions.v[n].resource),
                                       .action = out->permissions.v[n].action};
    finish(e, a, v, n, STR_NULL, NULL);
}

/* Only games belong to a studio in the sense of a wildcard. */
static void on_context(void *priv, const struct ags_namespace_context *out, const struct err *err) {
    struct entry *e = OBJ_CAST(priv, entry, ENTRY_MAGIC);
    if (err != NULL) {
        finish(e, NULL, NULL, 0, STR_NULL, err);
        return;
    }
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    bool game = str_eq_nocase(out->type, STR("Game"));
    finish(e, a, NULL, 0, game ? arena_str(a, out->studio_namespace) : STR_NULL, NULL);
}

static void start_fetch(struct entry *e) {
    struct ags_client *ags = e->roles->options.ags;
    struct str ns = str_c(e->namespace_name);
    struct str id = str_c(e->id);
    e->fetch = arena_new(FETCH_MEMORY);
    ctx_init(&e->ctx, e->fetch, NULL, clock_mono_ms() + FETCH_TIMEOUT_MS);
    if (e->kind == ROLE_IN_NAMESPACE) {
        const struct ags_admin_get_role_namespace_permission_v3_input in = {.namespace = ns,
                                                                            .role_id = id};
        ags_admin_get_role_namespace_permission_v3(ags, &e->ctx, &in, on_override, e);
    } else if (e->kind == ROLE_EVERYWHERE) {
        const struct ags_admin_get_role_v3_input in = {.role_id = id};
        ags_admin_get_role_v3(ags, &e->ctx, &in, on_role, e);
    } else {
        const struct ags_get_namespace_context_input in = {.namespace = ns};
        ags_get_namespace_context(ags, &e->ctx, &in, on_context, e);
    }
}

static void fetch_wanted(struct roles *roles) {
    for (size_t i = 0; i < ROLES_MAX && roles->fetches < ROLES_FETCHES; i++) {
        struct entry *e = &roles->entries[i];
        pthread_mutex_lock(&roles->lock);
        bool wanted = e->wanted;
        e->fetching |= wanted;
        e->wanted = false;
        pthread_mutex_unlock(&roles->lock);
        if (!wanted)
            continue;
        roles->fetches++;
        start_fetch(e);
    }
}

static void on_wanted(struct loop_job *job) {
    struct roles *roles = CONTAINER_OF(job, struct roles, job);
    OBJ_CHECK(roles, ROLES_MAGIC);
    pthread_mutex_lock(&roles->lock);
    roles->posted = false;
    pthread_mutex_unlock(&roles->lock);
    fetch_wanted(roles);
}

/* ---- life ---- */

struct roles *roles_new(const struct roles_options *options) {
    struct roles *roles = calloc(1, sizeof *roles);
    AN(roles);
    roles->magic = ROLES_MAGIC;
    roles->options = *options;
    if (roles->options.max_stale_ms < options->lifetime_ms)
        roles->options.max_stale_ms = options->lifetime_ms;
    AZ(pthread_mutex_init(&roles->lock, NULL));
    return roles;
}

void roles_free(struct roles *roles) {
    if (roles == NULL)
        return;
    OBJ_CHECK(roles, ROLES_MAGIC);
    for (size_t i = 0; i < ROLES_MAX; i++) {
        arena_free(roles->entries[i].fetch); /* ends it without a callback */
        arena_free(roles->entries[i].memory);
    }
    pthread_mutex_destroy(&roles->lock);
    roles->magic = 0;
    free(roles);
}

void roles_stats(struct roles *roles, struct roles_stats *ret) {
    OBJ_CHECK(roles, ROLES_MAGIC);
    pthread_mutex_lock(&roles->lock);
    *ret = (struct roles_stats){.fetched = roles->fetched, .failed = roles->failed};
    for (size_t i = 0; i < ROLES_MAX; i++)
        ret->known += roles->entries[i].memory != NULL;
    pthread_mutex_unlock(&roles->lock);
}
