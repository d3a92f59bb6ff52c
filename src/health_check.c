// SPDX-License-Identifier: Apache-2.0
#include "health_check.h"

#include "base/obj.h"
#include "generated/health_client.h"

#include <stdio.h>
#include <stdlib.h>

#define TIMEOUT_MS 2000
#define DEFAULT_PORT 6565
#define SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING

static struct err *ask(struct arena *a, struct rpc_client *client) {
    struct health_health_check_request req = HEALTH_HEALTH_CHECK_REQUEST_INIT;
    const struct health_health_check_response *resp = NULL;
    struct err *err = health_health_check(client, a, &req, TIMEOUT_MS, &resp);
    if (err == NULL && resp->status != SERVING)
        err = err_new(a, RPC_UNAVAILABLE, "the service is stopping");
    return err;
}

int health_check(void) {
    const char *text = getenv("GRPC_PORT");
    int64_t port = DEFAULT_PORT;
    if (text != NULL && text[0] != '\0' &&
        (!str_to_int64(str_c(text), &port) || port < 1 || port > 65535)) {
        fprintf(stderr, "session-dsm: a health check needs the GRPC_PORT that the service has\n");
        return 1;
    }
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    struct rpc_client *client = rpc_client_new(arena_printf(a, "127.0.0.1:%d", (int)port).p);
    struct err *err = ask(a, client);
    if (err != NULL)
        fprintf(stderr, "session-dsm: %s: " STR_FMT "\n", rpc_code_name(err->code),
                STR_ARG(err->msg));
    rpc_client_free(client);
    arena_free(a);
    return err == NULL ? 0 : 1;
}
