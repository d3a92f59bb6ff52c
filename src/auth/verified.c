// SPDX-License-Identifier: Apache-2.0
#include "auth/verified.h"

#include "base/obj.h"
#include "base/random.h"

#include <math.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

#define SETS 256 /* the first byte of a key chooses one */
#define WAYS 4   /* entries of a set */
#define SECRET_BYTES 16

struct entry {
    struct verified_key key;
    uint64_t generation; /* 0: empty */
    double until_s;
    uint64_t used; /* when it was last asked for, in ticks of the cache */
};

struct verified {
    unsigned magic;
#define VERIFIED_MAGIC 0x70b3e45dU
    unsigned char secret[SECRET_BYTES]; /* key of the hash, drawn at the start */
    pthread_mutex_t lock;               /* guards what follows; held for a hash or less */
    EVP_MAC_CTX *siphash;
    uint64_t ticks;
    struct entry entries[SETS][WAYS];
};

struct verified *verified_new(void) {
    struct verified *cache = calloc(1, sizeof *cache);
    AN(cache);
    cache->magic = VERIFIED_MAGIC;
    EVP_MAC *siphash = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
    AN(siphash);
    cache->siphash = EVP_MAC_CTX_new(siphash); /* holds a reference of its own */
    EVP_MAC_free(siphash);
    AN(cache->siphash);
    random_bytes(cache->secret, sizeof cache->secret);
    AZ(pthread_mutex_init(&cache->lock, NULL));
    return cache;
}

void verified_free(struct verified *cache) {
    if (cache == NULL)
        return;
    OBJ_CHECK(cache, VERIFIED_MAGIC);
    EVP_MAC_CTX_free(cache->siphash);
    pthread_mutex_destroy(&cache->lock);
    explicit_bzero(cache, sizeof *cache);
    free(cache);
}

struct verified_key verified_key_of(struct verified *cache, struct str token) {
    struct verified_key key;
    size_t n = 0;
    OBJ_CHECK(cache, VERIFIED_MAGIC);
    pthread_mutex_lock(&cache->lock);
    ASSERT(EVP_MAC_init(cache->siphash, cache->secret, sizeof cache->secret, NULL) == 1 &&
           EVP_MAC_update(cache->siphash, (const unsigned char *)token.p, token.n) == 1 &&
           EVP_MAC_final(cache->siphash, key.bytes, &n, sizeof key.bytes) == 1);
    pthread_mutex_unlock(&cache->lock);
    ASSERT(n == sizeof key.bytes);
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
