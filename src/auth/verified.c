// SPDX-License-Identifier: Apache-2.0
#include "auth/verified.h"

#include "base/obj.h"

#include <math.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

#define SETS 256 /* the first byte of a key chooses one */
#define WAYS 4   /* entries of a set */

struct entry {
    struct verified_key key;
    uint64_t generation; /* 0: empty */
    double until_s;
    uint64_t used; /* when it was last asked for, in ticks of the cache */
};

struct verified {
    unsigned magic;
#define VERIFIED_MAGIC 0x70b3e45dU
    EVP_MD *sha256;       /* fetched once: looking it up costs as much as a short digest */
    pthread_mutex_t lock; /* guards the two below; held for a comparison or two */
    uint64_t ticks;
    struct entry entries[SETS][WAYS];
};

struct verified *verified_new(void) {
    struct verified *cache = calloc(1, sizeof *cache);
    AN(cache);
    cache->magic = VERIFIED_MAGIC;
    cache->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    AN(cache->sha256);
    AZ(pthread_mutex_init(&cache->lock, NULL));
    return cache;
}

void verified_free(struct verified *cache) {
    if (cache == NULL)
        return;
    OBJ_CHECK(cache, VERIFIED_MAGIC);
    EVP_MD_free(cache->sha256);
    pthread_mutex_destroy(&cache->lock);
    cache->magic = 0;
    free(cache);
}

struct verified_key verified_key_of(struct verified *cache, struct str token) {
    struct verified_key key;
    OBJ_CHECK(cache, VERIFIED_MAGIC);
    ASSERT(EVP_Digest(token.p, token.n, key.bytes, NULL, cache->sha256, NULL) == 1);
    return key;
}

static bool same_key(const struct verified_key *a, const struct verified_key *b) {
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

bool verified_has(struct verified *cache, const struct verified_key *key, uint64_t generation,
                  double now_s) {
    bool found = false;
    OBJ_CHECK(cache, VERIFIED_MAGIC);
    if (generation == 0)
        return false;
    struct entry *set = cache->entries[key->bytes[0]];
    pthread_mutex_lock(&cache->lock);
    for (size_t i = 0; i < WAYS && !found; i++)
        if (set[i].generation == generation && same_key(&set[i].key, key) &&
            isless(now_s, set[i].until_s)) {
            set[i].used = ++cache->ticks;
            found = true;
        }
    pthread_mutex_unlock(&cache->lock);
    return found;
}

void verified_add(struct verified *cache, const struct verified_key *key, uint64_t generation,
                  double until_s) {
    OBJ_CHECK(cache, VERIFIED_MAGIC);
    struct entry *set = cache->entries[key->bytes[0]];
    pthread_mutex_lock(&cache->lock);
    struct entry *place = &set[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].generation != 0 && same_key(&set[i].key, key)) {
            place = &set[i];
            break;
        }
        /* Old generations are void, so they go first; then whatever was not used for longest. */
        if (set[i].generation < place->generation ||
            (set[i].generation == place->generation && set[i].used < place->used))
            place = &set[i];
    }
    *place = (struct entry){
        .key = *key,
        .generation = generation,
        .until_s = until_s,
        .used = ++cache->ticks,
    };
    pthread_mutex_unlock(&cache->lock);
}
