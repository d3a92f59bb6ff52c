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

/* An error that the model describes. */
struct aws_error_shape {
    struct str name; /* "ConflictException" */
    struct str code; /* what the Query protocol called it; mostly the same */
    const struct codec_shape *shape;
};

struct aws_service {
    struct str name;              /* service id, "GameLift" */
    struct str endpoint_prefix;   /* first label of the host, "gamelift" */
    struct str signing_name;      /* in the credential scope */
    struct str json_content_type; /* "application/x-amz-json-1.1"; absent: awsJson is not spoken */
    bool cbor;                    /* Smithy RPC v2 CBOR is spoken */
    bool query_compatible;        /* once spoke Query: x-amzn-query-mode is sent */
    const struct aws_error_shape *errors;
    size_t n_errors;
};

struct aws_operation {
    const struct aws_service *service;
    struct str name;                  /* "CreateGameSession" */
    struct str target;                /* X-Amz-Target, "GameLift.CreateGameSession" */
    struct str cbor_path;             /* "service/GameLift/operation/CreateGameSession" */
    const struct codec_shape *input;  /* NULL: has none */
    const struct codec_shape *output; /* NULL: has none */
    struct str host_prefix;           /* "foo.{}.", before the endpoint's host; absent: none */
    const size_t *host_labels;        /* members of the input, strings, in place of each {} */
    bool compressed;                  /* a large body travels as gzip */
    bool is_unsigned;                 /* needs no credentials */
    void (*call)(aws_any_fn *fn, void *priv, const void *out, const struct err *err);
};

/*
 * Validates, encodes, signs, sends, decodes. `in` is used before the return; NULL for an operation
 * without input. Exactly one callback follows through op->call, from the loop; what it gets lies in
 * the context's arena.
 */
void aws_start(struct aws_client *client, struct ctx *ctx, const struct aws_operation *op,
               const void *in, aws_any_fn *fn, void *priv);

/*
 * The members of an error that the model describes: a value of that shape, such as
 * gl_conflict_exception_shape, in the arena of the call. NULL if `err` is none of that kind.
 */
const void *aws_error_value(const struct err *err, const struct codec_shape *shape);

#endif
