// SPDX-License-Identifier: Apache-2.0
#include "grpc/serve.h"

#include "base/obj.h"
#include "grpc/health.h"
#include "grpc/reflection.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define DEFAULT_PORT 6565
#define DEFAULT_GRACE_MS 20000

struct serving {
    unsigned magic;
#define SERVING_MAGIC 0x51e7d2a9U
    const struct serve_app *app;
    struct loop *loop;
    struct server *server;
    struct health_service *health;
    struct reflection_service *reflection;
    uv_signal_t signals[2];
    bool ending;
};

static void on_drained(void *priv) {
    struct serving *s = OBJ_CAST(priv, serving, SERVING_MAGIC);
    loop_stop(s->loop);
}

static void end(struct serving *s) {
    if (s->ending)
        return;
    s->ending = true;
    for (size_t i = 0; i < ARRAY_LEN(s->signals); i++)
        uv_close((uv_handle_t *)&s->signals[i], NULL);
    health_drain(s->health);
    server_drain(s->server, s->app->grace_ms > 0 ? s->app->grace_ms : DEFAULT_GRACE_MS, on_drained,
                 s);
}

static void on_signal(uv_signal_t *handle, int number) {
    (void)number;
    end(OBJ_CAST(handle->data, serving, SERVING_MAGIC));
}

static void watch_signals(struct serving *s) {
    static const int numbers[] = {SIGTERM, SIGINT};
    for (size_t i = 0; i < ARRAY_LEN(s->signals); i++) {
        AZ(uv_signal_init(loop_uv(s->loop), &s->signals[i]));
        s->signals[i].data = s;
        AZ(uv_signal_start(&s->signals[i], on_signal, numbers[i]));
    }
}

static struct err *choose_port(struct arena *a, int *port) {
    const char *text = getenv("GRPC_PORT");
    int64_t value = DEFAULT_PORT;
    if (*port != 0)
        return NULL;
    if (text != NULL && (!str_to_int64(str_c(text), &value) || value < 0 || value > 65535))
        return err_new(a, RPC_INVALID_ARGUMENT, "GRPC_PORT is no port from 0 to 65535");
    *port = (int)value;
    return NULL;
}

static struct err *start(struct serving *s, struct arena *a) {
    struct server_options options = s->app->options;
    struct err *err = choose_port(a, &options.port);
    if (err != NULL)
        return err;
    s->server = server_new(s->loop, &options);
    for (size_t i = 0; i < SERVE_MAX_SERVICES && s->app->services[i].service != NULL; i++)
        server_add_service(s->server, s->app->services[i].service, s->app->services[i].handlers,
                           s->app->services[i].svc, 0);
    reflection_add_to(s->reflection, s->server);
    health_add_to(s->health, s->server);
    return server_start(s->server, a);
}

int serve_main(const struct serve_app *app) {
    struct serving s = {.magic = SERVING_MAGIC, .app = app};
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    s.loop = loop_new();
    s.health = health_new();
    s.reflection = reflection_new();
    struct err *err = start(&s, a);
    if (err != NULL) {
        fprintf(stderr, "%s: " STR_FMT "\n", app->name, STR_ARG(err->msg));
    } else {
        watch_signals(&s);
        if (app->starting != NULL)
            app->starting(s.loop);
        printf("%s listens on port %d\n", app->name, server_port(s.server));
        fflush(stdout);
        loop_run(s.loop);
    }
    server_free(s.server);
    health_free(s.health);
    reflection_free(s.reflection);
    loop_free(s.loop);
    int status = err != NULL;
    arena_free(a);
    return status;
}
