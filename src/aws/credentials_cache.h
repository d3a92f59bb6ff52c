// SPDX-License-Identifier: Apache-2.0
/*
 * A provider that keeps what a source has fetched and renews it in time.
 *
 * - Renewal starts in the background when less than 15 minutes (or half of a short lifetime) are
 *   left, a little earlier at random, by a timer and not only when somebody signs. Until the
 *   expiry, the old credentials are used and a failure is only logged.
 * - Only without credentials, or after their expiry, callers wait, all for one fetch.
 * - A failed fetch is followed by a pause, doubling from one second to one minute in the background
 *   and to five seconds when callers have nothing to sign with; within it they get the last error
 *   at once.
 * - Sources that allow it (container, instance) keep old credentials in use past their expiry while
 *   no new ones can be had, 5 to 10 minutes at a time: AWS extends them when its own renewal is in
 *   trouble. Others fail then.
 * - When AWS says that they have expired before they should have, as it does where this machine's
 *   clock is behind, they are fetched anew, unless they have just been.
 *
 * A fetch has a context of its own: a caller that goes away takes only itself off the list.
 */
#ifndef AWS_CREDENTIALS_CACHE_H
#define AWS_CREDENTIALS_CACHE_H

#include "aws/credentials_source.h"

#define AWS_CACHE_WINDOW_MS INT64_C(900000)   /* renewal starts this long before the expiry */
#define AWS_CACHE_PAUSE_MS INT64_C(1000)      /* after the first failure */
#define AWS_CACHE_MAX_PAUSE_MS INT64_C(60000) /* with credentials in hand */
#define AWS_CACHE_MAX_REFUSE_MS INT64_C(5000) /* without */
#define AWS_CACHE_STALE_MS INT64_C(300000)    /* expired ones are kept; up to twice that */
#define AWS_CACHE_YOUNG_MS INT64_C(10000)     /* fetched so lately, others would be no better */

/*
 * Takes over the arena that the source lives in. The loop outlives the provider; free it before
 * the loop. Freeing ends a fetch under way; whoever still waits is not told.
 *
 * Errors handed to waiters have the origin ERR_LOCAL: their own request was never sent.
 */
struct aws_credentials_provider *aws_credentials_cache_new(struct loop *loop, struct arena *plan,
                                                           struct aws_credentials_source *source);

/* For tests and metrics. */
struct aws_cache_stats {
    uint64_t fetches;
    uint64_t failures;
};
struct aws_cache_stats aws_credentials_cache_stats(struct aws_credentials_provider *provider);

#endif
