// SPDX-License-Identifier: Apache-2.0
/* Keeping credentials, renewing them in time, and serving those who wait. */
#include "aws/credentials_cache.h"
#include "credentials_fixture.h"

#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)

/* A source that the test answers by hand. */
struct hand_source {
    struct aws_credentials_source base;
    struct ctx *ctx;
    aws_source_done_fn *done;
    void *priv;
    int fetches;
};

static struct hand_source *hand;

static void hand_fetch(struct aws_credentials_source *base, struct ctx *fetch_ctx,
                       aws_source_done_fn *done, void *priv) {
    struct hand_source *h = CONTAINER_OF(base, struct hand_source, base);
    assert_null(h->done); /* never two at once */
    h->ctx = fetch_ctx;
    h->done = done;
    h->priv = priv;
    h->fetches++;
}

static void cache(bool stale_ok) {
    struct arena *plan_arena = arena_new(ARENA_LIMIT_DEFAULT);
    hand = ARENA_NEW(plan_arena, struct hand_source);
    hand->base = (struct aws_credentials_source){
        .magic = AWS_CREDENTIALS_SOURCE_MAGIC, .fetch = hand_fetch, .stale_ok = stale_ok};
    provider = aws_credentials_cache_new(loop, plan_arena, &hand->base);
}

static void hand_over(const char *id, int64_t lifetime_ms) {
    static const char *const names[] = {"a", "b", "c"};
    struct aws_credentials c;
    aws_source_done_fn *done = hand->done;
    assert_non_null(done);
    hand->done = NULL;
    assert_null(aws_credentials_init(&c, arena, names, str_c(id), STR("s"), STR("t"),
                                     clock_real_us() / 1000 + lifetime_ms));
    done(hand->priv, &c, NULL);
    fake_settle(loop);
}

static void hand_over_error(const char *message) {
    aws_source_done_fn *done = hand->done;
    assert_non_null(done);
    hand->done = NULL;
    struct err *err = err_new(hand->ctx->arena, RPC_UNAVAILABLE, "%s", message);
    err->origin = ERR_TRANSPORT;
    err->retryable = true;
    done(hand->priv, NULL, err);
    fake_settle(loop);
}

static void many_waiters_share_one_fetch(void **state) {
    (void)state;
    cache(false);
    assert_null(aws_credentials_peek(provider));
    for (int i = 0; i < 1000; i++)
        get();
    fake_settle(loop);
    assert_int_equal(calls, 0);
    assert_int_equal(hand->fetches, 1);
    hand_over("ONE", HOUR);
    assert_int_equal(calls, 1000);
    assert_int_equal(errors, 0);
    assert_str(got_id, "ONE");
    assert_int_equal(hand->fetches, 1);
}

static void a_cancelled_waiter_leaves_the_others_their_fetch(void **state) {
    struct arena *other = arena_new(ARENA_LIMIT_DEFAULT);
    struct arena *gone = arena_new(ARENA_LIMIT_DEFAULT);
    struct ctx cancelled, freed;
    (void)state;
    ctx_init(&cancelled, other, NULL, CTX_NO_DEADLINE);
    ctx_init(&freed, gone, NULL, CTX_NO_DEADLINE);
    cache(false);
    aws_credentials_get(provider, &cancelled, on_credentials, NULL);
    aws_credentials_get(provider, &freed, on_credentials, NULL);
    get();
    fake_settle(loop);
    ctx_cancel(&cancelled, err_new(arena, RPC_CANCELLED, "gone"));
    assert_int_equal(calls, 1);
    assert_str(got_err->msg, "gone");
    arena_free(other);
    arena_free(gone); /* without a word */
    hand_over("ONE", HOUR);
    assert_int_equal(calls, 2);
    assert_int_equal(errors, 1);
    assert_str(got_id, "ONE");
}

static void a_fetch_nobody_waits_for_is_kept(void **state) {
    (void)state;
    cache(false);
    get();
    ctx_cancel(&ctx, err_new(arena, RPC_CANCELLED, "gone"));
    hand_over("ONE", HOUR);
    assert_peek("ONE");
    assert_int_equal(calls, 1);
}

static void renewal_starts_in_the_background_and_holds_up_nobody(void **state) {
    (void)state;
    cache(false);
    get();
    hand_over("ONE", HOUR);
    fake_advance(loop, 44 * MINUTE);
    assert_peek("ONE");
    assert_int_equal(hand->fetches, 1);
    fake_advance(loop, 4 * MINUTE + 1); /* less than 12 minutes left, with any luck */
    assert_int_equal(hand->fetches, 2); /* by the timer: nobody peeked */
    assert_peek("ONE");
    assert_peek("ONE");
    assert_int_equal(hand->fetches, 2);
    hand_over("TWO", HOUR);
    assert_peek("TWO");
}

