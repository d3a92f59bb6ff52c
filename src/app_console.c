// SPDX-License-Identifier: Apache-2.0
#include "app_console.h"

#include "base/obj.h"
#include "version.h"

#include <stdio.h>
#include <stdlib.h>

typedef void print_fn(FILE *out, const struct app_console_options *options);

/* What print prints, in the arena. */
static struct str printed(const struct app_console_options *options, print_fn *print) {
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    AN(out);
    print(out, options);
    AZ(fclose(out));
    struct str ret = arena_str(options->arena, str_n(text, n));
    free(text);
    return ret;
}

static void print_config(FILE *out, const struct app_console_options *options) {
    config_print(out, options->config);
    trace_settings_print(out, options->trace_settings);
}

static void print_help(FILE *out, const struct app_console_options *options) {
    (void)options;
    config_help(out);
    trace_settings_help(out);
}

struct console *app_console_new(const struct app_console_options *o) {
    const struct console_options options = {
        .recorder = o->recorder,
        .of = o->of,
        .stopping = o->stopping,
        .subtitle = arena_printf(o->arena, STR_FMT " · " STR_FMT " · version %s%s%s",
                                 STR_ARG(o->config->ab_namespace), STR_ARG(o->region), VERSION,
                                 program_commit[0] != '\0' ? ", commit " : "", program_commit),
        .config = printed(o, print_config),
        .help = printed(o, print_help),
    };
    return console_new(&options);
}
