// SPDX-License-Identifier: Apache-2.0
#include "sim/http_send.h"

#include "base/obj.h"

#include <errno.h>
#include <sys/socket.h>
#include <time.h>

#define BLOCK ((size_t)64 << 10) /* bytes handed to MHD at a time */

static int socket_of(struct MHD_Connection *connection) {
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

bool http_peer_gone(struct MHD_Connection *connection) {
    char c;
    ssize_t n = recv(socket_of(connection), &c, 1, MSG_PEEK | MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

/* On Linux, connecting a TCP socket to nowhere sends a reset at once. */
static void reset(struct MHD_Connection *connection) {
    struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
    (void)connect(socket_of(connection), &nowhere, sizeof nowhere);
}

/* MHD would not send half a header, so this goes past it; the connection ends right after. */
static void send_half_header(struct MHD_Connection *connection) {
    static const char half[] = "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-js";
    (void)send(socket_of(connection), half, sizeof half - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static ssize_t read_half(void *cls, uint64_t pos, char *out, size_t max) {
    const struct sim_exchange *ex = cls;
    size_t half = ex->reply.body.n / 2;
    if (pos >= half)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t n = half - (size_t)pos < max ? half - (size_t)pos : max;
    memcpy(out, ex->reply.body.p + pos, n);
    return (ssize_t)n;
}

/* The start of an answer and then one endless string, so that a reader has to keep all of it. */
static ssize_t read_huge(void *cls, uint64_t pos, char *out, size_t max) {
    static const char start[] = "{\"GameSession\":{\"Name\":\"";
    const struct sim_exchange *ex = cls;
    if (pos >= ex->reply.huge_bytes)
        return MHD_CONTENT_READER_END_OF_STREAM;
    uint64_t left = ex->reply.huge_bytes - pos;
    size_t n = left < max ? (size_t)left : max;
    memset(out, 'a', n);
    for (size_t i = 0; i < n && pos + i < sizeof start - 1; i++)
        out[i] = start[pos + i];
    return (ssize_t)n;
}

static struct MHD_Response *make_response(struct sim_exchange *ex) {
    switch (ex->reply.delivery) {
    case SIM_HALF_BODY:
        return MHD_create_response_from_callback(ex->reply.body.n, BLOCK, read_half, ex, NULL);
    case SIM_HUGE:
        return MHD_create_response_from_callback(ex->reply.chunked ? MHD_SIZE_UNKNOWN
                                                                   : ex->reply.huge_bytes,
                                                 BLOCK, read_huge, ex, NULL);
    default:
        /* Not written to: persistent means that MHD neither copies nor frees. */
        return MHD_create_response_from_buffer(
            ex->reply.body.n, (void *)(uintptr_t)ex->reply.body.p, MHD_RESPMEM_PERSISTENT);
    }
}

static void add_date(struct MHD_Response *response, const struct sim *sim) {
    char text[64];
    time_t seconds = (time_t)(sim_now_ms(sim) / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    MHD_add_response_header(response, "Date", text);
}

enum MHD_Result http_send(struct MHD_Connection *connection, struct sim_exchange *ex) {
    const struct sim_reply *reply = &ex->reply;
    if (reply->delivery == SIM_RESET)
        reset(connection);
    if (reply->delivery == SIM_HALF_HEADER)
        send_half_header(connection);
    if (reply->delivery == SIM_RESET || reply->delivery == SIM_HALF_HEADER ||
        reply->delivery == SIM_CLOSE)
        return MHD_NO;
    struct MHD_Response *response = make_response(ex);
    AN(response);
    add_date(response, ex->sim);
    if (reply->content_type.p != NULL)
        MHD_add_response_header(response, "Content-Type",
                                arena_cstr(ex->arena, reply->content_type));
    for (size_t i = 0; i < reply->n_headers; i++)
        MHD_add_response_header(response, arena_cstr(ex->arena, reply->headers[i].name),
                                arena_cstr(ex->arena, reply->headers[i].value));
    enum MHD_Result result = MHD_queue_response(connection, (unsigned)reply->status, response);
    MHD_destroy_response(response);
    return result;
}

enum MHD_Result http_send_text(struct MHD_Connection *connection, unsigned status,
                               const char *text) {
    struct MHD_Response *response = MHD_create_response_from_buffer(
        strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT);
    AN(response);
    MHD_add_response_header(response, "Connection", "close");
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}
