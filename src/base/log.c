// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/obj.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 16384          /* a longer line is replaced by one that says so */
#define LINE_USUAL_BYTES 1024         /* on the stack */
#define GATHER_MS 2                   /* lines that come so soon after another go out with it */
#define QUEUE_BYTES ((size_t)1 << 20) /* what may wait for a stalled stdout */

struct log {
    struct str json; /* `,"key":value` for each field */
};

/* Two buffers: producers fill one while the writer drains the other. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    bool running;
    bool stopping;
    bool idle; /* the writer has written all it took */
    struct buf queue;
    int fd;
} writer = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .changed = PTHREAD_COND_INITIALIZER,
    .fd = STDOUT_FILENO,
};

static _Atomic int threshold = LOG_LEVEL_INFO;
static _Atomic uint64_t dropped;

bool log_enabled(enum log_level level) {
    return (int)level >= atomic_load_explicit(&threshold, memory_order_relaxed);
}

uint64_t log_dropped(void) {
    return atomic_load_explicit(&dropped, memory_order_relaxed);
}

bool log_level_parse(struct str name, enum log_level *ret) {
    static const struct {
        struct str name;
        enum log_level level;
    } levels[] = {
        {STR_INIT("debug"), LOG_LEVEL_DEBUG}, {STR_INIT("info"), LOG_LEVEL_INFO},
        {STR_INIT("warn"), LOG_LEVEL_WARN},   {STR_INIT("warning"), LOG_LEVEL_WARN},
        {STR_INIT("error"), LOG_LEVEL_ERROR}, {STR_INIT("off"), LOG_LEVEL_OFF},
    };
    for (size_t i = 0; i < ARRAY_LEN(levels); i++)
        if (str_eq_nocase(levels[i].name, name)) {
            *ret = levels[i].level;
            return true;
        }
    return false;
}

/* ---- the line ---- */

static void put_key(struct buf *b, const char *key) {
    buf_putc(b, ',');
    buf_putjson(b, str_c(key));
    buf_putc(b, ':');
}

static void put_field(struct buf *b, const char *key, struct str value) {
    if (value.p == NULL)
        return;
    put_key(b, key);
    buf_putjson(b, value);
}

static void put_err(struct buf *b, const struct err *err) {
    put_field(b, "error", err->msg);
    put_field(b, "errorDetail", err->detail);
    put_field(b, "errorType", err->type);
    put_field(b, "requestID", err->request_id);
    put_field(b, "grpc.code", str_c(rpc_code_name(err->code)));
    if (err->http_status != 0) {
        buf_puts(b, ",\"httpStatus\":");
        buf_putint(b, err->http_status);
    }
}

static void put_fields(struct buf *b, const struct log_field *f) {
    for (; f->key != NULL; f++) {
        switch (f->kind) {
        case LOG_KIND_STR:
            put_field(b, f->key, f->s);
            break;
        case LOG_KIND_INT:
            put_key(b, f->key);
            buf_putint(b, f->i);
            break;
        case LOG_KIND_RAW:
            if (str_empty(f->s))
                break;
            put_key(b, f->key);
            buf_putstr(b, f->s);
            break;
        case LOG_KIND_ERR:
            put_err(b, f->err);
            break;
        }
    }
}

/* "2026-01-31T12:00:00" of a second; each thread keeps the last one, as lines come in bursts. */
static const char *stamp_of(time_t seconds) {
    static _Thread_local time_t kept = -1;
    static _Thread_local char stamp[32];
    struct tm tm;
    if (seconds != kept) {
        gmtime_r(&seconds, &tm);
        strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &tm);
        kept = seconds;
    }
    return stamp;
}

static void put_head(struct buf *b, enum log_level level, const char *msg) {
    static const char *const names[] = {"DEBUG", "INFO", "WARN", "ERROR", "OFF"};
    int64_t us = clock_real_us();
    int fraction = (int)(us % 1000000);
    char digits[8] = ".000000";
    for (size_t i = 6; i > 0; i--, fraction /= 10)
        digits[i] = (char)('0' + fraction % 10);
    buf_puts(b, "{\"time\":\"");
    buf_puts(b, stamp_of((time_t)(us / 1000000)));
    buf_put(b, digits, 7);
    buf_puts(b, "Z\",\"level\":\"");
    buf_puts(b, names[level]);
    buf_puts(b, "\",\"msg\":");
    buf_putjson(b, str_c(msg));
}

/* ---- the writer ---- */

static uint64_t count_lines(const char *p, size_t n) {
    uint64_t lines = 0;
    for (size_t i = 0; i < n; i++)
        lines += p[i] == '\n';
    return lines;
}

/* Waits for a slow reader; lines that the descriptor refuses are counted as dropped. */
static void write_all(int fd, const char *p, size_t n) {
    while (n > 0) {
        ssize_t done = write(fd, p, n);
        if (done >= 0) {
            p += done;
            n -= (size_t)done;
        } else if (errno == EAGAIN) { /* a program that shares stdout may set it so */
            struct pollfd ready = {.fd = fd, .events = POLLOUT};
            (void)poll(&ready, 1, -1);
        } else if (errno != EINTR) {
            atomic_fetch_add(&dropped, count_lines(p, n));
            return;
        }
    }
}

