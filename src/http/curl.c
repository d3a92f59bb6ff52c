// SPDX-License-Identifier: Apache-2.0
#include "http/curl.h"

#include "base/buf.h"
#include "base/obj.h"
#include "http/curl_internal.h"

#include <stdio.h>
#include <stdlib.h>

#define DEFAULT_CONNECT_MS 3000
#define DEFAULT_TOTAL_MS 10000
#define DEFAULT_MAX_RESPONSE ((size_t)4 << 20)
#define DEFAULT_MAX_CONNECTIONS 10000
#define DEFAULT_KEEP_UNUSED_MS 60000
#define DEFAULT_MAX_AGE_S 600
#define MAX_HEADERS 64
#define USUAL_HEADERS 12 /* of an answer */
#define MAX_HEADER_BYTES 32768
#define EXPECT_ABOVE ((size_t)1 << 19) /* curl asks for 100-continue above twice as much */

struct transfer {
    unsigned magic;
#define TRANSFER_MAGIC 0x9d20cf37U
    struct curl_client *client;
    struct ctx *ctx;
    struct ctx_hook hook;
    struct list node; /* in client->transfers */
    http_done_fn *done;
    void *priv;
    struct curl_easy_slot *slot; /* NULL once it has ended */
    struct loop_timer refusal;   /* reports an error found inside http_start, once that returned */
    struct err *refused;
    struct http_response resp;
    struct http_header *resp_headers;
    size_t max_headers; /* that there is room for */
    size_t header_bytes;
    bool head_complete; /* the empty line behind the headers came */
    struct buf body;
    bool too_big;
};

static struct transfer *transfer_of(void *priv) {
    struct transfer *t = ((struct curl_easy_slot *)priv)->transfer;
    OBJ_CHECK(t, TRANSFER_MAGIC);
    return t;
}

/* ---- what arrives ---- */

size_t curl_on_body(char *p, size_t size, size_t n, void *priv) {
    struct transfer *t = transfer_of(priv);
    buf_put(&t->body, p, size * n);
    t->too_big = t->body.failed;
    return t->too_big ? 0 : size * n;
}

/* A copy of "name: value", each of them ended with a NUL. */
static struct http_header split_header(struct arena *a, struct str line, size_t colon) {
    char *copy = arena_alloc(a, line.n + 1);
    memcpy(copy, line.p, line.n);
    copy[colon] = '\0';
    struct http_header header = {
        .name = str_n(copy, colon),
        .value = str_trim(str_n(copy + colon + 1, line.n - colon - 1)),
    };
    copy[(size_t)(header.value.p - copy) + header.value.n] = '\0';
    return header;
}

static void make_room_for_headers(struct transfer *t) {
    size_t n = t->max_headers == 0 ? USUAL_HEADERS : MAX_HEADERS;
    struct http_header *headers = arena_array(t->ctx->arena, n, sizeof *headers);
    if (t->max_headers > 0)
        memcpy(headers, t->resp_headers, t->max_headers * sizeof *headers);
    t->resp_headers = headers;
    t->max_headers = n;
}

size_t curl_on_header(char *p, size_t size, size_t n, void *priv) {
    struct transfer *t = transfer_of(priv);
    struct str line = str_n(p, size * n);
    if (str_starts(line, STR("HTTP/"))) { /* a new response; what came before was a 1xx */
        t->resp.n_headers = 0;
        t->head_complete = false;
        return line.n;
    }
    if (str_empty(str_trim(line)))
        t->head_complete = true;
    size_t colon = str_find(line, ':');
    t->header_bytes += line.n;
    if (colon == line.n)
        return line.n;
    if (t->resp.n_headers == MAX_HEADERS || t->header_bytes > MAX_HEADER_BYTES) {
        t->too_big = true;
        return 0;
    }
    if (t->resp.n_headers == t->max_headers)
        make_room_for_headers(t);
    t->resp_headers[t->resp.n_headers++] = split_header(t->ctx->arena, line, colon);
    return line.n;
}

/* ---- how it ends ---- */

/* Gives back what the transfer holds; the body stays until the arena goes. */
static void detach(struct transfer *t) {
    struct curl_easy_slot *slot = t->slot;
    ctx_hook_remove(&t->hook);
    list_remove(&t->node);
    loop_timer_stop(&t->refusal);
    if (slot == NULL)
        return;
    curl_shard_stop(slot);
    curl_easy_give(t->client, slot);
    t->slot = NULL;
}

