// SPDX-License-Identifier: Apache-2.0
/*
 * Credentials of an EC2 instance's role, from the instance metadata service (IMDSv2): a token, the
 * role's name, the role's credentials. Never through a proxy.
 *
 * Without a token the old, tokenless protocol is used for this fetch, unless it is switched off;
 * only a 400 to the request for a token ends it at once. A 401 to a token that was just made is
 * answered with one new token. One try of 1 s for each request, or as AWS_METADATA_SERVICE_TIMEOUT
 * and AWS_METADATA_SERVICE_NUM_ATTEMPTS say.
 */
#ifndef AWS_CREDENTIALS_INSTANCE_H
#define AWS_CREDENTIALS_INSTANCE_H

#include "aws/credentials_source.h"

/*
 * *ret is NULL if AWS_EC2_METADATA_DISABLED is "true". An unusable setting is an error naming it.
 */
struct err *aws_source_instance(struct aws_plan *plan,
                                struct aws_credentials_source **ret) MUST_CHECK;

#endif
