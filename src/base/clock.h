// SPDX-License-Identifier: Apache-2.0
/* The only place that reads the time, so that tests can hold it. Thread-safe. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds that never jump; the start is arbitrary. For deadlines and durations. */
int64_t clock_mono_ms(void);

/* Microseconds that never jump. */
int64_t clock_mono_us(void);

/* Microseconds since 1970-01-01 UTC. For timestamps that others read. */
int64_t clock_real_us(void);

/* For tests: from now on time stands at these values; negative values give the real time back. */
void clock_hold(int64_t mono_us, int64_t real_us);

#endif
