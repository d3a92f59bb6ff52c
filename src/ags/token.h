// SPDX-License-Identifier: Apache-2.0
/*
 * The service's own AGS access token (OAuth client credentials): fetched once for however many wait
 * for it, renewed in the background at 80 % of its life with jitter, so that no call waits for a
 * renewal; renewed at once after AGS has refused it. While AGS is down fetches back off.
 * The loop's thread only.
 */
#ifndef AGS_TOKEN_H
#define AGS_TOKEN_H

#include "ags/client.h"

struct ags_token;

/* Fetches with `client`, which owns the token and outlives it. */
struct ags_token *ags_token_new(struct ags_client *client, struct loop *loop);
void ags_token_free(struct ags_token *token);

/* The token at hand, or NULL if it must be fetched first. Valid until control returns to the loop.
 */
const struct secret *ags_token_peek(struct ags_token *token);

/* NULL for success: ags_token_peek then gives the token. The error lives in the context's arena. */
typedef void ags_token_fn(void *priv, const struct err *err);

/*
 * Fetches, or joins the fetch under way; for the moment after ags_token_peek gave NULL. fn runs
 * exactly once, from the loop, never before this returns. The fetch is tried again with back-off
 * for as long as somebody waits; a waiter gives up when its context is cancelled, and at its
 * deadline with the reason why there is no token. A refusal of the client id or secret fails all at
 * once.
 */
void ags_token_get(struct ags_token *token, struct ctx *ctx, ags_token_fn *fn, void *priv);

/* Counts the tokens fetched so far: which one a request was sent with. */
uint64_t ags_token_generation(const struct ags_token *token);

/*
 * AGS answered 401 to the token of that generation: it is dropped if it is still the one at hand.
 * False if it has never been taken and another one was dropped within the last second: AGS refuses
 * whatever it grants, and the call is not to be tried with yet another one.
 */
bool ags_token_refused(struct ags_token *token, uint64_t generation);

/* AGS answered something else. */
void ags_token_taken(struct ags_token *token, uint64_t generation);

/* Seconds since the token at hand was granted; NaN if there is none. */
double ags_token_age_s(const struct ags_token *token);

/* Starts the first fetch, if none is under way or done. */
void ags_token_prepare(struct ags_token *token);

#endif
