// SPDX-License-Identifier: Apache-2.0
#include "grpc/connections.h"

#include "base/clock.h"
#include "base/obj.h"
#include "grpc/peer.h"
#include "grpc/tls_relay.h"

#include <errno.h>
#include <fcntl.h>
#include <grpc/grpc_posix.h>
#include <grpc/grpc_security.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define GREETING_MS 10000 /* for HTTP/2's opening */
#define REST_MS 50        /* between two looks at an opening that comes bit by bit */
#define TICK_MS 20        /* how often the queue threads are looked at */
#define LOOK_TICKS 5      /* ticks between two counts of everybody's bytes */
#define STARVED_US 40000  /* of CPU time without an event: a flood takes some 10 MB in it */
#define BLAMED_BYTES 8192 /* stray ones since the last look, at least, for starving others */
/* What comes in faster, by CPU time, is the body of a message: that is some 1,000 and takes as much
 * memory as it has bytes, which max_stray_bytes bounds. Floods of small frames reach 1 to 20. */
#define BODY_BYTES_PER_US 100
#define WINDOW_MS 10000 /* for counting calls broken off */
#define BUCKETS 1024
#define RECEIVE_BYTES 65536

static const char greeting[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
#define GREETING_BYTES ((int)sizeof greeting - 1)

struct connection {
    unsigned magic;
#define CONNECTION_MAGIC 0x51d7e0a3U
    struct connections *all;
    struct list node;   /* in all->every */
    struct list bucket; /* in all->buckets, of its peer */
    struct peer peer;
    uint64_t id;
    int own; /* our second descriptor of the socket */
    int fd;  /* the library's, or on its way there */
    bool given;
    struct tls_relay
        *relay;     /* NULL without TLS; else it has the socket, and the two above a pair */
    uv_poll_t poll; /* on our own */
    struct loop_timer greeting_timer;
    struct loop_timer rest_timer;

    /* Guarded by all->lock. */
    uint64_t explained; /* bytes */
    uint64_t stray;     /* received but not explained, at the last look */
    uint64_t growth;    /* of that since the look before */
    size_t refusals;    /* that have not been sent */
    size_t broken_off;  /* since window_ms */
    int64_t window_ms;
    bool cut_off;
};

struct connections {
    unsigned magic;
#define CONNECTIONS_MAGIC 0x0b6c93f4U
    struct loop *loop;
    grpc_server *core;
    struct tls *tls; /* NULL: without */
    const struct server_options *options;
    connections_starved_fn *starved;
    void *priv;
    int64_t blamed_us; /* how starved a thread was when somebody was blamed for it */
    int64_t looked_us; /* and at the last look at everybody's bytes */
    unsigned ticks;
    grpc_server_credentials *credentials;
    struct list every;
    struct list buckets[BUCKETS];
    uint64_t last_id;
    struct loop_timer tick_timer;
    struct server_connections counts; /* but for cut_off, which is guarded */

    pthread_mutex_t lock;
    struct connection **by_fd; /* given ones, by the library's descriptor */
    size_t n_by_fd;
};

static loop_timer_fn on_tick;

struct connections *connections_new(struct loop *loop, grpc_server *core, struct tls *tls,
                                    const struct server_options *options,
                                    connections_starved_fn *starved, void *priv) {
    struct connections *all = calloc(1, sizeof *all);
    AN(all);
    all->magic = CONNECTIONS_MAGIC;
    all->loop = loop;
    all->core = core;
    all->tls = tls;
    all->options = options;
    all->starved = starved;
    all->priv = priv;
    all->credentials = grpc_insecure_server_credentials_create();
    list_init(&all->every);
    for (size_t i = 0; i < BUCKETS; i++)
        list_init(&all->buckets[i]);
    AZ(pthread_mutex_init(&all->lock, NULL));
    return all;
}

/* ---- the table ---- */

static void remember(struct connection *c) {
    struct connections *all = c->all;
    size_t fd = (size_t)c->fd;
    pthread_mutex_lock(&all->lock);
    if (fd >= all->n_by_fd) {
        size_t n = 2 * fd + 64;
        all->by_fd = realloc(all->by_fd, n * sizeof(struct connection *));
        AN(all->by_fd);
        memset(all->by_fd + all->n_by_fd, 0, (n - all->n_by_fd) * sizeof(struct connection *));
        all->n_by_fd = n;
    }
    all->by_fd[fd] = c;
    pthread_mutex_unlock(&all->lock);
}

/* With the lock held; NULL if it is gone, or its descriptor is another one's by now. */
static struct connection *look_up(struct connections *all, struct connection_key key) {
    struct connection *c = key.fd >= 0 && (size_t)key.fd < all->n_by_fd ? all->by_fd[key.fd] : NULL;
    return c != NULL && c->id == key.id ? c : NULL;
}

static void forget(struct connection *c) {
    struct connections *all = c->all;
    pthread_mutex_lock(&all->lock);
    if (c->given && all->by_fd[c->fd] == c)
        all->by_fd[c->fd] = NULL;
    pthread_mutex_unlock(&all->lock);
}

/* ---- the end of one ---- */

static void on_closed(uv_handle_t *handle) {
    struct connection *c = OBJ_CAST(handle->data, connection, CONNECTION_MAGIC);
    close(c->own);
    c->magic = 0;
    free(c);
}

/* Lets go of it; the library closes its own descriptor. */
static void let_go(struct connection *c) {
    forget(c);
    list_remove(&c->node);
    list_remove(&c->bucket);
    loop_timer_stop(&c->greeting_timer);
    loop_timer_stop(&c->rest_timer);
    c->all->counts.open--;
    tls_relay_free(c->relay);
    if (!c->given)
        close(c->fd);
    uv_close((uv_handle_t *)&c->poll, on_closed);
}

/* With the lock held. The library finds the socket at its end and closes it. */
static void shut(struct connection *c) {
    /* The last close is a reset then; else a peer that does not read would linger on in the kernel.
     */
    static char nowhere[RECEIVE_BYTES]; /* MSG_TRUNC: nothing is written to it */
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    setsockopt(c->own, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    shutdown(c->own, SHUT_RDWR);
    /* What lies in the kernel would still be read: up to thousands of calls. */
    while (recv(c->own, nowhere, sizeof nowhere, MSG_TRUNC | MSG_DONTWAIT) > 0)
        continue;
    c->cut_off = true;
}

static void cut_off(struct connection *c) {
    if (c->cut_off)
        return;
    shut(c);
    c->all->counts.cut_off++;
}

void connections_end(struct connections *all) {
    OBJ_CHECK(all, CONNECTIONS_MAGIC);
    pthread_mutex_lock(&all->lock);
    for (struct list *node = all->every.next; node != &all->every; node = node->next)
        shut(CONTAINER_OF(node, struct connection, node));
    pthread_mutex_unlock(&all->lock);
}

void connections_drain(struct connections *all) {
    OBJ_CHECK(all, CONNECTIONS_MAGIC);
    for (struct list *node = all->every.next; node != &all->every;) {
        struct connection *c = CONTAINER_OF(node, struct connection, node);
        node = node->next;
        if (!c->given)
            let_go(c);
    }
}

void connections_free(struct connections *all) {
    if (all == NULL)
        return;
    OBJ_CHECK(all, CONNECTIONS_MAGIC);
    while (!list_empty(&all->every))
        let_go(CONTAINER_OF(all->every.next, struct connection, node));
    loop_timer_stop(&all->tick_timer);
    grpc_server_credentials_release(all->credentials);
    pthread_mutex_destroy(&all->lock);
    free(all->by_fd);
    all->magic = 0;
    free(all);
}

/* ---- the beginning of one ---- */

/* Whoever speaks HTTP/1 gets an answer that a person can read. */
static void answer_stranger(struct connection *c, const char *first, ssize_t n) {
    static const char answer[] = "HTTP/1.1 505 HTTP Version Not Supported\r\n"
                                 "Connection: close\r\nContent-Type: text/plain\r\n"
                                 "Content-Length: 40\r\n\r\n"
                                 "This port speaks gRPC, that is HTTP/2.\r\n";
    char ignored[4096];
    c->all->counts.strangers++;
    if (n < 1 || first[0] < 'A' || first[0] > 'Z')
        return;
    /* What lies unread would turn the close into a reset that overtakes the answer. */
    while (recv(c->own, ignored, sizeof ignored, MSG_DONTWAIT) > 0)
        continue;
    (void)send(c->own, answer, sizeof answer - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void on_event(uv_poll_t *poll, int status, int events);

static void give_to_library(struct connection *c) {
    struct connections *all = c->all;
    int one = 1;
    loop_timer_stop(&c->greeting_timer);
    setsockopt(c->own, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof one);
    if (c->relay != NULL)
        uv_poll_stop(&c->poll); /* the relay tells when it is over */
    else
        AZ(uv_poll_start(&c->poll, UV_DISCONNECT, on_event));
    c->given = true;
    remember(c);
    grpc_server_add_channel_from_fd(all->core, c->fd, all->credentials);
}

static void on_rest_timer(struct loop_timer *timer) {
    struct connection *c = CONTAINER_OF(timer, struct connection, rest_timer);
    OBJ_CHECK(c, CONNECTION_MAGIC);
    AZ(uv_poll_start(&c->poll, UV_READABLE | UV_DISCONNECT, on_event));
}

static void read_greeting(struct connection *c) {
    char first[GREETING_BYTES];
    ssize_t n = recv(c->own, first, sizeof first, MSG_PEEK | MSG_DONTWAIT);
    bool right = n > 0 && memcmp(first, greeting, (size_t)n) == 0;
    if (n == GREETING_BYTES && right) {
        give_to_library(c);
        return;
    }
    /* A part of it. Sockets that know no low-water mark, such as Unix ones, stay readable all the
     * while, so they are not asked for some time. */
    if (right && n < GREETING_BYTES) {
        AZ(uv_poll_start(&c->poll, UV_DISCONNECT, on_event));
        loop_timer_start(c->all->loop, &c->rest_timer, REST_MS, on_rest_timer);
        return;
    }
    if (n > 0)
        answer_stranger(c, first, n);
    let_go(c);
}

static void on_event(uv_poll_t *poll, int status, int events) {
    struct connection *c = OBJ_CAST(poll->data, connection, CONNECTION_MAGIC);
    if (status < 0 || (events & UV_DISCONNECT) != 0)
        let_go(c);
    else if (!c->given)
        read_greeting(c);
}

static void on_greeting_timer(struct loop_timer *timer) {
    struct connection *c = CONTAINER_OF(timer, struct connection, greeting_timer);
    OBJ_CHECK(c, CONNECTION_MAGIC);
    c->all->counts.strangers++;
    let_go(c);
}

static bool too_many(struct connections *all, const struct peer *peer, struct list *bucket) {
    size_t same = 0;
    if (all->counts.open >= (size_t)all->options->max_connections)
        return true;
    if (!peer_is_remote(peer))
        return false;
    for (struct list *node = bucket->next; node != bucket; node = node->next)
        same += peer_is_same_host(peer, &CONTAINER_OF(node, struct connection, bucket)->peer);
    return same >= (size_t)all->options->max_connections_per_peer;
}

/* A TLS connection is over. */
static void on_relay_done(void *priv) {
    struct connection *c = OBJ_CAST(priv, connection, CONNECTION_MAGIC);
    if (!c->given)
        c->all->counts.strangers++;
    let_go(c);
}

/* What is read and written in plain text, and a second descriptor of it; false, with errno, and the
 * socket closed, if there are none left. */
static bool open_plain(struct connection *c, int socket) {
    SSL *ssl = c->all->tls == NULL ? NULL : tls_session(c->all->tls);
    c->fd = socket;
    if (ssl != NULL) {
        c->relay = tls_relay_new(c->all->loop, ssl, socket, &c->fd, on_relay_done, c);
        if (c->relay == NULL)
            SSL_free(ssl);
    }
    c->own = ssl != NULL && c->relay == NULL ? -1 : fcntl(c->fd, F_DUPFD_CLOEXEC, 0);
    if (c->own >= 0)
        return true;
    int why = errno;
    tls_relay_free(c->relay);
    close(c->fd);
    errno = why;
    return false;
}

/* HTTP/2's opening is waited for as a whole. A TLS record is not: of one that comes in pieces the
 * last may be shorter, and would never be seen. */
static void prepare_socket(int fd, bool tls) {
    int on = 1;
    int bytes = GREETING_BYTES;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (!tls)
        setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes);
}

bool connections_add(struct connections *all, int fd) {
    OBJ_CHECK(all, CONNECTIONS_MAGIC);
    struct peer peer;
    peer_of_socket(fd, &peer);
    struct list *bucket = &all->buckets[peer_hash(&peer) % BUCKETS];
    if (too_many(all, &peer, bucket)) {
        all->counts.refused++;
        close(fd);
        return true;
    }
    struct connection *c = calloc(1, sizeof *c);
    AN(c);
    c->magic = CONNECTION_MAGIC;
    c->all = all;
    c->peer = peer;
    prepare_socket(fd, all->tls != NULL);
    if (!open_plain(c, fd)) {
        free(c);
        return false;
    }
    c->id = ++all->last_id;
    list_append(&all->every, &c->node);
    list_append(bucket, &c->bucket);
    all->counts.open++;
    all->counts.accepted++;
    AZ(uv_poll_init(loop_uv(all->loop), &c->poll, c->own));
    c->poll.data = c;
    AZ(uv_poll_start(&c->poll, UV_READABLE | UV_DISCONNECT, on_event));
    loop_timer_start(all->loop, &c->greeting_timer, GREETING_MS, on_greeting_timer);
    if (!all->tick_timer.armed)
        loop_timer_start(all->loop, &all->tick_timer, TICK_MS, on_tick);
    return true;
}

/* ---- looking at bytes ---- */

/* With the lock held. */
static void look_at(struct connection *c) {
    uint64_t received;
    uint64_t before = c->stray;
    c->growth = 0;
    if (c->cut_off)
        return;
    if (c->relay != NULL)
        received = tls_relay_received(c->relay);
    else if (!peer_bytes_received(c->own, &received))
        return;
    if (received < c->explained)
        c->explained = received; /* estimates give no credit */
    c->stray = received - c->explained;
    c->growth = c->stray > before ? c->stray - before : 0;
    if (c->stray > c->all->options->max_stray_bytes)
        cut_off(c);
}

/* With the lock held. Those who are starved have sent little: nobody reads from them. */
static void blame(struct connections *all, int64_t cpu_us) {
    uint64_t body_bytes = (uint64_t)cpu_us * BODY_BYTES_PER_US;
    struct connection *most = NULL;
    for (struct list *node = all->every.next; node != &all->every; node = node->next) {
        struct connection *c = CONTAINER_OF(node, struct connection, node);
        if (c->given && c->growth >= BLAMED_BYTES && c->growth < body_bytes &&
            (most == NULL || c->growth > most->growth))
            most = c;
    }
    if (most != NULL)
        cut_off(most);
}

static void on_tick(struct loop_timer *timer) {
    struct connections *all = CONTAINER_OF(timer, struct connections, tick_timer);
    OBJ_CHECK(all, CONNECTIONS_MAGIC);
    if (list_empty(&all->every))
        return;
    int64_t starved = all->starved(all->priv);
    if (starved < all->blamed_us)
        all->blamed_us = 0;
    if (starved < all->looked_us)
        all->looked_us = 0;
    /* Once somebody is cut off, the thread gets as long again to be done with what it has read. */
    bool blaming = starved >= all->blamed_us + STARVED_US;
    if (blaming || ++all->ticks % LOOK_TICKS == 0) {
        pthread_mutex_lock(&all->lock);
        for (struct list *node = all->every.next; node != &all->every; node = node->next)
            look_at(CONTAINER_OF(node, struct connection, node));
        if (blaming) {
            blame(all, starved - all->looked_us);
            all->blamed_us = starved;
        }
        all->looked_us = starved;
        pthread_mutex_unlock(&all->lock);
    }
    loop_timer_start(all->loop, timer, TICK_MS, on_tick);
}

void connections_count(const struct connections *all, struct server_connections *ret) {
    OBJ_CHECK(all, CONNECTIONS_MAGIC);
    pthread_mutex_lock((pthread_mutex_t *)(uintptr_t)&all->lock);
    *ret = all->counts;
    pthread_mutex_unlock((pthread_mutex_t *)(uintptr_t)&all->lock);
}

/* ---- any thread ---- */

struct connection_key connections_find(struct connections *all, const char *peer, struct arena *a,
                                       struct str *ret_address) {
    struct connection_key key = {.fd = -1};
    int64_t fd;
    *ret_address = arena_str(a, str_c(peer));
    if (!str_starts(str_c(peer), STR("fd:")) || !str_to_int64(str_c(peer + 3), &fd) || fd < 0)
        return key;
    pthread_mutex_lock(&all->lock);
    struct connection *c = (size_t)fd < all->n_by_fd ? all->by_fd[fd] : NULL;
    if (c != NULL) {
        key = (struct connection_key){.fd = c->fd, .id = c->id};
        *ret_address = arena_str(a, str_c(c->peer.name));
    }
    pthread_mutex_unlock(&all->lock);
    return key;
}

void connections_explain(struct connections *all, struct connection_key key, size_t bytes) {
    pthread_mutex_lock(&all->lock);
    struct connection *c = look_up(all, key);
    if (c != NULL)
        c->explained += bytes;
    pthread_mutex_unlock(&all->lock);
}

void connections_refusal(struct connections *all, struct connection_key key, bool begins) {
    pthread_mutex_lock(&all->lock);
    struct connection *c = look_up(all, key);
    if (c != NULL && begins && ++c->refusals > (size_t)all->options->max_broken_off)
        cut_off(c);
    else if (c != NULL && !begins)
        c->refusals--;
    pthread_mutex_unlock(&all->lock);
}

void connections_broken_off(struct connections *all, struct connection_key key) {
    int64_t now = clock_mono_ms();
    pthread_mutex_lock(&all->lock);
    struct connection *c = look_up(all, key);
    if (c != NULL) {
        if (now - c->window_ms > WINDOW_MS) {
            c->window_ms = now;
            c->broken_off = 0;
        }
        if (++c->broken_off > (size_t)all->options->max_broken_off)
            cut_off(c);
    }
    pthread_mutex_unlock(&all->lock);
}
