// SPDX-License-Identifier: Apache-2.0
/*
 * "key=value,key2=value2" with percent-encoded values, as OpenTelemetry's environment variables
 * hold resource attributes and headers.
 */
#ifndef TELEMETRY_TRACE_PAIRS_H
#define TELEMETRY_TRACE_PAIRS_H

#include "base/arena.h"

#define TRACE_MAX_PAIRS 64

struct trace_pair {
    struct str key;   /* neither empty nor with blanks or control bytes */
    struct str value; /* decoded: valid UTF-8 without control bytes; maybe empty */
};

/*
 * False, with nothing in ret, if any part is malformed or there are too many; *ret_n is then 0.
 * Blanks around keys and values do not count, empty parts neither.
 */
bool trace_pairs_read(struct arena *a, struct str text, struct trace_pair ret[TRACE_MAX_PAIRS],
                      size_t *ret_n);

/* All of them make an HTTP header: a token, and a value of printable ASCII. */
bool trace_pairs_are_headers(const struct trace_pair *pairs, size_t n);

#endif
