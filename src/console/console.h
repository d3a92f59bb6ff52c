// SPDX-License-Identifier: Apache-2.0
/*
 * The page at METRICS_PORT/: how the service is, what it did in the last minutes, and what an
 * operator should do about it. It reads and changes nothing. It is made when somebody looks, on the
 * thread of the metrics server, from copies: neither calls nor the event loop wait for it.
 */
#ifndef CONSOLE_CONSOLE_H
#define CONSOLE_CONSOLE_H

#include "console/recorder.h"
#include "telemetry/metrics_server.h"
#include "telemetry/service_metrics.h"

struct console;

struct console_options {
    struct recorder *recorder;                /* outlives the console */
    const struct service_metrics_options *of; /* copied; what it names outlives the console */
    const bool *stopping;                     /* outlives it: the service drains */
    struct str subtitle;                      /* copied: namespace, region, version */
    struct str config;                        /* copied: NAME=value lines, secrets as *** */
    struct str help; /* copied: what the settings mean, "  NAME  meaning" */
};

/* On the loop. Also hooks the recorder into the locations that the service tells of. */
struct console *console_new(const struct console_options *options);
/* On the loop, once nobody asks for pages any more. NULL is fine. */
void console_free(struct console *console);

/* Makes the page; for metrics_server_page. */
metrics_server_page_fn console_page;

#endif
