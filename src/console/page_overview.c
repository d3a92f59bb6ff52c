// SPDX-License-Identifier: Apache-2.0
/* The upper part of the page: is it well, how much is going on, and what should be done. */
#include "console/advice.h"
#include "console/page.h"

#include "base/obj.h"

#include <inttypes.h>
#include <math.h>

#define STALLED_MS 3000
#define SOON_S 300
#define TLS_SOON_S (14 * 86400)

bool page_stalled(const struct page *p) {
    return p->mono_ms - p->state.at_mono_ms > STALLED_MS;
}

void page_totals(struct totals *t, const struct series *s) {
    for (size_t i = 0; i < RECORDER_SLICES; i++) {
        t->ok += s->slices[i].ok;
        t->failed += s->slices[i].failed;
        for (size_t k = 0; k < RECORDER_HISTOGRAM; k++)
            t->histogram[k] += s->slices[i].histogram[k];
    }
}

void page_health(struct page *p, struct buf *b) {
    if (page_stalled(p))
        buf_puts(b, "<span class=\"pill big bad\">Event loop stalled</span>");
    else if (!p->state.serving)
        buf_puts(b, "<span class=\"pill big warn\">Stopping</span>");
    else
        buf_puts(b, "<span class=\"pill big good\">Serving</span>");
}

/* ---- tiles ---- */

static void open_tile(struct buf *b, const char *name, const char *class) {
    buf_printf(b, "<div class=\"tile %s\"><p class=\"name\">%s</p><p class=\"value\">", class,
               name);
}

static void more(struct buf *b) {
    buf_puts(b, "</p><p class=\"more\">");
}

static void close_tile(struct buf *b) {
    buf_puts(b, "</p></div>");
}

static double seconds_left(const struct page *p) {
    return (double)(p->state.credentials_expiry_ms - p->now_ms) / 1000.0;
}

static void credentials_tile(const struct page *p, struct buf *b) {
    bool never = p->state.credentials_expiry_ms == AWS_CREDENTIALS_NEVER;
    double left = seconds_left(p);
    bool soon = p->state.credentials && !never && left < SOON_S;
    open_tile(b, "AWS credentials", !p->state.credentials ? "bad" : soon ? "warn" : "");
    buf_puts(b, p->state.credentials ? "Valid" : "None");
    more(b);
    if (!p->state.credentials)
        buf_puts(b, "none could be had yet");
    else if (never)
        buf_puts(b, "do not expire");
    else {
        buf_puts(b, "expire in ");
        html_span(b, fmax(left, 0));
    }
    close_tile(b);
}

static void token_tile(const struct page *p, struct buf *b) {
    bool none = isnan(p->state.token_age_s);
    open_tile(b, "AGS access token", none ? "bad" : "");
    buf_puts(b, none ? "None" : "Valid");
    more(b);
    if (none) {
        buf_puts(b, "terminations would fail");
    } else {
        html_span(b, p->state.token_age_s);
        buf_puts(b, " old");
    }
    close_tile(b);
}

void page_tiles(struct page *p, struct buf *b) {
    struct totals all = {.ok = 0};
    double last_minute = 0;
    for (size_t i = 0; recorder_series(p->recorder, i, p->series); i++) {
        if (p->series->kind != SERIES_RPC)
            continue;
        page_totals(&all, p->series);
        for (size_t k = RECORDER_SLICES - 7; k < RECORDER_SLICES - 1; k++)
            last_minute += p->series->slices[k].ok + p->series->slices[k].failed;
    }
    double calls = (double)(all.ok + all.failed);
    double share = calls > 0 ? (double)all.failed / calls : 0;
    open_tile(b, "Calls a second", "");
    buf_printf(b, "%.1f", last_minute / 60);
    more(b);
    buf_printf(b, "%.0f in 10 minutes", calls);
    close_tile(b);
    open_tile(b, "Failed", share >= 0.05 ? "bad" : share > 0 ? "warn" : "");
    buf_printf(b, share > 0 && share < 0.1 ? "%.1f %%" : "%.0f %%", share * 100);
    more(b);
    buf_printf(b, "%" PRIu64 " in 10 minutes", all.failed);
    close_tile(b);
    open_tile(b, "95th percentile", "");
    if (calls > 0)
        html_duration(b, recorder_quantile(all.histogram, 0.95));
    else
        buf_puts(b, "&ndash;");
    more(b);
    if (calls > 0) {
        buf_puts(b, "median ");
        html_duration(b, recorder_quantile(all.histogram, 0.5));
    } else {
        buf_puts(b, "no calls yet");
    }
    close_tile(b);
    open_tile(b, "In flight", "");
    buf_printf(b, "%zu", p->state.in_flight);
    more(b);
    buf_printf(b, "%zu request%s upstream", p->state.upstream_in_flight,
               p->state.upstream_in_flight == 1 ? "" : "s");
    close_tile(b);
    credentials_tile(p, b);
    token_tile(p, b);
}

/* ---- troubles ---- */

/* Where troubles go: those that are urgent first, then the others. */
struct list_of_troubles {
    struct buf *b;
    bool urgent;
    size_t n;
};

static void own_trouble(struct list_of_troubles *list, bool urgent, const char *meaning,
                        const char *action) {
    struct buf *b = list->b;
    if (list->urgent != urgent)
        return;
    list->n++;
    buf_printf(b, "<article class=\"trouble%s\"><h3>", urgent ? " urgent" : "");
    html_text(b, str_c(meaning));
    buf_puts(b, "</h3><p class=\"todo\">");
    html_text(b, str_c(action));
    buf_puts(b, "</p></article>");
}

