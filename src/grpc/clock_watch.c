// SPDX-License-Identifier: Apache-2.0
#include "grpc/clock_watch.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/obj.h"

#define LOOK_MS 5000
#define STEP_US 500000 /* what is less is a clock that is slowed down, or a look that was late */

/*
 * The library's own grpc_kick_poller() of iomgr/timer.h, by the name that a C++ compiler gives it;
 * NULL where the library was built otherwise.
 */
extern void wake_timers(void) __asm__("_Z16grpc_kick_pollerv") __attribute__((weak));

static int64_t ahead_us(void) {
    return clock_real_us() - clock_mono_us();
}

static void on_timer(struct loop_timer *timer) {
    struct clock_watch *watch = CONTAINER_OF(timer, struct clock_watch, timer);
    int64_t ahead = ahead_us();
    if (ahead < watch->ahead_us - STEP_US) {
        LOG_DEBUG(NULL, "the clock was set back",
                  LOG_INT("bySeconds", (watch->ahead_us - ahead) / 1000000));
        if (wake_timers != NULL)
            wake_timers();
    }
    watch->ahead_us = ahead;
    loop_timer_start(watch->loop, timer, LOOK_MS, on_timer);
}

void clock_watch_start(struct clock_watch *watch, struct loop *loop) {
    watch->loop = loop;
    watch->ahead_us = ahead_us();
    loop_timer_start(loop, &watch->timer, LOOK_MS, on_timer);
}

void clock_watch_stop(struct clock_watch *watch) {
    loop_timer_stop(&watch->timer);
}
