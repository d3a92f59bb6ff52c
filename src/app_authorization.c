// SPDX-License-Identifier: Apache-2.0
#include "app_authorization.h"

#include "base/log.h"

void app_authorization_start(struct app_authorization *ret, const struct config *c,
                             struct loop *loop, struct ags_client *ags) {
    if (!c->auth_enabled) {
        LOG_WARN(NULL, "callers are not authorized",
                 LOG_CSTR("setting", "PLUGIN_GRPC_SERVER_AUTH_ENABLED"));
        return;
    }
    ret->trust = trust_store_new((int64_t)c->auth_max_stale_s * 1000);
    const struct auth_refresh_options refresh = {
        .loop = loop,
        .ags = ags,
        .trust = ret->trust,
        .interval_ms = (int64_t)c->refresh_interval_s * 1000,
    };
    ret->refresh = auth_refresh_new(&refresh);
    const struct roles_options roles = {
        .loop = loop,
        .ags = ags,
        .lifetime_ms = (int64_t)c->roles_cache_expiration_s * 1000,
        .max_stale_ms = (int64_t)c->auth_max_stale_s * 1000,
    };
    if (!str_empty(c->auth_required_resource))
        ret->roles = roles_new(&roles);
    const struct authorizer_options options = {
        .trust = ret->trust,
        .roles = ret->roles,
        .namespace_name = c->ab_namespace,
        .any_without_extend_namespace = !c->auth_require_extend_namespace,
        .resource = c->auth_required_resource,
        .action = c->auth_required_action,
        .unknown_key = auth_refresh_unknown_key,
        .unknown_key_priv = ret->refresh,
    };
    ret->authorizer = authorizer_new(&options);
}

void app_authorization_end(struct app_authorization *authorization) {
    authorizer_free(authorization->authorizer);
    roles_free(authorization->roles);
    auth_refresh_free(authorization->refresh);
    trust_store_free(authorization->trust);
}
