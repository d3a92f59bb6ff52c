// SPDX-License-Identifier: Apache-2.0
/* The command line: options, and the process that the service runs in. */
#include "app.h"
#include "base/descriptors.h"
#include "config.h"
#include "health_check.h"
#include "telemetry/trace_settings.h"
#include "version.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* Secrets must not end in a core file; every connection needs a descriptor. */
static void harden_process(void) {
    struct rlimit no_core = {.rlim_cur = 0, .rlim_max = 0};
    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    descriptors_raise_limit();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a log that may grow no more is no reason to end */
}

static void help(void) {
    printf("session-dsm " VERSION "\n\n"
           "Answers AccelByte's Session DSM gRPC contract from Amazon GameLift Servers.\n\n"
           "  --help          this text\n"
           "  --version       the version\n"
           "  --print-config  what the environment sets, secrets as ***\n"
           "  --health-check  asks the service that runs here; exit status 0: it serves\n\n");
    config_help(stdout);
    trace_settings_help(stdout);
}

static void version(void) {
    printf("session-dsm " VERSION);
    if (program_commit[0] != '\0')
        printf(" (commit %s)", program_commit);
    putchar('\n');
}

static int complain(const struct err *err) {
    fprintf(stderr, "session-dsm: " STR_FMT "\n", STR_ARG(err->msg));
    return 1;
}

static int print_config(void) {
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    struct config config = {0};
    struct trace_settings tracing = {0};
    struct err *err = config_load(a, &config);
    int status = err != NULL ? complain(err) : 0;
    if (err == NULL) {
        trace_settings_load(a, &tracing);
        config_print(stdout, &config);
        trace_settings_print(stdout, &tracing);
        trace_settings_clear(&tracing);
    }
    config_clear(&config);
    arena_free(a);
    return status;
}

static int serve(void) {
    struct app *app = app_new();
    struct err *err = app_start(app);
    int status = err != NULL ? complain(err) : 0;
    if (err == NULL)
        app_run(app);
    app_free(app);
    return status;
}

/* Exit status: 0 stopped by a signal, or healthy; 1 a setting is wrong, the start failed, or not
 * healthy; 2 wrong usage. */
int main(int argc, char **argv) {
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {"print-config", no_argument, NULL, 'p'},
        {"health-check", no_argument, NULL, 'c'},
        {NULL, 0, NULL, 0},
    };
    int (*run)(void) = serve;
    int option;
    while ((option = getopt_long(argc, argv, "hv", options, NULL)) != -1) {
        switch (option) {
        case 'h':
            help();
            return 0;
        case 'v':
            version();
            return 0;
        case 'p':
            run = print_config;
            break;
        case 'c':
            run = health_check;
            break;
        default:
            return 2;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "session-dsm: takes no arguments, only options; see --help\n");
        return 2;
    }
    harden_process();
    return run();
}
