// SPDX-License-Identifier: Apache-2.0
/*
 * Notices when a queue thread no longer comes back from the library. That thread both reads sockets
 * and hands us events, and as long as bytes keep coming on one connection it goes on reading: a
 * flood of frames that need no answer is all taken in, at some 13 kB for each call, before we see
 * the first of them. What shows from outside is a thread that burns CPU time and brings no events.
 */
#ifndef GRPC_STARVATION_H
#define GRPC_STARVATION_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Of one queue thread, zeroed at first. */
struct starvation {
    atomic_ulong events; /* counted by the thread itself */

    /* At the last look. */
    unsigned long seen;
    int64_t cpu_us;
    int64_t at_us;
    int64_t starved_us;
};

/*
 * How much CPU time the thread has used since it brought its last event, counting back over looks
 * between which it used at least a tenth of the time: who is idle in between is not starved. CPU
 * time, not time: on a busy machine a thread may be late without having done anything.
 */
int64_t starvation_look(struct starvation *s, pthread_t thread);

#endif