/* As AWS sees it: this machine's clock is behind. */
static void credentials_that_aws_calls_expired_are_fetched_anew(void **state) {
    (void)state;
    cache(false);
    get();
    hand_over("ONE", HOUR);
    uint64_t one = aws_credentials_peek(provider)->identity;
    fake_advance(loop, AWS_CACHE_YOUNG_MS - 1);
    assert_false(aws_credentials_expired(provider, one)); /* the source has no better ones */
    assert_peek("ONE");
    fake_advance(loop, 1);
    assert_true(aws_credentials_expired(provider, one));
    assert_null(aws_credentials_peek(provider));
    get();
    assert_int_equal(hand->fetches, 2);
    hand_over("TWO", HOUR);
    assert_str(got_id, "TWO");
    assert_true(aws_credentials_expired(provider, one)); /* told late: there are others */
    assert_peek("TWO");
    assert_int_equal(hand->fetches, 2);
}

static void each_renewal_has_an_identity_of_its_own(void **state) {
    (void)state;
    cache(false);
    get();
    hand_over("ONE", HOUR);
    uint64_t first = aws_credentials_peek(provider)->identity;
    fake_advance(loop, 48 * MINUTE + 1);
    hand_over("ONE", HOUR);
    assert_true(aws_credentials_peek(provider)->identity != first);
}

static void a_failed_renewal_is_swallowed_and_tried_again_after_a_pause(void **state) {
    (void)state;
    cache(false);
    get();
    hand_over("ONE", HOUR);
    fake_advance(loop, 48 * MINUTE + 1);
    hand_over_error("down");
    assert_peek("ONE");
    assert_int_equal(hand->fetches, 2);
    fake_advance(loop, 499);
    assert_int_equal(hand->fetches, 2); /* at least half a second */
    fake_advance(loop, 501);
    assert_int_equal(hand->fetches, 3); /* at most one */
    hand_over_error("down");
    fake_advance(loop, 999);
    assert_int_equal(hand->fetches, 3);
    fake_advance(loop, 1001);
    assert_int_equal(hand->fetches, 4);
    assert_peek("ONE");
    assert_int_equal(calls, 1);
    hand_over("TWO", HOUR);
    assert_peek("TWO");
}

static void a_dead_endpoint_is_asked_at_most_twice_a_minute(void **state) {
    (void)state;
    cache(false);
    get();
    hand_over("ONE", 10 * HOUR);
    fake_advance(loop, 10 * HOUR - 12 * MINUTE + 1);
    for (int i = 0; i < 11 * 60; i++) {
        if (hand->done != NULL)
            hand_over_error("down");
        fake_advance(loop, 1000);
    }
    assert_peek("ONE");
    assert_in_range(hand->fetches, 12, 30);
}

static void after_the_expiry_callers_wait_and_get_the_error(void **state) {
    (void)state;
    cache(false);
    get();
    hand_over("ONE", HOUR);
    fake_advance(loop, 48 * MINUTE + 1);
    fake_advance(loop, 12 * MINUTE);
    assert_int_equal(hand->fetches, 2);
    assert_null(aws_credentials_peek(provider));
    calls = 0;
    get();
    get();
    assert_int_equal(hand->fetches, 2); /* they join the one under way */
    hand_over_error("down");
    assert_int_equal(calls, 2);
    assert_int_equal(errors, 2);
    assert_str(got_err->msg, "down");
    assert_int_equal(got_err->origin, ERR_LOCAL);
    assert_true(got_err->retryable);
}

static void within_the_pause_callers_get_the_last_error_at_once(void **state) {
    (void)state;
    cache(false);
    get();
    hand_over_error("down");
    for (int i = 0; i < 100; i++)
        get();
    assert_int_equal(calls, 1);
    fake_settle(loop);
    assert_int_equal(calls, 101);
    assert_str(got_err->msg, "down");
    assert_int_equal(hand->fetches, 1);
    fake_advance(loop, HOUR);
    assert_int_equal(hand->fetches, 1); /* nobody asks: nobody is asked */
    get();
    assert_int_equal(hand->fetches, 2);
    hand_over("ONE", HOUR);
    assert_str(got_id, "ONE");
}

static void callers_without_credentials_never_wait_longer_than_five_seconds(void **state) {
    (void)state;
    cache(false);
    for (int i = 0; i < 20; i++) {
        get();
        fake_settle(loop);
        assert_int_equal(hand->fetches, i + 1);
        hand_over_error("down");
        fake_advance(loop, 5000);
    }
    struct aws_cache_stats stats = aws_credentials_cache_stats(provider);
    assert_int_equal(stats.fetches, 20);
    assert_int_equal(stats.failures, 20);
}

