// SPDX-License-Identifier: Apache-2.0
/*
 * The multi handles. Each transfer goes into the first that has room: with few in flight only the
 * first is used, with its connections warm. What a burst has left in the others - connections, easy
 * handles - is given back piece by piece once it has been idle for a while.
 */
#include "http/curl_internal.h"

#include "base/clock.h"

#include <stdlib.h>

/* Of a shard, idle ones included. */
#define SHARD_CONNECTIONS (2L * SHARD_TRANSFERS)

#define TIDY_MS 1000
#define TIDY_SOON_MS                                                                               \
    50 /* there is more to give back than the loop should be held up with at once */

static void on_sweep(struct loop_job *job) {
    struct curl_shard *shard = CONTAINER_OF(job, struct curl_shard, sweep);
    shard->sweeping = false;
    curl_finish_transfers(shard);
}

/*
 * A shard keeps more connections than it has transfers, because these go to different hosts by
 * turns. Where all shards together have as many as they may, curl closes an idle one of the same
 * shard for a new one, or lets the transfer wait.
 */
static void set_limit(struct curl_shard *shard) {
    const struct curl_client *client = shard->client;
    long left = client->options.max_connections - (long)client->stats.open;
    long limit = (long)shard->open + (left > 0 ? left : 0);
    if (limit > SHARD_CONNECTIONS)
        limit = SHARD_CONNECTIONS;
    if (limit < 1) /* what waits for a first one would wait for ever */
        limit = 1;
    if (limit == shard->limit)
        return;
    shard->limit = limit;
    curl_multi_setopt(shard->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, limit);
}

static struct curl_shard *shard_new(struct curl_client *client, size_t number) {
    struct curl_shard *shard = calloc(1, sizeof *shard);
    AN(shard);
    shard->client = client;
    shard->number = number;
    shard->multi = curl_multi_init();
    AN(shard->multi);
    curl_multi_setopt(shard->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    /* Without this the pool shrinks to four connections for each running transfer, and a burst
     * that follows a quiet second opens them all again. */
    curl_multi_setopt(shard->multi, CURLMOPT_MAXCONNECTS, (long)SHARD_CONNECTIONS);
    curl_socket_setup(shard);
    return shard;
}

static void shard_free(struct curl_shard *shard) {
    loop_timer_stop(&shard->timer);
    curl_multi_cleanup(shard->multi);
    loop_timer_stop(&shard->timer);
    curl_socket_forget(shard);
    free(shard);
}

/* The last one that has been unused for long; NULL if there is none. The first one stays. */
static struct curl_shard **find_unused(struct curl_client *client) {
    int64_t now = clock_mono_ms();
    for (size_t i = client->n_shards; i > 1; i--) {
        struct curl_shard *shard = client->shards[i - 1];
        if (shard != NULL && shard->running == 0 && !shard->sweeping &&
            now - shard->used_ms >= client->options.keep_unused_ms)
            return &client->shards[i - 1];
    }
    return NULL;
}

static void on_tidy(struct loop_timer *timer) {
    struct curl_client *client = CONTAINER_OF(timer, struct curl_client, tidy);
    struct curl_shard **unused = find_unused(client);
    if (unused != NULL) {
        shard_free(*unused);
        *unused = NULL;
        while (client->shards[client->n_shards - 1] == NULL)
            client->n_shards--;
    }
    bool more = curl_easy_tidy(client);
    if (unused != NULL || more)
        loop_timer_start(client->loop, timer, TIDY_SOON_MS, on_tidy);
    else if (client->n_shards > 1 || client->n_idle > IDLE_EASIES)
        loop_timer_start(client->loop, timer, TIDY_MS, on_tidy);
}

void curl_shards_init(struct curl_client *client) {
    size_t most = (size_t)client->options.max_connections;
    client->max_shards = (most + SHARD_TRANSFERS - 1) / SHARD_TRANSFERS;
    client->shards = calloc(client->max_shards, sizeof(struct curl_shard *));
    AN(client->shards);
    client->shards[0] = shard_new(client, 0);
    client->n_shards = 1;
}

void curl_shards_free(struct curl_client *client) {
    loop_timer_stop(&client->tidy);
    for (size_t i = 0; i < client->n_shards; i++)
        if (client->shards[i] != NULL)
            shard_free(client->shards[i]);
    free(client->shards);
}

static struct curl_shard *choose(struct curl_client *client) {
    size_t i = client->free_shard;
    while (i < client->n_shards && client->shards[i] != NULL &&
           client->shards[i]->running >= SHARD_TRANSFERS)
        i++;
    client->free_shard = i;
    if (i == client->max_shards) /* all are full; there the transfer waits for a connection */
        return client->shards[client->stats.transfers % client->max_shards];
    if (client->shards[i] == NULL) {
        client->shards[i] = shard_new(client, i);
        if (i >= client->n_shards)
            client->n_shards = i + 1;
        if (!client->tidy.armed)
            loop_timer_start(client->loop, &client->tidy, TIDY_MS, on_tidy);
    }
    return client->shards[i];
}

void curl_shard_start(struct curl_client *client, struct curl_easy_slot *slot) {
    struct curl_shard *shard = slot->shard = choose(client);
    int running;
    set_limit(shard);
    shard->running++;
    client->stats.running++;
    client->stats.transfers++;
    AZ(curl_multi_add_handle(shard->multi, slot->easy));
    /* Sends at once instead of after another turn of the loop; what ends in here is reported from
     * a job, because no callback may come before the return. */
    curl_multi_socket_action(shard->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    if ((size_t)running < shard->running && !shard->sweeping) {
        shard->sweeping = true;
        loop_post(client->loop, &shard->sweep, on_sweep);
    }
}

void curl_shard_stop(struct curl_easy_slot *slot) {
    struct curl_shard *shard = slot->shard;
    struct curl_client *client = shard->client;
    curl_multi_remove_handle(shard->multi, slot->easy);
    client->stats.running--;
    shard->running--;
    if (shard->number > 0 && shard->running == 0)
        shard->used_ms = clock_mono_ms();
    if (shard->number < client->free_shard && shard->running < SHARD_TRANSFERS)
        client->free_shard = shard->number;
}
