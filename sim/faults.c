// SPDX-License-Identifier: Apache-2.0
#include "sim/faults.h"

#include "base/obj.h"
#include "sim/json.h"
#include "sim/sim.h"

static const char *const kind_names[] = {
    [FAULT_SLOW] = "slow",   [FAULT_THROTTLE] = "throttle",       [FAULT_ERROR] = "error",
    [FAULT_HTTP] = "http",   [FAULT_WRONG_JSON] = "wrong_json",   [FAULT_RESET] = "reset",
    [FAULT_CLOSE] = "close", [FAULT_HALF_HEADER] = "half_header", [FAULT_HALF_BODY] = "half_body",
    [FAULT_HUGE] = "huge",   [FAULT_BLACK_HOLE] = "black_hole",
};

const char *fault_kind_name(enum fault_kind kind) {
    return kind_names[kind];
}

void faults_init(struct faults *faults) {
    *faults = (struct faults){.n = 0};
    list_init(&faults->rules);
}

static void remove_rule(struct faults *faults, struct fault *f) {
    list_remove(&f->node);
    faults->n--;
    arena_free(f->arena);
}

void faults_clear(struct faults *faults) {
    while (!list_empty(&faults->rules))
        remove_rule(faults, CONTAINER_OF(faults->rules.next, struct fault, node));
}

static bool kind_from_name(struct str name, enum fault_kind *ret) {
    for (size_t i = 0; i < ARRAY_LEN(kind_names); i++) {
        if (str_eq(name, str_c(kind_names[i]))) {
            *ret = (enum fault_kind)i;
            return true;
        }
    }
    return false;
}

static struct err *check(const struct fault *f, struct arena *a) {
    if (f->kind == FAULT_SLOW && f->delay_ms == 0)
        return ERR_INVALID(a, "fault.delay_ms is missing: a slow answer needs it");
    if (f->kind == FAULT_ERROR && str_empty(f->type))
        return ERR_INVALID(a, "fault.type is missing: the error's name");
    if (f->kind == FAULT_HUGE && f->bytes == 0)
        return ERR_INVALID(a, "fault.bytes is missing: the size of the body");
    if (f->body.n > FAULT_MAX_BODY)
        return ERR_INVALID(a, "fault.body is longer than %zu bytes", FAULT_MAX_BODY);
    if (str_empty(f->header_name) != (f->header_value.p == NULL))
        return ERR_INVALID(a, "fault.header_name and header_value belong together");
    return NULL;
}

static struct err *read_rule(yajl_val v, struct fault *f, struct arena *a) {
    struct str kind = STR_NULL;
    struct str when = STR("before");
    const struct sim_json_field fields[] = {
        {.name = "service", .kind = SIM_JSON_STR, .ret = &f->service},
        {.name = "operation", .kind = SIM_JSON_STR, .ret = &f->operation},
        {.name = "location", .kind = SIM_JSON_STR, .ret = &f->location},
        {.name = "kind", .kind = SIM_JSON_STR, .ret = &kind, .required = true},
        {.name = "when", .kind = SIM_JSON_STR, .ret = &when},
        {.name = "skip", .kind = SIM_JSON_INT, .ret = &f->skip, .max = INT32_MAX},
        {.name = "count", .kind = SIM_JSON_INT, .ret = &f->count, .min = 1, .max = INT32_MAX},
        {.name = "delay_ms", .kind = SIM_JSON_INT, .ret = &f->delay_ms, .max = FAULT_MAX_DELAY_MS},
        {.name = "status", .kind = SIM_JSON_INT, .ret = &f->status, .min = 200, .max = 599},
        {.name = "type", .kind = SIM_JSON_STR, .ret = &f->type},
        {.name = "message", .kind = SIM_JSON_STR, .ret = &f->message},
        {.name = "body", .kind = SIM_JSON_STR, .ret = &f->body},
        {.name = "content_type", .kind = SIM_JSON_STR, .ret = &f->content_type},
        {.name = "header_name", .kind = SIM_JSON_STR, .ret = &f->header_name},
        {.name = "header_value", .kind = SIM_JSON_STR, .ret = &f->header_value},
        {.name = "bytes", .kind = SIM_JSON_INT, .ret = &f->bytes, .min = 1, .max = FAULT_MAX_HUGE},
        {.name = "chunked", .kind = SIM_JSON_BOOL, .ret = &f->chunked},
    };
    struct err *err = sim_json_read(v, "fault", fields, ARRAY_LEN(fields), a);
    if (err != NULL)
        return err;
    if (!kind_from_name(kind, &f->kind))
        return ERR_INVALID(a, "fault.kind \"%.*s\" is not known", (int)(kind.n > 40 ? 40 : kind.n),
                           kind.p);
    f->after = str_eq(when, STR("after"));
    if (!f->after && !str_eq(when, STR("before")))
        return ERR_INVALID(a, "fault.when must be \"before\" or \"after\"");
    return check(f, a);
}

