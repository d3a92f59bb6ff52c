// SPDX-License-Identifier: Apache-2.0
/*
 * What the tests of the AWS client share: a client on a scripted HTTP client, with a clock that
 * stands at 2015-08-30T12:36:00Z, and one TerminateGameSession to wait for.
 */
#ifndef UNIT_AWS_CALL_H
#define UNIT_AWS_CALL_H

#include "aws/client.h"
#include "base/clock.h"
#include "base/obj.h"
#include "generated/gamelift.h"
#include "unit/fake_http.h"
#include "unit/fixed_credentials.h"
#include "unit/unit.h"

#define SECRET_KEY "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define URL "POST https://gamelift.us-east-1.amazonaws.com/"
#define BODY                                                                                       \
    "{\"GameSessionId\":\"arn:aws:gamelift:us-east-1::gamesession/fleet-1/x\","                    \
    "\"TerminationMode\":\"FORCE_TERMINATE\"}"
#define GOOD                                                                                       \
    { .request = URL, .proxy_allowed = true, .status = 200, .reply = "{}" }
#define ANSWER(code, text)                                                                         \
    { .request = URL, .proxy_allowed = true, .status = (code), .reply = (text) }
#define ANSWER_WITH(code, header, text)                                                            \
    {                                                                                              \
        .request = URL, .proxy_allowed = true, .status = (code), .reply_header = (header),         \
        .reply = (text)                                                                            \
    }
#define EXPECT(...)                                                                                \
    fake_http_expect(fake, (struct fake_exchange[]){__VA_ARGS__},                                  \
                     ARRAY_LEN(((struct fake_exchange[]){__VA_ARGS__})))

static struct arena *arena;
static struct loop *loop;
static struct fake_http *fake;
static struct aws_credentials_provider *credentials;
static struct aws_client *client;
static struct ctx ctx;
static int done; /* callbacks */
static const struct gl_terminate_game_session_output *output;
static const struct err *error;
static int observed;
static char observations[500];

static inline void observe(void *priv, struct ctx *of, const struct aws_operation *op,
                           struct str region, int attempt, int64_t duration_us,
                           const struct err *err) {
    (void)priv;
    assert_true(duration_us >= 0);
    (void)of;
    observed++;
    size_t n = strlen(observations);
    snprintf(observations + n, sizeof observations - n, "%.1s " STR_FMT " %d %s;", op->name.p,
             STR_ARG(region), attempt, err == NULL ? "ok" : rpc_code_name(err->code));
}

static inline void make_client(const char *token, struct endpoint_settings endpoint) {
    struct err *err = fixed_credentials_new(arena, STR("AKIDEXAMPLE"), STR(SECRET_KEY),
                                            str_c(token), &credentials);
    assert_null(err);
    endpoint.service = STR("gamelift");
    const struct aws_client_options options = {
        .loop = loop,
        .http = fake_http_client(fake),
        .credentials = credentials,
        .endpoint = endpoint,
        .user_agent = STR("test/1"),
        .observe = observe,
    };
    err = aws_client_new(&options, arena, &client);
    if (err != NULL)
        fail_msg("%s", err->msg.p);
}

static inline int set_up(void **state) {
    (void)state;
    clock_hold(1000000, INT64_C(1440938160000000));
    arena = arena_new(ARENA_LIMIT_DEFAULT);
    loop = loop_new();
    fake = fake_http_new(loop);
    client = NULL;
    credentials = NULL;
    observed = 0;
    observations[0] = '\0';
    ctx_init(&ctx, arena, NULL, CTX_NO_DEADLINE);
    return 0;
}

static inline int tear_down(void **state) {
    (void)state;
    arena_free(arena);
    aws_client_free(client);
    aws_credentials_provider_free(credentials);
    fake_http_free(fake);
    loop_free(loop);
    clock_hold(-1, -1);
    return 0;
}

static inline void usual_client(void) {
    make_client(NULL, (struct endpoint_settings){.region = STR("us-east-1")});
}

static inline void on_terminated(void *priv, const struct gl_terminate_game_session_output *out,
                                 const struct err *err) {
    assert_ptr_equal(priv, &ctx);
    done++;
    output = out;
    error = err;
}

static inline void terminate_on(struct aws_client *c) {
    const struct gl_terminate_game_session_input in = {
        .game_session_id = STR("arn:aws:gamelift:us-east-1::gamesession/fleet-1/x"),
        .termination_mode = GL_TERMINATION_MODE_FORCE_TERMINATE,
    };
    done = 0;
    output = NULL;
    error = NULL;
    gl_terminate_game_session(c, &ctx, &in, on_terminated, &ctx);
    assert_int_equal(done, 0);
    fake_settle(loop);
}

static inline void terminate(void) {
    terminate_on(client);
}

static inline void assert_good(void) {
    assert_int_equal(done, 1);
    if (error != NULL)
        fail_msg("%s", error->msg.p);
    assert_non_null(output);
}

static inline void assert_bad(enum rpc_code code, enum err_origin origin) {
    assert_int_equal(done, 1);
    assert_null(output);
    assert_non_null(error);
    assert_string_equal(rpc_code_name(error->code), rpc_code_name(code));
    assert_int_equal(error->origin, origin);
}

#endif
