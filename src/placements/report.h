// SPDX-License-Identifier: Apache-2.0
/* The report of a placement's end to AGS: UpdateDSInformation of its session. */
#ifndef PLACEMENTS_REPORT_H
#define PLACEMENTS_REPORT_H

#include "generated/ags.h"
#include "generated/gamelift.h"

/*
 * FULFILLED: AVAILABLE, with the server's address, its region, and its ARN as deployment and
 * serverId, as CreateGameSession answers it. Any other end: FAILED_TO_REQUEST with a description.
 * region is that of the queue.
 */
void placement_report(struct ags_client *ags, struct ctx *ctx, struct str namespace,
                      struct str session_id, struct str region,
                      const struct gl_game_session_placement *placement,
                      ags_admin_update_ds_information_fn *fn, void *priv);

#endif
