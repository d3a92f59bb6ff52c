// SPDX-License-Identifier: Apache-2.0
#include "aws/credentials_environment.h"

#include "base/obj.h"

#include <stdlib.h>

#define SHOWN_NAME 300 /* bytes */

static const struct {
    const char *name;
    size_t offset;
} texts[] = {
    {"AWS_ACCESS_KEY_ID", offsetof(struct aws_environment, access_key_id)},
    {"AWS_CREDENTIAL_EXPIRATION", offsetof(struct aws_environment, credential_expiration)},
    {"AWS_PROFILE", offsetof(struct aws_environment, profile)},
    {"AWS_DEFAULT_PROFILE", offsetof(struct aws_environment, default_profile)},
    {"AWS_CONFIG_FILE", offsetof(struct aws_environment, config_file)},
    {"AWS_SHARED_CREDENTIALS_FILE", offsetof(struct aws_environment, shared_credentials_file)},
    {"HOME", offsetof(struct aws_environment, home)},
    {"AWS_ROLE_ARN", offsetof(struct aws_environment, role_arn)},
    {"AWS_ROLE_SESSION_NAME", offsetof(struct aws_environment, role_session_name)},
    {"AWS_WEB_IDENTITY_TOKEN_FILE", offsetof(struct aws_environment, web_identity_token_file)},
    {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
     offsetof(struct aws_environment, container_relative_uri)},
    {"AWS_CONTAINER_CREDENTIALS_FULL_URI", offsetof(struct aws_environment, container_full_uri)},
    {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
     offsetof(struct aws_environment, container_token_file)},
    {"AWS_EC2_METADATA_DISABLED", offsetof(struct aws_environment, metadata_disabled)},
    {"AWS_EC2_METADATA_SERVICE_ENDPOINT", offsetof(struct aws_environment, metadata_endpoint)},
    {"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
     offsetof(struct aws_environment, metadata_endpoint_mode)},
    {"AWS_EC2_METADATA_V1_DISABLED", offsetof(struct aws_environment, metadata_v1_disabled)},
    {"AWS_METADATA_SERVICE_TIMEOUT", offsetof(struct aws_environment, metadata_timeout)},
    {"AWS_METADATA_SERVICE_NUM_ATTEMPTS", offsetof(struct aws_environment, metadata_attempts)},
    {"AWS_REGION", offsetof(struct aws_environment, region)},
    {"AWS_DEFAULT_REGION", offsetof(struct aws_environment, default_region)},
    {"AWS_ENDPOINT_URL", offsetof(struct aws_environment, endpoint_url)},
    {"AWS_ENDPOINT_URL_GAMELIFT", offsetof(struct aws_environment, endpoint_url_gamelift)},
    {"AWS_ENDPOINT_URL_STS", offsetof(struct aws_environment, endpoint_url_sts)},
    {"AWS_ENDPOINT_URL_SQS", offsetof(struct aws_environment, endpoint_url_sqs)},
    {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
     offsetof(struct aws_environment, ignore_configured_endpoint_urls)},
    {"AWS_USE_FIPS_ENDPOINT", offsetof(struct aws_environment, use_fips_endpoint)},
    {"AWS_USE_DUALSTACK_ENDPOINT", offsetof(struct aws_environment, use_dualstack_endpoint)},
    {"AWS_MAX_ATTEMPTS", offsetof(struct aws_environment, max_attempts)},
    {"AWS_RETRY_MODE", offsetof(struct aws_environment, retry_mode)},
    {"AWS_DISABLE_CLOCK_SKEW_CORRECTION",
     offsetof(struct aws_environment, disable_skew_correction)},
    {"AWS_SDK_UA_APP_ID", offsetof(struct aws_environment, app_id)},
    {"AWS_EXECUTION_ENV", offsetof(struct aws_environment, execution_env)},
};

static const struct {
    const char *name;
    size_t offset;
} secrets[] = {
    {"AWS_SECRET_ACCESS_KEY", offsetof(struct aws_environment, secret_access_key)},
    {"AWS_SESSION_TOKEN", offsetof(struct aws_environment, session_token)},
    {"AWS_CONTAINER_AUTHORIZATION_TOKEN", offsetof(struct aws_environment, container_token)},
};

void aws_environment_load(struct arena *a, struct aws_environment *ret) {
    *ret = (struct aws_environment){.home = STR_NULL};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct str value = arena_str(a, str_c(getenv(texts[i].name)));
        memcpy((char *)ret + texts[i].offset, &value, sizeof value);
    }
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
        char *value = getenv(secrets[i].name);
        if (value == NULL)
            continue;
        struct secret secret = secret_new(str_c(value));
        memcpy((char *)ret + secrets[i].offset, &secret, sizeof secret);
        explicit_bzero(value, strlen(value));
        unsetenv(secrets[i].name);
    }
}

void aws_environment_clear(struct aws_environment *env) {
    secret_free(&env->secret_access_key);
    secret_free(&env->session_token);
    secret_free(&env->container_token);
}

struct str aws_shown(struct arena *a, struct str name) {
    struct str copy = arena_str(a, str_utf8_cut(name, SHOWN_NAME));
    char *p = (char *)(uintptr_t)copy.p;
    for (size_t i = 0; i < copy.n; i++) {
        size_t bytes = str_utf8_next(copy, i);
        if (bytes == 0 || (unsigned char)p[i] < ' ' || p[i] == '\x7F')
            p[i] = '?';
        else
            i += bytes - 1;
    }
    return copy;
}

bool aws_profile_is_named(const struct aws_environment *env) {
    return !str_empty(env->profile) || !str_empty(env->default_profile);
}

struct str aws_profile_name(const struct aws_environment *env) {
    if (!str_empty(env->profile))
        return env->profile;
    return str_empty(env->default_profile) ? STR("default") : env->default_profile;
}
