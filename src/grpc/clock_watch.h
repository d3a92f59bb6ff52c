// SPDX-License-Identifier: Apache-2.0
/*
 * Notices when the machine's clock is set back. The library waits for its next timer until a time
 * of day, even though its timers are those of a clock that never jumps: it would sleep for as much
 * longer, and meanwhile ask no silent connection whether it lives, nor end one that is idle or old.
 */
#ifndef GRPC_CLOCK_WATCH_H
#define GRPC_CLOCK_WATCH_H

#include "base/loop.h"

struct clock_watch {
    struct loop *loop;
    struct loop_timer timer;
    int64_t ahead_us; /* what the clock had over the one that never jumps, at the last look */
};

/* Looks every five seconds, and has the library look again at what it waits for. */
void clock_watch_start(struct clock_watch *watch, struct loop *loop);

/* Harmless for a zeroed one. */
void clock_watch_stop(struct clock_watch *watch);

#endif
