// SPDX-License-Identifier: Apache-2.0
#include "grpc/memory.h"

#include "base/log.h"
#include "base/obj.h"

#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#define WAIT_MS 1000
#define LONGEST_WAIT_MS 60000

size_t memory_resident(void) {
    FILE *file = fopen("/proc/self/statm", "re");
    unsigned long pages = 0;
    if (file == NULL)
        return 0;
    if (fscanf(file, "%*u %lu", &pages) != 1)
        pages = 0;
    fclose(file);
    return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void on_timer(struct loop_timer *timer) {
    struct memory_watch *watch = CONTAINER_OF(timer, struct memory_watch, timer);
    size_t before = memory_resident();
    size_t after = before;
    if (before > watch->above) {
        malloc_trim(0);
        after = memory_resident();
        LOG_DEBUG(NULL, "gave memory back", LOG_INT("bytesBefore", before),
                  LOG_INT("bytesAfter", after));
    }
    /* In use after all: trimming is not free, so not again soon. */
    if (after > watch->above && after > before - before / 10)
        watch->wait_ms =
            2 * watch->wait_ms < LONGEST_WAIT_MS ? 2 * watch->wait_ms : LONGEST_WAIT_MS;
    else
        watch->wait_ms = WAIT_MS;
    loop_timer_start(watch->loop, timer, watch->wait_ms, on_timer);
}

void memory_watch_start(struct memory_watch *watch, struct loop *loop, size_t above) {
    watch->loop = loop;
    watch->above = above;
    watch->wait_ms = WAIT_MS;
    loop_timer_start(loop, &watch->timer, WAIT_MS, on_timer);
}

void memory_watch_stop(struct memory_watch *watch) {
    loop_timer_stop(&watch->timer);
}
