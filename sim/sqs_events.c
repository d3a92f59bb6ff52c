// SPDX-License-Identifier: Apache-2.0
/* The end of a placement as EventBridge or SNS tells it. */
#include "base/clock.h"
#include "base/obj.h"
#include "base/random.h"
#include "codec/json.h"
#include "generated/queue_events.h"
#include "sim/ags.h"
#include "sim/sqs.h"

#define MAX_EVENT ((size_t)256 << 10) /* bytes, as AWS has it */

static enum queue_event_type type_of(enum gl_game_session_placement_state state) {
    switch (state) {
    case GL_GAME_SESSION_PLACEMENT_STATE_FULFILLED:
        return QUEUE_EVENT_TYPE_PLACEMENT_FULFILLED;
    case GL_GAME_SESSION_PLACEMENT_STATE_CANCELLED:
        return QUEUE_EVENT_TYPE_PLACEMENT_CANCELLED;
    case GL_GAME_SESSION_PLACEMENT_STATE_TIMED_OUT:
        return QUEUE_EVENT_TYPE_PLACEMENT_TIMED_OUT;
    default:
        return QUEUE_EVENT_TYPE_PLACEMENT_FAILED;
    }
}

static struct queue_placement detail_of(struct arena *a,
                                        const struct gl_game_session_placement *p) {
    struct queue_placement detail = {
        .type = type_of(p->status),
        .placement_id = p->placement_id,
        .start_time = ags_time(a, p->start_time),
        .end_time = ags_time(a, p->end_time),
    };
    if (p->status != GL_GAME_SESSION_PLACEMENT_STATE_FULFILLED)
        return detail;
    detail.port = arena_printf(a, "%d", p->port);
    detail.ip_address = p->ip_address;
    detail.dns_name = p->dns_name;
    detail.game_session_arn = p->game_session_arn;
    detail.game_session_region = p->game_session_region;
    return detail;
}

static struct str encoded(struct arena *a, const struct codec_shape *shape, const void *value) {
    struct buf b;
    buf_init(&b, MAX_EVENT);
    AZ(json_encode(&b, shape, value, a));
    struct str text = arena_str(a, buf_str(&b));
    buf_free(&b);
    return text;
}

static struct str event_text(const struct sim_sqs *sqs, struct arena *a,
                             const struct gl_game_session_placement *p,
                             const struct gamelift_queue *queue) {
    const struct queue_placement detail = detail_of(a, p);
    const struct queue_event event = {
        .id = sim_uuid(a),
        .detail_type = STR("GameLift Queue Placement Event"),
        .source = STR("aws.gamelift"),
        .account = sqs->gl->world->account,
        .time = ags_time(a, sim_now_ms(sqs->sim)),
        .region = queue->region,
        .resources = {.v = &queue->arn, .n = 1},
        .detail = &detail,
    };
    return encoded(a, &queue_event_shape, &event);
}

static struct str wrapped(const struct sim_sqs *sqs, struct arena *a, struct str event,
                          const struct gamelift_queue *queue) {
    const struct queue_notification note = {
        .type = STR("Notification"),
        .message_id = sim_uuid(a),
        .topic_arn = arena_printf(a, "arn:aws:sns:" STR_FMT ":" STR_FMT ":placements",
                                  STR_ARG(queue->region), STR_ARG(sqs->gl->world->account)),
        .message = event,
    };
    return encoded(a, &queue_notification_shape, &note);
}

void sim_sqs_on_placement_end(void *priv, const struct gl_game_session_placement *placement,
                              const struct gamelift_queue *queue) {
    struct sim_sqs *sqs = OBJ_CAST(priv, sim_sqs, SIM_SQS_MAGIC);
    struct sim_queue *target = sim_queue_find(sqs, STR(SIM_SQS_EVENTS_QUEUE));
    if (sqs->form == SIM_SQS_NOTHING)
        return;
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    struct str text = event_text(sqs, a, placement, queue);
    if (sqs->form == SIM_SQS_SNS)
        text = wrapped(sqs, a, text, queue);
    for (int64_t i = 0; i < sqs->copies; i++)
        (void)sim_queue_send(sqs, target, text,
                             sqs->delay_ms + (int64_t)(random_unit() * (double)sqs->scatter_ms));
    arena_free(a);
}
