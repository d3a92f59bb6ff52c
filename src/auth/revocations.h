// SPDX-License-Identifier: Apache-2.0
/*
 * AGS's revocation list: tokens (as a Bloom filter) and users. Made once, never changed, shared
 * between threads by counted references.
 */
#ifndef AUTH_REVOCATIONS_H
#define AUTH_REVOCATIONS_H

#include "base/err.h"
#include "generated/ags.h"

struct revocations;

/*
 * Copies what it needs. An empty filter revokes nothing. A user whose time of revocation cannot be
 * read counts as revoked for good; of several entries for one user the latest counts. INTERNAL, in
 * the arena, if the filter is missing or its k is out of range. The caller owns a reference.
 */
struct err *revocations_new(const struct ags_revocation_list *list, struct arena *a,
                            struct revocations **ret) MUST_CHECK;

struct revocations *revocations_ref(struct revocations *r);
void revocations_unref(struct revocations *r); /* NULL is fine */

/* The compact token, without "Bearer". */
bool revocations_has_token(const struct revocations *r, struct str token);

/* The user's tokens issued at that time (seconds since 1970) or earlier are revoked. */
bool revocations_has_user(const struct revocations *r, struct str user, double issued_s);

size_t revocations_users(const struct revocations *r);
size_t revocations_words(const struct revocations *r); /* of 64 bits, in the filter */

/* "2026-08-01T12:00:00.123Z" (RFC 3339, any offset, years 0 to 9999) to whole seconds since 1970,
 * rounded down; false if it is no such text. */
bool revocations_parse_time(struct str text, int64_t *ret_s);

#endif
