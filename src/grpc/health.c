// SPDX-License-Identifier: Apache-2.0
#include "grpc/health.h"

#include "base/obj.h"
#include "generated/health.h"

#include <stdlib.h>

#define STATUS(name) GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__##name

struct state {
    char *service;
    bool serving;
};

struct health_service {
    unsigned magic;
#define HEALTH_MAGIC 0x48e1a7d3U
    struct state *states;
    size_t n;
    bool draining;
};

static health_check_fn check;
static const struct health_health_handlers handlers = {.check = check};

struct health_service *health_new(void) {
    struct health_service *health = calloc(1, sizeof *health);
    AN(health);
    health->magic = HEALTH_MAGIC;
    return health;
}

void health_free(struct health_service *health) {
    if (health == NULL)
        return;
    OBJ_CHECK(health, HEALTH_MAGIC);
    for (size_t i = 0; i < health->n; i++)
        free(health->states[i].service);
    free(health->states);
    health->magic = 0;
    free(health);
}

static struct state *find(struct health_service *health, const char *service) {
    for (size_t i = 0; i < health->n; i++)
        if (strcmp(health->states[i].service, service) == 0)
            return &health->states[i];
    return NULL;
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
}

void health_drain(struct health_service *health) {
    OBJ_CHECK(health, HEALTH_MAGIC);
    health->draining = true;
    for (size_t i = 0; i < health->n; i++)
        health->states[i].serving = false;
}

void health_add_to(struct health_service *health, struct server *server) {
    OBJ_CHECK(health, HEALTH_MAGIC);
    server_add_service(server, &health_health_service, &handlers, health, SERVER_ALWAYS);
    health_set(health, "", true);
    for (size_t i = 0; server_service(server, i) != NULL; i++)
        health_set(health, server_service(server, i)->name, true);
}

static void check(struct health_check_call *call) {
    OBJ_CHECK(call->svc, HEALTH_MAGIC);
    struct health_health_check_response resp = HEALTH_HEALTH_CHECK_RESPONSE_INIT;
    const struct state *state = find(call->svc, call->req->service);
    if (state == NULL) {
        health_check_fail(call, err_new(call->ctx->arena, RPC_NOT_FOUND, "unknown service"));
        return;
    }
    resp.status = state->serving ? STATUS(SERVING) : STATUS(NOT_SERVING);
    health_check_reply(call, &resp);
}
