// SPDX-License-Identifier: Apache-2.0
/* The service's own AGS access token: when it is fetched, for whom, and what happens if it is not.
 */
#include "unit/ags_call.h"

struct asker {
    struct arena *arena;
    struct ctx ctx;
    int told;
    const struct err *err;
    bool asks_again;
};

static struct ags_token *token;
static struct asker askers[10];

static int begin(void **state) {
    set_up(state);
    token = ags_token_new(client, loop);
    memset(askers, 0, sizeof askers);
    return 0;
}

static int end(void **state) {
    for (size_t i = 0; i < ARRAY_LEN(askers); i++)
        arena_free(askers[i].arena);
    ags_token_free(token);
    return tear_down(state);
}

static void on_told(void *priv, const struct err *err) {
    struct asker *a = priv;
    a->told++;
    a->err = err;
    if (a->asks_again && a->told < 5)
        ags_token_get(token, &a->ctx, on_told, a);
}

/* Asks with the asker of that number; deadline in milliseconds from now, 0 for none. */
static struct asker *ask(int i, int64_t deadline) {
    struct asker *a = &askers[i];
    a->arena = arena_new(ARENA_LIMIT_DEFAULT);
    ctx_init(&a->ctx, a->arena, NULL, deadline > 0 ? clock_mono_ms() + deadline : CTX_NO_DEADLINE);
    ags_token_get(token, &a->ctx, on_told, a);
    assert_int_equal(a->told, 0);
    return a;
}

static void assert_token(const char *want) {
    const struct secret *secret = ags_token_peek(token);
    if (want == NULL) {
        assert_null(secret);
        return;
    }
    assert_non_null(secret);
    assert_str(secret_reveal(secret), want);
}

/* ---- fetching and renewing ---- */

static void one_fetch_serves_however_many_wait(void **state) {
    (void)state;
    EXPECT(GRANT("tok-1", 3600));
    assert_token(NULL);
    for (int i = 0; i < 10; i++)
        ask(i, 0);
    fake_settle(loop);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(askers[i].told, 1);
        assert_null(askers[i].err);
    }
    assert_token("tok-1");
    assert_int_equal(ags_token_generation(token), 1);
}

static void it_is_renewed_in_the_background_before_80_percent_of_its_life(void **state) {
    (void)state;
    EXPECT(GRANT("tok-1", 1000), GRANT("tok-2", 1000), GRANT("tok-3", 1000));
    ags_token_prepare(token);
    ags_token_prepare(token);
    fake_settle(loop);
    assert_token("tok-1");
    ags_token_prepare(token);
    fake_advance(loop, 699000);
    assert_int_equal(fake_http_left(fake), 2);
    fake_advance(loop, 101000);
    assert_token("tok-2");
    assert_int_equal(ags_token_generation(token), 2);
    fake_advance(loop, 801000);
    assert_token("tok-3");
}

static void the_old_one_serves_while_the_renewal_runs(void **state) {
    (void)state;
    struct fake_exchange slow = GRANT("tok-2", 1000);
    slow.delay_ms = 5000;
    EXPECT(GRANT("tok-1", 1000), slow);
    ags_token_prepare(token);
    fake_settle(loop);
    fake_advance(loop, 800000);
    assert_int_equal(fake_http_running(fake), 1);
    assert_token("tok-1");
    fake_advance(loop, 5000);
    assert_token("tok-2");
}

static void an_expired_one_is_no_token(void **state) {
    (void)state;
    EXPECT(GRANT("tok-1", 100),
           {.request = TOKEN_URL, .proxy_allowed = true, .delay_ms = FAKE_NEVER});
    ags_token_prepare(token);
    fake_settle(loop);
    fake_advance(loop, 95000);
    assert_token("tok-1");
    fake_advance(loop, 5000);
    assert_token(NULL);
}

static void a_life_too_short_to_live_by_counts_as_ten_seconds(void **state) {
    (void)state;
    EXPECT(GRANT("tok-1", 0), GRANT("tok-2", -5), GRANT("tok-3", 3600));
    ags_token_prepare(token);
    fake_settle(loop);
    fake_advance(loop, 6000);
    assert_token("tok-1");
    assert_int_equal(fake_http_left(fake), 2);
    fake_advance(loop, 2000);
    assert_token("tok-2");
    fake_advance(loop, 8000);
    assert_token("tok-3");
}

/* ---- a token that AGS refuses ---- */

