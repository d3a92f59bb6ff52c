// SPDX-License-Identifier: Apache-2.0
#include "aws/signing_key.h"

#include "base/obj.h"

#include <stdlib.h>

/* A host label each. A longer region or service is served, but its key is not kept. */
#define NAME_MAX_BYTES 63

struct slot {
    uint64_t identity; /* of the credentials; 0 marks a free slot */
    uint64_t used;     /* the table's tick at the last use */
    char date[8];
    size_t region_n;
    size_t service_n;
    char region[NAME_MAX_BYTES];
    char service[NAME_MAX_BYTES];
    struct sigv4_key key;
};

struct signing_keys {
    unsigned magic;
#define SIGNING_KEYS_MAGIC 0x0d5e71a9U
    uint64_t tick;
    uint64_t derived;
    struct slot slots[SIGNING_KEYS_MAX];
};

struct signing_keys *signing_keys_new(void) {
    struct signing_keys *keys = calloc(1, sizeof *keys);
    if (keys == NULL)
        obj_panic(__FILE__, __LINE__, "out of memory");
    keys->magic = SIGNING_KEYS_MAGIC;
    return keys;
}

void signing_keys_free(struct signing_keys *keys) {
    if (keys == NULL)
        return;
    OBJ_CHECK(keys, SIGNING_KEYS_MAGIC);
    explicit_bzero(keys, sizeof *keys);
    free(keys);
}

void signing_key_derive(struct digest *digest, const struct sigv4_scope *scope,
                        const struct secret *secret_access_key, struct sigv4_key *ret) {
    char first[4 + AWS_SECRET_ACCESS_KEY_MAX] = {'A', 'W', 'S', '4'};
    struct str secret = secret_reveal(secret_access_key);
    const struct str key = str_n((const char *)ret->bytes, sizeof ret->bytes);
    ASSERT(secret.n > 0 && secret.n <= AWS_SECRET_ACCESS_KEY_MAX);
    memcpy(first + 4, secret.p, secret.n);
    digest_hmac(digest, str_n(first, 4 + secret.n), sigv4_date(&scope->time), ret->bytes);
    digest_hmac(digest, key, scope->region, ret->bytes);
    digest_hmac(digest, key, scope->service, ret->bytes);
    digest_hmac(digest, key, STR("aws4_request"), ret->bytes);
    explicit_bzero(first, sizeof first);
}

static bool same_day(const struct slot *s, const struct sigv4_scope *scope) {
    return memcmp(s->date, scope->time.stamp, sizeof s->date) == 0;
}

static bool slot_fits(const struct slot *s, const struct sigv4_scope *scope, uint64_t identity) {
    return s->identity == identity && same_day(s, scope) &&
           str_eq(str_n(s->region, s->region_n), scope->region) &&
           str_eq(str_n(s->service, s->service_n), scope->service);
}

/* A free slot, or the one unused for longest; wiped. Keys of other days go first, all of them. */
static struct slot *take_slot(struct signing_keys *keys, const struct sigv4_scope *scope) {
    struct slot *oldest = &keys->slots[0];
    for (size_t i = 0; i < ARRAY_LEN(keys->slots); i++) {
        struct slot *s = &keys->slots[i];
        if (s->identity == 0 || !same_day(s, scope))
            explicit_bzero(s, sizeof *s);
        if (s->used < oldest->used)
            oldest = s;
    }
    explicit_bzero(oldest, sizeof *oldest);
    return oldest;
}

static size_t copy_name(char to[NAME_MAX_BYTES], struct str name) {
    if (name.n > 0)
        memcpy(to, name.p, name.n);
    return name.n;
}

static void name_slot(struct slot *s, const struct sigv4_scope *scope, uint64_t identity) {
    if (scope->region.n > NAME_MAX_BYTES || scope->service.n > NAME_MAX_BYTES)
        return;
    s->identity = identity;
    memcpy(s->date, scope->time.stamp, sizeof s->date);
    s->region_n = copy_name(s->region, scope->region);
    s->service_n = copy_name(s->service, scope->service);
}

const struct sigv4_key *signing_keys_get(struct signing_keys *keys, struct digest *digest,
                                         const struct sigv4_scope *scope,
                                         const struct aws_credentials *creds) {
    OBJ_CHECK(keys, SIGNING_KEYS_MAGIC);
    ASSERT(creds->identity != 0);
    keys->tick++;
    for (size_t i = 0; i < ARRAY_LEN(keys->slots); i++) {
        struct slot *s = &keys->slots[i];
        if (slot_fits(s, scope, creds->identity)) {
            s->used = keys->tick;
            return &s->key;
        }
    }
    struct slot *s = take_slot(keys, scope);
    signing_key_derive(digest, scope, &creds->secret_access_key, &s->key);
    keys->derived++;
    s->used = keys->tick;
    name_slot(s, scope, creds->identity);
    return &s->key;
}

size_t signing_keys_count(const struct signing_keys *keys) {
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(keys->slots); i++)
        n += keys->slots[i].identity != 0;
    return n;
}

uint64_t signing_keys_derived(const struct signing_keys *keys) {
    return keys->derived;
}
