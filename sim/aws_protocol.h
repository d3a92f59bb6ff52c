// SPDX-License-Identifier: Apache-2.0
/*
 * How AWS services of the stand-in speak: the one seam between an operation on generated shapes and
 * bytes on the wire. awsJson1_1, awsJson1_0 and Smithy RPC v2 CBOR; the content type of the request
 * chooses.
 */
#ifndef SIM_AWS_PROTOCOL_H
#define SIM_AWS_PROTOCOL_H

#include "codec/shape.h"
#include "sim/sim.h"

struct sim_protocol {
    const char *content_type; /* of requests and replies */
    bool binary;              /* bodies are no text */

    /* The operation's name, absent if the request names none of this service. */
    struct str (*operation)(const struct sim_request *req, struct str service_name);
    struct err *(*decode)(struct str body, const struct codec_shape *shape, void *ret,
                          struct arena *a);
    struct err *(*encode)(struct buf *out, const struct codec_shape *shape, const void *value,
                          struct arena *a);
    /* Appends the body of an operation without output. */
    void (*nothing)(struct buf *out);
    /* Appends the body of an error; member is "Message" or "message". */
    void (*error)(struct buf *out, struct str type, const char *member, struct str message);
};

/* NULL if the request's content type is none that AWS clients send. */
const struct sim_protocol *sim_protocol_of(const struct sim_request *req);

/* What errors are written in before the protocol is known. */
extern const struct sim_protocol sim_protocol_json;

#endif
