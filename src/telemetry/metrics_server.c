// SPDX-License-Identifier: Apache-2.0
#include "telemetry/metrics_server.h"

#include "base/obj.h"
#include "console/html.h"

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_CONNECTIONS 32
#define MAX_PER_ADDRESS 16
#define TIMEOUT_S 10
#define MAX_TEXT ((size_t)8 << 20) /* bytes of one answer */
#define MAX_HEADER 512

struct metrics_server {
    unsigned magic;
#define METRICS_SERVER_MAGIC 0x6b04f7c2U
    struct metrics_server_options options;
    struct MHD_Daemon *daemon;
    int port;
};

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status,
                              const char *content_type, const void *p, size_t n,
                              enum MHD_ResponseMemoryMode mode) {
    struct MHD_Response *response = MHD_create_response_from_buffer(n, (void *)(uintptr_t)p, mode);
    if (response == NULL)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned status,
                                   struct str text) {
    return answer(connection, status, "text/plain; charset=utf-8", text.p, text.n,
                  MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result answer_metrics(struct metrics_server *server,
                                      struct MHD_Connection *connection) {
    struct buf text;
    buf_init(&text, MAX_TEXT);
    metrics_write(server->options.metrics, &text);
    if (text.failed) {
        buf_free(&text);
        return answer_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR,
                           STR("the metrics are too long\n"));
    }
    /* The library frees the text. */
    return answer(connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", text.p,
                  text.n, MHD_RESPMEM_MUST_FREE);
}

/* Nothing may load or run but what the page brings along; nobody may frame it or keep it. */
static void add_page_headers(struct MHD_Response *response, const char *nonce) {
    char policy[MAX_HEADER];
    snprintf(policy, sizeof policy,
             "default-src 'none'; style-src 'nonce-%s'; script-src 'nonce-%s'; img-src data:; "
             "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
             nonce, nonce);
    MHD_add_response_header(response, "Content-Security-Policy", policy);
    MHD_add_response_header(response, "X-Frame-Options", "DENY");
    MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
    MHD_add_response_header(response, "Cross-Origin-Opener-Policy", "same-origin");
    MHD_add_response_header(response, "Cross-Origin-Resource-Policy", "same-origin");
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
}

static enum MHD_Result answer_page(struct metrics_server *server,
                                   struct MHD_Connection *connection) {
    struct buf text;
    char nonce[HTML_NONCE_SIZE];
    html_nonce(nonce);
    buf_init(&text, MAX_TEXT);
    server->options.page(server->options.page_priv, str_c(nonce), &text);
    if (text.failed) {
        buf_free(&text);
        return answer_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR,
                           STR("the page is too long\n"));
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer(text.n, text.p, MHD_RESPMEM_MUST_FREE);
    if (response == NULL)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/html; charset=utf-8");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    add_page_headers(response, nonce);
    enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer_health(struct metrics_server *server,
                                     struct MHD_Connection *connection) {
    return server->options.health(server->options.health_priv)
               ? answer_text(connection, MHD_HTTP_OK, STR("SERVING\n"))
               : answer_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, STR("NOT_SERVING\n"));
}

static enum MHD_Result on_request(void *priv, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **state) {
    struct metrics_server *server = OBJ_CAST(priv, metrics_server, METRICS_SERVER_MAGIC);
    static char seen;
    (void)version;
    (void)upload;
    /* An answer in the first call of a request would close the connection. */
    if (*state == NULL) {
        *state = &seen;
        return MHD_YES;
    }
    if (*upload_size > 0) { /* a body is read and forgotten, piece by piece, before the answer */
        *upload_size = 0;
        return MHD_YES;
    }
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, STR("only GET\n"));
    if (strcmp(url, "/metrics") == 0)
        return answer_metrics(server, connection);
    if (strcmp(url, "/") == 0 && server->options.page != NULL)
        return answer_page(server, connection);
    if (strcmp(url, "/healthz") == 0 && server->options.health != NULL)
        return answer_health(server, connection);
    return answer_text(connection, MHD_HTTP_NOT_FOUND, STR("see /metrics\n"));
}

/* The library would write to stderr of a daemon: peers' nonsense is no news. */
static void ignore_log(void *priv, const char *fmt, va_list ap) {
    (void)priv;
    (void)fmt;
    (void)ap;
}

static struct MHD_Daemon *start_daemon(struct metrics_server *server, int port, unsigned flags) {
    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG | flags, (uint16_t)port, NULL, NULL,
        on_request, server, MHD_OPTION_EXTERNAL_LOGGER, ignore_log, NULL,
        MHD_OPTION_CONNECTION_LIMIT, MAX_CONNECTIONS, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        MAX_PER_ADDRESS, MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)16384, MHD_OPTION_END);
}

struct err *metrics_server_start(const struct metrics_server_options *options, struct arena *a,
                                 struct metrics_server **ret) {
    int port = options->port;
    struct metrics_server *server = calloc(1, sizeof *server);
    AN(server);
    server->magic = METRICS_SERVER_MAGIC;
    server->options = *options;
    server->daemon = start_daemon(server, port, MHD_USE_DUAL_STACK);
    if (server->daemon == NULL && errno == EAFNOSUPPORT) /* a host without IPv6 */
        server->daemon = start_daemon(server, port, 0);
    if (server->daemon == NULL) {
        struct err *err = err_new(a, RPC_UNAVAILABLE,
                                  "METRICS_PORT %d cannot be listened on: %s; choose another port",
                                  port, strerror(errno));
        free(server);
        return err;
    }
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);
    server->port = info != NULL ? info->port : port;
    *ret = server;
    return NULL;
}

int metrics_server_port(const struct metrics_server *server) {
    OBJ_CHECK(server, METRICS_SERVER_MAGIC);
    return server->port;
}

void metrics_server_stop(struct metrics_server *server) {
    if (server == NULL)
        return;
    OBJ_CHECK(server, METRICS_SERVER_MAGIC);
    MHD_stop_daemon(server->daemon);
    server->magic = 0;
    free(server);
}
