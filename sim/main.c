// SPDX-License-Identifier: Apache-2.0
/* gamelift-sim: options, the world, the server, until SIGTERM or SIGINT. */
#include "base/descriptors.h"
#include "base/obj.h"
#include "sim/ags.h"
#include "sim/console.h"
#include "sim/control.h"
#include "sim/gamelift_service.h"
#include "sim/http.h"
#include "sim/metadata.h"
#include "sim/sqs.h"
#include "sim/sts.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define MAX_WORLD_FILE ((size_t)4 << 20) /* bytes */

/* The example pair of AWS's own documentation: no account has it. */
#define EXAMPLE_ACCESS_KEY "AKIDEXAMPLE"
#define EXAMPLE_SECRET_KEY "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

static const char usage[] =
    "gamelift-sim: a local stand-in for Amazon GameLift, for the AWS endpoints that give out\n"
    "credentials and for AGS, all on one port, for tests and demonstrations.\n"
    "\n"
    "  --host ADDRESS        IPv4 address to listen on (127.0.0.1)\n"
    "  --port PORT           0 takes a free one (0); line 1 of the output names it\n"
    "  --world FILE          fleets, aliases and queues as JSON (a small example)\n"
    "  --access-key ID       who may call (AWS_ACCESS_KEY_ID, else " EXAMPLE_ACCESS_KEY ")\n"
    "  --secret-key KEY      (AWS_SECRET_ACCESS_KEY, else the example of AWS's documentation)\n"
    "  --session-token TOKEN (AWS_SESSION_TOKEN, else none)\n"
    "  --ab-client-id ID     AGS's OAuth client (AB_CLIENT_ID, else sim-client)\n"
    "  --ab-client-secret S  (AB_CLIENT_SECRET, else sim-secret)\n"
    "  --ab-namespace NS     the client's namespace (AB_NAMESPACE, else studio-game);\n"
    "                        * gives it rights in all of them\n"
    "  --ab-token-seconds N  how long AGS's tokens live (3600)\n"
    "  --web-identity T      the web identity token that STS takes (sim-web-identity)\n"
    "  --container-token T   Authorization of /v1/credentials (sim-container-token)\n"
    "  --verbose             print every exchange\n"
    "  --print-world         print the example world and end\n"
    "  --help\n"
    "\n"
    "A page for people is at / of that port. Tests steer it under /_sim/ on the same port; "
    "sim/control.h lists the paths.\n";

