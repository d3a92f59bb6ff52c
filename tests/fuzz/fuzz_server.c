// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as what a client sends to the real server, over a real connection. What must hold: the
 * server stays, answers or hangs up, and serves the next client.
 *
 * Input: one byte that chooses the shape of the connection. 0: the bytes as they are. 1: as frames
 * after a proper beginning. Else a proper call of a method, the bytes being its message; in pieces,
 * compressed, with a wrong length, broken off, or with headers of its own before the message, one
 * of which may be the method, as the byte says. What the handler does is chosen by the session's
 * id.
 */
#include "base/obj.h"
#include "generated/session_dsm.h"
#include "grpc/health.h"
#include "grpc/reflection.h"
#include "grpc/server.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST ((size_t)1 << 20) /* bytes of a connection */
#define PATIENCE_MS 200        /* for an answer that need not come */
#define FRAMES_MS 10     /* for the answer to a ping, which may be taken for the rest of a frame */
#define CERTAIN_MS 60000 /* for one that must, on a busy machine too */
#define SILENT_MS 20     /* after which a stream is taken to have said all */
#define STEP_MS 1        /* of the looks at whether there is anything to wait for */
#define PING "\0\0\x8\x6\0\0\0\0\0fuzzping"
#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct dsm_service {
    int unused;
};

static struct dsm_service service;
static int port;

/* ---- the server ---- */

/* A handler waits for its caller to go away. */
static atomic_int waiting;
static atomic_int streams; /* that have not ended */

struct wait { /* in the call's arena */
    struct dsm_create_game_session_call *call;
    struct ctx_hook hook;
    bool replies;
    bool counted;
};

static void reply(struct dsm_create_game_session_call *call) {
    struct dsm_response_create_game_session resp = DSM_RESPONSE_CREATE_GAME_SESSION_INIT;
    resp.session_id = call->req->session_id;
    resp.session_data = call->req->session_data;
    dsm_create_game_session_reply(call, &resp);
}

static void on_undelivered(void *priv) {
    ASSERT(*(char *)priv == 'u');
}

static void on_gone(struct ctx_hook *hook, const struct err *reason) {
    struct wait *w = CONTAINER_OF(hook, struct wait, hook);
    if (w->counted)
        atomic_fetch_sub(&waiting, 1);
    if (w->replies) {
        char *priv = malloc(1);
        AN(priv);
        *priv = 'u';
        rpc_call_if_undelivered(w->call->rpc, on_undelivered, priv);
        reply(w->call);
    } else {
        dsm_create_game_session_fail(w->call, reason);
    }
}

static void wait_for_cancel(struct dsm_create_game_session_call *call, bool replies) {
    struct wait *w = ARENA_NEW(call->ctx->arena, struct wait);
    w->call = call;
    w->replies = replies;
    w->counted = ctx_remaining_ms(call->ctx) > PATIENCE_MS; /* else its time is soon over */
    ctx_hook_add(call->ctx, &w->hook, on_gone);
    if (w->counted)
        atomic_fetch_add(&waiting, 1);
}

static void create(struct dsm_create_game_session_call *call) {
    struct str id = str_c(call->req->session_id);
    struct str text = str_c(call->req->session_data);
    if (str_starts(id, STR("wait")) || str_starts(id, STR("late"))) {
        wait_for_cancel(call, str_starts(id, STR("late")));
    } else if (str_starts(id, STR("fail"))) {
        const struct err err = {
            .code = (enum rpc_code)(id.n - 3),
            .msg = str_ends(id, STR("!")) /* no text */
                       ? arena_printf(call->ctx->arena, "\x80" STR_FMT, STR_ARG(text))
                       : text,
        };
        dsm_create_game_session_fail(call, &err);
    } else {
        reply(call);
    }
}

