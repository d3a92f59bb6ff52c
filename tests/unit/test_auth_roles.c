// SPDX-License-Identifier: Apache-2.0
/* What is in roles comes from a scripted AGS in the background, is kept, and is bounded. */
#include "unit/unit.h"

#include "auth/roles.h"
#include "base/clock.h"
#include "base/ctx_sleep.h"

#include <pthread.h>
#include <unistd.h>

#define LIFETIME_MS 60000
#define STALE_MS 300000

/* ---- AGS ---- */

struct exchange {
    http_done_fn *done;
    void *priv;
    struct http_response response;
};

static struct arena *arena;
static struct loop *loop;
static struct http_client http;
static struct ags_client *client;
static struct roles *roles;
static int status;      /* of all but tokens; 0: never answers */
static struct str body; /* of the same */
static int asked;       /* for roles and contexts */
static int under_way;
static int most_under_way;
static struct str last_url;

static void on_answer(void *priv, const struct err *err) {
    struct exchange *e = priv;
    under_way--;
    e->done(e->priv, err == NULL ? &e->response : NULL, err);
}

static void answer(struct http_client *of, struct ctx *ctx, const struct http_request *req,
                   http_done_fn *done, void *priv) {
    struct exchange *e = ARENA_NEW(ctx->arena, struct exchange);
    bool token = str_ends(req->url, STR("/iam/v3/oauth/token"));
    assert_ptr_equal(of, &http);
    *e =
        (struct exchange){.done = done, .priv = priv, .response = {.status = token ? 200 : status}};
    e->response.body = token ? STR("{\"access_token\":\"own\",\"expires_in\":3600}") : body;
    if (!token) {
        asked++;
        last_url = arena_str(arena, req->url);
    }
    under_way++;
    most_under_way = under_way > most_under_way ? under_way : most_under_way;
    ctx_sleep(loop, ctx, !token && status == 0 ? 3600000 : 0, on_answer, e);
}

/* ---- the loop ---- */

/* Long enough for anything that is under way on it. */
static void run_a_while(void) {
    for (int i = 0; i < 60; i++) {
        uv_run(loop_uv(loop), UV_RUN_NOWAIT);
        usleep(500);
    }
}

static struct roles_stats stats(void) {
    struct roles_stats s;
    roles_stats(roles, &s);
    return s;
}

static void run_until_over(uint64_t answers) {
    for (int i = 0; i < 20000 && stats().fetched + stats().failed < answers; i++) {
        uv_run(loop_uv(loop), UV_RUN_NOWAIT);
        usleep(500);
    }
    assert_int_equal(stats().fetched + stats().failed, answers);
}

static int set_up(void **state) {
    (void)state;
    log_start(LOG_LEVEL_OFF, STDOUT_FILENO);
    arena = arena_new((size_t)64 << 20);
    loop = loop_new();
    http = (struct http_client){.start = answer};
    status = 200;
    /* AGS spells the permissions of a namespace's role with capitals, and others without. */
    body = STR(
        "{\"permissions\":[{\"Resource\":\"NAMESPACE:{namespace}:SESSION:GAME\",\"Action\":2}]}");
    asked = under_way = most_under_way = 0;
    const struct ags_client_options options = {
        .loop = loop,
        .http = &http,
        .base_url = STR("http://ags.test"),
        .client_id = STR("id"),
        .client_secret = STR("secret"),
        .user_agent = STR("test"),
        .max_attempts = 1,
    };
    client = ags_client_new(&options);
    const struct roles_options of = {
        .loop = loop, .ags = client, .lifetime_ms = LIFETIME_MS, .max_stale_ms = STALE_MS};
    roles = roles_new(&of);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    roles_free(roles);
    ags_client_free(client);
    loop_free(loop);
    arena_free(arena);
    clock_hold(-1, -1);
    log_stop(100);
    return 0;
}

/* ---- asking ---- */

static enum roles_answer permit(const struct jwt_claims *claims, int64_t action) {
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    enum roles_answer ret = roles_permit(
        roles, a, claims, STR("NAMESPACE:{namespace}:SESSION:GAME"), STR("game"), action);
    arena_free(a);
    return ret;
}