static void a_waiter_within_the_pause_can_be_cancelled(void **state) {
    (void)state;
    cache(false);
    get();
    hand_over_error("down");
    get();
    ctx_cancel(&ctx, err_new(arena, RPC_CANCELLED, "gone"));
    fake_settle(loop);
    assert_int_equal(calls, 2);
    assert_str(got_err->msg, "gone");
}

static void credentials_that_come_expired_are_an_error(void **state) {
    (void)state;
    cache(false);
    get();
    hand_over("OLD", 0);
    assert_str(got_err->msg,
               "the AWS credentials had expired when they came; is this clock right?");
    assert_null(aws_credentials_peek(provider));
}

static void short_lived_credentials_are_not_fetched_for_each_call(void **state) {
    (void)state;
    cache(false);
    get();
    hand_over("ONE", 15 * MINUTE);
    for (int i = 0; i < 100; i++)
        assert_peek("ONE");
    assert_int_equal(hand->fetches, 1);
    fake_advance(loop, 9 * MINUTE + 1);
    assert_int_equal(hand->fetches, 2);
}

static void an_instances_credentials_outlive_their_expiry_while_none_can_be_had(void **state) {
    (void)state;
    cache(true);
    get();
    hand_over("ONE", HOUR);
    fake_advance(loop, 48 * MINUTE + 1);
    for (int i = 0; i < 3 * 60 * 60; i++) { /* three hours of failure, second by second */
        if (hand->done != NULL)
            hand_over_error("down");
        assert_peek("ONE");
        clock_hold(clock_mono_us() + 1000000, clock_real_us() + 1000000);
        if (i % 10 == 0)
            fake_settle(loop);
    }
    assert_in_range(hand->fetches, 100, 500);
    assert_int_equal(errors, 0);
    while (hand->done == NULL)
        fake_advance(loop, 1000);
    hand_over("TWO", HOUR);
    assert_peek("TWO");
}

static void an_instances_expired_answer_is_used_for_a_while(void **state) {
    (void)state;
    cache(true);
    get();
    hand_over("OLD", -HOUR);
    assert_int_equal(errors, 0);
    assert_peek("OLD");
    assert_int_equal(hand->fetches, 1);
    fake_advance(loop, 10 * MINUTE);
    assert_int_equal(hand->fetches, 2);
}

static void a_machine_that_slept_past_the_expiry_does_not_use_old_credentials(void **state) {
    (void)state;
    cache(false);
    get();
    hand_over("ONE", HOUR);
    clock_hold(clock_mono_us(), clock_real_us() + HOUR * 1000);
    assert_null(aws_credentials_peek(provider));
    get();
    hand_over("TWO", HOUR);
    clock_hold(clock_mono_us(), clock_real_us() + 50 * MINUTE * 1000);
    assert_peek("TWO"); /* and this starts a renewal, which the timer has missed */
    assert_int_equal(hand->fetches, 3);
}

/* A caller that asks again from its callback, as a retry may. */
static void ask_again(void *priv, const struct aws_credentials *creds, const struct err *err) {
    on_credentials(NULL, creds, err);
    if (++*(int *)priv < 3)
        aws_credentials_get(provider, &ctx, ask_again, priv);
}

static void a_callback_may_ask_again(void **state) {
    int n = 0;
    (void)state;
    cache(false);
    aws_credentials_get(provider, &ctx, ask_again, &n);
    hand_over_error("down");
    assert_int_equal(n, 3);
    assert_int_equal(hand->fetches, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(many_waiters_share_one_fetch),
        TEST(a_cancelled_waiter_leaves_the_others_their_fetch),
        TEST(a_fetch_nobody_waits_for_is_kept),
        TEST(renewal_starts_in_the_background_and_holds_up_nobody),
        TEST(credentials_that_aws_calls_expired_are_fetched_anew),
        TEST(each_renewal_has_an_identity_of_its_own),
        TEST(a_failed_renewal_is_swallowed_and_tried_again_after_a_pause),
        TEST(a_dead_endpoint_is_asked_at_most_twice_a_minute),
        TEST(after_the_expiry_callers_wait_and_get_the_error),
        TEST(within_the_pause_callers_get_the_last_error_at_once),
        TEST(callers_without_credentials_never_wait_longer_than_five_seconds),
        TEST(a_waiter_within_the_pause_can_be_cancelled),
        TEST(credentials_that_come_expired_are_an_error),
        TEST(short_lived_credentials_are_not_fetched_for_each_call),
        TEST(an_instances_credentials_outlive_their_expiry_while_none_can_be_had),
        TEST(an_instances_expired_answer_is_used_for_a_while),
        TEST(a_machine_that_slept_past_the_expiry_does_not_use_old_credentials),
        TEST(a_callback_may_ask_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