static struct err *admit(void *priv, struct rpc_call *rpc) {
    (void)priv;
    ASSERT(rpc->req == NULL);
    if (rpc_call_metadata(rpc, "authorization").p != NULL)
        return err_new(rpc->ctx.arena, RPC_UNAUTHENTICATED, "not for anybody");
    return NULL;
}

static void on_started(void *priv, const struct rpc_call *rpc) {
    (void)priv;
    ASSERT(rpc->method != NULL && (rpc->req != NULL || rpc_reads(rpc->method)));
    if (rpc->method->kind != RPC_UNARY)
        atomic_fetch_add(&streams, 1);
}

static void on_finished(void *priv, const struct rpc_call *rpc,
                        const struct server_outcome *outcome) {
    (void)priv;
    ASSERT((outcome->err == NULL) == (outcome->code == RPC_OK));
    ASSERT(outcome->duration_us >= 0 && (outcome->stage != SERVER_UNKNOWN_METHOD || !rpc->method));
    if (outcome->stage == SERVER_HANDLED && rpc->method->kind != RPC_UNARY)
        ASSERT(atomic_fetch_sub(&streams, 1) > 0);
}

static const struct dsm_session_dsm_handlers handlers = {.create_game_session = create};

static struct loop *loop;
static pthread_t thread;
static struct server *server;
static struct health_service *health;
static struct reflection_service *reflection;

static void *serve(void *arg) {
    loop_run(arg);
    return NULL;
}

static void on_drained(void *priv) {
    (void)priv;
    loop_stop(loop);
}

static void drain(struct loop_job *job) {
    (void)job;
    health_drain(health);
    server_drain(server, 1000, on_drained, NULL);
}

/* At the end, so that what is left then is a leak. */
static void stop(void) {
    static struct loop_job job;
    loop_post(loop, &job, drain);
    ASSERT(pthread_join(thread, NULL) == 0);
    server_free(server);
    health_free(health);
    reflection_free(reflection);
    loop_free(loop);
}

static void start_once(void) {
    static const struct server_options options = {
        .address = "127.0.0.1",
        .default_deadline_ms = CERTAIN_MS,
        .admit = admit,
        .started = on_started,
        .finished = on_finished,
    };
    if (port != 0)
        return;
    log_start(LOG_LEVEL_OFF, 1);
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    loop = loop_new();
    server = server_new(loop, &options);
    server_add_service(server, &dsm_session_dsm_service, &handlers, &service, 0);
    health = health_new();
    health_add_to(health, server);
    reflection = reflection_new();
    reflection_add_to(reflection, server);
    struct err *err = server_start(server, a);
    ASSERT(err == NULL);
    port = server_port(server);
    arena_free(a);
    ASSERT(pthread_create(&thread, NULL, serve, loop) == 0);
    ASSERT(atexit(stop) == 0);
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
    name = str_sub(name, 0, 126); /* so that a byte tells the length */
    value = str_sub(value, 0, 126);
    buf_putc(out, 0);
    buf_putc(out, (char)name.n);
    buf_putstr(out, name);
    buf_putc(out, (char)value.n);
    buf_putstr(out, value);
}

/* Lines "name=value" up to an empty one; returns what is behind it. */
static struct str put_headers_of(struct buf *out, struct str text, struct str *path) {
    while (text.n > 0) {
        struct str line = str_sub(text, 0, str_find(text, '\n'));
        struct str name = str_sub(line, 0, str_find(line, '='));
        text = str_from(text, line.n + 1);
        if (line.n == 0)
            break;
        if (str_eq(name, STR(":path")))
            *path = str_from(line, name.n + 1);
        else
            put_header(out, name, str_from(line, name.n + 1));
    }
    return text;
}

