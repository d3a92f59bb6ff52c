// SPDX-License-Identifier: Apache-2.0
/*
 * What the roles of a token permit. A token only names its roles; AGS is asked what is in them, in
 * the background, and the answers are kept. Nobody waits: until a role is known it is neither held
 * nor not held. Only tokens whose signature has been verified may lead here, so that strangers
 * cannot make us ask.
 *
 * Likewise for the studio of a namespace, which a held "NAMESPACE:studio-:..." is meant for: where
 * the names alone do not tell, AGS does.
 *
 * An answer counts for lifetime_ms, and while AGS fails for max_stale_ms; a role that AGS does not
 * know permits nothing. At most ROLES_MAX answers are kept, ROLES_FETCHES are asked for at a time,
 * and one that failed is asked for again after ROLES_PAUSE_MS at the earliest.
 */
#ifndef AUTH_ROLES_H
#define AUTH_ROLES_H

#include "ags/client.h"
#include "auth/jwt.h"
#include "base/loop.h"

#define ROLES_MAX 256
#define ROLES_FETCHES 4
#define ROLES_MAX_PERMISSIONS 4000 /* of a role that count */
#define ROLES_PAUSE_MS 10000

struct roles_options {
    struct loop *loop; /* outlives the roles, like the client */
    struct ags_client *ags;
    int64_t lifetime_ms;  /* > 0 */
    int64_t max_stale_ms; /* >= lifetime_ms, or it counts as that */
};

struct roles;

/* On the loop's thread, or before it runs, like roles_free. */
struct roles *roles_new(const struct roles_options *options);

/* Ends fetches under way. Under the same conditions as auth_refresh_free. NULL is fine. */
void roles_free(struct roles *roles);

enum roles_answer {
    ROLES_HELD,     /* the permission is held */
    ROLES_NOT_HELD, /* it is not, as far as AGS knows */
    ROLES_UNKNOWN,  /* that depends on something which has been asked for now */
};

/*
 * Whether the permissions of the token, or those of one of its roles, cover this resource, in which
 * nothing is left to fill in, of this namespace, and share an action. Any thread; does not wait.
 */
enum roles_answer roles_permit(struct roles *roles, struct arena *a,
                               const struct jwt_claims *claims, struct str resource,
                               struct str namespace_name, int64_t action);

/* For metrics. Any thread. */
struct roles_stats {
    size_t known;
    uint64_t fetched;
    uint64_t failed;
};
void roles_stats(struct roles *roles, struct roles_stats *ret);

#endif
