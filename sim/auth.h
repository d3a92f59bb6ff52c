// SPDX-License-Identifier: Apache-2.0
/*
 * The server's side of AWS Signature Version 4: who signed this request, and is it what was signed?
 * Refuses as AWS does, by name and wording, but repeats no part of a signature or secret.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
#ifndef SIM_AUTH_H
#define SIM_AUTH_H

#include "aws/digest.h"
#include "base/arena.h"
#include "base/secret.h"
#include "sim/request.h"

#define AUTH_MAX_KEYS 256
#define AUTH_MAX_REGIONS 64
#define AUTH_MAX_SKEW_MS ((int64_t)5 * 60 * 1000)

struct auth_key {
    char id[129];
    struct secret secret;
    struct secret token; /* absent: the key is used without one */
    int64_t expires_ms;  /* milliseconds since 1970 UTC; 0 for never */
};

struct auth {
    struct digest *digest; /* made with the first key */
    struct auth_key keys[AUTH_MAX_KEYS];
    size_t n_keys;
    char regions[AUTH_MAX_REGIONS][65]; /* what a scope may name; none: any */
    size_t n_regions;
};

/* A request's claim as far as it could be read, and what came of it. */
struct auth_result {
    bool ok;
    int status;
    struct str error;   /* e.g. "InvalidSignatureException"; absent if ok */
    struct str message; /* for the client; absent if ok */
    struct str key_id;
    struct str region;
    struct str signed_headers;
};

/* Copies; false if the key id is empty or too long, the secret empty, or there is no room. */
bool auth_add_key(struct auth *auth, struct str id, struct str secret, struct str token,
                  int64_t expires_ms);
/* False if the name is empty or too long or there is no room; one that is there already is fine. */
bool auth_add_region(struct auth *auth, struct str region);
void auth_free(struct auth *auth);

/*
 * service is the name in the credential scope, now_ms the server's clock. The strings of the result
 * are views of the request or lie in the arena.
 */
struct auth_result auth_verify(const struct auth *auth, const struct sim_request *req,
                               struct str service, int64_t now_ms, struct arena *a);

/*
 * An Authorization value that people may see: "Signature=" and whatever is no SigV4 are cut out,
 * credential scope and signed headers stay.
 */
struct str auth_redact(struct str authorization, struct arena *a);

#endif
