// SPDX-License-Identifier: Apache-2.0
/* What tests may see and change of the stand-in SQS. */
#include "base/clock.h"
#include "base/obj.h"
#include "sim/control.h"
#include "sim/json.h"
#include "sim/sqs.h"

#define MAX_STATE ((size_t)64 << 20) /* bytes */
#define MAX_SHOWN 1000               /* messages of a queue */
#define MAX_DELAY_MS ((int64_t)3600 * 1000)
#define MAX_COPIES 100000
#define MAX_SPEED 100000

static struct sim_sqs *state_of(struct sim_exchange *ex) {
    return OBJ_CAST(ex->service->state, sim_sqs, SIM_SQS_MAGIC);
}

static const char *const forms[] = {
    [SIM_SQS_EVENTBRIDGE] = "eventbridge",
    [SIM_SQS_SNS] = "sns",
    [SIM_SQS_RAW] = "sns_raw",
    [SIM_SQS_NOTHING] = "nothing",
};

static void put_queue(struct buf *out, const struct sim_queue *queue) {
    buf_putc(out, '{');
    sim_json_str(out, "name", str_c(queue->name));
    sim_json_int(out, "visibility_s", queue->visibility_s);
    sim_json_int(out, "max_receive_count", queue->max_receive_count);
    if (queue->dead_letter != NULL)
        sim_json_str(out, "dead_letter", str_c(queue->dead_letter->name));
    sim_json_int(out, "messages", (int64_t)queue->n);
    sim_json_int(out, "sent", queue->sent);
    sim_json_int(out, "received", queue->received);
    sim_json_int(out, "deleted", queue->deleted);
    sim_json_int(out, "moved", queue->moved);
}

static struct err *reply(struct sim_exchange *ex, struct buf *out) {
    struct err *err = NULL;
    if (out->failed)
        err = ERR_INVALID(ex->arena, "the state is too large to show");
    else
        sim_reply_text(ex, 200, "application/json", buf_str(out));
    buf_free(out);
    return err;
}

static struct err *get_sqs(struct sim_exchange *ex, struct str segment) {
    const struct sim_sqs *sqs = state_of(ex);
    struct buf out;
    (void)segment;
    buf_init(&out, MAX_STATE);
    buf_putc(&out, '{');
    sim_json_str(&out, "form", str_c(forms[sqs->form]));
    sim_json_int(&out, "copies", sqs->copies);
    sim_json_int(&out, "delay_ms", sqs->delay_ms);
    sim_json_int(&out, "scatter_ms", sqs->scatter_ms);
    sim_json_int(&out, "speed", sqs->speed);
    sim_json_int(&out, "failing_deletes", sqs->failing_deletes);
    sim_json_key(&out, "queues");
    buf_putc(&out, '[');
    for (size_t i = 0; i < sqs->n_queues; i++) {
        sim_json_key(&out, NULL);
        put_queue(&out, &sqs->queues[i]);
        buf_putc(&out, '}');
    }
    buf_puts(&out, "]}");
    return reply(ex, &out);
}

static struct err *read_body(struct sim_exchange *ex, const char *what,
                             const struct sim_json_field *fields, size_t n) {
    yajl_val tree = NULL;
    struct str body = str_empty(str_trim(ex->req.body)) ? STR("{}") : ex->req.body;
    struct err *err = sim_json_parse(body, ex->arena, &tree);
    return err != NULL ? err : sim_json_read(tree, what, fields, n, ex->arena);
}

static struct err *read_form(struct arena *a, struct str name, enum sim_sqs_form *ret) {
    if (name.p == NULL)
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        if (str_eq(name, str_c(forms[i]))) {
            *ret = (enum sim_sqs_form)i;
            return NULL;
        }
    return ERR_INVALID(a, "form must be eventbridge, sns, sns_raw or nothing");
}

static struct err *post_sqs(struct sim_exchange *ex, struct str segment) {
    struct sim_sqs *sqs = state_of(ex);
    struct sim_sqs wanted = *sqs;
    struct str form = STR_NULL;
    const struct sim_json_field fields[] = {
        {.name = "form", .kind = SIM_JSON_STR, .ret = &form},
        {.name = "copies", .kind = SIM_JSON_INT, .ret = &wanted.copies, .min = 0, .max = 100},
        {.name = "delay_ms", .kind = SIM_JSON_INT, .ret = &wanted.delay_ms, .max = MAX_DELAY_MS},
        {.name = "scatter_ms",
         .kind = SIM_JSON_INT,
         .ret = &wanted.scatter_ms,
         .max = MAX_DELAY_MS},
        {.name = "speed", .kind = SIM_JSON_INT, .ret = &wanted.speed, .min = 1, .max = MAX_SPEED},
        {.name = "failing_deletes",
         .kind = SIM_JSON_INT,
         .ret = &wanted.failing_deletes,
         .max = MAX_COPIES},
    };
    struct err *err = read_body(ex, "settings", fields, ARRAY_LEN(fields));
    if (err == NULL)
        err = read_form(ex->arena, form, &wanted.form);
    if (err != NULL)
        return err;
    sqs->form = wanted.form;
    sqs->copies = wanted.copies;
    sqs->delay_ms = wanted.delay_ms;
    sqs->scatter_ms = wanted.scatter_ms;
    sqs->speed = wanted.speed;
    sqs->failing_deletes = wanted.failing_deletes;
    return get_sqs(ex, segment);
}

