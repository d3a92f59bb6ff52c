// SPDX-License-Identifier: Apache-2.0
/*
 * The least that an HTTP POST with libcurl costs: one multi handle, connections kept alive, the
 * same bytes again and again. Nothing is signed, encoded, decoded or checked but the status.
 *
 *     floor_curl URL HEADERS_FILE BODY_FILE IN_FLIGHT CALLS
 *
 * HEADERS_FILE holds one header a line, as curl takes them. For https, CA_FILE in the environment
 * names the authorities to trust. Prints "CALLS calls, X us of CPU each,
 * Y calls/s" of the last CALLS; a tenth as many go before, uncounted. As fast as we know how: easy
 * handles are set up once and put back as they are, sockets are waited for with epoll and stay
 * registered while they idle, no timeouts, no signals.
 */
#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>

#define MAX_FDS 65536
#define MAX_EVENTS 1024

static CURLM *multi;
static int poller;
static uint32_t wanted[MAX_FDS];  /* by curl */
static uint32_t watched[MAX_FDS]; /* by epoll */
static bool due;                  /* curl wants to be called at once */
static long in_flight;
static long to_start;
static long done;

static void die(const char *why) {
    fprintf(stderr, "floor_curl: %s\n", why);
    exit(1);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *priv, void *socket_priv) {
    (void)easy, (void)priv, (void)socket_priv;
    if (fd >= MAX_FDS)
        die("too many descriptors");
    wanted[fd] = (what == CURL_POLL_IN || what == CURL_POLL_INOUT ? EPOLLIN : 0U) |
                 (what == CURL_POLL_OUT || what == CURL_POLL_INOUT ? EPOLLOUT : 0U);
    if (wanted[fd] == 0 || wanted[fd] == watched[fd])
        return 0;
    struct epoll_event event = {.events = wanted[fd], .data.fd = fd};
    if (epoll_ctl(poller, EPOLL_CTL_MOD, fd, &event) != 0 &&
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) != 0)
        die("epoll_ctl");
    watched[fd] = wanted[fd];
    return 0;
}

static int on_timer(CURLM *handle, long ms, void *priv) {
    (void)handle, (void)priv;
    due = ms == 0;
    return 0;
}

static size_t on_body(char *p, size_t size, size_t n, void *priv) {
    (void)p, (void)priv;
    return size * n;
}

static void start(CURL *easy) {
    if (to_start == 0)
        return;
    to_start--;
    in_flight++;
    if (curl_multi_add_handle(multi, easy) != CURLM_OK)
        die("cannot start");
}

static void take_results(void) {
    CURLMsg *msg;
    int left;
    while ((msg = curl_multi_info_read(multi, &left)) != NULL) {
        CURL *easy = msg->easy_handle;
        long status = 0;
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        if (msg->data.result != CURLE_OK || status != 200)
            die("a call failed");
        curl_multi_remove_handle(multi, easy);
        in_flight--;
        done++;
        start(easy);
    }
}

static void act(curl_socket_t fd, int flags) {
    int running;
    curl_multi_socket_action(multi, fd, flags, &running);
}

static void run(CURL **easies, long n, long calls) {
    struct epoll_event events[MAX_EVENTS];
    to_start = calls;
    for (long i = 0; i < n; i++)
        start(easies[i]);
    while (in_flight > 0) {
        int ready = epoll_wait(poller, events, MAX_EVENTS, due ? 0 : 1000);
        for (int i = 0; i < ready; i++) {
            if (wanted[events[i].data.fd] == 0)
                continue;
            int flags = events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR) ? CURL_CSELECT_IN : 0;
            act(events[i].data.fd, flags | (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0));
        }
        take_results();
        if (due || ready == 0) {
            due = false;
            act(CURL_SOCKET_TIMEOUT, 0);
            take_results();
        }
    }
}

static char *read_file(const char *name) {
    static char files[2][1 << 20];
    static int used;
    FILE *file = fopen(name, "rb");
    if (file == NULL || used == 2)
        die("cannot read a file");
    files[used][fread(files[used], 1, sizeof files[used] - 1, file)] = '\0';
    fclose(file);
    return files[used++];
}

static CURL *new_easy(const char *url, struct curl_slist *headers, const char *body) {
    CURL *easy = curl_easy_init();
    if (easy == NULL)
        die("out of memory");
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    if (getenv("CA_FILE") != NULL)
        curl_easy_setopt(easy, CURLOPT_CAINFO, getenv("CA_FILE"));
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    return easy;
}

static double cpu_us(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
    if (argc != 6)
        die("usage: floor_curl URL HEADERS_FILE BODY_FILE IN_FLIGHT CALLS");
    long n = atol(argv[4]);
    long calls = atol(argv[5]);
    struct curl_slist *headers = NULL;
    char *rest = read_file(argv[2]);
    const char *body = read_file(argv[3]);
    for (char *line; (line = strsep(&rest, "\n")) != NULL;)
        if (*line != '\0')
            headers = curl_slist_append(headers, line);
    if (n < 1 || n > 20000 || calls < 1)
        die("IN_FLIGHT must be 1 to 20000, CALLS at least 1");
    curl_global_init(CURL_GLOBAL_DEFAULT);
    multi = curl_multi_init();
    poller = epoll_create1(EPOLL_CLOEXEC);
    curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, n + 16);
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
    CURL **easies = calloc((size_t)n, sizeof(CURL *));
    if (easies == NULL)
        die("out of memory");
    for (long i = 0; i < n; i++)
        easies[i] = new_easy(argv[1], headers, body);
    run(easies, n, n + calls / 10);
    double before = cpu_us();
    double began = now_s();
    run(easies, n, calls);
    printf("%ld calls, %.2f us of CPU each, %.0f calls/s\n", calls,
           (cpu_us() - before) / (double)calls, (double)calls / (now_s() - began));
    for (long i = 0; i < n; i++)
        curl_easy_cleanup(easies[i]);
    curl_multi_cleanup(multi);
    curl_slist_free_all(headers);
    free(easies);
    return 0;
}