struct options {
    const char *host;
    const char *port_text;
    int64_t port;
    const char *world;
    const char *access_key;
    const char *secret_key;
    const char *session_token;
    const char *ab_client_id;
    const char *ab_client_secret;
    const char *ab_namespace;
    const char *ab_token_seconds_text;
    int64_t ab_token_seconds;
    const char *web_identity;
    const char *container_token;
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

static void read_numbers(struct options *o) {
    if (!str_to_int64(str_c(o->port_text), &o->port) || o->port < 0 || o->port > 65535)
        fail("--port must be between 0 and 65535");
    if (!str_to_int64(str_c(o->ab_token_seconds_text), &o->ab_token_seconds) ||
        o->ab_token_seconds < 1 || o->ab_token_seconds > INT32_MAX)
        fail("--ab-token-seconds must be between 1 and 2147483647");
}

static void read_options(int argc, char **argv, struct options *o) {
    /* The order is that of `texts`; what follows takes no value. */
    static const struct option known[] = {
        {"host", required_argument, NULL, 0},
        {"port", required_argument, NULL, 0},
        {"world", required_argument, NULL, 0},
        {"access-key", required_argument, NULL, 0},
        {"secret-key", required_argument, NULL, 0},
        {"session-token", required_argument, NULL, 0},
        {"ab-client-id", required_argument, NULL, 0},
        {"ab-client-secret", required_argument, NULL, 0},
        {"ab-namespace", required_argument, NULL, 0},
        {"ab-token-seconds", required_argument, NULL, 0},
        {"web-identity", required_argument, NULL, 0},
        {"container-token", required_argument, NULL, 0},
        {"verbose", no_argument, NULL, 'v'},
        {"print-world", no_argument, NULL, 'P'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char **const texts[] = {
        &o->host,         &o->port_text,
        &o->world,        &o->access_key,
        &o->secret_key,   &o->session_token,
        &o->ab_client_id, &o->ab_client_secret,
        &o->ab_namespace, &o->ab_token_seconds_text,
        &o->web_identity, &o->container_token,
    };
    int index = 0;
    int c;
    while ((c = getopt_long(argc, argv, "h", known, &index)) != -1) {
        switch (c) {
        case 0:
            *texts[index] = optarg;
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
    read_numbers(o);
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

static struct options default_options(void) {
    return (struct options){
        .host = "127.0.0.1",
        .port_text = "0",
        .access_key = env_or("AWS_ACCESS_KEY_ID", EXAMPLE_ACCESS_KEY),
        .secret_key = env_or("AWS_SECRET_ACCESS_KEY", EXAMPLE_SECRET_KEY),
        .session_token = env_or("AWS_SESSION_TOKEN", ""),
        .ab_client_id = env_or("AB_CLIENT_ID", "sim-client"),
        .ab_client_secret = env_or("AB_CLIENT_SECRET", "sim-secret"),
        .ab_namespace = env_or("AB_NAMESPACE", "studio-game"),
        .ab_token_seconds_text = "3600",
        .web_identity = "sim-web-identity",
        .container_token = "sim-container-token",
    };
}

/* Everything that answers requests; the structs are large. */
static struct sim sim;
static struct gamelift gl;
static struct ags ags;
static struct sts sts;
static struct sim_sqs sqs;

static void start_services(const struct options *o, struct gamelift_world *world) {
    const struct ags_options ags_options = {
        .client_id = str_c(o->ab_client_id),
        .client_secret = str_c(o->ab_client_secret),
        .ns = str_c(o->ab_namespace),
        .token_lifetime_s = o->ab_token_seconds,
    };
    const struct sts_settings sts_settings = {
        .web_identity_token = str_c(o->web_identity),
        .container_token = str_c(o->container_token),
        .instance_role = STR("sim-instance-role"),
        .instance_region = world->home_region,
    };
    sim_init(&sim);
    sim.verbose = o->verbose;
    add_regions(&sim.auth, world);
    if (!auth_add_key(&sim.auth, str_c(o->access_key), str_c(o->secret_key),
                      str_c(o->session_token), 0))
        fail("--access-key or --secret-key is empty or too long");
    gamelift_init(&gl, &sim, world);
    ags_init(&ags, &sim, &ags_options);
    sts_init(&sts, &sim, &sts_settings);
    sim_sqs_init(&sqs, &sim, &gl);
    const struct sim_service services[] = {
        sim_console(&sqs),      gamelift_control(&gl), ags_control(&ags),     sts_control(&sts),
        sim_sqs_control(&sqs),  control_service(),     ags_service(&ags),     sts_service(&sts),
        metadata_service(&sts), sim_sqs_service(&sqs), gamelift_service(&gl),
    };
    for (size_t i = 0; i < ARRAY_LEN(services); i++)
        sim_add(&sim, &services[i]);
}

int main(int argc, char **argv) {
    struct options o = default_options();
    read_options(argc, argv, &o);
    int stop_fd = stop_signals();
    descriptors_raise_limit();

    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    start_services(&o, load_world(&o, a));

    struct sim_http *http = NULL;
    struct err *err = sim_http_new(&sim, o.host, (uint16_t)o.port, a, &http);
    if (err != NULL)
        fail(err->msg.p);
    printf("listening on http://%s:%u\n", o.host, sim_http_port(http));
    fflush(stdout);
    sim_http_run(http, stop_fd);

    sim_http_free(http);
    sim_sqs_free(&sqs);
    gamelift_free(&gl);
    ags_free(&ags);
    sts_free(&sts);
    sim_free(&sim);
    arena_free(a);
    close(stop_fd);
    return 0;
}
