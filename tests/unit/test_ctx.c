// SPDX-License-Identifier: Apache-2.0
/* Contexts: hooks, deadlines, parts of a whole, and waiting for as long as one lives. */
#include "unit/unit.h"

#include "base/clock.h"
#include "base/ctx_sleep.h"
#include "base/obj.h"

static struct arena *arena;
static struct loop *loop;
static char order[256]; /* what ran, a letter each */

static int set_up(void **state) {
    (void)state;
    arena = arena_new(ARENA_LIMIT_DEFAULT);
    loop = loop_new();
    order[0] = '\0';
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    clock_hold(-1, -1);
    arena_free(arena);
    loop_free(loop);
    return 0;
}

static void note(char letter) {
    size_t n = strlen(order);
    ASSERT(n + 1 < sizeof order);
    order[n] = letter;
    order[n + 1] = '\0';
}

static void on_stop(struct loop_timer *timer) {
    loop_stop(timer->loop);
}

/* Runs the loop for so long, on the real clock or a held one. */
static void run_for(int64_t ms) {
    struct loop_timer timer = {.armed = false};
    loop_timer_start(loop, &timer, ms, on_stop);
    loop_run(loop);
    loop_timer_stop(&timer);
}

/* Moves the held clock and runs what is due then. */
static void advance(int64_t ms) {
    clock_hold(clock_mono_us() + ms * 1000, 0);
    for (int i = 0; i < 3; i++)
        run_for(0);
}

/* ---- contexts ---- */

static const struct err gone = {
    .code = RPC_CANCELLED,
    .origin = ERR_CALLER,
    .msg = STR_INIT("the caller went away"),
};

struct named_hook {
    struct ctx_hook hook;
    char letter;
    struct named_hook *removes;
    struct arena *frees;
};

static void on_hook(struct ctx_hook *hook, const struct err *reason) {
    struct named_hook *h = CONTAINER_OF(hook, struct named_hook, hook);
    ASSERT(str_eq(reason->msg, gone.msg));
    note(h->letter);
    if (h->removes != NULL)
        ctx_hook_remove(&h->removes->hook);
    arena_free(h->frees);
}

static void each_hook_runs_once_first_added_first(void **state) {
    (void)state;
    struct ctx ctx;
    struct named_hook a = {.letter = 'a'};
    struct named_hook b = {.letter = 'b'};
    struct named_hook c = {.letter = 'c'};
    struct named_hook d = {.letter = 'd'};
    a.removes = &c;
    ctx_init(&ctx, arena, NULL, CTX_NO_DEADLINE);
    ctx_hook_add(&ctx, &a.hook, on_hook);
    ctx_hook_add(&ctx, &d.hook, on_hook);
    ctx_hook_add(&ctx, &b.hook, on_hook);
    ctx_hook_add(&ctx, &c.hook, on_hook);
    ctx_hook_remove(&d.hook);
    ctx_hook_remove(&d.hook);
    assert_null(ctx_check(&ctx));
    ctx_cancel(&ctx, &gone);
    ctx_cancel(&ctx, &gone);
    assert_string_equal(order, "ab");
    ctx_hook_remove(&a.hook);
    struct err *err = ctx_check(&ctx);
    assert_int_equal(err->code, RPC_CANCELLED);
    assert_int_equal(err->origin, ERR_CALLER);
}

static void a_hook_may_free_the_arena_that_the_context_lives_in(void **state) {
    (void)state;
    struct arena *own = arena_new(1000);
    struct ctx *ctx = ARENA_NEW(own, struct ctx);
    struct named_hook *h = ARENA_NEW(own, struct named_hook);
    *h = (struct named_hook){.letter = 'a', .frees = own};
    ctx_init(ctx, own, NULL, CTX_NO_DEADLINE);
    ctx_hook_add(ctx, &h->hook, on_hook);
    ctx_cancel(ctx, &gone);
    assert_string_equal(order, "a");
}

static void the_check_names_deadline_and_memory(void **state) {
    (void)state;
    struct ctx ctx;
    clock_hold(1000000, 0);
    ctx_init(&ctx, arena, NULL, 1005);
    assert_int_equal(ctx_remaining_ms(&ctx), 5);
    assert_null(ctx_check(&ctx));
    clock_hold(1005000, 0);
    assert_int_equal(ctx_remaining_ms(&ctx), 0);
    struct err *err = ctx_check(&ctx);
    assert_int_equal(err->code, RPC_DEADLINE_EXCEEDED);
    assert_int_equal(err->origin, ERR_CALLER);
    ctx_init(&ctx, arena, NULL, CTX_NO_DEADLINE);
    assert_true(ctx_remaining_ms(&ctx) == CTX_NO_DEADLINE);
    (void)arena_alloc(arena, ARENA_LIMIT_DEFAULT);
    assert_int_equal(ctx_check(&ctx)->code, RPC_RESOURCE_EXHAUSTED);
}

