// SPDX-License-Identifier: Apache-2.0
/*
 * What the tests of the credentials sources share: a loop, a scripted HTTP client, a held clock, an
 * environment to fill in, and what the last fetch or the last caller was told.
 */
#ifndef UNIT_CREDENTIALS_FIXTURE_H
#define UNIT_CREDENTIALS_FIXTURE_H

#include "aws/credentials_source.h"
#include "base/clock.h"
#include "base/obj.h"
#include "fake_http.h"
#include "unit.h"

#include <stdlib.h>
#include <unistd.h>

#define NOW_S INT64_C(1785585600) /* 2026-08-01T12:00:00Z */
#define ROLE "arn:aws:iam::123456789012:role/game"

static struct arena *arena;
static struct arena *call_arena; /* of ctx */
static struct ctx ctx;
static struct loop *loop;
static struct fake_http *http;
static struct aws_environment env;
static struct shared_config *config;
static struct aws_credentials_provider *provider;

/* What the last callback brought. */
static int calls;
static int errors;
static struct aws_credentials got; /* of a source */
static struct str got_id;          /* of a provider */
static struct err *got_err;

static int set_up(void **state) {
    (void)state;
    arena = arena_new(ARENA_LIMIT_DEFAULT);
    call_arena = arena_new(ARENA_LIMIT_DEFAULT);
    ctx_init(&ctx, call_arena, NULL, CTX_NO_DEADLINE);
    loop = loop_new();
    http = fake_http_new(loop);
    clock_hold(1000000, NOW_S * 1000000);
    env = (struct aws_environment){.home = STR_NULL};
    config = NULL;
    provider = NULL;
    calls = errors = 0;
    got_id = STR_NULL;
    got_err = NULL;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    aws_credentials_clear(&got);
    arena_free(call_arena);
    aws_credentials_provider_free(provider);
    fake_http_free(http);
    shared_config_free(config);
    aws_environment_clear(&env);
    arena_free(arena);
    loop_free(loop);
    clock_hold(-1, -1);
    return 0;
}

#define EXPECT(...)                                                                                \
    do {                                                                                           \
        static const struct fake_exchange list[] = {__VA_ARGS__};                                  \
        fake_http_expect(http, list, ARRAY_LEN(list));                                             \
    } while (0)

/* ---- files ---- */

static inline struct str temp_file(const char *text) {
    char path[] = "/tmp/credentials-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    return arena_str(arena, str_c(path));
}

static inline void overwrite(struct str path, const char *text) {
    FILE *f = fopen(path.p, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* ---- a source by itself ---- */

static inline struct aws_plan make_plan(void) {
    return (struct aws_plan){
        .arena = arena,
        .errors = arena,
        .loop = loop,
        .http = fake_http_client(http),
        .user_agent = STR("test/1"),
        .env = &env,
        .config = config,
    };
}

static inline void on_fetched(void *priv, struct aws_credentials *creds, const struct err *err) {
    (void)priv;
    calls++;
    assert_true((creds == NULL) == (err != NULL));
    aws_credentials_clear(&got);
    got_err = err == NULL ? NULL : err_copy(arena, err);
    if (creds != NULL)
        got = *creds;
}

static inline void start_fetch(struct aws_credentials_source *source) {
    calls = 0;
    source->fetch(source, &ctx, on_fetched, NULL);
    assert_int_equal(calls, 0); /* never before it returns */
}

static inline void fetch(struct aws_credentials_source *source) {
    start_fetch(source);
    fake_settle(loop);
}

static inline void assert_failed(const char *message) {
    assert_int_equal(calls, 1);
    assert_non_null(got_err);
    assert_str(got_err->msg, message);
    assert_true(str_find(got_err->msg, '\n') == got_err->msg.n);
}

/* ---- a provider ---- */

static inline void on_credentials(void *priv, const struct aws_credentials *creds,
                                  const struct err *err) {
    (void)priv;
    calls++;
    if (err != NULL) {
        errors++;
        got_err = err_copy(arena, err);
        return;
    }
    got_id = arena_str(arena, creds->access_key_id);
}

static inline void get(void) {
    aws_credentials_get(provider, &ctx, on_credentials, NULL);
}

static inline void assert_peek(const char *id) {
    const struct aws_credentials *c = aws_credentials_peek(provider);
    if (c == NULL)
        fail_msg("there are no credentials");
    else
        assert_str(c->access_key_id, id);
}

#endif
