// SPDX-License-Identifier: Apache-2.0
/* For protobuf.c: entries of maps that came without their value. */
#ifndef CODEC_PROTOBUF_MAP_H
#define CODEC_PROTOBUF_MAP_H

#include "base/arena.h"

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

/* The field is a map whose values are messages. protobuf-c's descriptors tell it by names alone. */
bool protobuf_is_message_map(const ProtobufCMessageDescriptor *desc,
                             const ProtobufCFieldDescriptor *field);

/* Gives every entry that has no value the default one, at any depth of an unpacked message. */
void protobuf_fill_maps(struct arena *a, const ProtobufCMessage *msg);

#endif
