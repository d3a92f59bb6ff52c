// SPDX-License-Identifier: Apache-2.0
/* What tests may see and change of the stand-in AGS: control.h lists the paths. */
#include "base/obj.h"
#include "sim/ags.h"
#include "sim/control.h"
#include "sim/form.h"

#include <inttypes.h>

#define MAX_STATE ((size_t)256 << 20) /* bytes */
#define MAX_LIFETIME_S ((int64_t)10 * 365 * 86400)

static struct ags *state_of(struct sim_exchange *ex) {
    return OBJ_CAST(ex->service->state, ags, AGS_MAGIC);
}

static struct err *reply_json(struct sim_exchange *ex, struct buf *out) {
    struct err *err = NULL;
    if (out->failed)
        err = ERR_INVALID(ex->arena, "the state is too large to show");
    else
        sim_reply_text(ex, 200, "application/json", buf_str(out));
    buf_free(out);
    return err;
}

static struct err *read_body(struct sim_exchange *ex, const char *what,
                             const struct sim_json_field *fields, size_t n) {
    yajl_val tree = NULL;
    struct str body = str_empty(str_trim(ex->req.body)) ? STR("{}") : ex->req.body;
    struct err *err = sim_json_parse(body, ex->arena, &tree);
    return err != NULL ? err : sim_json_read(tree, what, fields, n, ex->arena);
}

/* ---- settings ---- */

static struct err *get_ags(struct sim_exchange *ex, struct str segment) {
    static const char *const names[] = {
        [AGS_TOKEN_GRANT] = "TokenGrantV3",
        [AGS_VERIFY_TOKEN] = "VerifyTokenV3",
        [AGS_GET_JWKS] = "GetJWKSV3",
        [AGS_GET_REVOCATION_LIST] = "GetRevocationListV3",
        [AGS_GET_GAME_SESSION] = "getGameSession",
        [AGS_UPDATE_DS_INFORMATION] = "adminUpdateDSInformation",
        [AGS_GET_ROLE_OVERRIDE] = "AdminGetRoleNamespacePermissionV3",
        [AGS_GET_ROLE] = "AdminGetRoleV3",
        [AGS_GET_NAMESPACE_CONTEXT] = "getNamespaceContext",
    };
    (void)segment;
    const struct ags *ags = state_of(ex);
    struct buf out;
    buf_init(&out, MAX_STATE);
    buf_putc(&out, '{');
    sim_json_str(&out, "client_id", ags->options.client_id);
    sim_json_str(&out, "namespace", ags->options.ns);
    sim_json_int(&out, "expires_in", ags->token_lifetime_s);
    sim_json_int(&out, "tokens_issued", (int64_t)ags->last_token);
    sim_json_key(&out, "calls");
    buf_putc(&out, '{');
    for (size_t i = 0; i < AGS_OPERATIONS; i++)
        sim_json_int(&out, names[i], (int64_t)ags->calls[i]);
    buf_puts(&out, "}}");
    return reply_json(ex, &out);
}

static struct err *post_ags(struct sim_exchange *ex, struct str segment) {
    struct ags *ags = state_of(ex);
    int64_t lifetime = ags->token_lifetime_s;
    bool may_read = ags->may_read;
    bool may_update = ags->may_update;
    bool may_read_roles = ags->may_read_roles;
    const struct sim_json_field fields[] = {
        {.name = "expires_in", .kind = SIM_JSON_INT, .ret = &lifetime, .max = MAX_LIFETIME_S},
        {.name = "may_read", .kind = SIM_JSON_BOOL, .ret = &may_read},
        {.name = "may_update", .kind = SIM_JSON_BOOL, .ret = &may_update},
        {.name = "may_read_roles", .kind = SIM_JSON_BOOL, .ret = &may_read_roles},
    };
    struct err *err = read_body(ex, "settings", fields, ARRAY_LEN(fields));
    if (err != NULL)
        return err;
    ags->token_lifetime_s = lifetime;
    ags->may_read = may_read;
    ags->may_update = may_update;
    ags->may_read_roles = may_read_roles;
    return get_ags(ex, segment);
}

static struct err *post_keys(struct sim_exchange *ex, struct str segment) {
    (void)segment;
    bool forget = false;
    const struct sim_json_field fields[] = {
        {.name = "forget", .kind = SIM_JSON_BOOL, .ret = &forget},
    };
    struct err *err = read_body(ex, "keys", fields, ARRAY_LEN(fields));
    if (err != NULL)
        return err;
    ags_keys_rotate(state_of(ex), forget);
    control_ok(ex);
    return NULL;
}

/* ---- tokens ---- */

static void put_value(struct buf *out, yajl_val v);

static void put_members(struct buf *out, yajl_val object) {
    for (size_t i = 0; i < object->u.object.len; i++) {
        sim_json_key(out, object->u.object.keys[i]);
        put_value(out, object->u.object.values[i]);
    }
}

