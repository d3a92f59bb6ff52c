// SPDX-License-Identifier: Apache-2.0
/* What a token says, and whether the stand-in believes it. */
#include "base/obj.h"
#include "sim/ags.h"

#define DEFAULT_SCOPE "commerce account social publishing analytics"
#define READ_SESSIONS "NAMESPACE:{namespace}:SESSION:GAME"
#define UPDATE_SESSIONS "ADMIN:NAMESPACE:{namespace}:SESSION:GAME"
#define ACTION_READ 2
#define ACTION_UPDATE 4

/* ---- issuing ---- */

static void put_permission(struct buf *out, bool claims, const char *resource, int action) {
    sim_json_key(out, NULL);
    buf_putc(out, '{');
    sim_json_str(out, claims ? "Resource" : "resource", str_c(resource));
    sim_json_int(out, claims ? "Action" : "action", action);
    buf_putc(out, '}');
}

void ags_permissions_json(const struct ags *ags, bool claims, struct buf *out) {
    sim_json_key(out, "permissions");
    buf_putc(out, '[');
    if (ags->may_read)
        put_permission(out, claims, READ_SESSIONS, ACTION_READ);
    if (ags->may_update)
        put_permission(out, claims, UPDATE_SESSIONS, ACTION_UPDATE);
    buf_putc(out, ']');
}

/* "studio" of "studio-game": whose client may ask for tokens of the extend grant. */
static struct str studio_of(struct str ns) {
    return str_sub(ns, 0, str_find(ns, '-'));
}

static void put_no_list(struct buf *out, const char *name) {
    sim_json_key(out, name);
    buf_puts(out, "[]");
}

const struct ags_token *ags_token_issue(struct ags *ags, enum ags_grant grant,
                                        struct str extend_ns) {
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    struct buf claims;
    struct str jti = sim_uuid(a);
    /* Before the clock is read, because making the first one takes its time. */
    const struct ags_key *key = ags_key_signing(ags);
    int64_t now = ags_now_s(ags);
    bool extend = grant == AGS_EXTEND;
    struct str studio = studio_of(ags->options.ns);
    buf_init(&claims, AGS_JWT_MAX);
    buf_putc(&claims, '{');
    put_no_list(&claims, "aud");
    put_no_list(&claims, "bans");
    sim_json_str(&claims, "client_id", ags->options.client_id);
    sim_json_int(&claims, "exp", now + ags->token_lifetime_s);
    if (extend)
        sim_json_str(&claims, "extend_namespace", extend_ns);
    sim_json_int(&claims, "iat", now);
    sim_json_str(&claims, "iss", STR("https://ags.example.com"));
    sim_json_str(&claims, "jti", jti);
    sim_json_str(&claims, "namespace", extend ? studio : ags->options.ns);
    put_no_list(&claims, "namespace_roles");
    sim_json_int(&claims, "nbf", now);
    sim_json_str(&claims, "parent_namespace", studio);
    if (extend)
        put_no_list(&claims, "permissions");
    else
        ags_permissions_json(ags, true, &claims);
    put_no_list(&claims, "roles");
    sim_json_str(&claims, "scope", extend ? STR("extend") : STR(DEFAULT_SCOPE));
    sim_json_str(&claims, "union_namespace", studio);
    buf_putc(&claims, '}');
    const struct ags_token *t = ags_token_make(ags, key, str_c(key->kid), buf_str(&claims), jti);
    buf_free(&claims);
    arena_free(a);
    return t;
}

/* ---- checking ---- */

static struct str claim_str(yajl_val tree, const char *name) {
    const char *path[] = {name, NULL};
    yajl_val v = yajl_tree_get(tree, path, yajl_t_string);
    return v == NULL ? STR_NULL : str_c(YAJL_GET_STRING(v));
}

static int64_t claim_int(yajl_val tree, const char *name) {
    const char *path[] = {name, NULL};
    yajl_val v = yajl_tree_get(tree, path, yajl_t_number);
    return YAJL_IS_INTEGER(v) ? YAJL_GET_INTEGER(v) : 0;
}

