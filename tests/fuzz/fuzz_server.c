// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as what a client sends to the real server, over a real connection. What must hold: the
 * server stays, answers or hangs up, and serves the next client.
 *
 * Input: one byte that chooses the shape of the connection. 0: the bytes as they are. 1: as frames
 * after a proper beginning. Else a proper call of a method, the bytes being its message; in pieces,
 * compressed or with a wrong length as the byte says.
 */
#include "base/obj.h"
#include "generated/session_dsm.h"
#include "grpc/server.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST ((size_t)1 << 20) /* bytes of a connection */
#define PATIENCE_MS 200        /* for an answer that need not come */
#define CERTAIN_MS 20000       /* for one that must, on a busy machine too */
#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct dsm_service {
    int unused;
};

static struct dsm_service service;
static int port;

static void create(struct dsm_create_game_session_call *call) {
    struct dsm_response_create_game_session resp = DSM_RESPONSE_CREATE_GAME_SESSION_INIT;
    resp.session_id = call->req->session_id;
    resp.session_data = call->req->session_data;
    dsm_create_game_session_reply(call, &resp);
}

static const struct dsm_session_dsm_handlers handlers = {.create_game_session = create};

static void *serve(void *loop) {
    loop_run(loop);
    return NULL;
}

static void start_once(void) {
    static const struct server_options options = {.address = "127.0.0.1"};
    pthread_t thread;
    if (port != 0)
        return;
    log_start(LOG_LEVEL_OFF, 1);
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    struct loop *loop = loop_new();
    struct server *server = server_new(loop, &options);
    server_add_service(server, &dsm_session_dsm_service, &handlers, &service, 0);
    struct err *err = server_start(server, a);
    ASSERT(err == NULL);
    port = server_port(server);
    arena_free(a);
    ASSERT(pthread_create(&thread, NULL, serve, loop) == 0);
    pthread_detach(thread);
}

/* ---- frames ---- */

static void put_frame(struct buf *out, int kind, int flags, unsigned stream, struct str payload) {
    const char head[] = {(char)(payload.n >> 16),
                         (char)(payload.n >> 8),
                         (char)payload.n,
                         (char)kind,
                         (char)flags,
                         0,
                         0,
                         0,
                         (char)stream};
    buf_put(out, head, sizeof head);
    buf_putstr(out, payload);
}

static void put_header(struct buf *out, struct str name, struct str value) {
    buf_putc(out, 0);
    buf_putc(out, (char)name.n);
    buf_putstr(out, name);
    buf_putc(out, (char)value.n);
    buf_putstr(out, value);
}

static void put_call(struct buf *out, unsigned shape, struct str message) {
    struct buf headers, framed;
    buf_init(&headers, MOST);
    put_header(&headers, STR(":method"), STR("POST"));
    put_header(&headers, STR(":scheme"), STR("http"));
    put_header(&headers, STR(":path"),
               shape & 4 ? STR("/accelbyte.session.sessiondsm.SessionDsm/CreateGameSession")
                         : STR("/accelbyte.session.sessiondsm.SessionDsm/TerminateGameSession"));
    put_header(&headers, STR(":authority"), STR("localhost"));
    put_header(&headers, STR("content-type"), STR("application/grpc"));
    put_header(&headers, STR("te"), STR("trailers"));
    if (shape & 8)
        put_header(&headers, STR("grpc-encoding"), shape & 16 ? STR("gzip") : STR("identity"));
    put_frame(out, 1, 4, 1, buf_str(&headers));
    size_t told = message.n + (shape & 32 ? 1 : 0);
    const char prefix[] = {shape & 16 ? 1 : 0, (char)(told >> 24), (char)(told >> 16),
                           (char)(told >> 8), (char)told};
    buf_init(&framed, MOST);
    buf_put(&framed, prefix, sizeof prefix);
    buf_putstr(&framed, message);
    size_t cut = shape & 64 ? buf_str(&framed).n / 2 : 0;
    put_frame(out, 0, 0, 1, str_sub(buf_str(&framed), 0, cut));
    put_frame(out, 0, 1, 1, str_from(buf_str(&framed), cut));
    buf_free(&headers);
    buf_free(&framed);
}

/* ---- a connection ---- */

static int connect_to_server(void) {
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct linger at_once = {.l_onoff = 1}; /* thousands of them: no TIME_WAIT */
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    return fd;
}

/* Reads until the server hangs up, says "grpc-status", or has nothing more to say. */
static bool is_answered(int fd, int patience_ms) {
    char seen[65536];
    size_t n = 0;
    struct pollfd watch = {.fd = fd, .events = POLLIN};
    while (n < sizeof seen && poll(&watch, 1, patience_ms) == 1) {
        ssize_t got = read(fd, seen + n, sizeof seen - n);
        if (got <= 0)
            return true;
        n += (size_t)got;
        if (memmem(seen, n, "grpc-status", 11) != NULL)
            return true;
    }
    return false;
}

static bool talk(struct str text, int patience_ms) {
    int fd = connect_to_server();
    while (text.n > 0) {
        ssize_t n = send(fd, text.p, text.n, MSG_NOSIGNAL);
        if (n <= 0)
            break;
        text = str_from(text, (size_t)n);
    }
    bool answered = is_answered(fd, patience_ms);
    close(fd);
    return answered;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static unsigned runs;
    if (size == 0 || size > 16000)
        return 0;
    start_once();
    struct str rest = str_n((const char *)data + 1, size - 1);
    struct buf out;
    buf_init(&out, MOST);
    if (data[0] > 0)
        buf_put(&out, PREFACE, sizeof PREFACE - 1);
    if (data[0] <= 1)
        buf_putstr(&out, rest);
    else
        put_call(&out, data[0], rest);
    (void)talk(buf_str(&out), PATIENCE_MS);
    if (runs++ % 64 == 0) { /* a good client is served */
        buf_free(&out);
        buf_init(&out, MOST);
        buf_put(&out, PREFACE, sizeof PREFACE - 1);
        put_call(&out, 4, STR("\n\2s1"));
        ASSERT(talk(buf_str(&out), CERTAIN_MS));
    }
    buf_free(&out);
    return 0;
}
