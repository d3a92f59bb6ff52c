// SPDX-License-Identifier: Apache-2.0
/* One line for each call that ends, with the field names that AccelByte's templates use. */
#ifndef TELEMETRY_ACCESS_LOG_H
#define TELEMETRY_ACCESS_LOG_H

#include "grpc/server.h"

/* Gives the call its log context: service and method on each of its lines. A server_admit_fn. */
struct err *access_log_admit(void *priv, struct rpc_call *rpc);

/* Writes the line. A server_finished_fn. */
void access_log_finished(void *priv, const struct rpc_call *rpc,
                         const struct server_outcome *outcome);

#endif
