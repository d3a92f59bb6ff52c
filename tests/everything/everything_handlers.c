// SPDX-License-Identifier: Apache-2.0
/* The services of everything.proto, one handler of each kind; see everything_server.c. */
#include "everything_handlers.h"

#include "base/obj.h"

/* ---- one message for one ---- */

static void echo(struct everything_echo_call *call) {
    everything_echo_reply(call, call->req);
}

static void echo_again(struct everything_second_echo_call *call) {
    everything_second_echo_reply(call, call->req);
}

static void log_thing(struct everything_log_call *call) {
    struct everything_text resp = EVERYTHING_TEXT_INIT;
    struct buf line;
    buf_init(&line, (size_t)1 << 20);
    everything_thing_redact(&line, call->req);
    resp.text = protobuf_string(call->ctx->arena, buf_str(&line));
    buf_free(&line);
    everything_log_reply(call, &resp);
}

static void ping(struct everything_ping_call *call) {
    struct google_protobuf_timestamp now = GOOGLE_PROTOBUF_TIMESTAMP_INIT;
    now.seconds = 1234567890;
    now.nanos = 5;
    everything_ping_reply(call, &now);
}

static void plain(struct everything_plain_call *call) {
    struct common_place place = COMMON_PLACE_INIT;
    place.region = call->req->text;
    everything_plain_reply(call, &place);
}

static void turn(struct plain_turn_call *call) {
    struct plain_plain_message resp = PLAIN_PLAIN_MESSAGE_INIT;
    struct str text = str_c(call->req->text);
    resp.text = protobuf_string(call->ctx->arena, text);
    for (size_t i = 0; i < text.n; i++)
        resp.text[i] = text.p[text.n - 1 - i];
    resp.kind = PLAIN_PLAIN_KIND_PLAIN_SOME;
    plain_turn_reply(call, &resp);
}

/* ---- what a handler sees of presence, oneofs and maps ---- */

static void look_at_payment(struct buf *out, const struct everything_thing *thing) {
    switch ((int)thing->payment_case) {
    case EVERYTHING_THING_PAYMENT_NOT_SET:
        buf_printf(out, "no payment\n");
        break;
    case EVERYTHING_THING_PAYMENT_CARD:
        buf_printf(out, "card %s\n", thing->card);
        break;
    case EVERYTHING_THING_PAYMENT_CENTS:
        buf_printf(out, "cents %lld\n", (long long)thing->cents);
        break;
    case EVERYTHING_THING_PAYMENT_VOUCHER:
        buf_printf(out, "voucher %s\n", thing->voucher->text);
        break;
    default:
        buf_printf(out, "another payment\n");
    }
}

static void look(struct everything_look_call *call) {
    const struct everything_thing *thing = call->req;
    struct everything_text resp = EVERYTHING_TEXT_INIT;
    struct buf out;
    buf_init(&out, 4096);
    if (everything_thing_has_o_int32(thing))
        buf_printf(&out, "o_int32 %d\n", thing->o_int32);
    if (everything_thing_has_o_string(thing))
        buf_printf(&out, "o_string '%s'\n", thing->o_string);
    if (everything_thing_has_o_kind(thing))
        buf_printf(&out, "o_kind %s\n",
                   thing->o_kind == EVERYTHING_THING_KIND_KIND_SLOW ? "slow" : "other");
    buf_printf(&out, "o_inner %s\n", thing->o_inner == NULL ? "absent" : "there");
    look_at_payment(&out, thing);
    const struct everything_thing_labels_entry *label = everything_thing_find_labels(thing, "a");
    buf_printf(&out, "labels[a] %s\n", label == NULL ? "absent" : label->value);
    const struct everything_thing_by_number_entry *entry =
        everything_thing_find_by_number(thing, -7);
    buf_printf(&out, "by_number[-7] %s\n", entry == NULL ? "absent" : entry->value->text);
    resp.text = protobuf_string(call->ctx->arena, buf_str(&out));
    buf_free(&out);
    everything_look_reply(call, &resp);
}

