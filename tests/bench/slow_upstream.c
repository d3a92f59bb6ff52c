// SPDX-License-Identifier: Apache-2.0
/*
 * An HTTP/1.1 server that says the same to every POST, after a while, and holds as many of them
 * as there are descriptors.
 *
 *     slow_upstream DELAY_MS TYPE ANSWER_FILE [TEXT REFUSAL_FILE]
 *
 * With TEXT, requests whose body does not hold it are answered 400 with the second file instead.
 * GET (any path) is answered at once: "REQUESTS PEAK", how many came and how many were held at
 * most. Prints "listening on PORT" and serves until it is killed. One thread, epoll. The delay is
 * the same for all, so those who wait stand in a queue and nothing is ever sorted.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_FDS 65536
#define MAX_EVENTS 1024
#define MAX_REQUEST ((size_t)1 << 20)
#define MAX_ANSWER ((size_t)1 << 20)

struct answer {
    char *bytes;
    size_t n;
};

struct connection {
    unsigned generation; /* counts who had this descriptor */
    char *in;
    size_t n_in;
    size_t room;
    const struct answer *out; /* being sent */
    size_t sent;
    bool full; /* the socket; epoll tells when there is room */
};

/* Who waits for an answer; a ring. */
struct waiting {
    int fd;
    unsigned generation;
    const struct answer *out;
    long long due_us;
};

static struct connection connections[MAX_FDS];
static struct waiting ring[MAX_FDS];
static unsigned first;
static unsigned n_waiting;
static unsigned peak;
static unsigned long requests;
static int poller;
static long long delay_us;
static struct answer good;
static struct answer refusal;
static const char *text; /* NULL: all are good */

static void die(const char *why) {
    fprintf(stderr, "slow_upstream: %s\n", why);
    exit(1);
}

static long long now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static struct answer read_answer(const char *status, const char *type, const char *name) {
    FILE *file = fopen(name, "rb");
    char *body = malloc(MAX_ANSWER);
    char *made = malloc(MAX_ANSWER + 1024);
    if (file == NULL || body == NULL || made == NULL)
        die("cannot read an answer");
    size_t n = fread(body, 1, MAX_ANSWER, file);
    fclose(file);
    int head = snprintf(made, 1024,
                        "HTTP/1.1 %s\r\nContent-Type: %s\r\nsmithy-protocol: rpc-v2-cbor\r\n"
                        "x-amzn-RequestId: 5c5b0a3e-3f0f-4b39-8e0a-2d1f9b8b6a11\r\n"
                        "Content-Length: %zu\r\n\r\n",
                        status, type, n);
    memcpy(made + head, body, n);
    free(body);
    return (struct answer){.bytes = made, .n = (size_t)head + n};
}

static void hang_up(int fd) {
    struct connection *c = &connections[fd];
    free(c->in);
    *c = (struct connection){.generation = c->generation + 1};
    close(fd);
}

static void watch(int fd, int how, unsigned events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    if (epoll_ctl(poller, how, fd, &event) != 0)
        die("epoll_ctl");
}

