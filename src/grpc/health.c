// SPDX-License-Identifier: Apache-2.0
#include "grpc/health.h"

#include "base/list.h"
#include "base/obj.h"
#include "generated/health.h"

#include <stdlib.h>

#define STATUS(name) GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__##name
typedef Grpc__Health__V1__HealthCheckResponse__ServingStatus status_type;

struct state {
    char *service;
    bool serving;
};

struct health_service {
    unsigned magic;
#define HEALTH_MAGIC 0x48e1a7d3U
    struct state *states;
    size_t n;
    struct list watches;
    size_t n_watches;
    bool draining;
};

/* One caller that is told of changes; in its call's arena. */
struct watch {
    unsigned magic;
#define WATCH_MAGIC 0x7ab3e915U
    struct list node;
    struct health_watch_call *call;
    struct ctx_hook hook;
    bool told; /* anything yet */
    bool sending;
    status_type last; /* what it was told */
};

static health_check_fn check;
static health_watch_fn watch;
static const struct health_health_handlers handlers = {.check = check, .watch = watch};
static void tell_watches(struct health_service *health);

struct health_service *health_new(void) {
    struct health_service *health = calloc(1, sizeof *health);
    AN(health);
    health->magic = HEALTH_MAGIC;
    list_init(&health->watches);
    return health;
}

void health_free(struct health_service *health) {
    if (health == NULL)
        return;
    OBJ_CHECK(health, HEALTH_MAGIC);
    ASSERT(list_empty(&health->watches));
    for (size_t i = 0; i < health->n; i++)
        free(health->states[i].service);
    free(health->states);
    health->magic = 0;
    free(health);
}

/* ---- what is known ---- */

static struct state *find(struct health_service *health, const char *service) {
    for (size_t i = 0; i < health->n; i++)
        if (strcmp(health->states[i].service, service) == 0)
            return &health->states[i];
    return NULL;
}

static status_type status_of(const struct state *state) {
    return state->serving ? STATUS(SERVING) : STATUS(NOT_SERVING);
}

void health_set(struct health_service *health, const char *service, bool serving) {
    OBJ_CHECK(health, HEALTH_MAGIC);
    if (health->draining)
        return;
    struct state *state = find(health, service);
    if (state == NULL) {
        health->states = realloc(health->states, (health->n + 1) * sizeof *health->states);
        AN(health->states);
        state = &health->states[health->n++];
        state->service = strdup(service);
        AN(state->service);
    }
    state->serving = serving;
    tell_watches(health);
}

void health_drain(struct health_service *health) {
    OBJ_CHECK(health, HEALTH_MAGIC);
    health->draining = true;
    for (size_t i = 0; i < health->n; i++)
        health->states[i].serving = false;
    tell_watches(health);
}

void health_add_to(struct health_service *health, struct server *server) {
    OBJ_CHECK(health, HEALTH_MAGIC);
    server_add_service(server, &health_health_service, &handlers, health, SERVER_ALWAYS);
    health_set(health, "", true);
    for (size_t i = 0; server_service(server, i) != NULL; i++)
        health_set(health, server_service(server, i)->name, true);
}

/* ---- Check ---- */

static void check(struct health_check_call *call) {
    OBJ_CHECK(call->svc, HEALTH_MAGIC);
    struct health_health_check_response resp = HEALTH_HEALTH_CHECK_RESPONSE_INIT;
    const struct state *state = find(call->svc, call->req->service);
    if (state == NULL) {
        health_check_fail(call, err_new(call->ctx->arena, RPC_NOT_FOUND, "unknown service"));
        return;
    }
    resp.status = status_of(state);
    health_check_reply(call, &resp);
}

/* ---- Watch ---- */

static void end_watch(struct watch *w, const struct err *err) {
    list_remove(&w->node);
    ctx_hook_remove(&w->hook);
    w->call->svc->n_watches--;
    health_watch_fail(w->call, err);
}

static void on_watch_cancelled(struct ctx_hook *hook, const struct err *reason) {
    struct watch *w = CONTAINER_OF(hook, struct watch, hook);
    OBJ_CHECK(w, WATCH_MAGIC);
    end_watch(w, reason);
}

static health_watch_sent_fn on_told;

/* Changes that come while a message is under way are seen when it has gone: only the newest. */
static void tell(struct watch *w) {
    struct health_health_check_response resp = HEALTH_HEALTH_CHECK_RESPONSE_INIT;
    const struct state *state = find(w->call->svc, w->call->req->service);
    resp.status = state != NULL ? status_of(state) : STATUS(SERVICE_UNKNOWN);
    if (w->sending || (w->told && w->last == resp.status))
        return;
    w->told = true;
    w->sending = true;
    w->last = resp.status;
    health_watch_send(w->call, &resp, on_told);
}

static void on_told(struct health_watch_call *call, const struct err *err) {
    struct watch *w = OBJ_CAST(call->state, watch, WATCH_MAGIC);
    w->sending = false;
    if (err != NULL)
        end_watch(w, err);
    else
        tell(w);
}

/* Sends end nothing before they return, so that the list stays as it is. */
static void tell_watches(struct health_service *health) {
    for (struct list *node = health->watches.next; node != &health->watches; node = node->next)
        tell(CONTAINER_OF(node, struct watch, node));
}

static void watch(struct health_watch_call *call) {
    OBJ_CHECK(call->svc, HEALTH_MAGIC);
    if (call->svc->n_watches == HEALTH_MAX_WATCHES) {
        health_watch_fail(
            call, err_new(call->ctx->arena, RPC_RESOURCE_EXHAUSTED, "too many calls of Watch"));
        return;
    }
    struct watch *w = OBJ_NEW(call->ctx->arena, watch, WATCH_MAGIC);
    w->call = call;
    call->state = w;
    call->svc->n_watches++;
    list_append(&call->svc->watches, &w->node);
    ctx_hook_add(call->ctx, &w->hook, on_watch_cancelled);
    tell(w);
}
