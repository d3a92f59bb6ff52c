// SPDX-License-Identifier: Apache-2.0
/* All reclaims at once: for the end of the service, and for people to see. */
#include "base/clock.h"
#include "handlers/reclaim_parts.h"

#define FINISHING_TICK_MS 20

struct finishing { /* in an arena of its own */
    unsigned magic;
#define FINISHING_MAGIC 0x0b6fd3a8U
    struct arena *arena;
    struct dsm_service *svc;
    struct loop_timer timer;
    int64_t until_ms;
    reclaim_done_fn *fn;
    void *priv;
};

static void on_finishing_tick(struct loop_timer *timer) {
    struct finishing *f = CONTAINER_OF(timer, struct finishing, timer);
    OBJ_CHECK(f, FINISHING_MAGIC);
    if (!list_empty(&f->svc->reclaims) && clock_mono_ms() < f->until_ms) {
        loop_timer_start(f->svc->loop, &f->timer, FINISHING_TICK_MS, on_finishing_tick);
        return;
    }
    reclaim_done_fn *fn = f->fn;
    void *priv = f->priv;
    reclaim_give_up_all(f->svc);
    arena_free(f->arena);
    fn(priv);
}

void reclaim_finish_all(struct dsm_service *svc, int64_t limit_ms, reclaim_done_fn *fn,
                        void *priv) {
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    struct finishing *f = OBJ_NEW(a, finishing, FINISHING_MAGIC);
    f->arena = a;
    f->svc = svc;
    f->until_ms = clock_mono_ms() + limit_ms;
    f->fn = fn;
    f->priv = priv;
    for (struct list *l = svc->reclaims.next; l != &svc->reclaims; l = l->next) {
        struct reclaim *r = CONTAINER_OF(l, struct reclaim, node);
        if (f->until_ms < r->ctx.deadline_ms)
            r->ctx.deadline_ms = f->until_ms;
        if (r->waits)
            reclaim_wait(r, 0);
    }
    loop_timer_start(svc->loop, &f->timer, 0, on_finishing_tick);
}

size_t reclaim_views(const struct dsm_service *svc, struct reclaim_view *ret, size_t n) {
    size_t i = 0;
    for (struct list *l = svc->reclaims.next; l != &svc->reclaims; l = l->next, i++) {
        const struct reclaim *r = CONTAINER_OF(l, struct reclaim, node);
        if (i >= n)
            continue;
        STR_UTF8_COPY(ret[i].namespace, r->of.namespace);
        STR_UTF8_COPY(ret[i].session_id, r->of.session_id);
        STR_UTF8_COPY(ret[i].looked_for,
                      str_empty(r->of.placement_id) ? STR("session") : STR("placement"));
        ret[i].age_ms = clock_mono_ms() - r->made_ms;
        ret[i].tries = r->tries;
    }
    return i;
}

void reclaim_give_up_all(struct dsm_service *svc) {
    static const struct err stopped = {
        .code = RPC_CANCELLED,
        .msg = STR_INIT("the service stopped before it was known"),
    };
    while (!list_empty(&svc->reclaims))
        reclaim_give_up(CONTAINER_OF(svc->reclaims.next, struct reclaim, node), &stopped);
}
