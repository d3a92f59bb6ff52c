// SPDX-License-Identifier: Apache-2.0
#include "handler_fixture.h"

#include "base/clock.h"
#include "base/ctx_sleep.h"
#include "base/obj.h"
#include "unit/fixed_credentials.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define TURNS 6                                  /* of the loop at each step */
#define PATIENCE_MS ((int64_t)600000)            /* that anything may take */
#define START_US ((int64_t)1000000000)           /* of the monotonic clock */
#define TODAY_US ((int64_t)1790000000 * 1000000) /* of the other one */
#define AWS_SECRET "aws-secret-access-key-value"
#define AGS_SECRET "ags-client-secret-value"
#define ADDRESS "203.0.113.7"

static const char *const never_logged[] = {
    SESSION_DATA, JOIN_SECRET, AWS_SECRET, AGS_SECRET, FIXTURE_AGS_TOKEN, ADDRESS,
};

/* ---- the log ---- */

static int log_fd = -1;

static char *log_text(void) {
    off_t n = lseek(log_fd, 0, SEEK_END);
    char *text = calloc(1, (size_t)n + 1);
    AN(text);
    ASSERT(pread(log_fd, text, (size_t)n, 0) == n);
    return text;
}

bool logged(struct handler_fixture *f, const char *words) {
    (void)f;
    log_stop(10000);
    char *text = log_text();
    bool found = strstr(text, words) != NULL;
    free(text);
    log_start(LOG_LEVEL_DEBUG, log_fd);
    return found;
}

static void check_log(void) {
    char *text = log_text();
    for (size_t i = 0; i < ARRAY_LEN(never_logged); i++)
        if (strstr(text, never_logged[i]) != NULL)
            fail_msg("the log holds \"%s\"", never_logged[i]);
    free(text);
}

/* ---- set up and tear down ---- */

static void make_clients(struct handler_fixture *f, int max_attempts) {
    const struct aws_client_options aws = {
        .loop = f->loop,
        .http = &f->http,
        .credentials = f->credentials,
        .endpoint = {.service = STR("gamelift"), .region = STR("us-east-1")},
        .user_agent = STR("test"),
        .max_attempts = max_attempts,
    };
    const struct ags_client_options ags = {
        .loop = f->loop,
        .http = &f->http,
        .base_url = STR("https://ags.example"),
        .client_id = STR("client"),
        .client_secret = STR(AGS_SECRET),
        .user_agent = STR("test"),
        .max_attempts = max_attempts,
    };
    assert_null(aws_client_new(&aws, f->arena, &f->svc.gamelift));
    f->svc.ags = ags_client_new(&ags);
}

static void free_clients(struct handler_fixture *f) {
    aws_client_free(f->svc.gamelift);
    ags_client_free(f->svc.ags);
}

void fixture_attempts(struct handler_fixture *f, int max_attempts) {
    free_clients(f);
    make_clients(f, max_attempts);
}

static const struct aws_credentials *no_credentials(struct aws_credentials_provider *provider) {
    (void)provider;
    return NULL;
}

struct asking { /* in the context's arena */
    aws_credentials_fn *fn;
    void *priv;
    struct arena *arena;
};

static void on_asked(void *priv, const struct err *err) {
    struct asking *a = priv;
    a->fn(a->priv, NULL, err != NULL ? err : err_new(a->arena, RPC_INTERNAL, "no credentials"));
}

static struct loop *asked_loop;

static void ask_for_credentials(struct aws_credentials_provider *provider, struct ctx *ctx,
                                aws_credentials_fn *fn, void *priv) {
    struct asking *a = ARENA_NEW(ctx->arena, struct asking);
    (void)provider;
    *a = (struct asking){.fn = fn, .priv = priv, .arena = ctx->arena};
    ctx_sleep(asked_loop, ctx, 0, on_asked, a);
}

void fixture_without_credentials(struct handler_fixture *f) {
    asked_loop = f->loop;
    f->credentials->peek = no_credentials;
    f->credentials->get = ask_for_credentials;
}

int fixture_set_up(void **state) {
    struct handler_fixture *f = calloc(1, sizeof *f);
    AN(f);
    clock_hold(START_US, TODAY_US);
    log_fd = memfd_create("log", MFD_CLOEXEC);
    ASSERT(log_fd >= 0);
    log_start(LOG_LEVEL_DEBUG, log_fd);
    f->loop = loop_new();
    f->arena = arena_new(ARENA_LIMIT_DEFAULT);
    f->http.start = fixture_http;
    f->deadline_ms = 30000;
    f->svc.loop = f->loop;
    f->svc.termination_mode = GL_TERMINATION_MODE_TRIGGER_ON_PROCESS_TERMINATE;
    f->svc.reclaim_delay_ms = RECLAIM_DELAY_MS;
    dsm_service_init(&f->svc);
    assert_null(fixed_credentials_new(f->arena, STR("AKIDEXAMPLE"), STR(AWS_SECRET), STR_NULL,
                                      &f->credentials));
    make_clients(f, 1);
    *state = f;
    return 0;
}

