// SPDX-License-Identifier: Apache-2.0
/* Waiting on the event loop for as long as the work's context lives. */
#ifndef BASE_CTX_SLEEP_H
#define BASE_CTX_SLEEP_H

#include "base/ctx.h"
#include "base/loop.h"

/* err is NULL if the time is over; else why the context ended first. */
typedef void ctx_sleep_fn(void *priv, const struct err *err);

/*
 * fn runs exactly once, from the loop, never before this returns: after ms milliseconds, when the
 * context is cancelled, or at its deadline, whichever comes first. Also serves to report an error
 * from a start function "later": 0 milliseconds on a context that is dead already.
 */
void ctx_sleep(struct loop *loop, struct ctx *ctx, int64_t ms, ctx_sleep_fn *fn, void *priv);

#endif
