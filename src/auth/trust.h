// SPDX-License-Identifier: Apache-2.0
/*
 * What tokens are checked against right now: AGS's keys and its revocation list. The event loop
 * puts in new ones; queue threads look at them at the same time and never wait: a lock is held for
 * the copying of two pointers, never while something is verified or fetched.
 *
 * What was loaded stays in use while AGS is down, but not for ever: see max_stale_ms.
 */
#ifndef AUTH_TRUST_H
#define AUTH_TRUST_H

#include "auth/key_set.h"
#include "auth/revocations.h"

struct trust_store;

/* Keys or a list older than max_stale_ms are as good as none. */
struct trust_store *trust_store_new(int64_t max_stale_ms);
/* Nothing acquired may be held any more. NULL is fine. */
void trust_store_free(struct trust_store *store);

/* Just fetched; takes over the caller's reference. Any thread. */
void trust_store_set_keys(struct trust_store *store, struct key_set *keys);
void trust_store_set_revocations(struct trust_store *store, struct revocations *revocations);

enum trust_state {
    TRUST_GOOD,
    TRUST_ABSENT, /* keys or list have never been loaded */
    TRUST_STALE,  /* they could not be refreshed for max_stale_ms */
};

/* Keys and list as they were at one moment. */
struct trust {
    struct key_set *keys;
    struct revocations *revocations;
    uint64_t generation; /* another number for every other content; never 0 */
};

/* Any thread. TRUST_GOOD: *ret is filled and must be released; else it is untouched. */
enum trust_state trust_acquire(struct trust_store *store, struct trust *ret);
void trust_release(struct trust *trust);

/* The generation in force, without acquiring anything; 0 unless the state is TRUST_GOOD. */
uint64_t trust_generation(struct trust_store *store);

/* For metrics. Any thread. */
struct trust_stats {
    double keys_age_s; /* since they were loaded; NaN if never; likewise the next */
    double revocations_age_s;
    size_t keys;
    size_t revoked_users;
    size_t revoked_token_words; /* of the Bloom filter */
};
void trust_store_stats(struct trust_store *store, struct trust_stats *ret);

#endif
