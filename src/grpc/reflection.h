// SPDX-License-Identifier: Apache-2.0
/*
 * Server reflection, v1 and v1alpha: tells clients such as grpcurl which services there are and
 * gives them the proto files, as the generator embedded them. The two versions differ in nothing
 * but their names; one handler serves both.
 *
 * https://github.com/grpc/grpc/blob/master/doc/server-reflection.md
 */
#ifndef GRPC_REFLECTION_H
#define GRPC_REFLECTION_H

#include "grpc/server.h"

struct reflection_service;

#define REFLECTION_MAX_STREAMS 64    /* at a time; one more: RESOURCE_EXHAUSTED */
#define REFLECTION_MAX_REQUESTS 1000 /* on one stream; one more: RESOURCE_EXHAUSTED */

struct reflection_service *reflection_new(void);

/* After the server that it was added to. NULL is fine. */
void reflection_free(struct reflection_service *reflection);

/* Adds both services to the server; it tells about all that are added by the time of a call. */
void reflection_add_to(struct reflection_service *reflection, struct server *server);

#endif
