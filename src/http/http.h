// SPDX-License-Identifier: Apache-2.0
/*
 * Asking another server something over HTTP, as the rest of the program sees it: a request, a
 * context, a callback. src/http/curl.c is the real client; tests script their own.
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include "base/ctx.h"

struct http_header {
    struct str name;
    struct str value;
};

struct http_request {
    struct str method;
    struct str url; /* absolute, http or https */
    const struct http_header *headers;
    size_t n_headers;
    struct str body;            /* absent: no body at all; not copied, see http_start */
    int64_t connect_timeout_ms; /* 0: the client's default */
    int64_t
        timeout_ms; /* whole exchange; 0: the client's default; the context's deadline counts too */
    size_t max_response; /* bytes of body; 0: the client's default */
    bool no_proxy;       /* link-local endpoints must not reach a proxy */
};

struct http_response {
    int status;
    const struct http_header *headers; /* in order of arrival, names as sent */
    size_t n_headers;
    struct str body; /* present, maybe empty */
};

/*
 * Called exactly once, from the loop, never before http_start returns. One of resp and err is set;
 * both live in the context's arena. An HTTP error status is a response. err->origin tells a
 * transport fault from the caller's own end.
 */
typedef void http_done_fn(void *priv, const struct http_response *resp, const struct err *err);

struct http_client;
typedef void http_start_fn(struct http_client *client, struct ctx *ctx,
                           const struct http_request *req, http_done_fn *done, void *priv);
struct http_client {
    http_start_fn *start;
};

/*
 * The request is copied before this returns, all but its body, which stays where it is until the
 * callback or until the context's arena goes. The exchange ends when the context is cancelled.
 */
static inline void http_start(struct http_client *client, struct ctx *ctx,
                              const struct http_request *req, http_done_fn *done, void *priv) {
    client->start(client, ctx, req, done, priv);
}

/* First header of that name, in any case; absent if there is none. */
struct str http_response_header(const struct http_response *resp, struct str name);

#endif
