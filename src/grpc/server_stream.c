// SPDX-License-Identifier: Apache-2.0
/*
 * The messages of a call that streams. Reads and sends are started on the loop; their tags come
 * back on a queue thread, which does nothing but post the loop a job.
 *
 * The handler's wait and the library's work are told apart: a cancelled context ends the wait at
 * once, while the library may keep the message for a while, and even longer than the handler.
 */
#include "base/obj.h"
#include "grpc/message.h"
#include "grpc/server_internal.h"

#include <grpc/byte_buffer.h>
#include <grpc/slice.h>
#include <stdlib.h>

#define FRAME_BYTES 64  /* around a message, and a window update now and then */
#define PROBE_MS 10     /* see probe() */
#define LINGER_MS 30000 /* how long an ended call waits for its caller to take the last message */

/* One direction. */
struct flow {
    struct server_call *call;
    bool waiting;          /* the handler is owed a callback */
    atomic_bool under_way; /* the library owes a tag; orders what the threads do between them */
    bool ok;               /* what the tag said */
    struct server_tag tag;
    struct loop_job done;
    struct loop_job refused; /* for what could not be started */
    const struct err *err;   /* why not */
    struct ctx_hook hook;
};

struct server_stream {
    struct list node; /* in server->streams */

    struct flow in;
    rpc_message_fn *on_message;
    grpc_byte_buffer *incoming; /* the library's while in.under_way */
    struct arena *message;      /* holds the message read last */
    bool half_closed;           /* the caller has sent its last message */
    struct server_tag probe;
    bool probe_ok;
    struct loop_job probed;
    struct loop_timer probe_timer;

    struct flow out;
    rpc_sent_fn *on_sent;
    grpc_byte_buffer *outgoing; /* the library's while out.under_way */

    size_t n_received;
    size_t n_sent;

    /* An end that waits for the message under way. */
    bool ending;
    enum rpc_code code;
    grpc_slice text;
    struct loop_timer linger;
};

static const struct err gone = {
    .code = RPC_CANCELLED,
    .origin = ERR_CALLER,
    .msg = STR_INIT("the caller went away"),
};

static server_tag_fn on_read;
static server_tag_fn on_probed;
static server_tag_fn on_written;
static loop_job_fn read_done;
static loop_job_fn read_refused;
static loop_job_fn probe_done;
static loop_timer_fn on_probe_timer;
static loop_job_fn send_done;
static loop_job_fn send_refused;

/* ---- making and freeing ---- */

static void flow_init(struct flow *flow, struct server_call *call, server_tag_fn *fn) {
    flow->call = call;
    flow->tag.fn = fn;
    list_init(&flow->hook.node);
}

void server_stream_new(struct server_call *call) {
    struct server_stream *stream = calloc(1, sizeof *stream);
    AN(stream);
    list_init(&stream->node);
    flow_init(&stream->in, call, on_read);
    flow_init(&stream->out, call, on_written);
    stream->probe.fn = on_probed;
    stream->text = grpc_empty_slice();
    call->stream = stream;
}

void server_stream_free(struct server_stream *stream) {
    if (stream == NULL)
        return;
    ASSERT(!stream->in.under_way && !stream->out.under_way);
    grpc_slice_unref(stream->text);
    arena_free(stream->message);
    free(stream);
}

/* ---- what both directions share ---- */

/* The wait is over; false if nobody waits any more. */
static bool wake(struct flow *flow) {
    if (!flow->waiting)
        return false;
    flow->waiting = false;
    ctx_hook_remove(&flow->hook);
    return true;
}

/* The callback comes later all the same. */
static void refuse(struct flow *flow, const struct err *err, loop_job_fn *fn) {
    flow->err = err;
    server_call_ref(flow->call);
    server_post(flow->call, &flow->refused, fn);
}

