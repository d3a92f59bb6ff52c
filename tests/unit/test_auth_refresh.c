// SPDX-License-Identifier: Apache-2.0
/* Keys and revocations are kept fresh from a scripted AGS, which may fail, lie or be asked too
 * often. */
#include "unit/unit.h"

#include "auth/refresh.h"
#include "base/clock.h"
#include "base/ctx_sleep.h"
#include "unit/auth_tokens.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- AGS ---- */

enum { JWKS, REVOCATIONS, TOKEN, PATHS };
static const char *const paths[PATHS] = {
    "/iam/v3/oauth/jwks",
    "/iam/v3/oauth/revocationlist",
    "/iam/v3/oauth/token",
};

struct ags_script {
    struct http_client http;
    int status;                /* of everything but tokens; 0: never answers */
    struct str answers[PATHS]; /* bodies */
    int asked[PATHS];
    struct str authorization[PATHS]; /* of the last request */
};

struct exchange {
    http_done_fn *done;
    void *priv;
    struct http_response response;
};

static struct arena *arena;
static struct loop *loop;
static struct ags_script ags;
static struct ags_client *client;
static struct trust_store *trust;
static struct auth_refresh *refresh;
static struct token_key keys[2];

static void on_answer(void *priv, const struct err *err) {
    struct exchange *e = priv;
    e->done(e->priv, err == NULL ? &e->response : NULL, err);
}

static void answer(struct http_client *http, struct ctx *ctx, const struct http_request *req,
                   http_done_fn *done, void *priv) {
    struct exchange *e = ARENA_NEW(ctx->arena, struct exchange);
    size_t path = 0;
    assert_ptr_equal(http, &ags.http);
    while (path < PATHS && !str_ends(req->url, str_c(paths[path])))
        path++;
    assert_in_range(path, 0, PATHS - 1);
    ags.asked[path]++;
    for (size_t i = 0; i < req->n_headers; i++)
        if (str_eq(req->headers[i].name, STR("Authorization")))
            ags.authorization[path] = arena_str(arena, req->headers[i].value);
    *e = (struct exchange){
        .done = done,
        .priv = priv,
        .response = {.status = path == TOKEN ? 200 : ags.status, .body = ags.answers[path]},
    };
    bool never = path != TOKEN && ags.status == 0;
    ctx_sleep(loop, ctx, never ? 3600000 : 0, on_answer, e);
}

static void publish(const struct token_key *published, size_t n) {
    struct buf b;
    buf_init(&b, 100000);
    for (size_t i = 0; i < n; i++) {
        struct ags_jwk_key jwk = token_jwk(arena, &published[i]);
        buf_printf(&b,
                   "%s{\"kty\":\"RSA\",\"use\":\"sig\",\"alg\":\"RS256\",\"kid\":\"%s\","
                   "\"n\":\"" STR_FMT "\",\"e\":\"" STR_FMT "\",\"x5c\":[]}",
                   i == 0 ? "{\"keys\":[" : ",", published[i].kid, STR_ARG(jwk.n), STR_ARG(jwk.e));
    }
    buf_puts(&b, "]}");
    ags.answers[JWKS] = arena_str(arena, buf_str(&b));
    buf_free(&b);
}

/* ---- the loop ---- */

typedef bool condition_fn(void);

static void run_until(condition_fn *condition) {
    for (int i = 0; i < 20000 && !condition(); i++) {
        uv_run(loop_uv(loop), UV_RUN_NOWAIT);
        usleep(500);
    }
    assert_true(condition());
}

/* Long enough for anything that is under way on this loop. */
static void run_a_while(void) {
    for (int i = 0; i < 60; i++) {
        uv_run(loop_uv(loop), UV_RUN_NOWAIT);
        usleep(500);
    }
}

static bool is_loaded(void) {
    return trust_generation(trust) != 0;
}

static struct auth_refresh_stats stats(void) {
    struct auth_refresh_stats s;
    auth_refresh_stats(refresh, &s);
    return s;
}

static void start(int64_t interval_ms) {
    const struct auth_refresh_options options = {
        .loop = loop,
        .ags = client,
        .trust = trust,
        .interval_ms = interval_ms,
    };
    refresh = auth_refresh_new(&options);
}

static int set_up(void **state) {
    (void)state;
    log_start(LOG_LEVEL_OFF, STDOUT_FILENO);
    arena = arena_new((size_t)64 << 20);
    loop = loop_new();
    for (size_t i = 0; i < ARRAY_LEN(keys) && keys[i].pair == NULL; i++)
        keys[i] = token_key_new(i == 0 ? "k1" : "k2", "RS256", 2048);
    ags = (struct ags_script){.http = {.start = answer}, .status = 200};
    ags.answers[TOKEN] = STR("{\"access_token\":\"own-token\",\"expires_in\":3600}");
    ags.answers[REVOCATIONS] =
        STR("{\"revoked_tokens\":{\"bits\":[],\"k\":0,\"m\":0},\"revoked_users\":[]}");
    publish(keys, 1);
    const struct ags_client_options options = {
        .loop = loop,
        .http = &ags.http,
        .base_url = STR("http://ags.test"),
        .client_id = STR("id"),
        .client_secret = STR("secret"),
        .user_agent = STR("test"),
        .max_attempts = 1,
    };
    client = ags_client_new(&options);
    trust = trust_store_new(3600000);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    auth_refresh_free(refresh);
    ags_client_free(client);
    loop_free(loop);
    trust_store_free(trust);
    arena_free(arena);
    clock_hold(-1, -1);
    log_stop(100);
    return 0;
}

