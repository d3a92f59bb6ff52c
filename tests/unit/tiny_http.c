// SPDX-License-Identifier: Apache-2.0
#include "unit/tiny_http.h"

#include "base/buf.h"
#include "base/obj.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define MAX_REQUESTS 4096
#define MAX_REQUEST_BYTES ((size_t)8 << 20)
#define STACK_BYTES ((size_t)256 << 10)
#define PATIENCE_MS 30000

struct tiny_conn {
    struct tiny_conn *next;
    struct tiny_http *server;
    pthread_t thread;
    int fd;
    SSL *ssl; /* NULL without TLS */
    int number;
    bool over; /* the answering function wants no more requests */
};

struct tiny_http {
    struct tiny_http_options options;
    SSL_CTX *tls;
    int listener;
    int port;
    char url[64];
    pthread_t thread;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    bool stopping;
    struct tiny_conn *conns; /* all there ever were */
    int n_conns;
    int n_ended;
    struct tiny_request requests[MAX_REQUESTS];
    int n_requests;
};

/* ---- bytes ---- */

static ssize_t conn_read(struct tiny_conn *conn, char *p, size_t n) {
    return conn->ssl != NULL ? SSL_read(conn->ssl, p, (int)n) : recv(conn->fd, p, n, 0);
}

void tiny_send(struct tiny_conn *conn, struct str bytes) {
    while (bytes.n > 0) {
        ssize_t n = conn->ssl != NULL ? SSL_write(conn->ssl, bytes.p, (int)bytes.n)
                                      : send(conn->fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n <= 0) {
            conn->over = true;
            return;
        }
        bytes = str_from(bytes, (size_t)n);
    }
}

void tiny_reply(struct tiny_conn *conn, int status, const char *headers, const char *body) {
    struct buf b;
    buf_init(&b, MAX_REQUEST_BYTES);
    buf_printf(&b, "HTTP/1.1 %d Text\r\nContent-Length: %zu\r\n", status, strlen(body));
    buf_puts(&b, headers);
    buf_puts(&b, "\r\n");
    buf_puts(&b, body);
    tiny_send(conn, buf_str(&b));
    buf_free(&b);
}

void tiny_close(struct tiny_conn *conn) {
    conn->over = true;
}

void tiny_reset(struct tiny_conn *conn) {
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    conn->over = true;
}

void tiny_wait_for_end(struct tiny_conn *conn) {
    char p[256];
    while (conn_read(conn, p, sizeof p) > 0)
        continue;
    conn->over = true;
}

/* ---- waiting ---- */

static struct timespec time_in(int ms) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

static bool wait_for(struct tiny_http *server, const int *counter, int n, int ms) {
    struct timespec until = time_in(ms);
    pthread_mutex_lock(&server->lock);
    while (*counter < n && !server->stopping)
        if (pthread_cond_timedwait(&server->changed, &server->lock, &until) == ETIMEDOUT)
            break;
    bool reached = *counter >= n;
    pthread_mutex_unlock(&server->lock);
    return reached;
}

bool tiny_http_wait_requests(struct tiny_http *server, int n, int ms) {
    return wait_for(server, &server->n_requests, n, ms);
}

bool tiny_http_wait_ended(struct tiny_http *server, int n, int ms) {
    return wait_for(server, &server->n_ended, n, ms);
}

void tiny_wait_for_requests(struct tiny_conn *conn, int n) {
    wait_for(conn->server, &conn->server->n_requests, n, PATIENCE_MS);
}

/* ---- requests ---- */

struct str tiny_request_header(const struct tiny_request *req, const char *name) {
    struct str rest = req->head;
    while (rest.n > 0) {
        struct str line = str_sub(rest, 0, str_find(rest, '\n'));
        size_t colon = str_find(line, ':');
        rest = str_from(rest, line.n + 1);
        if (colon < line.n && str_eq_nocase(str_sub(line, 0, colon), str_c(name)))
            return str_trim(str_from(line, colon + 1));
    }
    return STR_NULL;
}

static size_t end_of_head(struct str s) {
    for (size_t i = 0; i + 4 <= s.n; i++)
        if (memcmp(s.p + i, "\r\n\r\n", 4) == 0)
            return i;
    return s.n;
}

/* False at the end of the connection. `in` holds what was read; the request is its beginning. */
static bool read_request(struct tiny_conn *conn, struct buf *in, struct tiny_request *req) {
    char p[16384];
    for (;;) {
        struct str all = buf_str(in);
        size_t head = end_of_head(all);
        if (head < all.n) {
            int64_t length = 0;
            req->head = str_sub(all, 0, head);
            (void)str_to_int64(tiny_request_header(req, "content-length"), &length);
            if (all.n - head - 4 >= (size_t)length) {
                req->body = str_n(all.p + head + 4, (size_t)length);
                return true;
            }
        }
        ssize_t n = conn_read(conn, p, sizeof p);
        if (n <= 0 || in->failed)
            return false;
        buf_put(in, p, (size_t)n);
    }
}

static char *copy(struct str s) {
    char *p = malloc(s.n + 1);
    AN(p);
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}

