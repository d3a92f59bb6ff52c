// SPDX-License-Identifier: Apache-2.0
/* JSON (awsJson's rules) to and from generated structs, on yajl. */
#ifndef CODEC_JSON_H
#define CODEC_JSON_H

#include "base/buf.h"
#include "base/err.h"
#include "codec/shape.h"

/*
 * Appends the struct as a JSON object: absent members are left out, empty ones kept, model order.
 * Fails (INVALID_ARGUMENT, with the path) on invalid UTF-8, on an enum's _UNKNOWN, on more nesting
 * than CODEC_MAX_DEPTH, and when the buffer is full.
 */
struct err *json_encode(struct buf *out, const struct codec_shape *shape, const void *value,
                        struct arena *a) MUST_CHECK;

/*
 * Fills a zeroed struct from a JSON object; strings and lists go to the arena. Unknown members are
 * skipped, null is absence, an empty text is an empty object. A wrong type, an integer out of
 * range, invalid UTF-8, too much nesting or text that is no JSON is an error (INTERNAL) naming the
 * path.
 */
struct err *json_decode(struct str text, const struct codec_shape *shape, void *ret_value,
                        struct arena *a) MUST_CHECK;

#endif
