// SPDX-License-Identifier: Apache-2.0
/* What generated AGS operations and the AGS client share: a REST operation as data. */
#ifndef AGS_OPERATION_H
#define AGS_OPERATION_H

#include "base/ctx.h"
#include "base/obj.h"
#include "codec/shape.h"

struct ags_client;

/* Any function pointer; cast back to its own type by the generated code before it is called. */
typedef void rest_any_fn(void);

enum rest_place {
    REST_PATH, /* takes the place of {name} in the path */
    REST_FORM, /* a field of a form */
    REST_BODY, /* the body, as JSON */
};

struct rest_param {
    enum rest_place place;
    size_t member; /* of the input shape */
};

struct rest_operation {
    struct str name;   /* "getGameSession" */
    struct str method; /* "GET" */
    struct str path;   /* "/session/v1/public/namespaces/{namespace}/gamesessions/{sessionId}" */
    bool basic_auth;   /* the client's id and secret; otherwise its access token */
    const struct codec_shape *input;
    const struct codec_shape *output; /* NULL: the answer has no body */
    const struct rest_param *params;
    size_t n_params;
    void (*call)(rest_any_fn *fn, void *priv, const void *out, const struct err *err);
};

/* As aws_start: `in` is used before the return, exactly one callback follows from the loop. */
void ags_start(struct ags_client *client, struct ctx *ctx, const struct rest_operation *op,
               const void *in, rest_any_fn *fn, void *priv);

#endif