static void go_on_sending(int fd) {
    struct connection *c = &connections[fd];
    while (c->out != NULL) {
        ssize_t n = write(fd, c->out->bytes + c->sent, c->out->n - c->sent);
        if (n < 0 && errno == EAGAIN) {
            if (!c->full)
                watch(fd, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
            c->full = true;
            return;
        }
        if (n < 0) {
            hang_up(fd);
            return;
        }
        c->sent += (size_t)n;
        if (c->sent == c->out->n)
            c->out = NULL;
    }
    if (c->full)
        watch(fd, EPOLL_CTL_MOD, EPOLLIN);
    c->full = false;
}

static void send_answer(int fd, const struct answer *out) {
    connections[fd].out = out;
    connections[fd].sent = 0;
    go_on_sending(fd);
}

static void tell_count(int fd) {
    char body[64];
    char head[256];
    int n = snprintf(body, sizeof body, "%lu %u\n", requests, peak);
    int all = snprintf(head, sizeof head,
                       "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", n,
                       body);
    if (write(fd, head, (size_t)all) != all)
        die("cannot answer");
}

static void on_request(int fd, const char *body, size_t n) {
    bool welcome = text == NULL || memmem(body, n, text, strlen(text)) != NULL;
    const struct answer *out = welcome ? &good : &refusal;
    requests++;
    if (n_waiting == MAX_FDS)
        die("too many requests");
    ring[(first + n_waiting++) % MAX_FDS] = (struct waiting){
        .fd = fd,
        .generation = connections[fd].generation,
        .out = out,
        .due_us = now_us() + delay_us,
    };
    if (n_waiting > peak)
        peak = n_waiting;
}

static void answer_who_is_due(void) {
    long long now = now_us();
    while (n_waiting > 0 && ring[first].due_us <= now) {
        struct waiting w = ring[first];
        first = (first + 1) % MAX_FDS;
        n_waiting--;
        if (connections[w.fd].generation == w.generation)
            send_answer(w.fd, w.out);
    }
}

/* Takes a whole request out of what has come; false if it is not all there. */
static bool take_request(int fd) {
    struct connection *c = &connections[fd];
    c->in[c->n_in] = '\0';
    char *end = strstr(c->in, "\r\n\r\n");
    if (end == NULL)
        return false;
    if (strncmp(c->in, "GET ", 4) == 0) {
        tell_count(fd);
        c->n_in = 0;
        return true;
    }
    const char *length = strcasestr(c->in, "\r\ncontent-length:");
    size_t body = length == NULL || length > end ? 0 : (size_t)atol(length + 17);
    size_t whole = (size_t)(end + 4 - c->in) + body;
    if (whole > MAX_REQUEST)
        die("a request is too large");
    if (c->n_in < whole)
        return false;
    on_request(fd, end + 4, body);
    c->n_in -= whole;
    memmove(c->in, c->in + whole, c->n_in);
    return true;
}

static void on_readable(int fd) {
    struct connection *c = &connections[fd];
    for (;;) {
        if (c->room - c->n_in < 4096) {
            c->room = c->room == 0 ? 8192 : c->room * 2;
            c->in = realloc(c->in, c->room + 1);
            if (c->in == NULL || c->room > 4 * MAX_REQUEST)
                die("out of memory");
        }
        ssize_t n = read(fd, c->in + c->n_in, c->room - c->n_in);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            hang_up(fd);
            return;
        }
        c->n_in += (size_t)n;
        while (c->n_in > 0 && take_request(fd))
            ;
    }
}

static void accept_all(int listener) {
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (fd >= MAX_FDS)
            die("too many descriptors");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        watch(fd, EPOLL_CTL_ADD, EPOLLIN);
    }
}

static int listen_anywhere(void) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 20000) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        die("cannot listen");
    printf("listening on %d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static int patience_ms(void) {
    if (n_waiting == 0)
        return -1;
    long long us = ring[first].due_us - now_us();
    return us <= 0 ? 0 : (int)((us + 999) / 1000);
}

int main(int argc, char **argv) {
    if (argc != 4 && argc != 6)
        die("usage: slow_upstream DELAY_MS TYPE ANSWER_FILE [TEXT REFUSAL_FILE]");
    struct epoll_event events[MAX_EVENTS];
    delay_us = atoll(argv[1]) * 1000;
    good = read_answer("200 OK", argv[2], argv[3]);
    if (argc == 6) {
        text = argv[4];
        refusal = read_answer("400 Bad Request", argv[2], argv[5]);
    }
    poller = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_anywhere();
    watch(listener, EPOLL_CTL_ADD, EPOLLIN);
    for (;;) {
        int n = epoll_wait(poller, events, MAX_EVENTS, patience_ms());
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == listener)
                accept_all(listener);
            else if (events[i].events & EPOLLOUT)
                go_on_sending(fd);
            else
                on_readable(fd);
        }
        answer_who_is_due();
    }
}
