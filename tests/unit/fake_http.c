// SPDX-License-Identifier: Apache-2.0
#include "fake_http.h"

#include "base/clock.h"
#include "base/obj.h"
#include "unit.h"

#include <stdlib.h>
#include <unistd.h>

#define MAX_EXCHANGES 64
#define TURNS 40 /* of the loop; each step of a fetch takes one */

struct fake_http {
    struct http_client base;
    struct loop *loop;
    struct arena *arena; /* what was sent last */
    struct fake_exchange script[MAX_EXCHANGES];
    size_t n;
    size_t next;
    size_t running;
    struct http_header *headers;
    size_t n_headers;
    struct str body;
};

struct exchange {
    unsigned magic;
#define EXCHANGE_MAGIC 0x61b0d4f5U
    struct fake_http *fake;
    const struct fake_exchange *script;
    struct ctx *ctx;
    struct ctx_hook hook;
    struct loop_timer timer;
    http_done_fn *done;
    void *priv;
    bool over;
};

/* ---- checking ---- */

static struct str find_header(const struct http_header *headers, size_t n, struct str name) {
    for (size_t i = 0; i < n; i++)
        if (str_eq_nocase(headers[i].name, name))
            return headers[i].value;
    return STR_NULL;
}

static struct http_header split_header(const char *text) {
    struct str line = str_c(text);
    size_t colon = str_find(line, ':');
    return (struct http_header){str_sub(line, 0, colon), str_trim(str_from(line, colon + 1))};
}

static void check_headers(const struct fake_exchange *e, const struct http_request *req) {
    for (size_t i = 0; i < FAKE_HEADERS && e->headers[i] != NULL; i++) {
        const char *want = e->headers[i];
        if (want[0] == '!') {
            if (find_header(req->headers, req->n_headers, str_c(want + 1)).p != NULL)
                fail_msg("%s: header %s was sent", e->request, want + 1);
            continue;
        }
        struct http_header h = split_header(want);
        struct str got = find_header(req->headers, req->n_headers, h.name);
        bool begins = str_ends(h.value, STR("*"));
        if (got.p == NULL ||
            (begins ? !str_starts(got, str_sub(h.value, 0, h.value.n - 1)) : !str_eq(got, h.value)))
            fail_msg("%s: expected header \"%s\", got \"" STR_FMT "\"", e->request, want,
                     STR_ARG(got));
    }
}

static void check(const struct fake_exchange *e, const struct http_request *req) {
    struct str want = str_c(e->request);
    size_t blank = str_find(want, ' ');
    if (!str_eq(req->method, str_sub(want, 0, blank)) ||
        !str_eq(req->url, str_from(want, blank + 1)))
        fail_msg("expected \"%s\", got \"" STR_FMT " " STR_FMT "\"", e->request,
                 STR_ARG(req->method), STR_ARG(req->url));
    if (e->body != NULL && !str_eq(req->body, str_c(e->body)))
        fail_msg("%s: expected body \"%s\", got \"" STR_FMT "\"", e->request, e->body,
                 STR_ARG(req->body));
    if (!e->any_proxy && req->no_proxy == e->proxy_allowed)
        fail_msg("%s: no_proxy is %s", e->request, req->no_proxy ? "true" : "false");
    check_headers(e, req);
}

static void record(struct fake_http *fake, const struct http_request *req) {
    arena_free(fake->arena);
    fake->arena = arena_new(ARENA_LIMIT_DEFAULT);
    fake->body = arena_str(fake->arena, req->body);
    fake->n_headers = req->n_headers;
    fake->headers = arena_array(fake->arena, req->n_headers, sizeof *fake->headers);
    for (size_t i = 0; i < req->n_headers; i++)
        fake->headers[i] = (struct http_header){arena_str(fake->arena, req->headers[i].name),
                                                arena_str(fake->arena, req->headers[i].value)};
}

/* ---- answering ---- */

static void end(struct exchange *x) {
    if (x->over)
        return;
    x->over = true;
    x->fake->running--;
    loop_timer_stop(&x->timer);
    ctx_hook_remove(&x->hook);
}

static void on_cancel(struct ctx_hook *hook, const struct err *reason) {
    struct exchange *x = CONTAINER_OF(hook, struct exchange, hook);
    end(x);
    x->done(x->priv, NULL, reason);
}

static void on_arena_free(void *arg) {
    end(OBJ_CAST(arg, exchange, EXCHANGE_MAGIC));
}

