// SPDX-License-Identifier: Apache-2.0
#include "sim/aws_protocol.h"

#include "base/obj.h"
#include "codec/json.h"
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

static const struct sim_protocol *const protocols[] = {&sim_protocol_json, &json_1_0};

const struct sim_protocol *sim_protocol_of(const struct sim_request *req) {
    struct str type = sim_request_header(req, STR("content-type"));
    for (size_t i = 0; i < ARRAY_LEN(protocols); i++)
        if (str_eq_nocase(type, str_c(protocols[i]->content_type)))
            return protocols[i];
    return NULL;
}
