// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as what AGS, GameLift, and the endpoints for credentials answer: status, headers and
 * body, taken by the whole client that asks. What must hold: no overrun, no leak, one callback for
 * each request, either a result or an error whose message is one line of UTF-8, and no secret in
 * it; and nothing is left to be done later once the client is gone.
 *
 * Input: one byte that chooses who asks and how; for who is configured, a text that ends with 0xFF,
 * see configure(); then answers, each ended by 0xFF: a byte that chooses the status or that there
 * is no answer, a header as a line, the body. The last answer is given again if more is asked.
 */
#include "ags/client.h"
#include "aws/client.h"
#include "aws/credentials_chain.h"
#include "aws/error.h"
#include "aws/retry.h"
#include "base/clock.h"
#include "base/obj.h"
#include "generated/ags.h"
#include "generated/gamelift.h"
#include "http/http.h"
#include "tests/unit/fixed_credentials.h"

#include <sys/mman.h>
#include <unistd.h>

#define SECRET "hush-hush-hush"
#define MAX_ASKED 80   /* requests of one input; more would be a loop */
#define MAX_TURNS 1000 /* of the loop; each step of a fetch takes one, each wait some */
#define STEP_US 500000 /* of a wait */
#define NO_ANSWER 0xF0 /* first of the bytes for a connection that breaks */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- an HTTP client that answers with the input ---- */

static struct loop *loop;
static struct str input;
static int asked;
static int on_the_way; /* answers that are due */
static int told;       /* callbacks of who asks */

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
    on_the_way--;
    if (answer.n > 0 && (unsigned char)answer.p[0] >= NO_ANSWER) {
        struct err *err = err_new(x->ctx->arena, RPC_UNAVAILABLE, "the connection broke");
        err->origin = ERR_TRANSPORT;
        err->retryable = answer.p[0] % 2 == 0;
        x->done(x->priv, NULL, err);
        return;
    }
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
    struct exchange *x = arg;
    on_the_way -= x->timer.armed;
    loop_timer_stop(&x->timer);
}

