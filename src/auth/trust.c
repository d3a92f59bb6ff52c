// SPDX-License-Identifier: Apache-2.0
#include "auth/trust.h"

#include "base/clock.h"
#include "base/obj.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct trust_store {
    unsigned magic;
#define TRUST_STORE_MAGIC 0x29cf5d81U
    int64_t max_stale_ms;

    pthread_mutex_t lock; /* guards the four below */
    struct key_set *keys;
    struct revocations *revocations;
    int64_t keys_loaded_ms; /* on clock_mono_ms; likewise the next */
    int64_t revocations_loaded_ms;

    /* Written under the lock, read without it; the time before the generation that it belongs to.
     * A reader may get a time that is newer than its generation: that one is not stale either. */
    _Atomic int64_t usable_until_ms;
    _Atomic uint64_t generation; /* 0 until both are loaded */
};

struct trust_store *trust_store_new(int64_t max_stale_ms) {
    struct trust_store *store = calloc(1, sizeof *store);
    AN(store);
    store->magic = TRUST_STORE_MAGIC;
    store->max_stale_ms = max_stale_ms;
    AZ(pthread_mutex_init(&store->lock, NULL));
    return store;
}

void trust_store_free(struct trust_store *store) {
    if (store == NULL)
        return;
    OBJ_CHECK(store, TRUST_STORE_MAGIC);
    key_set_unref(store->keys);
    revocations_unref(store->revocations);
    pthread_mutex_destroy(&store->lock);
    store->magic = 0;
    free(store);
}

/* With the lock held. */
static void publish(struct trust_store *store) {
    if (store->keys == NULL || store->revocations == NULL)
        return;
    int64_t oldest = store->keys_loaded_ms < store->revocations_loaded_ms
                         ? store->keys_loaded_ms
                         : store->revocations_loaded_ms;
    atomic_store(&store->usable_until_ms, oldest + store->max_stale_ms);
    atomic_fetch_add(&store->generation, 1);
}

void trust_store_set_keys(struct trust_store *store, struct key_set *keys) {
    OBJ_CHECK(store, TRUST_STORE_MAGIC);
    pthread_mutex_lock(&store->lock);
    struct key_set *old = store->keys;
    store->keys = keys;
    store->keys_loaded_ms = clock_mono_ms();
    publish(store);
    pthread_mutex_unlock(&store->lock);
    key_set_unref(old);
}

void trust_store_set_revocations(struct trust_store *store, struct revocations *revocations) {
    OBJ_CHECK(store, TRUST_STORE_MAGIC);
    pthread_mutex_lock(&store->lock);
    struct revocations *old = store->revocations;
    store->revocations = revocations;
    store->revocations_loaded_ms = clock_mono_ms();
    publish(store);
    pthread_mutex_unlock(&store->lock);
    revocations_unref(old);
}

enum trust_state trust_acquire(struct trust_store *store, struct trust *ret) {
    enum trust_state state = TRUST_GOOD;
    OBJ_CHECK(store, TRUST_STORE_MAGIC);
    int64_t now = clock_mono_ms();
    pthread_mutex_lock(&store->lock);
    if (atomic_load(&store->generation) == 0)
        state = TRUST_ABSENT;
    else if (now >= atomic_load(&store->usable_until_ms))
        state = TRUST_STALE;
    else
        *ret = (struct trust){
            .keys = key_set_ref(store->keys),
            .revocations = revocations_ref(store->revocations),
            .generation = atomic_load(&store->generation),
        };
    pthread_mutex_unlock(&store->lock);
    return state;
}

void trust_release(struct trust *trust) {
    key_set_unref(trust->keys);
    revocations_unref(trust->revocations);
    *trust = (struct trust){.keys = NULL};
}

uint64_t trust_generation(struct trust_store *store) {
    OBJ_CHECK(store, TRUST_STORE_MAGIC);
    uint64_t generation = atomic_load(&store->generation);
    bool usable = clock_mono_ms() < atomic_load(&store->usable_until_ms);
    return usable ? generation : 0;
}

static double age_s(bool loaded, int64_t loaded_ms) {
    return loaded ? (double)(clock_mono_ms() - loaded_ms) / 1000.0 : (double)NAN;
}

void trust_store_stats(struct trust_store *store, struct trust_stats *ret) {
    OBJ_CHECK(store, TRUST_STORE_MAGIC);
    pthread_mutex_lock(&store->lock);
    *ret = (struct trust_stats){
        .keys_age_s = age_s(store->keys != NULL, store->keys_loaded_ms),
        .revocations_age_s = age_s(store->revocations != NULL, store->revocations_loaded_ms),
    };
    if (store->keys != NULL)
        ret->keys = key_set_size(store->keys);
    if (store->revocations != NULL) {
        ret->revoked_users = revocations_users(store->revocations);
        ret->revoked_token_words = revocations_words(store->revocations);
    }
    pthread_mutex_unlock(&store->lock);
}
