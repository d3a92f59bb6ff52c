// SPDX-License-Identifier: Apache-2.0
#include "grpc/reflection.h"

#include "base/obj.h"
#include "generated/reflection.h"
#include "generated/reflection_v1alpha_descriptor.h"

#include <stdlib.h>

#define ASKED(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##name
#define ANSWER(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##name

#define ALPHA "grpc.reflection.v1alpha.ServerReflection"
#define MAX_FILES 64 /* that a server may serve */

struct reflection_service {
    unsigned magic;
#define REFLECTION_MAGIC 0x6e4d20b9U
    const struct server *server;
    size_t streams;
    struct rpc_method alpha_method;
    struct rpc_service alpha;
};

/* One stream; in its call's arena. */
struct talk {
    unsigned magic;
#define TALK_MAGIC 0x19f7c3d5U
    struct reflection_server_reflection_info_call *call;
    size_t requests;
    const struct rpc_file *sent[MAX_FILES]; /* files that the client has */
    size_t n_sent;
};

static reflection_server_reflection_info_fn info;
static const struct reflection_server_reflection_handlers handlers = {
    .server_reflection_info = info,
};

struct reflection_service *reflection_new(void) {
    struct reflection_service *r = calloc(1, sizeof *r);
    AN(r);
    r->magic = REFLECTION_MAGIC;
    r->alpha_method = reflection_server_reflection_service.methods[0];
    r->alpha_method.path = "/" ALPHA "/ServerReflectionInfo";
    r->alpha = reflection_server_reflection_service;
    r->alpha.name = ALPHA;
    r->alpha.methods = &r->alpha_method;
    r->alpha.n_methods = 1;
    r->alpha.file = &reflection_v1alpha_file;
    return r;
}

void reflection_free(struct reflection_service *r) {
    if (r == NULL)
        return;
    OBJ_CHECK(r, REFLECTION_MAGIC);
    AZ(r->streams);
    r->magic = 0;
    free(r);
}

void reflection_add_to(struct reflection_service *r, struct server *server) {
    OBJ_CHECK(r, REFLECTION_MAGIC);
    r->server = server;
    server_add_service(server, &reflection_server_reflection_service, &handlers, r, SERVER_ALWAYS);
    server_add_service(server, &r->alpha, &handlers, r, SERVER_ALWAYS);
}

/* ---- looking up ---- */

typedef bool match_fn(const struct rpc_file *file, const char *wanted);

static bool has_name(const struct rpc_file *file, const char *wanted) {
    return strcmp(file->name, wanted) == 0;
}

static int compare_symbol(const void *wanted, const void *entry) {
    return strcmp(wanted, *(const char *const *)entry);
}

static bool has_symbol(const struct rpc_file *file, const char *wanted) {
    return file->n_symbols > 0 && bsearch(wanted, file->symbols, file->n_symbols,
                                          sizeof *file->symbols, compare_symbol) != NULL;
}

/* In the file and in what it imports; imports have no cycles. */
static const struct rpc_file *find_in(const struct rpc_file *file, match_fn *match,
                                      const char *wanted) {
    if (match(file, wanted))
        return file;
    for (const struct rpc_file *const *i = file->imports; i != NULL && *i != NULL; i++) {
        const struct rpc_file *found = find_in(*i, match, wanted);
        if (found != NULL)
            return found;
    }
    return NULL;
}

static const struct rpc_file *find(const struct server *server, match_fn *match,
                                   const char *wanted) {
    const struct rpc_service *service;
    for (size_t i = 0; (service = server_service(server, i)) != NULL; i++) {
        const struct rpc_file *found =
            service->file == NULL ? NULL : find_in(service->file, match, wanted);
        if (found != NULL)
            return found;
    }
    return NULL;
}

/* ---- answers, built in the call's scratch memory ---- */

static void put_error(struct reflection_server_reflection_response *resp, struct arena *a,
                      enum rpc_code code, const char *what, const char *name) {
    struct reflection_error_response *error = ARENA_NEW(a, struct reflection_error_response);
    *error = (struct reflection_error_response)REFLECTION_ERROR_RESPONSE_INIT;
    error->error_code = (int32_t)code;
    error->error_message = protobuf_string(
        a, arena_printf(a, "%s: " STR_FMT, what, STR_ARG(str_utf8_cut(str_c(name), 200))));
    resp->message_response_case = ANSWER(ERROR_RESPONSE);
    resp->error_response = error;
}

