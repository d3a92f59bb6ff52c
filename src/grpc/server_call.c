// SPDX-License-Identifier: Apache-2.0
/*
 * The life of one call, read downwards: arm, arrive, admit and unpack (queue thread), start,
 * cancel, finish (loop), release.
 *
 * The object is held by its owner - the queue thread until the call is posted to the loop, the loop
 * from then on - and by every tag and job under way. The arena belongs to the owner alone.
 */
#include "base/clock.h"
#include "base/obj.h"
#include "grpc/message.h"
#include "grpc/server_internal.h"

#include <grpc/byte_buffer.h>
#include <grpc/slice.h>
#include <grpc/support/alloc.h>
#include <grpc/support/time.h>
#include <stdlib.h>

#define PATH_IN_MESSAGE 200 /* bytes */
#define CALL_BYTES 512      /* of frames and pseudo headers, more than any real client needs */
#define HASTY_US 3000000    /* a call that is cancelled sooner was broken off */

static server_tag_fn on_arrived;
static server_tag_fn on_closed;
static server_tag_fn on_sent;
static loop_job_fn start;
static loop_job_fn cancel;
static loop_job_fn release;
static rpc_finish_fn finish;

/* ---- making and freeing ---- */

static void destroy(struct server_call *call) {
    struct server *server = call->server;
    if (call->core != NULL)
        grpc_call_unref(call->core);
    grpc_metadata_array_destroy(&call->metadata);
    if (call->method == NULL)
        grpc_call_details_destroy(&call->details);
    if (call->payload != NULL)
        grpc_byte_buffer_destroy(call->payload);
    if (call->reply != NULL)
        grpc_byte_buffer_destroy(call->reply);
    server_stream_free(call->stream);
    free(call->rpc.undelivered_priv);
    call->magic = 0;
    free(call);
    atomic_fetch_sub(&server->calls, 1);
}

void server_post(struct server_call *call, struct loop_job *job, loop_job_fn *fn) {
    bool ahead = call->method != NULL && call->method->service->always;
    (ahead ? loop_post_first : loop_post)(call->server->loop, job, fn);
}

void server_call_ref(struct server_call *call) {
    atomic_fetch_add(&call->refs, 1);
}

void server_call_unref(struct server_call *call) {
    if (atomic_fetch_sub(&call->refs, 1) == 1)
        destroy(call);
}

grpc_call_error server_call_arm(struct server *server, const struct server_method *method) {
    grpc_call_error fault;
    struct server_call *call = calloc(1, sizeof *call);
    AN(call);
    call->magic = SERVER_CALL_MAGIC;
    call->server = server;
    call->method = method;
    call->arrived.fn = on_arrived;
    call->closed.fn = on_closed;
    call->sent.fn = on_sent;
    atomic_init(&call->refs, 1);
    grpc_metadata_array_init(&call->metadata);
    atomic_fetch_add(&server->calls, 1);
    bool reads = method != NULL && rpc_reads(method->method);
    if (method == NULL) {
        grpc_call_details_init(&call->details);
        fault = grpc_server_request_call(server->core, &call->core, &call->details, &call->metadata,
                                         server->cq, server->cq, &call->arrived);
    } else {
        fault = grpc_server_request_registered_call(
            server->core, method->registration, &call->core, &call->deadline, &call->metadata,
            reads ? NULL : &call->payload, server->cq, server->cq, &call->arrived);
    }
    if (fault != GRPC_CALL_OK) {
        LOG_DEBUG(NULL, "cannot wait for calls", LOG_INT("grpc.call_error", fault));
        destroy(call);
    }
    return fault;
}

/* ---- answering ---- */