static struct err *find_queue(struct sim_exchange *ex, struct str name, struct sim_queue **ret) {
    *ret = sim_queue_find(state_of(ex), name);
    return *ret != NULL ? NULL : err_new(ex->arena, RPC_NOT_FOUND, "no such queue");
}

static struct err *get_queue(struct sim_exchange *ex, struct str name) {
    struct sim_queue *queue = NULL;
    struct err *err = find_queue(ex, name, &queue);
    struct buf out;
    int shown = 0;
    if (err != NULL)
        return err;
    buf_init(&out, MAX_STATE);
    put_queue(&out, queue);
    sim_json_key(&out, "waiting");
    buf_putc(&out, '[');
    for (struct list *l = queue->messages.next; l != &queue->messages && shown++ < MAX_SHOWN;
         l = l->next) {
        const struct sim_message *m = CONTAINER_OF(l, struct sim_message, node);
        sim_json_key(&out, NULL);
        buf_putc(&out, '{');
        sim_json_str(&out, "id", m->id);
        sim_json_str(&out, "body", m->body);
        sim_json_int(&out, "receive_count", m->receive_count);
        sim_json_int(&out, "visible_in_ms", m->visible_at_ms - clock_mono_ms());
        buf_putc(&out, '}');
    }
    buf_puts(&out, "]}");
    return reply(ex, &out);
}

static struct err *put_queue_settings(struct sim_exchange *ex, struct str name) {
    struct sim_queue *queue = sim_queue_make(state_of(ex), name);
    struct str dead = STR_NULL;
    if (queue == NULL)
        return ERR_INVALID(ex->arena,
                           "a queue's name has 1 to %d characters, and there are at "
                           "most %d queues",
                           SIM_SQS_MAX_NAME, SIM_SQS_MAX_QUEUES);
    int64_t visibility = queue->visibility_s;
    int64_t receives = queue->max_receive_count;
    const struct sim_json_field fields[] = {
        {.name = "visibility_s", .kind = SIM_JSON_INT, .ret = &visibility, .max = 43200},
        {.name = "max_receive_count", .kind = SIM_JSON_INT, .ret = &receives, .max = 1000},
        {.name = "dead_letter", .kind = SIM_JSON_STR, .ret = &dead},
    };
    struct err *err = read_body(ex, "queue", fields, ARRAY_LEN(fields));
    struct sim_queue *target = queue->dead_letter;
    if (err == NULL && dead.p != NULL)
        err = find_queue(ex, dead, &target);
    if (err != NULL)
        return err;
    queue->visibility_s = visibility;
    queue->max_receive_count = receives;
    queue->dead_letter = receives == 0 ? NULL : target;
    return get_queue(ex, name);
}

static struct err *post_messages(struct sim_exchange *ex, struct str name) {
    struct sim_queue *queue = NULL;
    struct str body = STR_NULL;
    int64_t copies = 1;
    int64_t delay_ms = 0;
    const struct sim_json_field fields[] = {
        {.name = "body", .kind = SIM_JSON_STR, .ret = &body, .required = true},
        {.name = "copies", .kind = SIM_JSON_INT, .ret = &copies, .min = 1, .max = MAX_COPIES},
        {.name = "delay_ms", .kind = SIM_JSON_INT, .ret = &delay_ms, .max = MAX_DELAY_MS},
    };
    struct err *err = find_queue(ex, name, &queue);
    if (err == NULL)
        err = read_body(ex, "message", fields, ARRAY_LEN(fields));
    for (int64_t i = 0; err == NULL && i < copies; i++)
        if (!sim_queue_send(state_of(ex), queue, body, delay_ms))
            err = ERR_INVALID(ex->arena, "the queue is full");
    if (err == NULL)
        control_ok(ex);
    return err;
}

static struct err *delete_messages(struct sim_exchange *ex, struct str name) {
    struct sim_queue *queue = NULL;
    struct err *err = find_queue(ex, name, &queue);
    if (err != NULL)
        return err;
    sim_queue_purge(queue);
    control_ok(ex);
    return NULL;
}

static const struct control_route routes[] = {
    {.method = "GET", .path = "/_sim/sqs", .fn = get_sqs},
    {.method = "POST", .path = "/_sim/sqs", .fn = post_sqs},
    {.method = "GET", .path = "/_sim/sqs/queues/*", .fn = get_queue},
    {.method = "PUT", .path = "/_sim/sqs/queues/*", .fn = put_queue_settings},
    {.method = "POST", .path = "/_sim/sqs/queues/*/messages", .fn = post_messages},
    {.method = "DELETE", .path = "/_sim/sqs/queues/*/messages", .fn = delete_messages},
};

static void handle(struct sim_exchange *ex) {
    control_dispatch(ex, routes, ARRAY_LEN(routes));
}

static bool matches(const struct sim_request *req) {
    return str_eq(req->path, STR("/_sim/sqs")) || str_starts(req->path, STR("/_sim/sqs/"));
}

struct sim_service sim_sqs_control(struct sim_sqs *sqs) {
    return (struct sim_service){
        .name = "sqs-control", .matches = matches, .handle = handle, .state = sqs};
}
