// SPDX-License-Identifier: Apache-2.0
#include "base/loop.h"

#include "base/clock.h"
#include "base/obj.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define TURN_JOBS 64     /* run in a row; then sockets and timers have their turn */
#define FIRST_IN_A_ROW 8 /* then one of the others */

struct jobs {
    struct loop_job *first;
    struct loop_job **last;
};

struct loop {
    unsigned magic;
#define LOOP_MAGIC 0x10e9a3b7U
    uv_loop_t uv;
    uv_async_t wake;
    uv_prepare_t before_wait; /* these two run what the loop's own thread has posted */
    uv_check_t after_wait;
    uv_timer_t alarm;  /* for the earliest of the timers, or sooner */
    uint64_t alarm_at; /* on uv_now; UINT64_MAX: not set */
    uv_idle_t due;     /* runs while the earliest is due already */

    /* There are jobs that were not taken yet; written with the lock held. */
    atomic_bool posted;
    atomic_bool posted_first;

    pthread_mutex_t lock; /* guards the three below */
    struct jobs come;
    struct jobs come_first;
    bool stopping;

    struct jobs taken; /* by the loop's thread, to be run */
    struct jobs taken_first;
    int in_a_row; /* of the second kind */

    struct jobs deferred; /* by the callback that runs */

    /* Timers in a binary heap, so that arming one costs no allocation and freeing its owner needs
     * no farewell: libuv's own timers may not be freed before a close callback has run. */
    struct loop_timer **heap;
    size_t n_timers;
    size_t cap_timers;
};

/* Whose callbacks this thread runs: what it posts needs no wake-up. */
static _Thread_local const struct loop *running;

/* ---- jobs ---- */

static void jobs_init(struct jobs *jobs) {
    jobs->first = NULL;
    jobs->last = &jobs->first;
}

static void append(struct jobs *jobs, struct loop_job *job) {
    *jobs->last = job;
    jobs->last = &job->next;
}

static void move_all(struct jobs *to, struct jobs *from) {
    if (from->first == NULL)
        return;
    *to->last = from->first;
    to->last = from->last;
    jobs_init(from);
}

static struct loop_job *take_out_first(struct jobs *jobs) {
    struct loop_job *job = jobs->first;
    jobs->first = job->next;
    if (jobs->first == NULL)
        jobs->last = &jobs->first;
    return job;
}

/* With the lock held. */
static void take_first(struct loop *loop) {
    move_all(&loop->taken_first, &loop->come_first);
    atomic_store_explicit(&loop->posted_first, false, memory_order_relaxed);
}

static struct loop_job *next_job(struct loop *loop) {
    if (atomic_load_explicit(&loop->posted_first, memory_order_relaxed)) {
        pthread_mutex_lock(&loop->lock);
        take_first(loop);
        pthread_mutex_unlock(&loop->lock);
    }
    bool others = loop->taken.first != NULL;
    if (loop->taken_first.first != NULL && (!others || loop->in_a_row < FIRST_IN_A_ROW)) {
        loop->in_a_row++;
        return take_out_first(&loop->taken_first);
    }
    loop->in_a_row = 0;
    return others ? take_out_first(&loop->taken) : NULL;
}

/* Jobs are there to be run, whoever has them. */
static bool has_jobs(const struct loop *loop) {
    return loop->deferred.first != NULL || loop->taken.first != NULL ||
           loop->taken_first.first != NULL ||
           atomic_load_explicit(&loop->posted, memory_order_relaxed) ||
           atomic_load_explicit(&loop->posted_first, memory_order_relaxed);
}

void loop_defer(struct loop *loop, struct loop_job *job, loop_job_fn *fn) {
    OBJ_CHECK(loop, LOOP_MAGIC);
    job->next = NULL;
    job->fn = fn;
    append(&loop->deferred, job);
}

void loop_run_deferred(struct loop *loop) {
    while (loop->deferred.first != NULL) {
        struct loop_job *job = take_out_first(&loop->deferred);
        job->fn(job);
    }
}

static void run_jobs(struct loop *loop) {
    bool stopping;
    struct loop_job *job;
    OBJ_CHECK(loop, LOOP_MAGIC);
    pthread_mutex_lock(&loop->lock);
    move_all(&loop->taken, &loop->come);
    take_first(loop);
    atomic_store_explicit(&loop->posted, false, memory_order_relaxed);
    stopping = loop->stopping;
    pthread_mutex_unlock(&loop->lock);
    loop_run_deferred(loop);
    for (int n = 0; (n < TURN_JOBS || stopping) && (job = next_job(loop)) != NULL; n++) {
        job->fn(job);
        loop_run_deferred(loop);
    }
    if (stopping)
        uv_stop(&loop->uv);
}

