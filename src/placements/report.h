// SPDX-License-Identifier: Apache-2.0
/* The report of a placement's end to AGS: UpdateDSInformation of its session. */
#ifndef PLACEMENTS_REPORT_H
#define PLACEMENTS_REPORT_H

#include "generated/ags.h"
#include "generated/gamelift.h"

struct placement_report {
    struct str namespace;
    struct str session_id;
    struct str region; /* of the queue */
    const struct gl_game_session_placement *placement;
    /* What is told: FAILED also of a FULFILLED placement whose server has gone. */
    enum gl_game_session_placement_state state;
};

/*
 * FULFILLED: AVAILABLE, with the server's address, its region, and its ARN as deployment and
 * serverId, as CreateGameSession answers it. Any other end: FAILED_TO_REQUEST with a description.
 */
void placement_report(struct ags_client *ags, struct ctx *ctx,
                      const struct placement_report *report, ags_admin_update_ds_information_fn *fn,
                      void *priv);

#endif
