// SPDX-License-Identifier: Apache-2.0
#include "handlers/service.h"

#include "aws/arn.h"

/* One line for each RPC; an RPC without a line answers UNIMPLEMENTED. */
const struct dsm_session_dsm_handlers dsm_handlers = {
    .create_game_session = dsm_handle_create_game_session,
    .terminate_game_session = dsm_handle_terminate_game_session,
    .create_game_session_async = dsm_handle_create_game_session_async,
};

struct err *dsm_gamelift_of(struct dsm_service *svc, struct arena *a, struct str arn_or_id,
                            struct aws_client **ret) {
    struct arn arn;
    if (!arn_parse(arn_or_id, &arn)) {
        *ret = svc->gamelift;
        return NULL;
    }
    if (!str_eq(arn.service, STR("gamelift")) || str_empty(arn.region))
        return ERR_INVALID(a, "the ARN is none of a GameLift resource");
    return aws_client_in_region(svc->gamelift, a, arn.region, ret);
}
