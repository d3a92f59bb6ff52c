// SPDX-License-Identifier: Apache-2.0
/* Serves everything.proto: a stock client calls it in tests/scenario/everything.py. */
#include "everything_handlers.h"
#include "grpc/serve.h"

int main(void) {
    static struct everything_service svc;
    return serve_main(&(struct serve_app){
        .name = "everything_server",
        .services =
            {
                {&everything_mirror_service, &everything_mirror, &svc},
                {&everything_second_service, &everything_second, &svc},
                {&everything_idle_service, &everything_idle, &svc},
                {&plain_plain_service_service, &everything_plain, NULL},
            },
        .options = {.address = "127.0.0.1"},
        .grace_ms = 1000,
    });
}