static void put_call(struct buf *out, unsigned shape, struct str message) {
    struct buf headers, more, framed;
    struct str path = shape & 4
                          ? STR("/accelbyte.session.sessiondsm.SessionDsm/CreateGameSession")
                          : STR("/accelbyte.session.sessiondsm.SessionDsm/TerminateGameSession");
    buf_init(&headers, MOST);
    buf_init(&more, MOST);
    if (shape & 128)
        message = put_headers_of(&more, message, &path);
    put_header(&headers, STR(":method"), STR("POST"));
    put_header(&headers, STR(":scheme"), STR("http"));
    put_header(&headers, STR(":path"), path);
    put_header(&headers, STR(":authority"), STR("localhost"));
    put_header(&headers, STR("content-type"), STR("application/grpc"));
    put_header(&headers, STR("te"), STR("trailers"));
    if (shape & 8)
        put_header(&headers, STR("grpc-encoding"), shape & 16 ? STR("gzip") : STR("identity"));
    buf_putstr(&headers, buf_str(&more));
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
    if (shape & 2)
        put_frame(out, 3, 0, 1, str_n("\0\0\0\x8", 4)); /* "cancel" */
    buf_free(&headers);
    buf_free(&more);
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

enum ending { ENDING_STATUS, ENDING_PING, ENDING_NONE };

static bool has_ended(const char *seen, size_t n, enum ending ending) {
    if (ending == ENDING_STATUS)
        return memmem(seen, n, "grpc-status", 11) != NULL;
    return ending == ENDING_PING && memmem(seen, n, "fuzzping", 8) != NULL;
}

/* A handler waits for us to go, or a stream has no more to say for now. */
static bool is_for_us_to_end(int *silent_ms) {
    *silent_ms = atomic_load(&streams) > 0 ? *silent_ms + STEP_MS : 0;
    return atomic_load(&waiting) > 0 || *silent_ms > SILENT_MS;
}

/* Reads until the server hangs up, has said what ends the talk, or has nothing more to say. */
static bool is_answered(int fd, enum ending ending, int patience_ms) {
    char seen[65536];
    size_t n = 0;
    int silent_ms = 0;
    struct pollfd watch = {.fd = fd, .events = POLLIN};
    for (int waited = 0; n < sizeof seen && waited < patience_ms; waited += STEP_MS) {
        int ready = poll(&watch, 1, STEP_MS);
        if (ready == 0 && ending != ENDING_NONE && is_for_us_to_end(&silent_ms))
            return true;
        if (ready != 1)
            continue;
        ssize_t got = read(fd, seen + n, sizeof seen - n);
        if (got <= 0)
            return true;
        n += (size_t)got;
        if (has_ended(seen, n, ending))
            return true;
    }
    return false;
}

/* The server has taken all that was sent and has done with it. */
static void hang_up(int fd) {
    shutdown(fd, SHUT_WR);
    (void)is_answered(fd, ENDING_NONE, PATIENCE_MS);
    close(fd);
}

static bool talk(struct str text, enum ending ending, int patience_ms) {
    int fd = connect_to_server();
    while (text.n > 0) {
        ssize_t n = send(fd, text.p, text.n, MSG_NOSIGNAL);
        if (n <= 0)
            break;
        text = str_from(text, (size_t)n);
    }
    bool answered = ending == ENDING_NONE || is_answered(fd, ending, patience_ms);
    hang_up(fd);
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
    if (data[0] == 1 || (data[0] & 2) != 0)
        buf_put(&out, PING, sizeof PING - 1);
    (void)talk(buf_str(&out),
               data[0] == 0                         ? ENDING_NONE
               : data[0] == 1 || (data[0] & 2) != 0 ? ENDING_PING
                                                    : ENDING_STATUS,
               data[0] == 1 ? FRAMES_MS : PATIENCE_MS);
    if (runs++ % 64 == 0) { /* a good client is served */
        buf_free(&out);
        buf_init(&out, MOST);
        buf_put(&out, PREFACE, sizeof PREFACE - 1);
        put_call(&out, 4, STR("\n\2s1"));
        ASSERT(talk(buf_str(&out), ENDING_STATUS, CERTAIN_MS));
    }
    buf_free(&out);
    return 0;
}
