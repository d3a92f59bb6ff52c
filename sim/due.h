// SPDX-License-Identifier: Apache-2.0
/*
 * Things that become due: delayed answers, sessions that come up, placements that time out. One
 * sorted list; almost every entry has one of few constant delays, so that it is found a place near
 * the end at once.
 */
#ifndef SIM_DUE_H
#define SIM_DUE_H

#include "base/list.h"

#include <stdint.h>

struct due;
typedef void due_fn(struct due *due);

/* Embedded in its owner; a zeroed one is not armed. */
struct due {
    struct list node; /* node.next == NULL or itself while not armed */
    int64_t at_ms;    /* on clock_mono_ms */
    due_fn *fn;
};

struct due_list {
    struct list head;
};

void due_list_init(struct due_list *list);

/* fn(due) runs in the first due_run at or after that moment. Re-arming replaces. */
void due_set(struct due_list *list, struct due *due, int64_t at_ms, due_fn *fn);

/* Harmless for one that is not armed. */
void due_clear(struct due *due);

/* Runs what is due at now_ms, earliest first, also what becomes due by that. */
void due_run(struct due_list *list, int64_t now_ms);

/* Milliseconds from now_ms to the next entry, 0 if one is due, -1 if there is none. */
int64_t due_wait_ms(const struct due_list *list, int64_t now_ms);

#endif
