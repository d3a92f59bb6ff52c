// SPDX-License-Identifier: Apache-2.0
#include "grpc/listen.h"

#include "base/obj.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_ADDRESS 200 /* bytes */

/* Of each connection, doubled by the kernel: what a peer that is cut off has still got in. */
#define RECEIVE_BYTES (128 << 10)

/* Argument names that the library's headers of some versions lack. */
#define ARG_CHANNELZ "grpc.enable_channelz"

static grpc_arg number(const char *key, int value) {
    return (grpc_arg){.type = GRPC_ARG_INTEGER, .key = (char *)key, .value.integer = value};
}

/*
 * The library's own defaults let any peer take memory without bound: 4 MiB messages buffered whole,
 * unlimited streams, gzip inflated before its size is looked at.
 */
grpc_server *listen_create_server(const struct server_options *o) {
    grpc_resource_quota *quota = grpc_resource_quota_create("server");
    grpc_resource_quota_resize(quota, o->buffer_bytes);
    grpc_arg args[] = {
        number(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, (int)o->max_message_bytes),
        number(GRPC_ARG_MAX_METADATA_SIZE, o->max_metadata_bytes),
        number(GRPC_ARG_MAX_CONCURRENT_STREAMS, o->max_streams),
        number(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, 1), /* identity alone, so */
        number(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0),            /* the filters that */
        number(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0),          /* do it can go */
        number(GRPC_ARG_KEEPALIVE_TIME_MS, o->keepalive_ms),
        number(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20000),
        number(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1),
        number(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10000),
        number(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 2),
        number(GRPC_ARG_MAX_CONNECTION_IDLE_MS, o->max_connection_idle_ms),
        number(GRPC_ARG_MAX_CONNECTION_AGE_MS, o->max_connection_age_ms),
        number(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, o->max_connection_age_end_ms),
        number(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 10000),
        number(GRPC_ARG_ALLOW_REUSEPORT, 0), /* a second server on the port must fail */
        number(ARG_CHANNELZ, 0),
        {
            .type = GRPC_ARG_POINTER,
            .key = (char *)GRPC_ARG_RESOURCE_QUOTA,
            .value.pointer = {.p = quota, .vtable = grpc_resource_quota_arg_vtable()},
        },
    };
    grpc_channel_args list = {.num_args = ARRAY_LEN(args), .args = args};
    grpc_server *core = grpc_server_create(&list, NULL);
    grpc_resource_quota_unref(quota);
    return core;
}

/* ---- the socket ---- */

const char *listen_unix_path(const char *address) {
    static const char prefix[] = "unix:";
    return strncmp(address, prefix, sizeof prefix - 1) == 0 ? address + sizeof prefix - 1 : NULL;
}

/* Binds one address; -1 with errno. */
static int bind_to(const struct sockaddr *address, socklen_t n) {
    int on = 1;
    int off = 0;
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int receive_bytes = RECEIVE_BYTES;
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    if (address->sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, address, n) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

static int bind_unix(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat old;
    if (*path == '\0' || strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path));
    if (lstat(path, &old) == 0 && S_ISSOCK(old.st_mode))
        unlink(path);
    return bind_to((const struct sockaddr *)&address, sizeof address);
}

/* Every address of the host: one socket for both families, or IPv4 alone where there is no IPv6. */
static int bind_any(int port) {
    struct sockaddr_in6 both = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = bind_to((const struct sockaddr *)&both, sizeof both);
    if (fd >= 0 || (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL))
        return fd;
    return bind_to((const struct sockaddr *)&v4, sizeof v4);
}

static int bind_host(const char *host, int port) {
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char service[8];
    snprintf(service, sizeof service, "%d", port);
    if (getaddrinfo(host, service, &hints, &found) != 0) {
        errno = 0;
        return -1;
    }
    int fd = bind_to(found->ai_addr, found->ai_addrlen);
    int why = errno;
    freeaddrinfo(found);
    errno = why;
    return fd;
}

static int port_of(int fd) {
    struct sockaddr_storage address = {0};
    socklen_t n = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &n) != 0)
        return 0;
    if (address.ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)&address)->sin_port);
    if (address.ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)&address)->sin6_port);
    return 0;
}

struct err *listen_open(const struct server_options *o, struct arena *a, int *ret_fd,
                        int *ret_port) {
    struct str host = str_c(o->address);
    const char *path = listen_unix_path(o->address);
    int fd;
    if (str_empty(host) || host.n > MAX_ADDRESS)
        return ERR_INVALID(a, "the address to listen on must have 1 to %d bytes", MAX_ADDRESS);
    if (host.p[0] == '[' && str_ends(host, STR("]")))
        host = str_sub(host, 1, host.n - 1);
    if (path != NULL)
        fd = bind_unix(path);
    else if (str_eq(host, STR("0.0.0.0")) || str_eq(host, STR("::")))
        fd = bind_any(o->port);
    else
        fd = bind_host(arena_cstr(a, host), o->port);
    if (fd < 0) {
        bool v6 = path == NULL && str_find(host, ':') < host.n;
        struct str target = path != NULL ? host
                                         : arena_printf(a, v6 ? "[" STR_FMT "]:%d" : STR_FMT ":%d",
                                                        STR_ARG(host), o->port);
        return err_new(a, RPC_UNAVAILABLE, "cannot listen on " STR_FMT ": %s", STR_ARG(target),
                       errno == 0 ? "not an IP address" : strerror(errno));
    }
    *ret_fd = fd;
    *ret_port = port_of(fd);
    return NULL;
}
