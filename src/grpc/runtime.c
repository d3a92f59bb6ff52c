// SPDX-License-Identifier: Apache-2.0
#include "grpc/runtime.h"

#include "base/clock.h"
#include "base/log.h"

#include <grpc/grpc.h>
#include <grpc/support/log.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#define LINES_PER_SECOND 10
#define LINE_BYTES 300

/*
 * Abseil's absl::SetMutexDeadlockDetectionMode, by the name that Debian's build gives it; NULL
 * where the library was built otherwise. Debian compiles without NDEBUG: Abseil then keeps a graph
 * of the order in which its mutexes are taken, behind a lock of its own, and aborts the process if
 * it finds a circle. https://abseil.io/docs/cpp/guides/synchronization
 */
extern void set_deadlock_detection(int mode) __asm__(
    "_ZN4absl7debian329SetMutexDeadlockDetectionModeENS0_15OnDeadlockCycleE") __attribute__((weak));
#define IGNORE_DEADLOCKS 0 /* absl::OnDeadlockCycle::kIgnore */

/* Peers can make the library log as often as they like. */
static bool may_log(void) {
    static _Atomic int64_t second;
    static _Atomic unsigned lines;
    int64_t now = clock_mono_us() / 1000000;
    if (atomic_exchange(&second, now) != now)
        atomic_store(&lines, 0);
    return atomic_fetch_add(&lines, 1) < LINES_PER_SECOND;
}

/* Some of the library's complaints quote the header they are about. */
static bool quotes_a_secret(struct str line) {
    static const struct str words[] = {
        STR_INIT("authorization"),
        STR_INIT("bearer"),
        STR_INIT("token"),
    };
    for (size_t at = 0; at < line.n; at++)
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
            if (str_eq_nocase(str_sub(line, at, at + words[i].n), words[i]))
                return true;
    return false;
}

static void log_library_line(gpr_log_func_args *args) {
    if (!log_enabled(LOG_LEVEL_DEBUG) || !may_log())
        return;
    struct str line = str_c(args->message);
    if (quotes_a_secret(line))
        line = STR("(withheld, it may quote a secret)");
    LOG_DEBUG(NULL, "grpc library", LOG_STR("grpc.message", str_sub(line, 0, LINE_BYTES)),
              LOG_CSTR("file", args->file), LOG_INT("line", args->line));
}

static void prepare(void) {
    static const char variable[] = "GRPC_POLL_STRATEGY";
    const char *strategy = getenv(variable);
    if (strategy != NULL && strcmp(strategy, "epoll1") != 0 && strcmp(strategy, "poll") != 0) {
        LOG_DEBUG(NULL, "GRPC_POLL_STRATEGY is not epoll1 or poll and is ignored");
        unsetenv(variable);
    }
    if (set_deadlock_detection != NULL)
        set_deadlock_detection(IGNORE_DEADLOCKS);
    gpr_set_log_function(log_library_line);
    gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);
    signal(SIGPIPE, SIG_IGN);
}

void runtime_acquire(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    sigset_t all;
    sigset_t before;
    pthread_once(&once, prepare);
    /* The library's threads inherit the mask: signals are for the thread that runs the loop. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    grpc_init();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void runtime_release(void) {
    grpc_shutdown_blocking();
}
