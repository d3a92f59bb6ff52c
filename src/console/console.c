// SPDX-License-Identifier: Apache-2.0
#include "console/console.h"

#include "base/clock.h"
#include "base/obj.h"
#include "console/assets.h"
#include "console/page.h"

#include <stdlib.h>

ASSET_DECLARE(console_html);
ASSET_DECLARE(console_css);
ASSET_DECLARE(console_js);

struct console {
    unsigned magic;
#define CONSOLE_MAGIC 0x4d70e8b5U
    struct arena *arena;
    struct recorder *recorder;
    struct state_sampler *sampler;
    struct str subtitle;
    struct str config;
    struct str help;
    int64_t started_ms;
    struct dsm_service *service;
    dsm_location_fn *next; /* who else is told of locations */
    void *next_priv;
    /* Room for copies; pages are made one at a time. */
    struct series series;
    struct recorded_call calls[RECORDER_CALLS];
};

static void on_location(void *priv, struct ctx *ctx, struct str location, const struct err *err) {
    struct console *c = OBJ_CAST(priv, console, CONSOLE_MAGIC);
    recorder_location(c->recorder, ctx, location, err);
    if (c->next != NULL)
        c->next(c->next_priv, ctx, location, err);
}

struct console *console_new(const struct console_options *options) {
    struct console *c = calloc(1, sizeof *c);
    AN(c);
    c->magic = CONSOLE_MAGIC;
    c->arena = arena_new(ARENA_LIMIT_DEFAULT);
    c->recorder = options->recorder;
    c->subtitle = arena_str(c->arena, options->subtitle);
    c->config = arena_str(c->arena, options->config);
    c->help = arena_str(c->arena, options->help);
    c->started_ms = clock_mono_ms();
    c->sampler = state_sampler_new(options->of, options->stopping);
    c->service = options->of->service;
    c->next = c->service->on_location;
    c->next_priv = c->service->on_location_priv;
    c->service->on_location = on_location;
    c->service->on_location_priv = c;
    const struct rpc_service *service;
    for (size_t i = 0; (service = server_service(options->of->server, i)) != NULL; i++)
        recorder_expect(c->recorder, service);
    return c;
}

void console_free(struct console *c) {
    if (c == NULL)
        return;
    OBJ_CHECK(c, CONSOLE_MAGIC);
    c->service->on_location = c->next;
    c->service->on_location_priv = c->next_priv;
    state_sampler_free(c->sampler);
    arena_free(c->arena);
    c->magic = 0;
    free(c);
}

/* ---- the page ---- */

static void title(struct page *p, struct buf *b) {
    buf_puts(b, page_stalled(p) ? "Stalled" : !p->state.serving ? "Stopping" : "Serving");
    buf_puts(b, " · Session DSM");
}

static void subtitle(struct page *p, struct buf *b) {
    html_text(b, p->subtitle);
    buf_puts(b, " · up ");
    html_span(b, (double)(p->mono_ms - p->started_ms) / 1000);
}

static void nonce(struct page *p, struct buf *b) {
    buf_putstr(b, p->nonce);
}

static void style(struct page *p, struct buf *b) {
    (void)p;
    buf_putstr(b, ASSET_STR(console_css));
}

static void script(struct page *p, struct buf *b) {
    (void)p;
    buf_putstr(b, ASSET_STR(console_js));
}

static bool fill(void *priv, struct str name, struct buf *b) {
    static const struct {
        struct str name;
        void (*write)(struct page *p, struct buf *b);
    } parts[] = {
        {STR_INIT("title"), title},
        {STR_INIT("subtitle"), subtitle},
        {STR_INIT("nonce"), nonce},
        {STR_INIT("style"), style},
        {STR_INIT("script"), script},
        {STR_INIT("health"), page_health},
        {STR_INIT("tiles"), page_tiles},
        {STR_INIT("troubles"), page_troubles},
        {STR_INIT("rpcs"), page_rpcs},
        {STR_INIT("locations"), page_locations},
        {STR_INIT("operations"), page_operations},
        {STR_INIT("calls"), page_calls},
        {STR_INIT("placements"), page_placements},
        {STR_INIT("reclaims"), page_reclaims},
        {STR_INIT("credentials"), page_credentials},
        {STR_INIT("configuration"), page_configuration},
    };
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (str_eq(parts[i].name, name)) {
            parts[i].write(priv, b);
            return true;
        }
    return false;
}

void console_page(void *priv, struct str page_nonce, struct buf *out) {
    struct console *c = OBJ_CAST(priv, console, CONSOLE_MAGIC);
    struct page p = {
        .recorder = c->recorder,
        .now_ms = clock_real_us() / 1000,
        .mono_ms = clock_mono_ms(),
        .started_ms = c->started_ms,
        .nonce = page_nonce,
        .subtitle = c->subtitle,
        .config = c->config,
        .help = c->help,
        .series = &c->series,
        .calls = c->calls,
    };
    state_copy(c->sampler, &p.state);
    html_template(out, ASSET_STR(console_html), fill, &p);
}
