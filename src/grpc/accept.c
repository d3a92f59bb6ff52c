// SPDX-License-Identifier: Apache-2.0
#include "grpc/accept.h"

#include "base/log.h"
#include "base/obj.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define AT_A_TIME 64 /* then other events of the loop have their turn */
#define FIRST_WAIT_MS 20
#define LONGEST_WAIT_MS 1000

struct acceptor {
    unsigned magic;
#define ACCEPTOR_MAGIC 0x3ac20b7dU
    struct loop *loop;
    struct connections *connections;
    char *unix_path;
    int fd;
    uv_poll_t poll;
    struct loop_timer timer;
    int64_t wait_ms;
    uint64_t stalls;
};

static void on_readable(uv_poll_t *poll, int status, int events);

static void on_waited(struct loop_timer *timer) {
    struct acceptor *acceptor = CONTAINER_OF(timer, struct acceptor, timer);
    OBJ_CHECK(acceptor, ACCEPTOR_MAGIC);
    AZ(uv_poll_start(&acceptor->poll, UV_READABLE, on_readable));
}

static void wait_a_little(struct acceptor *acceptor, int why) {
    LOG_DEBUG(NULL, "cannot take connections", LOG_CSTR("error", strerror(why)),
              LOG_INT("waitMs", acceptor->wait_ms));
    acceptor->stalls++;
    uv_poll_stop(&acceptor->poll);
    loop_timer_start(acceptor->loop, &acceptor->timer, acceptor->wait_ms, on_waited);
    acceptor->wait_ms =
        2 * acceptor->wait_ms < LONGEST_WAIT_MS ? 2 * acceptor->wait_ms : LONGEST_WAIT_MS;
}

/* What the peer did wrong, or nothing at all. */
static bool is_harmless(int why) {
    return why == ECONNABORTED || why == EINTR || why == EPROTO || why == EPERM;
}

/* False if there is nothing to take, or a wait has begun. */
static bool take_one(struct acceptor *acceptor) {
    int fd = accept4(acceptor->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && is_harmless(errno))
        return true;
    if (fd < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return false;
    if (fd < 0 || !connections_add(acceptor->connections, fd)) {
        wait_a_little(acceptor, errno);
        return false;
    }
    acceptor->wait_ms = FIRST_WAIT_MS;
    return true;
}

static void on_readable(uv_poll_t *poll, int status, int events) {
    struct acceptor *acceptor = OBJ_CAST(poll->data, acceptor, ACCEPTOR_MAGIC);
    (void)events;
    if (status < 0) {
        wait_a_little(acceptor, -status);
        return;
    }
    for (int i = 0; i < AT_A_TIME && take_one(acceptor); i++)
        continue;
}

struct acceptor *acceptor_new(struct loop *loop, int fd, const char *unix_path,
                              struct connections *connections) {
    struct acceptor *acceptor = calloc(1, sizeof *acceptor);
    AN(acceptor);
    acceptor->magic = ACCEPTOR_MAGIC;
    acceptor->loop = loop;
    acceptor->connections = connections;
    acceptor->unix_path = unix_path == NULL ? NULL : strdup(unix_path);
    acceptor->fd = fd;
    acceptor->wait_ms = FIRST_WAIT_MS;
    AZ(uv_poll_init(loop_uv(loop), &acceptor->poll, fd));
    acceptor->poll.data = acceptor;
    AZ(uv_poll_start(&acceptor->poll, UV_READABLE, on_readable));
    return acceptor;
}

static void on_closed(uv_handle_t *handle) {
    struct acceptor *acceptor = OBJ_CAST(handle->data, acceptor, ACCEPTOR_MAGIC);
    free(acceptor->unix_path);
    acceptor->magic = 0;
    free(acceptor);
}

void acceptor_free(struct acceptor *acceptor) {
    if (acceptor == NULL)
        return;
    OBJ_CHECK(acceptor, ACCEPTOR_MAGIC);
    loop_timer_stop(&acceptor->timer);
    uv_close((uv_handle_t *)&acceptor->poll, on_closed);
    close(acceptor->fd);
    if (acceptor->unix_path != NULL)
        unlink(acceptor->unix_path);
}

uint64_t acceptor_stalls(const struct acceptor *acceptor) {
    OBJ_CHECK(acceptor, ACCEPTOR_MAGIC);
    return acceptor->stalls;
}
