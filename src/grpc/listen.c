// SPDX-License-Identifier: Apache-2.0
#include "grpc/listen.h"

#include "base/obj.h"

#include <errno.h>
#include <grpc/grpc_security.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_ADDRESS 200 /* bytes */

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
        number(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, 1), /* identity alone */
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

/* The library says only that binding failed; the reason is what binding once more says. */
static const char *why_not(const char *host, const char *port) {
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    const char *why = "no reason given";
    int on = 1;
    if (getaddrinfo(host, port, &hints, &found) != 0)
        return "not an IP address";
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        why = strerror(errno);
    } else {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, 1) != 0)
            why = strerror(errno);
        close(fd);
    }
    freeaddrinfo(found);
    return why;
}

static struct err *cannot_listen(const char *target, const char *why, struct arena *a) {
    return err_new(a, RPC_UNAVAILABLE, "cannot listen on %s: %s", target, why);
}

struct err *listen_bind(grpc_server *core, const struct server_options *o, struct arena *a,
                        int *ret_port) {
    struct str host = str_c(o->address);
    bool unix_socket = str_starts(host, STR("unix:"));
    if (str_empty(host) || host.n > MAX_ADDRESS)
        return ERR_INVALID(a, "the address to listen on must have 1 to %d bytes", MAX_ADDRESS);
    if (host.p[0] == '[' && str_ends(host, STR("]")))
        host = str_sub(host, 1, host.n - 1);
    bool v6 = !unix_socket && str_find(host, ':') < host.n;
    struct str target = unix_socket ? host
                                    : arena_printf(a, v6 ? "[" STR_FMT "]:%d" : STR_FMT ":%d",
                                                   STR_ARG(host), o->port);
    grpc_server_credentials *credentials = grpc_insecure_server_credentials_create();
    int port = grpc_server_add_http2_port(core, arena_cstr(a, target), credentials);
    grpc_server_credentials_release(credentials);
    if (port == 0 && unix_socket)
        return cannot_listen(arena_cstr(a, target), "the path cannot be bound", a);
    if (port == 0)
        return cannot_listen(arena_cstr(a, target),
                             why_not(arena_cstr(a, host), arena_printf(a, "%d", o->port).p), a);
    *ret_port = unix_socket ? 0 : port;
    return NULL;
}
