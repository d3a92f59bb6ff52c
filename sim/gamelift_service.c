// SPDX-License-Identifier: Apache-2.0
#include "sim/gamelift_service.h"

#include "base/obj.h"
#include "codec/validate.h"
#include "sim/aws_protocol.h"

#define MAX_ANSWER ((size_t)64 << 20) /* bytes; a page of sessions with all their data */

typedef struct err *run_fn(struct gamelift *gl, struct str region, const void *in, struct arena *a,
                           void *ret_out);
typedef struct str where_fn(struct gamelift *gl, struct str region, const void *in);

struct operation {
    struct str name;
    const struct codec_shape *input;
    const struct codec_shape *output;
    run_fn *run;
    where_fn *where; /* the location that it is about, for fault rules */
};

/* One call between its steps; in ex->scratch. */
struct call {
    unsigned magic;
#define CALL_MAGIC 0x6a3eca11U
    const struct aws_protocol *protocol;
    const struct operation *op;
    void *in;
};

static struct str where_created(struct gamelift *gl, struct str region, const void *input) {
    (void)gl;
    const struct gl_create_game_session_input *in = input;
    return in->location.p != NULL ? in->location : region;
}

static struct str where_session_is(struct gamelift *gl, struct str region, struct str arn) {
    const struct gamelift_session *s = gamelift_session_by_arn(gl, region, arn);
    return s == NULL ? region : s->location->name;
}

static struct str where_terminated(struct gamelift *gl, struct str region, const void *input) {
    const struct gl_terminate_game_session_input *in = input;
    return where_session_is(gl, region, in->game_session_id);
}

static struct str where_described(struct gamelift *gl, struct str region, const void *input) {
    const struct gl_describe_game_sessions_input *in = input;
    if (in->game_session_id.p != NULL)
        return where_session_is(gl, region, in->game_session_id);
    return in->location.p != NULL ? in->location : region;
}

static struct str where_placed(struct gamelift *gl, struct str region, const void *input) {
    (void)gl;
    const struct gl_start_game_session_placement_input *in = input;
    const struct gl_priority_configuration_override *priority = in->priority_configuration_override;
    return priority != NULL && priority->location_order.n > 0 ? priority->location_order.v[0]
                                                              : region;
}

static struct str where_at_home(struct gamelift *gl, struct str region, const void *input) {
    (void)gl;
    (void)input;
    return region;
}

