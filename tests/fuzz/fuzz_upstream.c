// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as what AGS, GameLift, and the endpoints for credentials answer: status, headers and body,
 * taken by the whole client that asks. What must hold: no overrun, no leak, one callback for each
 * request, either a result or an error whose message is one line of UTF-8, and no secret in it.
 *
 * Input: one byte that chooses who asks, then answers, each ended by 0xFF: a byte that chooses the
 * status, a header as a line, the body. The last answer is given again if more is asked.
 */
#include "ags/client.h"
#include "aws/client.h"
#include "aws/credentials_chain.h"
#include "base/clock.h"
#include "base/obj.h"
#include "generated/ags.h"
#include "generated/gamelift.h"
#include "../unit/fake_http.h"

#define SECRET "hush-hush-hush"
#define MAX_ASKED 20 /* requests of one input; more would be a loop */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- an HTTP client that answers with the input ---- */

static struct loop *loop;
static struct str input;
static int asked;
static int told; /* callbacks of who asks */

struct exchange { /* in the context's arena */
    struct loop_timer timer;
    struct ctx *ctx;
    http_done_fn *done;
    void *priv;
};

static struct str next_answer(void) {
    struct str answer = str_sub(input, 0, str_find(input, (char)0xFF));
    struct str rest = str_from(input, answer.n + 1);
    if (rest.n > 0)
        input = rest;
    return answer;
}

static void on_due(struct loop_timer *timer) {
    static const int statuses[] = {200, 200, 200, 201, 204, 301, 400, 401,
                                   403, 404, 409, 422, 429, 500, 503, 999};
    struct exchange *x = CONTAINER_OF(timer, struct exchange, timer);
    struct str answer = next_answer();
    struct str line = str_sub(str_from(answer, 1), 0, str_find(str_from(answer, 1), '\n'));
    size_t colon = str_find(line, ':');
    struct http_header *headers = arena_array(x->ctx->arena, 1, sizeof *headers);
    struct http_response *resp = arena_alloc(x->ctx->arena, sizeof *resp);
    headers->name = arena_str(x->ctx->arena, str_sub(line, 0, colon));
    headers->value = arena_str(x->ctx->arena, str_trim(str_from(line, colon + 1)));
    resp->status = answer.n > 0 ? statuses[(unsigned char)answer.p[0] % ARRAY_LEN(statuses)] : 200;
    resp->headers = headers;
    resp->n_headers = 1;
    resp->body = arena_str(x->ctx->arena, str_from(answer, line.n + 2));
    x->done(x->priv, resp, NULL);
}

static void on_arena_free(void *arg) {
    loop_timer_stop(arg);
}

static void start(struct http_client *client, struct ctx *ctx, const struct http_request *req,
                  http_done_fn *done, void *priv) {
    struct exchange *x = arena_alloc(ctx->arena, sizeof *x);
    (void)client;
    ASSERT(++asked < MAX_ASKED);
    ASSERT(str_find(req->url, '\n') == req->url.n && str_starts(req->url, STR("http")));
    x->ctx = ctx;
    x->done = done;
    x->priv = priv;
    loop_timer_start(loop, &x->timer, 0, on_due);
    arena_defer(ctx->arena, on_arena_free, &x->timer);
}

static struct http_client http = {.start = start};

/* ---- who asks ---- */

static void check(const void *out, const struct err *err) {
    told++;
    ASSERT((out == NULL) == (err != NULL));
    if (err != NULL) {
        ASSERT(err->msg.n > 0 && str_is_utf8(err->msg) && str_find(err->msg, '\n') == err->msg.n);
        ASSERT(memmem(err->msg.p, err->msg.n, SECRET, strlen(SECRET)) == NULL);
    }
}

/* Lets time pass, as what fails may be tried again after a while. */
static void wait_for_end(void) {
    fake_settle(loop);
    for (int i = 0; i < 20 && told == 0; i++)
        fake_advance(loop, 10000);
    ASSERT(told == 1);
}

static void on_session(void *priv, const struct ags_game_session_response *out,
                       const struct err *err) {
    (void)priv;
    check(out, err);
}

