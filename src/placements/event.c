// SPDX-License-Identifier: Apache-2.0
#include "placements/event.h"

#include "aws/arn.h"
#include "codec/json.h"
#include "codec/validate.h"

static struct err *bad(struct arena *a, const char *what, const struct err *why) {
    return ERR_INVALID(a, "%s: " STR_FMT, what, STR_ARG(why->msg));
}

static bool is_listed(struct str topic, struct str_list topic_arns) {
    for (size_t i = 0; i < topic_arns.n; i++)
        if (str_eq(topic_arns.v[i], topic))
            return true;
    return topic_arns.n == 0;
}

/* The text inside SNS's wrapping. */
static struct err *unwrap(struct str body, struct str_list topic_arns, struct arena *a,
                          struct str *ret) {
    struct queue_notification note = {.type = STR_NULL};
    struct err *err = json_decode(body, &queue_notification_shape, &note, a);
    if (err == NULL)
        err = codec_validate(&queue_notification_shape, &note, a);
    if (err != NULL)
        return bad(a, "neither an event nor an SNS notification", err);
    if (!str_eq(note.type, STR("Notification")))
        return ERR_INVALID(a, "an SNS message that is no notification");
    if (!is_listed(note.topic_arn, topic_arns))
        return ERR_INVALID(a, "an SNS notification of a topic that PLACEMENT_TOPIC_ARNS lacks");
    *ret = note.message;
    return NULL;
}

/* An event names the queue that its placement was on. One that names something else is a forgery,
 * or a mistake of who passed it on. */
static bool is_its_queue(const struct queue_event *event, struct str resource) {
    struct arn arn;
    return arn_parse(resource, &arn) && str_eq(arn.service, STR("gamelift")) &&
           str_eq(arn.region, event->region) && str_eq(arn.account, event->account) &&
           str_starts(arn.resource, STR("gamesessionqueue/"));
}

static struct err *check(const struct queue_event *event, struct arena *a) {
    struct err *err = codec_validate(&queue_event_shape, event, a);
    if (err != NULL)
        return bad(a, "the event", err);
    if (!str_eq(event->source, STR("aws.gamelift")) ||
        !str_eq(event->detail_type, STR("GameLift Queue Placement Event")))
        return ERR_INVALID(a, "an event of another kind");
    if (event->detail->type == QUEUE_EVENT_TYPE_UNKNOWN)
        return ERR_INVALID(a, "a placement event of a type that is not known here");
    for (size_t i = 0; i < event->resources.n; i++)
        if (!is_its_queue(event, event->resources.v[i]))
            return ERR_INVALID(a, "the event's resource is no queue of its account and region");
    return NULL;
}

struct err *placement_event_parse(struct str body, struct str_list topic_arns, struct arena *a,
                                  struct placement_event *ret) {
    struct queue_event event = {.detail = NULL};
    if (body.n > PLACEMENT_EVENT_MAX)
        return ERR_INVALID(a, "longer than %zu bytes", PLACEMENT_EVENT_MAX);
    /* Members that are not known are skipped, so a notification looks like an event without any. */
    struct err *err = json_decode(body, &queue_event_shape, &event, a);
    if (err == NULL && event.detail == NULL && event.source.p == NULL) {
        err = unwrap(body, topic_arns, a, &body);
        if (err != NULL)
            return err;
        event = (struct queue_event){.detail = NULL};
        err = json_decode(body, &queue_event_shape, &event, a);
    }
    if (err != NULL)
        return bad(a, "the event", err);
    err = check(&event, a);
    if (err != NULL)
        return err;
    *ret = (struct placement_event){
        .placement_id = event.detail->placement_id,
        .region = event.region,
        .type = event.detail->type,
    };
    return NULL;
}
