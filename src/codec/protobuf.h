// SPDX-License-Identifier: Apache-2.0
/*
 * Protobuf messages of peers, made safe to use: the wire is checked against protobuf-c's
 * descriptors before protobuf-c unpacks it into a call's arena, strings are checked before they are
 * sent, and messages print for the log with their sensitive fields hidden.
 *
 * protobuf-c alone takes strings that are not UTF-8 or hold a NUL (which cuts the C string short)
 * and allocates for every repeated element and unknown field that fits into the message.
 * Wire format: https://protobuf.dev/programming-guides/encoding/
 */
#ifndef CODEC_PROTOBUF_H
#define CODEC_PROTOBUF_H

#include "base/buf.h"
#include "base/err.h"
#include "codec/log_fields.h"

#include <protobuf-c/protobuf-c.h>

#define PROTOBUF_MAX_DEPTH 32      /* messages inside messages, the outermost counted */
#define PROTOBUF_MAX_ELEMENTS 1000 /* of one repeated field */
#define PROTOBUF_MAX_FIELDS 10000  /* in a whole message, unknown ones and elements counted */

/*
 * NULL if `bytes` unpack as a message of this type. Otherwise, with err->field naming the field:
 * - INTERNAL: not the wire format, a field of the wrong wire type, or a string that is not UTF-8;
 *   what gRPC servers answer when they cannot parse a request;
 * - INVALID_ARGUMENT: a string holds a NUL byte;
 * - RESOURCE_EXHAUSTED: beyond one of the limits above.
 */
struct err *protobuf_check(struct arena *a, const ProtobufCMessageDescriptor *desc,
                           struct str bytes) MUST_CHECK;

/*
 * Checks and unpacks; the message lies in the arena and must not be freed. The value of a map's
 * entry is never NULL: one that did not come is the default.
 */
struct err *protobuf_unpack(struct arena *a, const ProtobufCMessageDescriptor *desc,
                            struct str bytes, const ProtobufCMessage **ret) MUST_CHECK;

/* A copy of a sound message, with all that it points to, in the arena; unknown fields are kept. */
ProtobufCMessage *protobuf_copy(struct arena *a, const ProtobufCMessage *msg);

/*
 * NULL if every string of a message of our own is UTF-8; else INTERNAL, naming the field. Nothing
 * is replaced: peers fail on such strings, and an id that was mended is another id.
 */
struct err *protobuf_check_message(struct arena *a, const ProtobufCMessage *msg) MUST_CHECK;

/* A copy of the string as a message's member takes it; absent gives "". */
char *protobuf_string(struct arena *a, struct str s);

/* A field that must not be printed; a list ends with an entry whose message is NULL. */
struct protobuf_sensitive {
    const ProtobufCMessageDescriptor *message;
    const char *field; /* as in the IDL */
};

struct protobuf_redaction {
    const struct protobuf_sensitive *sensitive;
    codec_log_fields_fn *log_fields; /* what a message has first, nested ones too; may be NULL */
};

#define PROTOBUF_REDACT_STRING 256  /* bytes of a string that are printed */
#define PROTOBUF_REDACT_ELEMENTS 16 /* elements of a repeated field that are printed */

/*
 * Appends the message as one JSON object. Fields at their default are left out; a sensitive field
 * prints as "***", long strings and lists end in "...". Stops with the buffer's sticky mark when
 * that is full.
 */
void protobuf_redact(struct buf *out, const struct protobuf_redaction *redaction,
                     const ProtobufCMessage *msg);

#endif
