// SPDX-License-Identifier: Apache-2.0
/* What tests may see and change of temporary credentials: control.h lists the paths. */
#include "base/obj.h"
#include "sim/control.h"
#include "sim/json.h"
#include "sim/sts.h"

#define MAX_STATE ((size_t)4 << 20) /* bytes */

static struct sts *state_of(struct sim_exchange *ex) {
    return OBJ_CAST(ex->service->state, sts, STS_MAGIC);
}

/* What is in force and what was issued; no secret or token. */
static struct err *get_credentials(struct sim_exchange *ex, struct str segment) {
    (void)segment;
    const struct sts *sts = state_of(ex);
    const struct auth *auth = &ex->sim->auth;
    struct buf out;
    buf_init(&out, MAX_STATE);
    buf_putc(&out, '{');
    sim_json_int(&out, "issued", (int64_t)sts->issued);
    sim_json_int(&out, "lifetime_s", sts->settings.lifetime_s);
    sim_json_key(&out, "known");
    buf_putc(&out, '[');
    for (size_t i = 0; i < auth->n_keys; i++) {
        if (auth->keys[i].expires_ms == 0)
            continue;
        sim_json_key(&out, NULL);
        buf_putc(&out, '{');
        sim_json_str(&out, "access_key_id", str_c(auth->keys[i].id));
        sim_json_int(&out, "expires_ms", auth->keys[i].expires_ms);
        buf_putc(&out, '}');
    }
    buf_puts(&out, "]}");
    sim_reply_text(ex, 200, "application/json", buf_str(&out));
    buf_free(&out);
    return NULL;
}

static struct err *post_credentials(struct sim_exchange *ex, struct str segment) {
    struct sts *sts = state_of(ex);
    struct sts_settings s = sts->settings;
    yajl_val tree = NULL;
    const struct sim_json_field fields[] = {
        {.name = "lifetime_s",
         .kind = SIM_JSON_INT,
         .ret = &s.lifetime_s,
         .max = STS_MAX_LIFETIME_S},
        {.name = "role_arn", .kind = SIM_JSON_STR, .ret = &s.role_arn},
        {.name = "external_id", .kind = SIM_JSON_STR, .ret = &s.external_id},
        {.name = "web_identity_token", .kind = SIM_JSON_STR, .ret = &s.web_identity_token},
        {.name = "container_token", .kind = SIM_JSON_STR, .ret = &s.container_token},
        {.name = "instance_role", .kind = SIM_JSON_STR, .ret = &s.instance_role},
        {.name = "instance_region", .kind = SIM_JSON_STR, .ret = &s.instance_region},
        {.name = "imds_v1", .kind = SIM_JSON_BOOL, .ret = &s.imds_v1},
    };
    struct err *err = sim_json_parse(ex->req.body, ex->arena, &tree);
    if (err == NULL)
        err = sim_json_read(tree, "credentials", fields, ARRAY_LEN(fields), ex->arena);
    for (size_t i = 0; err == NULL && i < ARRAY_LEN(fields); i++)
        if (fields[i].kind == SIM_JSON_STR &&
            ((const struct str *)fields[i].ret)->n > STS_MAX_SETTING)
            err = ERR_INVALID(ex->arena, "credentials.%s is too long", fields[i].name);
    if (err != NULL)
        return err;
    sts_set(sts, &s);
    return get_credentials(ex, segment);
}

static struct err *post_expire(struct sim_exchange *ex, struct str segment) {
    sts_expire_all(state_of(ex));
    return get_credentials(ex, segment);
}

static struct err *delete_credentials(struct sim_exchange *ex, struct str segment) {
    sts_forget_all(state_of(ex));
    return get_credentials(ex, segment);
}

static struct err *delete_imds_tokens(struct sim_exchange *ex, struct str segment) {
    (void)segment;
    struct sts *sts = state_of(ex);
    memset(sts->imds_tokens, 0, sizeof sts->imds_tokens);
    control_ok(ex);
    return NULL;
}

static const struct control_route routes[] = {
    {.method = "GET", .path = "/_sim/credentials", .fn = get_credentials},
    {.method = "POST", .path = "/_sim/credentials", .fn = post_credentials},
    {.method = "DELETE", .path = "/_sim/credentials", .fn = delete_credentials},
    {.method = "POST", .path = "/_sim/credentials/expire", .fn = post_expire},
    {.method = "DELETE", .path = "/_sim/credentials/imds-tokens", .fn = delete_imds_tokens},
};

static void handle(struct sim_exchange *ex) {
    control_dispatch(ex, routes, ARRAY_LEN(routes));
}

static bool matches(const struct sim_request *req) {
    return str_eq(req->path, STR("/_sim/credentials")) ||
           str_starts(req->path, STR("/_sim/credentials/"));
}

struct sim_service sts_control(struct sts *sts) {
    return (struct sim_service){
        .name = "credentials-control", .matches = matches, .handle = handle, .state = sts};
}
