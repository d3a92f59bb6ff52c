// SPDX-License-Identifier: Apache-2.0
/* The page's part about the asynchronous mode: what AGS is told of placements, and by what. */
#include "console/page.h"

#include "base/obj.h"

#include <inttypes.h>

static void fact(struct buf *b, const char *name, uint64_t n) {
    buf_printf(b, "<span>%s <b>%" PRIu64 "</b></span>", name, n);
}

static void how(const struct state *s, struct buf *b) {
    const struct placements_stats *stats = &s->placement_stats;
    const struct consumer_stats *q = &stats->queue;
    const char *what = stats->report_all ? "servers and failures" : "failures";
    buf_puts(b, "<p class=\"facts\">");
    if (stats->by_queue) {
        buf_printf(b,
                   "<span>Events come from the queue, <b>%s</b> are reported.</span>"
                   "<span class=\"pill %s\">%s</span>",
                   what, q->held_back ? "warn" : "good",
                   q->held_back ? "waits until AWS and AGS answer" : "taking events");
        fact(b, "in hand", q->in_flight);
        fact(b, "taken", q->received);
        fact(b, "dealt with", q->deleted);
        fact(b, "given back", q->released);
        fact(b, "no events", q->poison);
    } else if (stats->by_polling) {
        buf_printf(b, "<span>GameLift is asked until they end, <b>%s</b> are reported.</span>",
                   what);
        fact(b, "watched", stats->watched);
    } else {
        buf_puts(b, "<span>Nobody here tells AGS what becomes of them: neither "
                    "<code>PLACEMENT_EVENTS_QUEUE_URL</code> nor <code>PLACEMENT_POLL</code> is "
                    "set.</span>");
    }
    buf_puts(b, "</p>");
}

/* ---- one placement ---- */

struct standing {
    const char *class;
    const char *text;
};

static struct standing standing_of(const struct placement_view *v, bool watched) {
    static const struct standing by_result[PLACEMENT_N_RESULTS] = {
        [PLACEMENT_REPORTED_AVAILABLE] = {"good", "AGS has the server"},
        [PLACEMENT_REPORTED_FAILED] = {"good", "AGS knows that there is none"},
        [PLACEMENT_REFUSED] = {"bad", "AGS refuses the report"},
        [PLACEMENT_ENDED] = {"soft", "nobody wanted it: ended"},
        [PLACEMENT_NOTHING] = {"soft", "over: nothing to report"},
        [PLACEMENT_FOREIGN] = {"soft", "not ours: left alone"},
        [PLACEMENT_EARLY] = {"soft", "too early to tell"},
        [PLACEMENT_TROUBLE] = {"warn", "comes again"},
        [PLACEMENT_POISON] = {"bad", "no event"},
        [PLACEMENT_ABANDONED] = {"soft", "left to another replica"},
    };
    if (v->looking)
        return (struct standing){"soft", "being looked at"};
    if (v->looks == 0)
        return (struct standing){"soft", watched ? "no end heard of yet" : "started"};
    return by_result[v->result];
}

static void row(const struct page *p, struct buf *b, const struct placement_view *v) {
    const struct placements_stats *stats = &p->state.placement_stats;
    struct standing is = standing_of(v, stats->by_queue || stats->by_polling);
    buf_puts(b, "<tr><th scope=\"row\" class=\"id\">");
    html_text(b, str_c(v->placement_id));
    buf_puts(b, "</th><td class=\"id\" data-label=\"Session\">");
    html_text(b, str_c(v->session_id));
    buf_puts(b, "</td><td data-label=\"Namespace\">");
    html_text(b, str_c(v->namespace));
    buf_printf(b, "</td><td data-label=\"State\"><span class=\"pill %s\">%s</span>", is.class,
               is.text);
    if (v->why[0] != '\0') {
        buf_puts(b, "<p class=\"why\">");
        html_text(b, str_c(v->why));
        buf_puts(b, "</p>");
    }
    buf_printf(b, "</td><td class=\"n\" data-label=\"Looks\">%u</td>", v->looks);
    buf_puts(b, "<td class=\"n\" data-label=\"First seen\">");
    html_time(b, v->started_ms);
    buf_puts(b, "</td><td class=\"n\" data-label=\"Last look\">");
    if (v->looks > 0)
        html_time(b, v->looked_ms);
    else
        buf_puts(b, "&ndash;");
    buf_puts(b, "</td></tr>");
}

static void group(const struct page *p, struct buf *b, const char *title, size_t from, size_t to) {
    if (from == to)
        return;
    buf_printf(b, "<tr class=\"group\"><th colspan=\"7\" scope=\"rowgroup\">%s</th></tr>", title);
    for (size_t i = from; i < to; i++)
        row(p, b, &p->state.placements[i]);
}

void page_placements(struct page *p, struct buf *b) {
    const struct state *s = &p->state;
    size_t pending = 0;
    how(s, b);
    if (s->n_placements == 0) {
        buf_puts(b,
                 "<p class=\"empty\">No placement yet. The first one that AGS asks for, or whose "
                 "event comes, shows here.</p>");
        return;
    }
    while (pending < s->n_placements && !placement_view_is_over(&s->placements[pending]))
        pending++;
    buf_puts(b, "<div class=\"scroll\"><table><thead><tr><th>Placement</th><th>Session</th>"
                "<th>Namespace</th><th>State</th><th class=\"n\">Looks</th><th class=\"n\">First "
                "seen</th><th class=\"n\">Last look</th></tr></thead><tbody>");
    group(p, b, "Pending", 0, pending);
    group(p, b, "Over", pending, s->n_placements);
    buf_puts(b, "</tbody></table></div><p class=\"note\">Of those that this replica has started or "
                "looked at; others may deal with any of them.</p>");
}
