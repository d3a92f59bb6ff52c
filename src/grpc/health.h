// SPDX-License-Identifier: Apache-2.0
/*
 * grpc.health.v1.Health: whether the server, and each of its services, can be called. Answers from
 * memory, on the event loop, however many other calls are in flight; a loop that is stuck does not
 * answer, which is what a liveness probe is to find out. Watch tells a state at once and then each
 * time that it is another one; if changes come faster than the caller reads, only the newest. A
 * service that is not known is SERVICE_UNKNOWN there until it is. Watches end when the server
 * drains.
 *
 * Only from the loop's thread, or before it runs.
 */
#ifndef GRPC_HEALTH_H
#define GRPC_HEALTH_H

#include "grpc/server.h"

struct health_service;

#define HEALTH_MAX_WATCHES 1000 /* at a time; one more: RESOURCE_EXHAUSTED */

struct health_service *health_new(void);

/* After the server that it was added to. NULL is fine. */
void health_free(struct health_service *health);

/*
 * Adds the health service to the server, and everything that the server has so far, and "" for the
 * server as a whole, to what it knows, as serving.
 */
void health_add_to(struct health_service *health, struct server *server);

/* Sets the state of a service, known so far or not; "" is the server. Nothing after a drain. */
void health_set(struct health_service *health, const char *service, bool serving);

/* Nothing is serving any more, for good: the server is about to stop. */
void health_drain(struct health_service *health);

#endif
