// SPDX-License-Identifier: Apache-2.0
#include "grpc/peer.h"

#include <arpa/inet.h>
#include <linux/tcp.h> /* the C library's knows too little of struct tcp_info */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static void set_v4(struct peer *peer, const void *address, in_port_t port) {
    char text[INET_ADDRSTRLEN] = "";
    inet_ntop(AF_INET, address, text, sizeof text);
    snprintf(peer->name, sizeof peer->name, "ipv4:%s:%u", text, ntohs(port));
    memcpy(peer->host, address, 4);
    peer->host_bytes = 4;
}

static void set_v6(struct peer *peer, const struct sockaddr_in6 *address) {
    char text[INET6_ADDRSTRLEN] = "";
    if (IN6_IS_ADDR_V4MAPPED(&address->sin6_addr)) {
        set_v4(peer, &address->sin6_addr.s6_addr[12], address->sin6_port);
        return;
    }
    inet_ntop(AF_INET6, &address->sin6_addr, text, sizeof text);
    snprintf(peer->name, sizeof peer->name, "ipv6:[%s]:%u", text, ntohs(address->sin6_port));
    memcpy(peer->host, address->sin6_addr.s6_addr, 8);
    peer->host_bytes = 8;
}

void peer_of_socket(int fd, struct peer *ret) {
    struct sockaddr_storage address = {0};
    socklen_t n = sizeof address;
    *ret = (struct peer){.name = "unix:"};
    if (getpeername(fd, (struct sockaddr *)&address, &n) != 0)
        return;
    if (address.ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address;
        set_v4(ret, &v4->sin_addr, v4->sin_port);
    } else if (address.ss_family == AF_INET6) {
        set_v6(ret, (const struct sockaddr_in6 *)&address);
    }
}

bool peer_is_remote(const struct peer *peer) {
    return peer->host_bytes > 0;
}

bool peer_is_same_host(const struct peer *a, const struct peer *b) {
    return a->host_bytes == b->host_bytes && memcmp(a->host, b->host, a->host_bytes) == 0;
}

/* FNV-1a; who floods one bucket costs a walk over max_connections at worst. */
uint32_t peer_hash(const struct peer *peer) {
    uint32_t hash = 2166136261U;
    for (size_t i = 0; i < peer->host_bytes; i++)
        hash = (hash ^ peer->host[i]) * 16777619U;
    return hash;
}

bool peer_bytes_received(int fd, uint64_t *ret) {
    struct tcp_info info = {0};
    socklen_t n = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) != 0)
        return false;
    *ret = info.tcpi_bytes_received;
    return true;
}