static void end_call(struct handler_fixture *f) {
    arena_free(f->rpc.ctx.arena);
    f->rpc.ctx.arena = NULL;
}

int fixture_tear_down(void **state) {
    struct handler_fixture *f = *state;
    size_t left = f->n_steps - f->next;
    const char *next = left > 0 ? f->script[f->next].op : "";
    char wrong[sizeof f->wrong];
    memcpy(wrong, f->wrong, sizeof wrong);
    end_call(f);
    free(f->rpc.undelivered_priv);
    reclaim_give_up_all(&f->svc);
    free_clients(f);
    aws_credentials_provider_free(f->credentials);
    loop_free(f->loop);
    arena_free(f->arena);
    free(f);
    clock_hold(-1, -1);
    log_stop(10000);
    check_log();
    close(log_fd);
    if (wrong[0] != '\0')
        fail_msg("%s", wrong);
    if (left > 0)
        fail_msg("%zu requests did not come, the next is %s", left, next);
    return 0;
}

void expect(struct handler_fixture *f, const struct step *steps, size_t n) {
    ASSERT(f->n_steps + n <= FIXTURE_STEPS);
    memcpy(f->script + f->n_steps, steps, n * sizeof *steps);
    f->n_steps += n;
}

/* ---- a call ---- */

static void on_release(struct loop_job *job) {
    end_call(CONTAINER_OF(job, struct handler_fixture, release));
}

/* Stands for the server: takes the answer along, and frees the call on the loop's next turn. */
static void on_finish(struct rpc_call *rpc, const struct err *err, const ProtobufCMessage *resp) {
    struct handler_fixture *f = CONTAINER_OF(rpc, struct handler_fixture, rpc);
    f->finished++;
    f->took_ms = clock_mono_ms() - f->started_ms;
    f->code = err == NULL ? RPC_OK : err->code;
    f->message = arena_str(f->arena, err == NULL ? STR_NULL : err->msg);
    f->resp = NULL;
    if (resp != NULL) {
        size_t n = protobuf_c_message_get_packed_size(resp);
        uint8_t *bytes = arena_alloc(f->arena, n);
        protobuf_c_message_pack(resp, bytes);
        assert_null(protobuf_unpack(f->arena, resp->descriptor, str_n((char *)bytes, n), &f->resp));
    }
    loop_post(f->loop, &f->release, on_release);
}

static const struct rpc_method *method_of(const struct rpc_service *s, const char *name) {
    for (size_t i = 0; i < s->n_methods; i++)
        if (strcmp(s->methods[i].name, name) == 0)
            return &s->methods[i];
    fail_msg("there is no RPC %s", name);
    return NULL;
}

void start_call(struct handler_fixture *f, const char *rpc, const ProtobufCMessage *req) {
    const struct rpc_service *s = &dsm_session_dsm_service;
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    size_t n = protobuf_c_message_get_packed_size(req);
    uint8_t *bytes = arena_alloc(f->arena, n);
    protobuf_c_message_pack(req, bytes);
    AZ(f->rpc.ctx.arena);
    f->finished = 0;
    f->started_ms = clock_mono_ms();
    free(f->rpc.undelivered_priv); /* a test may lose the answer after the call's end */
    f->rpc = (struct rpc_call){
        .magic = RPC_CALL_MAGIC,
        .service = s,
        .method = method_of(s, rpc),
        .handlers = &dsm_handlers,
        .svc = &f->svc,
        .finish = on_finish,
    };
    ctx_init(&f->rpc.ctx, a, NULL, f->started_ms + f->deadline_ms);
    assert_null(protobuf_unpack(a, req->descriptor, str_n((char *)bytes, n), &f->rpc.req));
    f->rpc.method->dispatch(&f->rpc);
}

void start_create(struct handler_fixture *f, const struct dsm_request_create_game_session *req) {
    start_call(f, "CreateGameSession", &req->base);
}

void start_terminate(struct handler_fixture *f,
                     const struct dsm_request_terminate_game_session *req) {
    start_call(f, "TerminateGameSession", &req->base);
}

void start_async(struct handler_fixture *f, const struct dsm_request_create_game_session *req) {
    start_call(f, "CreateGameSessionAsync", &req->base);
}

void cancel_call(struct handler_fixture *f, enum rpc_code code) {
    const struct err reason = {
        .code = code, .origin = ERR_CALLER, .msg = STR("the caller is gone")};
    if (f->finished == 0)
        ctx_cancel(&f->rpc.ctx, &reason);
}

void lose_answer(struct handler_fixture *f) {
    assert_int_equal(f->finished, 1);
    assert_non_null(f->rpc.undelivered);
    f->rpc.undelivered(f->rpc.undelivered_priv);
}

/* ---- time ---- */

struct kick {
    struct loop_timer timer;
    struct loop *loop;
};

static void on_kick(struct loop_timer *timer) {
    loop_stop(CONTAINER_OF(timer, struct kick, timer)->loop);
}

