// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a message of the placement events queue. What must hold: what is taken for an event
 * names a placement id that GameLift could have, a region that is one, and a known end.
 */
#include "base/obj.h"
#include "codec/validate.h"
#include "generated/gamelift.h"
#include "placements/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *a = arena_new(4096);
    struct placement_event event;
    struct err *err = placement_event_parse(str_n((const char *)data, size),
                                            (struct str_list){.n = 0}, a, &event);
    if (err != NULL) {
        ASSERT(err->msg.n > 0 && err->msg.n < 500 && str_is_utf8(err->msg));
    } else {
        const struct gl_describe_game_session_placement_input in = {
            .placement_id = event.placement_id,
        };
        ASSERT(codec_validate(&gl_describe_game_session_placement_input_shape, &in, a) == NULL);
        ASSERT(event.region.n > 0 && event.region.n < 64);
        ASSERT(str_find(event.region, '.') == event.region.n);
        ASSERT(str_find(event.region, '/') == event.region.n);
        ASSERT(event.type > QUEUE_EVENT_TYPE_UNSET && event.type < QUEUE_EVENT_TYPE_UNKNOWN);
    }
    arena_free(a);
    return 0;
}
