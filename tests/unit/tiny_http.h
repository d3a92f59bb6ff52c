// SPDX-License-Identifier: Apache-2.0
/*
 * A real HTTP server on a free loopback port, for tests of the real client. One thread accepts,
 * each connection has a thread of its own, and the test's function says for every request what goes
 * back, byte by byte where it matters. Requests are kept, so that a test looks at them afterwards
 * on its own thread: cmocka's assertions belong there.
 */
#ifndef UNIT_TINY_HTTP_H
#define UNIT_TINY_HTTP_H

#include "base/str.h"

struct tiny_http;
struct tiny_conn;

struct tiny_request {
    struct str head; /* request line and headers as they came, without the empty line */
    struct str body;
    int number;     /* 1 is the first one of all */
    int connection; /* 1 is the first one */
    int turn;       /* 1 is the connection's first request */
};

/* On the connection's thread. Must send something, close, reset, or wait for the peer to hang up.
 */
typedef void tiny_answer_fn(struct tiny_conn *conn, const struct tiny_request *req, void *priv);

struct tiny_http_options {
    tiny_answer_fn *answer; /* NULL: 200 with "{}" */
    void *priv;
    const char *certificate; /* PEM files; NULL: no TLS */
    const char *key;
};

struct tiny_http *tiny_http_new(const struct tiny_http_options *options);
/* Ends every connection and every thread. NULL is fine. */
void tiny_http_free(struct tiny_http *server);

/* "http://127.0.0.1:12345" or "https://localhost:12345"; lives with the server. */
const char *tiny_http_url(const struct tiny_http *server);
int tiny_http_port(const struct tiny_http *server);

/* So far. */
int tiny_http_connections(struct tiny_http *server);
int tiny_http_requests(struct tiny_http *server);

/* Waits at most `ms` until so many requests came, or so many connections ended; false if not. */
bool tiny_http_wait_requests(struct tiny_http *server, int n, int ms);
bool tiny_http_wait_ended(struct tiny_http *server, int n, int ms);

/* The request of that number (1 is the first); its texts live with the server. */
struct tiny_request tiny_http_request(struct tiny_http *server, int number);
/* A header's value; absent if it did not come. */
struct str tiny_request_header(const struct tiny_request *req, const char *name);

/* ---- for the answering function ---- */

void tiny_send(struct tiny_conn *conn, struct str bytes);
/* A whole answer with Content-Length; headers are lines ending in CRLF, "" for none. */
void tiny_reply(struct tiny_conn *conn, int status, const char *headers, const char *body);
/* Ends the connection in order (FIN), or with a reset. */
void tiny_close(struct tiny_conn *conn);
void tiny_reset(struct tiny_conn *conn);
/* Says nothing until the peer hangs up or the server is freed. */
void tiny_wait_for_end(struct tiny_conn *conn);
/* Until so many requests came in all; gives up after 30 s. */
void tiny_wait_for_requests(struct tiny_conn *conn, int n);

#endif
