// SPDX-License-Identifier: Apache-2.0
/*
 * Credentials of a role that somebody else becomes: another source's identity (AssumeRole), or the
 * bearer of a token in a file (web identity, as EKS gives it to pods). The token's file is read
 * again for each fetch and its text goes out as it is.
 */
#ifndef AWS_CREDENTIALS_ROLE_H
#define AWS_CREDENTIALS_ROLE_H

#include "aws/sts.h"

/* For both: `what` names the source in messages; texts are copied. A role that STS would refuse at
 * sight is an error. */

/* Fetches credentials from `from` first, each time; that may itself be a role. */
struct err *aws_source_role(struct aws_plan *plan, struct str what, const struct sts_role *role,
                            struct aws_credentials_source *from,
                            struct aws_credentials_source **ret) MUST_CHECK;

struct err *aws_source_web_identity(struct aws_plan *plan, struct str what,
                                    const struct sts_role *role, struct str token_file,
                                    struct aws_credentials_source **ret) MUST_CHECK;

/* The one of AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN; *ret is NULL if the first is not set. */
struct err *aws_source_web_identity_env(struct aws_plan *plan,
                                        struct aws_credentials_source **ret) MUST_CHECK;

#endif