/* The reader has limited the depth. */
static void put_value(struct buf *out, yajl_val v) {
    if (YAJL_IS_STRING(v)) {
        buf_putjson(out, str_c(YAJL_GET_STRING(v)));
    } else if (YAJL_IS_NUMBER(v)) {
        buf_puts(out, YAJL_GET_NUMBER(v));
    } else if (YAJL_IS_OBJECT(v)) {
        buf_putc(out, '{');
        put_members(out, v);
        buf_putc(out, '}');
    } else if (YAJL_IS_ARRAY(v)) {
        buf_putc(out, '[');
        for (size_t i = 0; i < v->u.array.len; i++) {
            sim_json_key(out, NULL);
            put_value(out, v->u.array.values[i]);
        }
        buf_putc(out, ']');
    } else {
        buf_puts(out, YAJL_IS_TRUE(v) ? "true" : YAJL_IS_FALSE(v) ? "false" : "null");
    }
}

static bool has_claim(yajl_val claims, const char *name) {
    const char *path[] = {name, NULL};
    return yajl_tree_get(claims, path, yajl_t_any) != NULL;
}

/* The test's claims, and those times that it leaves out. */
static void put_claims(struct buf *out, const struct ags *ags, yajl_val claims, struct str jti) {
    int64_t now = ags_now_s(ags);
    buf_putc(out, '{');
    put_members(out, claims);
    if (!has_claim(claims, "iat"))
        sim_json_int(out, "iat", now);
    if (!has_claim(claims, "exp"))
        sim_json_int(out, "exp", now + ags->token_lifetime_s);
    if (!has_claim(claims, "jti"))
        sim_json_str(out, "jti", jti);
    buf_putc(out, '}');
}

/* A token with any claims, signed by any of the keys. */
static struct err *post_tokens(struct sim_exchange *ex, struct str segment) {
    (void)segment;
    struct ags *ags = state_of(ex);
    const struct ags_key *key = ags_key_signing(ags);
    yajl_val claims = NULL;
    struct str kid = STR_NULL;
    bool published = true;
    const struct sim_json_field fields[] = {
        {.name = "claims", .kind = SIM_JSON_ANY, .ret = &claims, .required = true},
        {.name = "kid", .kind = SIM_JSON_STR, .ret = &kid},
        {.name = "published_key", .kind = SIM_JSON_BOOL, .ret = &published},
    };
    struct err *err = read_body(ex, "token", fields, ARRAY_LEN(fields));
    if (err == NULL && !YAJL_IS_OBJECT(claims))
        err = ERR_INVALID(ex->arena, "token.claims must be an object");
    if (err != NULL)
        return err;
    struct buf text;
    struct buf out;
    struct str jti = sim_uuid(ex->arena);
    buf_init(&text, AGS_JWT_MAX / 2);
    buf_init(&out, MAX_STATE);
    put_claims(&text, ags, claims, jti);
    /* An empty kid: none in the header. */
    if (kid.p == NULL)
        kid = str_c(published ? key->kid : ags_key_unpublished(ags)->kid);
    const struct ags_token *token =
        text.failed ? NULL
                    : ags_token_make(ags, published ? key : ags_key_unpublished(ags),
                                     str_empty(kid) ? STR_NULL : kid, buf_str(&text), jti);
    buf_free(&text);
    if (token == NULL)
        return ERR_INVALID(ex->arena, "token.claims are too long");
    buf_putc(&out, '{');
    sim_json_str(&out, "access_token", token->text);
    buf_putc(&out, '}');
    return reply_json(ex, &out);
}

static struct err *post_expire(struct sim_exchange *ex, struct str segment) {
    (void)segment;
    struct ags *ags = state_of(ex);
    ags->expired_up_to = ags->last_token;
    control_ok(ex);
    return NULL;
}

/* {"token": T}, {"user": ID, "revoked_at_ms": N} or {}, which means every token so far. */
static struct err *post_revoke(struct sim_exchange *ex, struct str segment) {
    (void)segment;
    struct ags *ags = state_of(ex);
    struct str token = STR_NULL;
    struct str user = STR_NULL;
    int64_t revoked_at_ms = sim_now_ms(ex->sim);
    const struct sim_json_field fields[] = {
        {.name = "token", .kind = SIM_JSON_STR, .ret = &token},
        {.name = "user", .kind = SIM_JSON_STR, .ret = &user},
        {.name = "revoked_at_ms", .kind = SIM_JSON_INT, .ret = &revoked_at_ms, .max = INT64_MAX},
    };
    struct err *err = read_body(ex, "revocation", fields, ARRAY_LEN(fields));
    if (err != NULL)
        return err;
    if (token.p != NULL)
        ags_token_revoke(ags, token);
    else if (user.p == NULL)
        ags_token_revoke_all(ags);
    if (user.p != NULL && !ags_user_revoke(ags, user, revoked_at_ms))
        return ERR_INVALID(ex->arena, "the user's id is too long, or %d users are revoked",
                           AGS_MAX_USERS);
    control_ok(ex);
    return NULL;
}

/* ---- game sessions ---- */

