// SPDX-License-Identifier: Apache-2.0
/* What a verified token says. */
#include "auth/jwt.h"
#include "auth/strict_json.h"
#include "base/obj.h"
#include "codec/json.h"
#include "codec/texts.h"

#include <math.h>

#define MAX_TIME_S 1e12 /* dates beyond are no dates; whole seconds are exact in a double */

/* AGS writes its permissions in Pascal case in claims, elsewhere in lower case. */
struct permission {
    struct str resource;
    struct str resource_lower;
    int64_t action;
    int64_t action_lower;
    bool has_action;
    bool has_action_lower;
};

struct permission_list {
    const struct permission *v;
    size_t n;
};

struct text_list {
    const struct str *v;
    size_t n;
};

struct namespace_role_list {
    const struct jwt_namespace_role *v;
    size_t n;
};

struct claims {
    double exp;
    double nbf;
    double iat;
    bool has_exp;
    bool has_nbf;
    bool has_iat;
    struct str sub;
    struct str client_id;
    struct str namespace_name;
    struct str extend_namespace;
    struct permission_list permissions;
    struct text_list roles;
    struct namespace_role_list namespace_roles;
};

/* NumericDate may have a fraction (RFC 7519 section 2). */
static const struct codec_shape date_shape = {
    .kind = CODEC_DOUBLE,
    .name = "NumericDate",
    .size = sizeof(double),
};

static const struct codec_shape long_shape = {
    .kind = CODEC_LONG,
    .name = "Long",
    .size = sizeof(int64_t),
};

#define MEMBER(wire, type, field, of)                                                              \
    { .name = STR_INIT(wire), .offset = offsetof(struct type, field), .shape = &(of) }
#define NUMBER(wire, type, field, of)                                                              \
    {                                                                                              \
        .name = STR_INIT(wire), .offset = offsetof(struct type, field),                            \
        .has_offset = offsetof(struct type, has_##field), .has = true, .shape = &(of)              \
    }

static const struct codec_member permission_members[] = {
    CODEC_TEXT(struct permission, "Resource", resource),
    CODEC_TEXT(struct permission, "resource", resource_lower),
    NUMBER("Action", permission, action, long_shape),
    NUMBER("action", permission, action_lower, long_shape),
};

static const struct codec_shape permission_shape = {
    .kind = CODEC_STRUCT,
    .name = "Permission",
    .size = sizeof(struct permission),
    .members = permission_members,
    .n_members = ARRAY_LEN(permission_members),
};

static const struct codec_shape permissions_shape = {
    .kind = CODEC_LIST,
    .name = "Permissions",
    .size = sizeof(struct permission_list),
    .element = &permission_shape,
    .stride = sizeof(struct permission),
};

static const struct codec_shape texts_shape = {
    .kind = CODEC_LIST,
    .name = "Texts",
    .size = sizeof(struct text_list),
    .element = &codec_any_text,
    .stride = sizeof(struct str),
};

static const struct codec_member namespace_role_members[] = {
    CODEC_TEXT(struct jwt_namespace_role, "roleId", id),
    CODEC_TEXT(struct jwt_namespace_role, "namespace", namespace_name),
};

static const struct codec_shape namespace_role_shape = {
    .kind = CODEC_STRUCT,
    .name = "NamespaceRole",
    .size = sizeof(struct jwt_namespace_role),
    .members = namespace_role_members,
    .n_members = ARRAY_LEN(namespace_role_members),
};

static const struct codec_shape namespace_roles_shape = {
    .kind = CODEC_LIST,
    .name = "NamespaceRoles",
    .size = sizeof(struct namespace_role_list),
    .element = &namespace_role_shape,
    .stride = sizeof(struct jwt_namespace_role),
};

static const struct codec_member claims_members[] = {
    NUMBER("exp", claims, exp, date_shape),
    NUMBER("nbf", claims, nbf, date_shape),
    NUMBER("iat", claims, iat, date_shape),
    CODEC_TEXT(struct claims, "sub", sub),
    CODEC_TEXT(struct claims, "client_id", client_id),
    CODEC_TEXT(struct claims, "namespace", namespace_name),
    CODEC_TEXT(struct claims, "extend_namespace", extend_namespace),
    MEMBER("permissions", claims, permissions, permissions_shape),
    MEMBER("roles", claims, roles, texts_shape),
    MEMBER("namespace_roles", claims, namespace_roles, namespace_roles_shape),
};

static const struct codec_shape claims_shape = {
    .kind = CODEC_STRUCT,
    .name = "Claims",
    .size = sizeof(struct claims),
    .members = claims_members,
    .n_members = ARRAY_LEN(claims_members),
};

static struct err *refused(struct arena *a, const char *why) {
    return err_new(a, RPC_UNAUTHENTICATED, "%s", why);
}

/* The JSON engine takes AWS's "NaN" and "Infinity" for numbers; neither is at most MAX_TIME_S. */
static bool is_date(bool has, double seconds) {
    return !has || islessequal(fabs(seconds), MAX_TIME_S);
}

static const struct jwt_permission *permissions_of(struct arena *a,
                                                   const struct permission_list *list) {
    struct jwt_permission *v = arena_array(a, list->n, sizeof *v);
    for (size_t i = 0; i < list->n; i++) {
        const struct permission *p = &list->v[i];
        v[i] = (struct jwt_permission){
            .resource = p->resource.p != NULL ? p->resource : p->resource_lower,
            .action = p->has_action ? p->action : p->action_lower,
        };
    }
    return v;
}

struct err *jwt_read_claims(struct arena *a, const struct jwt *jwt, struct jwt_claims *ret) {
    struct claims c = {.exp = 0};
    if (strict_json_check(a, jwt->payload) != NULL ||
        json_decode(jwt->payload, &claims_shape, &c, a) != NULL || !is_date(c.has_exp, c.exp) ||
        !is_date(c.has_nbf, c.nbf) || !is_date(c.has_iat, c.iat) ||
        c.permissions.n > JWT_MAX_PERMISSIONS || c.roles.n > JWT_MAX_ROLES ||
        c.namespace_roles.n > JWT_MAX_ROLES)
        return refused(a, "the token's claims are malformed");
    if (!c.has_exp)
        return refused(a, "token is expired (exp)");
    *ret = (struct jwt_claims){
        .exp = c.exp,
        .nbf = c.nbf,
        .iat = c.iat,
        .has_nbf = c.has_nbf,
        .has_iat = c.has_iat,
        .sub = c.sub,
        .client_id = c.client_id,
        .namespace_name = c.namespace_name,
        .extend_namespace = c.extend_namespace,
        .permissions = permissions_of(a, &c.permissions),
        .n_permissions = c.permissions.n,
        .namespace_roles = c.namespace_roles.v,
        .n_namespace_roles = c.namespace_roles.n,
        .roles = c.roles.v,
        .n_roles = c.roles.n,
    };
    return NULL;
}

struct err *jwt_check_times(struct arena *a, const struct jwt_claims *claims, double now_s) {
    if (isgreaterequal(now_s, claims->exp + JWT_LEEWAY_S))
        return refused(a, "token is expired (exp)");
    if (claims->has_nbf && isless(now_s, claims->nbf - JWT_LEEWAY_S))
        return refused(a, "token not valid yet (nbf)");
    return NULL;
}
