// SPDX-License-Identifier: Apache-2.0
/*
 * Temporary credentials: what the stand-ins for STS, for container endpoints (ECS, EKS) and for the
 * instance metadata service hand out, and what a test may say about it. They are real keys of
 * sim->auth with a session token and an end, so that the other AWS stand-ins take them, and refuse
 * them once they have expired by the server's clock.
 */
#ifndef SIM_STS_H
#define SIM_STS_H

#include "sim/sim.h"

#define STS_DEFAULT_LIFETIME_S 3600
#define STS_MAX_LIFETIME_S ((int64_t)7 * 86400)
#define STS_MAX_SETTING 20000 /* bytes of a token, name or ARN in the settings */
#define STS_IMDS_TOKENS 64    /* remembered; the oldest makes room */
#define STS_IMDS_TOKEN_SIZE 57

struct sts_settings {
    int64_t lifetime_s;            /* of all that is issued; 0: what is asked for, else an hour */
    struct str role_arn;           /* the only one that may be assumed; empty: any */
    struct str external_id;        /* AssumeRole must say it; empty: none */
    struct str web_identity_token; /* the one that is taken */
    struct str container_token;    /* Authorization of /v1/credentials */
    struct str instance_role;      /* empty: the instance has none */
    struct str instance_region;
    bool imds_v1; /* metadata is given without a token, too */
};

struct sts_imds_token {
    char text[STS_IMDS_TOKEN_SIZE];
    int64_t expires_ms; /* milliseconds since 1970, the server's clock */
};

struct sts {
    unsigned magic;
#define STS_MAGIC 0x57557557U
    struct sim *sim;
    struct arena *arena; /* of the settings in force */
    struct arena *first_arena;
    struct sts_settings first; /* as at the start */
    struct sts_settings settings;
    struct sts_imds_token imds_tokens[STS_IMDS_TOKENS];
    size_t next_imds_token;
    uint64_t issued; /* sets of credentials */
};

/* Copies the settings. */
void sts_init(struct sts *sts, struct sim *sim, const struct sts_settings *settings);
void sts_free(struct sts *sts);
/* Settings as at the start; what was issued stays good. */
void sts_clear(struct sts *sts);

/* Copies. */
void sts_set(struct sts *sts, const struct sts_settings *settings);

struct sts_credentials {
    struct str access_key_id;
    struct str secret_access_key;
    struct str session_token;
    struct str expiration; /* "2026-08-01T12:00:00Z" */
};

/*
 * New ones in the arena, known to sim->auth; those that end first make room there. asked_s is
 * what the settings may overrule.
 */
void sts_issue(struct sts *sts, int64_t asked_s, struct arena *a, struct sts_credentials *ret);

/* Everything issued so far has expired, or is not known any more. */
void sts_expire_all(struct sts *sts);
void sts_forget_all(struct sts *sts);

/* "arn:aws:iam::123456789012:role/path/name" */
struct sts_role {
    struct str partition;
    struct str account; /* twelve digits */
    struct str name;    /* without its path */
};

/* False (ret untouched) if it is not the ARN of a role, 20 to 2048 bytes. */
bool sts_role_parse(struct str arn, struct sts_role *ret);

/* 2 to 64 of letters, digits and "_+=,.@-". */
bool sts_session_name_valid(struct str name);

/* "2026-08-01T12:00:00Z" */
struct str sts_time(struct arena *a, int64_t ms);

/* A random text of n letters and digits, in the arena. */
struct str sts_random_text(struct arena *a, size_t n);

/* For sim_add; STS must come before other AWS services that answer at "/". */
struct sim_service sts_service(struct sts *sts);
struct sim_service sts_control(struct sts *sts);

#endif
