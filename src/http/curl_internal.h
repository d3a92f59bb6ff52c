// SPDX-License-Identifier: Apache-2.0
/* What the parts of the curl client share: sockets on the loop (curl_socket.c), transfers (curl.c).
 */
#ifndef HTTP_CURL_INTERNAL_H
#define HTTP_CURL_INTERNAL_H

#include "base/obj.h"
#include "http/curl.h"

#include <curl/curl.h>

#define IDLE_EASIES 256 /* easy handles kept for reuse */

struct socket_watch;
struct transfer;

/* An easy handle, set up once; only what differs from request to request is set again. */
struct curl_easy_slot {
    CURL *easy;
    struct transfer *transfer; /* NULL while it is idle */
    char *url;                 /* what is set, as are the next three */
    int64_t connect_timeout_ms;
    bool posts;  /* a body is sent */
    bool custom; /* another method than GET or POST */
    char why[CURL_ERROR_SIZE];
};

struct curl_client {
    unsigned magic;
#define CURL_CLIENT_MAGIC 0x51c7e0d9U
    struct http_client base;
    struct loop *loop;
    CURLM *multi;
    struct http_curl_options options;
    bool proxies;            /* the environment names one */
    char *ca_file;           /* NULL: curl's default */
    bool no_ca_folder;       /* that file is all that is trusted */
    struct loop_timer timer; /* curl's own wish to be called */
    struct loop_job sweep;   /* looks for transfers that ended inside http_start */
    bool sweeping;           /* the job is posted */
    struct list transfers;   /* under way */
    struct curl_easy_slot *idle[IDLE_EASIES];
    size_t n_idle;
    struct socket_watch **sockets; /* by descriptor */
    size_t n_sockets;
    struct http_curl_stats stats;
};

/* Connects curl's wishes about sockets and time to the loop. */
void curl_socket_setup(struct curl_client *client);
/* The same for one easy handle: whose sockets it may open. */
void curl_socket_setup_easy(struct curl_client *client, CURL *easy);
void curl_socket_teardown(struct curl_client *client);

/* Takes the results of ended transfers and calls their owners. */
void curl_finish_transfers(struct curl_client *client);

#endif
