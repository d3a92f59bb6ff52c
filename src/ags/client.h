// SPDX-License-Identifier: Apache-2.0
/*
 * A client of AccelByte Gaming Services: the operations of generated/ags.h over HTTPS, authorised
 * by the client-credentials token that src/ags/token.c keeps.
 *
 * A failed attempt that may pass (connection, 5xx, 429) is tried again with back-off while the
 * caller's deadline lasts; a 401 leads to one renewed token, one a second at most, and one more
 * try.
 */
#ifndef AGS_CLIENT_H
#define AGS_CLIENT_H

#include "ags/operation.h"
#include "base/loop.h"
#include "base/secret.h"
#include "http/http.h"
#include "http/tracer.h"

/* Told of every attempt, for metrics. ctx is what it is part of; err is NULL for a success. */
typedef void ags_observe_fn(void *priv, struct ctx *ctx, const struct rest_operation *op,
                            int attempt, int64_t duration_us, const struct err *err);

struct ags_client_options {
    struct loop *loop;          /* outlives the client */
    struct http_client *http;   /* outlives the client */
    struct str base_url;        /* "https://..."; no slash at the end; copied */
    struct str client_id;       /* copied */
    struct str client_secret;   /* copied into protected memory */
    struct str user_agent;      /* copied */
    int max_attempts;           /* of one operation; 0: 3 */
    int64_t attempt_timeout_ms; /* 0: the HTTP client's default */
    ags_observe_fn *observe;    /* may be NULL */
    void *observe_priv;
    struct http_tracer *tracer; /* may be NULL; outlives the client */
};

struct ags_client *ags_client_new(const struct ags_client_options *options);

/* Fetches the access token ahead of its first use and from then on keeps it fresh. */
void ags_client_prepare(struct ags_client *client);

/* Seconds since the access token in use was granted; NaN if there is none. */
double ags_client_token_age_s(const struct ags_client *client);

/* No operation may be pending. NULL is fine. */
void ags_client_free(struct ags_client *client);

#endif