/* ---- loading ---- */

static void both_are_loaded_at_the_start(void **state) {
    struct trust now;
    (void)state;
    start(600000);
    run_until(is_loaded);
    assert_int_equal(trust_acquire(trust, &now), TRUST_GOOD);
    assert_non_null(key_set_find(now.keys, STR("k1")));
    trust_release(&now);
    run_a_while();
    assert_int_equal(ags.asked[JWKS], 1);
    assert_int_equal(ags.asked[REVOCATIONS], 1);
    assert_str(ags.authorization[JWKS], "Bearer own-token");
    assert_str(ags.authorization[REVOCATIONS], "Basic aWQ6c2VjcmV0");
    assert_int_equal(stats().keys_loaded, 1);
}

static bool refreshed_often(void) {
    return ags.asked[JWKS] >= 5 && ags.asked[REVOCATIONS] >= 5;
}

static void both_are_loaded_again_in_the_interval(void **state) {
    (void)state;
    start(20);
    run_until(refreshed_often);
    assert_int_equal(stats().keys_failed, 0);
}

static bool failed_often(void) {
    return stats().keys_failed >= 3 && stats().revocations_failed >= 3;
}

static bool loaded_again(void) {
    struct trust now;
    if (trust_acquire(trust, &now) != TRUST_GOOD)
        return false;
    bool there = key_set_find(now.keys, STR("k2")) != NULL;
    trust_release(&now);
    return there;
}

static void old_ones_stay_while_ags_fails(void **state) {
    (void)state;
    start(20);
    run_until(is_loaded);
    ags.status = 500;
    run_until(failed_often);
    assert_true(is_loaded());
    publish(keys, 2);
    ags.status = 200;
    run_until(loaded_again);
}

static void ags_may_come_up_later(void **state) {
    (void)state;
    ags.status = 503;
    start(20);
    run_until(failed_often);
    assert_false(is_loaded());
    ags.status = 200;
    run_until(is_loaded);
}

static void useless_answers_replace_nothing(void **state) {
    static const char *const bad_keys[] = {"", "{}", "{\"keys\":[]}", "[]", "{\"keys\":[{}]}"};
    (void)state;
    start(20);
    run_until(is_loaded);
    ags.answers[REVOCATIONS] = STR("{\"revoked_users\":[]}");
    for (size_t i = 0; i < ARRAY_LEN(bad_keys); i++) {
        struct trust now;
        uint64_t failed = stats().keys_failed + 2;
        ags.answers[JWKS] = str_c(bad_keys[i]);
        while (stats().keys_failed < failed)
            run_a_while();
        assert_int_equal(trust_acquire(trust, &now), TRUST_GOOD);
        assert_non_null(key_set_find(now.keys, STR("k1")));
        trust_release(&now);
    }
    assert_in_range(stats().revocations_failed, 2, 10000);
}

static void an_end_in_the_middle_of_a_fetch_is_clean(void **state) {
    (void)state;
    ags.status = 0;
    start(600000);
    run_a_while();
    assert_int_equal(ags.asked[JWKS] + ags.asked[REVOCATIONS], 2);
}

/* ---- unknown keys ---- */

static int64_t now_us;

static void clock_advance_ms(int64_t ms) {
    now_us += ms * 1000;
    clock_hold(now_us, TOKEN_NOW_S * 1000000);
}

static void ask(const char *kid) {
    auth_refresh_unknown_key(refresh, str_c(kid));
    run_a_while();
}

static void unknown_keys_cannot_hammer_ags(void **state) {
    (void)state;
    now_us = 5000000;
    clock_advance_ms(0);
    start(86400000);
    run_until(is_loaded);
    for (int i = 0; i < 1000; i++)
        auth_refresh_unknown_key(refresh, arena_printf(arena, "random-%d", i));
    run_a_while();
    assert_int_equal(ags.asked[JWKS], 1); /* that of the start was just now */
    clock_advance_ms(REFRESH_KEYS_PAUSE_MS);
    for (int i = 0; i < 1000; i++)
        auth_refresh_unknown_key(refresh, arena_printf(arena, "random-%d", i));
    run_a_while();
    assert_int_equal(ags.asked[JWKS], 2);
    for (int i = 0; i < 1000; i++)
        auth_refresh_unknown_key(refresh, arena_printf(arena, "random-%d", i));
    clock_advance_ms(REFRESH_KEYS_PAUSE_MS - 1);
    ask("other");
    assert_int_equal(ags.asked[JWKS], 2);
    assert_int_equal(stats().unknown_key_fetches, 1);
    assert_int_equal(ags.asked[REVOCATIONS], 1);
}

