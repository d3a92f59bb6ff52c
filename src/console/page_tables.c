// SPDX-License-Identifier: Apache-2.0
/* The lower part of the page: RPCs, locations, operations, calls, reclaims, tokens, settings. */
#include "console/page.h"

#include "base/obj.h"

#include <inttypes.h>
#include <math.h>

/* ---- series ---- */

static void fact(struct buf *b, const char *name, const char *fmt, double value, bool bad) {
    buf_printf(b, "<span%s>%s <b>", bad ? " class=\"bad\"" : "", name);
    buf_printf(b, fmt, value);
    buf_puts(b, "</b></span>");
}

static void rates(const struct series *s, double good[], double bad[]) {
    for (size_t i = 0; i < RECORDER_SLICES; i++) {
        good[i] = (double)s->slices[i].ok * 1000 / RECORDER_SLICE_MS;
        bad[i] = (double)s->slices[i].failed * 1000 / RECORDER_SLICE_MS;
    }
}

static void quantiles(const struct series *s, double share, double ret[]) {
    for (size_t i = 0; i < RECORDER_SLICES; i++) {
        uint32_t histogram[RECORDER_HISTOGRAM];
        for (size_t k = 0; k < RECORDER_HISTOGRAM; k++)
            histogram[k] = s->slices[i].histogram[k];
        bool any = s->slices[i].ok + s->slices[i].failed > 0;
        ret[i] = any ? recorder_quantile(histogram, share) : -1;
    }
}

static void key(struct buf *b, const char *class, const char *name, double ms) {
    buf_printf(b, "<span><i class=\"key %s\"></i>%s <b>", class, name);
    html_duration(b, ms);
    buf_puts(b, "</b></span>");
}

static void rpc_card(struct buf *b, const struct series *s) {
    double good[RECORDER_SLICES];
    double bad[RECORDER_SLICES];
    struct totals t = {.ok = 0};
    page_totals(&t, s);
    rates(s, good, bad);
    buf_puts(b, "<article class=\"card\"><h3>");
    html_text(b, str_c(s->name));
    buf_puts(b, "</h3><p class=\"facts\">");
    fact(b, "calls", "%.0f", (double)(t.ok + t.failed), false);
    fact(b, "failed", "%.0f", (double)t.failed, t.failed > 0);
    if (t.ok + t.failed > 0) {
        key(b, "p50", "median", recorder_quantile(t.histogram, 0.5));
        key(b, "p95", "95th percentile", recorder_quantile(t.histogram, 0.95));
    }
    buf_puts(b, "</p>");
    const struct html_bars bars = {good, bad, RECORDER_SLICES, "Calls a second"};
    html_bars(b, &bars);
    quantiles(s, 0.5, good);
    quantiles(s, 0.95, bad);
    const struct html_lines lines = {good, bad, RECORDER_SLICES, "Time taken"};
    html_lines(b, &lines);
    buf_puts(b, "</article>");
}

void page_rpcs(struct page *p, struct buf *b) {
    for (size_t i = 0; recorder_series(p->recorder, i, p->series); i++)
        if (p->series->kind == SERIES_RPC)
            rpc_card(b, p->series);
}

static void number(struct buf *b, const char *label, uint64_t n, bool bad) {
    buf_printf(b, "<td class=\"n%s\" data-label=\"%s\">%" PRIu64 "</td>", bad ? " bad-text" : "",
               label, n);
}

static void duration(struct buf *b, const char *label, double ms) {
    buf_printf(b, "<td class=\"n\" data-label=\"%s\">", label);
    html_duration(b, ms);
    buf_puts(b, "</td>");
}

