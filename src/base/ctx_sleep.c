// SPDX-License-Identifier: Apache-2.0
#include "base/ctx_sleep.h"

#include "base/obj.h"

struct sleeper { /* in the context's arena */
    unsigned magic;
#define SLEEPER_MAGIC 0x58f1d36bU
    struct ctx *ctx;
    struct ctx_hook hook;
    struct loop_timer timer;
    ctx_sleep_fn *fn;
    void *priv;
};

static void end(struct sleeper *s) {
    ctx_hook_remove(&s->hook);
    loop_timer_stop(&s->timer);
}

static void on_timer(struct loop_timer *timer) {
    struct sleeper *s = CONTAINER_OF(timer, struct sleeper, timer);
    OBJ_CHECK(s, SLEEPER_MAGIC);
    end(s);
    s->fn(s->priv, ctx_check(s->ctx));
}

static void on_cancel(struct ctx_hook *hook, const struct err *reason) {
    struct sleeper *s = CONTAINER_OF(hook, struct sleeper, hook);
    OBJ_CHECK(s, SLEEPER_MAGIC);
    end(s);
    s->fn(s->priv, reason);
}

static void on_arena_free(void *arg) {
    end(OBJ_CAST(arg, sleeper, SLEEPER_MAGIC));
}

void ctx_sleep(struct loop *loop, struct ctx *ctx, int64_t ms, ctx_sleep_fn *fn, void *priv) {
    struct sleeper *s = OBJ_NEW(ctx->arena, sleeper, SLEEPER_MAGIC);
    int64_t left = ctx_remaining_ms(ctx);
    s->ctx = ctx;
    s->fn = fn;
    s->priv = priv;
    list_init(&s->hook.node);
    arena_defer(ctx->arena, on_arena_free, s);
    if (ctx->reason == NULL)
        ctx_hook_add(ctx, &s->hook, on_cancel);
    else
        ms = 0;
    loop_timer_start(loop, &s->timer, ms < left ? ms : left, on_timer);
}
