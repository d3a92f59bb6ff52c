// SPDX-License-Identifier: Apache-2.0
#include "base/ctx_part.h"

#include "base/arena.h"

#define USUAL_BYTES 2304 /* of a request to GameLift until it is answered */

static void on_parent_free(void *arg) {
    struct ctx_part *part = arg;
    arena_free(part->memory); /* the parent's hooks are gone with it */
}

struct ctx *ctx_part_begin(struct ctx_part *part, struct ctx *parent) {
    ctx_part_end(part);
    if (!part->deferred)
        arena_defer(parent->arena, on_parent_free, part);
    part->deferred = true;
    part->memory = arena_new_with(ARENA_LIMIT_DEFAULT, USUAL_BYTES);
    ctx_child_begin(&part->child, parent, parent->deadline_ms);
    part->child.ctx.arena = part->memory;
    return &part->child.ctx;
}

void ctx_part_end(struct ctx_part *part) {
    ctx_child_end(&part->child);
    arena_free(part->memory);
    part->memory = NULL;
}
