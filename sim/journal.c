// SPDX-License-Identifier: Apache-2.0
#include "sim/journal.h"

#include "base/clock.h"
#include "base/obj.h"
#include "sim/json.h"
#include "sim/sim.h"

#include <stdlib.h>

/* One request and answer as finished JSON. */
struct entry {
    struct list node;
    struct buf json;
};

void journal_init(struct journal *journal) {
    *journal = (struct journal){.n = 0};
    list_init(&journal->entries);
}

static void drop_oldest(struct journal *journal) {
    struct entry *e = CONTAINER_OF(journal->entries.next, struct entry, node);
    list_remove(&e->node);
    buf_free(&e->json);
    free(e);
    journal->n--;
}

void journal_clear(struct journal *journal) {
    while (journal->n > 0)
        drop_oldest(journal);
    journal->total = 0;
}

static const struct str secret_headers[] = {STR_INIT("x-amz-security-token"), STR_INIT("cookie"),
                                            STR_INIT("x-aws-ec2-metadata-token"),
                                            STR_INIT("proxy-authorization")};

static struct str presentable(const struct http_header *h, struct arena *a) {
    if (str_eq_nocase(h->name, STR("authorization")))
        return auth_redact(h->value, a);
    for (size_t i = 0; i < ARRAY_LEN(secret_headers); i++)
        if (str_eq_nocase(h->name, secret_headers[i]))
            return STR("***");
    return h->value;
}

struct str journal_answer(const struct sim_exchange *ex) {
    /* The whole body is the token. */
    if (str_eq(ex->operation, STR("ImdsToken")) && ex->reply.status == 200)
        return STR("***");
    return journal_redact(ex->shown_answer.p != NULL ? ex->shown_answer : ex->reply.body,
                          ex->arena);
}

struct str journal_body(const struct sim_exchange *ex) {
    return journal_redact(ex->shown_body.p != NULL ? ex->shown_body : ex->req.body, ex->arena);
}

static void put_headers(struct buf *out, const struct sim_exchange *ex) {
    sim_json_key(out, "headers");
    buf_putc(out, '[');
    for (size_t i = 0; i < ex->req.n_headers; i++) {
        const struct http_header *h = &ex->req.headers[i];
        sim_json_key(out, NULL);
        buf_putc(out, '[');
        sim_json_str(out, NULL, h->name);
        sim_json_str(out, NULL, presentable(h, ex->arena));
        buf_putc(out, ']');
    }
    buf_putc(out, ']');
}

static void put_optional(struct buf *out, const char *name, struct str value) {
    if (value.p != NULL)
        sim_json_str(out, name, value);
}

static void put_exchange(struct buf *out, const struct sim_exchange *ex, uint64_t seq) {
    buf_putc(out, '{');
    sim_json_int(out, "seq", (int64_t)seq);
    sim_json_int(out, "time_ms", sim_now_ms(ex->sim));
    sim_json_int(out, "took_us", clock_mono_us() - ex->start_us);
    sim_json_str(out, "method", ex->req.method);
    sim_json_str(out, "path", ex->req.path);
    if (ex->req.query.p != NULL)
        sim_json_str(out, "query", journal_redact(ex->req.query, ex->arena));
    put_headers(out, ex);
    sim_json_int(out, "body_bytes", (int64_t)ex->req.body.n);
    sim_json_str(out, "body", str_sub(journal_body(ex), 0, JOURNAL_MAX_BODY));
    put_optional(out, "service", ex->service == NULL ? STR_NULL : str_c(ex->service->name));
    put_optional(out, "operation", ex->operation);
    put_optional(out, "location", ex->location);
    put_optional(out, "verdict", ex->verdict);
    put_optional(out, "request_id", ex->request_id);
    if (ex->fault != NULL)
        sim_json_str(out, "fault", str_c(fault_kind_name(ex->fault->kind)));
    sim_json_int(out, "status", ex->reply.status);
    sim_json_str(out, "answer", str_sub(journal_answer(ex), 0, JOURNAL_MAX_BODY));
    buf_putc(out, '}');
}

void journal_add(struct journal *journal, const struct sim_exchange *ex) {
    if (str_starts(ex->req.path, STR("/_sim/")))
        return;
    struct entry *e = calloc(1, sizeof *e);
    AN(e);
    /* Escapes make a body at most six times as long. */
    buf_init(&e->json, 16 * JOURNAL_MAX_BODY + ((size_t)1 << 20));
    put_exchange(&e->json, ex, ++journal->total);
    if (e->json.failed) {
        buf_reset(&e->json);
        buf_puts(&e->json, "{\"error\":\"too large to keep\"}");
    }
    list_append(&journal->entries, &e->node);
    if (++journal->n > JOURNAL_MAX)
        drop_oldest(journal);
}

void journal_json(const struct journal *journal, struct buf *out) {
    buf_putc(out, '[');
    for (struct list *l = journal->entries.next; l != &journal->entries; l = l->next) {
        sim_json_key(out, NULL);
        buf_putstr(out, buf_str(&CONTAINER_OF(l, struct entry, node)->json));
    }
    buf_putc(out, ']');
}