static void series_row(struct buf *b, const struct series *s) {
    double good[RECORDER_SLICES];
    double bad[RECORDER_SLICES];
    struct totals t = {.ok = 0};
    page_totals(&t, s);
    rates(s, good, bad);
    buf_puts(b, "<tr><th scope=\"row\">");
    html_text(b, str_c(s->name));
    buf_puts(b, "</th>");
    if (s->kind == SERIES_OPERATION) {
        buf_puts(b, "<td data-label=\"Region\">");
        html_text(b, s->region[0] != '\0' ? str_c(s->region) : STR("AGS"));
        buf_puts(b, "</td>");
    }
    number(b, "Asked", t.ok + t.failed, false);
    number(b, "Failed", t.failed, t.failed > 0);
    duration(b, "Median", recorder_quantile(t.histogram, 0.5));
    duration(b, "95th percentile", recorder_quantile(t.histogram, 0.95));
    buf_puts(b, "<td>");
    const struct html_bars bars = {good, bad, RECORDER_SLICES, "Asked, a second"};
    html_bars(b, &bars);
    buf_puts(b, "</td></tr>");
}

static void series_table(struct page *p, struct buf *b, enum series_kind kind, const char *first,
                         const char *empty) {
    bool any = false;
    for (size_t i = 0; recorder_series(p->recorder, i, p->series); i++) {
        struct totals t = {.ok = 0};
        page_totals(&t, p->series);
        if (p->series->kind != kind || t.ok + t.failed == 0)
            continue;
        if (!any) {
            buf_printf(b,
                       "<div class=\"scroll\"><table><thead><tr><th>%s</th>%s<th "
                       "class=\"n\">Asked</th><th class=\"n\">Failed</th><th class=\"n\">Median"
                       "</th><th class=\"n\">95th percentile</th><th>Over "
                       "time</th></tr></thead><tbody>",
                       first, kind == SERIES_OPERATION ? "<th>Region</th>" : "");
            any = true;
        }
        series_row(b, p->series);
    }
    if (any)
        buf_puts(b, "</tbody></table></div>");
    else
        buf_printf(b, "<p class=\"empty\">%s</p>", empty);
}

void page_locations(struct page *p, struct buf *b) {
    series_table(p, b, SERIES_LOCATION, "Location",
                 "None yet. Locations show here once AGS asks for a server (synchronous mode); a "
                 "queue chooses by itself.");
}

void page_operations(struct page *p, struct buf *b) {
    series_table(p, b, SERIES_OPERATION, "Operation", "None in the last ten minutes.");
}

/* ---- calls ---- */

static const char *stage_text(enum server_stage stage) {
    switch (stage) {
    case SERVER_OVERLOADED:
        return "too many calls in flight";
    case SERVER_NOT_ADMITTED:
        return "caller not authorized";
    case SERVER_UNDECODABLE:
        return "request not readable";
    case SERVER_ABANDONED:
        return "the caller was gone";
    default:
        return NULL;
    }
}

static void steps(struct buf *b, const struct recorded_call *c) {
    buf_puts(b, "<ul class=\"steps\">");
    for (unsigned i = 0; i < c->n_steps && i < RECORDER_STEPS; i++) {
        const struct recorded_step *s = &c->steps[i];
        /* A create's requests are told by the locations that they were for. */
        if (!s->location && s->ok && strcmp(s->what, "CreateGameSession") == 0)
            continue;
        if (!s->location && !s->ok && i + 1 < c->n_steps && i + 1 < RECORDER_STEPS &&
            c->steps[i + 1].location && strcmp(s->answer, c->steps[i + 1].answer) == 0)
            continue;
        buf_printf(b, "<li class=\"%s%s\">", s->location ? "location" : "request",
                   s->ok ? "" : " bad");
        html_text(b, str_c(s->what));
        if (!s->ok) {
            buf_puts(b, ": ");
            html_text(b, str_c(s->answer));
        }
        if (s->duration_us > 0) { /* else it was refused before anything was sent */
            buf_putc(b, ' ');
            html_duration(b, s->duration_us / 1000.0);
        }
        buf_puts(b, "</li>");
    }
    if (c->n_steps > RECORDER_STEPS)
        buf_printf(b, "<li class=\"request\">and %u more</li>", c->n_steps - RECORDER_STEPS);
    buf_puts(b, "</ul>");
}