static void one_unknown_key_asks_rarely(void **state) {
    (void)state;
    now_us = 5000000;
    clock_advance_ms(0);
    start(86400000);
    run_until(is_loaded);
    clock_advance_ms(REFRESH_KEYS_PAUSE_MS);
    ask("retired");
    assert_int_equal(ags.asked[JWKS], 2);
    clock_advance_ms(REFRESH_KEYS_PAUSE_MS);
    ask("retired");
    assert_int_equal(ags.asked[JWKS], 2);
    ask("another");
    assert_int_equal(ags.asked[JWKS], 3);
    clock_advance_ms(REFRESH_SAME_KEY_MS - REFRESH_KEYS_PAUSE_MS);
    ask("retired");
    assert_int_equal(ags.asked[JWKS], 4);
}

static void unknown_keys_do_not_add_to_failures(void **state) {
    (void)state;
    now_us = 5000000;
    clock_advance_ms(0);
    ags.status = 500;
    start(86400000);
    run_a_while();
    assert_int_equal(ags.asked[JWKS], 1);
    clock_advance_ms(REFRESH_KEYS_PAUSE_MS);
    ask("new");
    assert_int_equal(stats().unknown_key_fetches, 0);
}

static void *flood(void *arg) {
    (void)arg;
    for (int i = 0; i < 2000; i++) {
        char kid[32];
        snprintf(kid, sizeof kid, "flood-%d", i);
        auth_refresh_unknown_key(refresh, str_c(kid));
    }
    return NULL;
}

static void threads_may_flood_with_unknown_keys(void **state) {
    pthread_t threads[3];
    (void)state;
    now_us = 5000000;
    clock_advance_ms(0);
    start(86400000);
    run_until(is_loaded);
    clock_advance_ms(REFRESH_KEYS_PAUSE_MS);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        AZ(pthread_create(&threads[i], NULL, flood, NULL));
    run_a_while();
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        AZ(pthread_join(threads[i], NULL));
    run_a_while();
    assert_int_equal(ags.asked[JWKS], 2);
}

static void kids_out_of_bounds_are_ignored(void **state) {
    char kid[JWT_MAX_KID + 1];
    (void)state;
    now_us = 5000000;
    clock_advance_ms(0);
    start(86400000);
    run_until(is_loaded);
    clock_advance_ms(REFRESH_KEYS_PAUSE_MS);
    memset(kid, 'k', sizeof kid);
    auth_refresh_unknown_key(refresh, str_n(kid, sizeof kid));
    auth_refresh_unknown_key(refresh, STR_NULL);
    run_a_while();
    assert_int_equal(ags.asked[JWKS], 1);
    auth_refresh_unknown_key(refresh, str_n(kid, JWT_MAX_KID));
    run_a_while();
    assert_int_equal(ags.asked[JWKS], 2);
}

static void a_rotated_key_is_known_after_one_refusal(void **state) {
    (void)state;
    now_us = 5000000;
    clock_advance_ms(0);
    start(86400000);
    const struct authorizer_options options = {
        .trust = trust,
        .namespace_name = STR(TOKEN_NAMESPACE),
        .unknown_key = auth_refresh_unknown_key,
        .unknown_key_priv = refresh,
    };
    struct authorizer *authorizer = authorizer_new(&options);
    run_until(is_loaded);
    clock_advance_ms(REFRESH_KEYS_PAUSE_MS);
    publish(keys, 2);
    struct str token = good_token(arena, &keys[1], "RS256");
    struct err *err = admit_token(authorizer, arena, token);
    assert_int_equal(err->code, RPC_UNAUTHENTICATED);
    run_until(loaded_again);
    assert_null(admit_token(authorizer, arena, token));
    assert_null(admit_token(authorizer, arena, good_token(arena, &keys[0], "RS256")));
    authorizer_free(authorizer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(both_are_loaded_at_the_start),        TEST(both_are_loaded_again_in_the_interval),
        TEST(old_ones_stay_while_ags_fails),       TEST(ags_may_come_up_later),
        TEST(useless_answers_replace_nothing),     TEST(an_end_in_the_middle_of_a_fetch_is_clean),
        TEST(unknown_keys_cannot_hammer_ags),      TEST(one_unknown_key_asks_rarely),
        TEST(unknown_keys_do_not_add_to_failures), TEST(threads_may_flood_with_unknown_keys),
        TEST(kids_out_of_bounds_are_ignored),      TEST(a_rotated_key_is_known_after_one_refusal),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        EVP_PKEY_free(keys[i].pair);
    return failed;
}
