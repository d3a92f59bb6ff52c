// SPDX-License-Identifier: Apache-2.0
/*
 * What the stand-ins for AWS services have in common: a table of operations on generated shapes
 * becomes a sim_service that reads, checks and answers requests as AWS does. The first thing that
 * is wrong is answered: what is meant, who asks, what it says.
 */
#ifndef SIM_AWS_SERVICE_H
#define SIM_AWS_SERVICE_H

#include "sim/aws_protocol.h"

/* Errors carry AWS's name in err->type and the status in err->http_status. The output is a view. */
typedef struct err *aws_run_fn(void *state, struct str region, const void *in, struct arena *a,
                               void *ret_out);
typedef struct str aws_where_fn(void *state, struct str region, const void *in);
typedef int64_t aws_wait_fn(void *state, const void *in, int64_t waited_ms);

struct aws_sim_operation {
    struct str name;
    const struct codec_shape *input;
    const struct codec_shape *output; /* NULL: has none */
    aws_run_fn *run;
    aws_where_fn *where; /* the location that it is about, for fault rules; NULL: the region */
    /* Milliseconds to wait before asking again; 0: run it now. NULL: never waits. */
    aws_wait_fn *wait;
};

struct aws_sim_kind {
    const char *name;        /* as fault rules spell it */
    struct str target;       /* before the dot of X-Amz-Target: "GameLift" */
    struct str signing_name; /* in the credential scope */
    const struct aws_sim_operation *operations;
    size_t n_operations;
    /* The member that carries an error's text: "Message" or "message". */
    const char *(*message_member)(struct str type);
    struct str invalid_input; /* the error that a broken constraint gets */
    struct str type_prefix;   /* of __type: "com.amazonaws.sqs#" */
    bool query_errors;        /* x-amzn-query-error goes with each error */
};

/* kind and state outlive the service. */
void aws_sim_handle(struct sim_exchange *ex, const struct aws_sim_kind *kind);
void aws_sim_error(struct sim_exchange *ex, int status, struct str type, struct str message);

#endif
