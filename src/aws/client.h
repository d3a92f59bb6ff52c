// SPDX-License-Identifier: Apache-2.0
/*
 * A client of one AWS service in one region: validate, encode, sign, send, try again, decode. The
 * generated operations start calls on it; see aws/operation.h.
 *
 * Each attempt is signed anew, and one whose credentials had expired is made once more with new
 * ones. What may be tried again, how often and after which wait follows the SDKs' standard mode
 * (aws/retry.h); the same body goes out each time, so whoever starts an operation that acts gives
 * it an idempotency token or id of its own.
 */
#ifndef AWS_CLIENT_H
#define AWS_CLIENT_H

#include "aws/credentials.h"
#include "aws/endpoint.h"
#include "aws/operation.h"
#include "aws/protocol.h"
#include "base/loop.h"
#include "http/http.h"
#include "http/tracer.h"

/* Told of every attempt, for metrics. ctx is what it is part of; err is NULL for a success. */
typedef void aws_observe_fn(void *priv, struct ctx *ctx, const struct aws_operation *op,
                            struct str region, int attempt, int64_t duration_us,
                            const struct err *err);

struct aws_client_options {
    struct loop *loop;                            /* outlives the client */
    struct http_client *http;                     /* outlives the client */
    struct aws_credentials_provider *credentials; /* outlives the client */
    struct endpoint_settings endpoint;            /* strings are copied */
    struct str user_agent;                        /* copied */
    enum aws_protocol protocol;                   /* the other if a service lacks it */
    aws_token_fn *token;                          /* idempotency tokens; NULL: random UUIDs */
    int max_attempts;                             /* the first one included; 0: 3 */
    bool without_skew;                            /* a clock that is off is not corrected */
    int64_t attempt_timeout_ms;                   /* 0: the HTTP client's default */
    aws_observe_fn *observe;                      /* may be NULL */
    void *observe_priv;
    struct http_tracer *tracer; /* may be NULL; outlives the client */
};

/* Errors, in the arena, are those of endpoint_resolve: a setting is wrong. */
struct err *aws_client_new(const struct aws_client_options *options, struct arena *a,
                           struct aws_client **ret) MUST_CHECK;

/* No call may be pending. NULL is fine. */
void aws_client_free(struct aws_client *client);

/*
 * The same client in another region: made at the first request for it and kept, owned by `client`.
 * With an endpoint override only the signature's region changes. Errors, in the arena: the region
 * is no region's name (INVALID_ARGUMENT), or too many regions were asked for (RESOURCE_EXHAUSTED).
 */
#define AWS_CLIENT_MAX_REGIONS 64
struct err *aws_client_in_region(struct aws_client *client, struct arena *a, struct str region,
                                 struct aws_client **ret) MUST_CHECK;

/* The same for a region that somebody else names: of those not asked for yet, `leave` must remain.
 */
struct err *aws_client_in_region_leaving(struct aws_client *client, struct arena *a,
                                         struct str region, size_t leave,
                                         struct aws_client **ret) MUST_CHECK;

/* The region that requests are signed for; lives with the client. */
struct str aws_client_region(const struct aws_client *client);

/* The time by AWS's clock in microseconds since 1970: ours, unless a refusal has shown that it is
 * off. */
int64_t aws_client_now_us(const struct aws_client *client);

#endif