/* The last thing done with a transfer: its owner may free the arena it lives in. */
static void report(struct transfer *t, const struct http_response *resp, const struct err *err) {
    http_done_fn *done = t->done;
    void *priv = t->priv;
    detach(t);
    done(priv, resp, err);
}

static void on_cancel(struct ctx_hook *hook, const struct err *reason) {
    report(CONTAINER_OF(hook, struct transfer, hook), NULL, reason);
}

/* The arena goes while the transfer runs: nobody is left to tell. */
static void on_arena_free(void *arg) {
    struct transfer *t = OBJ_CAST(arg, transfer, TRANSFER_MAGIC);
    detach(t);
    buf_free(&t->body);
}

static struct err *transport_err(struct transfer *t, CURLcode result) {
    struct arena *a = t->ctx->arena;
    struct err *err;
    switch (result) {
    case CURLE_OPERATION_TIMEDOUT:
        err = err_new(a, RPC_UNAVAILABLE, "no answer in time");
        err->retryable = true;
        break;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        err = err_new(a, RPC_UNAVAILABLE, "the host name could not be resolved");
        err->retryable = true;
        break;
    case CURLE_COULDNT_CONNECT:
        err = err_new(a, RPC_UNAVAILABLE, "the connection was refused or could not be made");
        err->retryable = true;
        break;
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
        err = err_new(a, RPC_UNAVAILABLE, "the connection broke before the answer was complete");
        err->retryable = true;
        break;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
        err = err_new(a, RPC_INTERNAL, "the server's TLS certificate could not be verified");
        break;
    case CURLE_SSL_CONNECT_ERROR:
        err = err_new(a, RPC_UNAVAILABLE, "the TLS handshake failed");
        err->retryable = true;
        break;
    default:
        err = err_new(a, RPC_UNAVAILABLE, "the exchange failed (%s)", curl_easy_strerror(result));
        err->retryable = true;
    }
    err->detail = arena_str(a, str_c(t->slot->why));
    return err;
}

static struct err *failure(struct transfer *t, CURLcode result) {
    struct arena *a = t->ctx->arena;
    enum err_origin origin = ERR_TRANSPORT;
    struct err *err;
    long sent = 0; /* bytes of the request */
    if (t->too_big && t->body.failed) {
        err = err_new(a, RPC_INTERNAL, "the answer is larger than %zu bytes", t->body.max);
    } else if (t->too_big) {
        err = err_new(a, RPC_INTERNAL, "the answer has too many or too long headers");
    } else if (result == CURLE_OPERATION_TIMEDOUT && ctx_remaining_ms(t->ctx) == 0) {
        err = err_new(a, RPC_DEADLINE_EXCEEDED, "no answer before the deadline");
        origin = ERR_CALLER;
    } else {
        err = transport_err(t, result);
    }
    curl_easy_getinfo(t->slot->easy, CURLINFO_REQUEST_SIZE, &sent);
    err->origin = origin;
    err->may_have_acted = sent > 0;
    return err;
}

static void finish(struct transfer *t, CURLcode result) {
    long status = 0;
    curl_easy_getinfo(t->slot->easy, CURLINFO_RESPONSE_CODE, &status);
    /* curl is content with an answer that breaks off among its headers, or after a 1xx. */
    if (result == CURLE_OK && (!t->head_complete || status < 200))
        result = CURLE_RECV_ERROR;
    if (result != CURLE_OK) {
        struct err *err = failure(t, result);
        report(t, NULL, err);
        return;
    }
    t->resp.status = (int)status;
    t->resp.headers = t->resp_headers;
    t->resp.body = buf_str(&t->body);
    report(t, &t->resp, NULL);
}

void curl_finish_transfers(struct curl_shard *shard) {
    CURLMsg *msg;
    int left;
    while ((msg = curl_multi_info_read(shard->multi, &left)) != NULL) {
        char *priv = NULL;
        if (msg->msg != CURLMSG_DONE)
            continue;
        CURLcode result = msg->data.result;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &priv);
        finish(transfer_of(priv), result);
    }
}

/* ---- how it starts ---- */

