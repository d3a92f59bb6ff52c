// SPDX-License-Identifier: Apache-2.0
#include "handlers/ags_session.h"

#include "handlers/end_session.h"

const struct err *ags_session_check(struct arena *a,
                                    const struct ags_game_session_response *session,
                                    struct str namespace, struct str session_id) {
    if (str_eq(session->id, session_id) &&
        (session->namespace.p == NULL || str_eq(session->namespace, namespace)))
        return NULL;
    return err_new(a, RPC_UNAVAILABLE,
                   "AGS getGameSession: the answer is not of the session that was asked for");
}

struct str ags_session_arn(const struct ags_game_session_response *session) {
    if (session->ds_information == NULL || session->ds_information->server == NULL)
        return STR_NULL;
    struct str deployment = session->ds_information->server->deployment;
    return is_game_session_arn(deployment) ? deployment : STR_NULL;
}

bool ags_session_waits(const struct ags_game_session_response *session) {
    const struct ags_ds_information_response *ds = session->ds_information;
    return ds != NULL && (ds->status_v2 == AGS_DS_INFORMATION_RESPONSE_STATUS_V2_REQUESTED ||
                          ds->status_v2 == AGS_DS_INFORMATION_RESPONSE_STATUS_V2_PREPARING);
}
