// SPDX-License-Identifier: Apache-2.0
/*
 * What people may see of placements: those that this replica has started or looked at, and what
 * came of the last look. Of a fixed size; what is dealt with goes first, then the oldest. Other
 * replicas take events of the same queue, so a placement that was started here may be dealt with
 * elsewhere.
 *
 * The loop's thread only.
 */
#ifndef PLACEMENTS_BOARD_H
#define PLACEMENTS_BOARD_H

#include "placements/work.h"

#define BOARD_SIZE 60
#define BOARD_FORGET_MS 900000 /* a placement that was only started: AGS has had its time-out */

struct placement_view { /* texts are cut off if they are too long */
    char placement_id[49];
    char session_id[49]; /* empty while it is not known */
    char namespace[40];
    char why[64];                 /* error of the last look, or empty */
    enum placement_result result; /* of the last look, if there was one */
    unsigned looks;
    bool started_here;
    bool looking;       /* a look is under way */
    int64_t started_ms; /* since 1970: when it first showed */
    int64_t looked_ms;  /* and when the last look ended */
};

struct placement_board {
    struct placement_view rows[BOARD_SIZE];
    size_t n;
};

/* Dealt with: nothing more will come of it. */
bool placement_view_is_over(const struct placement_view *view);

void board_started(struct placement_board *board, struct str namespace, struct str placement_id);
void board_look_begins(struct placement_board *board, struct str placement_id);
void board_look_ends(struct placement_board *board, struct str placement_id,
                     const struct placement_outcome *outcome);

/* Copies up to n rows, those that are not over first, each kind newest first; how many. */
size_t board_views(const struct placement_board *board, struct placement_view *ret, size_t n);

#endif
