// SPDX-License-Identifier: Apache-2.0
#include "health_check.h"

#include "base/obj.h"
#include "generated/health_client.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define TIMEOUT_MS 2000
#define GRPC_PORT 6565 /* the defaults of src/settings.c */
#define METRICS_PORT 8080
#define SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING

/* The port that a variable names; 0 if it names none that could be asked. */
static int port_of(const char *variable, int otherwise) {
    const char *text = getenv(variable);
    int64_t port = otherwise;
    if (text != NULL && text[0] != '\0' &&
        (!str_to_int64(str_c(text), &port) || port < 1 || port > 65535)) {
        fprintf(stderr, "session-dsm: a health check needs the %s that the service has\n",
                variable);
        return 0;
    }
    return (int)port;
}

static struct err *ask_grpc(struct arena *a, int port) {
    struct rpc_client *client = rpc_client_new(arena_printf(a, "127.0.0.1:%d", port).p);
    struct health_health_check_request req = HEALTH_HEALTH_CHECK_REQUEST_INIT;
    const struct health_health_check_response *resp = NULL;
    struct err *err = health_health_check(client, a, &req, TIMEOUT_MS, &resp);
    if (err == NULL && resp->status != SERVING)
        err = err_new(a, RPC_UNAVAILABLE, "the service is stopping");
    rpc_client_free(client);
    return err;
}

/* The first bytes of the answer are enough: "HTTP/1.1 200". */
static struct err *ask_http(struct arena *a, int port) {
    static const char request[] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    const struct timeval patience = {.tv_sec = TIMEOUT_MS / 1000};
    char answer[12];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool answered =
        fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
        connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
        send(fd, request, sizeof request - 1, MSG_NOSIGNAL) == (ssize_t)sizeof request - 1 &&
        recv(fd, answer, sizeof answer, MSG_WAITALL) == (ssize_t)sizeof answer;
    if (fd >= 0)
        close(fd);
    if (!answered)
        return err_new(a, RPC_UNAVAILABLE, "port %d does not answer", port);
    return memcmp(answer + 9, "200", 3) == 0
               ? NULL
               : err_new(a, RPC_UNAVAILABLE, "the service is stopping, or stalled");
}

int health_check(void) {
    const char *certificate = getenv("GRPC_TLS_CERTIFICATE_FILE");
    bool tls = certificate != NULL && certificate[0] != '\0';
    int port = tls ? port_of("METRICS_PORT", METRICS_PORT) : port_of("GRPC_PORT", GRPC_PORT);
    if (port == 0)
        return 1;
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    struct err *err = tls ? ask_http(a, port) : ask_grpc(a, port);
    if (err != NULL)
        fprintf(stderr, "session-dsm: %s: " STR_FMT "\n", rpc_code_name(err->code),
                STR_ARG(err->msg));
    arena_free(a);
    return err == NULL ? 0 : 1;
}