static struct err *get_sessions(struct sim_exchange *ex, struct str segment) {
    (void)segment;
    const struct ags *ags = state_of(ex);
    struct buf out;
    buf_init(&out, MAX_STATE);
    buf_putc(&out, '[');
    for (struct list *l = ags->sessions.next; l != &ags->sessions; l = l->next) {
        sim_json_key(&out, NULL);
        ags_session_history_json(CONTAINER_OF(l, struct ags_session, node), ex->arena, &out);
    }
    buf_putc(&out, ']');
    return reply_json(ex, &out);
}

static struct err *delete_sessions(struct sim_exchange *ex, struct str segment) {
    (void)segment;
    struct ags *ags = state_of(ex);
    while (!list_empty(&ags->sessions))
        ags_session_remove(ags, CONTAINER_OF(ags->sessions.next, struct ags_session, node));
    control_ok(ex);
    return NULL;
}

/* "studio-game/0123" */
static struct err *split_segment(struct sim_exchange *ex, struct str segment, struct str *ret_ns,
                                 struct str *ret_id) {
    size_t slash = str_find(segment, '/');
    if (form_unescape(str_sub(segment, 0, slash), false, ex->arena, ret_ns) &&
        form_unescape(str_from(segment, slash + 1), false, ex->arena, ret_id))
        return NULL;
    return ERR_INVALID(ex->arena, "the path has a malformed percent escape");
}

static struct err *find_session(struct sim_exchange *ex, struct str segment,
                                struct ags_session **ret) {
    struct str ns = STR_NULL;
    struct str id = STR_NULL;
    struct err *err = split_segment(ex, segment, &ns, &id);
    if (err != NULL)
        return err;
    *ret = ags_session_find(state_of(ex), ns, id);
    return *ret != NULL ? NULL : err_new(ex->arena, RPC_NOT_FOUND, "no such session");
}

static struct err *get_session(struct sim_exchange *ex, struct str segment) {
    struct ags_session *session = NULL;
    struct err *err = find_session(ex, segment, &session);
    if (err != NULL)
        return err;
    struct buf out;
    buf_init(&out, MAX_STATE);
    ags_session_history_json(session, ex->arena, &out);
    return reply_json(ex, &out);
}

static struct err *put_session(struct sim_exchange *ex, struct str segment) {
    struct str ns = STR_NULL;
    struct str id = STR_NULL;
    struct err *err = split_segment(ex, segment, &ns, &id);
    if (err == NULL)
        err = ags_session_put(state_of(ex), ns, id, ex->req.body, ex->arena);
    return err != NULL ? err : get_session(ex, segment);
}

static struct err *delete_session(struct sim_exchange *ex, struct str segment) {
    struct ags_session *session = NULL;
    struct err *err = find_session(ex, segment, &session);
    if (err != NULL)
        return err;
    ags_session_remove(state_of(ex), session);
    control_ok(ex);
    return NULL;
}

static struct err *put_role(struct sim_exchange *ex, struct str segment) {
    struct str ns = STR_NULL;
    struct str id = STR_NULL;
    struct err *err = split_segment(ex, segment, &ns, &id);
    if (err == NULL)
        err = ags_stored_put(state_of(ex), ns, id, ex->req.body, ex->arena);
    if (err == NULL)
        control_ok(ex);
    return err;
}

static struct err *put_context(struct sim_exchange *ex, struct str segment) {
    struct err *err = ags_stored_put(state_of(ex), segment, STR(""), ex->req.body, ex->arena);
    if (err == NULL)
        control_ok(ex);
    return err;
}

static const struct control_route routes[] = {
    {.method = "GET", .path = "/_sim/ags", .fn = get_ags},
    {.method = "POST", .path = "/_sim/ags", .fn = post_ags},
    {.method = "POST", .path = "/_sim/ags/keys", .fn = post_keys},
    {.method = "POST", .path = "/_sim/ags/tokens", .fn = post_tokens},
    {.method = "POST", .path = "/_sim/ags/tokens/expire", .fn = post_expire},
    {.method = "POST", .path = "/_sim/ags/tokens/revoke", .fn = post_revoke},
    {.method = "GET", .path = "/_sim/ags/sessions", .fn = get_sessions},
    {.method = "DELETE", .path = "/_sim/ags/sessions", .fn = delete_sessions},
    {.method = "GET", .path = "/_sim/ags/sessions/*/*", .fn = get_session},
    {.method = "PUT", .path = "/_sim/ags/sessions/*/*", .fn = put_session},
    {.method = "DELETE", .path = "/_sim/ags/sessions/*/*", .fn = delete_session},
    {.method = "PUT", .path = "/_sim/ags/roles/*/*", .fn = put_role},
    {.method = "PUT", .path = "/_sim/ags/contexts/*", .fn = put_context},
};

static void handle(struct sim_exchange *ex) {
    /* Who prepares AGS here is about to use it, and may measure how long that takes. */
    (void)ags_key_signing(state_of(ex));
    control_dispatch(ex, routes, ARRAY_LEN(routes));
}

static bool matches(const struct sim_request *req) {
    return str_eq(req->path, STR("/_sim/ags")) || str_starts(req->path, STR("/_sim/ags/"));
}

struct sim_service ags_control(struct ags *ags) {
    return (struct sim_service){
        .name = "ags-control", .matches = matches, .handle = handle, .state = ags};
}
