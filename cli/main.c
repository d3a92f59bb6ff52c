// SPDX-License-Identifier: Apache-2.0
/* A command line client for the Session DSM contract, on the generated client stubs. */
#include "message_json.h"

#include "base/obj.h"
#include "generated/health_client.h"
#include "generated/session_dsm_client.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define INPUT_MAX ((size_t)8 << 20) /* bytes of JSON */

struct session {
    struct arena *arena;
    struct rpc_client *client;
    int64_t timeout_ms;
};

static const char usage[] =
    "Usage: session-dsm-client [options] COMMAND [JSON]\n"
    "\n"
    "Calls a Session DSM over gRPC. JSON is the request in the proto's field names; \"-\" or\n"
    "nothing reads it from standard input. The response is printed as JSON.\n"
    "\n"
    "Commands:\n"
    "  create         CreateGameSession: a server now\n"
    "  create-async   CreateGameSessionAsync: a server later, through a queue\n"
    "  terminate      TerminateGameSession: give the server back\n"
    "  health         grpc.health.v1 Check; JSON may hold {\"service\": \"...\"}\n"
    "\n"
    "Options:\n"
    "  -t, --target HOST:PORT   where the service listens (default 127.0.0.1:6565)\n"
    "  -T, --timeout SECONDS    deadline of the call, 1 to 3600 (default 30)\n"
    "  -H, --header KEY:VALUE   metadata to send, such as authorization; may be repeated\n"
    "  -h, --help               this text\n"
    "\n"
    "Example:\n"
    "  session-dsm-client create '{\"session_id\": \"s-1\", \"namespace\": \"demo\",\n"
    "    \"deployment\": \"alias-demo\", \"requested_region\": [\"us-west-2\", \"us-east-1\"],\n"
    "    \"maximum_player\": 4}'\n"
    "\n"
    "Exit status: 0 the call succeeded, 1 the server answered an error, 2 wrong usage.\n";

/* ---- one function for each command ---- */

static struct err *create(struct session *s, struct str json, const ProtobufCMessage **ret) {
    struct dsm_request_create_game_session req = DSM_REQUEST_CREATE_GAME_SESSION_INIT;
    const struct dsm_response_create_game_session *resp = NULL;
    struct err *err = message_from_json(s->arena, json, &req.base);
    if (err == NULL)
        err = dsm_session_dsm_create_game_session(s->client, s->arena, &req, s->timeout_ms, &resp);
    if (err == NULL)
        *ret = &resp->base;
    return err;
}

static struct err *create_async(struct session *s, struct str json, const ProtobufCMessage **ret) {
    struct dsm_request_create_game_session req = DSM_REQUEST_CREATE_GAME_SESSION_INIT;
    const struct dsm_response_create_game_session_async *resp = NULL;
    struct err *err = message_from_json(s->arena, json, &req.base);
    if (err == NULL)
        err = dsm_session_dsm_create_game_session_async(s->client, s->arena, &req, s->timeout_ms,
                                                        &resp);
    if (err == NULL)
        *ret = &resp->base;
    return err;
}

static struct err *terminate(struct session *s, struct str json, const ProtobufCMessage **ret) {
    struct dsm_request_terminate_game_session req = DSM_REQUEST_TERMINATE_GAME_SESSION_INIT;
    const struct dsm_response_terminate_game_session *resp = NULL;
    struct err *err = message_from_json(s->arena, json, &req.base);
    if (err == NULL)
        err =
            dsm_session_dsm_terminate_game_session(s->client, s->arena, &req, s->timeout_ms, &resp);
    if (err == NULL)
        *ret = &resp->base;
    return err;
}

static struct err *health(struct session *s, struct str json, const ProtobufCMessage **ret) {
    struct health_health_check_request req = HEALTH_HEALTH_CHECK_REQUEST_INIT;
    const struct health_health_check_response *resp = NULL;
    struct err *err =
        str_empty(str_trim(json)) ? NULL : message_from_json(s->arena, json, &req.base);
    if (err == NULL)
        err = health_health_check(s->client, s->arena, &req, s->timeout_ms, &resp);
    if (err == NULL)
        *ret = &resp->base;
    return err;
}

