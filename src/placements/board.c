// SPDX-License-Identifier: Apache-2.0
#include "placements/board.h"

#include "base/clock.h"
#include "base/obj.h"

#include <stdlib.h>

static int64_t now_ms(void) {
    return clock_real_us() / 1000;
}

bool placement_view_is_over(const struct placement_view *view) {
    return view->looks > 0 && !view->looking && placement_is_dealt_with(view->result);
}

static int64_t touched_ms(const struct placement_view *v) {
    return v->looked_ms > v->started_ms ? v->looked_ms : v->started_ms;
}

/* a goes from the board before b. */
static bool goes_first(const struct placement_view *a, const struct placement_view *b) {
    bool over = placement_view_is_over(a);
    if (over != placement_view_is_over(b))
        return over;
    return touched_ms(a) < touched_ms(b);
}

/* The placement's row; a new one if it has none. */
static struct placement_view *row_of(struct placement_board *board, struct str placement_id) {
    struct placement_view *row = &board->rows[0];
    for (size_t i = 0; i < board->n; i++)
        if (str_eq(str_c(board->rows[i].placement_id), placement_id))
            return &board->rows[i];
    if (board->n < BOARD_SIZE) {
        row = &board->rows[board->n++];
    } else {
        for (size_t i = 1; i < BOARD_SIZE; i++)
            if (goes_first(&board->rows[i], row))
                row = &board->rows[i];
    }
    *row = (struct placement_view){.started_ms = now_ms()};
    STR_UTF8_COPY(row->placement_id, placement_id);
    return row;
}

void board_started(struct placement_board *board, struct str namespace, struct str placement_id) {
    struct placement_view *row = row_of(board, placement_id);
    row->started_here = true;
    STR_UTF8_COPY(row->namespace, namespace);
}

void board_look_begins(struct placement_board *board, struct str placement_id) {
    row_of(board, placement_id)->looking = true;
}

void board_look_ends(struct placement_board *board, struct str placement_id,
                     const struct placement_outcome *outcome) {
    struct placement_view *row = row_of(board, placement_id);
    row->looking = false;
    row->looks++;
    row->result = outcome->result;
    row->looked_ms = now_ms();
    if (!str_empty(outcome->session_id))
        STR_UTF8_COPY(row->session_id, outcome->session_id);
    if (!str_empty(outcome->namespace))
        STR_UTF8_COPY(row->namespace, outcome->namespace);
    struct str why = outcome->err == NULL             ? STR_NULL
                     : !str_empty(outcome->err->type) ? outcome->err->type
                                                      : outcome->err->msg;
    STR_UTF8_COPY(row->why, why);
}

static int by_interest(const void *a, const void *b) {
    const struct placement_view *x = a;
    const struct placement_view *y = b;
    if (placement_view_is_over(x) != placement_view_is_over(y))
        return placement_view_is_over(x) ? 1 : -1;
    return touched_ms(x) > touched_ms(y) ? -1 : touched_ms(x) < touched_ms(y);
}

/* Started here, and never seen again: another replica has dealt with it, or AGS has given it up. */
static bool is_forgotten(const struct placement_view *v) {
    return v->looks == 0 && !v->looking && now_ms() - v->started_ms > BOARD_FORGET_MS;
}

size_t board_views(const struct placement_board *board, struct placement_view *ret, size_t n) {
    struct placement_view rows[BOARD_SIZE];
    size_t found = 0;
    for (size_t i = 0; i < board->n; i++)
        if (!is_forgotten(&board->rows[i]))
            rows[found++] = board->rows[i];
    qsort(rows, found, sizeof rows[0], by_interest);
    if (found > n)
        found = n;
    if (found > 0)
        memcpy(ret, rows, found * sizeof rows[0]);
    return found;
}