static const struct operation operations[] = {
    {
        .name = STR_INIT("CreateGameSession"),
        .input = &gl_create_game_session_input_shape,
        .output = &gl_create_game_session_output_shape,
        .run = gamelift_create,
        .where = where_created,
    },
    {
        .name = STR_INIT("TerminateGameSession"),
        .input = &gl_terminate_game_session_input_shape,
        .output = &gl_terminate_game_session_output_shape,
        .run = gamelift_terminate,
        .where = where_terminated,
    },
    {
        .name = STR_INIT("DescribeGameSessions"),
        .input = &gl_describe_game_sessions_input_shape,
        .output = &gl_describe_game_sessions_output_shape,
        .run = gamelift_describe_sessions,
        .where = where_described,
    },
    {
        .name = STR_INIT("StartGameSessionPlacement"),
        .input = &gl_start_game_session_placement_input_shape,
        .output = &gl_start_game_session_placement_output_shape,
        .run = gamelift_start_placement,
        .where = where_placed,
    },
    {
        .name = STR_INIT("StopGameSessionPlacement"),
        .input = &gl_stop_game_session_placement_input_shape,
        .output = &gl_stop_game_session_placement_output_shape,
        .run = gamelift_stop_placement,
        .where = where_at_home,
    },
    {
        .name = STR_INIT("DescribeGameSessionPlacement"),
        .input = &gl_describe_game_session_placement_input_shape,
        .output = &gl_describe_game_session_placement_output_shape,
        .run = gamelift_describe_placement,
        .where = where_at_home,
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

static void reply(struct sim_exchange *ex, const struct aws_protocol *protocol, int status,
                  const struct buf *body) {
    sim_reply_text(ex, status, protocol->content_type, buf_str(body));
    sim_reply_header(ex, STR("x-amzn-RequestId"), ex->request_id);
}

static void error(struct sim_exchange *ex, int status, struct str type, struct str message) {
    const struct call *call = OBJ_CAST(ex->scratch, call, CALL_MAGIC);
    struct buf body;
    buf_init(&body, SIM_MAX_BODY);
    call->protocol->error(&body, type, message_member(type), message);
    reply(ex, call->protocol, status, &body);
    buf_free(&body);
}

static void operate(struct sim_exchange *ex) {
    const struct call *call = OBJ_CAST(ex->scratch, call, CALL_MAGIC);
    struct gamelift *gl = OBJ_CAST(ex->service->state, gamelift, GAMELIFT_MAGIC);
    void *out = arena_alloc(ex->arena, call->op->output->size);
    struct err *err = call->op->run(gl, ex->region, call->in, ex->arena, out);
    if (err != NULL) {
        error(ex, err->http_status, err->type, err->msg);
        return;
    }
    struct buf body;
    buf_init(&body, MAX_ANSWER);
    err = call->protocol->encode(&body, call->op->output, out, ex->arena);
    if (err != NULL)
        error(ex, 500, STR("InternalServiceException"), err->msg);
    else
        reply(ex, call->protocol, 200, &body);
    buf_free(&body);
}

static const struct operation *find_operation(struct str name) {
    for (size_t i = 0; i < ARRAY_LEN(operations); i++)
        if (str_eq(operations[i].name, name))
            return &operations[i];
    return NULL;
}

/* As AWS does it: what is meant, who asks, what it says; the first that is wrong is answered. */
static bool choose_operation(struct sim_exchange *ex, struct call *call) {
    const struct aws_protocol *protocol = aws_protocol_of(&ex->req);
    call->protocol = protocol != NULL ? protocol : &aws_protocol_json;
    if (!str_eq(ex->req.method, STR("POST")) || protocol == NULL) {
        error(ex, 400, STR("UnknownOperationException"),
              STR("Requests are POST with content type application/x-amz-json-1.1."));
        return false;
    }
    call->op = find_operation(protocol->operation(&ex->req, STR("GameLift")));
    if (call->op == NULL) {
        error(ex, 400, STR("UnknownOperationException"),
              STR("The stand-in has no operation of that name."));
        return false;
    }
    ex->operation = call->op->name;
    return true;
}

static bool check_caller(struct sim_exchange *ex) {
    struct auth_result r =
        auth_verify(&ex->sim->auth, &ex->req, STR("gamelift"), sim_now_ms(ex->sim), ex->arena);
    ex->region = r.region;
    ex->verdict = STR("signature ok");
    if (r.ok)
        return true;
    ex->verdict = arena_printf(ex->arena, "refused: " STR_FMT, STR_ARG(r.error));
    error(ex, r.status, r.error, r.message);
    return false;
}

static bool read_input(struct sim_exchange *ex, struct call *call) {
    call->in = arena_alloc(ex->arena, call->op->input->size);
    struct err *err = call->protocol->decode(ex->req.body, call->op->input, call->in, ex->arena);
    if (err != NULL) {
        error(ex, 400, STR("SerializationException"), err->msg);
        return false;
    }
    err = codec_validate(call->op->input, call->in, ex->arena);
    if (err != NULL) {
        error(ex, 400, STR("InvalidRequestException"), err->msg);
        return false;
    }
    return true;
}

static void handle(struct sim_exchange *ex) {
    struct call *call = OBJ_NEW(ex->arena, call, CALL_MAGIC);
    ex->scratch = call;
    if (!choose_operation(ex, call) || !check_caller(ex) || !read_input(ex, call))
        return;
    struct gamelift *gl = OBJ_CAST(ex->service->state, gamelift, GAMELIFT_MAGIC);
    ex->location = call->op->where(gl, ex->region, call->in);
    faults_run(ex, operate);
}

static bool matches(const struct sim_request *req) {
    return str_eq(req->path, STR("/"));
}

static void reset(void *state) {
    gamelift_clear(OBJ_CAST(state, gamelift, GAMELIFT_MAGIC));
}

struct sim_service gamelift_service(struct gamelift *gl) {
    return (struct sim_service){
        .name = "gamelift",
        .matches = matches,
        .handle = handle,
        .error = error,
        .reset = reset,
        .state = gl,
    };
}