/* A line break would begin another header, a NUL would end the value early. */
static bool fits_header(struct str s) {
    return str_find(s, '\r') == s.n && str_find(s, '\n') == s.n && str_find(s, '\0') == s.n;
}

/* curl's list, in the arena: the one struct of curl that is made in the open. */
struct header_list {
    struct curl_slist *first;
    struct curl_slist **end;
};

static void add_line(struct arena *a, struct header_list *list, struct str name, struct str mark,
                     struct str value) {
    struct curl_slist *line = ARENA_NEW(a, struct curl_slist);
    line->data = (char *)(uintptr_t)ARENA_JOIN(a, name, mark, value).p;
    *list->end = line;
    list->end = &line->next;
}

/* curl leaves a header without a value out unless it is written as "Name;". */
static void add_header(struct arena *a, struct header_list *list, const struct http_header *h) {
    if (str_empty(str_trim(h->value)))
        add_line(a, list, h->name, STR(";"), STR(""));
    else
        add_line(a, list, h->name, STR(": "), h->value);
}

static long timeout_of(struct transfer *t, const struct http_request *req) {
    int64_t ms = req->timeout_ms > 0 ? req->timeout_ms : t->client->options.timeout_ms;
    int64_t left = ctx_remaining_ms(t->ctx);
    if (left < ms)
        ms = left;
    return ms < 1 ? 1 : (long)ms;
}

static void set_method_and_body(struct transfer *t, const struct http_request *req) {
    struct curl_easy_slot *slot = t->slot;
    CURL *easy = slot->easy;
    bool posts = req->body.p != NULL;
    bool custom = !str_eq(req->method, posts ? STR("POST") : STR("GET"));
    if (posts) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body.n);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, req->body.p);
    } else if (slot->posts) {
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    }
    if (custom || slot->custom)
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST,
                         custom ? arena_cstr(t->ctx->arena, req->method) : NULL);
    slot->posts = posts;
    slot->custom = custom;
}

/* "Name:" takes out what curl would add by itself. */
static void drop_header(struct transfer *t, const struct http_request *req,
                        struct header_list *list, struct str name) {
    for (size_t i = 0; i < req->n_headers; i++)
        if (str_eq_nocase(req->headers[i].name, name))
            return;
    add_line(t->ctx->arena, list, name, STR(":"), STR(""));
}

static struct err *set_headers(struct transfer *t, const struct http_request *req,
                               struct curl_slist **ret) {
    struct arena *a = t->ctx->arena;
    struct header_list list = {.end = &list.first};
    for (size_t i = 0; i < req->n_headers; i++) {
        if (!fits_header(req->headers[i].name))
            return err_new(a, RPC_INTERNAL, "a header's name holds a line break");
        if (!fits_header(req->headers[i].value))
            return err_new(a, RPC_INTERNAL, "header " STR_FMT " holds a line break or a NUL",
                           STR_ARG(req->headers[i].name));
        add_header(a, &list, &req->headers[i]);
    }
    drop_header(t, req, &list, STR("Accept"));
    if (req->body.p != NULL)
        drop_header(t, req, &list, STR("Content-Type"));
    if (req->body.n > EXPECT_ABOVE)
        drop_header(t, req, &list, STR("Expect"));
    *ret = list.first;
    return NULL;
}

static void set_url(struct transfer *t, struct str url) {
    struct curl_easy_slot *slot = t->slot;
    if (slot->url != NULL && str_eq(str_c(slot->url), url))
        return;
    free(slot->url);
    slot->url = strndup(url.p, url.n);
    AN(slot->url);
    curl_easy_setopt(slot->easy, CURLOPT_URL, slot->url);
}

static struct err *set_up(struct transfer *t, const struct http_request *req) {
    const struct curl_client *client = t->client;
    struct curl_slist *headers = NULL;
    struct err *err = ctx_check(t->ctx);
    if (err == NULL)
        err = set_headers(t, req, &headers);
    if (err != NULL)
        return err;
    struct curl_easy_slot *slot = t->slot = curl_easy_take(t->client);
    slot->transfer = t;
    CURL *easy = slot->easy;
    int64_t connect_timeout_ms =
        req->connect_timeout_ms > 0 ? req->connect_timeout_ms : client->options.connect_timeout_ms;
    set_url(t, req->url);
    set_method_and_body(t, req);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_of(t, req));
    if (connect_timeout_ms != slot->connect_timeout_ms)
        curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_timeout_ms);
    slot->connect_timeout_ms = connect_timeout_ms;
    bool proxied = client->proxies && !req->no_proxy;
    if (proxied != slot->proxied) {
        curl_easy_setopt(easy, CURLOPT_PROXY, proxied ? NULL : "");
        curl_easy_setopt(easy, CURLOPT_NOPROXY, proxied ? NULL : "");
    }
    slot->proxied = proxied;
    return NULL;
}

