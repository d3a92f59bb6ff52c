// SPDX-License-Identifier: Apache-2.0
/*
 * Takes connections from a listening socket, on the event loop. When the process is out of
 * descriptors or the kernel out of memory, it waits a little and tries again; connections wait in
 * the kernel's queue meanwhile. (The library's own listener would stop for ever.)
 */
#ifndef GRPC_ACCEPT_H
#define GRPC_ACCEPT_H

#include "grpc/connections.h"

struct acceptor;

/* Owns the socket. unix_path is unlinked at the end; NULL if there is none. */
struct acceptor *acceptor_new(struct loop *loop, int fd, const char *unix_path,
                              struct connections *connections);

/* Closes the socket at once. NULL is fine. */
void acceptor_free(struct acceptor *acceptor);

/* How often it had to wait. */
uint64_t acceptor_stalls(const struct acceptor *acceptor);

#endif
