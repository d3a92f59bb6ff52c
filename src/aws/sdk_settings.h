// SPDX-License-Identifier: Apache-2.0
/*
 * What the AWS SDKs read besides credentials, region and endpoint: how often a request is tried,
 * and how the client calls itself.
 * https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
 */
#ifndef AWS_SDK_SETTINGS_H
#define AWS_SDK_SETTINGS_H

#include "aws/endpoint.h"
#include "aws/region.h"

#define AWS_MAX_ATTEMPTS_MAX 10

struct aws_sdk_settings {
    int max_attempts;      /* of one request, the first one included */
    bool without_skew;     /* a clock that is off is not corrected */
    struct str other_mode; /* a retry mode that is asked for, and for which standard is used; or
                              absent */
    struct str app_id;     /* of the User-Agent; or absent */
};

/*
 * max_attempts is the setting AWS_MAX_ATTEMPTS with its default. Errors name the setting. Strings
 * are in the arena.
 */
struct err *aws_sdk_settings(struct arena *a, const struct aws_environment *env,
                             const struct shared_config *config, int max_attempts,
                             struct aws_sdk_settings *ret) MUST_CHECK;

/* How the client calls itself. */
struct aws_user_agent {
    struct str product;       /* "session-dsm/1.0" */
    struct str execution_env; /* AWS_EXECUTION_ENV; may be absent */
    struct str app_id;        /* may be absent */
    struct str credentials;   /* what the chain says of its source; may be absent */
    bool overridden;          /* requests go to a configured endpoint */
};

/* "session-dsm/1.0 ua/2.1 os/linux#6.1 ...", in the arena. */
struct str aws_user_agent(struct arena *a, const struct aws_user_agent *agent);

#endif