static void on_wake(uv_async_t *wake) {
    run_jobs(wake->data);
}

static void on_after_wait(uv_check_t *check) {
    struct loop *loop = check->data;
    if (has_jobs(loop))
        run_jobs(loop);
}

static void on_before_wait(uv_prepare_t *prepare) {
    struct loop *loop = prepare->data;
    if (!has_jobs(loop))
        return;
    run_jobs(loop);
    if (has_jobs(loop)) /* not to be waited for, but sockets come first */
        uv_async_send(&loop->wake);
}

/* ---- the loop ---- */

struct loop *loop_new(void) {
    struct loop *loop = calloc(1, sizeof *loop);
    AN(loop);
    loop->magic = LOOP_MAGIC;
    jobs_init(&loop->come);
    jobs_init(&loop->come_first);
    jobs_init(&loop->taken);
    jobs_init(&loop->taken_first);
    jobs_init(&loop->deferred);
    AZ(pthread_mutex_init(&loop->lock, NULL));
    AZ(uv_loop_init(&loop->uv));
    AZ(uv_async_init(&loop->uv, &loop->wake, on_wake));
    AZ(uv_prepare_init(&loop->uv, &loop->before_wait));
    AZ(uv_check_init(&loop->uv, &loop->after_wait));
    AZ(uv_timer_init(&loop->uv, &loop->alarm));
    AZ(uv_idle_init(&loop->uv, &loop->due));
    loop->wake.data = loop;
    loop->before_wait.data = loop;
    loop->after_wait.data = loop;
    AZ(uv_prepare_start(&loop->before_wait, on_before_wait));
    AZ(uv_check_start(&loop->after_wait, on_after_wait));
    loop->alarm_at = UINT64_MAX;
    loop->alarm.data = loop;
    loop->due.data = loop;
    return loop;
}

void loop_free(struct loop *loop) {
    if (loop == NULL)
        return;
    OBJ_CHECK(loop, LOOP_MAGIC);
    uv_close((uv_handle_t *)&loop->wake, NULL);
    uv_close((uv_handle_t *)&loop->before_wait, NULL);
    uv_close((uv_handle_t *)&loop->after_wait, NULL);
    uv_close((uv_handle_t *)&loop->alarm, NULL);
    uv_close((uv_handle_t *)&loop->due, NULL);
    /* Lets the close callbacks of every handle run, also of those that curl left behind. */
    while (uv_run(&loop->uv, UV_RUN_NOWAIT) != 0)
        continue;
    AZ(uv_loop_close(&loop->uv));
    pthread_mutex_destroy(&loop->lock);
    free(loop->heap);
    loop->magic = 0;
    free(loop);
}

void loop_run(struct loop *loop) {
    OBJ_CHECK(loop, LOOP_MAGIC);
    running = loop;
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    running = NULL;
    pthread_mutex_lock(&loop->lock);
    loop->stopping = false;
    pthread_mutex_unlock(&loop->lock);
}

void loop_stop(struct loop *loop) {
    OBJ_CHECK(loop, LOOP_MAGIC);
    pthread_mutex_lock(&loop->lock);
    loop->stopping = true;
    pthread_mutex_unlock(&loop->lock);
    uv_async_send(&loop->wake);
}

static void post(struct loop *loop, struct loop_job *job, loop_job_fn *fn, bool ahead) {
    bool was_empty;
    OBJ_CHECK(loop, LOOP_MAGIC);
    job->next = NULL;
    job->fn = fn;
    pthread_mutex_lock(&loop->lock);
    was_empty = loop->come.first == NULL && loop->come_first.first == NULL;
    append(ahead ? &loop->come_first : &loop->come, job);
    atomic_store_explicit(ahead ? &loop->posted_first : &loop->posted, true, memory_order_relaxed);
    pthread_mutex_unlock(&loop->lock);
    if (was_empty && running != loop)
        uv_async_send(&loop->wake);
}

void loop_post(struct loop *loop, struct loop_job *job, loop_job_fn *fn) {
    post(loop, job, fn, false);
}

void loop_post_first(struct loop *loop, struct loop_job *job, loop_job_fn *fn) {
    post(loop, job, fn, true);
}

/* ---- timers ---- */

