// SPDX-License-Identifier: Apache-2.0
#include "handlers/service.h"

#include "aws/arn.h"

/* One line for each RPC; an RPC without a line answers UNIMPLEMENTED. */
const struct dsm_session_dsm_handlers dsm_handlers = {
    .create_game_session = dsm_handle_create_game_session,
    .terminate_game_session = dsm_handle_terminate_game_session,
    .create_game_session_async = dsm_handle_create_game_session_async,
};

void dsm_service_init(struct dsm_service *svc) {
    list_init(&svc->reclaims);
    for (size_t i = 0; i < DSM_IN_FLIGHT_ROWS; i++) {
        list_init(&svc->creates[i]);
        list_init(&svc->ends[i]);
    }
}

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

void dsm_note_queue_home(struct dsm_service *svc, struct aws_client *gamelift) {
    for (size_t i = 0; i < svc->n_queue_homes; i++)
        if (svc->queue_homes[i] == gamelift)
            return;
    if (svc->n_queue_homes < ARRAY_LEN(svc->queue_homes))
        svc->queue_homes[svc->n_queue_homes++] = gamelift;
}