void server_call_send_final(struct server_call *call, enum rpc_code code, grpc_slice text,
                            bool close) {
    grpc_op ops[4] = {0};
    size_t n = 0;
    if (!call->headers_sent)
        ops[n++].op = GRPC_OP_SEND_INITIAL_METADATA;
    if (call->reply != NULL) {
        ops[n].op = GRPC_OP_SEND_MESSAGE;
        ops[n++].data.send_message.send_message = call->reply;
    }
    ops[n].op = GRPC_OP_SEND_STATUS_FROM_SERVER;
    ops[n].data.send_status_from_server.status = (grpc_status_code)code;
    ops[n++].data.send_status_from_server.status_details = &text;
    if (close) {
        ops[n].op = GRPC_OP_RECV_CLOSE_ON_SERVER;
        ops[n++].data.recv_close_on_server.cancelled = &call->cancelled;
    }
    server_call_ref(call);
    SERVER_TAG_GIVEN(&call->sent);
    grpc_call_error fault = grpc_call_start_batch(call->core, ops, n, &call->sent, NULL);
    if (fault != GRPC_CALL_OK) {
        LOG_DEBUG(NULL, "cannot answer a call", LOG_INT("grpc.call_error", fault));
        grpc_call_cancel(call->core, NULL);
        server_call_unref(call);
    }
    grpc_slice_unref(text);
}

static grpc_slice text_of(const struct err *err) {
    return err == NULL ? grpc_empty_slice() : message_status(err);
}

/* The library has told how the call ended. */
static void note_end(struct server_call *call) {
    bool hasty = clock_mono_us() - call->arrived_us < HASTY_US;
    atomic_store(&call->broken, call->cancelled != 0);
    if (call->cancelled && hasty && !call->cut_short)
        connections_broken_off(call->server->connections, call->connection);
}

static void on_sent(struct server_tag *tag, bool ok) {
    struct server_call *call = CONTAINER_OF(tag, struct server_call, sent);
    (void)ok; /* false if the caller was gone; there is nobody left to tell */
    OBJ_CHECK(call, SERVER_CALL_MAGIC);
    if (call->refused) {
        connections_refusal(call->server->connections, call->connection, false);
        note_end(call);
    }
    server_call_unref(call);
}

static void leave_flight(struct server_call *call) {
    if (call->counted)
        atomic_fetch_sub(&call->server->in_flight, 1);
    call->counted = false;
}

static enum rpc_code code_of(const struct err *err) {
    if (err == NULL)
        return RPC_OK;
    return err->code > RPC_OK && err->code <= RPC_UNAUTHENTICATED ? err->code : RPC_UNKNOWN;
}

static void tell_finished(struct server_call *call, enum server_stage stage, const struct err *err,
                          const ProtobufCMessage *resp) {
    const struct server_options *o = &call->server->options;
    if (o->finished == NULL)
        return;
    size_t received = call->rpc.req != NULL;
    size_t sent = call->reply != NULL;
    if (call->reply != NULL)
        call->response_bytes += grpc_byte_buffer_length(call->reply);
    if (call->stream != NULL)
        server_stream_count(call->stream, &received, &sent);
    struct server_outcome outcome = {
        .stage = stage,
        .code = code_of(err),
        .err = err,
        .resp = err == NULL ? resp : NULL,
        .duration_us = clock_mono_us() - call->arrived_us,
        .request_bytes = call->request_bytes,
        .response_bytes = call->response_bytes,
        .received = received,
        .sent = sent,
    };
    o->finished(o->priv, &call->rpc, &outcome);
}

/* Ends a call that never reached the loop; on the queue thread. */
static void refuse(struct server_call *call, enum server_stage stage, const struct err *err) {
    call->rpc.finished = true;
    call->refused = true;
    connections_refusal(call->server->connections, call->connection, true);
    leave_flight(call);
    tell_finished(call, stage, err, NULL);
    server_call_send_final(call, code_of(err), text_of(err), true);
    arena_free(call->rpc.ctx.arena);
    server_call_unref(call);
}

/* ---- arriving, on a queue thread ---- */

