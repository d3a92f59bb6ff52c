// SPDX-License-Identifier: Apache-2.0
/*
 * The two protocols of AWS's RPC services, awsJson (1.0 and 1.1) and Smithy RPC v2 CBOR: from an
 * operation and its input to the parts of a request, and from a response to the output. Signing,
 * sending and errors are others' work.
 * https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html,
 * https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
 */
#ifndef AWS_PROTOCOL_H
#define AWS_PROTOCOL_H

#include "aws/endpoint.h"
#include "aws/operation.h"
#include "base/random.h"
#include "http/http.h"

enum aws_protocol {
    AWS_PROTOCOL_JSON,
    AWS_PROTOCOL_CBOR,
};

/* Makes an idempotency token. */
typedef void aws_token_fn(char ret[RANDOM_UUID_SIZE]);

struct aws_protocol_options {
    enum aws_protocol protocol; /* one that the service speaks: aws_protocol_of */
    aws_token_fn *token;
};

#define AWS_PROTOCOL_HEADERS 6

/* A request that lacks its date and signature. */
struct aws_request {
    struct str url;
    struct str path;                                  /* of the url */
    struct http_header headers[AWS_PROTOCOL_HEADERS]; /* all to be signed; Host is the first */
    size_t n_headers;
    struct str body; /* absent: none */
};

/* The wanted one if the service speaks it, else the other. */
enum aws_protocol aws_protocol_of(const struct aws_service *service, enum aws_protocol wanted);

/*
 * Fills in idempotency tokens, checks the constraints, encodes. `in` is not needed any more then;
 * what lies in *ret lives as long as the arena and the endpoint. Errors are INVALID_ARGUMENT with
 * the member's path: a constraint is broken, a host label is none, the body is too large.
 */
struct err *aws_request_make(const struct aws_operation *op,
                             const struct aws_protocol_options *options,
                             const struct endpoint *endpoint, const void *in, struct arena *a,
                             struct aws_request *ret) MUST_CHECK;

/*
 * The output of a response with a 2xx status, NULL for an operation without one. An empty body is
 * an empty output. INTERNAL for what is no answer in that protocol.
 */
struct err *aws_response_read(const struct aws_operation *op, enum aws_protocol protocol,
                              const struct http_response *resp, struct arena *a,
                              void **ret_out) MUST_CHECK;

/* True if the response says that it is RPC v2 CBOR. */
bool aws_response_is_cbor(const struct http_response *resp);

#endif
