// SPDX-License-Identifier: Apache-2.0
/*
 * The real HTTP client: libcurl's multi handles on the event loop, connections kept alive and
 * reused, thousands of transfers at once. TLS certificates and host names are always verified;
 * redirects are never followed; HTTP/1.1, as the AWS SDKs speak it to these services.
 */
#ifndef HTTP_CURL_H
#define HTTP_CURL_H

#include "base/loop.h"
#include "http/http.h"

struct http_curl_options {
    int64_t connect_timeout_ms; /* 0: 3,000 */
    int64_t timeout_ms;         /* whole exchange; 0: 10,000 */
    size_t max_response;        /* bytes of body; 0: 4 MiB */
    long max_connections;       /* open at once; more transfers wait; 0: 10,000 */
    int64_t keep_unused_ms;     /* connections that only a burst needed; 0: 60,000 */
    long max_age_s;             /* of a connection that is used again; 0: 600 */
    struct str ca_bundle;       /* PEM file, instead of the system's; copied */
};

/*
 * loop must outlive it. Free it before the loop is freed and after loop_run has returned; transfers
 * still running then end without a callback.
 */
struct http_client *http_curl_new(struct loop *loop, const struct http_curl_options *options);
void http_curl_free(struct http_client *client);

/* For metrics. */
struct http_curl_stats {
    size_t running;       /* transfers under way */
    size_t open;          /* sockets, idle ones included */
    uint64_t connections; /* opened since the start */
    uint64_t transfers;   /* started since the start */
};
struct http_curl_stats http_curl_stats(const struct http_client *client);

#endif