static void on_refused(struct loop_timer *timer) {
    struct transfer *t = CONTAINER_OF(timer, struct transfer, refusal);
    report(t, NULL, t->refused);
}

static void start(struct http_client *base, struct ctx *ctx, const struct http_request *req,
                  http_done_fn *done, void *priv) {
    struct curl_client *client = CONTAINER_OF(base, struct curl_client, base);
    OBJ_CHECK(client, CURL_CLIENT_MAGIC);
    struct transfer *t = OBJ_NEW(ctx->arena, transfer, TRANSFER_MAGIC);
    t->client = client;
    t->ctx = ctx;
    t->done = done;
    t->priv = priv;
    buf_init(&t->body, req->max_response > 0 ? req->max_response : client->options.max_response);
    list_init(&t->hook.node);
    list_init(&t->node);
    arena_defer(ctx->arena, on_arena_free, t);
    t->refused = set_up(t, req);
    if (t->refused != NULL) {
        loop_timer_start(client->loop, &t->refusal, 0, on_refused);
        return;
    }
    ctx_hook_add(ctx, &t->hook, on_cancel);
    list_append(&client->transfers, &t->node);
    curl_shard_start(client, t->slot);
}

/* ---- the client ---- */

/* The variables by which curl takes a proxy from the environment. */
static bool environment_has_proxy(void) {
    static const char *const names[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                        "ALL_PROXY"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (getenv(names[i]) != NULL)
            return true;
    return false;
}

struct http_client *http_curl_new(struct loop *loop, const struct http_curl_options *options) {
    struct curl_client *client = calloc(1, sizeof *client);
    AN(client);
    AZ(curl_global_init(CURL_GLOBAL_DEFAULT));
    client->magic = CURL_CLIENT_MAGIC;
    client->base.start = start;
    client->loop = loop;
    client->options = *options;
    client->proxies = environment_has_proxy();
    client->trust = curl_trust_new(options->ca_bundle);
    client->options.ca_bundle = STR_NULL;
    if (client->options.connect_timeout_ms == 0)
        client->options.connect_timeout_ms = DEFAULT_CONNECT_MS;
    if (client->options.timeout_ms == 0)
        client->options.timeout_ms = DEFAULT_TOTAL_MS;
    if (client->options.max_response == 0)
        client->options.max_response = DEFAULT_MAX_RESPONSE;
    if (client->options.max_connections == 0)
        client->options.max_connections = DEFAULT_MAX_CONNECTIONS;
    if (client->options.keep_unused_ms == 0)
        client->options.keep_unused_ms = DEFAULT_KEEP_UNUSED_MS;
    if (client->options.max_age_s == 0)
        client->options.max_age_s = DEFAULT_MAX_AGE_S;
    list_init(&client->transfers);
    client->share = curl_share_init();
    AN(client->share);
    curl_share_setopt(client->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
    curl_share_setopt(client->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    curl_shards_init(client);
    return &client->base;
}

void http_curl_free(struct http_client *base) {
    if (base == NULL)
        return;
    struct curl_client *client = CONTAINER_OF(base, struct curl_client, base);
    OBJ_CHECK(client, CURL_CLIENT_MAGIC);
    while (!list_empty(&client->transfers))
        detach(CONTAINER_OF(client->transfers.next, struct transfer, node));
    curl_easy_free_all(client);
    curl_shards_free(client);
    curl_socket_teardown(client);
    curl_share_cleanup(client->share);
    curl_trust_free(client->trust);
    curl_global_cleanup();
    client->magic = 0;
    free(client);
}

struct http_curl_stats http_curl_stats(const struct http_client *base) {
    return CONTAINER_OF(base, const struct curl_client, base)->stats;
}
