// SPDX-License-Identifier: Apache-2.0
#include "sim/aws_protocol.h"

#include "base/obj.h"
#include "codec/cbor.h"
#include "codec/json.h"
#include "codec/texts.h"
#include "sim/json.h"

/* "GameLift.CreateGameSession" */
static struct str json_operation(const struct sim_request *req, struct str service_name) {
    struct str target = sim_request_header(req, STR("x-amz-target"));
    size_t dot = str_find(target, '.');
    if (dot == target.n || !str_eq(str_sub(target, 0, dot), service_name))
        return STR_NULL;
    return str_from(target, dot + 1);
}

static void json_nothing(struct buf *out) {
    buf_puts(out, "{}");
}

static void json_error(struct buf *out, struct str type, const char *member, struct str message) {
    buf_putc(out, '{');
    sim_json_str(out, "__type", type);
    sim_json_str(out, member, message);
    buf_putc(out, '}');
}

const struct sim_protocol sim_protocol_json = {
    .content_type = "application/x-amz-json-1.1",
    .operation = json_operation,
    .decode = json_decode,
    .encode = json_encode,
    .nothing = json_nothing,
    .error = json_error,
};

static const struct sim_protocol json_1_0 = {
    .content_type = "application/x-amz-json-1.0",
    .operation = json_operation,
    .decode = json_decode,
    .encode = json_encode,
    .nothing = json_nothing,
    .error = json_error,
};

/* "/service/GameLift/operation/CreateGameSession" */
static struct str cbor_operation(const struct sim_request *req, struct str service_name) {
    static const struct str service = STR_INIT("/service/");
    static const struct str operation = STR_INIT("/operation/");
    struct str rest = req->path;
    if (!str_eq(sim_request_header(req, STR("smithy-protocol")), STR("rpc-v2-cbor")) ||
        !str_starts(rest, service))
        return STR_NULL;
    rest = str_from(rest, service.n);
    if (!str_starts(rest, service_name))
        return STR_NULL;
    rest = str_from(rest, service_name.n);
    return str_starts(rest, operation) ? str_from(rest, operation.n) : STR_NULL;
}

static void cbor_nothing(struct buf *out) {
    (void)out;
}

struct error_body {
    struct str type;
    struct str message;
    struct str capital_message;
};

static void cbor_error(struct buf *out, struct str type, const char *member, struct str message) {
    static const struct codec_member members[] = {
        CODEC_TEXT(struct error_body, "__type", type),
        CODEC_TEXT(struct error_body, "message", message),
        CODEC_TEXT(struct error_body, "Message", capital_message),
    };
    static const struct codec_shape shape = CODEC_TEXTS(struct error_body, "Error", members);
    struct error_body body = {.type = type};
    if (strcmp(member, "Message") == 0)
        body.capital_message = message;
    else
        body.message = message;
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    if (cbor_encode(out, &shape, &body, a) != NULL)
        out->failed = true;
    arena_free(a);
}

static const struct sim_protocol cbor = {
    .content_type = "application/cbor",
    .binary = true,
    .operation = cbor_operation,
    .decode = cbor_decode,
    .encode = cbor_encode,
    .nothing = cbor_nothing,
    .error = cbor_error,
};

static const struct sim_protocol *const protocols[] = {&sim_protocol_json, &json_1_0, &cbor};

const struct sim_protocol *sim_protocol_of(const struct sim_request *req) {
    struct str type = sim_request_header(req, STR("content-type"));
    for (size_t i = 0; i < ARRAY_LEN(protocols); i++)
        if (str_eq_nocase(type, str_c(protocols[i]->content_type)))
            return protocols[i];
    return NULL;
}
