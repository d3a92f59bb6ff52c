// SPDX-License-Identifier: Apache-2.0
#include "aws/region.h"

struct str aws_region_find(const struct aws_environment *env, const struct shared_config *config) {
    if (!str_empty(env->region))
        return env->region;
    if (!str_empty(env->default_region))
        return env->default_region;
    return shared_config_lookup(config, aws_profile_name(env), "region");
}

struct err *aws_switch(struct arena *a, const struct aws_environment *env,
                       const struct shared_config *config, const char *name, struct str value,
                       const char *key, bool *ret) {
    if (str_empty(value) && key != NULL) {
        value = shared_config_lookup(config, aws_profile_name(env), key);
        name = key;
    }
    if (!str_empty(value) && !str_eq_nocase(value, STR("true")) &&
        !str_eq_nocase(value, STR("false"))) {
        struct err *err = ERR_INVALID(a, "%s must be true or false", name);
        err->field = str_c(name);
        return err;
    }
    *ret = str_eq_nocase(value, STR("true"));
    return NULL;
}

/* What the profile says is asked only where the environment says nothing. */
static struct err *profile_urls(struct arena *a, const struct aws_environment *env,
                                const struct shared_config *config, struct str service,
                                struct endpoint_settings *s) {
    struct str profile = aws_profile_name(env);
    if (s->ignore_urls || !str_empty(s->service_url) || !str_empty(s->url))
        return NULL;
    struct err *err = shared_config_service(config, a, profile, arena_cstr(a, service),
                                            "endpoint_url", &s->service_url);
    if (err == NULL)
        s->url = shared_config_lookup(config, profile, "endpoint_url");
    return err;
}

struct err *aws_endpoint_settings(struct arena *a, const struct aws_environment *env,
                                  const struct shared_config *config, struct str service,
                                  struct str region, struct endpoint_settings *ret) {
    struct err *err;
    struct endpoint_settings s = {
        .service = service,
        .region = region,
        .url = env->endpoint_url,
        .service_url = str_eq(service, STR("sts"))        ? env->endpoint_url_sts
                       : str_eq(service, STR("gamelift")) ? env->endpoint_url_gamelift
                       : str_eq(service, STR("sqs"))      ? env->endpoint_url_sqs
                                                          : STR_NULL,
    };
    if ((err = aws_switch(a, env, config, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
                          env->ignore_configured_endpoint_urls, "ignore_configured_endpoint_urls",
                          &s.ignore_urls)) != NULL ||
        (err = aws_switch(a, env, config, "AWS_USE_FIPS_ENDPOINT", env->use_fips_endpoint,
                          "use_fips_endpoint", &s.use_fips)) != NULL ||
        (err = aws_switch(a, env, config, "AWS_USE_DUALSTACK_ENDPOINT", env->use_dualstack_endpoint,
                          "use_dualstack_endpoint", &s.use_dualstack)) != NULL ||
        (err = profile_urls(a, env, config, service, &s)) != NULL)
        return err;
    *ret = s;
    return NULL;
}
