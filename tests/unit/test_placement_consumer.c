// SPDX-License-Identifier: Apache-2.0
/* Receiving from the placement events queue, on a scripted SQS. */
#include "handler_fixture.h"
#include "placements/consumer.h"

#include <stdlib.h>

#define RECEIVE(n, ...)                                                                            \
    { .op = "ReceiveMessage", .wants = {"MaxNumberOfMessages=" n}, __VA_ARGS__ }
#define NONE OK("{}")

struct queue {
    struct handler_fixture *f;
    struct aws_client *sqs;
    struct consumer *consumer;
};

static struct queue *open_queue(struct handler_fixture *f) {
    static const struct step silence = {.op = "ReceiveMessage", SILENT};
    struct queue *q = calloc(1, sizeof *q);
    assert_non_null(q);
    q->f = f;
    const struct aws_client_options sqs = {
        .loop = f->loop,
        .http = &f->http,
        .credentials = f->credentials,
        .endpoint = {.service = STR("sqs"), .region = STR("us-east-1")},
        .user_agent = STR("test"),
        .max_attempts = 1,
        .attempt_timeout_ms = (int64_t)(CONSUMER_WAIT_S + 10) * 1000,
    };
    assert_null(aws_client_new(&sqs, f->arena, &q->sqs));
    f->endless = &silence;
    const struct consumer_options options = {
        .svc = &f->svc,
        .sqs = q->sqs,
        .queue_url = STR("https://sqs.us-east-1.amazonaws.com/123456789012/events"),
        .max_in_flight = 50,
        .visibility_s = 30,
        .retry_max_ms = 60000,
    };
    q->consumer = consumer_new(&options);
    return q;
}

static void close_queue(struct queue *q) {
    consumer_free(q->consumer);
    aws_client_free(q->sqs);
    free(q);
}

/* Ten large messages are more than one answer may be; without this they would never be seen. */
static void after_a_failure_fewer_messages_are_asked_for(void **state) {
    struct handler_fixture *f = *state;
    EXPECT(f, RECEIVE("10", NONE), RECEIVE("10", BREAKS), RECEIVE("1", BREAKS), RECEIVE("1", NONE),
           RECEIVE("2", NONE), RECEIVE("4", NONE), RECEIVE("8", NONE), RECEIVE("10", NONE));
    struct queue *q = open_queue(f);
    finish_script(f);
    close_queue(q);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        HANDLER_TEST(after_a_failure_fewer_messages_are_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
