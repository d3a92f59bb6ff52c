// SPDX-License-Identifier: Apache-2.0
/* Times as text, in Smithy's formats date-time (RFC 3339) and http-date (RFC 7231, IMF-fixdate). */
#ifndef CODEC_TIME_H
#define CODEC_TIME_H

#include "codec/shape.h"

#define CODEC_TIME_TEXT 40 /* bytes that the longest text needs, NUL included */

/*
 * Milliseconds since 1970 UTC as text. Returns its length, or 0 if the year does not lie between 1
 * and 9999. An http-date has whole seconds, so the rest of one is cut off.
 */
size_t codec_time_print(char out[CODEC_TIME_TEXT], int64_t ms, enum codec_time_format format);

/*
 * Reads either format: with a fraction of a second in both, of which milliseconds are kept, and
 * any offset from UTC in a date-time. False (ret untouched) if the text is no such time, or its
 * year is none that can be printed.
 */
bool codec_time_parse(struct str text, int64_t *ret_ms);

#endif