static void ask_ags(struct ctx *ctx) {
    const struct ags_client_options options = {
        .loop = loop,
        .http = &http,
        .base_url = STR("https://ags.example.test"),
        .client_id = STR("client"),
        .client_secret = STR(SECRET),
        .user_agent = STR("fuzz/1"),
        .max_attempts = 1,
    };
    const struct ags_get_game_session_input in = {.namespace = STR("ns"), .session_id = STR("s1")};
    struct ags_client *client = ags_client_new(&options);
    ags_get_game_session(client, ctx, &in, on_session, NULL);
    wait_for_end();
    ags_client_free(client);
}

static void on_created(void *priv, const struct gl_create_game_session_output *out,
                       const struct err *err) {
    (void)priv;
    check(out, err);
}

static void ask_gamelift(struct ctx *ctx) {
    struct aws_credentials_provider *credentials = NULL;
    struct aws_client *client = NULL;
    struct err *err = aws_credentials_static_new(ctx->arena, STR("AKIDEXAMPLE"), STR(SECRET),
                                                 STR_NULL, &credentials);
    ASSERT(err == NULL);
    const struct aws_client_options options = {
        .loop = loop,
        .http = &http,
        .credentials = credentials,
        .endpoint = {.service = STR("gamelift"), .region = STR("us-east-1")},
        .user_agent = STR("fuzz/1"),
        .max_attempts = 1,
    };
    err = aws_client_new(&options, ctx->arena, &client);
    ASSERT(err == NULL);
    const struct gl_create_game_session_input in = {
        .alias_id = STR("alias-1"),
        .has_maximum_player_session_count = true,
        .maximum_player_session_count = 4,
    };
    gl_create_game_session(client, ctx, &in, on_created, NULL);
    wait_for_end();
    aws_client_free(client);
    aws_credentials_provider_free(credentials);
}

static void on_credentials(void *priv, const struct aws_credentials *creds, const struct err *err) {
    (void)priv;
    check(creds, err);
}

/* The instance's metadata service, a container's endpoint, or STS, as the environment says. */
static void ask_for_credentials(struct ctx *ctx, const struct aws_environment *env) {
    struct aws_credentials_provider *provider = NULL;
    const struct aws_credentials_chain_options options = {
        .loop = loop, .http = &http, .env = env, .user_agent = STR("fuzz/1")};
    struct err *err = aws_credentials_chain_new(ctx->arena, &options, &provider);
    ASSERT(err == NULL);
    aws_credentials_get(provider, ctx, on_credentials, NULL);
    wait_for_end();
    aws_credentials_provider_free(provider);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct aws_environment instance = {.home = STR_NULL};
    static const struct aws_environment container = {
        .container_relative_uri = STR_INIT("/v2/credentials/x")};
    static const struct aws_environment role = {
        .region = STR_INIT("us-east-1"),
        .role_arn = STR_INIT("arn:aws:iam::123456789012:role/game"),
        .web_identity_token_file = STR_INIT("/etc/debian_version")};
    /* An answer that guesses the secret would find it in the error. */
    if (size == 0 || memmem(data, size, SECRET, strlen(SECRET)) != NULL)
        return 0;
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    static bool logging;
    struct ctx ctx;
    if (!logging)
        log_start(LOG_LEVEL_OFF, 1);
    logging = true;
    clock_hold(1000000, INT64_C(1785585600000000));
    loop = loop_new();
    ctx_init(&ctx, a, NULL, clock_mono_ms() + 60000);
    input = str_n((const char *)data + 1, size - 1);
    asked = told = 0;
    switch (data[0] % 5) {
    case 0:
        ask_ags(&ctx);
        break;
    case 1:
        ask_gamelift(&ctx);
        break;
    case 2:
        ask_for_credentials(&ctx, &instance);
        break;
    case 3:
        ask_for_credentials(&ctx, &container);
        break;
    default:
        ask_for_credentials(&ctx, &role);
    }
    arena_free(a);
    loop_free(loop);
    return 0;
}