static void build(struct everything_build_call *call) {
    struct everything_thing thing = EVERYTHING_THING_INIT;
    struct everything_thing_labels_entry label = EVERYTHING_THING_LABELS_ENTRY_INIT;
    struct everything_thing_labels_entry *labels[] = {&label};
    ProtobufCBinaryData none = {0};
    everything_thing_set_o_int32(&thing, 0);
    everything_thing_set_o_string(&thing, protobuf_string(call->ctx->arena, STR("")));
    everything_thing_set_o_bytes(&thing, none);
    everything_thing_set_o_kind(&thing, EVERYTHING_THING_KIND_KIND_NEGATIVE);
    thing.payment_case = EVERYTHING_THING_PAYMENT_CARD;
    thing.card = protobuf_string(call->ctx->arena, STR(""));
    label.key = protobuf_string(call->ctx->arena, STR("key"));
    label.value = protobuf_string(call->ctx->arena, STR("value"));
    thing.labels = labels;
    thing.n_labels = ARRAY_LEN(labels);
    thing.restrict_ = protobuf_string(call->ctx->arena, STR("keyword"));
    thing.base_ = 17;
    thing.n_inners_ = 18;
    everything_build_reply(call, &thing);
}

/* ---- Gather: read, read, ..., reply ---- */

struct gathering {
    unsigned magic;
#define GATHERING_MAGIC 0x7c1e02b4U
    uint64_t things;
};

static void on_gathered(struct everything_gather_call *call, const struct everything_thing *thing,
                        const struct err *err) {
    struct gathering *g = OBJ_CAST(call->state, gathering, GATHERING_MAGIC);
    if (err != NULL) {
        call->svc->cancelled++;
        everything_gather_fail(call, err);
    } else if (thing != NULL) {
        g->things++;
        everything_gather_read(call, on_gathered);
    } else {
        struct everything_count count = EVERYTHING_COUNT_INIT;
        count.things = g->things;
        count.cancelled = call->svc->cancelled > 0;
        everything_gather_reply(call, &count);
    }
}

static void gather(struct everything_gather_call *call) {
    call->state = OBJ_NEW(call->ctx->arena, gathering, GATHERING_MAGIC);
    everything_gather_read(call, on_gathered);
}

/* ---- Repeat: send, send, ..., finish ---- */

struct repeating {
    unsigned magic;
#define REPEATING_MAGIC 0x1b9f6d30U
    uint32_t sent;
};

static void on_repeated(struct everything_repeat_call *call, const struct err *err) {
    struct repeating *r = OBJ_CAST(call->state, repeating, REPEATING_MAGIC);
    if (err != NULL) {
        call->svc->cancelled++;
        everything_repeat_fail(call, err);
    } else if (r->sent == call->req->times || call->req->thing == NULL) {
        everything_repeat_finish(call);
    } else {
        r->sent++;
        call->svc->repeated++;
        everything_repeat_send(call, call->req->thing, on_repeated);
    }
}

static void repeat(struct everything_repeat_call *call) {
    call->state = OBJ_NEW(call->ctx->arena, repeating, REPEATING_MAGIC);
    on_repeated(call, NULL);
}

/* ---- Chat: read, send, read, ..., finish ---- */

static everything_chat_message_fn on_said;

static void on_answered(struct everything_chat_call *call, const struct err *err) {
    if (err != NULL)
        everything_chat_fail(call, err);
    else
        everything_chat_read(call, on_said);
}

static void on_said(struct everything_chat_call *call, const struct everything_thing *thing,
                    const struct err *err) {
    if (err != NULL)
        everything_chat_fail(call, err);
    else if (thing == NULL)
        everything_chat_finish(call);
    else
        everything_chat_send(call, thing, on_answered);
}

static void chat(struct everything_chat_call *call) {
    everything_chat_read(call, on_said);
}

static void stats(struct everything_stats_call *call) {
    struct everything_seen resp = EVERYTHING_SEEN_INIT;
    resp.repeated = call->svc->repeated;
    resp.cancelled = call->svc->cancelled;
    everything_stats_reply(call, &resp);
}

const struct everything_mirror_handlers everything_mirror = {
    .echo = echo,
    .gather = gather,
    .repeat = repeat,
    .chat = chat,
    .ping = ping,
    .plain = plain,
    .log = log_thing,
    .look = look,
    .build = build,
    .stats = stats,
};

const struct everything_second_handlers everything_second = {
    .echo = echo_again,
};

const struct everything_idle_handlers everything_idle = {};

const struct plain_plain_service_handlers everything_plain = {
    .turn = turn,
};
