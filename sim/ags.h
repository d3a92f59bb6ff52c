// SPDX-License-Identifier: Apache-2.0
/*
 * The state of the stand-in for AccelByte Gaming Services: one OAuth client, its signing keys, the
 * tokens issued and revoked, and the game sessions that a test has put there. Tokens are real
 * RS256 tokens, so that whoever validates them must do it right. What is on the wire is in
 * ags_service.c, what tests may change in ags_control.c.
 *
 * Tokens end by the server's clock (sim_now_ms). One thread.
 */
#ifndef SIM_AGS_H
#define SIM_AGS_H

#include "base/list.h"
#include "base/secret.h"
#include "sim/ags_bloom.h"
#include "sim/ags_jwt.h"
#include "sim/json.h"
#include "sim/sim.h"

#define AGS_MAX_KEYS 8
#define AGS_MAX_TOKENS 4096 /* remembered; older ones stay valid, but cannot be revoked in bulk */
#define AGS_MAX_USERS 64    /* revoked */
#define AGS_MAX_SESSIONS 20000
#define AGS_MAX_HISTORY 100 /* reports kept of one session */
#define AGS_MAX_NAME 256    /* bytes of an id, a name or an address that a test or a peer chooses */
#define AGS_BUCKETS 1024

enum ags_operation {
    AGS_TOKEN_GRANT,
    AGS_VERIFY_TOKEN,
    AGS_GET_JWKS,
    AGS_GET_REVOCATION_LIST,
    AGS_GET_GAME_SESSION,
    AGS_UPDATE_DS_INFORMATION,
    AGS_GET_ROLE_OVERRIDE,
    AGS_GET_ROLE,
    AGS_GET_NAMESPACE_CONTEXT,
    AGS_OPERATIONS,
};

struct ags_options {
    struct str client_id;
    struct str client_secret;
    struct str ns;            /* the client's game namespace */
    int64_t token_lifetime_s; /* > 0 */
};

struct ags_revoked_user {
    char id[AGS_MAX_NAME];
    int64_t revoked_at_ms;
};

struct ags {
    unsigned magic;
#define AGS_MAGIC 0xa65a65a6U
    struct sim *sim;
    struct arena *arena; /* holds the options' strings */
    struct ags_options options;
    struct secret client_secret;

    struct ags_key
        *keys[AGS_MAX_KEYS]; /* published; the last one signs; none before its first use */
    size_t n_keys;
    struct ags_key *stranger; /* never published; made when a test asks for it */

    struct list tokens; /* oldest first */
    size_t n_tokens;
    uint64_t last_token;
    uint64_t expired_up_to; /* AGS refuses tokens up to this one whatever they say */
    struct ags_bloom revoked;
    struct ags_revoked_user users[AGS_MAX_USERS];
    size_t n_users;

    struct list sessions; /* in order of creation */
    struct list buckets[AGS_BUCKETS];
    size_t n_sessions;

    struct list stored; /* roles and contexts */

    int64_t token_lifetime_s;
    bool may_read_roles; /* and namespace contexts */
    bool may_read;       /* the client has NAMESPACE:{namespace}:SESSION:GAME [READ] */
    bool may_update;     /* and ADMIN:NAMESPACE:{namespace}:SESSION:GAME [UPDATE] */
    uint64_t calls[AGS_OPERATIONS];
};

/* Copies the options. */
void ags_init(struct ags *ags, struct sim *sim, const struct ags_options *options);
void ags_free(struct ags *ags);
/* No sessions, nothing revoked, settings as in the options; keys and issued tokens stay good. */
void ags_clear(struct ags *ags);

/* ---- tokens: ags_tokens.c ---- */

struct ags_token {
    struct list node;
    struct arena *arena;
    struct str text;
    struct str jti;
    uint64_t number; /* counts up from 1 */
    bool revoked;
};

/* What a good token says; strings in the arena of the check, absent if the claim is. */
struct ags_claims {
    yajl_val tree;
    struct str jti;
    struct str ns;
    struct str extend_ns;
    struct str client_id;
    struct str scope;
    struct str sub;
    int64_t iat; /* seconds since 1970; 0 if absent, as are the next two */
    int64_t nbf;
    int64_t exp;
};

enum ags_grant { AGS_CLIENT_CREDENTIALS, AGS_EXTEND };

/* A new token; extend_ns counts for AGS_EXTEND only. Valid while it is remembered. */
const struct ags_token *ags_token_issue(struct ags *ags, enum ags_grant grant,
                                        struct str extend_ns);

