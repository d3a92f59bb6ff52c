// SPDX-License-Identifier: Apache-2.0
/*
 * Gives memory back after a burst. The C library keeps what was freed, hundreds of megabytes after
 * some thousands of calls at once, until it is told to return it to the system.
 */
#ifndef GRPC_MEMORY_H
#define GRPC_MEMORY_H

#include "base/loop.h"

#include <stddef.h>

struct memory_watch {
    struct loop *loop;
    struct loop_timer timer;
    size_t above;    /* bytes */
    int64_t wait_ms; /* until the next look */
};

/*
 * Looks once a second whether more than `above` bytes are resident, and gives back what is free. If
 * there is little to give back, the memory is in use, and it looks less often.
 */
void memory_watch_start(struct memory_watch *watch, struct loop *loop, size_t above);

/* Harmless for a zeroed one. */
void memory_watch_stop(struct memory_watch *watch);

/* Resident bytes of this process; 0 if unknown. */
size_t memory_resident(void);

#endif
