// SPDX-License-Identifier: Apache-2.0
#include "grpc/starvation.h"

#include "base/clock.h"

#include <time.h>

#define BUSY_PART                                                                                  \
    10 /* of the time; a single slow upload uses far less, a shared core far from all */

static int64_t cpu_us(pthread_t thread) {
    struct timespec t;
    clockid_t clock;
    if (pthread_getcpuclockid(thread, &clock) != 0 || clock_gettime(clock, &t) != 0)
        return 0;
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t starvation_look(struct starvation *s, pthread_t thread) {
    struct starvation now = {
        .seen = atomic_load(&s->events), .cpu_us = cpu_us(thread), .at_us = clock_mono_us()};
    int64_t used = now.cpu_us - s->cpu_us;
    bool starved = s->at_us != 0 && now.seen == s->seen && BUSY_PART * used >= now.at_us - s->at_us;
    s->starved_us = starved ? s->starved_us + used : 0;
    s->seen = now.seen;
    s->cpu_us = now.cpu_us;
    s->at_us = now.at_us;
    return s->starved_us;
}