/* What the service itself is in want of. */
static void own_troubles(const struct page *p, struct list_of_troubles *list) {
    const struct state *s = &p->state;
    if (page_stalled(p))
        own_trouble(list, true, "The event loop does not run: no call is answered.",
                    "Restart the service, and keep its log: the reason should be in it.");
    if (s->servers_left > 0)
        own_trouble(list, true, "Servers may still run although nobody wants them.",
                    "Find them in the log (\"a server may be running that AGS does not know of\") "
                    "and end them in the GameLift console.");
    if (!s->credentials)
        own_trouble(list, true, "There are no AWS credentials: nothing can be asked of GameLift.",
                    "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the service a role.");
    if (isnan(s->token_age_s))
        own_trouble(list, true, "There is no access token of AGS: terminations fail.",
                    "If it stays so, check AB_CLIENT_ID, AB_CLIENT_SECRET and AB_BASE_URL.");
    if (s->authorized && (isnan(s->keys_age_s) || isnan(s->revocations_age_s)))
        own_trouble(list, true,
                    "AGS's keys or its revocation list are not loaded: calls are refused.",
                    "Check AB_BASE_URL, AB_CLIENT_ID and AB_CLIENT_SECRET.");
    if (!s->authorized)
        own_trouble(list, false, "Callers are not authorized: whoever reaches the port may call.",
                    "Set PLUGIN_GRPC_SERVER_AUTH_ENABLED=true, unless AGS calls this app by a "
                    "custom URL.");
    if (s->tls && (double)s->tls_expires_s * 1000 - (double)p->now_ms < TLS_SOON_S * 1000.0)
        own_trouble(list, true, "The gRPC server's certificate expires soon.",
                    "Put a new one in place; it is read without a restart.");
    if (s->placement_stats.queue.held_back)
        own_trouble(
            list, true, "Events of placements wait in their queue: AWS or AGS is down.",
            "Nothing: they are taken again once AWS and AGS answer. Until then AGS does not "
            "hear of placements.");
    if (s->placement_stats.queue.poison > 0)
        own_trouble(list, false, "Messages in the queue are no events of placements.",
                    "Look into the dead-letter queue, and at who may write into the queue: "
                    "docs/placements.md.");
    if (s->n_placements > 0 && !s->placement_stats.by_queue && !s->placement_stats.by_polling)
        own_trouble(list, false, "Nobody tells AGS of placements that fail.",
                    "Set PLACEMENT_EVENTS_QUEUE_URL, or PLACEMENT_POLL=true while developing: "
                    "docs/placements.md.");
    if (s->log_dropped > 0)
        own_trouble(list, false, "Log lines were lost: whoever reads standard output is too slow.",
                    "Look at the log collector.");
}

static const struct advice *advice_of(const struct trouble *t) {
    return advice_for(str_c(t->service), str_c(t->operation), str_c(t->type));
}

static bool is_recent(const struct page *p, const struct trouble *t) {
    return p->now_ms - t->last_ms < (int64_t)PAGE_RECENT_S * 1000;
}

static void one_trouble(const struct page *p, struct buf *b, const struct trouble *t) {
    const struct advice *advice = advice_of(t);
    bool recent = is_recent(p, t);
    buf_printf(b, "<article class=\"trouble%s%s\"><h3>", advice->urgent && recent ? " urgent" : "",
               recent ? "" : " past");
    html_text(b, str_c(advice->meaning));
    buf_puts(b, "</h3><p class=\"who\">");
    html_text(b, str_c(t->service));
    buf_putc(b, ' ');
    html_text(b, str_c(t->operation));
    if (t->region[0] != '\0') {
        buf_puts(b, " in ");
        html_text(b, str_c(t->region));
    }
    buf_puts(b, ": <code>");
    html_text(b, str_c(t->type));
    buf_printf(b, "</code>, %" PRIu64 " time%s, last at ", t->count, t->count == 1 ? "" : "s");
    html_time(b, t->last_ms);
    buf_puts(b, "</p><p class=\"why\">");
    html_text(b, str_c(t->message));
    buf_puts(b, "</p><p class=\"todo\">");
    html_text(b, str_c(advice->action));
    buf_puts(b, "</p></article>");
}

void page_troubles(struct page *p, struct buf *b) {
    struct trouble troubles[RECORDER_TROUBLES];
    size_t n = recorder_troubles(p->recorder, troubles, ARRAY_LEN(troubles));
    struct list_of_troubles list = {.b = b};
    buf_puts(b, "<div class=\"troubles\">");
    for (int urgent = 1; urgent >= 0; urgent--) {
        list.urgent = urgent == 1;
        own_troubles(p, &list);
        for (size_t i = 0; i < n; i++) {
            const struct advice *advice = advice_of(&troubles[i]);
            if (advice->action == NULL ||
                (advice->urgent && is_recent(p, &troubles[i])) != list.urgent)
                continue;
            one_trouble(p, b, &troubles[i]);
            list.n++;
        }
    }
    buf_puts(b, "</div>");
    if (list.n == 0)
        buf_puts(b,
                 "<p class=\"empty\">Nothing: AWS and AGS answer as they should, and the service "
                 "has all that it needs.</p>");
}
