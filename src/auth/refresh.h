// SPDX-License-Identifier: Apache-2.0
/*
 * Keeps the trust store fresh: fetches AGS's keys and its revocation list in the background, each
 * on its own, at the start and then in an interval with jitter. After a failure it tries again
 * with back-off, and what was loaded before stays in use. Nobody ever waits for it.
 *
 * Tokens of unknown keys fetch the keys ahead of time, but AGS cannot be hammered with them: the
 * whole process does so at most once in REFRESH_KEYS_PAUSE_MS, at most once in REFRESH_SAME_KEY_MS
 * for one key id, and not at all while AGS fails, when back-off decides.
 */
#ifndef AUTH_REFRESH_H
#define AUTH_REFRESH_H

#include "ags/client.h"
#include "auth/trust.h"

#define REFRESH_KEYS_PAUSE_MS 30000
#define REFRESH_SAME_KEY_MS 120000

struct auth_refresh_options {
    struct loop *loop; /* outlives the refresher, like the next two */
    struct ags_client *ags;
    struct trust_store *trust; /* what is loaded goes there */
    int64_t interval_ms;       /* > 0 */
};

/* On the loop's thread, or before it runs, like auth_refresh_free. The first fetches start now. */
struct auth_refresh *auth_refresh_new(const struct auth_refresh_options *options);

/* Ends fetches under way. No more tokens may be checked, and the loop must have stopped or have run
 * all that was posted to it. NULL is fine. */
void auth_refresh_free(struct auth_refresh *refresh);

/* An authorizer_unknown_key_fn; priv is the refresher. Any thread. */
void auth_refresh_unknown_key(void *priv, struct str kid);

/* For metrics. Any thread. */
struct auth_refresh_stats {
    uint64_t keys_loaded; /* fetches that succeeded */
    uint64_t keys_failed;
    uint64_t revocations_loaded;
    uint64_t revocations_failed;
    uint64_t unknown_key_fetches; /* those of keys that an unknown key id was the cause of */
};
void auth_refresh_stats(const struct auth_refresh *refresh, struct auth_refresh_stats *ret);

#endif
