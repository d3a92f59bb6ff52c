// SPDX-License-Identifier: Apache-2.0
/* The library's server object with its limits, and the socket that we listen on. */
#ifndef GRPC_LISTEN_H
#define GRPC_LISTEN_H

#include "grpc/server.h"

#include <grpc/grpc.h>

/* Options must be in range. */
grpc_server *listen_create_server(const struct server_options *options);

/*
 * Binds and listens; the socket does not block. ret_port is 0 for a unix socket, whose path is
 * unlinked first if a socket is there, and is to be unlinked by the caller afterwards.
 * "0.0.0.0" and "::" take both IPv4 and IPv6 where there is IPv6.
 */
struct err *listen_open(const struct server_options *options, struct arena *a, int *ret_fd,
                        int *ret_port) MUST_CHECK;

/* The path of "unix:/path"; NULL for other addresses. */
const char *listen_unix_path(const char *address);

#endif
