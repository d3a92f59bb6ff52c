// SPDX-License-Identifier: Apache-2.0
/*
 * Protobuf messages as JSON, by protoc-c's descriptors: for a command line. Names are the proto's,
 * 64-bit integers are plain numbers. Knows what the contract uses: strings, booleans, integers,
 * enums as numbers, and lists of them.
 */
#ifndef CLI_MESSAGE_JSON_H
#define CLI_MESSAGE_JSON_H

#include "base/buf.h"
#include "base/err.h"

#include <protobuf-c/protobuf-c.h>

/* Fills an initialised message from a JSON object; memory is the arena's. Unknown names are errors.
 */
struct err *message_from_json(struct arena *a, struct str text, ProtobufCMessage *msg) MUST_CHECK;

/* Appends the message as indented JSON, every field of it, and a final line end. */
void message_to_json(struct buf *out, const ProtobufCMessage *msg);

#endif
