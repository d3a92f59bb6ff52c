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

struct server_call {
    unsigned magic;
#define SERVER_CALL_MAGIC 0x6d2b47f9U
    struct rpc_call rpc;
    struct server *server;
    const struct server_method *method; /* NULL: of a method that is not served */
    atomic_int refs;

    /* Written by the library until `arrived` comes back. */
    grpc_call *core;
    gpr_timespec deadline;
    grpc_metadata_array metadata;
    grpc_byte_buffer *payload;
    grpc_call_details details; /* instead of deadline and payload, if method is NULL */

    int cancelled; /* written by the library until `closed` comes back */
    struct server_tag arrived;
    struct server_tag closed;
    struct server_tag sent;

    struct loop_job start_job;
    struct loop_job cancel_job;
    struct loop_job release_job;
    struct loop_timer deadline_timer;

    int64_t arrived_us;
    size_t request_bytes;
    grpc_byte_buffer *reply;
    bool counted; /* in server->in_flight */
    bool handled;
    bool released; /* the arena is gone; read and written on the loop */
};

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
    call->magic = 0;
    free(call);
    atomic_fetch_sub(&server->calls, 1);
}

static void ref(struct server_call *call) {
    atomic_fetch_add(&call->refs, 1);
}

static void unref(struct server_call *call) {
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
    if (method == NULL) {
        grpc_call_details_init(&call->details);
        fault = grpc_server_request_call(server->core, &call->core, &call->details, &call->metadata,
                                         server->cq, server->cq, &call->arrived);
    } else {
        fault = grpc_server_request_registered_call(
            server->core, method->registration, &call->core, &call->deadline, &call->metadata,
            &call->payload, server->cq, server->cq, &call->arrived);
    }
    if (fault != GRPC_CALL_OK) {
        LOG_DEBUG(NULL, "cannot wait for calls", LOG_INT("grpc.call_error", fault));
        destroy(call);
    }
    return fault;
}

/* ---- answering ---- */

/*
 * The last batch. With `close` it also asks for the end of the call, one event less than asking
 * apart; without, that has been asked for already. Skips over a failure: the call is then cancelled
 * and the caller sees that.
 */
static void send_final(struct server_call *call, enum rpc_code code, const struct err *err,
                       bool close) {
    grpc_op ops[4] = {{.op = GRPC_OP_SEND_INITIAL_METADATA}};
    grpc_slice details = err == NULL ? grpc_empty_slice() : message_status(err);
    size_t n = 1;
    if (call->reply != NULL) {
        ops[n].op = GRPC_OP_SEND_MESSAGE;
        ops[n++].data.send_message.send_message = call->reply;
    }
    ops[n].op = GRPC_OP_SEND_STATUS_FROM_SERVER;
    ops[n].data.send_status_from_server.status = (grpc_status_code)code;
    ops[n++].data.send_status_from_server.status_details = &details;
    if (close) {
        ops[n].op = GRPC_OP_RECV_CLOSE_ON_SERVER;
        ops[n++].data.recv_close_on_server.cancelled = &call->cancelled;
    }
    ref(call);
    grpc_call_error fault = grpc_call_start_batch(call->core, ops, n, &call->sent, NULL);
    if (fault != GRPC_CALL_OK) {
        LOG_DEBUG(NULL, "cannot answer a call", LOG_INT("grpc.call_error", fault));
        grpc_call_cancel(call->core, NULL);
        unref(call);
    }
    grpc_slice_unref(details);
}

static void on_sent(struct server_tag *tag, bool ok) {
    struct server_call *call = CONTAINER_OF(tag, struct server_call, sent);
    (void)ok; /* false if the caller was gone; there is nobody left to tell */
    OBJ_CHECK(call, SERVER_CALL_MAGIC);
    unref(call);
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
    struct server_outcome outcome = {
        .stage = stage,
        .code = code_of(err),
        .err = err,
        .resp = err == NULL ? resp : NULL,
        .duration_us = clock_mono_us() - call->arrived_us,
        .request_bytes = call->request_bytes,
        .response_bytes = call->reply == NULL ? 0 : grpc_byte_buffer_length(call->reply),
    };
    o->finished(o->priv, &call->rpc, &outcome);
}

/* Ends a call that never reached the loop; on the queue thread. */
static void refuse(struct server_call *call, enum server_stage stage, const struct err *err) {
    call->rpc.finished = true;
    leave_flight(call);
    tell_finished(call, stage, err, NULL);
    send_final(call, code_of(err), err, true);
    arena_free(call->rpc.ctx.arena);
    unref(call);
}

/* ---- arriving, on a queue thread ---- */