static void settle(struct handler_fixture *f) {
    struct kick kick = {.loop = f->loop};
    for (int i = 0; i < TURNS; i++) {
        loop_timer_start(f->loop, &kick.timer, 0, on_kick);
        loop_run(f->loop);
    }
    if (f->wrong[0] != '\0')
        fail_msg("%s", f->wrong);
}

static void step_clock(struct handler_fixture *f) {
    int64_t step_us = (int64_t)FIXTURE_STEP_MS * 1000;
    clock_hold(clock_mono_us() + step_us, clock_real_us() + step_us);
    settle(f);
}

void pass(struct handler_fixture *f, int64_t ms) {
    int64_t until = clock_mono_ms() + ms;
    settle(f);
    while (clock_mono_ms() < until)
        step_clock(f);
}

typedef bool goal_fn(const struct handler_fixture *f);

static void reach(struct handler_fixture *f, goal_fn *goal, const char *what) {
    int64_t until = clock_mono_ms() + PATIENCE_MS;
    settle(f);
    while (!goal(f)) {
        if (clock_mono_ms() > until)
            fail_msg("%s, not in ten minutes", what);
        step_clock(f);
    }
    settle(f);
}

static bool call_has_ended(const struct handler_fixture *f) {
    return f->finished > 0;
}

static bool script_is_used(const struct handler_fixture *f) {
    return f->next == f->n_steps;
}

static bool reclaims_are_over(const struct handler_fixture *f) {
    return reclaims(f) == 0;
}

void finish_call(struct handler_fixture *f) {
    reach(f, call_has_ended, "the call has not ended");
    assert_int_equal(f->finished, 1);
}

void finish_script(struct handler_fixture *f) {
    reach(f, script_is_used, "a request has not come");
}

void finish_reclaims(struct handler_fixture *f) {
    reach(f, reclaims_are_over, "a reclaim is not over");
}

/* ---- what tests say ---- */

size_t reclaims(const struct handler_fixture *f) {
    return list_count(&f->svc.reclaims);
}

void assert_script_used(const struct handler_fixture *f) {
    if (f->next < f->n_steps)
        fail_msg("%s did not come", f->script[f->next].op);
}

void assert_contains(struct str text, const char *words) {
    if (memmem(text.p == NULL ? "" : text.p, text.n, words, strlen(words)) == NULL)
        fail_msg("\"%s\" is not in \"" STR_FMT "\"", words, STR_ARG(text));
}

void assert_failed(const struct handler_fixture *f, enum rpc_code code, const char *words) {
    if (f->code != code)
        fail_msg("%s instead of %s: " STR_FMT, rpc_code_name(f->code), rpc_code_name(code),
                 STR_ARG(f->message));
    assert_contains(f->message, words);
    assert_script_used(f);
}

char *text_of(const char *text) {
    return (char *)(uintptr_t)text;
}

struct dsm_request_create_game_session good_request(void) {
    static char first[] = "us-east-1";
    static char second[] = "us-west-2";
    static char *regions[] = {first, second};
    struct dsm_request_create_game_session req = DSM_REQUEST_CREATE_GAME_SESSION_INIT;
    req.session_id = text_of("session-1");
    req.namespace_ = text_of("studio-game");
    req.deployment = text_of("alias-1");
    req.n_requested_region = ARRAY_LEN(regions);
    req.requested_region = regions;
    req.maximum_player = 4;
    req.client_version = text_of("1.2.3");
    req.game_mode = text_of("duel");
    req.secret = text_of(JOIN_SECRET);
    return req;
}

static void assert_answered(struct handler_fixture *f) {
    finish_call(f);
    if (f->code != RPC_OK)
        fail_msg("%s: " STR_FMT, rpc_code_name(f->code), STR_ARG(f->message));
    assert_script_used(f);
}

const struct dsm_response_create_game_session *created(
    struct handler_fixture *f, const struct dsm_request_create_game_session *req) {
    start_create(f, req);
    assert_answered(f);
    return (const struct dsm_response_create_game_session *)f->resp;
}

const struct dsm_response_create_game_session_async *created_async(
    struct handler_fixture *f, const struct dsm_request_create_game_session *req) {
    start_async(f, req);
    assert_answered(f);
    return (const struct dsm_response_create_game_session_async *)f->resp;
}

void start_good_terminate(struct handler_fixture *f) {
    struct dsm_request_terminate_game_session req = DSM_REQUEST_TERMINATE_GAME_SESSION_INIT;
    req.session_id = text_of("session-1");
    req.namespace_ = text_of("studio-game");
    start_terminate(f, &req);
}

const struct dsm_response_terminate_game_session *terminated(struct handler_fixture *f) {
    start_good_terminate(f);
    assert_answered(f);
    return (const struct dsm_response_terminate_game_session *)f->resp;
}

void refused(struct handler_fixture *f, const struct dsm_request_create_game_session *req,
             enum rpc_code code, const char *words) {
    start_create(f, req);
    finish_call(f);
    assert_failed(f, code, words);
}

void terminate_refused(struct handler_fixture *f, enum rpc_code code, const char *words) {
    start_good_terminate(f);
    finish_call(f);
    assert_failed(f, code, words);
}
