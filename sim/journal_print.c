// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"
#include "sim/journal.h"
#include "sim/sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define ONE_LINE 92        /* characters of JSON that stay on one line */
#define LONGEST_STRING 240 /* bytes shown of one string */
#define LONGEST_TEXT 12000 /* bytes shown of one body */

/* What is no text must not reach a terminal, which may obey it. */
static void put_char(struct buf *out, char c) {
    buf_putc(out, (unsigned char)c < 0x20 || c == 0x7f ? '.' : c);
}

/* The string that starts at text.p[i], its middle left out if long; returns where it ends. */
static size_t put_string(struct str text, size_t i, struct buf *out) {
    size_t end = i + 1;
    while (end < text.n && text.p[end] != '"')
        end += text.p[end] == '\\' ? 2 : 1;
    if (end >= text.n)
        end = text.n - 1;
    size_t n = end + 1 - i;
    size_t shown = n <= LONGEST_STRING ? n : LONGEST_STRING;
    for (size_t k = 0; k < shown; k++)
        put_char(out, text.p[i + k]);
    if (shown < n)
        buf_printf(out, "... (%zu bytes)\"", n);
    return end + 1;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* One line if indent is NULL, else a line for each member of the outermost object. */
static void put_json(struct str text, const char *indent, struct buf *out) {
    int depth = 0;
    for (size_t i = 0; i < text.n && out->n < LONGEST_TEXT;) {
        char c = text.p[i];
        if (c == '"') {
            i = put_string(text, i, out);
            continue;
        }
        i++;
        if (is_blank(c))
            continue;
        bool outermost = indent != NULL && ((c == '{' && depth == 0) || (c == '}' && depth == 1));
        if (c == '}' && outermost)
            buf_printf(out, "\n%s", indent);
        put_char(out, c);
        depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
        if (indent != NULL && ((c == '{' && outermost) || (c == ',' && depth == 1)))
            buf_printf(out, "\n%s  ", indent);
        else if (c == ':' || c == ',')
            buf_putc(out, ' ');
    }
}

/* {"GameSession":{...}}: the one member's own members are the interesting lines. */
static struct str unwrap(struct str text, struct str *ret_name) {
    size_t brace = str_find(str_from(text, 1), '{') + 1;
    struct str head = str_sub(text, 0, brace);
    bool wrapped = text.n > 2 && text.p[0] == '{' && brace < text.n &&
                   str_find(head, ',') == head.n && text.p[text.n - 2] == '}' && head.n < 60;
    if (!wrapped)
        return text;
    *ret_name = str_trim(str_sub(head, 1, head.n));
    return str_sub(text, brace, text.n - 1);
}

static void put_raw(struct str text, struct buf *out) {
    struct str shown = str_sub(text, 0, 400);
    for (size_t i = 0; i < shown.n; i++)
        put_char(out, shown.p[i]);
    if (shown.n < text.n)
        buf_printf(out, "... (%zu bytes)", text.n);
}

void journal_pretty(struct str text, const char *indent, struct buf *out) {
    text = str_trim(text);
    if (text.n == 0 || (text.p[0] != '{' && text.p[0] != '[')) {
        put_raw(text, out);
        return;
    }
    if (text.n <= ONE_LINE) {
        put_json(text, NULL, out);
        return;
    }
    struct str name = STR_NULL;
    struct str inner = unwrap(text, &name);
    if (name.p != NULL)
        buf_printf(out, STR_FMT " ", STR_ARG(name));
    put_json(inner, indent, out);
}

static void put_body(struct buf *out, const char *mark, struct str body) {
    buf_printf(out, "  %s ", mark);
    journal_pretty(body, "      ", out);
    buf_putc(out, '\n');
}

static void put_request(struct buf *out, const struct sim_exchange *ex) {
    int64_t now = sim_now_ms(ex->sim);
    time_t seconds = (time_t)(now / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    buf_printf(out, "--- %02d:%02d:%02d.%03d  %s", tm.tm_hour, tm.tm_min, tm.tm_sec,
               (int)(now % 1000), ex->service == NULL ? "nobody" : ex->service->name);
    if (ex->operation.p != NULL)
        buf_printf(out, "  " STR_FMT, STR_ARG(ex->operation));
    if (ex->location.p != NULL)
        buf_printf(out, "  in " STR_FMT, STR_ARG(ex->location));
    buf_printf(out, "\n  > " STR_FMT " " STR_FMT, STR_ARG(ex->req.method), STR_ARG(ex->req.path));
    struct str target = sim_request_header(&ex->req, STR("x-amz-target"));
    if (target.p != NULL)
        buf_printf(out, "  X-Amz-Target: " STR_FMT, STR_ARG(target));
    struct str authorization = sim_request_header(&ex->req, STR("authorization"));
    if (authorization.p != NULL)
        buf_printf(out, "\n  > Authorization: " STR_FMT,
                   STR_ARG(auth_redact(authorization, ex->arena)));
    buf_putc(out, '\n');
    if (ex->req.body.n > 0)
        put_body(out, ">", journal_body(ex));
    if (ex->verdict.p != NULL)
        buf_printf(out, "  = " STR_FMT "\n", STR_ARG(ex->verdict));
}

static const char *const fates[] = {
    [SIM_SEND] = "",
    [SIM_RESET] = "connection reset before an answer",
    [SIM_CLOSE] = "connection closed before an answer",
    [SIM_HALF_HEADER] = "connection closed inside the header",
    [SIM_HALF_BODY] = "connection closed inside the body",
    [SIM_HUGE] = "a huge body",
    [SIM_SILENCE] = "no answer at all",
};

void journal_print(const struct sim_exchange *ex) {
    if (str_starts(ex->req.path, STR("/_sim/")))
        return;
    struct buf out;
    buf_init(&out, (size_t)1 << 20);
    put_request(&out, ex);
    if (ex->fault != NULL)
        buf_printf(&out, "  ! told to: %s\n", fault_kind_name(ex->fault->kind));
    buf_printf(&out, "  < ");
    if (ex->reply.status != 0)
        buf_printf(&out, "%d ", ex->reply.status);
    if (ex->reply.delivery != SIM_SEND)
        buf_printf(&out, "%s ", fates[ex->reply.delivery]);
    buf_printf(&out, "(%" PRId64 " ms)\n", (clock_mono_us() - ex->start_us) / 1000);
    if (ex->reply.body.n > 0)
        put_body(&out, "<", journal_answer(ex));
    fwrite(buf_str(&out).p, 1, out.n, stdout);
    fflush(stdout);
    buf_free(&out);
}
