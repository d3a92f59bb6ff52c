// SPDX-License-Identifier: Apache-2.0
/* How long to wait before trying again, the same for every upstream. */
#ifndef HTTP_BACKOFF_H
#define HTTP_BACKOFF_H

#include "http/http.h"

/*
 * Exponential back-off with full jitter: random * min(cap, base * 2^(retry - 1)) milliseconds
 * before the given retry (1 is the first). random is 0 to 1.
 */
int64_t backoff_ms(int64_t base_ms, int64_t cap_ms, int retry, double random);

/*
 * The server's own wish in milliseconds: x-amz-retry-after (milliseconds) or Retry-After (seconds,
 * or an HTTP date). -1 for none, for nonsense and for the past. At most one hour.
 */
int64_t backoff_wished_ms(const struct http_response *resp);

#endif