static void start(struct http_client *client, struct ctx *ctx, const struct http_request *req,
                  http_done_fn *done, void *priv) {
    struct exchange *x = arena_alloc(ctx->arena, sizeof *x);
    (void)client;
    ASSERT(++asked < MAX_ASKED);
    ASSERT(str_find(req->url, '\n') == req->url.n &&
           str_eq_nocase(str_sub(req->url, 0, 4), STR("http")));
    x->ctx = ctx;
    x->done = done;
    x->priv = priv;
    loop_timer_start(loop, &x->timer, 0, on_due);
    arena_defer(ctx->arena, on_arena_free, x);
    on_the_way++;
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

/* ---- time ---- */

static int64_t now_us; /* both clocks are held */

static void hold(int64_t mono_us) {
    clock_hold(mono_us, INT64_C(1785585600000000) + now_us);
}

static void on_kick(struct loop_timer *timer) {
    (void)timer;
    loop_stop(loop);
}

/* All that is due, and then the earliest of all timers, which ends the turn. */
static void turn(void) {
    struct loop_timer kick = {.armed = false};
    hold(0);
    loop_timer_start(loop, &kick, 0, on_kick);
    hold(now_us);
    loop_run(loop);
}

/* Lets time pass, as what fails may be tried again after a while. */
static void wait_for_end(void) {
    for (int i = 0; i < MAX_TURNS && told == 0; i++) {
        if (on_the_way == 0)
            now_us += STEP_US;
        turn();
    }
    ASSERT(told == 1);
}

static void on_session(void *priv, const struct ags_game_session_response *out,
                       const struct err *err) {
    (void)priv;
    check(out, err);
}

static void on_told(void *priv, const struct err *err) {
    (void)priv;
    check(err == NULL ? "" : NULL, err);
}

static void on_observed(void *priv, struct ctx *ctx, const struct rest_operation *op, int attempt,
                        int64_t duration_us, const struct err *err) {
    (void)priv;
    (void)ctx;
    (void)err;
    ASSERT(attempt > 0 && duration_us >= 0 && !str_empty(op->name));
}

static struct ags_client *ags(unsigned how) {
    const struct ags_client_options options = {
        .loop = loop,
        .http = &http,
        .base_url = STR("https://ags.example.test"),
        .client_id = STR("client"),
        .client_secret = STR(SECRET),
        .user_agent = STR("fuzz/1"),
        .max_attempts = how & 1 ? 0 : 1,
        .observe = how & 1 ? on_observed : NULL,
    };
    struct ags_client *client = ags_client_new(&options);
    if (how & 2)
        ags_client_prepare(client);
    return client;
}

static void ask_for_session(struct ctx *ctx, unsigned how) {
    static const struct str ids[] = {STR_INIT("s1"), STR_INIT("a/b \xC3\xBC"), STR_INIT("..")};
    const struct ags_get_game_session_input in = {.namespace = STR("ns"),
                                                  .session_id = ids[how / 4 % ARRAY_LEN(ids)]};
    struct ags_client *client = ags(how);
    ags_get_game_session(client, ctx, &in, on_session, NULL);
    wait_for_end();
    ASSERT(!(ags_client_token_age_s(client) < 0));
    ags_client_free(client);
}

static void tell_ags(struct ctx *ctx, unsigned how) {
    const struct ags_update_gamesession_ds_information_request body = {
        .created_region = STR("us-east-1"),
        .deployment = STR("d"),
        .description = STR("d"),
        .ip = STR("203.0.113.1"),
        .has_port = true,
        .port = 7777,
        .region = STR("us-east-1"),
        .server_id = STR("s"),
        .source = STR("Gamelift"),
        .status = AGS_UPDATE_GAMESESSION_DS_INFORMATION_REQUEST_STATUS_AVAILABLE,
    };
    const struct ags_admin_update_ds_information_input in = {
        .body = &body, .namespace = STR("ns"), .session_id = STR("s1")};
    struct ags_client *client = ags(how);
    ags_admin_update_ds_information(client, ctx, &in, on_told, NULL);
    wait_for_end();
    ags_client_free(client);
}

static void on_created(void *priv, const struct gl_create_game_session_output *out,
                       const struct err *err) {
    (void)priv;
    check(out, err);
}

static void ask_gamelift(struct ctx *ctx, unsigned how) {
    struct aws_credentials_provider *credentials = NULL;
    struct aws_client *client = NULL;
    struct err *err =
        fixed_credentials_new(ctx->arena, STR("AKIDEXAMPLE"), STR(SECRET), STR_NULL, &credentials);
    ASSERT(err == NULL);
    const struct aws_client_options options = {
        .loop = loop,
        .http = &http,
        .credentials = credentials,
        .endpoint = {.service = STR("gamelift"), .region = STR("us-east-1")},
        .user_agent = STR("fuzz/1"),
        .protocol = how & 2 ? AWS_PROTOCOL_CBOR : AWS_PROTOCOL_JSON,
        .max_attempts = how & 1 ? 3 : 1,
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
static void ask_for_credentials(struct ctx *ctx, const struct aws_environment *env,
                                const struct shared_config *config) {
    struct aws_credentials_provider *provider = NULL;
    const struct aws_credentials_chain_options options = {
        .loop = loop, .http = &http, .env = env, .config = config, .user_agent = STR("fuzz/1")};
    struct err *err = aws_credentials_chain_new(ctx->arena, &options, &provider);
    if (err != NULL) { /* what is configured makes no sense */
        check(NULL, err);
        return;
    }
    const struct aws_credentials *at_hand = aws_credentials_peek(provider);
    if (at_hand != NULL)
        check(at_hand, NULL);
    else
        aws_credentials_get(provider, ctx, on_credentials, NULL);
    wait_for_end();
    aws_credentials_provider_free(provider);
}

/* ---- settings ---- */

static const struct {
    char letter;
    size_t offset;
} variables[] = {
    {'a', offsetof(struct aws_environment, metadata_attempts)},
    {'c', offsetof(struct aws_environment, container_full_uri)},
    {'e', offsetof(struct aws_environment, metadata_endpoint)},
    {'g', offsetof(struct aws_environment, region)},
    {'i', offsetof(struct aws_environment, access_key_id)},
    {'k', offsetof(struct aws_environment, disable_skew_correction)},
    {'m', offsetof(struct aws_environment, metadata_endpoint_mode)},
    {'n', offsetof(struct aws_environment, role_session_name)},
    {'o', offsetof(struct aws_environment, metadata_timeout)},
    {'p', offsetof(struct aws_environment, profile)},
    {'r', offsetof(struct aws_environment, container_relative_uri)},
    {'u', offsetof(struct aws_environment, endpoint_url_sts)},
    {'v', offsetof(struct aws_environment, metadata_v1_disabled)},
    {'w', offsetof(struct aws_environment, role_arn)},
    {'x', offsetof(struct aws_environment, metadata_disabled)},
};

/* A file in memory with this text, under a name of this process's own. */
static struct str file_of(struct arena *a, struct str text) {
    static int fd;
    if (fd == 0)
        fd = memfd_create("token", MFD_CLOEXEC);
    ASSERT(fd > 0 && ftruncate(fd, 0) == 0);
    ASSERT(pwrite(fd, text.p, text.n, 0) == (ssize_t)text.n);
    return arena_printf(a, "/proc/self/fd/%d", fd);
}

static void set(struct arena *a, struct aws_environment *env, char letter, struct str value) {
    for (size_t i = 0; i < ARRAY_LEN(variables); i++)
        if (variables[i].letter == letter)
            memcpy((char *)env + variables[i].offset, &value, sizeof value);
    if (letter == 't' || letter == 's') {
        struct secret *secret = letter == 't' ? &env->container_token : &env->secret_access_key;
        secret_free(secret);
        *secret = secret_new(value);
    } else if (letter == 'f') {
        env->container_token_file = file_of(a, value);
    } else if (letter == 'q') {
        env->web_identity_token_file = file_of(a, value);
    }
}

/* Would be carried out. */
static bool names_a_command(struct str text) {
    for (size_t i = 0; i < text.n; i++)
        if (str_eq_nocase(str_sub(text, i, i + 7), STR("process")))
            return true;
    return false;
}

/*
 * Lines, of which the first byte chooses a variable of the environment and the rest is its value;
 * an empty one ends them, and AWS's config file comes behind it.
 */
static void ask_as_configured(struct ctx *ctx) {
    struct aws_environment env = {.home = STR_NULL};
    struct shared_config *config = NULL;
    struct str text = next_answer();
    if (names_a_command(text)) {
        told++;
        return;
    }
    while (text.n > 0) {
        struct str line = str_sub(text, 0, str_find(text, '\n'));
        text = str_from(text, line.n + 1);
        if (line.n == 0)
            break;
        set(ctx->arena, &env, line.p[0], arena_str(ctx->arena, str_from(line, 1)));
    }
    const struct shared_config_text file = {text, "config"};
    struct err *err = shared_config_parse(ctx->arena, &file, NULL, &config);
    if (err != NULL)
        check(NULL, err);
    else
        ask_for_credentials(ctx, &env, config);
    shared_config_free(config);
    aws_environment_clear(&env);
}

static void ask(struct ctx *ctx, unsigned who, unsigned how) {
    static const struct aws_environment instance = {.home = STR_NULL};
    static const struct aws_environment container = {.container_relative_uri =
                                                         STR_INIT("/v2/credentials/x")};
    static const struct aws_environment role = {
        .region = STR_INIT("us-east-1"),
        .role_arn = STR_INIT("arn:aws:iam::123456789012:role/game"),
        .web_identity_token_file = STR_INIT("/etc/debian_version")};
    switch (who) {
    case 0:
        ask_for_session(ctx, how);
        break;
    case 1:
        ask_gamelift(ctx, how);
        break;
    case 2:
        ask_for_credentials(ctx, &instance, NULL);
        break;
    case 3:
        ask_for_credentials(ctx, &container, NULL);
        break;
    case 4:
        ask_for_credentials(ctx, &role, NULL);
        break;
    case 5:
        tell_ags(ctx, how);
        break;
    default:
        ask_as_configured(ctx);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ctx ctx;
    /* An answer that guesses the secret would find it in the error. */
    if (size == 0 || memmem(data, size, SECRET, strlen(SECRET)) != NULL)
        return 0;
    if (loop == NULL) {
        log_start(LOG_LEVEL_OFF, 1);
        loop = loop_new();
    }
    now_us = 1000000;
    hold(now_us);
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    ctx_init(&ctx, a, NULL, clock_mono_ms() + 60000);
    input = str_n((const char *)data + 1, size - 1);
    asked = told = on_the_way = 0;
    ask(&ctx, data[0] % 8, data[0] / 8);
    arena_free(a);
    /* A timer that was left behind would go off now. */
    now_us += INT64_C(86400000000);
    turn();
    ASSERT(told == 1 && on_the_way == 0);
    return 0;
}