static void a_refusal_drops_only_the_token_that_was_refused(void **state) {
    (void)state;
    EXPECT(GRANT("tok-1", 3600), GRANT("tok-2", 3600));
    ags_token_prepare(token);
    fake_settle(loop);
    assert_true(ags_token_refused(token, 0));
    assert_token("tok-1");
    assert_true(ags_token_refused(token, 1));
    assert_true(ags_token_refused(token, 1));
    assert_token(NULL);
    ask(0, 0);
    ask(1, 0);
    fake_settle(loop);
    assert_token("tok-2");
    assert_true(ags_token_refused(token, 1)); /* a late answer to the first token */
    assert_token("tok-2");
    assert_false(ags_token_refused(token, 2)); /* and that at once: the next would be no better */
    assert_token("tok-2");
    assert_int_equal(askers[0].told + askers[1].told, 2);
}

/* ---- AGS is down ---- */

static void fetches_back_off_while_ags_is_down_and_then_serve_who_waits(void **state) {
    (void)state;
    for (int i = 0; i < 60; i++)
        EXPECT(NO_GRANT(503, ""));
    ask(0, 0);
    for (int ms = 0; ms < 30000; ms += 50)
        fake_advance(loop, 50);
    /* Three attempts a fetch; the pauses between fetches grow to 2.5 to 5 s. */
    assert_in_range(60 - fake_http_left(fake), 24, 54);
    assert_int_equal(askers[0].told, 0);
    while (fake_http_left(fake) > 0)
        fake_advance(loop, 50);
    EXPECT(GRANT("tok-1", 3600), GRANT("tok-1", 3600));
    fake_advance(loop, 6000);
    assert_int_equal(askers[0].told, 1);
    assert_null(askers[0].err);
    assert_token("tok-1");
    fake_advance(loop, 3000000);
}

static void a_failed_renewal_is_tried_again_while_the_old_one_serves(void **state) {
    (void)state;
    EXPECT(GRANT("tok-1", 1000), NO_GRANT(500, ""), NO_GRANT(500, ""), NO_GRANT(500, ""),
           GRANT("tok-2", 1000));
    ags_token_prepare(token);
    fake_settle(loop);
    fake_advance(loop, 800000);
    for (int i = 0; i < 40; i++)
        fake_advance(loop, 50);
    assert_token("tok-2");
}

static void a_waiter_leaves_at_its_deadline_with_the_reason(void **state) {
    (void)state;
    for (int i = 0; i < 15; i++)
        EXPECT(NO_GRANT(503, "{\"errorMessage\":\"maintenance\"}"));
    ask(0, 800);
    ask(1, 0);
    for (int i = 0; i < 16; i++) {
        assert_int_equal(askers[0].told, 0);
        fake_advance(loop, 50);
    }
    assert_int_equal(askers[0].told, 1);
    assert_code(askers[0].err, RPC_UNAVAILABLE);
    assert_non_null(strstr(askers[0].err->msg.p, "no AGS access token: "));
    assert_non_null(strstr(askers[0].err->msg.p, "maintenance"));
    assert_int_equal(askers[1].told, 0);
    while (fake_http_left(fake) > 0)
        fake_advance(loop, 50);
}

static void a_waiter_of_a_silent_ags_leaves_at_its_deadline(void **state) {
    (void)state;
    EXPECT({.request = TOKEN_URL, .proxy_allowed = true, .delay_ms = FAKE_NEVER});
    ask(0, 1000);
    fake_advance(loop, 999);
    assert_int_equal(askers[0].told, 0);
    fake_advance(loop, 1);
    assert_int_equal(askers[0].told, 1);
    assert_code(askers[0].err, RPC_DEADLINE_EXCEEDED);
}

static void who_is_cancelled_or_freed_leaves_alone(void **state) {
    (void)state;
    static const struct err gone = {
        .code = RPC_CANCELLED, .origin = ERR_CALLER, .msg = STR_INIT("gone")};
    EXPECT(GRANT("tok-1", 3600));
    ask(0, 0);
    ask(1, 0);
    ask(2, 0);
    ctx_cancel(&askers[0].ctx, &gone);
    assert_int_equal(askers[0].told, 1);
    assert_code(askers[0].err, RPC_CANCELLED);
    arena_free(askers[1].arena);
    askers[1].arena = NULL;
    fake_settle(loop);
    assert_int_equal(askers[0].told, 1);
    assert_int_equal(askers[1].told, 0);
    assert_int_equal(askers[2].told, 1);
    assert_null(askers[2].err);
}

