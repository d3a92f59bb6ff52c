// SPDX-License-Identifier: Apache-2.0
/* The event loop, its timers, and work handed over by threads. */
#include "unit/unit.h"

#include "base/clock.h"
#include "base/loop.h"
#include "base/obj.h"

#include <pthread.h>
#include <stdlib.h>

static struct loop *loop;
static char order[256]; /* what ran, a letter each */

static int set_up(void **state) {
    (void)state;
    loop = loop_new();
    order[0] = '\0';
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    clock_hold(-1, -1);
    loop_free(loop);
    return 0;
}

static void note(char letter) {
    size_t n = strlen(order);
    ASSERT(n + 1 < sizeof order);
    order[n] = letter;
    order[n + 1] = '\0';
}

static void on_stop(struct loop_timer *timer) {
    loop_stop(timer->loop);
}

/* Runs the loop for so long, on the real clock or a held one. */
static void run_for(int64_t ms) {
    struct loop_timer timer = {.armed = false};
    loop_timer_start(loop, &timer, ms, on_stop);
    loop_run(loop);
    loop_timer_stop(&timer);
}

/* Moves the held clock and runs what is due then. */
static void advance(int64_t ms) {
    clock_hold(clock_mono_us() + ms * 1000, 0);
    for (int i = 0; i < 3; i++)
        run_for(0);
}

/* ---- timers ---- */

struct named_timer {
    struct loop_timer timer;
    char letter;
};

static void on_named(struct loop_timer *timer) {
    note(CONTAINER_OF(timer, struct named_timer, timer)->letter);
}

static void timers_run_in_order_of_time_not_of_arming(void **state) {
    (void)state;
    static const int64_t at[] = {30, 10, 20, 0, -5, 40};
    struct named_timer timers[ARRAY_LEN(at)] = {0};
    clock_hold(clock_mono_us(), clock_real_us()); /* however slow this is, all start at once */
    for (size_t i = 0; i < ARRAY_LEN(at); i++) {
        timers[i].letter = (char)('a' + i);
        loop_timer_start(loop, &timers[i].timer, at[i], on_named);
    }
    clock_hold(-1, -1);
    assert_string_equal(order, "");
    int64_t began = clock_mono_ms();
    run_for(60);
    assert_true(clock_mono_ms() - began >= 59);
    assert_true(strcmp(order, "debcaf") == 0 || strcmp(order, "edbcaf") == 0);
}

static void a_timer_runs_once_and_not_before_its_time(void **state) {
    (void)state;
    clock_hold(1000000, 0);
    struct named_timer t = {.letter = 'a'};
    loop_timer_start(loop, &t.timer, 1000, on_named);
    assert_true(t.timer.armed);
    advance(999);
    assert_string_equal(order, "");
    advance(1);
    assert_string_equal(order, "a");
    assert_false(t.timer.armed);
    advance(5000);
    assert_string_equal(order, "a");
}

static void re_arming_replaces_and_stopping_is_harmless(void **state) {
    (void)state;
    clock_hold(1000000, 0);
    struct named_timer t = {.letter = 'a'};
    loop_timer_stop(&t.timer);
    loop_timer_start(loop, &t.timer, 10, on_named);
    loop_timer_start(loop, &t.timer, 100, on_named);
    advance(50);
    assert_string_equal(order, "");
    loop_timer_start(loop, &t.timer, 10, on_named);
    advance(10);
    assert_string_equal(order, "a");
    loop_timer_start(loop, &t.timer, 10, on_named);
    loop_timer_stop(&t.timer);
    loop_timer_stop(&t.timer);
    advance(100);
    assert_string_equal(order, "a");
}

struct forever {
    struct loop_timer timer;
    int runs;
};

static void on_forever(struct loop_timer *timer) {
    struct forever *f = CONTAINER_OF(timer, struct forever, timer);
    f->runs++;
    loop_timer_start(timer->loop, timer, 0, on_forever);
}

static void a_timer_that_re_arms_itself_for_now_starves_nobody(void **state) {
    (void)state;
    struct forever f = {.runs = 0};
    struct named_timer t = {.letter = 'a'};
    loop_timer_start(loop, &f.timer, 0, on_forever);
    loop_timer_start(loop, &t.timer, 10, on_named);
    run_for(30);
    loop_timer_stop(&f.timer);
    assert_string_equal(order, "a");
    assert_true(f.runs > 1);
}

static struct named_timer victims[3];

static void on_killer(struct loop_timer *timer) {
    (void)timer;
    for (size_t i = 0; i < ARRAY_LEN(victims); i++)
        loop_timer_stop(&victims[i].timer);
    note('k');
}

static void a_timer_may_stop_others_that_are_due(void **state) {
    (void)state;
    clock_hold(1000000, 0);
    struct loop_timer killer = {.armed = false};
    memset(victims, 0, sizeof victims);
    loop_timer_start(loop, &killer, 1, on_killer);
    for (size_t i = 0; i < ARRAY_LEN(victims); i++) {
        victims[i].letter = 'v';
        loop_timer_start(loop, &victims[i].timer, 2, on_named);
    }
    advance(10);
    assert_string_equal(order, "k");
}

