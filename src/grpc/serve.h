// SPDX-License-Identifier: Apache-2.0
/*
 * A whole server for an app that needs nothing else: services, health, reflection, an end in order.
 * The smallest way from generated code to a running process; one that has more to wire (metrics,
 * authorization, upstreams) does as src/app.c does.
 */
#ifndef GRPC_SERVE_H
#define GRPC_SERVE_H

#include "grpc/server.h"

struct serve_service {
    const struct rpc_service *service; /* generated */
    const void *handlers;              /* its table */
    void *svc;                         /* becomes call->svc; may be NULL */
};

#define SERVE_MAX_SERVICES 16

struct serve_app {
    const char *name;                                  /* of the program, for its error lines */
    struct serve_service services[SERVE_MAX_SERVICES]; /* one whose service is NULL ends them */
    struct server_options options;                     /* zeros are defaults; port: see below */
    int64_t grace_ms;                    /* for calls in flight after SIGTERM; 0: 20 s */
    void (*starting)(struct loop *loop); /* before the first call; may be NULL */
};

/*
 * Serves until SIGTERM or SIGINT, then lets calls in flight end. Listens on options.port, or if
 * that is 0 on the environment's GRPC_PORT, or on 6565; GRPC_PORT=0 takes a free one. Prints
 * "NAME listens on port N" to stdout once it does. Gives the exit status: 0, or 1 after a line on
 * stderr that says why it could not serve.
 */
int serve_main(const struct serve_app *app);

#endif
