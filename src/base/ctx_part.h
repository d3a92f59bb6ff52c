// SPDX-License-Identifier: Apache-2.0
/*
 * A part of a piece of work with memory of its own, such as one page of many or one of many tries:
 * what all of them together read would be more than one call may take.
 */
#ifndef BASE_CTX_PART_H
#define BASE_CTX_PART_H

#include "base/ctx.h"

struct ctx_part { /* in the parent's arena, zeroed */
    struct ctx_child child;
    struct arena *memory; /* NULL while it has not begun */
    bool deferred;        /* it ends with the parent's arena */
};

/*
 * The context to work with, until ctx_part_end. It ends with the parent, and then no later than the
 * parent's arena. A part that has begun ends first.
 */
struct ctx *ctx_part_begin(struct ctx_part *part, struct ctx *parent);

/* Frees what was made in it; errors are copied (err_copy) before. Nothing may wait on it any more.
 * Harmless for a part that has not begun. */
void ctx_part_end(struct ctx_part *part);

#endif
