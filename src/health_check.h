// SPDX-License-Identifier: Apache-2.0
/*
 * session-dsm --health-check: asks the service on this machine for its health over gRPC, so that a
 * container image without a shell can be probed from inside.
 */
#ifndef HEALTH_CHECK_H
#define HEALTH_CHECK_H

/*
 * Asks the port that GRPC_PORT names; if the service speaks TLS there, which no certificate of
 * 127.0.0.1 would fit, /healthz of METRICS_PORT instead. Exit status 0: SERVING; 1: not, and why on
 * standard error.
 */
int health_check(void);

#endif