/* A copy that lives in `a`, strings included. */
static struct fault *copy_rule(struct arena *a, const struct fault *from) {
    struct fault *f = ARENA_NEW(a, struct fault);
    *f = *from;
    struct str *strings[] = {&f->service,      &f->operation,   &f->location,
                             &f->type,         &f->message,     &f->body,
                             &f->content_type, &f->header_name, &f->header_value};
    for (size_t i = 0; i < ARRAY_LEN(strings); i++)
        *strings[i] = arena_str(a, *strings[i]);
    list_init(&f->node);
    return f;
}

struct err *faults_add_json(struct faults *faults, struct str text, struct arena *a) {
    yajl_val tree;
    struct err *err = sim_json_parse(text, a, &tree);
    if (err != NULL)
        return err;
    yajl_val *rules = YAJL_IS_ARRAY(tree) ? tree->u.array.values : &tree;
    size_t n = YAJL_IS_ARRAY(tree) ? tree->u.array.len : 1;
    if (n > FAULTS_MAX - faults->n)
        return ERR_INVALID(a, "more than %d fault rules", FAULTS_MAX);
    struct fault *read = arena_array(a, n, sizeof *read);
    for (size_t i = 0; i < n; i++) {
        read[i].count = -1;
        err = read_rule(rules[i], &read[i], a);
        if (err != NULL)
            return err;
    }
    for (size_t i = 0; i < n; i++) {
        struct arena *own = arena_new(ARENA_LIMIT_DEFAULT);
        struct fault *f = copy_rule(own, &read[i]);
        f->arena = own;
        f->id = ++faults->last_id;
        list_append(&faults->rules, &f->node);
        faults->n++;
    }
    return NULL;
}

void faults_json(const struct faults *faults, struct buf *out) {
    buf_putc(out, '[');
    for (struct list *l = faults->rules.next; l != &faults->rules; l = l->next) {
        const struct fault *f = CONTAINER_OF(l, struct fault, node);
        sim_json_key(out, NULL);
        buf_putc(out, '{');
        sim_json_int(out, "id", f->id);
        sim_json_str(out, "kind", str_c(kind_names[f->kind]));
        sim_json_str(out, "when", f->after ? STR("after") : STR("before"));
        if (f->service.p != NULL)
            sim_json_str(out, "service", f->service);
        if (f->operation.p != NULL)
            sim_json_str(out, "operation", f->operation);
        if (f->location.p != NULL)
            sim_json_str(out, "location", f->location);
        sim_json_int(out, "delay_ms", f->delay_ms);
        sim_json_int(out, "skip", f->skip);
        sim_json_int(out, "count", f->count);
        sim_json_int(out, "hits", f->hits);
        buf_putc(out, '}');
    }
    buf_putc(out, ']');
}

static bool fits(const struct fault *f, const struct sim_exchange *ex) {
    return (f->service.p == NULL || str_eq(f->service, str_c(ex->service->name))) &&
           (f->operation.p == NULL || str_eq(f->operation, ex->operation)) &&
           (f->location.p == NULL || str_eq(f->location, ex->location));
}

