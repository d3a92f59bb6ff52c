// SPDX-License-Identifier: Apache-2.0
#include "sim/console.h"

#include "base/obj.h"
#include "console/assets.h"
#include "sim/console_parts.h"
#include "sim/control.h"
#include "sim/form.h"

#define MAX_PAGE ((size_t)8 << 20)
#define FREED_CAPACITY 10 /* servers given to a location that never had any */

ASSET(console_css, ASSETS "/page.css");
ASSET(sim_html, SIM_ASSETS "/console.html");
ASSET(sim_css, SIM_ASSETS "/console.css");
ASSET(sim_js, SIM_ASSETS "/console.js");

struct view {
    struct gamelift *gl;
    struct sim_sqs *sqs;
    struct str nonce;
};

static bool fill(void *priv, struct str name, struct buf *b) {
    static const struct {
        struct str name;
        void (*write)(struct gamelift *gl, struct buf *b);
    } parts[] = {
        {STR_INIT("rehearse"), console_rehearse}, {STR_INIT("faults"), console_faults},
        {STR_INIT("fleets"), console_fleets},     {STR_INIT("queues"), console_queues},
        {STR_INIT("sessions"), console_sessions}, {STR_INIT("placements"), console_placements},
    };
    const struct view *v = priv;
    if (str_eq(name, STR("nonce"))) {
        buf_putstr(b, v->nonce);
    } else if (str_eq(name, STR("style"))) {
        buf_putstr(b, ASSET_STR(console_css));
        buf_putstr(b, ASSET_STR(sim_css));
    } else if (str_eq(name, STR("script"))) {
        buf_putstr(b, ASSET_STR(sim_js));
    } else if (str_eq(name, STR("subtitle"))) {
        html_text(b, v->gl->world->home_region);
        buf_printf(b, " · %zu sessions, %zu placements so far", v->gl->n_sessions,
                   v->gl->n_placements);
    } else if (str_eq(name, STR("state"))) {
        console_state(v->sqs, b);
    } else if (str_eq(name, STR("events"))) {
        console_events(v->sqs, b);
    } else {
        for (size_t i = 0; i < ARRAY_LEN(parts); i++)
            if (str_eq(parts[i].name, name)) {
                parts[i].write(v->gl, b);
                return true;
            }
        return false;
    }
    return true;
}

static void reply_page(struct sim_exchange *ex, struct sim_sqs *sqs) {
    char nonce[HTML_NONCE_SIZE];
    struct buf page;
    html_nonce(nonce);
    struct view v = {.gl = sqs->gl, .sqs = sqs, .nonce = str_c(nonce)};
    buf_init(&page, MAX_PAGE);
    html_template(&page, ASSET_STR(sim_html), fill, &v);
    sim_reply_text(ex, 200, "text/html; charset=utf-8", buf_str(&page));
    sim_reply_header(ex, STR("Content-Security-Policy"),
                     arena_printf(ex->arena,
                                  "default-src 'none'; style-src 'nonce-%s'; script-src "
                                  "'nonce-%s'; img-src data:; connect-src 'self'; base-uri 'none'; "
                                  "form-action 'self'; frame-ancestors 'none'",
                                  nonce, nonce));
    sim_reply_header(ex, STR("X-Content-Type-Options"), STR("nosniff"));
    sim_reply_header(ex, STR("X-Frame-Options"), STR("DENY"));
    sim_reply_header(ex, STR("Cache-Control"), STR("no-store"));
    buf_free(&page);
}

/* ---- buttons ---- */

/* A rule for every call of the service; the rest of it is JSON members. */
static struct err *add_fault(struct sim_exchange *ex, const char *members) {
    return faults_add_json(&ex->sim->faults, str_c(members), ex->arena);
}

