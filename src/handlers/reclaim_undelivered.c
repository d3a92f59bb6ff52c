// SPDX-License-Identifier: Apache-2.0
/* Servers whose address is lost on the way to AGS: see reclaim_if_undelivered. */
#include "base/obj.h"
#include "grpc/rpc.h"
#include "handlers/reclaim.h"

#include <stdlib.h>

/* In one piece with its texts, because it may be freed on any thread. */
struct undelivered {
    unsigned magic;
#define UNDELIVERED_MAGIC 0x2d9b60c7U
    struct dsm_service *svc;
    struct reclaim_request of;
    char texts[];
};

static void look_after(void *priv) {
    const struct undelivered *u = OBJ_CAST(priv, undelivered, UNDELIVERED_MAGIC);
    reclaim_later(u->svc, &u->of);
}

void reclaim_if_undelivered(struct dsm_service *svc, struct rpc_call *rpc,
                            const struct reclaim_request *request) {
    size_t n = request->namespace.n + request->session_id.n + request->arn.n + request->alias.n +
               request->placement_id.n + request->queue.n;
    struct undelivered *u = calloc(1, sizeof *u + n);
    AN(u);
    u->magic = UNDELIVERED_MAGIC;
    u->svc = svc;
    u->of = *request;
    struct str *const texts[] = {&u->of.namespace, &u->of.session_id,   &u->of.arn,
                                 &u->of.alias,     &u->of.placement_id, &u->of.queue};
    char *p = u->texts;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (texts[i]->n == 0)
            continue; /* absent stays absent */
        memcpy(p, texts[i]->p, texts[i]->n);
        texts[i]->p = p;
        p += texts[i]->n;
    }
    rpc_call_if_undelivered(rpc, look_after, u);
}
