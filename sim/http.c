// SPDX-License-Identifier: Apache-2.0
#include "sim/http.h"

#include "base/clock.h"
#include "base/obj.h"
#include "sim/http_send.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdlib.h>

#define MAX_CONNECTIONS 16384
#define IDLE_SECONDS 120
#define EXCHANGE_ARENA ((size_t)64 << 20) /* bytes; a body of SIM_MAX_BODY decoded, with room */

struct sim_http {
    unsigned magic;
#define SIM_HTTP_MAGIC 0x51e84771U
    struct sim *sim;
    struct MHD_Daemon *daemon;
    uint16_t port;
    struct list requests; /* every open one, so that the end can wake the sleeping */
};

/* One request on a connection, from its first line to the last byte of its answer. */
struct request {
    unsigned magic;
#define REQUEST_MAGIC 0x51e84e90U
    struct list node;
    struct sim_http *http;
    struct MHD_Connection *connection;
    struct sim_exchange ex;
    struct str uri;
    struct buf body;
    struct due due; /* while suspended */
    bool begun;
    bool served;
    bool suspended;
    bool abandoned; /* the program ends, or the client of a silent one has gone */
};

static void *on_uri(void *cls, const char *uri, struct MHD_Connection *connection) {
    struct sim_http *http = OBJ_CAST(cls, sim_http, SIM_HTTP_MAGIC);
    struct arena *a = arena_new(EXCHANGE_ARENA);
    struct request *r = OBJ_NEW(a, request, REQUEST_MAGIC);
    r->http = http;
    r->connection = connection;
    r->uri = arena_str(a, str_c(uri));
    r->ex = (struct sim_exchange){.magic = SIM_EXCHANGE_MAGIC, .sim = http->sim, .arena = a};
    buf_init(&r->body, SIM_MAX_BODY);
    list_append(&http->requests, &r->node);
    return r;
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
                         enum MHD_RequestTerminationCode code) {
    (void)cls;
    (void)connection;
    (void)code;
    if (*con_cls == NULL)
        return;
    struct request *r = OBJ_CAST(*con_cls, request, REQUEST_MAGIC);
    *con_cls = NULL;
    list_remove(&r->node);
    due_clear(&r->due);
    buf_free(&r->body);
    arena_free(r->ex.arena);
}

struct header_sink {
    struct http_header *v;
    size_t n;
};

static enum MHD_Result on_header(void *cls, enum MHD_ValueKind kind, const char *key,
                                 size_t key_size, const char *value, size_t value_size) {
    (void)kind;
    struct header_sink *sink = cls;
    if (sink->n == SIM_MAX_HEADERS)
        return MHD_NO;
    sink->v[sink->n++] = (struct http_header){
        .name = str_n(key, key_size), .value = str_n(value == NULL ? "" : value, value_size)};
    return MHD_YES;
}

/* MHD keeps the header bytes until the request is over, so that views will do. */
static void read_head(struct request *r, const char *method) {
    struct sim_request *req = &r->ex.req;
    size_t mark = str_find(r->uri, '?');
    struct header_sink sink = {
        .v = arena_array(r->ex.arena, SIM_MAX_HEADERS, sizeof(struct http_header))};
    MHD_get_connection_values_n(r->connection, MHD_HEADER_KIND, on_header, &sink);
    req->method = arena_str(r->ex.arena, str_c(method));
    req->path = str_sub(r->uri, 0, mark);
    req->query = mark == r->uri.n ? STR_NULL : str_from(r->uri, mark + 1);
    req->headers = sink.v;
    req->n_headers = sink.n;
}

static void suspend(struct request *r, int64_t ms, due_fn *fn) {
    r->suspended = true;
    MHD_suspend_connection(r->connection);
    due_set(&r->http->sim->due, &r->due, clock_mono_ms() + ms, fn);
}

static void resume(struct request *r) {
    due_clear(&r->due);
    r->suspended = false;
    MHD_resume_connection(r->connection);
}

static void on_step_due(struct due *due) {
    struct request *r = CONTAINER_OF(due, struct request, due);
    if (r->ex.forget_if_gone && http_peer_gone(r->connection)) {
        r->abandoned = true;
        resume(r);
        return;
    }
    sim_continue(&r->ex);
    if (r->ex.wait_ms > 0)
        due_set(&r->http->sim->due, due, clock_mono_ms() + r->ex.wait_ms, on_step_due);
    else
        resume(r);
}