static void keep(struct tiny_http *server, struct tiny_request *req) {
    req->head.p = copy(req->head);
    req->body.p = copy(req->body);
    pthread_mutex_lock(&server->lock);
    ASSERT(server->n_requests < MAX_REQUESTS);
    req->number = server->n_requests + 1;
    server->requests[server->n_requests++] = *req;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

/* ---- threads ---- */

static void *serve(void *arg) {
    struct tiny_conn *conn = arg;
    struct tiny_http *server = conn->server;
    struct buf in;
    buf_init(&in, MAX_REQUEST_BYTES);
    if (conn->ssl != NULL && SSL_accept(conn->ssl) != 1)
        conn->over = true;
    for (int turn = 1; !conn->over; turn++) {
        struct tiny_request req = {.connection = conn->number, .turn = turn};
        if (!read_request(conn, &in, &req))
            break;
        keep(server, &req);
        buf_reset(&in); /* a client that waits for answers has sent nothing behind it */
        if (server->options.answer != NULL)
            server->options.answer(conn, &req, server->options.priv);
        else
            tiny_reply(conn, 200, "", "{}");
    }
    buf_free(&in);
    SSL_free(conn->ssl);
    pthread_mutex_lock(&server->lock);
    close(conn->fd);
    conn->fd = -1;
    server->n_ended++;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
    return NULL;
}

static void start_serving(struct tiny_http *server, int fd) {
    struct tiny_conn *conn = calloc(1, sizeof *conn);
    pthread_attr_t attr;
    AN(conn);
    conn->server = server;
    conn->fd = fd;
    if (server->tls != NULL) {
        conn->ssl = SSL_new(server->tls);
        AN(conn->ssl);
        SSL_set_fd(conn->ssl, fd);
    }
    pthread_mutex_lock(&server->lock);
    conn->next = server->conns;
    server->conns = conn;
    conn->number = ++server->n_conns;
    AZ(pthread_attr_init(&attr));
    AZ(pthread_attr_setstacksize(&attr, STACK_BYTES));
    AZ(pthread_create(&conn->thread, &attr, serve, conn));
    AZ(pthread_attr_destroy(&attr));
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

static void *accept_main(void *arg) {
    struct tiny_http *server = arg;
    for (;;) {
        int fd = accept(server->listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        start_serving(server, fd);
    }
}

/* ---- the server ---- */

struct tiny_http *tiny_http_new(const struct tiny_http_options *options) {
    struct tiny_http *server = calloc(1, sizeof *server);
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    AN(server);
    server->options = *options;
    AZ(pthread_mutex_init(&server->lock, NULL));
    AZ(pthread_cond_init(&server->changed, NULL));
    if (options->certificate != NULL) {
        server->tls = SSL_CTX_new(TLS_server_method());
        AN(server->tls);
        ASSERT(SSL_CTX_use_certificate_chain_file(server->tls, options->certificate) == 1);
        ASSERT(SSL_CTX_use_PrivateKey_file(server->tls, options->key, SSL_FILETYPE_PEM) == 1);
    }
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT(server->listener >= 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    AZ(bind(server->listener, (struct sockaddr *)&address, sizeof address));
    AZ(listen(server->listener, 1024));
    AZ(getsockname(server->listener, (struct sockaddr *)&address, &size));
    server->port = ntohs(address.sin_port);
    snprintf(server->url, sizeof server->url, "%s:%d",
             server->tls != NULL ? "https://localhost" : "http://127.0.0.1", server->port);
    AZ(pthread_create(&server->thread, NULL, accept_main, server));
    return server;
}

void tiny_http_free(struct tiny_http *server) {
    if (server == NULL)
        return;
    shutdown(server->listener, SHUT_RDWR);
    AZ(pthread_join(server->thread, NULL));
    close(server->listener);
    pthread_mutex_lock(&server->lock);
    server->stopping = true;
    for (struct tiny_conn *c = server->conns; c != NULL; c = c->next)
        if (c->fd >= 0)
            shutdown(c->fd, SHUT_RDWR);
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
    while (server->conns != NULL) {
        struct tiny_conn *conn = server->conns;
        server->conns = conn->next;
        AZ(pthread_join(conn->thread, NULL));
        free(conn);
    }
    for (int i = 0; i < server->n_requests; i++) {
        free((void *)(uintptr_t)server->requests[i].head.p);
        free((void *)(uintptr_t)server->requests[i].body.p);
    }
    SSL_CTX_free(server->tls);
    pthread_mutex_destroy(&server->lock);
    pthread_cond_destroy(&server->changed);
    free(server);
}

const char *tiny_http_url(const struct tiny_http *server) {
    return server->url;
}

int tiny_http_port(const struct tiny_http *server) {
    return server->port;
}

static int read_counter(struct tiny_http *server, const int *counter) {
    pthread_mutex_lock(&server->lock);
    int n = *counter;
    pthread_mutex_unlock(&server->lock);
    return n;
}

int tiny_http_connections(struct tiny_http *server) {
    return read_counter(server, &server->n_conns);
}

int tiny_http_requests(struct tiny_http *server) {
    return read_counter(server, &server->n_requests);
}

struct tiny_request tiny_http_request(struct tiny_http *server, int number) {
    pthread_mutex_lock(&server->lock);
    ASSERT(number >= 1 && number <= server->n_requests);
    struct tiny_request req = server->requests[number - 1];
    pthread_mutex_unlock(&server->lock);
    return req;
}
