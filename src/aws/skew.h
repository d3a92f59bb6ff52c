// SPDX-License-Identifier: Apache-2.0
/* Clocks that differ: a signature is only good for some minutes of the server's time. */
#ifndef AWS_SKEW_H
#define AWS_SKEW_H

#include "base/err.h"
#include "http/http.h"

/*
 * True if a refusal shows that our clock is off, and *skew_us, the server's time minus ours in
 * microseconds, now holds what its Date header says. sent_us is what the request was signed with:
 * one that was signed by the right time will not be accepted at the second try either.
 * AWS_DISABLE_CLOCK_SKEW_CORRECTION switches this off, which is the caller's to look at.
 */
bool aws_skew_correct(const struct http_response *resp, const struct err *err, int64_t sent_us,
                      int64_t *skew_us);

#endif
