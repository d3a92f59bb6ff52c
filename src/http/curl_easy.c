// SPDX-License-Identifier: Apache-2.0
/* Easy handles: made with what is the same for all requests, used again and again. */
#include "http/curl_internal.h"

#include <stdlib.h>

/* Of the buffers that curl allocates for each transfer. Answers are a kilobyte or two, and
 * thousands of transfers may wait at once; large ones take a few more turns. */
#define READ_BYTES 2048
#define WRITE_BYTES 16384

#define TIDY_AT_A_TIME 64 /* handles; to free one takes some microseconds */

/* What is the same for all requests of this client. */
static struct curl_easy_slot *slot_new(struct curl_client *client) {
    struct curl_easy_slot *slot = calloc(1, sizeof *slot);
    AN(slot);
    CURL *easy = slot->easy = curl_easy_init();
    AN(easy);
    curl_socket_setup_easy(client, slot);
    curl_easy_setopt(easy, CURLOPT_SHARE, client->share);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    /* A cancelled name look-up must not be waited for. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    /* A name may have come to mean another address meanwhile. */
    curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, client->options.max_age_s);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)READ_BYTES);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)WRITE_BYTES);
    /* Else curl would look at half a dozen environment variables for each transfer. */
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
    curl_easy_setopt(easy, CURLOPT_PRIVATE, slot);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, slot->why);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, curl_on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, slot);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, curl_on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, slot);
    if (client->trust != NULL)
        curl_trust_setup_easy(client->trust, easy);
    return slot;
}

static void slot_free(struct curl_easy_slot *slot) {
    curl_easy_cleanup(slot->easy);
    free(slot->url);
    free(slot);
}

static struct curl_easy_slot *pop(struct curl_client *client) {
    struct curl_easy_slot *slot = client->idle;
    client->idle = slot->next;
    client->n_idle--;
    if (client->n_idle < client->least_idle)
        client->least_idle = client->n_idle;
    return slot;
}

struct curl_easy_slot *curl_easy_take(struct curl_client *client) {
    struct curl_easy_slot *slot = client->idle != NULL ? pop(client) : slot_new(client);
    slot->why[0] = '\0';
    return slot;
}

void curl_easy_give(struct curl_client *client, struct curl_easy_slot *slot) {
    /* They lie in the arena, and hold secrets. */
    curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, NULL);
    slot->transfer = NULL;
    slot->next = client->idle;
    client->idle = slot;
    client->n_idle++;
}

bool curl_easy_tidy(struct curl_client *client) {
    size_t spare = client->least_idle > IDLE_EASIES ? client->least_idle - IDLE_EASIES : 0;
    size_t n = spare < TIDY_AT_A_TIME ? spare : TIDY_AT_A_TIME;
    for (size_t i = 0; i < n; i++)
        slot_free(pop(client));
    client->least_idle = spare > n ? client->least_idle : client->n_idle;
    return spare > n;
}

void curl_easy_free_all(struct curl_client *client) {
    while (client->idle != NULL)
        slot_free(pop(client));
}