static void a_part_ends_with_the_whole_and_has_the_earlier_deadline(void **state) {
    (void)state;
    struct ctx parent;
    struct ctx_child child = {.ctx = {.magic = 0}};
    struct named_hook h = {.letter = 'h'};
    ctx_init(&parent, arena, NULL, 2000);
    ctx_child_end(&child);
    ctx_child_begin(&child, &parent, CTX_NO_DEADLINE);
    assert_int_equal(child.ctx.deadline_ms, 2000);
    ctx_child_end(&child);
    ctx_child_end(&child);
    ctx_child_begin(&child, &parent, 1000);
    assert_int_equal(child.ctx.deadline_ms, 1000);
    ctx_hook_add(&child.ctx, &h.hook, on_hook);
    ctx_cancel(&parent, &gone);
    assert_string_equal(order, "h");
    assert_int_equal(ctx_check(&child.ctx)->code, RPC_CANCELLED);
    ctx_child_end(&child);
}

static void a_part_that_ends_leaves_the_whole_alive(void **state) {
    (void)state;
    struct ctx parent;
    struct ctx_child child = {.ctx = {.magic = 0}};
    ctx_init(&parent, arena, NULL, CTX_NO_DEADLINE);
    ctx_child_begin(&child, &parent, CTX_NO_DEADLINE);
    ctx_cancel(&child.ctx, &gone);
    assert_null(ctx_check(&parent));
    ctx_child_end(&child);
    ctx_child_begin(&child, &parent, CTX_NO_DEADLINE);
    assert_null(ctx_check(&child.ctx));
    ctx_child_end(&child);
    ctx_cancel(&parent, &gone);
    assert_string_equal(order, "");
}

static struct ctx whole;
static struct ctx_child part;
static struct named_hook first = {.letter = '1'};
static struct named_hook second = {.letter = '2'};

static void on_first(struct ctx_hook *hook, const struct err *reason) {
    on_hook(hook, reason);
    ctx_child_end(&part);
    ctx_child_begin(&part, &whole, CTX_NO_DEADLINE);
    ctx_hook_add(&part.ctx, &second.hook, on_hook);
}

static void a_part_may_begin_anew_from_its_own_hook(void **state) {
    (void)state;
    ctx_init(&whole, arena, NULL, CTX_NO_DEADLINE);
    ctx_child_begin(&part, &whole, CTX_NO_DEADLINE);
    ctx_hook_add(&part.ctx, &first.hook, on_first);
    ctx_cancel(&part.ctx, &gone);
    assert_string_equal(order, "1"); /* the hook of the new part has not run */
    assert_null(ctx_check(&part.ctx));
    ctx_cancel(&whole, &gone);
    assert_string_equal(order, "12");
    ctx_child_end(&part);
}

/* ---- sleeping ---- */

static const struct err *slept;
static int sleeps;

static void on_slept(void *priv, const struct err *err) {
    (void)priv;
    slept = err;
    sleeps++;
}

static void sleep_in(struct ctx *ctx, int64_t ms) {
    slept = NULL;
    sleeps = 0;
    ctx_sleep(loop, ctx, ms, on_slept, NULL);
    assert_int_equal(sleeps, 0);
}

static void a_sleep_ends_at_its_time(void **state) {
    (void)state;
    struct ctx ctx;
    clock_hold(1000000, 0);
    ctx_init(&ctx, arena, NULL, CTX_NO_DEADLINE);
    sleep_in(&ctx, 100);
    advance(99);
    assert_int_equal(sleeps, 0);
    advance(1);
    assert_int_equal(sleeps, 1);
    assert_null(slept);
    ctx_cancel(&ctx, &gone);
    assert_int_equal(sleeps, 1);
}

static void a_sleep_ends_early_with_its_context(void **state) {
    (void)state;
    struct ctx ctx;
    clock_hold(1000000, 0);
    ctx_init(&ctx, arena, NULL, 1050);
    sleep_in(&ctx, 100);
    advance(50);
    assert_int_equal(sleeps, 1);
    assert_int_equal(slept->code, RPC_DEADLINE_EXCEEDED);

    ctx_init(&ctx, arena, NULL, CTX_NO_DEADLINE);
    sleep_in(&ctx, 100);
    ctx_cancel(&ctx, &gone);
    assert_int_equal(sleeps, 1);
    assert_int_equal(slept->code, RPC_CANCELLED);
    advance(200);
    assert_int_equal(sleeps, 1);

    sleep_in(&ctx, 1000); /* it is over already: reported at once, yet from the loop */
    advance(0);
    assert_int_equal(sleeps, 1);
    assert_int_equal(slept->code, RPC_CANCELLED);
}

static void a_sleep_goes_with_its_arena_without_a_word(void **state) {
    (void)state;
    struct ctx ctx;
    struct arena *own = arena_new(1000);
    clock_hold(1000000, 0);
    ctx_init(&ctx, own, NULL, CTX_NO_DEADLINE);
    sleep_in(&ctx, 100);
    arena_free(own);
    advance(200);
    assert_int_equal(sleeps, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(each_hook_runs_once_first_added_first),
        TEST(a_hook_may_free_the_arena_that_the_context_lives_in),
        TEST(the_check_names_deadline_and_memory),
        TEST(a_part_ends_with_the_whole_and_has_the_earlier_deadline),
        TEST(a_part_that_ends_leaves_the_whole_alive),
        TEST(a_part_may_begin_anew_from_its_own_hook),
        TEST(a_sleep_ends_at_its_time),
        TEST(a_sleep_ends_early_with_its_context),
        TEST(a_sleep_goes_with_its_arena_without_a_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