static struct str view(const grpc_slice *slice) {
    return str_n((const char *)GRPC_SLICE_START_PTR(*slice), GRPC_SLICE_LENGTH(*slice));
}

/* The handler's deadline lies before the caller's, so that its own words still get there. */
#define MARGIN_MS 100
#define MARGIN_PART 20 /* of the time left, if that is less */

static bool has_deadline(gpr_timespec deadline) {
    return gpr_time_cmp(deadline, gpr_inf_future(deadline.clock_type)) != 0;
}

/* On the clock of struct ctx. */
static int64_t deadline_of(const struct server_call *call, gpr_timespec deadline) {
    int64_t now = clock_mono_ms();
    if (!has_deadline(deadline)) {
        /* A stream may be meant to stay open. */
        bool streams = call->method != NULL && call->method->method->kind != RPC_UNARY;
        return streams ? CTX_NO_DEADLINE : now + call->server->options.default_deadline_ms;
    }
    /* Wider than the library tells it: a deadline in weeks comes as INT32_MAX. */
    int64_t left = gpr_time_to_millis(gpr_time_sub(deadline, gpr_now(deadline.clock_type)));
    if (left <= 0)
        return now;
    int64_t margin = (left + MARGIN_PART - 1) / MARGIN_PART;
    return now + left - (margin < MARGIN_MS ? margin : MARGIN_MS);
}

void server_call_explain(const struct server_call *call, size_t bytes) {
    connections_explain(call->server->connections, call->connection, bytes);
}

/* An estimate, and a generous one: headers come compressed. */
static void explain_headers(const struct server_call *call) {
    size_t bytes = CALL_BYTES;
    for (size_t i = 0; i < call->metadata.count; i++)
        bytes += GRPC_SLICE_LENGTH(call->metadata.metadata[i].key) +
                 GRPC_SLICE_LENGTH(call->metadata.metadata[i].value);
    if (call->payload != NULL)
        bytes += grpc_byte_buffer_length(call->payload);
    server_call_explain(call, bytes);
}

static void fill_in(struct server_call *call) {
    const struct server_method *method = call->method;
    struct arena *a = arena_new(call->server->options.call_memory);
    struct rpc_call *rpc = &call->rpc;
    char *peer = grpc_call_get_peer(call->core);
    call->arrived_us = clock_mono_us();
    rpc->magic = RPC_CALL_MAGIC;
    rpc->finish = finish;
    rpc->ops = &server_stream_ops;
    call->connection = connections_find(call->server->connections, peer, a, &rpc->peer);
    gpr_free(peer);
    if (method != NULL) {
        rpc->service = method->service->service;
        rpc->method = method->method;
        rpc->handlers = method->service->handlers;
        rpc->svc = method->service->svc;
        rpc->path = str_c(method->method->path);
    } else {
        rpc->path = view(&call->details.method);
    }
    ctx_init(&rpc->ctx, a, NULL,
             deadline_of(call, method != NULL ? call->deadline : call->details.deadline));
    struct rpc_metadata *metadata = arena_array(a, call->metadata.count, sizeof *metadata);
    for (size_t i = 0; i < call->metadata.count; i++)
        metadata[i] = (struct rpc_metadata){
            .key = view(&call->metadata.metadata[i].key),
            .value = view(&call->metadata.metadata[i].value),
        };
    rpc->metadata = metadata;
    rpc->n_metadata = call->metadata.count;
    explain_headers(call);
}

/* False if there are too many calls already. */
static bool enter_flight(struct server_call *call) {
    struct server *server = call->server;
    if (call->method->service->always)
        return true;
    call->counted = true;
    return atomic_fetch_add(&server->in_flight, 1) < server->options.max_in_flight;
}

static struct err *unpack(struct server_call *call) {
    struct rpc_call *rpc = &call->rpc;
    call->request_bytes = grpc_byte_buffer_length(call->payload);
    struct err *err = message_unpack(rpc->ctx.arena, rpc->method->input, call->payload, &rpc->req);
    grpc_byte_buffer_destroy(call->payload);
    call->payload = NULL;
    return err;
}

