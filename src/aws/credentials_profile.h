// SPDX-License-Identifier: Apache-2.0
/*
 * Where a profile of the shared files gets its credentials. Within one profile, as in botocore, the
 * first of these counts: role_arn with source_profile or credential_source, web_identity_token_file
 * with role_arn, keys in the credentials file, credential_process, keys in the config file. A
 * source profile's own keys come before its role. Roles may be chained; a circle is an error, but
 * a profile may name itself if it has keys.
 */
#ifndef AWS_CREDENTIALS_PROFILE_H
#define AWS_CREDENTIALS_PROFILE_H

#include "aws/credentials_source.h"

#define AWS_PROFILE_MAX_ROLES 8 /* in one chain; STS itself would go on */

/*
 * *ret is NULL if the profile does not exist or says nothing of credentials. What it says must make
 * sense; else the error names the profile and the key.
 */
struct err *aws_source_profile(struct aws_plan *plan, struct str profile,
                               struct aws_credentials_source **ret) MUST_CHECK;

#endif
