// SPDX-License-Identifier: Apache-2.0
/* Reflection on a scripted stream, over proto files that import each other. */
#include "unit.h"

#include "base/obj.h"
#include "generated/reflection.h"
#include "grpc/reflection.h"
#include "grpc/server_internal.h"

#define ASKED(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##name
#define ANSWER(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##name

/* base.proto <- left.proto, right.proto <- top.proto */
static const char *const base_symbols[] = {"base.Thing", "base.Thing.id"};
static const struct rpc_file base = {
    .name = "base.proto",
    .data = (const uint8_t *)"B",
    .n_data = 1,
    .symbols = base_symbols,
    .n_symbols = 2,
};
static const struct rpc_file *const imports_base[] = {&base, NULL};
static const struct rpc_file left = {
    .name = "left.proto", .data = (const uint8_t *)"L", .n_data = 1, .imports = imports_base};
static const struct rpc_file right = {
    .name = "right.proto", .data = (const uint8_t *)"R", .n_data = 1, .imports = imports_base};
static const struct rpc_file *const imports_both[] = {&left, &right, NULL};
static const char *const top_symbols[] = {"top.Service", "top.Service.Go"};
static const struct rpc_file top = {
    .name = "top.proto",
    .data = (const uint8_t *)"T",
    .n_data = 1,
    .symbols = top_symbols,
    .n_symbols = 2,
    .imports = imports_both,
};
static const struct rpc_service top_service = {.name = "top.Service", .file = &top};
static const struct rpc_service bare_service = {.name = "a.Bare"};

static struct loop *loop;
static struct server *server;
static struct reflection_service *reflection;
static struct arena *arena;
static struct rpc_call rpc;

/* What the handler waits for, and what it did. */
static rpc_message_fn *on_message;
static rpc_sent_fn *on_sent;
static int ended;
static enum rpc_code code;
static char files[16];
static enum rpc_code error;
static char names[200];

static void read_message(struct rpc_call *call, rpc_message_fn *fn) {
    assert_ptr_equal(call, &rpc);
    assert_null(on_message);
    on_message = fn;
}

static void note(const struct reflection_server_reflection_response *resp) {
    files[0] = names[0] = '\0';
    error = RPC_OK;
    if (resp->message_response_case == ANSWER(FILE_DESCRIPTOR_RESPONSE))
        for (size_t i = 0; i < resp->file_descriptor_response->n_file_descriptor_proto; i++)
            strncat(files,
                    (const char *)resp->file_descriptor_response->file_descriptor_proto[i].data, 1);
    else if (resp->message_response_case == ANSWER(LIST_SERVICES_RESPONSE))
        for (size_t i = 0; i < resp->list_services_response->n_service; i++) {
            strcat(names, resp->list_services_response->service[i]->name);
            strcat(names, " ");
        }
    else
        error = (enum rpc_code)resp->error_response->error_code;
}

static void send_message(struct rpc_call *call, const ProtobufCMessage *msg, rpc_sent_fn *fn) {
    assert_ptr_equal(call, &rpc);
    assert_null(on_sent);
    note((const struct reflection_server_reflection_response *)msg);
    on_sent = fn;
}

static void finish(struct rpc_call *call, const struct err *err, const ProtobufCMessage *resp) {
    assert_ptr_equal(call, &rpc);
    assert_null(resp);
    ended++;
    code = err == NULL ? RPC_OK : err->code;
}

static const struct rpc_stream_ops ops = {.read = read_message, .send = send_message};

static void start(void) {
    const struct server_service *s = &server->services[2];
    arena = arena_new(ARENA_LIMIT_DEFAULT);
    on_message = NULL;
    on_sent = NULL;
    ended = 0;
    rpc = (struct rpc_call){
        .magic = RPC_CALL_MAGIC,
        .service = s->service,
        .method = &s->service->methods[0],
        .handlers = s->handlers,
        .svc = s->svc,
        .ops = &ops,
        .finish = finish,
    };
    ctx_init(&rpc.ctx, arena, NULL, CTX_NO_DEADLINE);
    rpc.method->dispatch(&rpc);
}

static int set_up(void **state) {
    static const struct server_options options = {.address = "127.0.0.1"};
    (void)state;
    loop = loop_new();
    server = server_new(loop, &options);
    reflection = reflection_new();
    server_add_service(server, &top_service, "", NULL, 0);
    server_add_service(server, &bare_service, "", NULL, 0);
    reflection_add_to(reflection, server);
    start();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    assert_int_equal(ended, 1);
    arena_free(arena);
    server_free(server);
    reflection_free(reflection);
    loop_free(loop);
    return 0;
}

