// SPDX-License-Identifier: Apache-2.0
#include "base/ctx.h"

#include "base/clock.h"
#include "base/obj.h"

void ctx_init(struct ctx *ctx, struct arena *arena, struct log *log, int64_t deadline_ms) {
    *ctx = (struct ctx){
        .magic = CTX_MAGIC,
        .arena = arena,
        .log = log,
        .deadline_ms = deadline_ms,
    };
    list_init(&ctx->hooks);
}

void ctx_hook_add(struct ctx *ctx, struct ctx_hook *hook, ctx_cancel_fn *fn) {
    OBJ_CHECK(ctx, CTX_MAGIC);
    ASSERT(ctx->reason == NULL);
    hook->fn = fn;
    list_append(&ctx->hooks, &hook->node);
}

void ctx_hook_remove(struct ctx_hook *hook) {
    list_remove(&hook->node);
}

void ctx_cancel(struct ctx *ctx, const struct err *reason) {
    OBJ_CHECK(ctx, CTX_MAGIC);
    if (ctx->reason != NULL)
        return;
    reason = ctx->reason = err_copy(ctx->arena, reason);
    /* The list moves to this frame: the last hook to run may free the arena and the context. */
    struct list hooks;
    list_move(&ctx->hooks, &hooks);
    while (!list_empty(&hooks)) {
        struct ctx_hook *hook = CONTAINER_OF(hooks.next, struct ctx_hook, node);
        list_remove(&hook->node);
        hook->fn(hook, reason);
    }
}

struct err *ctx_check(struct ctx *ctx) {
    OBJ_CHECK(ctx, CTX_MAGIC);
    if (ctx->reason != NULL)
        return err_copy(ctx->arena, ctx->reason);
    struct err *err = NULL;
    if (ctx_remaining_ms(ctx) == 0) {
        err = err_new(ctx->arena, RPC_DEADLINE_EXCEEDED, "the deadline has passed");
        err->origin = ERR_CALLER;
    } else if (arena_over(ctx->arena)) {
        err = err_new(ctx->arena, RPC_RESOURCE_EXHAUSTED, "the call needs too much memory");
    }
    return err;
}

int64_t ctx_remaining_ms(const struct ctx *ctx) {
    if (ctx->deadline_ms == CTX_NO_DEADLINE)
        return CTX_NO_DEADLINE;
    int64_t left = ctx->deadline_ms - clock_mono_ms();
    return left > 0 ? left : 0;
}

static void on_parent_cancelled(struct ctx_hook *hook, const struct err *reason) {
    ctx_cancel(&CONTAINER_OF(hook, struct ctx_child, hook)->ctx, reason);
}

void ctx_child_begin(struct ctx_child *child, struct ctx *parent, int64_t deadline_ms) {
    ctx_init(&child->ctx, parent->arena, parent->log,
             deadline_ms < parent->deadline_ms ? deadline_ms : parent->deadline_ms);
    child->ctx.span = parent->span;
    child->ctx.trail = parent->trail;
    list_init(&child->hook.node);
    if (parent->reason != NULL)
        ctx_cancel(&child->ctx, parent->reason);
    else
        ctx_hook_add(parent, &child->hook, on_parent_cancelled);
}

void ctx_child_end(struct ctx_child *child) {
    if (child->ctx.magic == 0)
        return;
    OBJ_CHECK(&child->ctx, CTX_MAGIC);
    ctx_hook_remove(&child->hook);
    child->ctx.magic = 0;
}
