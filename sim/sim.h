// SPDX-License-Identifier: Apache-2.0
/*
 * gamelift-sim: a local stand-in for the servers that session-dsm talks to. This header is its
 * frame: an HTTP request becomes a struct sim_exchange, the router hands it to the first
 * sim_service that wants it, the service fills in the reply, and the journal keeps what went over
 * the wire. Everything runs on one thread; whoever has to wait says so with sim_wait.
 *
 * A new stand-in (another AWS service, AGS, a metadata endpoint) is one more sim_service.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "base/arena.h"
#include "base/err.h"
#include "sim/auth.h"
#include "sim/due.h"
#include "sim/faults.h"
#include "sim/journal.h"
#include "sim/request.h"

#define SIM_MAX_SERVICES 16

struct sim_exchange;
typedef void sim_step_fn(struct sim_exchange *ex);
typedef bool sim_matches_fn(const struct sim_request *req);
typedef void sim_error_fn(struct sim_exchange *ex, int status, struct str type, struct str message);
typedef void sim_reset_fn(void *state);

/* One stand-in. All functions run on the one thread. */
struct sim_service {
    const char *name; /* as fault rules spell it, e.g. "gamelift" */
    sim_matches_fn *matches;
    sim_step_fn *handle; /* fills in ex->reply, or calls sim_wait and fills it in later */
    sim_error_fn *error; /* writes an error as this service's clients expect it */
    sim_reset_fn *reset; /* back to the state at start; NULL for none */
    void *state;
};

/* How the answer leaves; everything but SIM_SEND is a fault. */
enum sim_delivery {
    SIM_SEND,
    SIM_RESET,       /* TCP reset, no byte of an answer */
    SIM_CLOSE,       /* orderly close, no byte of an answer */
    SIM_HALF_HEADER, /* some header bytes, then close */
    SIM_HALF_BODY,   /* half of the announced body, then close */
    SIM_HUGE,        /* huge_bytes of body, made while sending */
    SIM_SILENCE,     /* nothing until the client goes away */
};

#define SIM_MAX_REPLY_HEADERS 8

struct sim_reply {
    int status;
    struct str content_type;
    struct str body; /* in the exchange's arena */
    struct http_header headers[SIM_MAX_REPLY_HEADERS];
    size_t n_headers;
    enum sim_delivery delivery;
    uint64_t huge_bytes;
    bool chunked; /* SIM_HUGE: without announcing the length */
};

/* One request and its answer; lives until the answer has left. */
struct sim_exchange {
    unsigned magic;
#define SIM_EXCHANGE_MAGIC 0x51e8c0deU
    struct sim *sim;
    struct arena *arena;
    struct sim_request req;
    struct sim_reply reply;
    const struct sim_service *service;
    int64_t start_us; /* clock_mono_us */

    /* For fault rules and the journal; the service sets what it knows. */
    struct str operation;
    struct str location;
    struct str verdict; /* e.g. "signature ok" */
    struct str region;  /* of the credential scope */
    struct str request_id;
    /* The bodies as text, where what goes over the wire is none; absent: it is. */
    struct str shown_body;
    struct str shown_answer;

    const struct fault *fault; /* a copy in the arena; NULL for none */
    sim_step_fn *operate;      /* what the fault rule stands in front of */
    void *scratch;             /* the service's own, in the arena */

    int64_t wait_ms; /* > 0: not answered yet, next step after that long */
    sim_step_fn *step;
    bool forget_if_gone; /* the step does not run once the client has hung up */
};

struct sim {
    unsigned magic;
#define SIM_MAGIC 0x51e85141U
    struct sim_service services[SIM_MAX_SERVICES];
    size_t n_services;
    struct auth auth;
    struct faults faults;
    struct journal journal;
    struct due_list due;
    int64_t clock_offset_ms; /* how far this server's clock is off, for tests of clock skew */
    bool verbose;            /* print every exchange */
};

/* Nothing is routed before sim_add. The auth and the journal are empty. */
void sim_init(struct sim *sim);
void sim_free(struct sim *sim);

/* Services are asked in the order of adding. The struct is copied. */
void sim_add(struct sim *sim, const struct sim_service *service);

/* Every service, the faults and the journal back to the state at start. */
void sim_reset(struct sim *sim);

/* The server's idea of UTC, milliseconds since 1970. */
int64_t sim_now_ms(const struct sim *sim);

/*
 * Routes the request and lets the service answer. Afterwards either the reply is complete, or
 * ex->wait_ms > 0 and sim_continue must be called after that time.
 */
void sim_serve(struct sim_exchange *ex);
void sim_continue(struct sim_exchange *ex);

/* step(ex) runs after ms milliseconds; at once, from here, if ms is 0. */
void sim_wait(struct sim_exchange *ex, int64_t ms, sim_step_fn *step);

/* The text is copied into the exchange's arena. */
void sim_reply_text(struct sim_exchange *ex, int status, const char *content_type, struct str text);
void sim_reply_header(struct sim_exchange *ex, struct str name, struct str value);

/* A random UUID. */
struct str sim_uuid(struct arena *a);

#endif
