// SPDX-License-Identifier: Apache-2.0
/* Generated stubs on a scripted call: what reaches the handler, how it may end, what is caught. */
#include "unit.h"

#include "base/obj.h"
#include "generated/session_dsm.h"
#include "grpc/message.h"

#include <grpc/byte_buffer.h>
#include <grpc/slice.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum how { REPLY, FAIL, REPLY_TWICE, FAIL_AFTER_REPLY, REPLY_WITHOUT_INIT };

struct dsm_service {
    int called;
    enum how how;
};

#define LIMIT ((size_t)64 << 10)

static struct arena *arena;
static struct dsm_service service;
static struct rpc_call rpc;
static struct dsm_request_create_game_session request = DSM_REQUEST_CREATE_GAME_SESSION_INIT;
static int finished;
static enum rpc_code code;
static struct str message;
static int64_t port;

static void on_finish(struct rpc_call *call, const struct err *err, const ProtobufCMessage *resp) {
    assert_ptr_equal(call, &rpc);
    assert_true((err == NULL) != (resp == NULL));
    finished++;
    code = err == NULL ? RPC_OK : err->code;
    if (err != NULL)
        message = err->msg;
    else
        port = ((const struct dsm_response_create_game_session *)resp)->port;
}

static void create(struct dsm_create_game_session_call *call) {
    struct dsm_response_create_game_session resp = DSM_RESPONSE_CREATE_GAME_SESSION_INIT;
    struct err *err = ERR_INVALID(call->ctx->arena, "no");
    call->svc->called++;
    assert_ptr_equal(call->rpc, &rpc);
    assert_ptr_equal(call->ctx, &rpc.ctx);
    assert_ptr_equal(call->req, &request);
    resp.port = 77;
    if (call->svc->how == REPLY_WITHOUT_INIT)
        resp.base.descriptor = NULL;
    if (call->svc->how == FAIL)
        dsm_create_game_session_fail(call, err);
    else
        dsm_create_game_session_reply(call, &resp);
    if (call->svc->how == REPLY_TWICE)
        dsm_create_game_session_reply(call, &resp);
    if (call->svc->how == FAIL_AFTER_REPLY)
        dsm_create_game_session_fail(call, err);
}

static const struct dsm_session_dsm_handlers handlers = {.create_game_session = create};

static int set_up(void **state) {
    const struct rpc_service *s = &dsm_session_dsm_service;
    (void)state;
    arena = arena_new(LIMIT);
    service = (struct dsm_service){0};
    finished = 0;
    rpc = (struct rpc_call){
        .magic = RPC_CALL_MAGIC,
        .service = s,
        .method = &s->methods[0],
        .handlers = &handlers,
        .svc = &service,
        .req = &request.base,
        .finish = on_finish,
    };
    ctx_init(&rpc.ctx, arena, NULL, CTX_NO_DEADLINE);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    arena_free(arena);
    return 0;
}

static void dispatch(void) {
    rpc.method->dispatch(&rpc);
}

