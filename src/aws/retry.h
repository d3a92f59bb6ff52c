// SPDX-License-Identifier: Apache-2.0
/*
 * The AWS SDKs' standard retry mode, as decisions without a clock: a quota of tokens that failing
 * calls share, and exponential back-off with full jitter.
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
 */
#ifndef AWS_RETRY_H
#define AWS_RETRY_H

#include "aws/error.h"

#define AWS_RETRY_TOKENS 500
#define AWS_RETRY_MAX_MS 20000

/* One for each client; the loop's thread only. */
struct aws_retry_quota {
    int tokens;
};

static inline void aws_retry_quota_init(struct aws_retry_quota *q) {
    q->tokens = AWS_RETRY_TOKENS;
}

/* Takes the price of one retry; false if the quota is used up, and the error is final. */
bool aws_retry_acquire(struct aws_retry_quota *q, enum aws_retry_kind kind, int *ret_cost);

/* After a success: gives back the cost of the last retry, or 1 if there was none. */
void aws_retry_release(struct aws_retry_quota *q, int cost);

/*
 * Milliseconds to wait before attempt `next` (2 is the first retry). random is 0 to 1. retry_after
 * is the server's wish in milliseconds, negative for none; it lengthens the wait by 5 s at most.
 */
int64_t aws_retry_delay_ms(enum aws_retry_kind kind, int next, double random, int64_t retry_after);

#endif
