// SPDX-License-Identifier: Apache-2.0
/*
 * Credentials of a container: the endpoint that ECS, or the EKS pod identity agent, offers to the
 * tasks or pods it runs, named by AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or, if that is unset,
 * AWS_CONTAINER_CREDENTIALS_FULL_URI.
 *
 * Over plain HTTP only the loopback and the three link-local addresses of ECS and EKS are asked,
 * matched as whole addresses, and never through a proxy. The authorization token's file is read
 * again for each fetch; its text goes out as it is. Three tries of 2 s, one second apart, as
 * botocore does it.
 */
#ifndef AWS_CREDENTIALS_CONTAINER_H
#define AWS_CREDENTIALS_CONTAINER_H

#include "aws/credentials_source.h"

/* *ret is NULL if neither variable is set. A URI that may not be asked is an error naming it. */
struct err *aws_source_container(struct aws_plan *plan,
                                 struct aws_credentials_source **ret) MUST_CHECK;

/*
 * NULL, or why this full URI may not be asked. *ret_local: it is plain HTTP to this machine or its
 * host.
 */
const char *aws_container_uri_fault(struct str uri, bool *ret_local);

#endif