/* ---- our id and secret are wrong ---- */

static void a_refused_id_fails_all_at_once_and_pauses(void **state) {
    (void)state;
    EXPECT(NO_GRANT(401, "{\"error\":\"invalid_client\"}"),
           NO_GRANT(400, "{\"error_description\":\"no such client\",\"error\":\"x\"}"),
           GRANT("tok-1", 3600));
    ask(0, 0);
    ask(1, 0);
    fake_settle(loop);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(askers[i].told, 1);
        assert_code(askers[i].err, RPC_INTERNAL);
        assert_non_null(strstr(askers[i].err->msg.p, "invalid_client"));
        assert_non_null(strstr(askers[i].err->msg.p, "AB_CLIENT_ID"));
    }
    ask(2, 0); /* waits for the end of the pause */
    fake_advance(loop, 4999);
    assert_int_equal(fake_http_left(fake), 2);
    fake_advance(loop, 1);
    assert_int_equal(askers[2].told, 1);
    assert_code(askers[2].err, RPC_INTERNAL); /* the caller's own request is not at fault */
    assert_non_null(strstr(askers[2].err->msg.p, "no such client"));
    fake_advance(loop, 5000);
    assert_token("tok-1");
}

static void a_missing_token_is_never_mistaken_for_a_missing_session(void **state) {
    (void)state;
    static const int statuses[] = {403, 404, 409, 422, 302};
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        EXPECT(NO_GRANT(statuses[i], ""));
        ask((int)i, 0);
        fake_advance(loop, 5000);
        assert_int_equal(askers[i].told, 1);
        assert_code(askers[i].err, RPC_INTERNAL);
    }
}

static void who_asks_again_at_once_waits_for_the_next_fetch(void **state) {
    (void)state;
    EXPECT(NO_GRANT(401, ""), NO_GRANT(401, ""), GRANT("tok-1", 3600));
    ask(0, 0)->asks_again = true;
    fake_settle(loop);
    assert_int_equal(askers[0].told, 1);
    fake_advance(loop, 5000);
    assert_int_equal(askers[0].told, 2);
    fake_advance(loop, 5000);
    assert_int_equal(askers[0].told, 3);
    assert_null(askers[0].err);
    /* Asking again with a token at hand is not what it is for; let nothing wait at the end. */
    askers[0].asks_again = false;
    arena_free(askers[0].arena);
    askers[0].arena = NULL;
}

static void an_answer_without_a_token_is_an_error(void **state) {
    (void)state;
    static const char *const answers[] = {"", "{}", "{\"access_token\":\"\"}", "<html>", "[]"};
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        EXPECT(NO_GRANT(200, answers[i]));
        ask((int)i, 0);
        fake_advance(loop, 5000);
        assert_int_equal(askers[i].told, 1);
        assert_code(askers[i].err, RPC_INTERNAL);
        assert_token(NULL);
    }
}

static void freeing_it_ends_the_fetch(void **state) {
    (void)state;
    EXPECT({.request = TOKEN_URL, .proxy_allowed = true, .delay_ms = FAKE_NEVER});
    ags_token_prepare(token);
    assert_int_equal(fake_http_running(fake), 1);
    ags_token_free(token);
    token = NULL;
    assert_int_equal(fake_http_running(fake), 0);
    ags_token_free(NULL);
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(one_fetch_serves_however_many_wait),
        TEST(it_is_renewed_in_the_background_before_80_percent_of_its_life),
        TEST(the_old_one_serves_while_the_renewal_runs),
        TEST(an_expired_one_is_no_token),
        TEST(a_life_too_short_to_live_by_counts_as_ten_seconds),
        TEST(a_refusal_drops_only_the_token_that_was_refused),
        TEST(fetches_back_off_while_ags_is_down_and_then_serve_who_waits),
        TEST(a_failed_renewal_is_tried_again_while_the_old_one_serves),
        TEST(a_waiter_leaves_at_its_deadline_with_the_reason),
        TEST(a_waiter_of_a_silent_ags_leaves_at_its_deadline),
        TEST(who_is_cancelled_or_freed_leaves_alone),
        TEST(a_refused_id_fails_all_at_once_and_pauses),
        TEST(a_missing_token_is_never_mistaken_for_a_missing_session),
        TEST(who_asks_again_at_once_waits_for_the_next_fetch),
        TEST(an_answer_without_a_token_is_an_error),
        TEST(freeing_it_ends_the_fetch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
