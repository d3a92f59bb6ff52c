// SPDX-License-Identifier: Apache-2.0
/* The console of this program: what it says of itself and of its settings. */
#ifndef APP_CONSOLE_H
#define APP_CONSOLE_H

#include "config.h"
#include "console/console.h"
#include "telemetry/trace_settings.h"

/* All outlive the console. */
struct app_console_options {
    struct arena *arena; /* for texts */
    const struct config *config;
    const struct trace_settings *trace_settings;
    struct recorder *recorder;
    const struct service_metrics_options *of; /* copied */
    const bool *stopping;
    struct str region; /* of AWS */
};

/* Ends with console_free. */
struct console *app_console_new(const struct app_console_options *options);

#endif
