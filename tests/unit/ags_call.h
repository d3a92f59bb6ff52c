// SPDX-License-Identifier: Apache-2.0
/* What the tests of the AGS client share: a client on a scripted HTTP client and a held clock. */
#ifndef UNIT_AGS_CALL_H
#define UNIT_AGS_CALL_H

#include "ags/client.h"
#include "ags/token.h"
#include "base/clock.h"
#include "base/obj.h"
#include "generated/ags.h"
#include "unit/fake_http.h"
#include "unit/unit.h"

#define BASE "https://ags.example.test/base"
#define CLIENT_SECRET "very secret"
#define TOKEN_URL "POST " BASE "/iam/v3/oauth/token"
#define SESSION_URL "GET " BASE "/session/v1/public/namespaces/ns/gamesessions/s1"

/* An exchange that gives a token which lives for so many seconds. */
#define GRANT(token, life)                                                                         \
    {                                                                                              \
        .request = TOKEN_URL, .body = "grant_type=client_credentials",                             \
        .headers = {"Authorization: Basic Y2xpZW50OnZlcnkgc2VjcmV0",                               \
                    "Content-Type: application/x-www-form-urlencoded",                             \
                    "Accept: application/json"},                                                   \
        .proxy_allowed = true, .status = 200,                                                      \
        .reply = "{\"access_token\":\"" token "\",\"expires_in\":" #life                           \
                 ",\"namespace\":\"ns\",\"token_type\":\"Bearer\"}"                                \
    }
#define NO_GRANT(code, text)                                                                       \
    { .request = TOKEN_URL, .proxy_allowed = true, .status = (code), .reply = (text) }
#define SESSION(token, code, text)                                                                 \
    {                                                                                              \
        .request = SESSION_URL, .headers = {"Authorization: Bearer " token},                       \
        .proxy_allowed = true, .status = (code), .reply = (text)                                   \
    }
#define EXPECT(...)                                                                                \
    fake_http_expect(fake, (struct fake_exchange[]){__VA_ARGS__},                                  \
                     ARRAY_LEN(((struct fake_exchange[]){__VA_ARGS__})))

static struct arena *arena;
static struct loop *loop;
static struct fake_http *fake;
static struct ags_client *client;
static struct ctx ctx;

static inline int set_up(void **state) {
    (void)state;
    log_start(LOG_LEVEL_OFF, 1);
    clock_hold(1000000, INT64_C(1440938160000000));
    arena = arena_new(ARENA_LIMIT_DEFAULT);
    loop = loop_new();
    fake = fake_http_new(loop);
    const struct ags_client_options options = {
        .loop = loop,
        .http = fake_http_client(fake),
        .base_url = STR(BASE),
        .client_id = STR("client"),
        .client_secret = STR(CLIENT_SECRET),
        .user_agent = STR("test/1"),
    };
    client = ags_client_new(&options);
    ctx_init(&ctx, arena, NULL, CTX_NO_DEADLINE);
    return 0;
}

static inline int tear_down(void **state) {
    (void)state;
    arena_free(arena);
    ags_client_free(client);
    fake_http_free(fake);
    loop_free(loop);
    clock_hold(-1, -1);
    log_stop(1000);
    return 0;
}

static inline void assert_code(const struct err *err, enum rpc_code code) {
    assert_non_null(err);
    if (err->code != code)
        fail_msg("%s: " STR_FMT, rpc_code_name(err->code), STR_ARG(err->msg));
    /* Neither the secret nor a token is ever repeated. */
    assert_null(strstr(err->msg.p, "secret"));
    assert_null(strstr(err->msg.p, "tok-"));
}

#endif
