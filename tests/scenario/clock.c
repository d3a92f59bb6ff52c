// SPDX-License-Identifier: Apache-2.0
/*
 * A wall clock that can be set while a program runs, for LD_PRELOAD: the real one plus the
 * nanoseconds (int64) that the file holds which CLOCK_FILE names. Clocks that never jump are left
 * alone. What waits for a time of day is woken as by the kernel, which looks again when the clock
 * is set.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)
#define LOOK_NS INT64_C(20000000) /* how long a set clock may stay unnoticed */

static const volatile int64_t none;
static const volatile int64_t *offset = &none;

__attribute__((constructor)) static void open_file(void) {
    const char *path = getenv("CLOCK_FILE");
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *map = fd >= 0 ? mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (map == MAP_FAILED)
        abort();
    offset = map;
    close(fd);
}

static int64_t ns_of(const struct timespec *t) {
    return (int64_t)t->tv_sec * SECOND + t->tv_nsec;
}

static struct timespec time_of(int64_t ns) {
    return (struct timespec){.tv_sec = ns / SECOND, .tv_nsec = ns % SECOND};
}

static int kernel_time(clockid_t id, struct timespec *ret) {
    static int (*next)(clockid_t, struct timespec *);
    if (next == NULL)
        next = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    return next(id, ret);
}

int clock_gettime(clockid_t id, struct timespec *ret) {
    int status = kernel_time(id, ret);
    if (status == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        *ret = time_of(ns_of(ret) + *offset);
    return status;
}

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return ns_of(&now);
}

int gettimeofday(struct timeval *ret, void *zone) {
    int64_t us = now_ns() / 1000;
    (void)zone;
    *ret = (struct timeval){.tv_sec = us / 1000000, .tv_usec = us % 1000000};
    return 0;
}

time_t time(time_t *ret) {
    time_t now = now_ns() / SECOND;
    if (ret != NULL)
        *ret = now;
    return now;
}

int timespec_get(struct timespec *ret, int base) {
    if (base == TIME_UTC)
        *ret = time_of(now_ns());
    return base;
}

/* Waits until a time of day in small pieces, and looks at the clock in between. */
static long futex_wait_until(long (*next)(long, ...), const long a[6]) {
    const struct timespec *until = (const struct timespec *)a[3];
    for (;;) {
        int64_t left = ns_of(until) - now_ns();
        struct timespec end;
        kernel_time(CLOCK_REALTIME, &end);
        end = time_of(ns_of(&end) + (left < LOOK_NS ? left : LOOK_NS));
        if (left <= 0) {
            errno = ETIMEDOUT;
            return -1;
        }
        long status = next(SYS_futex, a[0], a[1], a[2], &end, a[4], a[5]);
        if (status != -1 || errno != ETIMEDOUT)
            return status;
    }
}

long syscall(long number, ...) {
    static long (*next)(long, ...);
    long a[6];
    va_list list;
    if (next == NULL)
        next = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_futex && (a[1] & FUTEX_CLOCK_REALTIME) != 0 && a[3] != 0)
        return futex_wait_until(next, a);
    return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* Used by this program with clocks that never jump only. */
int pthread_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t id,
                           const struct timespec *until) {
    static int (*next)(pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *);
    if (next == NULL)
        next = (int (*)(pthread_cond_t *, pthread_mutex_t *, clockid_t,
                        const struct timespec *))dlsym(RTLD_NEXT, "pthread_cond_clockwait");
    if (id == CLOCK_REALTIME)
        abort();
    return next(cond, mutex, id, until);
}