/* ---- timers against a model ---- */

#define MODEL_TIMERS 300

struct model_timer {
    struct loop_timer timer;
    bool armed;
    int64_t when_ms;
    int runs;
    int due; /* runs that the model asks for */
};

static struct model_timer model[MODEL_TIMERS];
static int64_t last_when;
static bool out_of_order;

static void on_model(struct loop_timer *timer) {
    struct model_timer *m = CONTAINER_OF(timer, struct model_timer, timer);
    out_of_order = out_of_order || m->when_ms < last_when;
    last_when = m->when_ms;
    m->runs++;
}

static void model_step(unsigned choice, struct model_timer *m, int64_t ms) {
    if (choice < 70) {
        loop_timer_start(loop, &m->timer, ms, on_model);
        m->armed = true;
        m->when_ms = clock_mono_ms() + ms;
    } else {
        loop_timer_stop(&m->timer);
        m->armed = false;
    }
}

static void random_arming_agrees_with_a_model(void **state) {
    (void)state;
    clock_hold(1000000, 0);
    memset(model, 0, sizeof model);
    srand(42);
    for (int round = 0; round < 400; round++) {
        for (int i = 0; i < 40; i++)
            model_step((unsigned)rand() % 100, &model[rand() % MODEL_TIMERS], 1 + rand() % 500);
        int64_t until = clock_mono_ms() + rand() % 30;
        for (size_t i = 0; i < MODEL_TIMERS; i++)
            if (model[i].armed && model[i].when_ms <= until) {
                model[i].armed = false;
                model[i].due++;
            }
        last_when = 0;
        advance(until - clock_mono_ms());
        for (size_t i = 0; i < MODEL_TIMERS; i++)
            if (model[i].runs != model[i].due || model[i].timer.armed != model[i].armed)
                fail_msg("round %d, timer %zu: ran %d times, %d were due", round, i, model[i].runs,
                         model[i].due);
        assert_false(out_of_order);
    }
    for (size_t i = 0; i < MODEL_TIMERS; i++)
        loop_timer_stop(&model[i].timer);
}

/* ---- work from other threads ---- */

#define THREADS 8
#define JOBS 2000

struct posted {
    struct loop_job job;
    int thread;
    int number;
};

static struct posted *posted; /* THREADS * JOBS */
static int next_of[THREADS];
static int jobs_run;

static void on_posted(struct loop_job *job) {
    struct posted *p = CONTAINER_OF(job, struct posted, job);
    if (next_of[p->thread]++ != p->number)
        note('!');
    if (++jobs_run == THREADS * JOBS)
        loop_stop(loop);
}

static void *post_all(void *arg) {
    struct posted *mine = arg;
    for (int i = 0; i < JOBS; i++)
        loop_post(loop, &mine[i].job, on_posted);
    return NULL;
}

static void jobs_of_many_threads_all_run_each_threads_in_order(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    posted = calloc((size_t)THREADS * JOBS, sizeof *posted);
    memset(next_of, 0, sizeof next_of);
    jobs_run = 0;
    for (int t = 0; t < THREADS; t++) {
        for (int i = 0; i < JOBS; i++) {
            posted[t * JOBS + i].thread = t;
            posted[t * JOBS + i].number = i;
        }
        assert_int_equal(pthread_create(&threads[t], NULL, post_all, &posted[(size_t)t * JOBS]), 0);
    }
    loop_run(loop);
    for (int t = 0; t < THREADS; t++)
        pthread_join(threads[t], NULL);
    free(posted);
    assert_int_equal(jobs_run, THREADS * JOBS);
    assert_string_equal(order, "");
}

struct again {
    struct loop_job job;
    int left;
};

static void on_again(struct loop_job *job) {
    struct again *a = CONTAINER_OF(job, struct again, job);
    note('a');
    if (--a->left > 0)
        loop_post(loop, job, on_again);
    else
        loop_stop(loop);
}

static void a_job_may_be_posted_again_once_it_runs(void **state) {
    (void)state;
    struct again a = {.left = 5};
    loop_post(loop, &a.job, on_again);
    loop_run(loop);
    assert_string_equal(order, "aaaaa");
}

static void on_letter_job(struct loop_job *job) {
    (void)job;
    note('j');
}

static void stop_returns_after_the_jobs_posted_before_it(void **state) {
    (void)state;
    struct loop_job jobs[3];
    for (size_t i = 0; i < ARRAY_LEN(jobs); i++)
        loop_post(loop, &jobs[i], on_letter_job);
    loop_stop(loop);
    loop_run(loop);
    assert_string_equal(order, "jjj");
    /* It runs again after a stop, and what is never run is forgotten. */
    loop_post(loop, &jobs[0], on_letter_job);
    run_for(5);
    assert_string_equal(order, "jjjj");
    loop_post(loop, &jobs[0], on_letter_job);
}