/* The caller sent no message, or was cut off or ran out of time before it was in. */
static void refuse_without_request(struct server_call *call) {
    struct arena *a = call->rpc.ctx.arena;
    struct err *err = ctx_check(&call->rpc.ctx);
    /* Counted now: under a flood, the library tells of the end much later. */
    call->cut_short = true;
    connections_broken_off(call->server->connections, call->connection);
    if (err == NULL)
        err = err_new(a, RPC_INTERNAL, "the call brought no request message");
    refuse(call, SERVER_ABANDONED, err);
}

static void refuse_unknown(struct server_call *call) {
    struct str path = str_sub(call->rpc.path, 0, PATH_IN_MESSAGE);
    refuse(
        call, SERVER_UNKNOWN_METHOD,
        err_new(call->rpc.ctx.arena, RPC_UNIMPLEMENTED, "unknown method " STR_FMT, STR_ARG(path)));
}

/* Hands the call over to the loop. */
static void hand_over(struct server_call *call) {
    grpc_op close = {
        .op = GRPC_OP_RECV_CLOSE_ON_SERVER,
        .data.recv_close_on_server.cancelled = &call->cancelled,
    };
    /* From here on another queue thread may see the end of the call, so nothing but the posting may
     * follow: the arena is the loop's. The job holds the owner's reference. */
    server_call_ref(call);
    SERVER_TAG_GIVEN(&call->closed);
    grpc_call_error fault = grpc_call_start_batch(call->core, &close, 1, &call->closed, NULL);
    if (fault != GRPC_CALL_OK) {
        LOG_DEBUG(NULL, "cannot watch a call", LOG_INT("grpc.call_error", fault));
        server_call_unref(call);
    }
    server_post(call, &call->start_job, start);
}

static void receive(struct server_call *call) {
    struct err *err = NULL;
    if (call->method->method->kind != RPC_UNARY)
        server_stream_new(call);
    if (rpc_reads(call->method->method)) {
        hand_over(call);
        return;
    }
    if (call->payload == NULL) {
        refuse_without_request(call);
        return;
    }
    err = unpack(call);
    if (err != NULL)
        refuse(call, SERVER_UNDECODABLE, err);
    else
        hand_over(call);
}

static void on_arrived(struct server_tag *tag, bool ok) {
    struct server_call *call = CONTAINER_OF(tag, struct server_call, arrived);
    const struct server_options *o = &call->server->options;
    struct err *err = NULL;
    OBJ_CHECK(call, SERVER_CALL_MAGIC);
    if (!ok) { /* the server shuts down */
        destroy(call);
        return;
    }
    server_call_arm(call->server, call->method);
    fill_in(call);
    if (call->method == NULL) {
        refuse_unknown(call);
        return;
    }
    if (!enter_flight(call)) {
        refuse(call, SERVER_OVERLOADED,
               err_new(call->rpc.ctx.arena, RPC_RESOURCE_EXHAUSTED, "too many calls in flight"));
        return;
    }
    if (o->admit != NULL)
        err = o->admit(o->priv, &call->rpc);
    if (err != NULL)
        refuse(call, SERVER_NOT_ADMITTED, err);
    else
        receive(call);
}

static void on_closed(struct server_tag *tag, bool ok) {
    struct server_call *call = CONTAINER_OF(tag, struct server_call, closed);
    (void)ok;
    OBJ_CHECK(call, SERVER_CALL_MAGIC);
    note_end(call);
    /* The job takes over the tag's reference. */
    if (call->cancelled)
        server_post(call, &call->cancel_job, cancel);
    else
        server_call_unref(call);
}

/* ---- running, on the loop ---- */

