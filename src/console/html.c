// SPDX-License-Identifier: Apache-2.0
#include "console/html.h"

#include "base/obj.h"
#include "base/random.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

#define WIDTH 600.0 /* of a chart, in its own units; pages scale it */
#define HEIGHT 100.0

void html_text(struct buf *b, struct str text) {
    for (size_t i = 0; i < text.n;) {
        size_t n = str_utf8_next(text, i);
        unsigned char c = (unsigned char)text.p[i];
        if (n == 0 || (c < 0x20 && c != '\n' && c != '\t') || c == 0x7F)
            buf_puts(b, "\xEF\xBF\xBD");
        else if (c == '<')
            buf_puts(b, "&lt;");
        else if (c == '>')
            buf_puts(b, "&gt;");
        else if (c == '&')
            buf_puts(b, "&amp;");
        else if (c == '"')
            buf_puts(b, "&quot;");
        else if (c == '\'')
            buf_puts(b, "&#39;");
        else
            buf_put(b, text.p + i, n);
        i += n == 0 ? 1 : n;
    }
}

void html_duration(struct buf *b, double ms) {
    if (ms < 10)
        buf_printf(b, "%.1f ms", ms);
    else if (ms < 1000)
        buf_printf(b, "%.0f ms", ms);
    else
        buf_printf(b, "%.2f s", ms / 1000);
}

void html_span(struct buf *b, double seconds) {
    if (seconds < 120)
        buf_printf(b, "%.0f s", seconds);
    else if (seconds < 7200)
        buf_printf(b, "%.0f min", seconds / 60);
    else if (seconds < 172800)
        buf_printf(b, "%.0f h", seconds / 3600);
    else
        buf_printf(b, "%.0f days", seconds / 86400);
}

void html_time(struct buf *b, int64_t unix_ms) {
    char date[32];
    char clock[16];
    struct tm tm;
    time_t s = (time_t)(unix_ms / 1000);
    if (gmtime_r(&s, &tm) == NULL)
        return;
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &tm);
    strftime(clock, sizeof clock, "%H:%M:%S", &tm);
    buf_printf(b, "<time datetime=\"%s\" title=\"%s\">%s</time>", date, date, clock);
}

void html_template(struct buf *b, struct str text, html_fill_fn *fill, void *priv) {
    for (size_t at = 0; at < text.n;) {
        const char *open = memmem(text.p + at, text.n - at, "{{", 2);
        size_t from = open == NULL ? text.n : (size_t)(open - text.p);
        buf_put(b, text.p + at, from - at);
        if (open == NULL)
            return;
        const char *close = memmem(open, text.n - from, "}}", 2);
        ASSERT(close != NULL);
        struct str name = str_n(open + 2, (size_t)(close - open) - 2);
        ASSERT(fill(priv, name, b));
        at = (size_t)(close - text.p) + 2;
    }
}

void html_nonce(char ret[HTML_NONCE_SIZE]) {
    uint8_t bytes[(HTML_NONCE_SIZE - 1) / 2];
    random_bytes(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
}

/* ---- charts ---- */

/* A round number that is not smaller: 1, 2 or 5 times a power of ten. */
static double round_up(double v) {
    double power = 1e-3;
    while (power * 10 <= v)
        power *= 10;
    for (int i = 0; i < 3; i++) {
        static const double steps[] = {1, 2, 5};
        if (steps[i] * power >= v)
            return steps[i] * power;
    }
    return 10 * power;
}

static void open_chart(struct buf *b, const char *label, bool duration, double top) {
    buf_puts(b, "<figure class=\"chart\"><figcaption><span>");
    html_text(b, str_c(label));
    buf_puts(b, "</span><span class=\"axis\">");
    if (duration)
        html_duration(b, top);
    else
        buf_printf(b, "%g/s", top);
    buf_printf(b,
               "</span></figcaption><svg viewBox=\"0 0 %g %g\" preserveAspectRatio=\"none\" "
               "role=\"img\" aria-label=\"",
               WIDTH, HEIGHT);
    html_text(b, str_c(label));
    buf_puts(b, "\">");
    for (int i = 1; i < 4; i++)
        buf_printf(b, "<line class=\"grid\" x1=\"0\" x2=\"%g\" y1=\"%g\" y2=\"%g\"/>", WIDTH,
                   HEIGHT * i / 4, HEIGHT * i / 4);
}

static void close_chart(struct buf *b) {
    buf_printf(b, "<line class=\"base\" x1=\"0\" x2=\"%g\" y1=\"%g\" y2=\"%g\"/></svg></figure>",
               WIDTH, HEIGHT - 0.5, HEIGHT - 0.5);
}

static void bar(struct buf *b, const char *class, double x, double width, double from, double to) {
    if (to > from)
        buf_printf(b, "<rect class=\"%s\" x=\"%.2f\" width=\"%.2f\" y=\"%.2f\" height=\"%.2f\"/>",
                   class, x, width, HEIGHT - to, to - from);
}

void html_bars(struct buf *b, const struct html_bars *bars) {
    double top = 0;
    double step = WIDTH / (double)bars->n;
    for (size_t i = 0; i < bars->n; i++)
        top = fmax(top, bars->good[i] + bars->bad[i]);
    top = round_up(fmax(top, 0.1));
    open_chart(b, bars->label, false, top);
    for (size_t i = 0; i < bars->n; i++) {
        double good = bars->good[i] / top * HEIGHT;
        double bad = bars->bad[i] / top * HEIGHT;
        /* What failed must be seen, however little of the whole it is. */
        bad = bars->bad[i] > 0 ? fmax(bad, 2.0) : bad;
        bar(b, "good", (double)i * step + step * 0.1, step * 0.8, 0, good);
        bar(b, "bad", (double)i * step + step * 0.1, step * 0.8, good, good + bad);
    }
    close_chart(b);
}

/* Points with a gap on both sides would not be seen as a line: each is a short one by itself. */
static void line(struct buf *b, const char *class, const double *v, size_t n, double top) {
    double step = WIDTH / (double)n;
    bool down = false;
    buf_printf(b, "<path class=\"%s\" d=\"", class);
    for (size_t i = 0; i < n; i++) {
        double y = HEIGHT - v[i] / top * HEIGHT;
        if (v[i] >= 0 && !down)
            buf_printf(b, "M%.1f %.1f", (double)i * step, y);
        if (v[i] >= 0)
            buf_printf(b, "L%.1f %.1f", (double)i * step + step, y);
        down = v[i] >= 0;
    }
    buf_puts(b, "\"/>");
}

void html_lines(struct buf *b, const struct html_lines *lines) {
    double top = 0;
    for (size_t i = 0; i < lines->n; i++)
        top = fmax(top, fmax(lines->p50[i], lines->p95[i]));
    top = round_up(fmax(top, 1.0));
    open_chart(b, lines->label, true, top);
    line(b, "p95", lines->p95, lines->n, top);
    line(b, "p50", lines->p50, lines->n, top);
    close_chart(b);
}
