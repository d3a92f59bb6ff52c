// SPDX-License-Identifier: Apache-2.0
#include "base/obj.h"
#include "sim/ags.h"
#include "sim/murmur3.h"

static const struct str statuses[] = {
    STR_INIT("NEED_TO_REQUEST"),   STR_INIT("REQUESTED"),
    STR_INIT("PREPARING"),         STR_INIT("AVAILABLE"),
    STR_INIT("FAILED_TO_REQUEST"), STR_INIT("DS_ERROR"),
    STR_INIT("DS_CANCELLED"),      STR_INIT("ENDED"),
    STR_INIT("UNKNOWN"),
};

static const struct str reportable[] = {
    STR_INIT("AVAILABLE"),
    STR_INIT("FAILED_TO_REQUEST"),
    STR_INIT("DS_ERROR"),
    STR_INIT("ENDED"),
};

static bool is_one_of(struct str s, const struct str *list, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (str_eq(list[i], s))
            return true;
    return false;
}

/* ---- finding and forgetting ---- */

static struct list *bucket_of(const struct ags *ags, struct str id) {
    const struct list *bucket = &ags->buckets[murmur3_x64_128(id).h1 % AGS_BUCKETS];
    return (struct list *)(uintptr_t)bucket;
}

struct ags_session *ags_session_find(const struct ags *ags, struct str ns, struct str id) {
    struct list *bucket = bucket_of(ags, id);
    for (struct list *l = bucket->next; l != bucket; l = l->next) {
        struct ags_session *s = CONTAINER_OF(l, struct ags_session, bucket);
        if (str_eq(s->ns, ns) && str_eq(s->id, id))
            return s;
    }
    return NULL;
}

static void drop_oldest_report(struct ags_session *s) {
    struct ags_report *r = CONTAINER_OF(s->history.next, struct ags_report, node);
    list_remove(&r->node);
    arena_free(r->arena);
    s->n_history--;
}

void ags_session_remove(struct ags *ags, struct ags_session *session) {
    while (session->n_history > 0)
        drop_oldest_report(session);
    list_remove(&session->node);
    list_remove(&session->bucket);
    ags->n_sessions--;
    arena_free(session->ds_arena);
    arena_free(session->arena);
}

/* ---- what a test puts there ---- */

static bool presence_parse(struct str name, enum ags_presence *ret) {
    static const char *const names[] = {
        [AGS_ABSENT] = "absent", [AGS_NULL] = "null", [AGS_PRESENT] = "present"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_eq(name, str_c(names[i]))) {
            *ret = (enum ags_presence)i;
            return true;
        }
    }
    return false;
}

static enum ags_presence presence_of(yajl_val v) {
    return v == NULL ? AGS_ABSENT : YAJL_IS_NULL(v) ? AGS_NULL : AGS_PRESENT;
}

/* A test's description of a session, before it is copied. */
struct description {
    struct ags_ds ds;
    yajl_val deployment;
    struct str server;
    struct str ds_information;
    bool active;
    bool async;
    int64_t timeout_s;
    struct str client_version;
    struct str template_deployment;
    struct str match_pool;
};

static struct err *read_description(struct str json, struct description *d, struct arena *a) {
    yajl_val tree = NULL;
    const struct sim_json_field fields[] = {
        {.name = "status", .kind = SIM_JSON_STR, .ret = &d->ds.status},
        {.name = "deployment", .kind = SIM_JSON_ANY, .ret = &d->deployment},
        {.name = "server", .kind = SIM_JSON_STR, .ret = &d->server},
        {.name = "ds_information", .kind = SIM_JSON_STR, .ret = &d->ds_information},
        {.name = "ip", .kind = SIM_JSON_STR, .ret = &d->ds.ip},
        {.name = "port", .kind = SIM_JSON_INT, .ret = &d->ds.port, .max = 65535},
        {.name = "region", .kind = SIM_JSON_STR, .ret = &d->ds.region},
        {.name = "created_region", .kind = SIM_JSON_STR, .ret = &d->ds.created_region},
        {.name = "source", .kind = SIM_JSON_STR, .ret = &d->ds.source},
        {.name = "active", .kind = SIM_JSON_BOOL, .ret = &d->active},
        {.name = "async", .kind = SIM_JSON_BOOL, .ret = &d->async},
        {.name = "timeout_s", .kind = SIM_JSON_INT, .ret = &d->timeout_s, .max = 86400},
        {.name = "client_version", .kind = SIM_JSON_STR, .ret = &d->client_version},
        {.name = "template_deployment", .kind = SIM_JSON_STR, .ret = &d->template_deployment},
        {.name = "match_pool", .kind = SIM_JSON_STR, .ret = &d->match_pool},
    };
    struct err *err = sim_json_parse(str_empty(str_trim(json)) ? STR("{}") : json, a, &tree);
    if (err == NULL)
        err = sim_json_read(tree, "session", fields, ARRAY_LEN(fields), a);
    return err;
}

