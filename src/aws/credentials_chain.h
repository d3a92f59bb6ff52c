// SPDX-License-Identifier: Apache-2.0
/*
 * The default chain: where a program that was told nothing else finds AWS credentials. The first
 * source that is configured is taken, once, at the start:
 *
 * 1. the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN;
 * 2. the profile of AWS_PROFILE, else AWS_DEFAULT_PROFILE, else "default"
 *    (credentials_profile.h);
 * 3. web identity: AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN;
 * 4. the container's endpoint (credentials_container.h);
 * 5. the EC2 instance's role (credentials_instance.h).
 *
 * Keys in the environment win over AWS_PROFILE, as in botocore and the AWS CLI; the JavaScript SDK
 * takes the profile then. Region and endpoints still come from the profile.
 *
 * A source that is configured but cannot work is an error naming it, and not a reason to go on with
 * another identity. Nobody can tell whether this is an EC2 instance without asking, so that the
 * last source is taken if no other is configured; if it has nothing either, the error says all that
 * was looked at. What the files say is read once; tokens in files are read at each fetch.
 */
#ifndef AWS_CREDENTIALS_CHAIN_H
#define AWS_CREDENTIALS_CHAIN_H

#include "aws/credentials_source.h"

struct aws_credentials_chain_options {
    struct loop *loop;                  /* outlives the provider */
    struct http_client *http;           /* outlives the provider's last fetch */
    const struct aws_environment *env;  /* needed only during the call */
    const struct shared_config *config; /* likewise; NULL: no files */
    struct str user_agent;              /* of requests to STS; copied */
    bool *unconfigured;   /* set to whether only the last source was left; NULL is fine */
    struct str *features; /* set to the source's letters for aws_user_agent; NULL is fine */
};

/*
 * The provider, which is the caller's: free it before the loop. Nothing is fetched yet;
 * aws_credentials_get starts that, and a program that wants to know at its start whether there are
 * credentials calls it then. Errors are in `a`.
 */
struct err *aws_credentials_chain_new(struct arena *a,
                                      const struct aws_credentials_chain_options *options,
                                      struct aws_credentials_provider **ret) MUST_CHECK;

#endif
