// SPDX-License-Identifier: Apache-2.0
/*
 * SigV4 signing keys, derived from a secret by four HMACs and good for one UTC day, region and
 * service. A small table keeps the ones in use, so that signing costs one HMAC.
 *
 * The date is part of what is looked up and comes with the scope, from the same clock read as the
 * x-amz-date header: at 00:00 UTC nothing needs to be thrown away, the old key just no longer fits.
 * Keys are wiped when their slot is used again, when a key of another day is asked for, and at the
 * end. One thread owns a table; nothing is locked.
 */
#ifndef AWS_SIGNING_KEY_H
#define AWS_SIGNING_KEY_H

#include "aws/credentials.h"
#include "aws/sigv4.h"

/* Keys kept: a service or two in each region of a fallback list. */
#define SIGNING_KEYS_MAX 16

struct signing_keys;

struct signing_keys *signing_keys_new(void);

/* Wipes every key. NULL is fine. */
void signing_keys_free(struct signing_keys *keys);

/* The key for the scope's date, region and service; valid until the next call with this table. */
const struct sigv4_key *signing_keys_get(struct signing_keys *keys, struct digest *digest,
                                         const struct sigv4_scope *scope,
                                         const struct aws_credentials *creds);

/* Keys held and derivations done so far, for tests and metrics. */
size_t signing_keys_count(const struct signing_keys *keys);
uint64_t signing_keys_derived(const struct signing_keys *keys);

/* The derivation itself. The caller wipes *ret. */
void signing_key_derive(struct digest *digest, const struct sigv4_scope *scope,
                        const struct secret *secret_access_key, struct sigv4_key *ret);

#endif
