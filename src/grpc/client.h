// SPDX-License-Identifier: Apache-2.0
/*
 * A blocking gRPC client over an unencrypted connection, under the generated client stubs: for
 * command line tools and tests. The server's own code never waits like this.
 */
#ifndef GRPC_CLIENT_H
#define GRPC_CLIENT_H

#include "base/ctx.h"

#include <protobuf-c/protobuf-c.h>

struct rpc_client;

/* To "host:port" or "unix:/path", never through a proxy; connects with the first call. */
struct rpc_client *rpc_client_new(const char *target);

/* No call may be under way. NULL is fine. */
void rpc_client_free(struct rpc_client *client);

/*
 * Sends key: value with every later call. INVALID_ARGUMENT if HTTP/2 does not allow that key (lower
 * case) or value (printable ASCII). The value is kept as a secret and is in no error.
 */
struct err *rpc_client_metadata(struct rpc_client *client, struct arena *a, const char *key,
                                struct str value) MUST_CHECK;

/*
 * One call, blocking; any thread, up to 6 at a time. timeout_ms > 0, or CTX_NO_DEADLINE. On
 * success ret is the message, in the arena; else the error has the server's code and text, or the
 * library's if there is no server.
 */
struct err *rpc_client_call(struct rpc_client *client, struct arena *a, const char *path,
                            const ProtobufCMessage *req, int64_t timeout_ms,
                            const ProtobufCMessageDescriptor *output,
                            const ProtobufCMessage **ret) MUST_CHECK;

/*
 * A call that streams, blocking like the others. One thread at a time sends and one reads; they may
 * be two. Everything ends no later than timeout_ms after the start.
 */
struct rpc_client_stream;

/* Starts a call whose requests stream. */
struct err *rpc_client_stream_start(struct rpc_client *client, struct arena *a, const char *path,
                                    int64_t timeout_ms, struct rpc_client_stream **ret) MUST_CHECK;

/* Starts a call with one request, whose responses stream. */
struct err *rpc_client_stream_ask(struct rpc_client *client, struct arena *a, const char *path,
                                  const ProtobufCMessage *req, int64_t timeout_ms,
                                  struct rpc_client_stream **ret) MUST_CHECK;

/*
 * Blocks until the connection has taken the message. An error if the call is over already; why, a
 * read tells.
 */
struct err *rpc_client_stream_send(struct rpc_client_stream *stream, struct arena *a,
                                   const ProtobufCMessage *msg) MUST_CHECK;

/* No more messages will be sent. */
void rpc_client_stream_done(struct rpc_client_stream *stream);

/*
 * The next message, in the arena. Past the last one: NULL if the server ended the call with OK,
 * else its error.
 */
struct err *rpc_client_stream_read(struct rpc_client_stream *stream, struct arena *a,
                                   const ProtobufCMessageDescriptor *output,
                                   const ProtobufCMessage **ret) MUST_CHECK;

/* Cancels the call if it is not over. NULL is fine. */
void rpc_client_stream_free(struct rpc_client_stream *stream);

#endif
