// SPDX-License-Identifier: Apache-2.0
#include "placements/poll.h"

#include "base/clock.h"
#include "base/ctx_sleep.h"
#include "base/random.h"

#include <stdlib.h>

#define GROWTH_NUM 3 /* each wait is half as long again as the one before */
#define GROWTH_DEN 2
#define LOOK_MS 60000 /* that one look may take */
#define STOPPED "the service stops before a placement has ended: AGS is not told"

struct poller {
    unsigned magic;
#define POLLER_MAGIC 0x37c8e5d2U
    struct poller_options options;
    struct list watches;
    size_t n;
    int64_t next_slot_ms; /* when the next look may begin; on clock_mono_ms */
    bool stopping;
};

struct watch { /* in its own arena */
    unsigned magic;
#define WATCH_MAGIC 0x5a1f90beU
    struct list node;
    struct poller *poller;
    struct arena *arena;
    struct ctx ctx; /* of the watch: ends it */
    struct str region;
    struct str placement_id;
    int64_t began_ms;
    int64_t wait_ms;
    struct arena *look_arena; /* of the look under way: what it needs goes with it */
    struct ctx look;
};

static void wait_for_turn(struct watch *w);
static ctx_sleep_fn on_turn;
static ctx_sleep_fn on_slot;
static placement_look_fn on_looked;

struct poller *poller_new(const struct poller_options *options) {
    struct poller *p = calloc(1, sizeof *p);
    AN(p);
    p->magic = POLLER_MAGIC;
    p->options = *options;
    list_init(&p->watches);
    return p;
}

size_t poller_watched(const struct poller *poller) {
    OBJ_CHECK(poller, POLLER_MAGIC);
    return poller->n;
}

/* The last thing done with a watch. */
static void finish(struct watch *w, enum placement_result result) {
    struct poller *p = w->poller;
    if (p->options.observe != NULL)
        p->options.observe(p->options.observe_priv, result, clock_mono_ms() - w->began_ms);
    list_remove(&w->node);
    p->n--;
    arena_free(w->look_arena);
    arena_free(w->arena);
}

static void give_up(struct watch *w, const char *why) {
    LOG_WARN(w->ctx.log, why);
    finish(w, PLACEMENT_ABANDONED);
}

static bool is_watched(const struct poller *p, struct str placement_id) {
    for (const struct list *l = p->watches.next; l != &p->watches; l = l->next)
        if (str_eq(CONTAINER_OF(l, const struct watch, node)->placement_id, placement_id))
            return true;
    return false;
}

void poller_watch(struct poller *p, struct str region, struct str placement_id) {
    OBJ_CHECK(p, POLLER_MAGIC);
    if (is_watched(p, placement_id))
        return;
    if (p->n == POLL_MAX) {
        LOG_ERROR(NULL, "too many placements are watched: this one will not be reported to AGS",
                  LOG_STR("placementID", placement_id));
        return;
    }
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    struct watch *w = OBJ_NEW(a, watch, WATCH_MAGIC);
    w->poller = p;
    w->arena = a;
    w->region = arena_str(a, region);
    w->placement_id = arena_str(a, placement_id);
    w->began_ms = clock_mono_ms();
    w->wait_ms = POLL_FIRST_MS;
    ctx_init(&w->ctx, a, LOG_WITH(a, NULL, LOG_STR("placementID", w->placement_id)),
             CTX_NO_DEADLINE);
    list_append(&p->watches, &w->node);
    p->n++;
    wait_for_turn(w);
}

/* Its own wait, with jitter. */
static void wait_for_turn(struct watch *w) {
    int64_t ms = w->wait_ms / 2 + (int64_t)(random_unit() * (double)w->wait_ms / 2);
    w->wait_ms = w->wait_ms * GROWTH_NUM / GROWTH_DEN;
    if (w->wait_ms > POLL_CAP_MS)
        w->wait_ms = POLL_CAP_MS;
    ctx_sleep(w->poller->options.svc->loop, &w->ctx, ms, on_turn, w);
}

/* Then a slot in the pace that all placements have in common. */
static void on_turn(void *priv, const struct err *err) {
    struct watch *w = OBJ_CAST(priv, watch, WATCH_MAGIC);
    struct poller *p = w->poller;
    int64_t now = clock_mono_ms();
    if (err != NULL) {
        give_up(w, STOPPED);
        return;
    }
    int64_t at = p->next_slot_ms > now ? p->next_slot_ms : now;
    p->next_slot_ms = at + POLL_GAP_MS;
    ctx_sleep(p->options.svc->loop, &w->ctx, at - now, on_slot, w);
}

static void on_slot(void *priv, const struct err *err) {
    struct watch *w = OBJ_CAST(priv, watch, WATCH_MAGIC);
    struct poller *p = w->poller;
    if (err != NULL) {
        give_up(w, STOPPED);
        return;
    }
    if (clock_mono_ms() - w->began_ms > POLL_GIVE_UP_MS) {
        give_up(w, "a placement is not watched any longer: AGS is not told");
        return;
    }
    arena_free(w->look_arena);
    w->look_arena = arena_new(ARENA_LIMIT_DEFAULT);
    ctx_init(&w->look, w->look_arena, NULL, clock_mono_ms() + LOOK_MS);
    if (p->options.tracer != NULL)
        p->options.tracer->begin_work(p->options.tracer, &w->look, STR("placement poll"));
    board_look_begins(p->options.board, w->placement_id);
    placement_look(p->options.svc, &p->options.policy, &w->look, w->region, w->placement_id,
                   on_looked, w);
}

static void on_looked(void *priv, const struct placement_outcome *outcome) {
    struct watch *w = OBJ_CAST(priv, watch, WATCH_MAGIC);
    struct poller *p = w->poller;
    board_look_ends(p->options.board, w->placement_id, outcome);
    if (p->options.tracer != NULL)
        p->options.tracer->end_work(p->options.tracer, &w->look,
                                    str_c(placement_result_name(outcome->result)), outcome->err);
    if (placement_is_dealt_with(outcome->result))
        finish(w, outcome->result);
    else if (p->stopping)
        give_up(w, STOPPED);
    else
        wait_for_turn(w);
}

void poller_free(struct poller *p) {
    static const struct err stops = {
        .code = RPC_CANCELLED,
        .origin = ERR_CALLER,
        .msg = STR_INIT("the service stops"),
    };
    if (p == NULL)
        return;
    OBJ_CHECK(p, POLLER_MAGIC);
    p->stopping = true;
    while (!list_empty(&p->watches)) {
        struct watch *w = CONTAINER_OF(p->watches.next, struct watch, node);
        if (w->look_arena != NULL && w->look.reason == NULL && !list_empty(&w->look.hooks))
            ctx_cancel(&w->look, &stops);
        else
            ctx_cancel(&w->ctx, &stops);
    }
    p->magic = 0;
    free(p);
}
