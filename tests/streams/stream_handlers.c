// SPDX-License-Identifier: Apache-2.0
#include "stream_handlers.h"

#include "base/obj.h"

static void note_end(struct streams_service *svc, const struct err *err) {
    atomic_fetch_sub(&svc->open, 1);
    if (err != NULL && err->origin == ERR_CALLER)
        atomic_fetch_add(&svc->cancelled, 1);
}

/* ---- Echo ---- */

static void echo(struct streams_echo_call *call) {
    struct streams_piece resp = STREAMS_PIECE_INIT;
    resp.number = call->req->number;
    resp.text = call->req->text;
    streams_echo_reply(call, &resp);
}

/* ---- Collect: read, read, ..., reply ---- */

struct sum {
    unsigned magic;
#define SUM_MAGIC 0x2c8d11f7U
    int64_t pieces;
    int64_t sum;
};

static void on_piece(struct streams_collect_call *call, const struct streams_piece *piece,
                     const struct err *err) {
    struct sum *sum = OBJ_CAST(call->state, sum, SUM_MAGIC);
    if (err != NULL) {
        note_end(call->svc, err);
        streams_collect_fail(call, err);
    } else if (piece != NULL) {
        sum->pieces++;
        sum->sum += piece->number;
        streams_collect_read(call, on_piece);
    } else {
        struct streams_total total = STREAMS_TOTAL_INIT;
        total.pieces = sum->pieces;
        total.sum = sum->sum;
        note_end(call->svc, NULL);
        streams_collect_reply(call, &total);
    }
}

static void collect(struct streams_collect_call *call) {
    call->state = OBJ_NEW(call->ctx->arena, sum, SUM_MAGIC);
    atomic_fetch_add(&call->svc->open, 1);
    streams_collect_read(call, on_piece);
}

/* ---- Count: send, wait, send, ..., finish ---- */

struct counting {
    unsigned magic;
#define COUNTING_MAGIC 0x6f03ab41U
    struct streams_count_call *call;
    int64_t next;
    struct loop_timer timer;
    struct ctx_hook hook; /* while pausing */
};

static void end_count(struct counting *c, const struct err *err) {
    int32_t code = c->call->req->code;
    note_end(c->call->svc, err);
    if (err == NULL && code != 0)
        err = err_new(c->call->ctx->arena, (enum rpc_code)code, "counted enough");
    if (err != NULL)
        streams_count_fail(c->call, err);
    else
        streams_count_finish(c->call);
}

static void on_sent(struct streams_count_call *call, const struct err *err);

static void send_next(struct counting *c) {
    struct streams_piece piece = STREAMS_PIECE_INIT;
    if (c->next == c->call->req->pieces) {
        end_count(c, NULL);
        return;
    }
    size_t n = (size_t)c->call->req->text_bytes;
    piece.number = c->next++;
    piece.text = arena_alloc(rpc_call_scratch(c->call->rpc), n + 1);
    memset(piece.text, 'x', n);
    streams_count_send(c->call, &piece, on_sent);
}

static void on_pause_cancelled(struct ctx_hook *hook, const struct err *reason) {
    struct counting *c = CONTAINER_OF(hook, struct counting, hook);
    OBJ_CHECK(c, COUNTING_MAGIC);
    loop_timer_stop(&c->timer);
    end_count(c, reason);
}

static void on_pause_over(struct loop_timer *timer) {
    struct counting *c = CONTAINER_OF(timer, struct counting, timer);
    OBJ_CHECK(c, COUNTING_MAGIC);
    ctx_hook_remove(&c->hook);
    send_next(c);
}

static void on_sent(struct streams_count_call *call, const struct err *err) {
    struct counting *c = OBJ_CAST(call->state, counting, COUNTING_MAGIC);
    if (err != NULL) {
        end_count(c, err);
        return;
    }
    atomic_fetch_add(&call->svc->counted, 1);
    if (call->req->pause_ms == 0) {
        send_next(c);
        return;
    }
    ctx_hook_add(call->ctx, &c->hook, on_pause_cancelled);
    loop_timer_start(call->svc->loop, &c->timer, call->req->pause_ms, on_pause_over);
}

static void count(struct streams_count_call *call) {
    struct counting *c = OBJ_NEW(call->ctx->arena, counting, COUNTING_MAGIC);
    c->call = call;
    call->state = c;
    atomic_fetch_add(&call->svc->open, 1);
    send_next(c);
}

/* ---- Chat: read, send, read, ..., finish ---- */

static streams_chat_message_fn on_said;

static void end_chat(struct streams_chat_call *call, const struct err *err) {
    note_end(call->svc, err);
    if (err != NULL)
        streams_chat_fail(call, err);
    else
        streams_chat_finish(call);
}

static void on_answered(struct streams_chat_call *call, const struct err *err) {
    if (err != NULL)
        end_chat(call, err);
    else
        streams_chat_read(call, on_said);
}

static void on_said(struct streams_chat_call *call, const struct streams_piece *piece,
                    const struct err *err) {
    struct streams_piece answer = STREAMS_PIECE_INIT;
    if (err != NULL || piece == NULL) {
        end_chat(call, err);
        return;
    }
    if (piece->number < 0) {
        end_chat(call, err_new(call->ctx->arena, (enum rpc_code) - piece->number, "as you wish"));
        return;
    }
    answer.number = piece->number;
    answer.text = piece->text;
    streams_chat_send(call, &answer, on_answered);
}

static void chat(struct streams_chat_call *call) {
    atomic_fetch_add(&call->svc->open, 1);
    streams_chat_read(call, on_said);
}

const struct streams_streams_handlers stream_handlers = {
    .echo = echo,
    .collect = collect,
    .count = count,
    .chat = chat,
};