static void message(const struct reflection_server_reflection_request *req, const struct err *err) {
    rpc_message_fn *fn = on_message;
    assert_non_null(fn);
    on_message = NULL;
    fn(&rpc, req == NULL ? NULL : &req->base, err);
}

static void end_by_caller(void) {
    message(NULL, NULL);
    assert_int_equal(code, RPC_OK);
}

static void ask(int what, const char *text) {
    struct reflection_server_reflection_request req = REFLECTION_SERVER_REFLECTION_REQUEST_INIT;
    req.message_request_case =
        (Grpc__Reflection__V1__ServerReflectionRequest__MessageRequestCase)what;
    req.list_services = protobuf_string(arena, str_c(text));
    message(&req, NULL);
    if (ended > 0)
        return;
    rpc_sent_fn *fn = on_sent;
    assert_non_null(fn);
    on_sent = NULL;
    fn(&rpc, NULL);
}

/* ---- the promises ---- */

static void file_comes_with_all_that_it_imports_once(void **state) {
    (void)state;
    ask(ASKED(FILE_CONTAINING_SYMBOL), "top.Service.Go");
    assert_string_equal(files, "TLBR");
    end_by_caller();
}

static void files_that_the_client_has_are_not_sent_again_unless_asked_for(void **state) {
    (void)state;
    ask(ASKED(FILE_BY_FILENAME), "left.proto");
    assert_string_equal(files, "LB");
    ask(ASKED(FILE_BY_FILENAME), "top.proto");
    assert_string_equal(files, "TR");
    ask(ASKED(FILE_BY_FILENAME), "left.proto");
    assert_string_equal(files, "L");
    end_by_caller();
}

static void symbols_of_imported_files_are_found(void **state) {
    (void)state;
    ask(ASKED(FILE_CONTAINING_SYMBOL), "base.Thing.id");
    assert_string_equal(files, "B");
    ask(ASKED(FILE_CONTAINING_SYMBOL), "base.Thing.i");
    assert_int_equal(error, RPC_NOT_FOUND);
    ask(ASKED(FILE_CONTAINING_SYMBOL), "a.Bare"); /* served without a file */
    assert_int_equal(error, RPC_NOT_FOUND);
    end_by_caller();
}

static void services_are_listed_sorted(void **state) {
    (void)state;
    ask(ASKED(LIST_SERVICES), "");
    assert_string_equal(names, "a.Bare grpc.reflection.v1.ServerReflection "
                               "grpc.reflection.v1alpha.ServerReflection top.Service ");
    end_by_caller();
}

static void request_without_a_question_is_invalid(void **state) {
    (void)state;
    ask(0, "");
    assert_int_equal(code, RPC_INVALID_ARGUMENT);
}

static void error_of_a_read_ends_the_stream_with_it(void **state) {
    static const struct err err = {.code = RPC_INTERNAL, .msg = STR_INIT("not protobuf")};
    (void)state;
    message(NULL, &err);
    assert_int_equal(code, RPC_INTERNAL);
}

static void error_of_a_send_ends_the_stream_with_it(void **state) {
    static const struct err err = {.code = RPC_CANCELLED, .msg = STR_INIT("gone")};
    struct reflection_server_reflection_request req = REFLECTION_SERVER_REFLECTION_REQUEST_INIT;
    (void)state;
    req.message_request_case = ASKED(LIST_SERVICES);
    message(&req, NULL);
    on_sent(&rpc, &err);
    assert_int_equal(code, RPC_CANCELLED);
}

static void a_thousand_requests_are_answered_and_no_more(void **state) {
    (void)state;
    for (int i = 0; i < REFLECTION_MAX_REQUESTS; i++)
        ask(ASKED(LIST_SERVICES), "");
    assert_int_equal(ended, 0);
    assert_true(arena_used(arena) < 100000); /* answers are built in memory that is given back */
    ask(ASKED(LIST_SERVICES), "");
    assert_int_equal(code, RPC_RESOURCE_EXHAUSTED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(file_comes_with_all_that_it_imports_once),
        TEST(files_that_the_client_has_are_not_sent_again_unless_asked_for),
        TEST(symbols_of_imported_files_are_found),
        TEST(services_are_listed_sorted),
        TEST(request_without_a_question_is_invalid),
        TEST(error_of_a_read_ends_the_stream_with_it),
        TEST(error_of_a_send_ends_the_stream_with_it),
        TEST(a_thousand_requests_are_answered_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
