// SPDX-License-Identifier: Apache-2.0
/*
 * Any text as session_data. What must hold: what is read as latencies is bounded, named, finite and
 * without repetition, and GameLift's own rules take it; what was left out has a reason.
 */
#include "base/buf.h"
#include "base/obj.h"
#include "codec/json.h"
#include "codec/validate.h"
#include "handlers/latencies.h"

#define REPEATS_LOOKED_AT 200 /* entries; the comparison is quadratic */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_entries(const struct gl_player_latency_list *list) {
    for (size_t i = 0; i < list->n; i++) {
        const struct gl_player_latency *e = &list->v[i];
        ASSERT(!str_empty(e->player_id) && !str_empty(e->region_identifier));
        ASSERT(e->has_latency_in_milliseconds);
        ASSERT(e->latency_in_milliseconds >= 0.0F);
        ASSERT((double)e->latency_in_milliseconds <= LATENCIES_MAX_MS);
        for (size_t k = 0; k < i && i < REPEATS_LOOKED_AT; k++)
            ASSERT(!str_eq(list->v[k].player_id, e->player_id) ||
                   !str_eq(list->v[k].region_identifier, e->region_identifier));
    }
}

/* As the handler sends it. */
static void check_sending(struct arena *a, const struct gl_player_latency_list *list) {
    struct buf out;
    const struct gl_start_game_session_placement_input in = {
        .placement_id = STR("p"),
        .game_session_queue_name = STR("q"),
        .has_maximum_player_session_count = true,
        .maximum_player_session_count = 1,
        .player_latencies = *list,
    };
    buf_init(&out, (size_t)64 << 20);
    ASSERT(codec_validate(&gl_start_game_session_placement_input_shape, &in, a) == NULL);
    ASSERT(json_encode(&out, &gl_start_game_session_placement_input_shape, &in, a) == NULL);
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *a = arena_new(4096);
    struct latencies found = latencies_read(a, str_n((const char *)data, size));
    ASSERT(found.list.n <= LATENCIES_MAX_ENTRIES);
    ASSERT(found.list.n == 0 || found.list.v != NULL);
    ASSERT(found.skipped == 0 || found.why != NULL);
    check_entries(&found.list);
    check_sending(a, &found.list);
    arena_free(a);
    return 0;
}