/* Hands one operation to the library; an error if it does not take it. */
static struct err *hand_to_library(struct flow *flow, const grpc_op *ops, size_t n) {
    struct server_call *call = flow->call;
    flow->under_way = true;
    server_call_ref(call);
    SERVER_TAG_GIVEN(&flow->tag);
    grpc_call_error fault = grpc_call_start_batch(call->core, ops, n, &flow->tag, NULL);
    if (fault == GRPC_CALL_OK)
        return NULL;
    flow->under_way = false;
    server_call_unref(call);
    return err_new(call->rpc.ctx.arena, RPC_INTERNAL, "gRPC refused a message (error %d)",
                   (int)fault);
}

/* On a queue thread; the job takes over the tag's reference. */
static void post_done(struct flow *flow, bool ok, loop_job_fn *fn) {
    ASSERT(atomic_load(&flow->under_way));
    flow->ok = ok;
    server_post(flow->call, &flow->done, fn);
}

static const struct err *why_gone(const struct server_call *call) {
    return call->rpc.ctx.reason != NULL ? call->rpc.ctx.reason : &gone;
}

/* ---- reading ---- */

static void deliver(struct server_stream *stream, const ProtobufCMessage *msg,
                    const struct err *err) {
    if (wake(&stream->in))
        stream->on_message(&stream->in.call->rpc, msg, err);
}

static void on_read_cancelled(struct ctx_hook *hook, const struct err *reason) {
    struct flow *flow = CONTAINER_OF(hook, struct flow, hook);
    deliver(flow->call->stream, NULL, reason);
}

static void read_message(struct rpc_call *rpc, rpc_message_fn *fn) {
    struct server_call *call = CONTAINER_OF(rpc, struct server_call, rpc);
    struct server_stream *stream = call->stream;
    grpc_op op = {.op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &stream->incoming};
    ASSERT(!stream->in.waiting);
    stream->in.waiting = true;
    stream->on_message = fn;
    arena_free(stream->message);
    stream->message = NULL;
    const struct err *err = ctx_check(&rpc->ctx);
    if (err == NULL && !stream->half_closed)
        err = hand_to_library(&stream->in, &op, 1);
    if (err != NULL || stream->half_closed)
        refuse(&stream->in, err, read_refused);
    else
        ctx_hook_add(&rpc->ctx, &stream->in.hook, on_read_cancelled);
}

static void on_read(struct server_tag *tag, bool ok) {
    post_done(CONTAINER_OF(tag, struct flow, tag), ok, read_done);
}

static void read_refused(struct loop_job *job) {
    struct flow *flow = CONTAINER_OF(job, struct flow, refused);
    deliver(flow->call->stream, NULL, flow->err);
    server_call_unref(flow->call);
}

static void unpack_and_deliver(struct server_stream *stream) {
    struct server_call *call = stream->in.call;
    const ProtobufCMessage *msg = NULL;
    size_t bytes = grpc_byte_buffer_length(stream->incoming);
    call->request_bytes += bytes;
    server_call_explain(call, bytes + FRAME_BYTES);
    stream->message = arena_new(call->server->options.call_memory);
    struct err *err =
        message_unpack(stream->message, call->rpc.method->input, stream->incoming, &msg);
    if (err == NULL)
        stream->n_received++;
    deliver(stream, msg, err);
}

/*
 * No message came: either the caller has sent its last one, or the call broke off, and the library
 * does not say which. A stream that was cut short must not be taken for a complete one. So
 * something is asked of the library that fails if the call is dead: sending the headers. If they
 * have gone already, nothing is left to ask that the caller would not see; but the library tells of
 * a call that broke off on another tag within a fraction of a millisecond, and that is waited for.
 */
static void probe(struct server_stream *stream) {
    struct server_call *call = stream->in.call;
    const grpc_op op = {.op = GRPC_OP_SEND_INITIAL_METADATA};
    server_call_ref(call);
    if (call->headers_sent) {
        loop_timer_start(call->server->loop, &stream->probe_timer, PROBE_MS, on_probe_timer);
        return;
    }
    call->headers_sent = true;
    SERVER_TAG_GIVEN(&stream->probe);
    if (grpc_call_start_batch(call->core, &op, 1, &stream->probe, NULL) != GRPC_CALL_OK) {
        server_call_unref(call);
        deliver(stream, NULL, why_gone(call));
    }
}

