// SPDX-License-Identifier: Apache-2.0
/*
 * The endpoints that hand credentials to whoever runs beside them, told apart by their paths:
 *
 *   GET /v2/credentials/<any>      ECS; no authorization
 *   GET /v1/credentials            EKS pod identity; Authorization must be the configured token
 *   PUT /latest/api/token          instance metadata, version 2
 *   GET /latest/meta-data/...      role name, its credentials, region; the token is demanded
 */
#ifndef SIM_METADATA_H
#define SIM_METADATA_H

#include "sim/sts.h"

/* For sim_add; sts gives the settings and the credentials, and must outlive the sim. */
struct sim_service metadata_service(struct sts *sts);

#endif
