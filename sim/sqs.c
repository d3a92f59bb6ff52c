// SPDX-License-Identifier: Apache-2.0
#include "sim/sqs.h"

#include "base/clock.h"
#include "base/obj.h"

#include <inttypes.h>

#define MAX_BATCH 10
#define MAX_VISIBILITY_S 43200
#define DEFAULT_VISIBILITY_S 30
#define DEFAULT_MAX_RECEIVES 100

/* ---- queues ---- */

struct sim_queue *sim_queue_find(struct sim_sqs *sqs, struct str name) {
    for (size_t i = 0; i < sqs->n_queues; i++)
        if (str_eq(str_c(sqs->queues[i].name), name))
            return &sqs->queues[i];
    return NULL;
}

struct sim_queue *sim_queue_make(struct sim_sqs *sqs, struct str name) {
    struct sim_queue *queue = sim_queue_find(sqs, name);
    if (queue != NULL)
        return queue;
    if (str_empty(name) || name.n > SIM_SQS_MAX_NAME || sqs->n_queues == SIM_SQS_MAX_QUEUES)
        return NULL;
    queue = &sqs->queues[sqs->n_queues++];
    *queue = (struct sim_queue){.visibility_s = DEFAULT_VISIBILITY_S};
    memcpy(queue->name, name.p, name.n);
    list_init(&queue->messages);
    return queue;
}

struct sim_queue *sim_queue_of_url(struct sim_sqs *sqs, struct str url) {
    struct str name = url;
    for (size_t i = 0; i < url.n; i++)
        if (url.p[i] == '/')
            name = str_from(url, i + 1);
    return sim_queue_find(sqs, name);
}

static void message_free(struct sim_queue *queue, struct sim_message *m) {
    list_remove(&m->node);
    queue->n--;
    arena_free(m->arena);
}

static struct sim_message *of(struct list *node) {
    return CONTAINER_OF(node, struct sim_message, node);
}

void sim_queue_purge(struct sim_queue *queue) {
    while (!list_empty(&queue->messages))
        message_free(queue, of(queue->messages.next));
}

void sim_sqs_deliver_as_usual(struct sim_sqs *sqs) {
    sqs->copies = 1;
    sqs->form = SIM_SQS_EVENTBRIDGE;
    sqs->delay_ms = sqs->scatter_ms = 0;
}

static void set_up(struct sim_sqs *sqs) {
    sqs->speed = 1;
    sim_sqs_deliver_as_usual(sqs);
    sqs->n_queues = 0;
    struct sim_queue *dead = sim_queue_make(sqs, STR(SIM_SQS_DEAD_QUEUE));
    struct sim_queue *events = sim_queue_make(sqs, STR(SIM_SQS_EVENTS_QUEUE));
    events->dead_letter = dead;
    events->max_receive_count = DEFAULT_MAX_RECEIVES;
}

void sim_sqs_init(struct sim_sqs *sqs, struct sim *sim, struct gamelift *gl) {
    *sqs = (struct sim_sqs){.magic = SIM_SQS_MAGIC, .sim = sim, .gl = gl};
    set_up(sqs);
    gl->on_placement_end = sim_sqs_on_placement_end;
    gl->on_placement_end_priv = sqs;
}

void sim_sqs_clear(struct sim_sqs *sqs) {
    for (size_t i = 0; i < sqs->n_queues; i++)
        sim_queue_purge(&sqs->queues[i]);
    set_up(sqs);
}

void sim_sqs_free(struct sim_sqs *sqs) {
    OBJ_CHECK(sqs, SIM_SQS_MAGIC);
    sim_sqs_clear(sqs);
    sqs->gl->on_placement_end = NULL;
    sqs->magic = 0;
}

/* ---- messages ---- */

static void append(struct sim_queue *queue, struct sim_message *m) {
    list_append(&queue->messages, &m->node);
    queue->n++;
}

bool sim_queue_send(struct sim_sqs *sqs, struct sim_queue *queue, struct str body,
                    int64_t delay_ms) {
    if (queue->n >= SIM_SQS_MAX_MESSAGES)
        return false;
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    struct sim_message *m = ARENA_NEW(a, struct sim_message);
    *m = (struct sim_message){
        .arena = a,
        .id = sim_uuid(a),
        .body = arena_str(a, body),
        .visible_at_ms = clock_mono_ms() + delay_ms,
        .sent_ms = sim_now_ms(sqs->sim),
    };
    list_init(&m->node);
    append(queue, m);
    queue->sent++;
    return true;
}