#define SILENCE_LOOK_MS 500

/* MHD does not watch a suspended connection, so somebody must notice that the client hung up. */
static void on_silence_due(struct due *due) {
    struct request *r = CONTAINER_OF(due, struct request, due);
    if (http_peer_gone(r->connection)) {
        r->abandoned = true;
        resume(r);
    } else {
        due_set(&r->http->sim->due, due, clock_mono_ms() + SILENCE_LOOK_MS, on_silence_due);
    }
}

static enum MHD_Result refuse_size(struct MHD_Connection *connection) {
    return http_send_text(connection, MHD_HTTP_CONTENT_TOO_LARGE, "request body is too large\n");
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **con_cls) {
    (void)cls;
    (void)url;
    (void)version;
    struct request *r = OBJ_CAST(*con_cls, request, REQUEST_MAGIC);
    if (!r->begun) {
        r->begun = true;
        read_head(r, method);
        return MHD_YES;
    }
    if (*size > 0) {
        buf_put(&r->body, data, *size);
        *size = 0;
        return MHD_YES;
    }
    if (r->abandoned)
        return MHD_NO;
    if (r->body.failed)
        return refuse_size(connection);
    if (!r->served) {
        r->served = true;
        r->ex.req.body = buf_str(&r->body);
        sim_serve(&r->ex);
        if (r->ex.wait_ms > 0) {
            suspend(r, r->ex.wait_ms, on_step_due);
            return MHD_YES;
        }
    }
    if (r->ex.reply.delivery == SIM_SILENCE) {
        suspend(r, SILENCE_LOOK_MS, on_silence_due);
        return MHD_YES;
    }
    return http_send(connection, &r->ex);
}

struct err *sim_http_new(struct sim *sim, const char *host, uint16_t port, struct arena *a,
                         struct sim_http **ret) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
        return ERR_INVALID(a, "--host must be an IPv4 address");
    struct sim_http *http = calloc(1, sizeof *http);
    AN(http);
    *http = (struct sim_http){.magic = SIM_HTTP_MAGIC, .sim = sim};
    list_init(&http->requests);
    http->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_SUPPRESS_DATE_NO_CLOCK, port, NULL, NULL,
        on_request, NULL, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_URI_LOG_CALLBACK, on_uri, http,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)MAX_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
        MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_LISTEN_BACKLOG_SIZE, 1024u,
        MHD_OPTION_END);
    if (http->daemon == NULL) {
        int error = errno;
        free(http);
        return err_new(a, RPC_UNAVAILABLE, "cannot listen on %s:%u: %s", host, port,
                       strerror(error));
    }
    http->port = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    *ret = http;
    return NULL;
}

uint16_t sim_http_port(const struct sim_http *http) {
    return http->port;
}

static int poll_timeout(struct sim_http *http) {
    int64_t wait = due_wait_ms(&http->sim->due, clock_mono_ms());
    MHD_UNSIGNED_LONG_LONG own;
    if (MHD_get_timeout(http->daemon, &own) == MHD_YES && (wait < 0 || own < (uint64_t)wait))
        wait = (int64_t)own;
    return wait > INT32_MAX ? INT32_MAX : (int)wait;
}

void sim_http_run(struct sim_http *http, int stop_fd) {
    OBJ_CHECK(http, SIM_HTTP_MAGIC);
    struct pollfd fds[] = {
        {.fd = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
         .events = POLLIN},
        {.fd = stop_fd, .events = POLLIN},
    };
    while (fds[1].revents == 0) {
        if (poll(fds, ARRAY_LEN(fds), poll_timeout(http)) < 0 && errno != EINTR)
            obj_panic(__FILE__, __LINE__, "poll failed");
        due_run(&http->sim->due, clock_mono_ms());
        MHD_run(http->daemon);
    }
}

void sim_http_free(struct sim_http *http) {
    if (http == NULL)
        return;
    OBJ_CHECK(http, SIM_HTTP_MAGIC);
    for (struct list *l = http->requests.next; l != &http->requests; l = l->next) {
        struct request *r = CONTAINER_OF(l, struct request, node);
        r->abandoned = true;
        if (r->suspended)
            resume(r);
    }
    MHD_stop_daemon(http->daemon);
    http->magic = 0;
    free(http);
}
