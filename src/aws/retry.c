// SPDX-License-Identifier: Apache-2.0
#include "aws/retry.h"

#include "http/backoff.h"

#define COST_TRANSIENT 14
#define COST_THROTTLE 5
#define BASE_TRANSIENT_MS 50
#define BASE_THROTTLE_MS 1000
#define AFTER_MAX_MS 5000

bool aws_retry_acquire(struct aws_retry_quota *q, enum aws_retry_kind kind, int *ret_cost) {
    int cost = kind == AWS_RETRY_THROTTLE ? COST_THROTTLE : COST_TRANSIENT;
    if (q->tokens < cost)
        return false;
    q->tokens -= cost;
    *ret_cost = cost;
    return true;
}

void aws_retry_release(struct aws_retry_quota *q, int cost) {
    q->tokens += cost > 0 ? cost : 1;
    if (q->tokens > AWS_RETRY_TOKENS)
        q->tokens = AWS_RETRY_TOKENS;
}

int64_t aws_retry_delay_ms(enum aws_retry_kind kind, int next, double random, int64_t retry_after) {
    int64_t base = kind == AWS_RETRY_THROTTLE ? BASE_THROTTLE_MS : BASE_TRANSIENT_MS;
    int64_t ms = backoff_ms(base, AWS_RETRY_MAX_MS, next - 1, random);
    if (retry_after > ms)
        ms = retry_after < ms + AFTER_MAX_MS ? retry_after : ms + AFTER_MAX_MS;
    return ms;
}
