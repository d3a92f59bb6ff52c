// SPDX-License-Identifier: Apache-2.0
/* Pieces of HTML: escaping, numbers for people, charts as SVG, templates. Shared with sim/. */
#ifndef CONSOLE_HTML_H
#define CONSOLE_HTML_H

#include "base/buf.h"

/* Any text, from anybody, as the content of an element or of an attribute in double quotes. */
void html_text(struct buf *b, struct str text);

/* "0.4 ms", "12 ms", "1.25 s" */
void html_duration(struct buf *b, double ms);

/* "4 s", "3 min", "2 h", "5 days" */
void html_span(struct buf *b, double seconds);

/* A moment as <time datetime="...">12:34:56</time>, in UTC. */
void html_time(struct buf *b, int64_t unix_ms);

/*
 * Writes a template: {{name}} becomes what `fill` writes for that name. {{name}} with an unknown
 * name is a mistake in the template, and ends the program when it is first shown.
 */
typedef bool html_fill_fn(void *priv, struct str name, struct buf *out);
void html_template(struct buf *b, struct str text, html_fill_fn *fill, void *priv);

/*
 * Bars over time, of what went well and, on top, of what did not; and a text for those who do not
 * see it. Colours come from classes: good, bad.
 */
struct html_bars {
    const double *good;
    const double *bad;
    size_t n;
    const char *label; /* of the whole, such as "Calls per second, last 10 minutes" */
};
void html_bars(struct buf *b, const struct html_bars *bars);

/* Two lines over time, classes p50 and p95; values below 0 are gaps. */
struct html_lines {
    const double *p50;
    const double *p95;
    size_t n;
    const char *label;
};
void html_lines(struct buf *b, const struct html_lines *lines);

/* A value of a Content-Security-Policy that lets nothing run or load but this page's own. */
#define HTML_NONCE_SIZE 33
void html_nonce(char ret[HTML_NONCE_SIZE]);

#endif