static const struct fault *take(struct faults *faults, struct sim_exchange *ex) {
    for (struct list *l = faults->rules.next; l != &faults->rules; l = l->next) {
        struct fault *f = CONTAINER_OF(l, struct fault, node);
        if (!fits(f, ex))
            continue;
        if (f->skip > 0) {
            f->skip--;
            continue;
        }
        f->hits++;
        /* A copy, because the rule may be gone before a delayed answer leaves. */
        const struct fault *taken = copy_rule(ex->arena, f);
        if (f->count > 0 && --f->count == 0)
            remove_rule(faults, f);
        return taken;
    }
    return NULL;
}

static int status_or(const struct fault *f, int otherwise) {
    return f->status != 0 ? (int)f->status : otherwise;
}

static struct str text_or(struct str s, struct str otherwise) {
    return s.p != NULL ? s : otherwise;
}

static void reply_canned(struct sim_exchange *ex, const struct fault *f, struct str otherwise) {
    struct str type = text_or(f->content_type, STR("application/x-amz-json-1.1"));
    sim_reply_text(ex, status_or(f, 200), arena_cstr(ex->arena, type), text_or(f->body, otherwise));
}

/* Replaces whatever reply there is. */
static void spoil(struct sim_exchange *ex) {
    const struct fault *f = ex->fault;
    if (f->kind != FAULT_SLOW && f->kind != FAULT_HALF_BODY)
        ex->reply = (struct sim_reply){.status = 0};
    switch (f->kind) {
    case FAULT_SLOW:
        break;
    case FAULT_THROTTLE:
        ex->service->error(ex, status_or(f, 400), text_or(f->type, STR("ThrottlingException")),
                           text_or(f->message, STR("Rate exceeded")));
        break;
    case FAULT_ERROR:
        ex->service->error(ex, status_or(f, 400), f->type,
                           text_or(f->message, STR("The stand-in was told to fail this call.")));
        break;
    case FAULT_HTTP:
        reply_canned(ex, f, STR(""));
        break;
    case FAULT_WRONG_JSON:
        reply_canned(ex, f, STR("{\"GameSession\":{\"GameSessionId\":17,\"Status\":"));
        break;
    case FAULT_RESET:
        ex->reply.delivery = SIM_RESET;
        break;
    case FAULT_CLOSE:
        ex->reply.delivery = SIM_CLOSE;
        break;
    case FAULT_HALF_HEADER:
        ex->reply.delivery = SIM_HALF_HEADER;
        break;
    case FAULT_HALF_BODY:
        if (ex->reply.status == 0)
            reply_canned(ex, f, STR("{\"GameSession\":{\"Status\":\"ACTIVE\"}}"));
        ex->reply.delivery = SIM_HALF_BODY;
        break;
    case FAULT_HUGE:
        reply_canned(ex, f, STR(""));
        ex->reply.delivery = SIM_HUGE;
        ex->reply.huge_bytes = (uint64_t)f->bytes;
        ex->reply.chunked = f->chunked;
        break;
    case FAULT_BLACK_HOLE:
        ex->reply.delivery = SIM_SILENCE;
        break;
    }
    if (f->header_name.p != NULL && ex->reply.n_headers < SIM_MAX_REPLY_HEADERS)
        sim_reply_header(ex, f->header_name, f->header_value);
}

static void after_delay(struct sim_exchange *ex) {
    if (!ex->fault->after && ex->fault->kind == FAULT_SLOW)
        ex->operate(ex);
    spoil(ex);
}

void faults_run(struct sim_exchange *ex, sim_step_fn *operate) {
    ex->fault = take(&ex->sim->faults, ex);
    if (ex->fault == NULL) {
        operate(ex);
        return;
    }
    ex->operate = operate;
    if (ex->fault->after)
        operate(ex);
    /* An operation that waits of itself keeps its own answer. */
    if (ex->wait_ms == 0)
        sim_wait(ex, ex->fault->delay_ms, after_delay);
}
