// SPDX-License-Identifier: Apache-2.0
/* A game session as AGS answers it, in its exact spelling, and as tests see it. */
#include "base/obj.h"
#include "sim/ags.h"

/* The older member Status lacks the three values that came with StatusV2. */
static bool is_old_status(struct str status) {
    return !str_eq(status, STR("DS_CANCELLED")) && !str_eq(status, STR("ENDED")) &&
           !str_eq(status, STR("UNKNOWN"));
}

static void put_optional(struct buf *out, const char *name, struct str value) {
    if (value.p != NULL)
        sim_json_str(out, name, value);
}

static void put_server(const struct ags_session *s, struct arena *a, struct buf *out) {
    const struct ags_ds *ds = &s->ds;
    buf_putc(out, '{');
    if (ds->deployment_is == AGS_PRESENT)
        sim_json_str(out, "deployment", ds->deployment);
    if (ds->deployment_is == AGS_NULL) {
        sim_json_key(out, "deployment");
        buf_puts(out, "null");
    }
    put_optional(out, "description", ds->description);
    put_optional(out, "ip", ds->ip);
    sim_json_str(out, "last_update", ags_time(a, s->updated_ms));
    sim_json_str(out, "namespace", s->ns);
    if (ds->port >= 0)
        sim_json_int(out, "port", ds->port);
    put_optional(out, "region", ds->region);
    sim_json_str(out, "session_id", s->id);
    put_optional(out, "source", ds->source);
    sim_json_str(out, "status",
                 str_eq(ds->status, STR("AVAILABLE")) ? STR("READY") : STR("UNREACHABLE"));
    buf_putc(out, '}');
}

static void put_ds_information(const struct ags_session *s, struct arena *a, struct buf *out) {
    if (s->ds_is == AGS_ABSENT)
        return;
    sim_json_key(out, "DSInformation");
    if (s->ds_is == AGS_NULL) {
        buf_puts(out, "null");
        return;
    }
    buf_putc(out, '{');
    sim_json_str(out, "CreatedAt", ags_time(a, s->created_ms));
    sim_json_str(out, "RequestedAt", ags_time(a, s->created_ms));
    if (s->ds.server_is != AGS_ABSENT)
        sim_json_key(out, "Server");
    if (s->ds.server_is == AGS_NULL)
        buf_puts(out, "null");
    if (s->ds.server_is == AGS_PRESENT)
        put_server(s, a, out);
    if (is_old_status(s->ds.status))
        sim_json_str(out, "Status", s->ds.status);
    sim_json_str(out, "StatusV2", s->ds.status);
    buf_putc(out, '}');
}

static void put_bool(struct buf *out, const char *name, bool value) {
    sim_json_key(out, name);
    buf_puts(out, value ? "true" : "false");
}

static void put_members(const struct ags_session *s, struct arena *a, struct buf *out) {
    put_ds_information(s, a, out);
    sim_json_key(out, "configuration");
    buf_putc(out, '{');
    sim_json_key(out, "asyncProcessDSRequest");
    buf_putc(out, '{');
    put_bool(out, "async", s->async);
    sim_json_int(out, "timeout", s->async_timeout_s);
    buf_putc(out, '}');
    put_optional(out, "clientVersion", s->client_version);
    put_optional(out, "deployment", s->template_deployment);
    sim_json_str(out, "type", STR("DS"));
    buf_putc(out, '}');
    sim_json_str(out, "createdAt", ags_time(a, s->created_ms));
    sim_json_str(out, "id", s->id);
    put_bool(out, "isActive", s->active);
    put_optional(out, "matchPool", s->match_pool);
    sim_json_key(out, "members");
    buf_puts(out, "[]");
    sim_json_str(out, "namespace", s->ns);
    sim_json_str(out, "updatedAt", ags_time(a, s->updated_ms));
    sim_json_int(out, "version", s->reports + 1);
}

void ags_session_json(const struct ags_session *session, struct arena *a, struct buf *out) {
    buf_putc(out, '{');
    put_members(session, a, out);
    buf_putc(out, '}');
}

void ags_session_history_json(const struct ags_session *session, struct arena *a, struct buf *out) {
    buf_putc(out, '{');
    put_members(session, a, out);
    sim_json_int(out, "reports", session->reports);
    sim_json_key(out, "history");
    buf_putc(out, '[');
    for (struct list *l = session->history.next; l != &session->history; l = l->next) {
        const struct ags_report *r = CONTAINER_OF(l, struct ags_report, node);
        sim_json_key(out, NULL);
        buf_putc(out, '{');
        sim_json_int(out, "time_ms", r->time_ms);
        sim_json_key(out, "body");
        buf_putstr(out, r->json);
        buf_putc(out, '}');
    }
    buf_puts(out, "]}");
}
