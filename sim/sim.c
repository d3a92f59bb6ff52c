// SPDX-License-Identifier: Apache-2.0
#include "sim/sim.h"

#include "base/clock.h"
#include "base/obj.h"

#include <sys/random.h>

struct str sim_request_header(const struct sim_request *req, struct str name) {
    for (size_t i = 0; i < req->n_headers; i++)
        if (str_eq_nocase(req->headers[i].name, name))
            return req->headers[i].value;
    return STR_NULL;
}

void sim_init(struct sim *sim) {
    *sim = (struct sim){.magic = SIM_MAGIC};
    due_list_init(&sim->due);
    faults_init(&sim->faults);
    journal_init(&sim->journal);
}

void sim_free(struct sim *sim) {
    OBJ_CHECK(sim, SIM_MAGIC);
    faults_clear(&sim->faults);
    journal_clear(&sim->journal);
    auth_free(&sim->auth);
    sim->magic = 0;
}

void sim_add(struct sim *sim, const struct sim_service *service) {
    ASSERT(sim->n_services < SIM_MAX_SERVICES);
    sim->services[sim->n_services++] = *service;
}

void sim_reset(struct sim *sim) {
    faults_clear(&sim->faults);
    journal_clear(&sim->journal);
    sim->clock_offset_ms = 0;
    for (size_t i = 0; i < sim->n_services; i++)
        if (sim->services[i].reset != NULL)
            sim->services[i].reset(sim->services[i].state);
}

int64_t sim_now_ms(const struct sim *sim) {
    return clock_real_us() / 1000 + sim->clock_offset_ms;
}

void sim_reply_text(struct sim_exchange *ex, int status, const char *content_type,
                    struct str text) {
    ex->reply.status = status;
    ex->reply.content_type = str_c(content_type);
    ex->reply.body = arena_str(ex->arena, str_n(text.p == NULL ? "" : text.p, text.n));
}

void sim_reply_header(struct sim_exchange *ex, struct str name, struct str value) {
    ASSERT(ex->reply.n_headers < SIM_MAX_REPLY_HEADERS);
    ex->reply.headers[ex->reply.n_headers++] = (struct http_header){.name = name, .value = value};
}

struct str sim_uuid(struct arena *a) {
    unsigned char b[16];
    /* Below 256 bytes it does not fail once the kernel's pool is up. */
    ASSERT(getrandom(b, sizeof b, 0) == (ssize_t)sizeof b);
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    return arena_printf(a, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                        b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11],
                        b[12], b[13], b[14], b[15]);
}

void sim_wait(struct sim_exchange *ex, int64_t ms, sim_step_fn *step) {
    if (ms <= 0) {
        step(ex);
        return;
    }
    ex->wait_ms = ms;
    ex->step = step;
}

static void finish(struct sim_exchange *ex) {
    if (ex->wait_ms > 0)
        return;
    ASSERT(ex->reply.status != 0 || ex->reply.delivery != SIM_SEND);
    journal_add(&ex->sim->journal, ex);
    if (ex->sim->verbose)
        journal_print(ex);
}

static const struct sim_service *route(const struct sim *sim, const struct sim_request *req) {
    for (size_t i = 0; i < sim->n_services; i++)
        if (sim->services[i].matches(req))
            return &sim->services[i];
    return NULL;
}

void sim_serve(struct sim_exchange *ex) {
    OBJ_CHECK(ex, SIM_EXCHANGE_MAGIC);
    due_run(&ex->sim->due, clock_mono_ms());
    ex->start_us = clock_mono_us();
    ex->request_id = sim_uuid(ex->arena);
    ex->service = route(ex->sim, &ex->req);
    if (ex->service == NULL)
        sim_reply_text(ex, 404, "application/json", STR("{\"message\":\"no such path\"}"));
    else
        ex->service->handle(ex);
    finish(ex);
}

void sim_continue(struct sim_exchange *ex) {
    OBJ_CHECK(ex, SIM_EXCHANGE_MAGIC);
    ex->wait_ms = 0;
    ex->step(ex);
    finish(ex);
}
