// SPDX-License-Identifier: Apache-2.0
/*
 * AWS errors: which one a response holds, and what it means for a gRPC caller and for a retry. The
 * table is generated from idl/aws-errors.json.
 */
#ifndef AWS_ERROR_H
#define AWS_ERROR_H

#include "aws/protocol.h"
#include "base/secret.h"

/* Whether the standard retry mode of the AWS SDKs would try again. */
enum aws_retry_kind { AWS_RETRY_NONE, AWS_RETRY_TRANSIENT, AWS_RETRY_THROTTLE };

struct aws_error_row {
    struct str name;
    enum rpc_code code;
    enum aws_retry_kind retry;
};

/* Sorted by name. */
extern const struct aws_error_row aws_error_rows[];
extern const size_t aws_error_n_rows;

/* The row of an error name, NULL if the table has none. */
const struct aws_error_row *aws_error_find(struct str name);

/*
 * The error of a response whose status is not 2xx (origin ERR_UPSTREAM). The name comes from the
 * header X-Amzn-Errortype, or the body's __type or code; "ns#" before and ":..." behind it are cut
 * off. In CBOR only the body counts, and not even that without the header smithy-protocol. A
 * service that once spoke Query may say in x-amzn-query-error what the error was called then, and
 * that is its name. A name that the table does not have is judged by the HTTP status. ARNs are
 * taken out of err->msg; err->detail has AWS's text as it is. aws_error_value gives the members.
 */
struct err *aws_error_from_response(struct arena *a, const struct aws_operation *op,
                                    enum aws_protocol protocol, const struct http_response *resp);

/*
 * Takes a secret's text out of an error that may repeat what was sent, as AWS's signature errors
 * do. Nothing happens with an absent one.
 */
void aws_error_hide(struct arena *a, struct err *err, const struct secret *secret);

/* How a failed attempt may be tried again, by error name, HTTP status or transport fault. */
enum aws_retry_kind aws_error_retry_kind(const struct err *err);

/* The names by which AWS says that the credentials have expired. */
bool aws_error_is_expired(const struct err *err);

/* The names by which AWS says that our clock is wrong. */
bool aws_error_is_clock_skew(const struct err *err);

#endif