/* Runs the handler in a child, which must die of a failed assertion. */
static void assert_caught(enum how how) {
    int status = 0;
    service.how = how;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(STDERR_FILENO);
        dispatch();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void service_table_names_every_method(void **state) {
    const struct rpc_service *s = &dsm_session_dsm_service;
    (void)state;
    assert_string_equal(s->name, "accelbyte.session.sessiondsm.SessionDsm");
    assert_int_equal(s->n_methods, 3);
    assert_string_equal(s->methods[0].path,
                        "/accelbyte.session.sessiondsm.SessionDsm/CreateGameSession");
    assert_string_equal(s->methods[1].name, "TerminateGameSession");
    assert_string_equal(s->methods[2].output->short_name, "ResponseCreateGameSessionAsync");
}

static void handler_gets_the_typed_call_and_replies(void **state) {
    (void)state;
    dispatch();
    assert_int_equal(service.called, 1);
    assert_int_equal(finished, 1);
    assert_int_equal(code, RPC_OK);
    assert_int_equal(port, 77);
}

static void handler_fails_with_its_error(void **state) {
    (void)state;
    service.how = FAIL;
    dispatch();
    assert_int_equal(code, RPC_INVALID_ARGUMENT);
    assert_str(message, "no");
}

static void null_slot_answers_unimplemented(void **state) {
    (void)state;
    rpc.method = &rpc.service->methods[1];
    dispatch();
    assert_int_equal(code, RPC_UNIMPLEMENTED);
    assert_str(message, "accelbyte.session.sessiondsm.SessionDsm/TerminateGameSession is not "
                        "implemented here");
}

static void double_reply_is_caught(void **state) {
    (void)state;
    assert_caught(REPLY_TWICE);
}

static void fail_after_reply_is_caught(void **state) {
    (void)state;
    assert_caught(FAIL_AFTER_REPLY);
}

static void response_made_without_init_is_caught(void **state) {
    (void)state;
    assert_caught(REPLY_WITHOUT_INIT);
}

static void reply_past_the_memory_limit_is_resource_exhausted(void **state) {
    (void)state;
    arena_alloc(arena, LIMIT + 1);
    dispatch();
    assert_int_equal(finished, 1);
    assert_int_equal(code, RPC_RESOURCE_EXHAUSTED);
}

static void metadata_is_found_by_key_first_value_first(void **state) {
    static const struct rpc_metadata metadata[] = {
        {.key = STR_INIT("x-a"), .value = STR_INIT("1")},
        {.key = STR_INIT("x-b"), .value = STR_INIT("")},
        {.key = STR_INIT("x-a"), .value = STR_INIT("2")},
    };
    (void)state;
    rpc.metadata = metadata;
    rpc.n_metadata = ARRAY_LEN(metadata);
    assert_str(rpc_call_metadata(&rpc, "x-a"), "1");
    assert_str(rpc_call_metadata(&rpc, "x-b"), "");
    assert_null(rpc_call_metadata(&rpc, "x-").p);
}

static void assert_status(struct str text, const char *want) {
    struct err err = {.code = RPC_INTERNAL, .msg = text};
    grpc_slice slice = message_status(&err);
    struct str got = str_n((const char *)GRPC_SLICE_START_PTR(slice), GRPC_SLICE_LENGTH(slice));
    assert_str(got, want);
    grpc_slice_unref(slice);
}

static void status_text_is_cut_between_characters(void **state) {
    char text[2 * MESSAGE_STATUS_BYTES];
    char want[MESSAGE_STATUS_BYTES + 1];
    (void)state;
    memset(text, 'x', sizeof text);
    memset(want, 'x', sizeof want);
    want[MESSAGE_STATUS_BYTES] = '\0';
    assert_status(str_n(text, sizeof text), want);
    memcpy(text + MESSAGE_STATUS_BYTES - 1, "\xc3\xbc", 2);
    want[MESSAGE_STATUS_BYTES - 1] = '\0';
    assert_status(str_n(text, sizeof text), want);
}

static void status_text_is_always_utf8(void **state) {
    (void)state;
    assert_status(STR("caf\xe9 \xc3\xbc"), "caf? \xc3\xbc");
    assert_status(STR_NULL, "");
}

static void packed_message_unpacks_to_the_same(void **state) {
    const ProtobufCMessage *again = NULL;
    grpc_byte_buffer *bytes = NULL;
    char *regions[] = {(char[]){"a"}, (char[]){"b"}};
    struct dsm_request_create_game_session req = DSM_REQUEST_CREATE_GAME_SESSION_INIT;
    (void)state;
    req.requested_region = regions;
    req.n_requested_region = 2;
    req.maximum_player = INT64_MIN;
    assert_null(message_pack(arena, &req.base, &bytes));
    assert_null(message_unpack(arena, req.base.descriptor, bytes, &again));
    grpc_byte_buffer_destroy(bytes);
    const struct dsm_request_create_game_session *got =
        (const struct dsm_request_create_game_session *)again;
    assert_int_equal(got->maximum_player, INT64_MIN);
    assert_string_equal(got->requested_region[1], "b");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(service_table_names_every_method),
        TEST(handler_gets_the_typed_call_and_replies),
        TEST(handler_fails_with_its_error),
        TEST(null_slot_answers_unimplemented),
        TEST(double_reply_is_caught),
        TEST(fail_after_reply_is_caught),
        TEST(response_made_without_init_is_caught),
        TEST(reply_past_the_memory_limit_is_resource_exhausted),
        TEST(metadata_is_found_by_key_first_value_first),
        TEST(status_text_is_cut_between_characters),
        TEST(status_text_is_always_utf8),
        TEST(packed_message_unpacks_to_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