bool sim_queue_has_visible(const struct sim_queue *queue) {
    int64_t now = clock_mono_ms();
    for (const struct list *l = queue->messages.next; l != &queue->messages; l = l->next)
        if (CONTAINER_OF(l, const struct sim_message, node)->visible_at_ms <= now)
            return true;
    return false;
}

static struct err *refuse(struct arena *a, const char *type, const char *why) {
    struct err *err = ERR_INVALID(a, "%s", why);
    err->type = str_c(type);
    err->http_status = 400;
    return err;
}

static struct err *no_queue(struct arena *a) {
    return refuse(a, "QueueDoesNotExist", "The specified queue does not exist.");
}

static int64_t scaled(const struct sim_sqs *sqs, int64_t seconds) {
    return seconds * 1000 / sqs->speed;
}

static struct str number(struct arena *a, int64_t n) {
    return arena_printf(a, "%" PRId64, n);
}

static struct sqs_message_system_attribute_map attributes(struct arena *a,
                                                          const struct sim_message *m) {
    struct sqs_message_system_attribute_map_entry *v = arena_array(a, 2, sizeof *v);
    v[0].key = STR("ApproximateReceiveCount");
    v[0].value = number(a, m->receive_count);
    v[1].key = STR("SentTimestamp");
    v[1].value = number(a, m->sent_ms);
    return (struct sqs_message_system_attribute_map){.v = v, .n = 2};
}

/* Received too often: it goes to the dead-letter queue instead of to whoever asks. */
static bool moved_to_dead_letters(struct sim_queue *queue, struct sim_message *m) {
    if (queue->dead_letter == NULL || m->receive_count < queue->max_receive_count)
        return false;
    list_remove(&m->node);
    queue->n--;
    queue->moved++;
    m->visible_at_ms = clock_mono_ms();
    append(queue->dead_letter, m);
    return true;
}

static struct sqs_message receive(struct sim_sqs *sqs, struct sim_queue *queue,
                                  struct sim_message *m, int64_t visibility_s, struct arena *a) {
    m->receive_count++;
    m->receipt = ++sqs->last_receipt;
    m->visible_at_ms = clock_mono_ms() + scaled(sqs, visibility_s);
    queue->received++;
    return (struct sqs_message){
        .message_id = m->id,
        .receipt_handle = arena_printf(a, STR_FMT "#%" PRIu64, STR_ARG(m->id), m->receipt),
        .body = m->body,
        .attributes = attributes(a, m),
    };
}

struct err *sim_sqs_receive(void *state, struct str region, const void *input, struct arena *a,
                            void *ret_out) {
    struct sim_sqs *sqs = OBJ_CAST(state, sim_sqs, SIM_SQS_MAGIC);
    const struct sqs_receive_message_request *in = input;
    struct sim_queue *queue = sim_queue_of_url(sqs, in->queue_url);
    int max = in->has_max_number_of_messages ? in->max_number_of_messages : 1;
    int64_t now = clock_mono_ms();
    (void)region;
    if (queue == NULL)
        return no_queue(a);
    if (max < 1 || max > MAX_BATCH)
        return refuse(a, "InvalidParameterValue", "MaxNumberOfMessages must be 1 to 10.");
    int64_t visibility = in->has_visibility_timeout ? in->visibility_timeout : queue->visibility_s;
    struct sqs_message *v = arena_array(a, MAX_BATCH, sizeof *v);
    size_t n = 0;
    struct list *next;
    for (struct list *l = queue->messages.next; l != &queue->messages && n < (size_t)max;
         l = next) {
        struct sim_message *m = of(l);
        next = l->next;
        if (m->visible_at_ms <= now && !moved_to_dead_letters(queue, m))
            v[n++] = receive(sqs, queue, m, visibility, a);
    }
    if (n > 0) /* without a message AWS leaves the member out */
        ((struct sqs_receive_message_result *)ret_out)->messages =
            (struct sqs_message_list){.v = v, .n = n};
    return NULL;
}

/* The message in flight under that handle; an older receive's handle finds nothing. */
static struct sim_message *by_handle(const struct sim_queue *queue, struct str handle) {
    int64_t receipt;
    size_t mark = str_find(handle, '#');
    if (!str_to_int64(str_from(handle, mark + 1), &receipt) || receipt < 1)
        return NULL;
    for (struct list *l = queue->messages.next; l != &queue->messages; l = l->next)
        if (of(l)->receipt == (uint64_t)receipt && str_eq(of(l)->id, str_sub(handle, 0, mark)))
            return of(l);
    return NULL;
}