static const struct ags_key *find_key(const struct ags *ags, struct str kid) {
    for (size_t i = 0; i < ags->n_keys; i++)
        if (str_eq(str_c(ags->keys[i]->kid), kid))
            return ags->keys[i];
    return NULL;
}

static const struct ags_token *find_token(const struct ags *ags, struct str text) {
    /* Almost always it is the newest. */
    for (struct list *l = ags->tokens.prev; l != &ags->tokens; l = l->prev)
        if (str_eq(CONTAINER_OF(l, struct ags_token, node)->text, text))
            return CONTAINER_OF(l, struct ags_token, node);
    return NULL;
}

static const char *check_signature(const struct ags *ags, const struct ags_jwt *jwt,
                                   struct arena *a, yajl_val *ret_claims) {
    yajl_val header = NULL;
    if (sim_json_parse(jwt->header, a, &header) != NULL || !YAJL_IS_OBJECT(header) ||
        sim_json_parse(jwt->claims, a, ret_claims) != NULL || !YAJL_IS_OBJECT(*ret_claims))
        return "no JSON in the token";
    if (!str_eq(claim_str(header, "alg"), STR("RS256")))
        return "algorithm is not RS256";
    const struct ags_key *key = find_key(ags, claim_str(header, "kid"));
    if (key == NULL)
        return "unknown key";
    return ags_jwt_verify(jwt, key) ? NULL : "wrong signature";
}

static const char *check_revoked(const struct ags *ags, struct str text,
                                 const struct ags_claims *claims) {
    const struct ags_token *t = find_token(ags, text);
    if (t == NULL ? ags_bloom_has(&ags->revoked, text) : t->revoked)
        return "token was revoked";
    if (t != NULL && t->number <= ags->expired_up_to)
        return "told to take it for expired";
    for (size_t i = 0; i < ags->n_users; i++)
        if (claims->sub.p != NULL && str_eq(str_c(ags->users[i].id), claims->sub) &&
            ags->users[i].revoked_at_ms / 1000 >= claims->iat)
            return "user was revoked";
    return NULL;
}

const char *ags_token_check(const struct ags *ags, struct str text, struct arena *a,
                            struct ags_claims *ret) {
    struct ags_jwt jwt;
    yajl_val tree = NULL;
    if (!ags_jwt_split(text, a, &jwt))
        return "no token in compact form";
    const char *why = check_signature(ags, &jwt, a, &tree);
    if (why != NULL)
        return why;
    struct ags_claims claims = {
        .tree = tree,
        .jti = claim_str(tree, "jti"),
        .ns = claim_str(tree, "namespace"),
        .extend_ns = claim_str(tree, "extend_namespace"),
        .client_id = claim_str(tree, "client_id"),
        .scope = claim_str(tree, "scope"),
        .sub = claim_str(tree, "sub"),
        .iat = claim_int(tree, "iat"),
        .nbf = claim_int(tree, "nbf"),
        .exp = claim_int(tree, "exp"),
    };
    if (claims.exp <= ags_now_s(ags))
        return "token expired";
    if (claims.nbf > ags_now_s(ags))
        return "token not valid yet";
    why = check_revoked(ags, text, &claims);
    if (why != NULL)
        return why;
    *ret = claims;
    return NULL;
}

bool ags_token_permits(const struct ags_claims *claims, const char *resource, int64_t action,
                       struct str ns) {
    const char *path[] = {"permissions", NULL};
    yajl_val list = yajl_tree_get(claims->tree, path, yajl_t_array);
    for (size_t i = 0; list != NULL && i < list->u.array.len; i++) {
        yajl_val permission = list->u.array.values[i];
        /* The placeholder stands for the namespace of the token itself; "*" is every one. */
        if (YAJL_IS_OBJECT(permission) &&
            str_eq(claim_str(permission, "Resource"), str_c(resource)) &&
            (claim_int(permission, "Action") & action) != 0 &&
            (str_eq(claims->ns, ns) || str_eq(claims->ns, STR("*"))))
            return true;
    }
    return false;
}
