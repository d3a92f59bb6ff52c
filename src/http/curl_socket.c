// SPDX-License-Identifier: Apache-2.0
/*
 * curl tells which sockets it wants to hear of, and when to be called; libuv does the waiting.
 *
 * A watch lives as long as its descriptor and is kept when curl puts the connection into its pool:
 * the next transfer on it then costs no change to the poll set. Only if an idle connection becomes
 * readable (the server closed it) is it taken out. Where curl closes without telling, the watch
 * goes as soon as curl does not want it any more.
 */
#include "http/curl_internal.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct socket_watch {
    uv_poll_t poll;
    struct curl_client *client;
    struct curl_shard *shard; /* NULL before curl has asked to hear of it */
    curl_socket_t fd;
    bool ours;   /* made by on_open, and counted */
    bool made;   /* curl has read from it, or tried to: the TCP connection stands */
    ino_t inode; /* of the socket, if it is ours */
    int wanted;  /* UV_READABLE | UV_WRITABLE that curl asks for; 0 in the pool */
    int watched; /* what libuv waits for */
};

static void on_socket(uv_poll_t *poll, int status, int events);

static void watch(struct socket_watch *w, int events) {
    if (w->watched == events)
        return;
    w->watched = events;
    if (events == 0)
        uv_poll_stop(&w->poll);
    else
        AZ(uv_poll_start(&w->poll, events, on_socket));
}

static void on_socket(uv_poll_t *poll, int status, int events) {
    struct socket_watch *w = poll->data;
    int flags = 0;
    int running;
    if (w->wanted == 0) {
        watch(w, 0);
        return;
    }
    if (status < 0) {
        /* libuv has stopped watching. Told of an error, curl would give up; let it find the error
         * by reading, and it knows a pooled connection that the server has closed. */
        w->watched = 0;
        flags = CURL_CSELECT_IN | CURL_CSELECT_OUT;
    }
    if (events & UV_READABLE)
        flags |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        flags |= CURL_CSELECT_OUT;
    struct curl_shard *shard = w->shard; /* the watch may go in there */
    curl_multi_socket_action(shard->multi, w->fd, flags, &running);
    curl_finish_transfers(shard);
    loop_run_deferred(shard->client->loop);
}

static void free_watch(uv_handle_t *handle) {
    free(handle->data);
}

/* The descriptor is about to be closed, or the client ends. */
static void drop_watch(struct curl_client *client, curl_socket_t fd) {
    if ((size_t)fd >= client->n_sockets || client->sockets[fd] == NULL)
        return;
    struct socket_watch *w = client->sockets[fd];
    client->sockets[fd] = NULL;
    if (w->ours) {
        client->stats.open--;
        w->shard->open--;
    }
    uv_poll_stop(&w->poll);
    uv_close((uv_handle_t *)&w->poll, free_watch);
}

static struct socket_watch *find_watch(struct curl_client *client, curl_socket_t fd) {
    if ((size_t)fd >= client->n_sockets) {
        size_t n = client->n_sockets == 0 ? 64 : client->n_sockets;
        while (n <= (size_t)fd)
            n *= 2;
        client->sockets = realloc(client->sockets, n * sizeof(struct socket_watch *));
        AN(client->sockets);
        for (size_t i = client->n_sockets; i < n; i++)
            client->sockets[i] = NULL;
        client->n_sockets = n;
    }
    struct socket_watch *w = client->sockets[fd];
    if (w == NULL) {
        w = calloc(1, sizeof *w);
        AN(w);
        w->client = client;
        w->fd = fd;
        AZ(uv_poll_init_socket(loop_uv(client->loop), &w->poll, fd));
        w->poll.data = w;
        client->sockets[fd] = w;
    }
    return w;
}

static ino_t inode_of(int fd) {
    struct stat file;
    return fstat(fd, &file) == 0 ? file.st_ino : 0;
}

