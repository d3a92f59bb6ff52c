// SPDX-License-Identifier: Apache-2.0
#include "base/obj.h"
#include "sim/aws_service.h"
#include "sim/sqs.h"

#define LOOK_MS 3 /* between looks of a long poll */

/* Fault rules go by queue. */
static struct str name_of(void *state, struct str url) {
    const struct sim_queue *queue = sim_queue_of_url(OBJ_CAST(state, sim_sqs, SIM_SQS_MAGIC), url);
    return queue == NULL ? STR_NULL : str_c(queue->name);
}

static struct str where_received(void *state, struct str region, const void *in) {
    (void)region;
    return name_of(state, ((const struct sqs_receive_message_request *)in)->queue_url);
}

static struct str where_deleted(void *state, struct str region, const void *in) {
    (void)region;
    return name_of(state, ((const struct sqs_delete_message_batch_request *)in)->queue_url);
}

static struct str where_changed(void *state, struct str region, const void *in) {
    (void)region;
    return name_of(state, ((const struct sqs_change_message_visibility_request *)in)->queue_url);
}

static struct str where_asked(void *state, struct str region, const void *in) {
    (void)region;
    return name_of(state, ((const struct sqs_get_queue_attributes_request *)in)->queue_url);
}

static int64_t wait_for_message(void *state, const void *input, int64_t waited_ms) {
    struct sim_sqs *sqs = OBJ_CAST(state, sim_sqs, SIM_SQS_MAGIC);
    const struct sqs_receive_message_request *in = input;
    const struct sim_queue *queue = sim_queue_of_url(sqs, in->queue_url);
    int64_t most =
        in->has_wait_time_seconds ? (int64_t)in->wait_time_seconds * 1000 / sqs->speed : 0;
    if (queue == NULL || waited_ms >= most || sim_queue_has_visible(queue))
        return 0;
    return most - waited_ms < LOOK_MS ? most - waited_ms : LOOK_MS;
}

static const struct aws_sim_operation operations[] = {
    {
        .name = STR_INIT("ReceiveMessage"),
        .input = &sqs_receive_message_request_shape,
        .output = &sqs_receive_message_result_shape,
        .run = sim_sqs_receive,
        .where = where_received,
        .wait = wait_for_message,
    },
    {
        .name = STR_INIT("DeleteMessageBatch"),
        .input = &sqs_delete_message_batch_request_shape,
        .output = &sqs_delete_message_batch_result_shape,
        .run = sim_sqs_delete_batch,
        .where = where_deleted,
    },
    {
        .name = STR_INIT("ChangeMessageVisibility"),
        .input = &sqs_change_message_visibility_request_shape,
        .run = sim_sqs_change_visibility,
        .where = where_changed,
    },
    {
        .name = STR_INIT("GetQueueAttributes"),
        .input = &sqs_get_queue_attributes_request_shape,
        .output = &sqs_get_queue_attributes_result_shape,
        .run = sim_sqs_get_attributes,
        .where = where_asked,
    },
};

static const char *message_member(struct str type) {
    (void)type;
    return "message";
}

static const struct aws_sim_kind kind = {
    .name = "sqs",
    .target = STR_INIT("AmazonSQS"),
    .signing_name = STR_INIT("sqs"),
    .operations = operations,
    .n_operations = ARRAY_LEN(operations),
    .message_member = message_member,
    .invalid_input = STR_INIT("InvalidParameterValue"),
    .type_prefix = STR_INIT("com.amazonaws.sqs#"),
    .query_errors = true,
};

static void handle(struct sim_exchange *ex) {
    aws_sim_handle(ex, &kind);
}

static bool matches(const struct sim_request *req) {
    return str_eq(req->path, STR("/")) &&
           str_starts(sim_request_header(req, STR("x-amz-target")), STR("AmazonSQS."));
}

static void reset(void *state) {
    sim_sqs_clear(OBJ_CAST(state, sim_sqs, SIM_SQS_MAGIC));
}

struct sim_service sim_sqs_service(struct sim_sqs *sqs) {
    return (struct sim_service){
        .name = kind.name,
        .matches = matches,
        .handle = handle,
        .error = aws_sim_error,
        .reset = reset,
        .state = sqs,
    };
}