static struct str view(const grpc_slice *slice) {
    return str_n((const char *)GRPC_SLICE_START_PTR(*slice), GRPC_SLICE_LENGTH(*slice));
}

/* On the clock of struct ctx. */
static int64_t deadline_of(const struct server_call *call, gpr_timespec deadline) {
    int64_t now = clock_mono_ms();
    if (gpr_time_cmp(deadline, gpr_inf_future(deadline.clock_type)) == 0)
        return now + call->server->options.default_deadline_ms;
    int32_t left = gpr_time_to_millis(gpr_time_sub(deadline, gpr_now(deadline.clock_type)));
    return now + (left > 0 ? left : 0);
}

static void fill_in(struct server_call *call) {
    const struct server_method *method = call->method;
    struct arena *a = arena_new(call->server->options.call_memory);
    struct rpc_call *rpc = &call->rpc;
    char *peer = grpc_call_get_peer(call->core);
    call->arrived_us = clock_mono_us();
    rpc->magic = RPC_CALL_MAGIC;
    rpc->finish = finish;
    rpc->peer = arena_str(a, str_c(peer));
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
    ref(call);
    grpc_call_error fault = grpc_call_start_batch(call->core, &close, 1, &call->closed, NULL);
    if (fault != GRPC_CALL_OK) {
        LOG_DEBUG(NULL, "cannot watch a call", LOG_INT("grpc.call_error", fault));
        unref(call);
    }
    loop_post(call->server->loop, &call->start_job, start);
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
    if (err != NULL) {
        refuse(call, SERVER_NOT_ADMITTED, err);
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

static void on_closed(struct server_tag *tag, bool ok) {
    struct server_call *call = CONTAINER_OF(tag, struct server_call, closed);
    (void)ok;
    OBJ_CHECK(call, SERVER_CALL_MAGIC);
    /* The job takes over the tag's reference. */
    if (call->cancelled)
        loop_post(call->server->loop, &call->cancel_job, cancel);
    else
        unref(call);
}

/* ---- running, on the loop ---- */

static void on_default_deadline(struct loop_timer *timer) {
    static const struct err reason = {
        .code = RPC_DEADLINE_EXCEEDED,
        .origin = ERR_CALLER,
        .msg = STR_INIT("the call took longer than is allowed without a deadline"),
    };
    struct server_call *call = CONTAINER_OF(timer, struct server_call, deadline_timer);
    OBJ_CHECK(call, SERVER_CALL_MAGIC);
    ctx_cancel(&call->rpc.ctx, &reason);
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
    /* The library enforces deadlines of callers, not ours. */
    if (gpr_time_cmp(call->deadline, gpr_inf_future(call->deadline.clock_type)) == 0)
        loop_timer_start(call->server->loop, &call->deadline_timer, ctx_remaining_ms(&rpc->ctx),
                         on_default_deadline);
    rpc->method->dispatch(rpc);
}

static void cancel(struct loop_job *job) {
    static const struct err gone = {
        .code = RPC_CANCELLED,
        .origin = ERR_CALLER,
        .msg = STR_INIT("the caller went away"),
    };
    static const struct err late = {
        .code = RPC_DEADLINE_EXCEEDED,
        .origin = ERR_CALLER,
        .msg = STR_INIT("the deadline has passed"),
    };
    struct server_call *call = CONTAINER_OF(job, struct server_call, cancel_job);
    OBJ_CHECK(call, SERVER_CALL_MAGIC);
    if (!call->released && !call->rpc.finished)
        ctx_cancel(&call->rpc.ctx, ctx_remaining_ms(&call->rpc.ctx) == 0 ? &late : &gone);
    unref(call);
}

static void finish(struct rpc_call *rpc, const struct err *err, const ProtobufCMessage *resp) {
    struct server_call *call = CONTAINER_OF(rpc, struct server_call, rpc);
    OBJ_CHECK(call, SERVER_CALL_MAGIC);
    loop_timer_stop(&call->deadline_timer);
    leave_flight(call);
    if (err == NULL)
        err = message_pack(rpc->ctx.arena, resp, &call->reply);
    tell_finished(call, call->handled ? SERVER_HANDLED : SERVER_ABANDONED, err, resp);
    send_final(call, code_of(err), err, false);
    /* Later, because the callers of this still use the arena. */
    loop_post(call->server->loop, &call->release_job, release);
}

static void release(struct loop_job *job) {
    struct server_call *call = CONTAINER_OF(job, struct server_call, release_job);
    OBJ_CHECK(call, SERVER_CALL_MAGIC);
    call->released = true;
    arena_free(call->rpc.ctx.arena);
    unref(call);
}
