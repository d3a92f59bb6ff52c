// SPDX-License-Identifier: Apache-2.0
/* The console's page: its parts, each written from a snapshot. */
#ifndef CONSOLE_PAGE_H
#define CONSOLE_PAGE_H

#include "console/html.h"
#include "console/recorder.h"
#include "console/state.h"

#define PAGE_RECENT_S 900 /* a trouble is recent so long */

struct page {
    struct recorder *recorder;
    struct state state;
    int64_t now_ms; /* Unix milliseconds */
    int64_t mono_ms;
    int64_t started_ms;
    struct str nonce;
    struct str subtitle;
    struct str config;
    struct str help;
    struct series *series;       /* room for one */
    struct recorded_call *calls; /* room for RECORDER_CALLS */
};

/* What the window of ten minutes adds up to. */
struct totals {
    uint64_t ok;
    uint64_t failed;
    uint32_t histogram[RECORDER_HISTOGRAM];
};

void page_totals(struct totals *t, const struct series *s);

/* The event loop has not run for so long that something holds it up. */
bool page_stalled(const struct page *p);

/* One function for each {{name}} of page.html. */
void page_health(struct page *p, struct buf *b);
void page_tiles(struct page *p, struct buf *b);
void page_troubles(struct page *p, struct buf *b);
void page_rpcs(struct page *p, struct buf *b);
void page_locations(struct page *p, struct buf *b);
void page_operations(struct page *p, struct buf *b);
void page_calls(struct page *p, struct buf *b);
void page_placements(struct page *p, struct buf *b);
void page_reclaims(struct page *p, struct buf *b);
void page_credentials(struct page *p, struct buf *b);
void page_configuration(struct page *p, struct buf *b);

#endif
