// SPDX-License-Identifier: Apache-2.0
/*
 * The service's AWS client as a program, so that it can be compared with an AWS SDK:
 *
 *   oracle_probe call OPERATION     one GameLift call; its input as JSON on stdin
 *   oracle_probe settings SERVICE   region and URL as the environment and the files have it
 *   oracle_probe endpoints          for each line "SERVICE REGION FIPS DUALSTACK [URL]" of stdin
 *
 * Region, endpoint and credentials come from the environment and the AWS files, as in the service.
 * Each answer is one line of JSON: {"output": {...}}, {"url": ...} or {"error": {...}}. With
 * ORACLE_GATEWAY=http://HOST:PORT every request goes there, the URL it was meant for in the header
 * X-Oracle-Url: so link-local addresses and AWS's own hosts can be watched without a network.
 */
#include "aws/client.h"
#include "aws/credentials_chain.h"
#include "aws/region.h"
#include "aws/sdk_settings.h"
#include "base/clock.h"
#include "base/obj.h"
#include "codec/json.h"
#include "generated/gamelift.h"
#include "http/curl.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_TEXT ((size_t)8 << 20) /* bytes of input and of output */
#define CALL_MS 60000              /* with all attempts and waits */
#define MAX_HEADERS 16

struct probe {
    struct arena *arena; /* of the settings */
    struct arena *call_arena;
    struct ctx ctx;
    struct loop *loop;
    struct http_client *http;
    struct aws_environment env;
    struct shared_config *files;
    struct aws_credentials_provider *credentials;
    struct aws_client *client;
    const struct aws_operation *op;
    bool failed;
};

/* ---- input and output ---- */

static struct str read_stdin(struct arena *a) {
    struct buf b;
    char block[65536];
    ssize_t n;
    buf_init(&b, MAX_TEXT);
    while ((n = read(STDIN_FILENO, block, sizeof block)) > 0)
        buf_put(&b, block, (size_t)n);
    struct str text = arena_str(a, buf_str(&b));
    buf_free(&b);
    return text;
}

static void put_member(struct buf *b, const char *name, struct str value) {
    if (b->p[b->n - 1] != '{')
        buf_putc(b, ',');
    buf_putjson(b, str_c(name));
    buf_putc(b, ':');
    if (value.p == NULL)
        buf_puts(b, "null");
    else
        buf_putjson(b, value);
}

static void print(struct buf *b) {
    buf_putc(b, '\n');
    AZ(b->failed);
    fwrite(b->p, 1, b->n, stdout);
    buf_free(b);
}

static void print_error(const struct err *err) {
    static const char *const origins[] = {"local", "transport", "upstream", "caller"};
    struct buf b;
    buf_init(&b, MAX_TEXT);
    buf_puts(&b, "{\"error\":{");
    put_member(&b, "origin", str_c(origins[err->origin]));
    put_member(&b, "code", str_c(rpc_code_name(err->code)));
    put_member(&b, "type", err->type);
    put_member(&b, "message", err->msg);
    put_member(&b, "detail", err->detail);
    put_member(&b, "request_id", err->request_id);
    buf_printf(&b, ",\"status\":%d,\"retryable\":%s}}", err->http_status,
               err->retryable ? "true" : "false");
    print(&b);
}

static void print_endpoint(const struct endpoint *endpoint) {
    struct buf b;
    buf_init(&b, MAX_TEXT);
    buf_putc(&b, '{');
    put_member(&b, "url", endpoint->url);
    put_member(&b, "region", endpoint->region);
    buf_putc(&b, '}');
    print(&b);
}

/* ---- the gateway ---- */

struct gateway {
    struct http_client base;
    struct http_client *real;
    struct str url;
};

static void start_at_gateway(struct http_client *base, struct ctx *ctx,
                             const struct http_request *req, http_done_fn *done, void *priv) {
    struct gateway *g = CONTAINER_OF(base, struct gateway, base);
    struct http_request moved = *req;
    struct http_header headers[MAX_HEADERS];
    struct str rest = str_from(req->url, str_find(req->url, ':') + 3);
    ASSERT(req->n_headers < MAX_HEADERS);
    for (size_t i = 0; i < req->n_headers; i++)
        headers[i] = req->headers[i];
    headers[req->n_headers] = (struct http_header){STR("X-Oracle-Url"), req->url};
    moved.headers = headers;
    moved.n_headers = req->n_headers + 1;
    moved.url = arena_printf(ctx->arena, STR_FMT STR_FMT, STR_ARG(g->url),
                             STR_ARG(str_from(rest, str_find(rest, '/'))));
    http_start(g->real, ctx, &moved, done, priv);
}

/* ---- settings ---- */

static struct err *find_endpoint(struct probe *p, struct str service,
                                 struct endpoint_settings *ret) {
    aws_environment_load(p->arena, &p->env);
    struct err *err = shared_config_load(p->arena, &p->env, &p->files);
    if (err != NULL)
        return err;
    struct str region = aws_region_find(&p->env, p->files);
    if (str_empty(region))
        return ERR_INVALID(p->arena, "no region is configured");
    return aws_endpoint_settings(p->arena, &p->env, p->files, service, region, ret);
}

static struct err *show_settings(struct probe *p, struct str service) {
    struct endpoint_settings settings;
    struct endpoint endpoint;
    struct err *err = find_endpoint(p, service, &settings);
    if (err == NULL)
        err = endpoint_resolve(p->arena, &settings, &endpoint);
    if (err == NULL)
        print_endpoint(&endpoint);
    return err;
}

static struct str next_word(struct str *line) {
    size_t end = str_find(*line, ' ');
    struct str word = str_sub(*line, 0, end);
    *line = str_from(*line, end + 1);
    return word;
}