static void call_row(struct buf *b, const struct recorded_call *c) {
    bool ok = c->code == RPC_OK;
    const char *stage = stage_text(c->stage);
    buf_printf(b, "<tr data-failed=\"%s\"><td data-label=\"At\">", ok ? "no" : "yes");
    html_time(b, c->at_ms);
    buf_puts(b, "</td><td data-label=\"Call\">");
    html_text(b, str_c(c->method));
    buf_puts(b, "</td><td class=\"id\" data-label=\"Session\">");
    html_text(b, str_c(c->session_id));
    buf_printf(b, "</td><td data-label=\"Result\"><span class=\"pill %s\">%s</span></td>",
               ok ? "good" : "bad", rpc_code_name(c->code));
    duration(b, "Took", c->duration_us / 1000.0);
    buf_puts(b, "<td>");
    steps(b, c);
    if (stage != NULL)
        buf_printf(b, "<p class=\"why\">%s</p>", stage);
    if (c->message[0] != '\0') {
        buf_puts(b, "<p class=\"why\">");
        html_text(b, str_c(c->message));
        buf_puts(b, "</p>");
    }
    buf_puts(b, "</td></tr>");
}

void page_calls(struct page *p, struct buf *b) {
    size_t n = recorder_calls(p->recorder, p->calls, RECORDER_CALLS);
    if (n == 0) {
        buf_puts(b, "<p class=\"empty\">No call yet. The first one that AGS makes shows here with "
                    "every location it was tried in.</p>");
        return;
    }
    buf_puts(b, "<div class=\"scroll\"><table><thead><tr><th>At</th><th>Call</th><th>Session</th>"
                "<th>Result</th><th class=\"n\">Took</th><th>What was done for "
                "it</th></tr></thead><tbody>");
    for (size_t i = 0; i < n; i++)
        call_row(b, &p->calls[i]);
    buf_puts(b, "</tbody></table></div>");
    buf_printf(b, "<p class=\"note\">The last %zu calls%s.</p>", n,
               n == RECORDER_CALLS ? "; older ones are in the log" : "");
}

/* ---- reclaims ---- */

void page_reclaims(struct page *p, struct buf *b) {
    const struct state *s = &p->state;
    if (s->n_reclaims == 0) {
        buf_puts(b, "<p class=\"empty\">None. When a call fails after GameLift may have acted on "
                    "it, the server or placement that it may have left behind is looked for here, "
                    "and ended.</p>");
        return;
    }
    buf_puts(b, "<div class=\"scroll\"><table><thead><tr><th>Session</th><th>Namespace</th>"
                "<th>Looked for</th><th class=\"n\">Since</th><th "
                "class=\"n\">Looks</th></tr></thead><tbody>");
    for (size_t i = 0; i < s->n_reclaims && i < STATE_RECLAIMS; i++) {
        const struct reclaim_view *r = &s->reclaims[i];
        buf_puts(b, "<tr><th scope=\"row\" class=\"id\">");
        html_text(b, str_c(r->session_id));
        buf_puts(b, "</th><td data-label=\"Namespace\">");
        html_text(b, str_c(r->namespace));
        buf_printf(
            b, "</td><td data-label=\"Looked for\">%s</td><td class=\"n\" data-label=\"Since\">",
            r->looked_for);
        html_span(b, (double)r->age_ms / 1000);
        buf_printf(b, "</td><td class=\"n\" data-label=\"Looks\">%d</td></tr>", r->tries);
    }
    buf_puts(b, "</tbody></table></div>");
    if (s->n_reclaims > STATE_RECLAIMS)
        buf_printf(b, "<p class=\"note\">and %zu more.</p>", s->n_reclaims - STATE_RECLAIMS);
}

/* ---- credentials ---- */

static void row(struct buf *b, const char *name) {
    buf_printf(b, "<tr><th scope=\"row\">%s</th><td>", name);
}

static void age(struct buf *b, const char *what, double seconds) {
    if (isnan(seconds)) {
        buf_puts(b, "<span class=\"bad-text\">not loaded</span>");
        return;
    }
    buf_puts(b, what);
    html_span(b, seconds);
    buf_puts(b, " ago");
}