static void on_due(struct loop_timer *timer) {
    struct exchange *x = CONTAINER_OF(timer, struct exchange, timer);
    OBJ_CHECK(x, EXCHANGE_MAGIC);
    struct arena *a = x->ctx->arena;
    const struct fake_exchange *e = x->script;
    end(x);
    if (e->status == 0) {
        struct err *err =
            err_new(a, RPC_UNAVAILABLE, "%s", e->reply == NULL ? "no answer in time" : e->reply);
        err->origin = ERR_TRANSPORT;
        err->retryable = true;
        err->may_have_acted = true;
        x->done(x->priv, NULL, err);
        return;
    }
    struct http_response *resp = ARENA_NEW(a, struct http_response);
    resp->status = e->status;
    resp->body = arena_str(a, str_c(e->reply == NULL ? "" : e->reply));
    if (e->reply_header != NULL) {
        struct http_header *h = ARENA_NEW(a, struct http_header);
        *h = split_header(e->reply_header);
        resp->headers = h;
        resp->n_headers = 1;
    }
    x->done(x->priv, resp, NULL);
}

static void start(struct http_client *base, struct ctx *ctx, const struct http_request *req,
                  http_done_fn *done, void *priv) {
    struct fake_http *fake = CONTAINER_OF(base, struct fake_http, base);
    if (fake->next == fake->n)
        fail_msg("unexpected request \"" STR_FMT " " STR_FMT "\"", STR_ARG(req->method),
                 STR_ARG(req->url));
    const struct fake_exchange *e = &fake->script[fake->next++];
    check(e, req);
    record(fake, req);
    struct exchange *x = OBJ_NEW(ctx->arena, exchange, EXCHANGE_MAGIC);
    x->fake = fake;
    x->script = e;
    x->ctx = ctx;
    x->done = done;
    x->priv = priv;
    fake->running++;
    ctx_hook_add(ctx, &x->hook, on_cancel);
    arena_defer(ctx->arena, on_arena_free, x);
    if (e->delay_ms != FAKE_NEVER)
        loop_timer_start(fake->loop, &x->timer, e->delay_ms, on_due);
}

/* ---- the client ---- */

struct fake_http *fake_http_new(struct loop *loop) {
    struct fake_http *fake = calloc(1, sizeof *fake);
    AN(fake);
    fake->base.start = start;
    fake->loop = loop;
    return fake;
}

void fake_http_free(struct fake_http *fake) {
    size_t left = fake_http_left(fake);
    const char *next = left > 0 ? fake->script[fake->next].request : NULL;
    arena_free(fake->arena);
    free(fake);
    if (left > 0)
        fail_msg("%zu requests did not come, the first is \"%s\"", left, next);
}

struct http_client *fake_http_client(struct fake_http *fake) {
    return &fake->base;
}

void fake_http_expect(struct fake_http *fake, const struct fake_exchange *list, size_t n) {
    ASSERT(fake->n + n <= MAX_EXCHANGES);
    memcpy(fake->script + fake->n, list, n * sizeof *list);
    fake->n += n;
}

size_t fake_http_left(const struct fake_http *fake) {
    return fake->n - fake->next;
}

size_t fake_http_running(const struct fake_http *fake) {
    return fake->running;
}

struct str fake_http_body(const struct fake_http *fake) {
    return fake->body;
}

struct str fake_http_header(const struct fake_http *fake, const char *name) {
    return find_header(fake->headers, fake->n_headers, str_c(name));
}

/* ---- the loop ---- */

struct kick {
    struct loop_timer timer;
    struct loop *loop;
};

static void on_kick(struct loop_timer *timer) {
    loop_stop(CONTAINER_OF(timer, struct kick, timer)->loop);
}

/*
 * Armed as of time zero, so that it is the earliest timer: the loop then looks at the clock again
 * and finds all that became due when the test moved it.
 */
static void arm(struct kick *kick) {
    int64_t mono_us = clock_mono_us();
    int64_t real_us = clock_real_us();
    usleep(2);
    bool held = clock_mono_us() == mono_us;
    clock_hold(0, real_us);
    loop_timer_start(kick->loop, &kick->timer, 0, on_kick);
    clock_hold(held ? mono_us : -1, held ? real_us : -1);
}

void fake_settle(struct loop *loop) {
    struct kick kick = {.loop = loop};
    for (int i = 0; i < TURNS; i++) {
        arm(&kick);
        loop_run(loop);
    }
}

void fake_advance(struct loop *loop, int64_t ms) {
    clock_hold(clock_mono_us() + ms * 1000, clock_real_us() + ms * 1000);
    fake_settle(loop);
}