static void show_endpoints(struct probe *p) {
    struct str text = read_stdin(p->arena);
    while (!str_empty(text)) {
        size_t end = str_find(text, '\n');
        struct str line = str_sub(text, 0, end);
        struct endpoint_settings settings = {.service = next_word(&line)};
        struct endpoint endpoint;
        struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
        settings.region = next_word(&line);
        settings.use_fips = str_eq(next_word(&line), STR("true"));
        settings.use_dualstack = str_eq(next_word(&line), STR("true"));
        settings.service_url = next_word(&line);
        struct err *err = endpoint_resolve(a, &settings, &endpoint);
        if (err == NULL)
            print_endpoint(&endpoint);
        else
            print_error(err);
        arena_free(a);
        text = str_from(text, end + 1);
    }
}

/* ---- a call ---- */

static void on_answer(void *priv, const void *out, const struct err *err) {
    struct probe *p = priv;
    struct buf b;
    if (err == NULL) {
        buf_init(&b, MAX_TEXT);
        buf_puts(&b, "{\"output\":");
        err = json_encode(&b, p->op->output, out, p->call_arena);
        buf_putc(&b, '}');
        if (err == NULL)
            print(&b);
        else
            buf_free(&b);
    }
    if (err != NULL)
        print_error(err);
    p->failed = err != NULL;
    loop_stop(p->loop);
}

#define OPERATION(name)                                                                            \
    static void on_##name(void *priv, const struct gl_##name##_output *out,                        \
                          const struct err *err) {                                                 \
        on_answer(priv, out, err);                                                                 \
    }                                                                                              \
    static void start_##name(struct probe *p, const void *in) {                                    \
        gl_##name(p->client, &p->ctx, in, on_##name, p);                                           \
    }
OPERATION(create_game_session)
OPERATION(describe_game_session_placement)
OPERATION(describe_game_sessions)
OPERATION(start_game_session_placement)
OPERATION(stop_game_session_placement)
OPERATION(terminate_game_session)

#define ROW(name)                                                                                  \
    { &gl_##name##_operation, start_##name }
static const struct {
    const struct aws_operation *op;
    void (*start)(struct probe *p, const void *in);
} operations[] = {
    ROW(create_game_session),         ROW(describe_game_session_placement),
    ROW(describe_game_sessions),      ROW(start_game_session_placement),
    ROW(stop_game_session_placement), ROW(terminate_game_session),
};

static struct err *make_client(struct probe *p, struct http_client *http) {
    struct endpoint_settings settings;
    struct err *err = find_endpoint(p, STR("gamelift"), &settings);
    if (err != NULL)
        return err;
    struct aws_user_agent agent = {.product = STR("oracle-probe/1")};
    const struct aws_credentials_chain_options chain = {
        .loop = p->loop,
        .http = http,
        .env = &p->env,
        .config = p->files,
        .user_agent = agent.product,
        .features = &agent.credentials,
    };
    err = aws_credentials_chain_new(p->arena, &chain, &p->credentials);
    if (err != NULL)
        return err;
    const struct aws_client_options options = {
        .loop = p->loop,
        .http = http,
        .credentials = p->credentials,
        .endpoint = settings,
        .user_agent = aws_user_agent(p->arena, &agent),
    };
    return aws_client_new(&options, p->arena, &p->client);
}

static struct err *call(struct probe *p, struct str operation) {
    struct gateway gateway = {.base = {.start = start_at_gateway}};
    const struct http_curl_options http = {.timeout_ms = 5000};
    gateway.url = str_c(getenv("ORACLE_GATEWAY"));
    p->loop = loop_new();
    p->http = gateway.real = http_curl_new(p->loop, &http);
    struct err *err = make_client(p, gateway.url.p == NULL ? p->http : &gateway.base);
    if (err != NULL)
        return err;
    for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
        if (!str_eq(operations[i].op->name, operation))
            continue;
        p->op = operations[i].op;
        void *in = arena_alloc(p->call_arena, p->op->input->size);
        err = json_decode(read_stdin(p->arena), p->op->input, in, p->call_arena);
        if (err != NULL)
            return err;
        ctx_init(&p->ctx, p->call_arena, NULL, clock_mono_ms() + CALL_MS);
        operations[i].start(p, in);
        loop_run(p->loop);
        return NULL;
    }
    return ERR_INVALID(p->arena, "there is no such operation");
}

int main(int argc, char **argv) {
    struct probe p = {
        .arena = arena_new(ARENA_LIMIT_DEFAULT),
        .call_arena = arena_new(ARENA_LIMIT_DEFAULT),
    };
    struct err *err = NULL;
    log_start(LOG_LEVEL_OFF, STDOUT_FILENO);
    if (argc == 3 && strcmp(argv[1], "call") == 0) {
        err = call(&p, str_c(argv[2]));
    } else if (argc == 3 && strcmp(argv[1], "settings") == 0) {
        err = show_settings(&p, str_c(argv[2]));
    } else if (argc == 2 && strcmp(argv[1], "endpoints") == 0) {
        show_endpoints(&p);
    } else {
        fputs("oracle_probe call OPERATION | settings SERVICE | endpoints\n", stderr);
        return 2;
    }
    if (err != NULL)
        print_error(err);
    aws_client_free(p.client);
    http_curl_free(p.http);
    aws_credentials_provider_free(p.credentials);
    loop_free(p.loop);
    shared_config_free(p.files);
    aws_environment_clear(&p.env);
    arena_free(p.call_arena);
    arena_free(p.arena);
    log_stop(1000);
    return err != NULL || p.failed ? 1 : 0;
}
