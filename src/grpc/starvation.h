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
};

/*
 * Whether the thread has brought no event since the last look, but used at least a tenth of the
 * time; not for looks less than 20 ms apart.
 */
bool starvation_look(struct starvation *s, pthread_t thread);

#endif