/* Fills in what follows from the rest. */
static struct err *complete(struct description *d, enum ags_presence *ret_ds_is, struct arena *a) {
    d->ds.deployment_is = presence_of(d->deployment);
    if (d->ds.deployment_is == AGS_PRESENT && !YAJL_IS_STRING(d->deployment))
        return ERR_INVALID(a, "session.deployment must be a string or null");
    if (d->ds.deployment_is == AGS_PRESENT)
        d->ds.deployment = str_c(YAJL_GET_STRING(d->deployment));
    d->ds.server_is = d->deployment != NULL || d->ds.ip.p != NULL ? AGS_PRESENT : AGS_ABSENT;
    if ((d->server.p != NULL && !presence_parse(d->server, &d->ds.server_is)) ||
        (d->ds_information.p != NULL && !presence_parse(d->ds_information, ret_ds_is)))
        return ERR_INVALID(a, "session.server and session.ds_information must be \"present\", "
                              "\"null\" or \"absent\"");
    if (d->ds.status.p == NULL)
        d->ds.status = d->ds.server_is == AGS_PRESENT ? STR("AVAILABLE") : STR("REQUESTED");
    if (!is_one_of(d->ds.status, statuses, ARRAY_LEN(statuses)))
        return ERR_INVALID(a, "session.status is no value of StatusV2");
    return NULL;
}

static void copy_ds(struct ags_session *s, const struct ags_ds *ds) {
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    struct ags_ds copy = *ds;
    struct str *strings[] = {&copy.status,         &copy.deployment, &copy.ip,
                             &copy.region,         &copy.source,     &copy.server_id,
                             &copy.created_region, &copy.description};
    for (size_t i = 0; i < ARRAY_LEN(strings); i++)
        *strings[i] = arena_str(a, *strings[i]);
    arena_free(s->ds_arena);
    s->ds_arena = a;
    s->ds = copy;
}

struct err *ags_session_put(struct ags *ags, struct str ns, struct str id, struct str json,
                            struct arena *a) {
    struct description d = {.ds = {.port = -1}, .active = true};
    enum ags_presence ds_is = AGS_PRESENT;
    struct err *err = read_description(json, &d, a);
    if (err == NULL)
        err = complete(&d, &ds_is, a);
    if (err != NULL)
        return err;
    if (str_empty(ns) || str_empty(id) || ns.n > AGS_MAX_NAME || id.n > AGS_MAX_NAME)
        return ERR_INVALID(a, "namespace and session id must have 1 to %d bytes", AGS_MAX_NAME);
    struct ags_session *old = ags_session_find(ags, ns, id);
    if (old != NULL)
        ags_session_remove(ags, old);
    if (ags->n_sessions == AGS_MAX_SESSIONS)
        return ERR_INVALID(a, "more than %d sessions", AGS_MAX_SESSIONS);
    struct arena *own = arena_new(ARENA_LIMIT_DEFAULT);
    struct ags_session *s = ARENA_NEW(own, struct ags_session);
    int64_t now = sim_now_ms(ags->sim);
    *s = (struct ags_session){
        .arena = own,
        .ns = arena_str(own, ns),
        .id = arena_str(own, id),
        .ds_is = ds_is,
        .created_ms = now,
        .updated_ms = now,
        .active = d.active,
        .async = d.async,
        .async_timeout_s = d.timeout_s,
        .client_version = arena_str(own, d.client_version),
        .template_deployment = arena_str(own, d.template_deployment),
        .match_pool = arena_str(own, d.match_pool),
    };
    copy_ds(s, &d.ds);
    list_init(&s->history);
    list_append(&ags->sessions, &s->node);
    list_append(bucket_of(ags, s->id), &s->bucket);
    ags->n_sessions++;
    return NULL;
}

