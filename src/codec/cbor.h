// SPDX-License-Identifier: Apache-2.0
/*
 * CBOR (RFC 8949, as Smithy RPC v2 uses it) to and from generated structs, on libcbor.
 * https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
 */
#ifndef CODEC_CBOR_H
#define CODEC_CBOR_H

#include "base/buf.h"
#include "base/err.h"
#include "codec/shape.h"

/*
 * Appends the struct as a CBOR map: definite lengths, integers in their shortest form, absent
 * members left out, empty ones kept, model order. Fails (INVALID_ARGUMENT, with the path) as
 * json_encode does, and on a document, for which the protocol has no form.
 */
struct err *cbor_encode(struct buf *out, const struct codec_shape *shape, const void *value,
                        struct arena *a) MUST_CHECK;

/*
 * Fills a zeroed struct from a CBOR map; strings and lists go to the arena. Definite and indefinite
 * lengths, floats of all widths, null and undefined for absence, unknown members and tags skipped,
 * an empty text as an empty map. A wrong type, an integer out of range, invalid UTF-8, too much
 * nesting, bytes behind the end or text that is no CBOR is an error (INTERNAL) naming the path.
 */
struct err *cbor_decode(struct str text, const struct codec_shape *shape, void *ret_value,
                        struct arena *a) MUST_CHECK;

#endif