/* A token with any claims (a JSON object), remembered as one that was issued. */
const struct ags_token *ags_token_make(struct ags *ags, const struct ags_key *key, struct str kid,
                                       struct str claims, struct str jti);

/* NULL if AGS takes the token; else why not, in a few words for the journal. */
const char *ags_token_check(const struct ags *ags, struct str text, struct arena *a,
                            struct ags_claims *ret);

/* The claims hold that permission ("NAMESPACE:{namespace}:SESSION:GAME") in the namespace. */
bool ags_token_permits(const struct ags_claims *claims, const char *resource, int64_t action,
                       struct str ns);

/* Any text, issued or not. */
void ags_token_revoke(struct ags *ags, struct str text);
void ags_token_revoke_all(struct ags *ags);
/* False if the id is too long or there is no room. */
bool ags_user_revoke(struct ags *ags, struct str id, int64_t revoked_at_ms);

/*
 * The key that signs. Made at its first use, because that takes a good part of a second, and most
 * who start a stand-in need no token.
 */
struct ags_key *ags_key_signing(struct ags *ags);

/* A new key signs from now on; the old ones stay published unless they are to be forgotten. */
void ags_keys_rotate(struct ags *ags, bool forget);
struct ags_key *ags_key_unpublished(struct ags *ags);

/* The client's permissions as JSON members: {"Resource", "Action"} of claims, or lower-case. */
void ags_permissions_json(const struct ags *ags, bool claims, struct buf *out);

/* Seconds since 1970 by the server's clock. */
int64_t ags_now_s(const struct ags *ags);
/* "2026-08-01T12:00:00.123Z" */
struct str ags_time(struct arena *a, int64_t ms);

/* ---- game sessions: ags_sessions.c ---- */

/* How a member that is optional stands in the answer. */
enum ags_presence { AGS_ABSENT, AGS_NULL, AGS_PRESENT };

/* DSInformation, as a test or the last report has set it. */
struct ags_ds {
    enum ags_presence server_is;
    enum ags_presence deployment_is;
    struct str status; /* StatusV2 */
    struct str deployment;
    struct str ip; /* absent ones are left out of the answer */
    int64_t port;  /* -1: left out */
    struct str region;
    struct str created_region;
    struct str source;
    struct str server_id;
    struct str description;
};

struct ags_report {
    struct list node;
    struct arena *arena;
    struct str json; /* as it came */
    int64_t time_ms;
};

struct ags_session {
    struct list node;
    struct list bucket;
    struct arena *arena;
    struct arena *ds_arena; /* holds the strings of ds; a new one with each report */
    struct str ns;
    struct str id;
    enum ags_presence ds_is;
    struct ags_ds ds;
    struct list history; /* reports, oldest first */
    size_t n_history;
    int64_t reports; /* also those that are not kept any more */
    int64_t created_ms;
    int64_t updated_ms;
    bool active;
    bool async;
    int64_t async_timeout_s;
    struct str client_version;
    struct str template_deployment; /* what the session template says */
    struct str match_pool;
};

/* Creates or replaces from a test's description (ags_control.c). INVALID_ARGUMENT if it is bad. */
struct err *ags_session_put(struct ags *ags, struct str ns, struct str id, struct str json,
                            struct arena *a) MUST_CHECK;
struct ags_session *ags_session_find(const struct ags *ags, struct str ns, struct str id);
void ags_session_remove(struct ags *ags, struct ags_session *session);

/* The report of a dedicated server's state: stored, with its text in the history. */
struct err *ags_session_report(struct ags *ags, struct ags_session *session, struct str json,
                               struct arena *a) MUST_CHECK;

/* As AGS answers it. */
void ags_session_json(const struct ags_session *session, struct arena *a, struct buf *out);
/* As tests see it: the same and the history. */
void ags_session_history_json(const struct ags_session *session, struct arena *a, struct buf *out);

/* ---- roles and contexts: ags_roles.c ---- */

/* A role ("*" for one that is not of a namespace), or with an empty id the context of a namespace,
 * from a test's description (control.h). */
struct err *ags_stored_put(struct ags *ags, struct str ns, struct str id, struct str json,
                           struct arena *a) MUST_CHECK;
void ags_stored_clear(struct ags *ags);

/* ---- for sim_add ---- */

struct sim_service ags_service(struct ags *ags);
struct sim_service ags_control(struct ags *ags);

#endif