static const struct err late = {
    .code = RPC_DEADLINE_EXCEEDED,
    .origin = ERR_CALLER,
    .msg = STR_INIT("the deadline has passed"),
};

static void on_deadline(struct loop_timer *timer) {
    static const struct err reason = {
        .code = RPC_DEADLINE_EXCEEDED,
        .origin = ERR_CALLER,
        .msg = STR_INIT("the call took longer than is allowed without a deadline"),
    };
    struct server_call *call = CONTAINER_OF(timer, struct server_call, deadline_timer);
    OBJ_CHECK(call, SERVER_CALL_MAGIC);
    ctx_cancel(&call->rpc.ctx, has_deadline(call->deadline) ? &late : &reason);
}

static void start(struct loop_job *job) {
    struct server_call *call = CONTAINER_OF(job, struct server_call, start_job);
    const struct server_options *o = &call->server->options;
    struct rpc_call *rpc = &call->rpc;
    OBJ_CHECK(call, SERVER_CALL_MAGIC);
    struct err *err = ctx_check(&rpc->ctx);
    if (err != NULL) {
        rpc_call_fail(rpc, err);
        return;
    }
    call->handled = true;
    if (o->started != NULL)
        o->started(o->priv, rpc);
    if (call->stream != NULL)
        server_stream_start(call);
    if (!rpc->finished)
        rpc->method->dispatch(rpc);
    /* Most calls of some methods are over by now and cost no timer. */
    if (!rpc->finished && rpc->ctx.deadline_ms != CTX_NO_DEADLINE && rpc->ctx.reason == NULL)
        loop_timer_start(call->server->loop, &call->deadline_timer, ctx_remaining_ms(&rpc->ctx),
                         on_deadline);
}

/* The handler's answer got lost on its way. */
static void tell_undelivered(struct server_call *call) {
    rpc_undelivered_fn *fn = call->rpc.undelivered;
    call->rpc.undelivered = NULL;
    if (fn != NULL)
        fn(call->rpc.undelivered_priv);
}

static void cancel(struct loop_job *job) {
    static const struct err gone = {
        .code = RPC_CANCELLED,
        .origin = ERR_CALLER,
        .msg = STR_INIT("the caller went away"),
    };
    struct server_call *call = CONTAINER_OF(job, struct server_call, cancel_job);
    OBJ_CHECK(call, SERVER_CALL_MAGIC);
    if (call->rpc.finished)
        tell_undelivered(call);
    else
        ctx_cancel(&call->rpc.ctx, ctx_remaining_ms(&call->rpc.ctx) == 0 ? &late : &gone);
    server_call_unref(call);
}

static void finish(struct rpc_call *rpc, const struct err *err, const ProtobufCMessage *resp) {
    struct server_call *call = CONTAINER_OF(rpc, struct server_call, rpc);
    OBJ_CHECK(call, SERVER_CALL_MAGIC);
    loop_timer_stop(&call->deadline_timer);
    leave_flight(call);
    if (err == NULL && resp != NULL)
        err = message_pack(rpc->ctx.arena, resp, &call->reply);
    call->failed = err != NULL;
    tell_finished(call, call->handled ? SERVER_HANDLED : SERVER_ABANDONED, err, resp);
    if (call->stream != NULL)
        server_stream_end(call, code_of(err), err);
    else
        server_reply(call, code_of(err), text_of(err));
    /* Not here, because the callers of this still use the arena; nor later than need be, as
     * thousands of calls may be answered in one turn of the loop while as many arrive. */
    loop_defer(call->server->loop, &call->release_job, release);
}

static void release(struct loop_job *job) {
    struct server_call *call = CONTAINER_OF(job, struct server_call, release_job);
    OBJ_CHECK(call, SERVER_CALL_MAGIC);
    if (call->failed)
        tell_undelivered(call);
    if (call->stream != NULL)
        server_stream_release(call);
    arena_free(call->rpc.ctx.arena);
    server_call_unref(call);
}
