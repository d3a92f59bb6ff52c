// SPDX-License-Identifier: Apache-2.0
/* gamelift-sim: options, the world, the server, until SIGTERM or SIGINT. */
#include "base/obj.h"
#include "sim/control.h"
#include "sim/gamelift_service.h"
#include "sim/http.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define MAX_WORLD_FILE ((size_t)4 << 20) /* bytes */

/* The example pair of AWS's own documentation: no account has it. */
#define EXAMPLE_ACCESS_KEY "AKIDEXAMPLE"
#define EXAMPLE_SECRET_KEY "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

static const char usage[] =
    "gamelift-sim: a local stand-in for Amazon GameLift, for tests and demonstrations.\n"
    "\n"
    "  --host ADDRESS        IPv4 address to listen on (127.0.0.1)\n"
    "  --port PORT           0 takes a free one (0); line 1 of the output names it\n"
    "  --world FILE          fleets, aliases and queues as JSON (a small example)\n"
    "  --access-key ID       who may call (AWS_ACCESS_KEY_ID, else " EXAMPLE_ACCESS_KEY ")\n"
    "  --secret-key KEY      (AWS_SECRET_ACCESS_KEY, else the example of AWS's documentation)\n"
    "  --session-token TOKEN (AWS_SESSION_TOKEN, else none)\n"
    "  --verbose             print every exchange\n"
    "  --print-world         print the example world and end\n"
    "  --help\n"
    "\n"
    "Tests steer it under /_sim/ on the same port; sim/control.h lists the paths.\n";

struct options {
    const char *host;
    int64_t port;
    const char *world;
    const char *access_key;
    const char *secret_key;
    const char *session_token;
    bool verbose;
};

static const char *env_or(const char *name, const char *otherwise) {
    const char *value = getenv(name);
    return value == NULL || *value == '\0' ? otherwise : value;
}

static void fail(const char *what) {
    fprintf(stderr, "gamelift-sim: %s\n", what);
    exit(2);
}

static void read_options(int argc, char **argv, struct options *o) {
    static const struct option known[] = {
        {"host", required_argument, NULL, 'H'},
        {"port", required_argument, NULL, 'p'},
        {"world", required_argument, NULL, 'w'},
        {"access-key", required_argument, NULL, 'a'},
        {"secret-key", required_argument, NULL, 's'},
        {"session-token", required_argument, NULL, 't'},
        {"verbose", no_argument, NULL, 'v'},
        {"print-world", no_argument, NULL, 'P'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int c;
    while ((c = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        switch (c) {
        case 'H':
            o->host = optarg;
            break;
        case 'p':
            if (!str_to_int64(str_c(optarg), &o->port) || o->port < 0 || o->port > 65535)
                fail("--port must be between 0 and 65535");
            break;
        case 'w':
            o->world = optarg;
            break;
        case 'a':
            o->access_key = optarg;
            break;
        case 's':
            o->secret_key = optarg;
            break;
        case 't':
            o->session_token = optarg;
            break;
        case 'v':
            o->verbose = true;
            break;
        case 'P':
            puts(gamelift_world_example);
            exit(0);
        case 'h':
            fputs(usage, stdout);
            exit(0);
        default:
            fail("see --help");
        }
    }
    if (optind < argc)
        fail("it takes no arguments; see --help");
}

static struct str read_file(const char *path, struct arena *a) {
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        fail(arena_printf(a, "cannot open %s: %s", path, strerror(errno)).p);
    char *text = arena_alloc(a, MAX_WORLD_FILE + 1);
    size_t n = fread(text, 1, MAX_WORLD_FILE + 1, f);
    bool bad = ferror(f) != 0 || n > MAX_WORLD_FILE;
    fclose(f);
    if (bad)
        fail(arena_printf(a, "%s cannot be read or is larger than %zu bytes", path, MAX_WORLD_FILE)
                 .p);
    return str_n(text, n);
}

static struct gamelift_world *load_world(const struct options *o, struct arena *a) {
    struct gamelift_world *world = NULL;
    struct str text = o->world == NULL ? str_c(gamelift_world_example) : read_file(o->world, a);
    struct err *err = gamelift_world_read(text, a, &world);
    if (err != NULL)
        fail(arena_printf(a, "%s: " STR_FMT, o->world == NULL ? "world" : o->world,
                          STR_ARG(err->msg))
                 .p);
    return world;
}

static void add_regions(struct auth *auth, const struct gamelift_world *world) {
    bool ok = auth_add_region(auth, world->home_region);
    for (size_t i = 0; i < world->n_fleets; i++)
        ok = auth_add_region(auth, world->fleets[i].region) && ok;
    for (size_t i = 0; i < world->n_aliases; i++)
        ok = auth_add_region(auth, world->aliases[i].region) && ok;
    for (size_t i = 0; i < world->n_queues; i++)
        ok = auth_add_region(auth, world->queues[i].region) && ok;
    if (!ok)
        fail("the world has too many regions, or one with a name that is too long");
}

/* Thousands of clients at once need as many descriptors. */
static void raise_file_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int stop_signals(void) {
    sigset_t set;
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_CLOEXEC);
    if (fd < 0)
        fail("signalfd failed");
    return fd;
}

int main(int argc, char **argv) {
    static struct sim sim;
    static struct gamelift gl;
    struct options o = {.host = "127.0.0.1"};
    o.access_key = env_or("AWS_ACCESS_KEY_ID", EXAMPLE_ACCESS_KEY);
    o.secret_key = env_or("AWS_SECRET_ACCESS_KEY", EXAMPLE_SECRET_KEY);
    o.session_token = env_or("AWS_SESSION_TOKEN", "");
    read_options(argc, argv, &o);
    int stop_fd = stop_signals();
    raise_file_limit();

    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    struct gamelift_world *world = load_world(&o, a);
    sim_init(&sim);
    sim.verbose = o.verbose;
    add_regions(&sim.auth, world);
    if (!auth_add_key(&sim.auth, str_c(o.access_key), str_c(o.secret_key), str_c(o.session_token),
                      0))
        fail("--access-key or --secret-key is empty or too long");
    gamelift_init(&gl, &sim, world);
    struct sim_service services[] = {gamelift_control(&gl), control_service(),
                                     gamelift_service(&gl)};
    for (size_t i = 0; i < ARRAY_LEN(services); i++)
        sim_add(&sim, &services[i]);

    struct sim_http *http = NULL;
    struct err *err = sim_http_new(&sim, o.host, (uint16_t)o.port, a, &http);
    if (err != NULL)
        fail(err->msg.p);
    printf("listening on http://%s:%u\n", o.host, sim_http_port(http));
    fflush(stdout);
    sim_http_run(http, stop_fd);

    sim_http_free(http);
    gamelift_free(&gl);
    sim_free(&sim);
    arena_free(a);
    close(stop_fd);
    return 0;
}