static void on_probed(struct server_tag *tag, bool ok) {
    struct server_stream *stream = CONTAINER_OF(tag, struct server_stream, probe);
    stream->probe_ok = ok;
    server_post(stream->in.call, &stream->probed, probe_done);
}

static void deliver_end(struct server_stream *stream, bool complete) {
    struct server_call *call = stream->in.call;
    stream->half_closed = complete && !atomic_load(&call->broken);
    deliver(stream, NULL, stream->half_closed ? NULL : why_gone(call));
    server_call_unref(call);
}

static void probe_done(struct loop_job *job) {
    struct server_stream *stream = CONTAINER_OF(job, struct server_stream, probed);
    deliver_end(stream, stream->probe_ok);
}

static void on_probe_timer(struct loop_timer *timer) {
    deliver_end(CONTAINER_OF(timer, struct server_stream, probe_timer), true);
}

static void forget_probe(struct server_stream *stream) {
    if (!stream->probe_timer.armed)
        return;
    loop_timer_stop(&stream->probe_timer);
    server_call_unref(stream->in.call);
}

static void read_done(struct loop_job *job) {
    struct flow *flow = CONTAINER_OF(job, struct flow, done);
    struct server_stream *stream = flow->call->stream;
    flow->under_way = false;
    grpc_byte_buffer *bytes = stream->incoming;
    if (!flow->waiting) {
        /* Cancelled or ended meanwhile. */
    } else if (bytes != NULL) {
        unpack_and_deliver(stream);
    } else if (!flow->ok) {
        deliver(stream, NULL, why_gone(flow->call));
    } else {
        probe(stream);
    }
    if (bytes != NULL)
        grpc_byte_buffer_destroy(bytes);
    server_call_unref(flow->call);
}

/* ---- sending ---- */

static void tell_sent(struct server_stream *stream, const struct err *err) {
    if (wake(&stream->out))
        stream->on_sent(&stream->out.call->rpc, err);
}

static void on_send_cancelled(struct ctx_hook *hook, const struct err *reason) {
    struct flow *flow = CONTAINER_OF(hook, struct flow, hook);
    tell_sent(flow->call->stream, reason);
}

static const struct err *pack(struct server_call *call, const ProtobufCMessage *msg) {
    static const struct err over = {
        .code = RPC_RESOURCE_EXHAUSTED,
        .msg = STR_INIT("the message needs too much memory"),
    };
    const struct err *err = ctx_check(&call->rpc.ctx);
    if (err == NULL && call->rpc.scratch != NULL && arena_over(call->rpc.scratch))
        err = &over;
    if (err == NULL)
        err = message_pack(call->rpc.ctx.arena, msg, &call->stream->outgoing);
    return err;
}

static void drop_outgoing(struct server_stream *stream) {
    grpc_byte_buffer_destroy(stream->outgoing);
    stream->outgoing = NULL;
}

static const struct err *hand_message_over(struct server_call *call) {
    struct server_stream *stream = call->stream;
    grpc_op ops[2] = {{.op = GRPC_OP_SEND_INITIAL_METADATA}};
    size_t n = call->headers_sent ? 0 : 1;
    ops[n].op = GRPC_OP_SEND_MESSAGE;
    ops[n++].data.send_message.send_message = stream->outgoing;
    call->headers_sent = true;
    size_t bytes = grpc_byte_buffer_length(stream->outgoing); /* the library empties it */
    const struct err *err = hand_to_library(&stream->out, ops, n);
    if (err != NULL) {
        drop_outgoing(stream);
        return err;
    }
    stream->n_sent++;
    call->response_bytes += bytes;
    return NULL;
}

