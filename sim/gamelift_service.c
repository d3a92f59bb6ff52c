// SPDX-License-Identifier: Apache-2.0
#include "sim/gamelift_service.h"

#include "base/obj.h"
#include "sim/aws_service.h"

/* An operation of the stand-in GameLift, as the table wants it. */
#define RUN(operation)                                                                             \
    static struct err *run_##operation(void *state, struct str region, const void *in,             \
                                       struct arena *a, void *ret_out) {                           \
        return operation(OBJ_CAST(state, gamelift, GAMELIFT_MAGIC), region, in, a, ret_out);       \
    }
RUN(gamelift_create)
RUN(gamelift_terminate)
RUN(gamelift_describe_sessions)
RUN(gamelift_start_placement)
RUN(gamelift_stop_placement)
RUN(gamelift_describe_placement)

static struct str where_created(void *gl, struct str region, const void *input) {
    (void)gl;
    const struct gl_create_game_session_input *in = input;
    return in->location.p != NULL ? in->location : region;
}

static struct str where_session_is(void *state, struct str region, struct str arn) {
    struct gamelift *gl = OBJ_CAST(state, gamelift, GAMELIFT_MAGIC);
    const struct gamelift_session *s = gamelift_session_by_arn(gl, region, arn);
    return s == NULL ? region : s->location->name;
}

static struct str where_terminated(void *gl, struct str region, const void *input) {
    const struct gl_terminate_game_session_input *in = input;
    return where_session_is(gl, region, in->game_session_id);
}

static struct str where_described(void *gl, struct str region, const void *input) {
    const struct gl_describe_game_sessions_input *in = input;
    if (in->game_session_id.p != NULL)
        return where_session_is(gl, region, in->game_session_id);
    return in->location.p != NULL ? in->location : region;
}

static struct str where_placed(void *gl, struct str region, const void *input) {
    (void)gl;
    const struct gl_start_game_session_placement_input *in = input;
    const struct gl_priority_configuration_override *priority = in->priority_configuration_override;
    return priority != NULL && priority->location_order.n > 0 ? priority->location_order.v[0]
                                                              : region;
}

static const struct aws_sim_operation operations[] = {
    {
        .name = STR_INIT("CreateGameSession"),
        .input = &gl_create_game_session_input_shape,
        .output = &gl_create_game_session_output_shape,
        .run = run_gamelift_create,
        .where = where_created,
    },
    {
        .name = STR_INIT("TerminateGameSession"),
        .input = &gl_terminate_game_session_input_shape,
        .output = &gl_terminate_game_session_output_shape,
        .run = run_gamelift_terminate,
        .where = where_terminated,
    },
    {
        .name = STR_INIT("DescribeGameSessions"),
        .input = &gl_describe_game_sessions_input_shape,
        .output = &gl_describe_game_sessions_output_shape,
        .run = run_gamelift_describe_sessions,
        .where = where_described,
    },
    {
        .name = STR_INIT("StartGameSessionPlacement"),
        .input = &gl_start_game_session_placement_input_shape,
        .output = &gl_start_game_session_placement_output_shape,
        .run = run_gamelift_start_placement,
        .where = where_placed,
    },
    {
        .name = STR_INIT("StopGameSessionPlacement"),
        .input = &gl_stop_game_session_placement_input_shape,
        .output = &gl_stop_game_session_placement_output_shape,
        .run = run_gamelift_stop_placement,
    },
    {
        .name = STR_INIT("DescribeGameSessionPlacement"),
        .input = &gl_describe_game_session_placement_input_shape,
        .output = &gl_describe_game_session_placement_output_shape,
        .run = run_gamelift_describe_placement,
    },
};

/* Errors of the model carry "Message"; those of the layer before it carry "message". */
static const struct str modelled[] = {
    STR_INIT("ConflictException"),
    STR_INIT("FleetCapacityExceededException"),
    STR_INIT("IdempotentParameterMismatchException"),
    STR_INIT("InternalServiceException"),
    STR_INIT("InvalidFleetStatusException"),
    STR_INIT("InvalidGameSessionStatusException"),
    STR_INIT("InvalidRequestException"),
    STR_INIT("LimitExceededException"),
    STR_INIT("NotFoundException"),
    STR_INIT("NotReadyException"),
    STR_INIT("TerminalRoutingStrategyException"),
    STR_INIT("UnauthorizedException"),
    STR_INIT("UnsupportedRegionException"),
};

static const char *message_member(struct str type) {
    for (size_t i = 0; i < ARRAY_LEN(modelled); i++)
        if (str_eq(modelled[i], type))
            return "Message";
    return "message";
}

static const struct aws_sim_kind kind = {
    .name = "gamelift",
    .target = STR_INIT("GameLift"),
    .signing_name = STR_INIT("gamelift"),
    .operations = operations,
    .n_operations = ARRAY_LEN(operations),
    .message_member = message_member,
    .invalid_input = STR_INIT("InvalidRequestException"),
};

static void handle(struct sim_exchange *ex) {
    aws_sim_handle(ex, &kind);
}

static bool matches(const struct sim_request *req) {
    return str_eq(req->path, STR("/")) || str_starts(req->path, STR("/service/GameLift/"));
}

static void reset(void *state) {
    gamelift_clear(OBJ_CAST(state, gamelift, GAMELIFT_MAGIC));
}

struct sim_service gamelift_service(struct gamelift *gl) {
    return (struct sim_service){
        .name = kind.name,
        .matches = matches,
        .handle = handle,
        .error = aws_sim_error,
        .reset = reset,
        .state = gl,
    };
}
