// SPDX-License-Identifier: Apache-2.0
/* The other end of a connection: its name for logs, and which host it counts for. */
#ifndef GRPC_PEER_H
#define GRPC_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct peer {
    char name[64];     /* "ipv4:192.0.2.1:4711", "ipv6:[2001:db8::1]:4711" or "unix:" */
    uint8_t host[8];   /* the IPv4 address, or the network part of an IPv6 one */
    size_t host_bytes; /* 0 for a unix socket */
};

/* A peer that is gone already is named like a unix socket's. */
void peer_of_socket(int fd, struct peer *ret);

bool peer_is_remote(const struct peer *peer);

/* One IPv6 network of 64 bits is one host: whoever has one address there has them all. */
bool peer_is_same_host(const struct peer *a, const struct peer *b);

/* Bytes that the kernel has received from it so far; false if it does not count, as for unix
 * sockets. */
bool peer_bytes_received(int fd, uint64_t *ret);

uint32_t peer_hash(const struct peer *peer);

#endif