static void send_message(struct rpc_call *rpc, const ProtobufCMessage *msg, rpc_sent_fn *fn) {
    struct server_call *call = CONTAINER_OF(rpc, struct server_call, rpc);
    struct server_stream *stream = call->stream;
    AN(fn);
    ASSERT(!stream->out.waiting);
    stream->out.waiting = true;
    stream->on_sent = fn;
    const struct err *err = pack(call, msg);
    if (err == NULL)
        err = hand_message_over(call);
    if (err != NULL)
        refuse(&stream->out, err, send_refused);
    else
        ctx_hook_add(&rpc->ctx, &stream->out.hook, on_send_cancelled);
}

static void on_written(struct server_tag *tag, bool ok) {
    post_done(CONTAINER_OF(tag, struct flow, tag), ok, send_done);
}

static void send_refused(struct loop_job *job) {
    struct flow *flow = CONTAINER_OF(job, struct flow, refused);
    tell_sent(flow->call->stream, flow->err);
    server_call_unref(flow->call);
}

static void send_end(struct server_call *call) {
    struct server_stream *stream = call->stream;
    grpc_slice text = stream->text;
    stream->ending = false;
    stream->text = grpc_empty_slice();
    server_call_send_final(call, stream->code, text, false);
}

static void send_done(struct loop_job *job) {
    struct flow *flow = CONTAINER_OF(job, struct flow, done);
    struct server_call *call = flow->call;
    flow->under_way = false;
    drop_outgoing(call->stream);
    loop_timer_stop(&call->stream->linger);
    if (call->stream->ending)
        send_end(call);
    else
        tell_sent(call->stream, flow->ok ? NULL : why_gone(call));
    server_call_unref(call);
}

const struct rpc_stream_ops server_stream_ops = {.read = read_message, .send = send_message};

/* ---- start and end ---- */

static const struct err stopping = {
    .code = RPC_UNAVAILABLE,
    .msg = STR_INIT("the server is shutting down"),
};

void server_stream_start(struct server_call *call) {
    list_append(&call->server->streams, &call->stream->node);
    if (call->server->draining && call->method->service->always)
        rpc_call_fail(&call->rpc, &stopping);
}

static void on_linger(struct loop_timer *timer) {
    struct server_stream *stream = CONTAINER_OF(timer, struct server_stream, linger);
    grpc_status_code code =
        stream->code == RPC_OK ? GRPC_STATUS_CANCELLED : (grpc_status_code)stream->code;
    grpc_call_cancel_with_status(stream->out.call->core, code, "the answer was not taken", NULL);
}

void server_stream_end(struct server_call *call, enum rpc_code code, const struct err *err) {
    struct server_stream *stream = call->stream;
    list_remove(&stream->node);
    forget_probe(stream);
    (void)wake(&stream->in);
    (void)wake(&stream->out);
    stream->code = code;
    stream->text = err == NULL ? grpc_empty_slice() : message_status(err);
    if (!stream->out.under_way) {
        send_end(call);
        return;
    }
    stream->ending = true;
    loop_timer_start(call->server->loop, &stream->linger, LINGER_MS, on_linger);
}

void server_stream_release(struct server_call *call) {
    arena_free(call->stream->message);
    call->stream->message = NULL;
}

void server_stream_count(const struct server_stream *stream, size_t *ret_received,
                         size_t *ret_sent) {
    /* Of a server stream's one request the call itself knows. */
    *ret_received += stream->n_received;
    *ret_sent += stream->n_sent;
}

/* One that is alive and, unless forced, has told what it has to tell; NULL if there is none. */
static struct server_stream *find_always(struct server *server, bool force) {
    for (struct list *node = server->streams.next; node != &server->streams; node = node->next) {
        struct server_stream *stream = CONTAINER_OF(node, struct server_stream, node);
        struct server_call *call = stream->in.call;
        if (call->method->service->always && call->rpc.ctx.reason == NULL &&
            (force || (!stream->out.waiting && !stream->out.under_way)))
            return stream;
    }
    return NULL;
}

void server_stream_drain(struct server *server, bool force) {
    struct server_stream *stream;
    /* From the start each time: handlers may end whatever they like meanwhile. */
    while ((stream = find_always(server, force)) != NULL)
        ctx_cancel(&stream->in.call->rpc.ctx, &stopping);
}
