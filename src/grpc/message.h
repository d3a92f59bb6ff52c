// SPDX-License-Identifier: Apache-2.0
/* Between messages and the byte buffers of gRPC's C core. Thread-safe apart from the arena. */
#ifndef GRPC_MESSAGE_H
#define GRPC_MESSAGE_H

#include "base/err.h"

#include <grpc/grpc.h>
#include <protobuf-c/protobuf-c.h>

/* Checks and unpacks into the arena; errors as protobuf_check has them. The buffer stays. */
struct err *message_unpack(struct arena *a, const ProtobufCMessageDescriptor *desc,
                           grpc_byte_buffer *bytes, const ProtobufCMessage **ret) MUST_CHECK;

/*
 * Packs straight into the memory that is sent. INTERNAL if a string is not UTF-8. The caller
 * destroys the buffer once the library has sent it.
 */
struct err *message_pack(struct arena *a, const ProtobufCMessage *msg,
                         grpc_byte_buffer **ret) MUST_CHECK;

#define MESSAGE_STATUS_BYTES 1000 /* clients refuse trailers above some 7 kB */

/*
 * The text of an error as it goes to the caller: invalid UTF-8 as '?', cut at the limit. The
 * caller of this unrefs it.
 */
grpc_slice message_status(const struct err *err);

#endif