#define BURST 1000

static int burst_run;
static int seen_by_first; /* of the burst, when a job ahead of it ran */
static int seen_by_timer; /* likewise, a timer */
static struct loop_job ahead;

static void on_ahead(struct loop_job *job) {
    (void)job;
    seen_by_first = burst_run;
}

static void on_early(struct loop_timer *timer) {
    (void)timer;
    seen_by_timer = burst_run;
}

static void on_burst(struct loop_job *job) {
    (void)job;
    if (++burst_run == 10)
        loop_post_first(loop, &ahead, on_ahead);
    if (burst_run == BURST)
        loop_stop(loop);
}

static void a_burst_holds_up_neither_timers_nor_what_goes_first(void **state) {
    (void)state;
    static struct loop_job jobs[BURST];
    struct loop_timer timer = {.armed = false};
    burst_run = seen_by_first = seen_by_timer = 0;
    loop_timer_start(loop, &timer, 0, on_early);
    for (size_t i = 0; i < BURST; i++)
        loop_post(loop, &jobs[i], on_burst);
    loop_run(loop);
    assert_int_equal(burst_run, BURST);
    assert_int_equal(seen_by_first, 10);
    assert_true(seen_by_timer < BURST / 2);
}

static int first_run;

static void on_first_again(struct loop_job *job) {
    if (++first_run < BURST)
        loop_post_first(loop, job, on_first_again);
}

static void on_other(struct loop_job *job) {
    (void)job;
    seen_by_first = first_run;
    loop_stop(loop);
}

static void what_goes_first_starves_nobody(void **state) {
    (void)state;
    struct loop_job other;
    first_run = 0;
    loop_post_first(loop, &ahead, on_first_again);
    loop_post(loop, &other, on_other);
    loop_run(loop);
    assert_true(seen_by_first > 0 && seen_by_first < 20);
}

static struct loop_job deferred;

static void on_deferred(struct loop_job *job) {
    note('d');
    if (strlen(order) < 3)
        loop_defer(loop, job, on_deferred);
}

static void on_deferring_job(struct loop_job *job) {
    (void)job;
    loop_defer(loop, &deferred, on_deferred);
    note('x');
}

static void on_deferring_timer(struct loop_timer *timer) {
    (void)timer;
    loop_defer(loop, &deferred, on_deferred);
    note('t');
}

static void what_is_deferred_runs_before_any_other_callback(void **state) {
    (void)state;
    struct loop_job jobs[2];
    loop_post(loop, &jobs[0], on_deferring_job);
    loop_post(loop, &jobs[1], on_letter_job);
    run_for(5);
    assert_string_equal(order, "xddj");
}

static void timers_defer_too(void **state) {
    (void)state;
    struct loop_timer first = {.armed = false};
    struct named_timer second = {.letter = 'b'};
    strcpy(order, "...");
    clock_hold(1000000, 0);
    loop_timer_start(loop, &first, 1, on_deferring_timer);
    loop_timer_start(loop, &second.timer, 2, on_named);
    advance(10);
    assert_string_equal(order, "...tdb");
}

/* As from a callback of libuv's own. */
static void what_is_deferred_elsewhere_runs_in_the_same_turn(void **state) {
    (void)state;
    strcpy(order, "...");
    loop_defer(loop, &deferred, on_deferred);
    assert_string_equal(order, "...");
    run_for(0);
    assert_string_equal(order, "...d");
    loop_defer(loop, &deferred, on_deferred);
    loop_run_deferred(loop);
    assert_string_equal(order, "...dd");
}

static void a_loop_that_never_ran_can_be_freed(void **state) {
    (void)state;
    struct named_timer t = {.letter = 'a'};
    struct loop *other = loop_new();
    loop_timer_start(other, &t.timer, 0, on_named);
    loop_free(other);
    loop_free(NULL);
    assert_string_equal(order, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(timers_run_in_order_of_time_not_of_arming),
        TEST(a_timer_runs_once_and_not_before_its_time),
        TEST(re_arming_replaces_and_stopping_is_harmless),
        TEST(a_timer_that_re_arms_itself_for_now_starves_nobody),
        TEST(a_timer_may_stop_others_that_are_due),
        TEST(random_arming_agrees_with_a_model),
        TEST(jobs_of_many_threads_all_run_each_threads_in_order),
        TEST(a_job_may_be_posted_again_once_it_runs),
        TEST(stop_returns_after_the_jobs_posted_before_it),
        TEST(a_burst_holds_up_neither_timers_nor_what_goes_first),
        TEST(what_goes_first_starves_nobody),
        TEST(what_is_deferred_runs_before_any_other_callback),
        TEST(timers_defer_too),
        TEST(what_is_deferred_elsewhere_runs_in_the_same_turn),
        TEST(a_loop_that_never_ran_can_be_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
