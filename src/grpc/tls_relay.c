// SPDX-License-Identifier: Apache-2.0
#include "grpc/tls_relay.h"

#include "base/log.h"
#include "base/obj.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECORD_BYTES 16384 /* the most that one TLS record holds */
#define HELD_BACK 24       /* the bytes of HTTP/2's opening go on together */
#define AT_A_TIME 16       /* rounds before other connections get a turn */
#define LAST_WORDS_MS 2000 /* for a peer that does not read what it still gets */

/* Bytes on their way in one direction; memory only while there are any. */
struct pending {
    unsigned char *bytes;
    size_t from;
    size_t to;
    bool ended; /* nothing more will come */
};

struct tls_relay {
    unsigned magic;
#define TLS_RELAY_MAGIC 0x74c3ae19U
    struct loop *loop;
    SSL *ssl;
    int net;
    int inner;
    uv_poll_t net_poll;
    uv_poll_t inner_poll;
    int net_events; /* what is waited for */
    int inner_events;
    int open_handles;
    struct loop_timer timer; /* for the first turn, later for the last words */
    struct pending in;       /* from the peer to the library */
    struct pending out;
    bool shut_inner; /* the library has been told that the peer sends no more */
    uint64_t received;
    tls_relay_done_fn *done;
    void *priv;
};

enum step { IDLE, MOVED, OVER };

static unsigned char *room(struct pending *p) {
    if (p->bytes == NULL) {
        p->bytes = malloc(RECORD_BYTES);
        AN(p->bytes);
    }
    return p->bytes + p->to;
}

static void taken(struct pending *p, size_t n) {
    p->from += n;
    if (p->from < p->to)
        return;
    free(p->bytes);
    p->bytes = NULL;
    p->from = p->to = 0;
}

static void drop_empty(struct pending *p) {
    if (p->from == p->to)
        taken(p, 0);
}

/* ---- the four ways ---- */

static enum step tls_says(struct tls_relay *r, int result) {
    switch (SSL_get_error(r->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        r->net_events |= UV_READABLE;
        return IDLE;
    case SSL_ERROR_WANT_WRITE:
        r->net_events |= UV_WRITABLE;
        return IDLE;
    case SSL_ERROR_ZERO_RETURN:
        r->in.ended = true;
        return MOVED;
    default:
        LOG_DEBUG(NULL, "TLS connection failed",
                  LOG_CSTR("error", ERR_peek_error() == 0
                                        ? "the peer hung up"
                                        : ERR_reason_error_string(ERR_peek_error())));
        return OVER;
    }
}

static enum step from_net(struct tls_relay *r) {
    bool held_back = r->received < HELD_BACK;
    if (r->in.ended || (r->in.to > 0 && !held_back))
        return IDLE;
    ERR_clear_error();
    int n = SSL_read(r->ssl, room(&r->in), (int)(RECORD_BYTES - r->in.to));
    if (n <= 0) {
        drop_empty(&r->in);
        return tls_says(r, n);
    }
    r->in.to += (size_t)n;
    r->received += (size_t)n;
    return MOVED;
}

static enum step to_inner(struct tls_relay *r) {
    if (r->in.to > 0 && (r->received >= HELD_BACK || r->in.ended)) {
        ssize_t n = send(r->inner, r->in.bytes + r->in.from, r->in.to - r->in.from,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)) {
            r->inner_events |= UV_WRITABLE;
            return IDLE;
        }
        if (n < 0)
            return OVER;
        taken(&r->in, (size_t)n);
        return MOVED;
    }
    if (r->in.to == 0 && r->in.ended && !r->shut_inner) {
        shutdown(r->inner, SHUT_WR);
        r->shut_inner = true;
    }
    return IDLE;
}

static void on_timer(struct loop_timer *timer);

static enum step from_inner(struct tls_relay *r) {
    if (r->out.ended || r->out.to > 0)
        return IDLE;
    ssize_t n = recv(r->inner, room(&r->out), RECORD_BYTES, MSG_DONTWAIT);
    if (n > 0) {
        r->out.to = (size_t)n;
        return MOVED;
    }
    drop_empty(&r->out);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        r->inner_events |= UV_READABLE;
        return IDLE;
    }
    r->out.ended = true;
    loop_timer_start(r->loop, &r->timer, LAST_WORDS_MS, on_timer);
    return MOVED;
}

static enum step to_net(struct tls_relay *r) {
    if (r->out.to > 0) {
        ERR_clear_error();
        int n = SSL_write(r->ssl, r->out.bytes + r->out.from, (int)(r->out.to - r->out.from));
        if (n <= 0)
            return tls_says(r, n);
        taken(&r->out, (size_t)n);
        return MOVED;
    }
    if (!r->out.ended)
        return IDLE;
    SSL_shutdown(r->ssl); /* says goodbye; the answer is not waited for */
    return OVER;
}