static void place(struct loop *loop, size_t at, struct loop_timer *timer) {
    loop->heap[at] = timer;
    timer->slot = at;
}

static void sift_up(struct loop *loop, size_t at, struct loop_timer *timer) {
    while (at > 0 && loop->heap[(at - 1) / 2]->when_ms > timer->when_ms) {
        place(loop, at, loop->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    place(loop, at, timer);
}

static void sift_down(struct loop *loop, size_t at, struct loop_timer *timer) {
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= loop->n_timers)
            break;
        if (child + 1 < loop->n_timers &&
            loop->heap[child + 1]->when_ms < loop->heap[child]->when_ms)
            child++;
        if (loop->heap[child]->when_ms >= timer->when_ms)
            break;
        place(loop, at, loop->heap[child]);
        at = child;
    }
    place(loop, at, timer);
}

static void on_alarm(uv_timer_t *alarm);
static void on_due(uv_idle_t *idle);

/*
 * What is due now waits for the next turn of the loop in an idle handle, not in a timer of zero
 * milliseconds: libuv runs such a timer again at once if it is set from a timer's callback, and
 * would never look at a socket again.
 */
static void set_alarm(struct loop *loop) {
    int64_t ms = loop->n_timers == 0 ? 1 : loop->heap[0]->when_ms - clock_mono_ms();
    if (ms <= 0) {
        AZ(uv_idle_start(&loop->due, on_due));
        return;
    }
    uv_idle_stop(&loop->due);
    if (loop->n_timers == 0)
        return;
    uv_update_time(&loop->uv);
    loop->alarm_at = uv_now(&loop->uv) + (uint64_t)ms;
    AZ(uv_timer_start(&loop->alarm, on_alarm, (uint64_t)ms, 0));
}

static void take_out(struct loop *loop, struct loop_timer *timer) {
    size_t at = timer->slot;
    ASSERT(at < loop->n_timers && loop->heap[at] == timer);
    struct loop_timer *moved = loop->heap[--loop->n_timers];
    timer->armed = false;
    if (moved == timer)
        return;
    if (at > 0 && loop->heap[(at - 1) / 2]->when_ms > moved->when_ms)
        sift_up(loop, at, moved);
    else
        sift_down(loop, at, moved);
}

static void run_due(struct loop *loop) {
    OBJ_CHECK(loop, LOOP_MAGIC);
    int64_t now = clock_mono_ms();
    /* Bounded, so that a timer which re-arms itself for now does not starve the loop. */
    for (size_t left = loop->n_timers; left > 0; left--) {
        if (loop->n_timers == 0 || loop->heap[0]->when_ms > now)
            break;
        struct loop_timer *timer = loop->heap[0];
        take_out(loop, timer);
        timer->fn(timer);
        loop_run_deferred(loop);
    }
    set_alarm(loop);
}

static void on_alarm(uv_timer_t *alarm) {
    struct loop *loop = alarm->data;
    loop->alarm_at = UINT64_MAX;
    run_due(loop);
}

static void on_due(uv_idle_t *idle) {
    run_due(idle->data);
}

void loop_timer_start(struct loop *loop, struct loop_timer *timer, int64_t ms, loop_timer_fn *fn) {
    OBJ_CHECK(loop, LOOP_MAGIC);
    loop_timer_stop(timer);
    if (loop->n_timers == loop->cap_timers) {
        loop->cap_timers = loop->cap_timers == 0 ? 64 : 2 * loop->cap_timers;
        loop->heap = realloc(loop->heap, loop->cap_timers * sizeof *loop->heap);
        AN(loop->heap);
    }
    timer->loop = loop;
    timer->fn = fn;
    timer->armed = true;
    timer->when_ms = clock_mono_ms() + (ms > 0 ? ms : 0);
    sift_up(loop, loop->n_timers++, timer);
    /* uv_now may lag behind, then the alarm is set although it need not be. */
    if (loop->heap[0] == timer && (ms <= 0 || uv_now(&loop->uv) + (uint64_t)ms < loop->alarm_at))
        set_alarm(loop);
}

void loop_timer_stop(struct loop_timer *timer) {
    if (!timer->armed)
        return;
    /* The alarm stays as it is: at worst it goes off for nothing, once. Almost every timer is
     * stopped before its time, and to set the alarm anew for each would be most of what timers
     * cost. */
    take_out(timer->loop, timer);
}

uv_loop_t *loop_uv(struct loop *loop) {
    OBJ_CHECK(loop, LOOP_MAGIC);
    return &loop->uv;
}
