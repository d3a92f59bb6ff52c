// SPDX-License-Identifier: Apache-2.0
#include "grpc/message.h"

#include "codec/protobuf.h"

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/slice.h>

struct err *message_unpack(struct arena *a, const ProtobufCMessageDescriptor *desc,
                           grpc_byte_buffer *bytes, const ProtobufCMessage **ret) {
    grpc_byte_buffer_reader reader;
    if (!grpc_byte_buffer_reader_init(&reader, bytes))
        return err_new(a, RPC_INTERNAL, "%s cannot be read", desc->short_name);
    /* One piece of memory, shared with the buffer if it is one already. */
    grpc_slice slice = grpc_byte_buffer_reader_readall(&reader);
    grpc_byte_buffer_reader_destroy(&reader);
    struct str wire = str_n((const char *)GRPC_SLICE_START_PTR(slice), GRPC_SLICE_LENGTH(slice));
    struct err *err = protobuf_unpack(a, desc, wire, ret);
    grpc_slice_unref(slice);
    return err;
}

struct err *message_pack(struct arena *a, const ProtobufCMessage *msg, grpc_byte_buffer **ret) {
    struct err *err = protobuf_check_message(a, msg);
    if (err != NULL)
        return err;
    grpc_slice slice = grpc_slice_malloc(protobuf_c_message_get_packed_size(msg));
    protobuf_c_message_pack(msg, GRPC_SLICE_START_PTR(slice));
    *ret = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    return NULL;
}

grpc_slice message_status(const struct err *err) {
    char text[MESSAGE_STATUS_BYTES];
    size_t n = 0;
    for (size_t at = 0; at < err->msg.n;) {
        size_t len = str_utf8_next(err->msg, at);
        size_t used = len > 0 ? len : 1;
        if (n + used > sizeof text)
            break;
        if (len > 0)
            memcpy(text + n, err->msg.p + at, len);
        else
            text[n] = '?';
        n += used;
        at += used;
    }
    return grpc_slice_from_copied_buffer(text, n);
}
