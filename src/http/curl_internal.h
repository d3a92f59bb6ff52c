// SPDX-License-Identifier: Apache-2.0
/*
 * What the parts of the curl client share: transfers (curl.c), easy handles (curl_easy.c), multi
 * handles (curl_shard.c), sockets on the loop (curl_socket.c), whom TLS trusts (curl_trust.c).
 */
#ifndef HTTP_CURL_INTERNAL_H
#define HTTP_CURL_INTERNAL_H

#include "base/obj.h"
#include "http/curl.h"

#include <curl/curl.h>

/*
 * Transfers in one multi handle. When a transfer begins and when it ends, curl looks through the
 * connections of its multi handle one by one: in a single one, ten thousand in flight would cost
 * several times as much for each as a hundred.
 */
#define SHARD_TRANSFERS 64

#define IDLE_EASIES 64 /* easy handles kept for reuse, at least */

struct curl_trust;
struct socket_watch;
struct transfer;

/* An easy handle, set up once; only what differs from request to request is set again. */
struct curl_easy_slot {
    CURL *easy;
    struct curl_easy_slot *next; /* in client->idle */
    struct transfer *transfer;   /* NULL while it is idle */
    struct curl_shard *shard;    /* that it is in, or was in last */
    char *url;                   /* what is set, as are the next four */
    int64_t connect_timeout_ms;
    bool posts;   /* a body is sent */
    bool custom;  /* another method than GET or POST */
    bool proxied; /* the environment's proxies count */
    char why[CURL_ERROR_SIZE];
};

/* A multi handle, with its own connections. */
struct curl_shard {
    struct curl_client *client;
    CURLM *multi;
    size_t number;           /* in client->shards */
    size_t running;          /* transfers under way */
    size_t open;             /* sockets */
    long limit;              /* of connections, as curl knows it */
    int64_t used_ms;         /* when the last transfer ended, on clock_mono_ms */
    struct loop_timer timer; /* curl's own wish to be called */
    struct loop_job sweep;   /* looks for transfers that ended inside http_start */
    bool sweeping;           /* the job is posted */
};

struct curl_client {
    unsigned magic;
#define CURL_CLIENT_MAGIC 0x51c7e0d9U
    struct http_client base;
    struct loop *loop;
    struct http_curl_options options;
    bool proxies;               /* the environment names one */
    struct curl_trust *trust;   /* NULL: curl's default */
    CURLSH *share;              /* addresses and TLS sessions, of all shards */
    struct curl_shard **shards; /* each NULL until it is needed */
    size_t max_shards;
    size_t n_shards;        /* behind these, all are NULL */
    size_t free_shard;      /* before this one, all are full */
    struct loop_timer tidy; /* gives back what a burst has left */
    struct list transfers;  /* under way */
    struct curl_easy_slot *idle;
    size_t n_idle;
    size_t least_idle;             /* since the last tidying */
    struct socket_watch **sockets; /* by descriptor */
    size_t n_sockets;
    struct http_curl_stats stats;
};

/* ---- curl.c ---- */

/* Takes the results of ended transfers and calls their owners. */
void curl_finish_transfers(struct curl_shard *shard);

/* What curl calls with the slot as its last argument. */
size_t curl_on_body(char *p, size_t size, size_t n, void *slot);
size_t curl_on_header(char *p, size_t size, size_t n, void *slot);

/* ---- curl_easy.c ---- */

/* An idle handle, or a new one. */
struct curl_easy_slot *curl_easy_take(struct curl_client *client);
/* Takes it back. */
void curl_easy_give(struct curl_client *client, struct curl_easy_slot *slot);
/* Frees those that have been idle since the last call, a few at a time; true if there are more. */
bool curl_easy_tidy(struct curl_client *client);
void curl_easy_free_all(struct curl_client *client);

/* ---- curl_shard.c ---- */

void curl_shards_init(struct curl_client *client);
void curl_shards_free(struct curl_client *client);

/* Starts the transfer of a handle that is set up, and takes it out again, ended or not. */
void curl_shard_start(struct curl_client *client, struct curl_easy_slot *slot);
void curl_shard_stop(struct curl_easy_slot *slot);

/* ---- curl_socket.c ---- */

/* Connects curl's wishes about sockets and time to the loop. */
void curl_socket_setup(struct curl_shard *shard);
/* The same for one easy handle: whose sockets it may open. */
void curl_socket_setup_easy(struct curl_client *client, struct curl_easy_slot *slot);
/* The shard is gone. */
void curl_socket_forget(struct curl_shard *shard);
void curl_socket_teardown(struct curl_client *client);

/* ---- curl_trust.c ---- */

/* Trusts this PEM file alone; absent: the system's. NULL if that is not known. */
struct curl_trust *curl_trust_new(struct str bundle);
void curl_trust_setup_easy(struct curl_trust *trust, CURL *easy);
/* Once no easy handle is left. NULL is fine. */
void curl_trust_free(struct curl_trust *trust);

#endif
