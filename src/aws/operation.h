// SPDX-License-Identifier: Apache-2.0
/* What generated operations and the AWS client share: an operation as data, and how to start one.
 */
#ifndef AWS_OPERATION_H
#define AWS_OPERATION_H

#include "base/ctx.h"
#include "base/obj.h"
#include "codec/shape.h"

struct aws_client;

/* Any function pointer; cast back to its own type by the generated code before it is called. */
typedef void aws_any_fn(void);

struct aws_service {
    struct str name;            /* service id, "GameLift" */
    struct str endpoint_prefix; /* first label of the host, "gamelift" */
    struct str signing_name;    /* in the credential scope */
    struct str content_type;    /* "application/x-amz-json-1.1" */
    bool query_mode; /* spoke AWS's Query protocol once: asked for, and answers with, those error
                        codes, as the SDKs do (x-amzn-query-mode, x-amzn-query-error) */
};

struct aws_operation {
    const struct aws_service *service;
    struct str name;   /* "CreateGameSession" */
    struct str target; /* X-Amz-Target, "GameLift.CreateGameSession" */
    const struct codec_shape *input;
    const struct codec_shape *output;
    void (*call)(aws_any_fn *fn, void *priv, const void *out, const struct err *err);
};

/*
 * Validates, encodes, signs, sends, decodes. `in` is used before the return. Exactly one callback
 * follows through op->call, from the loop; what it gets lies in the context's arena.
 */
void aws_start(struct aws_client *client, struct ctx *ctx, const struct aws_operation *op,
               const void *in, aws_any_fn *fn, void *priv);

#endif
