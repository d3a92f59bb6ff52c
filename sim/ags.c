// SPDX-License-Identifier: Apache-2.0
#include "sim/ags.h"

#include "base/obj.h"

#include <stdlib.h>
#include <time.h>

void ags_init(struct ags *ags, struct sim *sim, const struct ags_options *options) {
    *ags = (struct ags){.magic = AGS_MAGIC, .sim = sim};
    ags->arena = arena_new(ARENA_LIMIT_DEFAULT);
    ags->options = (struct ags_options){
        .client_id = arena_str(ags->arena, options->client_id),
        .ns = arena_str(ags->arena, options->ns),
        .token_lifetime_s = options->token_lifetime_s,
    };
    ags->client_secret = secret_new(options->client_secret);
    list_init(&ags->tokens);
    list_init(&ags->sessions);
    list_init(&ags->stored);
    for (size_t i = 0; i < AGS_BUCKETS; i++)
        list_init(&ags->buckets[i]);
    ags_clear(ags);
}

void ags_clear(struct ags *ags) {
    OBJ_CHECK(ags, AGS_MAGIC);
    while (!list_empty(&ags->sessions))
        ags_session_remove(ags, CONTAINER_OF(ags->sessions.next, struct ags_session, node));
    for (struct list *l = ags->tokens.next; l != &ags->tokens; l = l->next)
        CONTAINER_OF(l, struct ags_token, node)->revoked = false;
    ags->revoked = (struct ags_bloom){.items = 0};
    ags->n_users = 0;
    ags->token_lifetime_s = ags->options.token_lifetime_s;
    ags->may_read = true;
    ags->may_update = true;
    ags->may_read_roles = true;
    ags_stored_clear(ags);
    memset(ags->calls, 0, sizeof ags->calls);
}

static void drop_oldest_token(struct ags *ags) {
    struct ags_token *t = CONTAINER_OF(ags->tokens.next, struct ags_token, node);
    list_remove(&t->node);
    arena_free(t->arena);
    ags->n_tokens--;
}

void ags_free(struct ags *ags) {
    OBJ_CHECK(ags, AGS_MAGIC);
    ags_clear(ags);
    while (ags->n_tokens > 0)
        drop_oldest_token(ags);
    for (size_t i = 0; i < ags->n_keys; i++)
        ags_key_free(ags->keys[i]);
    ags_key_free(ags->stranger);
    secret_free(&ags->client_secret);
    arena_free(ags->arena);
    ags->magic = 0;
}

struct ags_key *ags_key_signing(struct ags *ags) {
    if (ags->n_keys == 0)
        ags->keys[ags->n_keys++] = ags_key_new();
    return ags->keys[ags->n_keys - 1];
}

void ags_keys_rotate(struct ags *ags, bool forget) {
    /* The oldest key makes room. */
    size_t drop = forget ? ags->n_keys : ags->n_keys == AGS_MAX_KEYS ? 1 : 0;
    for (size_t i = 0; i < drop; i++)
        ags_key_free(ags->keys[i]);
    memmove(ags->keys, ags->keys + drop, (ags->n_keys - drop) * sizeof *ags->keys);
    ags->n_keys -= drop;
    ags->keys[ags->n_keys++] = ags_key_new();
}

struct ags_key *ags_key_unpublished(struct ags *ags) {
    if (ags->stranger == NULL)
        ags->stranger = ags_key_new();
    return ags->stranger;
}

int64_t ags_now_s(const struct ags *ags) {
    return sim_now_ms(ags->sim) / 1000;
}

struct str ags_time(struct arena *a, int64_t ms) {
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    char text[32];
    gmtime_r(&seconds, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    return arena_printf(a, "%s.%03dZ", text, (int)(ms % 1000));
}

/* ---- tokens that are remembered ---- */

const struct ags_token *ags_token_make(struct ags *ags, const struct ags_key *key, struct str kid,
                                       struct str claims, struct str jti) {
    struct buf text;
    buf_init(&text, AGS_JWT_MAX);
    ags_jwt_sign(&text, key, kid, claims);
    if (ags->n_tokens == AGS_MAX_TOKENS)
        drop_oldest_token(ags);
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    struct ags_token *t = ARENA_NEW(a, struct ags_token);
    t->arena = a;
    t->text = arena_str(a, buf_str(&text));
    t->jti = arena_str(a, jti);
    t->number = ++ags->last_token;
    list_append(&ags->tokens, &t->node);
    ags->n_tokens++;
    buf_wipe(&text);
    return t;
}

void ags_token_revoke(struct ags *ags, struct str text) {
    ags_bloom_add(&ags->revoked, text);
    for (struct list *l = ags->tokens.next; l != &ags->tokens; l = l->next) {
        struct ags_token *t = CONTAINER_OF(l, struct ags_token, node);
        t->revoked = t->revoked || str_eq(t->text, text);
    }
}

void ags_token_revoke_all(struct ags *ags) {
    for (struct list *l = ags->tokens.next; l != &ags->tokens; l = l->next) {
        struct ags_token *t = CONTAINER_OF(l, struct ags_token, node);
        if (!t->revoked)
            ags_bloom_add(&ags->revoked, t->text);
        t->revoked = true;
    }
}

bool ags_user_revoke(struct ags *ags, struct str id, int64_t revoked_at_ms) {
    if (ags->n_users == AGS_MAX_USERS || str_empty(id) || id.n >= sizeof ags->users[0].id)
        return false;
    struct ags_revoked_user *user = &ags->users[ags->n_users++];
    *user = (struct ags_revoked_user){.revoked_at_ms = revoked_at_ms};
    memcpy(user->id, id.p, id.n);
    return true;
}