static const struct command {
    const char *name;
    bool input; /* reads standard input when no JSON is given */
    struct err *(*run)(struct session *s, struct str json, const ProtobufCMessage **ret);
} commands[] = {
    {"create", true, create},
    {"create-async", true, create_async},
    {"terminate", true, terminate},
    {"health", false, health},
};

/* ---- command line ---- */

static struct str read_input(struct arena *a) {
    struct buf b;
    char block[65536];
    size_t n;
    buf_init(&b, INPUT_MAX);
    while ((n = fread(block, 1, sizeof block, stdin)) > 0)
        buf_put(&b, block, n);
    struct str text = b.failed ? STR_NULL : arena_str(a, buf_str(&b));
    buf_free(&b);
    return text;
}

static struct err *run(struct session *s, const struct command *command, const char *json) {
    const ProtobufCMessage *resp = NULL;
    struct buf out;
    struct str text = str_c(json == NULL ? "" : json);
    if (json != NULL ? str_eq(text, STR("-")) : command->input)
        text = read_input(s->arena);
    if (text.p == NULL)
        return ERR_INVALID(s->arena, "the input is larger than %zu bytes", INPUT_MAX);
    struct err *err = command->run(s, text, &resp);
    if (err != NULL)
        return err;
    buf_init(&out, INPUT_MAX);
    message_to_json(&out, resp);
    fwrite(out.p, 1, out.n, stdout);
    buf_free(&out);
    return NULL;
}

static struct err *add_header(struct session *s, const char *argument) {
    struct str header = str_c(argument);
    size_t colon = str_find(header, ':');
    if (colon == header.n)
        return ERR_INVALID(s->arena, "--header takes KEY:VALUE");
    return rpc_client_metadata(s->client, s->arena,
                               arena_cstr(s->arena, str_trim(str_sub(header, 0, colon))),
                               str_trim(str_from(header, colon + 1)));
}

static int wrong_usage(const char *why) {
    fprintf(stderr, "session-dsm-client: %s; see --help\n", why);
    return 2;
}

int main(int argc, char **argv) {
    static const struct option options[] = {
        {"target", required_argument, NULL, 't'},
        {"timeout", required_argument, NULL, 'T'},
        {"header", required_argument, NULL, 'H'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *target = "127.0.0.1:6565";
    const char *headers[16];
    size_t n_headers = 0;
    int64_t seconds = 30;
    const struct command *command = NULL;
    int option;
    while ((option = getopt_long(argc, argv, "t:T:H:h", options, NULL)) != -1) {
        switch (option) {
        case 't':
            target = optarg;
            break;
        case 'T':
            if (!str_to_int64(str_c(optarg), &seconds) || seconds < 1 || seconds > 3600)
                return wrong_usage("--timeout takes 1 to 3600 seconds");
            break;
        case 'H':
            if (n_headers == ARRAY_LEN(headers))
                return wrong_usage("too many --header options");
            headers[n_headers++] = optarg;
            break;
        case 'h':
            fputs(usage, stdout);
            return 0;
        default:
            return 2;
        }
    }
    for (size_t i = 0; optind < argc && i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].name, argv[optind]) == 0)
            command = &commands[i];
    if (command == NULL || argc - optind > 2)
        return wrong_usage("name one command: create, create-async, terminate or health");

    struct session s = {
        .arena = arena_new(INPUT_MAX),
        .client = rpc_client_new(target),
        .timeout_ms = seconds * 1000,
    };
    struct err *err = NULL;
    for (size_t i = 0; err == NULL && i < n_headers; i++)
        err = add_header(&s, headers[i]);
    if (err == NULL)
        err = run(&s, command, optind + 1 < argc ? argv[optind + 1] : NULL);
    if (err != NULL)
        fprintf(stderr, "%s: " STR_FMT "\n", rpc_code_name(err->code), STR_ARG(err->msg));
    rpc_client_free(s.client);
    arena_free(s.arena);
    return err == NULL ? 0 : 1;
}
