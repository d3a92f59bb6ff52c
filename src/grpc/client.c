// SPDX-License-Identifier: Apache-2.0
#include "grpc/client.h"

#include "base/obj.h"
#include "base/secret.h"
#include "grpc/message.h"
#include "grpc/runtime.h"

#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>
#include <grpc/support/time.h>
#include <stdlib.h>

#define MAX_METADATA 16

struct entry {
    grpc_slice key;
    struct secret value;
};

struct rpc_client {
    unsigned magic;
#define RPC_CLIENT_MAGIC 0x5c0e97b2U
    grpc_channel *channel;
    grpc_completion_queue *cq;
    struct entry metadata[MAX_METADATA];
    size_t n_metadata;
};

/* What one call gets back. */
struct answer {
    grpc_metadata_array initial;
    grpc_metadata_array trailing;
    grpc_byte_buffer *message;
    grpc_status_code status;
    grpc_slice details;
};

struct rpc_client *rpc_client_new(const char *target) {
    struct rpc_client *client = calloc(1, sizeof *client);
    AN(client);
    client->magic = RPC_CLIENT_MAGIC;
    runtime_acquire();
    grpc_channel_credentials *credentials = grpc_insecure_credentials_create();
    /* The environment's proxy is for the way to AWS and AGS. A health check inside a container that
     * has one would ask the proxy for 127.0.0.1, and call a healthy service dead. */
    grpc_arg no_proxy = {
        .type = GRPC_ARG_INTEGER,
        .key = (char *)(uintptr_t)GRPC_ARG_ENABLE_HTTP_PROXY,
        .value.integer = 0,
    };
    const grpc_channel_args args = {.num_args = 1, .args = &no_proxy};
    client->channel = grpc_channel_create(target, credentials, &args);
    grpc_channel_credentials_release(credentials);
    client->cq = grpc_completion_queue_create_for_pluck(NULL);
    return client;
}

void rpc_client_free(struct rpc_client *client) {
    if (client == NULL)
        return;
    OBJ_CHECK(client, RPC_CLIENT_MAGIC);
    for (size_t i = 0; i < client->n_metadata; i++) {
        grpc_slice_unref(client->metadata[i].key);
        secret_free(&client->metadata[i].value);
    }
    grpc_channel_destroy(client->channel);
    grpc_completion_queue_shutdown(client->cq);
    grpc_completion_queue_destroy(client->cq);
    runtime_release();
    client->magic = 0;
    free(client);
}

struct err *rpc_client_metadata(struct rpc_client *client, struct arena *a, const char *key,
                                struct str value) {
    OBJ_CHECK(client, RPC_CLIENT_MAGIC);
    if (client->n_metadata == MAX_METADATA)
        return ERR_INVALID(a, "at most %d metadata entries", MAX_METADATA);
    grpc_slice name = grpc_slice_from_copied_string(key);
    grpc_slice bytes = grpc_slice_from_copied_buffer(value.p == NULL ? "" : value.p, value.n);
    bool legal =
        grpc_header_key_is_legal(name) != 0 && grpc_header_nonbin_value_is_legal(bytes) != 0;
    grpc_slice_unref(bytes);
    if (!legal) {
        grpc_slice_unref(name);
        return ERR_INVALID(a, "metadata %s: the key or its value is not allowed", key);
    }
    client->metadata[client->n_metadata++] =
        (struct entry){.key = name, .value = secret_new(value)};
    return NULL;
}

/* ---- one call ---- */

static gpr_timespec deadline_in(int64_t timeout_ms) {
    if (timeout_ms == CTX_NO_DEADLINE)
        return gpr_inf_future(GPR_CLOCK_MONOTONIC);
    return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                        gpr_time_from_millis(timeout_ms, GPR_TIMESPAN));
}

/* Views of what goes with every call. */
static void fill_metadata(struct rpc_client *client, grpc_metadata metadata[MAX_METADATA]) {
    for (size_t i = 0; i < client->n_metadata; i++) {
        struct str value = secret_reveal(&client->metadata[i].value);
        metadata[i] = (grpc_metadata){
            .key = client->metadata[i].key,
            .value = grpc_slice_from_static_buffer(value.p == NULL ? "" : value.p, value.n),
        };
    }
}

static grpc_call *new_call(struct rpc_client *client, const char *path, int64_t timeout_ms) {
    grpc_slice method = grpc_slice_from_copied_string(path);
    grpc_call *call =
        grpc_channel_create_call(client->channel, NULL, GRPC_PROPAGATE_DEFAULTS, client->cq, method,
                                 NULL, deadline_in(timeout_ms), NULL);
    grpc_slice_unref(method);
    return call;
}