/* ---- the rounds ---- */

static enum step shake_hands(struct tls_relay *r) {
    ERR_clear_error();
    int done = SSL_do_handshake(r->ssl);
    return done == 1 ? MOVED : tls_says(r, done) == IDLE ? IDLE : OVER;
}

static enum step one_round(struct tls_relay *r) {
    if (!SSL_is_init_finished(r->ssl))
        return shake_hands(r);
    enum step steps[] = {from_net(r), IDLE, IDLE, IDLE};
    steps[1] = steps[0] == OVER ? OVER : to_inner(r);
    steps[2] = steps[1] == OVER ? OVER : from_inner(r);
    steps[3] = steps[2] == OVER ? OVER : to_net(r);
    if (steps[3] == OVER)
        return OVER;
    return steps[0] == MOVED || steps[1] == MOVED || steps[2] == MOVED || steps[3] == MOVED ? MOVED
                                                                                            : IDLE;
}

static void on_ready(uv_poll_t *poll, int status, int events);

static void wait_for(uv_poll_t *poll, int *now, int wanted) {
    if (wanted == 0)
        uv_poll_stop(poll);
    else if (wanted != *now)
        AZ(uv_poll_start(poll, wanted, on_ready));
    *now = wanted;
}

static void run(struct tls_relay *r) {
    int net = r->net_events;
    int inner = r->inner_events;
    enum step step = MOVED;
    for (int i = 0; i < AT_A_TIME && step == MOVED; i++) {
        r->net_events = r->inner_events = 0;
        step = one_round(r);
    }
    if (step == OVER) {
        r->done(r->priv);
        return;
    }
    if (step == MOVED) /* not done: a socket that can be written to comes back at once */
        r->net_events |= UV_WRITABLE;
    int wanted_net = r->net_events;
    int wanted_inner = r->inner_events;
    r->net_events = net;
    r->inner_events = inner;
    wait_for(&r->net_poll, &r->net_events, wanted_net);
    wait_for(&r->inner_poll, &r->inner_events, wanted_inner);
}

static void on_ready(uv_poll_t *poll, int status, int events) {
    struct tls_relay *r = OBJ_CAST(poll->data, tls_relay, TLS_RELAY_MAGIC);
    (void)events;
    /* What is wrong with a socket is told by the next read or write. */
    if (status < 0 && !SSL_is_init_finished(r->ssl))
        r->done(r->priv);
    else
        run(r);
}

static void on_timer(struct loop_timer *timer) {
    struct tls_relay *r = CONTAINER_OF(timer, struct tls_relay, timer);
    OBJ_CHECK(r, TLS_RELAY_MAGIC);
    if (r->out.ended)
        r->done(r->priv);
    else
        run(r);
}

/* ---- life ---- */

struct tls_relay *tls_relay_new(struct loop *loop, SSL *ssl, int fd, int *ret_plain,
                                tls_relay_done_fn *done, void *priv) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
        return NULL;
    struct tls_relay *r = calloc(1, sizeof *r);
    AN(r);
    r->magic = TLS_RELAY_MAGIC;
    r->loop = loop;
    r->ssl = ssl;
    r->net = fd;
    r->inner = pair[0];
    r->done = done;
    r->priv = priv;
    ASSERT(SSL_set_fd(ssl, fd) == 1);
    AZ(uv_poll_init(loop_uv(loop), &r->net_poll, fd));
    AZ(uv_poll_init(loop_uv(loop), &r->inner_poll, pair[0]));
    r->net_poll.data = r->inner_poll.data = r;
    r->open_handles = 2;
    loop_timer_start(loop, &r->timer, 0, on_timer);
    *ret_plain = pair[1];
    return r;
}

static void on_closed(uv_handle_t *handle) {
    struct tls_relay *r = OBJ_CAST(handle->data, tls_relay, TLS_RELAY_MAGIC);
    if (--r->open_handles > 0)
        return;
    close(r->net);
    close(r->inner);
    r->magic = 0;
    free(r);
}

void tls_relay_free(struct tls_relay *r) {
    if (r == NULL)
        return;
    OBJ_CHECK(r, TLS_RELAY_MAGIC);
    loop_timer_stop(&r->timer);
    SSL_free(r->ssl);
    r->ssl = NULL;
    free(r->in.bytes);
    free(r->out.bytes);
    shutdown(r->inner, SHUT_RDWR);
    uv_close((uv_handle_t *)&r->net_poll, on_closed);
    uv_close((uv_handle_t *)&r->inner_poll, on_closed);
}

uint64_t tls_relay_received(const struct tls_relay *r) {
    OBJ_CHECK(r, TLS_RELAY_MAGIC);
    return r->received;
}
