// SPDX-License-Identifier: Apache-2.0
/*
 * AGS's permissions: a resource such as "NAMESPACE:studio-game:SESSION:GAME" and a set of actions
 * (CREATE 1, READ 2, UPDATE 4, DELETE 8). What a token holds may have wildcards.
 */
#ifndef AUTH_PERMISSION_H
#define AUTH_PERMISSION_H

#include "auth/jwt.h"

/*
 * The held resource covers the required one. Parts between colons are equal, or the held one is
 * "*". Behind NAMESPACE a held "studio-" covers the namespace "studio", every "studio-game" with no
 * further dash, and, if `studio` (may be absent) is what AGS names as the studio of the required
 * namespace, that one. A held resource that is shorter must end in "*", and not right behind
 * NAMESPACE or USER unless "*" is all of it; of one that is longer the rest must be "*".
 */
bool permission_covers(struct str held, struct str required, struct str studio);

/* Behind NAMESPACE there is a "studio-", so that permission_covers may depend on the studio. */
bool permission_names_studio(struct str held);

/* "{namespace}" and "{userId}" become these; an absent one stays as it is. */
struct str permission_fill_in(struct arena *a, struct str resource, struct str namespace_name,
                              struct str user_id);

/*
 * One of the token's own permissions covers the resource and shares an action with it. A token
 * without a namespace has none. Roles and studios are not looked up: see auth/roles.h.
 */
bool permission_held(const struct jwt_claims *claims, struct str resource, int64_t action);

#endif