/* ---- what a dedicated server manager reports ---- */

/* A member that may be null, which then counts as absent. */
static struct err *read_text(yajl_val tree, const char *name, struct str *ret, struct arena *a) {
    const char *path[] = {name, NULL};
    yajl_val v = yajl_tree_get(tree, path, yajl_t_any);
    if (v == NULL || YAJL_IS_NULL(v))
        return NULL;
    if (!YAJL_IS_STRING(v))
        return ERR_INVALID(a, "%s must be a string", name);
    *ret = str_c(YAJL_GET_STRING(v));
    return ret->n <= (size_t)16 * AGS_MAX_NAME ? NULL : ERR_INVALID(a, "%s is too long", name);
}

static struct err *read_port(yajl_val tree, int64_t *ret, struct arena *a) {
    const char *path[] = {"port", NULL};
    yajl_val v = yajl_tree_get(tree, path, yajl_t_any);
    if (v == NULL || YAJL_IS_NULL(v))
        return NULL;
    if (!YAJL_IS_INTEGER(v) || YAJL_GET_INTEGER(v) < 0 || YAJL_GET_INTEGER(v) > INT32_MAX)
        return ERR_INVALID(a, "port must be an int32");
    *ret = YAJL_GET_INTEGER(v);
    return NULL;
}

static struct err *read_report(struct str json, struct ags_ds *ds, struct arena *a) {
    yajl_val tree = NULL;
    const struct {
        const char *name;
        struct str *ret;
    } texts[] = {
        {"createdRegion", &ds->created_region},
        {"deployment", &ds->deployment},
        {"description", &ds->description},
        {"ip", &ds->ip},
        {"region", &ds->region},
        {"serverId", &ds->server_id},
        {"source", &ds->source},
        {"status", &ds->status},
    };
    struct err *err = sim_json_parse(json, a, &tree);
    if (err == NULL && !YAJL_IS_OBJECT(tree))
        err = ERR_INVALID(a, "the body must be an object");
    for (size_t i = 0; err == NULL && i < ARRAY_LEN(texts); i++)
        err = read_text(tree, texts[i].name, texts[i].ret, a);
    if (err == NULL)
        err = read_port(tree, &ds->port, a);
    if (err == NULL && !is_one_of(ds->status, reportable, ARRAY_LEN(reportable)))
        err = ERR_INVALID(a, "status must be AVAILABLE, FAILED_TO_REQUEST, DS_ERROR or ENDED");
    if (err == NULL && str_eq(ds->status, STR("AVAILABLE")) && (str_empty(ds->ip) || ds->port <= 0))
        err = ERR_INVALID(a, "an available server needs ip and port");
    return err;
}

struct err *ags_session_report(struct ags *ags, struct ags_session *session, struct str json,
                               struct arena *a) {
    struct ags_ds ds = {.server_is = AGS_PRESENT, .port = -1};
    struct err *err = read_report(json, &ds, a);
    if (err != NULL)
        return err;
    ds.deployment_is = ds.deployment.p == NULL ? AGS_ABSENT : AGS_PRESENT;
    copy_ds(session, &ds);
    session->ds_is = AGS_PRESENT;
    session->updated_ms = sim_now_ms(ags->sim);
    session->reports++;
    if (session->n_history == AGS_MAX_HISTORY)
        drop_oldest_report(session);
    struct arena *own = arena_new(ARENA_LIMIT_DEFAULT);
    struct ags_report *r = ARENA_NEW(own, struct ags_report);
    *r = (struct ags_report){
        .arena = own, .json = arena_str(own, str_trim(json)), .time_ms = session->updated_ms};
    list_append(&session->history, &r->node);
    session->n_history++;
    return NULL;
}
