// SPDX-License-Identifier: Apache-2.0
#include "sim/aws_service.h"

#include "base/clock.h"
#include "base/obj.h"
#include "codec/json.h"
#include "codec/validate.h"

#define MAX_ANSWER ((size_t)64 << 20) /* bytes; a page of sessions with all their data */

/* One call between its steps; in ex->scratch. */
struct call {
    unsigned magic;
#define CALL_MAGIC 0x6a3eca11U
    const struct aws_sim_kind *kind;
    const struct sim_protocol *protocol;
    const struct aws_sim_operation *op;
    void *in;
};

static void reply(struct sim_exchange *ex, const struct sim_protocol *protocol, int status,
                  const struct buf *body) {
    sim_reply_text(ex, status, protocol->content_type, buf_str(body));
    sim_reply_header(ex, STR("x-amzn-RequestId"), ex->request_id);
    if (protocol->binary)
        sim_reply_header(ex, STR("smithy-protocol"), STR("rpc-v2-cbor"));
}

/* A value as text for the journal; absent if its protocol's bodies are text anyway. */
static struct str shown(struct sim_exchange *ex, const struct call *call,
                        const struct codec_shape *shape, const void *value) {
    struct buf text;
    struct str made = STR_NULL;
    if (!call->protocol->binary || shape == NULL)
        return made;
    buf_init(&text, MAX_ANSWER);
    if (json_encode(&text, shape, value, ex->arena) == NULL)
        made = arena_str(ex->arena, buf_str(&text));
    buf_free(&text);
    return made;
}

void aws_sim_error(struct sim_exchange *ex, int status, struct str type, struct str message) {
    const struct call *call = OBJ_CAST(ex->scratch, call, CALL_MAGIC);
    struct buf body;
    buf_init(&body, SIM_MAX_BODY);
    call->protocol->error(&body, ARENA_JOIN(ex->arena, call->kind->type_prefix, type),
                          call->kind->message_member(type), message);
    reply(ex, call->protocol, status, &body);
    if (call->protocol->binary) {
        buf_reset(&body);
        sim_protocol_json.error(&body, type, call->kind->message_member(type), message);
        ex->shown_answer = arena_str(ex->arena, buf_str(&body));
    }
    if (call->kind->query_errors)
        sim_reply_header(
            ex, STR("x-amzn-query-error"),
            ARENA_JOIN(ex->arena, type, status < 500 ? STR(";Sender") : STR(";Receiver")));
    buf_free(&body);
}

static void operate(struct sim_exchange *ex) {
    const struct call *call = OBJ_CAST(ex->scratch, call, CALL_MAGIC);
    void *state = ex->service->state;
    int64_t wait = call->op->wait == NULL
                       ? 0
                       : call->op->wait(state, call->in, (clock_mono_us() - ex->start_us) / 1000);
    ex->forget_if_gone = wait > 0;
    if (wait > 0) {
        sim_wait(ex, wait, operate);
        return;
    }
    const struct codec_shape *shape = call->op->output;
    void *out = shape == NULL ? NULL : arena_alloc(ex->arena, shape->size);
    struct err *err = call->op->run(state, ex->region, call->in, ex->arena, out);
    if (err != NULL) {
        aws_sim_error(ex, err->http_status, err->type, err->msg);
        return;
    }
    struct buf body;
    buf_init(&body, MAX_ANSWER);
    if (shape == NULL)
        call->protocol->nothing(&body);
    else
        err = call->protocol->encode(&body, shape, out, ex->arena);
    if (err != NULL)
        aws_sim_error(ex, 500, STR("InternalServiceException"), err->msg);
    else
        reply(ex, call->protocol, 200, &body);
    ex->shown_answer = shown(ex, call, shape, out);
    buf_free(&body);
}

static bool choose_operation(struct sim_exchange *ex, struct call *call) {
    const struct aws_sim_kind *kind = call->kind;
    const struct sim_protocol *protocol = sim_protocol_of(&ex->req);
    call->protocol = protocol != NULL ? protocol : &sim_protocol_json;
    if (!str_eq(ex->req.method, STR("POST")) || protocol == NULL) {
        aws_sim_error(ex, 400, STR("UnknownOperationException"),
                      STR("Requests are POST with content type application/x-amz-json-1.1 or "
                          "application/cbor."));
        return false;
    }
    struct str name = protocol->operation(&ex->req, kind->target);
    for (size_t i = 0; i < kind->n_operations; i++)
        if (str_eq(kind->operations[i].name, name))
            call->op = &kind->operations[i];
    if (call->op == NULL) {
        aws_sim_error(ex, 400, STR("UnknownOperationException"),
                      STR("The stand-in has no operation of that name."));
        return false;
    }
    ex->operation = call->op->name;
    return true;
}

static bool check_caller(struct sim_exchange *ex, const struct aws_sim_kind *kind) {
    struct auth_result r =
        auth_verify(&ex->sim->auth, &ex->req, kind->signing_name, sim_now_ms(ex->sim), ex->arena);
    ex->region = r.region;
    ex->verdict = STR("signature ok");
    if (r.ok)
        return true;
    ex->verdict = arena_printf(ex->arena, "refused: " STR_FMT, STR_ARG(r.error));
    aws_sim_error(ex, r.status, r.error, r.message);
    return false;
}

static bool read_input(struct sim_exchange *ex, struct call *call) {
    call->in = arena_alloc(ex->arena, call->op->input->size);
    struct err *err = call->protocol->decode(ex->req.body, call->op->input, call->in, ex->arena);
    if (err != NULL) {
        aws_sim_error(ex, 400, STR("SerializationException"), err->msg);
        return false;
    }
    ex->shown_body = shown(ex, call, call->op->input, call->in);
    err = codec_validate(call->op->input, call->in, ex->arena);
    if (err != NULL) {
        aws_sim_error(ex, 400, call->kind->invalid_input, err->msg);
        return false;
    }
    return true;
}

void aws_sim_handle(struct sim_exchange *ex, const struct aws_sim_kind *kind) {
    struct call *call = OBJ_NEW(ex->arena, call, CALL_MAGIC);
    call->kind = kind;
    ex->scratch = call;
    if (!choose_operation(ex, call) || !check_caller(ex, kind) || !read_input(ex, call))
        return;
    ex->location = call->op->where == NULL
                       ? ex->region
                       : call->op->where(ex->service->state, ex->region, call->in);
    faults_run(ex, operate);
}
