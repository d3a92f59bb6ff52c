// SPDX-License-Identifier: Apache-2.0
/* AWS as the settings and the profile's files have it: credentials, and a client of each service.
 */
#ifndef APP_AWS_H
#define APP_AWS_H

#include "aws/client.h"
#include "config.h"

struct app_aws_options {
    const struct config *config;
    struct loop *loop;
    struct http_client *http;
    struct http_tracer *tracer;
    aws_observe_fn *observe; /* of every attempt */
    void *observe_priv;
};

struct app_aws {
    struct aws_credentials_provider *credentials;
    struct aws_client *gamelift;
    struct aws_client *sqs; /* NULL: no queue for the events of placements */
};

/*
 * Waits for no service, unless an EC2 instance's role is the only source of credentials left. The
 * error is one line that names the setting; what was made until then is in ret all the same. All of
 * the options outlive it.
 */
struct err *app_aws_start(struct app_aws *ret, struct arena *a,
                          const struct app_aws_options *options) MUST_CHECK;

/* Before the HTTP client, and after it. Fine for one of zeros. */
void app_aws_end_clients(struct app_aws *aws);
void app_aws_end_credentials(struct app_aws *aws);

#endif