struct err *sim_sqs_delete_batch(void *state, struct str region, const void *input, struct arena *a,
                                 void *ret_out) {
    struct sim_sqs *sqs = OBJ_CAST(state, sim_sqs, SIM_SQS_MAGIC);
    const struct sqs_delete_message_batch_request *in = input;
    struct sqs_delete_message_batch_result *out = ret_out;
    struct sim_queue *queue = sim_queue_of_url(sqs, in->queue_url);
    size_t n = in->entries.n;
    (void)region;
    if (queue == NULL)
        return no_queue(a);
    if (n == 0)
        return refuse(a, "AWS.SimpleQueueService.EmptyBatchRequest", "There is no entry.");
    if (n > MAX_BATCH)
        return refuse(a, "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
                      "There are more than 10 entries.");
    struct sqs_delete_message_batch_result_entry *done = arena_array(a, n, sizeof *done);
    struct sqs_batch_result_error_entry *failed = arena_array(a, n, sizeof *failed);
    out->successful.v = done;
    out->failed.v = failed;
    for (size_t i = 0; i < n; i++) {
        const struct sqs_delete_message_batch_request_entry *e = &in->entries.v[i];
        struct sim_message *m = by_handle(queue, e->receipt_handle);
        if (str_find(e->receipt_handle, '#') == e->receipt_handle.n || sqs->failing_deletes > 0) {
            sqs->failing_deletes -= sqs->failing_deletes > 0 ? 1 : 0;
            failed[out->failed.n++] = (struct sqs_batch_result_error_entry){
                .id = e->id,
                .has_sender_fault = true,
                .code = STR("ReceiptHandleIsInvalid"),
                .message = STR("The input receipt handle is invalid."),
            };
            continue;
        }
        if (m != NULL) {
            message_free(queue, m);
            queue->deleted++;
        }
        done[out->successful.n++].id = e->id;
    }
    return NULL;
}

struct err *sim_sqs_change_visibility(void *state, struct str region, const void *input,
                                      struct arena *a, void *ret_out) {
    struct sim_sqs *sqs = OBJ_CAST(state, sim_sqs, SIM_SQS_MAGIC);
    const struct sqs_change_message_visibility_request *in = input;
    struct sim_queue *queue = sim_queue_of_url(sqs, in->queue_url);
    (void)region;
    (void)ret_out;
    if (queue == NULL)
        return no_queue(a);
    if (in->visibility_timeout < 0 || in->visibility_timeout > MAX_VISIBILITY_S)
        return refuse(a, "InvalidParameterValue", "VisibilityTimeout must be 0 to 43200.");
    struct sim_message *m = by_handle(queue, in->receipt_handle);
    if (m == NULL || m->visible_at_ms <= clock_mono_ms())
        return refuse(a, "AWS.SimpleQueueService.MessageNotInflight",
                      "The message is not in flight under this receipt handle.");
    m->visible_at_ms = clock_mono_ms() + scaled(sqs, in->visibility_timeout);
    return NULL;
}

/* All attributes that the stand-in has, whichever are asked for. */
struct err *sim_sqs_get_attributes(void *state, struct str region, const void *input,
                                   struct arena *a, void *ret_out) {
    struct sim_sqs *sqs = OBJ_CAST(state, sim_sqs, SIM_SQS_MAGIC);
    const struct sqs_get_queue_attributes_request *in = input;
    const struct sim_queue *queue = sim_queue_of_url(sqs, in->queue_url);
    if (queue == NULL)
        return no_queue(a);
    int64_t visible = 0;
    for (const struct list *l = queue->messages.next; l != &queue->messages; l = l->next)
        visible +=
            CONTAINER_OF(l, const struct sim_message, node)->visible_at_ms <= clock_mono_ms();
    struct sqs_queue_attribute_map_entry *v = arena_array(a, 4, sizeof *v);
    size_t n = 0;
    v[n].key = STR("VisibilityTimeout");
    v[n++].value = number(a, queue->visibility_s);
    v[n].key = STR("ApproximateNumberOfMessages");
    v[n++].value = number(a, visible);
    v[n].key = STR("ApproximateNumberOfMessagesNotVisible");
    v[n++].value = number(a, (int64_t)queue->n - visible);
    if (queue->dead_letter != NULL) {
        v[n].key = STR("RedrivePolicy");
        v[n++].value =
            arena_printf(a,
                         "{\"deadLetterTargetArn\":\"arn:aws:sqs:" STR_FMT ":000000000000:%s\","
                         "\"maxReceiveCount\":%" PRId64 "}",
                         STR_ARG(region), queue->dead_letter->name, queue->max_receive_count);
    }
    ((struct sqs_get_queue_attributes_result *)ret_out)->attributes =
        (struct sqs_queue_attribute_map){.v = v, .n = n};
    return NULL;
}