static enum roles_answer of_role(const char *id, const char *ns) {
    const struct jwt_namespace_role role = {.id = str_c(id), .namespace_name = str_c(ns)};
    const struct jwt_claims claims = {.sub = STR("user"),
                                      .namespace_name = STR("game"),
                                      .namespace_roles = &role,
                                      .n_namespace_roles = 1};
    return permit(&claims, 2);
}

static enum roles_answer of_permission(const char *resource, int64_t action) {
    const struct jwt_permission held = {.resource = str_c(resource), .action = action};
    const struct jwt_claims claims = {
        .namespace_name = STR("game"), .permissions = &held, .n_permissions = 1};
    return permit(&claims, 2);
}

/* ---- promises ---- */

static void what_the_token_says_itself_asks_nobody(void **state) {
    (void)state;
    assert_int_equal(of_permission("NAMESPACE:game:SESSION:GAME", 2), ROLES_HELD);
    assert_int_equal(of_permission("NAMESPACE:{namespace}:SESSION:GAME", 15), ROLES_HELD);
    assert_int_equal(of_permission("NAMESPACE:game:SESSION:GAME", 4), ROLES_NOT_HELD);
    assert_int_equal(of_permission("NAMESPACE:other:SESSION:GAME", 2), ROLES_NOT_HELD);
    run_a_while();
    assert_int_equal(asked, 0);
}

static void a_role_is_unknown_until_ags_has_answered(void **state) {
    (void)state;
    assert_int_equal(of_role("host", "game"), ROLES_UNKNOWN);
    assert_int_equal(of_role("host", "game"), ROLES_UNKNOWN);
    run_until_over(1);
    assert_int_equal(of_role("host", "game"), ROLES_HELD);
    assert_true(
        str_ends(last_url, STR("/iam/v3/admin/namespaces/game/roleoverride/host/permissions")));
    assert_int_equal(asked, 1);
    assert_int_equal(stats().known, 1);
    /* Elsewhere it is another role, and what it permits there is not permitted here. */
    assert_int_equal(of_role("host", "other"), ROLES_UNKNOWN);
    run_until_over(2);
    assert_int_equal(of_role("host", "other"), ROLES_NOT_HELD);
}

static void a_role_held_everywhere_has_an_address_of_its_own(void **state) {
    (void)state;
    body = STR("{\"permissions\":[{\"resource\":\"NAMESPACE:*:SESSION:GAME\",\"action\":2}]}");
    assert_int_equal(of_role("admin", "*"), ROLES_UNKNOWN);
    run_until_over(1);
    assert_true(str_ends(last_url, STR("/iam/v3/admin/roles/admin")));
    assert_int_equal(of_role("admin", "*"), ROLES_HELD);
}

static void clients_have_no_roles_in_namespaces(void **state) {
    (void)state;
    const struct jwt_namespace_role role = {.id = STR("host"), .namespace_name = STR("game")};
    struct jwt_claims claims = {
        .namespace_name = STR("game"), .namespace_roles = &role, .n_namespace_roles = 1};
    assert_int_equal(permit(&claims, 2), ROLES_NOT_HELD);
    claims.sub = STR("user");
    claims.namespace_name = STR_NULL;
    assert_int_equal(permit(&claims, 2), ROLES_NOT_HELD);
    run_a_while();
    assert_int_equal(asked, 0);
}

static void who_is_not_known_to_ags_permits_nothing_and_is_remembered(void **state) {
    (void)state;
    status = 404;
    body = STR("{\"errorCode\":10456,\"errorMessage\":\"role not found\"}");
    assert_int_equal(of_role("ghost", "game"), ROLES_UNKNOWN);
    run_until_over(1);
    for (int i = 0; i < 5; i++)
        assert_int_equal(of_role("ghost", "game"), ROLES_NOT_HELD);
    run_a_while();
    assert_int_equal(asked, 1);
}

static void a_failure_lets_nobody_in_and_is_not_repeated_at_once(void **state) {
    (void)state;
    clock_hold(1000000, -1);
    status = 403;
    assert_int_equal(of_role("host", "game"), ROLES_UNKNOWN);
    run_until_over(1);
    assert_int_equal(stats().failed, 1);
    for (int i = 0; i < 5; i++)
        assert_int_equal(of_role("host", "game"), ROLES_UNKNOWN);
    run_a_while();
    assert_int_equal(asked, 1);
    clock_hold(1000000 + ROLES_PAUSE_MS * 1000LL, -1);
    status = 200;
    assert_int_equal(of_role("host", "game"), ROLES_UNKNOWN);
    run_until_over(2);
    assert_int_equal(of_role("host", "game"), ROLES_HELD);
}

