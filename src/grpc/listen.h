// SPDX-License-Identifier: Apache-2.0
/* The library's server object with its limits, and the address that it listens on. */
#ifndef GRPC_LISTEN_H
#define GRPC_LISTEN_H

#include "grpc/server.h"

#include <grpc/grpc.h>

/* Options must be in range. */
grpc_server *listen_create_server(const struct server_options *options);

/* Binds, without TLS. ret_port is 0 for a unix socket. */
struct err *listen_bind(grpc_server *core, const struct server_options *options, struct arena *a,
                        int *ret_port) MUST_CHECK;

#endif