/*
 * Whether curl will tell, through on_close, when it closes this one. Of descriptors of its own,
 * such as its resolver's, it does not; nor of attempts that it gives up, be it because another
 * address was faster or because the transfer ends before TLS stands.
 */
static bool will_tell(const struct socket_watch *w, CURL *easy) {
    curl_off_t connected_us = 0;
    curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &connected_us);
    /* An answer that comes at once is read without a wait; the socket is open then, while that of
     * an attempt that was slower is not. */
    return w->ours && connected_us > 0 && (w->made || inode_of(w->fd) == w->inode);
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *priv, void *socket_priv) {
    struct curl_shard *shard = priv;
    struct curl_client *client = shard->client;
    (void)socket_priv;
    if (what == CURL_POLL_REMOVE) {
        if ((size_t)fd < client->n_sockets && client->sockets[fd] != NULL) {
            client->sockets[fd]->wanted = 0;
            if (!will_tell(client->sockets[fd], easy))
                drop_watch(client, fd);
        }
        return 0;
    }
    struct socket_watch *w = find_watch(client, fd);
    w->shard = shard;
    w->wanted = 0;
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
        w->wanted |= UV_READABLE;
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
        w->wanted |= UV_WRITABLE;
    if (w->wanted & UV_READABLE)
        w->made = true;
    watch(w, w->wanted);
    return 0;
}

static curl_socket_t on_open(void *priv, curlsocktype purpose, struct curl_sockaddr *address) {
    struct curl_shard *shard = ((const struct curl_easy_slot *)priv)->shard;
    struct curl_client *client = shard->client;
    (void)purpose;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd < 0)
        return CURL_SOCKET_BAD;
    drop_watch(client, fd); /* the number's last owner, if it went without a word */
    struct socket_watch *w = find_watch(client, fd);
    w->ours = true;
    w->inode = inode_of(fd);
    w->shard = shard;
    shard->open++;
    client->stats.connections++;
    client->stats.open++;
    return fd;
}

static int on_close(void *priv, curl_socket_t fd) {
    struct curl_client *client = priv;
    drop_watch(client, fd);
    return close(fd);
}

static void on_timer(struct loop_timer *timer) {
    struct curl_shard *shard = CONTAINER_OF(timer, struct curl_shard, timer);
    int running;
    curl_multi_socket_action(shard->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    curl_finish_transfers(shard);
}

static int on_curl_timer(CURLM *multi, long ms, void *priv) {
    struct curl_shard *shard = priv;
    (void)multi;
    if (ms < 0)
        loop_timer_stop(&shard->timer);
    else
        loop_timer_start(shard->client->loop, &shard->timer, ms, on_timer);
    return 0;
}

void curl_socket_setup(struct curl_shard *shard) {
    curl_multi_setopt(shard->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
    curl_multi_setopt(shard->multi, CURLMOPT_SOCKETDATA, shard);
    curl_multi_setopt(shard->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
    curl_multi_setopt(shard->multi, CURLMOPT_TIMERDATA, shard);
}

void curl_socket_setup_easy(struct curl_client *client, struct curl_easy_slot *slot) {
    curl_easy_setopt(slot->easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(slot->easy, CURLOPT_OPENSOCKETDATA, slot);
    curl_easy_setopt(slot->easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
    curl_easy_setopt(slot->easy, CURLOPT_CLOSESOCKETDATA, client);
}

void curl_socket_forget(struct curl_shard *shard) {
    struct curl_client *client = shard->client;
    for (size_t fd = 0; fd < client->n_sockets; fd++)
        if (client->sockets[fd] != NULL && client->sockets[fd]->shard == shard)
            drop_watch(client, (curl_socket_t)fd);
}

void curl_socket_teardown(struct curl_client *client) {
    for (size_t fd = 0; fd < client->n_sockets; fd++)
        drop_watch(client, (curl_socket_t)fd);
    free(client->sockets);
    client->sockets = NULL;
    client->n_sockets = 0;
}