void page_credentials(struct page *p, struct buf *b) {
    const struct state *s = &p->state;
    buf_puts(b, "<div class=\"scroll\"><table><tbody>");
    row(b, "AWS credentials");
    if (!s->credentials)
        buf_puts(b, "<span class=\"bad-text\">none</span>");
    else if (s->credentials_expiry_ms == AWS_CREDENTIALS_NEVER)
        buf_puts(b, "valid, do not expire");
    else {
        buf_puts(b, "valid until ");
        html_time(b, s->credentials_expiry_ms);
        buf_puts(b, ", renewed before that");
    }
    buf_puts(b, "</td></tr>");
    row(b, "AGS access token");
    age(b, "granted ", s->token_age_s);
    buf_puts(b, "</td></tr>");
    row(b, "Callers");
    if (!s->authorized)
        buf_puts(b, "not authorized: anybody who reaches the port may call");
    else
        buf_printf(b, "need an access token of AGS; %" PRIu64 " refused so far", s->refused);
    buf_puts(b, "</td></tr>");
    if (s->authorized) {
        row(b, "AGS token keys");
        age(b, "loaded ", s->keys_age_s);
        buf_puts(b, "</td></tr>");
        row(b, "AGS revocation list");
        age(b, "loaded ", s->revocations_age_s);
        buf_puts(b, "</td></tr>");
    }
    row(b, "TLS on the gRPC port");
    if (s->tls) {
        buf_puts(b, "on; the certificate expires in ");
        html_span(b, (double)s->tls_expires_s - (double)p->now_ms / 1000);
    } else {
        buf_puts(b, "off");
    }
    buf_puts(b, "</td></tr></tbody></table></div>");
}

/* ---- configuration ---- */

static struct str next_line(struct str *text) {
    size_t end = str_find(*text, '\n');
    struct str l = str_sub(*text, 0, end);
    *text = str_from(*text, end + 1);
    return l;
}

static struct str meaning_of(struct str help, struct str name) {
    while (help.n > 0) {
        struct str l = str_trim(next_line(&help));
        if (str_starts(l, name) && l.n > name.n && l.p[name.n] == ' ')
            return str_trim(str_from(l, name.n));
    }
    return STR("");
}

/* An id is no secret, but a page that many can see need not have all of it. */
static void value(struct buf *b, struct str name, struct str text) {
    size_t at = str_find(text, '@');
    if (str_eq(name, STR("AWS_ACCESS_KEY_ID"))) {
        buf_puts(b, "***");
        html_text(b, str_from(text, text.n > 4 ? text.n - 4 : text.n));
    } else if (at < text.n && memmem(text.p, at, "://", 3) != NULL) {
        buf_puts(b, "***"); /* a user and a password in a URL */
    } else {
        html_text(b, text);
    }
}

void page_configuration(struct page *p, struct buf *b) {
    struct str rest = p->config;
    struct buf unset;
    buf_init(&unset, 65536);
    buf_puts(b, "<div class=\"scroll\"><table><thead><tr><th>Setting</th><th>Value</th>"
                "<th>Meaning</th></tr></thead><tbody>");
    while (rest.n > 0) {
        struct str l = next_line(&rest);
        size_t equals = str_find(l, '=');
        struct str name = str_sub(l, 0, equals);
        struct str text = str_from(l, equals + 1);
        if (name.n == 0)
            continue;
        if (text.n == 0) {
            buf_puts(&unset, unset.n > 0 ? ", " : "");
            html_text(&unset, name);
            continue;
        }
        buf_puts(b, "<tr><th scope=\"row\"><code>");
        html_text(b, name);
        buf_puts(b, "</code></th><td class=\"value\"><code>");
        value(b, name, text);
        buf_puts(b, "</code></td><td class=\"why\">");
        html_text(b, meaning_of(p->help, name));
        buf_puts(b, "</td></tr>");
    }
    buf_puts(b, "</tbody></table></div><p class=\"note\">Not set: ");
    buf_putstr(b, buf_str(&unset));
    buf_puts(b, ".</p>");
    buf_free(&unset);
}
