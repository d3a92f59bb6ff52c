// SPDX-License-Identifier: Apache-2.0
/*
 * What the environment says about AWS: every variable that decides who signs, in which region and
 * where credentials are fetched. Read once at the start into a plain struct, so that everything
 * behind it is a function of its arguments and a test fills in what it needs.
 *
 * Empty is unset, as in the AWS SDKs.
 */
#ifndef AWS_CREDENTIALS_ENVIRONMENT_H
#define AWS_CREDENTIALS_ENVIRONMENT_H

#include "base/arena.h"
#include "base/secret.h"

struct aws_environment {
    struct str access_key_id;                   /* AWS_ACCESS_KEY_ID */
    struct secret secret_access_key;            /* AWS_SECRET_ACCESS_KEY */
    struct secret session_token;                /* AWS_SESSION_TOKEN */
    struct str credential_expiration;           /* AWS_CREDENTIAL_EXPIRATION */
    struct str profile;                         /* AWS_PROFILE */
    struct str default_profile;                 /* AWS_DEFAULT_PROFILE */
    struct str config_file;                     /* AWS_CONFIG_FILE */
    struct str shared_credentials_file;         /* AWS_SHARED_CREDENTIALS_FILE */
    struct str home;                            /* HOME */
    struct str role_arn;                        /* AWS_ROLE_ARN */
    struct str role_session_name;               /* AWS_ROLE_SESSION_NAME */
    struct str web_identity_token_file;         /* AWS_WEB_IDENTITY_TOKEN_FILE */
    struct str container_relative_uri;          /* AWS_CONTAINER_CREDENTIALS_RELATIVE_URI */
    struct str container_full_uri;              /* AWS_CONTAINER_CREDENTIALS_FULL_URI */
    struct secret container_token;              /* AWS_CONTAINER_AUTHORIZATION_TOKEN */
    struct str container_token_file;            /* AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE */
    struct str metadata_disabled;               /* AWS_EC2_METADATA_DISABLED */
    struct str metadata_endpoint;               /* AWS_EC2_METADATA_SERVICE_ENDPOINT */
    struct str metadata_endpoint_mode;          /* AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE */
    struct str metadata_v1_disabled;            /* AWS_EC2_METADATA_V1_DISABLED */
    struct str metadata_timeout;                /* AWS_METADATA_SERVICE_TIMEOUT */
    struct str metadata_attempts;               /* AWS_METADATA_SERVICE_NUM_ATTEMPTS */
    struct str region;                          /* AWS_REGION */
    struct str default_region;                  /* AWS_DEFAULT_REGION */
    struct str endpoint_url;                    /* AWS_ENDPOINT_URL */
    struct str endpoint_url_gamelift;           /* AWS_ENDPOINT_URL_GAMELIFT */
    struct str endpoint_url_sts;                /* AWS_ENDPOINT_URL_STS */
    struct str endpoint_url_sqs;                /* AWS_ENDPOINT_URL_SQS */
    struct str ignore_configured_endpoint_urls; /* AWS_IGNORE_CONFIGURED_ENDPOINT_URLS */
    struct str use_fips_endpoint;               /* AWS_USE_FIPS_ENDPOINT */
    struct str use_dualstack_endpoint;          /* AWS_USE_DUALSTACK_ENDPOINT */
    struct str max_attempts;                    /* AWS_MAX_ATTEMPTS */
    struct str retry_mode;                      /* AWS_RETRY_MODE */
    struct str disable_skew_correction;         /* AWS_DISABLE_CLOCK_SKEW_CORRECTION */
    struct str app_id;                          /* AWS_SDK_UA_APP_ID */
    struct str execution_env;                   /* AWS_EXECUTION_ENV */
};

/*
 * Reads the environment; texts are copied to the arena. The three secrets are moved out of it, so
 * that no child process and no later dump of it shows them: call this once, before any thread is
 * started, and pass the struct on.
 */
void aws_environment_load(struct arena *a, struct aws_environment *ret);

/* Wipes the secrets. Zeroed is fine. */
void aws_environment_clear(struct aws_environment *env);

/* AWS_PROFILE, else AWS_DEFAULT_PROFILE, else "default". */
struct str aws_profile_name(const struct aws_environment *env);

/* A configured name or path as a message shows it: bounded, UTF-8, on one line. */
struct str aws_shown(struct arena *a, struct str name);

/* True if one of the two variables names a profile, which must then exist. */
bool aws_profile_is_named(const struct aws_environment *env);

#endif
