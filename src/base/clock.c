// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <stdatomic.h>
#include <time.h>

static _Atomic int64_t held_mono_us = -1;
static _Atomic int64_t held_real_us = -1;

static int64_t read_us(clockid_t id) {
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_mono_us(void) {
    int64_t held = atomic_load_explicit(&held_mono_us, memory_order_relaxed);
    return held >= 0 ? held : read_us(CLOCK_MONOTONIC);
}

int64_t clock_mono_ms(void) {
    return clock_mono_us() / 1000;
}

int64_t clock_real_us(void) {
    int64_t held = atomic_load_explicit(&held_real_us, memory_order_relaxed);
    return held >= 0 ? held : read_us(CLOCK_REALTIME);
}

void clock_hold(int64_t mono_us, int64_t real_us) {
    atomic_store(&held_mono_us, mono_us);
    atomic_store(&held_real_us, real_us);
}