/* Sends all, waits for all; false if the library refused the batch. */
static bool exchange(struct rpc_client *client, grpc_call *call, grpc_byte_buffer *req,
                     struct answer *answer) {
    grpc_metadata metadata[MAX_METADATA];
    fill_metadata(client, metadata);
    grpc_op ops[] = {
        {
            .op = GRPC_OP_SEND_INITIAL_METADATA,
            .data.send_initial_metadata = {.count = client->n_metadata, .metadata = metadata},
        },
        {.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = req},
        {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT},
        {
            .op = GRPC_OP_RECV_INITIAL_METADATA,
            .data.recv_initial_metadata.recv_initial_metadata = &answer->initial,
        },
        {.op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &answer->message},
        {
            .op = GRPC_OP_RECV_STATUS_ON_CLIENT,
            .data.recv_status_on_client = {.trailing_metadata = &answer->trailing,
                                           .status = &answer->status,
                                           .status_details = &answer->details},
        },
    };
    if (grpc_call_start_batch(call, ops, ARRAY_LEN(ops), call, NULL) != GRPC_CALL_OK)
        return false;
    /* The call's own deadline ends the wait. */
    grpc_completion_queue_pluck(client->cq, call, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    return true;
}

static struct err *status_error(const struct answer *answer, struct arena *a) {
    int code = (int)answer->status;
    bool known = code > RPC_OK && code <= RPC_UNAUTHENTICATED;
    struct err *err = err_new(a, known ? (enum rpc_code)code : RPC_UNKNOWN, STR_FMT,
                              (int)GRPC_SLICE_LENGTH(answer->details),
                              (const char *)GRPC_SLICE_START_PTR(answer->details));
    err->origin = ERR_UPSTREAM;
    return err;
}

static struct err *read_answer(const struct answer *answer, struct arena *a,
                               const ProtobufCMessageDescriptor *output,
                               const ProtobufCMessage **ret) {
    if (answer->status != GRPC_STATUS_OK)
        return status_error(answer, a);
    if (answer->message == NULL)
        return err_new(a, RPC_INTERNAL, "the server answered OK without a message");
    return message_unpack(a, output, answer->message, ret);
}

struct err *rpc_client_call(struct rpc_client *client, struct arena *a, const char *path,
                            const ProtobufCMessage *req, int64_t timeout_ms,
                            const ProtobufCMessageDescriptor *output,
                            const ProtobufCMessage **ret) {
    OBJ_CHECK(client, RPC_CLIENT_MAGIC);
    struct answer answer = {.details = grpc_empty_slice()};
    grpc_byte_buffer *bytes = NULL;
    struct err *err = message_pack(a, req, &bytes);
    if (err != NULL)
        return err;
    grpc_metadata_array_init(&answer.initial);
    grpc_metadata_array_init(&answer.trailing);
    grpc_call *call = new_call(client, path, timeout_ms);
    if (exchange(client, call, bytes, &answer))
        err = read_answer(&answer, a, output, ret);
    else
        err = err_new(a, RPC_INTERNAL, "gRPC refused to send the call");
    grpc_call_unref(call);
    grpc_byte_buffer_destroy(bytes);
    if (answer.message != NULL)
        grpc_byte_buffer_destroy(answer.message);
    grpc_metadata_array_destroy(&answer.initial);
    grpc_metadata_array_destroy(&answer.trailing);
    grpc_slice_unref(answer.details);
    return err;
}

/* ---- a call that streams ---- */

struct rpc_client_stream {
    unsigned magic;
#define RPC_CLIENT_STREAM_MAGIC 0x2f7ab3c1U
    struct rpc_client *client;
    grpc_call *call;
    struct answer answer;
    bool asked_headers;
    bool over; /* answer has the status */
};

/* Waits for one batch; false if the library refused it or it failed. `tag` tells it apart. */
static bool run_batch(struct rpc_client_stream *stream, const grpc_op *ops, size_t n, void *tag) {
    if (grpc_call_start_batch(stream->call, ops, n, tag, NULL) != GRPC_CALL_OK)
        return false;
    grpc_event event = grpc_completion_queue_pluck(stream->client->cq, tag,
                                                   gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    return event.success != 0;
}

static struct rpc_client_stream *stream_new(struct rpc_client *client, const char *path,
                                            int64_t timeout_ms) {
    OBJ_CHECK(client, RPC_CLIENT_MAGIC);
    struct rpc_client_stream *stream = calloc(1, sizeof *stream);
    AN(stream);
    stream->magic = RPC_CLIENT_STREAM_MAGIC;
    stream->client = client;
    stream->answer.details = grpc_empty_slice();
    grpc_metadata_array_init(&stream->answer.initial);
    grpc_metadata_array_init(&stream->answer.trailing);
    stream->call = new_call(client, path, timeout_ms);
    return stream;
}

/* With req NULL, the requests follow. A failure shows when something is read. */
static void open_stream(struct rpc_client_stream *stream, grpc_byte_buffer *req) {
    struct rpc_client *client = stream->client;
    grpc_metadata metadata[MAX_METADATA];
    fill_metadata(client, metadata);
    grpc_op ops[] = {
        {
            .op = GRPC_OP_SEND_INITIAL_METADATA,
            .data.send_initial_metadata = {.count = client->n_metadata, .metadata = metadata},
        },
        {.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = req},
        {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT},
    };
    (void)run_batch(stream, ops, req == NULL ? 1 : ARRAY_LEN(ops), stream);
}

struct err *rpc_client_stream_start(struct rpc_client *client, struct arena *a, const char *path,
                                    int64_t timeout_ms, struct rpc_client_stream **ret) {
    (void)a;
    struct rpc_client_stream *stream = stream_new(client, path, timeout_ms);
    open_stream(stream, NULL);
    *ret = stream;
    return NULL;
}

struct err *rpc_client_stream_ask(struct rpc_client *client, struct arena *a, const char *path,
                                  const ProtobufCMessage *req, int64_t timeout_ms,
                                  struct rpc_client_stream **ret) {
    grpc_byte_buffer *bytes = NULL;
    struct err *err = message_pack(a, req, &bytes);
    if (err != NULL)
        return err;
    struct rpc_client_stream *stream = stream_new(client, path, timeout_ms);
    open_stream(stream, bytes);
    grpc_byte_buffer_destroy(bytes);
    *ret = stream;
    return NULL;
}

struct err *rpc_client_stream_send(struct rpc_client_stream *stream, struct arena *a,
                                   const ProtobufCMessage *msg) {
    grpc_op op = {.op = GRPC_OP_SEND_MESSAGE};
    grpc_byte_buffer *bytes = NULL;
    OBJ_CHECK(stream, RPC_CLIENT_STREAM_MAGIC);
    struct err *err = message_pack(a, msg, &bytes);
    if (err != NULL)
        return err;
    op.data.send_message.send_message = bytes;
    if (!run_batch(stream, &op, 1, stream))
        err = err_new(a, RPC_UNAVAILABLE, "the call is over");
    grpc_byte_buffer_destroy(bytes);
    return err;
}

void rpc_client_stream_done(struct rpc_client_stream *stream) {
    const grpc_op op = {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT};
    OBJ_CHECK(stream, RPC_CLIENT_STREAM_MAGIC);
    (void)run_batch(stream, &op, 1, stream);
}

/* Receives use another tag than sends: two threads may wait at once. */
static void receive_message(struct rpc_client_stream *stream) {
    grpc_op ops[] = {
        {
            .op = GRPC_OP_RECV_MESSAGE,
            .data.recv_message.recv_message = &stream->answer.message,
        },
        {
            .op = GRPC_OP_RECV_INITIAL_METADATA,
            .data.recv_initial_metadata.recv_initial_metadata = &stream->answer.initial,
        },
    };
    (void)run_batch(stream, ops, stream->asked_headers ? 1 : 2, &stream->answer);
    stream->asked_headers = true;
}

static void receive_status(struct rpc_client_stream *stream) {
    const grpc_op op = {
        .op = GRPC_OP_RECV_STATUS_ON_CLIENT,
        .data.recv_status_on_client = {.trailing_metadata = &stream->answer.trailing,
                                       .status = &stream->answer.status,
                                       .status_details = &stream->answer.details},
    };
    if (!run_batch(stream, &op, 1, &stream->answer))
        stream->answer.status = GRPC_STATUS_INTERNAL;
    stream->over = true;
}

struct err *rpc_client_stream_read(struct rpc_client_stream *stream, struct arena *a,
                                   const ProtobufCMessageDescriptor *output,
                                   const ProtobufCMessage **ret) {
    struct err *err = NULL;
    OBJ_CHECK(stream, RPC_CLIENT_STREAM_MAGIC);
    *ret = NULL;
    if (!stream->over)
        receive_message(stream);
    if (stream->answer.message != NULL) {
        err = message_unpack(a, output, stream->answer.message, ret);
        grpc_byte_buffer_destroy(stream->answer.message);
        stream->answer.message = NULL;
        return err;
    }
    if (!stream->over)
        receive_status(stream);
    return stream->answer.status == GRPC_STATUS_OK ? NULL : status_error(&stream->answer, a);
}

void rpc_client_stream_free(struct rpc_client_stream *stream) {
    if (stream == NULL)
        return;
    OBJ_CHECK(stream, RPC_CLIENT_STREAM_MAGIC);
    grpc_call_cancel(stream->call, NULL);
    grpc_call_unref(stream->call);
    grpc_metadata_array_destroy(&stream->answer.initial);
    grpc_metadata_array_destroy(&stream->answer.trailing);
    grpc_slice_unref(stream->answer.details);
    stream->magic = 0;
    free(stream);
}
