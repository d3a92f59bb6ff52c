// SPDX-License-Identifier: Apache-2.0
/*
 * What a message of the placement events queue says: an EventBridge event, or the same from an SNS
 * topic, as it is or in SNS's own wrapping.
 * https://docs.aws.amazon.com/gamelift/latest/developerguide/queue-events.html
 *
 * Nothing in a message proves who sent it: that is the queue's policy to ensure. So an event is
 * believed in one thing only: which placement to look at, and in which region. What has become of
 * the placement, and whose it is, GameLift itself is asked, with our credentials. Whoever can write
 * into the queue can cause a look, and no more.
 */
#ifndef PLACEMENTS_EVENT_H
#define PLACEMENTS_EVENT_H

#include "base/err.h"
#include "generated/queue_events.h"

#define PLACEMENT_EVENT_MAX ((size_t)256 << 10) /* bytes of a message */

struct placement_event { /* strings in the arena */
    struct str placement_id;
    struct str region; /* of the GameLift queue, where the placement is asked for */
    enum queue_event_type type;
};

/*
 * topic_arns: topics whose wrapped messages are taken, or none for any. The error says what is
 * wrong and repeats nothing of the message: too long, no JSON, no event of a GameLift queue, a
 * broken constraint, a resource that is no queue of the event's own account and region, a topic
 * that is not listed.
 */
struct err *placement_event_parse(struct str body, struct str_list topic_arns, struct arena *a,
                                  struct placement_event *ret) MUST_CHECK;

#endif
