// SPDX-License-Identifier: Apache-2.0
/*
 * Answers go from the loop to the queue thread, which sends them. That thread reads the connection
 * and has the library's lock on it most of the time; an answer sent from another one would find the
 * lock taken, and the library would hand the work to a third thread. The queue thread wakes up for
 * each answer anyway, to learn that it was sent.
 */
#include "base/obj.h"
#include "grpc/server_internal.h"

static void send_all(struct server_tag *tag, bool ok) {
    struct server_replies *replies = CONTAINER_OF(tag, struct server_replies, tag);
    (void)ok;
    pthread_mutex_lock(&replies->lock);
    struct server_call *call = replies->first;
    replies->first = NULL;
    replies->last = &replies->first;
    pthread_mutex_unlock(&replies->lock);
    while (call != NULL) {
        struct server_call *next = call->next_reply;
        OBJ_CHECK(call, SERVER_CALL_MAGIC);
        server_call_send_final(call, call->code, call->text, false);
        server_call_unref(call);
        call = next;
    }
}

void server_replies_init(struct server_replies *replies) {
    *replies = (struct server_replies){.last = &replies->first, .tag.fn = send_all};
    AZ(pthread_mutex_init(&replies->lock, NULL));
}

void server_replies_destroy(struct server_replies *replies) {
    ASSERT(replies->first == NULL);
    pthread_mutex_destroy(&replies->lock);
}

void server_reply(struct server_call *call, enum rpc_code code, grpc_slice text) {
    struct server_replies *replies = &call->server->replies;
    call->code = code;
    call->text = text;
    call->next_reply = NULL;
    server_call_ref(call);
    pthread_mutex_lock(&replies->lock);
    bool was_empty = replies->first == NULL;
    *replies->last = call;
    replies->last = &call->next_reply;
    pthread_mutex_unlock(&replies->lock);
    /* A batch without operations comes back at once: the wake-up. It is the library's own, and the
     * call is alive until the queue thread lets go of it. */
    if (was_empty &&
        grpc_call_start_batch(call->core, NULL, 0, &replies->tag, NULL) != GRPC_CALL_OK)
        send_all(&replies->tag, false);
}