static void an_old_answer_serves_while_it_is_renewed_and_while_ags_fails(void **state) {
    (void)state;
    clock_hold(1000000, -1);
    assert_int_equal(of_role("host", "game"), ROLES_UNKNOWN);
    run_until_over(1);
    clock_hold(1000000 + LIFETIME_MS * 1000LL, -1);
    status = 500;
    assert_int_equal(of_role("host", "game"), ROLES_HELD);
    run_until_over(2);
    assert_int_equal(of_role("host", "game"), ROLES_HELD);
    clock_hold(1000000 + STALE_MS * 1000LL, -1);
    status = 0;
    assert_int_equal(of_role("host", "game"), ROLES_UNKNOWN);
}

static void answers_and_questions_are_bounded(void **state) {
    (void)state;
    char id[200];
    for (int i = 0; i < ROLES_MAX + 40; i++) {
        snprintf(id, sizeof id, "role-%d", i);
        (void)of_role(id, "game");
    }
    run_until_over(ROLES_MAX);
    assert_in_range(most_under_way, 1, ROLES_FETCHES);
    assert_int_equal(stats().known, ROLES_MAX);
    /* The last ones are there; the first had to go. */
    assert_int_equal(of_role(id, "game"), ROLES_HELD);
    assert_int_equal(of_role("role-0", "game"), ROLES_UNKNOWN);
    memset(id, 'x', sizeof id - 1);
    id[sizeof id - 1] = '\0';
    int before = asked;
    assert_int_equal(of_role(id, "game"), ROLES_UNKNOWN);
    run_a_while();
    assert_int_equal(asked, before + 1); /* for role-0, and not for the long one */
}

static void useless_answers_are_failures(void **state) {
    (void)state;
    static const char *const useless[] = {
        "", "{}", "[]", "{\"permissions\":7}", "<html>", "{\"permissions\":[{\"resource\":1}]}"};
    char id[20];
    for (size_t i = 0; i < ARRAY_LEN(useless); i++) {
        body = str_c(useless[i]);
        snprintf(id, sizeof id, "r%zu", i);
        assert_int_equal(of_role(id, "game"), ROLES_UNKNOWN);
        run_until_over(i + 1);
        assert_int_not_equal(of_role(id, "game"), ROLES_HELD);
    }
}

static void an_end_in_the_middle_is_clean(void **state) {
    (void)state;
    status = 0;
    for (int i = 0; i < 10; i++) {
        char id[20];
        snprintf(id, sizeof id, "r%d", i);
        assert_int_equal(of_role(id, "game"), ROLES_UNKNOWN);
    }
    run_a_while();
    assert_int_equal(asked, ROLES_FETCHES);
    /* roles_free ends them, in tear_down. */
}

static void *caller(void *arg) {
    int *held = arg;
    char id[20];
    for (int i = 0; i < 2000; i++) {
        snprintf(id, sizeof id, "r%d", i % 20);
        *held += of_role(id, "game") == ROLES_HELD;
    }
    return NULL;
}

static void threads_may_ask_while_answers_come(void **state) {
    (void)state;
    pthread_t threads[4];
    int held[4] = {0};
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, caller, &held[i]), 0);
    run_until_over(20);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    run_a_while();
    assert_int_equal(asked, 20);
    assert_int_equal(of_role("r7", "game"), ROLES_HELD);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_the_token_says_itself_asks_nobody),
        TEST(a_role_is_unknown_until_ags_has_answered),
        TEST(a_role_held_everywhere_has_an_address_of_its_own),
        TEST(clients_have_no_roles_in_namespaces),
        TEST(who_is_not_known_to_ags_permits_nothing_and_is_remembered),
        TEST(a_failure_lets_nobody_in_and_is_not_repeated_at_once),
        TEST(an_old_answer_serves_while_it_is_renewed_and_while_ags_fails),
        TEST(answers_and_questions_are_bounded),
        TEST(useless_answers_are_failures),
        TEST(an_end_in_the_middle_is_clean),
        TEST(threads_may_ask_while_answers_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
