// SPDX-License-Identifier: Apache-2.0
/*
 * The event loop that every handler, timer and upstream request runs on: one thread, libuv below.
 * Other threads hand work over with loop_post, a queue and a wake-up; nothing else here may be
 * called from them. A turn of the loop runs some of the jobs, so that sockets and timers are not
 * kept waiting by however many there are.
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include "base/list.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct loop;
struct loop_job;
typedef void loop_job_fn(struct loop_job *job);

/* Embedded in whatever is handed over; it may be posted again once it has run. */
struct loop_job {
    struct loop_job *next;
    loop_job_fn *fn;
};

struct loop_timer;
typedef void loop_timer_fn(struct loop_timer *timer);

/* Embedded in its owner, zeroed before the first use; once stopped it may be freed at once. */
struct loop_timer {
    bool armed;
    int64_t when_ms; /* on clock_mono_ms */
    size_t slot;     /* place in the loop's heap */
    struct loop *loop;
    loop_timer_fn *fn;
};

struct loop *loop_new(void);
/* The loop has stopped; jobs not yet run are forgotten. NULL is fine. */
void loop_free(struct loop *loop);

/* Runs on the calling thread until loop_stop. */
void loop_run(struct loop *loop);

/* Any thread: loop_run returns after the jobs posted before this call. */
void loop_stop(struct loop *loop);

/* Any thread: fn(job) runs on the loop, jobs in the order of posting. */
void loop_post(struct loop *loop, struct loop_job *job, loop_job_fn *fn);

/*
 * The same for little work that is not to wait behind a burst: before the jobs of loop_post, of
 * which one runs after some of these all the same. In the order of posting among themselves.
 */
void loop_post_first(struct loop *loop, struct loop_job *job, loop_job_fn *fn);

/*
 * The loop's thread, for what must not be done under its callers' feet, such as freeing what they
 * still use: fn(job) runs when the callback that this is called from has returned - a job, a timer,
 * a socket of the HTTP client - and before any other; from another callback, within this turn of
 * the loop. In the order of the calls.
 */
void loop_defer(struct loop *loop, struct loop_job *job, loop_job_fn *fn);
/* At the end of a callback of libuv's own, where much is deferred. */
void loop_run_deferred(struct loop *loop);

/* fn(timer) runs once, after ms milliseconds, never before this returns. Re-arming replaces. */
void loop_timer_start(struct loop *loop, struct loop_timer *timer, int64_t ms, loop_timer_fn *fn);
/* Harmless for a zeroed timer and for one that is not armed. */
void loop_timer_stop(struct loop_timer *timer);

/* For what speaks libuv itself: the curl bridge, signals. */
uv_loop_t *loop_uv(struct loop *loop);

#endif