static struct err *press_fault(struct sim_exchange *ex, struct str action, struct str service) {
    static const struct {
        struct str service;
        struct str action;
        const char *rule;
    } rules[] = {
        {STR_INIT("gamelift"), STR_INIT("throttle"),
         "{\"service\": \"gamelift\", \"kind\": \"throttle\"}"},
        {STR_INIT("gamelift"), STR_INIT("slow"),
         "{\"service\": \"gamelift\", \"kind\": \"slow\", \"delay_ms\": 3000}"},
        {STR_INIT("gamelift"), STR_INIT("fail"),
         "{\"service\": \"gamelift\", \"kind\": \"error\", \"type\": \"InternalServiceException\", "
         "\"status\": 500}"},
        {STR_INIT("gamelift"), STR_INIT("cut"), "{\"service\": \"gamelift\", \"kind\": \"reset\"}"},
        {STR_INIT("gamelift"), STR_INIT("refuse"),
         "{\"service\": \"gamelift\", \"kind\": \"error\", \"type\": "
         "\"UnrecognizedClientException\", \"message\": \"The security token included in the "
         "request is invalid.\"}"},
        {STR_INIT("ags"), STR_INIT("throttle"),
         "{\"service\": \"ags\", \"kind\": \"http\", \"status\": 429}"},
        {STR_INIT("ags"), STR_INIT("slow"),
         "{\"service\": \"ags\", \"kind\": \"slow\", \"delay_ms\": 3000}"},
        {STR_INIT("ags"), STR_INIT("fail"),
         "{\"service\": \"ags\", \"kind\": \"http\", \"status\": 500}"},
        {STR_INIT("ags"), STR_INIT("cut"), "{\"service\": \"ags\", \"kind\": \"reset\"}"},
        {STR_INIT("sqs"), STR_INIT("fail"),
         "{\"service\": \"sqs\", \"kind\": \"http\", \"status\": 500}"},
        {STR_INIT("sqs"), STR_INIT("cut"), "{\"service\": \"sqs\", \"kind\": \"reset\"}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        if (str_eq(rules[i].service, service) && str_eq(rules[i].action, action))
            return add_fault(ex, rules[i].rule);
    return ERR_INVALID(ex->arena, "there is no such button");
}

/* "fleet/location": no server is free there any more, or there are as many as at the start. */
static struct err *press_location(struct sim_exchange *ex, struct gamelift *gl, struct str where,
                                  bool full) {
    size_t slash = str_find(where, '/');
    struct gamelift_fleet *fleet = gamelift_world_fleet(gl->world, str_sub(where, 0, slash));
    struct gamelift_location *l =
        fleet == NULL ? NULL : gamelift_fleet_location(fleet, str_from(where, slash + 1));
    if (l == NULL)
        return err_new(ex->arena, RPC_NOT_FOUND, "no such location");
    int64_t first = fleet->first_capacities[l - fleet->locations];
    int64_t wanted = first > 0 ? first : FREED_CAPACITY;
    l->capacity = full ? 0 : wanted > l->in_use ? wanted : l->in_use + FREED_CAPACITY;
    gamelift_placements_retry(gl);
    return NULL;
}

/* How events come from now on. */
static struct err *press_events(struct sim_exchange *ex, struct sim_sqs *sqs, struct str action) {
    if (str_eq(action, STR("lose")))
        sqs->form = SIM_SQS_NOTHING;
    else if (str_eq(action, STR("repeat")))
        sqs->copies = 3;
    else if (str_eq(action, STR("late")))
        sqs->delay_ms = 10000;
    else
        return ERR_INVALID(ex->arena, "there is no such button");
    return NULL;
}

static struct err *press(struct sim_exchange *ex, struct sim_sqs *sqs) {
    struct gamelift *gl = sqs->gl;
    struct form form;
    struct err *err = form_parse(ex->req.body, ex->arena, &form);
    if (err != NULL)
        return err;
    struct str action = form_get(&form, "action");
    struct str where = form_get(&form, "location");
    if (str_eq(action, STR("clear"))) {
        faults_clear(&ex->sim->faults);
        sim_sqs_deliver_as_usual(sqs);
    } else if (str_eq(action, STR("reset")))
        sim_reset(ex->sim);
    else if (str_eq(form_get(&form, "service"), STR("events")))
        return press_events(ex, sqs, action);
    else if (str_eq(action, STR("fill")) || str_eq(action, STR("free")))
        return press_location(ex, gl, where, str_eq(action, STR("fill")));
    else
        return press_fault(ex, action, form_get(&form, "service"));
    return NULL;
}

/* A page of another site may send a form here; browsers say so. */
static bool from_elsewhere(const struct sim_request *req) {
    struct str site = sim_request_header(req, STR("Sec-Fetch-Site"));
    struct str origin = sim_request_header(req, STR("Origin"));
    struct str host = sim_request_header(req, STR("Host"));
    if (site.p != NULL && !str_eq(site, STR("same-origin")) && !str_eq(site, STR("none")))
        return true;
    return origin.p != NULL &&
           !(str_starts(origin, STR("http://")) && str_eq(str_from(origin, 7), host));
}

static void handle(struct sim_exchange *ex) {
    struct sim_sqs *sqs = OBJ_CAST(ex->service->state, sim_sqs, SIM_SQS_MAGIC);
    if (str_eq(ex->req.method, STR("GET")) || str_eq(ex->req.method, STR("HEAD"))) {
        reply_page(ex, sqs);
        return;
    }
    if (from_elsewhere(&ex->req)) {
        sim_reply_text(ex, 403, "text/plain", STR("the form is of another site\n"));
        return;
    }
    struct err *err = press(ex, sqs);
    if (err != NULL) {
        sim_reply_text(ex, err->code == RPC_NOT_FOUND ? 404 : 400, "text/plain", err->msg);
        return;
    }
    sim_reply_text(ex, 303, "text/plain", STR(""));
    sim_reply_header(ex, STR("Location"), STR("/_sim/console"));
}

static bool matches(const struct sim_request *req) {
    bool reads = str_eq(req->method, STR("GET")) || str_eq(req->method, STR("HEAD"));
    if (str_eq(req->path, STR("/_sim/console")))
        return reads || str_eq(req->method, STR("POST"));
    return reads && str_eq(req->path, STR("/"));
}

struct sim_service sim_console(struct sim_sqs *sqs) {
    return (struct sim_service){
        .name = "console", .matches = matches, .handle = handle, .state = sqs};
}