/* For pthread_cond_clockwait; the other clock may be set back meanwhile, and the wait be as long.
 */
static struct timespec after_ms(long ms) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += ms % 1000 * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

/* With the lock held, for lines to write; false at the end. Waking up for each line would cost more
 * than writing it. */
static bool wait_for_lines(void) {
    while (writer.queue.n == 0 && !writer.stopping)
        pthread_cond_wait(&writer.changed, &writer.lock);
    if (!writer.stopping) {
        const struct timespec until = after_ms(GATHER_MS);
        while (!writer.stopping && writer.queue.n < QUEUE_BYTES / 2 &&
               pthread_cond_clockwait(&writer.changed, &writer.lock, CLOCK_MONOTONIC, &until) == 0)
            continue;
    }
    return writer.queue.n > 0;
}

static void *writer_main(void *arg) {
    struct buf taken;
    (void)arg;
    prctl(PR_SET_NAME, "log");
    buf_init(&taken, QUEUE_BYTES);
    pthread_mutex_lock(&writer.lock);
    while (wait_for_lines()) {
        struct buf swap = taken;
        taken = writer.queue;
        writer.queue = swap;
        writer.idle = false;
        pthread_mutex_unlock(&writer.lock);
        write_all(writer.fd, taken.p, taken.n);
        buf_reset(&taken);
        pthread_mutex_lock(&writer.lock);
        writer.idle = true;
        pthread_cond_broadcast(&writer.changed);
    }
    pthread_mutex_unlock(&writer.lock);
    buf_free(&taken);
    return NULL;
}

void log_start(enum log_level level, int fd) {
    atomic_store(&threshold, (int)level);
    pthread_mutex_lock(&writer.lock);
    AZ(writer.running);
    buf_init(&writer.queue, QUEUE_BYTES);
    writer.fd = fd;
    writer.stopping = false;
    writer.idle = true;
    writer.running = true;
    pthread_mutex_unlock(&writer.lock);
    AZ(pthread_create(&writer.thread, NULL, writer_main, NULL));
}

void log_stop(int timeout_ms) {
    bool drained;
    pthread_mutex_lock(&writer.lock);
    if (!writer.running) {
        pthread_mutex_unlock(&writer.lock);
        return;
    }
    const struct timespec until = after_ms(timeout_ms);
    writer.stopping = true;
    pthread_cond_broadcast(&writer.changed);
    while (writer.queue.n > 0 || !writer.idle)
        if (pthread_cond_clockwait(&writer.changed, &writer.lock, CLOCK_MONOTONIC, &until) != 0)
            break;
    drained = writer.queue.n == 0 && writer.idle;
    writer.running = false;
    pthread_mutex_unlock(&writer.lock);
    if (drained) {
        pthread_join(writer.thread, NULL);
        buf_free(&writer.queue);
    } else {
        /* stdout is stuck inside write(2); the process is about to end and takes the thread along.
         */
        pthread_detach(writer.thread);
    }
}

static void submit(const struct buf *line) {
    pthread_mutex_lock(&writer.lock);
    if (!writer.running) {
        pthread_mutex_unlock(&writer.lock);
        write_all(writer.fd, line->p, line->n);
        return;
    }
    if (writer.queue.max - writer.queue.n < line->n) {
        atomic_fetch_add(&dropped, 1);
    } else {
        size_t before = writer.queue.n;
        buf_put(&writer.queue, line->p, line->n);
        /* The first line wakes the writer, and the one with which it should not wait any more. */
        if (before == 0 || (before < QUEUE_BYTES / 2 && writer.queue.n >= QUEUE_BYTES / 2))
            pthread_cond_broadcast(&writer.changed);
    }
    pthread_mutex_unlock(&writer.lock);
}

void log_write(const struct log *log, enum log_level level, const char *msg,
               const struct log_field *fields) {
    char usual[LINE_USUAL_BYTES];
    struct buf line;
    if (!log_enabled(level))
        return;
    buf_init_in(&line, usual, sizeof usual, LINE_MAX_BYTES);
    put_head(&line, level, msg);
    if (log != NULL)
        buf_putstr(&line, log->json);
    put_fields(&line, fields);
    buf_puts(&line, "}\n");
    if (line.failed) {
        buf_reset(&line);
        put_head(&line, level, strlen(msg) < 1000 ? msg : "a message that is too long");
        buf_puts(&line, ",\"truncated\":true}\n");
    }
    submit(&line);
    buf_free(&line);
}

struct log *log_with(struct arena *a, const struct log *parent, const struct log_field *fields) {
    struct log *log = ARENA_NEW(a, struct log);
    char usual[LINE_USUAL_BYTES];
    struct buf b;
    buf_init_in(&b, usual, sizeof usual, LINE_MAX_BYTES / 2);
    if (parent != NULL)
        buf_putstr(&b, parent->json);
    put_fields(&b, fields);
    /* Too many fields to carry along: keep the parent's rather than half a field. */
    log->json = b.failed ? (parent != NULL ? parent->json : STR_NULL) : arena_str(a, buf_str(&b));
    buf_free(&b);
    return log;
}