static int compare_names(const void *a, const void *b) {
    const struct reflection_service_response *const *x = a;
    const struct reflection_service_response *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static void put_services(struct reflection_server_reflection_response *resp, struct arena *a,
                         const struct server *server) {
    struct reflection_list_service_response *list =
        ARENA_NEW(a, struct reflection_list_service_response);
    *list = (struct reflection_list_service_response)REFLECTION_LIST_SERVICE_RESPONSE_INIT;
    while (server_service(server, list->n_service) != NULL)
        list->n_service++;
    list->service = arena_array(a, list->n_service, sizeof *list->service);
    for (size_t i = 0; i < list->n_service; i++) {
        list->service[i] = ARENA_NEW(a, struct reflection_service_response);
        *list->service[i] = (struct reflection_service_response)REFLECTION_SERVICE_RESPONSE_INIT;
        list->service[i]->name = protobuf_string(a, str_c(server_service(server, i)->name));
    }
    qsort(list->service, list->n_service, sizeof *list->service, compare_names);
    resp->message_response_case = ANSWER(LIST_SERVICES_RESPONSE);
    resp->list_services_response = list;
}

static bool was_sent(const struct talk *talk, const struct rpc_file *file) {
    for (size_t i = 0; i < talk->n_sent; i++)
        if (talk->sent[i] == file)
            return true;
    return false;
}

/* The file, and what it imports unless the client has it already; the file asked for in any case.
 */
static void put_file(struct talk *talk, struct reflection_file_descriptor_response *files,
                     const struct rpc_file *file) {
    bool known = was_sent(talk, file);
    if (known && files->n_file_descriptor_proto > 0)
        return;
    if (!known && talk->n_sent < MAX_FILES)
        talk->sent[talk->n_sent++] = file;
    if (files->n_file_descriptor_proto == MAX_FILES)
        return;
    files->file_descriptor_proto[files->n_file_descriptor_proto++] = (ProtobufCBinaryData){
        .len = file->n_data,
        .data = (uint8_t *)(uintptr_t)file->data,
    };
    for (const struct rpc_file *const *i = file->imports; i != NULL && *i != NULL; i++)
        put_file(talk, files, *i);
}

static void put_found(struct talk *talk, struct reflection_server_reflection_response *resp,
                      struct arena *a, match_fn *match, const char *wanted) {
    const struct rpc_file *file = find(talk->call->svc->server, match, wanted);
    if (file == NULL) {
        put_error(resp, a, RPC_NOT_FOUND, match == has_name ? "no such file" : "no such symbol",
                  wanted);
        return;
    }
    struct reflection_file_descriptor_response *files =
        ARENA_NEW(a, struct reflection_file_descriptor_response);
    *files = (struct reflection_file_descriptor_response)REFLECTION_FILE_DESCRIPTOR_RESPONSE_INIT;
    files->file_descriptor_proto = arena_array(a, MAX_FILES, sizeof *files->file_descriptor_proto);
    put_file(talk, files, file);
    resp->message_response_case = ANSWER(FILE_DESCRIPTOR_RESPONSE);
    resp->file_descriptor_response = files;
}

/* False if nothing was asked. */
static bool put_answer(struct talk *talk, const struct reflection_server_reflection_request *req,
                       struct reflection_server_reflection_response *resp) {
    struct arena *a = rpc_call_scratch(talk->call->rpc);
    switch (req->message_request_case) {
    case ASKED(LIST_SERVICES):
        put_services(resp, a, talk->call->svc->server);
        return true;
    case ASKED(FILE_BY_FILENAME):
        put_found(talk, resp, a, has_name, req->file_by_filename);
        return true;
    case ASKED(FILE_CONTAINING_SYMBOL):
        put_found(talk, resp, a, has_symbol, req->file_containing_symbol);
        return true;
    case ASKED(FILE_CONTAINING_EXTENSION):
        put_error(resp, a, RPC_NOT_FOUND, "no extensions",
                  req->file_containing_extension->containing_type);
        return true;
    case ASKED(ALL_EXTENSION_NUMBERS_OF_TYPE):
        put_error(resp, a, RPC_NOT_FOUND, "no extensions", req->all_extension_numbers_of_type);
        return true;
    default:
        return false;
    }
}

/* ---- the stream: read, answer, read ---- */

static reflection_server_reflection_info_message_fn on_request;
static reflection_server_reflection_info_sent_fn on_sent;

static void fail(struct talk *talk, const struct err *err) {
    talk->call->svc->streams--;
    reflection_server_reflection_info_fail(talk->call, err);
}

static void on_request(struct reflection_server_reflection_info_call *call,
                       const struct reflection_server_reflection_request *req,
                       const struct err *err) {
    static const struct err too_many = {
        .code = RPC_RESOURCE_EXHAUSTED,
        .msg = STR_INIT("too many requests on one stream"),
    };
    static const struct err nothing = {
        .code = RPC_INVALID_ARGUMENT,
        .msg = STR_INIT("the request asks nothing"),
    };
    struct talk *talk = OBJ_CAST(call->state, talk, TALK_MAGIC);
    struct reflection_server_reflection_response resp = REFLECTION_SERVER_REFLECTION_RESPONSE_INIT;
    if (err != NULL) {
        fail(talk, err);
    } else if (req == NULL) {
        call->svc->streams--;
        reflection_server_reflection_info_finish(call);
    } else if (++talk->requests > REFLECTION_MAX_REQUESTS) {
        fail(talk, &too_many);
    } else if (!put_answer(talk, req, &resp)) {
        fail(talk, &nothing);
    } else {
        resp.valid_host = req->host;
        resp.original_request = (struct reflection_server_reflection_request *)(uintptr_t)req;
        reflection_server_reflection_info_send(call, &resp, on_sent);
    }
}

static void on_sent(struct reflection_server_reflection_info_call *call, const struct err *err) {
    struct talk *talk = OBJ_CAST(call->state, talk, TALK_MAGIC);
    if (err != NULL)
        fail(talk, err);
    else
        reflection_server_reflection_info_read(call, on_request);
}

static void info(struct reflection_server_reflection_info_call *call) {
    OBJ_CHECK(call->svc, REFLECTION_MAGIC);
    if (call->svc->streams == REFLECTION_MAX_STREAMS) {
        reflection_server_reflection_info_fail(
            call, err_new(call->ctx->arena, RPC_RESOURCE_EXHAUSTED, "too many reflection streams"));
        return;
    }
    struct talk *talk = OBJ_NEW(call->ctx->arena, talk, TALK_MAGIC);
    talk->call = call;
    call->state = talk;
    call->svc->streams++;
    reflection_server_reflection_info_read(call, on_request);
}
