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
    struct str user_agent; /* "session-dsm/1.0 ua/2.1 os/linux#6.1 ..." */
};

/*
 * max_attempts is the setting AWS_MAX_ATTEMPTS with its default, product "session-dsm/1.0";
 * `overridden` tells that requests go to a configured endpoint. Errors name the setting. Strings
 * are in the arena.
 */
struct err *aws_sdk_settings(struct arena *a, const struct aws_environment *env,
                             const struct shared_config *config, int max_attempts,
                             struct str product, bool overridden,
                             struct aws_sdk_settings *ret) MUST_CHECK;

#endif
